#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

bool zx_strcpy_len(char *dst, size_t size, const char *src, size_t len)
{
	const size_t n = len ? strnlen(src, len) : 0;
	const size_t cut = n < size ? n : size - 1;

	if (cut)
		memcpy(dst, src, cut);
	dst[cut] = 0;
	return cut < n;
}

bool zx_strcpy(char *dst, size_t size, const char *src)
{
	return zx_strcpy_len(dst, size, src, strlen(src));
}

bool zx_pl_copy(char *dst, size_t size, const struct pl *pl)
{
	return zx_strcpy_len(dst, size, pl->p, pl->p ? pl->l : 0);
}

void zx_hex_encode(char *dst, const void *src, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = src;

	for (size_t i = 0; i < len; i++) {
		*dst++ = digits[p[i] >> 4];
		*dst++ = digits[p[i] & 15];
	}
	*dst = 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int zx_hex_decode(void *dst, size_t len, const char *hex)
{
	uint8_t *p = dst;

	for (size_t i = 0; i < len; i++, hex += 2) {
		const int hi = hex_value(hex[0]);
		const int lo = hi < 0 ? -1 : hex_value(hex[1]);

		if (lo < 0)
			return EINVAL;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return *hex ? EINVAL : 0;
}

/* Bytes after the lead byte, and the range of the first of them, which rules out overlong forms and surrogates. */
static int utf8_tail(uint8_t lead, uint8_t *lo, uint8_t *hi)
{
	*lo = 0x80;
	*hi = 0xbf;
	if (lead < 0x80)
		return 0;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*lo = 0xa0;
		if (lead == 0xed)
			*hi = 0x9f;
		return 2;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*lo = 0x90;
		if (lead == 0xf4)
			*hi = 0x8f;
		return 3;
	}
	return -1;
}

bool zx_utf8_valid(const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + len;

	while (p < end) {
		uint8_t lo, hi;
		const int n = utf8_tail(*p++, &lo, &hi);

		if (n < 0 || n > end - p)
			return false;
		for (int i = 0; i < n; i++, lo = 0x80, hi = 0xbf, p++) {
			if (*p < lo || *p > hi)
				return false;
		}
	}
	return true;
}

char *zx_trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return s;
}

void zx_utf8_cut(char *s)
{
	size_t n = strlen(s), tail = 0;

	while (tail < n && tail < 3 && ((unsigned char)s[n - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail < n && ((unsigned char)s[n - 1 - tail] & 0xc0) == 0xc0 && !zx_utf8_valid(s + n - 1 - tail, tail + 1))
		s[n - 1 - tail] = '\0';
}

void zx_number_mask(char *out, size_t len, const char *number)
{
	enum { FIRST = 4, LAST = 3, SHORT = 7 };

	zx_strcpy(out, len, number);
	const size_t n = strlen(out);
	const size_t head = n > SHORT ? FIRST : 0, tail = n > SHORT ? LAST : n > 2 ? 2 : 0;

	for (size_t i = head; i + tail < n; i++)
		out[i] = '*';
}
