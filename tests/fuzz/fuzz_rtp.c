/*
 * RTP and RTCP from the network: parsing, and the whole way in of two bridged streams (latch, statistics, DTMF, relay, transcoding),
 * over a socket that is none. Byte 0 chooses, then packets: length byte (x 2), bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "media/priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ms_init(struct zx_ms *ms, enum zx_codec codec, uint8_t opt)
{
	ms->rtp.fd = ms->rtcp.fd = -1;
	ms->rtp.owner = ms->rtcp.owner = ms;
	ms->rtcp.rtcp = true;
	ms->set = true;
	ms->d = (struct zx_stream_desc){.latch = opt & 1,
					.rtcp_mux = true,
					.codec = codec,
					.pt = zx_codec_info(codec)->pt,
					.te_pt = opt & 2 ? 101 : -1,
					.dir = ZX_DIR_SENDRECV};
	ms->d.pt_rx = ms->d.pt;
	ms->sig.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(4000), .sin_addr.s_addr = htonl(0x7f000001)};
	ms->dst = ms->sig;
	ms->have_dst = true;
	ms->tx.ssrc = 0x11223344;
}

static void ms_close(struct zx_ms *ms)
{
	zx_dec_free(ms->dec);
	zx_enc_free(ms->enc);
	zx_srtp_free(ms->srtp);
	zx_recs_detach(ms->rec);
	zx_inband_free(ms);
	free(ms->plc);
	free(ms->pack);
	free(ms->dt);
}

static void reports(const uint8_t *p, size_t n)
{
	struct zx_rtcp_in in;
	uint8_t buf[ZX_RTCP_MAX];

	if (zx_rtcp_parse(&in, p, n, 0x11223344))
		return;
	struct zx_rtcp_out o = {.ssrc = in.ssrc, .cname = "fuzz", .sr = in.sr, .block = in.block, .src = in.ssrc, .rb = in.rb};
	size_t len = zx_rtcp_make(buf, &o);
	if (len > sizeof(buf) || zx_rtcp_parse(&in, buf, len, in.ssrc))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zx_media m = {.cname = "fuzz"};
	static struct zx_io *io;
	struct zx_mt mt = {.m = &m};
	struct zx_ms a, b;
	const struct zx_srtp_key none = {0}, key = {.suite = ZX_SRTP_AES_CM_128_HMAC_SHA1_80};

	if (!size)
		return 0;
	uint8_t opt = *data++;
	size--;
	zx_pcm_init();
	if (!io && zx_io_alloc(&io, true, zx_rx, NULL))
		abort();
	mt.io = io;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	ms_init(&a, (enum zx_codec)(opt & 3), opt >> 4);
	ms_init(&b, (enum zx_codec)(opt >> 2 & 3), opt >> 6);
	a.peer = &b;
	b.peer = &a;
	if ((opt & 0xf0) == 0xf0 && !zx_srtp_init())
		zx_srtp_set(&a.srtp, &none, &key, a.tx.ssrc);
	for (unsigned k = 0; size > 1; k++) {
		size_t n = 2u * *data++;
		union zx_addr src = a.sig;
		size--;
		n = n > size ? size : n;
		uint8_t *pkt = malloc(n + ZX_IO_TAIL); /* exact, so that reading past it shows */
		memcpy(pkt, data, n);
		data += n;
		size -= n;
		reports(pkt, n);
		if (n && pkt[n - 1] & 1)
			src.in.sin_port ^= 1;
		zx_rx(k % 3 ? &a.rtp : k % 2 ? &a.rtcp : &b.rtp, pkt, n, &src, &mt);
		zx_rx_dtmf_sweep(&mt, &a);
		zx_rtcp_send(&mt, &a);
		zx_tx_tick(&mt, &b);
		free(pkt);
	}
	ms_close(&a);
	ms_close(&b);
	return 0;
}
