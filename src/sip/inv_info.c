/* DTMF by INFO (RFC 6086 legacy usage): application/dtmf-relay and application/dtmf. */
#include "sip/inv_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DURATION_DEFAULT = 160, DURATION_MAX = 5000 };

/* '\0' when it is no digit; 10 and 11 are how some phones write * and #. */
static char digit_read(const struct pl *v)
{
	char c;

	if (v->l == 2 && v->p[0] == '1' && v->p[1] >= '0' && v->p[1] <= '5')
		return "*#ABCD"[v->p[1] - '0'];
	if (v->l != 1)
		return '\0';
	c = (char)toupper((unsigned char)v->p[0]);
	return c && strchr("0123456789*#ABCD", c) ? c : '\0';
}

static char relay_decode(const char *p, size_t l, unsigned *ms)
{
	struct pl sig, dur;

	if (re_regex(p, l, "Signal[ \t]*=[ \t]*[0-9a-dA-D*#]+", NULL, NULL, &sig))
		return '\0';
	if (!re_regex(p, l, "Duration[ \t]*=[ \t]*[0-9]+", NULL, NULL, &dur) && dur.l <= 5)
		*ms = pl_u32(&dur);
	return digit_read(&sig);
}

void zx_info_request(struct zx_inv *inv, const struct sip_msg *msg)
{
	const char *p = (const char *)mbuf_buf(msg->mb);
	size_t l = mbuf_get_left(msg->mb);
	unsigned ms = DURATION_DEFAULT;
	struct pl v;
	char digit = '\0';

	if (pl_isset(&msg->clen) && pl_u32(&msg->clen) < l)
		l = pl_u32(&msg->clen);
	if (sip_msg_xhdr(msg, "Info-Package")) {
		zx_leg_reply(inv, msg, 469, "Bad Info Package", "Recv-Info:\r\n");
		return;
	}
	if (!l) {
		zx_leg_reply(inv, msg, 200, NULL, NULL);
		return;
	}
	if (!pl_strcasecmp(&msg->ctyp.type, "application") && !pl_strcasecmp(&msg->ctyp.subtype, "dtmf-relay")) {
		digit = relay_decode(p, l, &ms);
	} else if (!pl_strcasecmp(&msg->ctyp.type, "application") && !pl_strcasecmp(&msg->ctyp.subtype, "dtmf")) {
		if (!re_regex(p, l, "[0-9a-dA-D*#]+", &v))
			digit = digit_read(&v);
	} else {
		zx_leg_reply(inv, msg, 415, NULL, "Accept: application/dtmf-relay, application/dtmf\r\n");
		return;
	}
	if (!digit) {
		zx_leg_reply(inv, msg, 400, "Bad DTMF", NULL);
		return;
	}
	zx_leg_reply(inv, msg, 200, NULL, NULL);
	if (inv->h && inv->h->dtmf)
		inv->h->dtmf(inv, digit, MIN(ms ? ms : DURATION_DEFAULT, (unsigned)DURATION_MAX), inv->arg);
}

int zx_inv_info_dtmf(struct zx_inv *inv, char digit, unsigned duration_ms)
{
	struct zx_invs *invs = inv->invs;
	const uint64_t branch = rand_u64();
	struct mbuf *body;
	int err;

	if (inv->state != ZX_LEG_UP)
		return EPROTO;
	if (!digit || !strchr("0123456789*#ABCD", digit))
		return EINVAL;
	body = mbuf_alloc(64);
	if (!body)
		return ENOMEM;
	err = zx_out(body, "Signal=%c\r\nDuration=%u\r\n", digit, duration_ms);
	err |= zx_dlg_begin(invs, &inv->dlg, "INFO", ++inv->dlg.lseq, branch);
	err |= zx_out_body(invs->out, "application/dtmf-relay", body);
	mem_deref(body);
	return err ? ENOMEM : zx_ctrans_open(NULL, invs, "INFO", branch, &inv->dlg.hop, NULL, NULL);
}
