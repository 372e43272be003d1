#include "web/front/head.h"

#include <string.h>
#include <strings.h>

size_t zx_head_len(const char *buf, size_t len)
{
	const char *end = memmem(buf, len, "\r\n\r\n", 4);

	return end ? (size_t)(end - buf) + 4 : 0;
}

bool zx_head_is_get(const char *head, size_t len, const char *path)
{
	const size_t pl = strlen(path);

	if (len < pl + 14 || memcmp(head, "GET ", 4) || memcmp(head + 4, path, pl))
		return false;
	const char *p = head + 4 + pl;
	if (*p != ' ' && *p != '?')
		return false;
	const char *eol = memchr(head, '\r', len);
	return eol && eol - head >= 9 && !memcmp(eol - 9, " HTTP/1.1", 9);
}

static const char *find(const char *head, size_t len, const char *name, size_t *vlen)
{
	const size_t nl = strlen(name);
	const char *p = head, *end = head + len;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		if ((size_t)(end - p) <= nl || strncasecmp(p, name, nl) || p[nl] != ':')
			continue;
		const char *v = p + nl + 1, *e = memchr(v, '\r', (size_t)(end - v));
		if (!e)
			return NULL;
		while (v < e && (*v == ' ' || *v == '\t'))
			v++;
		while (e > v && (e[-1] == ' ' || e[-1] == '\t'))
			e--;
		*vlen = (size_t)(e - v);
		return v;
	}
	return NULL;
}

bool zx_head_get(const char *head, size_t len, const char *name, char *out, size_t outlen)
{
	size_t n = 0;
	const char *v = find(head, len, name, &n);

	out[0] = '\0';
	if (!v || n >= outlen || memchr(v, '\0', n))
		return false;
	memcpy(out, v, n);
	out[n] = '\0';
	return true;
}

bool zx_head_has_token(const char *head, size_t len, const char *name, const char *token)
{
	size_t n = 0;
	const char *v = find(head, len, name, &n), *end = v ? v + n : NULL;
	const size_t tl = strlen(token);

	while (v && v < end) {
		while (v < end && (*v == ' ' || *v == ',' || *v == '\t'))
			v++;
		const char *e = v;
		while (e < end && *e != ',')
			e++;
		const char *t = e;
		while (t > v && (t[-1] == ' ' || t[-1] == '\t'))
			t--;
		if ((size_t)(t - v) == tl && !strncasecmp(v, token, tl))
			return true;
		v = e;
	}
	return false;
}
