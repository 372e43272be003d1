/* Bindings: where an extension's phones are. */
#include "sip/registrar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bus.h"
#include "base/clock.h"
#include "base/log.h"
#include "sip/transport.h"

enum { BUCKETS = 4096, FLUSH_MS = 1000, BATCH = 64, ROUNDS = 512 };

static uint64_t user_hash(const struct zx_registrar *r, const char *user)
{
	return zx_siphash(&r->key, user, strlen(user));
}

static bool aor_cmp(struct le *le, void *arg)
{
	return !strcmp(((struct zx_aor *)le->data)->user, arg);
}

struct zx_aor *zx_aor_find(const struct zx_registrar *r, const char *user)
{
	return list_ledata(hash_lookup(r->aors, (uint32_t)user_hash(r, user), aor_cmp, (void *)user));
}

static uint64_t fingerprint(const struct zx_registrar *r, const struct zx_account *acc)
{
	uint64_t k[3] = {zx_siphash(&r->key, acc->ha1_md5, sizeof(acc->ha1_md5)), zx_siphash(&r->key, acc->bind_ip, strlen(acc->bind_ip)),
			 (uint64_t)acc->company_id};

	return zx_siphash(&r->key, k, sizeof(k)) | 1;
}

static void aor_destructor(void *arg)
{
	struct zx_aor *a = arg;

	hash_unlink(&a->he);
}

static struct zx_aor *aor_new(struct zx_registrar *r, const char *user)
{
	struct zx_aor *a = mem_zalloc(sizeof(*a), aor_destructor);

	if (!a)
		return NULL;
	a->rtt_told = -1;
	str_ncpy(a->user, user, sizeof(a->user));
	hash_append(r->aors, (uint32_t)user_hash(r, user), &a->he, a);
	return a;
}

struct zx_aor *zx_aor_get(struct zx_registrar *r, const struct zx_account *acc)
{
	struct zx_aor *a = zx_aor_find(r, acc->user);

	if (!a)
		a = aor_new(r, acc->user);
	if (a) {
		a->company_id = acc->company_id;
		a->fingerprint = fingerprint(r, acc);
	}
	return a;
}

/* ---- bindings ---- */

static void binding_destructor(void *arg)
{
	struct zx_binding *b = arg;

	list_unlink(&b->le);
	list_unlink(&b->conn_le);
	list_unlink(&b->dirty_le);
	hash_unlink(&b->id_le);
	zx_wheel_stop(&b->expire);
	zx_wheel_stop(&b->ping);
	mem_deref(b->uri);
}

bool zx_binding_usable(const struct zx_binding *b)
{
	return b->aor && !b->flow_gone && b->expires > zx_mono_ms();
}

void zx_aor_news(struct zx_registrar *r, struct zx_aor *aor)
{
	struct zx_ev_reg ev = {.company_id = aor->company_id, .rtt_us = -1};
	(void)r;

	for (struct le *le = aor->bindings.head; le; le = le->next) {
		const struct zx_binding *b = le->data;

		if (!zx_binding_usable(b))
			continue;
		ev.bindings++;
		ev.online = ev.online || b->reachable;
		if (b->rtt_us >= 0 && (ev.rtt_us < 0 || b->rtt_us < ev.rtt_us))
			ev.rtt_us = b->rtt_us;
	}
	const int diff = abs(ev.rtt_us - aor->rtt_told);

	if (ev.online == aor->online && (diff < 1000 || diff < aor->rtt_told / 4) && (ev.rtt_us < 0) == (aor->rtt_told < 0))
		return;
	aor->online = ev.online;
	aor->rtt_told = ev.rtt_us;
	str_ncpy(ev.ext, aor->user, sizeof(ev.ext));
	zx_bus_publish(ZX_EV_EXT_REG, &ev);
}

void zx_binding_drop(struct zx_binding *b, bool forget)
{
	struct zx_aor *aor = b->aor;
	struct zx_registrar *r = b->reg;

	if (!aor)
		return;
	if (forget && r->s->store)
		(void)zx_binding_del(r->s->store, aor->user, b->uri);
	b->aor = NULL;
	list_unlink(&b->le);
	list_unlink(&b->conn_le);
	list_unlink(&b->dirty_le);
	hash_unlink(&b->id_le);
	zx_wheel_stop(&b->expire);
	zx_wheel_stop(&b->ping);
	r->count--;
	mem_deref(b);
	zx_aor_news(r, aor);
	if (!aor->bindings.head)
		mem_deref(aor);
}

