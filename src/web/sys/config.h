/* 更新配置: the PBX tables are a draft; calls follow what was last applied. */
#ifndef ZX_WEB_SYS_CONFIG_H
#define ZX_WEB_SYS_CONFIG_H

#include "web/http.h"

/* After the commit of a change of a PBX table (company_id 0: of whichever companies). Tells the pages how many changes are not applied
 * yet; bursts are told once. table "blacklist": it becomes live. table "companies": what is applied is read again. Any thread. */
void zx_config_changed(struct zx_web *web, const char *table, int64_t company_id);

/* handlers */
void zx_config_get_h(struct zx_req *r);
void zx_config_apply_h(struct zx_req *r);
void zx_config_versions_h(struct zx_req *r);
void zx_config_version_h(struct zx_req *r);
void zx_config_return_h(struct zx_req *r);

#endif
