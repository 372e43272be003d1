/* Timers: ours are the ones that libre uses, ordered, cheap with many running, safe against everything a handler may do. */
#include "base/re.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "zxtest.h"

enum { MANY = 50000 };

/* The same numbers every time (xorshift). */
static unsigned some(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void nothing_h(void *arg)
{
	(void)arg;
}

static void stop_h(void *arg)
{
	(void)arg;
	zx_loop_stop();
}

/* The library's own copy is another function than the one everybody, the library included, is bound to. */
ZX_TEST(test_override)
{
	static const char *const names[] = {"tmr_init",       "tmr_start",   "tmr_cancel", "tmr_poll",  "tmr_next_timeout",
					    "tmr_get_expire", "tmr_jiffies", "tmr_debug",  "tmr_status"};
	void *re = dlopen("libre.so.15", RTLD_NOW | RTLD_NOLOAD);
	Dl_info lib, bound;

	if (!re) {
		ZX_CHECK(dladdr((void *)(uintptr_t)list_append, &lib));
		re = dlopen(lib.dli_fname, RTLD_NOW | RTLD_NOLOAD);
	}
	ZX_CHECK(re != NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *theirs = dlsym(re, names[i]), *used = dlsym(RTLD_DEFAULT, names[i]);

		ZX_CHECK(theirs && used && theirs != used);
		ZX_CHECK(dladdr(theirs, &lib) && dladdr(used, &bound));
		ZX_CHECK(strcmp(lib.dli_fname, bound.dli_fname));
	}
	dlclose(re);
}

/* And the library's loop does run them: it never touches its own list. */
static unsigned fired;

static void fire_h(void *arg)
{
	(void)arg;
	fired++;
}

ZX_TEST(test_runs_in_libre)
{
	struct tmr t[3] = {{.arg = NULL}};
	const uint64_t start = zx_mono_ms();

	ZX_CHECK_EQ(zx_loop_init(1024), 0);
	tmr_start(&t[0], 10, fire_h, NULL);
	tmr_start(&t[1], 30, fire_h, NULL);
	tmr_start(&t[2], 50, stop_h, NULL);
	ZX_CHECK(tmr_isrunning(&t[0]));
	ZX_CHECK(tmr_get_expire(&t[1]) > 20 && tmr_get_expire(&t[1]) <= 30);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	ZX_CHECK_EQ(fired, 2);
	ZX_CHECK(!tmr_isrunning(&t[0]));
	ZX_CHECK(zx_mono_ms() - start >= 50 && zx_mono_ms() - start < 500);
	zx_loop_close();
}

ZX_TEST(test_monotonic)
{
	struct timespec ts;
	uint64_t last = tmr_jiffies();

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ZX_CHECK(last + 1000 > (uint64_t)ts.tv_sec * 1000 && last < (uint64_t)ts.tv_sec * 1000 + 2000);
	for (unsigned i = 0; i < 100000; i++) {
		const uint64_t now = tmr_jiffies();

		ZX_CHECK(now >= last);
		last = now;
	}
}

/* ---- order ---- */

struct item {
	struct tmr tmr;
	unsigned no;
	uint64_t when;
};

static struct item *items;
static unsigned ran, disorder;
static const struct item *previous;

static void order_h(void *arg)
{
	const struct item *it = arg;

	if (previous && (it->when < previous->when || (it->when == previous->when && it->no < previous->no)))
		disorder++;
	if (tmr_jiffies() < it->when)
		disorder++;
	previous = it;
	ran++;
}

static void poll_until(unsigned n, unsigned max_ms)
{
	const uint64_t end = tmr_jiffies() + max_ms;

	while (ran < n && tmr_jiffies() < end) {
		tmr_poll(NULL);
		usleep(500);
	}
}

ZX_TEST(test_order)
{
	unsigned live = 0;

	items = calloc(MANY, sizeof(*items));
	ran = disorder = 0;
	previous = NULL;
	for (unsigned i = 0; i < MANY; i++) {
		items[i].no = i;
		tmr_start(&items[i].tmr, some() % 300, order_h, &items[i]);
		items[i].when = items[i].tmr.jfs;
	}
	/* Restarts and cancels in the middle of the heap; a restarted one counts as started now. */
	for (unsigned i = 0; i < MANY; i += 3)
		tmr_cancel(&items[i].tmr);
	for (unsigned i = 1; i < MANY; i += 3) {
		items[i].no = MANY + i;
		tmr_start(&items[i].tmr, some() % 300, order_h, &items[i]);
		items[i].when = items[i].tmr.jfs;
	}
	for (unsigned i = 0; i < MANY; i++)
		live += tmr_isrunning(&items[i].tmr);
	ZX_CHECK_EQ(live, MANY - (MANY + 2) / 3);
	poll_until(live, 3000);
	ZX_CHECK_EQ(ran, live);
	ZX_CHECK_EQ(disorder, 0);
	ZX_CHECK_EQ(tmr_next_timeout(NULL), 0);
	free(items);
}

/* ---- what handlers may do ---- */

struct owner {
	struct tmr tmr, other;
	unsigned n;
};

static unsigned freed;

static void owner_destructor(void *data)
{
	struct owner *o = data;

	tmr_cancel(&o->tmr);
	tmr_cancel(&o->other);
	freed++;
}

static void free_h(void *arg)
{
	ran++;
	mem_deref(arg);
}

static void must_not_h(void *arg)
{
	(void)arg;
	abort();
}

static void cancel_other_h(void *arg)
{
	struct owner *o = arg;

	ran++;
	tmr_cancel(&o->tmr);
	tmr_cancel(&o->other);
	ZX_CHECK(!tmr_isrunning(&o->tmr));
}

static void again_h(void *arg)
{
	struct owner *o = arg;

	ZX_CHECK(!tmr_isrunning(&o->tmr));
	if (++o->n < 5)
		tmr_start(&o->tmr, o->n % 2, again_h, o);
	else
		ran++;
}

ZX_TEST(test_handlers)
{
	struct owner *a = mem_zalloc(sizeof(*a), owner_destructor), *b = mem_zalloc(sizeof(*b), owner_destructor);
	struct owner *c = mem_zalloc(sizeof(*c), owner_destructor);

	ran = 0;
	tmr_start(&a->tmr, 1, free_h, a);
	tmr_start(&a->other, 1, must_not_h, a);
	tmr_start(&b->tmr, 1, cancel_other_h, b);
	tmr_start(&b->other, 1, must_not_h, b);
	tmr_start(&c->tmr, 0, again_h, c);
	poll_until(3, 1000);
	ZX_CHECK_EQ(ran, 3);
	ZX_CHECK_EQ(c->n, 5);
	tmr_start(&c->tmr, 5, must_not_h, c);
	tmr_start(&c->tmr, 5, NULL, c);
	ZX_CHECK(!tmr_isrunning(&c->tmr));
	mem_deref(b);
	mem_deref(c);
	ZX_CHECK_EQ(freed, 3);
	ZX_CHECK_EQ(tmr_next_timeout(NULL), 0);
}

/* ---- threads ---- */

static void *thread_main(void *arg)
{
	struct tmr *left = arg, t = {0};

	if (re_thread_init())
		abort();
	tmr_start(left, 100000, must_not_h, NULL);
	tmr_start(&t, 20, (tmr_h *)re_cancel, NULL);
	if (re_main(NULL))
		abort();
	re_thread_close();
	return NULL;
}

ZX_TEST(test_threads)
{
	struct tmr left[4] = {{.arg = NULL}}, mine = {0};
	pthread_t t[4];

	tmr_start(&mine, 100000, must_not_h, NULL);
	for (unsigned i = 0; i < 4; i++)
		ZX_CHECK_EQ(pthread_create(&t[i], NULL, thread_main, &left[i]), 0);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		ZX_CHECK(!tmr_isrunning(&left[i]));
		tmr_cancel(&left[i]);
	}
	ZX_CHECK(tmr_isrunning(&mine));
	tmr_cancel(&mine);
}

