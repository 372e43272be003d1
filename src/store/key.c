#include "store/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "base/log.h"

static const char file[] = "secret.key", file_new[] = "secret.key.new";

/* Complete under its name or not there at all, whenever power goes. */
static int key_make(struct zx_store *st)
{
	int err = 0, fd;

	if (unlinkat(st->dirfd, file_new, 0) && errno != ENOENT)
		return errno;
	fd = openat(st->dirfd, file_new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	if (RAND_bytes(st->key, sizeof(st->key)) != 1)
		err = EIO;
	else if (fchmod(fd, 0600) || write(fd, st->key, sizeof(st->key)) != (ssize_t)sizeof(st->key) || fsync(fd))
		err = errno ? errno : EIO;
	close(fd);
	if (!err && (linkat(st->dirfd, file_new, st->dirfd, file, 0) || unlinkat(st->dirfd, file_new, 0) || fsync(st->dirfd)))
		err = errno;
	if (err)
		(void)unlinkat(st->dirfd, file_new, 0);
	return err;
}

/* fresh: there is no database yet, so that there may be no key either. */
int zx_store_key_load(struct zx_store *st, bool fresh, char *errbuf, size_t errlen)
{
	struct stat sb;
	ssize_t n;
	int fd, err;

	fd = openat(st->dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && fresh) {
		err = key_make(st);
		if (err)
			snprintf(errbuf, errlen, "cannot make %s/%s: %s", st->dir, file, strerror(err));
		return err;
	}
	if (fd < 0) {
		err = errno;
		snprintf(
		    errbuf, errlen, "cannot read %s/%s: %s%s", st->dir, file, strerror(err),
		    err == ENOENT
			? "; the passwords in the database cannot be read without it: restore it from the backup the database comes from"
			: "");
		return err;
	}
	n = read(fd, st->key, sizeof(st->key));
	err = n == (ssize_t)sizeof(st->key) && !fstat(fd, &sb) && sb.st_size == (off_t)sizeof(st->key) ? 0 : EBADMSG;
	close(fd);
	if (err)
		snprintf(errbuf, errlen, "%s/%s is damaged: restore it from a backup", st->dir, file);
	else if (sb.st_mode & 077)
		zx_log(ZX_WARN, "store", "%s/%s can be read by others: chmod 600 it", st->dir, file);
	return err;
}
