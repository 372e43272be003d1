/* Calls of now, orders to one's own phone, what the pop shows. */
#ifndef ZX_WEB_LIVE_H
#define ZX_WEB_LIVE_H

#include "web/http.h"

enum { /* which numbers of a call are hidden */
       ZX_HIDE_FROM = 1,
       ZX_HIDE_TO = 2,
       ZX_HIDE_PEER = 4,
};

/* A call as the browser sees it (push and REST). */
cJSON *zx_live_json(const struct zx_ev_call *c, unsigned hide);
/* Which of its numbers are customers'. */
unsigned zx_live_hide(struct zx_db *db, const struct zx_ev_call *c);
/* The last calls of a number, newest first, without call `id`. */
cJSON *zx_live_history(struct zx_db *db, int64_t company_id, const char *number, int64_t id, bool mask);
/* Adds "location" {province, city, carrier} of a customer's number to what a pop shows; nothing when it is not known. */
void zx_live_location(cJSON *js, const char *number);

void zx_live_list_h(struct zx_req *r);
void zx_live_hangup_h(struct zx_req *r);
void zx_phone_get_h(struct zx_req *r);
void zx_phone_dial_h(struct zx_req *r);
void zx_phone_hold_h(struct zx_req *r);
void zx_phone_transfer_h(struct zx_req *r);
void zx_phone_hangup_h(struct zx_req *r);
void zx_pop_h(struct zx_req *r);

#endif
