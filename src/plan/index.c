/* Finding things in a snapshot. */
#include "plan/snapshot.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

enum { KIND_SHIFT = 28 };
#define SLOT_INDEX ((1u << KIND_SHIFT) - 1)

/* number: 0 = not dialled */
static const struct {
	size_t size, id, number;
} kinds[ZX_PLAN_KINDS] = {
    [ZX_PLAN_EXT] = {sizeof(struct zx_plan_ext), offsetof(struct zx_plan_ext, id), offsetof(struct zx_plan_ext, account.user)},
    [ZX_PLAN_TRUNK] = {sizeof(struct zx_plan_trunk), offsetof(struct zx_plan_trunk, peer.id), 0},
    [ZX_PLAN_PROMPT] = {sizeof(struct zx_plan_prompt), 0, 0},
    [ZX_PLAN_QUEUE] = {sizeof(struct zx_plan_queue), 0, offsetof(struct zx_plan_queue, h.number)},
    [ZX_PLAN_IVR] = {sizeof(struct zx_plan_ivr), 0, offsetof(struct zx_plan_ivr, h.number)},
    [ZX_PLAN_TIME] = {sizeof(struct zx_plan_time), 0, 0},
    [ZX_PLAN_HOLIDAYS] = {sizeof(struct zx_plan_holidays), 0, 0},
    [ZX_PLAN_CONF] = {sizeof(struct zx_plan_conf), 0, offsetof(struct zx_plan_conf, h.number)},
    [ZX_PLAN_VOICEMAIL] = {sizeof(struct zx_plan_voicemail), 0, 0},
    [ZX_PLAN_INBOUND] = {sizeof(struct zx_plan_inbound), 0, 0},
    [ZX_PLAN_OUTBOUND] = {sizeof(struct zx_plan_outbound), 0, 0},
};

/* The account is the first member of an extension, and so is its user: offset 0 would read as "not dialled". */
static bool has_number(enum zx_plan_kind kind)
{
	return kind == ZX_PLAN_EXT || kinds[kind].number;
}

size_t zx_plan_size(enum zx_plan_kind kind)
{
	return kinds[kind].size;
}

int64_t zx_plan_item_id(enum zx_plan_kind kind, const void *item)
{
	int64_t id;

	memcpy(&id, (const char *)item + kinds[kind].id, sizeof(id));
	return id;
}

static const char *item_number(enum zx_plan_kind kind, const void *item)
{
	return (const char *)item + kinds[kind].number;
}

static const void *item_at(const struct zx_plan *p, enum zx_plan_kind kind, unsigned i)
{
	return (const char *)p->lists[kind].v + i * kinds[kind].size;
}

static uint32_t hash_number(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h ^ h >> 15;
}

