/* Legs that were called by the other side. */
#include "sip/inv_int.h"
#include "sip/trunk.h"

#include <errno.h>
#include <string.h>

enum { INFO_SZ = 512 };

/* ---- states ---- */

/* Ours: refused before an answer. */
static void act_reject(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;
	const uint16_t scode = ev->scode >= 300 ? ev->scode : 480;

	if (inv->st)
		(void)zx_strans_reply(inv->st, scode, ev->scode >= 300 ? ev->reason : NULL, NULL);
	zx_leg_end(inv, scode, ev->reason, true);
}

/* Theirs: CANCEL, or BYE in an early dialog. */
static void act_cancelled(void *obj, void *arg)
{
	struct zx_inv *inv = obj;

	(void)arg;
	if (inv->st)
		(void)zx_strans_reply(inv->st, 487, NULL, NULL);
	zx_leg_end(inv, 487, "Cancelled", false);
}

static void act_no_prack(void *obj, void *arg)
{
	struct zx_inv *inv = obj;

	(void)arg;
	if (inv->st)
		(void)zx_strans_reply(inv->st, 504, NULL, NULL);
	zx_leg_end(inv, 504, "No PRACK", false);
}

static void act_bye_in(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;

	zx_leg_end(inv, ev->scode, ev->reason, false);
}

static void act_bye_out(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;

	zx_leg_bye(inv, ev->scode, ev->reason);
	zx_leg_end(inv, ev->scode ? ev->scode : 200, ev->reason, true);
}

/* A BYE must not overtake the ACK (RFC 3261 15.1.1): the owner is told now, the BYE follows the ACK. */
static void act_ending(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;

	inv->end_scode = ev->scode ? ev->scode : 200;
	if (ev->reason)
		(void)str_dup(&inv->end_reason, ev->reason);
	zx_leg_end_soon(inv);
}

static void act_ending_done(void *obj, void *arg)
{
	struct zx_inv *inv = obj;

	(void)arg;
	zx_leg_bye(inv, inv->end_scode == 200 ? 0 : inv->end_scode, inv->end_reason);
	zx_leg_end(inv, 200, NULL, false);
}

static void act_timeout(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;

	zx_leg_bye(inv, ev->scode, ev->reason);
	zx_leg_end(inv, ev->scode, ev->reason, false);
}

static void act_confirmed(void *obj, void *arg)
{
	(void)arg;
	zx_ok_stop(obj);
}

static const char *const leg_states[] = {"new", "progress", "queued", "answered", "up", "ending", "dead"};
static const char *const leg_events[] = {"progress", "answer", "offered", "queue", "ack", "fail", "cancel", "bye", "hangup", "timeout"};
static const struct zx_fsm_rule uas_rules[] = {
    {ZX_LE_PROGRESS, ZX_LEG_NEW, ZX_LEG_PROGRESS, NULL},
    {ZX_LE_PROGRESS, ZX_LEG_PROGRESS, ZX_FSM_STAY, NULL},
    {ZX_LE_QUEUE, ZX_LEG_PROGRESS, ZX_LEG_QUEUED, NULL},
    {ZX_LE_ANSWER, ZX_LEG_NEW, ZX_LEG_ANSWERED, NULL},
    {ZX_LE_ANSWER, ZX_LEG_PROGRESS, ZX_LEG_ANSWERED, NULL},
    {ZX_LE_ANSWER, ZX_LEG_QUEUED, ZX_LEG_ANSWERED, NULL},
    {ZX_LE_ACK, ZX_LEG_ANSWERED, ZX_LEG_UP, act_confirmed},
    {ZX_LE_ACK, ZX_LEG_ENDING, ZX_LEG_DEAD, act_ending_done},
    {ZX_LE_FAIL, ZX_LEG_NEW, ZX_LEG_DEAD, act_reject},
    {ZX_LE_FAIL, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_reject},
    {ZX_LE_FAIL, ZX_LEG_QUEUED, ZX_LEG_DEAD, act_reject},
    {ZX_LE_CANCEL, ZX_LEG_NEW, ZX_LEG_DEAD, act_cancelled},
    {ZX_LE_CANCEL, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_cancelled},
    {ZX_LE_CANCEL, ZX_LEG_QUEUED, ZX_LEG_DEAD, act_cancelled},
    {ZX_LE_BYE, ZX_LEG_NEW, ZX_LEG_DEAD, act_cancelled},
    {ZX_LE_BYE, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_cancelled},
    {ZX_LE_BYE, ZX_LEG_QUEUED, ZX_LEG_DEAD, act_cancelled},
    {ZX_LE_BYE, ZX_LEG_ANSWERED, ZX_LEG_DEAD, act_bye_in},
    {ZX_LE_BYE, ZX_LEG_UP, ZX_LEG_DEAD, act_bye_in},
    {ZX_LE_BYE, ZX_LEG_ENDING, ZX_LEG_DEAD, act_bye_in},
    {ZX_LE_HANGUP, ZX_LEG_NEW, ZX_LEG_DEAD, act_reject},
    {ZX_LE_HANGUP, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_reject},
    {ZX_LE_HANGUP, ZX_LEG_QUEUED, ZX_LEG_DEAD, act_reject},
    {ZX_LE_HANGUP, ZX_LEG_ANSWERED, ZX_LEG_ENDING, act_ending},
    {ZX_LE_HANGUP, ZX_LEG_UP, ZX_LEG_DEAD, act_bye_out},
    {ZX_LE_TIMEOUT, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_no_prack},
    {ZX_LE_TIMEOUT, ZX_LEG_QUEUED, ZX_LEG_DEAD, act_no_prack},
    {ZX_LE_TIMEOUT, ZX_LEG_ANSWERED, ZX_LEG_DEAD, act_timeout},
    {ZX_LE_TIMEOUT, ZX_LEG_UP, ZX_LEG_DEAD, act_timeout},
    {ZX_LE_TIMEOUT, ZX_LEG_ENDING, ZX_LEG_DEAD, act_ending_done},
    {ZX_FSM_END, 0, 0, NULL},
};
const struct zx_fsm_def zx_uas_fsm = {"uas leg", leg_states, leg_events, uas_rules};

