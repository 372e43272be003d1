/* Prompts: names known since the start, files read by libuv's pool at first use, those used last kept in memory as 8 kHz mono. */
#include "media/priv.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sndfile.h>

#include "base/log.h"
#include "loop/loop.h"

enum { HASH = 256, RATE = 8000, CHANNELS = 8, TAPS = 24, MAX_S = 3600, CHUNK = 4096, FOLDERS = 16 };

struct waiter {
	struct le le;
	zx_prompt_h *h;
	uint32_t id, gen;
};

struct prompt {
	struct le he, used_le; /* used_le: while pcm is there */
	char *name;            /* without .wav; absolute paths are not kept after use */
	struct zx_pcm *pcm;
	bool loading, stale;
	struct list waiters;
};

struct zx_prompts {
	struct hash *ht;
	char *dir;
	struct list used; /* those in memory, the last used first */
	size_t bytes, limit;
};

struct job { /* crosses to the pool and back; what the pool touches is its own */
	struct zx_prompts *p;
	struct prompt *e;
	char *path;
	struct zx_pcm *pcm;
	int err;
};

/* ---- on the pool ---- */
static int read_mono(SNDFILE *f, const SF_INFO *info, float **vp, size_t *np)
{
	size_t n = 0, cap = (size_t)info->frames;
	float buf[CHUNK], *v = malloc((cap + 1) * sizeof(*v));
	const int ch = info->channels;
	sf_count_t got;

	if (!v)
		return ENOMEM;
	while (n < cap && (got = sf_readf_float(f, buf, CHUNK / ch)) > 0) {
		for (sf_count_t i = 0; i < got && n < cap; i++) {
			float sum = 0;
			for (int c = 0; c < ch; c++)
				sum += buf[i * ch + c];
			v[n++] = sum / (float)ch;
		}
	}
	*vp = v;
	*np = n;
	return 0;
}

/* Windowed sinc; below 4 kHz whatever the rate was. */
static float sample_at(const float *v, size_t n, double at, double cut, int half)
{
	double sum = 0;
	long mid = (long)at;

	for (long k = mid - half + 1; k <= mid + half; k++) {
		if (k < 0 || k >= (long)n)
			continue;
		double d = at - (double)k, x = M_PI * d * cut, w = 0.5 + 0.5 * cos(M_PI * d / half);
		sum += (double)v[k] * w * (fabs(x) < 1e-9 ? cut : cut * sin(x) / x);
	}
	return (float)sum;
}

static struct zx_pcm *to_pcm(const float *v, size_t n, int rate)
{
	size_t out = (size_t)((uint64_t)n * RATE / (unsigned)rate);
	struct zx_pcm *p = calloc(1, sizeof(*p) + out * sizeof(p->v[0]));
	double step = (double)rate / RATE, cut = step > 1 ? 0.94 / step : 1;
	int half = (int)(TAPS * (step > 1 ? step : 1));

