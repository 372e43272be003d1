/*
 * Transactions of the INVITE legs (RFC 3261 17, RFC 6026). Unlike libre's they leave by the address named in the Via, and what stays
 * of them for the 32 s after their end is small: the final response of a server transaction, next to nothing of a client transaction.
 *
 * All that waits only to be forgotten stands in one of two queues of constant delay, so that no timer each is needed.
 */
#include "sip/inv_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 8192, MET_SZ = 12, FORKS = 4 };

struct wait_queue {
	struct list l;
	struct tmr tmr;
	uint32_t delay;
};

struct zx_trans_table {
	struct hash *server, *client;
	struct wait_queue life, brief; /* 64*T1 and T4 */
	unsigned count;
};

struct trans { /* head of both kinds */
	struct le he, wait;
	uint64_t gone_at;
	struct zx_invs *invs;
	struct tmr tmr;
	struct zx_hop hop;
	uint64_t until;
	uint32_t interval;
};

enum state { TRYING, PROCEEDING, COMPLETED, CONFIRMED, ACCEPTED };

struct zx_strans {
	struct trans t;
	struct zx_strans **holder;
	void *sock;
	char *id;
	char *head;
	struct mbuf *resp;
	zx_cancel_h *cancelh;
	void *arg;
	enum state state;
	char met[MET_SZ];
	char ltag[ZX_TAG_SZ];
};

struct zx_ctrans {
	struct trans t;
	struct zx_ctrans **holder;
	uint64_t branch;
	const char *met; /* static */
	struct mbuf *req;
	struct mbuf *ack;
	zx_resp_h *h;
	void *arg;
	char *cancel_hdrs;
	char *rtag; /* dialog whose 2xx only want an ACK */
	uint32_t forks[FORKS], forkc;
	enum state state;
	bool invite, cancel, fixed_hop, ack_wait;
};

static void trans_close(struct trans *t)
{
	tmr_cancel(&t->tmr);
	hash_unlink(&t->he);
	list_unlink(&t->wait);
	t->invs->trans->count--;
}

static void strans_destructor(void *arg)
{
	struct zx_strans *st = arg;

	trans_close(&st->t);
	if (st->holder)
		*st->holder = NULL;
	mem_deref(st->sock);
	mem_deref(st->id);
	mem_deref(st->head);
	mem_deref(st->resp);
}

static void ctrans_destructor(void *arg)
{
	struct zx_ctrans *ct = arg;

	trans_close(&ct->t);
	if (ct->holder)
		*ct->holder = NULL;
	mem_deref(ct->req);
	mem_deref(ct->ack);
	mem_deref(ct->rtag);
	mem_deref(ct->cancel_hdrs);
}

/* ---- waiting to be forgotten ---- */

static void queue_handler(void *arg)
{
	struct wait_queue *q = arg;
	const uint64_t now = tmr_jiffies();
	struct le *le;

	while ((le = q->l.head)) {
		struct trans *t = le->data;

		if (t->gone_at > now) {
			tmr_start(&q->tmr, t->gone_at - now, queue_handler, q);
			return;
		}
		mem_deref(t);
	}
}

static void queue_add(struct wait_queue *q, struct trans *t)
{
	tmr_cancel(&t->tmr);
	list_unlink(&t->wait);
	t->gone_at = tmr_jiffies() + q->delay;
	list_append(&q->l, &t->wait, t);
	if (!tmr_isrunning(&q->tmr))
		tmr_start(&q->tmr, q->delay, queue_handler, q);
}

static void table_destructor(void *arg)
{
	struct zx_trans_table *tt = arg;

	tmr_cancel(&tt->life.tmr);
	tmr_cancel(&tt->brief.tmr);
	hash_flush(tt->server);
	hash_flush(tt->client);
	mem_deref(tt->server);
	mem_deref(tt->client);
}

int zx_trans_init(struct zx_trans_table **tp, struct zx_invs *invs)
{
	struct zx_trans_table *tt = mem_zalloc(sizeof(*tt), table_destructor);
	int err;

	(void)invs;
	if (!tt)
		return ENOMEM;
	tt->life.delay = ZX_TX_LIFE;
	tt->brief.delay = ZX_T4;
	err = hash_alloc(&tt->server, BUCKETS);
	if (!err)
		err = hash_alloc(&tt->client, BUCKETS);
	if (err)
		mem_deref(tt);
	else
		*tp = tt;
	return err;
}

