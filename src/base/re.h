/* libre's general part, for every room; its headers have no include guards, so this is the only way in. */
#ifndef ZX_BASE_RE_H
#define ZX_BASE_RE_H

#include <re_types.h>
#include <re_fmt.h>
#include <re_mem.h>
#include <re_mbuf.h>
#include <re_list.h>
#include <re_hash.h>
#include <re_sa.h>
#include <re_net.h>
#include <re_tmr.h>
#include <re_main.h>
#include <re_sys.h>

#endif
