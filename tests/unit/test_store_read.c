#include <pthread.h>

#include "base/clock.h"
#include "store_util.h"

static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
static const char many[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";

ZX_TEST(deadline)
{
	struct zx_store *st;
	struct zx_stmt *s;
	struct zx_db *db;
	uint64_t t;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	/* one long step */
	ZX_CHECK_EQ(zx_db_begin_read(db, 50), 0);
	ZX_CHECK_EQ(zx_db_begin_read(db, 50), EPROTO);
	ZX_CHECK_EQ(zx_stmt_text(&s, db, endless), 0);
	t = zx_mono_ms();
	ZX_CHECK_EQ(zx_stmt_step(s), ETIMEDOUT);
	ZX_CHECK(zx_mono_ms() - t < 2000);
	zx_db_end_read(db);
	/* many short ones */
	ZX_CHECK_EQ(zx_db_begin_read(db, 50), 0);
	ZX_CHECK_EQ(zx_stmt_text(&s, db, many), 0);
	ZX_CHECK_EQ(zx_stmt_run(s), ETIMEDOUT);
	zx_db_end_read(db);
	/* and it is as good as new */
	ZX_CHECK_EQ(zx_db_begin_read(db, 1000), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT 7"), 7);
	zx_db_end_read(db);
	zx_store_close(st);
}

ZX_TEST(snapshot)
{
	struct zx_store *st;
	struct zx_stmt *s;
	struct zx_db *db;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_db_begin_read(db, 5000), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO settings VALUES ('a', 'b')"), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), 0);
	/* a statement left in the middle does not hold the snapshot */
	ZX_CHECK_EQ(zx_stmt_text(&s, db, many), 0);
	ZX_CHECK_EQ(zx_stmt_step(s), 0);
	zx_db_end_read(db);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), 1);
	/* a reader cannot write */
	ZX_CHECK_EQ(zx_stmt_text(&s, db, "DELETE FROM settings"), 0);
	ZX_CHECK(zx_stmt_run(s) != 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), 1);
	zx_store_close(st);
}

ZX_TEST(statements)
{
	struct zx_stmt *s, *again, *held;
	struct zx_store *st;
	struct zx_db *db;
	char sql[64];

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_stmt_text(&s, db, "SELECT :i, :r, :t, :b, :n"), 0);
	ZX_CHECK_EQ(zx_bind_int(s, "i", INT64_MIN), 0);
	ZX_CHECK_EQ(zx_bind_real(s, ":r", 0.5), 0);
	ZX_CHECK_EQ(zx_bind_text(s, ":t", "座席"), 0);
	ZX_CHECK_EQ(zx_bind_blob(s, ":b", "\0x", 2), 0);
	ZX_CHECK_EQ(zx_bind_text(s, ":n", NULL), 0);
	ZX_CHECK_EQ(zx_bind_int(s, ":nobody", 1), ENOENT);
	ZX_CHECK_EQ(zx_stmt_step(s), 0);
	ZX_CHECK(zx_col_int(s, 0) == INT64_MIN);
	ZX_CHECK(zx_col_real(s, 1) == 0.5);
	ZX_CHECK_STR(zx_col_text(s, 2), "座席");
	size_t n;
	ZX_CHECK(!memcmp(zx_col_blob(s, 3, &n), "\0x", 2) && n == 2);
	ZX_CHECK(zx_col_null(s, 4) && !*zx_col_text(s, 4) && !zx_col_null(s, 0));
	ZX_CHECK_EQ(zx_col_count(s), 5);
	ZX_CHECK_EQ(zx_stmt_step(s), ENODATA);
	/* bindings of the last use are gone */
	ZX_CHECK_EQ(zx_stmt_text(&again, db, "SELECT :i, :r, :t, :b, :n"), 0);
	ZX_CHECK(again == s);
	ZX_CHECK_EQ(zx_stmt_step(s), 0);
	ZX_CHECK(zx_col_null(s, 0));
	zx_stmt_reset(s);
	/* the least used is dropped, never one that is being read */
	ZX_CHECK_EQ(zx_stmt_text(&held, db, "SELECT 1 UNION ALL SELECT 2"), 0);
	ZX_CHECK_EQ(zx_stmt_step(held), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(sql, sizeof(sql), "SELECT %d AS n", i);
		ZX_CHECK_EQ(zx_stmt_text(&s, db, sql), 0);
		ZX_CHECK_EQ(zx_stmt_step(s), 0);
		ZX_CHECK_EQ(zx_col_int(s, 0), i);
		ZX_CHECK_STR(zx_col_name(s, 0), "n");
		zx_stmt_reset(s);
	}
	ZX_CHECK_EQ(zx_stmt_step(held), 0);
	ZX_CHECK_EQ(zx_col_int(held, 0), 2);
	zx_stmt_reset(held);
	ZX_CHECK(zx_stmt_text(&s, db, "SELEC 1") != 0);
	ZX_CHECK(zx_stmt_text(&s, db, "SELECT 1; DELETE FROM settings") != 0);
	ZX_CHECK(zx_stmt_text(&s, db, "") != 0);
	zx_store_close(st);
}