	if (!p)
		return NULL;
	atomic_init(&p->refs, 1);
	p->n = out;
	for (size_t i = 0; i < out; i++) {
		float x = 32767 * (rate == RATE ? v[i] : sample_at(v, n, (double)i * step, cut, half));
		p->v[i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
	}
	return p;
}

int zx_prompt_load(struct zx_pcm **pp, const char *path)
{
	SF_INFO info = {0};
	float *v = NULL;
	size_t n = 0;
	SNDFILE *f = sf_open(path, SFM_READ, &info);
	int err = EBADMSG;

	if (!f)
		return ENOENT;
	if (info.channels < 1 || info.channels > CHANNELS || info.samplerate < 4000 || info.samplerate > 192000 || info.frames < 0 ||
	    info.frames > (sf_count_t)info.samplerate * MAX_S)
		goto out;
	err = read_mono(f, &info, &v, &n);
	if (err)
		goto out;
	struct zx_pcm *p = to_pcm(v, n, info.samplerate);
	if (p)
		*pp = p;
	else
		err = ENOMEM;
out:
	free(v);
	sf_close(f);
	return err;
}

static void load_work(void *arg)
{
	struct job *j = arg;
	j->err = zx_prompt_load(&j->pcm, j->path);
}

/* ---- on the loop ---- */
static void prompt_destroy(void *arg)
{
	struct prompt *e = arg;

	hash_unlink(&e->he);
	list_unlink(&e->used_le);
	list_flush(&e->waiters);
	zx_pcm_deref(e->pcm);
	mem_deref(e->name);
}

static void job_destroy(void *arg)
{
	struct job *j = arg;

	mem_deref(j->path);
	mem_deref(j->e);
	mem_deref(j->p);
}

static size_t pcm_bytes(const struct zx_pcm *p)
{
	return sizeof(*p) + p->n * sizeof(p->v[0]);
}

static void forget(struct zx_prompts *p, struct prompt *e)
{
	if (!e->pcm)
		return;
	p->bytes -= pcm_bytes(e->pcm);
	list_unlink(&e->used_le);
	zx_pcm_deref(e->pcm);
	e->pcm = NULL;
}

/* Takes the reference. The new one is kept, whatever its size. */
static void keep(struct zx_prompts *p, struct prompt *e, struct zx_pcm *pcm)
{
	forget(p, e);
	if (!pcm)
		return;
	e->pcm = pcm;
	p->bytes += pcm_bytes(pcm);
	list_prepend(&p->used, &e->used_le, e);
	while (p->bytes > p->limit && p->used.tail != &e->used_le)
		forget(p, p->used.tail->data);
}

static void load_done(void *arg)
{
	struct job *j = arg;
	struct prompt *e = j->e;

	e->loading = false;
	if (j->err)
		zx_log(ZX_WARN, "media", "prompt %s cannot be read: error %d", j->path, j->err);
	while (e->waiters.head) {
		struct waiter *w = e->waiters.head->data;
		list_unlink(&w->le);
		w->h(j->pcm ? zx_pcm_ref(j->pcm) : NULL, w->id, w->gen);
		mem_deref(w);
	}
	if (e->he.list && e->name[0] != '/' && !e->stale)
		keep(j->p, e, j->pcm);
	else
		zx_pcm_deref(j->pcm);
	if (e->he.list && e->name[0] == '/')
		mem_deref(e);
	e->stale = false;
	mem_deref(j);
}

static void waiter_destroy(void *arg)
{
	struct waiter *w = arg;
	list_unlink(&w->le);
}

static int wait_for(struct prompt *e, zx_prompt_h *h, uint32_t id, uint32_t gen)
{
	struct waiter *w = mem_zalloc(sizeof(*w), waiter_destroy);

	if (!w)
		return ENOMEM;
	w->h = h;
	w->id = id;
	w->gen = gen;
	list_append(&e->waiters, &w->le, w);
	return EAGAIN;
}

static int load(struct zx_prompts *p, struct prompt *e)
{
	struct job *j = mem_zalloc(sizeof(*j), job_destroy);

	if (!j)
		return ENOMEM;
	j->p = mem_ref(p);
	j->e = mem_ref(e);
	int err = e->name[0] == '/' ? str_dup(&j->path, e->name) : re_sdprintf(&j->path, "%s/%s.wav", p->dir, e->name);
	if (!err)
		err = zx_loop_work(load_work, load_done, j);
	if (err)
		mem_deref(j);
	else
		e->loading = true;
	return err;
}

static bool same(struct le *le, void *arg)
{
	const struct prompt *e = le->data;
	return !strcmp(e->name, arg);
}

static struct prompt *find(const struct zx_prompts *p, const char *name)
{
	struct le *le = hash_lookup(p->ht, hash_joaat_str(name), same, (void *)(uintptr_t)name);
	return le ? le->data : NULL;
}

static struct prompt *add(struct zx_prompts *p, const char *name)
{
	struct prompt *e = mem_zalloc(sizeof(*e), prompt_destroy);

	if (!e || str_dup(&e->name, name))
		return mem_deref(e);
	hash_append(p->ht, hash_joaat_str(name), &e->he, e);
	return e;
}

int zx_prompts_get(struct zx_prompts *p, const char *name, struct zx_pcm **pcm, zx_prompt_h *h, uint32_t id, uint32_t gen)
{
	struct prompt *e = find(p, name);

	if (!e && name[0] == '/')
		e = add(p, name);
	if (!e)
		return ENOENT;
	if (e->pcm) {
		list_unlink(&e->used_le);
		list_prepend(&p->used, &e->used_le, e);
		*pcm = zx_pcm_ref(e->pcm);
		return 0;
	}
	int err = e->loading ? 0 : load(p, e);
	if (err && name[0] == '/')
		mem_deref(e);
	return err ? err : wait_for(e, h, id, gen);
}

static void prompts_destroy(void *arg)
{
	struct zx_prompts *p = arg;

	hash_flush(p->ht);
	mem_deref(p->ht);
	mem_deref(p->dir);
}

static struct zx_prompts *walk_for; /* nftw() has no argument; loop thread only */
static size_t walk_skip;

static int seen(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char name[PATH_MAX];
	size_t len = strlen(path);

	(void)st;
	(void)ftw;
	if (type != FTW_F || len < walk_skip + 5 || len - walk_skip > sizeof(name) || strcasecmp(path + len - 4, ".wav"))
		return 0;
	memcpy(name, path + walk_skip, len - walk_skip - 4);
	name[len - walk_skip - 4] = '\0';
	if (!find(walk_for, name))
		add(walk_for, name);
	return 0;
}

/* Reads the folder's names; at the start and when an administrator has changed a prompt, never for a call. */
static void scan(struct zx_prompts *p)
{
	walk_for = p;
	walk_skip = strlen(p->dir) + 1;
	nftw(p->dir, seen, FOLDERS, FTW_PHYS);
	walk_for = NULL;
}

int zx_prompts_alloc(struct zx_prompts **pp, const char *dir, size_t limit)
{
	struct zx_prompts *p = mem_zalloc(sizeof(*p), prompts_destroy);

	if (!p)
		return ENOMEM;
	p->limit = limit;
	int err = str_dup(&p->dir, dir);
	err = err ? err : hash_alloc(&p->ht, HASH);
	if (err) {
		mem_deref(p);
		return err;
	}
	scan(p);
	*pp = p;
	return 0;
}

void zx_media_sounds_changed(struct zx_media *m, const char *name)
{
	struct zx_prompts *p = m->prompts;
	struct prompt *e = find(p, name);

	if (!e)
		e = add(p, name);
	if (!e)
		return;
	forget(p, e);
	e->stale = e->loading;
}
