#include "web/push/push.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bus.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "plan/plan.h"
#include "web/push/live.h"
#include "web/push/push_priv.h"

enum {
	INBOX = 8192,      /* jobs waiting; past that sockets are told to fetch again */
	QUIET_MS = 120000, /* nobody has listened for so long: events are not even copied */
};

/* ---- loop thread: bus events into the inbox ---- */

static bool wanted(struct zx_push *p)
{
	return atomic_load_explicit(&p->sockets, memory_order_relaxed) ||
	       zx_mono_ms() - atomic_load_explicit(&p->last_socket, memory_order_relaxed) < QUIET_MS;
}

int zx_push_post(struct zx_push *p, struct zx_push_job *j, bool must)
{
	int err = 0;

	pthread_mutex_lock(&p->mutex);
	if (p->n_jobs >= INBOX && !must) {
		p->overflow = true;
		pthread_cond_signal(&p->cond);
		err = ENOBUFS;
	} else {
		j->next = NULL;
		if (p->jobs_last)
			p->jobs_last->next = j;
		else
			p->jobs = j;
		p->jobs_last = j;
		p->n_urgent += j->urgent;
		/* while the pusher collects, only news for a person wakes it */
		if (j->urgent || (p->n_jobs == 0 && !p->collecting))
			pthread_cond_signal(&p->cond);
		p->n_jobs++;
	}
	pthread_mutex_unlock(&p->mutex);
	if (err)
		free(j);
	return err;
}

static void on_call(enum zx_ev type, const void *ev, void *arg)
{
	struct zx_push *p = arg;
	const struct zx_ev_call *c = ev;
	struct zx_push_job *j;

	if (!wanted(p) || (type != ZX_EV_CALL_LIVE && !c->ext[0]))
		return;
	j = malloc(sizeof(*j));
	if (!j)
		return;
	j->kind = JOB_CALL;
	j->urgent = type != ZX_EV_CALL_LIVE;
	j->type = type;
	j->ts = zx_wall_ms();
	j->u.call = *c;
	j->hide =
	    (zx_plan_ext(c->from) ? 0 : ZX_HIDE_FROM) | (zx_plan_ext(c->to) ? 0 : ZX_HIDE_TO) | (zx_plan_ext(c->peer) ? 0 : ZX_HIDE_PEER);
	zx_push_post(p, j, false);
}

static void on_reg(enum zx_ev type, const void *ev, void *arg)
{
	struct zx_push *p = arg;
	struct zx_push_job *j;

	if (!wanted(p) || !(j = malloc(sizeof(*j))))
		return;
	j->kind = JOB_REG;
	j->urgent = false;
	j->type = type;
	j->ts = zx_wall_ms();
	j->u.reg = *(const struct zx_ev_reg *)ev;
	zx_push_post(p, j, false);
}

static void on_trunk(enum zx_ev type, const void *ev, void *arg)
{
	struct zx_push *p = arg;
	struct zx_push_job *j;

	if (!wanted(p) || !(j = malloc(sizeof(*j))))
		return;
	j->kind = JOB_TRUNK;
	j->urgent = false;
	j->type = type;
	j->ts = zx_wall_ms();
	j->u.trunk = *(const struct zx_ev_trunk *)ev;
	zx_push_post(p, j, false);
}

static void on_config(enum zx_ev type, const void *ev, void *arg)
{
	struct zx_push *p = arg;
	const struct zx_ev_config *c = ev;
	struct zx_push_job *j;

	if (!wanted(p) || !(j = malloc(sizeof(*j))))
		return;
	j->kind = JOB_CONFIG;
	j->urgent = true;
	j->type = type;
	j->ts = zx_wall_ms();
	zx_strcpy(j->u.config.table, sizeof(j->u.config.table), c->table);
	j->u.config.applied = c->applied;
	j->u.config.company_id = c->company_id;
	j->u.config.version = c->version;
	j->u.config.count = c->count;
	zx_push_post(p, j, false);
}

/* ---- front's thread ---- */

static void ws_open(uint64_t id, const struct zx_front_ws *ws, void *arg)
{
	struct zx_push *p = arg;
	struct zx_push_open *o = calloc(1, sizeof(*o));

	if (!o) {
		zx_front_ws_refuse(p->web->front, id, 503);
		return;
	}
	o->job.kind = JOB_OPEN;
	o->job.urgent = true;
	o->job.id = id;
	o->tls = ws->peer.tls;
	zx_strcpy(o->cookie, sizeof(o->cookie), ws->cookie);
	zx_strcpy(o->origin, sizeof(o->origin), ws->origin);
	zx_strcpy(o->host, sizeof(o->host), ws->host);
	if (zx_push_post(p, &o->job, false))
		zx_front_ws_refuse(p->web->front, id, 503);
}

static void ws_text(uint64_t id, const char *text, size_t len, void *arg)
{
	struct zx_push *p = arg;
	struct zx_push_open *o;

	if (len >= sizeof(o->cookie) || !(o = malloc(sizeof(*o))))
		return;
	o->job.kind = JOB_TEXT;
	o->job.urgent = true;
	o->job.id = id;
	memcpy(o->cookie, text, len);
	o->cookie[len] = '\0';
	o->len = len;
	zx_push_post(p, &o->job, false);
}

