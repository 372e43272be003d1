/* The SIP edge: life, checks of form, dispatch. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "sip/ban.h"
#include "sip/check.h"
#include "sip/nat.h"
#include "sip/registrar.h"
#include "sip/reply.h"
#include "sip/transport.h"
#include "sip/trunk.h"

enum { TRANSACTIONS = 4096 };

/* ---- requests ---- */

typedef void(method_h)(struct zx_sip *s, const struct sip_msg *msg);

static void on_invite(struct zx_sip *s, const struct sip_msg *msg)
{
	if (s->draining || (s->conf->call_max && zx_inv_count(s) / 2 >= s->conf->call_max)) {
		(void)zx_reply(msg, 503, "Service Unavailable", s->draining ? "Retry-After: 30\r\n" : "Retry-After: 5\r\n");
		return;
	}
	zx_invs_request(s, msg);
}

static void on_no_dialog(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)zx_reply(msg, 481, "Call/Transaction Does Not Exist", "");
}

static void on_event(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)zx_reply(msg, 489, "Bad Event", "Allow-Events: refer\r\n");
}

static void on_not_allowed(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)zx_reply(msg, 405, "Method Not Allowed", "Allow: " ZX_SIP_ALLOW "\r\n");
}

static void on_ack(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)zx_invs_in_dialog(s, msg);
}

/* Requests without a To tag. */
static const struct {
	const char *met;
	method_h *h;
} methods[] = {
    {"REGISTER", zx_register_request},
    {"INVITE", on_invite},
    {"ACK", on_ack},
    {"OPTIONS", zx_options_request},
    {"CANCEL", on_no_dialog},
    {"BYE", on_no_dialog},
    {"INFO", on_no_dialog},
    {"PRACK", on_no_dialog},
    {"UPDATE", on_no_dialog},
    {"REFER", on_no_dialog},
    {"NOTIFY", on_no_dialog},
    {"SUBSCRIBE", on_event},
    {"PUBLISH", on_event},
    {"MESSAGE", on_not_allowed},
};

