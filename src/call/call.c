#include "call/core.h"

#include <errno.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/fsm.h"
#include "base/log.h"
#include "sip/trunk.h"

enum { CALL_BUCKETS = 4096, TONE_MS = 4000 };

struct zx_calls zx_calls;

static const char *const state_names[] = {"routing", "ringing", "talking", "held", "ended", NULL};
static const char *const event_names[] = {"ring", "answer", "hold", "resume", "end", NULL};
static const struct zx_fsm_rule rules[] = {
    {ZX_CALL_EV_RING, ZX_CALL_ROUTING, ZX_CALL_RINGING, NULL},
    {ZX_CALL_EV_RING, ZX_CALL_RINGING, ZX_FSM_STAY, NULL},
    {ZX_CALL_EV_ANSWER, ZX_CALL_ROUTING, ZX_CALL_TALKING, NULL},
    {ZX_CALL_EV_ANSWER, ZX_CALL_RINGING, ZX_CALL_TALKING, NULL},
    {ZX_CALL_EV_HOLD, ZX_CALL_TALKING, ZX_CALL_HELD, NULL},
    {ZX_CALL_EV_RESUME, ZX_CALL_HELD, ZX_CALL_TALKING, NULL},
    {ZX_CALL_EV_END, ZX_CALL_ROUTING, ZX_CALL_ENDED, NULL},
    {ZX_CALL_EV_END, ZX_CALL_RINGING, ZX_CALL_ENDED, NULL},
    {ZX_CALL_EV_END, ZX_CALL_TALKING, ZX_CALL_ENDED, NULL},
    {ZX_CALL_EV_END, ZX_CALL_HELD, ZX_CALL_ENDED, NULL},
    {ZX_FSM_END, 0, 0, NULL},
};
static const struct zx_fsm_def machine = {"call", state_names, event_names, rules};

bool zx_call_move(struct zx_call *c, enum zx_call_event ev)
{
	return !zx_fsm_event(&machine, &c->state, ev, c, NULL);
}

int64_t zx_call_ms(const struct zx_call *c)
{
	return (int64_t)(zx_mono_ms() - c->mono);
}

static void call_destructor(void *arg)
{
	struct zx_call *c = arg;

	tmr_cancel(&c->tmr);
	list_unlink(&c->le);
	hash_unlink(&c->id_le);
	list_unlink(&c->dirty_le);
	mem_deref(c->dial);
	mem_deref(c->app_data);
	mem_deref(c->xfer);
	mem_deref(c->rec);
	mem_deref(c->timeline);
	mem_deref(c->quality);
	mem_deref(c->rec_path);
	mem_deref(c->rec_problem);
}

int zx_call_alloc(struct zx_call **cp, const char *from, const char *name, const char *to, int64_t company_id)
{
	struct zx_call *c = mem_zalloc(sizeof(*c), call_destructor);

	if (!c)
		return ENOMEM;
	tmr_init(&c->tmr);
	c->id = zx_id_new();
	c->company_id = company_id;
	c->start = zx_wall_ms();
	c->mono = zx_mono_ms();
	c->rang = c->answered = c->ended = -1;
	zx_text_clean(c->from, sizeof(c->from), from);
	zx_text_clean(c->from_name, sizeof(c->from_name), name);
	zx_text_clean(c->dialled, sizeof(c->dialled), to);
	zx_text_clean(c->to, sizeof(c->to), to);
	hash_append(zx_calls.by_id, (uint32_t)c->id, &c->id_le, c);
	list_prepend(&zx_calls.calls, &c->le, c);
	zx_calls.n++;
	*cp = c;
	return 0;
}

unsigned zx_call_ring_ms(void)
{
	return zx_calls.env.conf->sip_ring_timeout * 1000;
}

