/*
 * The writer: orders -> one transaction -> commit -> outbox -> loop.
 *
 *   any thread --queue--> writer [BEGIN, (SAVEPOINT op RELEASE)*, COMMIT + fsync] --outbox, one post--> loop: done()
 *
 * A commit costs some 300 us of CPU and 1 to 3 ms of waiting, whatever is in it (an fsync on a virtual disk): the price of a batch, not of
 * an order. So orders gather before a batch: not at all when a thread waits, a few ms when the loop wants to be told, longer when nobody
 * does. A batch is closed by time, too, so that an order waits for little more than one commit.
 */
#include "store/priv.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/loop.h"

enum {
	LAZY_US = 50000,     /* pause for more orders when nobody is to be told */
	SOON_US = 2000,      /* when the loop is */
	SOON_BUSY_US = 6000, /* the same when the last batch had many such orders */
	SOON_MANY = 8,
	GATHER_ENOUGH = 512,          /* orders that end any pause */
	BATCH_US = 4000,              /* work in a transaction before it is committed */
	QUEUE_MAX = 64 * 1024 * 1024, /* bytes of orders not yet committed */
	SLOW_US = 250000,             /* an order that holds up the others this long is worth a line */
	IDLE_MS = 200,                /* without orders before the log is copied back */
	WAL_IDLE = 64,                /* frames worth copying back when idle */
	WAL_BUSY = 4000,              /* frames that make it worth while under load (16 MB) */
	WAL_AGAIN = 500,              /* more frames before the next try, when a reader still needs the log */
};

struct zx_waiter {
	pthread_cond_t cond;
	bool ready;
};

/* Orders committed and not yet told to the loop; one for the process, so that a post outlives any store. */
static struct {
	pthread_mutex_t lock;
	struct zx_order *head, **tail;
	bool posted;
} outbox = {PTHREAD_MUTEX_INITIALIZER, NULL, &outbox.head, false};

static void outbox_run(void *data, size_t len)
{
	struct zx_order *o, *next;

	(void)data;
	(void)len;
	pthread_mutex_lock(&outbox.lock);
	o = outbox.head;
	outbox.head = NULL;
	outbox.tail = &outbox.head;
	outbox.posted = false;
	pthread_mutex_unlock(&outbox.lock);
	for (; o; o = next) {
		next = o->next;
		o->done(o->err, o->arg);
		free(o);
	}
}

static void outbox_put(struct zx_order *list)
{
	bool post;

	if (!list)
		return;
	pthread_mutex_lock(&outbox.lock);
	*outbox.tail = list;
	while (*outbox.tail)
		outbox.tail = &(*outbox.tail)->next;
	post = !outbox.posted;
	outbox.posted = true;
	pthread_mutex_unlock(&outbox.lock);
	if (post && zx_loop_post(outbox_run, NULL, 0)) {
		pthread_mutex_lock(&outbox.lock);
		outbox.posted = false; /* the next batch tries again */
		pthread_mutex_unlock(&outbox.lock);
	}
}

/* The loop has ended or will not look again: nobody is told. */
static void outbox_purge(const struct zx_store *st)
{
	struct zx_order **pp, *o;

	pthread_mutex_lock(&outbox.lock);
	for (pp = &outbox.head; (o = *pp);) {
		if (o->st == st) {
			*pp = o->next;
			free(o);
		} else {
			pp = &o->next;
		}
	}
	outbox.tail = pp;
	pthread_mutex_unlock(&outbox.lock);
}

/* ---- the writer's side ---- */
static int exec_named(struct zx_db *db, const char *name)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, name);
	return err ? err : zx_stmt_run(s);
}

/* Whether the engine has ended the transaction by itself, as it does when the disk is full. */
static bool transaction_lost(const struct zx_db *db)
{
	return sqlite3_get_autocommit(db->h);
}

static int order_run(struct zx_db *db, struct zx_order *o)
{
	const uint64_t t = zx_mono_us();
	int err, err2;

	err = exec_named(db, "tx_order");
	if (err)
		return err;
	err = o->op(db, o->arg);
	zx_db_reset_all(db);
	if (transaction_lost(db))
		return err ? err : EIO;
	if (err) {
		err2 = exec_named(db, "tx_order_undo");
		if (!err2)
			err2 = exec_named(db, "tx_order_keep");
	} else {
		err2 = err = exec_named(db, "tx_order_keep");
	}
	/* what cannot be undone must not be committed with the others' work */
	if (err2 && !transaction_lost(db))
		(void)zx_db_exec(db, "ROLLBACK");
	if (zx_mono_us() - t > SLOW_US)
		zx_log(ZX_WARN, "store", "an order took %u ms", (unsigned)((zx_mono_us() - t) / 1000));
	return err;
}

