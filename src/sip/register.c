/*
 * REGISTER (RFC 3261 10.3, Path RFC 3327, outbound RFC 5626).
 *
 *   form, digest -> contacts parsed -> all checked -> applied in memory -> committed -> 200
 *
 * A refresh that changes nothing but times is answered at once and stored behind; whatever is new, changed or removed is answered after its
 * commit, so that a 200 is never forgotten by a crash.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/buf.h"
#include "sip/nat.h"
#include "sip/registrar.h"
#include "sip/reply.h"

enum { CONTACTS_MAX = 16, URI_MAX = 255, PATH_MAX_LEN = 255, AGENT_MAX = 95, INSTANCE_MAX = 127, FLOW_TIMER = 120 };

struct contact {
	struct pl uri, instance;
	uint32_t expires, reg_id;
	uint16_t q;
	struct zx_binding *old;
};

struct reg {
	struct zx_sip *s;
	const struct sip_msg *msg;
	const struct zx_account *acc;
	struct contact cv[CONTACTS_MAX];
	unsigned n;
	bool star, outbound;
	char path[PATH_MAX_LEN + 1];
	char agent[AGENT_MAX + 1];
	uint16_t code; /* refused with */
	const char *reason;
	const char *extra;
};

struct pend { /* a REGISTER whose commit is under way */
	struct le le;
	struct zx_registrar *reg; /* NULL: the edge has closed */
	struct sip_msg *msg;
	struct zx_sip *s;
	unsigned left;
	int err;
	bool outbound, path;
	struct zx_binding *bv[CONTACTS_MAX];
	unsigned n;
	char user[ZX_NUM_LEN];
};

static bool refuse(struct reg *r, uint16_t code, const char *reason)
{
	r->code = code;
	r->reason = reason;
	return false;
}

/* ---- parsing ---- */

/* A value that will be put into messages of ours: printable, nothing that ends a header or a bracket. */
static bool clean(const struct pl *v, size_t max)
{
	if (v->l > max)
		return false;
	for (size_t i = 0; i < v->l; i++) {
		const unsigned char c = (unsigned char)v->p[i];

		if (c <= 0x20 || c == 0x7f || c == '<' || c == '>' || c == '"')
			return false;
	}
	return true;
}

/* Seconds; what is no number counts as the default, what is too large as the most (RFC 3261 10.2.1.1). */
static uint32_t seconds(const struct pl *v, uint32_t dflt)
{
	uint64_t x = 0;

	if (!v->p || !v->l)
		return dflt;
	for (size_t i = 0; i < v->l; i++) {
		if (v->p[i] < '0' || v->p[i] > '9')
			return dflt;
		if (x < UINT32_MAX)
			x = x * 10 + (unsigned)(v->p[i] - '0');
	}
	return x > UINT32_MAX ? UINT32_MAX : (uint32_t)x;
}

static uint16_t qvalue(const struct pl *v)
{
	unsigned q = 0, w = 100;

	if (!v->p || !v->l || v->p[0] == '1')
		return 1000;
	for (size_t i = 2; i < v->l && i < 5; i++, w /= 10)
		if (v->p[i] >= '0' && v->p[i] <= '9')
			q += w * (unsigned)(v->p[i] - '0');
	return (uint16_t)q;
}