uint16_t zx_call_admit(void)
{
	static struct zx_log_site site;
	const uint32_t max = zx_calls.env.conf->call_max;

	if (zx_calls.draining)
		return 503;
	if (max && zx_calls.n >= max) {
		zx_log_limited(&site, 3, ZX_WARN, "call", "refused: %u calls are up, call.max is reached", zx_calls.n);
		return 503;
	}
	return 0;
}

void zx_call_trunk_note(struct zx_call *c, int64_t trunk_id)
{
	const struct zx_trunk *t = zx_trunk_find(zx_calls.env.sip, trunk_id);

	/* one that came in by a trunk and is sent on stays inbound, with the trunk it came by */
	if (c->trunk_id || !t)
		return;
	c->dir = ZX_CALL_OUTBOUND;
	zx_text_clean(c->trunk, sizeof(c->trunk), zx_trunk_conf(t)->peer.name);
}

void zx_call_routed(struct zx_call *c)
{
	if (zx_calls.router)
		zx_calls.router(c);
	else
		zx_call_reject(c, 404, "Not Found");
}

int zx_call_incoming(struct zx_leg *leg, const struct zx_leg_in *in)
{
	struct zx_call *c;
	int err = zx_call_alloc(&c, in->from, in->from_name, in->to, in->company_id);

	if (err)
		return err;
	mem_ref(c);
	c->trunk_id = in->trunk_id;
	c->dir = in->ext[0] ? ZX_CALL_INTERNAL : ZX_CALL_INBOUND;
	zx_text_clean(c->trunk, sizeof(c->trunk), in->trunk);
	zx_text_clean(c->acting, sizeof(c->acting), in->ext);
	zx_text_clean(c->caller_ext, sizeof(c->caller_ext), in->ext);
	zx_call_leg_adopt(leg, c);
	c->served = leg;
	leg->shown = true;
	zx_call_note(c, "start", c->to);
	zx_news_live(c);
	zx_call_routed(c);
	mem_deref(c);
	return 0;
}

struct zx_leg *zx_call_other(const struct zx_call *c, const struct zx_leg *leg)
{
	if (!c || !c->served || !c->peer)
		return NULL;
	return leg == c->served ? c->peer : leg == c->peer ? c->served : NULL;
}

/* ---- the end ---- */

static const char *outcome_of(const struct zx_call *c)
{
	if (c->answered >= 0)
		return "answered";
	if (c->scode == 487)
		return "cancelled";
	if (c->outcome)
		return c->outcome;
	switch (c->scode) {
	case 486:
	case 600:
	case 603:
		return "busy";
	case 404:
	case 484:
	case 604:
		return "not-found";
	case 408:
	case 480:
		return "no-answer";
	default:
		return "failed";
	}
}

static void rec_stop(struct zx_call *c)
{
	const char *problem = c->rec ? zx_rec_problem(c->rec) : NULL;

	if (problem && !c->rec_problem) {
		c->rec_problem = zx_str_dup(problem);
		zx_call_note(c, "rec-problem", problem);
	}
	c->rec = mem_deref(c->rec);
}

void zx_call_end(struct zx_call *c, const char *by, uint16_t scode, const char *reason)
{
	char code[8];

	if (!zx_call_move(c, ZX_CALL_EV_END))
		return;
	mem_ref(c);
	tmr_cancel(&c->tmr);
	c->ended = zx_call_ms(c);
	c->scode = c->answered >= 0 ? 200 : scode;
	c->outcome = outcome_of(c);
	snprintf(c->hangup_by, sizeof(c->hangup_by), "%s", by);
	c->dial = mem_deref(c->dial);
	zx_call_app_leave(c);
	zx_call_outside_end(c);
	if (c->xfer)
		zx_transfer_failed(c, 487, "Request Terminated");
	rec_stop(c);
	while (c->legs.head) {
		struct zx_leg *leg = c->legs.head->data;
		const bool refused = leg->state == ZX_LEG_IN_NEW || leg->state == ZX_LEG_IN_EARLY;

		zx_call_leg_release(leg, refused ? scode : 0, refused ? reason : NULL, 0);
	}
	snprintf(code, sizeof(code), "%u", c->scode);
	zx_call_note(c, "end", c->answered >= 0 ? by : code);
	zx_record_put(c);
	zx_news_ended(c);
	list_unlink(&c->le);
	hash_unlink(&c->id_le);
	list_unlink(&c->dirty_le);
	zx_calls.n--;
	mem_deref(c);
	mem_deref(c);
	zx_calls_idle_check();
}

