/* Legs that call the other side. */
#include "sip/inv_int.h"
#include "sip/uac_auth.h"

#include <errno.h>
#include <string.h>

enum { EARLY_MAX = 8, URI_SZ = 1024, TRIES_MAX = 3 };

/* One early dialog; a forking proxy makes several (RFC 3261 13.2.2.4). */
struct zx_early {
	struct le le;
	struct zx_dlg dlg;
	uint32_t rseq;
	bool answered;      /* offer/answer done in its reliable responses */
	bool prack_due;     /* its offer waits for our answer, which the PRACK carries */
	struct zx_sdp *sdp; /* its answer */
};

/* ---- states ---- */

static void act_failed(void *obj, void *arg)
{
	struct zx_leg_ev *ev = arg;

	zx_leg_end(obj, ev->scode, ev->reason, false);
}

static void act_cancel(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;
	struct mbuf *mb = mbuf_alloc(128);
	char *hdrs = NULL;

	if (mb && ev->scode) {
		zx_out_reason(mb, ev->scode, ev->reason);
		mb->pos = 0;
		(void)mbuf_strdup(mb, &hdrs, mb->end);
	}
	zx_ctrans_leave(inv->ct, true, hdrs);
	mem_deref(hdrs);
	mem_deref(mb);
	zx_leg_end(inv, 487, ev->reason, true);
}

static void act_bye_in(void *obj, void *arg)
{
	struct zx_leg_ev *ev = arg;

	zx_leg_end(obj, ev->scode, ev->reason, false);
}

static void act_bye_out(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;

	zx_leg_bye(inv, ev->scode, ev->reason);
	zx_leg_end(inv, ev->scode ? ev->scode : 200, ev->reason, true);
}

/* Their 2xx carried an offer that is not answered: ACK all the same, then BYE. */
static void ack_plain(struct zx_inv *inv)
{
	struct mbuf *ack = NULL;

	if (!zx_dlg_ack(inv->invs, &inv->dlg, inv->ct_cseq, NULL, &ack))
		zx_trans_ack_keep(inv->invs, inv->ct_branch, ack);
	mem_deref(ack);
}

static void act_ack_bye(void *obj, void *arg)
{
	ack_plain(obj);
	act_bye_out(obj, arg);
}

static void act_timeout(void *obj, void *arg)
{
	struct zx_inv *inv = obj;
	struct zx_leg_ev *ev = arg;

	zx_leg_bye(inv, ev->scode, ev->reason);
	zx_leg_end(inv, ev->scode, ev->reason, false);
}

static const char *const leg_states[] = {"new", "progress", "queued", "answered", "up", "ending", "dead"};
static const char *const leg_events[] = {"progress", "answer", "offered", "queue", "ack", "fail", "cancel", "bye", "hangup", "timeout"};
static const struct zx_fsm_rule uac_rules[] = {
    {ZX_LE_PROGRESS, ZX_LEG_NEW, ZX_LEG_PROGRESS, NULL},
    {ZX_LE_PROGRESS, ZX_LEG_PROGRESS, ZX_FSM_STAY, NULL},
    {ZX_LE_ANSWER, ZX_LEG_NEW, ZX_LEG_UP, NULL},
    {ZX_LE_ANSWER, ZX_LEG_PROGRESS, ZX_LEG_UP, NULL},
    {ZX_LE_OFFERED, ZX_LEG_NEW, ZX_LEG_ANSWERED, NULL},
    {ZX_LE_OFFERED, ZX_LEG_PROGRESS, ZX_LEG_ANSWERED, NULL},
    {ZX_LE_ACK, ZX_LEG_ANSWERED, ZX_LEG_UP, NULL},
    {ZX_LE_FAIL, ZX_LEG_NEW, ZX_LEG_DEAD, act_failed},
    {ZX_LE_FAIL, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_failed},
    {ZX_LE_HANGUP, ZX_LEG_NEW, ZX_LEG_DEAD, act_cancel},
    {ZX_LE_HANGUP, ZX_LEG_PROGRESS, ZX_LEG_DEAD, act_cancel},
    {ZX_LE_HANGUP, ZX_LEG_ANSWERED, ZX_LEG_DEAD, act_ack_bye},
    {ZX_LE_HANGUP, ZX_LEG_UP, ZX_LEG_DEAD, act_bye_out},
    {ZX_LE_BYE, ZX_LEG_ANSWERED, ZX_LEG_DEAD, act_bye_in},
    {ZX_LE_BYE, ZX_LEG_UP, ZX_LEG_DEAD, act_bye_in},
    {ZX_LE_TIMEOUT, ZX_LEG_ANSWERED, ZX_LEG_DEAD, act_ack_bye},
    {ZX_LE_TIMEOUT, ZX_LEG_UP, ZX_LEG_DEAD, act_timeout},
    {ZX_FSM_END, 0, 0, NULL},
};
const struct zx_fsm_def zx_uac_fsm = {"uac leg", leg_states, leg_events, uac_rules};

