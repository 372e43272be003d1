/* All legs, and what every leg needs: look-up, states, the end, requests inside its dialog and who may send them. */
#include "sip/inv_int.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

enum { LEG_BUCKETS = 8192, OUT_SZ = 4096 };

/* ---- offer and answer, RFC 3264, 6337 ---- */

static const char *const oa_states[] = {"none", "idle", "sent", "received"};
static const char *const oa_events[] = {"send offer", "receive offer", "send answer", "receive answer", "fail"};
static const struct zx_fsm_rule oa_rules[] = {
    {ZX_OE_SEND, ZX_OA_NONE, ZX_OA_SENT, NULL},
    {ZX_OE_SEND, ZX_OA_IDLE, ZX_OA_SENT, NULL},
    {ZX_OE_RECV, ZX_OA_NONE, ZX_OA_RECV, NULL},
    {ZX_OE_RECV, ZX_OA_IDLE, ZX_OA_RECV, NULL},
    {ZX_OE_SENT_ANSWER, ZX_OA_RECV, ZX_OA_IDLE, NULL},
    {ZX_OE_GOT_ANSWER, ZX_OA_SENT, ZX_OA_IDLE, NULL},
    {ZX_OE_FAIL, ZX_OA_SENT, ZX_OA_IDLE, NULL},
    {ZX_OE_FAIL, ZX_OA_RECV, ZX_OA_IDLE, NULL},
    {ZX_FSM_END, 0, 0, NULL},
};
const struct zx_fsm_def zx_oa_fsm = {"offer/answer", oa_states, oa_events, oa_rules};

int zx_oa_event(struct zx_inv *inv, enum zx_oa_event e)
{
	return zx_fsm_event(&zx_oa_fsm, &inv->oa, e, inv, NULL);
}

int zx_leg_event(struct zx_inv *inv, enum zx_leg_event e, uint16_t scode, const char *reason, const struct sip_msg *msg)
{
	struct zx_leg_ev ev = {.scode = scode, .reason = reason, .msg = msg};

	return zx_fsm_event(inv->uac ? &zx_uac_fsm : &zx_uas_fsm, &inv->state, (int)e, inv, &ev);
}

/* ---- life ---- */

static void leg_stop(struct zx_inv *inv)
{
	zx_se_stop(inv);
	zx_oa_stop(inv);
	zx_rel_stop(inv);
	zx_ok_stop(inv);
	zx_early_free(inv);
	inv->refsub = mem_deref(inv->refsub);
	inv->remote_offer = mem_deref(inv->remote_offer);
	/* what their transactions still wait for */
	if (inv->st_off)
		(void)zx_strans_reply(inv->st_off, 481, NULL, NULL);
	if (inv->st)
		(void)zx_strans_reply(inv->st, 487, NULL, NULL);
	zx_ctrans_leave(inv->ct, !inv->dlg.rtag, NULL);
	zx_ctrans_leave(inv->ct_upd, false, NULL);
}

static void leg_unlink(struct zx_inv *inv)
{
	if (!inv->le.list)
		return;
	hash_unlink(&inv->he);
	list_unlink(&inv->le);
	inv->invs->count--;
	inv->invs->s->stats.invs = inv->invs->count;
}

static void leg_destructor(void *arg)
{
	struct zx_inv *inv = arg;

	if (inv->state != ZX_LEG_DEAD) {
		inv->told = true;
		inv->h = NULL;
		(void)zx_leg_event(inv, ZX_LE_HANGUP, 0, NULL, NULL);
		if (inv->state == ZX_LEG_ENDING) {
			inv->self = true;
			mem_ref(inv); /* until its ACK, or the time for it is over */
			return;
		}
	}
	tmr_cancel(&inv->tmr_end);
	leg_stop(inv);
	leg_unlink(inv);
	zx_dlg_clear(&inv->dlg);
	mem_deref(inv->contact);
	mem_deref(inv->account);
	mem_deref(inv->end_reason);
	mem_deref(inv->sdp);
	mem_deref(inv->sdp_prev);
	mem_deref(inv->offer_body);
	mem_deref(inv->extra);
	mem_deref(inv->auth);
	mem_deref(inv->auth_user);
	if (inv->auth_secret)
		OPENSSL_cleanse(inv->auth_secret, strlen(inv->auth_secret));
	mem_deref(inv->auth_secret);
	mem_deref(inv->info);
}