void zx_call_on_closed(struct zx_leg *leg, uint16_t scode, const char *reason)
{
	struct zx_call *c = leg->call;
	const char *by = zx_side_name(leg);

	mem_ref(c);
	if (leg->fork) {
		zx_dial_branch_closed(leg, scode);
	} else if (!zx_transfer_left(leg)) {
		const bool cancelled = c->answered < 0;

		if (scode != 200 && !cancelled)
			zx_call_note(c, "lost", reason);
		zx_call_leg_release(leg, 0, NULL, 0);
		zx_call_end(c, by, !cancelled ? 200 : c->tone ? c->tone_scode : 487, NULL);
	}
	mem_deref(c);
}

static void tone_end_h(void *arg)
{
	struct zx_call *c = arg;

	zx_call_end(c, "system", c->tone_scode, "Call Failed");
}

static enum zx_tone tone_of(uint16_t scode)
{
	switch (scode) {
	case 486:
	case 600:
	case 603:
		return ZX_TONE_BUSY;
	case 404:
	case 410:
	case 484:
	case 604:
		return ZX_TONE_SIT;
	default:
		return ZX_TONE_CONGESTION;
	}
}

void zx_call_reject(struct zx_call *c, uint16_t scode, const char *reason)
{
	const struct zx_play tone = {.tone = tone_of(scode), .max_ms = TONE_MS};
	struct zx_leg *leg = c->served;
	uint32_t id;

	if (zx_call_over(c) || c->tone || zx_transfer_failed(c, scode, reason))
		return;
	zx_dial_stop(c, 0, NULL);
	/* Who hears us already hears why; a phone that is still being set up plays its own tone for the code. */
	if (leg && leg->media && leg->stream && !zx_stream_play(leg->stream, &tone, &id)) {
		c->tone = true;
		c->tone_scode = scode;
		tmr_start(&c->tmr, TONE_MS, tone_end_h, c);
		zx_news_live(c);
		return;
	}
	zx_call_end(c, tone.tone == ZX_TONE_BUSY ? "callee" : "system", scode, reason);
}

void zx_call_hangup(struct zx_call *c, const char *by)
{
	zx_call_end(c, by, 480, "Temporarily Unavailable");
}

/* ---- the application itself as the other party ---- */

int zx_call_answer(struct zx_call *c)
{
	struct zx_leg *leg = c->served;
	int err = 0;

	if (zx_call_over(c) || !leg)
		return EPROTO;
	if (leg->state != ZX_LEG_UP)
		err = zx_call_leg_answer(leg, ZX_CODEC_NONE);
	if (err)
		return err;
	if (c->answered < 0)
		c->answered = zx_call_ms(c);
	zx_call_move(c, ZX_CALL_EV_ANSWER);
	zx_call_note(c, "answered", c->app);
	if (c->xfer)
		zx_transfer_done(c);
	zx_news_leg(ZX_EV_CALL_ANSWERED, c, leg);
	zx_news_live(c);
	return 0;
}

int zx_call_play(struct zx_call *c, const struct zx_play *p, zx_call_played_h *done, void *arg)
{
	int err;

	if (zx_call_over(c) || !c->served || !c->served->stream)
		return EPROTO;
	err = zx_stream_play(c->served->stream, p, &c->play);
	if (err)
		return err;
	c->served->moh = false;
	c->played_h = done;
	c->played_arg = arg;
	return 0;
}

int zx_call_play_stop(struct zx_call *c)
{
	c->played_h = NULL;
	return c->served && c->served->stream ? zx_stream_play_stop(c->served->stream) : EPROTO;
}

