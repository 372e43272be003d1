/* The loop: posts, calls, soon, pool, signals. */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/re.h"
#include "zxtest.h"

enum { THREADS = 4, POSTS = 5000 };

static void open_loop(void)
{
	ZX_CHECK_EQ(zx_loop_init(4096), 0);
}

static void stop_h(void *arg)
{
	(void)arg;
	zx_loop_stop();
}

static void run_ms(unsigned ms)
{
	struct tmr t = {0};

	tmr_start(&t, ms, stop_h, NULL);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	tmr_cancel(&t);
}

/* ---- posts ---- */

static unsigned got[THREADS], disorder, total;

struct msg {
	unsigned thread, no;
};

static void post_h(void *data, size_t len)
{
	struct msg m;

	memcpy(&m, data, sizeof(m));
	if (len != sizeof(m) || got[m.thread] != m.no || !zx_loop_is_thread())
		disorder++;
	got[m.thread]++;
	if (++total == THREADS * POSTS)
		zx_loop_stop();
}

static void *poster(void *arg)
{
	struct msg m = {.thread = (unsigned)(uintptr_t)arg};

	for (m.no = 0; m.no < POSTS; m.no++) {
		if (zx_loop_post(post_h, &m, sizeof(m)))
			abort();
	}
	return NULL;
}

ZX_TEST(test_posts)
{
	pthread_t t[THREADS];

	open_loop();
	for (uintptr_t i = 0; i < THREADS; i++)
		ZX_CHECK_EQ(pthread_create(&t[i], NULL, poster, (void *)i), 0);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		ZX_CHECK_EQ(got[i], POSTS);
	}
	ZX_CHECK_EQ(disorder, 0);
	zx_loop_close();
	ZX_CHECK_EQ(zx_loop_post(post_h, NULL, 0), ESHUTDOWN);
}

static unsigned chained, ticks;

static void chain_h(void *data, size_t len)
{
	chained++;
	zx_loop_post(chain_h, data, len);
}

static void tick_h(void *arg)
{
	if (++ticks == 10)
		zx_loop_stop();
	else
		tmr_start(arg, 5, tick_h, arg);
}

ZX_TEST(test_posts_do_not_starve)
{
	struct tmr t = {0};
	const uint64_t start = zx_mono_ms();

	open_loop();
	chained = 0;
	for (unsigned i = 0; i < 10000; i++)
		zx_loop_post(chain_h, NULL, 0);
	tmr_start(&t, 5, tick_h, &t);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	ZX_CHECK_EQ(ticks, 10);
	ZX_CHECK(chained > 1000);
	ZX_CHECK(zx_mono_ms() - start < 2000);
	zx_loop_close();
}

/* ---- calls ---- */

static atomic_int running;
static int ran_late;

static int add_h(void *arg)
{
	(*(int *)arg)++;
	return 42;
}

static int slow_h(void *arg)
{
	running = 1;
	usleep(150000);
	(*(int *)arg)++;
	return 7;
}

static int late_h(void *arg)
{
	(void)arg;
	ran_late++;
	return 0;
}

static void block_h(void *data, size_t len)
{
	(void)data;
	(void)len;
	usleep(200000);
}

static void *caller(void *arg)
{
	static int results[5];
	int n = 0;

	(void)arg;
	results[0] = zx_loop_call(add_h, &n, 1000) == 42 && n == 1;
	/* Gives up while it is queued: never runs. */
	zx_loop_post(block_h, NULL, 0);
	results[1] = zx_loop_call(late_h, NULL, 20) == ETIMEDOUT;
	/* Runs already when the time is up: waits for its end. */
	usleep(300000);
	results[2] = zx_loop_call(slow_h, &n, 50) == 7 && n == 2;
	/* The loop ends under a waiting call. */
	results[3] = zx_loop_post(block_h, NULL, 0) == 0;
	return results;
}

ZX_TEST(test_calls)
{
	pthread_t t;
	void *res;
	int n = 0;

	open_loop();
	ZX_CHECK_EQ(zx_loop_call(add_h, &n, 0), 42);
	ZX_CHECK_EQ(n, 1);
	pthread_create(&t, NULL, caller, NULL);
	run_ms(1200);
	pthread_join(t, &res);
	for (int i = 0; i < 4; i++)
		ZX_CHECK(((int *)res)[i]);
	ZX_CHECK_EQ(ran_late, 0);
	zx_loop_close();
}

static void stop_post_h(void *data, size_t len)
{
	(void)data;
	(void)len;
	zx_loop_stop();
	usleep(100000); /* time for the others to queue behind us */
}

static void *ender(void *arg)
{
	const uint64_t start = zx_mono_ms();
	int err;

	(void)arg;
	err = zx_loop_call(late_h, NULL, 10000);
	return (void *)(uintptr_t)(err == ESHUTDOWN && zx_mono_ms() - start < 2000);
}