static void post_simple(struct zx_push *p, int kind, uint64_t id)
{
	struct zx_push_job *j = malloc(sizeof(*j));

	if (!j)
		return;
	j->kind = kind;
	j->urgent = true;
	j->id = id;
	zx_push_post(p, j, true);
}

static void ws_close(uint64_t id, void *arg)
{
	post_simple(arg, JOB_CLOSE, id);
}

struct zx_front_handlers zx_push_handlers(struct zx_push *p)
{
	return (struct zx_front_handlers){.ws_open = ws_open, .ws_text = ws_text, .ws_close = ws_close, .arg = p};
}

void zx_push_recheck(struct zx_push *p)
{
	if (p)
		post_simple(p, JOB_RECHECK, 0);
}

void zx_push_news(struct zx_push *p, const struct zx_push_whom *whom, const char *t, cJSON *js)
{
	struct zx_push_job *j = p && js && wanted(p) ? calloc(1, sizeof(*j)) : NULL;

	if (!j) {
		cJSON_Delete(js);
		return;
	}
	j->kind = JOB_NEWS;
	j->urgent = true;
	j->ts = zx_wall_ms();
	j->u.news.whom = *whom;
	j->u.news.t = t;
	j->u.news.js = js;
	if (whom->users) {
		int64_t *copy = malloc((whom->n_users + 1) * sizeof(*copy));

		if (copy)
			memcpy(copy, whom->users, whom->n_users * sizeof(*copy));
		j->u.news.whom.users = copy;
		if (!copy) {
			zx_push_job_free(j);
			return;
		}
	}
	/* what it owns must not be lost in a full inbox: those who listen are told to fetch again by the inbox itself */
	zx_push_post(p, j, true);
}

unsigned zx_push_online(const struct zx_push *p)
{
	return atomic_load(&p->people);
}

/* ---- the pusher's thread ---- */

/* Takes everything there is; waits for it up to `ms`. urgent: news for a person, anything else may be collected for a moment. */
static struct zx_push_job *take(struct zx_push *p, unsigned ms, bool *overflow)
{
	struct timespec ts;
	struct zx_push_job *j;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&p->mutex);
	p->collecting = p->flush_at != 0;
	while (!p->n_urgent && (p->collecting || !p->jobs) && !p->overflow && !atomic_load(&p->stop))
		if (pthread_cond_timedwait(&p->cond, &p->mutex, &ts))
			break;
	p->collecting = false;
	p->n_urgent = 0;
	j = p->jobs;
	p->jobs = p->jobs_last = NULL;
	p->n_jobs = 0;
	*overflow = p->overflow;
	p->overflow = false;
	pthread_mutex_unlock(&p->mutex);
	return j;
}

static void *push_thread(void *arg)
{
	struct zx_push *p = arg;
	bool overflow;

	pthread_setname_np(pthread_self(), "zx-push");
	while (!atomic_load(&p->stop)) {
		struct zx_push_job *j = take(p, zx_push_wait(p), &overflow);
		while (j) {
			struct zx_push_job *n = j->next;
			zx_push_job(p, j);
			j = n;
		}
		if (overflow)
			zx_push_resync(p);
		zx_push_tick(p);
	}
	return NULL;
}

int zx_push_alloc(struct zx_push **pp, struct zx_web *web)
{
	static const enum zx_ev calls[] = {ZX_EV_CALL_RINGING,     ZX_EV_CALL_ANSWERED, ZX_EV_CALL_HELD, ZX_EV_CALL_RESUMED,
					   ZX_EV_CALL_TRANSFERRED, ZX_EV_CALL_ENDED,    ZX_EV_CALL_LIVE};
	struct zx_push *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	int err = 0;

	if (!p)
		return ENOMEM;
	p->web = web;
	p->seq = (uint64_t)zx_wall_ms(); /* goes on over a restart, so that a client's last one is older than all */
	p->epoch = zx_wall_ms();
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cond, &attr);
	pthread_condattr_destroy(&attr);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !err; i++)
		err = zx_bus_subscribe(&p->subs[i], calls[i], on_call, p);
	if (!err)
		err = zx_bus_subscribe(&p->subs[ZX_PUSH_SUBS - 2], ZX_EV_EXT_REG, on_reg, p);
	if (!err)
		err = zx_bus_subscribe(&p->subs[ZX_PUSH_SUBS - 1], ZX_EV_CONFIG, on_config, p);
	if (!err)
		err = zx_bus_subscribe(&p->subs[ZX_PUSH_SUBS - 3], ZX_EV_TRUNK, on_trunk, p);
	if (err)
		zx_push_free(p);
	else
		*pp = p;
	return err;
}

int zx_push_start(struct zx_push *p)
{
	const int err = pthread_create(&p->thread, NULL, push_thread, p);

	p->running = !err;
	return err;
}

void zx_push_stop(struct zx_push *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < ZX_PUSH_SUBS; i++)
		p->subs[i] = mem_deref(p->subs[i]);
	if (!p->running)
		return;
	p->running = false;
	atomic_store(&p->stop, true);
	pthread_mutex_lock(&p->mutex);
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->mutex);
	pthread_join(p->thread, NULL);
}

void zx_push_free(struct zx_push *p)
{
	if (!p)
		return;
	zx_push_stop(p);
	while (p->jobs) {
		struct zx_push_job *n = p->jobs->next;
		zx_push_job_free(p->jobs);
		p->jobs = n;
	}
	zx_push_clear(p);
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}
