/* Clocks. Monotonic for intervals, wall for what people read. */
#ifndef ZX_BASE_CLOCK_H
#define ZX_BASE_CLOCK_H

#include <stdint.h>

uint64_t zx_mono_ms(void);
uint64_t zx_mono_us(void);
int64_t zx_wall_ms(void); /* epoch milliseconds */

/* A new id: increasing within this process, unique over restarts as long as the wall clock does not
 * go back; below 2^53 so that JavaScript can hold it. Loop thread only. */
int64_t zx_id_new(void);

#endif
