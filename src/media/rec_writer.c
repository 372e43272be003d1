/* The writer thread: takes chunks from all media threads, writes each file about five times a second. */
#include "media/rec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	WAKE_MS = 100,
	HOLD_BACK = ZX_REC_RATE * 35 / 100, /* a side may hand its chunk on so late */
	STEP = ZX_REC_RATE / 6,
	CHECK_US = 2000000,
	NICER = 3,
};

void zx_recw_push(struct zx_recw *w, struct zx_chunk *c)
{
	struct zx_chunk *old = atomic_load_explicit(&w->queue, memory_order_relaxed);

	do
		c->next = old;
	while (!atomic_compare_exchange_weak_explicit(&w->queue, &old, c, memory_order_release, memory_order_relaxed));
}

int zx_recw_msg(struct zx_recf *f, enum zx_chunk_kind kind)
{
	struct zx_chunk *c = calloc(1, sizeof(*c));

	if (!c)
		return ENOMEM;
	c->f = f;
	c->kind = (uint8_t)kind;
	zx_recw_push(f->w, c);
	return 0;
}

int zx_recw_wake(struct zx_recw *w)
{
	const uint64_t one = 1;
	return write(w->evfd, &one, sizeof(one)) < 0 ? errno : 0;
}

static void space_check(struct zx_recw *w, uint64_t now)
{
	struct statvfs v;

	if (now - w->checked_us < CHECK_US && w->checked_us)
		return;
	w->checked_us = now;
	bool full = !fstatvfs(w->dir, &v) && (uint64_t)v.f_bavail * v.f_frsize < w->min_free;
	if (full != w->full)
		zx_log(full ? ZX_ERROR : ZX_INFO, "media", full ? "disk full: recording stops" : "recording goes on");
	w->full = full;
}

static void unref(struct zx_recw *w, struct zx_recf *f)
{
	if (atomic_fetch_sub(&f->refs, 1) > 1)
		return;
	for (struct zx_recf **p = &w->dirty; *p; p = &(*p)->dirty_next) {
		if (*p == f) {
			*p = f->dirty_next;
			break;
		}
	}
	zx_recf_finish(f);
	w->nfiles--;
	zx_dec_free(f->dec[0]);
	zx_dec_free(f->dec[1]);
	free(f->carry);
	free(f);
}

static void message(struct zx_recw *w, struct zx_chunk *c)
{
	struct zx_recf *f = c->f;
	enum zx_chunk_kind kind = (enum zx_chunk_kind)c->kind;

	if (kind == ZX_CHUNK_AUDIO) {
		zx_recf_add(f, c);
		if (!f->dirty) {
			f->dirty = true;
			f->dirty_next = w->dirty;
			w->dirty = f;
		}
		return;
	}
	free(c);
	if (kind == ZX_CHUNK_OPEN) {
		w->nfiles++;
		if (w->full)
			zx_recf_fail(f, "disk full");
		else if (zx_recf_open(f))
			zx_recf_fail(f, "cannot create file");
	} else if (kind == ZX_CHUNK_UNREF) {
		unref(w, f);
	} else {
		w->stop = true;
	}
}

static void messages(struct zx_recw *w)
{
	struct zx_chunk *c = atomic_exchange_explicit(&w->queue, NULL, memory_order_acquire), *list = NULL;

	while (c) {
		struct zx_chunk *next = c->next;
		c->next = list;
		list = c;
		c = next;
	}
	while (list) {
		struct zx_chunk *next = list->next;
		message(w, list);
		list = next;
	}
}

static void flush(struct zx_recw *w, uint64_t now)
{
	for (struct zx_recf **p = &w->dirty, *f; (f = *p);) {
		uint64_t age = now > f->t0_us ? (now - f->t0_us) * 8 / 1000 : 0;
		uint32_t upto = age > HOLD_BACK ? (uint32_t)(age - HOLD_BACK) : 0;
		if (w->full)
			zx_recf_fail(f, "disk full");
		if (upto >= f->written + STEP || f->dead)
			zx_recf_flush(f, upto);
		if (f->fd >= 0 && now - f->header_us > CHECK_US) {
			f->header_us = now;
			zx_recf_header(f);
		}
		if (f->head[0] || f->head[1]) {
			p = &f->dirty_next;
			continue;
		}
		f->dirty = false;
		*p = f->dirty_next;
	}
}

static void *writer_main(void *arg)
{
	struct zx_recw *w = arg;
	uint64_t v, stop_us = 0;

	prctl(PR_SET_NAME, "zx-rec");
	(void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER); /* this thread; after audio and signalling */
	for (;;) {
		struct pollfd p = {.fd = w->evfd, .events = POLLIN};
		if (poll(&p, 1, w->stop ? 5 : w->nfiles || w->dirty ? WAKE_MS : 1000) > 0)
			(void)!read(w->evfd, &v, sizeof(v));
		uint64_t now = zx_mono_us();
		space_check(w, now);
		messages(w);
		flush(w, now);
		if (w->stop && !stop_us)
			stop_us = now;
		if (w->stop && !atomic_load(&w->queue) && (!w->nfiles || now - stop_us > 3000000))
			return NULL;
	}
}

int zx_recw_alloc(struct zx_recw **wp, const char *dir, unsigned min_free_mb)
{
	sigset_t all, old;
	struct zx_recw *w = calloc(1, sizeof(*w));
	int err = 0;

	if (!w)
		return ENOMEM;
	w->evfd = w->dir = w->open_dir = -1;
	err = zx_rec_scratch_alloc(&w->scratch);
	if (err)
		goto out;
	w->min_free = (uint64_t)min_free_mb << 20;
	if (mkdir(dir, 0750) && errno != EEXIST)
		goto fail;
	w->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dir < 0 || (mkdirat(w->dir, ".open", 0750) && errno != EEXIST))
		goto fail;
	w->open_dir = openat(w->dir, ".open", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->evfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->open_dir < 0 || w->evfd < 0)
		goto fail;
	w->marks = (uint64_t)zx_wall_ms() << 20;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		goto out;
	*wp = w;
	return 0;
fail:
	err = errno;
	zx_log(ZX_ERROR, "media", "recordings folder %s: %s", dir, strerror(err));
out:
	if (w->dir >= 0)
		close(w->dir);
	if (w->open_dir >= 0)
		close(w->open_dir);
	if (w->evfd >= 0)
		close(w->evfd);
	free(w->scratch);
	free(w);
	return err;
}

void zx_recw_stop(struct zx_recw *w)
{
	struct zx_chunk *c;

	if (!w)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		abort(); /* the thread uses w */
	c->kind = ZX_CHUNK_STOP;
	zx_recw_push(w, c);
	zx_recw_wake(w);
	pthread_join(w->thread, NULL);
	close(w->dir);
	close(w->open_dir);
	close(w->evfd);
	free(w->scratch);
	free(w);
}
