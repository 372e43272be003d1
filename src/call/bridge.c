/* What the two parties of a call hear: each other, music while held, tones; the recording; keys passed on. */
#include "call/core.h"

#include <errno.h>

#include "base/log.h"

static bool joined(const struct zx_leg *leg)
{
	return zx_call_other(leg->call, leg) != NULL;
}

void zx_call_silence(struct zx_leg *leg)
{
	if (leg->stream && leg->moh)
		zx_stream_play_stop(leg->stream);
	leg->moh = false;
}

/* There is no such file, or it cannot be read. */
static void no_music(struct zx_leg *leg)
{
	const struct zx_play tone = {.tone = ZX_TONE_RINGBACK};

	leg->moh_id = 0;
	leg->moh = !zx_stream_play(leg->stream, &tone, NULL);
}

void zx_call_music(struct zx_leg *leg)
{
	const struct zx_play music = {.file = "moh/default"};

	if (!leg->stream || (leg->moh && leg->moh_id))
		return;
	leg->moh = true;
	if (zx_stream_play(leg->stream, &music, &leg->moh_id))
		no_music(leg);
}

void zx_call_ringback(struct zx_leg *leg)
{
	const struct zx_play tone = {.tone = ZX_TONE_RINGBACK};
	uint32_t id;

	if (!leg->stream || zx_stream_play(leg->stream, &tone, &id))
		return;
	leg->moh = true;
	leg->moh_id = 0;
}

void zx_bridge_split(struct zx_call *c)
{
	if (c->served && c->served->stream)
		zx_stream_unbridge(c->served->stream);
	if (c->peer && c->peer->stream)
		zx_stream_unbridge(c->peer->stream);
}

static void music_apply(struct zx_leg *leg, const struct zx_leg *other)
{
	if (zx_call_leg_holds(other) && !zx_call_leg_holds(leg))
		zx_call_music(leg);
	else
		zx_call_silence(leg);
}

static void hold_tell(struct zx_call *c, struct zx_leg *leg)
{
	const bool holds = zx_call_leg_holds(leg);

	if (holds == leg->holding)
		return;
	leg->holding = holds;
	zx_call_note(c, holds ? "hold" : "resume", leg->num);
	zx_news_leg(holds ? ZX_EV_CALL_HELD : ZX_EV_CALL_RESUMED, c, leg);
	zx_news_live(c);
}

void zx_bridge_apply(struct zx_call *c)
{
	struct zx_leg *s = c->served, *p = c->peer;
	bool held;

	if (!s || !p || !s->stream || !p->stream)
		return;
	held = zx_call_leg_holds(s) || zx_call_leg_holds(p);
	if (held) {
		zx_bridge_split(c);
		music_apply(s, p);
		music_apply(p, s);
	} else {
		zx_call_silence(s);
		zx_call_silence(p);
		if (zx_stream_bridge(s->stream, p->stream))
			zx_call_note(c, "no-media", NULL);
	}
	if (held != (c->state == ZX_CALL_HELD))
		zx_call_move(c, held ? ZX_CALL_EV_HOLD : ZX_CALL_EV_RESUME);
	hold_tell(c, s);
	hold_tell(c, p);
}

static void hold_changed(struct zx_leg *leg)
{
	if (joined(leg) && zx_call_leg_holds(leg) != leg->holding)
		zx_bridge_apply(leg->call);
}

int zx_call_hold(struct zx_call *c, struct zx_leg *leg, bool hold)
{
	if (!zx_call_other(c, leg) || (!hold && leg->held))
		return EPROTO;
	leg->held_web = hold;
	hold_changed(leg);
	return 0;
}

void zx_call_on_media(struct zx_leg *leg)
{
	if (leg->call)
		hold_changed(leg);
}

/* ---- recording ---- */

static void rec_side(struct zx_call *c, struct zx_leg *leg)
{
	if (c->rec_leg[leg->side] == leg)
		return;
	c->rec_leg[leg->side] = leg;
	zx_rec_side(c->rec, leg->side, leg->stream);
}

void zx_call_rec_leave(struct zx_call *c, const struct zx_leg *leg)
{
	if (c->rec_leg[leg->side] != leg)
		return;
	c->rec_leg[leg->side] = NULL;
	if (c->rec)
		zx_rec_side(c->rec, leg->side, NULL);
}

void zx_call_rec_apply(struct zx_call *c)
{
	struct zx_leg *s = c->served, *p = c->peer;
	int err;

	if (!s || !p || zx_call_over(c))
		return;
	if (c->rec) {
		rec_side(c, s);
		rec_side(c, p);
		return;
	}
	if (!c->record || c->rec_path) /* one try, one file a call */
		return;
	c->rec_path = zx_record_path(c);
	if (!c->rec_path)
		return;
	c->rec_leg[s->side] = s;
	c->rec_leg[p->side] = p;
	err = zx_rec_start(&c->rec, zx_calls.env.media, c->rec_path, c->rec_leg[0]->stream, c->rec_leg[1]->stream);
	if (err) {
		static struct zx_log_site site;

		zx_log_limited(&site, 5, ZX_ERROR, "call", "recording %s cannot start: %s", c->rec_path, strerror(err));
		zx_call_note(c, "rec-failed", strerror(err));
		c->rec_path = mem_deref(c->rec_path);
		c->record = false;
		if (!c->rec_problem)
			c->rec_problem = zx_str_dup(strerror(err));
		return;
	}
	zx_call_note(c, "record", NULL);
	zx_record_put(c);
}

/* ---- keys ---- */

void zx_call_on_dtmf(struct zx_leg *leg, char digit, unsigned ms, bool by_info)
{
	struct zx_call *c = leg->call;
	struct zx_leg *other = zx_call_other(c, leg);

	if (by_info)
		leg->info = true;
	if (!other) {
		if (c->digit_h && leg == c->served && !c->dial)
			c->digit_h(c, digit, c->digit_arg);
		return;
	}
	if (!other->stream || zx_call_leg_holds(leg) || zx_call_leg_holds(other))
		return;
	/* Where both sides have telephone-event the packets themselves go through. */
	if (!by_info && other->desc.te_pt >= 0)
		return;
	/* A phone that has neither telephone-event nor sent an INFO can at least hear the tones, unless the codec spoils them. */
	if (other->desc.te_pt < 0 && (other->info || other->desc.codec == ZX_CODEC_G729))
		zx_call_leg_info_dtmf(other, digit, ms);
	else
		zx_stream_dtmf(other->stream, digit, ms);
}

/* ---- what the streams tell ---- */

void zx_call_on_silent(struct zx_leg *leg)
{
	struct zx_call *c = leg->call;

	/* Phones that hold, or have never sent anything, are silent by right. */
	if (!leg->rtp || !joined(leg) || c->state != ZX_CALL_TALKING) {
		zx_stream_set(leg->stream, &leg->desc);
		return;
	}
	zx_call_note(c, "no-packets", leg->num);
	zx_call_end(c, "system", 200, NULL);
}

void zx_call_on_played(struct zx_leg *leg, uint32_t play)
{
	struct zx_call *c = leg->call;
	zx_call_played_h *h = c->played_h;

	if (leg->moh && play == leg->moh_id) { /* it has no end of its own */
		no_music(leg);
		return;
	}
	if (leg != c->served || !h || play != c->play)
		return;
	mem_ref(c);
	c->played_h = NULL;
	h(c, c->played_arg);
	mem_deref(c);
}