static void *thread_reads(void *arg)
{
	struct zx_store *st = arg;
	int64_t sum = 0;

	for (int i = 0; i < 200; i++)
		sum += tu_int(st, "SELECT count(*) FROM settings");
	return sum >= 0 ? NULL : arg;
}

/* Readers of threads that end, and of this one, which outlives the store. */
ZX_TEST(threads)
{
	struct zx_store *st;
	pthread_t th[8];
	void *res, *bad = NULL;

	for (int round = 0; round < 3; round++) {
		tu_fresh();
		st = tu_open();
		for (int i = 0; i < 8; i++)
			ZX_CHECK(!pthread_create(&th[i], NULL, thread_reads, st));
		for (int i = 0; i < 100; i++) {
			char sql[80];

			snprintf(sql, sizeof(sql), "INSERT INTO settings VALUES (%d, '')", i);
			ZX_CHECK_EQ(tu_exec(st, sql), 0);
		}
		for (int i = 0; i < 8; i++) {
			pthread_join(th[i], &res);
			bad = res ? res : bad;
		}
		ZX_CHECK(!bad);
		ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), 100);
		zx_store_close(st);
		ZX_CHECK(access(tu_path("zuoxi.db-wal"), F_OK)); /* the last connection went */
	}
}

/* The log does not grow without end under load, though somebody reads. */
ZX_TEST(log_bounded)
{
	struct zx_store *st;
	struct zx_db *db;
	struct stat sb;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	for (int i = 0; i < 1000; i++) {
		char sql[120];

		if (i % 100 == 0)
			ZX_CHECK_EQ(zx_db_begin_read(db, 10000), 0);
		if (i % 100 == 50)
			zx_db_end_read(db);
		if (i % 100 == 0)
			ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), i);
		snprintf(sql, sizeof(sql), "INSERT INTO settings VALUES ('%d', printf('%%0*d', 36000, 1))", i);
		ZX_CHECK_EQ(tu_exec(st, sql), 0);
	}
	ZX_CHECK(!stat(tu_path("zuoxi.db-wal"), &sb));
	printf("# log after 36 MB of rows: %u kB\n", (unsigned)(sb.st_size / 1024));
	ZX_CHECK(sb.st_size < 32 * 1024 * 1024);
	zx_store_close(st);
}

ZX_TEST(seal)
{
	struct zx_store *st;
	char token[512], token2[512], plain[128];
	unsigned bad = 0;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_seal(st, token, sizeof(token), "pässword 密码"), 0);
	ZX_CHECK_EQ(zx_seal(st, token2, sizeof(token2), "pässword 密码"), 0);
	ZX_CHECK(strcmp(token, token2) && !strstr(token, "word"));
	ZX_CHECK_EQ(zx_unseal(st, plain, sizeof(plain), token), 0);
	ZX_CHECK_STR(plain, "pässword 密码");
	ZX_CHECK_EQ(zx_seal(st, token2, sizeof(token2), ""), 0);
	ZX_CHECK_EQ(zx_unseal(st, plain, sizeof(plain), token2), 0);
	ZX_CHECK_STR(plain, "");
	for (size_t i = 0; token[i]; i++) {
		const char c = token[i];

		for (unsigned b = 1; b < 128; b++) {
			token[i] = (char)b;
			if (token[i] != c && zx_unseal(st, plain, sizeof(plain), token) != EBADMSG)
				bad++;
		}
		token[i] = c;
	}
	/* padding bits are the only thing base64 leaves open */
	printf("# changed tokens taken: %u\n", bad);
	ZX_CHECK(bad <= 15);
	for (size_t n = strlen(token) - 1; n; n--) {
		token[n] = '\0';
		ZX_CHECK_EQ(zx_unseal(st, plain, sizeof(plain), token), EBADMSG);
	}
	ZX_CHECK_EQ(zx_seal(st, token, 20, "too long for this"), EOVERFLOW);
	zx_store_close(st);
}

ZX_MAIN({"a read past its deadline ends", deadline}, {"a read sees one state", snapshot},
	{"statements bind, yield and are cached", statements}, {"every thread has its reader", threads},
	{"the log is copied back under load", log_bounded}, {"sealed secrets open only unchanged", seal})
