/* One recording's file, on the writer thread. */
#include "media/rec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { WINDOW = ZX_REC_RATE, SPILL = ZX_PCM_MAX };

struct zx_rec_scratch {                       /* of one writer */
	int16_t window[(WINDOW + SPILL) * 2]; /* stereo */
	int16_t stereo[SPILL * 2], mono[SPILL];
};

int zx_rec_scratch_alloc(struct zx_rec_scratch **sp)
{
	struct zx_rec_scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return ENOMEM;
	*sp = s;
	return 0;
}

void zx_recf_fail(struct zx_recf *f, const char *why)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&f->problem, &none, why);
	f->dead = true;
}

/* The folders of path, below dir. */
static void make_folders(int dir, const char *path)
{
	char part[PATH_MAX];

	for (const char *p = path; (p = strchr(p, '/')); p++) {
		memcpy(part, path, (size_t)(p - path));
		part[p - path] = '\0';
		mkdirat(dir, part, 0750);
	}
}

int zx_recf_open(struct zx_recf *f)
{
	const int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	struct zx_recw *w = f->w;
	char name[32];

	f->mark = ++w->marks;
	snprintf(name, sizeof(name), "%llu", (unsigned long long)f->mark);
	(void)!symlinkat(f->path, w->open_dir, name); /* what zx_rec_repair() looks for after a crash */
	f->fd = openat(w->dir, f->path, flags, 0640);
	if (f->fd < 0 && errno == ENOENT) {
		make_folders(w->dir, f->path);
		f->fd = openat(w->dir, f->path, flags, 0640);
	}
	if (f->fd < 0) {
		unlinkat(w->open_dir, name, 0);
		return errno;
	}
	f->header_us = zx_mono_us();
	zx_recf_header(f);
	return 0;
}

static void write_at(struct zx_recf *f, const int16_t *v, uint32_t pos, uint32_t n)
{
	size_t len = (size_t)n * ZX_WAV_ALIGN;
	const uint8_t *p = (const uint8_t *)v;
	off_t at = ZX_WAV_HDR + (off_t)pos * ZX_WAV_ALIGN;

	while (len && f->fd >= 0 && !f->dead) {
		ssize_t k = pwrite(f->fd, p, len, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			zx_recf_fail(f, errno == ENOSPC || errno == EDQUOT ? "disk full" : "write error");
			return;
		}
		p += k;
		at += k;
		len -= (size_t)k;
	}
	if (pos + n > f->longest)
		f->longest = pos + n;
}

void zx_recf_header(struct zx_recf *f)
{
	uint8_t h[ZX_WAV_HDR];

	zx_wav_header(h, f->longest);
	if (f->fd >= 0)
		(void)!pwrite(f->fd, h, sizeof(h), 0);
}

void zx_recf_add(struct zx_recf *f, struct zx_chunk *c)
{
	c->next = NULL;
	*f->tail[c->side] = c;
	f->tail[c->side] = &c->next;
}

static size_t decode(struct zx_recf *f, unsigned side, const struct zx_rec_entry *e, const uint8_t *p, int16_t *pcm)
{
	if (f->dec_codec[side] != e->codec) {
		zx_dec_free(f->dec[side]);
		f->dec[side] = NULL;
		f->dec_codec[side] = e->codec;
		if (zx_dec_alloc(&f->dec[side], (enum zx_codec)e->codec))
			f->dec_codec[side] = UINT8_MAX;
	}
	return f->dec[side] ? zx_dec_run(f->dec[side], p, e->len, pcm, SPILL) : 0;
}

