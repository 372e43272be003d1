/* Inside 更新配置: what is wrong with a document, for a page. */
#ifndef ZX_WEB_SYS_CONFIG_CHECK_H
#define ZX_WEB_SYS_CONFIG_CHECK_H

#include "store/config.h"
#include "web/http.h"

/* Adds {level, code, company_id, resource, id, label, message, field} to the list; how many are errors. Within a read. with: companies
 * that are applied together with this one: what they give up is free. */
unsigned zx_config_problems(struct zx_req *r, const struct zx_config_doc *doc, const int64_t *with, unsigned n, cJSON *list);

#endif
