/* Documents -> snapshot. */
#include "plan/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/log.h"
#include "base/text.h"

enum { SECRET_LEN = 256 };

/* What is needed while a snapshot is built. */
enum { OUT_CALLS = 2, OUT_HOUR = 120 };

struct build {
	struct zx_plan *plan;
	struct zx_store *st;
	const char *realm;
	EVP_MD *md5, *sha256; /* fetched once: the look-up costs more than the digest */
	EVP_MD_CTX *ctx;
	const struct zx_config_doc *doc;
	const struct zx_config_part *part;
	const struct zx_config_row *row;
};

static void plan_destroy(void *arg)
{
	struct zx_plan *p = arg;

	if (p->lists[ZX_PLAN_EXT].v)
		OPENSSL_cleanse(p->lists[ZX_PLAN_EXT].v, p->lists[ZX_PLAN_EXT].n * sizeof(struct zx_plan_ext));
	for (unsigned k = 0; k < ZX_PLAN_KINDS; k++) {
		free(p->lists[k].v);
		free(p->lists[k].by_id.slots);
	}
	free(p->by_number.slots);
	free(p->by_addr.slots);
	for (unsigned i = 0; i < 2; i++) {
		struct zx_plan_rules *rs = i ? &p->out : &p->in;

		free(rs->v);
		free(rs->routes);
		free(rs->chains.slots);
		free(rs->lens);
	}
	free(p->member_ids);
	free(p->members);
	free(p->days);
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

/* ---- cells of the row at hand ---- */

static int64_t num(const struct build *b, const char *col)
{
	return zx_config_int(b->part, b->row, col);
}

static const char *str(const struct build *b, const char *col)
{
	return zx_config_text(b->part, b->row, col);
}

static void copy_text(char *dst, size_t size, const char *src)
{
	if (zx_strcpy(dst, size, src))
		zx_utf8_cut(dst);
}

#define TEXT(dst, b, col) copy_text(dst, sizeof(dst), str(b, col))

static uint32_t ms(const struct build *b, const char *col)
{
	const int64_t v = num(b, col);

	return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void read_target(struct zx_plan_target *t, const char *app, const char *param)
{
	char *end;

	memset(t, 0, sizeof(*t));
	zx_strcpy(t->app, sizeof(t->app), app);
	zx_strcpy(t->text, sizeof(t->text), param);
	if (!strcmp(app, "outside"))
		return;
	errno = 0;
	t->id = strtoll(param, &end, 10);
	if (*end || errno || t->id < 0)
		t->id = 0;
}

static void read_head(struct zx_plan_head *h, const struct build *b)
{
	h->id = b->row->id;
	h->company_id = b->doc->company_id;
	TEXT(h->name, b, "name");
	TEXT(h->number, b, "number");
}

/* ---- a row of each kind ---- */

static int digest(struct build *b, const EVP_MD *md, const struct zx_account *a, const char *secret, uint8_t *out)
{
	if (EVP_DigestInit_ex2(b->ctx, md, NULL) != 1 || EVP_DigestUpdate(b->ctx, a->user, strlen(a->user)) != 1 ||
	    EVP_DigestUpdate(b->ctx, ":", 1) != 1 || EVP_DigestUpdate(b->ctx, b->realm, strlen(b->realm)) != 1 ||
	    EVP_DigestUpdate(b->ctx, ":", 1) != 1 || EVP_DigestUpdate(b->ctx, secret, strlen(secret)) != 1 ||
	    EVP_DigestFinal_ex(b->ctx, out, NULL) != 1)
		return EIO;
	return 0;
}

static int ext_secret(struct build *b, struct zx_account *a)
{
	char secret[SECRET_LEN];
	int err;

	if (!b->st)
		return 0;
	if (zx_unseal(b->st, secret, sizeof(secret), str(b, "secret"))) {
		/* left out: an account with a known HA1 would be open to anybody */
		zx_log(ZX_ERROR, "plan", "extension %s: its password cannot be read, set it anew", a->user);
		return ENOENT;
	}
	err = digest(b, b->md5, a, secret, a->ha1_md5);
	if (!err)
		err = digest(b, b->sha256, a, secret, a->ha1_sha256);
	OPENSSL_cleanse(secret, sizeof(secret));
	return err;
}

static int read_ext(struct build *b, void *item)
{
	struct zx_plan_ext *e = item;

	e->id = b->row->id;
	e->account.company_id = b->doc->company_id;
	TEXT(e->account.user, b, "number");
	TEXT(e->account.name, b, "name");
	TEXT(e->account.bind_ip, b, "bind_ip");
	TEXT(e->caller_id, b, "caller_id");
	e->record = num(b, "record") != 0;
	/* applied before these columns were there: as the columns' defaults */
	e->out_calls = zx_config_cell(b->part, b->row, "out_calls") ? ms(b, "out_calls") : OUT_CALLS;
	e->out_hour = zx_config_cell(b->part, b->row, "out_hour") ? ms(b, "out_hour") : OUT_HOUR;
	return ext_secret(b, &e->account);
}

static int read_trunk(struct build *b, void *item)
{
	struct zx_plan_trunk *t = item;
	const char *kind = str(b, "kind");

	t->peer.id = b->row->id;
	t->peer.company_id = b->doc->company_id;
	TEXT(t->peer.name, b, "name");
	TEXT(t->host, b, "host");
	TEXT(t->account, b, "account");
	TEXT(t->secret, b, "secret");
	TEXT(t->dtmf, b, "dtmf");
	TEXT(t->codecs, b, "codecs");
	TEXT(t->caller_id, b, "caller_id");
	t->port = (uint16_t)num(b, "port");
	t->max_calls = ms(b, "max_calls");
	t->gateway.company_id = t->peer.company_id;
	t->gateway.trunk_id = t->peer.id;
	zx_strcpy(t->gateway.user, sizeof(t->gateway.user), t->account);
	t->kind = !strcmp(kind, "register") ? ZX_TRUNK_REGISTER : !strcmp(kind, "gateway") ? ZX_TRUNK_GATEWAY : ZX_TRUNK_PEER;
	sa_init(&t->addr, AF_UNSPEC);
	if (*t->host && t->kind != ZX_TRUNK_GATEWAY && sa_set_str(&t->addr, t->host, t->port))
		sa_init(&t->addr, AF_UNSPEC);
	if (t->kind == ZX_TRUNK_GATEWAY && *t->secret && ext_secret(b, &t->gateway))
		*t->gateway.user = '\0'; /* cannot register, the rest of the configuration can be used */
	return 0;
}

static int read_prompt(struct build *b, void *item)
{
	struct zx_plan_prompt *p = item;

	read_head(&p->h, b);
	p->music = !strcmp(str(b, "kind"), "music");
	TEXT(p->file, b, "file");
	TEXT(p->sha, b, "sha");
	p->length = ms(b, "length");
	return 0;
}

static enum zx_strategy strategy_of(const char *s)
{
	static const char *const names[] = {"rrmemory", "ringall", "longest-idle", "fewest-calls", "random", "linear"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], s))
			return (enum zx_strategy)i;
	return ZX_STRATEGY_RRMEMORY;
}

