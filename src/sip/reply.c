#include "sip/reply.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "sip/buf.h"

enum { REPLY_MAX = 16384 };

bool zx_param(const struct pl *params, const char *name, struct pl *val)
{
	const char *p = params->p, *end;
	const size_t nl = strlen(name);
	bool quoted = false;

	if (!p)
		return false;
	end = p + params->l;
	for (; p < end; p++) {
		const char *n, *e;

		if (*p == '"')
			quoted = !quoted;
		if (*p != ';' || quoted)
			continue;
		for (n = p + 1; n < end && (*n == ' ' || *n == '\t' || *n == '\r' || *n == '\n'); n++)
			;
		if ((size_t)(end - n) < nl || strncasecmp(n, name, nl))
			continue;
		for (e = n + nl; e < end && (*e == ' ' || *e == '\t' || *e == '\r' || *e == '\n'); e++)
			;
		if (e < end && *e != ';' && *e != '=' && *e != ',')
			continue;
		if (!val)
			return true;
		val->p = n + nl;
		val->l = 0;
		if (e == end || *e != '=')
			return true;
		for (e++; e < end && (*e == ' ' || *e == '\t' || *e == '\r' || *e == '\n'); e++)
			;
		val->p = e;
		if (e < end && *e == '"') {
			for (e++; e < end && *e != '"'; e++)
				if (*e == '\\')
					e++;
			val->l = (size_t)((e < end ? e + 1 : end) - val->p);
			return true;
		}
		for (; e < end && *e != ';' && *e != ',' && *e != ' ' && *e != '\t' && *e != '\r' && *e != '\n'; e++)
			;
		val->l = (size_t)(e - val->p);
		return true;
	}
	return false;
}

uint64_t zx_reply_tag(const struct zx_transp *t, const struct pl *callid, const struct pl *via)
{
	uint64_t k[2] = {0, 0};

	if (callid->p)
		k[0] = zx_siphash(&t->key, callid->p, callid->l);
	if (via->p)
		k[1] = zx_siphash(&t->key, via->p, via->l);
	return zx_siphash(&t->key, k, sizeof(k));
}

/* The first Via of the reply: rport filled in (RFC 3581), received added. */
static void via_first(struct zx_buf *b, const struct pl *val, const struct pl *params, const struct sa *src, const struct sa *sentby)
{
	const char *end = val->p + val->l;
	char addr[INET6_ADDRSTRLEN];
	struct pl rp;
	const bool rport = zx_param(params, "rport", &rp) && !rp.l;

	if (rport) {
		zx_buf_mem(b, val->p, (size_t)(rp.p - val->p));
		zx_buf_fmt(b, "%s%u", rp.p[-1] == '=' ? "" : "=", sa_port(src));
		zx_buf_mem(b, rp.p, (size_t)(end - rp.p));
	} else {
		zx_buf_pl(b, val);
	}
	if (rport || !sa_cmp(src, sentby, SA_ADDR)) {
		if (sa_af(src) == AF_INET6)
			inet_ntop(AF_INET6, &src->u.in6.sin6_addr, addr, sizeof(addr));
		else
			inet_ntop(AF_INET, &src->u.in.sin_addr, addr, sizeof(addr));
		zx_buf_str(b, ";received=");
		zx_buf_str(b, addr);
	}
	zx_buf_str(b, "\r\n");
}

static void hdr(struct zx_buf *b, const struct pl *name, const struct pl *val)
{
	zx_buf_pl(b, name);
	zx_buf_str(b, ": ");
	zx_buf_pl(b, val);
}

