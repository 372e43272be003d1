#include "plan/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/log.h"

enum { LOAD_MS = 15000, SECRET_LEN = 256 };

/* What is needed while a snapshot is built. */
struct loader {
	struct zx_plan *plan;
	struct zx_store *st;
	struct zx_db *db;
	const char *realm;
	EVP_MD *md5, *sha256; /* fetched once: the look-up costs more than the digest */
	EVP_MD_CTX *ctx;
};

static void plan_destroy(void *arg)
{
	struct zx_plan *p = arg;

	if (p->exts)
		OPENSSL_cleanse(p->exts, p->extc * sizeof(*p->exts));
	free(p->exts);
	free(p->trunks);
	free(p->inbound);
	free(p->by_number.slots);
	free(p->by_addr.slots);
}

/* The array with room for one more behind its n entries, that one zeroed; NULL: no memory, and the old array is as it was. */
static void *grow(void *v, unsigned n, size_t size)
{
	if (!(n & (n - 1))) {
		v = reallocarray(v, n ? 2 * (size_t)n : 1, size);
		if (!v)
			return NULL;
	}
	memset((char *)v + n * size, 0, size);
	return v;
}

static int digest(struct loader *l, const EVP_MD *md, const struct zx_account *a, const char *secret, uint8_t *out)
{
	if (EVP_DigestInit_ex2(l->ctx, md, NULL) != 1 || EVP_DigestUpdate(l->ctx, a->user, strlen(a->user)) != 1 ||
	    EVP_DigestUpdate(l->ctx, ":", 1) != 1 || EVP_DigestUpdate(l->ctx, l->realm, strlen(l->realm)) != 1 ||
	    EVP_DigestUpdate(l->ctx, ":", 1) != 1 || EVP_DigestUpdate(l->ctx, secret, strlen(secret)) != 1 ||
	    EVP_DigestFinal_ex(l->ctx, out, NULL) != 1)
		return EIO;
	return 0;
}

#define COPY_COL(dst, s, i) snprintf(dst, sizeof(dst), "%s", zx_col_text(s, i))

static int load_exts(struct loader *l)
{
	struct zx_plan *p = l->plan;
	char secret[SECRET_LEN];
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, l->db, "plan_extensions");
	while (!err && !(err = zx_stmt_step(s))) {
		struct zx_plan_ext *v = grow(p->exts, p->extc, sizeof(*v)), *e;

		if (!v) {
			err = ENOMEM;
			break;
		}
		p->exts = v;
		e = &v[p->extc];
		e->id = zx_col_int(s, 0);
		e->account.company_id = zx_col_int(s, 1);
		COPY_COL(e->account.user, s, 2);
		COPY_COL(e->account.name, s, 3);
		e->record = zx_col_int(s, 5) != 0;
		COPY_COL(e->caller_id, s, 6);
		COPY_COL(e->account.bind_ip, s, 7);
		if (zx_unseal(l->st, secret, sizeof(secret), zx_col_text(s, 4))) {
			/* left out: an account with a known HA1 would be open to anybody */
			zx_log(ZX_ERROR, "plan", "extension %s: its password cannot be read, set it anew", e->account.user);
			continue;
		}
		err = digest(l, l->md5, &e->account, secret, e->account.ha1_md5);
		if (!err)
			err = digest(l, l->sha256, &e->account, secret, e->account.ha1_sha256);
		p->extc++;
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	return err == ENODATA ? 0 : err;
}

static int load_trunks(struct loader *l)
{
	struct zx_plan *p = l->plan;
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, l->db, "plan_trunks");
	while (!err && !(err = zx_stmt_step(s))) {
		struct zx_plan_trunk *v = grow(p->trunks, p->trunkc, sizeof(*v)), *t;

		if (!v) {
			err = ENOMEM;
			break;
		}
		p->trunks = v;
		t = &v[p->trunkc];
		t->peer.id = zx_col_int(s, 0);
		t->peer.company_id = zx_col_int(s, 1);
		COPY_COL(t->peer.name, s, 2);
		if (sa_set_str(&t->addr, zx_col_text(s, 3), (uint16_t)zx_col_int(s, 4)))
			zx_log(ZX_WARN, "plan", "trunk %s: \"%s\" is not an IP address", t->peer.name, zx_col_text(s, 3));
		else
			p->trunkc++;
	}
	return err == ENODATA ? 0 : err;
}

