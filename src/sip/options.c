/*
 * OPTIONS: answered for anybody (and alike for every user), and sent to registered phones: keeps NATs open, measures the round trip, and
 * tells when a phone is gone. A ping is one datagram with all its state in the binding: three unanswered ones in a row mean unreachable.
 */
#include "sip/registrar.h"

#include <string.h>

#include "base/clock.h"
#include "sip/buf.h"
#include "sip/reply.h"

enum { ANSWER_MS = 4000, FAILS = 3 };

#define COOKIE "z9hG4bKzxp"

void zx_options_request(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)zx_reply(msg, 200, "OK",
		       "Allow: " ZX_SIP_ALLOW "\r\nAccept: " ZX_SIP_ACCEPT "\r\nAccept-Encoding: identity\r\nAccept-Language: zh, en\r\n"
		       "Supported: " ZX_SIP_SUPPORTED "\r\n");
}

static uint64_t mac(const struct zx_registrar *r, uint64_t id, uint32_t seq)
{
	const uint64_t k[2] = {id, seq};

	return zx_siphash(&r->key, k, sizeof(k));
}

static void ping_send(struct zx_binding *b)
{
	static const char *const names[] = {"UDP", "TCP", "TLS"};
	static char text[4096];
	struct zx_buf m = {.p = text, .cap = sizeof(text)};
	struct zx_registrar *r = b->reg;
	const unsigned long long id = b->id;
	char laddr[80];
	struct mbuf mb;

	b->ping_seq++;
	(void)re_snprintf(laddr, sizeof(laddr), "%J", &b->src);
	zx_buf_fmt(&m, "OPTIONS %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=" COOKIE "%016llx%08x%016llx;rport\r\n", b->uri, names[b->tp],
		   laddr, id, b->ping_seq, (unsigned long long)mac(r, b->id, b->ping_seq));
	if (b->path[0])
		zx_buf_fmt(&m, "Route: %s\r\n", b->path);
	zx_buf_fmt(&m,
		   "Max-Forwards: 70\r\nTo: <%s>\r\nFrom: <sip:%s>;tag=%016llx\r\nCall-ID: %016llx@%s\r\nCSeq: %u OPTIONS\r\n"
		   "Accept: " ZX_SIP_ACCEPT "\r\nUser-Agent: Zuoxi/" ZX_VERSION "\r\nContent-Length: 0\r\n\r\n",
		   b->uri, laddr, id, id, r->s->conf->sip_realm, b->ping_seq);
	if (m.full)
		return;
	mbuf_init(&mb);
	mb.buf = (uint8_t *)text;
	mb.size = mb.end = m.n;
	b->ping_sent = zx_mono_us();
	(void)sip_send(r->s->sip, NULL, b->tp, &b->dst, &mb);
}

static void ping_due(void *arg)
{
	struct zx_binding *b = arg;
	const uint64_t now = zx_mono_ms();
	const uint64_t interval = (uint64_t)b->reg->s->conf->sip_options_interval * 1000;

	if (b->ping_waits && b->ping_fails < FAILS && ++b->ping_fails == FAILS) {
		b->reachable = false;
		b->rtt_us = -1;
		zx_aor_news(b->reg, b->aor);
	}
	if (b->flow_gone)
		return;
	b->ping_waits = true;
	ping_send(b);
	const uint64_t wait = b->ping_fails < FAILS && interval > ANSWER_MS ? ANSWER_MS : interval;

	zx_wheel_start(b->reg->wheel, &b->ping, now + wait, ping_due, b);
}

void zx_ping_start(struct zx_binding *b)
{
	const uint32_t interval = b->reg->s->conf->sip_options_interval * 1000;

	b->ping_waits = false;
	b->ping_fails = 0;
	if (!interval || b->flow_gone)
		return;
	/* the first soon, so that the latency is known; where in the interval is left to chance, so that a thousand phones do not come at
	 * once */
	zx_wheel_start(b->reg->wheel, &b->ping, zx_mono_ms() + 1000 + rand_u32() % (interval < 10000 ? interval : 10000), ping_due, b);
}

static bool hex(const char *p, int n, uint64_t *v)
{
	for (*v = 0; n--; p++) {
		const int d = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;

		if (d < 0)
			return false;
		*v = *v << 4 | (unsigned)d;
	}
	return true;
}

static bool id_cmp(struct le *le, void *arg)
{
	return ((struct zx_binding *)le->data)->id == *(uint64_t *)arg;
}

/* Any answer will do: the phone is there. */
bool zx_ping_response(struct zx_sip *s, const struct sip_msg *msg)
{
	const struct pl *br = &msg->via.branch;
	const size_t cl = sizeof(COOKIE) - 1;
	const uint32_t interval = s->conf->sip_options_interval * 1000;
	uint64_t id, seq, m;
	struct zx_binding *b;

	if (br->l != cl + 40 || memcmp(br->p, COOKIE, cl))
		return false;
	if (msg->scode < 200 || !hex(br->p + cl, 16, &id) || !hex(br->p + cl + 16, 8, &seq) || !hex(br->p + cl + 24, 16, &m) ||
	    m != mac(s->reg, id, (uint32_t)seq))
		return true;
	b = list_ledata(hash_lookup(s->reg->ids, (uint32_t)id, id_cmp, &id));
	if (!b || !b->aor || seq != b->ping_seq || (!b->ping_waits && b->reachable))
		return true;
	b->ping_waits = false;
	b->ping_fails = 0;
	b->reachable = true;
	b->rtt_us = (int)(zx_mono_us() - b->ping_sent);
	zx_wheel_start(s->reg->wheel, &b->ping, zx_mono_ms() + interval - rand_u32() % (interval / 8 + 1), ping_due, b);
	zx_aor_news(s->reg, b->aor);
	return true;
}