int zx_reply(const struct sip_msg *msg, uint16_t code, const char *reason, const char *extra)
{
	static char text[REPLY_MAX];
	struct zx_buf b = {.p = text, .cap = sizeof(text)};
	struct sa dst;
	bool via = false;

	if (msg->met.l == 3 && !memcmp(msg->met.p, "ACK", 3))
		return 0;
	zx_buf_fmt(&b, "SIP/2.0 %u %s\r\n", code, reason);
	for (const struct le *le = msg->hdrl.head; le; le = le->next) {
		const struct sip_hdr *h = le->data;

		switch (h->id) {
		case SIP_HDR_VIA:
			zx_buf_pl(&b, &h->name);
			zx_buf_str(&b, ": ");
			if (!via) {
				via_first(&b, &h->val, &msg->via.params, &msg->src, &msg->via.addr);
				via = true;
				break;
			}
			zx_buf_pl(&b, &h->val);
			zx_buf_str(&b, "\r\n");
			break;
		case SIP_HDR_TO:
			hdr(&b, &h->name, &h->val);
			if (!msg->to.tag.l && code > 100)
				zx_buf_fmt(&b, ";tag=%016llx", (unsigned long long)msg->tag);
			zx_buf_str(&b, "\r\n");
			break;
		case SIP_HDR_FROM:
		case SIP_HDR_CALL_ID:
		case SIP_HDR_CSEQ:
			hdr(&b, &h->name, &h->val);
			zx_buf_str(&b, "\r\n");
			break;
		default:
			break;
		}
	}
	zx_buf_str(&b, "Server: Zuoxi/" ZX_VERSION "\r\n");
	zx_buf_str(&b, extra);
	zx_buf_str(&b, "Content-Length: 0\r\n\r\n");
	if (b.full)
		return EMSGSIZE;
	zx_reply_addr(&dst, msg->tp, &msg->src, &msg->via.addr, zx_param(&msg->via.params, "rport", NULL));
	return zx_sock_send(msg->sock, &dst, b.p, b.n);
}

void zx_reply_raw(struct zx_sip *s, const struct zx_rx *rx, const struct zx_raw *raw, uint16_t code, const char *reason)
{
	static char text[REPLY_MAX];
	struct zx_buf b = {.p = text, .cap = sizeof(text)};
	struct pl name, val, params = raw->via;
	struct sip_via via = {.sentby = {NULL, 0}};
	struct sa dst;
	size_t pos = 0;
	bool first = true, rport;

	/* Nothing is owed to responses, to ACKs, and to what does not even say where it came from. */
	if (!raw->req || !raw->via.p || (raw->met.l == 3 && !memcmp(raw->met.p, "ACK", 3)))
		return;
	(void)sip_via_decode(&via, &raw->via);
	rport = zx_param(&params, "rport", NULL);
	zx_buf_fmt(&b, "SIP/2.0 %u %s\r\n", code, reason);
	while (zx_raw_next(&raw->hdrs, &pos, &name, &val)) {
		if (zx_raw_name_is(&name, "Via", 'v')) {
			zx_buf_str(&b, "Via: ");
			if (first && !memchr(val.p, ',', val.l)) {
				via_first(&b, &val, &val, &rx->src, &via.addr);
			} else {
				zx_buf_pl(&b, &val);
				zx_buf_str(&b, "\r\n");
			}
			first = false;
		} else if (zx_raw_name_is(&name, "To", 't')) {
			hdr(&b, &name, &val);
			if (!zx_param(&val, "tag", NULL))
				zx_buf_fmt(&b, ";tag=%016llx", (unsigned long long)zx_reply_tag(s->transp, &raw->callid, &raw->via));
			zx_buf_str(&b, "\r\n");
		} else if (zx_raw_name_is(&name, "From", 'f') || zx_raw_name_is(&name, "Call-ID", 'i') ||
			   zx_raw_name_is(&name, "CSeq", 0)) {
			hdr(&b, &name, &val);
			zx_buf_str(&b, "\r\n");
		}
	}
	zx_buf_str(&b, "Server: Zuoxi/" ZX_VERSION "\r\nContent-Length: 0\r\n\r\n");
	if (b.full)
		return;
	zx_reply_addr(&dst, rx->tp, &rx->src, &via.addr, rport);
	(void)zx_sock_send(rx->sock, &dst, b.p, b.n);
}