unsigned zx_call_hop(struct zx_call *c)
{
	return ++c->hops;
}

void zx_call_digits(struct zx_call *c, zx_call_digit_h *h, void *arg)
{
	c->digit_h = h;
	c->digit_arg = arg;
}

void zx_call_app_data_set(struct zx_call *c, void *data)
{
	mem_deref(c->app_data);
	c->app_data = data;
}

void *zx_call_app_data(const struct zx_call *c)
{
	return c->app_data;
}

void zx_call_app_leave(struct zx_call *c)
{
	if (c->played_h && c->served && c->served->stream)
		zx_stream_play_stop(c->served->stream);
	c->played_h = NULL;
	c->digit_h = NULL;
	c->app_data = mem_deref(c->app_data);
}

/* ---- facts ---- */

const char *zx_call_from(const struct zx_call *c)
{
	return c->served ? c->served->num : c->from;
}

const char *zx_call_to(const struct zx_call *c)
{
	return c->to;
}

const char *zx_call_dialled(const struct zx_call *c)
{
	return c->dialled;
}

const char *zx_call_from_ext(const struct zx_call *c)
{
	return c->acting;
}

int64_t zx_call_trunk_id(const struct zx_call *c)
{
	return c->trunk_id;
}

int64_t zx_call_id(const struct zx_call *c)
{
	return c->id;
}

int64_t zx_call_company(const struct zx_call *c)
{
	return c->company_id;
}

void zx_call_app_set(struct zx_call *c, const char *app)
{
	snprintf(c->app, sizeof(c->app), "%s", app);
	zx_news_live(c);
}

void zx_call_record(struct zx_call *c, bool on)
{
	c->record = on;
	zx_call_rec_apply(c);
}

/* ---- the room ---- */

void zx_call_router_set(zx_call_router_h *h)
{
	zx_calls.router = h;
}

void zx_call_ext_set(zx_call_ext_h *h)
{
	zx_calls.ext_h = h;
}

int zx_calls_init(const struct zx_call_env *env)
{
	int err;

	zx_calls.env = *env;
	zx_calls.draining = false;
	tmr_init(&zx_calls.idle_tmr);
	err = hash_alloc(&zx_calls.by_id, CALL_BUCKETS);
	if (!err)
		err = zx_legs_init();
	if (!err)
		err = zx_call_leg_sip_init();
	if (err)
		zx_calls_close();
	return err;
}

static void idle_h(void *arg)
{
	void (*idle)(void) = zx_calls.idle;

	(void)arg;
	tmr_cancel(&zx_calls.idle_tmr);
	zx_calls.idle = NULL;
	if (idle)
		idle();
}

void zx_calls_idle_check(void)
{
	/* By timer, so that whoever is told does not pull the room away under a handler. */
	if (zx_calls.idle && !zx_calls.n && !zx_legs_closing())
		tmr_start(&zx_calls.idle_tmr, 0, idle_h, NULL);
}

void zx_calls_end_all(unsigned max_ms, void (*done)(void))
{
	zx_calls.draining = true;
	zx_calls.idle = done;
	tmr_start(&zx_calls.idle_tmr, max_ms, idle_h, NULL);
	while (zx_calls.calls.head) {
		struct zx_call *c = zx_calls.calls.head->data;

		zx_call_note(c, "shutdown", NULL);
		zx_call_end(c, "system", 503, "Service Unavailable");
	}
	zx_calls_idle_check();
}

void zx_calls_close(void)
{
	zx_calls.draining = true;
	while (zx_calls.calls.head)
		zx_call_end(zx_calls.calls.head->data, "system", 503, "Service Unavailable");
	tmr_cancel(&zx_calls.idle_tmr);
	zx_calls.idle = NULL;
	zx_legs_close();
	zx_outside_close();
	zx_calls.by_id = mem_deref(zx_calls.by_id);
}
