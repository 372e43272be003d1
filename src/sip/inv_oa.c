/* Offer and answer in an established dialog (RFC 3261 14, 3311, 6337): re-INVITE and UPDATE, both ways. */
#include "sip/inv_int.h"

#include <errno.h>
#include <string.h>

enum { TRIES_MAX = 5, BUSY_MS = 200, BUSY_TRIES = 50, RETRY_AFTER_MAX = 10 };

/* ---- theirs ---- */

static void retry_later(struct zx_inv *inv, const struct sip_msg *msg)
{
	char hdr[32];

	snprintf(hdr, sizeof(hdr), "Retry-After: %u\r\n", (uint16_t)rand_u64() % (RETRY_AFTER_MAX + 1u));
	zx_leg_reply(inv, msg, 500, NULL, hdr);
}

static void body_refuse(struct zx_strans *st, int err)
{
	if (err == ENOTSUP)
		(void)zx_strans_reply(st, 415, NULL, "Accept: " ZX_SIP_ACCEPT "\r\n");
	else
		(void)zx_strans_reply(st, 488, NULL, NULL);
}

static void reinvite_cancelled(void *arg)
{
	struct zx_inv *inv = arg;

	if (inv->oa == ZX_OA_RECV)
		(void)zx_oa_event(inv, ZX_OE_FAIL);
	if (inv->st)
		(void)zx_strans_reply(inv->st, 487, NULL, NULL);
}

static void offered(struct zx_inv *inv, const struct zx_sdp *sdp)
{
	if (inv->h && inv->h->offered)
		inv->h->offered(inv, sdp, inv->arg);
	else
		(void)zx_inv_offer_reject(inv, 488, NULL);
}

void zx_oa_reinvite(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_sdp sdp;
	int err;

	if (inv->st || inv->st_off || (!inv->uac && inv->state != ZX_LEG_UP)) {
		retry_later(inv, msg);
		return;
	}
	if (inv->ct || inv->oa == ZX_OA_SENT || inv->state != ZX_LEG_UP) {
		zx_leg_reply(inv, msg, 491, NULL, NULL);
		return;
	}
	zx_ok_stop(inv); /* who sends a new INVITE has seen the 2xx to the last one */
	if (zx_strans_open(&inv->st, inv->invs, msg, inv->dlg.ltag, reinvite_cancelled, inv))
		return;
	inv->invite_cseq = msg->cseq.num;
	zx_leg_peer(inv, msg);
	if (!zx_se_request(inv, msg, inv->st))
		return;
	err = zx_msg_sdp(&sdp, msg);
	if (err && err != ENOENT) {
		body_refuse(inv->st, err);
		return;
	}
	zx_dlg_refresh(&inv->dlg, msg);
	if (!err)
		(void)zx_oa_event(inv, ZX_OE_RECV);
	offered(inv, err ? NULL : &sdp);
	if (inv->st)
		(void)zx_strans_reply(inv->st, 100, NULL, NULL);
}

void zx_oa_offer_in(struct zx_inv *inv, const struct zx_sdp *sdp)
{
	(void)zx_oa_event(inv, ZX_OE_RECV);
	offered(inv, sdp);
}

static void update_reply(struct zx_inv *inv, struct zx_strans *st, const struct mbuf *body)
{
	int err;

	err = zx_strans_begin(st, 200, NULL);
	err |= zx_out_common(inv->invs->out, inv);
	if (inv->state == ZX_LEG_UP)
		err |= zx_se_out_response(inv->invs->out, inv);
	err |= zx_out_body(inv->invs->out, "application/sdp", body);
	if (!err)
		(void)zx_strans_send(st, 200);
	if (inv->state == ZX_LEG_UP)
		zx_se_start(inv);
}

