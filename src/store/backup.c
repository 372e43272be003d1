#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/priv.h"

enum { COPY_PAGES = 512, INSPECT_MAX = 100 };

unsigned zx_store_schema(void)
{
	return zx_sql_migrationc;
}

static int sync_path(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* Created before the engine opens it, so that nobody else can ever read it. */
static int make_file(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = fd < 0 || fchmod(fd, 0600) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* src is within a read: every step sees the same snapshot. */
static int copy_pages(sqlite3 *src, sqlite3 *dst, zx_store_progress_h *h, void *arg)
{
	sqlite3_backup *b = sqlite3_backup_init(dst, "main", src, "main");
	int rc = SQLITE_OK, err = 0;

	if (!b)
		return zx_sqlite_errno(dst, sqlite3_errcode(dst));
	while (rc == SQLITE_OK && !err) {
		rc = sqlite3_backup_step(b, COPY_PAGES);
		if (h && !h(sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b), sqlite3_backup_pagecount(b), arg))
			err = ECANCELED;
	}
	sqlite3_backup_finish(b);
	if (!err && rc != SQLITE_DONE)
		err = zx_sqlite_errno(dst, rc);
	return err;
}

int zx_db_copy(sqlite3 *src, const char *path, zx_store_progress_h *h, void *arg)
{
	sqlite3 *dst = NULL;
	int err = make_file(path);

	if (err)
		return err;
	err = zx_sqlite_errno(NULL, sqlite3_open_v2(path, &dst, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (!err)
		err = zx_sqlite_errno(dst, sqlite3_exec(dst, "PRAGMA synchronous=OFF", NULL, NULL, NULL));
	if (!err)
		err = zx_sqlite_errno(src, sqlite3_exec(src, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL));
	if (!err) {
		err = copy_pages(src, dst, h, arg);
		sqlite3_exec(src, "COMMIT", NULL, NULL, NULL);
	}
	/* one file, without a log of its own */
	if (!err)
		err = zx_sqlite_errno(dst, sqlite3_exec(dst, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL));
	if (sqlite3_close(dst) != SQLITE_OK && !err)
		err = EIO;
	if (!err)
		err = sync_path(path);
	if (err)
		(void)unlink(path);
	return err;
}

int zx_store_copy(struct zx_store *st, const char *path, zx_store_progress_h *h, void *arg)
{
	char file[ZX_PATH_LEN + 16];
	sqlite3 *src = NULL;
	int err;

	snprintf(file, sizeof(file), "%s/zuoxi.db", st->dir);
	err = zx_sqlite_errno(NULL, sqlite3_open_v2(file, &src, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));
	if (!err) {
		sqlite3_busy_timeout(src, 5000);
		err = zx_db_copy(src, path, h, arg);
	}
	sqlite3_close(src);
	return err;
}

/* ---- inspection ---- */

struct inspect {
	sqlite3 *h;
	zx_store_problem_h *problem;
	zx_store_progress_h *progress;
	void *arg;
	unsigned problems;
	int64_t done, total;
};

static bool told(struct inspect *in, const char *text)
{
	if (in->problems++ < INSPECT_MAX && in->problem)
		in->problem(text, in->arg);
	return in->problems < INSPECT_MAX;
}

static int on_look(void *arg)
{
	struct inspect *in = arg;

	return in->progress && !in->progress(in->done, in->total, in->arg);
}

/* Rows of an integrity check, each a complaint but "ok". */
static int inspect_sql(struct inspect *in, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(in->h, sql, -1, &s, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const char *t = (const char *)sqlite3_column_text(s, 0);

		rc = SQLITE_OK;
		if (t && strcmp(t, "ok") && !told(in, t))
			break;
	}
	sqlite3_finalize(s);
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT) {
		told(in, sqlite3_errmsg(in->h));
		return 0;
	}
	return rc == SQLITE_INTERRUPT ? ECANCELED : rc == SQLITE_DONE || rc == SQLITE_OK ? 0 : zx_sqlite_errno(in->h, rc);
}

static int inspect_keys(struct inspect *in, const char *table)
{
	sqlite3_stmt *s = NULL;
	char sql[200], text[300];
	int64_t n = 0;
	char parent[100] = "";
	int rc;

	sqlite3_snprintf(sizeof(sql), sql, "SELECT rowid, parent FROM pragma_foreign_key_check(%Q)", table);
	rc = sqlite3_prepare_v2(in->h, sql, -1, &s, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		n++;
		snprintf(parent, sizeof(parent), "%s", (const char *)sqlite3_column_text(s, 1));
		rc = SQLITE_OK;
	}
	sqlite3_finalize(s);
	if (n) {
		snprintf(text, sizeof(text), "%s: %lld rows refer to %s that are not there", table, (long long)n, parent);
		told(in, text);
	}
	return rc == SQLITE_INTERRUPT ? ECANCELED : 0;
}

static int inspect_tables(struct inspect *in)
{
	sqlite3_stmt *s = NULL;
	char sql[200], table[100];
	int err = 0, rc;

	rc = sqlite3_prepare_v2(in->h, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'", -1, &s, NULL);
	if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		in->total = sqlite3_column_int64(s, 0) + 1;
	sqlite3_finalize(s);
	s = NULL;
	rc = sqlite3_prepare_v2(in->h, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name", -1,
				&s, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW && !err) {
		rc = SQLITE_OK;
		snprintf(table, sizeof(table), "%s", (const char *)sqlite3_column_text(s, 0));
		sqlite3_snprintf(sizeof(sql), sql, "PRAGMA integrity_check(%Q)", table);
		err = inspect_sql(in, sql);
		if (!err)
			err = inspect_keys(in, table);
		in->done++;
		if (!err && on_look(in))
			err = ECANCELED;
	}
	sqlite3_finalize(s);
	if (!err && rc != SQLITE_DONE && rc != SQLITE_OK && rc != SQLITE_ROW)
		told(in, sqlite3_errmsg(in->h));
	/* what belongs to no table: pages nobody uses or two use */
	return err ? err : inspect_sql(in, "PRAGMA quick_check(10)");
}

int zx_store_inspect(const char *path, zx_store_problem_h *problem, zx_store_progress_h *h, void *arg, unsigned *problems)
{
	struct inspect in = {.problem = problem, .progress = h, .arg = arg};
	int err = zx_sqlite_errno(NULL, sqlite3_open_v2(path, &in.h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));

	if (!err) {
		sqlite3_busy_timeout(in.h, 5000);
		sqlite3_progress_handler(in.h, 100000, on_look, &in);
		err = inspect_tables(&in);
	}
	sqlite3_close(in.h);
	*problems = in.problems;
	return err;
}

/* ---- is a folder a store one can go on with ---- */

struct verify {
	char *why;
	size_t whylen;
	zx_store_progress_h *h;
	void *arg;
};

static void on_problem(const char *text, void *arg)
{
	struct verify *v = arg;

	if (!*v->why)
		snprintf(v->why, v->whylen, "%s", text);
}

static bool on_verify(int64_t done, int64_t total, void *arg)
{
	struct verify *v = arg;

	return !v->h || v->h(done, total, v->arg);
}

static enum zx_verify verify_result(int err)
{
	return err == EPROTONOSUPPORT ? ZX_VERIFY_NEWER : err == EINVAL || err == ENOENT ? ZX_VERIFY_FOREIGN : ZX_VERIFY_DAMAGED;
}

/* Every secret of an extension must open with the key beside the database. */
static int secrets_open(struct zx_store *st, struct zx_db *db)
{
	char plain[512];
	struct zx_stmt *s;
	int err = zx_stmt_text(&s, db, "SELECT secret FROM extensions");

	while (!err && !(err = zx_stmt_step(s))) {
		err = zx_unseal(st, plain, sizeof(plain), zx_col_text(s, 0));
		explicit_bzero(plain, sizeof(plain));
		if (err)
			zx_stmt_reset(s);
	}
	return err == ENODATA ? 0 : err;
}

static int op_clean(struct zx_db *db, void *arg)
{
	struct zx_stmt *s;
	int err = zx_stmt_text(&s, db, "DELETE FROM sessions");

	(void)arg;
	return err ? err : zx_stmt_run(s);
}

static int count_rows(struct zx_db *db, struct zx_store_counts *c)
{
	struct zx_stmt *s;
	int err = zx_stmt_text(&s, db,
			       "SELECT (SELECT count(*) FROM companies), (SELECT count(*) FROM users), (SELECT count(*) FROM extensions), "
			       "(SELECT count(*) FROM calls)");

	if (!err)
		err = zx_stmt_step(s);
	if (err)
		return err;
	*c = (struct zx_store_counts){zx_col_int(s, 0), zx_col_int(s, 1), zx_col_int(s, 2), zx_col_int(s, 3)};
	zx_stmt_reset(s);
	return 0;
}

static int verify_open(const char *dir, enum zx_verify *result, char *why, size_t whylen, struct zx_store_counts *counts)
{
	struct zx_store *st = NULL;
	int err = zx_store_open(&st, dir, why, whylen);

	if (err) {
		*result = verify_result(err);
		return err == ENOSPC || err == ENOMEM ? err : 0;
	}
	/* the writer's connection: nothing else works in this folder */
	err = secrets_open(st, st->db);
	if (err) {
		*result = ZX_VERIFY_KEY;
		snprintf(why, whylen, "secret.key does not open the passwords in the database");
		err = 0;
	} else {
		err = count_rows(st->db, counts);
		if (!err)
			err = zx_store_write_wait(st, op_clean, NULL);
		*result = ZX_VERIFY_GOOD;
	}
	zx_store_close(st);
	return err;
}

int zx_store_verify(const char *dir, enum zx_verify *result, char *why, size_t whylen, struct zx_store_counts *counts,
		    zx_store_progress_h *h, void *arg)
{
	struct verify v = {why, whylen, h, arg};
	char path[ZX_PATH_LEN + 32];
	unsigned problems = 0;
	int err;

	*why = '\0';
	memset(counts, 0, sizeof(*counts));
	snprintf(path, sizeof(path), "%s/zuoxi.db", dir);
	err = zx_store_check(path, why, whylen);
	if (err) {
		*result = verify_result(err);
		if (!*why)
			snprintf(why, whylen, "no database in it");
		return 0;
	}
	err = zx_store_inspect(path, on_problem, on_verify, &v, &problems);
	if (err)
		return err;
	if (problems) {
		*result = ZX_VERIFY_DAMAGED;
		return 0;
	}
	return verify_open(dir, result, why, whylen, counts);
}