/* ---- a new call ---- */

/* Strings of zx_inv_info, one after the other. */
static const char *info_add(char **p, const char *end, const char *text)
{
	const size_t l = strlen(text) + 1;
	char *s = *p;

	if ((size_t)(end - s) < l)
		return "";
	memcpy(s, text, l);
	*p += l;
	return s;
}

/* What a trunk says beside From: it is trusted to know. */
static void identity_read(struct zx_inv_info *info, const struct sip_msg *msg, char *asserted, size_t len)
{
	const struct sip_hdr *pai = sip_msg_xhdr(msg, "P-Asserted-Identity"), *privacy = sip_msg_xhdr(msg, "Privacy");
	struct zx_addr a;

	*asserted = '\0';
	if (!info->peer)
		return;
	info->anonymous = privacy && !re_regex(privacy->val.p, privacy->val.l, "id");
	if (pai && (zx_addr_split(&a, &pai->val) || zx_user_decode(asserted, len, &a.uri)))
		*asserted = '\0';
}

static int info_strings(struct zx_inv *inv, struct zx_inv_info *info, const struct sip_msg *msg, const char *to_user)
{
	const struct sip_hdr *ua = sip_msg_hdr(msg, SIP_HDR_USER_AGENT);
	char user[ZX_NUM_LEN], asserted[ZX_NUM_LEN], name[ZX_NAME_LEN], agent[96] = "", buf[INFO_SZ], *p = buf;
	const char *end = buf + sizeof(buf);
	struct zx_addr from;
	ptrdiff_t off;

	if (zx_addr_split(&from, &msg->from.val))
		return EBADMSG;
	if (zx_user_decode(user, sizeof(user), &from.uri))
		user[0] = '\0';
	zx_name_decode(name, sizeof(name), &from.name);
	if (ua)
		zx_name_decode(agent, sizeof(agent), &ua->val);
	identity_read(info, msg, asserted, sizeof(asserted));
	info->from_user = info_add(&p, end, user);
	info->asserted = info_add(&p, end, asserted);
	info->from_name = info_add(&p, end, name);
	info->to_user = info_add(&p, end, to_user);
	info->agent = info_add(&p, end, agent);
	inv->info = mem_alloc((size_t)(p - buf), NULL);
	if (!inv->info)
		return ENOMEM;
	memcpy(inv->info, buf, (size_t)(p - buf));
	off = inv->info - buf;
	info->from_user += off;
	info->asserted += off;
	info->from_name += off;
	info->to_user += off;
	info->agent += off;
	info->callid = inv->dlg.callid;
	return 0;
}

static void cancel_handler(void *arg)
{
	struct zx_inv *inv = arg;

	mem_ref(inv);
	(void)zx_leg_event(inv, ZX_LE_CANCEL, 487, NULL, NULL);
	mem_deref(inv);
}