void zx_oa_update(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_strans *st;
	struct zx_sdp sdp;
	const int err = zx_msg_sdp(&sdp, msg);

	if (!err && inv->oa == ZX_OA_SENT) {
		zx_leg_reply(inv, msg, 491, NULL, NULL);
		return;
	}
	if (!err && (inv->oa != ZX_OA_IDLE || inv->st_off)) {
		retry_later(inv, msg);
		return;
	}
	if (zx_strans_open(&st, inv->invs, msg, inv->dlg.ltag, NULL, NULL))
		return;
	zx_leg_peer(inv, msg);
	if (inv->state == ZX_LEG_UP && !zx_se_request(inv, msg, st))
		return;
	if (err && err != ENOENT) {
		body_refuse(st, err);
		return;
	}
	if (inv->dlg.rtag)
		zx_dlg_refresh(&inv->dlg, msg);
	if (err) {
		update_reply(inv, st, NULL);
		return;
	}
	zx_strans_hold(st, &inv->st_off);
	zx_oa_offer_in(inv, &sdp);
}

int zx_inv_offer_answer(struct zx_inv *inv, const struct zx_sdp *answer)
{
	struct mbuf *body = NULL;
	bool offer;
	int err;

	if (!answer)
		return EINVAL;
	if (!inv->st_off && (!inv->st || inv->state != ZX_LEG_UP))
		return EPROTO;
	err = zx_leg_sdp(inv, &body, answer);
	if (err)
		return err;
	if (inv->st_off) {
		(void)zx_oa_event(inv, ZX_OE_SENT_ANSWER);
		update_reply(inv, inv->st_off, body);
	} else {
		offer = inv->oa != ZX_OA_RECV;
		(void)zx_oa_event(inv, offer ? ZX_OE_SEND : ZX_OE_SENT_ANSWER);
		err = zx_ok_send(inv, inv->st, inv->invite_cseq, body, offer, NULL);
	}
	mem_deref(body);
	return err;
}

int zx_inv_offer_reject(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	struct zx_strans *st = inv->st_off ? inv->st_off : inv->state == ZX_LEG_UP ? inv->st : NULL;

	if (!st || scode < 300)
		return EPROTO;
	if (inv->oa == ZX_OA_RECV)
		(void)zx_oa_event(inv, ZX_OE_FAIL);
	return zx_strans_reply(st, scode, reason, NULL);
}

void zx_oa_ack(struct zx_inv *inv, const struct sip_msg *msg)
{
	const bool offer = inv->ok->offer;
	struct zx_sdp sdp;
	bool have;

	zx_ok_stop(inv);
	if (!offer)
		return;
	have = !zx_msg_sdp(&sdp, msg);
	(void)zx_oa_event(inv, have ? ZX_OE_GOT_ANSWER : ZX_OE_FAIL);
	if (inv->h && inv->h->offer_result)
		inv->h->offer_result(inv, have ? 200 : 488, have ? &sdp : NULL, inv->arg);
}

/* ---- ours ---- */

static void offer_handler(void *arg);

void zx_oa_stop(struct zx_inv *inv)
{
	tmr_cancel(&inv->tmr_offer);
	inv->offer_busy = false;
	inv->offer_body = mem_deref(inv->offer_body);
}

static void offer_again(struct zx_inv *inv, uint64_t ms)
{
	inv->offer_busy = true;
	tmr_start(&inv->tmr_offer, ms, offer_handler, inv);
}

/* What was agreed before is what counts again. */
static void offer_failed(struct zx_inv *inv, uint16_t scode)
{
	if (inv->oa == ZX_OA_SENT)
		(void)zx_oa_event(inv, ZX_OE_FAIL);
	zx_oa_stop(inv);
	if (inv->sdp_prev) {
		mem_deref(inv->sdp);
		inv->sdp = inv->sdp_prev;
		inv->sdp_len = inv->sdp_prev_len;
		inv->sdp_prev = NULL;
	}
	if (!inv->offer_ours)
		zx_se_retry(inv, false);
	else if (scode && inv->h && inv->h->offer_result)
		inv->h->offer_result(inv, scode, NULL, inv->arg);
}

