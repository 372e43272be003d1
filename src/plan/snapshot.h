/* Inside the plan room: the snapshot itself. */
#ifndef ZX_PLAN_SNAPSHOT_H
#define ZX_PLAN_SNAPSHOT_H

#include "plan/plan.h"
#include "store/config.h"

enum zx_plan_kind {
	ZX_PLAN_EXT,
	ZX_PLAN_TRUNK,
	ZX_PLAN_PROMPT,
	ZX_PLAN_QUEUE,
	ZX_PLAN_IVR,
	ZX_PLAN_TIME,
	ZX_PLAN_HOLIDAYS,
	ZX_PLAN_CONF,
	ZX_PLAN_VOICEMAIL,
	ZX_PLAN_INBOUND,
	ZX_PLAN_OUTBOUND,
	ZX_PLAN_KINDS,
};

/* Index of an array by a key: open addressing, half full at most; entries are index + 1, 0 = free. */
struct zx_plan_index {
	uint32_t *slots;
	uint32_t mask;
};
struct zx_plan_list {
	void *v;
	unsigned n;
	struct zx_plan_index by_id;
};

/* Routes by the characters that their patterns begin with: whoever may match is in one of a few chains, whatever their number. */
struct zx_plan_rule {
	int64_t company_id;
	const char *callee, *caller;
	uint8_t callee_len, caller_len; /* literal beginnings */
	unsigned next;                  /* in its chain, in order; index + 1 */
};
struct zx_plan_rules {
	struct zx_plan_rule *v; /* in the order they count: the first that matches wins */
	unsigned *routes;       /* index in the list, of each */
	unsigned n;
	struct zx_plan_index chains;
	struct {
		uint8_t callee, caller;
	} * lens; /* pairs of literal lengths there are */
	unsigned lenc;
};

struct zx_plan {
	char dir[256]; /* data folder; "": made for checks */
	struct zx_plan_list lists[ZX_PLAN_KINDS];
	struct zx_plan_index by_number; /* entries: index + 1, the kind in the upper bits */
	struct zx_plan_index by_addr;
	struct zx_plan_rules in, out;
	int64_t *member_ids; /* of all queues */
	const struct zx_plan_ext **members;
	unsigned memberc, member_cap;
	struct zx_plan_day *days;
	unsigned dayc;
};

/* One snapshot of some documents; st NULL: accounts cannot log in, for checks. mem_deref() frees. */
int zx_plan_build(struct zx_plan **pp, const struct zx_config_doc *const *docs, unsigned n, struct zx_store *st, const char *realm);
int zx_plan_index_build(struct zx_plan *p);
int zx_plan_rules_build(struct zx_plan *p);

size_t zx_plan_size(enum zx_plan_kind kind);
const void *zx_plan_find(const struct zx_plan *p, enum zx_plan_kind kind, int64_t id);
/* ZX_PLAN_KINDS: nobody has it. */
enum zx_plan_kind zx_plan_find_number(const struct zx_plan *p, const char *number, const void **item);
const struct zx_plan_ext *zx_plan_find_ext(const struct zx_plan *p, const char *number);
const struct zx_plan_trunk *zx_plan_find_trunk(const struct zx_plan *p, const struct sa *src);
/* The i-th. */
#define ZX_PLAN_AT(p, kind, type, i) (&((const struct type *)(p)->lists[kind].v)[i])
/* id, company and name of any item. */
int64_t zx_plan_item_id(enum zx_plan_kind kind, const void *item);

const struct zx_plan_inbound *zx_plan_find_inbound(const struct zx_plan *p, int64_t company_id, int64_t trunk_id, const char *callee,
						   const char *caller);
int zx_plan_find_outbound(struct zx_outbound *o, const struct zx_plan *p, int64_t company_id, int64_t ext_id, const char *dialled);
/* The first rule before rule i (of p->in or p->out) that takes everything i could; i itself when none does. */
unsigned zx_plan_rule_covering(const struct zx_plan *p, const struct zx_plan_rules *rs, unsigned i);

/* Follows time conditions; `when` NULL: now. */
void zx_plan_resolve_target(const struct zx_plan *p, struct zx_route *r, const struct zx_plan_target *t, const struct tm *when);
void zx_plan_resolve_ext(const struct zx_plan *p, struct zx_route *r, const struct zx_plan_ext *from, const char *dialled);
void zx_plan_resolve_trunk(const struct zx_plan *p, struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled,
			   const struct tm *when);

#endif