static bool merged_handler(const struct zx_invs *invs, const struct sip_msg *msg)
{
	struct le *le = list_head(hash_list(invs->legs, hash_joaat_pl(&msg->callid)));

	for (; le; le = le->next) {
		const struct zx_inv *inv = le->data;

		if (!inv->uac && !pl_strcmp(&msg->callid, inv->dlg.callid) && !pl_strcmp(&msg->from.tag, inv->dlg.rtag) &&
		    msg->cseq.num == inv->invite_cseq)
			return true;
	}
	return false;
}

/* Who calls; false: refused, and answered. */
static bool caller_check(struct zx_sip *s, const struct sip_msg *msg, const struct zx_account **acc, const struct zx_peer **peer)
{
	*acc = NULL;
	struct zx_addr from;
	char user[ZX_NUM_LEN];

	*peer = s->dir.peer ? s->dir.peer(&msg->src, s->dir.arg) : NULL;
	/* a phone at the same host as a trunk says who it is */
	if (!*peer && !zx_addr_split(&from, &msg->from.val) &&
	    (zx_user_decode(user, sizeof(user), &from.uri) || !s->dir.account || !s->dir.account(user, s->dir.arg)))
		*peer = zx_trunk_by_host(s, &msg->src);
	if (*peer)
		return true;
	if (zx_auth_request(s, msg, acc) != ZX_AUTH_OK)
		return false;
	if ((*acc)->trunk_id) { /* a gateway that calls from elsewhere than it registered */
		const struct zx_trunk *t = zx_trunk_find(s, (*acc)->trunk_id);

		*peer = t ? &zx_trunk_conf(t)->peer : NULL;
		*acc = NULL;
	}
	return true;
}

/* The description and Replaces of an INVITE; false: refused with this code. */
static bool content_check(struct zx_inv *inv, const struct sip_msg *msg, struct zx_refer *rep, bool *early_only, uint16_t *scode)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_REPLACES);
	int err;

	inv->remote_offer = mem_zalloc(sizeof(*inv->remote_offer), NULL);
	*scode = 500;
	if (!inv->remote_offer)
		return false;
	err = zx_msg_sdp(inv->remote_offer, msg);
	if (err) {
		inv->remote_offer = mem_deref(inv->remote_offer);
		inv->initial_late = true;
		*scode = err == ENOTSUP ? 415 : 488;
		if (err != ENOENT)
			return false;
	}
	*scode = 400;
	return !hdr || (sip_msg_hdr_count(msg, SIP_HDR_REPLACES) == 1 && !zx_replaces_decode(rep, &hdr->val, early_only));
}

static void call_in(struct zx_inv *inv, struct zx_inv_info *info, const struct sip_msg *msg, const char *to_user)
{
	struct zx_sip *s = inv->invs->s;
	struct zx_refer rep = {.replaces = false};
	uint16_t scode = 500;

	if (info_strings(inv, info, msg, to_user) || !content_check(inv, msg, &rep, &info->replaces_early_only, &scode)) {
		(void)zx_strans_reply(inv->st, scode, NULL, scode == 415 ? "Accept: " ZX_SIP_ACCEPT "\r\n" : NULL);
		inv->told = true;
		zx_leg_end(inv, scode, NULL, false);
		return;
	}
	info->src = inv->dlg.hop.dst;
	info->local = inv->dlg.hop.src;
	info->offer = inv->remote_offer;
	if (rep.replaces) {
		info->replaces_callid = rep.callid;
		info->replaces_to_tag = rep.to_tag;
		info->replaces_from_tag = rep.from_tag;
	}
	if (inv->remote_offer)
		(void)zx_oa_event(inv, ZX_OE_RECV);
	if (s->incoming)
		s->incoming(inv, info, s->incoming_arg);
}

