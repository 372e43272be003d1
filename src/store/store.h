/*
 * The store. The only room that includes sqlite3.h.
 *
 * One writer thread owns the only writing connection. Orders are queued, run one after the other inside one transaction (each in a
 * savepoint: an order that fails changes nothing and does not disturb the others), and committed together (WAL, synchronous=FULL); then
 * every order is acknowledged. What was acknowledged survives kill -9 and power loss. Readers are read-only connections, one a thread, with
 * a deadline for each read.
 */
#ifndef ZX_STORE_STORE_H
#define ZX_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zx_store;
struct zx_db;   /* a connection, bound to the thread that uses it */
struct zx_stmt; /* a prepared statement of a connection, cached, borrowed until the next use of the same one */

/* Opens or creates DIR/zuoxi.db, migrates it (schema/NNN_*.sql, compiled in), starts the writer. A damaged, foreign or newer
 * database is refused: the error in errbuf says what to do, and the file is untouched. */
int zx_store_open(struct zx_store **stp, const char *dir, char *errbuf, size_t errlen);
/* Whether zx_store_open() would take the database file at path, without touching it. ENOENT: there is none yet. */
int zx_store_check(const char *path, char *errbuf, size_t errlen);
/* Commits everything queued, then closes. */
void zx_store_close(struct zx_store *st);
/* The key (32 bytes) in DIR/secret.key that seals secrets at rest; made at first start, mode 600. */
const uint8_t *zx_store_key(const struct zx_store *st);
/* The data folder. */
const char *zx_store_dir(const struct zx_store *st);

/* ---- writing ---- */
typedef int(zx_store_op_h)(struct zx_db *db, void *arg); /* writer thread; returns errno, != 0 rolls this order back */
typedef void(zx_store_done_h)(int err, void *arg);       /* loop thread, after the commit; arg is the copy op worked on */

/* Queue an order; arg is copied (len bytes). With done it is committed within some 10 ms; without (NULL) it may wait 50 ms more for others,
 * which is much the cheaper: a commit costs some 300 us of CPU, an order 10. ENOSPC-like failures of the commit reach done of all. ENOBUFS:
 * 64 MB are queued. Any thread; never blocks. */
int zx_store_write(struct zx_store *st, zx_store_op_h *op, zx_store_done_h *done, const void *arg, size_t len);
/* The same from a thread that may block (web worker): waits for the commit; op works on arg itself. Not on the loop thread. */
int zx_store_write_wait(struct zx_store *st, zx_store_op_h *op, void *arg);

/* How the writer is. Any thread. */
struct zx_store_health {
	bool running;
	int64_t committed_at; /* wall ms of the last commit that went well; 0 none yet */
	int64_t failed_at;    /* of the last that did not; 0 none */
	uint64_t busy_ms;     /* how long it has been at the batch it works on now; 0: idle */
	unsigned queued;      /* orders that wait */
	int64_t file, wal;    /* bytes */
};
void zx_store_health(struct zx_store *st, struct zx_store_health *h);

/* ---- reading ---- */
/* The calling thread's read-only connection (opened at first use, closed with the thread). */
int zx_store_reader(struct zx_store *st, struct zx_db **dbp);
/* A read snapshot with a deadline: statements fail with ETIMEDOUT past it, so that nothing pins the WAL. */
int zx_db_begin_read(struct zx_db *db, unsigned deadline_ms);
void zx_db_end_read(struct zx_db *db);

/* ---- statements ---- */
/* By name from schema/queries/NAME.sql files (compiled in): "-- name: ext_by_number" starts each. ENOENT unknown. */
int zx_stmt_get(struct zx_stmt **sp, struct zx_db *db, const char *name);
/* Composed text, for store/query.c and the resource layer only: identifiers from constant tables, values bound. Cached by text. */
int zx_stmt_text(struct zx_stmt **sp, struct zx_db *db, const char *sql);
/* Parameters are named in the SQL (:name). ENOENT when the statement has no such parameter. Text is copied. */
int zx_bind_int(struct zx_stmt *s, const char *name, int64_t v);
int zx_bind_real(struct zx_stmt *s, const char *name, double v);
int zx_bind_text(struct zx_stmt *s, const char *name, const char *v); /* NULL binds NULL */
int zx_bind_blob(struct zx_stmt *s, const char *name, const void *v, size_t len);
/* 0 = a row, ENODATA = done (and reset), else errno: EEXIST unique, EINVAL check/foreign key, ETIMEDOUT, ENOSPC, EIO. */
int zx_stmt_step(struct zx_stmt *s);
/* Steps to the end; EOK when it ran. */
int zx_stmt_run(struct zx_stmt *s);
void zx_stmt_reset(struct zx_stmt *s);
int64_t zx_col_int(struct zx_stmt *s, int i);
double zx_col_real(struct zx_stmt *s, int i);
const char *zx_col_text(struct zx_stmt *s, int i); /* "" for NULL; valid until the next step */
const void *zx_col_blob(struct zx_stmt *s, int i, size_t *len);
bool zx_col_null(struct zx_stmt *s, int i);
int zx_col_count(struct zx_stmt *s);
const char *zx_col_name(struct zx_stmt *s, int i);
int64_t zx_db_last_id(struct zx_db *db);
int64_t zx_db_changes(struct zx_db *db);
/* What the engine said about the last failure on this connection, for the log. */
const char *zx_db_errmsg(struct zx_db *db);

/* ---- secrets at rest ---- */
/* AES-256-GCM with the store's key: text -> printable token, and back. EBADMSG when it was tampered with. */
int zx_seal(const struct zx_store *st, char *out, size_t outlen, const char *plain);
int zx_unseal(const struct zx_store *st, char *plain, size_t plainlen, const char *token);

#endif