unsigned zx_trans_count(const struct zx_invs *invs)
{
	return invs->trans->count;
}

static bool reliable(enum sip_transp tp)
{
	return tp != SIP_TRANSP_UDP;
}

/* A full socket buffer is a lost datagram: the retransmission mends it. */
static int send_to(struct zx_invs *invs, void *sock, const struct zx_hop *hop, struct mbuf *mb)
{
	int err;

	mb->pos = 0;
	err = sip_send(invs->s->sip, sock, hop->tp, &hop->dst, mb);
	if (!reliable(hop->tp) && (err == EAGAIN || err == ENOBUFS || err == ENOMEM || err == ECONNREFUSED))
		err = 0;
	return err;
}

static void trans_open(struct trans *t, struct zx_invs *invs, struct hash *ht, uint32_t key, void *data)
{
	t->invs = invs;
	tmr_init(&t->tmr);
	hash_append(ht, key, &t->he, data);
	invs->trans->count++;
}

/* ---- server ---- */

static bool branch_rfc3261(const struct pl *branch)
{
	return branch->l > 7 && !strncasecmp(branch->p, "z9hG4bK", 7);
}

static int server_id(char *buf, size_t sz, const struct sip_msg *msg)
{
	const struct pl *b = &msg->via.branch;
	int n;

	if (branch_rfc3261(b))
		n = snprintf(buf, sz, "%.*s|%.*s", (int)b->l, b->p, (int)msg->via.sentby.l, msg->via.sentby.p);
	else
		n = snprintf(buf, sz, "%.*s|%.*s|%u", (int)msg->callid.l, msg->callid.p, (int)msg->from.tag.l, msg->from.tag.p,
			     msg->cseq.num);
	return n > 0 && (size_t)n < sz ? 0 : EBADMSG;
}

static struct zx_strans *server_find(struct zx_invs *invs, const char *id, const struct pl *met)
{
	struct le *le = list_head(hash_list(invs->trans->server, hash_joaat_str(id)));

	for (; le; le = le->next) {
		struct zx_strans *st = le->data;

		if (!strcmp(st->id, id) && !pl_strcmp(met, st->met))
			return st;
	}
	return NULL;
}

/* What every response to this request repeats of it (RFC 3261 8.2.6). */
static int head_write(struct mbuf *mb, const struct sip_msg *msg, const char *ltag)
{
	bool top = true;
	int err = 0;

	for (struct le *le = msg->hdrl.head; le; le = le->next) {
		const struct sip_hdr *hdr = le->data;
		struct pl rp;

		switch (hdr->id) {
		case SIP_HDR_VIA:
			err |= mbuf_write_str(mb, "Via: ");
			if (!top) {
				err |= zx_out_pl(mb, "", &hdr->val, "\r\n");
				break;
			}
			top = false;
			if (!msg_param_exists(&msg->via.params, "rport", &rp)) {
				err |= mbuf_write_pl_skip(mb, &hdr->val, &rp);
				err |= mbuf_printf(mb, ";rport=%u;received=%j\r\n", sa_port(&msg->src), &msg->src);
			} else {
				err |= zx_out_pl(mb, "", &hdr->val, "");
				if (!sa_cmp(&msg->src, &msg->via.addr, SA_ADDR))
					err |= mbuf_printf(mb, ";received=%j", &msg->src);
				err |= mbuf_write_str(mb, "\r\n");
			}
			break;
		case SIP_HDR_TO:
			err |= zx_out_pl(mb, "To: ", &hdr->val, "");
			if (!pl_isset(&msg->to.tag))
				err |= zx_out(mb, ";tag=%s", ltag);
			err |= mbuf_write_str(mb, "\r\n");
			break;
		case SIP_HDR_RECORD_ROUTE:
		case SIP_HDR_FROM:
		case SIP_HDR_CALL_ID:
		case SIP_HDR_CSEQ:
			err |= zx_out_pl(mb, "", &hdr->name, ": ");
			err |= zx_out_pl(mb, "", &hdr->val, "\r\n");
			break;
		default:
			break;
		}
	}
	return err;
}

