/* Any bytes as SDP: what is taken can be answered, written and read again. */
#include <stdlib.h>

#include "sip/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum zx_codec codecs[] = {ZX_CODEC_G722, ZX_CODEC_PCMA, ZX_CODEC_PCMU, ZX_CODEC_G729};
	struct zx_sdp offer, answer, again;
	enum zx_codec codec;
	struct mbuf *mb;
	struct sa sa;

	if (zx_sdp_decode(&offer, (const char *)data, size))
		return 0;
	if (!offer.fmtc || offer.fmtc > ZX_SDP_FMTS || offer.audio_index >= offer.mlinec || offer.cryptoc > ZX_SDP_CRYPTOS)
		abort();
	sa_set_str(&sa, "127.0.0.1", 30000);
	mb = mbuf_alloc(256);
	if (zx_sdp_encode(mb, &offer) || zx_sdp_decode(&again, (const char *)mb->buf, mb->end))
		abort();
	if (again.fmtc != offer.fmtc || again.mlinec != offer.mlinec || again.dir != offer.dir)
		abort();
	mb->pos = mb->end = 0;
	if (!zx_sdp_answer(&answer, &offer, &sa, codecs, 4, ZX_DIR_SENDRECV, &codec)) {
		if (zx_sdp_encode(mb, &answer) || zx_sdp_decode(&again, (const char *)mb->buf, mb->end))
			abort();
		if (again.mlinec != offer.mlinec || again.fmts[0].codec != codec)
			abort();
	}
	mem_deref(mb);
	return 0;
}
