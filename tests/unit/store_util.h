/* Helpers of the store's tests: a folder of one's own, a store in it, what the folder holds. */
#ifndef ZX_TESTS_STORE_UTIL_H
#define ZX_TESTS_STORE_UTIL_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"
#include "zxtest.h"

static char tu_dir[64];

static int tu_remove_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void tu_clean(void)
{
	if (*tu_dir)
		nftw(tu_dir, tu_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	*tu_dir = '\0';
}

/* A new empty folder; the last one goes. */
static inline const char *tu_fresh(void)
{
	static int once;

	if (!once++)
		atexit(tu_clean);
	tu_clean();
	snprintf(tu_dir, sizeof(tu_dir), "%s/zx-store-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(tu_dir))
		abort();
	return tu_dir;
}

static inline struct zx_store *tu_open(void)
{
	struct zx_store *st = NULL;
	char err[512] = "";

	if (zx_store_open(&st, tu_dir, err, sizeof(err)))
		fprintf(stderr, "open: %s\n", err);
	return st;
}

static inline const char *tu_path(const char *name)
{
	static char path[2][512];
	static unsigned i;

	i ^= 1;
	snprintf(path[i], sizeof(path[i]), "%s/%s", tu_dir, name);
	return path[i];
}

/* Names, sizes, times and content of all files in one number. */
static inline uint64_t tu_fingerprint(void)
{
	uint64_t sum = 0;
	struct dirent *de;
	DIR *d = opendir(tu_dir);

	while (d && (de = readdir(d))) {
		uint64_t h = 14695981039346656037ull;
		struct stat sb;
		FILE *f;
		int c;

		if (*de->d_name == '.' || stat(tu_path(de->d_name), &sb))
			continue;
		for (const char *p = de->d_name; *p; p++)
			h = (h ^ (unsigned char)*p) * 1099511628211ull;
		h = (h ^ (uint64_t)sb.st_mtim.tv_nsec ^ (uint64_t)sb.st_mtim.tv_sec) * 1099511628211ull;
		f = fopen(tu_path(de->d_name), "rb");
		while (f && (c = getc(f)) != EOF)
			h = (h ^ (unsigned)c) * 1099511628211ull;
		if (f)
			fclose(f);
		sum += h;
	}
	if (d)
		closedir(d);
	return sum;
}

static inline void tu_copy(const char *from, const char *to)
{
	char buf[65536];
	size_t n;
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");

	while (in && out && (n = fread(buf, 1, sizeof(buf), in)))
		fwrite(buf, 1, n, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

/* Overwrites len bytes of the database at offset. */
static inline void tu_poke(const char *name, off_t at, const void *p, size_t len)
{
	const int fd = open(tu_path(name), O_RDWR);

	if (fd < 0 || pwrite(fd, p, len, at) != (ssize_t)len)
		abort();
	close(fd);
}

/* A statement that gives one number; on this thread's reader. */
static inline int64_t tu_int(struct zx_store *st, const char *sql)
{
	struct zx_db *db;
	struct zx_stmt *s;
	int64_t v = -1;

	if (!zx_store_reader(st, &db) && !zx_stmt_text(&s, db, sql) && !zx_stmt_step(s)) {
		v = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	return v;
}

static int tu_exec_op(struct zx_db *db, void *arg)
{
	struct zx_stmt *s;
	const int err = zx_stmt_text(&s, db, arg);

	return err ? err : zx_stmt_run(s);
}

static inline int tu_exec(struct zx_store *st, const char *sql)
{
	char copy[2048];

	snprintf(copy, sizeof(copy), "%s", sql);
	return zx_store_write_wait(st, tu_exec_op, copy);
}

#endif
