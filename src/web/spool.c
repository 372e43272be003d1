/*
 * Uploads: a raw body goes to a file as it comes. Each takes a worker while it lasts, so that only a few may be under way at once, and one
 * that is slower than any line of today is ended.
 */
#include "web/http.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <civetweb.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

enum {
	PART = 16384,
	GRACE_MS = 20000,   /* before the rate counts */
	RATE = 8192,        /* bytes a second at least */
	RESERVE = 64 << 20, /* of the disk left to calls and records */
	DRAIN_MAX = 256 << 20,
	DRAIN_MS = 15000,
};

static atomic_uint under_way;

static void tmp_dir(const struct zx_web *web, char *path, size_t len)
{
	snprintf(path, len, "%s/tmp", web->env.data_dir);
}

int zx_tmp_init(const struct zx_web *web)
{
	char dir[4096];
	struct dirent *de;
	DIR *d;

	tmp_dir(web, dir, sizeof(dir));
	if (mkdir(dir, 0700) && errno != EEXIST)
		return errno;
	d = opendir(dir);
	if (!d)
		return errno;
	while ((de = readdir(d)))
		if (!strncmp(de->d_name, "zx-", 3))
			(void)unlinkat(dirfd(d), de->d_name, 0);
	closedir(d);
	return 0;
}

int zx_tmp_file(const struct zx_web *web, const char *prefix, char *path, size_t len, int *fd)
{
	char dir[4096];
	int f;

	tmp_dir(web, dir, sizeof(dir));
	const int n = snprintf(path, len, "%s/zx-%s-XXXXXX", dir, prefix);
	if (n < 0 || (size_t)n >= len)
		return ENAMETOOLONG;
	f = mkostemp(path, O_CLOEXEC);
	if (f < 0)
		return errno;
	*fd = f;
	return 0;
}

void zx_spool_drop(struct zx_spool *s)
{
	if (!s->path[0])
		return;
	if (s->fd >= 0)
		close(s->fd);
	unlink(s->path);
	s->fd = -1;
	s->path[0] = '\0';
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The last part of a percent-encoded name; "" when it is no proper text. */
static void file_name(char *out, size_t len, const char *in)
{
	size_t n = 0;

	for (; in && *in && n + 1 < len; in++) {
		char c = *in;
		if (c == '%' && hex(in[1]) >= 0 && hex(in[2]) >= 0) {
			c = (char)(hex(in[1]) << 4 | hex(in[2]));
			in += 2;
		}
		if (c == '/' || c == '\\')
			n = 0;
		else if ((unsigned char)c >= 0x20 && c != 0x7f)
			out[n++] = c;
	}
	out[n] = '\0';
	if (!zx_utf8_valid(out, n) || !strcmp(out, ".") || !strcmp(out, ".."))
		out[0] = '\0';
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		const ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno == EDQUOT || errno == EFBIG ? ENOSPC : errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int receive(struct zx_req *r, struct zx_spool *s, int64_t max)
{
	const int64_t want = mg_get_request_info(r->mg)->content_length;
	const uint64_t start = zx_mono_ms();
	char buf[PART];
	int err = 0;

	while (!err && (want < 0 || s->size < want)) {
		const int n = mg_read(r->mg, buf, sizeof(buf));
		const int64_t ms = (int64_t)(zx_mono_ms() - start);
		if (n <= 0)
			return n < 0 || want >= 0 ? ETIMEDOUT : 0;
		s->size += n;
		if (s->size > max)
			return EMSGSIZE;
		if (ms > GRACE_MS && s->size < (ms - GRACE_MS) * RATE / 1000)
			return ETIMEDOUT;
		err = write_all(s->fd, buf, (size_t)n);
	}
	return err;
}

static bool disk_has(const char *path, int64_t more)
{
	struct statvfs v;

	return statvfs(path, &v) || (int64_t)v.f_bavail * (int64_t)v.f_frsize >= more + RESERVE;
}

static int spool(struct zx_req *r, struct zx_spool *s, int64_t max)
{
	const int64_t len = mg_get_request_info(r->mg)->content_length;
	int err;

	if (len > max)
		return EMSGSIZE;
	if (!len)
		return EINVAL;
	if (!disk_has(r->web->env.data_dir, len > 0 ? len : max))
		return ENOSPC;
	err = zx_tmp_file(r->web, "up", s->path, sizeof(s->path), &s->fd);
	if (err) {
		s->path[0] = '\0';
		return err;
	}
	err = receive(r, s, max);
	if (!err && !s->size)
		err = EINVAL;
	if (!err && lseek(s->fd, 0, SEEK_SET))
		err = errno;
	return err;
}

/* A browser that is still sending when it is refused shows a broken connection, not the reason: what is not absurd is let pass. */
static void drain(struct zx_req *r, int64_t left)
{
	const uint64_t end = zx_mono_ms() + DRAIN_MS;
	char buf[PART];

	while (left > 0 && left <= DRAIN_MAX && zx_mono_ms() < end) {
		const int n = mg_read(r->mg, buf, sizeof(buf));
		if (n <= 0)
			return;
		left -= n;
	}
}

static void refuse(struct zx_req *r, int err, int64_t had)
{
	const int64_t len = mg_get_request_info(r->mg)->content_length;

	if (err != ETIMEDOUT && err != EINVAL && len > had)
		drain(r, len - had);
	mg_disable_connection_keep_alive(r->mg);
	switch (err) {
	case EMSGSIZE:
		zx_reply_error(r, 413, "too_large", NULL, NULL);
		return;
	case ENOSPC:
		zx_reply_error(r, 507, "disk_full", NULL, NULL);
		return;
	case ETIMEDOUT:
		zx_reply_error(r, 408, "timeout", NULL, NULL);
		return;
	case EINVAL:
		zx_reply_error(r, 400, "empty_file", NULL, NULL);
		return;
	default:
		zx_reply_errno(r, err);
	}
}

int zx_req_spool(struct zx_req *r, struct zx_spool *s, int64_t max)
{
	const unsigned threads = r->web->env.conf->http_threads, most = threads > 8 ? threads / 4 : 2;
	int err = EBUSY;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	if (!r->mg)
		return EPROTO;
	if (atomic_fetch_add(&under_way, 1) < most)
		err = spool(r, s, max);
	atomic_fetch_sub(&under_way, 1);
	if (err) {
		const int64_t had = s->size;
		zx_spool_drop(s);
		refuse(r, err, had);
		return err;
	}
	file_name(s->name, sizeof(s->name), zx_req_header(r, "X-File-Name"));
	return 0;
}
