/* GET /logo: the one of one's own company, for the toolbar. */
#ifndef ZX_WEB_RES_LOGO_H
#define ZX_WEB_RES_LOGO_H

#include "web/http.h"

void zx_logo_h(struct zx_req *r);

#endif
