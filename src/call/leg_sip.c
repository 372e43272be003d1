/* A leg over a SIP dialog. */
#include "call/core.h"

#include <errno.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"
#include "sip/inv.h"

enum { CONTACTS_MAX = 16 };

static const struct zx_inv_handlers handlers;

/* ---- orders ---- */

int zx_call_leg_ring(struct zx_leg *leg)
{
	int err;

	if (leg->sdp_answer || !zx_call_leg_move(leg, ZX_LEG_PROGRESS))
		return 0;
	err = zx_inv_progress(leg->inv, 180, "Ringing", NULL);
	if (err)
		zx_log(ZX_DEBUG, "call", "180 to %s: %s", leg->num, strerror(err));
	return err;
}

int zx_call_leg_early(struct zx_leg *leg, enum zx_codec codec)
{
	struct zx_sdp answer;
	int err;

	if (leg->late || !leg->sdp || leg->sdp_answer)
		return ENOTSUP;
	err = zx_call_leg_answer_make(leg, &answer, leg->sdp, codec);
	if (err)
		return err;
	if (!zx_call_leg_move(leg, ZX_LEG_PROGRESS))
		return EPROTO;
	err = zx_inv_progress(leg->inv, 183, "Session Progress", &answer);
	if (err)
		return err;
	*leg->sdp = answer;
	leg->sdp_answer = true;
	return 0;
}

int zx_call_leg_answer(struct zx_leg *leg, enum zx_codec codec)
{
	struct zx_sdp sdp;
	int err = 0;

	if (leg->state != ZX_LEG_IN_NEW && leg->state != ZX_LEG_IN_EARLY)
		return EPROTO;
	if (leg->late)
		err = zx_call_leg_offer_make(leg, &sdp, &codec, codec == ZX_CODEC_NONE ? 0 : 1);
	else if (leg->sdp_answer)
		sdp = *leg->sdp;
	else
		err = zx_call_leg_answer_make(leg, &sdp, leg->sdp, codec);
	if (err)
		return err;
	err = zx_inv_accept(leg->inv, &sdp);
	if (err)
		return err;
	zx_call_leg_move(leg, ZX_LEG_ANSWER);
	leg->sdp = mem_deref(leg->sdp);
	leg->sdp_answer = false;
	return 0;
}

void zx_call_leg_hangup(struct zx_leg *leg, uint16_t scode, const char *reason)
{
	if (leg->inv)
		zx_inv_hangup(leg->inv, scode, reason);
}

bool zx_call_leg_heard(const struct zx_leg *leg)
{
	return leg->inv && zx_inv_heard(leg->inv);
}

int zx_call_leg_info_dtmf(struct zx_leg *leg, char digit, unsigned duration_ms)
{
	return zx_inv_info_dtmf(leg->inv, digit, duration_ms);
}

void zx_call_leg_refer_notify(struct zx_leg *leg, uint16_t scode, const char *reason)
{
	zx_inv_refer_notify(leg->inv, scode, reason);
}

bool zx_call_leg_reachable(const char *ext)
{
	return zx_reg_online(zx_calls.env.sip, ext);
}

/* ---- calling out ---- */

/* 号码隐藏: outside numbers are hidden from the phones of those who must not see them. num has ZX_NUM_LEN bytes. */
static void caller_shown(struct zx_inv_caller *caller, char *num, const char *ext)
{
	struct zx_call_ext e = {0};

	if (!zx_calls.ext_h || !zx_calls.ext_h(ext, &e) || !e.masked || zx_calls.ext_h(caller->user, &e))
		return;
	zx_number_mask(num, ZX_NUM_LEN, caller->user);
	caller->user = num;
	caller->name = ""; /* many trunks put the number there, too */
}

