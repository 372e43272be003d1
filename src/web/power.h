/* What changing people and their roles may not do: nobody gives, or lays hands on, more than he has himself. */
#ifndef ZX_WEB_POWER_H
#define ZX_WEB_POWER_H

#include "web/http.h"

/* Everything a role of this text and scope grants, u has too. */
bool zx_power_covers(const struct zx_user *u, const char *scope, const char *rights);
/* 0, EACCES: more than u has, ENOENT. */
int zx_power_role(struct zx_db *db, const struct zx_user *u, int64_t role_id);
int zx_power_user(struct zx_db *db, const struct zx_user *u, int64_t user_id);
/* Does role b give all that role a gives? */
int zx_power_kept(struct zx_db *db, int64_t a, int64_t b, bool *kept);
/* The last active system administrator: must stay what he is. */
bool zx_power_last(struct zx_db *db, int64_t user_id);

/* Sessions of a user, of all with a role; but the one that asks (token, may be NULL). Call zx_push_recheck() after the commit. */
int zx_sessions_end_user(struct zx_db *db, int64_t user_id, const uint8_t *token);
int zx_sessions_end_role(struct zx_db *db, int64_t role_id, const uint8_t *token);

#endif
