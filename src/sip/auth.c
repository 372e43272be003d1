/*
 * Digest authentication, server side: RFC 7616 and RFC 8760 (MD5, SHA-256), qop=auth.
 *
 * A nonce is its time of issue, a random number, and a MAC of both: nothing is kept for a challenge. Only a nonce that was used with the
 * right password gets an entry, with a window of the counts seen. The table is bounded; an entry that must make room makes every nonce as
 * old as its own stale, so that a forgotten count cannot be replayed.
 */
#include "sip/edge.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/ban.h"
#include "sip/buf.h"
#include "sip/credit.h"
#include "sip/digest.h"
#include "sip/hash.h"
#include "sip/nat.h"
#include "sip/reply.h"

enum {
	NONCE_LIFE_MS = 600000,
	TIME_UNIT_MS = 16, /* so that 32 bits last two years */
	WAYS = 8,
	SETS = 8192,
	SHY = 4096, /* clients that did not answer challenges */
	SHY_LIMIT = 2,
	SHY_S = 3600,
};

struct nonce {
	uint64_t id;   /* 0 = free */
	uint32_t time; /* of issue */
	uint32_t last; /* hash of the last accepted request */
	uint32_t seen; /* counts top-31 .. top */
	uint32_t top;
};

struct shy {
	uint32_t tag, when, n;
};

struct zx_auth {
	struct zx_hashkey key, idkey;
	struct nonce *nonces;
	struct shy *shy;
	struct zx_credit *credit;
	uint32_t stale_before; /* times of issue before this are stale */
	EVP_MD_CTX *ctx;
	EVP_MD *md5, *sha256;
	struct zx_account fake;
};

static void destructor(void *arg)
{
	struct zx_auth *a = arg;

	mem_deref(a->nonces);
	mem_deref(a->shy);
	mem_deref(a->credit);
	EVP_MD_CTX_free(a->ctx);
	EVP_MD_free(a->md5);
	EVP_MD_free(a->sha256);
}

int zx_auth_alloc(struct zx_auth **ap)
{
	struct zx_auth *a = mem_zalloc(sizeof(*a), destructor);

	if (!a)
		return ENOMEM;
	zx_hashkey_new(&a->key);
	zx_hashkey_new(&a->idkey);
	a->nonces = mem_zalloc(sizeof(*a->nonces) * WAYS * SETS, NULL);
	a->shy = mem_zalloc(sizeof(*a->shy) * SHY, NULL);
	a->ctx = EVP_MD_CTX_new();
	a->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	a->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	rand_bytes(a->fake.ha1_md5, sizeof(a->fake.ha1_md5));
	rand_bytes(a->fake.ha1_sha256, sizeof(a->fake.ha1_sha256));
	if (zx_credit_alloc(&a->credit) || !a->nonces || !a->shy || !a->ctx || !a->md5 || !a->sha256) {
		mem_deref(a);
		return ENOMEM;
	}
	*ap = a;
	return 0;
}

/* ---- nonces ---- */

static void nonce_new(const struct zx_auth *a, char out[ZX_NONCE_LEN + 1])
{
	const uint64_t v[2] = {zx_mono_ms(), rand_u64()};

	(void)snprintf(out, ZX_NONCE_LEN + 1, "%012llx%016llx%016llx", (unsigned long long)v[0], (unsigned long long)v[1],
		       (unsigned long long)zx_siphash(&a->key, v, sizeof(v)));
}

static bool hex64(const char *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		const char c = p[i];

		v = v << 4 | (unsigned)(c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16);
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	*out = v;
	return true;
}

/* Ours and young enough? */
static bool nonce_valid(const struct zx_auth *a, const struct pl *n, uint32_t *time, uint64_t *id)
{
	uint64_t v[2], mac;
	const uint64_t now = zx_mono_ms();

	if (n->l != ZX_NONCE_LEN || !hex64(n->p, 12, &v[0]) || !hex64(n->p + 12, 16, &v[1]) || !hex64(n->p + 28, 16, &mac))
		return false;
	if (mac != zx_siphash(&a->key, v, sizeof(v)) || v[0] > now || now - v[0] > NONCE_LIFE_MS)
		return false;
	*time = (uint32_t)(v[0] / TIME_UNIT_MS);
	*id = zx_siphash(&a->idkey, v, sizeof(v)) | 1;
	return *time >= a->stale_before;
}