static void dispatch(struct zx_sip *s, const struct sip_msg *msg)
{
	if (msg->to.tag.l && pl_strcmp(&msg->met, "REGISTER")) {
		if (zx_invs_in_dialog(s, msg))
			return;
		if (pl_strcmp(&msg->met, "OPTIONS")) {
			on_no_dialog(s, msg);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!pl_strcmp(&msg->met, methods[i].met)) {
			methods[i].h(s, msg);
			return;
		}
	(void)zx_reply(msg, 501, "Not Implemented", "Allow: " ZX_SIP_ALLOW "\r\n");
}

/* Registrations and OPTIONS are answered without transactions, so that a burst of them leaves nothing behind. */
static bool stateless(const struct sip_msg *msg)
{
	return !pl_strcmp(&msg->met, "REGISTER") || !pl_strcmp(&msg->met, "OPTIONS");
}

static void request(struct zx_sip *s, const struct sip_msg *msg)
{
	struct zx_transp *t = s->transp;

	s->stats.requests++;
	if (!stateless(msg) && (zx_invs_absorb(s, msg) || t->req_h(msg, t->trans_arg)))
		return;
	if (zx_check_request(s, msg))
		dispatch(s, msg);
}

static void response(struct zx_sip *s, const struct sip_msg *msg)
{
	struct zx_transp *t = s->transp;

	s->stats.responses++;
	if (zx_ping_response(s, msg) || t->resp_h(msg, t->trans_arg))
		return;
	(void)zx_invs_stray_response(s, msg);
}

/* ---- from the wire ---- */

/* RFC 2543 clients send no branch, and libre wants one: the first Via is given one made of what RFC 3261 17.2.3 compares instead. */
static struct mbuf *with_branch(const struct zx_sip *s, const struct zx_rx *rx, const struct zx_raw *raw)
{
	const struct pl *via = &raw->via;
	const char *comma = memchr(via->p, ',', via->l);
	const size_t at = (size_t)((comma ? comma : via->p + via->l) - rx->p);
	const uint64_t h = zx_reply_tag(s->transp, &raw->callid, &raw->via) ^ raw->cseq;
	struct mbuf *mb = mbuf_alloc(rx->n + 40);
	char branch[32];

	if (!mb)
		return NULL;
	(void)re_snprintf(branch, sizeof(branch), ";branch=%016llx", h);
	if (mbuf_write_mem(mb, (const uint8_t *)rx->p, at) || mbuf_write_str(mb, branch) ||
	    mbuf_write_mem(mb, (const uint8_t *)rx->p + at, rx->n - at))
		return mem_deref(mb);
	mb->pos = 0;
	return mb;
}

static struct mbuf *copied(const struct zx_rx *rx)
{
	struct mbuf *mb = mbuf_alloc(rx->n);

	if (!mb)
		return NULL;
	memcpy(mb->buf, rx->p, rx->n);
	mb->end = rx->n;
	return mb;
}

void zx_edge_receive(struct zx_sip *s, const struct zx_rx *rx, const struct zx_raw *raw, enum zx_raw_result res)
{
	struct sip_msg *msg = NULL;
	struct mbuf *mb;

	if (res == ZX_RAW_BAD) {
		s->stats.malformed++;
		zx_reply_raw(s, rx, raw, raw->code, raw->reason);
		return;
	}
	mb = raw->has_branch ? copied(rx) : with_branch(s, rx, raw);
	if (!mb)
		return;
	if (sip_msg_decode(&msg, mb)) {
		s->stats.malformed++;
		zx_reply_raw(s, rx, raw, 400, "Bad Request");
		mem_deref(mb);
		return;
	}
	mem_deref(mb);
	if (raw->has_clen && mbuf_get_left(msg->mb) > raw->clen)
		msg->mb->end = msg->mb->pos + raw->clen;
	msg->sock = mem_ref(rx->sock);
	msg->src = rx->src;
	msg->dst = rx->dst;
	msg->tp = rx->tp;
	if (msg->req) {
		msg->tag = zx_reply_tag(s->transp, &msg->callid, &msg->via.branch);
		request(s, msg);
	} else {
		response(s, msg);
	}
	mem_deref(msg);
}

/* ---- addresses ---- */

int zx_edge_laddr(struct zx_sip *s, struct sa *laddr, enum sip_transp tp, const struct sa *dst)
{
	return sip_transp_laddr(s->sip, laddr, tp, dst);
}

int zx_edge_contact_at(struct zx_sip *s, char *buf, size_t len, const char *user, enum sip_transp tp, const struct sa *src,
		       const struct sa *dst)
{
	struct sa laddr = *src, ext;

	/* a connection of ours comes from any port: they must come to the one we listen on */
	if (tp != SIP_TRANSP_UDP && s->conf->sip_port)
		sa_set_port(&laddr, (uint16_t)(tp == SIP_TRANSP_TLS ? s->conf->sip_tls_port : s->conf->sip_port));
	if (s->conf->sip_external_addr[0] && !zx_nets_match(s->conf->sip_local_nets, dst) &&
	    !sa_set_str(&ext, s->conf->sip_external_addr, sa_port(&laddr)) && sa_af(&ext) == sa_af(&laddr))
		laddr = ext;
	return re_snprintf(buf, len, "sip:%s@%J%s", user, &laddr, sip_transp_param(tp)) < 0 ? ENOMEM : 0;
}

int zx_edge_contact(struct zx_sip *s, char *buf, size_t len, const char *user, enum sip_transp tp, const struct sa *dst)
{
	struct sa laddr;
	const int err = zx_edge_laddr(s, &laddr, tp, dst);

	return err ? err : zx_edge_contact_at(s, buf, len, user, tp, &laddr, dst);
}

/* ---- life ---- */

static void sip_destructor(void *arg)
{
	struct zx_sip *s = arg;

	s->trunks = mem_deref(s->trunks);
	zx_invs_close(s);
	s->reg = mem_deref(s->reg);
	if (s->sip) {
		sip_close(s->sip, true);
		mem_deref(s->sip);
	}
	s->sip = NULL;
	mem_deref(s->transp);
	mem_deref(s->auth);
	mem_deref(s->bans);
}

int zx_sip_alloc(struct zx_sip **sp, const struct zx_conf *conf, struct zx_store *store, const char *data_dir,
		 const struct zx_directory *dir)
{
	const struct zx_ban_limits lim = {conf->sip_ban_failures, conf->sip_ban_window, conf->sip_ban_time};
	struct zx_sip *s = mem_zalloc(sizeof(*s), sip_destructor);
	int err;

	if (!s)
		return ENOMEM;
	s->conf = conf;
	s->store = store;
	s->dir = *dir;
	str_ncpy(s->data_dir, data_dir ? data_dir : ".", sizeof(s->data_dir));
	err = zx_transp_alloc(&s->transp, s);
	if (err)
		goto out;
	zx_transp_adopt(s->transp);
	err = sip_alloc(&s->sip, NULL, TRANSACTIONS, TRANSACTIONS, 16, "Zuoxi/" ZX_VERSION, NULL, NULL);
	zx_transp_adopt(NULL);
	if (err)
		goto out;
	err = zx_bans_alloc(&s->bans, &lim);
	if (!err)
		err = zx_auth_alloc(&s->auth);
	if (!err)
		err = zx_registrar_alloc(&s->reg, s);
	if (!err)
		err = zx_invs_init(s);
	if (!err)
		err = zx_trunks_alloc(&s->trunks, s);
out:
	if (err)
		mem_deref(s);
	else
		*sp = s;
	return err;
}

int zx_sip_start(struct zx_sip *s, char *errbuf, size_t errlen)
{
	int err = zx_transp_start(s->transp, errbuf, errlen);

	if (err)
		return err;
	err = zx_registrar_restore(s->reg);
	if (err)
		(void)re_snprintf(errbuf, errlen, "registrations cannot be read: %m", err);
	return err;
}

void zx_sip_drain(struct zx_sip *s)
{
	s->draining = true;
}

void zx_sip_incoming_set(struct zx_sip *s, zx_inv_incoming_h *h, void *arg)
{
	s->incoming = h;
	s->incoming_arg = arg;
}

void zx_sip_stats(const struct zx_sip *s, struct zx_sip_stats *st)
{
	*st = s->stats;
	st->bindings = s->reg->count;
	st->invs = zx_inv_count(s);
}
