/*
 * The swap of a restore: renames only, each of which can be done again after a crash at any point, before anything is opened. What is in
 * restore.ready is what is still to be put in place; `aside` in it names the folder for what was there.
 */
#include "store/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static const char ready[] = "restore.ready";

/* The log goes with the file it belongs to, before it. */
static const struct {
	const char *name, *to; /* as what it is put in place */
	bool whole;            /* what was there goes aside even if the backup has none */
} parts[] = {
    {"zuoxi.db-wal", "zuoxi.db-wal", true},
    {"zuoxi.db-shm", "zuoxi.db-shm", true},
    {"zuoxi.db", "zuoxi.db", false},
    {"secret.key", "secret.key", false},
    {"sounds", "sounds", false},
    {"files", "files", false},
    {"tls", "tls", false},
    {"recordings", "recordings.restored", false},
};

static bool there(int dirfd, const char *name)
{
	struct stat sb;

	return !fstatat(dirfd, name, &sb, AT_SYMLINK_NOFOLLOW);
}

/* aside is made when the first thing goes there. */
static int move_aside(struct zx_store *st, const char *aside, const char *name)
{
	char to[256];

	if (!there(st->dirfd, name))
		return 0;
	if (mkdirat(st->dirfd, aside, 0700) && errno != EEXIST)
		return errno;
	snprintf(to, sizeof(to), "%s/%s", aside, name);
	/* already there: the crash was between this and the next step, and the one in place is the new one */
	if (there(st->dirfd, to))
		return EEXIST;
	return renameat(st->dirfd, name, st->dirfd, to) ? errno : 0;
}

static int put_part(struct zx_store *st, const char *aside, unsigned i)
{
	char from[128];
	int err = 0;

	snprintf(from, sizeof(from), "%s/%s", ready, parts[i].name);
	if (there(st->dirfd, from)) {
		err = move_aside(st, aside, parts[i].to);
		if (!err && renameat(st->dirfd, from, st->dirfd, parts[i].to))
			err = errno;
	} else if (parts[i].whole) {
		/* the old database's log, as long as the new database waits */
		snprintf(from, sizeof(from), "%s/zuoxi.db", ready);
		if (there(st->dirfd, from))
			err = move_aside(st, aside, parts[i].to);
	}
	return err;
}

static int read_aside(struct zx_store *st, char *out, size_t len)
{
	const int fd = openat(st->dirfd, "restore.ready/aside", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, out, len - 1);
	close(fd);
	if (n <= 0)
		return EBADMSG;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return strncmp(out, "before-restore-", 15) || strchr(out, '/') ? EBADMSG : 0;
}

int zx_store_restore(struct zx_store *st, char *errbuf, size_t errlen)
{
	char aside[128] = "", left[160];
	int err;

	if (!there(st->dirfd, ready))
		return 0;
	err = read_aside(st, aside, sizeof(aside));
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]) && !err; i++)
		err = put_part(st, aside, i);
	/* the end of it is one step, too: what is left of the folder goes to what it replaced */
	snprintf(left, sizeof(left), "%s/restored", aside);
	if (!err && ((mkdirat(st->dirfd, aside, 0700) && errno != EEXIST) || fsync(st->dirfd) ||
		     renameat(st->dirfd, ready, st->dirfd, left) || fsync(st->dirfd)))
		err = errno;
	if (err) {
		snprintf(errbuf, errlen, "the restore in %s/%s cannot be put in place: %s; nothing is lost, it goes on at the next start",
			 st->dir, ready, strerror(err));
		return err;
	}
	zx_log(ZX_WARN, "store", "a backup was restored; what was there before is in %s/%s", st->dir, aside);
	return 0;
}
