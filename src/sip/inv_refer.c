/* REFER in a dialog (RFC 3515, 4488) and Replaces (RFC 3891). */
#include "sip/inv_int.h"

#include <errno.h>
#include <string.h>

enum { SUB_EXPIRES = 180, URI_PART = 512 };

struct zx_refsub {   /* the subscription an accepted REFER makes */
	uint32_t id; /* CSeq of the REFER, 0 for the first: old phones do not know the parameter */
	bool quiet;  /* Refer-Sub: false */
};

static int part_copy(char *dst, size_t sz, const struct pl *src)
{
	if (!src->l || src->l >= sz)
		return EBADMSG;
	for (size_t i = 0; i < src->l; i++) {
		if (src->p[i] <= 0x20 || src->p[i] == 0x7f)
			return EBADMSG;
	}
	memcpy(dst, src->p, src->l);
	dst[src->l] = '\0';
	return 0;
}

int zx_replaces_decode(struct zx_refer *r, const struct pl *val, bool *early_only)
{
	const char *semi = memchr(val->p, ';', val->l);
	struct pl callid, params, tag;

	if (!semi)
		return EBADMSG;
	callid = (struct pl){val->p, (size_t)(semi - val->p)};
	while (callid.l && callid.p[callid.l - 1] == ' ')
		callid.l--;
	params = (struct pl){semi, val->l - (size_t)(semi - val->p)};
	if (part_copy(r->callid, sizeof(r->callid), &callid))
		return EBADMSG;
	if (!zx_param_get(&params, "to-tag", &tag) || part_copy(r->to_tag, sizeof(r->to_tag), &tag))
		return EBADMSG;
	if (!zx_param_get(&params, "from-tag", &tag) || part_copy(r->from_tag, sizeof(r->from_tag), &tag))
		return EBADMSG;
	if (early_only)
		*early_only = zx_param_get(&params, "early-only", NULL);
	r->replaces = true;
	return 0;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Value of a header of a URI ("?Replaces=a%3Bto-tag%3Db&..."), unescaped. ENOENT when it is not there. */
static int uri_header(char *buf, size_t sz, const struct pl *uri, const char *name)
{
	const char *p = memchr(uri->p, '?', uri->l), *end = uri->p + uri->l;
	const size_t nl = strlen(name);

	while (p && p < end) {
		const char *e = memchr(p + 1, '&', (size_t)(end - p - 1));
		const char *stop = e ? e : end;
		size_t o = 0;

		p++;
		if ((size_t)(stop - p) > nl && !strncasecmp(p, name, nl) && p[nl] == '=') {
			for (p += nl + 1; p < stop; p++) {
				int c = (unsigned char)*p;

				if (c == '%') {
					if (stop - p < 3 || hex_value(p[1]) < 0 || hex_value(p[2]) < 0)
						return EBADMSG;
					c = hex_value(p[1]) << 4 | hex_value(p[2]);
					p += 2;
				}
				if (c < 0x20 || o + 1 >= sz)
					return EBADMSG;
				buf[o++] = (char)c;
			}
			buf[o] = '\0';
			return 0;
		}
		p = e;
	}
	return ENOENT;
}

/* 0 or the code to refuse with. */
static uint16_t refer_read(struct zx_refer *r, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_REFER_TO);
	char text[URI_PART];
	struct zx_addr a;
	struct pl uri, met, val;
	int err;

	memset(r, 0, sizeof(*r));
	if (!hdr || sip_msg_hdr_count(msg, SIP_HDR_REFER_TO) != 1 || zx_addr_split(&a, &hdr->val))
		return 400;
	if (!(a.uri.l > 4 && !strncasecmp(a.uri.p, "sip:", 4)) && !(a.uri.l > 5 && !strncasecmp(a.uri.p, "sips:", 5)) &&
	    !(a.uri.l > 4 && !strncasecmp(a.uri.p, "tel:", 4)))
		return 416;
	uri = a.uri;
	if (zx_param_get(&uri, "method", &met)) {
		const char *q = memchr(met.p, '?', met.l);

		if (q)
			met.l = (size_t)(q - met.p);
		if (pl_strcasecmp(&met, "INVITE"))
			return 403;
	}
	if (zx_user_decode(r->to, sizeof(r->to), &a.uri))
		return 404;
	err = uri_header(text, sizeof(text), &a.uri, "Replaces");
	if (err == ENOENT)
		return 0;
	if (err)
		return 400;
	pl_set_str(&val, text);
	return zx_replaces_decode(r, &val, NULL) ? 400 : 0;
}