static void expired(void *arg)
{
	zx_binding_drop(arg, true);
}

static char *put(char **pos, const struct pl *pl)
{
	char *at = *pos;

	if (pl->l)
		memcpy(at, pl->p, pl->l);
	at[pl->l] = 0;
	*pos = at + pl->l + 1;
	return at;
}

static int strings_set(struct zx_binding *b, const struct zx_binding_new *n)
{
	struct pl path;
	char *block, *pos;

	pl_set_str(&path, n->path);
	block = mem_alloc(n->uri.l + n->instance.l + n->callid.l + n->agent.l + path.l + 5, NULL);
	if (!block)
		return ENOMEM;
	pos = block;
	put(&pos, &n->uri);
	b->instance = put(&pos, &n->instance);
	b->callid = put(&pos, &n->callid);
	b->agent = put(&pos, &n->agent);
	b->path = put(&pos, &path);
	mem_deref(b->uri);
	b->uri = block;
	return 0;
}

static void place(struct zx_aor *aor, struct zx_binding *b)
{
	struct le *le;

	list_unlink(&b->le);
	for (le = aor->bindings.head; le; le = le->next)
		if (((struct zx_binding *)le->data)->q <= b->q)
			break;
	if (le)
		list_insert_before(&aor->bindings, le, &b->le, b);
	else
		list_append(&aor->bindings, &b->le, b);
}

static bool same(const struct zx_binding *b, const struct zx_binding_new *n)
{
	return b->stored && !b->flow_gone && b->tp == n->tp && b->reg_id == n->reg_id && b->q == n->q && !pl_strcmp(&n->uri, b->uri) &&
	       !pl_strcmp(&n->instance, b->instance) && !strcmp(n->path, b->path) && sa_cmp(&b->src, &n->src, SA_ALL) &&
	       sa_cmp(&b->dst, &n->dst, SA_ALL);
}

int zx_binding_set(struct zx_binding **bp, struct zx_aor *aor, struct zx_registrar *r, struct zx_binding *old,
		   const struct zx_binding_new *n, bool *changed)
{
	struct zx_binding *b = old;

	if (!b) {
		b = mem_zalloc(sizeof(*b), binding_destructor);
		if (!b)
			return ENOMEM;
		b->reg = r;
		b->rtt_us = -1;
	}
	*changed = !old || !same(b, n);
	/* a refresh keeps its strings, unless the Call-ID or agent is another */
	if ((*changed || pl_strcmp(&n->callid, b->callid) || pl_strcmp(&n->agent, b->agent)) && strings_set(b, n)) {
		if (!old)
			mem_deref(b);
		return ENOMEM;
	}
	if (!old) {
		b->id = rand_u64() | 1;
		b->aor = aor;
		hash_append(r->ids, (uint32_t)b->id, &b->id_le, b);
		r->count++;
	}
	b->cseq = n->cseq;
	b->expires = zx_mono_ms() + (uint64_t)n->expires * 1000;
	if (*changed) {
		b->stored = false;
		b->tp = n->tp;
		b->src = n->src;
		b->dst = n->dst;
		b->reg_id = n->reg_id;
		b->q = n->q;
		b->flow_gone = false;
		b->reachable = true;
		b->ping_fails = 0;
		place(aor, b);
		zx_ping_start(b);
	}
	zx_wheel_start(r->wheel, &b->expire, b->expires, expired, b);
	*bp = b;
	return 0;
}

void zx_binding_tie(struct zx_binding *b, void *sock)
{
	list_unlink(&b->conn_le);
	if (b->tp == SIP_TRANSP_UDP)
		return;
	if (!zx_conn_usable(sock)) {
		b->flow_gone = true;
		return;
	}
	list_append(zx_conn_bindings(sock), &b->conn_le, b);
	zx_conn_bound(sock);
}

void zx_registrar_conn_closed(struct zx_sip *s, struct list *bindings)
{
	while (bindings->head) {
		struct zx_binding *b = bindings->head->data;

		list_unlink(&b->conn_le);
		b->flow_gone = true;
		b->rtt_us = -1;
		zx_wheel_stop(&b->ping);
		if (b->aor && s->reg)
			zx_aor_news(s->reg, b->aor);
	}
}

