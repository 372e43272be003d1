/* Inside the store room only: what its files share. */
#ifndef ZX_STORE_PRIV_H
#define ZX_STORE_PRIV_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/sql.h"
#include "store/store.h"

enum {
	ZX_STORE_APP_ID = 0x5a784462, /* "ZxDb" */
	ZX_STORE_KEY_LEN = 32,
	ZX_STMT_TEXTS = 16, /* composed statements kept by a connection */
	ZX_STMT_HOT = 64,   /* names remembered by address; a power of two */
	ZX_PATH_LEN = 512,
};

struct zx_stmt {
	struct zx_db *db;
	sqlite3_stmt *s;
	bool busy; /* stepped and neither done nor reset */
};

/* Used by one thread at a time: the writer's by the writer, a reader's by its thread. */
struct zx_db {
	sqlite3 *h;
	struct zx_store *st;
	struct zx_db *next; /* readers; under readers_lock of reader.c */
	struct zx_stmt *named;
	struct {
		const char *name;
		unsigned i;
	} hot[ZX_STMT_HOT];
	struct {
		char *sql;
		uint64_t used;
		struct zx_stmt s;
	} text[ZX_STMT_TEXTS];
	uint64_t text_clock;
	uint64_t deadline; /* zx_mono_ms(); 0 none */
	unsigned busy;     /* statements with .busy */
	bool writer, reading;
};

struct zx_order {
	struct zx_order *next;
	struct zx_store *st;
	zx_store_op_h *op;
	zx_store_done_h *done;
	struct zx_waiter *waiter; /* somebody waits: the order is on his stack, arg is his */
	void *arg;
	size_t size; /* charged to the queue */
	int err;
	_Alignas(16) unsigned char data[];
};

/* How soon an order wants its commit: nobody waits, the loop is told, a thread waits. */
enum zx_haste { ZX_LAZY, ZX_SOON, ZX_NOW };

struct zx_store {
	char dir[ZX_PATH_LEN];
	int dirfd;
	uint8_t key[ZX_STORE_KEY_LEN];
	struct zx_db *db; /* the writer's */
	pthread_key_t reader_key;
	bool have_key;

	pthread_t writer;
	bool running;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;  /* of the writer */
	struct zx_order *head, **tail;
	size_t bytes; /* queued and in work */
	unsigned queued;
	enum zx_haste haste;      /* of the most urgent order in the queue */
	unsigned soon, soon_last; /* orders the loop is to be told of: in the queue, in the batch before */
	bool stop;
	uint64_t busy_since; /* mono ms; 0 idle */
	int64_t committed_at, failed_at;

	/* writer thread only */
	int wal_frames; /* in the log and not known to be copied back */
	int wal_last;   /* in the log after the last commit */
	int wal_next;   /* when to copy back under load */
};

/* connection.c */
int zx_db_open(struct zx_db **dbp, struct zx_store *st, bool writer);
void zx_db_close(struct zx_db *db);
/* Statements an order or a reader left in the middle. */
void zx_db_reset_all(struct zx_db *db);
int zx_db_exec(struct zx_db *db, const char *sql);
int zx_sqlite_errno(sqlite3 *h, int rc);

/* backup.c: a whole copy in a new file */
int zx_db_copy(sqlite3 *src, const char *path, bool (*progress)(int64_t done, int64_t total, void *arg), void *arg);

/* restore.c: DATA/restore.ready into its place; the folder is ours alone */
int zx_store_restore(struct zx_store *st, char *errbuf, size_t errlen);

/* rebuild.c: what zx_store_rebuild_plan() asked for; ends as a restore that waits */
int zx_store_rebuild(struct zx_store *st, char *errbuf, size_t errlen);

/* reader.c */
int zx_readers_init(struct zx_store *st);
void zx_readers_close(struct zx_store *st);

/* writer.c */
int zx_writer_start(struct zx_store *st);
void zx_writer_stop(struct zx_store *st);

/* key.c */
int zx_store_key_load(struct zx_store *st, bool fresh, char *errbuf, size_t errlen);

#endif