int zx_call_leg_connect(struct zx_leg *leg, const struct zx_inv_target *target, const struct zx_inv_caller *caller,
			const enum zx_codec *first, unsigned n)
{
	struct zx_inv *inv;
	struct zx_sdp offer;
	int err = zx_call_leg_offer_make(leg, &offer, first, n);

	if (!err)
		err = zx_inv_connect(&inv, zx_calls.env.sip, target, caller, &offer, &handlers, leg);
	if (err)
		return err;
	mem_deref(leg->inv);
	leg->inv = inv;
	return 0;
}

static int offer_send(struct zx_leg *leg, struct zx_binding *b, const struct zx_leg_caller *from, const enum zx_codec *first, unsigned n)
{
	const struct zx_inv_target target = {.binding = b};
	struct zx_inv_caller caller = {.user = from->num, .name = from->name, .auto_answer = from->auto_answer};
	char num[ZX_NUM_LEN];

	caller_shown(&caller, num, leg->num);
	return zx_call_leg_connect(leg, &target, &caller, first, n);
}

static int leg_to(struct zx_leg **lp, const char *ext, struct zx_binding *b, const struct zx_leg_caller *from, const struct zx_leg *near)
{
	const struct zx_inv_target target = {.binding = b};
	struct zx_binding_info info;
	struct zx_leg *leg;
	int err = zx_call_leg_alloc(&leg, ext, true);

	if (err)
		return err;
	leg->state = ZX_LEG_OUT_NEW;
	leg->auto_answer = from->auto_answer;
	zx_binding_info(b, &info);
	leg->remote = info.src;
	leg->contact = hash_joaat_str(info.contact);
	/* Over TLS keys are safe: a secured caller is carried on secured, any other in the clear, and the other way when it is refused. */
	leg->srtp_retry = !strcasecmp(info.tp, "tls");
	leg->srtp = leg->srtp_retry && near && near->desc.rx.suite != ZX_SRTP_NONE;
	err = zx_inv_target_laddr(zx_calls.env.sip, &target, &leg->local);
	if (!err)
		err = zx_call_leg_media_open(leg, near);
	if (!err)
		err = offer_send(leg, b, from, near ? near->codecs : NULL, near ? near->codecc : 0);
	if (err)
		mem_deref(leg);
	else
		*lp = leg;
	return err;
}

unsigned zx_call_leg_fork(const char *ext, const struct zx_leg_caller *from, const struct zx_leg *near,
			  void (*made)(struct zx_leg *leg, void *arg), void *arg, int *errp)
{
	struct zx_binding *bv[CONTACTS_MAX];
	unsigned n = zx_reg_bindings(zx_calls.env.sip, ext, bv, CONTACTS_MAX), ok = 0;
	int err = EHOSTUNREACH;

	if (n > CONTACTS_MAX)
		n = CONTACTS_MAX;
	for (unsigned i = 0; i < n; i++) {
		struct zx_leg *leg;

		err = leg_to(&leg, ext, bv[i], from, near);
		if (err) {
			static struct zx_log_site site;

			zx_log_limited(&site, 5, ZX_WARN, "call", "a contact of %s cannot be called: %s", ext, strerror(err));
			continue;
		}
		ok++;
		made(leg, arg);
	}
	if (!ok)
		*errp = err;
	return ok;
}

/* The phone does not take this kind of media: once more, with or without SRTP. */
static bool retry(struct zx_leg *leg, uint16_t scode)
{
	const struct zx_call *c = leg->call;
	struct zx_binding *bv[CONTACTS_MAX];
	struct zx_binding_info info;
	unsigned n;

	if (!leg->srtp_retry || !c || leg->media || (scode != 488 && scode != 415 && scode != 606))
		return false;
	leg->srtp_retry = false;
	leg->srtp = !leg->srtp;
	leg->desc.tx.suite = ZX_SRTP_NONE;
	n = zx_reg_bindings(zx_calls.env.sip, leg->num, bv, CONTACTS_MAX);
	for (unsigned i = 0; i < n && i < CONTACTS_MAX; i++) {
		const struct zx_leg *s = c->served;
		const struct zx_leg_caller from = {
		    .num = s ? s->num : c->to, .name = s ? c->from_name : "", .auto_answer = leg->auto_answer};

		zx_binding_info(bv[i], &info);
		if (hash_joaat_str(info.contact) == leg->contact)
			return !offer_send(leg, bv[i], &from, s ? s->codecs : NULL, s ? s->codecc : 0);
	}
	return false;
}