static int notify_send(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	struct zx_invs *invs = inv->invs;
	const uint64_t branch = rand_u64();
	struct mbuf *frag;
	int err;

	frag = mbuf_alloc(128);
	if (!frag)
		return ENOMEM;
	err = zx_out(frag, "SIP/2.0 %u ", scode);
	for (const char *p = reason && *reason ? reason : scode < 200 ? "Trying" : scode < 300 ? "OK" : "Failed"; *p; p++)
		err |= mbuf_write_u8(frag, (uint8_t)*p < 0x20 ? ' ' : (uint8_t)*p);
	err |= mbuf_write_str(frag, "\r\n");
	err |= zx_dlg_begin(invs, &inv->dlg, "NOTIFY", ++inv->dlg.lseq, branch);
	err |= zx_out(invs->out, "Contact: <%s>\r\nEvent: refer", inv->contact);
	if (inv->refsub->id)
		err |= zx_out(invs->out, ";id=%u", inv->refsub->id);
	if (scode < 200)
		err |= zx_out(invs->out, "\r\nSubscription-State: active;expires=%u\r\n", SUB_EXPIRES);
	else
		err |= zx_out(invs->out, "\r\nSubscription-State: terminated;reason=noresource\r\n");
	err |= zx_out_body(invs->out, "message/sipfrag;version=2.0", frag);
	mem_deref(frag);
	return err ? ENOMEM : zx_ctrans_open(NULL, invs, "NOTIFY", branch, &inv->dlg.hop, NULL, NULL);
}

void zx_refer_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	const struct sip_hdr *sub = sip_msg_hdr(msg, SIP_HDR_REFER_SUB);
	const bool quiet = sub && !pl_strcasecmp(&sub->val, "false");
	struct zx_refsub *rs;
	struct zx_refer r;
	char extra[320];
	uint16_t scode;

	if (inv->state != ZX_LEG_UP || !inv->h || !inv->h->refer) {
		zx_leg_reply(inv, msg, 603, NULL, NULL);
		return;
	}
	scode = refer_read(&r, msg);
	if (!scode)
		scode = inv->h->refer(inv, &r, inv->arg);
	if (scode) {
		zx_leg_reply(inv, msg, scode, NULL, NULL);
		return;
	}
	rs = mem_zalloc(sizeof(*rs), NULL);
	if (rs) {
		rs->id = inv->referred ? msg->cseq.num : 0;
		rs->quiet = quiet;
		inv->referred = true;
		mem_deref(inv->refsub);
		inv->refsub = rs;
	}
	snprintf(extra, sizeof(extra), "Contact: <%s>\r\n%s", inv->contact, quiet ? "Refer-Sub: false\r\n" : "");
	zx_leg_reply(inv, msg, 202, NULL, extra);
	if (rs && !quiet && inv->state == ZX_LEG_UP)
		(void)notify_send(inv, 100, NULL);
}

int zx_inv_refer_notify(struct zx_inv *inv, uint16_t scode, const char *reason)
{
	int err = 0;

	if (!inv->refsub || inv->state != ZX_LEG_UP)
		return ENOTCONN;
	if (!inv->refsub->quiet)
		err = notify_send(inv, scode, reason);
	if (scode >= 200)
		inv->refsub = mem_deref(inv->refsub);
	return err;
}