int zx_strans_open(struct zx_strans **stp, struct zx_invs *invs, const struct sip_msg *msg, const char *ltag, zx_cancel_h *h, void *arg)
{
	struct zx_strans *st;
	struct pl met = msg->met;
	char id[ZX_VALUE_MAX];
	int err;

	if (server_id(id, sizeof(id), msg) || met.l >= MET_SZ)
		return EBADMSG;
	st = mem_zalloc(sizeof(*st), strans_destructor);
	if (!st)
		return ENOMEM;
	trans_open(&st->t, invs, invs->trans->server, hash_joaat_str(id), st);
	(void)pl_strcpy(&met, st->met, sizeof(st->met));
	snprintf(st->ltag, sizeof(st->ltag), "%s", ltag);
	st->t.hop = (struct zx_hop){.tp = msg->tp, .src = msg->dst, .dst = msg->src};
	sip_reply_addr(&st->t.hop.dst, msg, !msg_param_exists(&msg->via.params, "rport", &met));
	st->sock = mem_ref(msg->sock);
	st->cancelh = h;
	st->arg = arg;
	err = str_dup(&st->id, id);
	if (!err) {
		invs->out->pos = invs->out->end = 0;
		err = head_write(invs->out, msg, ltag);
		invs->out->pos = 0;
		if (!err)
			err = mbuf_strdup(invs->out, &st->head, invs->out->end);
	}
	if (err) {
		mem_deref(st);
		return err;
	}
	st->holder = stp;
	*stp = st;
	return 0;
}

void zx_strans_hold(struct zx_strans *st, struct zx_strans **holder)
{
	st->holder = holder;
	*holder = st;
}

const struct zx_hop *zx_strans_hop(const struct zx_strans *st, void **sock)
{
	*sock = st->sock;
	return &st->t.hop;
}

void zx_strans_resend(const struct zx_hop *hop, void *sock, struct zx_invs *invs, struct mbuf *mb)
{
	(void)send_to(invs, sock, hop, mb);
}

int zx_strans_begin(struct zx_strans *st, uint16_t scode, const char *reason)
{
	struct mbuf *mb = st->t.invs->out;
	int err;

	if (!reason || !*reason)
		reason = zx_reason_default(scode);
	mb->pos = mb->end = 0;
	err = zx_out(mb, "SIP/2.0 %u ", scode);
	for (const char *p = reason; *p && !err; p++)
		err = mbuf_write_u8(mb, (uint8_t)*p < 0x20 || *p == 0x7f ? ' ' : (uint8_t)*p);
	err |= mbuf_write_str(mb, "\r\n");
	err |= mbuf_write_str(mb, st->head);
	return err;
}

static void server_retransmit(void *arg)
{
	struct zx_strans *st = arg;

	if (tmr_jiffies() >= st->t.until) {
		mem_deref(st);
		return;
	}
	(void)send_to(st->t.invs, st->sock, &st->t.hop, st->resp);
	st->t.interval = MIN(st->t.interval * 2, (uint32_t)ZX_T2);
	tmr_start(&st->t.tmr, st->t.interval, server_retransmit, st);
}

static void server_timeout(void *arg)
{
	mem_deref(arg);
}

static void server_completed(struct zx_strans *st, bool invite, uint16_t scode)
{
	struct zx_trans_table *tt = st->t.invs->trans;

	st->head = mem_deref(st->head);
	st->cancelh = NULL;
	if (st->holder) {
		*st->holder = NULL;
		st->holder = NULL;
	}
	if (invite && scode >= 300) {
		st->state = COMPLETED;
		if (reliable(st->t.hop.tp)) {
			tmr_start(&st->t.tmr, ZX_TX_LIFE, server_timeout, st);
			return;
		}
		st->t.until = tmr_jiffies() + ZX_TX_LIFE;
		st->t.interval = ZX_T1;
		tmr_start(&st->t.tmr, ZX_T1, server_retransmit, st);
	} else if (invite) {
		/* the leg repeats its 2xx; here it only has to be known for a repeated INVITE */
		st->state = ACCEPTED;
		st->resp = mem_deref(st->resp);
		st->sock = mem_deref(st->sock);
		queue_add(&tt->life, &st->t);
	} else if (reliable(st->t.hop.tp)) {
		mem_deref(st);
	} else {
		st->state = COMPLETED;
		queue_add(&tt->life, &st->t);
	}
}

int zx_strans_send(struct zx_strans *st, uint16_t scode)
{
	const bool invite = !strcmp(st->met, "INVITE");
	const bool keep = !(invite && scode >= 200 && scode < 300) && (invite || !reliable(st->t.hop.tp));
	int err;

	mem_deref(st->resp);
	st->resp = keep ? zx_out_copy(st->t.invs->out) : NULL;
	err = send_to(st->t.invs, st->sock, &st->t.hop, st->t.invs->out);
	if (scode >= 200)
		server_completed(st, invite, scode);
	else if (scode > 100 || st->state == TRYING)
		st->state = PROCEEDING;
	return err;
}

