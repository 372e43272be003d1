/* Shared by the files of this room only. */
#ifndef ZX_LOOP_PRIV_H
#define ZX_LOOP_PRIV_H

#include <stdbool.h>

/* tmr.c. Called on the thread that set it, after its timers, in every round of its loop; returns true when it wants another round
 * at once. Referring to it is also what pulls our tmr_*() out of the static library in place of libre's. */
void zx_tmr_round_set(bool (*h)(void));
void zx_tmr_close(void);

/* queue.c */
int zx_queue_open(void);
void zx_queue_running(bool on);
bool zx_queue_drain(void); /* true when there was anything */
void zx_queue_close(void);

/* work.c */
int zx_work_open(void);
bool zx_work_drain(void); /* true while work is under way */
void zx_work_close(void);

#endif
