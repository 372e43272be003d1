/* The conversion in a process of its own. */
#include "media/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	CPU_S = 120, /* two hours of music at 48 kHz take some 20 s */
	WALL_MS = 240000,
	MEMORY_MB = 768,
	FILE_MB = 128, /* two hours of 8 kHz are 115 MB */
	HEADER = 44,
	STATUS = 64, /* exit status of the child: STATUS + enum zx_convert */
};

extern char **environ;

static void limit(int what, rlim_t v)
{
	const struct rlimit l = {v, v};

	if (setrlimit((__rlimit_resource_t)what, &l))
		zx_log(ZX_DEBUG, "media", "cannot limit the conversion: %s", strerror(errno));
}

int zx_convert_main(int argc, char **argv)
{
	int64_t len;
	char *end = NULL;
	const unsigned long max_s = argc == 3 ? strtoul(argv[2], &end, 10) : 0;

	if (!max_s || max_s > 24 * 3600 || *end)
		return STATUS + ZX_CONVERT_FAILED;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, CPU_S);
	limit(RLIMIT_FSIZE, (rlim_t)FILE_MB << 20);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	limit(RLIMIT_AS, (rlim_t)MEMORY_MB << 20);
#endif
	return STATUS + (int)zx_convert_file(argv[0], argv[1], (unsigned)max_s, &len);
}

static int start(pid_t *pid, const char *exe, const char *in, const char *out, const char *max_s)
{
	const char *const argv[] = {"zuoxid", "--convert-sound", in, out, max_s, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	err = posix_spawn_file_actions_init(&files);
	if (err)
		return err;
	err = posix_spawnattr_init(&attr);
	if (err) {
		posix_spawn_file_actions_destroy(&files);
		return err;
	}
	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	err = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(&files, 3); /* sockets are not for it */
	if (!err)
		err = posix_spawnattr_setsigmask(&attr, &none);
	if (!err)
		err = posix_spawnattr_setsigdefault(&attr, &all);
	if (!err)
		err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!err)
		err = posix_spawn(pid, exe, &files, &attr, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return err;
}

/* The status of the child when it has ended, or has been ended for taking too long. */
static int end(pid_t pid, bool *slow)
{
	const int fd = pidfd_open(pid, 0);
	const uint64_t till = zx_mono_ms() + WALL_MS;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int status = 0, n = 0;

	*slow = false;
	while (fd >= 0 && zx_mono_ms() < till) {
		n = poll(&p, 1, (int)(till - zx_mono_ms()));
		if (n > 0 || (n < 0 && errno != EINTR))
			break;
	}
	if (n <= 0 && fd >= 0) {
		*slow = true;
		kill(pid, SIGKILL);
	}
	if (fd >= 0)
		close(fd);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

enum zx_convert zx_convert_apart(const char *exe, const char *in, const char *out, unsigned max_s, int64_t *len_ms)
{
	enum zx_convert why = ZX_CONVERT_FAILED;
	char text[16];
	struct stat st;
	bool slow;
	pid_t pid;
	int status;

	snprintf(text, sizeof(text), "%u", max_s);
	status = start(&pid, exe ? exe : "/proc/self/exe", in, out, text);
	if (status) {
		zx_log(ZX_ERROR, "media", "cannot start the conversion of sounds: %s", strerror(status));
		return ZX_CONVERT_FAILED;
	}
	status = end(pid, &slow);
	if (slow)
		return ZX_CONVERT_SLOW;
	if (status < 0)
		return ZX_CONVERT_FAILED;
	if (WIFSIGNALED(status)) {
		const int sig = WTERMSIG(status);
		zx_log(ZX_WARN, "media", "the conversion of an uploaded sound was ended by signal %d", sig);
		return sig == SIGXCPU || sig == SIGKILL ? ZX_CONVERT_SLOW : sig == SIGXFSZ ? ZX_CONVERT_LONG : ZX_CONVERT_BROKEN;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) >= STATUS && WEXITSTATUS(status) <= STATUS + ZX_CONVERT_FAILED)
		why = (enum zx_convert)(WEXITSTATUS(status) - STATUS);
	if (!why && (stat(out, &st) || st.st_size < HEADER))
		why = ZX_CONVERT_FAILED;
	if (!why)
		*len_ms = (st.st_size - HEADER) / 16;
	return why;
}
