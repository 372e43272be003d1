#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "web/resource/csv_in.h"

enum { RAW = 32768, OUT = 3 * RAW + 16 };

static const char REPLACEMENT[] = "\xef\xbf\xbd";

struct zx_text_in {
	int fd;
	const char *encoding; /* NULL names: as it is */
	iconv_t cd;
	off_t at, begin;
	size_t rawlen; /* left over, and just read */
	bool end;
	char raw[RAW], out[OUT];
};

/* Length of the well-formed part; *broken: what follows is no beginning of a character either. */
static size_t utf8_part(const char *s, size_t len, bool *broken)
{
	size_t cut = len;

	*broken = false;
	if (zx_utf8_valid(s, len))
		return len;
	/* a character may be cut at the end */
	for (unsigned i = 1; i <= 3 && i <= len; i++) {
		const unsigned char c = (unsigned char)s[len - i];
		if ((c & 0xc0) == 0x80)
			continue;
		if ((c >= 0xc2 && c <= 0xdf && i < 2) || (c >= 0xe0 && c <= 0xef && i < 3) || (c >= 0xf0 && c <= 0xf4 && i < 4))
			cut = len - i;
		break;
	}
	if (cut < len && zx_utf8_valid(s, cut))
		return cut;
	*broken = true;
	return 0;
}

/* Strictly UTF-8 from here to the end of the file? */
static int is_utf8(struct zx_text_in *t, bool *is)
{
	size_t left = 0;
	off_t at = t->begin;
	bool broken = false;

	*is = false;
	while (true) {
		const ssize_t n = pread(t->fd, t->raw + left, RAW - left, at);
		if (n < 0)
			return errno;
		if (!n)
			break;
		at += n;
		left += (size_t)n;
		const size_t good = utf8_part(t->raw, left, &broken);
		if (broken)
			return 0;
		memmove(t->raw, t->raw + good, left - good);
		left -= good;
	}
	*is = !left;
	return 0;
}

static int detect(struct zx_text_in *t)
{
	unsigned char b[3] = {0};
	const ssize_t n = pread(t->fd, b, sizeof(b), 0);
	bool utf8 = true;
	int err = n < 0 ? errno : 0;

	if (n >= 3 && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf) {
		t->begin = 3;
		t->encoding = "UTF-8";
	} else if (n >= 2 && b[0] == 0xff && b[1] == 0xfe) {
		t->begin = 2;
		t->encoding = "UTF-16LE";
	} else if (n >= 2 && b[0] == 0xfe && b[1] == 0xff) {
		t->begin = 2;
		t->encoding = "UTF-16BE";
	} else if (!err) {
		err = is_utf8(t, &utf8);
		t->encoding = utf8 ? "UTF-8" : "GB18030";
	}
	return err;
}

int zx_text_in_open(struct zx_text_in **tp, int fd)
{
	struct zx_text_in *t = calloc(1, sizeof(*t)); /* too large for a worker's stack, also as a literal */
	int err;

	if (!t)
		return ENOMEM;
	t->fd = fd;
	t->cd = (iconv_t)-1;
	err = detect(t);
	t->at = t->begin;
	if (!err && strcmp(t->encoding, "UTF-8")) {
		t->cd = iconv_open("UTF-8", t->encoding);
		if (t->cd == (iconv_t)-1)
			err = errno;
	}
	if (err)
		zx_text_in_close(t);
	else
		*tp = t;
	return err;
}

const char *zx_text_in_encoding(const struct zx_text_in *t)
{
	return t->encoding;
}

static size_t put_replacement(struct zx_text_in *t, size_t at)
{
	memcpy(t->out + at, REPLACEMENT, 3);
	return at + 3;
}

/* UTF-8 may be broken behind a BOM: one replacement for each byte that fits nowhere. Returns what was used. */
static size_t copy_utf8(struct zx_text_in *t, size_t *len)
{
	size_t i = 0, n = 0;

	while (i < t->rawlen) {
		const unsigned char c = (unsigned char)t->raw[i];
		const size_t want = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
		if (want && i + want > t->rawlen && !t->end)
			break;
		if (want && i + want <= t->rawlen && zx_utf8_valid(t->raw + i, want)) {
			memcpy(t->out + n, t->raw + i, want);
			n += want;
			i += want;
		} else {
			n = put_replacement(t, n);
			i++;
		}
	}
	*len = n;
	return i;
}

static size_t convert(struct zx_text_in *t, size_t *len)
{
	char *in = t->raw, *out = t->out;
	size_t left = t->rawlen, room = OUT;

	while (left && room >= 16) {
		if (iconv(t->cd, &in, &left, &out, &room) != (size_t)-1)
			break;
		if (errno == E2BIG || (errno == EINVAL && !t->end))
			break;
		/* no such character; or the file ends in the middle of one */
		put_replacement(t, (size_t)(out - t->out));
		out += 3;
		room -= 3;
		iconv(t->cd, NULL, NULL, NULL, NULL);
		in += left ? 1 : 0;
		left -= left ? 1 : 0;
		if (left && !strncmp(t->encoding, "UTF-16", 6)) { /* stay on even places */
			in++;
			left--;
		}
	}
	*len = (size_t)(out - t->out);
	return t->rawlen - left;
}

int zx_text_in_read(struct zx_text_in *t, const char **p, size_t *len)
{
	*p = t->out;
	*len = 0;
	while (!*len && !(t->end && !t->rawlen)) {
		if (!t->end && t->rawlen < RAW) {
			const ssize_t n = pread(t->fd, t->raw + t->rawlen, RAW - t->rawlen, t->at);
			if (n < 0)
				return errno;
			t->at += n;
			t->rawlen += (size_t)n;
			t->end = !n;
		}
		const size_t used = t->cd == (iconv_t)-1 ? copy_utf8(t, len) : convert(t, len);
		memmove(t->raw, t->raw + used, t->rawlen - used);
		t->rawlen -= used;
	}
	return 0;
}

void zx_text_in_close(struct zx_text_in *t)
{
	if (!t)
		return;
	if (t->cd != (iconv_t)-1)
		iconv_close(t->cd);
	free(t);
}