int zx_strans_reply(struct zx_strans *st, uint16_t scode, const char *reason, const char *extra)
{
	int err;

	err = zx_strans_begin(st, scode, reason);
	if (extra)
		err |= mbuf_write_str(st->t.invs->out, extra);
	err |= zx_out_body(st->t.invs->out, NULL, NULL);
	if (err && scode >= 200)
		mem_deref(st);
	return err ? err : zx_strans_send(st, scode);
}

static void server_acked(struct zx_strans *st)
{
	if (st->state != COMPLETED)
		return;
	st->state = CONFIRMED;
	st->resp = mem_deref(st->resp);
	st->sock = mem_deref(st->sock);
	if (reliable(st->t.hop.tp))
		mem_deref(st);
	else
		queue_add(&st->t.invs->trans->brief, &st->t);
}

static void server_cancel(struct zx_strans *st, const struct sip_msg *msg)
{
	((struct sip_msg *)msg)->tag = strtoull(st->ltag, NULL, 16);
	(void)sip_reply(st->t.invs->s->sip, msg, 200, "OK");
	if (st->cancelh && (st->state == TRYING || st->state == PROCEEDING))
		st->cancelh(st->arg);
}

bool zx_trans_request(struct zx_invs *invs, const struct sip_msg *msg)
{
	static const struct pl invite = PL("INVITE");
	const bool ack = zx_met_is(msg, "ACK"), cancel = zx_met_is(msg, "CANCEL");
	struct zx_strans *st;
	char id[ZX_VALUE_MAX];

	if (server_id(id, sizeof(id), msg))
		return false;
	st = server_find(invs, id, ack || cancel ? &invite : &msg->met);
	if (!st)
		return false;
	if (ack) {
		/* an RFC 2543 ACK to a 2xx has the same key: that one is the dialog's */
		if (st->state == ACCEPTED)
			return false;
		server_acked(st);
	} else if (cancel) {
		server_cancel(st, msg);
	} else if (st->resp) {
		(void)send_to(invs, st->sock, &st->t.hop, st->resp);
	}
	return true;
}

/* ---- client ---- */

static struct zx_ctrans *client_find(struct zx_invs *invs, uint64_t branch, const struct pl *met)
{
	struct le *le = list_head(hash_list(invs->trans->client, (uint32_t)branch));

	for (; le; le = le->next) {
		struct zx_ctrans *ct = le->data;

		if (ct->branch == branch && !pl_strcmp(met, ct->met))
			return ct;
	}
	return NULL;
}

static void client_tell(struct zx_ctrans *ct, int err, const struct sip_msg *msg, bool final)
{
	zx_resp_h *h = ct->h;

	if (final) {
		ct->h = NULL;
		if (ct->holder)
			*ct->holder = NULL;
		ct->holder = NULL;
	}
	if (h)
		h(err, msg, ct->arg);
}

static void client_fail(struct zx_ctrans *ct, int err)
{
	mem_ref(ct);
	client_tell(ct, err, NULL, true);
	mem_deref(ct);
	mem_deref(ct);
}

static void client_timer(void *arg);

static void client_timer_start(struct zx_ctrans *ct)
{
	const uint64_t now = tmr_jiffies();
	uint64_t wait = ct->t.until > now ? ct->t.until - now : 0;

	if (!reliable(ct->t.hop.tp) && ct->t.interval)
		wait = MIN(wait, (uint64_t)ct->t.interval);
	tmr_start(&ct->t.tmr, wait, client_timer, ct);
}

static void client_timer(void *arg)
{
	struct zx_ctrans *ct = arg;

	if (tmr_jiffies() >= ct->t.until) {
		client_fail(ct, ETIMEDOUT);
		return;
	}
	(void)send_to(ct->t.invs, NULL, &ct->t.hop, ct->req);
	ct->t.interval *= 2;
	if (!ct->invite)
		ct->t.interval = MIN(ct->t.interval, (uint32_t)ZX_T2);
	client_timer_start(ct);
}

