/* Many coarse timers on one: 250 ms ticks, O(1) to start, stop and fire. */
#ifndef ZX_SIP_WHEEL_H
#define ZX_SIP_WHEEL_H

#include "base/re.h"

struct zx_wheel;

struct zx_wheel_entry {
	struct le le;
	uint64_t at; /* zx_mono_ms() */
	void (*h)(void *arg);
	void *arg;
};

int zx_wheel_alloc(struct zx_wheel **wp);
/* Fires at or up to a tick after `at`; restarts when it runs already. The entry belongs to the caller. */
void zx_wheel_start(struct zx_wheel *w, struct zx_wheel_entry *e, uint64_t at, void (*h)(void *arg), void *arg);
void zx_wheel_stop(struct zx_wheel_entry *e);

#endif
