#include <sqlite3.h>

#include "base/clock.h"
#include "store/sql.h"
#include "store_util.h"

static char msg[512];

static mode_t mode_of(const char *name)
{
	struct stat sb;

	return stat(tu_path(name), &sb) ? 0 : sb.st_mode & 07777;
}

static bool there(const char *name)
{
	return !access(tu_path(name), F_OK);
}

/* Refused with err, with this in the message, and nothing in the folder changed. */
static void check_refused(int err, const char *says)
{
	const uint64_t before = tu_fingerprint();
	struct zx_store *st = NULL;

	msg[0] = '\0';
	ZX_CHECK_EQ(zx_store_open(&st, tu_dir, msg, sizeof(msg)), err);
	ZX_CHECK(!st);
	if (!strstr(msg, says))
		fprintf(stderr, "message: %s\n", msg);
	ZX_CHECK(strstr(msg, says));
	ZX_CHECK(tu_fingerprint() == before);
}

static void make_store(void)
{
	struct zx_store *st;

	tu_fresh();
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(tu_exec(st, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
				"INSERT INTO settings SELECT 'name ' || i, printf('%0100d', i) FROM n"),
		    0);
	zx_store_close(st);
}

ZX_TEST(fresh)
{
	struct zx_store *st;
	uint8_t key[32];
	mode_t old = umask(0);

	tu_fresh();
	st = tu_open();
	umask(old);
	ZX_CHECK(st);
	ZX_CHECK_EQ(mode_of("zuoxi.db"), 0600);
	ZX_CHECK_EQ(mode_of("zuoxi.db-wal"), 0600);
	ZX_CHECK_EQ(mode_of("secret.key"), 0600);
	ZX_CHECK_EQ(tu_int(st, "PRAGMA user_version"), zx_sql_migrationc);
	memcpy(key, zx_store_key(st), sizeof(key));
	zx_store_close(st);
	ZX_CHECK(!there("zuoxi.db-wal") && !there("zuoxi.db-shm"));
	st = tu_open();
	ZX_CHECK(st && !memcmp(key, zx_store_key(st), sizeof(key)));
	zx_store_close(st);
}

ZX_TEST(statements)
{
	struct zx_store *st;
	struct zx_stmt *s, *again;
	struct zx_db *db;
	unsigned bad = 0;

	tu_fresh();
	st = tu_open();
	ZX_CHECK(st && !zx_store_reader(st, &db));
	for (unsigned i = 0; i < zx_sql_statementc; i++) {
		if (zx_stmt_get(&s, db, zx_sql_statements[i].name)) {
			fprintf(stderr, "%s: %s\n", zx_sql_statements[i].name, zx_db_errmsg(db));
			bad++;
		} else if (zx_stmt_get(&again, db, zx_sql_statements[i].name) || again != s) {
			bad++;
		}
	}
	ZX_CHECK_EQ(bad, 0);
	ZX_CHECK_EQ(zx_stmt_get(&s, db, "no_such_statement"), ENOENT);
	zx_store_close(st);
}

ZX_TEST(newer)
{
	const uint8_t version[4] = {0, 0, 0, 200};

	make_store();
	tu_poke("zuoxi.db", 60, version, 4);
	check_refused(EPROTONOSUPPORT, "newer");
}

/* The version is only in the log, as a crash of a newer daemon leaves it. */
ZX_TEST(newer_in_log)
{
	char dir[64], db[128], wal[128], key[128];
	struct zx_store *st;

	make_store();
	st = tu_open();
	ZX_CHECK_EQ(tu_exec(st, "PRAGMA user_version=200"), 0);
	snprintf(dir, sizeof(dir), "%s", tu_dir);
	*tu_dir = '\0';
	snprintf(db, sizeof(db), "%s/zuoxi.db", dir);
	snprintf(wal, sizeof(wal), "%s/zuoxi.db-wal", dir);
	snprintf(key, sizeof(key), "%s/secret.key", dir);
	tu_fresh();
	tu_copy(db, tu_path("zuoxi.db"));
	tu_copy(wal, tu_path("zuoxi.db-wal"));
	tu_copy(key, tu_path("secret.key"));
	zx_store_close(st);
	check_refused(EPROTONOSUPPORT, "newer");
	ZX_CHECK(!there("zuoxi.db-shm"));
	tu_clean();
	snprintf(tu_dir, sizeof(tu_dir), "%s", dir);
}