/* ---- at rest ---- */

static const char *tp_name(enum sip_transp tp)
{
	return tp == SIP_TRANSP_TLS ? "tls" : tp == SIP_TRANSP_TCP ? "tcp" : "udp";
}

void zx_binding_row(const struct zx_binding *b, struct zx_binding_row *row)
{
	memset(row, 0, sizeof(*row));
	str_ncpy(row->ext, b->aor->user, sizeof(row->ext));
	str_ncpy(row->contact, b->uri, sizeof(row->contact));
	str_ncpy(row->instance, b->instance, sizeof(row->instance));
	str_ncpy(row->callid, b->callid, sizeof(row->callid));
	str_ncpy(row->path, b->path, sizeof(row->path));
	str_ncpy(row->agent, b->agent, sizeof(row->agent));
	str_ncpy(row->tp, tp_name(b->tp), sizeof(row->tp));
	(void)re_snprintf(row->src, sizeof(row->src), "%J", &b->dst);
	(void)re_snprintf(row->dst, sizeof(row->dst), "%J", &b->src);
	row->reg_id = b->reg_id;
	row->cseq = b->cseq;
	row->q = b->q;
	row->expires = zx_wall_ms() + (int64_t)(b->expires - zx_mono_ms());
}

static void flush_dirty(void *arg)
{
	struct zx_registrar *r = arg;
	struct zx_binding_row *rows;

	if (!r->dirty.head || !r->s->store)
		return;
	rows = mem_alloc(sizeof(*rows) * BATCH, NULL);
	for (int i = 0; rows && i < ROUNDS && r->dirty.head; i++) {
		size_t n = 0;

		while (n < BATCH && r->dirty.head) {
			struct zx_binding *b = r->dirty.head->data;

			list_unlink(&b->dirty_le);
			zx_binding_row(b, &rows[n++]);
		}
		if (zx_binding_put_many(r->s->store, rows, n))
			zx_log(ZX_WARN, "sip", "refreshed registrations could not be queued for storing");
	}
	mem_deref(rows);
	if (r->dirty.head)
		tmr_start(&r->flush, 100, flush_dirty, r);
}

void zx_binding_dirty(struct zx_binding *b)
{
	if (b->dirty_le.list)
		return;
	list_append(&b->reg->dirty, &b->dirty_le, b);
	if (!tmr_isrunning(&b->reg->flush))
		tmr_start(&b->reg->flush, FLUSH_MS, flush_dirty, b->reg);
}

static void restored(const struct zx_binding_row *row, void *arg)
{
	struct zx_registrar *r = arg;
	const int64_t left = row->expires - zx_wall_ms();
	struct zx_binding_new n = {.path = row->path, .reg_id = row->reg_id, .cseq = row->cseq, .q = row->q};
	const struct zx_account *acc;
	struct zx_aor *aor;
	struct zx_binding *b;
	bool changed;

	if (left <= 0 || sa_decode(&n.dst, row->src, strlen(row->src)) || sa_decode(&n.src, row->dst, strlen(row->dst)))
		return;
	pl_set_str(&n.uri, row->contact);
	pl_set_str(&n.instance, row->instance);
	pl_set_str(&n.callid, row->callid);
	pl_set_str(&n.agent, row->agent);
	n.tp = !strcmp(row->tp, "tls") ? SIP_TRANSP_TLS : !strcmp(row->tp, "tcp") ? SIP_TRANSP_TCP : SIP_TRANSP_UDP;
	n.expires = (uint32_t)(left / 1000);
	acc = r->s->dir.account(row->ext, r->s->dir.arg);
	aor = acc ? zx_aor_get(r, acc) : zx_aor_find(r, row->ext);
	if (!aor)
		aor = aor_new(r, row->ext);
	if (!aor || zx_binding_set(&b, aor, r, NULL, &n, &changed))
		return;
	b->stored = true;
	b->flow_gone = b->tp != SIP_TRANSP_UDP; /* its connection died with the last process */
	zx_aor_news(r, aor);
}

int zx_registrar_restore(struct zx_registrar *r)
{
	return r->s->store ? zx_binding_load(r->s->store, zx_wall_ms(), restored, r) : 0;
}

/* ---- life ---- */

