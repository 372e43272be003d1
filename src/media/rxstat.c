/* Reception statistics (RFC 3550 A.1, A.3, A.8) and a simplified E-model (ITU-T G.107). */
#include "media/priv.h"

enum { DROPOUT = 3000, MISORDER = 100 };

static void restart(struct zx_rxstat *s, const struct zx_rtp *r)
{
	uint32_t lost = zx_rxstat_lost(s), jitter = s->jitter;

	*s = (struct zx_rxstat){
	    .on = true, .ssrc = r->ssrc, .base = r->seq, .max = r->seq, .bad = UINT32_MAX, .lost_before = lost, .jitter = jitter};
}

static bool sequence(struct zx_rxstat *s, const struct zx_rtp *r)
{
	uint16_t delta = (uint16_t)(r->seq - s->max);

	if (!s->on || r->ssrc != s->ssrc) {
		restart(s, r);
		return false;
	}
	if (delta < DROPOUT) {
		if (r->seq < (uint16_t)s->max)
			s->cycles += 1 << 16;
		s->max = r->seq;
	} else if (delta <= UINT16_MAX - MISORDER) {
		if (r->seq == s->bad) {
			restart(s, r); /* two in sequence: the source jumped */
			return false;
		}
		s->bad = (uint16_t)(r->seq + 1);
		s->received--; /* does not count: far away */
	}
	return true;
}

void zx_rxstat_packet(struct zx_rxstat *s, const struct zx_rtp *r, uint64_t now_us)
{
	uint32_t transit = (uint32_t)(now_us * 8 / 1000) - r->ts;

	if (sequence(s, r)) {
		uint32_t d = transit - s->transit;
		d = d > INT32_MAX ? -d : d;
		if (d < 8 * 2000) /* not a pause or a jump of the sender's clock */
			s->jitter += d - ((s->jitter + 8) >> 4);
	}
	s->transit = transit;
	s->received++;
}

static uint32_t expected(const struct zx_rxstat *s)
{
	return s->on ? s->cycles + s->max - s->base + 1 : 0;
}

uint32_t zx_rxstat_lost(const struct zx_rxstat *s)
{
	uint32_t e = expected(s);
	return s->lost_before + (e > s->received ? e - s->received : 0);
}

void zx_rxstat_block(struct zx_rxstat *s, struct zx_rtcp_block *b)
{
	uint32_t e = expected(s), de = e - s->expected_prior, dr = s->received - s->received_prior;
	uint32_t lost = zx_rxstat_lost(s);

	s->expected_prior = e;
	s->received_prior = s->received;
	b->fraction = de && de > dr && de < DROPOUT ? (uint8_t)(((de - dr) << 8) / (de + 1)) : 0;
	b->lost = lost > 0x7fffff ? 0x7fffff : (int32_t)lost;
	b->ext_seq = s->cycles + s->max;
	b->jitter = s->jitter >> 4;
}

/* R = 93.2 - Id(delay) - Ie,eff(codec, loss), then R to MOS. Ie, Bpl: G.113 Appendix I. */
float zx_mos(enum zx_codec codec, double loss, double delay_ms)
{
	const double ie = codec == ZX_CODEC_G729 ? 11 : 0, bpl = codec == ZX_CODEC_G729 ? 19 : 25.1;
	double ppl = loss * 100, r = 93.2;

	r -= 0.024 * delay_ms + (delay_ms > 177.3 ? 0.11 * (delay_ms - 177.3) : 0);
	r -= ie + (95 - ie) * ppl / (ppl + bpl);
	if (r <= 0)
		return 1;
	if (r > 100)
		r = 100;
	double mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
	return (float)(mos < 1 ? 1 : mos);
}
