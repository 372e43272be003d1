/* The rooms below and beside call/, faked for its tests: SIP legs, streams, plan, store, timers on a clock that the test turns. */
#ifndef ZX_TEST_CALL_FAKE_H
#define ZX_TEST_CALL_FAKE_H

#include "zxtest.h"

#include <errno.h>
#include <stdlib.h>

#include "app/app.h"
#include "base/bus.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"
#include "call/core.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "sip/inv.h"
#include "store/calls.h"

/* ---- time ---- */
static uint64_t now_ms = 1000000;
static struct list timers;

uint64_t zx_mono_ms(void)
{
	return now_ms;
}

uint64_t zx_mono_us(void)
{
	return now_ms * 1000;
}

int64_t zx_wall_ms(void)
{
	return 1790000000000 + (int64_t)now_ms;
}

int64_t zx_id_new(void)
{
	static int64_t id = 100;

	return ++id;
}

void tmr_init(struct tmr *tmr)
{
	memset(tmr, 0, sizeof(*tmr));
}

void tmr_cancel(struct tmr *tmr)
{
	list_unlink(&tmr->le);
	tmr->th = NULL;
}

void tmr_start(struct tmr *tmr, uint64_t delay, tmr_h *th, void *arg)
{
	tmr_cancel(tmr);
	if (!th)
		return;
	tmr->th = th;
	tmr->arg = arg;
	tmr->jfs = now_ms + delay;
	list_append(&timers, &tmr->le, tmr);
}

static struct {
	zx_work_h *fn;
	void *arg;
} soon[64];
static unsigned soonc;

int zx_loop_soon(zx_work_h *fn, void *arg)
{
	soon[soonc].fn = fn;
	soon[soonc++].arg = arg;
	return 0;
}

static struct tmr *timer_due(uint64_t until)
{
	struct tmr *due = NULL;

	for (struct le *le = timers.head; le; le = le->next) {
		struct tmr *t = le->data;

		if (t->jfs <= until && (!due || t->jfs < due->jfs))
			due = t;
	}
	return due;
}

/* The loop runs for so long. */
static void run(uint64_t ms)
{
	const uint64_t until = now_ms + ms;
	struct tmr *t;

	for (;;) {
		while (soonc) {
			const unsigned i = --soonc;

			soon[i].fn(soon[i].arg);
		}
		t = timer_due(until);
		if (!t)
			break;
		if (t->jfs > now_ms)
			now_ms = t->jfs;
		tmr_h *th = t->th;
		void *arg = t->arg;

		tmr_cancel(t);
		th(arg);
	}
	now_ms = until;
}

/* ---- phones ---- */
enum { INVS = 256 };

struct zx_binding {
	char ext[16];
	struct zx_binding_info info;
};

struct zx_inv {
	const struct zx_inv_handlers *h;
	void *arg;
	bool used, uac, closed, refuse;
	char ext[16]; /* UAC: called */
	char callid[32];
	char from[ZX_NUM_LEN], from_name[ZX_NAME_LEN];
	bool auto_answer;
	struct zx_sdp offer; /* theirs or ours */
	bool have_offer;
	struct zx_sdp local; /* the last we said */
	unsigned progress[8], progressc;
	bool early_sdp, accepted;
	uint16_t rejected;
	bool hung;
	uint16_t hung_code;
	uint16_t reoffer_rejected;
	unsigned reanswers;
	char info[16];
	unsigned infoc;
	uint16_t notes[16];
	unsigned notec;
};

static struct zx_inv *invs[INVS]; /* counted: the test looks at them after their end */
static unsigned invc;
static struct zx_binding bindings[64];
static unsigned bindingc;
static zx_inv_incoming_h *incoming;
static bool connect_fails;

static struct zx_inv *inv_new(void)
{
	struct zx_inv *inv = mem_zalloc(sizeof(*inv), NULL);

	snprintf(inv->callid, sizeof(inv->callid), "call-%u", invc);
	if (invc < INVS)
		invs[invc++] = mem_ref(inv);
	return inv;
}

