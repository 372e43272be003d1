/* The way in: datagram -> [SRTP] -> latch -> statistics -> DTMF / recorder / peer. */
#include "media/priv.h"

#include <errno.h>

#include "base/clock.h"

static void dtmf_tell(struct zx_ms *ms)
{
	struct zx_dtmf_rx *d = &ms->dr;
	static const char key[] = "0123456789*#ABCD";

	d->told = true;
	zx_ms_event(ms, &(struct zx_stream_event){.type = ZX_STREAM_DTMF, .digit = key[d->event], .duration_ms = d->dur / 8u});
}

/* RFC 4733 2.5: packets of one press share the time stamp; the end comes three times, or never. */
static void dtmf(struct zx_mt *mt, struct zx_ms *ms, const struct zx_rtp *r, const uint8_t *p)
{
	struct zx_dtmf_rx *d = &ms->dr;

	if (r->len < 4 || p[0] > 15)
		return;
	uint16_t dur = zx_get16(p + 2);
	if (!d->on || r->ts != d->ts || r->ssrc != d->ssrc) {
		if (d->on && r->ssrc == d->ssrc && (int32_t)(r->ts - d->ts) < 0)
			return; /* late, of a press before */
		if (d->on && !d->told)
			dtmf_tell(ms);
		*d = (struct zx_dtmf_rx){.on = true, .event = p[0], .ts = r->ts, .ssrc = r->ssrc};
	}
	d->t_us = mt->now_us;
	if (dur > d->dur)
		d->dur = dur;
	if (!(p[1] & 0x80) || d->told)
		return;
	dtmf_tell(ms);
	if (ms->peer && ms->peer->d.te_pt < 0)
		zx_tx_dtmf(mt, ms->peer, d->event, d->dur / 8u);
}

void zx_rx_dtmf_sweep(struct zx_mt *mt, struct zx_ms *ms)
{
	if (ms->dr.on && !ms->dr.told && mt->now_us - ms->dr.t_us > 300000)
		dtmf_tell(ms);
	if (ms->inband)
		zx_inband_sweep(ms, mt->now_us);
}

static void deliver(struct zx_mt *mt, struct zx_ms *ms, struct zx_rtp *r, uint8_t *pkt)
{
	const struct zx_stream_desc *d = &ms->d;
	int kind;

	if (d->te_pt == r->pt)
		kind = ZX_KIND_TE;
	else if (r->pt == d->pt_rx || r->pt == d->pt)
		kind = d->codec;
	else if (r->pt == ZX_RTP_PT_CN)
		kind = ZX_KIND_CN;
	else
		kind = zx_codec_by_pt(r->pt); /* RFC 3264: any format of the answer may be used */
	if (kind == ZX_CODEC_NONE || !r->len)
		return;
	if (kind == ZX_KIND_TE)
		dtmf(mt, ms, r, pkt + r->off);
	if (kind >= 0 && ms->inband)
		zx_inband_packet(ms, (enum zx_codec)kind, pkt + r->off, r->len);
	if (kind >= 0 && ms->rec)
		zx_recs_packet(ms->rec, (enum zx_codec)kind, r, pkt + r->off, mt->now_us);
	if (ms->peer)
		zx_tx_relay(mt, ms->peer, ms, r, pkt, kind);
}

static void count(struct zx_mt *mt, struct zx_ms *ms, const struct zx_rtp *r, size_t len)
{
	zx_rxstat_packet(&ms->rs, r, mt->now_us);
	ZX_ADD(mt->rx, 1);
	ZX_ADD(ms->c.rx_packets, 1);
	ZX_ADD(ms->c.rx_bytes, len);
	ZX_SET(ms->c.rx_lost, zx_rxstat_lost(&ms->rs));
	ZX_SET(ms->c.rx_jitter_us, (ms->rs.jitter >> 4) * 125);
	ms->rx_us = mt->now_us;
	ms->timed_out = false;
	if (!ms->first) {
		ms->first = true;
		zx_ms_event(ms, &(struct zx_stream_event){.type = ZX_STREAM_FIRST_RTP});
	}
}

void zx_rx(struct zx_sock *s, uint8_t *pkt, size_t len, const union zx_addr *src, void *arg)
{
	struct zx_mt *mt = arg;
	struct zx_ms *ms = s->owner;
	struct zx_rtp r;

	if (!ms->set)
		return;
	mt->now_us = zx_mono_us();
	if (s->rtcp || zx_rtcp_is(pkt, len)) {
		zx_rtcp_rx(mt, ms, pkt, len, src);
		return;
	}
	bool secure = zx_srtp_rx(ms->srtp);
	if (len < ZX_RTP_HDR || len > ZX_RTP_MAX || pkt[0] >> 6 != 2)
		return;
	if (secure) {
		int err = zx_srtp_unprotect(ms->srtp, pkt, &len, false);
		if (err) {
			if (err != EALREADY)
				ZX_ADD(ms->c.rx_foreign, 1);
			return;
		}
	}
	if (zx_rtp_parse(&r, pkt, len))
		return;
	enum zx_latch_result l = zx_latch_check(ms, src, &r, secure, mt->now_us);
	if (l == ZX_LATCH_FOREIGN)
		ZX_ADD(ms->c.rx_foreign, 1);
	if (l != ZX_LATCH_OK)
		return;
	count(mt, ms, &r, len);
	if (ms->d.dir & ZX_DIR_RECVONLY)
		deliver(mt, ms, &r, pkt);
}
