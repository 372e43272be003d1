/* Is the trunk there? OPTIONS to peers, REGISTER where we are known by it. */
#include "sip/trunk_int.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "sip/uac_auth.h"

enum {
	MISSES = 3,
	ANSWER_MS = 4000, /* of an OPTIONS: who needs longer is no line to send calls to */
	REGISTERED_MS = 16000,
	MISSED_MS = 1000,
	EXPIRES_S = 600,
	BACKOFF_MIN_MS = 4000,
	BACKOFF_MAX_MS = 300000,
	TRIES_MAX = 3, /* challenges and 423 in a row: a server that only ever challenges is left alone */
};

static void due_h(void *arg)
{
	zx_trunk_probe(arg);
}

/* A tenth more or less, so that many do not come at once. */
static uint64_t jitter(uint64_t ms)
{
	return ms - ms / 10 + rand_u64() % (ms / 5 + 1);
}

static void again(struct zx_trunk *t)
{
	t->backoff = t->backoff ? MIN(t->backoff * 2, (uint32_t)BACKOFF_MAX_MS) : BACKOFF_MIN_MS;
	tmr_start(&t->tmr, jitter(t->backoff), due_h, t);
}

static void uri_write(char *uri, size_t len, const struct zx_trunk *t)
{
	const bool v6 = strchr(t->conf.host, ':') != NULL;

	(void)re_snprintf(uri, len, "sip:%s%s%s:%u", v6 ? "[" : "", t->conf.host, v6 ? "]" : "", t->conf.port);
}

static void response_h(int err, const struct sip_msg *msg, void *arg);

static void no_answer_h(void *arg)
{
	struct zx_trunk *t = arg;

	if (t->ct)
		zx_ctrans_leave(t->ct, false, NULL);
	response_h(ETIMEDOUT, NULL, t);
}

static int request_send(struct zx_trunk *t, const char *met, uint32_t expires, bool tell)
{
	struct zx_invs *invs = t->ts->s->invs;
	struct mbuf *mb = invs->out;
	const bool reg = met[0] == 'R';
	const uint64_t branch = rand_u64();
	struct zx_hop hop = {.tp = SIP_TRANSP_UDP, .dst = t->addr};
	char uri[192], via[64], contact[256];
	int err = zx_edge_laddr(t->ts->s, &hop.src, SIP_TRANSP_UDP, &t->addr);

	if (err)
		return err;
	if (!t->callid[0]) {
		(void)re_snprintf(t->callid, sizeof(t->callid), "%016llx%016llx", rand_u64(), rand_u64());
		(void)re_snprintf(t->tag, sizeof(t->tag), "%016llx", rand_u64());
	}
	uri_write(uri, sizeof(uri), t);
	(void)re_snprintf(via, sizeof(via), "%J", &hop.src);
	err = zx_edge_contact_at(t->ts->s, contact, sizeof(contact), reg ? t->conf.account : "zuoxi", hop.tp, &hop.src, &hop.dst);
	mb->pos = mb->end = 0;
	err |= zx_out(mb, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKzx%016llx;rport\r\nMax-Forwards: 70\r\n", met, uri, via,
		      (unsigned long long)branch);
	for (unsigned i = 0; i < 2; i++) {
		err |= mbuf_write_str(mb, i ? "To: <sip:" : "From: <sip:");
		err |= zx_out_user(mb, reg ? t->conf.account : "zuoxi");
		err |= zx_out(mb, "@%s>", i || reg ? uri + 4 : via);
		err |= i ? mbuf_write_str(mb, "\r\n") : zx_out(mb, ";tag=%s\r\n", t->tag);
	}
	err |= zx_out(mb, "Call-ID: %s\r\nCSeq: %u %s\r\nContact: <%s>\r\nUser-Agent: Zuoxi/" ZX_VERSION "\r\n", t->callid, ++t->cseq, met,
		      contact);
	if (reg)
		err |= zx_out(mb, "Expires: %u\r\n", expires);
	else
		err |= mbuf_write_str(mb, "Accept: " ZX_SIP_ACCEPT "\r\n");
	if (t->auth)
		err |= mbuf_write_str(mb, t->auth);
	err |= zx_out_body(mb, NULL, NULL);
	if (err)
		return ENOMEM;
	t->sent = zx_mono_us();
	if (tell)
		tmr_start(&t->tmr, reg ? REGISTERED_MS : ANSWER_MS, no_answer_h, t);
	return zx_ctrans_open(tell ? &t->ct : NULL, invs, met, branch, &hop, tell ? response_h : NULL, t);
}

static void lost(struct zx_trunk *t, uint16_t scode)
{
	if (t->conf.kind == ZX_TRUNK_REGISTER || ++t->misses >= MISSES)
		zx_trunk_state_set(t, ZX_TRUNK_DOWN, scode);
}