static int leg_in(struct zx_inv **ip, struct zx_sip *s, const struct sip_msg *msg, const struct zx_inv_info *info, const char *to_user)
{
	struct zx_inv *inv;
	struct mbuf *user;
	char contact[256], esc[3 * ZX_NUM_LEN];
	int err;

	err = zx_leg_alloc(&inv, s->invs, false);
	if (err)
		return err;
	inv->trunk = info->peer != NULL;
	inv->peer_id = info->peer ? info->peer->id : 0;
	if (info->account)
		err = str_dup(&inv->account, info->account->user);
	if (!err)
		err = zx_dlg_uas(&inv->dlg, msg, !inv->trunk);
	user = mbuf_alloc(ZX_NUM_LEN);
	if (!user || zx_out_user(user, to_user)) {
		err = ENOMEM;
	} else {
		snprintf(esc, sizeof(esc), "%.*s", (int)user->end, (const char *)user->buf);
	}
	mem_deref(user);
	if (!err)
		err = zx_edge_contact_at(s, contact, sizeof(contact), esc, msg->tp, &msg->dst, &msg->src);
	if (!err)
		err = str_dup(&inv->contact, contact);
	if (!err)
		err = zx_strans_open(&inv->st, s->invs, msg, inv->dlg.ltag, cancel_handler, inv);
	if (err) {
		mem_deref(inv);
		return err;
	}
	inv->invite_cseq = msg->cseq.num;
	zx_leg_peer(inv, msg);
	inv->require_rel = sip_msg_hdr_has_value(msg, SIP_HDR_REQUIRE, "100rel");
	inv->peer_rel = inv->peer_rel || inv->require_rel;
	*ip = inv;
	return 0;
}

