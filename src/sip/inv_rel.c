/* Reliable provisional responses, our side as UAS (RFC 3262): one at a time, repeated until its PRACK. */
#include "sip/inv_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct zx_rel {
	struct tmr tmr;
	struct mbuf *mb; /* NULL: none is waiting for its PRACK */
	struct zx_hop hop;
	void *sock;
	uint32_t rseq, interval;
	uint64_t until;
	bool sdp, offer;
	/* the next one, sent after the PRACK */
	uint16_t next_scode;
	char *next_reason;
	struct mbuf *next_body;
	bool next_offer;
};

static void rel_destructor(void *arg)
{
	struct zx_rel *rel = arg;

	tmr_cancel(&rel->tmr);
	mem_deref(rel->mb);
	mem_deref(rel->sock);
	mem_deref(rel->next_reason);
	mem_deref(rel->next_body);
}

void zx_rel_stop(struct zx_inv *inv)
{
	inv->rel = mem_deref(inv->rel);
}

bool zx_rel_pending(const struct zx_inv *inv, bool with_sdp)
{
	const struct zx_rel *rel = inv->rel;

	if (!rel)
		return false;
	return with_sdp ? (rel->mb && rel->sdp) || rel->next_body : rel->mb != NULL;
}

static void rel_handler(void *arg)
{
	struct zx_inv *inv = arg;
	struct zx_rel *rel = inv->rel;

	if (tmr_jiffies() >= rel->until) {
		mem_ref(inv);
		(void)zx_leg_event(inv, ZX_LE_TIMEOUT, 504, "No PRACK", NULL);
		mem_deref(inv);
		return;
	}
	zx_strans_resend(&rel->hop, rel->sock, inv->invs, rel->mb);
	rel->interval *= 2;
	tmr_start(&rel->tmr, MIN((uint64_t)rel->interval, rel->until - tmr_jiffies()), rel_handler, inv);
}

static int rel_write(struct zx_inv *inv, uint16_t scode, const char *reason, struct mbuf *body, bool offer)
{
	struct mbuf *out = inv->invs->out;
	struct zx_rel *rel = inv->rel;
	void *sock;
	int err;

	err = zx_strans_begin(inv->st, scode, reason);
	err |= zx_out_common(out, inv);
	err |= zx_out(out, "Require: 100rel\r\nRSeq: %u\r\n", rel->rseq + 1);
	err |= zx_out_body(out, "application/sdp", body);
	rel->mb = err ? NULL : zx_out_copy(out);
	if (!rel->mb)
		return err ? err : ENOMEM;
	rel->rseq++;
	rel->hop = *zx_strans_hop(inv->st, &sock);
	mem_deref(rel->sock);
	rel->sock = mem_ref(sock);
	rel->sdp = body != NULL;
	rel->offer = offer;
	if (body) {
		(void)zx_oa_event(inv, offer ? ZX_OE_SEND : ZX_OE_SENT_ANSWER);
		inv->answered_rel = !offer;
	}
	(void)zx_strans_send(inv->st, scode);
	rel->interval = ZX_T1;
	rel->until = tmr_jiffies() + ZX_TX_LIFE;
	tmr_start(&rel->tmr, ZX_T1, rel_handler, inv);
	return 0;
}

int zx_rel_send(struct zx_inv *inv, uint16_t scode, const char *reason, struct mbuf *body, bool offer)
{
	struct zx_rel *rel = inv->rel;

	if (!rel) {
		rel = inv->rel = mem_zalloc(sizeof(*rel), rel_destructor);
		if (!rel)
			return ENOMEM;
		rel->rseq = (uint16_t)rand_u64();
	}
	if (!rel->mb)
		return rel_write(inv, scode, reason, body, offer);
	/* the latest state is what counts, but a description must not be lost */
	rel->next_scode = scode;
	rel->next_reason = mem_deref(rel->next_reason);
	if (reason)
		(void)str_dup(&rel->next_reason, reason);
	if (body) {
		mem_deref(rel->next_body);
		rel->next_body = mem_ref(body);
		rel->next_offer = offer;
	}
	return 0;
}

static void rel_next(struct zx_inv *inv)
{
	struct zx_rel *rel = inv->rel;
	struct mbuf *body;
	char *reason;

	if (!rel || rel->mb || !rel->next_scode || !inv->st)
		return;
	body = rel->next_body;
	reason = rel->next_reason;
	rel->next_body = NULL;
	rel->next_reason = NULL;
	(void)rel_write(inv, rel->next_scode, reason, body, rel->next_offer);
	rel->next_scode = 0;
	mem_deref(body);
	mem_deref(reason);
}

/* "RAck: 776656 1 INVITE" */
static bool rack_match(const struct zx_inv *inv, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_RACK);
	struct pl rseq, cseq, met;

	if (!hdr || !inv->rel || !inv->rel->mb)
		return false;
	if (re_regex(hdr->val.p, hdr->val.l, "[0-9]+[ \t\r\n]+[0-9]+[ \t\r\n]+[^ \t\r\n]+", &rseq, NULL, &cseq, NULL, &met))
		return false;
	return rseq.l <= 10 && cseq.l <= 10 && pl_u32(&rseq) == inv->rel->rseq && pl_u32(&cseq) == inv->invite_cseq &&
	       !pl_strcmp(&met, "INVITE");
}

/* The answer to an offer of ours in a reliable response. */
static void prack_answer(struct zx_inv *inv, const struct zx_sdp *sdp)
{
	inv->answered_rel = true;
	(void)zx_oa_event(inv, sdp ? ZX_OE_GOT_ANSWER : ZX_OE_FAIL);
	if (!sdp)
		(void)zx_leg_event(inv, ZX_LE_FAIL, 488, "No answer to our offer", NULL);
	else if (inv->h && inv->h->offer_result)
		inv->h->offer_result(inv, 200, sdp, inv->arg);
}

void zx_rel_prack(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_rel *rel = inv->rel;
	struct zx_sdp sdp;
	bool offer;
	int err;

	if (!rack_match(inv, msg)) {
		zx_leg_reply(inv, msg, 481, NULL, NULL);
		return;
	}
	tmr_cancel(&rel->tmr);
	rel->mb = mem_deref(rel->mb);
	offer = rel->offer;
	err = zx_msg_sdp(&sdp, msg);
	if (err == ENOTSUP || err == EBADMSG) {
		zx_leg_reply(inv, msg, err == ENOTSUP ? 415 : 488, NULL, "Accept: " ZX_SIP_ACCEPT "\r\n");
	} else if (offer || err) {
		zx_leg_reply(inv, msg, 200, NULL, NULL);
	} else if (inv->oa != ZX_OA_IDLE || inv->st_off) {
		zx_leg_reply(inv, msg, 500, NULL, "Retry-After: 2\r\n");
	} else if (!zx_strans_open(&inv->st_off, inv->invs, msg, inv->dlg.ltag, NULL, NULL)) {
		zx_oa_offer_in(inv, &sdp);
	}
	if (offer)
		prack_answer(inv, err ? NULL : &sdp);
	if (inv->state == ZX_LEG_DEAD)
		return;
	rel_next(inv);
	zx_uas_pracked(inv);
}
