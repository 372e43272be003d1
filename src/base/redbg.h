/* libre's own diagnostics; its header has no include guard and wants these two macros. */
#ifndef ZX_BASE_REDBG_H
#define ZX_BASE_REDBG_H

#include <stdbool.h>

#define DEBUG_MODULE "zuoxi"
#define DEBUG_LEVEL 0
#include <re_dbg.h>

#endif
