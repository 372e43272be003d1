#include "media/pcm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
#include <spandsp/telephony.h>
#include <spandsp/bit_operations.h>
#include <spandsp/g711.h>
#include <spandsp/g722.h>

enum { G729_FRAME = 10, G729_SID = 2, G729_SAMPLES = 80, FIR = 47, BLOCK = 320 };

int16_t zx_ulaw_table[256], zx_alaw_table[256];

/*
 * Half-band low-pass at 16 kHz, 47 taps, Kaiser beta 6: flat to 3.3 kHz, -60 dB from 4.6 kHz. Every other tap
 * but the middle one is zero, so 12 symmetric pairs are enough: distances 1, 3, .. 23 from the middle.
 */
enum { HB_PAIRS = 12, HB_MID = FIR / 2 };
static float hb_tap[HB_PAIRS];

static double bessel0(double x)
{
	double sum = 1, term = 1;
	for (int k = 1; k < 32; k++) {
		term *= x / (2 * k);
		sum += term * term;
	}
	return sum;
}

static double root(double x)
{
	double r = x > 1 ? x : 1;
	for (int i = 0; i < 40; i++)
		r = (r + x / r) / 2;
	return r;
}

static void tables_make(void)
{
	const double pi = 3.14159265358979323846, beta = 6;
	double sum = 0;

	for (int i = 0; i < 256; i++) {
		zx_ulaw_table[i] = ulaw_to_linear((uint8_t)i);
		zx_alaw_table[i] = alaw_to_linear((uint8_t)i);
	}
	for (int i = 0; i < HB_PAIRS; i++) {
		int d = 2 * i + 1; /* sin(pi d / 2) alternates */
		double x = (double)d / (HB_MID + 1);
		hb_tap[i] = (float)((i % 2 ? -1 : 1) / (pi * d) * bessel0(beta * root(1 - x * x)) / bessel0(beta));
		sum += 2 * (double)hb_tap[i];
	}
	for (int i = 0; i < HB_PAIRS; i++)
		hb_tap[i] *= (float)(0.5 / sum);
}

void zx_pcm_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, tables_make);
}