/* Tells everybody; the orders' memory goes. */
static void deliver(struct zx_store *st, struct zx_order *list, int commit_err)
{
	struct zx_order *o, *next, *out = NULL, **tail = &out;
	size_t bytes = 0;
	unsigned n = 0;

	for (o = list; o; o = o->next) {
		bytes += o->size;
		n++;
	}
	pthread_mutex_lock(&st->lock);
	st->bytes -= bytes;
	st->queued -= n;
	st->busy_since = 0;
	*(commit_err ? &st->failed_at : &st->committed_at) = zx_wall_ms();
	for (o = list; o; o = next) {
		next = o->next;
		if (o->waiter) {
			/* his stack: not ours any more after this */
			o->waiter->ready = true;
			pthread_cond_signal(&o->waiter->cond);
		} else if (o->done) {
			*tail = o;
			tail = &o->next;
		} else {
			free(o);
		}
	}
	*tail = NULL;
	pthread_mutex_unlock(&st->lock);
	outbox_put(out);
}

static void fail_all(struct zx_order *list, int err)
{
	for (; list; list = list->next) {
		if (!list->err)
			list->err = err;
	}
}

/* Copies the log back into the file. A reader that pins it is not waited for. */
static void checkpoint(struct zx_store *st)
{
	int log = 0, done = 0, rc;

	rc = sqlite3_wal_checkpoint_v2(st->db->h, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &done);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
		static struct zx_log_site site;

		zx_log_limited(&site, 3, ZX_ERROR, "store", "checkpoint: %s", sqlite3_errmsg(st->db->h));
	}
	/* all copied: the next commit starts the log from its beginning, unless somebody reads it */
	st->wal_next = log + WAL_AGAIN > WAL_BUSY ? log + WAL_AGAIN : WAL_BUSY;
	if (rc == SQLITE_OK && log == done)
		st->wal_frames = 0;
}

static int on_wal(void *arg, sqlite3 *h, const char *name, int frames)
{
	struct zx_store *st = arg;

	(void)h;
	(void)name;
	if (frames < st->wal_last)
		st->wal_next = WAL_BUSY; /* begun anew */
	st->wal_frames = st->wal_last = frames;
	return SQLITE_OK;
}

/* Runs orders from the list until it ends or time is up, commits, delivers; the rest of the list. */
static struct zx_order *batch_run(struct zx_store *st, struct zx_order *list)
{
	const uint64_t start = zx_mono_us();
	struct zx_order *o = list, *last = NULL;
	struct zx_db *db = st->db;
	int err;

	pthread_mutex_lock(&st->lock);
	st->busy_since = zx_mono_ms();
	pthread_mutex_unlock(&st->lock);
	err = exec_named(db, "tx_begin");
	while (o && !err && (!last || zx_mono_us() - start < BATCH_US)) {
		o->err = order_run(db, o);
		if (transaction_lost(db))
			err = o->err ? o->err : EIO;
		last = o;
		o = o->next;
	}
	if (!err) {
		err = exec_named(db, "tx_commit");
	} else if (!last) {
		/* not even begun: the same would happen to all of them */
		for (last = list; last->next; last = last->next)
			;
		o = NULL;
	}
	last->next = NULL;
	if (err) {
		static struct zx_log_site site;

		zx_log_limited(&site, 3, ZX_ERROR, "store", "writing failed: %s (%s)", strerror(err), sqlite3_errmsg(db->h));
		if (!transaction_lost(db))
			(void)zx_db_exec(db, "ROLLBACK");
		fail_all(list, err);
		if (err == ENOSPC)
			checkpoint(st); /* the log's own space can then be used again */
	}
	deliver(st, list, err);
	return o;
}

static void wait_until(struct zx_store *st, uint64_t mono_us)
{
	const struct timespec ts = {.tv_sec = (time_t)(mono_us / 1000000), .tv_nsec = (long)(mono_us % 1000000) * 1000};

	pthread_cond_timedwait(&st->wake, &st->lock, &ts);
}

/* Nothing to do: the log is copied back after a while. */
static void wait_idle(struct zx_store *st)
{
	const uint64_t until = zx_mono_us() + IDLE_MS * 1000;

	while (!st->head && !st->stop) {
		if (st->wal_frames < WAL_IDLE) {
			pthread_cond_wait(&st->wake, &st->lock);
		} else if (zx_mono_us() < until) {
			wait_until(st, until);
		} else {
			pthread_mutex_unlock(&st->lock);
			checkpoint(st);
			pthread_mutex_lock(&st->lock);
			st->wal_frames = 0; /* if a reader needs the log: not again before the next commit */
		}
	}
}

static void wait_gather(struct zx_store *st)
{
	const uint64_t lazy = zx_mono_us() + LAZY_US;
	uint64_t soon = 0;

	while (!st->stop && st->haste < ZX_NOW && st->queued < GATHER_ENOUGH) {
		const uint64_t now = zx_mono_us();

		if (st->haste == ZX_SOON && !soon)
			soon = now + (st->soon_last >= SOON_MANY ? SOON_BUSY_US : SOON_US);
		if (now >= (soon && soon < lazy ? soon : lazy))
			return;
		wait_until(st, soon && soon < lazy ? soon : lazy);
	}
}

/* Waits for orders; NULL: stop. Called and returns with the lock held. */
static struct zx_order *next_orders(struct zx_store *st)
{
	struct zx_order *list;