static void bind_ext(const char *ext, unsigned n, const char *tp)
{
	for (unsigned i = 0; i < n; i++) {
		struct zx_binding *b = &bindings[bindingc++];

		memset(b, 0, sizeof(*b));
		snprintf(b->ext, sizeof(b->ext), "%s", ext);
		snprintf(b->info.contact, sizeof(b->info.contact), "sip:%s@192.0.2.%u:%u", ext, i + 1, bindingc);
		snprintf(b->info.tp, sizeof(b->info.tp), "%s", tp);
		sa_set_str(&b->info.src, "192.0.2.1", 5060);
	}
}

unsigned zx_reg_bindings(struct zx_sip *s, const char *ext, struct zx_binding **bv, unsigned max)
{
	unsigned n = 0;

	(void)s;
	for (unsigned i = 0; i < bindingc; i++) {
		if (strcmp(bindings[i].ext, ext))
			continue;
		if (n < max)
			bv[n] = &bindings[i];
		n++;
	}
	return n;
}

bool zx_reg_online(struct zx_sip *s, const char *ext)
{
	struct zx_binding *b;

	return zx_reg_bindings(s, ext, &b, 1) > 0;
}

void zx_binding_info(const struct zx_binding *b, struct zx_binding_info *info)
{
	*info = b->info;
}

void zx_sip_incoming_set(struct zx_sip *s, zx_inv_incoming_h *h, void *arg)
{
	(void)s;
	(void)arg;
	incoming = h;
}

void zx_inv_handle(struct zx_inv *inv, const struct zx_inv_handlers *h, void *arg)
{
	inv->h = h;
	inv->arg = arg;
}

int zx_inv_progress(struct zx_inv *inv, uint16_t scode, const char *reason, const struct zx_sdp *early)
{
	(void)reason;
	if (inv->progressc < 8)
		inv->progress[inv->progressc++] = scode;
	if (early) {
		inv->early_sdp = true;
		inv->local = *early;
	}
	return 0;
}

int zx_inv_accept(struct zx_inv *inv, const struct zx_sdp *sdp)
{
	if (inv->refuse)
		return EPROTO;
	inv->accepted = true;
	if (sdp)
		inv->local = *sdp;
	return 0;
}

/* Nobody but the test has it: no handler is called any more. */
static bool inv_dropped(const struct zx_inv *inv)
{
	return mem_nrefs(inv) == 1;
}

static void inv_close(struct zx_inv *inv, uint16_t scode)
{
	if (inv->closed)
		return;
	inv->closed = true;
	if (inv->h && !inv_dropped(inv))
		inv->h->closed(inv, scode, "", inv->arg);
}

int zx_inv_reject(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	(void)reason;
	inv->rejected = scode;
	inv_close(inv, scode);
	return 0;
}

int zx_inv_target_laddr(struct zx_sip *s, const struct zx_inv_target *t, struct sa *laddr)
{
	(void)s;
	(void)t;
	return sa_set_str(laddr, "192.0.2.100", 5084);
}

int zx_inv_connect(struct zx_inv **ip, struct zx_sip *s, const struct zx_inv_target *t, const struct zx_inv_caller *c,
		   const struct zx_sdp *offer, const struct zx_inv_handlers *h, void *arg)
{
	struct zx_inv *inv;

	(void)s;
	if (connect_fails)
		return ENETUNREACH;
	inv = inv_new();
	inv->uac = true;
	snprintf(inv->ext, sizeof(inv->ext), "%s", t->binding->ext);
	snprintf(inv->from, sizeof(inv->from), "%s", c->user);
	snprintf(inv->from_name, sizeof(inv->from_name), "%s", c->name ? c->name : "");
	inv->auto_answer = c->auto_answer;
	inv->local = *offer;
	inv->h = h;
	inv->arg = arg;
	*ip = inv;
	return 0;
}