static int add_members(struct build *b, struct zx_plan_queue *q)
{
	struct zx_plan *p = b->plan;
	const struct zx_config_part *part = &b->doc->parts[zx_config_table_find("queue_members")];
	const struct zx_config_row *row = zx_config_children(part, q->h.id, &q->memberc);

	for (unsigned i = 0; i < q->memberc; i++) {
		int64_t *v = grow(p->member_ids, p->memberc, sizeof(*v));

		if (!v)
			return ENOMEM;
		p->member_ids = v;
		v[p->memberc++] = zx_config_int(part, &row[i], "extension_id");
	}
	return 0;
}

static int read_queue(struct build *b, void *item)
{
	struct zx_plan_queue *q = item;

	read_head(&q->h, b);
	q->strategy = strategy_of(str(b, "strategy"));
	q->join_prompt_id = num(b, "join_prompt_id");
	q->music_id = num(b, "music_id");
	q->agent_prompt_id = num(b, "agent_prompt_id");
	q->ivr_id = num(b, "ivr_id");
	q->music_first = ms(b, "music_first");
	q->max_wait = ms(b, "max_wait");
	q->ring_time = ms(b, "ring_time");
	q->retry = ms(b, "retry");
	q->wrap_up = ms(b, "wrap_up");
	q->ivr_after = ms(b, "ivr_after");
	q->announce = ms(b, "announce");
	q->max_callers = ms(b, "max_callers");
	q->misses_busy = ms(b, "misses_busy");
	q->announce_wait = num(b, "announce_wait") != 0;
	read_target(&q->overflow, str(b, "app"), str(b, "param"));
	return add_members(b, q);
}