static bool contact_parse(struct reg *r, const struct pl *val)
{
	struct contact *c = &r->cv[r->n];
	struct sip_addr addr;
	struct pl v;

	if (val->l == 1 && val->p[0] == '*') {
		r->star = true;
		return true;
	}
	if (r->n == CONTACTS_MAX || r->n >= r->s->conf->sip_max_bindings)
		return refuse(r, 403, "Too Many Contacts");
	if (sip_addr_decode(&addr, val))
		return refuse(r, 400, "Bad Contact");
	/* the spaces an addr-spec may have before its parameters */
	while (addr.auri.l && !memchr(val->p, '<', val->l) && (unsigned char)(addr.auri.p[addr.auri.l - 1] - 1) < ' ')
		addr.auri.l--;
	if ((pl_strcasecmp(&addr.uri.scheme, "sip") && pl_strcasecmp(&addr.uri.scheme, "sips")) || !addr.uri.host.l ||
	    !clean(&addr.auri, URI_MAX))
		return refuse(r, 400, "Bad Contact");
	memset(c, 0, sizeof(*c));
	c->uri = addr.auri;
	c->q = zx_param(&addr.params, "q", &v) ? qvalue(&v) : 1000;
	c->expires = seconds(&r->msg->expires, r->s->conf->sip_expires_default);
	if (zx_param(&addr.params, "expires", &v))
		c->expires = seconds(&v, r->s->conf->sip_expires_default);
	if (c->expires && c->expires < r->s->conf->sip_expires_min)
		return refuse(r, 423, "Interval Too Brief");
	if (c->expires > r->s->conf->sip_expires_max)
		c->expires = r->s->conf->sip_expires_max;
	if (zx_param(&addr.params, "+sip.instance", &v) && v.l > 2 && v.p[0] == '"') {
		c->instance.p = v.p + 1;
		c->instance.l = v.l - 2;
		for (size_t i = 0; i < c->instance.l; i++)
			if ((unsigned char)c->instance.p[i] <= 0x20 || strchr("\"\\", c->instance.p[i]))
				return refuse(r, 400, "Bad Contact");
		if (c->instance.l > INSTANCE_MAX)
			return refuse(r, 400, "Bad Contact");
		if (zx_param(&addr.params, "reg-id", &v))
			c->reg_id = seconds(&v, 0);
	}
	r->n++;
	return true;
}

static bool header_lists(const struct sip_msg *msg, enum sip_hdrid id, const char *option)
{
	const struct list *l = hash_list(msg->hdrht, id);

	for (struct le *le = list_head(l); le; le = le->next) {
		const struct sip_hdr *h = le->data;

		if (h->id == id && !pl_strcasecmp(&h->val, option))
			return true;
	}
	return false;
}

/* Path values, comma separated; the first hop's ";ob" is noted. */
static bool path_parse(struct reg *r, bool *ob)
{
	const struct list *l = hash_list(r->msg->hdrht, SIP_HDR_PATH);
	struct zx_buf b = {.p = r->path, .cap = PATH_MAX_LEN};

	for (struct le *le = list_head(l); le; le = le->next) {
		const struct sip_hdr *h = le->data;
		struct sip_addr a;

		if (h->id != SIP_HDR_PATH)
			continue;
		if (sip_addr_decode(&a, &h->val) || !clean(&a.auri, URI_MAX))
			return refuse(r, 400, "Bad Path");
		if (zx_param(&a.uri.params, "ob", NULL))
			*ob = true;
		zx_buf_str(&b, b.n ? ",<" : "<");
		zx_buf_pl(&b, &a.auri);
		zx_buf_str(&b, ">");
	}
	r->path[b.full ? 0 : b.n] = 0;
	if (b.full)
		return refuse(r, 400, "Path Too Long");
	/* RFC 3327 5.3: a proxy inserted it, but the phone does not know of it */
	if (b.n && !header_lists(r->msg, SIP_HDR_SUPPORTED, "path"))
		r->path[0] = 0;
	return true;
}

static void agent_parse(struct reg *r)
{
	const struct sip_hdr *h = sip_msg_hdr(r->msg, SIP_HDR_USER_AGENT);
	size_t n = 0;

	for (size_t i = 0; h && i < h->val.l && n < AGENT_MAX; i++) {
		const unsigned char c = (unsigned char)h->val.p[i];

		if (c >= 0x20 && c < 0x7f)
			r->agent[n++] = (char)c;
	}
	r->agent[n] = 0;
}