/* ---- what the dialog tells ---- */

static void progressed_h(struct zx_inv *inv, uint16_t scode, const struct zx_sdp *sdp, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);

	(void)inv;
	if (scode >= 180 && zx_call_leg_move(leg, ZX_LEG_PROGRESS)) {
		if (sdp && zx_call_leg_offer_done(leg, sdp))
			sdp = NULL;
		zx_call_on_rang(leg, sdp != NULL);
	}
	mem_deref(leg);
}

static void answered_h(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);
	int err = 0;

	(void)inv;
	if (!zx_call_leg_move(leg, ZX_LEG_ANSWER) || !leg->call)
		goto out;
	if (sdp)
		err = zx_call_leg_offer_done(leg, sdp);
	if (err || !leg->media) {
		zx_call_note(leg->call, "bad-answer", leg->num);
		zx_call_on_closed(leg, 488, "Not Acceptable Here");
	} else {
		zx_call_on_answered(leg);
	}
out:
	mem_deref(leg);
}

static void confirmed_h(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);

	(void)inv;
	if (leg->call && leg->late && !leg->media) {
		if (!sdp || zx_call_leg_offer_done(leg, sdp)) {
			zx_call_note(leg->call, "bad-answer", leg->num);
			zx_call_hangup(leg->call, "system");
		} else {
			zx_call_on_media(leg);
		}
	}
	mem_deref(leg);
}

static void offered_h(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);
	const enum zx_codec now = leg->desc.codec;
	struct zx_sdp mine;
	int err = leg->stream ? 0 : EPROTO;

	if (!err && sdp)
		err = zx_call_leg_answer_make(leg, &mine, sdp, now);
	else if (!err)
		err = zx_call_leg_offer_make(leg, &mine, &now, now == ZX_CODEC_NONE ? 0 : 1);
	if (err) {
		zx_inv_offer_reject(inv, 488, "Not Acceptable Here");
		goto out;
	}
	err = zx_inv_offer_answer(inv, &mine);
	if (err)
		zx_log(ZX_DEBUG, "call", "answer to %s: %s", leg->num, strerror(err));
	if (leg->sdp_answer)
		*leg->sdp = mine;
	if (sdp)
		zx_call_on_media(leg);
out:
	mem_deref(leg);
}

static void offer_result_h(struct zx_inv *inv, uint16_t scode, const struct zx_sdp *sdp, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);

	(void)inv;
	if (scode >= 200 && scode < 300 && sdp && leg->stream && !zx_call_leg_offer_done(leg, sdp))
		zx_call_on_media(leg);
	mem_deref(leg);
}

static void dtmf_h(struct zx_inv *inv, char digit, unsigned duration_ms, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);

	(void)inv;
	if (leg->call)
		zx_call_on_dtmf(leg, digit, duration_ms, true);
	mem_deref(leg);
}

static struct zx_leg *leg_of(const char *callid, const char *to_tag, const char *from_tag)
{
	struct zx_inv *inv = zx_inv_find(zx_calls.env.sip, callid, to_tag, from_tag);

	return inv ? zx_inv_arg(inv) : NULL;
}

static uint16_t refer_h(struct zx_inv *inv, const struct zx_refer *r, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);
	const struct zx_leg_refer refer = {
	    .to = r->to, .replaces = r->replaces, .other = r->replaces ? leg_of(r->callid, r->to_tag, r->from_tag) : NULL};
	uint16_t scode = 481;

	(void)inv;
	if (leg->call)
		scode = zx_call_on_refer(leg, &refer);
	mem_deref(leg);
	return scode;
}