ZX_TEST(test_call_at_the_end)
{
	pthread_t t;
	void *res;

	open_loop();
	ran_late = 0;
	/* The batch ends with its messages: the call must come in a later one. */
	for (unsigned i = 0; i < 255; i++)
		zx_loop_post(chain_h, NULL, 0);
	zx_loop_post(stop_post_h, NULL, 0);
	pthread_create(&t, NULL, ender, NULL);
	usleep(20000);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	pthread_join(t, &res);
	ZX_CHECK(res != NULL);
	ZX_CHECK_EQ(ran_late, 0);
	pthread_create(&t, NULL, ender, NULL);
	pthread_join(t, &res);
	ZX_CHECK(res != NULL);
	zx_loop_close();
}

/* ---- many callers that give up at the last moment, for the sanitizers ---- */

static atomic_uint served, gave_up;

static int count_h(void *arg)
{
	*(unsigned *)arg += 1;
	return 0;
}

static void *impatient(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2000; i++) {
		unsigned n = 0;
		const int err = zx_loop_call(count_h, &n, i % 2);

		if (err == 0 && n == 1)
			served++;
		else if (err == ETIMEDOUT && n == 0)
			gave_up++;
		else
			abort();
	}
	return NULL;
}

static void watch_h(void *arg)
{
	if (served + gave_up == THREADS * 2000)
		zx_loop_stop();
	else
		tmr_start(arg, 5, watch_h, arg);
}

ZX_TEST(test_impatient_callers)
{
	pthread_t t[THREADS];
	struct tmr t0 = {0};

	open_loop();
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, impatient, NULL);
	tmr_start(&t0, 5, watch_h, &t0);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ZX_CHECK_EQ(served + gave_up, THREADS * 2000);
	zx_loop_close();
}

/* ---- soon ---- */

static char trace[32];
static struct tmr soon_tmr;
static uint64_t soon_us;

static void mark(char c)
{
	const size_t n = strlen(trace);

	if (n + 1 < sizeof(trace))
		trace[n] = c;
}

static void soon_c(void *arg)
{
	(void)arg;
	mark('c');
	soon_us = zx_mono_us() - soon_us;
	zx_loop_stop();
}

static void soon_b(void *arg)
{
	mark('b');
	zx_loop_soon(soon_c, arg);
	mark('B');
}

static void soon_tmr_h(void *arg)
{
	mark('a');
	soon_us = zx_mono_us();
	zx_loop_soon(soon_b, arg);
	mark('A');
}

ZX_TEST(test_soon)
{
	open_loop();
	tmr_start(&soon_tmr, 3, soon_tmr_h, NULL);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	ZX_CHECK_STR(trace, "aAbBc");
	ZX_CHECK(soon_us < 20000);
	ZX_CHECK_EQ(zx_loop_soon(soon_c, NULL), 0);
	ZX_CHECK_EQ(zx_loop_soon(NULL, NULL), EINVAL);
	zx_loop_drain(100);
	ZX_CHECK_STR(trace, "aAbBcc");
	zx_loop_close();
}

/* ---- pool ---- */

static atomic_int worked;
static int finished, wrong_thread;

static void work_h(void *arg)
{
	(void)arg;
	if (zx_loop_is_thread())
		wrong_thread++;
	usleep(2000);
	worked++;
}

static void worked_h(void *arg)
{
	if (!zx_loop_is_thread())
		wrong_thread++;
	if (++finished == *(int *)arg)
		zx_loop_stop();
}

ZX_TEST(test_work)
{
	int want = 40;

	open_loop();
	for (int i = 0; i < want; i++)
		ZX_CHECK_EQ(zx_loop_work(work_h, worked_h, &want), 0);
	ZX_CHECK_EQ(finished, 0);
	ZX_CHECK_EQ(zx_loop_run(NULL), 0);
	ZX_CHECK_EQ(worked, 40);
	ZX_CHECK_EQ(wrong_thread, 0);
	for (int i = 0; i < 10; i++)
		ZX_CHECK_EQ(zx_loop_work(work_h, worked_h, &want), 0);
	zx_loop_drain(2000);
	ZX_CHECK_EQ(finished, 50);
	zx_loop_close();
}

/* ---- signals ---- */

static unsigned terms;

static void term_h(void)
{
	if (++terms == 2)
		zx_loop_stop();
	else
		kill(getpid(), SIGINT);
}

ZX_TEST(test_signals)
{
	open_loop();
	kill(getpid(), SIGPIPE);
	kill(getpid(), SIGTERM);
	ZX_CHECK_EQ(zx_loop_run(term_h), 0);
	ZX_CHECK_EQ(terms, 2);
	zx_loop_close();
}

ZX_MAIN({"posts of four threads arrive each in order", test_posts}, {"a flood of posts leaves timers their turn", test_posts_do_not_starve},
	{"calls return, give up and wait as promised", test_calls}, {"calls fail at once when the loop ends", test_call_at_the_end},
	{"callers that give up at the last moment", test_impatient_callers}, {"soon runs after the stack, before sleep", test_soon},
	{"work runs on the pool, its end on the loop", test_work}, {"each SIGTERM and SIGINT is told on the loop", test_signals})
