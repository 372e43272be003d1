/*
 * Messages to the loop: one queue under a mutex, one eventfd that is written when the queue stops being empty. The loop takes a
 * bounded batch a round, so that timers and sockets get their turn; while messages are left the eventfd stays readable.
 */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/re.h"
#include "loop/priv.h"

enum { BATCH = 256 };

enum call_state { CALL_QUEUED, CALL_RUNNING, CALL_DONE };

/* On the caller's stack. A caller that gives up clears msg.call; one whose fn runs already waits for its end. */
struct call {
	zx_call_h *fn;
	void *arg;
	enum call_state state; /* under the queue's mutex */
	int ret;
	pthread_cond_t cond;
};

struct msg {
	struct msg *next;
	zx_post_h *fn;
	struct call *call; /* when fn is NULL; NULL again when nobody waits any more. Under the mutex */
	size_t len;
	_Alignas(max_align_t) unsigned char data[];
};

struct soon {
	struct soon *next;
	zx_work_h *fn;
	void *arg;
};

static struct {
	pthread_mutex_t mutex;
	struct msg *head, **tail;
	int efd;
	bool open, ended;

	struct soon *soon, **soon_tail; /* loop thread only */
} q = {.mutex = PTHREAD_MUTEX_INITIALIZER, .efd = -1};

static void wake(void)
{
	const uint64_t one = 1;

	while (write(q.efd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static struct msg *msg_new(zx_post_h *fn, struct call *call, const void *data, size_t len)
{
	struct msg *m = malloc(sizeof(*m) + len);

	if (!m)
		return NULL;
	m->next = NULL;
	m->fn = fn;
	m->call = call;
	m->len = len;
	if (len)
		memcpy(m->data, data, len);
	return m;
}

/* Under the mutex. */
static void append(struct msg *m)
{
	const bool was_empty = !q.head;

	*q.tail = m;
	q.tail = &m->next;
	if (was_empty)
		wake();
}

int zx_loop_post(zx_post_h *fn, const void *data, size_t len)
{
	struct msg *m;
	int err = 0;

	if (!fn || (len && !data))
		return EINVAL;
	m = msg_new(fn, NULL, data, len);
	if (!m)
		return ENOMEM;
	pthread_mutex_lock(&q.mutex);
	if (q.open)
		append(m);
	else
		err = ESHUTDOWN;
	pthread_mutex_unlock(&q.mutex);
	if (err)
		free(m);
	return err;
}

static void run_call(struct msg *m)
{
	struct call *c;

	pthread_mutex_lock(&q.mutex);
	c = m->call;
	if (c && c->state == CALL_QUEUED)
		c->state = CALL_RUNNING;
	pthread_mutex_unlock(&q.mutex);
	if (!c)
		return;
	c->ret = c->fn(c->arg);
	pthread_mutex_lock(&q.mutex);
	c->state = CALL_DONE;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&q.mutex);
}

static void run_msg(struct msg *m)
{
	if (m->fn)
		m->fn(m->data, m->len);
	else
		run_call(m);
	free(m);
}

/* One at a time, so that a caller who gives up always finds its message either in the queue or running. */
static struct msg *take(void)
{
	struct msg *m;
	uint64_t n;

	pthread_mutex_lock(&q.mutex);
	m = q.head;
	if (m) {
		q.head = m->next;
		if (!q.head) {
			q.tail = &q.head;
			(void)!read(q.efd, &n, sizeof(n));
		}
	}
	pthread_mutex_unlock(&q.mutex);
	return m;
}

static void wake_handler(int flags, void *arg)
{
	struct msg *m;

	(void)flags;
	(void)arg;
	for (unsigned i = 0; i < BATCH && (m = take()); i++)
		run_msg(m);
}

int zx_loop_call(zx_call_h *fn, void *arg, unsigned timeout_ms)
{
	struct call c = {.fn = fn, .arg = arg};
	pthread_condattr_t attr;
	struct timespec until;
	struct msg *m;
	int err = 0;

	if (zx_loop_is_thread())
		return fn(arg);
	m = msg_new(NULL, &c, NULL, 0);
	if (!m)
		return ENOMEM;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c.cond, &attr);
	pthread_condattr_destroy(&attr);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}

	pthread_mutex_lock(&q.mutex);
	if (!q.open || q.ended) {
		err = ESHUTDOWN;
		free(m);
	} else {
		append(m);
		while (c.state != CALL_DONE && !err) {
			if (c.state == CALL_RUNNING)
				pthread_cond_wait(&c.cond, &q.mutex);
			else
				err = pthread_cond_timedwait(&c.cond, &q.mutex, &until);
			if (c.state == CALL_RUNNING)
				err = 0;
		}
		if (c.state == CALL_DONE)
			err = c.ret;
		else
			m->call = NULL;
	}
	pthread_mutex_unlock(&q.mutex);
	pthread_cond_destroy(&c.cond);
	return err;
}

int zx_loop_soon(zx_work_h *fn, void *arg)
{
	struct soon *s;

	if (!fn)
		return EINVAL;
	if (!zx_loop_is_thread())
		return EPERM;
	s = malloc(sizeof(*s));
	if (!s)
		return ENOMEM;
	*s = (struct soon){.fn = fn, .arg = arg};
	*q.soon_tail = s;
	q.soon_tail = &s->next;
	return 0;
}

/* Runs after the timers in every round of the loop; true when some are left for the next. */
static bool soon_round(void)
{
	for (unsigned i = 0; i < BATCH && q.soon; i++) {
		struct soon *s = q.soon;

		q.soon = s->next;
		if (!q.soon)
			q.soon_tail = &q.soon;
		s->fn(s->arg);
		free(s);
	}
	return q.soon != NULL;
}

int zx_queue_open(void)
{
	int err;

	q.efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q.efd < 0)
		return errno;
	err = fd_listen(q.efd, FD_READ, wake_handler, NULL);
	if (err) {
		close(q.efd);
		return err;
	}
	pthread_mutex_lock(&q.mutex);
	q.head = NULL;
	q.tail = &q.head;
	q.soon = NULL;
	q.soon_tail = &q.soon;
	q.ended = false;
	q.open = true;
	pthread_mutex_unlock(&q.mutex);
	return 0;
}

/* Nobody will run what is waited for: tell the waiting. Under the mutex, on the loop thread. */
static void fail_calls(void)
{
	for (struct msg *m = q.head; m; m = m->next) {
		if (!m->call)
			continue;
		m->call->ret = ESHUTDOWN;
		m->call->state = CALL_DONE;
		pthread_cond_signal(&m->call->cond);
		m->call = NULL;
	}
}

void zx_queue_running(bool on)
{
	pthread_mutex_lock(&q.mutex);
	q.ended = !on;
	if (!on)
		fail_calls();
	pthread_mutex_unlock(&q.mutex);
	zx_tmr_round_set(soon_round);
}

bool zx_queue_drain(void)
{
	struct msg *m;
	bool any = false;

	for (; (m = take()); any = true)
		run_msg(m);
	for (; q.soon; any = true)
		soon_round();
	return any;
}

void zx_queue_close(void)
{
	struct msg *m;

	pthread_mutex_lock(&q.mutex);
	q.open = false;
	fail_calls();
	pthread_mutex_unlock(&q.mutex);
	while ((m = take()))
		free(m);
	while (q.soon) {
		struct soon *s = q.soon;

		q.soon = s->next;
		free(s);
	}
	zx_tmr_round_set(NULL);
	fd_close(q.efd);
	close(q.efd);
	q.efd = -1;
}
