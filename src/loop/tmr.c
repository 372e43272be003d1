/*
 * libre's timers over a heap. libre calls tmr_*() through its PLT, so these definitions in the executable are used by the library too.
 *
 * Every thread has a heap of its own, as it has a loop of its own. A running timer holds in its `le` what a list element would
 * hold: le.list the heap, le.data the place in it. Order: time, then order of starting.
 */
#include "loop/priv.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/re.h"

enum {
	ARITY = 4,
	BATCH = 1000,       /* timers run between two looks at the sockets */
	MAX_BLOCKING = 100, /* ms a handler may take before it is told on */
};

struct entry {
	uint64_t when; /* ms */
	uint64_t seq;
	struct tmr *tmr;
};

struct heap {
	struct entry *v;
	size_t n, size;
	uint64_t seq;
	bool (*round)(void);
	bool again; /* round() wants to be called at once */
};

static __thread struct heap *own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static bool before(const struct entry *a, const struct entry *b)
{
	return a->when != b->when ? a->when < b->when : a->seq < b->seq;
}

static void place(struct heap *h, size_t i, struct entry e)
{
	h->v[i] = e;
	e.tmr->le.data = (void *)(uintptr_t)i;
}

static void sift_up(struct heap *h, size_t i, struct entry e)
{
	while (i) {
		const size_t up = (i - 1) / ARITY;

		if (!before(&e, &h->v[up]))
			break;
		place(h, i, h->v[up]);
		i = up;
	}
	place(h, i, e);
}

static void sift_down(struct heap *h, size_t i, struct entry e)
{
	for (;;) {
		const size_t first = i * ARITY + 1, end = first + ARITY < h->n ? first + ARITY : h->n;
		size_t best = first;

		if (first >= h->n)
			break;
		for (size_t c = first + 1; c < end; c++) {
			if (before(&h->v[c], &h->v[best]))
				best = c;
		}
		if (!before(&h->v[best], &e))
			break;
		place(h, i, h->v[best]);
		i = best;
	}
	place(h, i, e);
}

static void heap_remove(struct tmr *tmr)
{
	struct heap *h = (struct heap *)(void *)tmr->le.list;
	const size_t i = (size_t)(uintptr_t)tmr->le.data;
	const struct entry last = h->v[--h->n];

	tmr->le.list = NULL;
	tmr->le.data = NULL;
	if (i == h->n)
		return;
	if (i && before(&last, &h->v[(i - 1) / ARITY]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

/* Timers that still run when their thread ends stop for good; their owners may cancel them later, from anywhere. */
static void heap_free(void *data)
{
	struct heap *h = data;

	for (size_t i = 0; i < h->n; i++) {
		h->v[i].tmr->th = NULL;
		h->v[i].tmr->le.list = NULL;
	}
	free(h->v);
	free(h);
}

static void key_create(void)
{
	pthread_key_create(&key, heap_free);
}

static struct heap *heap_get(void)
{
	if (!own) {
		own = calloc(1, sizeof(*own));
		if (own) {
			pthread_once(&once, key_create);
			pthread_setspecific(key, own);
		}
	}
	return own;
}

static bool heap_reserve(struct heap *h)
{
	const size_t size = h->size ? h->size * 2 : 64;
	struct entry *v;

	if (h->n < h->size)
		return true;
	v = realloc(h->v, size * sizeof(*v));
	if (!v)
		return false;
	h->v = v;
	h->size = size;
	return true;
}

void zx_tmr_round_set(bool (*h)(void))
{
	struct heap *heap = heap_get();

	if (heap) {
		heap->round = h;
		heap->again = h != NULL;
	}
}

void zx_tmr_close(void)
{
	if (own) {
		pthread_setspecific(key, NULL);
		heap_free(own);
		own = NULL;
	}
}

/* ---- libre's interface ---- */

uint64_t tmr_jiffies(void)
{
	return zx_mono_ms();
}

void tmr_init(struct tmr *tmr)
{
	if (tmr)
		memset(tmr, 0, sizeof(*tmr));
}

void tmr_start(struct tmr *tmr, uint64_t delay, tmr_h *th, void *arg)
{
	struct heap *h;
	struct entry e;

	if (!tmr)
		return;
	if (tmr->th && tmr->le.list)
		heap_remove(tmr);
	tmr->th = th;
	tmr->arg = arg;
	if (!th)
		return;

	h = heap_get();
	if (!h || !heap_reserve(h)) {
		/* The interface has no way to say so, and a lost timer would leave calls hanging for ever. */
		zx_log(ZX_ERROR, "loop", "out of memory for timers");
		abort();
	}
	e = (struct entry){.when = tmr_jiffies() + delay, .seq = h->seq++, .tmr = tmr};
	tmr->jfs = e.when;
	tmr->le.list = (struct list *)(void *)h;
	sift_up(h, h->n++, e);
}

void tmr_cancel(struct tmr *tmr)
{
	tmr_start(tmr, 0, NULL, NULL);
}

uint64_t tmr_get_expire(const struct tmr *tmr)
{
	const uint64_t now = tmr_jiffies();

	return tmr && tmr->th && tmr->jfs > now ? tmr->jfs - now : 0;
}

static void run_due(struct heap *h)
{
	uint64_t now = tmr_jiffies();
	const uint64_t due = now;

	for (unsigned i = 0; i < BATCH && h->n && h->v[0].when <= due; i++) {
		struct tmr *tmr = h->v[0].tmr;
		tmr_h *th = tmr->th;
		void *arg = tmr->arg;
		const uint64_t start = now;

		heap_remove(tmr);
		tmr->th = NULL;
		th(arg); /* may free tmr */
		now = tmr_jiffies();
		if (now - start > MAX_BLOCKING) {
			static struct zx_log_site site;

			zx_log_limited(&site, 10, ZX_WARN, "loop", "a timer handler took %u ms (%p)", (unsigned)(now - start), (void *)th);
		}
	}
}

void tmr_poll(struct list *tmrl)
{
	struct heap *h = heap_get();

	(void)tmrl;
	if (!h)
		return;
	run_due(h);
	h->again = h->round && h->round();
}

/* 0 means "no timer, wait for ever" to the caller, which takes it for an int of milliseconds. */
uint64_t tmr_next_timeout(struct list *tmrl)
{
	const struct heap *h = own;
	uint64_t now;

	(void)tmrl;
	if (!h || (!h->n && !h->again))
		return 0;
	if (h->again)
		return 1;
	now = tmr_jiffies();
	if (h->v[0].when <= now)
		return 1;
	return h->v[0].when - now < INT_MAX ? h->v[0].when - now : INT_MAX;
}

int tmr_status(struct re_printf *pf, void *unused)
{
	const struct heap *h = own;

	(void)unused;
	return h && h->n ? re_hprintf(pf, "Timers: %zu, next in %llu ms\n", h->n, (unsigned long long)tmr_get_expire(h->v[0].tmr)) : 0;
}

void tmr_debug(void)
{
	if (own && own->n)
		(void)re_fprintf(stderr, "%H", tmr_status, NULL);
}
