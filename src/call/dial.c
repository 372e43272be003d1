/*
 * An extension is rung: one branch for each of its contacts, the first to answer wins. Or an outside number is called: by one trunk after
 * the other until one takes the call.
 */
#include "call/core.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/trunk.h"

/* How long phones that have not said anything are waited for when all others have refused: they are switched off. */
enum {
	SILENT_MS = 4000,
	TRUNK_SILENT_MS = 5000, /* a line that does not even say 100: the next one */
};

static const char elsewhere[] = "Call completed elsewhere";

struct zx_dial {
	struct zx_call *call; /* borrowed: the call owns the dial */
	struct tmr tmr;
	const struct zx_leg *early_leg; /* whose early media the served one hears; only compared */
	zx_dial_h *done;
	void *arg;
	unsigned branches, total;
	enum zx_dial_result best;
	uint16_t best_code;
	uint64_t until; /* zx_mono_ms() */
	bool rang, early, click, hurried;
	struct zx_call_target t;
	unsigned trunk;  /* the next to try */
	const char *who; /* in the timeline: the extension, or the number */
};

static void dial_destructor(void *arg)
{
	struct zx_dial *d = arg;

	tmr_cancel(&d->tmr);
}

static void forks_release(struct zx_call *c, uint16_t scode, const char *reason)
{
	struct le *le = c->legs.head;

	while (le) {
		struct zx_leg *leg = le->data;

		le = le->next;
		if (leg->fork)
			zx_call_leg_release(leg, scode, reason, 0);
	}
}

void zx_dial_stop(struct zx_call *c, uint16_t scode, const char *reason)
{
	c->dial = mem_deref(c->dial);
	forks_release(c, scode, reason);
}

static const char *outcome_of(enum zx_dial_result res)
{
	switch (res) {
	case ZX_DIAL_ANSWERED:
		return NULL;
	case ZX_DIAL_BUSY:
	case ZX_DIAL_REJECTED:
		return "busy";
	case ZX_DIAL_NOANSWER:
		return "no-answer";
	case ZX_DIAL_UNREACHABLE:
		return "unreachable";
	case ZX_DIAL_NOTFOUND:
		return "not-found";
	case ZX_DIAL_FAILED:
		break;
	}
	return "failed";
}

static void finish(struct zx_dial *d, enum zx_dial_result res, uint16_t scode)
{
	struct zx_call *c = d->call;
	char detail[ZX_NUM_LEN + 8];

	mem_ref(c);
	mem_ref(d);
	zx_dial_stop(c, 0, NULL);
	c->outcome = outcome_of(res);
	snprintf(detail, sizeof(detail), "%s %u", d->who, scode);
	zx_call_note(c, c->outcome, detail);
	if (d->click)
		zx_call_end(c, "system", scode, NULL);
	else
		d->done(c, res, scode, d->arg);
	mem_deref(d);
	mem_deref(c);
}

static void finish_h(void *arg)
{
	struct zx_dial *d = arg;

	finish(d, d->best, d->best_code);
}

static void timeout_h(void *arg)
{
	struct zx_dial *d = arg;

	/* A busy phone beside one that nobody answered: nobody answered. */
	finish(d, d->rang ? ZX_DIAL_NOANSWER : ZX_DIAL_UNREACHABLE, 480);
}

static void made_h(struct zx_leg *leg, void *arg)
{
	struct zx_dial *d = arg;

	leg->fork = true;
	leg->side = d->click ? 0 : zx_transfer_side(d->call);
	d->branches++;
	d->total++;
	zx_call_leg_adopt(leg, d->call);
}

static struct zx_leg_caller caller_of(const struct zx_dial *d)
{
	const struct zx_call *c = d->call;

	return (struct zx_leg_caller){.call_id = c->id,
				      .num = d->click ? c->to : zx_call_from(c),
				      .name = d->click || strcmp(zx_call_from(c), c->from) ? "" : c->from_name,
				      .auto_answer = d->click,
				      .shown = d->t.shown,
				      .diverted = d->t.diverted};
}