/* 491 after a glare: RFC 3261 14.1. The owner of the Call-ID waits longer. */
static uint64_t glare_wait(const struct zx_inv *inv)
{
	const unsigned r = (uint16_t)rand_u64();

	return inv->uac ? 2100 + 10 * (r % 191) : 10 * (r % 201);
}

static bool offer_retry(struct zx_inv *inv, const struct sip_msg *msg)
{
	uint64_t wait;
	uint32_t after;

	if (msg->scode == 491)
		wait = glare_wait(inv);
	else if (msg->scode == 422 && zx_se_too_small(inv, msg))
		wait = 0;
	else if (msg->scode == 500 && zx_hdr_u32(msg, SIP_HDR_RETRY_AFTER, &after) && after <= RETRY_AFTER_MAX)
		wait = after * 1000;
	else
		return false;
	if (++inv->offer_tries >= TRIES_MAX)
		return false;
	(void)zx_oa_event(inv, ZX_OE_FAIL);
	offer_again(inv, wait);
	return true;
}

static void offer_accepted(struct zx_inv *inv, const struct sip_msg *msg, bool invite)
{
	struct mbuf *ack = NULL;
	struct zx_sdp sdp;
	bool have;

	zx_leg_peer(inv, msg);
	zx_dlg_refresh(&inv->dlg, msg);
	if (invite) {
		if (!zx_dlg_ack(inv->invs, &inv->dlg, inv->ct_cseq, NULL, &ack))
			zx_trans_ack_keep(inv->invs, inv->ct_branch, ack);
		mem_deref(ack);
	}
	if (inv->state == ZX_LEG_UP)
		zx_se_response(inv, msg);
	have = !zx_msg_sdp(&sdp, msg);
	if (!have) {
		offer_failed(inv, 488);
		return;
	}
	(void)zx_oa_event(inv, ZX_OE_GOT_ANSWER);
	zx_oa_stop(inv);
	inv->sdp_prev = mem_deref(inv->sdp_prev);
	if (inv->offer_ours && inv->h && inv->h->offer_result)
		inv->h->offer_result(inv, 200, &sdp, inv->arg);
}

static void offer_response(struct zx_inv *inv, int err, const struct sip_msg *msg, bool invite)
{
	mem_ref(inv);
	if (err || msg->scode == 481 || msg->scode == 408)
		(void)zx_leg_lost(inv, err, msg);
	else if (msg->scode < 300)
		offer_accepted(inv, msg, invite);
	else if (!offer_retry(inv, msg))
		offer_failed(inv, msg->scode);
	mem_deref(inv);
}

static void reinvite_response(int err, const struct sip_msg *msg, void *arg)
{
	if (err || msg->scode >= 200)
		offer_response(arg, err, msg, true);
}

static void update_response(int err, const struct sip_msg *msg, void *arg)
{
	if (err || msg->scode >= 200)
		offer_response(arg, err, msg, false);
}

static bool early_update_ok(const struct zx_inv *inv)
{
	return inv->state == ZX_LEG_PROGRESS && inv->dlg.rtag && inv->peer_update && inv->oa == ZX_OA_IDLE;
}

static bool offer_may(const struct zx_inv *inv)
{
	return !inv->ct_upd && !inv->st_off && inv->oa == ZX_OA_IDLE &&
	       (early_update_ok(inv) || (inv->state == ZX_LEG_UP && !inv->ct && !inv->st && !(inv->ok && inv->ok->offer)));
}