static void destructor(void *arg)
{
	struct zx_registrar *r = arg;

	tmr_cancel(&r->flush);
	zx_register_close(r);
	while (r->dirty.head) {
		const struct le *head = r->dirty.head;

		flush_dirty(r);
		if (head == r->dirty.head)
			break;
	}
	tmr_cancel(&r->flush);
	for (uint32_t i = 0; r->aors && i < hash_bsize(r->aors); i++) {
		struct list *l = hash_list(r->aors, i);

		while (l->head) {
			struct zx_aor *a = l->head->data;

			while (a->bindings.head) {
				struct zx_binding *b = a->bindings.head->data;

				list_unlink(&b->dirty_le);
				hash_unlink(&b->id_le);
				b->aor = NULL;
				list_unlink(&b->le);
				list_unlink(&b->conn_le);
				zx_wheel_stop(&b->expire);
				zx_wheel_stop(&b->ping);
				mem_deref(b);
			}
			mem_deref(a);
		}
	}
	mem_deref(r->aors);
	mem_deref(r->ids);
	mem_deref(r->wheel);
}

int zx_registrar_alloc(struct zx_registrar **rp, struct zx_sip *s)
{
	struct zx_registrar *r = mem_zalloc(sizeof(*r), destructor);
	int err;

	if (!r)
		return ENOMEM;
	r->s = s;
	tmr_init(&r->flush);
	zx_hashkey_new(&r->key);
	err = hash_alloc(&r->aors, BUCKETS);
	err |= hash_alloc(&r->ids, BUCKETS);
	err |= zx_wheel_alloc(&r->wheel);
	if (err)
		mem_deref(r);
	else
		*rp = r;
	return err;
}

void zx_sip_accounts_changed(struct zx_sip *s)
{
	struct zx_registrar *r = s->reg;

	for (uint32_t i = 0; i < hash_bsize(r->aors); i++) {
		struct le *le = list_head(hash_list(r->aors, i));

		while (le) {
			struct zx_aor *a = le->data;
			const struct zx_account *acc = s->dir.account(a->user, s->dir.arg);
			const uint64_t fp = acc ? fingerprint(r, acc) : 0;

			le = le->next;
			if (acc && (!a->fingerprint || a->fingerprint == fp)) {
				a->fingerprint = fp;
				a->company_id = acc->company_id;
				continue;
			}
			for (bool more = true; more;) { /* the last one takes the extension's record with it */
				more = a->bindings.head && a->bindings.head->next;
				zx_binding_drop(a->bindings.head->data, true);
			}
		}
	}
}

/* ---- asked by the house ---- */

unsigned zx_reg_bindings(struct zx_sip *s, const char *ext, struct zx_binding **bv, unsigned max)
{
	const struct zx_aor *a = zx_aor_find(s->reg, ext);
	unsigned n = 0;

	/* phones that stopped answering OPTIONS come last: they are tried, but nobody waits for them */
	for (int pass = 0; a && pass < 2; pass++)
		for (struct le *le = a->bindings.head; le; le = le->next) {
			struct zx_binding *b = le->data;

			if (!zx_binding_usable(b) || b->reachable != !pass)
				continue;
			if (n < max)
				bv[n] = b;
			n++;
		}
	return n;
}

void zx_binding_info(const struct zx_binding *b, struct zx_binding_info *info)
{
	memset(info, 0, sizeof(*info));
	str_ncpy(info->contact, b->uri, sizeof(info->contact));
	str_ncpy(info->agent, b->agent, sizeof(info->agent));
	str_ncpy(info->tp, tp_name(b->tp), sizeof(info->tp));
	info->src = b->dst;
	info->expires = zx_wall_ms() + (int64_t)(b->expires - zx_mono_ms());
	info->rtt_us = b->rtt_us;
	info->reachable = b->reachable && !b->flow_gone;
}

void zx_binding_flow(const struct zx_binding *b, struct zx_flow *f)
{
	f->uri = b->uri;
	f->path = b->path;
	f->tp = b->tp;
	f->src = b->src;
	f->dst = b->dst;
}

const char *zx_binding_ext(const struct zx_binding *b)
{
	return b->aor ? b->aor->user : "";
}

unsigned zx_reg_count(const struct zx_sip *s)
{
	return s->reg->count;
}

bool zx_reg_online(struct zx_sip *s, const char *ext)
{
	const struct zx_aor *a = zx_aor_find(s->reg, ext);

	return a && a->online;
}