/* ---- early dialogs ---- */

static void early_destructor(void *arg)
{
	struct zx_early *e = arg;

	list_unlink(&e->le);
	zx_dlg_clear(&e->dlg);
	mem_deref(e->sdp);
}

void zx_early_free(struct zx_inv *inv)
{
	list_flush(&inv->early);
}

static struct zx_early *early_find(struct zx_inv *inv, const struct sip_msg *msg)
{
	for (struct le *le = inv->early.head; le; le = le->next) {
		struct zx_early *e = le->data;

		if (zx_dlg_match(&e->dlg, msg))
			return e;
	}
	return NULL;
}

struct zx_dlg *zx_early_dlg(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_early *e = early_find(inv, msg);

	return e ? &e->dlg : NULL;
}

static struct zx_early *early_get(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_early *e;

	if (!pl_isset(&msg->to.tag))
		return NULL;
	e = early_find(inv, msg);
	if (e || list_count(&inv->early) >= EARLY_MAX)
		return e;
	e = mem_zalloc(sizeof(*e), early_destructor);
	if (!e)
		return NULL;
	memcpy(e->dlg.ltag, inv->dlg.ltag, sizeof(e->dlg.ltag));
	e->dlg.lseq = inv->dlg.lseq;
	e->dlg.target = mem_ref(inv->dlg.target);
	if (zx_dlg_uac(&e->dlg, msg, &inv->dlg.hop, inv->dlg.fixed_hop))
		return mem_deref(e);
	list_append(&inv->early, &e->le, e);
	return e;
}

/* ---- INVITE ---- */

static void invite_response(int err, const struct sip_msg *msg, void *arg);

static int invite_send(struct zx_inv *inv, const struct mbuf *body)
{
	struct zx_invs *invs = inv->invs;
	const uint64_t branch = rand_u64();
	int err;

	err = zx_dlg_begin(invs, &inv->dlg, "INVITE", ++inv->dlg.lseq, branch);
	err |= zx_out_common(invs->out, inv);
	err |= zx_se_out_request(invs->out, inv);
	err |= mbuf_write_str(invs->out, "User-Agent: Zuoxi/" ZX_VERSION "\r\n");
	if (inv->extra)
		err |= mbuf_write_str(invs->out, inv->extra);
	if (inv->auth)
		err |= mbuf_write_str(invs->out, inv->auth);
	err |= zx_out_body(invs->out, "application/sdp", body);
	if (err)
		return ENOMEM;
	inv->ct_cseq = inv->dlg.lseq;
	inv->ct_branch = branch;
	err = zx_ctrans_open(&inv->ct, invs, "INVITE", branch, &inv->dlg.hop, invite_response, inv);
	if (err)
		return err;
	zx_ctrans_dialog(inv->ct, inv->dlg.fixed_hop, NULL);
	if (!body)
		zx_ctrans_ack_wait(inv->ct);
	return 0;
}