void zx_invs_request(struct zx_sip *s, const struct sip_msg *msg)
{
	struct zx_inv_info info = {0};
	struct zx_inv *inv;
	char to_user[ZX_NUM_LEN];
	int err;

	if (zx_invs_absorb(s, msg))
		return;
	if (s->draining || !s->incoming) {
		(void)sip_replyf(s->sip, msg, 503, "Service Unavailable", "Retry-After: 10\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	if (!caller_check(s, msg, &info.account, &info.peer))
		return;
	if (merged_handler(s->invs, msg)) {
		(void)sip_reply(s->sip, msg, 482, "Loop Detected");
		return;
	}
	err = zx_user_decode(to_user, sizeof(to_user), &msg->ruri);
	if (err) {
		(void)sip_reply(s->sip, msg, err == ENOENT ? 484 : 400, err == ENOENT ? "Address Incomplete" : "Bad Request-URI");
		return;
	}
	err = leg_in(&inv, s, msg, &info, to_user);
	if (err) {
		(void)sip_reply(s->sip, msg, err == EBADMSG ? 400 : 500, err == EBADMSG ? "Bad Request" : "Server Internal Error");
		return;
	}
	zx_leg_link(inv);
	(void)zx_strans_reply(inv->st, 100, NULL, NULL);
	if (zx_se_request(inv, msg, inv->st)) {
		call_in(inv, &info, msg, to_user);
	} else {
		inv->told = true;
		zx_leg_end(inv, 422, NULL, false);
	}
	mem_deref(inv); /* kept by whoever took it */
}

/* ---- answers ---- */

int zx_inv_progress(struct zx_inv *inv, uint16_t scode, const char *reason, const struct zx_sdp *early)
{
	struct mbuf *body = NULL;
	bool offer = false;
	int err = 0;

	if (inv->uac || !inv->st || inv->state > ZX_LEG_PROGRESS || scode <= 100 || scode >= 200)
		return EPROTO;
	/* a first description of ours in a late-offer call is an offer, which only a reliable response may carry; after the answer in a
	 * reliable one there is nothing more to say */
	if (early && (inv->answered_rel || zx_rel_pending(inv, true) || (inv->initial_late && !inv->peer_rel)))
		early = NULL;
	if (early) {
		err = zx_leg_sdp(inv, &body, early);
		if (err)
			return err;
	}
	offer = body && inv->initial_late;
	(void)zx_leg_event(inv, ZX_LE_PROGRESS, scode, NULL, NULL);
	if (inv->peer_rel) {
		err = zx_rel_send(inv, scode, reason, body, offer);
	} else {
		err = zx_strans_begin(inv->st, scode, reason);
		err |= zx_out_common(inv->invs->out, inv);
		err |= zx_out_body(inv->invs->out, "application/sdp", body);
		if (!err)
			(void)zx_strans_send(inv->st, scode);
	}
	mem_deref(body);
	return err;
}

static int answer_send(struct zx_inv *inv, struct mbuf *body)
{
	int err;

	zx_rel_stop(inv);
	err = zx_ok_send(inv, inv->st, inv->invite_cseq, body, body && inv->initial_late, NULL);
	if (err)
		return err;
	if (body)
		(void)zx_oa_event(inv, inv->initial_late ? ZX_OE_SEND : ZX_OE_SENT_ANSWER);
	inv->remote_offer = mem_deref(inv->remote_offer);
	return zx_leg_event(inv, ZX_LE_ANSWER, 200, NULL, NULL);
}

int zx_inv_accept(struct zx_inv *inv, const struct zx_sdp *sdp)
{
	struct mbuf *body = NULL;
	int err;

	if (inv->uac || !inv->st || inv->state > ZX_LEG_PROGRESS)
		return EPROTO;
	if (inv->answered_rel || zx_rel_pending(inv, true))
		sdp = NULL;
	else if (!sdp)
		return EINVAL;
	if (zx_rel_pending(inv, true)) /* RFC 3262 3: the 2xx waits until that is acknowledged */
		return zx_leg_event(inv, ZX_LE_QUEUE, 0, NULL, NULL);
	if (sdp) {
		err = zx_leg_sdp(inv, &body, sdp);
		if (err)
			return err;
	}
	err = answer_send(inv, body);
	mem_deref(body);
	return err;
}

void zx_uas_pracked(struct zx_inv *inv)
{
	if (inv->state == ZX_LEG_QUEUED && !zx_rel_pending(inv, true))
		(void)answer_send(inv, NULL);
}

int zx_inv_reject(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	if (inv->uac || scode < 300)
		return EINVAL;
	return zx_leg_event(inv, ZX_LE_FAIL, scode, reason, NULL);
}

/* ---- 2xx until ACK ---- */

static void ok_destructor(void *arg)
{
	struct zx_ok *ok = arg;

	tmr_cancel(&ok->tmr);
	mem_deref(ok->mb);
	mem_deref(ok->sock);
}

void zx_ok_stop(struct zx_inv *inv)
{
	inv->ok = mem_deref(inv->ok);
}

static void ok_handler(void *arg)
{
	struct zx_inv *inv = arg;
	struct zx_ok *ok = inv->ok;

	if (tmr_jiffies() >= ok->until) {
		mem_ref(inv);
		zx_ok_stop(inv);
		(void)zx_leg_event(inv, ZX_LE_TIMEOUT, 408, "No ACK", NULL);
		mem_deref(inv);
		return;
	}
	zx_strans_resend(&ok->hop, ok->sock, inv->invs, ok->mb);
	ok->interval = MIN(ok->interval * 2, (uint32_t)ZX_T2);
	tmr_start(&ok->tmr, ok->interval, ok_handler, inv);
}

int zx_ok_send(struct zx_inv *inv, struct zx_strans *st, uint32_t cseq, const struct mbuf *body, bool offer, const char *extra)
{
	struct mbuf *out = inv->invs->out;
	struct zx_ok *ok;
	void *sock;
	int err;

	ok = mem_zalloc(sizeof(*ok), ok_destructor);
	if (!ok)
		return ENOMEM;
	err = zx_strans_begin(st, 200, NULL);
	err |= zx_out_common(out, inv);
	err |= zx_se_out_response(out, inv);
	if (extra)
		err |= mbuf_write_str(out, extra);
	err |= zx_out_body(out, "application/sdp", body);
	ok->mb = err ? NULL : zx_out_copy(out);
	if (!ok->mb) {
		mem_deref(ok);
		return ENOMEM;
	}
	ok->hop = *zx_strans_hop(st, &sock);
	ok->sock = mem_ref(sock);
	ok->cseq = cseq;
	ok->offer = offer;
	ok->interval = ZX_T1;
	ok->until = tmr_jiffies() + ZX_TX_LIFE;
	zx_ok_stop(inv);
	inv->ok = ok;
	(void)zx_strans_send(st, 200);
	tmr_start(&ok->tmr, ZX_T1, ok_handler, inv);
	zx_se_start(inv);
	return 0;
}

void zx_uas_ack(struct zx_inv *inv, const struct sip_msg *msg)
{
	const bool offer = inv->ok && inv->ok->offer;
	struct zx_sdp sdp;
	bool have;

	if (!inv->ok || inv->ok->cseq != msg->cseq.num)
		return;
	if (inv->state == ZX_LEG_UP) { /* of a re-INVITE */
		zx_oa_ack(inv, msg);
		return;
	}
	have = offer && !zx_msg_sdp(&sdp, msg);
	if (offer)
		(void)zx_oa_event(inv, have ? ZX_OE_GOT_ANSWER : ZX_OE_FAIL);
	if (zx_leg_event(inv, ZX_LE_ACK, 200, NULL, msg) || inv->state != ZX_LEG_UP)
		return;
	if (offer && !have) {
		(void)zx_leg_event(inv, ZX_LE_TIMEOUT, 488, "No answer to our offer", NULL);
		return;
	}
	if (inv->h && inv->h->confirmed)
		inv->h->confirmed(inv, have ? &sdp : NULL, inv->arg);
}