static int load_inbound(struct loader *l)
{
	struct zx_plan *p = l->plan;
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, l->db, "plan_inbound_routes");
	while (!err && !(err = zx_stmt_step(s))) {
		struct zx_plan_inbound *v = grow(p->inbound, p->inboundc, sizeof(*v)), *r;

		if (!v) {
			err = ENOMEM;
			break;
		}
		p->inbound = v;
		r = &v[p->inboundc];
		r->company_id = zx_col_int(s, 0);
		r->trunk_id = zx_col_int(s, 1);
		COPY_COL(r->pattern, s, 2);
		r->strip = (unsigned)zx_col_int(s, 3);
		r->record = zx_col_int(s, 4) != 0;
		COPY_COL(r->app, s, 5);
		COPY_COL(r->param, s, 6);
		p->inboundc++;
	}
	return err == ENODATA ? 0 : err;
}

/* ---- look-up ---- */
static uint32_t hash_number(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h ^ h >> 15;
}

static int index_alloc(struct zx_plan_index *ix, unsigned n)
{
	uint32_t size = 4;

	while (size < 2 * n)
		size *= 2;
	ix->mask = size - 1;
	ix->slots = calloc(size, sizeof(*ix->slots));
	return ix->slots ? 0 : ENOMEM;
}

static void index_put(struct zx_plan_index *ix, uint32_t hash, unsigned i)
{
	while (ix->slots[hash & ix->mask])
		hash++;
	ix->slots[hash & ix->mask] = i + 1;
}

static int build_indexes(struct zx_plan *p)
{
	if (index_alloc(&p->by_number, p->extc) || index_alloc(&p->by_addr, p->trunkc))
		return ENOMEM;
	for (unsigned i = 0; i < p->extc; i++)
		index_put(&p->by_number, hash_number(p->exts[i].account.user), i);
	for (unsigned i = 0; i < p->trunkc; i++)
		index_put(&p->by_addr, sa_hash(&p->trunks[i].addr, SA_ADDR), i);
	return 0;
}

const struct zx_plan_ext *zx_plan_find_ext(const struct zx_plan *p, const char *number)
{
	uint32_t i;

	for (uint32_t h = hash_number(number); (i = p->by_number.slots[h & p->by_number.mask]); h++) {
		if (!strcmp(p->exts[i - 1].account.user, number))
			return &p->exts[i - 1];
	}
	return NULL;
}

const struct zx_plan_trunk *zx_plan_find_trunk(const struct zx_plan *p, const struct sa *src)
{
	const struct zx_plan_trunk *best = NULL;
	uint32_t i;

	for (uint32_t h = sa_hash(src, SA_ADDR); (i = p->by_addr.slots[h & p->by_addr.mask]); h++) {
		const struct zx_plan_trunk *t = &p->trunks[i - 1];

		if (!sa_cmp(&t->addr, src, SA_ADDR))
			continue;
		if (sa_port(&t->addr) == sa_port(src))
			return t;
		if (!best)
			best = t; /* a peer may send from any port */
	}
	return best;
}

const struct zx_plan_trunk *zx_plan_find_trunk_id(const struct zx_plan *p, int64_t id)
{
	unsigned lo = 0, hi = p->trunkc;

	while (lo < hi) {
		const unsigned mid = (lo + hi) / 2;

		if (p->trunks[mid].peer.id == id)
			return &p->trunks[mid];
		if (p->trunks[mid].peer.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

int zx_plan_load(struct zx_plan **pp, struct zx_store *st, const char *realm)
{
	struct loader l = {.st = st, .realm = realm};
	int err;

	l.plan = mem_zalloc(sizeof(*l.plan), plan_destroy);
	l.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	l.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	l.ctx = EVP_MD_CTX_new();
	err = l.plan && l.md5 && l.sha256 && l.ctx ? 0 : ENOMEM;
	if (!err)
		err = zx_store_reader(st, &l.db);
	if (!err)
		err = zx_db_begin_read(l.db, LOAD_MS);
	if (err)
		goto out;
	err = load_exts(&l);
	if (!err)
		err = load_trunks(&l);
	if (!err)
		err = load_inbound(&l);
	if (err)
		zx_log(ZX_ERROR, "plan", "cannot read the configuration: %s (%s)", strerror(err), zx_db_errmsg(l.db));
	zx_db_end_read(l.db);
	if (!err)
		err = build_indexes(l.plan);
out:
	EVP_MD_CTX_free(l.ctx);
	EVP_MD_free(l.md5);
	EVP_MD_free(l.sha256);
	if (err)
		mem_deref(l.plan);
	else
		*pp = l.plan;
	return err;
}
