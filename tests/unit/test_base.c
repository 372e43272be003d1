/* Clock, codecs, bus, state machines, log. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bus.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/fsm.h"
#include "base/log.h"
#include "base/re.h"
#include "zxtest.h"

ZX_TEST(test_ids)
{
	int64_t last = 0;

	for (unsigned i = 0; i < 100000; i++) {
		const int64_t id = zx_id_new();

		ZX_CHECK(id > last && id < INT64_C(1) << 53);
		last = id;
	}
	/* 100,000 at once borrow at most 0.1 s from the future. */
	ZX_CHECK(last / 1000 <= zx_wall_ms() + 200);
	ZX_CHECK(zx_mono_us() / 1000 - zx_mono_ms() < 1000);
}

ZX_TEST(test_codecs)
{
	ZX_CHECK_EQ(zx_codec_find("pcma", 8000), ZX_CODEC_PCMA);
	ZX_CHECK_EQ(zx_codec_find("G722", 16000), ZX_CODEC_NONE);
	ZX_CHECK_EQ(zx_codec_find("opus", 48000), ZX_CODEC_NONE);
	ZX_CHECK_EQ(zx_codec_by_pt(18), ZX_CODEC_G729);
	ZX_CHECK_EQ(zx_codec_by_pt(96), ZX_CODEC_NONE);
	for (int i = 0; i < ZX_CODEC_COUNT; i++) {
		const struct zx_codec_info *info = zx_codec_info((enum zx_codec)i);

		ZX_CHECK(info && info->id == (enum zx_codec)i);
		ZX_CHECK_EQ(zx_codec_find(info->name, info->clock), i);
		ZX_CHECK_EQ(zx_codec_by_pt(info->pt), i);
	}
	ZX_CHECK(zx_codec_info(ZX_CODEC_NONE) == NULL);
	ZX_CHECK(zx_codec_info(ZX_CODEC_COUNT) == NULL);
}

/* ---- bus ---- */

static struct zx_bus_sub *a, *b, *c, *late;
static char heard[64];

static void hear(char who)
{
	const size_t n = strlen(heard);

	if (n + 1 < sizeof(heard))
		heard[n] = who;
}

static void plain_h(enum zx_ev type, const void *ev, void *arg)
{
	(void)type;
	ZX_CHECK_STR(ev, "news");
	hear(*(const char *)arg);
}

static void ends_next_h(enum zx_ev type, const void *ev, void *arg)
{
	(void)type;
	(void)ev;
	hear(*(const char *)arg);
	b = mem_deref(b);
	a = mem_deref(a); /* itself */
	zx_bus_subscribe(&late, ZX_EV_CONFIG, plain_h, (void *)(uintptr_t) "l");
}

static void nested_h(enum zx_ev type, const void *ev, void *arg)
{
	static unsigned depth;

	hear(*(const char *)arg);
	if (depth++ == 0) {
		b = mem_deref(b);
		zx_bus_publish(type, ev);
		c = mem_deref(c);
	}
	depth--;
}

ZX_TEST(test_bus)
{
	ZX_CHECK_EQ(zx_bus_subscribe(&a, ZX_EV_CONFIG, ends_next_h, (void *)(uintptr_t) "a"), 0);
	ZX_CHECK_EQ(zx_bus_subscribe(&b, ZX_EV_CONFIG, plain_h, (void *)(uintptr_t) "b"), 0);
	ZX_CHECK_EQ(zx_bus_subscribe(&c, ZX_EV_CONFIG, plain_h, (void *)(uintptr_t) "c"), 0);
	ZX_CHECK_EQ(zx_bus_subscribe(&c, ZX_EV_COUNT, plain_h, NULL), EINVAL);
	zx_bus_publish(ZX_EV_CONFIG, "news");
	zx_bus_publish(ZX_EV_EXT_REG, "other");
	ZX_CHECK_STR(heard, "ac");
	zx_bus_publish(ZX_EV_CONFIG, "news");
	ZX_CHECK_STR(heard, "accl");
	c = mem_deref(c);
	late = mem_deref(late);

	memset(heard, 0, sizeof(heard));
	zx_bus_subscribe(&a, ZX_EV_CONFIG, nested_h, (void *)(uintptr_t) "a");
	zx_bus_subscribe(&b, ZX_EV_CONFIG, plain_h, (void *)(uintptr_t) "b");
	zx_bus_subscribe(&c, ZX_EV_CONFIG, plain_h, (void *)(uintptr_t) "c");
	zx_bus_publish(ZX_EV_CONFIG, "news");
	ZX_CHECK_STR(heard, "aac");
	a = mem_deref(a);
	zx_bus_publish(ZX_EV_CONFIG, "news");
	ZX_CHECK_STR(heard, "aac");
}

/* ---- state machines ---- */

enum { S_IDLE, S_UP };
enum { E_UP, E_DOWN, E_FREE, E_NUDGE };

struct thing {
	int state;
	unsigned ups;
};

static void up_h(void *obj, void *ev)
{
	struct thing *t = obj;

	ZX_CHECK_EQ(t->state, S_UP);
	t->ups += *(unsigned *)ev;
}

static void free_h(void *obj, void *ev)
{
	(void)ev;
	free(obj);
}

