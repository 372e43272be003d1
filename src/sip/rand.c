/*
 * libre draws a random number for every message it decodes, each a trip through OpenSSL's generator and getpid(): 7 us, a sixth of a
 * registration. The executable overrides rand_u64() (libre calls it through the PLT) by the kernel's generator, fetched 4 kB at a time.
 */
#include "base/re.h"

#include <string.h>
#include <sys/random.h>

enum { DRAWS = 512 };

uint64_t rand_u64(void)
{
	static _Thread_local uint64_t pool[DRAWS];
	static _Thread_local unsigned left;
	uint64_t v;

	if (!left) {
		uint8_t *p = (uint8_t *)pool;

		/* 256 bytes a call are never cut short by a signal (getrandom(2)) */
		for (size_t i = 0; i < sizeof(pool); i += 256)
			if (getrandom(p + i, 256, 0) != 256)
				return (uint64_t)rand_u32() << 32 | rand_u32();
		left = DRAWS;
	}
	v = pool[--left];
	pool[left] = 0;
	return v;
}