static int offer_send(struct zx_inv *inv)
{
	struct zx_invs *invs = inv->invs;
	const bool invite = inv->state == ZX_LEG_UP;
	const char *met = invite ? "INVITE" : "UPDATE";
	const uint64_t branch = rand_u64();
	int err;

	err = zx_dlg_begin(invs, &inv->dlg, met, ++inv->dlg.lseq, branch);
	err |= zx_out_common(invs->out, inv);
	if (invite)
		err |= zx_se_out_request(invs->out, inv);
	err |= zx_out_body(invs->out, "application/sdp", inv->offer_body);
	if (err)
		return ENOMEM;
	inv->ct_cseq = inv->dlg.lseq;
	inv->ct_branch = branch;
	err = zx_ctrans_open(invite ? &inv->ct : &inv->ct_upd, invs, met, branch, &inv->dlg.hop,
			     invite ? reinvite_response : update_response, inv);
	if (err)
		return err;
	if (invite)
		zx_ctrans_dialog(inv->ct, inv->dlg.fixed_hop, inv->dlg.rtag);
	return zx_oa_event(inv, ZX_OE_SEND);
}

static void offer_handler(void *arg)
{
	struct zx_inv *inv = arg;

	mem_ref(inv);
	inv->offer_busy = false;
	if (offer_may(inv)) {
		if (offer_send(inv))
			offer_failed(inv, 503);
	} else if (++inv->offer_tries >= BUSY_TRIES) {
		offer_failed(inv, 491);
	} else {
		offer_again(inv, BUSY_MS);
	}
	mem_deref(inv);
}

static int offer_start(struct zx_inv *inv, struct mbuf *body, bool ours)
{
	inv->offer_body = body;
	inv->offer_ours = ours;
	inv->offer_tries = 0;
	if (offer_may(inv))
		return offer_send(inv);
	offer_again(inv, BUSY_MS); /* their offer, or the ACK of our 2xx, comes first */
	return 0;
}

int zx_inv_offer(struct zx_inv *inv, const struct zx_sdp *offer)
{
	struct mbuf *body;
	int err;

	if (!offer)
		return EINVAL;
	if (inv->offer_body)
		return EBUSY;
	if (!zx_inv_established(inv) && !early_update_ok(inv))
		return EPROTO;
	if (inv->sdp) {
		mem_deref(inv->sdp_prev);
		inv->sdp_prev = mem_alloc(inv->sdp_len + 1, NULL);
		if (!inv->sdp_prev)
			return ENOMEM;
		memcpy(inv->sdp_prev, inv->sdp, inv->sdp_len + 1);
		inv->sdp_prev_len = inv->sdp_len;
	}
	inv->offer_ours = true;
	err = zx_leg_sdp(inv, &body, offer);
	if (!err)
		err = offer_start(inv, body, true);
	if (err)
		offer_failed(inv, 0);
	return err;
}

/* ---- refresh of the session timer ---- */

static void refresh_response(int err, const struct sip_msg *msg, void *arg)
{
	struct zx_inv *inv = arg;

	if (!err && msg->scode < 200)
		return;
	mem_ref(inv);
	if (zx_leg_lost(inv, err, msg)) {
		;
	} else if (msg->scode < 300) {
		zx_dlg_refresh(&inv->dlg, msg);
		zx_se_response(inv, msg);
	} else {
		const bool no_update = msg->scode == 405 || msg->scode == 501;

		if (no_update)
			inv->peer_update = false;
		zx_se_retry(inv, no_update || (msg->scode == 422 && zx_se_too_small(inv, msg)));
	}
	mem_deref(inv);
}

int zx_oa_refresh(struct zx_inv *inv)
{
	struct zx_invs *invs = inv->invs;
	const uint64_t branch = rand_u64();
	struct mbuf *body;
	int err;

	if (inv->ct_upd || inv->offer_body || !offer_may(inv))
		return EBUSY;
	if (!inv->peer_update) {
		err = zx_leg_sdp_again(inv, &body);
		return err ? err : offer_start(inv, body, false);
	}
	err = zx_dlg_begin(invs, &inv->dlg, "UPDATE", ++inv->dlg.lseq, branch);
	err |= zx_out_common(invs->out, inv);
	err |= zx_se_out_request(invs->out, inv);
	err |= zx_out_body(invs->out, NULL, NULL);
	return err ? ENOMEM : zx_ctrans_open(&inv->ct_upd, invs, "UPDATE", branch, &inv->dlg.hop, refresh_response, inv);
}
