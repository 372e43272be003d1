/* Recorder: the loop's handle and the media threads' side. */
#include "media/rec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	CHUNK_OLD = ZX_REC_RATE / 5, /* handed on when its first entry is so old */
	INFLIGHT_MAX = 128 * 1024,   /* chunks: 128 MB while a disk hangs */
	JUMP = ZX_REC_RATE,          /* position and arrival so far apart: the sender's clock jumped */
	PAUSE = ZX_REC_RATE / 8,     /* the same at a marker bit */
	PART = 960,
	DRIFT = 160,
	WINDOW = 256,
};

/* One side, owned by the media thread of its stream. */
struct zx_recs {
	struct zx_recf *f;
	struct zx_chunk *c;
	uint8_t side;
	bool on;
	uint32_t ssrc, ts;
	int64_t pos;
	int64_t dev_min; /* arrival - position, least of this window: what the network delays only adds */
	unsigned n;
};

struct zx_rec {
	struct zx_media *m; /* a reference */
	struct zx_recf *f;
	struct zx_stream_id id[2];
	bool has[2];
};

/* ---- media thread ---- */
static void hand_on(struct zx_recs *s)
{
	if (s->c)
		zx_recw_push(s->f->w, s->c);
	s->c = NULL;
}

static int64_t position(struct zx_recs *s, const struct zx_rtp *r, uint64_t now_us)
{
	int64_t arrival = (int64_t)((now_us - s->f->t0_us) * 8 / 1000);

	if (now_us < s->f->t0_us)
		arrival = 0;
	int64_t pos = s->pos + (int32_t)(r->ts - s->ts), dev = arrival - pos;
	if (!s->on || r->ssrc != s->ssrc || dev > JUMP || dev < -JUMP || (r->marker && dev > PAUSE)) {
		s->on = true;
		s->ssrc = r->ssrc;
		s->n = 0;
		pos = arrival;
		dev = 0;
	}
	s->dev_min = s->n ? (dev < s->dev_min ? dev : s->dev_min) : dev;
	if (++s->n == WINDOW) {
		s->n = 0;
		if (s->dev_min > DRIFT || s->dev_min < -DRIFT)
			pos += s->dev_min;
	}
	s->pos = pos;
	s->ts = r->ts;
	return pos;
}

