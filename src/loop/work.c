/*
 * libuv inside libre: libuv's loop only serves its thread pool. The loop watches libuv's backend descriptor and lets libuv run, without
 * waiting, when it has news.
 */
#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <uv.h>

#include "base/re.h"
#include "loop/priv.h"

struct work {
	uv_work_t req;
	zx_work_h *work, *done;
	void *arg;
};

static uv_loop_t uv;
static bool opened, armed;

static void pump(void *arg)
{
	(void)arg;
	if (uv_loop_alive(&uv))
		uv_run(&uv, UV_RUN_NOWAIT);
}

static void backend_handler(int flags, void *arg)
{
	(void)flags;
	pump(arg);
}

static void work_handler(uv_work_t *req)
{
	struct work *w = req->data;

	w->work(w->arg);
}

static void done_handler(uv_work_t *req, int status)
{
	struct work *w = req->data;

	(void)status;
	if (w->done)
		w->done(w->arg);
	free(w);
}

int zx_loop_work(zx_work_h *work, zx_work_h *done, void *arg)
{
	struct work *w;
	int err;

	if (!work)
		return EINVAL;
	if (!zx_loop_is_thread())
		return EPERM;
	if (!opened)
		return ESHUTDOWN;
	w = malloc(sizeof(*w));
	if (!w)
		return ENOMEM;
	*w = (struct work){.work = work, .done = done, .arg = arg};
	w->req.data = w;
	err = uv_queue_work(&uv, &w->req, work_handler, done_handler);
	if (err) {
		free(w);
		return -err;
	}
	/* libuv arms its descriptors only when it runs with something to do. Later, because done() must not come from in here. */
	if (!armed && !zx_loop_soon(pump, NULL))
		armed = true;
	return 0;
}

int zx_work_open(void)
{
	int err = uv_loop_init(&uv);

	if (err)
		return -err;
	err = fd_listen(uv_backend_fd(&uv), FD_READ, backend_handler, NULL);
	if (err)
		uv_loop_close(&uv);
	else
		opened = true;
	return err;
}

bool zx_work_drain(void)
{
	struct pollfd pfd = {.fd = uv_backend_fd(&uv), .events = POLLIN};

	if (!uv_loop_alive(&uv))
		return false;
	(void)poll(&pfd, 1, 10);
	pump(NULL);
	return uv_loop_alive(&uv);
}

void zx_work_close(void)
{
	opened = armed = false;
	fd_close(uv_backend_fd(&uv));
	uv_loop_close(&uv);
}