static void trunk_silent_h(void *arg)
{
	struct zx_leg *leg = arg;

	if (leg->call && leg->state == ZX_LEG_OUT_NEW && !zx_call_leg_heard(leg))
		zx_call_on_closed(leg, 408, "No answer");
}

/* By the first trunk from d->trunk on that can be called; why the last one cannot. */
static int trunk_try(struct zx_dial *d)
{
	const struct zx_leg_caller from = caller_of(d);
	int err = EHOSTUNREACH;

	while (d->trunk < d->t.trunkc) {
		const int64_t id = d->t.trunks[d->trunk++];
		struct zx_leg *leg;
		char detail[32];

		err = zx_call_leg_trunk(&leg, id, d->t.number, &from, d->call->served);
		snprintf(detail, sizeof(detail), "%lld%s", (long long)id,
			 !err                  ? ""
			 : err == EBUSY        ? " full"
			 : err == EHOSTUNREACH ? " down"
					       : " failed");
		zx_call_note(d->call, "trunk", detail);
		if (!err) {
			zx_call_trunk_note(d->call, id);
			made_h(leg, d);
			tmr_start(&leg->tmr, TRUNK_SILENT_MS, trunk_silent_h, leg);
			return 0;
		}
	}
	return err;
}

static int branches_make(struct zx_dial *d)
{
	const struct zx_leg_caller from = caller_of(d);
	int err = 0;

	if (!*d->t.ext) {
		err = trunk_try(d);
		d->best = ZX_DIAL_FAILED;
		d->best_code = 503;
	} else {
		zx_call_leg_fork(d->t.ext, &from, d->call->served, made_h, d, &err);
	}
	return err;
}

static int start(struct zx_call *c, const struct zx_call_target *t, unsigned ring_ms, zx_dial_h *done, void *arg, bool click)
{
	struct zx_dial *d;
	int err = 0;

	if (c->dial)
		return EBUSY;
	d = mem_zalloc(sizeof(*d), dial_destructor);
	if (!d)
		return ENOMEM;
	tmr_init(&d->tmr);
	d->call = c;
	d->done = done;
	d->arg = arg;
	d->click = click;
	d->best = ZX_DIAL_UNREACHABLE;
	d->best_code = 480;
	d->t = *t;
	d->who = *d->t.ext ? d->t.ext : d->t.number;
	c->dial = d;
	zx_call_note(c, "dial", d->who);
	if (c->served && !c->served->stream)
		err = zx_call_leg_media_open(c->served, NULL);
	if (!err)
		err = branches_make(d);
	if (d->total) {
		d->until = zx_mono_ms() + ring_ms;
		tmr_start(&d->tmr, ring_ms, timeout_h, d);
		return 0;
	}
	if (err && err != EHOSTUNREACH && err != EBUSY) {
		static struct zx_log_site site;

		zx_log_limited(&site, 5, ZX_ERROR, "call", "%s cannot be called: %s", d->who,
			       err == EADDRNOTAVAIL ? "no media port is free" : strerror(err));
		d->best = ZX_DIAL_FAILED;
		d->best_code = 503;
	}
	tmr_start(&d->tmr, 0, finish_h, d);
	return 0;
}

int zx_call_dial(struct zx_call *c, const struct zx_call_target *t, unsigned ring_ms, zx_dial_h *done, void *arg)
{
	if (zx_call_over(c) || !c->served || c->tone)
		return EPROTO;
	return start(c, t, ring_ms, done, arg, false);
}

int zx_dial_click(struct zx_call *c, const char *ext)
{
	struct zx_call_target t = {.trunkc = 0};

	snprintf(t.ext, sizeof(t.ext), "%s", ext);
	return start(c, &t, zx_call_ring_ms(), NULL, NULL, true);
}

bool zx_dial_rings(const struct zx_call *c, const char *ext)
{
	return c->dial && !c->dial->click && !strcmp(c->dial->t.ext, ext);
}

void zx_dial_refuse(struct zx_call *c)
{
	finish(c->dial, ZX_DIAL_REJECTED, 603);
}