/* Host part, with its port, of a Contact of ours. */
static struct pl own_host(const struct zx_inv *inv)
{
	const char *at = strchr(inv->contact, '@');
	struct pl host;

	pl_set_str(&host, at ? at + 1 : inv->contact + 4);
	host.l = strcspn(host.p, ";>");
	return host;
}

/* Who calls, for a trunk: what may be shown, what it must know, who sent the call on. */
static int identity_write(struct mbuf *mb, const struct zx_inv *inv, const struct zx_inv_caller *c)
{
	const struct pl host = own_host(inv);
	int err = 0;

	if (c->asserted) {
		err |= mbuf_write_str(mb, "P-Asserted-Identity: <sip:");
		err |= zx_out_user(mb, c->asserted);
		err |= zx_out_pl(mb, "@", &host, ">\r\n");
	}
	if (c->diverted) {
		err |= mbuf_write_str(mb, "Diversion: <sip:");
		err |= zx_out_user(mb, c->diverted);
		err |= zx_out_pl(mb, "@", &host, ">;reason=unconditional\r\n");
	}
	if (c->anonymous)
		err |= mbuf_write_str(mb, "Privacy: id\r\n");
	return err;
}

static int extra_write(struct zx_inv *inv, const struct zx_inv_caller *c)
{
	struct mbuf *mb;
	int err = 0;

	if (!c->callid_ref && !c->auto_answer && !c->asserted && !c->diverted && !c->anonymous)
		return 0;
	mb = mbuf_alloc(128);
	if (!mb)
		return ENOMEM;
	err = identity_write(mb, inv, c);
	if (c->auto_answer)
		err |= zx_out(mb, "Call-Info: <sip:%s>;answer-after=0\r\nAlert-Info: <http://localhost>;info=alert-autoanswer\r\n",
			      c->user && *c->user ? "auto" : "anonymous");
	if (c->callid_ref) {
		err |= mbuf_write_str(mb, "X-Zuoxi-Call: ");
		err |= zx_out_user(mb, c->callid_ref);
		err |= mbuf_write_str(mb, "\r\n");
	}
	mb->pos = 0;
	if (!err)
		err = mbuf_strdup(mb, &inv->extra, mb->end);
	mem_deref(mb);
	return err;
}

struct route_to { /* a target, resolved */
	char uri[URI_SZ];
	const char *path, *ext;
	struct zx_hop hop;
	int64_t peer_id;
	bool trunk;
};

static int target_resolve(struct route_to *r, struct zx_sip *s, const struct zx_inv_target *t)
{
	const struct zx_peer *peer;
	struct zx_flow f = {0};
	struct mbuf *mb;
	int err;

	memset(r, 0, sizeof(*r));
	if (t->binding) {
		struct pl uri;

		zx_binding_flow(t->binding, &f);
		pl_set_str(&uri, f.uri);
		if (!zx_uri_ok(&uri) || uri.l >= sizeof(r->uri))
			return EBADMSG;
		memcpy(r->uri, f.uri, uri.l + 1);
		r->path = f.path;
		r->ext = zx_binding_ext(t->binding);
		r->hop = (struct zx_hop){.tp = f.tp, .src = f.src, .dst = f.dst};
		return 0;
	}
	if (!sa_isset(&t->peer, SA_ALL) || !t->user)
		return EINVAL;
	r->trunk = true;
	r->hop.tp = SIP_TRANSP_UDP;
	r->hop.dst = t->peer;
	peer = s->dir.peer ? s->dir.peer(&t->peer, s->dir.arg) : NULL;
	r->peer_id = peer ? peer->id : 0;
	err = zx_edge_laddr(s, &r->hop.src, SIP_TRANSP_UDP, &t->peer);
	if (err)
		return err;
	mb = mbuf_alloc(128);
	if (!mb)
		return ENOMEM;
	err = mbuf_write_str(mb, "sip:");
	err |= zx_out_user(mb, t->user);
	err |= mbuf_printf(mb, "@%J", &t->peer);
	if (!err && mb->end < sizeof(r->uri))
		memcpy(r->uri, mb->buf, mb->end);
	else
		err = EINVAL;
	mem_deref(mb);
	return err;
}