static int read_ivr(struct build *b, void *item)
{
	static const char keys[] = "0123456789*#";
	struct zx_plan_ivr *v = item;
	const struct zx_config_part *part = &b->doc->parts[zx_config_table_find("ivr_keys")];
	const struct zx_config_row *row;
	unsigned n;

	read_head(&v->h, b);
	v->prompt_id = num(b, "prompt_id");
	v->invalid_id = num(b, "invalid_id");
	v->timeout_id = num(b, "timeout_id");
	v->repeats = ms(b, "repeats");
	v->timeout = ms(b, "timeout");
	v->direct_dial = num(b, "direct_dial") != 0;
	read_target(&v->last, str(b, "app"), str(b, "param"));
	row = zx_config_children(part, v->h.id, &n);
	for (unsigned i = 0; i < n; i++) {
		const char *key = zx_config_text(part, &row[i], "key"), *at = *key ? strchr(keys, *key) : NULL;

		if (at)
			read_target(&v->keys[at - keys], zx_config_text(part, &row[i], "app"), zx_config_text(part, &row[i], "param"));
	}
	return 0;
}

static int clock_of(const char *s)
{
	unsigned h, m;

	return sscanf(s, "%2u:%2u", &h, &m) == 2 && h < 24 && m < 60 ? (int)(h * 60 + m) : -1;
}

static struct zx_plan_range range_of(const struct build *b, const char *from, const char *to)
{
	const int64_t f = num(b, from), t = num(b, to);

	return (struct zx_plan_range){f > 0 ? (int)f : -1, t > 0 ? (int)t : -1};
}

static int read_time(struct build *b, void *item)
{
	struct zx_plan_time *t = item;

	read_head(&t->h, b);
	t->minute = (struct zx_plan_range){clock_of(str(b, "time_from")), clock_of(str(b, "time_to"))};
	t->weekday = range_of(b, "weekday_from", "weekday_to");
	t->month = range_of(b, "month_from", "month_to");
	t->day = range_of(b, "day_from", "day_to");
	t->holidays_id = num(b, "holidays_id");
	read_target(&t->in, str(b, "in_app"), str(b, "in_param"));
	read_target(&t->out, str(b, "out_app"), str(b, "out_param"));
	return 0;
}

static int date_of(const char *s)
{
	int y, m, d;

	return sscanf(s, "%4d-%2d-%2d", &y, &m, &d) == 3 ? y * 10000 + m * 100 + d : 0;
}

static int read_holidays(struct build *b, void *item)
{
	struct zx_plan_holidays *h = item;
	struct zx_plan *p = b->plan;
	const struct zx_config_part *part = &b->doc->parts[zx_config_table_find("holiday_dates")];
	const struct zx_config_row *row = zx_config_children(part, b->row->id, &h->dayc);

	read_head(&h->h, b);
	for (unsigned i = 0; i < h->dayc; i++) {
		struct zx_plan_day *v = grow(p->days, p->dayc, sizeof(*v));

		if (!v)
			return ENOMEM;
		p->days = v;
		v[p->dayc++] = (struct zx_plan_day){date_of(zx_config_text(part, &row[i], "date_from")),
						    date_of(zx_config_text(part, &row[i], "date_to")),
						    !strcmp(zx_config_text(part, &row[i], "kind"), "work")};
	}
	return 0;
}

static int read_conf(struct build *b, void *item)
{
	struct zx_plan_conf *c = item;

	read_head(&c->h, b);
	TEXT(c->pin, b, "pin");
	c->record = num(b, "record") != 0;
	return 0;
}

static int read_voicemail(struct build *b, void *item)
{
	struct zx_plan_voicemail *v = item;

	read_head(&v->h, b);
	v->prompt_id = num(b, "prompt_id");
	v->extension_id = num(b, "extension_id");
	v->max_length = ms(b, "max_length");
	v->silence = ms(b, "silence");
	return 0;
}

static int read_inbound(struct build *b, void *item)
{
	struct zx_plan_inbound *r = item;

	read_head(&r->h, b);
	r->trunk_id = num(b, "trunk_id");
	r->position = (int)num(b, "position");
	r->strip = ms(b, "strip");
	r->record = num(b, "record") != 0;
	TEXT(r->pattern, b, "pattern");
	TEXT(r->caller, b, "caller");
	read_target(&r->target, str(b, "app"), str(b, "param"));
	return 0;
}

