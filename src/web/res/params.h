/* 系统参数 of a company. */
#ifndef ZX_WEB_RES_PARAMS_H
#define ZX_WEB_RES_PARAMS_H

#include "web/http.h"

void zx_params_get_h(struct zx_req *r);
void zx_params_put_h(struct zx_req *r);

extern const char *const zx_params_body[];

#endif