/* From and To of a new dialog. */
static int parties_write(struct zx_inv *inv, const struct zx_inv_caller *c, const struct route_to *r)
{
	struct zx_dlg *d = &inv->dlg;
	struct mbuf *mb = mbuf_alloc(256);
	struct pl uri, contact;
	struct uri u, own;
	int err;

	if (!mb)
		return ENOMEM;
	pl_set_str(&uri, r->uri);
	pl_set_str(&contact, inv->contact);
	err = uri_decode(&u, &uri);
	err |= uri_decode(&own, &contact);
	if (err) {
		mem_deref(mb);
		return EBADMSG;
	}
	if (c->name && *c->name && !c->anonymous) {
		err |= zx_out_name(mb, c->name);
		err |= mbuf_write_u8(mb, ' ');
	}
	err |= mbuf_write_str(mb, "<sip:");
	err |= zx_out_user(mb, c->user && *c->user && !c->anonymous ? c->user : "anonymous");
	err |= zx_out(mb, "@%s%.*s%s>;tag=%s", own.af == AF_INET6 ? "[" : "", (int)own.host.l, own.host.p, own.af == AF_INET6 ? "]" : "",
		      d->ltag);
	mb->pos = 0;
	if (!err)
		err = mbuf_strdup(mb, &d->local, mb->end);
	mb->pos = mb->end = 0;
	err |= mbuf_write_str(mb, "<sip:");
	if (r->ext && *r->ext)
		err |= zx_out_user(mb, r->ext);
	else
		err |= zx_out_pl(mb, "", &u.user, "");
	err |= zx_out(mb, "%s%s%.*s%s>", u.user.l || (r->ext && *r->ext) ? "@" : "", u.af == AF_INET6 ? "[" : "", (int)u.host.l, u.host.p,
		      u.af == AF_INET6 ? "]" : "");
	mb->pos = 0;
	if (!err)
		err = mbuf_strdup(mb, &d->remote, mb->end);
	mem_deref(mb);
	return err;
}

static int dialog_new(struct zx_inv *inv, const struct zx_inv_caller *c, const struct route_to *r)
{
	struct zx_sip *s = inv->invs->s;
	struct zx_dlg *d = &inv->dlg;
	struct mbuf *user = mbuf_alloc(64);
	char contact[256], text[3 * ZX_NUM_LEN] = "";
	int err;

	if (!user)
		return ENOMEM;
	err = zx_out_user(user, c->user ? c->user : "");
	snprintf(text, sizeof(text), "%.*s", (int)user->end, (const char *)user->buf);
	mem_deref(user);
	d->hop = r->hop;
	d->fixed_hop = !r->trunk;
	d->lseq = (uint16_t)rand_u64() | 1;
	snprintf(d->ltag, sizeof(d->ltag), "%016llx", (unsigned long long)rand_u64());
	if (!err)
		err = zx_edge_contact_at(s, contact, sizeof(contact), text, r->hop.tp, &r->hop.src, &r->hop.dst);
	if (!err)
		err = str_dup(&inv->contact, contact);
	if (!err)
		err = str_dup(&d->target, r->uri);
	snprintf(text, sizeof(text), "%016llx%08x", (unsigned long long)rand_u64(), (uint32_t)rand_u64());
	if (!err)
		err = str_dup(&d->callid, text);
	if (!err && r->path && *r->path)
		err = re_sdprintf(&d->routes, "Route: %s\r\n", r->path);
	return err ? err : parties_write(inv, c, r);
}

