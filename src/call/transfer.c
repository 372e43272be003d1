/*
 * Transfers. While one is under way the transferred party is the served leg, alone, and the router finds out where the number leads; the
 * one who transfers stays in the call, unjoined, until it has worked.
 *
 *   blind:    REFER / order -> route -> dial -> joined: done         failed: joined again with who transferred, or that extension is rung
 *   attended: REFER with Replaces -> the far leg of the named call comes over; the older call goes on, the younger one ends
 *   INVITE with Replaces: the new leg takes the place of the named one, ringing (pick-up) or talking
 */
#include "call/core.h"

#include <errno.h>

#include "base/text.h"

enum { LEAVE_MS = 2000 /* the phone that transferred hangs up by itself when it has read the NOTIFY */ };

struct zx_xfer {
	struct zx_leg *by;     /* borrowed; NULL when it has hung up */
	struct zx_leg *target; /* attended: counted */
	uint8_t side;
	bool notify, recall, by_is_ext;
	char by_num[ZX_NUM_LEN];
	char old_to[ZX_NUM_LEN], old_acting[ZX_NUM_LEN];
};

static void xfer_destructor(void *arg)
{
	struct zx_xfer *x = arg;

	mem_deref(x->target);
}

uint8_t zx_transfer_side(const struct zx_call *c)
{
	return c->xfer ? c->xfer->side : 1;
}

static void notify(const struct zx_xfer *x, uint16_t scode, const char *reason)
{
	if (x->by && x->notify)
		zx_call_leg_refer_notify(x->by, scode, reason);
}

static void by_release(struct zx_xfer *x)
{
	struct zx_leg *by = x->by;

	x->by = NULL;
	if (by)
		zx_call_leg_release(by, 0, NULL, x->notify ? LEAVE_MS : 0);
}

static int begin(struct zx_call *c, struct zx_leg *leg, bool tell)
{
	struct zx_leg *other = zx_call_other(c, leg);
	struct zx_xfer *x;

	if (!other || c->xfer || c->dial || (!leg->is_ext && !c->trunk_id))
		return EPROTO;
	x = mem_zalloc(sizeof(*x), xfer_destructor);
	if (!x)
		return ENOMEM;
	x->by = leg;
	x->side = leg->side;
	x->notify = tell;
	x->by_is_ext = leg->is_ext;
	memcpy(x->by_num, leg->num, sizeof(x->by_num));
	memcpy(x->old_to, c->to, sizeof(x->old_to));
	memcpy(x->old_acting, c->acting, sizeof(x->old_acting));
	c->xfer = x;
	zx_bridge_split(c);
	c->served = other;
	c->peer = NULL;
	zx_call_silence(leg);
	zx_call_music(other);
	return 0;
}

static void route_h(void *arg)
{
	struct zx_call *c = arg;

	mem_ref(c);
	zx_call_routed(c);
	mem_deref(c);
}

int zx_transfer_blind(struct zx_leg *leg, const char *number, bool tell)
{
	struct zx_call *c = leg->call;
	int err;

	if (!*number || strlen(number) >= sizeof(c->to))
		return EINVAL;
	err = begin(c, leg, tell);
	if (err)
		return err;
	zx_text_clean(c->to, sizeof(c->to), number);
	zx_strcpy(c->acting, sizeof(c->acting), leg->is_ext ? leg->num : "");
	zx_call_note(c, "transfer", number);
	/* Later, so that the 202 is out before the NOTIFY of the outcome. */
	tmr_start(&c->tmr, 0, route_h, c);
	zx_news_live(c);
	return 0;
}

int zx_transfer_divert(struct zx_call *c, const char *ext, const char *number)
{
	if (!zx_dial_rings(c, ext) || c->xfer)
		return EPROTO;
	if (!*number || strlen(number) >= sizeof(c->to))
		return EINVAL;
	zx_dial_stop(c, 0, NULL);
	zx_text_clean(c->to, sizeof(c->to), number);
	zx_text_clean(c->transfer_to, sizeof(c->transfer_to), number);
	zx_strcpy(c->acting, sizeof(c->acting), ext);
	zx_call_note(c, "divert", number);
	tmr_start(&c->tmr, 0, route_h, c);
	zx_news_live(c);
	return 0;
}

