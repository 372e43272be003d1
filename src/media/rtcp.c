/* RTCP: our reports every five seconds, and what the other side reports about us. */
#include "media/priv.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t ntp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((uint64_t)ts.tv_sec + 2208988800u) << 32 | ((uint64_t)ts.tv_nsec << 32) / 1000000000u;
}

static void report(struct zx_ms *ms, const struct zx_rtcp_in *in, uint64_t now_us)
{
	if (in->sr) {
		ms->sr_mid = in->ntp_mid;
		ms->sr_us = now_us;
	}
	if (!in->block)
		return;
	ZX_SET(ms->c.tx_lost, in->rb.lost > 0 ? (uint32_t)in->rb.lost : 0);
	ZX_SET(ms->c.tx_jitter_us, in->rb.jitter > 8 * 60000 ? 60000000 : in->rb.jitter * 125);
	if (!in->rb.lsr)
		return;
	uint32_t rtt = (uint32_t)(ntp_now() >> 16) - in->rb.lsr - in->rb.dlsr; /* 1/65536 s */
	if ((int32_t)rtt < 0 && (int32_t)rtt > -656)
		rtt = 0; /* the other clock runs a little fast */
	if (rtt < 60u << 16)
		ZX_SET(ms->c.rtt_us, (int32_t)((uint64_t)rtt * 1000000 >> 16));
}

void zx_rtcp_rx(struct zx_mt *mt, struct zx_ms *ms, uint8_t *p, size_t n, const union zx_addr *src)
{
	struct zx_rtcp_in in;
	const union zx_addr *host = ms->latch.on ? &ms->latch.src : &ms->sig;

	if (!zx_addr_same_host(src, host)) {
		ZX_ADD(ms->c.rx_foreign, 1);
		return;
	}
	if (n < 8 || n > ZX_RTP_MAX || p[0] >> 6 != 2)
		return;
	if (zx_srtp_rx(ms->srtp) && zx_srtp_unprotect(ms->srtp, p, &n, true))
		return;
	if (zx_rtcp_parse(&in, p, n, ms->tx.ssrc))
		return;
	ms->rtcp_dst = *src;
	ms->rtcp_latched = true;
	report(ms, &in, mt->now_us);
}

/* Opened when first needed: calls that are not answered never do. */
static bool rtcp_socket(struct zx_mt *mt, struct zx_ms *ms)
{
	union zx_addr a = {0};

	if (zx_sock_is_open(&ms->rtcp))
		return true;
	__builtin_memcpy(&a, &ms->laddr.u, ms->laddr.len);
	a.in.sin_port = htons((uint16_t)(sa_port(&ms->laddr) + 1));
	if (zx_udp_open(&a, &ms->rtcp.fd))
		return false;
	if (zx_io_add(mt->io, &ms->rtcp)) {
		zx_io_close(mt->io, &ms->rtcp);
		return false;
	}
	ms->open++;
	return true;
}

static void destination(struct zx_ms *ms)
{
	const struct sa *r = &ms->d.rtcp;

	if (ms->rtcp_latched)
		return;
	ms->rtcp_dst = ms->dst;
	if (ms->d.rtcp_mux)
		return;
	if (sa_isset(r, SA_ALL) && !sa_is_any(r) && r->len <= sizeof(union zx_addr) && zx_addr_same_host(&ms->dst, &ms->sig))
		__builtin_memcpy(&ms->rtcp_dst, &r->u, r->len);
	else
		ms->rtcp_dst.in.sin_port = htons((uint16_t)(ntohs(ms->dst.in.sin_port) + 1));
}

void zx_rtcp_send(struct zx_mt *mt, struct zx_ms *ms)
{
	uint32_t sent = (uint32_t)ZX_GET(ms->c.tx_packets);
	struct zx_rtcp_out o = {.ssrc = ms->tx.ssrc, .cname = mt->m->cname, .sr = sent != ms->last_tx_packets, .ntp = ntp_now()};

	/* a call without media but what keeps NATs open has nothing to report, and needs no socket for it */
	bool quiet = !ms->rs.on && sent - ms->last_tx_packets <= ZX_RTCP_S;
	ms->last_tx_packets = sent;
	if (!ms->have_dst || quiet || (!ms->d.rtcp_mux && !rtcp_socket(mt, ms)))
		return;
	destination(ms);
	o.rtp_ts = ms->tx.ts + (uint32_t)((mt->now_us - ms->tx.t_us) * 8 / 1000);
	o.packets = sent;
	o.octets = (uint32_t)ZX_GET(ms->c.tx_bytes);
	if (ms->rs.on) {
		o.block = true;
		o.src = ms->rs.ssrc;
		zx_rxstat_block(&ms->rs, &o.rb);
		if (ms->sr_us && mt->now_us - ms->sr_us < 60000000) {
			o.rb.lsr = ms->sr_mid;
			o.rb.dlsr = (uint32_t)(((mt->now_us - ms->sr_us) << 16) / 1000000);
		}
	}
	uint8_t *buf = zx_io_txbuf(mt->io);
	size_t len = zx_rtcp_make(buf, &o);
	if (zx_srtp_tx(ms->srtp) && zx_srtp_protect(ms->srtp, buf, &len, true))
		return;
	zx_io_send(mt->io, ms->d.rtcp_mux ? &ms->rtp : &ms->rtcp, buf, len, &ms->rtcp_dst);
}
