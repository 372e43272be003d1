/* Codec identities shared by SDP (sip) and packets (media). Source: RFC 3551, RFC 4733. */
#ifndef ZX_BASE_CODEC_H
#define ZX_BASE_CODEC_H

#include <stdint.h>

enum zx_codec {
	ZX_CODEC_NONE = -1,
	ZX_CODEC_PCMU = 0,
	ZX_CODEC_PCMA,
	ZX_CODEC_G722,
	ZX_CODEC_G729,
	ZX_CODEC_COUNT,
};

struct zx_codec_info {
	enum zx_codec id;
	const char *name;   /* rtpmap encoding name */
	uint32_t clock;     /* RTP clock, Hz (8000 for G.722 too, RFC 3551 4.5.2) */
	uint32_t rate;      /* sampling rate of the PCM it yields, Hz */
	uint8_t pt;         /* static payload type */
	uint16_t frame_len; /* payload bytes in 20 ms */
};

/* Never NULL for an id in range. */
const struct zx_codec_info *zx_codec_info(enum zx_codec id);
/* By rtpmap name (case-insensitive) and clock; ZX_CODEC_NONE when unknown. */
enum zx_codec zx_codec_find(const char *name, uint32_t clock);
/* By static payload type; ZX_CODEC_NONE when unknown. */
enum zx_codec zx_codec_by_pt(uint8_t pt);

/* Direction of media as seen by us, RFC 3264. Bit 0: we send, bit 1: we receive. */
enum zx_dir {
	ZX_DIR_INACTIVE = 0,
	ZX_DIR_SENDONLY = 1,
	ZX_DIR_RECVONLY = 2,
	ZX_DIR_SENDRECV = 3,
};

/* SRTP by SDES (RFC 4568); key material is master key followed by master salt. */
enum zx_srtp_suite {
	ZX_SRTP_NONE = 0,
	ZX_SRTP_AES_CM_128_HMAC_SHA1_80,
	ZX_SRTP_AES_CM_128_HMAC_SHA1_32,
};
enum { ZX_SRTP_KEY_LEN = 30 };

struct zx_srtp_key {
	enum zx_srtp_suite suite;
	uint8_t key[ZX_SRTP_KEY_LEN];
};

#endif