void zx_trunk_probe(struct zx_trunk *t)
{
	const bool reg = t->conf.kind == ZX_TRUNK_REGISTER;

	if (t->ct || !sa_isset(&t->addr, SA_ALL))
		return;
	t->tries = 0;
	t->auth = mem_deref(t->auth);
	if (reg && t->state != ZX_TRUNK_UP)
		zx_trunk_state_set(t, ZX_TRUNK_REGISTERING, t->scode);
	if (!t->expires)
		t->expires = EXPIRES_S;
	if (request_send(t, reg ? "REGISTER" : "OPTIONS", t->expires, true)) {
		lost(t, 503);
		again(t);
	}
}

void zx_trunk_unregister(struct zx_trunk *t)
{
	if (t->conf.kind == ZX_TRUNK_REGISTER && t->state == ZX_TRUNK_UP)
		(void)request_send(t, "REGISTER", 0, false);
}

/* ---- answers ---- */

static bool contact_h(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	struct zx_addr a;
	struct pl v;

	(void)msg;
	if (zx_addr_split(&a, &hdr->val) || !zx_param_get(&a.params, "expires", &v) || !v.l)
		return false;
	*(uint32_t *)arg = pl_u32(&v);
	return true;
}

static uint32_t granted(const struct zx_trunk *t, const struct sip_msg *msg)
{
	uint32_t s = 0;

	if (!sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT, contact_h, &s) && !zx_hdr_u32(msg, SIP_HDR_EXPIRES, &s))
		s = t->expires;
	return s < 20 ? 20 : s > 7200 ? 7200 : s;
}

static void registered(struct zx_trunk *t, const struct sip_msg *msg)
{
	t->backoff = 0;
	t->rtt_us = (int)(zx_mono_us() - t->sent);
	zx_trunk_state_set(t, ZX_TRUNK_UP, msg->scode);
	tmr_start(&t->tmr, (uint64_t)granted(t, msg) * 850, due_h, t);
}

/* A challenge is answered once; a second one with another nonce only if the first was merely stale. */
static bool challenged(struct zx_trunk *t, const struct sip_msg *msg)
{
	const bool first = !t->auth;
	char uri[192], *line;
	bool stale = false;

	uri_write(uri, sizeof(uri), t);
	if (++t->tries >= TRIES_MAX || zx_uac_auth(&line, &stale, msg, "REGISTER", uri, t->conf.account, t->conf.secret))
		return false;
	mem_deref(t->auth);
	t->auth = line;
	return (first || stale) && !request_send(t, "REGISTER", t->expires, true);
}

static void register_answer(struct zx_trunk *t, const struct sip_msg *msg)
{
	uint32_t min;

	if (msg->scode < 300) {
		registered(t, msg);
		return;
	}
	if ((msg->scode == 401 || msg->scode == 407) && challenged(t, msg))
		return;
	if (msg->scode == 423 && ++t->tries < TRIES_MAX && zx_hdr_u32(msg, SIP_HDR_MIN_EXPIRES, &min) && min <= 86400) {
		t->expires = min;
		if (!request_send(t, "REGISTER", t->expires, true))
			return;
	}
	/* 5xx and 3xx: perhaps later; the rest is a no that will not change by asking often */
	if (msg->scode >= 400 && msg->scode < 500 && msg->scode != 408) {
		zx_trunk_state_set(t, ZX_TRUNK_REFUSED, msg->scode);
		t->backoff = MAX(t->backoff, (uint32_t)BACKOFF_MAX_MS / 8);
	} else {
		zx_trunk_state_set(t, ZX_TRUNK_DOWN, msg->scode);
	}
	again(t);
}

static void options_answer(struct zx_trunk *t, const struct sip_msg *msg)
{
	const uint64_t interval = (uint64_t)t->ts->s->conf->sip_options_interval * 1000;

	/* Any answer shows that it is there; 503 that it takes no calls. */
	if (msg->scode == 503 || msg->scode == 408) {
		lost(t, msg->scode);
	} else {
		t->misses = 0;
		zx_trunk_state_set(t, ZX_TRUNK_UP, msg->scode);
		t->rtt_us = (int)(zx_mono_us() - t->sent);
	}
	if (interval)
		tmr_start(&t->tmr, jitter(interval), due_h, t);
}

static void response_h(int err, const struct sip_msg *msg, void *arg)
{
	struct zx_trunk *t = arg;

	if (!err && msg->scode < 200)
		return;
	t->ct = NULL;
	tmr_cancel(&t->tmr);
	if (err) {
		lost(t, 408);
		if (t->conf.kind == ZX_TRUNK_REGISTER || t->state == ZX_TRUNK_DOWN)
			again(t);
		else
			tmr_start(&t->tmr, jitter(MISSED_MS), due_h, t);
	} else if (t->conf.kind == ZX_TRUNK_REGISTER) {
		register_answer(t, msg);
	} else {
		options_answer(t, msg);
	}
}
