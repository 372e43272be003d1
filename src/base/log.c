#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* A line fits into what a pipe that polls writable takes at once (PIPE_BUF), so that a stuck reader never blocks us. */
enum { LINE_MAX_LEN = 2048, SITE_WINDOW_MS = 60000 };

static _Atomic int level = ZX_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards lost, the sites, and one line at a time */
static unsigned long lost;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool journal;

static void log_once(void)
{
	journal = getenv("JOURNAL_STREAM") != NULL;
}

void zx_log_level_set(enum zx_level lvl)
{
	atomic_store_explicit(&level, lvl, memory_order_relaxed);
}

enum zx_level zx_log_level(void)
{
	return (enum zx_level)atomic_load_explicit(&level, memory_order_relaxed);
}

static size_t print_head(char *buf, size_t size, enum zx_level lvl, const char *room)
{
	static const char *const names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
	static const int prio[] = {3, 4, 6, 7}; /* sd-daemon(3) */
	struct timespec ts;
	struct tm tm;
	int n;

	if (journal) {
		n = snprintf(buf, size, "<%d>%s: ", prio[lvl], room);
	} else {
		char when[32];

		clock_gettime(CLOCK_REALTIME, &ts);
		localtime_r(&ts.tv_sec, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
		n = snprintf(buf, size, "%s.%03ld %s %s: ", when, ts.tv_nsec / 1000000, names[lvl], room);
	}
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Copies text with control characters as \n, \t or \xNN: what the network sends must not forge lines or steer a terminal. */
static size_t escape(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)src; *p && n + 5 < size; p++) {
		if (*p >= 0x20 && *p != 0x7f)
			dst[n++] = (char)*p;
		else if (*p == '\n' || *p == '\t' || *p == '\r')
			n += (size_t)snprintf(dst + n, size - n, "\\%c", *p == '\n' ? 'n' : *p == '\t' ? 't' : 'r');
		else
			n += (size_t)snprintf(dst + n, size - n, "\\x%02x", *p);
	}
	return n;
}

static bool write_line(const char *buf, size_t len)
{
	struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLOUT))
		return false;
	return write(STDERR_FILENO, buf, len) == (ssize_t)len;
}

static void put_line(enum zx_level lvl, const char *room, const char *text)
{
	char line[LINE_MAX_LEN];
	size_t n;

	pthread_once(&once, log_once);
	n = print_head(line, 128, lvl, room);
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';

	pthread_mutex_lock(&lock);
	if (lost) {
		char note[256];
		size_t len = print_head(note, 128, ZX_WARN, "log");

		len += (size_t)snprintf(note + len, sizeof(note) - len, "%lu lines lost, stderr was not being read\n", lost);
		if (write_line(note, len))
			lost = 0;
	}
	if (lost || !write_line(line, n))
		lost++;
	pthread_mutex_unlock(&lock);
}

__attribute__((format(printf, 4, 0))) static void put_fmt(enum zx_level lvl, const char *room, unsigned suppressed, const char *fmt,
							  va_list ap)
{
	const int saved = errno;
	char text[LINE_MAX_LEN];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		n = 0;
	if (suppressed && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, " (and %u more like this in the last minute)", suppressed);
	put_line(lvl, room, text);
	errno = saved;
}

void zx_log(enum zx_level lvl, const char *room, const char *fmt, ...)
{
	va_list ap;

	if (lvl > zx_log_level())
		return;
	va_start(ap, fmt);
	put_fmt(lvl, room, 0, fmt, ap);
	va_end(ap);
}

void zx_log_limited(struct zx_log_site *site, unsigned burst, enum zx_level lvl, const char *room, const char *fmt, ...)
{
	const uint64_t now = zx_mono_ms();
	unsigned suppressed = 0;
	bool pass;
	va_list ap;

	if (lvl > zx_log_level())
		return;
	pthread_mutex_lock(&lock);
	if (!site->window_ms || now - site->window_ms >= SITE_WINDOW_MS) {
		suppressed = site->suppressed;
		*site = (struct zx_log_site){.window_ms = now ? now : 1};
	}
	pass = site->n < burst;
	if (pass)
		site->n++;
	else
		site->suppressed++;
	pthread_mutex_unlock(&lock);
	if (!pass)
		return;
	va_start(ap, fmt);
	put_fmt(lvl, room, suppressed, fmt, ap);
	va_end(ap);
}
