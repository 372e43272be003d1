/* The rights there are, as a table of pages and actions to choose from. */
#ifndef ZX_WEB_RES_MATRIX_H
#define ZX_WEB_RES_MATRIX_H

#include "web/resource/resource.h"

extern const struct zx_option zx_scope_options[];

/* GET /roles/matrix: what the asker could give. */
void zx_matrix_h(struct zx_req *r);

#endif
