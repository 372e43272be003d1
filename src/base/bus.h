/* Event bus: synchronous publication on the loop thread. O(subscribers of that event). */
#ifndef ZX_BASE_BUS_H
#define ZX_BASE_BUS_H

#include "base/event.h"

struct zx_bus_sub; /* mem_deref() ends the subscription; safe from inside a handler */

typedef void(zx_bus_h)(enum zx_ev type, const void *ev, void *arg);

int zx_bus_subscribe(struct zx_bus_sub **subp, enum zx_ev type, zx_bus_h *h, void *arg);
void zx_bus_publish(enum zx_ev type, const void *ev);

#endif