/* ---- what the branches tell ---- */

/* What the caller is told when no branch answers: the most telling of their answers. */
static unsigned rank(enum zx_dial_result res)
{
	static const uint8_t ranks[] = {[ZX_DIAL_UNREACHABLE] = 0, [ZX_DIAL_FAILED] = 1,   [ZX_DIAL_NOANSWER] = 2, [ZX_DIAL_BUSY] = 3,
					[ZX_DIAL_REJECTED] = 4,    [ZX_DIAL_NOTFOUND] = 0, [ZX_DIAL_ANSWERED] = 5};

	return ranks[res];
}

/* What a trunk says of a number beside busy and no answer. */
static enum zx_dial_result outside_result(uint16_t *scode)
{
	switch (*scode) {
	case 404:
	case 410:
	case 484:
	case 604:
		*scode = 404;
		return ZX_DIAL_NOTFOUND;
	case 408:
		*scode = 480;
		return ZX_DIAL_NOANSWER;
	}
	*scode = 503;
	return ZX_DIAL_FAILED;
}

static enum zx_dial_result result_of(const struct zx_dial *d, uint16_t *scode)
{
	const uint16_t code = *scode;

	switch (code) {
	case 486:
	case 600:
		*scode = 486;
		return ZX_DIAL_BUSY;
	case 603:
	case 607:
	case 608:
		*scode = 603;
		return ZX_DIAL_REJECTED;
	case 480:
	case 487:
		*scode = 480;
		return ZX_DIAL_NOANSWER;
	case 415:
	case 488:
	case 606:
		*scode = 488;
		return ZX_DIAL_FAILED;
	}
	if (!*d->t.ext)
		return outside_result(scode);
	*scode = 480;
	if (d->rang && code == 408)
		return ZX_DIAL_NOANSWER;
	/* A redirection is not followed; a phone that does not know itself, or cannot be reached, is not there. */
	return ZX_DIAL_UNREACHABLE;
}

/* Whether a branch other than this has said that it rings. */
static bool any_rings(const struct zx_call *c, const struct zx_leg *but)
{
	for (struct le *le = c->legs.head; le; le = le->next) {
		const struct zx_leg *leg = le->data;

		if (leg != but && leg->fork && leg->state == ZX_LEG_OUT_EARLY)
			return true;
	}
	return false;
}

static void hurry(struct zx_dial *d)
{
	if (d->until > zx_mono_ms() + SILENT_MS) {
		d->hurried = true;
		tmr_start(&d->tmr, SILENT_MS, finish_h, d);
	}
}

static void hurry_end(struct zx_dial *d)
{
	const uint64_t now = zx_mono_ms();

	if (d->hurried)
		tmr_start(&d->tmr, d->until > now ? d->until - now : 0, timeout_h, d);
	d->hurried = false;
}

/* The line has failed, not the callee: is there another? What has rung is not called twice. */
static bool next_trunk(struct zx_dial *d, uint16_t scode)
{
	if (*d->t.ext || d->rang || zx_trunk_verdict(scode) != ZX_TRUNK_NEXT)
		return false;
	return d->trunk < d->t.trunkc && !trunk_try(d);
}

void zx_dial_branch_closed(struct zx_leg *leg, uint16_t scode)
{
	struct zx_call *c = leg->call;
	struct zx_dial *d = c->dial;
	const bool refused = scode < 400 || scode == 480 || scode == 486 || scode >= 600; /* by the phone, not by the network */
	enum zx_dial_result res;
	char detail[ZX_NUM_LEN + 8];

	snprintf(detail, sizeof(detail), "%s %u", leg->num, scode);
	zx_call_note(c, "refused", detail);
	zx_call_leg_release(leg, 0, NULL, 0);
	if (!d)
		return;
	d->branches--;
	if (next_trunk(d, scode))
		return;
	res = result_of(d, &scode);
	if (!*d->t.ext) { /* one line at a time: the last word counts */
		finish(d, res, scode);
		return;
	}
	if (rank(res) > rank(d->best)) {
		d->best = res;
		d->best_code = scode;
	}
	/* 603: the user has said no on one of the phones. */
	if (!d->branches || res == ZX_DIAL_REJECTED) {
		finish(d, d->best, d->best_code);
		return;
	}
	if (d->early_leg == leg) { /* another may ring yet */
		d->early_leg = NULL;
		zx_call_ringback(c->served);
	}
	if (refused && !any_rings(c, NULL))
		hurry(d);
}