static struct nonce *nonce_find(struct nonce *set, uint64_t id)
{
	for (int i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return &set[i];
	return NULL;
}

static void nonce_enter(struct zx_auth *a, struct nonce *set, const struct nonce *n)
{
	struct nonce *e = &set[0];

	for (int i = 1; i < WAYS; i++)
		if (set[i].time < e->time)
			e = &set[i];
	if (e->id && e->time >= a->stale_before && e->time + NONCE_LIFE_MS / TIME_UNIT_MS > zx_mono_ms() / TIME_UNIT_MS)
		a->stale_before = e->time + 1;
	*e = *n;
}

/* The count of this nonce is used up by request `rq`. False: it was used by another one. */
static bool nonce_use(struct zx_auth *a, uint64_t id, uint32_t time, uint32_t nc, uint32_t rq)
{
	struct nonce *set = a->nonces + (id >> 1) % SETS * WAYS, *e = nonce_find(set, id);
	uint32_t back;

	if (!e) {
		nonce_enter(a, set, &(struct nonce){.id = id, .time = time, .top = nc, .seen = 1, .last = rq});
		return true;
	}
	if (e->last == rq)
		return true; /* retransmission */
	if (nc > e->top) {
		e->seen = nc - e->top >= 32 ? 0 : e->seen << (nc - e->top);
		e->top = nc;
	}
	back = e->top - nc;
	if (back >= 32 || e->seen & 1U << back)
		return false;
	e->seen |= 1U << back;
	e->last = rq;
	return true;
}

/* ---- digest ---- */

static void hex(char *out, const uint8_t *p, size_t n)
{
	static const char d[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = d[p[i] >> 4];
		out[2 * i + 1] = d[p[i] & 15];
	}
}

struct piece {
	const void *p;
	size_t n;
};

/* H(a ":" b ":" ...) as hex. */
static void hash_hex(const struct zx_auth *a, const EVP_MD *md, char *out, const struct piece *v, size_t n)
{
	uint8_t d[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	EVP_DigestInit_ex2(a->ctx, md, NULL);
	for (size_t i = 0; i < n; i++) {
		if (i)
			EVP_DigestUpdate(a->ctx, ":", 1);
		EVP_DigestUpdate(a->ctx, v[i].p, v[i].n);
	}
	EVP_DigestFinal_ex(a->ctx, d, &len);
	hex(out, d, len);
}

static bool response_right(const struct zx_auth *a, const struct zx_digest *d, const struct pl *met, const struct zx_account *acc)
{
	const EVP_MD *md = d->sha256 ? a->sha256 : a->md5;
	const size_t l = d->sha256 ? 32 : 16, hl = 2 * l;
	char ha1[64], ha2[64], want[64], got[64];

	hex(ha1, d->sha256 ? acc->ha1_sha256 : acc->ha1_md5, l);
	hash_hex(a, md, ha2, (struct piece[]){{met->p, met->l}, {d->uri.p, d->uri.l}}, 2);
	if (d->qop.l)
		hash_hex(a, md, want,
			 (struct piece[]){{ha1, hl},
					  {d->nonce.p, d->nonce.l},
					  {d->nc.p, d->nc.l},
					  {d->cnonce.p, d->cnonce.l},
					  {d->qop.p, d->qop.l},
					  {ha2, hl}},
			 6);
	else
		hash_hex(a, md, want, (struct piece[]){{ha1, hl}, {d->nonce.p, d->nonce.l}, {ha2, hl}}, 3);
	memset(got, 0, sizeof(got));
	for (size_t i = 0; i < hl && i < d->response.l; i++)
		got[i] = (char)(d->response.p[i] >= 'A' && d->response.p[i] <= 'F' ? d->response.p[i] | 0x20 : d->response.p[i]);
	return !CRYPTO_memcmp(got, want, hl) && d->response.l == hl;
}

/* ---- challenge ---- */

/* User agents that give up when they meet an algorithm they do not know (libre before 2.0 does). */
static bool md5_only_agent(const struct sip_msg *msg)
{
	const struct sip_hdr *h = sip_msg_hdr(msg, SIP_HDR_USER_AGENT);

	return h && h->val.l > 10 && !strncasecmp(h->val.p, "baresip v", 9) && h->val.p[9] >= '0' && h->val.p[9] <= '2' &&
	       h->val.p[10] == '.';
}

static struct shy *shy_of(const struct zx_auth *a, const struct sip_msg *msg, const struct pl *user, uint32_t *tag)
{
	const uint64_t k[2] = {zx_siphash_addr(&a->key, &msg->src), zx_siphash(&a->key, user->p, user->l)};
	const uint64_t h = zx_siphash(&a->key, k, sizeof(k));

	*tag = (uint32_t)(h >> 32);
	return &a->shy[h % SHY];
}

/* Counts a challenge; true when this client has left some unanswered: then it is offered MD5 alone. */
static bool shy_challenged(struct zx_auth *a, const struct sip_msg *msg, const struct pl *user)
{
	const uint32_t now = (uint32_t)(zx_mono_ms() / 1000);
	uint32_t tag;
	struct shy *s = shy_of(a, msg, user, &tag);

	if (s->tag != tag || now - s->when > SHY_S)
		*s = (struct shy){.tag = tag};
	s->when = now;
	if (s->n < SHY_LIMIT)
		s->n++;
	else
		return true;
	return false;
}

static void shy_answered(struct zx_auth *a, const struct sip_msg *msg, const struct pl *user, bool sha256)
{
	uint32_t tag;
	struct shy *s = shy_of(a, msg, user, &tag);

	/* one that answered MD5 after it got it alone stays so */
	if (s->tag == tag && (sha256 || s->n < SHY_LIMIT))
		s->n = 0;
}

static bool allowed(const struct zx_sip *s, bool sha256)
{
	return strcmp(s->conf->sip_digest, sha256 ? "md5" : "sha-256") != 0;
}

/* A datagram may come from where it does not say. */
static bool may_challenge(struct zx_sip *s, const struct sip_msg *msg)
{
	static struct zx_log_site site;
	char src[80];

	if (msg->tp != SIP_TRANSP_UDP || zx_credit_spend(s->auth->credit, &msg->src, zx_mono_ms()))
		return true;
	(void)re_snprintf(src, sizeof(src), "%j", &msg->src);
	zx_log_limited(&site, 60, ZX_WARN, "sip",
		       "%s leaves too many challenges unanswered (or somebody forges its address): %d a second go on", src,
		       ZX_CREDIT_PER_S);
	s->stats.unanswered_drops++;
	return false;
}

static void challenge(struct zx_sip *s, const struct sip_msg *msg, const struct pl *user, bool stale)
{
	char text[640], nonce[ZX_NONCE_LEN + 1];
	struct zx_buf b = {.p = text, .cap = sizeof(text) - 1};
	const char *st = stale ? ", stale=true" : "";

	if (!may_challenge(s, msg))
		return;
	nonce_new(s->auth, nonce);
	const bool sha256 = allowed(s, true), md5 = allowed(s, false);

	if (sha256 && (!md5 || (!shy_challenged(s->auth, msg, user) && !md5_only_agent(msg))))
		zx_buf_fmt(&b, "WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", algorithm=SHA-256, qop=\"auth\"%s\r\n",
			   s->conf->sip_realm, nonce, st);
	if (md5)
		zx_buf_fmt(&b, "WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", algorithm=MD5, qop=\"auth\"%s\r\n", s->conf->sip_realm,
			   nonce, st);
	text[b.n] = 0;
	s->stats.challenges++;
	(void)zx_reply(msg, 401, "Unauthorized", text);
}

static void failed(struct zx_sip *s, const struct sip_msg *msg, const struct pl *user)
{
	static struct zx_log_site site;

	s->stats.auth_failures++;
	if (zx_ban_failure(s->bans, &msg->src, user)) {
		char src[80];

		(void)re_snprintf(src, sizeof(src), "%j", &msg->src);
		zx_log_limited(&site, 10, ZX_WARN, "sip", "log-ins from %s failed too often (last account \"%.*s\"): refused for %u s", src,
			       (int)(user->l < 32 ? user->l : 32), user->p, s->conf->sip_ban_time);
	}
	(void)zx_reply(msg, 403, "Forbidden", "");
}

/* Credentials of this request for our realm, in an algorithm we know. */
static bool credentials(const struct zx_sip *s, const struct sip_msg *msg, struct zx_digest *d)
{
	const struct list *l = hash_list(msg->hdrht, SIP_HDR_AUTHORIZATION);

	for (struct le *le = list_head(l); le; le = le->next) {
		const struct sip_hdr *h = le->data;

		if (h->id == SIP_HDR_AUTHORIZATION && zx_digest_decode(d, &h->val) && !pl_strcmp(&d->realm, s->conf->sip_realm))
			return true;
	}
	return false;
}

static uint32_t request_hash(const struct zx_auth *a, const struct sip_msg *msg, const struct zx_digest *d)
{
	const uint64_t k[3] = {zx_siphash(&a->key, msg->callid.p, msg->callid.l), zx_siphash(&a->key, d->response.p, d->response.l),
			       msg->cseq.num};

	return (uint32_t)zx_siphash(&a->key, k, sizeof(k));
}

static bool nc_parse(const struct zx_digest *d, uint32_t *nc)
{
	uint64_t v;
	char lower[8];

	if (!d->qop.l) { /* RFC 2069: no count, so the nonce serves once */
		*nc = 1;
		return true;
	}
	if (d->nc.l != 8)
		return false;
	for (int i = 0; i < 8; i++)
		lower[i] = (char)(d->nc.p[i] >= 'A' && d->nc.p[i] <= 'F' ? d->nc.p[i] | 0x20 : d->nc.p[i]);
	if (!hex64(lower, 8, &v) || !v)
		return false;
	*nc = (uint32_t)v;
	return true;
}

enum zx_auth_result zx_auth_request(struct zx_sip *s, const struct sip_msg *msg, const struct zx_account **accp)
{
	const bool reg = !pl_strcmp(&msg->met, "REGISTER");
	char user[ZX_NUM_LEN];
	struct pl upl = {user, 0};
	const struct zx_account *acc = NULL, *test;
	struct zx_digest d;
	uint64_t id;
	uint32_t nc, time;
	bool right;

	if (zx_uri_user(user, sizeof(user), reg ? &msg->to.uri : &msg->from.uri))
		user[0] = 0;
	upl.l = strlen(user);
	if (!credentials(s, msg, &d) || !allowed(s, d.sha256)) {
		challenge(s, msg, &upl, false);
		return ZX_AUTH_REPLIED;
	}
	if (zx_ban_pair_is(s->bans, &msg->src, &upl)) {
		s->stats.banned_drops++;
		return ZX_AUTH_REPLIED;
	}
	shy_answered(s->auth, msg, &upl, d.sha256);
	if (!nc_parse(&d, &nc) || (d.qop.l && pl_strcasecmp(&d.qop, "auth"))) {
		(void)zx_reply(msg, 400, "Bad Credentials", "");
		return ZX_AUTH_REPLIED;
	}
	if (!nonce_valid(s->auth, &d.nonce, &time, &id)) {
		challenge(s, msg, &upl, true);
		return ZX_AUTH_REPLIED;
	}
	/* The same work whether the account exists or not. */
	acc = user[0] ? s->dir.account(user, s->dir.arg) : NULL;
	if (acc && !zx_digest_user_is(&d, acc->user))
		acc = NULL;
	test = acc ? acc : &s->auth->fake;
	right = response_right(s->auth, &d, &msg->met, test);
	if (!right || !acc) {
		failed(s, msg, &upl);
		return ZX_AUTH_REPLIED;
	}
	if (!nonce_use(s->auth, id, time, nc, request_hash(s->auth, msg, &d))) {
		challenge(s, msg, &upl, true);
		return ZX_AUTH_REPLIED;
	}
	zx_ban_success(s->bans, &msg->src, &upl);
	zx_credit_earn(s->auth->credit, &msg->src, zx_mono_ms());
	if (acc->bind_ip[0] && !zx_cidr_match(acc->bind_ip, &msg->src)) {
		(void)zx_reply(msg, 403, "Forbidden", "");
		return ZX_AUTH_REPLIED;
	}
	*accp = acc;
	return ZX_AUTH_OK;
}
