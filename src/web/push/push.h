/*
 * Push: bus events (loop thread) -> inbox -> the pusher's thread (rights, masking, history from the store, ring for replay) -> the
 * front's bounded queues, one a socket. Nothing here makes the loop wait for a client or for the disk.
 */
#ifndef ZX_WEB_PUSH_H
#define ZX_WEB_PUSH_H

#include "web/front/front.h"
#include "web/http.h"

struct zx_push;

/* Loop thread: subscribes to the bus. */
int zx_push_alloc(struct zx_push **pp, struct zx_web *web);
int zx_push_start(struct zx_push *p);
/* Loop thread: ends the thread and the subscriptions; jobs are still taken, and do nothing. */
void zx_push_stop(struct zx_push *p);
void zx_push_free(struct zx_push *p);
/* For the front. */
struct zx_front_handlers zx_push_handlers(struct zx_push *p);
/* Who news of the web room itself is for: all of a company (0: all people), or only one person, or only some. */
struct zx_push_whom {
	int64_t company_id, user_id;
	const int64_t *users; /* copied; NULL: not restricted */
	unsigned n_users;
	const char *right; /* constant; NULL: none asked */
};
/* Event t (a constant) with the members of js (taken). Any thread; nothing happens when nobody has listened for long. */
void zx_push_news(struct zx_push *p, const struct zx_push_whom *whom, const char *t, cJSON *js);
/* People (not sockets) who listen now; any thread. */
unsigned zx_push_online(const struct zx_push *p);
/* Sessions have ended or changed: sockets that lost theirs are told and closed. Any thread. */
void zx_push_recheck(struct zx_push *p);

#endif