int zx_inv_connect(struct zx_inv **ip, struct zx_sip *s, const struct zx_inv_target *t, const struct zx_inv_caller *c,
		   const struct zx_sdp *offer, const struct zx_inv_handlers *h, void *arg)
{
	struct route_to r;
	struct zx_inv *inv;
	struct mbuf *body = NULL;
	int err;

	if (!ip || !s->invs || !t || !c)
		return EINVAL;
	err = target_resolve(&r, s, t);
	if (err)
		return err;
	err = zx_leg_alloc(&inv, s->invs, true);
	if (err)
		return err;
	inv->trunk = r.trunk;
	inv->peer_id = r.peer_id;
	inv->initial_late = !offer;
	if (r.ext)
		err = str_dup(&inv->account, r.ext);
	if (!err)
		err = dialog_new(inv, c, &r);
	if (!err)
		err = extra_write(inv, c);
	if (!err && c->auth_user && *c->auth_user)
		err = str_dup(&inv->auth_user, c->auth_user) | str_dup(&inv->auth_secret, c->auth_secret ? c->auth_secret : "");
	if (!err && offer)
		err = zx_leg_sdp(inv, &body, offer);
	if (!err)
		err = invite_send(inv, body);
	mem_deref(body);
	if (err) {
		mem_deref(inv);
		return err;
	}
	if (offer)
		(void)zx_oa_event(inv, ZX_OE_SEND);
	zx_inv_handle(inv, h, arg);
	zx_leg_link(inv);
	*ip = inv;
	return 0;
}

int zx_inv_target_laddr(struct zx_sip *s, const struct zx_inv_target *t, struct sa *laddr)
{
	struct route_to r;
	int err;

	err = target_resolve(&r, s, t);
	if (!err)
		*laddr = r.hop.src;
	return err;
}

bool zx_inv_heard(const struct zx_inv *inv)
{
	return inv->heard;
}

/* ---- responses ---- */

static int prack_send(struct zx_inv *inv, struct zx_early *e, const struct mbuf *body)
{
	struct zx_invs *invs = inv->invs;
	const uint64_t branch = rand_u64();
	int err;

	err = zx_dlg_begin(invs, &e->dlg, "PRACK", ++e->dlg.lseq, branch);
	err |= zx_out(invs->out, "RAck: %u %u INVITE\r\n", e->rseq, inv->ct_cseq);
	err |= zx_out_body(invs->out, "application/sdp", body);
	return err ? ENOMEM : zx_ctrans_open(NULL, invs, "PRACK", branch, &e->dlg.hop, NULL, NULL);
}

/* Description in a reliable response; true when it is news for the owner. */
static bool early_sdp(struct zx_inv *inv, struct zx_early *e, const struct zx_sdp *sdp)
{
	if (e->answered || e->prack_due)
		return false;
	if (inv->initial_late) {
		if (zx_oa_event(inv, ZX_OE_RECV))
			return false; /* another branch's offer is open; only one can be served */
		e->prack_due = true;
		return true;
	}
	e->answered = true;
	e->sdp = mem_deref(e->sdp);
	e->sdp = mem_zalloc(sizeof(*e->sdp), NULL);
	if (e->sdp)
		*e->sdp = *sdp;
	if (inv->oa == ZX_OA_SENT)
		(void)zx_oa_event(inv, ZX_OE_GOT_ANSWER);
	return true;
}

static void progress_in(struct zx_inv *inv, const struct sip_msg *msg)
{
	const bool reliable = sip_msg_hdr_has_value(msg, SIP_HDR_REQUIRE, "100rel");
	struct zx_early *e;
	struct zx_sdp sdp;
	uint32_t rseq = 0;
	bool have;

	if (msg->scode == 100)
		return;
	e = early_get(inv, msg);
	if (reliable) {
		if (!e || !zx_hdr_u32(msg, SIP_HDR_RSEQ, &rseq) || (e->rseq && rseq != e->rseq + 1))
			return; /* a repeated one, or one too early: RFC 3262 4 */
		e->rseq = rseq;
	}
	zx_leg_peer(inv, msg);
	have = !zx_msg_sdp(&sdp, msg);
	if (have && reliable)
		have = early_sdp(inv, e, &sdp);
	else if (have)
		have = !inv->initial_late && !(e && e->answered);
	(void)zx_leg_event(inv, ZX_LE_PROGRESS, msg->scode, NULL, msg);
	if (reliable && !e->prack_due)
		(void)prack_send(inv, e, NULL);
	if (have)
		inv->told_early = e;
	if (inv->h && inv->h->progressed)
		inv->h->progressed(inv, msg->scode, have ? &sdp : NULL, inv->arg);
}

