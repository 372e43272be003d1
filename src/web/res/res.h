/* All descriptors. */
#ifndef ZX_WEB_RES_RES_H
#define ZX_WEB_RES_RES_H

#include "web/resource/resource.h"

extern const struct zx_resource zx_res_extensions, zx_res_calls;
extern const struct zx_resource zx_res_queues, zx_res_ivrs, zx_res_trunks, zx_res_time_conditions, zx_res_holiday_lists,
    zx_res_inbound_routes, zx_res_outbound_routes, zx_res_prompts, zx_res_music, zx_res_conferences, zx_res_voicemail_boxes,
    zx_res_blacklist;
extern const struct zx_resource zx_res_companies, zx_res_departments, zx_res_roles, zx_res_users, zx_res_audit;
extern const struct zx_resource zx_res_notices, zx_res_articles, zx_res_locations;

/* Referred to by other pages. */
extern const struct zx_q_table zx_table_companies, zx_table_departments, zx_table_roles, zx_table_users;

#endif