/* What one phone plays before it answers is passed on unless another rings too. */
static bool early_pass(struct zx_call *c, struct zx_leg *leg)
{
	struct zx_leg *s = c->served;

	if (any_rings(c, leg) || !s || !leg->media || (s->state != ZX_LEG_UP && zx_call_leg_early(s, leg->desc.codec)))
		return false;
	zx_call_silence(s);
	zx_stream_bridge(s->stream, leg->stream);
	return true;
}

void zx_call_on_rang(struct zx_leg *leg, bool early)
{
	struct zx_call *c = leg->call;
	struct zx_dial *d = c->dial;

	if (!leg->fork || !d)
		return;
	hurry_end(d);
	if (!leg->shown) {
		leg->shown = true;
		if (!d->rang)
			zx_news_leg(ZX_EV_CALL_RINGING, c, leg);
	}
	if (early && !d->early && early_pass(c, leg)) {
		d->early = true;
		d->early_leg = leg;
	}
	if (d->rang)
		return;
	d->rang = true;
	if (c->rang < 0 && !d->click)
		c->rang = zx_call_ms(c);
	zx_call_note(c, d->early ? "early" : "ringing", d->who);
	zx_call_move(c, ZX_CALL_EV_RING);
	zx_news_live(c);
	zx_transfer_ringing(c);
	if (d->early || !c->served)
		return;
	if (c->served->state == ZX_LEG_UP)
		zx_call_ringback(c->served);
	else
		zx_call_leg_ring(c->served);
}

static void clicked(struct zx_call *c, struct zx_leg *leg)
{
	leg->fork = false;
	zx_dial_stop(c, 200, elsewhere);
	c->served = leg;
	zx_call_note(c, "pick-up", leg->num);
	zx_news_live(c);
	zx_call_routed(c);
}

void zx_call_on_answered(struct zx_leg *leg)
{
	struct zx_call *c = leg->call;

	if (!leg->fork || !c->dial)
		return;
	leg->shown = true;
	mem_ref(c);
	if (c->dial->click)
		clicked(c, leg);
	else
		zx_call_join(c, leg);
	mem_deref(c);
}

void zx_call_join(struct zx_call *c, struct zx_leg *leg)
{
	struct zx_dial *d = mem_ref(c->dial);
	struct zx_leg *s = c->served;
	const bool first = c->answered < 0;
	int err = 0;

	leg->fork = false;
	zx_dial_stop(c, 200, elsewhere);
	if (s->state != ZX_LEG_UP)
		err = zx_call_leg_answer(s, leg->desc.codec);
	if (err) {
		zx_call_note(c, "answer-failed", strerror(err));
		zx_call_end(c, "system", err == ENOTSUP ? 488 : 500, "Not Acceptable Here");
		goto out;
	}
	c->peer = leg;
	if (first) {
		c->answered = zx_call_ms(c);
		if (leg->is_ext)
			memcpy(c->callee_ext, leg->num, sizeof(c->callee_ext));
	}
	zx_call_move(c, ZX_CALL_EV_ANSWER);
	zx_call_note(c, "answered", leg->num);
	zx_bridge_apply(c);
	zx_call_rec_apply(c);
	if (c->xfer)
		zx_transfer_done(c);
	zx_news_leg(ZX_EV_CALL_ANSWERED, c, leg);
	if (first)
		zx_news_leg(ZX_EV_CALL_ANSWERED, c, s);
	zx_news_live(c);
	if (d && d->done)
		d->done(c, ZX_DIAL_ANSWERED, 200, d->arg);
out:
	mem_deref(d);
}
