/*
 * The loop: libre's re_main() as THE loop, on the main thread. Timers are libre's struct tmr, backed by a heap on
 * CLOCK_MONOTONIC (loop/tmr.c overrides tmr_*; O(log n), also on media threads' own loops).
 */
#ifndef ZX_LOOP_LOOP_H
#define ZX_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>

/* First call of the process into libre. maxfds: descriptors the loop itself may watch. */
int zx_loop_init(unsigned maxfds);
void zx_loop_close(void);

/* Runs until zx_loop_stop(). SIGINT and SIGTERM call `term`, on the loop thread, each time. */
int zx_loop_run(void (*term)(void));
void zx_loop_stop(void);
bool zx_loop_is_thread(void);

/* Loop thread, after zx_loop_run() has returned: runs what was posted and what the pool still has, until nothing is left or max_ms have
 * passed, so that acknowledgements of a room that closes find their handlers. */
void zx_loop_drain(unsigned max_ms);

/* Any thread: run fn(copy of data) on the loop, in order of posting per thread. Never blocks, one wake-up for many
 * posts. Returns ENOMEM or 0; after zx_loop_close() ESHUTDOWN. */
typedef void(zx_post_h)(void *data, size_t len);
int zx_loop_post(zx_post_h *fn, const void *data, size_t len);

/* Any other thread: run fn(arg) on the loop and wait for its return value. ETIMEDOUT when the loop does not answer in
 * timeout_ms (fn is then guaranteed not to run later; when it is running already the caller waits for its end), ESHUTDOWN when the loop has
 * ended. On the loop thread it is called at once. */
typedef int(zx_call_h)(void *arg);
int zx_loop_call(zx_call_h *fn, void *arg, unsigned timeout_ms);

/* Loop thread: run work(arg) on libuv's pool, then done(arg) on the loop. */
typedef void(zx_work_h)(void *arg);
int zx_loop_work(zx_work_h *work, zx_work_h *done, void *arg);

/* Loop thread (else EPERM): runs fn(arg) after everything that is on the stack now has returned, in order, before the loop sleeps. */
int zx_loop_soon(zx_work_h *fn, void *arg);

#endif
