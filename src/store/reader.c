#include "store/priv.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"

/* Readers of all stores of the process: a thread's end and a store's end may come in either order. */
static pthread_mutex_t readers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zx_db *readers;

static bool reader_take(struct zx_db *db)
{
	bool found = false;

	pthread_mutex_lock(&readers_lock);
	for (struct zx_db **pp = &readers; *pp; pp = &(*pp)->next) {
		if (*pp == db) {
			*pp = db->next;
			found = true;
			break;
		}
	}
	pthread_mutex_unlock(&readers_lock);
	return found;
}

static void reader_end(void *arg)
{
	if (reader_take(arg))
		zx_db_close(arg);
}

int zx_readers_init(struct zx_store *st)
{
	const int err = pthread_key_create(&st->reader_key, reader_end);

	st->have_key = !err;
	return err;
}

/* Threads of a pool outlive the store: their connections are idle by now and closed for them. */
void zx_readers_close(struct zx_store *st)
{
	if (st->have_key)
		pthread_key_delete(st->reader_key);
	st->have_key = false;
	for (;;) {
		struct zx_db *db = NULL;

		pthread_mutex_lock(&readers_lock);
		for (struct zx_db **pp = &readers; *pp; pp = &(*pp)->next) {
			if ((*pp)->st == st) {
				db = *pp;
				*pp = db->next;
				break;
			}
		}
		pthread_mutex_unlock(&readers_lock);
		if (!db)
			return;
		zx_db_close(db);
	}
}

int zx_store_reader(struct zx_store *st, struct zx_db **dbp)
{
	struct zx_db *db = pthread_getspecific(st->reader_key);
	int err;

	if (!db) {
		err = zx_db_open(&db, st, false);
		if (err) {
			zx_log(ZX_ERROR, "store", "cannot open a reader: error %d", err);
			return err;
		}
		err = pthread_setspecific(st->reader_key, db);
		if (err) {
			zx_db_close(db);
			return err;
		}
		pthread_mutex_lock(&readers_lock);
		db->next = readers;
		readers = db;
		pthread_mutex_unlock(&readers_lock);
	}
	*dbp = db;
	return 0;
}

int zx_db_begin_read(struct zx_db *db, unsigned deadline_ms)
{
	int err;

	if (db->writer || db->reading)
		return EPROTO;
	db->deadline = 0;
	err = zx_db_exec(db, "BEGIN");
	if (err)
		return err;
	db->reading = true;
	db->deadline = zx_mono_ms() + deadline_ms;
	return 0;
}

void zx_db_end_read(struct zx_db *db)
{
	if (!db->reading)
		return;
	db->deadline = 0;
	zx_db_reset_all(db);
	(void)zx_db_exec(db, "ROLLBACK");
	db->reading = false;
}