/* Takes over the dialog this 2xx makes. *told: the owner has its answer already; *kept: or it is here. */
static int dialog_confirm(struct zx_inv *inv, const struct sip_msg *msg, bool *answered, bool *told, struct zx_sdp **kept)
{
	struct zx_early *e = early_find(inv, msg);
	uint32_t rseq = 0;
	int err;

	if (e) {
		*answered = e->answered;
		*told = inv->told_early == e;
		*kept = mem_ref(e->sdp);
		inv->dlg.lseq = MAX(inv->dlg.lseq, e->dlg.lseq);
		rseq = e->dlg.rseq;
		mem_deref(inv->dlg.target);
		inv->dlg.target = mem_ref(e->dlg.target);
	}
	err = zx_dlg_uac(&inv->dlg, msg, &inv->dlg.hop, inv->dlg.fixed_hop);
	inv->dlg.rseq = rseq;
	inv->told_early = NULL;
	zx_early_free(inv);
	return err;
}

static void answered_tell(struct zx_inv *inv, const struct zx_sdp *sdp)
{
	if (inv->h && inv->h->answered)
		inv->h->answered(inv, sdp, inv->arg);
}

/* 2xx to the offer in our INVITE. */
static void answered_offer(struct zx_inv *inv, const struct sip_msg *msg, bool answered, bool told, const struct zx_sdp *kept)
{
	struct zx_sdp sdp;
	bool have = false;

	(void)zx_dlg_ack(inv->invs, &inv->dlg, inv->ct_cseq, NULL, NULL);
	(void)zx_leg_event(inv, ZX_LE_ANSWER, msg->scode, NULL, msg);
	zx_se_response(inv, msg);
	if (!answered) {
		have = !zx_msg_sdp(&sdp, msg);
		if (!have) {
			(void)zx_leg_event(inv, ZX_LE_TIMEOUT, 488, "No answer in 2xx", NULL);
			return;
		}
		if (inv->oa == ZX_OA_SENT)
			(void)zx_oa_event(inv, ZX_OE_GOT_ANSWER);
	}
	answered_tell(inv, have ? &sdp : told ? NULL : kept);
}

/* 2xx to an INVITE without offer. */
static void answered_late(struct zx_inv *inv, const struct sip_msg *msg)
{
	struct zx_sdp sdp;

	if (inv->oa == ZX_OA_IDLE) { /* settled by PRACK */
		ack_plain(inv);
		(void)zx_leg_event(inv, ZX_LE_ANSWER, msg->scode, NULL, msg);
		zx_se_response(inv, msg);
		answered_tell(inv, NULL);
		return;
	}
	(void)zx_leg_event(inv, ZX_LE_OFFERED, msg->scode, NULL, msg);
	if (zx_msg_sdp(&sdp, msg) || zx_oa_event(inv, ZX_OE_RECV)) {
		inv->end_scode = 488;
		(void)zx_leg_event(inv, ZX_LE_TIMEOUT, 488, "No offer in 2xx", NULL);
		return;
	}
	zx_se_response(inv, msg);
	answered_tell(inv, &sdp);
}

static void answered_in(struct zx_inv *inv, const struct sip_msg *msg)
{
	bool answered = false, told = false;
	struct zx_sdp *kept = NULL;

	zx_leg_peer(inv, msg);
	if (dialog_confirm(inv, msg, &answered, &told, &kept))
		(void)zx_leg_event(inv, ZX_LE_FAIL, 502, "Unusable 2xx", msg);
	else if (inv->initial_late)
		answered_late(inv, msg);
	else
		answered_offer(inv, msg, answered, told, kept);
	mem_deref(kept);
}

