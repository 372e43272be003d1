#include "call/leg.h"

#include <errno.h>

#include "base/fsm.h"
#include "base/log.h"
#include "call/core.h"
#include "sip/trunk.h"

enum {
	LEG_BUCKETS = 4096,
	CLOSING_MS = 64000, /* longer than any transaction: a dialog that has not said its end by then is dropped */
};

static struct {
	struct hash *by_ext;
	struct list closing;
	unsigned closing_n;
} legs;

static const char *const state_names[] = {"in", "in-early", "out", "out-early", "up", "closing", "closed", NULL};
static const char *const event_names[] = {"progress", "answer", "hangup", "gone", NULL};
static const struct zx_fsm_rule rules[] = {
    {ZX_LEG_PROGRESS, ZX_LEG_IN_NEW, ZX_LEG_IN_EARLY, NULL},
    {ZX_LEG_PROGRESS, ZX_LEG_IN_EARLY, ZX_FSM_STAY, NULL},
    {ZX_LEG_PROGRESS, ZX_LEG_OUT_NEW, ZX_LEG_OUT_EARLY, NULL},
    {ZX_LEG_PROGRESS, ZX_LEG_OUT_EARLY, ZX_FSM_STAY, NULL},
    {ZX_LEG_ANSWER, ZX_LEG_IN_NEW, ZX_LEG_UP, NULL},
    {ZX_LEG_ANSWER, ZX_LEG_IN_EARLY, ZX_LEG_UP, NULL},
    {ZX_LEG_ANSWER, ZX_LEG_OUT_NEW, ZX_LEG_UP, NULL},
    {ZX_LEG_ANSWER, ZX_LEG_OUT_EARLY, ZX_LEG_UP, NULL},
    {ZX_LEG_HANGUP, ZX_LEG_IN_NEW, ZX_LEG_CLOSING, NULL},
    {ZX_LEG_HANGUP, ZX_LEG_IN_EARLY, ZX_LEG_CLOSING, NULL},
    {ZX_LEG_HANGUP, ZX_LEG_OUT_NEW, ZX_LEG_CLOSING, NULL},
    {ZX_LEG_HANGUP, ZX_LEG_OUT_EARLY, ZX_LEG_CLOSING, NULL},
    {ZX_LEG_HANGUP, ZX_LEG_UP, ZX_LEG_CLOSING, NULL},
    {ZX_LEG_GONE, ZX_FSM_ANY, ZX_LEG_CLOSED, NULL},
    {ZX_FSM_END, 0, 0, NULL},
};
static const struct zx_fsm_def machine = {"leg", state_names, event_names, rules};

bool zx_call_leg_move(struct zx_leg *leg, enum zx_leg_event ev)
{
	return !zx_fsm_event(&machine, &leg->state, ev, leg, NULL);
}

const char *zx_call_leg_state_name(const struct zx_leg *leg)
{
	return state_names[leg->state];
}

static void leg_destructor(void *arg)
{
	struct zx_leg *leg = arg;

	tmr_cancel(&leg->tmr);
	if (leg->trunk_id)
		zx_trunk_call_end(zx_calls.env.sip, leg->trunk_id);
	list_unlink(&leg->le);
	hash_unlink(&leg->ext_le);
	mem_deref(leg->stream);
	mem_deref(leg->sdp);
	mem_deref(leg->inv);
}

int zx_call_leg_alloc(struct zx_leg **lp, const char *num, bool is_ext)
{
	struct zx_leg *leg = mem_zalloc(sizeof(*leg), leg_destructor);

	if (!leg)
		return ENOMEM;
	tmr_init(&leg->tmr);
	leg->is_ext = is_ext;
	leg->desc.te_pt = -1;
	leg->desc.codec = ZX_CODEC_NONE;
	zx_text_clean(leg->num, sizeof(leg->num), num);
	*lp = leg;
	return 0;
}

void zx_call_leg_adopt(struct zx_leg *leg, struct zx_call *call)
{
	leg->call = call;
	list_append(&call->legs, &leg->le, leg);
	if (leg->is_ext)
		hash_append(legs.by_ext, hash_joaat_str(leg->num), &leg->ext_le, leg);
}

struct list *zx_call_leg_ext_list(const char *ext)
{
	return hash_list(legs.by_ext, hash_joaat_str(ext));
}

