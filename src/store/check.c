/*
 * Is the file one of ours, of a version we know, and whole? Asked before anything may write to it.
 *
 * A cleanly closed database has no -wal: it is read "immutable", which opens nothing else. After a crash there is one: then the
 * connection is exclusive (the index of the log stays in memory, no -shm) and does not checkpoint when it closes.
 */
#include "store/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* The engine looks through a table in one go, some 5 ms a MB, and cannot be stopped: a file beyond these sizes is checked without the
 * tables that grow for ever, so that a start takes no longer in the tenth year. */
enum {
	HEADER = 100,
	FULL_CLEAN = 2 * 1024 * 1024,  /* bytes; at an ordinary start */
	FULL_CRASH = 64 * 1024 * 1024, /* when the last run did not close the file */
};
static const char small_tables[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
				   "AND name NOT IN ('calls', 'call_details', 'audit')";

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int refuse_foreign(const char *path, char *errbuf, size_t errlen)
{
	snprintf(errbuf, errlen, "%s is not a database of Zuoxi; it has not been touched. Move it away, or choose another --data folder",
		 path);
	return EINVAL;
}

static int refuse_newer(const char *path, unsigned version, char *errbuf, size_t errlen)
{
	snprintf(errbuf, errlen,
		 "%s was written by a newer Zuoxi (schema %u, this one knows %u); it has not been touched. "
		 "Install the newer version, or restore a backup made by this one",
		 path, version, zx_sql_migrationc);
	return EPROTONOSUPPORT;
}

static int refuse_damaged(const char *path, const char *what, char *errbuf, size_t errlen)
{
	snprintf(errbuf, errlen,
		 "%s is damaged (%s); it has not been touched. Restore a backup, or save every row that can be read into "
		 "a new one: zuoxid --data FOLDER --rebuild",
		 path, what);
	return EBADMSG;
}

/* What the first 100 bytes tell, https://www.sqlite.org/fileformat.html */
static int check_header(const char *path, bool has_wal, char *errbuf, size_t errlen)
{
	uint8_t h[HEADER];
	struct stat sb;
	uint32_t page;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		const int err = errno;

		if (err != ENOENT)
			snprintf(errbuf, errlen, "cannot read %s: %s", path, strerror(err));
		return err;
	}
	n = read(fd, h, sizeof(h));
	if (fstat(fd, &sb))
		n = -1;
	close(fd);
	if (n < 0 || !S_ISREG(sb.st_mode)) {
		snprintf(errbuf, errlen, "cannot read %s: not a readable file", path);
		return EIO;
	}
	if (!n && !has_wal)
		return ENOENT; /* killed at the very first start */
	if (n < HEADER || memcmp(h, "SQLite format 3", 16) || be32(h + 68) != ZX_STORE_APP_ID)
		return refuse_foreign(path, errbuf, errlen);
	if (be32(h + 60) > zx_sql_migrationc)
		return refuse_newer(path, be32(h + 60), errbuf, errlen);
	page = (uint32_t)h[16] << 8 | h[17];
	page = page == 1 ? 65536 : page;
	if (page < 512 || page & (page - 1))
		return refuse_damaged(path, "bad page size", errbuf, errlen);
	/* with a log the file may be shorter: the rest is still in there */
	if (!has_wal && (uint64_t)sb.st_size < (uint64_t)be32(h + 28) * page)
		return refuse_damaged(path, "cut off", errbuf, errlen);
	return 0;
}

/* One number or text from a pragma; SQLite's code. */
static int ask(sqlite3 *h, const char *sql, char *out, size_t len)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(h, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		const unsigned char *t = sqlite3_column_text(s, 0);

		snprintf(out, len, "%s", t ? (const char *)t : "");
		rc = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return rc;
}

static int check_pages(sqlite3 *h, bool full, char *what, size_t len)
{
	sqlite3_stmt *s = NULL;
	char sql[200];
	int rc;

	if (full)
		return ask(h, "PRAGMA quick_check(1)", what, len);
	rc = sqlite3_prepare_v2(h, small_tables, -1, &s, NULL);
	snprintf(what, len, "ok");
	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW && !strcmp(what, "ok")) {
		sqlite3_snprintf(sizeof(sql), sql, "PRAGMA quick_check(%Q)", sqlite3_column_text(s, 0));
		rc = ask(h, sql, what, len);
	}
	sqlite3_finalize(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int check_content(sqlite3 *h, const char *path, bool full, char *errbuf, size_t errlen)
{
	char text[200] = "";
	int rc;

	rc = ask(h, "PRAGMA application_id", text, sizeof(text));
	if (rc != SQLITE_OK)
		goto failed;
	if (strtoul(text, NULL, 10) != ZX_STORE_APP_ID)
		return refuse_foreign(path, errbuf, errlen);
	rc = ask(h, "PRAGMA user_version", text, sizeof(text));
	if (rc != SQLITE_OK)
		goto failed;
	if (strtoul(text, NULL, 10) > zx_sql_migrationc)
		return refuse_newer(path, (unsigned)strtoul(text, NULL, 10), errbuf, errlen);
	rc = check_pages(h, full, text, sizeof(text));
	if (rc != SQLITE_OK)
		goto failed;
	return strcmp(text, "ok") ? refuse_damaged(path, text, errbuf, errlen) : 0;
failed:
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		return refuse_damaged(path, sqlite3_errmsg(h), errbuf, errlen);
	snprintf(errbuf, errlen, "cannot read %s: %s", path, sqlite3_errmsg(h));
	return zx_sqlite_errno(h, rc);
}

/* file: URI of a path. */
static int path_uri(char *uri, size_t len, const char *path, const char *params)
{
	size_t n = (size_t)snprintf(uri, len, "file:");

	for (; *path; path++) {
		if (n + 4 >= len)
			return ENAMETOOLONG;
		if (strchr("%?#", *path))
			n += (size_t)snprintf(uri + n, len - n, "%%%02x", (unsigned char)*path);
		else
			uri[n++] = *path;
	}
	return (size_t)snprintf(uri + n, len - n, "?%s", params) < len - n ? 0 : ENAMETOOLONG;
}

int zx_store_check(const char *path, char *errbuf, size_t errlen)
{
	char uri[3 * ZX_PATH_LEN], wal[ZX_PATH_LEN + 32];
	off_t size = 0;
	sqlite3 *h = NULL;
	struct stat sb;
	bool has_wal;
	int err, rc;

	snprintf(wal, sizeof(wal), "%s-wal", path);
	has_wal = !stat(wal, &sb) && sb.st_size > 0;
	if (!stat(path, &sb))
		size = sb.st_size;
	err = check_header(path, has_wal, errbuf, errlen);
	if (err)
		return err;
	if (has_wal)
		zx_log(ZX_INFO, "store", "the last run did not close the database: checking it");
	err = path_uri(uri, sizeof(uri), path, has_wal ? "mode=rw" : "immutable=1&mode=ro");
	if (err) {
		snprintf(errbuf, errlen, "%s: the path is too long", path);
		return err;
	}
	rc = sqlite3_open_v2(uri, &h, (has_wal ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc == SQLITE_OK && has_wal) {
		sqlite3_busy_timeout(h, 1000);
		sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		rc = sqlite3_exec(h, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA query_only=1", NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK) {
		err = check_content(h, path, size <= (has_wal ? FULL_CRASH : FULL_CLEAN), errbuf, errlen);
	} else {
		snprintf(errbuf, errlen, "cannot open %s: %s", path, sqlite3_errmsg(h));
		err = EIO;
	}
	sqlite3_close(h);
	return err;
}
