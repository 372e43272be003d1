#include "sip/trunk.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bus.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "sip/trunk_int.h"

enum { BUCKETS = 256, NEWS_MS = 200 };

static void trunk_destructor(void *arg)
{
	struct zx_trunk *t = arg;

	tmr_cancel(&t->tmr);
	tmr_cancel(&t->resolve_tmr);
	tmr_cancel(&t->news_tmr);
	if (t->ct)
		zx_ctrans_leave(t->ct, false, NULL);
	mem_deref(t->auth);
	list_unlink(&t->le);
	hash_unlink(&t->id_le);
	hash_unlink(&t->addr_le);
	hash_unlink(&t->account_le);
	OPENSSL_cleanse(&t->conf, sizeof(t->conf));
}

static uint32_t addr_key(const struct sa *sa)
{
	return sa_hash(sa, SA_ADDR);
}

/* ---- look-ups ---- */

static bool id_h(struct le *le, void *arg)
{
	const struct zx_trunk *t = le->data;

	return t->conf.peer.id == *(const int64_t *)arg;
}

struct zx_trunk *zx_trunk_find(struct zx_sip *s, int64_t id)
{
	return s->trunks ? list_ledata(hash_lookup(s->trunks->by_id, (uint32_t)id, id_h, &id)) : NULL;
}

static bool addr_h(struct le *le, void *arg)
{
	const struct zx_trunk *t = le->data;

	return sa_cmp(&t->addr, arg, SA_ALL);
}

static bool host_h(struct le *le, void *arg)
{
	const struct zx_trunk *t = le->data;

	return t->conf.kind != ZX_TRUNK_GATEWAY && sa_cmp(&t->addr, arg, SA_ADDR);
}

const struct zx_peer *zx_trunk_by_addr(struct zx_sip *s, const struct sa *src)
{
	const struct zx_trunk *t;
	struct sa a = *src;

	t = s->trunks ? list_ledata(hash_lookup(s->trunks->by_addr, addr_key(src), addr_h, &a)) : NULL;
	return t ? &t->conf.peer : NULL;
}

const struct zx_peer *zx_trunk_by_host(struct zx_sip *s, const struct sa *src)
{
	const struct zx_trunk *t;
	struct sa a = *src;

	t = s->trunks ? list_ledata(hash_lookup(s->trunks->by_addr, addr_key(src), host_h, &a)) : NULL;
	return t ? &t->conf.peer : NULL;
}

static bool account_h(struct le *le, void *arg)
{
	const struct zx_trunk *t = le->data;

	return !strcmp(t->conf.gateway.user, arg);
}

static struct zx_trunk *gateway_find(struct zx_trunks *ts, const char *user)
{
	char name[ZX_NUM_LEN];

	zx_strcpy(name, sizeof(name), user);
	return list_ledata(hash_lookup(ts->by_account, hash_joaat_str(name), account_h, name));
}

const struct zx_account *zx_trunk_account(struct zx_sip *s, const char *user)
{
	const struct zx_trunk *t = s->trunks && *user ? gateway_find(s->trunks, user) : NULL;

	return t ? &t->conf.gateway : NULL;
}

const struct zx_trunk_conf *zx_trunk_conf(const struct zx_trunk *t)
{
	return &t->conf;
}

void zx_trunk_info(const struct zx_trunk *t, struct zx_trunk_info *info)
{
	*info = (struct zx_trunk_info){.state = t->state, .scode = t->scode, .rtt_us = t->rtt_us, .since = t->since, .calls = t->calls};
}

int zx_trunk_addr(const struct zx_trunk *t, struct sa *addr)
{
	if (!sa_isset(&t->addr, SA_ALL) || t->state == ZX_TRUNK_DOWN)
		return EHOSTUNREACH;
	*addr = t->addr;
	return 0;
}

/* ---- state ---- */

static void news_h(void *arg)
{
	const struct zx_trunk *t = arg;
	const struct zx_ev_trunk ev = {.company_id = t->conf.peer.company_id, .trunk_id = t->conf.peer.id, .state = t->state};

	zx_bus_publish(ZX_EV_TRUNK, &ev);
}

static void news(struct zx_trunk *t)
{
	if (!tmr_isrunning(&t->news_tmr))
		tmr_start(&t->news_tmr, NEWS_MS, news_h, t);
}

void zx_trunk_state_set(struct zx_trunk *t, enum zx_trunk_state state, uint16_t scode)
{
	static const char *const words[] = {"unknown", "up", "registering", "refused", "down"};

	t->scode = scode;
	if (state != ZX_TRUNK_UP)
		t->rtt_us = -1;
	if (state == t->state)
		return;
	if (state == ZX_TRUNK_DOWN || state == ZX_TRUNK_REFUSED)
		zx_log(ZX_WARN, "sip", "trunk %s is %s (%u)", t->conf.peer.name, words[state], scode);
	else if (state == ZX_TRUNK_UP)
		zx_log(ZX_INFO, "sip", "trunk %s is up", t->conf.peer.name);
	t->state = state;
	t->since = zx_wall_ms();
	news(t);
}

void zx_trunk_addr_set(struct zx_trunk *t, const struct sa *addr)
{
	hash_unlink(&t->addr_le);
	t->addr = *addr;
	if (sa_isset(addr, SA_ADDR))
		hash_append(t->ts->by_addr, addr_key(addr), &t->addr_le, t);
}

int zx_trunk_call_begin(struct zx_sip *s, int64_t id)
{
	struct zx_trunk *t = zx_trunk_find(s, id);

	if (!t)
		return ENOENT;
	if (t->conf.max_calls && t->calls >= t->conf.max_calls)
		return EBUSY;
	t->calls++;
	news(t);
	return 0;
}

