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
/* Sessions have ended or changed: sockets that lost theirs are told and closed. Any thread. */
void zx_push_recheck(struct zx_push *p);

#endif