int zx_leg_alloc(struct zx_inv **ip, struct zx_invs *invs, bool uac)
{
	struct zx_inv *inv = mem_zalloc(sizeof(*inv), leg_destructor);

	if (!inv)
		return ENOMEM;
	inv->invs = invs;
	inv->uac = uac;
	inv->state = ZX_LEG_DEAD; /* until it is on the wire */
	tmr_init(&inv->tmr_end);
	tmr_init(&inv->tmr_offer);
	tmr_init(&inv->tmr_se);
	list_init(&inv->early);
	*ip = inv;
	return 0;
}

void zx_leg_link(struct zx_inv *inv)
{
	hash_append(inv->invs->legs, hash_joaat_str(inv->dlg.callid), &inv->he, inv);
	list_append(&inv->invs->all, &inv->le, inv);
	inv->invs->count++;
	inv->invs->s->stats.invs = inv->invs->count;
	inv->state = ZX_LEG_NEW;
}

static void leg_tell_end(struct zx_inv *inv)
{
	const struct zx_inv_handlers *h = inv->h;

	if (inv->told)
		return;
	inv->told = true;
	if (h && h->closed)
		h->closed(inv, inv->end_scode, inv->end_reason ? inv->end_reason : "", inv->arg);
}

static void end_handler(void *arg)
{
	struct zx_inv *inv = arg;

	mem_ref(inv);
	leg_tell_end(inv);
	mem_deref(inv);
}

static void reason_keep(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	if (inv->end_scode)
		return;
	inv->end_scode = scode;
	if (reason && *reason)
		(void)str_dup(&inv->end_reason, reason);
}

void zx_leg_end(struct zx_inv *inv, uint16_t scode, const char *reason, bool later)
{
	reason_keep(inv, scode, reason);
	inv->state = ZX_LEG_DEAD;
	leg_stop(inv);
	leg_unlink(inv);
	if (inv->self) {
		inv->self = false;
		mem_deref(inv);
		return;
	}
	if (later)
		zx_leg_end_soon(inv);
	else
		leg_tell_end(inv);
}

void zx_leg_end_soon(struct zx_inv *inv)
{
	if (!inv->told)
		tmr_start(&inv->tmr_end, 0, end_handler, inv);
}

void zx_out_reason(struct mbuf *mb, uint16_t scode, const char *reason)
{
	if (scode < 200)
		return;
	if (zx_out(mb, "Reason: SIP;cause=%u", scode))
		return;
	if (reason && *reason) {
		(void)mbuf_write_str(mb, ";text=");
		(void)zx_out_name(mb, reason);
	}
	(void)mbuf_write_str(mb, "\r\n");
}

void zx_leg_bye(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	struct mbuf *out = inv->invs->out;
	const uint64_t branch = rand_u64();

	if (zx_dlg_begin(inv->invs, &inv->dlg, "BYE", ++inv->dlg.lseq, branch))
		return;
	zx_out_reason(out, scode, reason);
	if (zx_out_body(out, NULL, NULL))
		return;
	(void)zx_ctrans_open(NULL, inv->invs, "BYE", branch, &inv->dlg.hop, NULL, NULL);
}

bool zx_leg_lost(struct zx_inv *inv, int err, const struct sip_msg *msg)
{
	if (!err && msg->scode != 481 && msg->scode != 408)
		return false;
	(void)zx_leg_event(inv, ZX_LE_TIMEOUT, err ? 408 : msg->scode, err ? NULL : "Dialog lost", msg);
	return true;
}

