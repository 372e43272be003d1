/*
 * Every row that can still be read into a new database, which then takes the place of the damaged one like a restored backup does. Before
 * anything is opened: the damaged file is not written to.
 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/priv.h"

static const char flag[] = "rebuild.wanted", work[] = "rebuild.new";

enum { SQL = 8192, NAME_LEN = 96, TABLES_MAX = 256, TRIGGERS_MAX = 256 };

struct rebuild {
	sqlite3 *src, *dst;
	int64_t rows, tables, damaged;
	char lost[512]; /* tables of which something could not be read */
};

int zx_store_rebuild_plan(struct zx_store *st)
{
	const int fd = openat(st->dirfd, flag, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return fsync(st->dirfd) ? errno : 0;
}

int zx_store_rebuild_now(const char *dir, char *errbuf, size_t errlen)
{
	char path[ZX_PATH_LEN + 32];
	struct zx_store *st = NULL;
	int fd, err;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, flag) >= sizeof(path))
		return ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err = errno;
		snprintf(errbuf, errlen, "cannot write to %s: %s", dir, strerror(err));
		return err;
	}
	close(fd);
	err = zx_store_open(&st, dir, errbuf, errlen);
	zx_store_close(st);
	return err;
}

bool zx_store_rebuild_planned(struct zx_store *st)
{
	return !faccessat(st->dirfd, flag, F_OK, 0);
}

static int exec(sqlite3 *h, const char *sql)
{
	return zx_sqlite_errno(h, sqlite3_exec(h, sql, NULL, NULL, NULL));
}

/* ---- triggers would do again what the rows already tell ---- */

struct triggers {
	unsigned n;
	char *name[TRIGGERS_MAX], *sql[TRIGGERS_MAX];
};