static bool parse(struct reg *r)
{
	const struct list *l = hash_list(r->msg->hdrht, SIP_HDR_CONTACT);
	bool ob = false;

	for (struct le *le = list_head(l); le; le = le->next) {
		const struct sip_hdr *h = le->data;

		if (h->id == SIP_HDR_CONTACT && !contact_parse(r, &h->val))
			return false;
	}
	if (r->star && (r->n || seconds(&r->msg->expires, 1)))
		return refuse(r, 400, "Bad Contact");
	if (!path_parse(r, &ob))
		return false;
	r->outbound = r->n == 1 && r->cv[0].instance.l && r->cv[0].reg_id && header_lists(r->msg, SIP_HDR_SUPPORTED, "outbound");
	if (r->outbound && !ob && sip_msg_hdr_count(r->msg, SIP_HDR_VIA) > 1)
		return refuse(r, 439, "First Hop Lacks Outbound Support");
	if (!r->outbound)
		for (unsigned i = 0; i < r->n; i++)
			r->cv[i].reg_id = 0;
	agent_parse(r);
	return true;
}

/* ---- checking ---- */

static struct zx_binding *existing(const struct zx_aor *aor, const struct contact *c)
{
	struct zx_binding *same_uri = NULL;

	for (struct le *le = aor->bindings.head; le; le = le->next) {
		struct zx_binding *b = le->data;

		if (c->instance.l && !pl_strcmp(&c->instance, b->instance) && b->reg_id == c->reg_id)
			return b;
		if (!pl_strcmp(&c->uri, b->uri))
			same_uri = b;
	}
	return same_uri;
}

/* RFC 3261 10.3 step 7: all or nothing. *again: a retransmission whose commit is still under way. */
static bool check(struct reg *r, const struct zx_aor *aor, bool *again)
{
	for (struct le *le = r->star && aor ? aor->bindings.head : NULL; le; le = le->next) {
		const struct zx_binding *b = le->data;

		if (!pl_strcmp(&r->msg->callid, b->callid) && r->msg->cseq.num < b->cseq)
			return refuse(r, 500, "CSeq Out Of Order");
	}
	for (unsigned i = 0; i < r->n; i++) {
		struct contact *c = &r->cv[i];

		c->old = aor ? existing(aor, c) : NULL;
		if (!c->old || pl_strcmp(&r->msg->callid, c->old->callid))
			continue;
		if (r->msg->cseq.num < c->old->cseq)
			return refuse(r, 500, "CSeq Out Of Order");
		if (r->msg->cseq.num == c->old->cseq && !c->old->stored && mem_nrefs(c->old) > 1)
			*again = true;
	}
	return true;
}

/* ---- answering ---- */

static void contacts_write(struct zx_buf *b, const struct zx_aor *aor)
{
	const uint64_t now = zx_mono_ms();

	for (struct le *le = aor ? aor->bindings.head : NULL; le; le = le->next) {
		const struct zx_binding *x = le->data;

		if (x->expires <= now)
			continue;
		zx_buf_str(b, "Contact: <");
		zx_buf_str(b, x->uri);
		zx_buf_fmt(b, ">;expires=%u", (unsigned)((x->expires - now + 999) / 1000));
		if (x->q < 1000)
			zx_buf_fmt(b, ";q=0.%03u", x->q);
		if (x->instance[0])
			zx_buf_fmt(b, ";+sip.instance=\"%s\"", x->instance);
		if (x->reg_id)
			zx_buf_fmt(b, ";reg-id=%u", x->reg_id);
		zx_buf_str(b, "\r\n");
	}
}

/* RFC 7231 date, made once a second. */
static const char *date_now(void)
{
	static char text[48];
	static time_t at;
	const time_t now = (time_t)(zx_wall_ms() / 1000);
	struct tm tm;

	if (now != at) {
		at = now;
		gmtime_r(&now, &tm);
		strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	}
	return text;
}

static void answer(struct zx_sip *s, const struct sip_msg *msg, const struct zx_aor *aor, bool outbound, bool path)
{
	static char text[8192];
	struct zx_buf b = {.p = text, .cap = sizeof(text) - 1};

	contacts_write(&b, aor);
	zx_buf_str(&b, date_now());
	if (path) {
		const struct list *l = hash_list(msg->hdrht, SIP_HDR_PATH);

		for (struct le *le = list_head(l); le; le = le->next) {
			const struct sip_hdr *h = le->data;

			if (h->id != SIP_HDR_PATH)
				continue;
			zx_buf_str(&b, "Path: ");
			zx_buf_pl(&b, &h->val);
			zx_buf_str(&b, "\r\n");
		}
	}
	if (outbound)
		zx_buf_fmt(&b, "Require: outbound\r\nFlow-Timer: %d\r\n", FLOW_TIMER);
	if (b.full) {
		(void)zx_reply(msg, 500, "Too Many Contacts", "");
		return;
	}
	text[b.n] = 0;
	s->stats.registers++;
	(void)zx_reply(msg, 200, "OK", text);
}