static int read_outbound(struct build *b, void *item)
{
	struct zx_plan_outbound *r = item;

	read_head(&r->h, b);
	r->position = (int)num(b, "position");
	r->extension_id = num(b, "extension_id");
	r->trunk_id[0] = num(b, "trunk1_id");
	r->trunk_id[1] = num(b, "trunk2_id");
	r->trunk_id[2] = num(b, "trunk3_id");
	TEXT(r->pattern, b, "pattern");
	TEXT(r->strip, b, "strip");
	TEXT(r->prefix, b, "prefix");
	return 0;
}

static const struct {
	const char *table;
	int (*read)(struct build *b, void *item); /* ENOENT: not this one */
} readers[ZX_PLAN_KINDS] = {
    [ZX_PLAN_EXT] = {"extensions", read_ext},
    [ZX_PLAN_TRUNK] = {"trunks", read_trunk},
    [ZX_PLAN_PROMPT] = {"prompts", read_prompt},
    [ZX_PLAN_QUEUE] = {"queues", read_queue},
    [ZX_PLAN_IVR] = {"ivrs", read_ivr},
    [ZX_PLAN_TIME] = {"time_conditions", read_time},
    [ZX_PLAN_HOLIDAYS] = {"holiday_lists", read_holidays},
    [ZX_PLAN_CONF] = {"conferences", read_conf},
    [ZX_PLAN_VOICEMAIL] = {"voicemail_boxes", read_voicemail},
    [ZX_PLAN_INBOUND] = {"inbound_routes", read_inbound},
    [ZX_PLAN_OUTBOUND] = {"outbound_routes", read_outbound},
};

static int add_kind(struct build *b, enum zx_plan_kind kind)
{
	struct zx_plan_list *l = &b->plan->lists[kind];
	const size_t size = zx_plan_size(kind);
	int err = 0;

	b->part = &b->doc->parts[zx_config_table_find(readers[kind].table)];
	for (unsigned i = 0; i < b->part->n && !err; i++) {
		void *v = grow(l->v, l->n, size);

		if (!v)
			return ENOMEM;
		l->v = v;
		b->row = &b->part->rows[i];
		err = readers[kind].read(b, (char *)v + l->n * size);
		if (!err)
			l->n++;
		else if (err == ENOENT)
			err = 0;
	}
	return err;
}

/* Arrays no longer move: what points into them is set. */
static int link_arrays(struct zx_plan *p)
{
	const struct zx_plan_day *day = p->days;
	unsigned at = 0;

	p->members = calloc(p->memberc + 1, sizeof(*p->members));
	if (!p->members)
		return ENOMEM;
	for (unsigned i = 0; i < p->lists[ZX_PLAN_QUEUE].n; i++) {
		struct zx_plan_queue *q = (struct zx_plan_queue *)p->lists[ZX_PLAN_QUEUE].v + i;
		const unsigned n = q->memberc;

		q->members = p->members + at;
		q->memberc = 0;
		for (unsigned k = 0; k < n; k++) {
			const struct zx_plan_ext *e = zx_plan_find(p, ZX_PLAN_EXT, p->member_ids[at + k]);

			if (e)
				p->members[at + q->memberc++] = e;
		}
		at += n;
	}
	for (unsigned i = 0; i < p->lists[ZX_PLAN_HOLIDAYS].n; i++) {
		struct zx_plan_holidays *h = (struct zx_plan_holidays *)p->lists[ZX_PLAN_HOLIDAYS].v + i;

		h->days = day;
		day += h->dayc;
	}
	return 0;
}

int zx_plan_build(struct zx_plan **pp, const struct zx_config_doc *const *docs, unsigned n, struct zx_store *st, const char *realm)
{
	struct build b = {.st = st, .realm = realm};
	int err;

	b.plan = mem_zalloc(sizeof(*b.plan), plan_destroy);
	b.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	b.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	b.ctx = EVP_MD_CTX_new();
	err = b.plan && b.md5 && b.sha256 && b.ctx ? 0 : ENOMEM;
	if (!err && st)
		copy_text(b.plan->dir, sizeof(b.plan->dir), zx_store_dir(st));
	for (unsigned i = 0; i < n && !err; i++) {
		b.doc = docs[i];
		for (enum zx_plan_kind k = 0; k < ZX_PLAN_KINDS && !err; k++)
			err = add_kind(&b, k);
	}
	if (!err)
		err = zx_plan_index_build(b.plan);
	if (!err)
		err = link_arrays(b.plan);
	if (!err)
		err = zx_plan_rules_build(b.plan);
	EVP_MD_CTX_free(b.ctx);
	EVP_MD_free(b.md5);
	EVP_MD_free(b.sha256);
	if (err)
		mem_deref(b.plan);
	else
		*pp = b.plan;
	return err;
}