static uint32_t hash_id(int64_t id)
{
	return (uint32_t)(((uint64_t)id * 0x9e3779b97f4a7c15u) >> 32);
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

static void index_put(struct zx_plan_index *ix, uint32_t hash, uint32_t entry)
{
	while (ix->slots[hash & ix->mask])
		hash++;
	ix->slots[hash & ix->mask] = entry;
}

const void *zx_plan_find(const struct zx_plan *p, enum zx_plan_kind kind, int64_t id)
{
	const struct zx_plan_index *ix = &p->lists[kind].by_id;
	uint32_t i;

	for (uint32_t h = hash_id(id); (i = ix->slots[h & ix->mask]); h++)
		if (zx_plan_item_id(kind, item_at(p, kind, i - 1)) == id)
			return item_at(p, kind, i - 1);
	return NULL;
}

enum zx_plan_kind zx_plan_find_number(const struct zx_plan *p, const char *number, const void **item)
{
	uint32_t i;

	for (uint32_t h = hash_number(number); (i = p->by_number.slots[h & p->by_number.mask]); h++) {
		const enum zx_plan_kind kind = i >> KIND_SHIFT;

		*item = item_at(p, kind, (i & SLOT_INDEX) - 1);
		if (!strcmp(item_number(kind, *item), number))
			return kind;
	}
	*item = NULL;
	return ZX_PLAN_KINDS;
}

const struct zx_plan_ext *zx_plan_find_ext(const struct zx_plan *p, const char *number)
{
	const void *item;

	return zx_plan_find_number(p, number, &item) == ZX_PLAN_EXT ? item : NULL;
}

const struct zx_plan_trunk *zx_plan_find_trunk(const struct zx_plan *p, const struct sa *src)
{
	const struct zx_plan_trunk *best = NULL;
	uint32_t i;

	for (uint32_t h = sa_hash(src, SA_ADDR); (i = p->by_addr.slots[h & p->by_addr.mask]); h++) {
		const struct zx_plan_trunk *t = ZX_PLAN_AT(p, ZX_PLAN_TRUNK, zx_plan_trunk, i - 1);

		if (!sa_cmp(&t->addr, src, SA_ADDR))
			continue;
		if (sa_port(&t->addr) == sa_port(src))
			return t;
		if (!best)
			best = t; /* a peer may send from any port */
	}
	return best;
}

/* Numbers are unique on the whole system; should two companies have the same all the same, the first keeps it. */
static void put_number(struct zx_plan *p, enum zx_plan_kind kind, unsigned i)
{
	const char *number = item_number(kind, item_at(p, kind, i));
	const void *other;

	if (!*number)
		return;
	if (zx_plan_find_number(p, number, &other) != ZX_PLAN_KINDS) {
		if (*p->dir)
			zx_log(ZX_ERROR, "plan", "number %s is there twice: only the first can be called", number);
		return;
	}
	index_put(&p->by_number, hash_number(number), (uint32_t)kind << KIND_SHIFT | (i + 1));
}

int zx_plan_index_build(struct zx_plan *p)
{
	unsigned numbers = 0;

	for (enum zx_plan_kind k = 0; k < ZX_PLAN_KINDS; k++) {
		struct zx_plan_list *l = &p->lists[k];

		if (l->n > SLOT_INDEX - 1)
			return E2BIG;
		if (index_alloc(&l->by_id, l->n))
			return ENOMEM;
		for (unsigned i = 0; i < l->n; i++)
			index_put(&l->by_id, hash_id(zx_plan_item_id(k, item_at(p, k, i))), i + 1);
		numbers += has_number(k) ? l->n : 0;
	}
	if (index_alloc(&p->by_number, numbers) || index_alloc(&p->by_addr, p->lists[ZX_PLAN_TRUNK].n))
		return ENOMEM;
	for (enum zx_plan_kind k = 0; k < ZX_PLAN_KINDS; k++)
		for (unsigned i = 0; has_number(k) && i < p->lists[k].n; i++)
			put_number(p, k, i);
	for (unsigned i = 0; i < p->lists[ZX_PLAN_TRUNK].n; i++) {
		const struct zx_plan_trunk *t = ZX_PLAN_AT(p, ZX_PLAN_TRUNK, zx_plan_trunk, i);

		if (sa_isset(&t->addr, SA_ADDR) && t->kind != ZX_TRUNK_GATEWAY)
			index_put(&p->by_addr, sa_hash(&t->addr, SA_ADDR), i + 1);
	}
	return 0;
}

/* ---- routes ---- */

static uint32_t hash_rule(int64_t company, const char *callee, unsigned cl, const char *caller, unsigned rl)
{
	uint32_t h = 2166136261u ^ hash_id(company);

	for (unsigned i = 0; i < cl; i++)
		h = (h ^ (unsigned char)callee[i]) * 16777619u;
	h = (h ^ 0xff) * 16777619u;
	for (unsigned i = 0; i < rl; i++)
		h = (h ^ (unsigned char)caller[i]) * 16777619u;
	return h ^ h >> 15;
}

/* Its chain's slot: the chain, or a free one. */
static uint32_t *chain_of(const struct zx_plan_rules *rs, int64_t company, const char *callee, unsigned cl, const char *caller, unsigned rl)
{
	for (uint32_t h = hash_rule(company, callee, cl, caller, rl);; h++) {
		uint32_t *slot = &rs->chains.slots[h & rs->chains.mask];
		const struct zx_plan_rule *r = *slot ? &rs->v[*slot - 1] : NULL;

		if (!r || (r->company_id == company && r->callee_len == cl && r->caller_len == rl && !memcmp(r->callee, callee, cl) &&
			   !memcmp(r->caller, caller, rl)))
			return slot;
	}
}

static void add_lens(struct zx_plan_rules *rs, uint8_t callee, uint8_t caller)
{
	for (unsigned i = 0; i < rs->lenc; i++)
		if (rs->lens[i].callee == callee && rs->lens[i].caller == caller)
			return;
	rs->lens[rs->lenc].callee = callee;
	rs->lens[rs->lenc++].caller = caller;
}

static int rules_init(struct zx_plan_rules *rs, unsigned n)
{
	rs->n = n;
	rs->v = calloc(n + 1, sizeof(*rs->v));
	rs->routes = calloc(n + 1, sizeof(*rs->routes));
	rs->lens = calloc(n + 1, sizeof(*rs->lens));
	return rs->v && rs->routes && rs->lens ? index_alloc(&rs->chains, n) : ENOMEM;
}

/* From the last to the first: each goes before those of its chain. */
static void rules_chain(struct zx_plan_rules *rs)
{
	for (unsigned i = rs->n; i--;) {
		struct zx_plan_rule *r = &rs->v[i];
		uint32_t *slot;

		r->callee_len = (uint8_t)zx_pattern_literal(r->callee);
		r->caller_len = (uint8_t)zx_pattern_literal(r->caller);
		slot = chain_of(rs, r->company_id, r->callee, r->callee_len, r->caller, r->caller_len);
		r->next = *slot;
		*slot = i + 1;
		add_lens(rs, r->callee_len, r->caller_len);
	}
}

static int by_position(int pa, int64_t ia, int pb, int64_t ib)
{
	return pa != pb ? (pa > pb) - (pa < pb) : (ia > ib) - (ia < ib);
}

/* The most specific first: the callee says more than the caller, the caller more than the trunk. */
static int order_in(const void *a, const void *b, void *arg)
{
	const struct zx_plan *p = arg;
	const struct zx_plan_inbound *x = ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, *(const unsigned *)a);
	const struct zx_plan_inbound *y = ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, *(const unsigned *)b);
	int c = zx_pattern_order(x->pattern, y->pattern);

	if (!c)
		c = zx_pattern_order(x->caller, y->caller);
	if (!c)
		c = !x->trunk_id - !y->trunk_id;
	return c ? c : by_position(x->position, x->h.id, y->position, y->h.id);
}