static const char *const state_names[] = {"idle", "up"}, *const event_names[] = {"up", "down", "free", "nudge"};
static const struct zx_fsm_rule rules[] = {
    {E_UP, S_IDLE, S_UP, up_h},           {E_DOWN, S_UP, S_IDLE, NULL}, {E_NUDGE, S_UP, ZX_FSM_STAY, up_h},
    {E_FREE, ZX_FSM_ANY, S_IDLE, free_h}, {ZX_FSM_END, 0, 0, NULL},
};
static const struct zx_fsm_def def = {"thing", state_names, event_names, rules};

ZX_TEST(test_fsm)
{
	struct thing *t = calloc(1, sizeof(*t));
	unsigned two = 2;

	ZX_CHECK_EQ(zx_fsm_event(&def, &t->state, E_DOWN, t, NULL), EPROTO);
	ZX_CHECK_EQ(t->state, S_IDLE);
	ZX_CHECK_EQ(zx_fsm_event(&def, &t->state, E_UP, t, &two), 0);
	ZX_CHECK_EQ(zx_fsm_event(&def, &t->state, E_NUDGE, t, &two), 0);
	ZX_CHECK_EQ(t->state, S_UP);
	ZX_CHECK_EQ(t->ups, 4);
	ZX_CHECK_EQ(zx_fsm_event(&def, &t->state, E_FREE, t, NULL), 0);
}

/* ---- log: into a file or pipe in place of stderr ---- */

static int kept = -1;

static void stderr_to(int fd)
{
	fflush(stderr);
	kept = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
}

static void stderr_back(void)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
}

static size_t slurp(int fd, char *buf, size_t size)
{
	const ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

ZX_TEST(test_log)
{
	static char buf[65536], big[5000];
	static struct zx_log_site site;
	char path[] = "/tmp/zx-log-XXXXXX";
	const int fd = mkstemp(path);

	unlink(path);
	stderr_to(fd);
	zx_log_level_set(ZX_INFO);
	zx_log(ZX_DEBUG, "t", "not this");
	errno = ENOENT;
	zx_log(ZX_INFO, "t", "one\nfake line\x1b[31m\x7f 座席 %d%%", 5);
	const int e = errno;
	memset(big, 'x', sizeof(big) - 1);
	zx_log(ZX_INFO, "t", "%s", big);
	for (unsigned i = 0; i < 100; i++)
		zx_log_limited(&site, 3, ZX_WARN, "t", "flood");
	site.window_ms -= 60001;
	zx_log_limited(&site, 3, ZX_WARN, "t", "flood");
	stderr_back();
	ZX_CHECK_EQ(e, ENOENT);
	slurp(fd, buf, sizeof(buf));
	ZX_CHECK_EQ(count(buf, "not this"), 0);
	ZX_CHECK_EQ(count(buf, "INFO  t: one\\nfake line\\x1b[31m\\x7f 座席 5%\n"), 1);
	ZX_CHECK_EQ(count(buf, "flood"), 4);
	ZX_CHECK_EQ(count(buf, "flood (and 97 more like this in the last minute)"), 1);
	ZX_CHECK_EQ(count(buf, "\n"), 6);
	close(fd);
}

/* A reader that stands still costs lines, never time. */
ZX_TEST(test_log_stuck_reader)
{
	static char buf[1 << 20];
	const uint64_t start = zx_mono_ms();
	uint64_t took;
	int p[2];
	ssize_t n;

	ZX_CHECK_EQ(pipe(p), 0);
	stderr_to(p[1]);
	for (unsigned i = 0; i < 3000; i++)
		zx_log(ZX_INFO, "t", "a line of some length that fills the pipe in the end");
	took = zx_mono_ms() - start;
	n = read(p[0], buf, sizeof(buf) - 1);
	zx_log(ZX_INFO, "t", "read again");
	stderr_back();
	ZX_CHECK(took < 2000);
	ZX_CHECK(n > 10000);
	n = read(p[0], buf, sizeof(buf) - 1);
	ZX_CHECK(n > 0);
	buf[n] = 0;
	ZX_CHECK_EQ(count(buf, "lines lost"), 1);
	ZX_CHECK_EQ(count(buf, "read again"), 1);
	close(p[0]);
	close(p[1]);
}

static void *log_thread(void *arg)
{
	static struct zx_log_site site;

	for (unsigned i = 0; i < 200; i++) {
		zx_log(ZX_INFO, "t", "%s", (const char *)arg);
		zx_log_limited(&site, 5, ZX_INFO, "t", "limited");
	}
	return NULL;
}

ZX_TEST(test_log_threads)
{
	static char buf[1 << 19], words[4][300];
	char path[] = "/tmp/zx-log-XXXXXX";
	const int fd = mkstemp(path);
	pthread_t t[4];

	unlink(path);
	stderr_to(fd);
	for (unsigned i = 0; i < 4; i++) {
		memset(words[i], 'a' + (int)i, sizeof(words[i]) - 1);
		pthread_create(&t[i], NULL, log_thread, words[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	stderr_back();
	slurp(fd, buf, sizeof(buf));
	ZX_CHECK_EQ(count(buf, "\n"), 805);
	for (unsigned i = 0; i < 4; i++)
		ZX_CHECK_EQ(count(buf, words[i]), 200);
	close(fd);
}

ZX_MAIN({"ids grow and fit JavaScript", test_ids}, {"codecs", test_codecs}, {"the bus, with subscriptions that end inside", test_bus},
	{"state machines", test_fsm}, {"log lines", test_log}, {"a stuck reader does not block", test_log_stuck_reader},
	{"threads do not mix lines", test_log_threads})
