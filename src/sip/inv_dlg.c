/* Dialogs (RFC 3261 12): identifiers, route set, target; requests of a dialog. */
#include "sip/inv_int.h"

#include <errno.h>
#include <string.h>

void zx_dlg_clear(struct zx_dlg *d)
{
	d->callid = mem_deref(d->callid);
	d->rtag = mem_deref(d->rtag);
	d->local = mem_deref(d->local);
	d->remote = mem_deref(d->remote);
	d->target = mem_deref(d->target);
	d->routes = mem_deref(d->routes);
}

/* One line, whatever was folded or worse. */
static void plain(char *p, size_t l)
{
	for (size_t i = 0; i < l; i++) {
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			p[i] = ' ';
	}
}

static bool route_handler(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	struct mbuf *mb = arg;
	const size_t at = mb->pos + strlen("Route: ");
	(void)msg;

	if (zx_out_pl(mb, "Route: ", &hdr->val, "\r\n"))
		return true;
	plain((char *)mb->buf + at, hdr->val.l);
	return false;
}

/* The route set: Record-Route in order for the UAS, reversed for the UAC. */
static int routes_read(char **routes, const struct sip_msg *msg)
{
	struct mbuf *mb;
	int err = 0;

	if (!sip_msg_hdr(msg, SIP_HDR_RECORD_ROUTE))
		return 0;
	mb = mbuf_alloc(256);
	if (!mb)
		return ENOMEM;
	if (sip_msg_hdr_apply(msg, msg->req, SIP_HDR_RECORD_ROUTE, route_handler, mb))
		err = ENOMEM;
	if (mb->end > 2 * ZX_VALUE_MAX)
		err = EBADMSG;
	mb->pos = 0;
	if (!err)
		err = mbuf_strdup(mb, routes, mb->end);
	mem_deref(mb);
	return err;
}

/* URI of the first route; false when there is none. */
static bool route_first(const struct zx_dlg *d, struct pl *uri)
{
	struct zx_addr a;
	struct pl line;
	const char *e;

	if (!d->routes)
		return false;
	e = strstr(d->routes, "\r\n");
	line = (struct pl){d->routes + 7, (size_t)(e - d->routes - 7)};
	if (zx_addr_split(&a, &line))
		return false;
	*uri = a.uri;
	return true;
}

static bool addr_private(const struct sa *sa)
{
	const uint32_t ip = sa_af(sa) == AF_INET ? sa_in(sa) : 0;

	return ip >> 24 == 10 || ip >> 20 == (172 << 4 | 1) || ip >> 16 == (192 << 8 | 168) || ip >> 22 == (100 << 2 | 1);
}

/* Next hop of a trunk by route set or target when that is a plain address it can be reached at; else where it was last heard from. */
static void hop_find(struct zx_dlg *d)
{
	struct pl pl, tp;
	struct uri uri;
	struct sa dst;

	if (d->fixed_hop || d->hop.tp != SIP_TRANSP_UDP)
		return;
	if (!route_first(d, &pl))
		pl_set_str(&pl, d->target);
	if (uri_decode(&uri, &pl) || (zx_param_get(&uri.params, "transport", &tp) && pl_strcasecmp(&tp, "udp")))
		return;
	if (sa_set(&dst, &uri.host, uri.port ? uri.port : SIP_PORT) || sa_af(&dst) != sa_af(&d->hop.dst))
		return;
	if (!sa_isset(&dst, SA_ADDR) || (addr_private(&dst) && !addr_private(&d->hop.dst) && !sa_is_loopback(&d->hop.dst)))
		return;
	d->hop.dst = dst;
}

static int target_read(char **target, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct zx_addr a;

	if (!hdr || zx_addr_split(&a, &hdr->val) || !zx_uri_ok(&a.uri))
		return EBADMSG;
	return pl_strdup(target, &a.uri);
}

static int value_dup(char **dst, const struct pl *val)
{
	int err = !val->p || val->l > ZX_VALUE_MAX ? EBADMSG : pl_strdup(dst, val);

	if (!err)
		plain(*dst, val->l);
	return err;
}

/* A Call-ID or tag, which is compared: nothing in it may have to be made plain. */
static int word_dup(char **dst, const struct pl *val)
{
	for (size_t i = 0; i < val->l; i++) {
		if ((unsigned char)val->p[i] <= 0x20 || val->p[i] == 0x7f)
			return EBADMSG;
	}
	return value_dup(dst, val);
}

static int tag_dup(char **dst, const struct pl *val)
{
	static const struct pl none = {"", 0};
	struct zx_addr a;
	struct pl tag;

	if (zx_addr_split(&a, val) || !zx_param_get(&a.params, "tag", &tag))
		tag = none; /* RFC 2543 */
	return word_dup(dst, &tag);
}

int zx_dlg_uas(struct zx_dlg *d, const struct sip_msg *req, bool fixed_hop)
{
	int err;

	snprintf(d->ltag, sizeof(d->ltag), "%016llx", (unsigned long long)rand_u64());
	d->lseq = (uint16_t)rand_u64() | 1;
	d->rseq = req->cseq.num;
	d->fixed_hop = fixed_hop;
	d->hop = (struct zx_hop){.tp = req->tp, .src = req->dst, .dst = req->src};
	err = word_dup(&d->callid, &req->callid);
	if (!err)
		err = tag_dup(&d->rtag, &req->from.val);
	if (!err)
		err = value_dup(&d->remote, &req->from.val);
	if (!err && (!req->to.val.p || req->to.val.l > ZX_VALUE_MAX))
		err = EBADMSG;
	if (!err) {
		d->local = mem_alloc(req->to.val.l + 32, NULL);
		if (!d->local)
			return ENOMEM;
		memcpy(d->local, req->to.val.p, req->to.val.l);
		plain(d->local, req->to.val.l);
		snprintf(d->local + req->to.val.l, 32, ";tag=%s", d->ltag);
		err = target_read(&d->target, req);
	}
	if (!err)
		err = routes_read(&d->routes, req);
	if (!err)
		hop_find(d);
	return err;
}