static void closed_h(struct zx_inv *inv, uint16_t scode, const char *reason, void *arg)
{
	struct zx_leg *leg = mem_ref(arg);

	(void)inv;
	if ((leg->state != ZX_LEG_OUT_NEW && leg->state != ZX_LEG_OUT_EARLY) || !retry(leg, scode))
		zx_call_leg_done(leg, scode, reason);
	mem_deref(leg);
}

static const struct zx_inv_handlers handlers = {
    .progressed = progressed_h,
    .answered = answered_h,
    .confirmed = confirmed_h,
    .offered = offered_h,
    .offer_result = offer_result_h,
    .dtmf = dtmf_h,
    .refer = refer_h,
    .closed = closed_h,
};

/* ---- called ---- */

/* The number a trunk's call comes from. */
static const char *caller_of(const struct zx_inv_info *info)
{
	if (info->account)
		return info->account->user;
	if (info->anonymous)
		return "anonymous";
	return info->asserted && *info->asserted && (!*info->from_user || !strcasecmp(info->from_user, "anonymous")) ? info->asserted
														     : info->from_user;
}

static int leg_from(struct zx_leg **lp, struct zx_inv *inv, const struct zx_inv_info *info)
{
	struct zx_leg *leg;
	int err = zx_call_leg_alloc(&leg, caller_of(info), info->account != NULL);

	if (err)
		return err;
	leg->state = ZX_LEG_IN_NEW;
	leg->local = info->local;
	leg->remote = info->src;
	leg->late = !info->offer;
	if (info->offer) {
		leg->sdp = mem_alloc(sizeof(*leg->sdp), NULL);
		if (!leg->sdp) {
			mem_deref(leg);
			return ENOMEM;
		}
		*leg->sdp = *info->offer;
		zx_call_leg_codecs_learn(leg, info->offer);
	}
	leg->inv = mem_ref(inv);
	*lp = leg;
	return 0;
}

static void incoming_h(struct zx_inv *inv, const struct zx_inv_info *info, void *arg)
{
	const struct zx_leg_in in = {
	    .from = caller_of(info),
	    .from_name = info->anonymous                         ? ""
			 : info->account && *info->account->name ? info->account->name
								 : info->from_name,
	    .to = info->to_user,
	    .ext = info->account ? info->account->user : "",
	    .trunk = info->peer ? info->peer->name : "",
	    .trunk_id = info->peer ? info->peer->id : 0,
	    .company_id = info->account ? info->account->company_id
			  : info->peer  ? info->peer->company_id
					: 0,
	    .early_only = info->replaces_early_only,
	};
	struct zx_leg *leg;
	uint16_t scode = zx_call_admit();

	(void)arg;
	if (!info->account && !info->peer)
		scode = 403;
	if (scode) {
		zx_inv_reject(inv, scode, scode == 403 ? "Forbidden" : "Service Unavailable");
		return;
	}
	if (leg_from(&leg, inv, info)) {
		zx_inv_reject(inv, 500, "Server Internal Error");
		return;
	}
	if (info->peer && zx_call_leg_trunk_rules(leg, info->peer->id) == EBUSY) {
		zx_inv_reject(inv, 503, "Service Unavailable");
		mem_deref(leg);
		return;
	}
	zx_inv_handle(inv, &handlers, leg);
	mem_ref(leg);
	if (info->offer && !leg->codecc)
		scode = 488;
	else if (info->replaces_callid)
		scode = zx_call_replace(leg, &in, leg_of(info->replaces_callid, info->replaces_to_tag, info->replaces_from_tag));
	else
		scode = zx_call_incoming(leg, &in) ? 500 : 0;
	if (scode) {
		zx_inv_reject(inv, scode,
			      scode == 488   ? "Not Acceptable Here"
			      : scode == 481 ? "Call/Transaction Does Not Exist"
					     : "Declined");
		mem_deref(leg);
	}
	mem_deref(leg);
}

int zx_call_leg_sip_init(void)
{
	zx_sip_incoming_set(zx_calls.env.sip, incoming_h, NULL);
	return 0;
}
