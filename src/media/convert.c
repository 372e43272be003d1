#include "media/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sndfile.h>

enum {
	RATE = 8000,
	CHANNELS = 8,
	RATE_MIN = 4000,
	RATE_MAX = 192000,
	CHUNK = 8192,   /* samples, all channels */
	PHASES = 1024,  /* of the filter; a ratio that needs more takes the nearest: the error is below -70 dB */
	SHORTEST = 800, /* samples */
	HEADER = 44,
	STOP_DB = 80,
};

/* ---- resampler: a polyphase windowed sinc; the time of an output sample is pos + frac / up input samples ---- */

struct resampler {
	unsigned up, down; /* rate / 8000 = down / up */
	unsigned phases, taps;
	float *coef; /* (phases + 1) * taps */
	float *in;   /* [0] is the sample at `base` */
	size_t n, cap;
	int64_t base, pos;
	unsigned frac;
};

static unsigned gcd(unsigned a, unsigned b)
{
	while (b) {
		const unsigned t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static double bessel(double x)
{
	double sum = 1, term = 1;

	for (unsigned k = 1; k < 60 && term > 1e-12 * sum; k++) {
		term *= x / (2 * k) * (x / (2 * k));
		sum += term;
	}
	return sum;
}

/* Kaiser: pass band to 3.5 kHz (telephones end at 3.4), nothing from 4 kHz on. */
static int design(struct resampler *r, unsigned rate)
{
	const double beta = 0.1102 * (STOP_DB - 8.7), peak = bessel(beta);
	const double width = (rate > RATE ? 500.0 : 0.0625 * rate) / rate, cut = (rate > RATE ? 3750.0 : 0.46875 * rate) / rate;
	const unsigned half = (unsigned)ceil((STOP_DB - 8) / (2.285 * 2 * M_PI * width) / 2) + 1;

	r->taps = 2 * half;
	r->phases = r->up < PHASES ? r->up : PHASES;
	r->coef = malloc((size_t)(r->phases + 1) * r->taps * sizeof(*r->coef));
	if (!r->coef)
		return ENOMEM;
	for (unsigned p = 0; p <= r->phases; p++) {
		float *h = r->coef + (size_t)p * r->taps;
		double sum = 0;
		for (unsigned k = 0; k < r->taps; k++) {
			const double t = (double)k - (half - 1) - (double)p / r->phases, x = 2 * cut * t, u = t / half;
			const double w = fabs(u) < 1 ? bessel(beta * sqrt(1 - u * u)) / peak : 0;
			const double v = w * (fabs(x) < 1e-9 ? 1 : sin(M_PI * x) / (M_PI * x));
			h[k] = (float)v;
			sum += v;
		}
		for (unsigned k = 0; k < r->taps; k++)
			h[k] = (float)(h[k] / sum);
	}
	return 0;
}

static int resampler_init(struct resampler *r, unsigned rate)
{
	const unsigned g = gcd(rate, RATE);
	int err;

	memset(r, 0, sizeof(*r));
	r->up = RATE / g;
	r->down = rate / g;
	err = design(r, rate);
	if (err)
		return err;
	r->cap = CHUNK + 2 * (size_t)r->taps;
	r->in = calloc(r->cap, sizeof(*r->in));
	r->n = r->taps / 2 - 1; /* silence before the first sample */
	r->base = -(int64_t)r->n;
	return r->in ? 0 : ENOMEM;
}

static void resampler_free(struct resampler *r)
{
	free(r->coef);
	free(r->in);
}

static float at(const struct resampler *r, const float *x)
{
	const unsigned phase = r->phases == r->up ? r->frac : (unsigned)(((uint64_t)r->frac * r->phases + r->up / 2) / r->up);
	const float *h = r->coef + (size_t)phase * r->taps;
	float a = 0, b = 0, c = 0, d = 0;
	unsigned k = 0;

	for (; k + 4 <= r->taps; k += 4) {
		a += x[k] * h[k];
		b += x[k + 1] * h[k + 1];
		c += x[k + 2] * h[k + 2];
		d += x[k + 3] * h[k + 3];
	}
	for (; k < r->taps; k++)
		a += x[k] * h[k];
	return a + b + c + d;
}

/* Takes n samples (at most CHUNK), gives what is ready; out has room for CHUNK * 2 + 2 (4 kHz doubles). */
static size_t resample(struct resampler *r, const float *v, size_t n, float *out)
{
	const int64_t before = r->taps / 2 - 1;
	size_t done = 0, drop;

	memcpy(r->in + r->n, v, n * sizeof(*v));
	r->n += n;
	while (r->pos - before + (int64_t)r->taps <= r->base + (int64_t)r->n) {
		out[done++] = at(r, r->in + (r->pos - before - r->base));
		r->frac += r->down;
		r->pos += r->frac / r->up;
		r->frac %= r->up;
	}
	drop = (size_t)(r->pos - before - r->base);
	if (drop > r->n)
		drop = r->n;
	memmove(r->in, r->in + drop, (r->n - drop) * sizeof(*r->in));
	r->n -= drop;
	r->base += (int64_t)drop;
	return done;
}

/* ---- from file to file ---- */

struct job {
	SNDFILE *f;
	SF_INFO info;
	struct resampler rs;
	int out;
	unsigned max_s;
	float gain, peak; /* peak: of the result at gain 1 */
	uint64_t frames;  /* read */
	uint64_t samples; /* written */
	float raw[CHUNK], mono[CHUNK], ready[2 * CHUNK + 2];
	int16_t pcm[2 * CHUNK + 2];
};

static void le(uint8_t *p, uint32_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static bool put(int fd, const void *p, size_t n)
{
	for (const char *c = p; n;) {
		const ssize_t done = write(fd, c, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		c += done;
		n -= (size_t)done;
	}
	return true;
}

static bool put_header(int fd, uint64_t samples)
{
	uint8_t h[HEADER] = "RIFF....WAVEfmt ";

	le(h + 4, (uint32_t)(samples * 2 + HEADER - 8), 4);
	le(h + 16, 16, 4);
	le(h + 20, 1, 2);
	le(h + 22, 1, 2);
	le(h + 24, RATE, 4);
	le(h + 28, RATE * 2, 4);
	le(h + 32, 2, 2);
	le(h + 34, 16, 2);
	memcpy(h + 36, "data", 4);
	le(h + 40, (uint32_t)(samples * 2), 4);
	return lseek(fd, 0, SEEK_SET) == 0 && put(fd, h, sizeof(h));
}

static bool emit(struct job *j, const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const float x = v[i] * j->gain * 32768.0f, a = fabsf(v[i]);
		if (a > j->peak)
			j->peak = a;
		j->pcm[i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : lrintf(x));
	}
	j->samples += n;
	return put(j->out, j->pcm, n * sizeof(j->pcm[0]));
}

static void to_mono(struct job *j, size_t frames)
{
	const unsigned ch = (unsigned)j->info.channels;

	for (size_t i = 0; i < frames; i++) {
		float sum = 0;
		for (unsigned c = 0; c < ch; c++)
			sum += isfinite(j->raw[i * ch + c]) ? j->raw[i * ch + c] : 0;
		sum /= (float)ch;
		j->mono[i] = fabsf(sum) < 1e20f ? sum : 0; /* what nobody means, and the filter cannot bear */
	}
}

/* All of it, once. */
static enum zx_convert pass(struct job *j)
{
	const uint64_t max = (uint64_t)j->max_s * (unsigned)j->info.samplerate;
	const bool same = j->info.samplerate == RATE;
	enum zx_convert why = ZX_CONVERT_SPACE;
	sf_count_t got;

	j->peak = 0;
	j->frames = j->samples = 0;
	if (!put_header(j->out, 0))
		return why;
	if (!same && resampler_init(&j->rs, (unsigned)j->info.samplerate)) {
		why = ZX_CONVERT_FAILED;
		goto out;
	}
	while ((got = sf_readf_float(j->f, j->raw, CHUNK / j->info.channels)) > 0) {
		j->frames += (uint64_t)got;
		if (j->frames > max) {
			why = ZX_CONVERT_LONG;
			goto out;
		}
		to_mono(j, (size_t)got);
		if (!emit(j, same ? j->mono : j->ready, same ? (size_t)got : resample(&j->rs, j->mono, (size_t)got, j->ready)))
			goto out;
	}
	if (!same) { /* what is still within the filter; not the silence behind the end */
		const uint64_t whole = (j->frames * RATE + (unsigned)j->info.samplerate - 1) / (unsigned)j->info.samplerate;
		memset(j->mono, 0, sizeof(j->mono));
		for (size_t left = j->rs.taps / 2; left;) {
			const size_t n = left < CHUNK ? left : CHUNK, ready = resample(&j->rs, j->mono, n, j->ready);
			const uint64_t room = whole > j->samples ? whole - j->samples : 0;
			left -= n;
			if (!emit(j, j->ready, ready < room ? ready : (size_t)room))
				goto out;
		}
	}
	why = j->samples < SHORTEST ? j->frames ? ZX_CONVERT_SHORT : ZX_CONVERT_BROKEN : ZX_CONVERT_OK;
out:
	if (!same) {
		resampler_free(&j->rs);
		memset(&j->rs, 0, sizeof(j->rs));
	}
	return why;
}

static enum zx_convert check(const SF_INFO *info, unsigned max_s)
{
	if (info->channels < 1 || info->channels > CHANNELS)
		return ZX_CONVERT_CHANNELS;
	if (info->samplerate < RATE_MIN || info->samplerate > RATE_MAX)
		return ZX_CONVERT_RATE;
	/* what the header says; the reading counts by itself */
	if (info->frames > 0 && info->frames != SF_COUNT_MAX && info->frames > (sf_count_t)max_s * info->samplerate)
		return ZX_CONVERT_LONG;
	return ZX_CONVERT_OK;
}

static enum zx_convert run(struct job *j, int in)
{
	enum zx_convert why;

	for (j->gain = 1;;) {
		memset(&j->info, 0, sizeof(j->info));
		if (lseek(in, 0, SEEK_SET) < 0)
			return ZX_CONVERT_FAILED;
		j->f = sf_open_fd(in, SFM_READ, &j->info, SF_FALSE);
		if (!j->f)
			return sf_error(NULL) == SF_ERR_UNRECOGNISED_FORMAT ? ZX_CONVERT_UNKNOWN : ZX_CONVERT_BROKEN;
		why = check(&j->info, j->max_s);
		if (!why)
			why = pass(j);
		sf_close(j->f);
		if (why || j->peak * j->gain <= 1.0f)
			break;
		/* louder than can be written, by the filter's overshoot or as a float: a little softer, rather than distorted */
		j->gain = 0.98f / j->peak;
		if (ftruncate(j->out, 0))
			return ZX_CONVERT_SPACE;
	}
	if (!why && (!put_header(j->out, j->samples) || fsync(j->out)))
		why = ZX_CONVERT_SPACE;
	return why;
}

enum zx_convert zx_convert_file(const char *in, const char *out, unsigned max_s, int64_t *len_ms)
{
	const int from = open(in, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct job *j = calloc(1, sizeof(*j));
	enum zx_convert why = ZX_CONVERT_FAILED;

	if (from < 0 || !j)
		goto out;
	j->max_s = max_s;
	j->out = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->out < 0) {
		why = errno == ENOSPC || errno == EDQUOT ? ZX_CONVERT_SPACE : ZX_CONVERT_FAILED;
		goto out;
	}
	why = run(j, from);
	if (close(j->out) && !why)
		why = ZX_CONVERT_SPACE;
	if (!why)
		*len_ms = (int64_t)(j->samples * 1000 / RATE);
out:
	if (from >= 0)
		close(from);
	free(j);
	return why;
}
