#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/re.h"
#include "base/redbg.h"
#include "loop/priv.h"

static struct {
	bool open;
	int sfd;
	void (*term)(void);
} loop = {.sfd = -1};
static __thread bool is_loop;

/* What libre has to say. Much of it the network can provoke. */
static void debug_handler(int level, const char *p, size_t len, void *arg)
{
	static struct zx_log_site site;

	(void)arg;
	while (len && (p[len - 1] == '\n' || p[len - 1] == '\0'))
		len--;
	zx_log_limited(&site, 20, level <= DBG_ERR ? ZX_ERROR : level <= DBG_NOTICE ? ZX_WARN : ZX_DEBUG, "re", "%.*s", (int)len, p);
}

static void signal_handler(int flags, void *arg)
{
	struct signalfd_siginfo si;

	(void)flags;
	(void)arg;
	if (read(loop.sfd, &si, sizeof(si)) != sizeof(si))
		return;
	zx_log(ZX_INFO, "loop", "signal %s", sigabbrev_np((int)si.ssi_signo));
	if (loop.term)
		loop.term();
	else
		zx_loop_stop();
}

/* Blocked here, before any other thread exists, these signals reach the process by the descriptor only. They stay blocked after the
 * end: an impatient second one must not turn a clean exit into a killed one. */
static int open_signals(void)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	err = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (err)
		return err;
	signal(SIGPIPE, SIG_IGN);
	loop.sfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop.sfd < 0)
		return errno;
	return fd_listen(loop.sfd, FD_READ, signal_handler, NULL);
}

static void close_signals(void)
{
	if (loop.sfd >= 0) {
		fd_close(loop.sfd);
		close(loop.sfd);
		loop.sfd = -1;
	}
}

int zx_loop_init(unsigned maxfds)
{
	int err;

	if (loop.open)
		return EALREADY;
	is_loop = true;
	err = fd_setsize((int)maxfds);
	if (err)
		return err;
	err = libre_init();
	if (err)
		return err;
	dbg_init(DBG_NOTICE, 0);
	dbg_handler_set(debug_handler, NULL);
	err = open_signals();
	if (err)
		goto out;
	err = zx_queue_open();
	if (err)
		goto out;
	err = zx_work_open();
	if (err)
		zx_queue_close();

out:
	if (err) {
		close_signals();
		libre_close();
	} else {
		loop.open = true;
	}
	return err;
}

void zx_loop_close(void)
{
	if (!loop.open)
		return;
	zx_work_close();
	zx_queue_close();
	close_signals();
	libre_close();
	zx_tmr_close();
	loop.open = false;
}

int zx_loop_run(void (*term)(void))
{
	int err;

	if (!loop.open)
		return EINVAL;
	loop.term = term;
	zx_queue_running(true);
	err = re_main(NULL);
	zx_queue_running(false);
	loop.term = NULL;
	return err;
}

void zx_loop_stop(void)
{
	re_cancel();
}

bool zx_loop_is_thread(void)
{
	return is_loop;
}

void zx_loop_drain(unsigned max_ms)
{
	const uint64_t until = tmr_jiffies() + max_ms;
	bool more;

	do {
		more = zx_queue_drain();
		more |= zx_work_drain();
	} while (more && tmr_jiffies() < until);
}