int zx_ctrans_open(struct zx_ctrans **ctp, struct zx_invs *invs, const char *met, uint64_t branch, const struct zx_hop *hop, zx_resp_h *h,
		   void *arg)
{
	struct zx_ctrans *ct = mem_zalloc(sizeof(*ct), ctrans_destructor);
	int err;

	if (!ct)
		return ENOMEM;
	trans_open(&ct->t, invs, invs->trans->client, (uint32_t)branch, ct);
	ct->t.hop = *hop;
	ct->branch = branch;
	ct->met = met;
	ct->invite = !strcmp(met, "INVITE");
	ct->h = h;
	ct->arg = arg;
	ct->req = zx_out_copy(invs->out);
	err = ct->req ? send_to(invs, NULL, hop, ct->req) : ENOMEM;
	if (err) {
		mem_deref(ct);
		return err;
	}
	ct->t.until = tmr_jiffies() + ZX_TX_LIFE;
	ct->t.interval = ZX_T1;
	client_timer_start(ct);
	ct->holder = ctp;
	if (ctp)
		*ctp = ct;
	return 0;
}

void zx_ctrans_dialog(struct zx_ctrans *ct, bool fixed_hop, const char *known_rtag)
{
	ct->fixed_hop = fixed_hop;
	if (known_rtag)
		(void)str_dup(&ct->rtag, known_rtag);
}

/* CANCEL and the ACK to a failure repeat our request up to its To (or CSeq); nothing of ours before that line can look like it. */
static int client_repeat(struct zx_ctrans *ct, const char *met, const char *upto)
{
	struct mbuf *mb = ct->t.invs->out;
	const char *req = (const char *)ct->req->buf;
	const char *e = memmem(req, ct->req->end, upto, strlen(upto));
	const char *sp = memchr(req, ' ', ct->req->end);

	if (!e || !sp)
		return EINVAL;
	mb->pos = mb->end = 0;
	return mbuf_write_str(mb, met) | mbuf_write_mem(mb, (const uint8_t *)sp, (size_t)(e + 2 - sp));
}

static uint32_t client_cseq(const struct zx_ctrans *ct)
{
	const char *p = memmem(ct->req->buf, ct->req->end, "\r\nCSeq: ", 8);

	return p ? (uint32_t)strtoul(p + 8, NULL, 10) : 0;
}

static void client_cancel(struct zx_ctrans *ct)
{
	struct zx_invs *invs = ct->t.invs;

	ct->t.until = tmr_jiffies() + ZX_TX_LIFE;
	ct->t.interval = 0;
	client_timer_start(ct);
	if (client_repeat(ct, "CANCEL", "\r\nCSeq: "))
		return;
	if (zx_out(invs->out, "CSeq: %u CANCEL\r\n%s", client_cseq(ct), ct->cancel_hdrs ? ct->cancel_hdrs : "") ||
	    zx_out_body(invs->out, NULL, NULL))
		return;
	(void)zx_ctrans_open(NULL, invs, "CANCEL", ct->branch, &ct->t.hop, NULL, NULL);
}

void zx_ctrans_leave(struct zx_ctrans *ct, bool cancel, const char *cancel_hdrs)
{
	if (!ct)
		return;
	if (ct->holder)
		*ct->holder = NULL;
	ct->holder = NULL;
	ct->h = NULL;
	if (!cancel || !ct->invite || ct->cancel)
		return;
	ct->cancel = true;
	if (cancel_hdrs)
		(void)str_dup(&ct->cancel_hdrs, cancel_hdrs);
	if (ct->state == PROCEEDING)
		client_cancel(ct);
}

void zx_ctrans_ack_wait(struct zx_ctrans *ct)
{
	ct->ack_wait = true;
}

void zx_trans_ack_keep(struct zx_invs *invs, uint64_t branch, struct mbuf *ack)
{
	static const struct pl invite = PL("INVITE");
	struct zx_ctrans *ct = client_find(invs, branch, &invite);

	if (!ct)
		return;
	mem_deref(ct->ack);
	ct->ack = mem_ref(ack);
	ct->ack_wait = false;
}