static int triggers_drop(sqlite3 *h, struct triggers *t)
{
	char sql[NAME_LEN + 32];
	sqlite3_stmt *s = NULL;
	int err = zx_sqlite_errno(h, sqlite3_prepare_v2(h, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'", -1, &s, NULL));

	while (!err && t->n < TRIGGERS_MAX && sqlite3_step(s) == SQLITE_ROW) {
		t->name[t->n] = strdup((const char *)sqlite3_column_text(s, 0));
		t->sql[t->n] = strdup((const char *)sqlite3_column_text(s, 1));
		err = t->name[t->n] && t->sql[t->n] ? 0 : ENOMEM;
		t->n++;
	}
	sqlite3_finalize(s);
	for (unsigned i = 0; i < t->n && !err; i++) {
		sqlite3_snprintf(sizeof(sql), sql, "DROP TRIGGER \"%w\"", t->name[i]);
		err = exec(h, sql);
	}
	return err;
}

static int triggers_make(sqlite3 *h, struct triggers *t)
{
	int err = 0;

	for (unsigned i = 0; i < t->n; i++) {
		if (!err)
			err = exec(h, t->sql[i]);
		free(t->name[i]);
		free(t->sql[i]);
	}
	return err;
}

/* ---- one table ---- */

/* Its columns, quoted and separated; *n of them. */
static int columns_of(sqlite3 *h, const char *table, char *out, size_t len, int *n)
{
	char sql[NAME_LEN + 64];
	sqlite3_stmt *s = NULL;
	size_t at = 0;
	int err;

	sqlite3_snprintf(sizeof(sql), sql, "SELECT name FROM pragma_table_info(%Q)", table);
	err = zx_sqlite_errno(h, sqlite3_prepare_v2(h, sql, -1, &s, NULL));
	*n = 0;
	*out = '\0';
	while (!err && sqlite3_step(s) == SQLITE_ROW) {
		char *q = sqlite3_mprintf("%s\"%w\"", *n ? "," : "", sqlite3_column_text(s, 0));

		if (!q || at + strlen(q) >= len)
			err = ENOMEM;
		else
			at += (size_t)snprintf(out + at, len - at, "%s", q);
		sqlite3_free(q);
		++*n;
	}
	sqlite3_finalize(s);
	return err;
}

/* From one end until it cannot be read any more; *clean: all of it could. */
static int copy_rows(struct rebuild *r, const char *table, const char *cols, int n, bool back, bool *clean)
{
	char *sel = sqlite3_mprintf(back ? "SELECT %s FROM \"%w\" ORDER BY rowid DESC" : "SELECT %s FROM \"%w\"", cols, table);
	char *ins = sqlite3_mprintf("INSERT OR IGNORE INTO \"%w\" (%s) VALUES (?1", table, cols);
	sqlite3_stmt *from = NULL, *to = NULL;
	int rc = SQLITE_NOMEM, err;

	for (int i = 2; ins && i <= n + 1; i++) {
		char *more = i <= n ? sqlite3_mprintf("%s,?%d", ins, i) : sqlite3_mprintf("%s)", ins);

		sqlite3_free(ins);
		ins = more;
	}
	err = sel && ins ? zx_sqlite_errno(r->dst, sqlite3_prepare_v2(r->dst, ins, -1, &to, NULL)) : ENOMEM;
	if (!err)
		rc = sqlite3_prepare_v2(r->src, sel, -1, &from, NULL);
	while (!err && (rc == SQLITE_OK || rc == SQLITE_ROW) && (rc = sqlite3_step(from)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++)
			sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		/* a row that no longer meets a check is lost, too: the others are not */
		if (sqlite3_step(to) == SQLITE_DONE)
			r->rows += sqlite3_changes(r->dst);
		else if (sqlite3_errcode(r->dst) == SQLITE_FULL)
			err = ENOSPC;
		sqlite3_reset(to);
	}
	*clean = rc == SQLITE_DONE;
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	sqlite3_free(sel);
	sqlite3_free(ins);
	return err;
}

static int copy_table(struct rebuild *r, const char *table)
{
	char cols[SQL], sql[NAME_LEN + 32];
	bool clean = false, rest;
	int n, err;

	sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM \"%w\"", table); /* what migrations put there */
	err = exec(r->dst, sql);
	if (!err)
		err = columns_of(r->dst, table, cols, sizeof(cols), &n);
	if (!err)
		err = copy_rows(r, table, cols, n, false, &clean);
	if (!err && !clean)
		err = copy_rows(r, table, cols, n, true, &rest);
	r->tables++;
	if (!err && !clean) {
		const size_t at = strlen(r->lost);

		r->damaged++;
		snprintf(r->lost + at, sizeof(r->lost) - at, "%s%s", at ? " " : "", table);
	}
	return err;
}

static int copy_all(struct rebuild *r)
{
	char(*names)[NAME_LEN] = calloc(TABLES_MAX, sizeof(*names));
	struct triggers *t = calloc(1, sizeof(*t));
	sqlite3_stmt *s = NULL;
	unsigned n = 0;
	int err = names && t ? exec(r->dst, "PRAGMA foreign_keys=0; BEGIN IMMEDIATE") : ENOMEM;

	if (!err)
		err = triggers_drop(r->dst, t);
	if (!err)
		err = zx_sqlite_errno(
		    r->dst, sqlite3_prepare_v2(r->dst, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
					       -1, &s, NULL));
	while (!err && n < TABLES_MAX && sqlite3_step(s) == SQLITE_ROW)
		snprintf(names[n++], NAME_LEN, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	for (unsigned i = 0; i < n && !err; i++)
		err = copy_table(r, names[i]);
	if (t) {
		const int err2 = triggers_make(r->dst, t);
		err = err ? err : err2;
	}
	if (!err)
		err = exec(r->dst, "COMMIT; PRAGMA foreign_keys=1");
	free(names);
	free(t);
	return err;
}

/* ---- the whole ---- */

static int note(struct rebuild *r)
{
	char *sql = sqlite3_mprintf("INSERT OR REPLACE INTO settings (name, value) VALUES ('system.rebuild', "
				    "json_object('at', %lld, 'rows', %lld, 'tables', %lld, 'damaged', %lld, 'lost', %Q))",
				    (long long)zx_wall_ms(), (long long)r->rows, (long long)r->tables, (long long)r->damaged, r->lost);
	int err = sql ? exec(r->dst, sql) : ENOMEM;

	sqlite3_free(sql);
	return err;
}

static int salvage(struct zx_store *st, struct rebuild *r, char *errbuf, size_t errlen)
{
	char from[ZX_PATH_LEN + 16], dir[ZX_PATH_LEN + 16];
	struct zx_store *fresh = NULL;
	struct zx_store_repair fixed;
	int err;

	snprintf(from, sizeof(from), "%s/zuoxi.db", st->dir);
	snprintf(dir, sizeof(dir), "%s/%s", st->dir, work);
	err = zx_store_open(&fresh, dir, errbuf, errlen);
	if (err)
		return err;
	/* its writer has no orders: the connection is ours */
	r->dst = fresh->db->h;
	err = zx_sqlite_errno(NULL, sqlite3_open_v2(from, &r->src, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (!err) {
		sqlite3_db_config(r->src, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		(void)exec(r->src, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA query_only=1");
		err = copy_all(r);
	}
	sqlite3_close(r->src);
	if (!err)
		err = note(r);
	if (!err)
		err = zx_store_repair(fresh, &fixed, NULL, NULL);
	zx_store_close(fresh);
	if (err)
		snprintf(errbuf, errlen, "the database in %s cannot be rebuilt: %s", st->dir, strerror(err));
	return err;
}

static void remove_work(struct zx_store *st)
{
	static const char *const files[] = {"rebuild.new/zuoxi.db", "rebuild.new/zuoxi.db-wal", "rebuild.new/zuoxi.db-shm",
					    "rebuild.new/secret.key", "rebuild.new/aside"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlinkat(st->dirfd, files[i], 0);
	(void)unlinkat(st->dirfd, work, AT_REMOVEDIR);
}

/* As a restore that waits: the swap is the same. */
static int make_ready(struct zx_store *st)
{
	char text[64];
	time_t t = time(NULL);
	struct tm tm;
	int fd, err = 0;

	strftime(text, sizeof(text), "before-restore-%Y%m%d-%H%M%S\n", localtime_r(&t, &tm));
	(void)unlinkat(st->dirfd, "rebuild.new/secret.key", 0); /* the old one stays */
	fd = openat(st->dirfd, "rebuild.new/aside", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd))
		err = errno ? errno : EIO;
	close(fd);
	if (!err && (renameat(st->dirfd, work, st->dirfd, "restore.ready") || unlinkat(st->dirfd, flag, 0) || fsync(st->dirfd)))
		err = errno;
	return err;
}

int zx_store_rebuild(struct zx_store *st, char *errbuf, size_t errlen)
{
	struct rebuild r = {.rows = 0};
	int err;

	if (!zx_store_rebuild_planned(st))
		return 0;
	/* a backup that waits says what is wanted; and a restore under way ends first */
	if (!faccessat(st->dirfd, "restore.ready", F_OK, 0) || faccessat(st->dirfd, "zuoxi.db", F_OK, 0)) {
		(void)unlinkat(st->dirfd, flag, 0);
		return 0;
	}
	zx_log(ZX_WARN, "store", "rebuilding the database in %s", st->dir);
	remove_work(st);
	err = salvage(st, &r, errbuf, errlen);
	if (!err) {
		err = make_ready(st);
		if (err)
			snprintf(errbuf, errlen, "the rebuilt database in %s cannot be put in place: %s", st->dir, strerror(err));
	}
	if (!err)
		zx_log(ZX_WARN, "store", "rebuilt: %lld rows of %lld tables%s%s", (long long)r.rows, (long long)r.tables,
		       r.damaged ? "; parts could not be read of: " : "", r.lost);
	return err;
}