void zx_inv_handle(struct zx_inv *inv, const struct zx_inv_handlers *h, void *arg)
{
	inv->h = h;
	inv->arg = arg;
}

void zx_inv_hangup(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	(void)zx_leg_event(inv, ZX_LE_HANGUP, scode, reason, NULL);
}

/* ---- look-up ---- */

struct zx_inv *zx_inv_find(struct zx_sip *s, const char *callid, const char *to_tag, const char *from_tag)
{
	struct le *le;

	if (!s->invs)
		return NULL;
	le = list_head(hash_list(s->invs->legs, hash_joaat_str(callid)));
	for (; le; le = le->next) {
		struct zx_inv *inv = le->data;
		const struct zx_dlg *d = &inv->dlg;

		if (!d->rtag || strcmp(d->callid, callid))
			continue;
		if ((!strcmp(d->ltag, to_tag) && !strcmp(d->rtag, from_tag)) || (!strcmp(d->rtag, to_tag) && !strcmp(d->ltag, from_tag)))
			return inv;
	}
	return NULL;
}

void *zx_inv_arg(const struct zx_inv *inv)
{
	return inv->arg;
}

const char *zx_inv_callid(const struct zx_inv *inv)
{
	return inv->dlg.callid;
}

const struct sa *zx_inv_local(const struct zx_inv *inv)
{
	return &inv->dlg.hop.src;
}

bool zx_inv_established(const struct zx_inv *inv)
{
	return inv->state == ZX_LEG_UP || inv->state == ZX_LEG_ANSWERED;
}

unsigned zx_inv_count(const struct zx_sip *s)
{
	return s->invs ? s->invs->count : 0;
}

/* ---- what legs say of themselves ---- */

int zx_out_common(struct mbuf *mb, const struct zx_inv *inv)
{
	return zx_out(mb, "Contact: <%s>\r\nAllow: " ZX_SIP_ALLOW "\r\nSupported: " ZX_SIP_SUPPORTED "\r\n", inv->contact);
}

void zx_leg_peer(struct zx_inv *inv, const struct sip_msg *msg)
{
	if (sip_msg_hdr(msg, SIP_HDR_ALLOW))
		inv->peer_update = sip_msg_hdr_has_value(msg, SIP_HDR_ALLOW, "UPDATE");
	if (sip_msg_hdr(msg, SIP_HDR_SUPPORTED)) {
		inv->peer_timer = sip_msg_hdr_has_value(msg, SIP_HDR_SUPPORTED, "timer");
		inv->peer_rel = sip_msg_hdr_has_value(msg, SIP_HDR_SUPPORTED, "100rel");
	}
}

/* The version goes up exactly when anything else changes (RFC 3264 8), whoever made the description. */
int zx_leg_sdp(struct zx_inv *inv, struct mbuf **bodyp, const struct zx_sdp *sdp)
{
	struct zx_sdp d = *sdp;
	struct mbuf *mb = mbuf_alloc(512);
	int err;

	if (!mb)
		return ENOMEM;
	if (!inv->sdp) {
		inv->sess_id = sdp->sess_id;
		inv->sess_version = sdp->sess_version;
	}
	d.sess_id = inv->sess_id;
	d.sess_version = inv->sess_version;
	err = zx_sdp_encode(mb, &d);
	if (!err && inv->sdp && (inv->sdp_len != mb->end || memcmp(inv->sdp, mb->buf, mb->end))) {
		d.sess_version = ++inv->sess_version;
		mb->pos = mb->end = 0;
		err = zx_sdp_encode(mb, &d);
	}
	if (err) {
		mem_deref(mb);
		return err;
	}
	mb->pos = 0;
	inv->sdp = mem_deref(inv->sdp);
	inv->sdp_len = mb->end;
	err = mbuf_strdup(mb, &inv->sdp, mb->end);
	mb->pos = 0;
	if (err)
		mem_deref(mb);
	else
		*bodyp = mb;
	return err;
}

