/* A media thread: datagrams, commands, and a 5 ms tick while anything is played (20 ms otherwise). */
#include "media/priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/loop.h"

enum { IDLE_US = 1000000, CATCH_UP = 40, LATE_US = 20000, KEEP_ALIVE_US = 5000000, STOP_US = 2000000, NICER = 5 };

void zx_ms_event(const struct zx_ms *ms, const struct zx_stream_event *ev)
{
	const struct zx_stream_ev_msg m = {ms->slot, ms->gen, *ev};
	zx_loop_post(zx_stream_event_post, &m, sizeof(m));
}

void zx_ms_activate(struct zx_mt *mt, struct zx_ms *ms)
{
	struct zx_ms **head = &mt->active[ms->slot % ZX_PHASES];

	if (ms->active_prev)
		return;
	ms->active_next = *head;
	ms->active_prev = head;
	if (*head)
		(*head)->active_prev = &ms->active_next;
	*head = ms;
	mt->nactive++;
}

void zx_ms_deactivate(struct zx_mt *mt, struct zx_ms *ms)
{
	if (!ms->active_prev)
		return;
	*ms->active_prev = ms->active_next;
	if (ms->active_next)
		ms->active_next->active_prev = ms->active_prev;
	ms->active_prev = NULL;
	mt->nactive--;
}

/* A call sets its media up with several orders: one wake-up for all of a turn of the loop. */
static void wake_handler(void *arg)
{
	struct zx_media *m = arg;

	for (unsigned i = 0; i < m->nthreads; i++)
		if (atomic_load_explicit(&m->mt[i].head, memory_order_relaxed))
			zx_io_wake(m->mt[i].io);
}

void zx_mt_post(struct zx_mt *mt, struct zx_cmd *c)
{
	struct zx_cmd *old = atomic_load_explicit(&mt->head, memory_order_relaxed);

	do
		c->next = old; /* once it is in the list, c is the thread's */
	while (!atomic_compare_exchange_weak_explicit(&mt->head, &old, c, memory_order_release, memory_order_relaxed));
	if (old)
		return;
	if (!zx_loop_is_thread())
		zx_io_wake(mt->io);
	else if (!tmr_isrunning(&mt->m->wake))
		tmr_start(&mt->m->wake, 0, wake_handler, mt->m);
}

static bool shares(const struct zx_cmd *x, const struct zx_cmd *y)
{
	return x->a == y->a || (y->b && x->a == y->b) || (x->b && (x->b == y->a || x->b == y->b));
}

/* A stream on its way to this thread is not ours yet; what is ordered for it waits, and what comes later about the same streams too. */
static bool must_wait(const struct zx_mt *mt, const struct zx_cmd *c)
{
	if (c->type == ZX_CMD_ADOPT || c->type == ZX_CMD_STOP)
		return false;
	if (c->a->owner != mt || (c->b && c->b->owner != mt))
		return true;
	for (const struct zx_cmd *d = mt->deferred; d; d = d->next)
		if (shares(d, c))
			return true;
	return false;
}

static void command(struct zx_mt *mt, struct zx_cmd *c)
{
	if (must_wait(mt, c)) {
		c->next = NULL;
		*mt->deferred_end = c;
		mt->deferred_end = &c->next;
		return;
	}
	bool adopted = c->type == ZX_CMD_ADOPT;
	zx_cmd_run(mt, c);
	if (!adopted || !mt->deferred)
		return;
	struct zx_cmd *d = mt->deferred;
	mt->deferred = NULL;
	mt->deferred_end = &mt->deferred;
	while (d) {
		struct zx_cmd *next = d->next;
		command(mt, d);
		d = next;
	}
}

static void commands(struct zx_mt *mt)
{
	struct zx_cmd *c = atomic_exchange_explicit(&mt->head, NULL, memory_order_acquire), *list = NULL;

	while (c) { /* the newest is first */
		struct zx_cmd *next = c->next;
		c->next = list;
		list = c;
		c = next;
	}
	while (list) {
		struct zx_cmd *next = list->next;
		command(mt, list);
		list = next;
	}
}

