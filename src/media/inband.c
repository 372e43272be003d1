/* Key presses as tones in what a stream receives, for peers without RFC 4733. The tones also go on as audio. */
#include "media/priv.h"

#include <errno.h>
#include <stdlib.h>

#include <spandsp/telephony.h>
#include <spandsp/fast_convert.h>
#include <spandsp/logging.h>
#include <spandsp/queue.h>
#include <spandsp/complex.h>
#include <spandsp/tone_generate.h>
#include <spandsp/super_tone_rx.h>
#include <spandsp/dtmf.h>

enum { TAIL_US = 300000 };

struct zx_inband {
	struct zx_ms *ms;
	dtmf_rx_state_t *rx;
	struct zx_dec *dec;
	enum zx_codec codec;
	char digit; /* sounding now */
	unsigned samples;
};

static void tell(struct zx_inband *i)
{
	/* one that sends telephone-events has been heard already */
	if (i->digit && !i->ms->dr.on)
		zx_ms_event(i->ms, &(struct zx_stream_event){.type = ZX_STREAM_DTMF, .digit = i->digit, .duration_ms = i->samples / 8});
	i->digit = 0;
}

/* code: the key that begins, 0 at its end. */
static void tone_handler(void *arg, int code, int level, int delay)
{
	struct zx_inband *i = arg;

	(void)level;
	(void)delay;
	tell(i);
	i->digit = (char)code;
	i->samples = 0;
}

void zx_inband_free(struct zx_ms *ms)
{
	struct zx_inband *i = ms->inband;

	if (!i)
		return;
	if (i->rx)
		dtmf_rx_free(i->rx);
	zx_dec_free(i->dec);
	free(i);
	ms->inband = NULL;
}

int zx_inband_set(struct zx_ms *ms, bool on)
{
	if (!on)
		zx_inband_free(ms);
	if (!on || ms->inband)
		return 0;
	struct zx_inband *i = calloc(1, sizeof(*i));
	if (!i)
		return ENOMEM;
	i->ms = ms;
	i->codec = ZX_CODEC_NONE;
	i->rx = dtmf_rx_init(NULL, NULL, NULL);
	ms->inband = i;
	if (!i->rx) {
		zx_inband_free(ms);
		return ENOMEM;
	}
	dtmf_rx_set_realtime_callback(i->rx, tone_handler, i);
	return 0;
}

void zx_inband_packet(struct zx_ms *ms, enum zx_codec codec, const uint8_t *p, size_t n)
{
	struct zx_inband *i = ms->inband;
	int16_t pcm[ZX_PCM_MAX];

	if (!i->dec || i->codec != codec) {
		zx_dec_free(i->dec);
		i->dec = NULL;
		i->codec = codec;
		if (zx_dec_alloc(&i->dec, codec))
			return;
	}
	size_t k = zx_dec_run(i->dec, p, n, pcm, ZX_PCM_MAX);
	i->samples += (unsigned)k;
	(void)dtmf_rx(i->rx, pcm, (int)k);
}

/* The audio ended within a tone. */
void zx_inband_sweep(struct zx_ms *ms, uint64_t now_us)
{
	if (now_us - ms->rx_us > TAIL_US)
		tell(ms->inband);
}
