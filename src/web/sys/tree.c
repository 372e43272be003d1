/* Folders: the one of backups, and trees as a whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "web/sys/archive.h"

enum { FDS = 16, IDS_MAX = 4096 };

/* ---- trees ---- */

static _Thread_local int64_t tree_bytes;
static _Thread_local int tree_err;

static int on_size(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (flag == FTW_F)
		tree_bytes += sb->st_size;
	return 0;
}

int64_t zx_tree_size(const char *path)
{
	tree_bytes = 0;
	(void)nftw(path, on_size, FDS, FTW_PHYS);
	return tree_bytes;
}

static int on_remove(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	if (remove(path) && errno != ENOENT)
		tree_err = errno;
	return 0;
}

int zx_tree_remove(const char *path)
{
	tree_err = 0;
	if (nftw(path, on_remove, FDS, FTW_PHYS | FTW_DEPTH) && errno != ENOENT)
		tree_err = errno;
	return tree_err;
}

int64_t zx_disk_free(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) ? -1 : (int64_t)(fs.f_bavail * fs.f_frsize);
}

int zx_file_move(const char *from, const char *to)
{
	char buf[16384]; /* a worker has 100 kB of stack */
	int in, out, err = 0;
	ssize_t n;

	if (!rename(from, to))
		return 0;
	if (errno != EXDEV)
		return errno;
	in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return errno;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		err = errno;
	while (!err && (n = read(in, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		errno = 0;
		if (n < 0 || write(out, buf, (size_t)n) != n)
			err = errno ? errno : ENOSPC;
	}
	if (!err && fsync(out))
		err = errno;
	close(in);
	if (out >= 0) {
		close(out);
		(void)unlink(err ? to : from);
	}
	return err;
}

/* ---- names of backups ---- */

int64_t zx_archive_id(const char *name)
{
	int64_t id = 0;
	const char *p = name + 6;

	if (strncmp(name, "zuoxi-", 6))
		return 0;
	for (int i = 0; i < 15; i++, p++) {
		if (i == 8 ? *p != '-' : *p < '0' || *p > '9')
			return 0;
		if (i != 8)
			id = id * 10 + *p - '0';
	}
	if (!strncmp(p, "-auto", 5))
		p += 5;
	if (strncmp(p, ".tar.gz", 7))
		return 0;
	p += 7;
	return !*p || !strcmp(p, ".enc") ? id : 0;
}

void zx_archive_name(char out[ZX_ARCHIVE_NAME], int64_t id, bool night, bool encrypted)
{
	snprintf(out, ZX_ARCHIVE_NAME, "zuoxi-%08lld-%06lld%s.tar.gz%s", (long long)(id / 1000000 % 100000000), (long long)(id % 1000000),
		 night ? "-auto" : "", encrypted ? ".enc" : "");
}

int64_t zx_archive_time(int64_t id)
{
	struct tm tm = {.tm_sec = (int)(id % 100),
			.tm_min = (int)(id / 100 % 100),
			.tm_hour = (int)(id / 10000 % 100),
			.tm_mday = (int)(id / 1000000 % 100),
			.tm_mon = (int)(id / 100000000 % 100) - 1,
			.tm_year = (int)(id / 10000000000) - 1900,
			.tm_isdst = -1};

	return mktime(&tm);
}

int64_t zx_archive_new_id(const struct zx_web *web, int64_t at_ms)
{
	char path[4300];

	for (time_t t = (time_t)(at_ms / 1000);; t++) {
		struct tm tm;
		int64_t id;

		localtime_r(&t, &tm);
		id = ((((tm.tm_year + 1900LL) * 100 + tm.tm_mon + 1) * 100 + tm.tm_mday) * 100 + tm.tm_hour) * 10000 + tm.tm_min * 100 +
		     tm.tm_sec;
		if (zx_archive_find(web, id, path, sizeof(path)) == ENOENT)
			return id;
	}
}

int zx_archive_find(const struct zx_web *web, int64_t id, char *path, size_t len)
{
	char name[ZX_ARCHIVE_NAME];

	for (unsigned i = 0; i < 4; i++) {
		zx_archive_name(name, id, i & 1, i & 2);
		if ((size_t)snprintf(path, len, "%s/%s", zx_sys_backup_dir(web), name) < len && !access(path, F_OK))
			return 0;
	}
	return ENOENT;
}

static int by_id(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void zx_archive_trim(const struct zx_web *web, unsigned keep)
{
	DIR *dir = opendir(zx_sys_backup_dir(web));
	int64_t ids[IDS_MAX];
	char path[4300];
	unsigned n = 0;

	if (!dir)
		return;
	for (const struct dirent *e; (e = readdir(dir)) && n < IDS_MAX;)
		if (zx_archive_id(e->d_name) && strstr(e->d_name, "-auto"))
			ids[n++] = zx_archive_id(e->d_name);
	closedir(dir);
	qsort(ids, n, sizeof(ids[0]), by_id);
	for (unsigned i = 0; i + keep < n; i++)
		if (!zx_archive_find(web, ids[i], path, sizeof(path)) && !unlink(path))
			zx_log(ZX_INFO, "web", "backup %s is beyond the %u that are kept: removed", path, keep);
}

void zx_archive_sweep(const struct zx_web *web)
{
	DIR *dir = opendir(zx_sys_backup_dir(web));

	if (!dir)
		return;
	for (const struct dirent *e; (e = readdir(dir));)
		if (!strncmp(e->d_name, ".work-", 6))
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}