void zx_transfer_ringing(struct zx_call *c)
{
	if (c->xfer)
		notify(c->xfer, 180, "Ringing");
}

/* The served leg has a new party (or application). */
void zx_transfer_done(struct zx_call *c)
{
	struct zx_xfer *x = c->xfer;

	c->xfer = NULL;
	notify(x, 200, "OK");
	if (!x->recall) {
		memcpy(c->transfer_to, c->to, sizeof(c->transfer_to));
		zx_call_note(c, "transferred", c->to);
		if (c->served)
			zx_news_leg(ZX_EV_CALL_TRANSFERRED, c, c->served);
		if (x->by_is_ext)
			zx_news_ext(ZX_EV_CALL_TRANSFERRED, c, x->by_num, c->to);
	}
	by_release(x);
	mem_deref(x);
}

static void recall_done(struct zx_call *c, enum zx_dial_result res, uint16_t scode, void *arg)
{
	(void)arg;
	if (res == ZX_DIAL_ANSWERED)
		return;
	c->xfer = mem_deref(c->xfer);
	zx_call_reject(c, scode, "Transfer Failed");
}

/* The one who transferred has gone already: it is rung. */
static bool recall(struct zx_call *c, struct zx_xfer *x)
{
	struct zx_call_target t;

	if (x->recall || !x->by_is_ext) {
		c->xfer = mem_deref(x);
		return false;
	}
	x->recall = true;
	zx_strcpy(t.ext, sizeof(t.ext), x->by_num);
	zx_call_note(c, "recall", t.ext);
	if (!zx_call_dial(c, &t, zx_call_ring_ms(), recall_done, NULL))
		return true;
	c->xfer = mem_deref(x);
	return false;
}

bool zx_transfer_failed(struct zx_call *c, uint16_t scode, const char *reason)
{
	struct zx_xfer *x = c->xfer;
	char code[8];

	if (!x)
		return false;
	notify(x, scode, reason);
	if (zx_call_over(c)) {
		c->xfer = mem_deref(x);
		return true;
	}
	zx_dial_stop(c, 0, NULL);
	snprintf(code, sizeof(code), "%u", scode);
	zx_call_note(c, "transfer-failed", code);
	memcpy(c->to, x->old_to, sizeof(c->to));
	memcpy(c->acting, x->old_acting, sizeof(c->acting));
	if (!x->by)
		return recall(c, x);
	c->xfer = NULL;
	c->peer = x->by;
	mem_deref(x);
	zx_bridge_apply(c);
	zx_news_live(c);
	return true;
}

bool zx_transfer_left(struct zx_leg *leg)
{
	struct zx_call *c = leg->call;

	if (!c->xfer || c->xfer->by != leg)
		return false;
	c->xfer->by = NULL;
	zx_call_leg_release(leg, 0, NULL, 0);
	return true;
}

/* ---- attended ---- */

/* `move` comes out of call `from` to talk with `stay` in call `c`, in the place of the extension `ext` ("": a trunk party). */
static void merge(struct zx_call *c, struct zx_leg *stay, struct zx_call *from, struct zx_leg *move, uint8_t side, const char *ext)
{
	c->record = c->record || from->record;
	zx_call_note(from, "merged", ext);
	zx_call_leg_give(move, c);
	move->side = side;
	c->served = stay;
	c->peer = move;
	memcpy(c->transfer_to, move->num, sizeof(c->transfer_to));
	zx_call_note(c, "transferred", move->num);
	zx_bridge_apply(c);
	zx_call_rec_apply(c);
	zx_news_leg(ZX_EV_CALL_TRANSFERRED, c, stay);
	zx_news_leg(ZX_EV_CALL_TRANSFERRED, c, move);
	if (*ext)
		zx_news_ext(ZX_EV_CALL_TRANSFERRED, c, ext, move->num);
	zx_news_live(c);
}

