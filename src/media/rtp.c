#include "media/rtp.h"

#include <errno.h>
#include <string.h>

enum { RTCP_SR = 200, RTCP_RR = 201, RTCP_SDES = 202, RTCP_BYE = 203, BLOCK = 24, CNAME_MAX = 64 };

int zx_rtp_parse(struct zx_rtp *r, const uint8_t *p, size_t n)
{
	if (n < ZX_RTP_HDR || n > ZX_RTP_MAX || p[0] >> 6 != 2)
		return EBADMSG;
	size_t off = ZX_RTP_HDR + 4u * (p[0] & 0x0f);
	if (p[0] & 0x10) {
		if (n < off + 4)
			return EBADMSG;
		off += 4 + 4u * zx_get16(p + off + 2);
	}
	if (off > n)
		return EBADMSG;
	size_t len = n - off;
	if (p[0] & 0x20) {
		if (!len || !p[n - 1] || p[n - 1] > len)
			return EBADMSG;
		len -= p[n - 1];
	}
	*r = (struct zx_rtp){.marker = p[1] >> 7,
			     .pt = p[1] & 0x7f,
			     .seq = zx_get16(p + 2),
			     .ts = zx_get32(p + 4),
			     .ssrc = zx_get32(p + 8),
			     .off = (uint16_t)off,
			     .len = (uint16_t)len};
	return 0;
}

void zx_rtp_put(uint8_t *p, const struct zx_rtp *r)
{
	p[0] = 0x80;
	p[1] = (uint8_t)((r->marker ? 0x80 : 0) | r->pt);
	zx_put16(p + 2, r->seq);
	zx_put32(p + 4, r->ts);
	zx_put32(p + 8, r->ssrc);
}

static void block_read(struct zx_rtcp_in *in, const uint8_t *p, unsigned count, uint32_t our_ssrc)
{
	for (; count--; p += BLOCK) {
		if (zx_get32(p) != our_ssrc)
			continue;
		uint32_t lost = zx_get32(p + 4) & 0xffffff;
		in->block = true;
		in->rb = (struct zx_rtcp_block){.fraction = p[4],
						.lost = (int32_t)(lost & 0x800000 ? lost | 0xff000000 : lost),
						.ext_seq = zx_get32(p + 8),
						.jitter = zx_get32(p + 12),
						.lsr = zx_get32(p + 16),
						.dlsr = zx_get32(p + 20)};
	}
}

int zx_rtcp_parse(struct zx_rtcp_in *out, const uint8_t *p, size_t n, uint32_t our_ssrc)
{
	struct zx_rtcp_in in = {0};

	if (n < 8)
		return EBADMSG;
	for (bool first = true; n; first = false) {
		if (n < 4 || p[0] >> 6 != 2)
			return EBADMSG;
		size_t len = 4 * ((size_t)zx_get16(p + 2) + 1);
		unsigned count = p[0] & 0x1f, head = p[1] == RTCP_SR ? 28 : 8;
		if (len > n)
			return EBADMSG;
		if (p[1] == RTCP_SR || p[1] == RTCP_RR) {
			if (len < head + (size_t)count * BLOCK)
				return EBADMSG;
			if (first || !in.ssrc)
				in.ssrc = zx_get32(p + 4);
			if (p[1] == RTCP_SR) {
				in.sr = true;
				in.ntp_mid = zx_get32(p + 10);
			}
			block_read(&in, p + head, count, our_ssrc);
		} else if (p[1] == RTCP_BYE) {
			in.bye = true;
		}
		p += len;
		n -= len;
	}
	*out = in;
	return 0;
}

size_t zx_rtcp_make(uint8_t *buf, const struct zx_rtcp_out *o)
{
	uint8_t *p = buf + 8;

	if (o->sr) {
		zx_put32(p, (uint32_t)(o->ntp >> 32));
		zx_put32(p + 4, (uint32_t)o->ntp);
		zx_put32(p + 8, o->rtp_ts);
		zx_put32(p + 12, o->packets);
		zx_put32(p + 16, o->octets);
		p += 20;
	}
	if (o->block) {
		zx_put32(p, o->src);
		zx_put32(p + 4, (uint32_t)o->rb.fraction << 24 | ((uint32_t)o->rb.lost & 0xffffff));
		zx_put32(p + 8, o->rb.ext_seq);
		zx_put32(p + 12, o->rb.jitter);
		zx_put32(p + 16, o->rb.lsr);
		zx_put32(p + 20, o->rb.dlsr);
		p += BLOCK;
	}
	buf[0] = o->block ? 0x81 : 0x80;
	buf[1] = o->sr ? RTCP_SR : RTCP_RR;
	zx_put16(buf + 2, (uint16_t)((p - buf) / 4 - 1));
	zx_put32(buf + 4, o->ssrc);

	uint8_t *sdes = p;
	size_t len = strnlen(o->cname, CNAME_MAX);
	size_t size = (8 + 2 + len + 1 + 3) & ~(size_t)3; /* at least one zero ends the chunk */
	memset(sdes, 0, size);
	sdes[0] = 0x81;
	sdes[1] = RTCP_SDES;
	zx_put16(sdes + 2, (uint16_t)(size / 4 - 1));
	zx_put32(sdes + 4, o->ssrc);
	sdes[8] = 1;
	sdes[9] = (uint8_t)len;
	memcpy(sdes + 10, o->cname, len);
	return (size_t)(sdes + size - buf);
}