/* A 2xx nobody waits for: its ACK once more, or, when it made a dialog we do not want, ACK and BYE. */
static void client_stray_2xx(struct zx_ctrans *ct, const struct sip_msg *msg)
{
	const bool known = ct->rtag && !pl_strcmp(&msg->to.tag, ct->rtag);
	const uint32_t key = hash_joaat_pl(&msg->to.tag);
	struct zx_invs *invs = ct->t.invs;
	struct zx_dlg d = {0};
	bool bye = !known;

	if (known && ct->ack_wait)
		return;
	if (known && ct->ack) {
		(void)send_to(invs, NULL, &ct->t.hop, ct->ack);
		return;
	}
	for (uint32_t i = 0; i < ct->forkc; i++)
		bye = bye && ct->forks[i] != key;
	if (bye && ct->forkc < FORKS)
		ct->forks[ct->forkc++] = key;
	else if (bye)
		return;
	d.lseq = msg->cseq.num;
	if (zx_dlg_uac(&d, msg, &ct->t.hop, ct->fixed_hop))
		return;
	(void)zx_dlg_ack(invs, &d, msg->cseq.num, NULL, NULL);
	if (bye)
		(void)zx_dlg_send(NULL, invs, &d, "BYE", NULL, NULL, NULL);
	zx_dlg_clear(&d);
}

static void client_invite_fail(struct zx_ctrans *ct, const struct sip_msg *msg)
{
	struct zx_invs *invs = ct->t.invs;

	tmr_cancel(&ct->t.tmr);
	ct->state = COMPLETED;
	if (!client_repeat(ct, "ACK", "\r\nTo: ") && !zx_out_pl(invs->out, "To: ", &msg->to.val, "\r\n") &&
	    !zx_out(invs->out, "CSeq: %u ACK\r\n", client_cseq(ct)) && !zx_out_body(invs->out, NULL, NULL)) {
		ct->ack = reliable(ct->t.hop.tp) ? NULL : zx_out_copy(invs->out);
		(void)send_to(invs, NULL, &ct->t.hop, invs->out);
	}
	ct->req = mem_deref(ct->req);
	client_tell(ct, 0, msg, true);
	if (reliable(ct->t.hop.tp))
		mem_deref(ct);
	else
		queue_add(&invs->trans->life, &ct->t);
}

static void client_invite_2xx(struct zx_ctrans *ct, const struct sip_msg *msg)
{
	tmr_cancel(&ct->t.tmr);
	ct->req = mem_deref(ct->req);
	ct->state = ACCEPTED;
	queue_add(&ct->t.invs->trans->life, &ct->t);
	if (!ct->h) {
		client_stray_2xx(ct, msg);
		return;
	}
	if (!ct->rtag)
		(void)pl_strdup(&ct->rtag, &msg->to.tag);
	client_tell(ct, 0, msg, true);
}

static void client_invite_response(struct zx_ctrans *ct, const struct sip_msg *msg)
{
	switch (ct->state) {
	case TRYING:
	case PROCEEDING:
		if (msg->scode >= 300) {
			client_invite_fail(ct, msg);
		} else if (msg->scode >= 200) {
			client_invite_2xx(ct, msg);
		} else {
			if (ct->state == TRYING) {
				tmr_cancel(&ct->t.tmr);
				ct->state = PROCEEDING;
				if (ct->cancel)
					client_cancel(ct);
			}
			client_tell(ct, 0, msg, false);
		}
		break;
	case ACCEPTED:
		if (msg->scode >= 200 && msg->scode < 300)
			client_stray_2xx(ct, msg);
		break;
	default:
		if (msg->scode >= 300 && ct->ack)
			(void)send_to(ct->t.invs, NULL, &ct->t.hop, ct->ack);
		break;
	}
}

static void client_response(struct zx_ctrans *ct, const struct sip_msg *msg)
{
	if (ct->state == COMPLETED)
		return;
	if (msg->scode < 200) {
		ct->state = PROCEEDING;
		ct->t.interval = ZX_T2;
		return;
	}
	ct->state = COMPLETED;
	tmr_cancel(&ct->t.tmr);
	ct->req = mem_deref(ct->req);
	client_tell(ct, 0, msg, true);
	if (reliable(ct->t.hop.tp))
		mem_deref(ct);
	else
		queue_add(&ct->t.invs->trans->brief, &ct->t);
}

bool zx_trans_response(struct zx_invs *invs, const struct sip_msg *msg)
{
	const struct pl *b = &msg->via.branch;
	struct zx_ctrans *ct;
	struct pl hex;

	if (b->l != 25 || memcmp(b->p, "z9hG4bKzx", 9))
		return false;
	hex = (struct pl){b->p + 9, 16};
	ct = client_find(invs, pl_x64(&hex), &msg->cseq.met);
	if (!ct)
		return false;
	mem_ref(ct);
	if (ct->invite)
		client_invite_response(ct, msg);
	else
		client_response(ct, msg);
	mem_deref(ct);
	return true;
}