int zx_leg_sdp_again(struct zx_inv *inv, struct mbuf **bodyp)
{
	struct mbuf *mb;
	const char *rest;
	int err;

	rest = inv->sdp ? strstr(inv->sdp, " IN ") : NULL; /* behind the version, in the o= line */
	if (!rest)
		return ENOENT;
	mb = mbuf_alloc(inv->sdp_len + 32);
	if (!mb)
		return ENOMEM;
	err = zx_out(mb, "v=0\r\no=- %llu %llu%s", (unsigned long long)inv->sess_id, (unsigned long long)inv->sess_version, rest);
	if (!err && (inv->sdp_len != mb->end || memcmp(inv->sdp, mb->buf, mb->end))) {
		/* another version was offered since, and refused */
		mb->pos = mb->end = 0;
		err = zx_out(mb, "v=0\r\no=- %llu %llu%s", (unsigned long long)inv->sess_id, (unsigned long long)++inv->sess_version, rest);
	}
	if (err)
		mem_deref(mb);
	else
		*bodyp = mb;
	return err;
}

/* ---- requests inside a dialog ---- */

void zx_leg_reply(struct zx_inv *inv, const struct sip_msg *msg, uint16_t scode, const char *reason, const char *extra)
{
	struct zx_strans *st;

	if (!zx_strans_open(&st, inv->invs, msg, inv->dlg.ltag, NULL, NULL))
		(void)zx_strans_reply(st, scode, reason, extra);
}

static void bye_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	zx_leg_reply(inv, msg, 200, NULL, NULL);
	(void)zx_leg_event(inv, ZX_LE_BYE, 200, "BYE", msg);
}

static void options_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	zx_leg_reply(inv, msg, 200, NULL, "Allow: " ZX_SIP_ALLOW "\r\nSupported: " ZX_SIP_SUPPORTED "\r\nAccept: " ZX_SIP_ACCEPT "\r\n");
}

static void wrong_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	zx_leg_reply(inv, msg, 405, NULL, "Allow: " ZX_SIP_ALLOW "\r\n");
}

static void gone_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	zx_leg_reply(inv, msg, 481, NULL, NULL); /* a NOTIFY of a subscription we do not have */
}

static const struct {
	const char *met;
	void (*h)(struct zx_inv *inv, const struct sip_msg *msg);
} requests[] = {
    {"BYE", bye_request},       {"INVITE", zx_oa_reinvite},   {"UPDATE", zx_oa_update},     {"PRACK", zx_rel_prack},
    {"INFO", zx_info_request},  {"REFER", zx_refer_request},  {"OPTIONS", options_request}, {"NOTIFY", gone_request},
    {"MESSAGE", wrong_request}, {"SUBSCRIBE", wrong_request}, {"PUBLISH", wrong_request},   {"REGISTER", wrong_request},
};

/*
 * Knowing the tags is not enough to command a call. From the address the dialog lives at a request is taken (any port: NATs change
 * them); from elsewhere an extension must give its password, a trunk must be an address of the same trunk.
 */
static bool leg_may(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_sip *s = inv->invs->s;
	const struct zx_account *acc;
	const struct zx_peer *peer;

	if (sa_cmp(&msg->src, &inv->dlg.hop.dst, SA_ADDR))
		return true;
	if (inv->trunk) {
		peer = s->dir.peer ? s->dir.peer(&msg->src, s->dir.arg) : NULL;
		if (peer && peer->id == inv->peer_id)
			return true;
	} else if (zx_met_is(msg, "ACK")) {
		return false;
	} else if (zx_auth_request(s, msg, &acc) == ZX_AUTH_REPLIED) {
		return false;
	} else if (inv->account && !strcmp(acc->user, inv->account)) {
		return true;
	}
	if (!zx_met_is(msg, "ACK"))
		(void)sip_reply(s->sip, msg, 403, "Forbidden");
	return false;
}

