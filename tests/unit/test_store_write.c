#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "store_util.h"

/* ---- orders ---- */
struct pair {
	int64_t n;
	int fail; /* errno after the first row */
};

static int put_row(struct zx_db *db, int64_t n, const char *half)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_text(&s, db, "INSERT INTO settings (name, value) VALUES (printf('%d %s', :n, :half), :half)");
	if (err)
		return err;
	zx_bind_int(s, ":n", n);
	zx_bind_text(s, "half", half);
	return zx_stmt_run(s);
}

static int op_pair(struct zx_db *db, void *arg)
{
	const struct pair *p = arg;
	int err;

	err = put_row(db, p->n, "a");
	if (err || p->fail)
		return err ? err : p->fail;
	return put_row(db, p->n, "b");
}

static int64_t rows(struct zx_store *st)
{
	return tu_int(st, "SELECT count(*) FROM settings");
}

ZX_TEST(wait)
{
	struct zx_store *st;
	struct pair p = {.n = 1};

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_store_write_wait(st, op_pair, &p), 0);
	ZX_CHECK_EQ(rows(st), 2);
	/* unique: nothing of it stays */
	ZX_CHECK_EQ(zx_store_write_wait(st, op_pair, &p), EEXIST);
	p = (struct pair){.n = 2, .fail = EDOM};
	ZX_CHECK_EQ(zx_store_write_wait(st, op_pair, &p), EDOM);
	ZX_CHECK_EQ(rows(st), 2);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (company_id, number, secret, created) VALUES (99, '8000', '', 0)"), EINVAL);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO companies (code, name, created) VALUES ('12', 'x', 0)"), EINVAL);
	zx_store_close(st);
}

/* ---- done on the loop ---- */
static unsigned done_n, done_bad, done_wanted;
static int64_t done_last;
static bool done_order = true;

static void on_done(int err, void *arg)
{
	const struct pair *p = arg;

	if (!zx_loop_is_thread())
		done_bad++;
	if (err != p->fail)
		done_bad++;
	if (p->n <= done_last)
		done_order = false;
	done_last = p->n;
	if (++done_n == done_wanted)
		zx_loop_stop();
}

static void no_term(void)
{
	zx_loop_stop();
}

ZX_TEST(loop)
{
	ZX_CHECK_EQ(zx_loop_init(64), 0);
}

ZX_TEST(batch)
{
	struct zx_store *st;

	tu_fresh();
	st = tu_open();
	done_n = done_bad = 0;
	done_last = -1;
	done_wanted = 2000;
	for (int i = 0; i < 2000; i++) {
		const struct pair p = {.n = i, .fail = i % 10 == 3 ? ECANCELED : 0};

		ZX_CHECK_EQ(zx_store_write(st, op_pair, on_done, &p, sizeof(p)), 0);
	}
	ZX_CHECK_EQ(zx_loop_run(no_term), 0);
	ZX_CHECK_EQ(done_n, 2000);
	ZX_CHECK_EQ(done_bad, 0);
	ZX_CHECK(done_order);
	ZX_CHECK_EQ(rows(st), 2 * 1800);
	zx_store_close(st);
}

/* What is queued at the end is committed; nobody is told any more. */
ZX_TEST(close_commits)
{
	struct zx_store *st;

	tu_fresh();
	st = tu_open();
	done_n = 0;
	for (int i = 0; i < 1000; i++) {
		const struct pair p = {.n = i};

		ZX_CHECK_EQ(zx_store_write(st, op_pair, on_done, &p, sizeof(p)), 0);
	}
	zx_store_close(st);
	ZX_CHECK_EQ(done_n, 0);
	st = tu_open();
	ZX_CHECK_EQ(rows(st), 2000);
	zx_store_close(st);
}

struct latency {
	uint64_t start, worst, sum;
	unsigned n;
};
static struct latency lat;
static struct zx_store *lat_store;

static void on_latency(int err, void *arg)
{
	const struct pair *p = arg;
	const uint64_t t = zx_mono_us() - lat.start;
	struct pair next = {.n = p->n + 1};

	if (err)
		done_bad++;
	lat.worst = t > lat.worst ? t : lat.worst;
	lat.sum += t;
	if (++lat.n == 100) {
		zx_loop_stop();
		return;
	}
	lat.start = zx_mono_us();
	if (zx_store_write(lat_store, op_pair, on_latency, &next, sizeof(next)))
		zx_loop_stop();
}