int zx_inv_offer_answer(struct zx_inv *inv, const struct zx_sdp *answer)
{
	inv->local = *answer;
	inv->reanswers++;
	return 0;
}

int zx_inv_offer_reject(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	(void)reason;
	inv->reoffer_rejected = scode;
	return 0;
}

bool zx_inv_heard(const struct zx_inv *inv)
{
	(void)inv;
	return true;
}

/* ---- trunks: there are none ---- */
struct zx_trunk *zx_trunk_find(struct zx_sip *s, int64_t id)
{
	(void)s;
	(void)id;
	return NULL;
}

const struct zx_trunk_conf *zx_trunk_conf(const struct zx_trunk *t)
{
	(void)t;
	return NULL;
}

int zx_trunk_addr(const struct zx_trunk *t, struct sa *addr)
{
	(void)t;
	(void)addr;
	return EHOSTUNREACH;
}

int zx_trunk_call_begin(struct zx_sip *s, int64_t id)
{
	(void)s;
	(void)id;
	return ENOENT;
}

void zx_trunk_call_end(struct zx_sip *s, int64_t id)
{
	(void)s;
	(void)id;
}

enum zx_trunk_verdict zx_trunk_verdict(uint16_t scode)
{
	(void)scode;
	return ZX_TRUNK_FINAL;
}

int zx_inv_info_dtmf(struct zx_inv *inv, char digit, unsigned duration_ms)
{
	(void)duration_ms;
	if (inv->infoc < 15)
		inv->info[inv->infoc++] = digit;
	return 0;
}

int zx_inv_refer_notify(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	(void)reason;
	if (inv->notec < 16)
		inv->notes[inv->notec++] = scode;
	return 0;
}

void zx_inv_hangup(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	(void)reason;
	inv->hung = true;
	inv->hung_code = scode;
	if (!inv->uac && !inv->accepted)
		inv->rejected = scode;
	/* A UAC leg that was not answered waits for the 487, the others are over. */
	if (!inv->uac || inv->accepted)
		inv_close(inv, 200);
}

struct zx_inv *zx_inv_find(struct zx_sip *s, const char *callid, const char *to_tag, const char *from_tag)
{
	(void)s;
	(void)to_tag;
	(void)from_tag;
	for (unsigned i = 0; i < invc; i++) {
		if (!strcmp(invs[i]->callid, callid) && !invs[i]->closed)
			return invs[i];
	}
	return NULL;
}

void *zx_inv_arg(const struct zx_inv *inv)
{
	return inv->arg;
}

/* ---- streams ---- */
struct zx_stream {
	struct sa laddr;
	struct zx_stream_desc d;
	struct zx_stream *peer;
	zx_stream_event_h *h;
	void *arg;
	char play[32]; /* "" nothing, a file, or "tone N" */
	char keys[16];
	unsigned keyc, sets;
};
struct zx_rec {
	struct zx_stream *side[2];
	char path[128];
};
static unsigned streams_up, ports_left = 1000, recs_up;
static struct zx_rec *last_rec;
static const char *rec_problem;
static bool no_moh, rec_fails;

static void stream_part(struct zx_stream *s)
{
	if (s->peer && s->peer != s)
		s->peer->peer = NULL;
	s->peer = NULL;
}

static void stream_destructor(void *arg)
{
	stream_part(arg);
	streams_up--;
	ports_left++;
}

int zx_stream_alloc(struct zx_stream **sp, struct zx_media *m, const struct sa *laddr, const struct zx_stream *near, zx_stream_event_h *h,
		    void *arg)
{
	struct zx_stream *s;

	(void)m;
	(void)near;
	if (!ports_left)
		return EADDRNOTAVAIL;
	s = mem_zalloc(sizeof(*s), stream_destructor);
	ports_left--;
	streams_up++;
	s->laddr = *laddr;
	sa_set_port(&s->laddr, (uint16_t)(20000 + 2 * streams_up));
	s->h = h;
	s->arg = arg;
	*sp = s;
	return 0;
}

