#include "sip/uac_auth.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "sip/nat.h"
#include "sip/reply.h"

enum { HEX_LEN = 65, PART_MAX = 512 };

struct challenge {
	struct pl realm, nonce, opaque, algorithm, qop;
	bool sha256, auth, stale, proxy;
};

static struct pl unquoted(struct pl v)
{
	if (v.l >= 2 && v.p[0] == '"' && v.p[v.l - 1] == '"')
		return (struct pl){v.p + 1, v.l - 2};
	return v;
}

/* name=value parts between commas, quotes minded. */
static bool part_next(const char **p, const char *end, struct pl *name, struct pl *val)
{
	bool quoted = false;
	const char *from, *eq = NULL;

	while (*p < end && (**p == ' ' || **p == ',' || **p == '\t' || **p == '\r' || **p == '\n'))
		(*p)++;
	from = *p;
	for (; *p < end && (quoted || **p != ','); (*p)++) {
		if (**p == '\\' && quoted && *p + 1 < end)
			(*p)++;
		else if (**p == '"')
			quoted = !quoted;
		else if (**p == '=' && !eq)
			eq = *p;
	}
	if (!eq)
		return false;
	*name = (struct pl){from, (size_t)(eq - from)};
	*val = (struct pl){eq + 1, (size_t)(*p - eq - 1)};
	while (name->l && name->p[name->l - 1] == ' ')
		name->l--;
	while (val->l && (val->p[0] == ' ' || val->p[0] == '\t'))
		val->p++, val->l--;
	while (val->l && (val->p[val->l - 1] == ' ' || val->p[val->l - 1] == '\t'))
		val->l--;
	return true;
}

static bool list_has(const struct pl *list, const char *word)
{
	const size_t n = strlen(word);

	for (size_t i = 0; i + n <= list->l; i++) {
		const bool begins = !i || strchr(" ,", list->p[i - 1]), ends = i + n == list->l || strchr(" ,", list->p[i + n]);

		if (begins && ends && !strncasecmp(list->p + i, word, n))
			return true;
	}
	return false;
}

/* It goes into a header of ours: no line may begin in it. */
static bool plain(const struct pl *v)
{
	for (size_t i = 0; i < v->l; i++) {
		if ((unsigned char)v->p[i] < ' ' || v->p[i] == 0x7f)
			return false;
	}
	return v->l < PART_MAX;
}

static bool challenge_read(struct challenge *c, const struct pl *val)
{
	const char *p = val->p, *end = val->p + val->l;
	struct pl name, v;

	memset(c, 0, sizeof(*c));
	if (val->l < 7 || strncasecmp(p, "Digest ", 7))
		return false;
	p += 7;
	while (part_next(&p, end, &name, &v)) {
		v = unquoted(v);
		if (!pl_strcasecmp(&name, "realm"))
			c->realm = v;
		else if (!pl_strcasecmp(&name, "nonce"))
			c->nonce = v;
		else if (!pl_strcasecmp(&name, "opaque"))
			c->opaque = v;
		else if (!pl_strcasecmp(&name, "algorithm"))
			c->algorithm = v;
		else if (!pl_strcasecmp(&name, "qop"))
			c->qop = v;
		else if (!pl_strcasecmp(&name, "stale"))
			c->stale = !pl_strcasecmp(&v, "true");
	}
	c->sha256 = !pl_strcasecmp(&c->algorithm, "SHA-256");
	c->auth = list_has(&c->qop, "auth");
	if (c->algorithm.l && !c->sha256 && pl_strcasecmp(&c->algorithm, "MD5"))
		return false;
	return c->realm.p && c->nonce.l && plain(&c->nonce) && plain(&c->realm) && plain(&c->opaque) && (!c->qop.l || c->auth);
}

static bool challenge_h(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	(void)msg;
	return challenge_read(arg, &hdr->val);
}

static int digest(char *hex, bool sha256, const struct pl *parts, unsigned n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok = ctx && EVP_DigestInit_ex(ctx, sha256 ? EVP_sha256() : EVP_md5(), NULL) == 1;

	for (unsigned i = 0; i < n && ok; i++)
		ok = (!i || EVP_DigestUpdate(ctx, ":", 1) == 1) && EVP_DigestUpdate(ctx, parts[i].p, parts[i].l) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, md, &len) == 1;
	EVP_MD_CTX_free(ctx);
	for (unsigned i = 0; ok && i < len; i++)
		(void)re_snprintf(hex + 2 * i, 3, "%02x", md[i]);
	OPENSSL_cleanse(md, sizeof(md));
	return ok ? 0 : EIO;
}

static int response_make(char *response, const struct challenge *c, const char *met, const char *uri, const char *user, const char *secret,
			 const char *cnonce)
{
	char ha1[HEX_LEN], ha2[HEX_LEN];
	struct pl p[6];
	int err;

	pl_set_str(&p[0], user);
	p[1] = c->realm;
	pl_set_str(&p[2], secret);
	err = digest(ha1, c->sha256, p, 3);
	pl_set_str(&p[0], met);
	pl_set_str(&p[1], uri);
	err |= digest(ha2, c->sha256, p, 2);
	pl_set_str(&p[0], ha1);
	p[1] = c->nonce;
	if (c->auth) {
		pl_set_str(&p[2], "00000001");
		pl_set_str(&p[3], cnonce);
		pl_set_str(&p[4], "auth");
	}
	pl_set_str(&p[c->auth ? 5 : 2], ha2);
	if (!err)
		err = digest(response, c->sha256, p, c->auth ? 6 : 3);
	OPENSSL_cleanse(ha1, sizeof(ha1));
	return err;
}

int zx_uac_auth(char **line, bool *stale, const struct sip_msg *msg, const char *met, const char *uri, const char *user, const char *secret)
{
	const bool proxy = msg->scode == 407;
	char response[HEX_LEN], cnonce[20], qop[80] = "", opaque[PART_MAX + 16] = "";
	struct challenge c = {0};
	int err;

	if (!sip_msg_hdr_apply(msg, true, proxy ? SIP_HDR_PROXY_AUTHENTICATE : SIP_HDR_WWW_AUTHENTICATE, challenge_h, &c) || !*user)
		return ENOENT;
	(void)re_snprintf(cnonce, sizeof(cnonce), "%016llx", rand_u64());
	err = response_make(response, &c, met, uri, user, secret, cnonce);
	if (err)
		return err;
	if (c.auth)
		(void)re_snprintf(qop, sizeof(qop), ", qop=auth, nc=00000001, cnonce=\"%s\"", cnonce);
	if (c.opaque.l)
		(void)re_snprintf(opaque, sizeof(opaque), ", opaque=\"%r\"", &c.opaque);
	*stale = c.stale;
	return re_sdprintf(line,
			   "%s: Digest username=\"%s\", realm=\"%r\", nonce=\"%r\", uri=\"%s\", response=\"%s\", algorithm=%s%s%s\r\n",
			   proxy ? "Proxy-Authorization" : "Authorization", user, &c.realm, &c.nonce, uri, response,
			   c.sha256 ? "SHA-256" : "MD5", qop, opaque);
}
