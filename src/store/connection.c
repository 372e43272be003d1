#include "store/priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	PROGRESS_OPS = 2000,  /* VM steps between two looks at the clock, some 20 µs */
	BUSY_MS = 5000,       /* patience with another program that holds the file */
	STATEMENT_MS = 10000, /* deadline of a reader's statement outside zx_db_begin_read() */
};

/* The system's reason for a failed read or write; the log's file knows its own. */
static int io_errno(sqlite3 *h)
{
	sqlite3_file *log = NULL;
	int e = sqlite3_system_errno(h);

	if (!e && sqlite3_file_control(h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log && log->pMethods)
		(void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &e);
	return e == ENOSPC || e == EDQUOT || e == EFBIG ? ENOSPC : EIO;
}

int zx_sqlite_errno(sqlite3 *h, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		switch (h ? sqlite3_extended_errcode(h) : rc) {
		case SQLITE_CONSTRAINT_UNIQUE:
		case SQLITE_CONSTRAINT_PRIMARYKEY:
		case SQLITE_CONSTRAINT_ROWID:
			return EEXIST;
		default:
			return EINVAL;
		}
	case SQLITE_INTERRUPT:
		return ETIMEDOUT;
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_TOOBIG:
		return E2BIG;
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
		return EINVAL;
	case SQLITE_MISUSE:
		return EPROTO;
	case SQLITE_IOERR:
		return h ? io_errno(h) : EIO;
	default:
		return EIO;
	}
}

static int on_progress(void *arg)
{
	const struct zx_db *db = arg;

	return db->deadline && zx_mono_ms() >= db->deadline;
}

int zx_db_exec(struct zx_db *db, const char *sql)
{
	return zx_sqlite_errno(db->h, sqlite3_exec(db->h, sql, NULL, NULL, NULL));
}

/* Caches are small: a reader lives in every web worker, and the kernel caches the file anyway. */
static const char pragmas_reader[] = "PRAGMA query_only=1; PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY;";
static const char pragmas_writer[] = "PRAGMA foreign_keys=1; PRAGMA synchronous=FULL; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;"
				     "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216; PRAGMA secure_delete=FAST;";

