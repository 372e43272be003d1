#include "sip/digest.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	size_t offset;
} params[] = {
    {"username", offsetof(struct zx_digest, username)},
    {"realm", offsetof(struct zx_digest, realm)},
    {"nonce", offsetof(struct zx_digest, nonce)},
    {"uri", offsetof(struct zx_digest, uri)},
    {"response", offsetof(struct zx_digest, response)},
    {"cnonce", offsetof(struct zx_digest, cnonce)},
    {"qop", offsetof(struct zx_digest, qop)},
    {"nc", offsetof(struct zx_digest, nc)},
    {"algorithm", offsetof(struct zx_digest, algorithm)},
};

static bool lws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool store(struct zx_digest *d, const char *name, size_t nl, const char *v, size_t vl)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		struct pl *slot = (struct pl *)((char *)d + params[i].offset);

		if (strlen(params[i].name) != nl || strncasecmp(params[i].name, name, nl))
			continue;
		if (slot->p || vl > 512)
			return false;
		slot->p = v;
		slot->l = vl;
		return true;
	}
	return true; /* unknown ones are skipped */
}

bool zx_digest_decode(struct zx_digest *d, const struct pl *val)
{
	const char *p = val->p, *end = p + val->l;

	memset(d, 0, sizeof(*d));
	if (val->l < 8 || strncasecmp(p, "Digest", 6) || !lws(p[6]))
		return false;
	p += 7;
	while (p < end) {
		const char *name, *v;
		size_t nl, vl;

		while (p < end && (lws(*p) || *p == ','))
			p++;
		if (p == end)
			break;
		for (name = p; p < end && *p != '=' && !lws(*p) && *p != ','; p++)
			;
		nl = (size_t)(p - name);
		while (p < end && lws(*p))
			p++;
		if (p == end || *p != '=' || !nl)
			return false;
		for (p++; p < end && lws(*p); p++)
			;
		if (p < end && *p == '"') {
			for (v = ++p; p < end && *p != '"'; p++)
				if (*p == '\\')
					return false; /* nothing we issue needs escapes, and the hash would differ */
			if (p == end)
				return false;
			vl = (size_t)(p++ - v);
		} else {
			for (v = p; p < end && *p != ',' && !lws(*p); p++)
				;
			vl = (size_t)(p - v);
		}
		if (!store(d, name, nl, v, vl))
			return false;
	}
	if (!d->username.p || !d->realm.p || !d->nonce.p || !d->uri.p || !d->response.p)
		return false;
	if (d->qop.l && (!d->nc.l || !d->cnonce.p))
		return false;
	if (d->algorithm.l && !pl_strcasecmp(&d->algorithm, "SHA-256"))
		d->sha256 = true;
	else if (d->algorithm.l && pl_strcasecmp(&d->algorithm, "MD5"))
		return false;
	return d->response.l == (d->sha256 ? 64 : 32);
}

bool zx_digest_user_is(const struct zx_digest *d, const char *user)
{
	const size_t n = strlen(user);

	return d->username.l >= n && !memcmp(d->username.p, user, n) && (d->username.l == n || d->username.p[n] == '@');
}
