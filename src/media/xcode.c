/* From one codec to another: decode, conceal what was lost, pack into the length the other side wants, encode. */
#include "media/priv.h"

#include <stdlib.h>
#include <string.h>

enum {
	CONCEAL = 3, /* packets in a row; what is longer stays a hole */
	HIST = 320,
	LAG_MIN = 40, /* 200 Hz .. 50 Hz */
	LAG_MAX = 160,
	FADE = 480, /* to silence in 60 ms */
	BLEND = 32,
};

struct zx_plc { /* of what a stream receives */
	bool on;
	uint32_t ssrc, ts;
	uint16_t seq;
	size_t n;           /* samples in the last packet */
	unsigned lag, made; /* what is being made up repeats this; samples so far */
	int16_t hist[HIST];
};

static struct zx_plc *plc(struct zx_ms *ms)
{
	if (!ms->plc)
		ms->plc = calloc(1, sizeof(*ms->plc));
	return ms->plc;
}

/* The distance at which the last 20 ms are most like what was before them. */
static unsigned pitch(const int16_t *h)
{
	unsigned best = LAG_MAX;
	uint64_t least = UINT64_MAX;

	for (unsigned lag = LAG_MIN; lag <= LAG_MAX; lag++) {
		uint64_t d = 0;
		for (unsigned i = HIST - LAG_MAX; i < HIST; i++)
			d += (uint64_t)abs(h[i] - h[i - lag]);
		if (d < least) {
			least = d;
			best = lag;
		}
	}
	return best;
}

static int16_t made_up(const struct zx_plc *c, unsigned at)
{
	return at < FADE ? (int16_t)(c->hist[HIST - c->lag + at % c->lag] * (int)(FADE - at) / FADE) : 0;
}

static void make_up(struct zx_plc *c, int16_t *pcm, size_t n)
{
	if (!c->made)
		c->lag = pitch(c->hist);
	for (size_t i = 0; i < n; i++)
		pcm[i] = made_up(c, c->made++);
}

/* A packet that came: no click after what was made up, and kept for what may be lost next. */
static void learn(struct zx_plc *c, int16_t *pcm, size_t n)
{
	for (unsigned i = 0; c->made && i < BLEND && i < n; i++)
		pcm[i] = (int16_t)((pcm[i] * (int)i + made_up(c, c->made + i) * (int)(BLEND - i)) / BLEND);
	c->made = 0;
	if (n < HIST) {
		memmove(c->hist, c->hist + n, (HIST - n) * sizeof(*pcm));
		memcpy(c->hist + HIST - n, pcm, n * sizeof(*pcm));
	} else {
		memcpy(c->hist, pcm + n - HIST, sizeof(c->hist));
	}
}

static struct zx_dec *decoder(struct zx_ms *ms, enum zx_codec codec)
{
	if (ms->dec && ms->dec_codec == codec)
		return ms->dec;
	zx_dec_free(ms->dec);
	ms->dec = NULL;
	ms->dec_codec = codec;
	return zx_dec_alloc(&ms->dec, codec) ? NULL : ms->dec;
}

/* r: as the other side numbered it. */
static void emit(struct zx_mt *mt, struct zx_ms *to, struct zx_rtp r, const int16_t *pcm, size_t n)
{
	const unsigned want = zx_tx_frame(to);
	struct zx_txcont *t = &to->tx;
	uint16_t theirs = r.seq, seq = t->seq;

	if (n == want && !(to->pack && to->pack->n)) {
		if (zx_tx_map(t, &r, mt->now_us))
			zx_tx_pcm(mt, to, &r, pcm, n);
		return;
	}
	struct zx_pack *k = zx_tx_pack(to);
	if (!k || !zx_tx_map(t, &r, mt->now_us))
		return;
	t->seq = seq; /* packets are ours from here on */
	if (k->n && k->ts + k->n != r.ts)
		zx_tx_pack_send(mt, to);
	k->marker = k->marker || r.marker;
	while (n) {
		size_t m = want > k->n && n > want - k->n ? want - k->n : n;
		m = m > ZX_PACK_MAX - k->n ? ZX_PACK_MAX - k->n : m;
		if (!k->n)
			k->ts = r.ts;
		memcpy(k->v + k->n, pcm, m * sizeof(*pcm));
		k->n += (unsigned)m;
		r.ts += (uint32_t)m;
		pcm += m;
		n -= m;
		if (k->n >= want)
			zx_tx_pack_send(mt, to);
	}
	t->seq_off = (uint16_t)(t->seq - theirs);
}

/* What was lost between the last packet and this one; false when this one comes too late. */
static bool conceal(struct zx_mt *mt, struct zx_ms *to, struct zx_plc *c, struct zx_dec *d, const struct zx_rtp *r)
{
	uint16_t lost = (uint16_t)(r->seq - c->seq - 1);
	int16_t pcm[ZX_PACK_MAX];

	if (!c->on || c->ssrc != r->ssrc)
		return true;
	if (lost >= 0x8000)
		return false;
	if (!lost || lost > CONCEAL || !c->n || c->n > ZX_PACK_MAX || r->ts - c->ts != (lost + 1u) * c->n)
		return true;
	for (uint16_t i = 1; i <= lost; i++) {
		struct zx_rtp x = *r;
		x.seq = (uint16_t)(c->seq + i);
		x.ts = c->ts + i * (uint32_t)c->n;
		x.marker = false;
		if (!zx_dec_lost(d, pcm, c->n))
			make_up(c, pcm, c->n);
		emit(mt, to, x, pcm, c->n);
	}
	return true;
}

void zx_transcode(struct zx_mt *mt, struct zx_ms *to, struct zx_ms *from, struct zx_rtp *r, const uint8_t *pkt, enum zx_codec codec)
{
	int16_t pcm[ZX_PCM_MAX];
	struct zx_dec *d = decoder(from, codec);
	struct zx_plc *c = plc(from);

	if (!d || !c || !conceal(mt, to, c, d, r))
		return;
	size_t n = zx_dec_run(d, pkt + r->off, r->len, pcm, ZX_PCM_MAX);
	if (!n)
		return;
	if (codec != ZX_CODEC_G729) /* which conceals by itself */
		learn(c, pcm, n);
	c->on = true;
	c->ssrc = r->ssrc;
	c->seq = r->seq;
	c->ts = r->ts;
	c->n = n;
	emit(mt, to, *r, pcm, n);
}