	wait_idle(st);
	if (st->head)
		wait_gather(st);
	list = st->head;
	st->head = NULL;
	st->tail = &st->head;
	st->haste = ZX_LAZY;
	st->soon_last = st->soon;
	st->soon = 0;
	return list;
}

static void *writer_main(void *arg)
{
	struct zx_store *st = arg;
	struct zx_order *list;

	pthread_mutex_lock(&st->lock);
	while ((list = next_orders(st))) {
		pthread_mutex_unlock(&st->lock);
		while (list) {
			list = batch_run(st, list);
			if (st->wal_frames >= st->wal_next)
				checkpoint(st);
		}
		pthread_mutex_lock(&st->lock);
	}
	pthread_mutex_unlock(&st->lock);
	return NULL;
}

int zx_writer_start(struct zx_store *st)
{
	pthread_condattr_t attr;
	int err;

	st->tail = &st->head;
	st->wal_next = WAL_BUSY;
	sqlite3_wal_hook(st->db->h, on_wal, st);
	pthread_mutex_init(&st->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&st->wake, &attr);
	pthread_condattr_destroy(&attr);
	err = pthread_create(&st->writer, NULL, writer_main, st);
	if (err) {
		pthread_cond_destroy(&st->wake);
		pthread_mutex_destroy(&st->lock);
		return err;
	}
	st->running = true;
	return 0;
}

void zx_writer_stop(struct zx_store *st)
{
	if (!st->running)
		return;
	pthread_mutex_lock(&st->lock);
	st->stop = true;
	pthread_cond_signal(&st->wake);
	pthread_mutex_unlock(&st->lock);
	pthread_join(st->writer, NULL);
	pthread_cond_destroy(&st->wake);
	pthread_mutex_destroy(&st->lock);
	st->running = false;
	outbox_purge(st);
}

/* ---- the others' side ---- */
static int enqueue(struct zx_store *st, struct zx_order *o)
{
	const enum zx_haste haste = o->waiter ? ZX_NOW : o->done ? ZX_SOON : ZX_LAZY;
	int err = 0;

	o->next = NULL;
	pthread_mutex_lock(&st->lock);
	if (st->stop) {
		err = ESHUTDOWN;
	} else if (st->bytes + o->size > QUEUE_MAX) {
		err = ENOBUFS;
	} else {
		*st->tail = o;
		st->tail = &o->next;
		st->bytes += o->size;
		st->queued++;
		st->soon += haste == ZX_SOON;
		/* the writer looks again at the first order, and when it has to hurry */
		if (st->head == o || haste > st->haste || st->queued == GATHER_ENOUGH)
			pthread_cond_signal(&st->wake);
		if (haste > st->haste)
			st->haste = haste;
	}
	pthread_mutex_unlock(&st->lock);
	return err;
}

int zx_store_write(struct zx_store *st, zx_store_op_h *op, zx_store_done_h *done, const void *arg, size_t len)
{
	struct zx_order *o;
	int err;

	o = malloc(sizeof(*o) + len);
	if (!o)
		return ENOMEM;
	*o = (struct zx_order){.st = st, .op = op, .done = done, .arg = o->data, .size = sizeof(*o) + len};
	if (len)
		memcpy(o->data, arg, len);
	err = enqueue(st, o);
	if (err) {
		static struct zx_log_site site;

		zx_log_limited(&site, 3, ZX_ERROR, "store", "an order was not taken: %s", strerror(err));
		free(o);
	}
	return err;
}

int zx_store_write_wait(struct zx_store *st, zx_store_op_h *op, void *arg)
{
	struct zx_waiter w = {PTHREAD_COND_INITIALIZER, false};
	struct zx_order o = {.st = st, .op = op, .waiter = &w, .arg = arg, .size = sizeof(o)};
	int err;

	err = enqueue(st, &o);
	if (err)
		return err;
	pthread_mutex_lock(&st->lock);
	while (!w.ready)
		pthread_cond_wait(&w.cond, &st->lock);
	pthread_mutex_unlock(&st->lock);
	pthread_cond_destroy(&w.cond);
	return o.err;
}

void zx_store_health(struct zx_store *st, struct zx_store_health *h)
{
	char path[ZX_PATH_LEN + 32];
	struct stat sb;

	memset(h, 0, sizeof(*h));
	if (st->running) {
		pthread_mutex_lock(&st->lock);
		h->running = !st->stop;
		h->committed_at = st->committed_at;
		h->failed_at = st->failed_at;
		h->queued = st->queued;
		if (st->busy_since)
			h->busy_ms = zx_mono_ms() - st->busy_since + 1;
		pthread_mutex_unlock(&st->lock);
	}
	snprintf(path, sizeof(path), "%s/zuoxi.db", st->dir);
	if (!stat(path, &sb))
		h->file = sb.st_size;
	snprintf(path, sizeof(path), "%s/zuoxi.db-wal", st->dir);
	if (!stat(path, &sb))
		h->wal = sb.st_size;
}