/* ---- cost ---- */

ZX_TEST(test_cost)
{
	struct tmr *many = calloc(MANY, sizeof(*many)), one = {0};
	const unsigned rounds = 200000;
	uint64_t start = zx_mono_us();
	double us;

	for (unsigned i = 0; i < MANY; i++)
		tmr_start(&many[i], 1000 + some() % 3600000, nothing_h, NULL);
	printf("# start among 0 to %u: %.3f us\n", MANY, (double)(zx_mono_us() - start) / MANY);
	start = zx_mono_us();
	for (unsigned i = 0; i < rounds; i++) {
		tmr_start(&one, 32000, nothing_h, NULL);
		tmr_cancel(&one);
	}
	us = (double)(zx_mono_us() - start) / rounds;
	printf("# start + cancel among %u: %.3f us\n", MANY, us);
	start = zx_mono_us();
	for (unsigned i = 0; i < rounds; i++)
		tmr_start(&many[some() % MANY], 1000 + some() % 3600000, nothing_h, NULL);
	printf("# restart of any among %u: %.3f us\n", MANY, (double)(zx_mono_us() - start) / rounds);
	ZX_CHECK(us < 20); /* the list took 72 us; generous for sanitizers and a loaded machine */
	for (unsigned i = 0; i < MANY; i++)
		tmr_cancel(&many[i]);
	free(many);
}

ZX_MAIN({"libre and we use our timers", test_override}, {"timers fire in libre's loop", test_runs_in_libre},
	{"time is monotonic", test_monotonic}, {"time order, then order of starting", test_order},
	{"handlers may restart, cancel and free", test_handlers}, {"every thread has its own", test_threads},
	{"50,000 running timers cost little", test_cost})