static bool chunk_new(struct zx_recs *s, uint32_t pos)
{
	struct zx_recw *w = s->f->w;

	if (atomic_load_explicit(&w->inflight, memory_order_relaxed) > INFLIGHT_MAX || !(s->c = malloc(sizeof(*s->c) + ZX_CHUNK))) {
		atomic_store_explicit(&s->f->problem, "overrun", memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&w->inflight, 1, memory_order_relaxed);
	s->c->f = s->f;
	s->c->side = s->side;
	s->c->kind = ZX_CHUNK_AUDIO;
	s->c->used = s->c->done = 0;
	s->c->first_pos = pos;
	return true;
}

static void put(struct zx_recs *s, enum zx_codec codec, uint32_t pos, const uint8_t *p, uint16_t len)
{
	const struct zx_rec_entry e = {.pos = pos, .len = len, .codec = (uint8_t)codec};
	size_t need = sizeof(e) + ((len + 3u) & ~3u);

	if (s->c && (s->c->used + need > ZX_CHUNK || pos > s->c->first_pos + CHUNK_OLD))
		hand_on(s);
	if (!s->c && !chunk_new(s, pos))
		return;
	memcpy(s->c->data + s->c->used, &e, sizeof(e));
	memcpy(s->c->data + s->c->used + sizeof(e), p, len);
	s->c->used = (uint16_t)(s->c->used + need);
}

void zx_recs_packet(struct zx_recs *s, enum zx_codec codec, const struct zx_rtp *r, const uint8_t *payload, uint64_t now_us)
{
	int64_t pos = position(s, r, now_us);

	for (uint16_t at = 0; at < r->len && pos >= 0 && pos < UINT32_MAX / 2;) { /* one turn but for very long packets */
		uint16_t len = r->len - at < PART ? (uint16_t)(r->len - at) : PART;
		put(s, codec, (uint32_t)pos, payload + at, len);
		at = (uint16_t)(at + len);
		pos += codec == ZX_CODEC_G729 ? len * 8 : len;
	}
}

int zx_recs_attach(struct zx_recs **sp, struct zx_recf *f, unsigned side)
{
	struct zx_recs *s = calloc(1, sizeof(*s));

	if (!s)
		return ENOMEM;
	s->f = f;
	s->side = (uint8_t)side;
	*sp = s;
	return 0;
}

void zx_recs_detach(struct zx_recs *s)
{
	if (!s)
		return;
	hand_on(s);
	zx_recf_unref(s->f);
	free(s);
}

struct zx_recf *zx_recs_file(const struct zx_recs *s)
{
	return s->f;
}

/* Any thread; the writer counts. */
void zx_recf_unref(struct zx_recf *f)
{
	if (zx_recw_msg(f, ZX_CHUNK_UNREF))
		abort(); /* the file would never be closed */
}

/* ---- loop thread ---- */
static void side_set(struct zx_rec *r, unsigned side, struct zx_stream *s)
{
	struct zx_stream *old = r->has[side] ? zx_stream_by_id(r->id[side]) : NULL;
	struct zx_cmd *c;

	if (old && old != s && (c = calloc(1, sizeof(*c)))) {
		c->type = ZX_CMD_REC;
		c->u.rec.only = r->f;
		zx_stream_cmd(old, c);
	}
	r->has[side] = s;
	if (!s)
		return;
	r->id[side] = zx_stream_id(s);
	if (s == old || !(c = calloc(1, sizeof(*c))))
		return;
	c->type = ZX_CMD_REC;
	atomic_fetch_add(&r->f->refs, 1);
	c->u.rec.f = r->f;
	c->u.rec.side = (uint8_t)side;
	zx_stream_cmd(s, c);
}

static void rec_destroy(void *arg)
{
	struct zx_rec *r = arg;

	if (r->f) {
		atomic_store(&r->f->end_us, zx_mono_us());
		side_set(r, 0, NULL);
		side_set(r, 1, NULL);
		zx_recf_unref(r->f);
	}
	mem_deref(r->m);
}

int zx_rec_path_check(const char *path)
{
	if (!path[0] || path[0] == '/' || strlen(path) >= PATH_MAX / 2)
		return EINVAL;
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (*p == '.' || *p == '/' || !*p)
			return EINVAL; /* no "..", nothing hidden */
	}
	return 0;
}

int zx_rec_start(struct zx_rec **rp, struct zx_media *m, const char *path, struct zx_stream *a, struct zx_stream *b)
{
	int err = zx_rec_path_check(path);
	struct zx_rec *r;

	if (err)
		return err;
	r = mem_zalloc(sizeof(*r), rec_destroy);
	if (!r)
		return ENOMEM;
	r->m = mem_ref(m);
	size_t len = strlen(path) + 1;
	struct zx_recf *f = calloc(1, sizeof(*f) + len);
	if (!f) {
		err = ENOMEM;
		goto out;
	}
	memcpy(f->path, path, len);
	f->w = m->recw;
	f->t0_us = zx_mono_us();
	f->fd = -1;
	f->tail[0] = &f->head[0];
	f->tail[1] = &f->head[1];
	f->dec_codec[0] = f->dec_codec[1] = UINT8_MAX;
	atomic_init(&f->refs, 1);
	err = zx_recw_msg(f, ZX_CHUNK_OPEN);
	if (err) {
		free(f);
		goto out;
	}
	r->f = f;
	zx_recw_wake(f->w);
	side_set(r, 0, a);
	side_set(r, 1, b);
out:
	if (err)
		mem_deref(r);
	else
		*rp = r;
	return err;
}

int zx_rec_side(struct zx_rec *r, unsigned side, struct zx_stream *s)
{
	if (side > 1)
		return EINVAL;
	side_set(r, side, s);
	return 0;
}

const char *zx_rec_problem(const struct zx_rec *r)
{
	return atomic_load_explicit(&r->f->problem, memory_order_relaxed);
}