/* A challenge that we can answer, and have not answered yet: one that comes again means that the password is wrong. */
static bool challenged(struct zx_inv *inv, const struct sip_msg *msg)
{
	char *line;
	bool stale = false;

	if (!inv->auth_user || inv->auth_stale ||
	    zx_uac_auth(&line, &stale, msg, "INVITE", inv->dlg.target, inv->auth_user, inv->auth_secret))
		return false;
	if (inv->auth && !stale) {
		mem_deref(line);
		return false;
	}
	inv->auth_stale = inv->auth != NULL;
	mem_deref(inv->auth);
	inv->auth = line;
	return true;
}

/* 422: once more with the interval they want; 401, 407: with our password. */
static bool invite_again(struct zx_inv *inv, const struct sip_msg *msg)
{
	const bool challenge = msg->scode == 401 || msg->scode == 407;
	struct mbuf *body = NULL;
	int err = 0;

	if (challenge ? !challenged(inv, msg) : msg->scode != 422 || !zx_se_too_small(inv, msg) || ++inv->tries >= TRIES_MAX)
		return false;
	if (!inv->initial_late)
		err = zx_leg_sdp_again(inv, &body);
	zx_early_free(inv);
	inv->told_early = NULL;
	if (!err)
		err = invite_send(inv, body);
	mem_deref(body);
	return !err;
}

static void failed_in(struct zx_inv *inv, const struct sip_msg *msg)
{
	char reason[64];
	struct pl pl = msg->reason;

	pl.l = MIN(pl.l, sizeof(reason) - 1);
	zx_name_decode(reason, sizeof(reason), &pl);
	(void)zx_leg_event(inv, ZX_LE_FAIL, msg->scode, reason, msg);
}

static void invite_response(int err, const struct sip_msg *msg, void *arg)
{
	struct zx_inv *inv = arg;

	mem_ref(inv);
	inv->heard = inv->heard || !err;
	if (err == ETIMEDOUT)
		(void)zx_leg_event(inv, ZX_LE_FAIL, 408, "Request Timeout", NULL);
	else if (err)
		(void)zx_leg_event(inv, ZX_LE_FAIL, 503, "Unreachable", NULL);
	else if (msg->scode < 200)
		progress_in(inv, msg);
	else if (msg->scode < 300)
		answered_in(inv, msg);
	else if (!invite_again(inv, msg))
		failed_in(inv, msg);
	mem_deref(inv);
}

int zx_inv_ack_answer(struct zx_inv *inv, const struct zx_sdp *answer)
{
	struct zx_early *due = NULL;
	struct mbuf *body, *ack = NULL;
	int err;

	if (!inv->uac || !answer || inv->oa != ZX_OA_RECV || inv->state > ZX_LEG_ANSWERED)
		return EPROTO;
	for (struct le *le = inv->early.head; le; le = le->next) {
		struct zx_early *e = le->data;

		if (e->prack_due)
			due = e;
	}
	if (!due && inv->state != ZX_LEG_ANSWERED)
		return EPROTO;
	err = zx_leg_sdp(inv, &body, answer);
	if (err)
		return err;
	(void)zx_oa_event(inv, ZX_OE_SENT_ANSWER);
	if (due) {
		due->prack_due = false;
		due->answered = true;
		err = prack_send(inv, due, body);
	} else {
		err = zx_dlg_ack(inv->invs, &inv->dlg, inv->ct_cseq, body, &ack);
		if (ack)
			zx_trans_ack_keep(inv->invs, inv->ct_branch, ack);
		mem_deref(ack);
		(void)zx_leg_event(inv, ZX_LE_ACK, 0, NULL, NULL);
	}
	mem_deref(body);
	return err;
}