void zx_trunk_call_end(struct zx_sip *s, int64_t id)
{
	struct zx_trunk *t = zx_trunk_find(s, id);

	if (!t || !t->calls)
		return;
	t->calls--;
	news(t);
}

enum zx_trunk_verdict zx_trunk_verdict(uint16_t scode)
{
	switch (scode) {
	case 401: /* our password is wrong */
	case 402:
	case 403: /* not allowed on this line */
	case 405:
	case 407:
	case 408: /* no answer at all */
	case 415: /* codecs another line may have */
	case 420:
	case 421:
	case 488:
	case 606:
		return ZX_TRUNK_NEXT;
	default:
		/* 3xx is a failure: redirections are not followed (toll fraud). 5xx: the line. The rest, 404, 480, 484, 486, 487, 6xx, is
		 * about who was called: another line would tell the same. */
		return (scode >= 300 && scode < 400) || (scode >= 500 && scode < 600) ? ZX_TRUNK_NEXT : ZX_TRUNK_FINAL;
	}
}

/* ---- the table ---- */

static void gateway_follow(struct zx_trunk *t)
{
	struct zx_binding *b;
	struct zx_binding_info info;
	struct sa none;

	sa_init(&none, AF_UNSPEC);
	if (!zx_reg_bindings(t->ts->s, t->conf.gateway.user, &b, 1)) {
		zx_trunk_addr_set(t, &none);
		zx_trunk_state_set(t, t->state == ZX_TRUNK_UNKNOWN ? ZX_TRUNK_UNKNOWN : ZX_TRUNK_DOWN, 0);
		return;
	}
	zx_binding_info(b, &info);
	zx_trunk_addr_set(t, &info.src);
	zx_trunk_state_set(t, info.reachable ? ZX_TRUNK_UP : ZX_TRUNK_DOWN, 200);
	t->rtt_us = info.rtt_us;
}

static void reg_h(enum zx_ev type, const void *ev, void *arg)
{
	const struct zx_ev_reg *r = ev;
	struct zx_trunk *t = gateway_find(arg, r->ext);

	(void)type;
	if (t)
		gateway_follow(t);
}

static void trunk_start(struct zx_trunk *t)
{
	struct sa addr;

	if (t->conf.kind == ZX_TRUNK_GATEWAY) {
		hash_append(t->ts->by_account, hash_joaat_str(t->conf.gateway.user), &t->account_le, t);
		gateway_follow(t);
		return;
	}
	if (sa_set_str(&addr, t->conf.host, t->conf.port)) {
		zx_trunk_resolve(t);
		return;
	}
	zx_trunk_addr_set(t, &addr);
	zx_trunk_probe(t);
}

static bool same(const struct zx_trunk_conf *a, const struct zx_trunk_conf *b)
{
	return a->kind == b->kind && a->port == b->port && !strcmp(a->host, b->host) && !strcmp(a->account, b->account) &&
	       !strcmp(a->secret, b->secret);
}

static int trunk_add(struct zx_trunks *ts, const struct zx_trunk_conf *c, struct zx_trunk *old)
{
	struct zx_trunk *t;

	if (old && same(&old->conf, c)) { /* what is said on the wire is the same: it goes on */
		old->conf = *c;
		list_unlink(&old->le);
		list_append(&ts->all, &old->le, old);
		return 0;
	}
	t = mem_zalloc(sizeof(*t), trunk_destructor);
	if (!t)
		return ENOMEM;
	t->ts = ts;
	t->conf = *c;
	t->rtt_us = -1;
	t->since = zx_wall_ms();
	if (old)
		t->calls = old->calls; /* calls that are up end on the new one */
	sa_init(&t->addr, AF_UNSPEC);
	if (old)
		hash_unlink(&old->id_le);
	list_append(&ts->all, &t->le, t);
	hash_append(ts->by_id, (uint32_t)c->peer.id, &t->id_le, t);
	trunk_start(t);
	return 0;
}

int zx_trunks_apply(struct zx_sip *s, const struct zx_trunk_conf *v, unsigned n)
{
	struct zx_trunks *ts = s->trunks;
	struct list old = LIST_INIT;
	int err = 0;

	while (ts->all.head) {
		struct zx_trunk *t = ts->all.head->data;

		list_unlink(&t->le);
		list_append(&old, &t->le, t);
	}
	for (unsigned i = 0; i < n; i++)
		err |= trunk_add(ts, &v[i], zx_trunk_find(s, v[i].peer.id));
	while (old.head) {
		struct zx_trunk *t = old.head->data;

		zx_trunk_unregister(t);
		mem_deref(t);
	}
	return err;
}

static void trunks_destructor(void *arg)
{
	struct zx_trunks *ts = arg;

	zx_trunk_resolve_close(ts);
	mem_deref(ts->sub);
	list_flush(&ts->all);
	mem_deref(ts->by_id);
	mem_deref(ts->by_addr);
	mem_deref(ts->by_account);
}

int zx_trunks_alloc(struct zx_trunks **tp, struct zx_sip *s)
{
	struct zx_trunks *ts = mem_zalloc(sizeof(*ts), trunks_destructor);
	int err;

	if (!ts)
		return ENOMEM;
	ts->s = s;
	err = hash_alloc(&ts->by_id, BUCKETS);
	if (!err)
		err = hash_alloc(&ts->by_addr, BUCKETS);
	if (!err)
		err = hash_alloc(&ts->by_account, BUCKETS);
	if (!err)
		err = zx_bus_subscribe(&ts->sub, ZX_EV_EXT_REG, reg_h, ts);
	if (err)
		mem_deref(ts);
	else
		*tp = ts;
	return err;
}