static void sweep(struct zx_mt *mt, struct zx_ms *ms)
{
	const struct zx_stream_desc *d = &ms->d;
	uint64_t now = mt->now_us, heard = ms->rx_us > ms->set_us ? ms->rx_us : ms->set_us;

	zx_io_retry(mt->io, &ms->rtp);
	if (!ms->set)
		return;
	zx_rx_dtmf_sweep(mt, ms);
	if (d->timeout_ms && d->dir & ZX_DIR_RECVONLY && !ms->timed_out && now - heard > (uint64_t)d->timeout_ms * 1000) {
		ms->timed_out = true;
		zx_ms_event(ms, &(struct zx_stream_event){.type = ZX_STREAM_TIMEOUT});
	}
	if (!ms->play && !ms->dt && now - (ms->tx.started ? ms->tx.t_us : ms->set_us) > KEEP_ALIVE_US)
		zx_tx_silence(mt, ms);
	if (now - ms->rtcp_us >= ZX_RTCP_S * 1000000ull - 500000) {
		ms->rtcp_us = now;
		zx_rtcp_send(mt, ms);
	}
}

static void tick(struct zx_mt *mt, uint64_t n)
{
	for (struct zx_ms *ms = mt->active[n % ZX_PHASES], *next; ms; ms = next) {
		next = ms->active_next;
		if (!zx_tx_tick(mt, ms))
			zx_ms_deactivate(mt, ms);
	}
	if (n % ZX_PHASES)
		return;
	for (struct zx_ms *ms = mt->sweep[n / ZX_PHASES % ZX_SWEEP]; ms; ms = ms->sweep_next)
		sweep(mt, ms);
}

static uint64_t next_tick(const struct zx_mt *mt)
{
	uint64_t n = mt->tick + 1;

	if (!mt->nactive)
		n = (n + ZX_PHASES - 1) / ZX_PHASES * ZX_PHASES;
	return mt->tick0_us + n * ZX_TICK_US;
}

static void ticks(struct zx_mt *mt, uint64_t due_us)
{
	uint64_t n = (mt->now_us - mt->tick0_us) / ZX_TICK_US;

	if (!mt->nstreams) {
		mt->tick = n;
		return;
	}
	if (mt->now_us > due_us + LATE_US)
		ZX_ADD(mt->late, 1);
	if (n > mt->tick + CATCH_UP)
		mt->tick = n - CATCH_UP;
	while (mt->tick < n)
		tick(mt, ++mt->tick);
}

static bool ended(const struct zx_mt *mt, uint64_t *stop_us)
{
	if (!mt->stop)
		return false;
	if (!*stop_us)
		*stop_us = mt->now_us;
	return mt->now_us - *stop_us > STOP_US || (!mt->nstreams && !mt->deferred && !atomic_load(&mt->head));
}

static void *thread_main(void *arg)
{
	struct zx_mt *mt = arg;
	uint64_t stop_us = 0;

	prctl(PR_SET_NAME, "zx-media");
	prctl(PR_SET_TIMERSLACK, 100000);
	/* Audio before signalling, where we may: on Linux this is the thread's own. */
	(void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - NICER);
	mt->err = zx_io_alloc(&mt->io, mt->m->epoll_only, zx_rx, mt);
	sem_post(&mt->up);
	if (mt->err)
		return NULL;
	mt->tick0_us = mt->now_us = zx_mono_us();
	while (!ended(mt, &stop_us)) {
		uint64_t due = mt->nstreams ? next_tick(mt) : mt->now_us + IDLE_US, now = zx_mono_us();
		if (mt->stop && due > now + ZX_TICK_US)
			due = now + ZX_TICK_US;
		zx_io_poll(mt->io, due > now ? due - now : 0);
		mt->now_us = zx_mono_us();
		commands(mt);
		ticks(mt, due);
	}
	return NULL;
}

int zx_mt_start(struct zx_mt *mt, struct zx_media *m, unsigned idx)
{
	sigset_t all, old;

	mt->m = m;
	mt->idx = idx;
	mt->deferred_end = &mt->deferred;
	sem_init(&mt->up, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int err = pthread_create(&mt->thread, NULL, thread_main, mt);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return err;
	while (sem_wait(&mt->up))
		;
	err = mt->err;
	if (err)
		pthread_join(mt->thread, NULL);
	else if (!idx)
		zx_log(ZX_INFO, "media", "packets move by %s", zx_io_name(mt->io));
	return err;
}

void zx_mt_stop(struct zx_mt *mt)
{
	struct zx_cmd *c = calloc(1, sizeof(*c));

	if (!c)
		abort(); /* a thread that cannot be told to stop must not outlive its memory */
	c->type = ZX_CMD_STOP;
	zx_mt_post(mt, c);
	zx_io_wake(mt->io);
	pthread_join(mt->thread, NULL);
	zx_io_free(mt->io);
	sem_destroy(&mt->up);
}
