/* Session timers, RFC 4028. */
#include "sip/inv_int.h"

#include <string.h>

enum { RETRY_MS = 5000, SOON_MS = 100, MIN_SE_DEFAULT = 90 };

static uint32_t own_min(const struct zx_inv *inv)
{
	const uint32_t min = inv->invs->s->conf->sip_min_se;

	return min ? min : MIN_SE_DEFAULT;
}

/* refresher: 'c' uac, 's' uas, 0 not said */
static bool se_read(const struct sip_msg *msg, uint32_t *se, char *refresher)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_SESSION_EXPIRES);
	struct pl v;

	*refresher = 0;
	if (!zx_hdr_u32(msg, SIP_HDR_SESSION_EXPIRES, se))
		return false;
	if (zx_param_get(&hdr->val, "refresher", &v))
		*refresher = !pl_strcasecmp(&v, "uac") ? 'c' : !pl_strcasecmp(&v, "uas") ? 's' : 0;
	return true;
}

bool zx_se_request(struct zx_inv *inv, const struct sip_msg *msg, struct zx_strans *st)
{
	const uint32_t conf = inv->invs->s->conf->sip_session_expires, min = own_min(inv);
	uint32_t se, their_min = 0;
	char refresher, hdr[64];

	(void)zx_hdr_u32(msg, SIP_HDR_MIN_SE, &their_min);
	if (!se_read(msg, &se, &refresher)) {
		inv->se = inv->peer_timer && conf ? MAX(MAX(conf, their_min), min) : 0;
		inv->we_refresh = true;
		return true;
	}
	if (se < min && inv->peer_timer) {
		snprintf(hdr, sizeof(hdr), "Min-SE: %u\r\n", min);
		(void)zx_strans_reply(st, 422, "Session Interval Too Small", hdr);
		return false;
	}
	inv->se = MAX(se, min);
	inv->we_refresh = refresher != 'c' || !inv->peer_timer;
	return true;
}

int zx_se_out_response(struct mbuf *mb, struct zx_inv *inv)
{
	if (!inv->se)
		return 0;
	return zx_out(mb, "Session-Expires: %u;refresher=%s\r\n%s", inv->se, inv->we_refresh ? "uas" : "uac",
		      inv->peer_timer ? "Require: timer\r\n" : "");
}

int zx_se_out_request(struct mbuf *mb, const struct zx_inv *inv)
{
	const uint32_t conf = inv->invs->s->conf->sip_session_expires;
	const bool up = inv->state == ZX_LEG_UP;
	uint32_t se = up ? inv->se : MAX(conf, inv->se);

	if (!se)
		return 0;
	se = MAX(se, MAX(own_min(inv), inv->min_se));
	return zx_out(mb, "Session-Expires: %u%s\r\nMin-SE: %u\r\n", se,
		      !up               ? ""
		      : inv->we_refresh ? ";refresher=uac"
					: ";refresher=uas",
		      MAX(own_min(inv), inv->min_se));
}

void zx_se_response(struct zx_inv *inv, const struct sip_msg *msg)
{
	uint32_t se;
	char refresher;

	inv->se = 0;
	if (se_read(msg, &se, &refresher)) {
		inv->se = MAX(se, 1u);
		inv->we_refresh = refresher != 's';
	}
	zx_se_start(inv);
}

bool zx_se_too_small(struct zx_inv *inv, const struct sip_msg *msg)
{
	uint32_t min;

	if (!zx_hdr_u32(msg, SIP_HDR_MIN_SE, &min) || min <= inv->min_se || min > 86400)
		return false;
	inv->min_se = min;
	return true;
}

static void se_handler(void *arg)
{
	struct zx_inv *inv = arg;

	mem_ref(inv);
	if (!inv->we_refresh)
		(void)zx_leg_event(inv, ZX_LE_TIMEOUT, 408, "Session expired", NULL);
	else if (zx_oa_refresh(inv) && inv->state != ZX_LEG_DEAD)
		tmr_start(&inv->tmr_se, RETRY_MS, se_handler, inv);
	mem_deref(inv);
}

void zx_se_start(struct zx_inv *inv)
{
	uint64_t s;

	tmr_cancel(&inv->tmr_se);
	if (!inv->se)
		return;
	s = inv->we_refresh ? inv->se * 500ULL : (inv->se - MIN(32u, inv->se / 3)) * 1000ULL;
	tmr_start(&inv->tmr_se, s, se_handler, inv);
}

void zx_se_stop(struct zx_inv *inv)
{
	tmr_cancel(&inv->tmr_se);
}

void zx_se_retry(struct zx_inv *inv, bool soon)
{
	if (inv->se)
		tmr_start(&inv->tmr_se, soon ? SOON_MS : RETRY_MS, se_handler, inv);
}