static int order_out(const void *a, const void *b, void *arg)
{
	const struct zx_plan *p = arg;
	const struct zx_plan_outbound *x = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, *(const unsigned *)a);
	const struct zx_plan_outbound *y = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, *(const unsigned *)b);

	return by_position(x->position, x->h.id, y->position, y->h.id);
}

int zx_plan_rules_build(struct zx_plan *p)
{
	struct zx_plan_rules *in = &p->in, *out = &p->out;

	if (rules_init(in, p->lists[ZX_PLAN_INBOUND].n) || rules_init(out, p->lists[ZX_PLAN_OUTBOUND].n))
		return ENOMEM;
	for (unsigned i = 0; i < in->n; i++)
		in->routes[i] = i;
	for (unsigned i = 0; i < out->n; i++)
		out->routes[i] = i;
	qsort_r(in->routes, in->n, sizeof(*in->routes), order_in, p);
	qsort_r(out->routes, out->n, sizeof(*out->routes), order_out, p);
	for (unsigned i = 0; i < in->n; i++) {
		const struct zx_plan_inbound *r = ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, in->routes[i]);

		in->v[i] = (struct zx_plan_rule){.company_id = r->h.company_id, .callee = r->pattern, .caller = r->caller};
	}
	for (unsigned i = 0; i < out->n; i++) {
		const struct zx_plan_outbound *r = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, out->routes[i]);

		out->v[i] = (struct zx_plan_rule){.company_id = r->h.company_id, .callee = r->pattern, .caller = ""};
	}
	rules_chain(in);
	rules_chain(out);
	return 0;
}

typedef bool(fits_h)(const struct zx_plan *p, unsigned route, int64_t arg);

/* The first rule in order that matches: n when none does. */
static unsigned first_rule(const struct zx_plan *p, const struct zx_plan_rules *rs, int64_t company, const char *callee, const char *caller,
			   fits_h *fits, int64_t arg)
{
	const size_t cl = strlen(callee), rl = strlen(caller);
	unsigned best = rs->n;

	for (unsigned k = 0; k < rs->lenc; k++) {
		unsigned i;

		if (rs->lens[k].callee > cl || rs->lens[k].caller > rl)
			continue;
		for (i = *chain_of(rs, company, callee, rs->lens[k].callee, caller, rs->lens[k].caller); i && i - 1 < best;
		     i = rs->v[i - 1].next) {
			const struct zx_plan_rule *r = &rs->v[i - 1];

			if (zx_pattern_match(r->callee, callee) && zx_pattern_match(r->caller, caller) && fits(p, rs->routes[i - 1], arg))
				best = i - 1;
		}
	}
	return best;
}