/* A phone whose NAT gave it another port (or that proved itself from another address) is from now on reached there. */
static void leg_follow(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_hop *hop = &inv->dlg.hop;

	if (!inv->dlg.fixed_hop || (hop->tp == msg->tp && sa_cmp(&hop->dst, &msg->src, SA_ALL)))
		return;
	*hop = (struct zx_hop){.tp = msg->tp, .src = msg->dst, .dst = msg->src};
}

static struct zx_inv *leg_match(struct zx_invs *invs, const struct sip_msg *msg)
{
	struct le *le = list_head(hash_list(invs->legs, hash_joaat_pl(&msg->callid)));

	for (; le; le = le->next) {
		struct zx_inv *inv = le->data;

		if (zx_dlg_match(&inv->dlg, msg) || zx_early_dlg(inv, msg))
			return inv;
	}
	return NULL;
}

static void leg_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_dlg *d = inv->dlg.rtag ? &inv->dlg : zx_early_dlg(inv, msg);
	size_t i;

	if (d->rseq && msg->cseq.num <= d->rseq) {
		zx_leg_reply(inv, msg, 500, "CSeq Out Of Order", NULL);
		return;
	}
	d->rseq = msg->cseq.num;
	leg_follow(inv, msg);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		if (zx_met_is(msg, requests[i].met)) {
			requests[i].h(inv, msg);
			return;
		}
	}
	(void)sip_replyf(inv->invs->s->sip, msg, 501, "Not Implemented", "Allow: " ZX_SIP_ALLOW "\r\nContent-Length: 0\r\n\r\n");
}

bool zx_invs_in_dialog(struct zx_sip *s, const struct sip_msg *msg)
{
	const bool ack = zx_met_is(msg, "ACK");
	struct zx_inv *inv;

	if (zx_invs_absorb(s, msg))
		return true;
	if (zx_met_is(msg, "CANCEL"))
		return false;
	inv = leg_match(s->invs, msg);
	if (!inv)
		return false;
	mem_ref(inv);
	if (!leg_may(inv, msg))
		;
	else if (ack)
		zx_uas_ack(inv, msg);
	else if (inv->state == ZX_LEG_ENDING && !zx_met_is(msg, "BYE"))
		(void)sip_reply(s->sip, msg, 481, "Call/Transaction Does Not Exist");
	else
		leg_request(inv, msg);
	mem_deref(inv);
	return true;
}

bool zx_invs_absorb(struct zx_sip *s, const struct sip_msg *msg)
{
	return s->invs && zx_trans_request(s->invs, msg);
}

bool zx_invs_stray_response(struct zx_sip *s, const struct sip_msg *msg)
{
	return s->invs && zx_trans_response(s->invs, msg);
}

/* ---- the room ---- */

static void invs_destructor(void *arg)
{
	struct zx_invs *invs = arg;

	while (invs->all.head) {
		struct zx_inv *inv = invs->all.head->data;

		mem_ref(inv);
		(void)zx_leg_event(inv, ZX_LE_HANGUP, 503, "Shutting down", NULL);
		if (inv->state != ZX_LEG_DEAD) {
			zx_leg_bye(inv, 503, "Shutting down");
			zx_leg_end(inv, 503, "Shutting down", false);
		}
		leg_tell_end(inv);
		mem_deref(inv);
	}
	mem_deref(invs->trans);
	mem_deref(invs->legs);
	mem_deref(invs->out);
}

int zx_invs_init(struct zx_sip *s)
{
	struct zx_invs *invs = mem_zalloc(sizeof(*invs), invs_destructor);
	int err;

	if (!invs)
		return ENOMEM;
	invs->s = s;
	invs->out = mbuf_alloc(OUT_SZ);
	err = invs->out ? hash_alloc(&invs->legs, LEG_BUCKETS) : ENOMEM;
	if (!err)
		err = zx_trans_init(&invs->trans, invs);
	if (err)
		mem_deref(invs);
	else
		s->invs = invs;
	return err;
}

void zx_invs_close(struct zx_sip *s)
{
	s->invs = mem_deref(s->invs);
}