ZX_TEST(latency)
{
	const struct pair p = {.n = 0};

	tu_fresh();
	lat_store = tu_open();
	memset(&lat, 0, sizeof(lat));
	done_bad = 0;
	lat.start = zx_mono_us();
	ZX_CHECK_EQ(zx_store_write(lat_store, op_pair, on_latency, &p, sizeof(p)), 0);
	ZX_CHECK_EQ(zx_loop_run(no_term), 0);
	printf("# order to done, alone: mean %u us, worst %u us\n", (unsigned)(lat.sum / lat.n), (unsigned)lat.worst);
	ZX_CHECK_EQ(lat.n, 100);
	ZX_CHECK_EQ(done_bad, 0);
	ZX_CHECK(lat.sum / lat.n < 100000);
	zx_store_close(lat_store);
}

/* ---- a full queue, a full disk ---- */
static atomic_bool held;

static int op_hold(struct zx_db *db, void *arg)
{
	(void)db;
	(void)arg;
	while (held)
		usleep(1000);
	return 0;
}

ZX_TEST(queue_bound)
{
	struct zx_store *st;
	const size_t len = 1024 * 1024;
	char *big;
	int n = 0, err = 0;

	tu_fresh();
	st = tu_open();
	big = calloc(1, len);
	ZX_CHECK(big);
	held = true;
	ZX_CHECK_EQ(zx_store_write(st, op_hold, NULL, NULL, 0), 0);
	while (n < 100 && !(err = zx_store_write(st, op_pair, NULL, big, len)))
		n++;
	held = false;
	ZX_CHECK_EQ(err, ENOBUFS);
	ZX_CHECK_EQ(n, 63);
	for (int i = 0; i < 100 && zx_store_write(st, op_hold, NULL, big, len); i++)
		usleep(100000);
	free(big);
	/* drained: it takes orders again */
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM settings"), 0);
	zx_store_close(st);
}

static int op_fill(struct zx_db *db, void *arg)
{
	const int64_t *n = arg;
	struct zx_stmt *s;
	int err;

	err = zx_stmt_text(&s, db, "INSERT INTO settings (name, value) VALUES (:n, printf('%0*d', 20000, 1))");
	if (err)
		return err;
	zx_bind_int(s, ":n", *n);
	return zx_stmt_run(s);
}

/* An order may fit again after one that did not: failing makes the log's space free. What is told is what is there. */
static void check_full_and_recover(struct zx_store *st, int (*relieve)(struct zx_store *))
{
	unsigned ok = 0, full = 0;
	int64_t n;
	int err;

	for (n = 0; n < 3000 && full < 5; n++) {
		err = zx_store_write_wait(st, op_fill, &n);
		ZX_CHECK(!err || err == ENOSPC);
		ok += !err;
		full += err != 0;
	}
	ZX_CHECK_EQ(full, 5);
	ZX_CHECK_EQ(rows(st), ok);
	ZX_CHECK_EQ(relieve(st), 0);
	ZX_CHECK_EQ(zx_store_write_wait(st, op_fill, &n), 0);
	ZX_CHECK_EQ(rows(st), ok + 1);
	zx_store_close(st);
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(rows(st), ok + 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	zx_store_close(st);
}

static int more_pages(struct zx_store *st)
{
	return tu_exec(st, "PRAGMA max_page_count=100000");
}

ZX_TEST(database_full)
{
	struct zx_store *st;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(tu_exec(st, "PRAGMA max_page_count=300"), 0);
	check_full_and_recover(st, more_pages);
}

static int no_limit(struct zx_store *st)
{
	const struct rlimit rl = {RLIM_INFINITY, RLIM_INFINITY};

	(void)st;
	return setrlimit(RLIMIT_FSIZE, &rl);
}

/* The file system refuses to let the log grow, as a full one does. */
ZX_TEST(disk_full)
{
	struct rlimit rl;
	struct zx_store *st;

	signal(SIGXFSZ, SIG_IGN);
	tu_fresh();
	st = tu_open();
	ZX_CHECK(!getrlimit(RLIMIT_FSIZE, &rl));
	rl.rlim_cur = 2 * 1024 * 1024;
	ZX_CHECK(!setrlimit(RLIMIT_FSIZE, &rl));
	check_full_and_recover(st, no_limit);
}

ZX_MAIN({"an order waited for is committed, or leaves nothing behind", wait}, {"the loop starts", loop},
	{"done comes on the loop, in order, each with its own result", batch}, {"closing commits what is queued", close_commits},
	{"an order alone is done soon", latency}, {"the queue is bounded", queue_bound},
	{"a full database fails orders and recovers", database_full}, {"a full disk fails orders and recovers", disk_full})
