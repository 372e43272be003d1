/* Log to stderr: one line a message. Under systemd (JOURNAL_STREAM set) with <N> priority prefix, else with a time stamp. */
#ifndef ZX_BASE_LOG_H
#define ZX_BASE_LOG_H

#include <stdint.h>

enum zx_level { ZX_ERROR, ZX_WARN, ZX_INFO, ZX_DEBUG };

void zx_log_level_set(enum zx_level lvl);
enum zx_level zx_log_level(void);

/* room: "sip", "media", ...; printf format (libc's, not libre's). Thread-safe. Control characters in the output are
 * escaped. Never log a secret. */
void zx_log(enum zx_level lvl, const char *room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same, at most `burst` lines per minute for each call site (identified by `site`, a static variable);
 * suppressed lines are counted and reported. For anything the network can provoke. */
struct zx_log_site {
	uint64_t window_ms;
	unsigned n, suppressed;
};
void zx_log_limited(struct zx_log_site *site, unsigned burst, enum zx_level lvl, const char *room, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
