/* One's own account: the second factor of the login, sessions. */
#ifndef ZX_WEB_ACCOUNT_H
#define ZX_WEB_ACCOUNT_H

#include "web/http.h"
#include "web/totp.h"

/* users.totp of a person who has set it up; before that it begins with "?". */
bool zx_second_on(const char *totp);

/* A code that was right, to be used up with the login. */
struct zx_second {
	int64_t user_id;
	uint64_t step;           /* of an authenticator's code */
	char hash[ZX_TOTP_HASH]; /* of a recovery code; "": it was none */
};
/* EACCES: wrong, or used before. */
int zx_second_check(struct zx_second *s, struct zx_store *store, struct zx_db *db, int64_t user_id, const char *code);
/* Within an order. EACCES: somebody was quicker. */
int zx_second_use(struct zx_db *db, const struct zx_second *s);

/* handlers */
void zx_account_get(struct zx_req *r);
void zx_account_totp_start(struct zx_req *r);
void zx_account_totp_post(struct zx_req *r);
void zx_account_totp_delete(struct zx_req *r);
void zx_account_session_delete(struct zx_req *r);

#endif
