/* Tones of the Chinese network (GB 3380: 450 Hz), a beep, special information tone, and DTMF as audio. Made once, kept. */
#include "media/priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { PARTS = 4 };

struct part {
	unsigned hz, ms; /* hz 0: silence */
};

static const struct part tone_table[][PARTS] = {
    [ZX_TONE_RINGBACK] = {{450, 1000}, {0, 4000}},
    [ZX_TONE_BUSY] = {{450, 340}, {0, 360}},
    [ZX_TONE_CONGESTION] = {{450, 700}, {0, 700}},
    [ZX_TONE_SIT] = {{950, 340}, {1400, 340}, {1800, 340}, {0, 1000}},
    [ZX_TONE_BEEP] = {{1000, 400}},
};

enum { TONES = sizeof(tone_table) / sizeof(tone_table[0]), AMPLITUDE = 7300 }; /* -10 dBm0 */

void zx_pcm_deref(struct zx_pcm *p)
{
	if (p && atomic_fetch_sub(&p->refs, 1) == 1)
		free(p);
}

struct zx_pcm *zx_pcm_ref(struct zx_pcm *p)
{
	atomic_fetch_add(&p->refs, 1);
	return p;
}

static struct zx_pcm *make(const struct part *part)
{
	size_t n = 0;

	for (int i = 0; i < PARTS; i++)
		n += part[i].ms * 8;
	struct zx_pcm *p = calloc(1, sizeof(*p) + n * sizeof(p->v[0]));
	if (!p)
		return NULL;
	atomic_init(&p->refs, 1);
	for (int i = 0; i < PARTS; i++)
		for (unsigned k = 0; k < part[i].ms * 8; k++)
			p->v[p->n++] = part[i].hz ? (int16_t)(AMPLITUDE * sin(2 * M_PI * part[i].hz * k / 8000)) : 0;
	return p;
}

/* Loop thread. The first reference is kept for the process. */
int zx_tone_pcm(struct zx_pcm **pp, enum zx_tone t)
{
	static struct zx_pcm *cache[TONES];

	if ((unsigned)t >= TONES)
		return EINVAL;
	if (!cache[t])
		cache[t] = make(tone_table[t]);
	if (!cache[t])
		return ENOMEM;
	*pp = zx_pcm_ref(cache[t]);
	return 0;
}

void zx_tone_dtmf(int16_t *v, size_t n, unsigned event, size_t pos)
{
	static const uint16_t low[] = {697, 770, 852, 941}, high[] = {1209, 1336, 1477, 1633};
	static const uint8_t row[16] = {3, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 0, 1, 2, 3};
	static const uint8_t col[16] = {1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 2, 3, 3, 3, 3};
	const double w = 2 * M_PI / 8000, f = low[row[event & 15]], g = high[col[event & 15]];

	for (size_t i = 0; i < n; i++, pos++)
		v[i] = (int16_t)(5000 * sin(w * f * (double)pos) + 6000 * sin(w * g * (double)pos));
}
