/*
 * A child writes numbered pairs of rows from several threads and tells each one that was acknowledged; it is killed with SIGKILL at a
 * random moment, many times. Every acknowledged pair must be there, and no half of one. Rounds: argv[1] is the test's name filter, ZX_KILLS
 * the number.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#include "loop/loop.h"
#include "store_util.h"

enum { THREADS = 4, OUTSTANDING = 300, KILLS = 40, ACK_MAX = 4000000, CHECK_EVERY = 8 };

/* ---- the child ---- */
struct pair {
	int64_t n;
	unsigned thread;
};

static struct zx_store *st;
static int ack_fd;
static int64_t first;
static atomic_int outstanding[THREADS];

static int put(struct zx_db *db, int64_t n, const char *half)
{
	char name[32];
	struct zx_stmt *s;
	int err;

	err = zx_stmt_text(&s, db, "INSERT INTO settings (name, value) VALUES (:name, :half)");
	if (err)
		return err;
	snprintf(name, sizeof(name), "%lld%s", (long long)n, half);
	zx_bind_text(s, ":name", name);
	zx_bind_text(s, ":half", half);
	return zx_stmt_run(s);
}

static int op_pair(struct zx_db *db, void *arg)
{
	const struct pair *p = arg;
	const int err = put(db, p->n, "a");

	if (err)
		return err;
	/* one in eight fails in the middle: its half must never be seen */
	return p->n % 8 == 7 ? ECANCELED : put(db, p->n, "b");
}

static void acknowledge(int64_t n)
{
	if (write(ack_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		_exit(3);
}

static void on_done(int err, void *arg)
{
	const struct pair *p = arg;

	outstanding[p->thread]--;
	if (!err)
		acknowledge(p->n);
	else if (err != ECANCELED)
		_exit(4);
}

static void *write_thread(void *arg)
{
	const unsigned t = (unsigned)(uintptr_t)arg;
	int err;

	for (int64_t i = 0;; i++) {
		struct pair p = {.n = first + i * THREADS + t, .thread = t};

		if (t == 0) {
			err = zx_store_write_wait(st, op_pair, &p);
			if (!err)
				acknowledge(p.n);
			if (err && err != ECANCELED)
				_exit(5);
			continue;
		}
		while (outstanding[t] >= OUTSTANDING)
			usleep(100);
		outstanding[t]++;
		if (zx_store_write(st, op_pair, on_done, &p, sizeof(p)))
			_exit(6);
	}
	return NULL;
}

static void term(void) {}

static void child(int fd, int64_t from)
{
	pthread_t th;

	ack_fd = fd;
	first = from;
	if (zx_loop_init(64) || !(st = tu_open()))
		_exit(2);
	for (unsigned t = 0; t < THREADS; t++) {
		if (pthread_create(&th, NULL, write_thread, (void *)(uintptr_t)t))
			_exit(2);
	}
	zx_loop_run(term);
	_exit(7);
}

/* ---- the parent ---- */
static int64_t *acks;
static size_t ackc;

static void take_acks(int fd, uint64_t for_us, int64_t *last)
{
	int64_t buf[512];
	struct timespec ts;
	uint64_t end = 0, now;
	ssize_t n;

	/* the time runs from the first acknowledgement: opening after a crash takes its own */
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (size_t i = 0; i < (size_t)n / sizeof(*buf); i++) {
			if (ackc < ACK_MAX)
				acks[ackc++] = buf[i];
			*last = buf[i] > *last ? buf[i] : *last;
		}
		clock_gettime(CLOCK_MONOTONIC, &ts);
		now = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
		end = end ? end : now + for_us;
		if (for_us && now >= end)
			return;
	}
}

static void check_store(int64_t *rows)
{
	struct zx_db *db;
	struct zx_stmt *s;
	char name[32];
	size_t missing = 0;

	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(
	    zx_stmt_text(
		&s, db,
		"SELECT (SELECT count(*) FROM settings WHERE name = :n || 'a') + (SELECT count(*) FROM settings WHERE name = :n || 'b')"),
	    0);
	for (size_t i = 0; i < ackc; i++) {
		snprintf(name, sizeof(name), "%lld", (long long)acks[i]);
		zx_bind_text(s, ":n", name);
		if (zx_stmt_step(s) || zx_col_int(s, 0) != 2)
			missing++;
		zx_stmt_reset(s);
	}
	ZX_CHECK_EQ(missing, 0);
	*rows = tu_int(st, "SELECT count(*) FROM settings");
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings WHERE value = 'a'"), *rows / 2);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings a WHERE value = 'a' AND NOT EXISTS "
			       "(SELECT 1 FROM settings b WHERE b.name = rtrim(a.name, 'a') || 'b')"),
		    0);
	ZX_CHECK_EQ(tu_int(st, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	ZX_CHECK((int64_t)ackc * 2 <= *rows);
	zx_store_close(st);
}

ZX_TEST(kill9)
{
	const char *asked = getenv("ZX_KILLS");
	const int kills = asked ? (int)strtol(asked, NULL, 10) : KILLS;
	int64_t next = 0, rows = 0;

	tu_fresh();
	acks = malloc(ACK_MAX * sizeof(*acks));
	ZX_CHECK(acks);
	for (int k = 0; k < kills; k++) {
		int fds[2], status;
		pid_t pid;

		ZX_CHECK(!pipe(fds));
		fflush(NULL);
		pid = fork();
		if (!pid) {
			close(fds[0]);
			child(fds[1], next);
		}
		close(fds[1]);
		take_acks(fds[0], 1 + arc4random_uniform(120000), &next);
		ZX_CHECK(!kill(pid, SIGKILL));
		take_acks(fds[0], 0, &next);
		close(fds[0]);
		ZX_CHECK(waitpid(pid, &status, 0) == pid);
		ZX_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		next += 10000 * THREADS; /* beyond what was not acknowledged */
		next -= next % (8 * THREADS);
		/* most crashes follow a crash, not a clean end */
		if (k % CHECK_EVERY == CHECK_EVERY - 1 || k == kills - 1)
			check_store(&rows);
	}
	printf("# %d kills, %zu pairs acknowledged, %lld rows found\n", kills, ackc, (long long)rows);
	ZX_CHECK(ackc > (size_t)kills);
	free(acks);
}

ZX_MAIN({"what was acknowledged survives kill -9, and nothing is half there", kill9})
