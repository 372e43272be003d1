/* RTP and RTCP on the wire: parsing and building only, no state (RFC 3550, 5761). */
#ifndef ZX_MEDIA_RTP_H
#define ZX_MEDIA_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ZX_RTP_HDR = 12,
	ZX_RTP_MAX = 1500, /* longer datagrams are dropped */
	ZX_RTP_PT_CN = 13, /* RFC 3389 */
	ZX_RTCP_MAX = 256, /* what zx_rtcp_make() needs at most */
};

struct zx_rtp {
	bool marker;
	uint8_t pt;
	uint16_t seq;
	uint32_t ts, ssrc;
	uint16_t off, len; /* payload, padding taken off */
};

/* EBADMSG when it is not a whole RTP packet. */
int zx_rtp_parse(struct zx_rtp *r, const uint8_t *p, size_t n);
/* Writes the 12 bytes before a payload. */
void zx_rtp_put(uint8_t *p, const struct zx_rtp *r);
/* RTCP on a shared port: packet types 192-223 where RTP has marker and payload type (RFC 5761 4). */
static inline bool zx_rtcp_is(const uint8_t *p, size_t n)
{
	return n >= 8 && (p[1] & 0xe0) == 0xc0;
}

struct zx_rtcp_block { /* what a report says about one of our streams */
	uint8_t fraction;
	int32_t lost;
	uint32_t ext_seq, jitter, lsr, dlsr;
};

struct zx_rtcp_in {
	uint32_t ssrc;
	bool sr, block, bye;
	uint32_t ntp_mid; /* of the SR */
	struct zx_rtcp_block rb;
};

/* Reads a compound packet; keeps the report block about our_ssrc. EBADMSG when malformed (then *in is not written). */
int zx_rtcp_parse(struct zx_rtcp_in *in, const uint8_t *p, size_t n, uint32_t our_ssrc);

struct zx_rtcp_out {
	uint32_t ssrc;
	const char *cname;
	bool sr; /* else RR */
	uint64_t ntp;
	uint32_t rtp_ts, packets, octets;
	bool block;
	uint32_t src;
	struct zx_rtcp_block rb;
};

/* SR or RR, then SDES CNAME; the length. buf holds ZX_RTCP_MAX. */
size_t zx_rtcp_make(uint8_t *buf, const struct zx_rtcp_out *o);

static inline uint16_t zx_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t zx_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void zx_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void zx_put32(uint8_t *p, uint32_t v)
{
	zx_put16(p, (uint16_t)(v >> 16));
	zx_put16(p + 2, (uint16_t)v);
}

#endif