const struct sa *zx_stream_laddr(const struct zx_stream *s)
{
	return &s->laddr;
}

int zx_stream_set(struct zx_stream *s, const struct zx_stream_desc *d)
{
	s->d = *d;
	s->sets++;
	return 0;
}

int zx_stream_bridge(struct zx_stream *a, struct zx_stream *b)
{
	stream_part(a);
	stream_part(b);
	a->peer = b;
	b->peer = a;
	a->play[0] = b->play[0] = '\0';
	return 0;
}

int zx_stream_unbridge(struct zx_stream *s)
{
	stream_part(s);
	return 0;
}

int zx_stream_play(struct zx_stream *s, const struct zx_play *p, uint32_t *idp)
{
	static uint32_t id;

	if (p->file && no_moh)
		return ENOENT;
	if (p->file)
		snprintf(s->play, sizeof(s->play), "%s", p->file);
	else
		snprintf(s->play, sizeof(s->play), "tone %d", p->tone);
	++id;
	if (idp)
		*idp = id;
	return 0;
}

int zx_stream_inband_dtmf(struct zx_stream *s, bool on)
{
	(void)s;
	(void)on;
	return 0;
}

int zx_stream_play_stop(struct zx_stream *s)
{
	s->play[0] = '\0';
	return 0;
}

int zx_stream_dtmf(struct zx_stream *s, char digit, unsigned duration_ms)
{
	(void)duration_ms;
	if (s->keyc < 15)
		s->keys[s->keyc++] = digit;
	return 0;
}

void zx_stream_stats(const struct zx_stream *s, struct zx_stream_stats *st)
{
	(void)s;
	memset(st, 0, sizeof(*st));
	st->rx_packets = 99;
	st->rx_lost = 1;
	st->rtt_us = 1500;
	st->mos = 4.4F;
}

static void rec_destructor(void *arg)
{
	if (last_rec == arg)
		last_rec = NULL;
	recs_up--;
}

int zx_rec_start(struct zx_rec **rp, struct zx_media *m, const char *path, struct zx_stream *a, struct zx_stream *b)
{
	struct zx_rec *r;

	(void)m;
	if (rec_fails)
		return ENOSPC;
	r = mem_zalloc(sizeof(*r), rec_destructor);
	r->side[0] = a;
	r->side[1] = b;
	snprintf(r->path, sizeof(r->path), "%s", path);
	recs_up++;
	last_rec = r;
	*rp = r;
	return 0;
}

int zx_rec_side(struct zx_rec *r, unsigned side, struct zx_stream *s)
{
	r->side[side] = s;
	return 0;
}

const char *zx_rec_problem(const struct zx_rec *r)
{
	(void)r;
	return rec_problem;
}

/* ---- store: the rows as they were put ---- */
struct row {
	int64_t id, ring, talk, ended;
	uint16_t scode;
	char direction[16], caller[64], callee[64], caller_ext[64], callee_ext[64], transfer_to[64], app[32], state[16], by[16];
	char recording[128], problem[64], quality[2048], timeline[6000];
};
static struct row rows[512];
static unsigned rowc;

int zx_call_row_put(struct zx_store *st, const struct zx_call_row *r)
{
	struct row *w = &rows[rowc++ % 512];

	(void)st;
	memset(w, 0, sizeof(*w));
	w->id = r->id;
	w->ring = r->ring;
	w->talk = r->talk;
	w->ended = r->ended;
	w->scode = r->scode;
	zx_strcpy(w->direction, sizeof(w->direction), r->direction);
	zx_strcpy(w->caller, sizeof(w->caller), r->caller);
	zx_strcpy(w->callee, sizeof(w->callee), r->callee);
	zx_strcpy(w->caller_ext, sizeof(w->caller_ext), r->caller_ext);
	zx_strcpy(w->callee_ext, sizeof(w->callee_ext), r->callee_ext);
	zx_strcpy(w->transfer_to, sizeof(w->transfer_to), r->transfer_to);
	zx_strcpy(w->app, sizeof(w->app), r->app);
	zx_strcpy(w->state, sizeof(w->state), r->state);
	zx_strcpy(w->by, sizeof(w->by), r->hangup_by);
	zx_strcpy(w->recording, sizeof(w->recording), r->recording);
	zx_strcpy(w->problem, sizeof(w->problem), r->rec_problem);
	zx_strcpy(w->quality, sizeof(w->quality), r->quality);
	zx_strcpy(w->timeline, sizeof(w->timeline), r->timeline);
	return 0;
}