/* A copy of a running store, as after a crash: the log is read back. */
ZX_TEST(crashed)
{
	char dir[64], db[128], wal[128], key[128];
	struct zx_store *st;

	make_store();
	st = tu_open();
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO settings VALUES ('last', 'one')"), 0);
	snprintf(dir, sizeof(dir), "%s", tu_dir);
	*tu_dir = '\0';
	snprintf(db, sizeof(db), "%s/zuoxi.db", dir);
	snprintf(wal, sizeof(wal), "%s/zuoxi.db-wal", dir);
	snprintf(key, sizeof(key), "%s/secret.key", dir);
	tu_fresh();
	tu_copy(db, tu_path("zuoxi.db"));
	tu_copy(wal, tu_path("zuoxi.db-wal"));
	tu_copy(key, tu_path("secret.key"));
	zx_store_close(st);
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM settings"), 301);
	zx_store_close(st);
	tu_clean();
	snprintf(tu_dir, sizeof(tu_dir), "%s", dir);
}

ZX_TEST(foreign)
{
	sqlite3 *h;
	FILE *f;

	tu_fresh();
	f = fopen(tu_path("zuoxi.db"), "w");
	for (int i = 0; i < 100; i++)
		fprintf(f, "this is a letter to my aunt\n");
	fclose(f);
	check_refused(EINVAL, "not a database of Zuoxi");

	tu_fresh();
	f = fopen(tu_path("zuoxi.db"), "w");
	fputs("short", f);
	fclose(f);
	check_refused(EINVAL, "not a database of Zuoxi");

	tu_fresh();
	ZX_CHECK_EQ(sqlite3_open(tu_path("zuoxi.db"), &h), SQLITE_OK);
	ZX_CHECK_EQ(sqlite3_exec(h, "PRAGMA journal_mode=WAL; CREATE TABLE bookmarks (url)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(h);
	check_refused(EINVAL, "not a database of Zuoxi");
	ZX_CHECK(!there("zuoxi.db-wal") && !there("zuoxi.db-shm") && !there("secret.key"));

	tu_fresh();
	ZX_CHECK(!mkdir(tu_path("zuoxi.db"), 0700));
	check_refused(EIO, "cannot read");
}

ZX_TEST(damaged)
{
	uint8_t junk[4096];
	struct stat sb;

	memset(junk, 0xa5, sizeof(junk));
	make_store();
	ZX_CHECK(!stat(tu_path("zuoxi.db"), &sb));
	/* every page but the first, one at a time: refused, or the damage is where a free page is */
	for (off_t at = 4096; at < sb.st_size; at += 4096) {
		uint8_t page[4096];
		const int fd = open(tu_path("zuoxi.db"), O_RDONLY);

		ZX_CHECK_EQ(pread(fd, page, sizeof(page), at), 4096);
		close(fd);
		tu_poke("zuoxi.db", at, junk, sizeof(junk));
		check_refused(EBADMSG, "damaged");
		ZX_CHECK(strstr(msg, "backup"));
		tu_poke("zuoxi.db", at, page, sizeof(page));
	}
	ZX_CHECK(!truncate(tu_path("zuoxi.db"), sb.st_size - 4096));
	check_refused(EBADMSG, "damaged");
	ZX_CHECK(!truncate(tu_path("zuoxi.db"), 50));
	check_refused(EINVAL, "not a database of Zuoxi");
}

/* A great database is opened at once; what is configured is looked at all the same. */
ZX_TEST(great)
{
	uint8_t junk[4096];
	struct zx_store *st;
	int64_t page;
	uint64_t t;

	memset(junk, 0x77, sizeof(junk));
	make_store();
	st = tu_open();
	ZX_CHECK_EQ(tu_exec(st, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) INSERT INTO audit (at, "
				"addr, resource, action, after) "
				"SELECT i, '::1', 'extensions', 'edit', printf('%0200d', i) FROM n"),
		    0);
	page = tu_int(st, "SELECT rootpage FROM sqlite_schema WHERE name = 'users'");
	zx_store_close(st);
	t = zx_mono_ms();
	st = tu_open();
	printf("# 50 MB opened in %u ms\n", (unsigned)(zx_mono_ms() - t));
	ZX_CHECK(st && zx_mono_ms() - t < 1000);
	zx_store_close(st);
	tu_poke("zuoxi.db", (page - 1) * 4096, junk, sizeof(junk));
	check_refused(EBADMSG, "damaged");
}

/* Damage in the file while there is a log too: found, and neither file changes. */
ZX_TEST(damaged_with_log)
{
	char dir[64], db[128], wal[128], key[128];
	uint8_t junk[4096];
	struct zx_store *st;

	memset(junk, 0x5a, sizeof(junk));
	make_store();
	st = tu_open();
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO audit (at, addr, resource, action) VALUES (1, '', 'x', 'y')"), 0);
	snprintf(dir, sizeof(dir), "%s", tu_dir);
	*tu_dir = '\0';
	snprintf(db, sizeof(db), "%s/zuoxi.db", dir);
	snprintf(wal, sizeof(wal), "%s/zuoxi.db-wal", dir);
	snprintf(key, sizeof(key), "%s/secret.key", dir);
	tu_fresh();
	tu_copy(db, tu_path("zuoxi.db"));
	tu_copy(wal, tu_path("zuoxi.db-wal"));
	tu_copy(key, tu_path("secret.key"));
	zx_store_close(st);
	tu_poke("zuoxi.db", 4096, junk, sizeof(junk));
	check_refused(EBADMSG, "damaged");
	ZX_CHECK(!there("zuoxi.db-shm"));
	tu_clean();
	snprintf(tu_dir, sizeof(tu_dir), "%s", dir);
}

ZX_TEST(key_missing)
{
	make_store();
	ZX_CHECK(!rename(tu_path("secret.key"), tu_path("elsewhere")));
	check_refused(ENOENT, "secret.key");
	ZX_CHECK(!rename(tu_path("elsewhere"), tu_path("secret.key")));
	ZX_CHECK(!truncate(tu_path("secret.key"), 31));
	check_refused(EBADMSG, "secret.key");
}

ZX_TEST(in_use)
{
	struct zx_store *st, *two = NULL;

	tu_fresh();
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(zx_store_open(&two, tu_dir, msg, sizeof(msg)), EBUSY);
	ZX_CHECK(!two && strstr(msg, "in use"));
	zx_store_close(st);
	ZX_CHECK_EQ(zx_store_open(&two, "/proc/no/such/folder", msg, sizeof(msg)), ENOENT);
	ZX_CHECK(!two);
}

/* Killed between the empty file and its first page. */
ZX_TEST(empty_file)
{
	struct zx_store *st;
	FILE *f;

	tu_fresh();
	f = fopen(tu_path("zuoxi.db"), "w");
	fclose(f);
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(mode_of("zuoxi.db"), 0600);
	zx_store_close(st);
}

ZX_TEST(odd_path)
{
	struct zx_store *st = NULL;
	char dir[128];

	tu_fresh();
	snprintf(dir, sizeof(dir), "%s/a b%%20?c#d", tu_dir);
	for (int i = 0; i < 2; i++) {
		ZX_CHECK_EQ(zx_store_open(&st, dir, msg, sizeof(msg)), 0);
		zx_store_close(st);
	}
}

ZX_MAIN({"a fresh folder gets a database and a key that others cannot read", fresh},
	{"every named statement prepares against the migrated schema", statements},
	{"a database of a newer version is refused untouched", newer}, {"also when the version is only in the log", newer_in_log},
	{"a log left by a crash is read back", crashed}, {"what is not ours is refused untouched", foreign},
	{"a damaged database is refused untouched", damaged}, {"a great database is opened at once", great},
	{"damage is also found with a log beside it", damaged_with_log}, {"a database without its key is refused", key_missing},
	{"a folder in use is refused", in_use}, {"an empty file is where a first start was killed", empty_file},
	{"a path may hold any character", odd_path})