/* ---- committing ---- */

static void pend_destructor(void *arg)
{
	struct pend *p = arg;

	list_unlink(&p->le);
	mem_deref(p->msg);
	for (unsigned i = 0; i < p->n; i++)
		mem_deref(p->bv[i]);
}

static void committed(int err, void *arg)
{
	struct pend *p = arg;

	if (err)
		p->err = err;
	if (--p->left)
		return;
	if (p->reg) {
		for (unsigned i = 0; i < p->n && !p->err; i++)
			p->bv[i]->stored = true;
		if (p->err)
			(void)zx_reply(p->msg, 503, "Registration Not Stored", "Retry-After: 5\r\n");
		else
			answer(p->s, p->msg, zx_aor_find(p->reg, p->user), p->outbound, p->path);
	}
	mem_deref(p);
}

void zx_register_close(struct zx_registrar *r)
{
	while (r->pends.head) { /* their commits may still be told: the store holds them */
		struct pend *p = r->pends.head->data;

		list_unlink(&p->le);
		p->reg = NULL;
		p->msg = mem_deref(p->msg);
	}
}

static void commit_row(struct pend *p, const struct zx_binding_row *row)
{
	struct zx_store *st = p->s->store;

	if (!st)
		return;
	p->left++;
	const int err = zx_binding_put(st, row, committed, p);
	if (err) {
		p->left--;
		p->err = err;
	}
}

static struct pend *pend_new(const struct reg *r)
{
	struct pend *p = mem_zalloc(sizeof(*p), pend_destructor);

	if (!p)
		return NULL;
	p->s = r->s;
	p->reg = r->s->reg;
	p->msg = mem_ref((void *)r->msg);
	p->outbound = r->outbound;
	p->path = r->path[0];
	p->left = 1; /* ours, until all is queued */
	str_ncpy(p->user, r->acc->user, sizeof(p->user));
	list_append(&r->s->reg->pends, &p->le, p);
	return p;
}

/* Gone: a row that has expired says so durably, then it may be deleted at leisure. */
static void remove_binding(struct pend *p, struct zx_binding *b)
{
	struct zx_binding_row row;

	zx_binding_row(b, &row);
	row.expires = 1;
	commit_row(p, &row);
	zx_binding_drop(b, true);
}

/* Room for one more: a binding of another instance goes, the one that ends first. */
static void make_room(struct reg *r, struct zx_aor *aor)
{
	unsigned n = 0;
	struct zx_binding *first = NULL;

	for (struct le *le = aor->bindings.head; le; le = le->next) {
		struct zx_binding *b = le->data;
		bool mine = false;

		n++;
		for (unsigned i = 0; i < r->n; i++)
			mine = mine || r->cv[i].old == b;
		if (!mine &&
		    (!first || b->flow_gone > first->flow_gone || (b->flow_gone == first->flow_gone && b->expires < first->expires)))
			first = b;
	}
	if (n >= r->s->conf->sip_max_bindings && first)
		zx_binding_drop(first, true);
}

/* Requests go where the REGISTER came from. Only a phone that asks for no symmetry (no rport), stands behind no NAT and names another port
 * of the same address is sent to that one. */
static void next_hop(struct sa *dst, const struct sip_msg *msg, const struct pl *uri)
{
	struct uri u;
	struct sa sa;

	*dst = msg->src;
	if (msg->tp != SIP_TRANSP_UDP || zx_param(&msg->via.params, "rport", NULL) || !sa_cmp(&msg->src, &msg->via.addr, SA_ADDR))
		return;
	if (!uri_decode(&u, uri) && !sa_set(&sa, &u.host, u.port ? u.port : SIP_PORT) && sa_cmp(&sa, &msg->src, SA_ADDR))
		*dst = sa;
}

