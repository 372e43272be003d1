#include "store/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/log.h"

/* The folder, and that no other daemon has it: two writers would each believe to be alone. */
static int open_dir(struct zx_store *st, char *errbuf, size_t errlen)
{
	int err = 0;

	if (mkdir(st->dir, 0700) && errno != EEXIST)
		err = errno;
	if (!err) {
		st->dirfd = open(st->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (st->dirfd < 0)
			err = errno;
	}
	if (err) {
		snprintf(errbuf, errlen, "cannot use the data folder %s: %s", st->dir, strerror(err));
		return err;
	}
	if (flock(st->dirfd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? EBUSY : errno;
		snprintf(errbuf, errlen, "the data folder %s is in use by another zuoxid", st->dir);
	}
	return err;
}

/* Made before the engine opens it, so that nobody else can ever read it; its log and index take the mode over. */
static int create_file(struct zx_store *st, char *errbuf, size_t errlen)
{
	const int fd = openat(st->dirfd, "zuoxi.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = 0;

	if (fd < 0 || fchmod(fd, 0600) || fsync(st->dirfd))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err)
		snprintf(errbuf, errlen, "cannot create %s/zuoxi.db: %s", st->dir, strerror(err));
	return err;
}

static int one_int(struct zx_db *db, const char *sql, int64_t *v)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_text(&s, db, sql);
	if (!err)
		err = zx_stmt_step(s);
	if (!err) {
		*v = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	return err;
}

/* What a new version is about to change is kept as it was: zuoxi.db.before-NNN, NNN the first change. */
static int save_before(struct zx_db *db, unsigned version, char *errbuf, size_t errlen)
{
	char path[ZX_PATH_LEN + 64], part[ZX_PATH_LEN + 64];
	int err;

	snprintf(path, sizeof(path), "%s/zuoxi.db.before-%03u", db->st->dir, version + 1);
	snprintf(part, sizeof(part), "%s/zuoxi.db.before.part", db->st->dir);
	err = zx_db_copy(db->h, part, NULL, NULL);
	if (!err && rename(part, path))
		err = errno;
	if (err)
		snprintf(errbuf, errlen,
			 "cannot keep a copy of the database as %s before its schema is changed: %s; the database is as it was", path,
			 strerror(err));
	else
		zx_log(ZX_INFO, "store", "the database as it was with schema %u is kept as %s", version, path);
	return err;
}

static int migrate(struct zx_db *db, char *errbuf, size_t errlen)
{
	int64_t version;
	char sql[64];
	int err;

	err = one_int(db, "PRAGMA user_version", &version);
	if (!err && !version) {
		/* before the log is switched on: the file alone must tell what it is */
		snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", ZX_STORE_APP_ID);
		err = zx_db_exec(db, sql);
	}
	if (!err)
		err = zx_db_exec(db, "PRAGMA journal_mode=WAL");
	if (err) {
		snprintf(errbuf, errlen, "cannot open the database: %s", zx_db_errmsg(db));
		return err;
	}
	if (version && version < (int64_t)zx_sql_migrationc) {
		err = save_before(db, (unsigned)version, errbuf, errlen);
		if (err)
			return err;
	}
	for (unsigned i = 0; i < zx_sql_migrationc; i++) {
		const struct zx_sql_migration *m = &zx_sql_migrations[i];

		if (m->version <= version)
			continue;
		snprintf(sql, sizeof(sql), "PRAGMA user_version=%u", m->version);
		err = zx_db_exec(db, "BEGIN IMMEDIATE");
		if (!err)
			err = zx_db_exec(db, m->sql);
		if (!err)
			err = zx_db_exec(db, sql);
		if (!err)
			err = zx_db_exec(db, "COMMIT");
		if (err) {
			snprintf(errbuf, errlen, "schema change %s failed: %s; the database is as it was", m->file, zx_db_errmsg(db));
			(void)zx_db_exec(db, "ROLLBACK");
			return err;
		}
		zx_log(ZX_INFO, "store", "schema is now version %u", m->version);
	}
	return 0;
}

static int store_setup(struct zx_store *st, char *errbuf, size_t errlen)
{
	char path[ZX_PATH_LEN + 16];
	bool fresh;
	int err;

	err = open_dir(st, errbuf, errlen);
	if (err)
		return err;
	err = zx_store_rebuild(st, errbuf, errlen);
	if (!err)
		err = zx_store_restore(st, errbuf, errlen);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/zuoxi.db", st->dir);
	err = zx_store_check(path, errbuf, errlen);
	fresh = err == ENOENT;
	if (err && !fresh)
		return err;
	err = zx_store_key_load(st, fresh, errbuf, errlen);
	if (!err && fresh)
		err = create_file(st, errbuf, errlen);
	if (err)
		return err;
	err = zx_db_open(&st->db, st, true);
	if (err) {
		snprintf(errbuf, errlen, "cannot open %s: %s", path, strerror(err));
		return err;
	}
	err = migrate(st->db, errbuf, errlen);
	if (err)
		return err;
	err = zx_readers_init(st);
	if (!err)
		err = zx_writer_start(st);
	if (err)
		snprintf(errbuf, errlen, "cannot start the store: %s", strerror(err));
	return err;
}

static void configure_engine(void)
{
	/* every connection stays in its thread; statistics would cost a lock at each allocation */
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int zx_store_open(struct zx_store **stp, const char *dir, char *errbuf, size_t errlen)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct zx_store *st;
	int err;

	pthread_once(&once, configure_engine);
	st = calloc(1, sizeof(*st));
	if (!st)
		return ENOMEM;
	st->dirfd = -1;
	if ((size_t)snprintf(st->dir, sizeof(st->dir), "%s", dir) >= sizeof(st->dir)) {
		snprintf(errbuf, errlen, "%s: the path is too long", dir);
		err = ENAMETOOLONG;
	} else {
		err = store_setup(st, errbuf, errlen);
	}
	if (err) {
		zx_store_close(st);
		return err;
	}
	*stp = st;
	return 0;
}

void zx_store_close(struct zx_store *st)
{
	if (!st)
		return;
	zx_writer_stop(st);
	zx_readers_close(st);
	zx_db_close(st->db);
	if (st->dirfd >= 0)
		close(st->dirfd);
	OPENSSL_cleanse(st->key, sizeof(st->key));
	free(st);
}

const char *zx_store_dir(const struct zx_store *st)
{
	return st->dir;
}

const uint8_t *zx_store_key(const struct zx_store *st)
{
	return st->key;
}
