/* Recordings as files: header, repair, length, peaks. Any thread but the loop's. */
#include "media/rec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum { BLOCK = 16384 };

static void le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void zx_wav_header(uint8_t *h, uint32_t samples)
{
	static const uint8_t fmt[] = {'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 16, 0, 0, 0, 1, 0, 2, 0};
	uint64_t bytes = (uint64_t)samples * ZX_WAV_ALIGN;

	if (bytes > UINT32_MAX - ZX_WAV_HDR)
		bytes = UINT32_MAX - ZX_WAV_HDR;
	memcpy(h, "RIFF", 4);
	le32(h + 4, (uint32_t)bytes + ZX_WAV_HDR - 8);
	memcpy(h + 8, fmt, sizeof(fmt));
	le32(h + 24, ZX_REC_RATE);
	le32(h + 28, ZX_REC_RATE * ZX_WAV_ALIGN);
	le32(h + 32, ZX_WAV_ALIGN | 16 << 16);
	memcpy(h + 36, "data", 4);
	le32(h + 40, (uint32_t)bytes);
}

int zx_wav_samples(int fd, uint32_t *samples, bool *header_right)
{
	uint8_t h[ZX_WAV_HDR], want[ZX_WAV_HDR];
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < ZX_WAV_HDR || pread(fd, h, sizeof(h), 0) != sizeof(h))
		return EBADMSG;
	uint64_t n = (uint64_t)(st.st_size - ZX_WAV_HDR) / ZX_WAV_ALIGN;
	zx_wav_header(want, (uint32_t)n);
	/* all but the two sizes */
	if (n > UINT32_MAX || memcmp(h, want, 4) || memcmp(h + 8, want + 8, 32))
		return EBADMSG;
	*samples = (uint32_t)n;
	*header_right = !memcmp(h, want, sizeof(h));
	return 0;
}

static int open_at(const char *dir, const char *path, int flags)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

	if (d >= 0 && !zx_rec_path_check(path))
		fd = openat(d, path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (d >= 0)
		close(d);
	return fd;
}

static bool repair(const char *dir, const char *path)
{
	uint8_t h[ZX_WAV_HDR];
	uint32_t n;
	bool right, done = false;
	int fd = open_at(dir, path, O_RDWR);

	if (fd < 0)
		return false;
	if (!zx_wav_samples(fd, &n, &right) && !right) {
		zx_wav_header(h, n);
		done = pwrite(fd, h, sizeof(h), 0) == sizeof(h) && !ftruncate(fd, ZX_WAV_HDR + (off_t)n * ZX_WAV_ALIGN);
	}
	close(fd);
	return done;
}

int zx_rec_repair(const char *rec_dir, unsigned *repaired)
{
	char path[PATH_MAX];
	unsigned n = 0;
	int dir = open(rec_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int marks = dir < 0 ? -1 : openat(dir, ".open", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = errno;
	DIR *d = marks < 0 ? NULL : fdopendir(marks);

	if (dir >= 0)
		close(dir);
	if (!d) {
		if (marks >= 0)
			close(marks);
		if (err == ENOENT)
			*repaired = 0; /* never recorded */
		return err == ENOENT ? 0 : err;
	}
	for (struct dirent *e; (e = readdir(d));) {
		ssize_t len = readlinkat(marks, e->d_name, path, sizeof(path) - 1);
		if (len <= 0)
			continue;
		path[len] = '\0';
		if (repair(rec_dir, path)) {
			n++;
			zx_log(ZX_INFO, "media", "recording %s was cut off by a crash: repaired", path);
		}
		unlinkat(marks, e->d_name, 0);
	}
	closedir(d);
	*repaired = n;
	return 0;
}

int64_t zx_rec_length(const char *rec_dir, const char *path)
{
	uint32_t n = 0;
	bool right;
	int fd = open_at(rec_dir, path, O_RDONLY);

	if (fd < 0)
		return 0;
	if (zx_wav_samples(fd, &n, &right))
		n = 0;
	close(fd);
	return (int64_t)n * 1000 / ZX_REC_RATE;
}

static void peak(uint8_t *p, int16_t v)
{
	unsigned a = (unsigned)(v < 0 ? -(int)v : v) >> 7;

	if (a > 255)
		a = 255;
	if (a > *p)
		*p = (uint8_t)a;
}

int zx_rec_peaks(const char *rec_dir, const char *path, unsigned n, uint8_t *left, uint8_t *right, int64_t *len_ms)
{
	uint32_t samples;
	bool sizes;
	int fd = open_at(rec_dir, path, O_RDONLY), err = 0;
	int16_t *buf = malloc(BLOCK * ZX_WAV_ALIGN);

	if (fd < 0 || !buf || !n) {
		err = fd < 0 ? ENOENT : !n ? EINVAL : ENOMEM;
		goto out;
	}
	err = zx_wav_samples(fd, &samples, &sizes);
	if (err)
		goto out;
	memset(left, 0, n);
	memset(right, 0, n);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (uint64_t at = 0; at < samples;) {
		ssize_t got = pread(fd, buf, BLOCK * ZX_WAV_ALIGN, (off_t)(ZX_WAV_HDR + at * ZX_WAV_ALIGN));
		if (got < ZX_WAV_ALIGN)
			break;
		for (ssize_t i = 0; i < got / ZX_WAV_ALIGN && at < samples; i++, at++) {
			size_t col = (size_t)(at * n / samples);
			peak(&left[col], buf[2 * i]);
			peak(&right[col], buf[2 * i + 1]);
		}
	}
	*len_ms = (int64_t)samples * 1000 / ZX_REC_RATE;
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	return err;
}