static int apply_one(struct reg *r, struct contact *c, struct pend **pp)
{
	struct zx_sip *s = r->s;
	struct zx_binding_new n = {.uri = c->uri,
				   .instance = c->instance,
				   .callid = r->msg->callid,
				   .path = r->path,
				   .reg_id = c->reg_id,
				   .cseq = r->msg->cseq.num,
				   .expires = c->expires,
				   .q = c->q,
				   .tp = r->msg->tp,
				   .src = r->msg->dst};
	struct zx_binding_row row;
	struct zx_binding *b;
	struct zx_aor *aor;
	bool changed;
	int err;

	if (!c->expires) {
		if (!c->old || !c->old->aor)
			return 0;
		if (!*pp && !(*pp = pend_new(r)))
			return ENOMEM;
		remove_binding(*pp, c->old);
		return 0;
	}
	aor = zx_aor_get(s->reg, r->acc);
	if (!aor)
		return ENOMEM;
	if (!c->old)
		make_room(r, aor);
	aor = zx_aor_get(s->reg, r->acc);
	if (!aor)
		return ENOMEM;
	pl_set_str(&n.agent, r->agent);
	next_hop(&n.dst, r->msg, &c->uri);
	if (n.callid.l > 127)
		n.callid.l = 127;
	if (c->old && pl_strcmp(&c->uri, c->old->uri) && s->store)
		(void)zx_binding_del(s->store, aor->user, c->old->uri);
	err = zx_binding_set(&b, aor, s->reg, c->old, &n, &changed);
	if (err)
		return err;
	if (changed) {
		zx_binding_tie(b, r->msg->sock);
		zx_aor_news(s->reg, aor);
	}
	if (!changed) {
		zx_binding_dirty(b);
		return 0;
	}
	if (!*pp && !(*pp = pend_new(r)))
		return ENOMEM;
	(*pp)->bv[(*pp)->n++] = mem_ref(b);
	zx_binding_row(b, &row);
	commit_row(*pp, &row);
	return 0;
}

static void apply(struct reg *r)
{
	struct zx_aor *aor = zx_aor_find(r->s->reg, r->acc->user);
	struct pend *p = NULL;
	int err = 0;

	if (r->star && aor) {
		bool more = aor->bindings.head;

		p = more ? pend_new(r) : NULL;
		while (more && p) {
			more = aor->bindings.head->next; /* the last one takes the record with it */
			remove_binding(p, aor->bindings.head->data);
		}
	}
	for (unsigned i = 0; i < r->n && !err; i++) {
		bool twice = false;

		for (unsigned j = 0; j < i; j++) /* one phone said twice: the first may have changed or removed it */
			twice = twice || (r->cv[j].old && r->cv[j].old == r->cv[i].old);
		if (!twice)
			err = apply_one(r, &r->cv[i], &p);
	}
	if (p) {
		if (err)
			p->err = err;
		committed(0, p);
		return;
	}
	if (err)
		(void)zx_reply(r->msg, 500, "Server Error", "");
	else
		answer(r->s, r->msg, zx_aor_find(r->s->reg, r->acc->user), r->outbound, r->path[0]);
}

void zx_register_request(struct zx_sip *s, const struct sip_msg *msg)
{
	struct reg r;
	bool again = false;
	char extra[64] = "";

	memset(&r, 0, offsetof(struct reg, cv));
	r.n = 0;
	r.star = r.outbound = false;
	r.s = s;
	r.msg = msg;
	r.code = 0;
	if (zx_auth_request(s, msg, &r.acc) != ZX_AUTH_OK)
		return;
	if (parse(&r) && check(&r, zx_aor_find(s->reg, r.acc->user), &again)) {
		if (!again)
			apply(&r);
		return;
	}
	if (r.code == 423)
		(void)re_snprintf(extra, sizeof(extra), "Min-Expires: %u\r\n", s->conf->sip_expires_min);
	(void)zx_reply(msg, r.code, r.reason, extra);
}
