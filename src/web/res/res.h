/* All descriptors. */
#ifndef ZX_WEB_RES_RES_H
#define ZX_WEB_RES_RES_H

#include "web/resource/resource.h"

extern const struct zx_resource zx_res_extensions, zx_res_calls;

#endif