/* The call knows this leg no more. */
static void leg_leave(struct zx_leg *leg)
{
	struct zx_call *c = leg->call;

	list_unlink(&leg->le);
	leg->call = NULL;
	if (c->served == leg)
		c->served = NULL;
	if (c->peer == leg)
		c->peer = NULL;
}

void zx_call_leg_give(struct zx_leg *leg, struct zx_call *to)
{
	zx_record_quality(leg->call, leg);
	zx_call_rec_leave(leg->call, leg);
	leg_leave(leg);
	leg->call = to;
	list_append(&to->legs, &leg->le, leg);
}

static bool ext_has_other_leg(const struct zx_leg *leg)
{
	for (struct le *le = leg->call->legs.head; le; le = le->next) {
		const struct zx_leg *l = le->data;

		if (l != leg && l->is_ext && l->state != ZX_LEG_CLOSED && !strcmp(l->num, leg->num))
			return true;
	}
	return false;
}

static void closing_drop(struct zx_leg *leg)
{
	list_unlink(&leg->le);
	tmr_cancel(&leg->tmr);
	legs.closing_n--;
	mem_deref(leg);
	zx_calls_idle_check();
}

static void closing_h(void *arg)
{
	struct zx_leg *leg = arg;

	zx_log(ZX_WARN, "call", "a leg of %s never closed", leg->num);
	closing_drop(leg);
}

static void hangup_h(void *arg)
{
	struct zx_leg *leg = mem_ref(arg);

	if (zx_call_leg_move(leg, ZX_LEG_HANGUP)) {
		tmr_start(&leg->tmr, CLOSING_MS, closing_h, leg);
		zx_call_leg_hangup(leg, 0, NULL);
	}
	mem_deref(leg);
}

void zx_call_leg_release(struct zx_leg *leg, uint16_t scode, const char *reason, unsigned delay_ms)
{
	mem_ref(leg);
	if (leg->call) {
		zx_record_quality(leg->call, leg);
		zx_call_rec_leave(leg->call, leg);
		if (leg->is_ext && leg->shown && !ext_has_other_leg(leg))
			zx_news_leg(ZX_EV_CALL_ENDED, leg->call, leg);
		leg_leave(leg);
	}
	hash_unlink(&leg->ext_le);
	leg->stream = mem_deref(leg->stream);
	leg->sdp = mem_deref(leg->sdp);
	if (leg->state == ZX_LEG_CLOSED) {
		mem_deref(leg);
	} else {
		list_append(&legs.closing, &leg->le, leg);
		legs.closing_n++;
		if (delay_ms) {
			tmr_start(&leg->tmr, delay_ms, hangup_h, leg);
		} else if (zx_call_leg_move(leg, ZX_LEG_HANGUP)) {
			tmr_start(&leg->tmr, CLOSING_MS, closing_h, leg);
			zx_call_leg_hangup(leg, scode, reason);
		}
	}
	mem_deref(leg);
}

void zx_call_leg_done(struct zx_leg *leg, uint16_t scode, const char *reason)
{
	mem_ref(leg);
	zx_call_leg_move(leg, ZX_LEG_GONE);
	if (leg->call)
		zx_call_on_closed(leg, scode, reason);
	else if (leg->le.list == &legs.closing)
		closing_drop(leg);
	mem_deref(leg);
}

void zx_call_leg_stream_h(const struct zx_stream_event *ev, void *arg)
{
	struct zx_leg *leg = arg;

	if (!leg->call)
		return;
	mem_ref(leg);
	switch (ev->type) {
	case ZX_STREAM_FIRST_RTP:
		leg->rtp = true;
		break;
	case ZX_STREAM_DTMF:
		zx_call_on_dtmf(leg, ev->digit, ev->duration_ms, false);
		break;
	case ZX_STREAM_PLAY_DONE:
		zx_call_on_played(leg, ev->play);
		break;
	case ZX_STREAM_TIMEOUT:
		zx_call_on_silent(leg);
		break;
	}
	mem_deref(leg);
}

unsigned zx_legs_closing(void)
{
	return legs.closing_n;
}

int zx_legs_init(void)
{
	memset(&legs, 0, sizeof(legs));
	return hash_alloc(&legs.by_ext, LEG_BUCKETS);
}

void zx_legs_close(void)
{
	while (legs.closing.head)
		closing_drop(legs.closing.head->data);
	legs.by_ext = mem_deref(legs.by_ext);
}