static bool fits_trunk(const struct zx_plan *p, unsigned route, int64_t trunk_id)
{
	const struct zx_plan_inbound *r = ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, route);

	return !r->trunk_id || r->trunk_id == trunk_id;
}

static bool fits_ext(const struct zx_plan *p, unsigned route, int64_t ext_id)
{
	const struct zx_plan_outbound *r = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, route);

	return !r->extension_id || r->extension_id == ext_id;
}

const struct zx_plan_inbound *zx_plan_find_inbound(const struct zx_plan *p, int64_t company_id, int64_t trunk_id, const char *callee,
						   const char *caller)
{
	const unsigned i = first_rule(p, &p->in, company_id, callee, caller, fits_trunk, trunk_id);

	return i < p->in.n ? ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, p->in.routes[i]) : NULL;
}

/* The number as it is sent: what is to be taken off is, where it is there; what is to be added goes in front. */
static bool outside_number(char *out, size_t len, const struct zx_plan_outbound *r, const char *dialled)
{
	const size_t n = strlen(r->strip), add = strlen(r->prefix);

	if (n && !strncmp(dialled, r->strip, n))
		dialled += n;
	if (!*dialled || add + strlen(dialled) >= len)
		return false;
	memcpy(out, r->prefix, add);
	zx_strcpy(out + add, len - add, dialled);
	return true;
}

int zx_plan_find_outbound(struct zx_outbound *o, const struct zx_plan *p, int64_t company_id, int64_t ext_id, const char *dialled)
{
	const unsigned i = *dialled ? first_rule(p, &p->out, company_id, dialled, "", fits_ext, ext_id) : p->out.n;
	const struct zx_plan_outbound *r;

	if (i == p->out.n)
		return ENOENT;
	r = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, p->out.routes[i]);
	memset(o, 0, sizeof(*o));
	o->route = r;
	for (unsigned k = 0; k < 3; k++) {
		const struct zx_plan_trunk *t = r->trunk_id[k] ? zx_plan_find(p, ZX_PLAN_TRUNK, r->trunk_id[k]) : NULL;

		if (t && t->peer.company_id == company_id)
			o->trunks[o->trunkc++] = t;
	}
	return outside_number(o->number, sizeof(o->number), r, dialled) ? 0 : ENOENT;
}

static bool covers(const struct zx_plan *p, bool in, unsigned wide, unsigned narrow)
{
	if (in) {
		const struct zx_plan_inbound *w = ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, wide);
		const struct zx_plan_inbound *n = ZX_PLAN_AT(p, ZX_PLAN_INBOUND, zx_plan_inbound, narrow);

		return (!w->trunk_id || w->trunk_id == n->trunk_id) && zx_pattern_covers(w->pattern, n->pattern) &&
		       zx_pattern_covers(w->caller, n->caller);
	}
	const struct zx_plan_outbound *w = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, wide);
	const struct zx_plan_outbound *n = ZX_PLAN_AT(p, ZX_PLAN_OUTBOUND, zx_plan_outbound, narrow);

	return (!w->extension_id || w->extension_id == n->extension_id) && zx_pattern_covers(w->pattern, n->pattern);
}

/* What covers a pattern begins with a part of what it begins with. */
unsigned zx_plan_rule_covering(const struct zx_plan *p, const struct zx_plan_rules *rs, unsigned i)
{
	const struct zx_plan_rule *r = &rs->v[i];
	unsigned best = i;

	for (unsigned k = 0; k < rs->lenc; k++) {
		unsigned w;

		if (rs->lens[k].callee > r->callee_len || rs->lens[k].caller > r->caller_len)
			continue;
		for (w = *chain_of(rs, r->company_id, r->callee, rs->lens[k].callee, r->caller, rs->lens[k].caller); w && w - 1 < best;
		     w = rs->v[w - 1].next)
			if (covers(p, rs == &p->in, rs->routes[w - 1], rs->routes[i]))
				best = w - 1;
	}
	return best;
}