static int16_t clip(float v)
{
	return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

/* in: 2n samples at 16 kHz; hist: the FIR - 1 before them. */
static void halve(int16_t *out, const int16_t *in, size_t n, int16_t *hist)
{
	int16_t x[FIR - 1 + 2 * BLOCK];

	memcpy(x, hist, (FIR - 1) * sizeof(*x));
	memcpy(x + FIR - 1, in, 2 * n * sizeof(*x));
	for (size_t i = 0; i < n; i++) {
		const int16_t *m = x + 2 * i + HB_MID;
		float v = 0.5f * m[0];
		for (int k = 0; k < HB_PAIRS; k++)
			v += hb_tap[k] * (float)(m[2 * k + 1] + m[-2 * k - 1]);
		out[i] = clip(v);
	}
	memcpy(hist, x + 2 * n, (FIR - 1) * sizeof(*x));
}

/* in: n samples at 8 kHz, out: 2n at 16 kHz; hist: the 2 * HB_PAIRS - 1 before them. */
static void twice(int16_t *out, const int16_t *in, size_t n, int16_t *hist)
{
	enum { H = 2 * HB_PAIRS - 1 };
	int16_t x[H + BLOCK];

	memcpy(x, hist, H * sizeof(*x));
	memcpy(x + H, in, n * sizeof(*x));
	for (size_t i = 0; i < n; i++) {
		const int16_t *m = x + i + HB_PAIRS - 1; /* halfway between m[0] and m[1] */
		float v = 0;
		for (int k = 0; k < HB_PAIRS; k++)
			v += hb_tap[k] * (float)(m[k + 1] + m[-k]);
		out[2 * i] = m[0];
		out[2 * i + 1] = clip(2 * v);
	}
	memcpy(hist, x + n, H * sizeof(*x));
}

struct zx_dec {
	enum zx_codec codec;
	g722_decode_state_t *g722;
	bcg729DecoderChannelContextStruct *g729;
	int16_t hist[FIR];
};

struct zx_enc {
	enum zx_codec codec;
	g722_encode_state_t *g722;
	bcg729EncoderChannelContextStruct *g729;
	int16_t hist[FIR];
};

int zx_dec_alloc(struct zx_dec **dp, enum zx_codec codec)
{
	if (codec < 0 || codec >= ZX_CODEC_COUNT)
		return EINVAL;
	struct zx_dec *d = calloc(1, sizeof(*d));
	if (!d)
		return ENOMEM;
	d->codec = codec;
	if (codec == ZX_CODEC_G722)
		d->g722 = g722_decode_init(NULL, 64000, 0);
	else if (codec == ZX_CODEC_G729)
		d->g729 = initBcg729DecoderChannel();
	if ((codec == ZX_CODEC_G722 && !d->g722) || (codec == ZX_CODEC_G729 && !d->g729)) {
		free(d);
		return ENOMEM;
	}
	*dp = d;
	return 0;
}

void zx_dec_free(struct zx_dec *d)
{
	if (!d)
		return;
	if (d->g722)
		g722_decode_free(d->g722);
	if (d->g729)
		closeBcg729DecoderChannel(d->g729);
	free(d);
}

static size_t g722_dec(struct zx_dec *d, const uint8_t *p, size_t n, int16_t *pcm)
{
	int16_t wide[2 * BLOCK];

	for (size_t done = 0; done < n;) {
		size_t m = n - done < BLOCK ? n - done : BLOCK;
		g722_decode(d->g722, wide, p + done, (int)m);
		halve(pcm + done, wide, m, d->hist);
		done += m;
	}
	return n;
}

static size_t g729_dec(struct zx_dec *d, const uint8_t *p, size_t n, int16_t *pcm, size_t max)
{
	size_t out = 0;

	while (n && out + G729_SAMPLES <= max) {
		uint8_t len = n >= G729_FRAME ? G729_FRAME : n >= G729_SID ? G729_SID : 0;
		if (!len)
			break;
		bcg729Decoder(d->g729, p, len, 0, len == G729_SID, 0, pcm + out);
		out += G729_SAMPLES;
		p += len;
		n -= len;
	}
	return out;
}

size_t zx_dec_run(struct zx_dec *d, const uint8_t *p, size_t n, int16_t *pcm, size_t max)
{
	if (d->codec == ZX_CODEC_G729)
		return g729_dec(d, p, n, pcm, max);
	if (n > max)
		n = max;
	if (d->codec == ZX_CODEC_G722)
		return g722_dec(d, p, n, pcm);
	const int16_t *t = d->codec == ZX_CODEC_PCMU ? zx_ulaw_table : zx_alaw_table;
	for (size_t i = 0; i < n; i++)
		pcm[i] = t[p[i]];
	return n;
}

bool zx_dec_lost(struct zx_dec *d, int16_t *pcm, size_t n)
{
	static const uint8_t none[G729_FRAME];

	if (d->codec != ZX_CODEC_G729 || n % G729_SAMPLES)
		return false;
	for (; n; n -= G729_SAMPLES, pcm += G729_SAMPLES)
		bcg729Decoder(d->g729, none, G729_FRAME, 1, 0, 0, pcm);
	return true;
}

int zx_enc_alloc(struct zx_enc **ep, enum zx_codec codec)
{
	if (codec < 0 || codec >= ZX_CODEC_COUNT)
		return EINVAL;
	struct zx_enc *e = calloc(1, sizeof(*e));
	if (!e)
		return ENOMEM;
	e->codec = codec;
	if (codec == ZX_CODEC_G722)
		e->g722 = g722_encode_init(NULL, 64000, 0);
	else if (codec == ZX_CODEC_G729)
		e->g729 = initBcg729EncoderChannel(0);
	if ((codec == ZX_CODEC_G722 && !e->g722) || (codec == ZX_CODEC_G729 && !e->g729)) {
		free(e);
		return ENOMEM;
	}
	*ep = e;
	return 0;
}

void zx_enc_free(struct zx_enc *e)
{
	if (!e)
		return;
	if (e->g722)
		g722_encode_free(e->g722);
	if (e->g729)
		closeBcg729EncoderChannel(e->g729);
	free(e);
}

size_t zx_enc_run(struct zx_enc *e, const int16_t *pcm, size_t n, uint8_t *p, size_t max)
{
	if (e->codec == ZX_CODEC_G729) {
		size_t out = 0;
		for (; n >= G729_SAMPLES && out + G729_FRAME <= max; n -= G729_SAMPLES, pcm += G729_SAMPLES) {
			uint8_t len = 0;
			bcg729Encoder(e->g729, pcm, p + out, &len);
			out += len;
		}
		return out;
	}
	if (n > max)
		n = max;
	if (e->codec == ZX_CODEC_G722) {
		int16_t wide[2 * BLOCK];
		for (size_t done = 0; done < n;) {
			size_t m = n - done < BLOCK ? n - done : BLOCK;
			twice(wide, pcm + done, m, e->hist);
			g722_encode(e->g722, p + done, wide, (int)(2 * m));
			done += m;
		}
	} else if (e->codec == ZX_CODEC_PCMU) {
		for (size_t i = 0; i < n; i++)
			p[i] = linear_to_ulaw(pcm[i]);
	} else {
		for (size_t i = 0; i < n; i++)
			p[i] = linear_to_alaw(pcm[i]);
	}
	return n;
}
