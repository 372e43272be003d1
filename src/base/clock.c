#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t zx_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t zx_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t zx_wall_ms(void)
{
	return (int64_t)(read_us(CLOCK_REALTIME) / 1000);
}

/* Epoch microseconds stay below 2^53 until the year 2255, and no process makes a million ids a second for long. */
int64_t zx_id_new(void)
{
	static int64_t last;
	const int64_t now = (int64_t)read_us(CLOCK_REALTIME);

	last = now > last ? now : last + 1;
	return last;
}
