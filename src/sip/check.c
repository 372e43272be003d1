#include "sip/check.h"

#include <string.h>
#include <strings.h>

#include "sip/buf.h"
#include "sip/reply.h"
#include "sip/transport.h"

static bool is(const struct sip_msg *msg, const char *met)
{
	return !pl_strcmp(&msg->met, met);
}

static bool loops(const struct zx_sip *s, const struct sip_msg *msg)
{
	const struct list *l = hash_list(msg->hdrht, SIP_HDR_VIA);
	unsigned n = 0;

	for (struct le *le = list_head(l); le && n < 70; le = le->next) {
		const struct sip_hdr *h = le->data;
		struct sip_via via = {.sentby = {NULL, 0}};

		if (h->id != SIP_HDR_VIA)
			continue;
		if (!n++)
			via = msg->via;
		else if (sip_via_decode(&via, &h->val))
			continue;
		if (sa_isset(&via.addr, SA_ADDR) && sa_port(&via.addr) && zx_transp_is_local(s->transp, &via.addr))
			return true;
	}
	return false;
}

static bool option_known(const struct pl *v)
{
	static const char *const known[] = {"100rel", "timer", "replaces", "path", "outbound", "norefersub"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!pl_strcasecmp(v, known[i]))
			return true;
	return false;
}

/* The option tags of Require that we do not have, as an Unsupported header; 0 when there are none. */
static size_t unsupported(const struct sip_msg *msg, char *out, size_t size)
{
	const struct list *l = hash_list(msg->hdrht, SIP_HDR_REQUIRE);
	struct zx_buf b = {.p = out, .cap = size - 3};

	for (struct le *le = list_head(l); le; le = le->next) {
		const struct sip_hdr *h = le->data;

		if (h->id != SIP_HDR_REQUIRE || !h->val.l || option_known(&h->val))
			continue;
		if (b.n + h->val.l + 20 > b.cap)
			break;
		zx_buf_str(&b, b.n ? ", " : "Unsupported: ");
		zx_buf_pl(&b, &h->val);
	}
	if (!b.n)
		return 0;
	memcpy(out + b.n, "\r\n", 3);
	return b.n;
}

/* RFC 3261 8.2.3. In-dialog INFO has bodies of its own: inv.c knows them. */
static bool body_ok(const struct sip_msg *msg)
{
	const struct sip_hdr *enc = sip_msg_hdr(msg, SIP_HDR_CONTENT_ENCODING);

	if (!mbuf_get_left(msg->mb) || (!is(msg, "INVITE") && !is(msg, "UPDATE") && !is(msg, "PRACK")))
		return true;
	if (enc && pl_strcasecmp(&enc->val, "identity")) {
		(void)zx_reply(msg, 415, "Unsupported Media Type", "Accept-Encoding: identity\r\n");
		return false;
	}
	if (!msg->ctyp.type.l) {
		(void)zx_reply(msg, 400, "Missing Content-Type", "");
		return false;
	}
	if (!msg_ctype_cmp(&msg->ctyp, "application", "sdp") && !msg_ctype_cmp(&msg->ctyp, "multipart", "mixed")) {
		(void)zx_reply(msg, 415, "Unsupported Media Type", "Accept: " ZX_SIP_ACCEPT "\r\n");
		return false;
	}
	return true;
}

/* What an INVITE accepts must include the SDP our answer has. */
static bool accept_ok(const struct sip_msg *msg)
{
	const struct list *l = hash_list(msg->hdrht, SIP_HDR_ACCEPT);
	bool any = false;

	for (struct le *le = list_head(l); le; le = le->next) {
		const struct sip_hdr *h = le->data;
		struct pl v = h->val;
		const char *semi;

		if (h->id != SIP_HDR_ACCEPT || !v.l)
			continue;
		any = true;
		semi = memchr(v.p, ';', v.l);
		if (semi)
			v.l = (size_t)(semi - v.p);
		while (v.l && v.p[v.l - 1] == ' ')
			v.l--;
		if (!pl_strcasecmp(&v, "application/sdp") || !pl_strcasecmp(&v, "application/*") || !pl_strcasecmp(&v, "*/*"))
			return true;
	}
	return !any;
}

bool zx_check_request(struct zx_sip *s, const struct sip_msg *msg)
{
	char extra[512];

	if (is(msg, "ACK"))
		return true;
	if (msg->maxfwd.l && pl_u32(&msg->maxfwd) == 0 && !is(msg, "OPTIONS")) {
		(void)zx_reply(msg, 483, "Too Many Hops", "");
		return false;
	}
	if (!msg->to.tag.l && loops(s, msg)) {
		(void)zx_reply(msg, 482, "Loop Detected", "");
		return false;
	}
	if (!is(msg, "CANCEL") && unsupported(msg, extra, sizeof(extra))) {
		(void)zx_reply(msg, 420, "Bad Extension", extra);
		return false;
	}
	if (!body_ok(msg))
		return false;
	if (is(msg, "INVITE") && !accept_ok(msg)) {
		(void)zx_reply(msg, 406, "Not Acceptable", "");
		return false;
	}
	return true;
}