/* Something arrived so late that its place is written already: rare, so it may cost a read. */
static void patch(struct zx_recf *f, unsigned side, uint32_t pos, const int16_t *pcm, size_t n)
{
	int16_t *v = f->w->scratch->stereo;

	memset(v, 0, n * ZX_WAV_ALIGN);
	if (f->fd < 0 || pread(f->fd, v, n * ZX_WAV_ALIGN, ZX_WAV_HDR + (off_t)pos * ZX_WAV_ALIGN) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		v[2 * i + side] = pcm[i];
	write_at(f, v, pos, (uint32_t)n);
}

/* One entry into the window from `start`; what lies before goes straight to the file. The end of what it covers. */
static uint32_t place(struct zx_recf *f, unsigned side, const struct zx_rec_entry *e, const uint8_t *p, uint32_t start)
{
	int16_t *pcm = f->w->scratch->mono, *window = f->w->scratch->window;
	size_t n = decode(f, side, e, p, pcm), skip = 0;

	if (e->pos < start) {
		skip = start - e->pos < n ? start - e->pos : n;
		patch(f, side, e->pos, pcm, skip);
	}
	for (size_t i = skip; i < n; i++)
		window[2 * (e->pos + i - start) + side] = pcm[i];
	return e->pos + (uint32_t)n;
}

static void chunk_free(struct zx_recf *f, unsigned side)
{
	struct zx_chunk *c = f->head[side];

	f->head[side] = c->next;
	if (!c->next)
		f->tail[side] = &f->head[side];
	atomic_fetch_sub_explicit(&f->w->inflight, 1, memory_order_relaxed);
	free(c);
}

/* Entries of one side before `end`, in order of arrival. */
static uint32_t side_take(struct zx_recf *f, unsigned side, uint32_t start, uint32_t end, uint32_t reach)
{
	while (f->head[side]) {
		struct zx_chunk *c = f->head[side];
		size_t at = c->done;
		while (at < c->used) {
			struct zx_rec_entry e;
			memcpy(&e, c->data + at, sizeof(e));
			if (e.pos >= end) {
				c->done = (uint16_t)at;
				return reach;
			}
			uint32_t to = f->dead ? reach : place(f, side, &e, c->data + at + sizeof(e), start);
			reach = to > reach ? to : reach;
			at += sizeof(e) + ((e.len + 3u) & ~3u);
		}
		chunk_free(f, side);
	}
	return reach;
}

static bool first_pos(const struct zx_recf *f, uint32_t *pos)
{
	bool any = false;

	for (unsigned s = 0; s < 2; s++) {
		const struct zx_chunk *c = f->head[s];
		if (!c)
			continue;
		struct zx_rec_entry e;
		memcpy(&e, c->data + c->done, sizeof(e));
		*pos = !any || e.pos < *pos ? e.pos : *pos;
		any = true;
	}
	return any;
}

/* What reaches into the next window. */
static void carry_keep(struct zx_recf *f, const int16_t *v, uint32_t n)
{
	int16_t *carry = n ? realloc(f->carry, (size_t)n * ZX_WAV_ALIGN) : NULL;

	if (!carry)
		return; /* without memory the next window writes silence over it: a click */
	f->carry = carry;
	f->ncarry = n;
	memcpy(carry, v, (size_t)n * ZX_WAV_ALIGN);
}

static void step(struct zx_recf *f, uint32_t start, uint32_t end)
{
	uint32_t reach = start + f->ncarry;
	int16_t *window = f->w->scratch->window;

	if (f->ncarry)
		memcpy(window, f->carry, (size_t)f->ncarry * ZX_WAV_ALIGN);
	f->ncarry = 0;
	reach = side_take(f, 0, start, end, reach);
	reach = side_take(f, 1, start, end, reach);
	if (reach > start)
		write_at(f, window, start, reach - start);
	f->written = end;
	carry_keep(f, window + 2 * (size_t)(end - start), reach > end ? reach - end : 0);
	memset(window, 0, (size_t)(reach - start) * ZX_WAV_ALIGN); /* for the next one: it is always found empty */
}

void zx_recf_flush(struct zx_recf *f, uint32_t upto)
{
	uint32_t first = 0;

	if (f->dead) {
		while (f->head[0])
			chunk_free(f, 0);
		while (f->head[1])
			chunk_free(f, 1);
		return;
	}
	while (f->written < upto) {
		if (!f->ncarry) {
			if (!first_pos(f, &first) || first >= upto) {
				f->written = upto;
				return;
			}
			if (first > f->written)
				f->written = first; /* a hole: silence */
		}
		step(f, f->written, upto - f->written > WINDOW ? f->written + WINDOW : upto);
	}
}

void zx_recf_finish(struct zx_recf *f)
{
	uint64_t end = atomic_load(&f->end_us);
	uint32_t length = end > f->t0_us ? (uint32_t)((end - f->t0_us) * 8 / 1000) : 0;
	char name[32];

	zx_recf_flush(f, UINT32_MAX);
	zx_recf_flush(f, 0);
	if (f->fd < 0)
		return;
	if (!f->dead && length > f->longest)
		f->longest = length;
	if (ftruncate(f->fd, ZX_WAV_HDR + (off_t)f->longest * ZX_WAV_ALIGN))
		zx_recf_fail(f, "write error");
	zx_recf_header(f);
	close(f->fd);
	snprintf(name, sizeof(name), "%llu", (unsigned long long)f->mark);
	unlinkat(f->w->open_dir, name, 0);
}