int zx_dlg_uac(struct zx_dlg *d, const struct sip_msg *resp, const struct zx_hop *hop, bool fixed_hop)
{
	struct zx_dlg n = {.fixed_hop = fixed_hop, .hop = *hop, .lseq = d->lseq};
	struct pl ltag;
	int err;

	memcpy(n.ltag, d->ltag, sizeof(n.ltag));
	if (!n.ltag[0] && zx_param_get(&resp->from.params, "tag", &ltag))
		(void)pl_strcpy(&ltag, n.ltag, sizeof(n.ltag));
	err = word_dup(&n.callid, &resp->callid);
	if (!err)
		err = value_dup(&n.local, &resp->from.val);
	if (!err)
		err = value_dup(&n.remote, &resp->to.val);
	if (!err)
		err = tag_dup(&n.rtag, &resp->to.val);
	if (!err)
		err = routes_read(&n.routes, resp);
	if (!err && target_read(&n.target, resp)) {
		if (!d->target) /* a 2xx without Contact: the request URI is all we have */
			err = EBADMSG;
		else
			n.target = mem_ref(d->target);
	}
	if (err) {
		zx_dlg_clear(&n);
		return err;
	}
	hop_find(&n);
	zx_dlg_clear(d);
	*d = n;
	return 0;
}

void zx_dlg_refresh(struct zx_dlg *d, const struct sip_msg *msg)
{
	char *target = NULL;

	if (target_read(&target, msg))
		return;
	mem_deref(d->target);
	d->target = target;
	hop_find(d);
}

bool zx_dlg_match(const struct zx_dlg *d, const struct sip_msg *msg)
{
	struct pl rtag = msg->req ? msg->from.tag : msg->to.tag;
	const struct pl *ltag = msg->req ? &msg->to.tag : &msg->from.tag;
	struct zx_addr a;

	if (!d->rtag || pl_strcmp(&msg->callid, d->callid) || pl_strcmp(ltag, d->ltag))
		return false;
	if (zx_addr_split(&a, msg->req ? &msg->from.val : &msg->to.val) || !zx_param_get(&a.params, "tag", &rtag))
		return !d->rtag[0];
	return !pl_strcmp(&rtag, d->rtag);
}

/* The first route has no ;lr: RFC 3261 12.2.1.1 puts it into the request line. */
static bool route_strict(const struct zx_dlg *d, struct pl *uri)
{
	struct uri u;
	struct pl v;

	if (!route_first(d, uri))
		return false;
	return !uri_decode(&u, uri) && !zx_param_get(&u.params, "lr", &v) && zx_uri_ok(uri);
}

int zx_dlg_begin(struct zx_invs *invs, const struct zx_dlg *d, const char *met, uint32_t cseq, uint64_t branch)
{
	struct mbuf *mb = invs->out;
	char via[64];
	struct pl strict;
	int err;

	mb->pos = mb->end = 0;
	if (re_snprintf(via, sizeof(via), "%J", &d->hop.src) < 0)
		return EINVAL;
	if (route_strict(d, &strict))
		err = zx_out(mb, "%s %.*s SIP/2.0\r\n", met, (int)strict.l, strict.p);
	else
		err = zx_out(mb, "%s %s SIP/2.0\r\n", met, d->target);
	err |=
	    zx_out(mb, "Via: SIP/2.0/%s %s;branch=z9hG4bKzx%016llx;rport\r\n", sip_transp_name(d->hop.tp), via, (unsigned long long)branch);
	if (route_strict(d, &strict)) {
		err |= mbuf_write_str(mb, strstr(d->routes, "\r\n") + 2);
		err |= zx_out(mb, "Route: <%s>\r\n", d->target);
	} else if (d->routes) {
		err |= mbuf_write_str(mb, d->routes);
	}
	return err | zx_out(mb, "Max-Forwards: 70\r\nFrom: %s\r\nCall-ID: %s\r\nTo: %s\r\nCSeq: %u %s\r\n", d->local, d->callid, d->remote,
			    cseq, met);
}

int zx_dlg_send(struct zx_ctrans **ctp, struct zx_invs *invs, struct zx_dlg *d, const char *met, const char *extra, zx_resp_h *h, void *arg)
{
	const uint64_t branch = rand_u64();
	int err;

	err = zx_dlg_begin(invs, d, met, ++d->lseq, branch);
	if (extra)
		err |= mbuf_write_str(invs->out, extra);
	err |= zx_out_body(invs->out, NULL, NULL);
	return err ? err : zx_ctrans_open(ctp, invs, met, branch, &d->hop, h, arg);
}

int zx_dlg_ack(struct zx_invs *invs, const struct zx_dlg *d, uint32_t cseq, const struct mbuf *body, struct mbuf **copy)
{
	int err;

	err = zx_dlg_begin(invs, d, "ACK", cseq, rand_u64());
	err |= zx_out_body(invs->out, "application/sdp", body);
	if (err)
		return err;
	if (copy)
		*copy = zx_out_copy(invs->out);
	invs->out->pos = 0;
	return sip_send(invs->s->sip, NULL, d->hop.tp, &d->hop.dst, invs->out);
}
