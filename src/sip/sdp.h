/*
 * SDP (RFC 8866) and offer/answer (RFC 3264) as pure functions over plain data: no state, so that a refused re-INVITE changes
 * nothing. One audio stream; every other media line of an offer is answered with port 0.
 */
#ifndef ZX_SIP_SDP_H
#define ZX_SIP_SDP_H

#include "base/re.h"

#include "base/codec.h"

enum { ZX_SDP_FMTS = 12, ZX_SDP_MLINES = 8, ZX_SDP_CRYPTOS = 4 };

struct zx_sdp_fmt {
	enum zx_codec codec; /* NONE: not ours, kept for its number only */
	uint8_t pt;
};

struct zx_sdp_crypto {
	uint32_t tag;
	struct zx_srtp_key key;
};

struct zx_sdp {
	uint64_t sess_id, sess_version; /* o= */
	struct sa rtp, rtcp;            /* unset address: 0.0.0.0 (old-style hold); rtcp unset: rtp port + 1 */
	bool rtcp_mux, srtp, avpf;      /* srtp: RTP/SAVP(F). Keys with RTP/AVP(F) mean: SRTP if you can (best effort) */
	enum zx_dir dir;                /* as written by its sender */
	struct zx_sdp_fmt fmts[ZX_SDP_FMTS];
	unsigned fmtc;
	int te_pt;      /* -1 none */
	uint16_t ptime; /* 0 = not said */
	struct zx_sdp_crypto crypto[ZX_SDP_CRYPTOS];
	unsigned cryptoc;
	/* the media lines of the offer, to be mirrored in the answer */
	struct {
		char media[16];
		char proto[24];
		char fmt[64];
	} mlines[ZX_SDP_MLINES];
	unsigned mlinec, audio_index;
};

/* EBADMSG: not SDP, or no usable audio line. Never reads past len. */
int zx_sdp_decode(struct zx_sdp *sdp, const char *p, size_t len);
int zx_sdp_encode(struct mbuf *mb, const struct zx_sdp *sdp);

/* Our offer: codecs in order. */
void zx_sdp_offer(struct zx_sdp *offer, const struct sa *laddr, const enum zx_codec *codecs, unsigned n, enum zx_dir dir,
		  const struct zx_srtp_key *srtp);
/* Our answer to `offer` with the codecs we allow in order of preference; *codec gets the first common one. ENOTSUP when none is common
 * (488). To keys, a key of ours is generated for the first crypto line we know; the profile stays theirs. */
int zx_sdp_answer(struct zx_sdp *answer, const struct zx_sdp *offer, const struct sa *laddr, const enum zx_codec *codecs, unsigned n,
		  enum zx_dir dir, enum zx_codec *codec);
enum zx_dir zx_dir_reverse(enum zx_dir d);

#endif