static const struct row *last_row(void)
{
	ZX_CHECK(rowc > 0);
	return &rows[(rowc - 1) % 512];
}

/* ---- plan: 80xx company 1 (8050-8059 recorded), 90xx company 2; *60 hang up, *61 prompt ---- */
static struct zx_plan_ext exts[200];

const struct zx_plan_ext *zx_plan_ext(const char *number)
{
	struct zx_plan_ext *e;
	const int n = (int)strtol(number, NULL, 10);
	const bool two = n >= 9000 && n < 9100;

	if (strlen(number) != 4 || (!two && (n < 8000 || n >= 8100)))
		return NULL;
	e = &exts[two ? n - 9000 + 100 : n - 8000];
	snprintf(e->account.user, sizeof(e->account.user), "%s", number);
	snprintf(e->account.name, sizeof(e->account.name), "name %s", number);
	e->account.company_id = two ? 2 : 1;
	e->id = n;
	e->record = n >= 8050 && n < 8060;
	return e;
}

bool zx_plan_masked(int64_t extension_id)
{
	(void)extension_id;
	return false;
}

bool zx_plan_blacklisted(int64_t company_id, const char *caller)
{
	return company_id == 1 && !strcmp(caller, "13900000000");
}

/* No outside numbers, no menus. */
int zx_plan_route_out(struct zx_outbound *o, int64_t company_id, int64_t ext_id, const char *dialled)
{
	(void)o;
	(void)company_id;
	(void)ext_id;
	(void)dialled;
	return ENOENT;
}

void zx_plan_route_target(struct zx_route *r, int64_t company_id, const struct zx_plan_target *t)
{
	(void)t;
	memset(r, 0, sizeof(*r));
	r->company_id = company_id;
}

int64_t zx_plan_number_company(const char *number)
{
	(void)number;
	return 0;
}

const struct zx_plan_ivr *zx_plan_ivr(int64_t id)
{
	(void)id;
	return NULL;
}

int zx_plan_sound(char *path, size_t len, int64_t company_id, int64_t id)
{
	if (company_id != 1 || id != 7)
		return ENOENT;
	snprintf(path, len, "/data/sounds/abc.wav");
	return 0;
}

static void route(struct zx_route *r, int64_t company, const char *dialled)
{
	static const struct {
		const char *num, *app, *param;
	} codes[] = {{"*60", "hangup", "486"}, {"*61", "prompt", "hello"}, {"*63", "nonsense", ""}, {"*64", "prompt", "../x"}};
	const struct zx_plan_ext *e = zx_plan_ext(dialled);

	memset(r, 0, sizeof(*r));
	r->company_id = company;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (!strcmp(codes[i].num, dialled)) {
			zx_strcpy(r->app, sizeof(r->app), codes[i].app);
			zx_strcpy(r->param, sizeof(r->param), codes[i].param);
		}
	}
	if (e && e->account.company_id == company) {
		zx_strcpy(r->app, sizeof(r->app), "extension");
		zx_strcpy(r->param, sizeof(r->param), dialled);
	}
}

void zx_plan_route_ext(struct zx_route *r, const struct zx_plan_ext *from, const char *dialled)
{
	route(r, from->account.company_id, dialled);
}

void zx_plan_route_trunk(struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled)
{
	(void)trunk_id;
	(void)from;
	route(r, 1, !strncmp(dialled, "77", 2) ? dialled + 2 : dialled);
	r->record = !strncmp(dialled, "77", 2);
}

#endif