int zx_db_open(struct zx_db **dbp, struct zx_store *st, bool writer)
{
	char path[ZX_PATH_LEN + 16];
	struct zx_db *db;
	int err;

	db = calloc(1, sizeof(*db));
	if (!db)
		return ENOMEM;
	db->st = st;
	db->writer = writer;
	db->named = calloc(zx_sql_statementc ? zx_sql_statementc : 1, sizeof(*db->named));
	if (!db->named) {
		err = ENOMEM;
		goto out;
	}
	snprintf(path, sizeof(path), "%s/zuoxi.db", st->dir);
	err = zx_sqlite_errno(
	    NULL, sqlite3_open_v2(path, &db->h, (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX, NULL));
	if (err)
		goto out;
	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_timeout(db->h, BUSY_MS);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (!writer)
		sqlite3_progress_handler(db->h, PROGRESS_OPS, on_progress, db);
	err = zx_db_exec(db, writer ? pragmas_writer : pragmas_reader);
	if (err)
		goto out;
	*dbp = db;
out:
	if (err)
		zx_db_close(db);
	return err;
}

void zx_db_close(struct zx_db *db)
{
	if (!db)
		return;
	for (unsigned i = 0; db->named && i < zx_sql_statementc; i++)
		sqlite3_finalize(db->named[i].s);
	for (unsigned i = 0; i < ZX_STMT_TEXTS; i++) {
		sqlite3_finalize(db->text[i].s.s);
		free(db->text[i].sql);
	}
	if (sqlite3_close(db->h) != SQLITE_OK)
		zx_log(ZX_ERROR, "store", "closing: %s", sqlite3_errmsg(db->h));
	free(db->named);
	free(db);
}

const char *zx_db_errmsg(struct zx_db *db)
{
	return sqlite3_errmsg(db->h);
}

int64_t zx_db_last_id(struct zx_db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}

int64_t zx_db_changes(struct zx_db *db)
{
	return sqlite3_changes64(db->h);
}

/* ---- finding a statement ---- */
static int find_named(unsigned *ip, const char *name)
{
	unsigned lo = 0, hi = zx_sql_statementc;

	while (lo < hi) {
		const unsigned mid = (lo + hi) / 2;
		const int c = strcmp(name, zx_sql_statements[mid].name);

		if (!c) {
			*ip = mid;
			return 0;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return ENOENT;
}

static int prepare(struct zx_stmt *s, struct zx_db *db, const char *sql)
{
	const char *tail = NULL;
	sqlite3_stmt *st = NULL;
	int err;

	err = zx_sqlite_errno(db->h, sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, &tail));
	if (!err && !st)
		err = EINVAL;
	/* one statement only */
	if (!err && tail && tail[strspn(tail, "; \t\r\n")])
		err = EINVAL;
	if (err) {
		zx_log(ZX_ERROR, "store", "prepare: %s", sqlite3_errmsg(db->h));
		sqlite3_finalize(st);
		return err;
	}
	s->db = db;
	s->s = st;
	return 0;
}

static void make_ready(struct zx_stmt *s)
{
	zx_stmt_reset(s);
	sqlite3_clear_bindings(s->s);
}

int zx_stmt_get(struct zx_stmt **sp, struct zx_db *db, const char *name)
{
	const unsigned slot = ((uintptr_t)name >> 3 ^ (uintptr_t)name >> 9) & (ZX_STMT_HOT - 1);
	unsigned i;
	int err;

	/* a literal keeps its address; the content is compared all the same */
	if (db->hot[slot].name == name && !strcmp(zx_sql_statements[db->hot[slot].i].name, name)) {
		i = db->hot[slot].i;
	} else {
		err = find_named(&i, name);
		if (err) {
			zx_log(ZX_ERROR, "store", "no statement named %s", name);
			return err;
		}
		db->hot[slot].name = name;
		db->hot[slot].i = i;
	}
	if (!db->named[i].s) {
		err = prepare(&db->named[i], db, zx_sql_statements[i].sql);
		if (err)
			return err;
	}
	make_ready(&db->named[i]);
	*sp = &db->named[i];
	return 0;
}

int zx_stmt_text(struct zx_stmt **sp, struct zx_db *db, const char *sql)
{
	unsigned oldest = ZX_STMT_TEXTS;
	char *copy;
	int err;

	db->text_clock++;
	for (unsigned i = 0; i < ZX_STMT_TEXTS; i++) {
		if (db->text[i].sql && !strcmp(db->text[i].sql, sql)) {
			db->text[i].used = db->text_clock;
			make_ready(&db->text[i].s);
			*sp = &db->text[i].s;
			return 0;
		}
		/* one that is being read stays where it is: somebody holds it */
		if (!db->text[i].s.busy && (oldest == ZX_STMT_TEXTS || db->text[i].used < db->text[oldest].used))
			oldest = i;
	}
	if (oldest == ZX_STMT_TEXTS)
		return EBUSY;
	copy = strdup(sql);
	if (!copy)
		return ENOMEM;
	sqlite3_finalize(db->text[oldest].s.s);
	db->text[oldest].s.s = NULL;
	free(db->text[oldest].sql);
	db->text[oldest].sql = NULL;
	db->text[oldest].used = 0;
	err = prepare(&db->text[oldest].s, db, sql);
	if (err) {
		free(copy);
		return err;
	}
	db->text[oldest].sql = copy;
	db->text[oldest].used = db->text_clock;
	*sp = &db->text[oldest].s;
	return 0;
}

/* ---- running one ---- */
int zx_stmt_step(struct zx_stmt *s)
{
	struct zx_db *db = s->db;
	int rc, err;

	if (!s->busy) {
		s->busy = true;
		db->busy++;
		if (!db->writer && !db->reading)
			db->deadline = zx_mono_ms() + STATEMENT_MS;
	}
	if (db->deadline && zx_mono_ms() >= db->deadline) {
		zx_stmt_reset(s);
		return ETIMEDOUT;
	}
	rc = sqlite3_step(s->s);
	if (rc == SQLITE_ROW)
		return 0;
	err = rc == SQLITE_DONE ? ENODATA : zx_sqlite_errno(db->h, rc);
	zx_stmt_reset(s);
	return err;
}

int zx_stmt_run(struct zx_stmt *s)
{
	int err;

	do
		err = zx_stmt_step(s);
	while (!err);
	return err == ENODATA ? 0 : err;
}

void zx_stmt_reset(struct zx_stmt *s)
{
	if (!s->busy)
		return;
	s->busy = false;
	s->db->busy--;
	sqlite3_reset(s->s);
}

void zx_db_reset_all(struct zx_db *db)
{
	if (!db->busy)
		return;
	for (unsigned i = 0; i < zx_sql_statementc; i++)
		zx_stmt_reset(&db->named[i]);
	for (unsigned i = 0; i < ZX_STMT_TEXTS; i++)
		zx_stmt_reset(&db->text[i].s);
}