static void merge_h(void *arg)
{
	struct zx_call *c = mem_ref(arg), *other;
	struct zx_xfer *x = c->xfer;
	struct zx_leg *target = x->target, *far;

	other = target->call;
	far = other ? zx_call_other(other, target) : NULL;
	if (!far || other->xfer) {
		zx_transfer_failed(c, 481, "Call/Transaction Does Not Exist");
		goto out;
	}
	mem_ref(other);
	mem_ref(target);
	notify(x, 200, "OK");
	c->xfer = NULL;
	if (c->id < other->id) {
		merge(c, c->served, other, far, x->side, x->by_is_ext ? x->by_num : "");
		by_release(x);
		zx_call_end(other, zx_side_name(target), 200, NULL);
	} else {
		merge(other, far, c, c->served, target->side, target->is_ext ? target->num : "");
		zx_call_leg_release(target, 0, NULL, 0);
		by_release(x);
		zx_call_end(c, x->side ? "callee" : "caller", 200, NULL);
	}
	mem_deref(x);
	mem_deref(target);
	mem_deref(other);
out:
	mem_deref(c);
}

static uint16_t attended(struct zx_leg *leg, struct zx_leg *target)
{
	struct zx_call *c = leg->call, *other = target ? target->call : NULL;
	char number[ZX_NUM_LEN];
	int err;

	if (!other || other == c || other->company_id != c->company_id)
		return 481;
	if (!zx_call_other(other, target)) {
		/* The second call rings yet: it is dialled anew for the party that is transferred. */
		if (target != other->served || !other->dial)
			return 603;
		memcpy(number, other->to, sizeof(number));
		err = zx_transfer_blind(leg, number, true);
		if (!err)
			zx_call_end(other, zx_side_name(target), 487, "Request Terminated");
		return err ? 603 : 0;
	}
	if (other->xfer || begin(c, leg, true))
		return 603;
	c->xfer->target = mem_ref(target);
	tmr_start(&c->tmr, 0, merge_h, c);
	return 0;
}

uint16_t zx_call_on_refer(struct zx_leg *leg, const struct zx_leg_refer *r)
{
	struct zx_call *c = leg->call;
	uint16_t scode;

	if (c->xfer)
		return 491;
	mem_ref(c);
	if (r->replaces)
		scode = attended(leg, r->other);
	else
		scode = zx_transfer_blind(leg, r->to, true) ? 603 : 0;
	mem_deref(c);
	return scode;
}

/* ---- INVITE with Replaces ---- */

static uint16_t pick_up(struct zx_call *c, struct zx_leg *leg)
{
	const struct zx_leg *s = c->served;

	if (!s)
		return 481;
	zx_call_leg_adopt(leg, c);
	leg->side = zx_transfer_side(c);
	leg->shown = true;
	zx_call_note(c, "pick-up", leg->num);
	if (zx_call_leg_answer(leg, s->codecc ? s->codecs[0] : ZX_CODEC_NONE)) {
		zx_call_leg_release(leg, 488, "Not Acceptable Here", 0);
		return 0;
	}
	zx_call_join(c, leg);
	return 0;
}

static uint16_t take_over(struct zx_call *c, struct zx_leg *leg, struct zx_leg *old)
{
	struct zx_leg *other = zx_call_other(c, old);

	zx_call_leg_adopt(leg, c);
	leg->side = old->side;
	leg->shown = true;
	if (zx_call_leg_answer(leg, other->desc.codec)) {
		zx_call_leg_release(leg, 488, "Not Acceptable Here", 0);
		return 0;
	}
	zx_bridge_split(c);
	if (c->served == old)
		c->served = leg;
	else
		c->peer = leg;
	memcpy(c->transfer_to, leg->num, sizeof(c->transfer_to));
	zx_call_note(c, "transferred", leg->num);
	zx_bridge_apply(c);
	zx_call_rec_apply(c);
	zx_news_leg(ZX_EV_CALL_TRANSFERRED, c, other);
	zx_news_leg(ZX_EV_CALL_TRANSFERRED, c, leg);
	zx_call_leg_release(old, 0, NULL, 0);
	zx_news_live(c);
	return 0;
}

uint16_t zx_call_replace(struct zx_leg *leg, const struct zx_leg_in *in, struct zx_leg *old)
{
	struct zx_call *c = old ? old->call : NULL;
	uint16_t scode = 481;

	if (!c || c->company_id != in->company_id || c->xfer)
		return 481;
	mem_ref(c);
	if (old->fork)
		scode = pick_up(c, leg);
	else if (in->early_only)
		scode = 486;
	else if (zx_call_other(c, old))
		scode = take_over(c, leg, old);
	mem_deref(c);
	return scode;
}
