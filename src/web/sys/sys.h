/* System pages (SPEC 8.1-8.5, 8.7): what is no row of a table. */
#ifndef ZX_WEB_SYS_SYS_H
#define ZX_WEB_SYS_SYS_H

#include "web/http.h"

struct zx_sys;

/* Starts the thread of nightly work. */
int zx_sys_start(struct zx_web *web);
void zx_sys_stop(struct zx_web *web);
void zx_sys_free(struct zx_web *web);

/* "8000 (管理员)", or the name alone. */
void zx_sys_author(const struct zx_user *u, char *out, size_t len);
/* The company a request is about: ?company_id= or the body's, of a system user; else his own. Replies 404 and false when there is none. */
bool zx_sys_company(struct zx_req *r, int64_t *id);
void zx_sys_field_error(struct zx_req *r, const char *key, const char *code);
/* Text member of r->body; NULL when it is none. */
const char *zx_sys_text(const struct zx_req *r, const char *key);
/* One audit row for something that is no row of a table. */
int zx_sys_audit(struct zx_req *r, const char *action, const char *note);

/* status.c */
void zx_system_status_h(struct zx_req *r);
void zx_system_licence_h(struct zx_req *r);
/* maintain.c, backups.c */
void zx_system_maintenance_h(struct zx_req *r);
void zx_system_check_h(struct zx_req *r);
void zx_system_repair_h(struct zx_req *r);
void zx_system_restart_h(struct zx_req *r);
void zx_system_reboot_h(struct zx_req *r);
void zx_system_poweroff_h(struct zx_req *r);
void zx_backups_list_h(struct zx_req *r);
void zx_backups_make_h(struct zx_req *r);
void zx_backups_settings_h(struct zx_req *r);
void zx_backups_upload_h(struct zx_req *r);
void zx_backups_file_h(struct zx_req *r);
void zx_backups_delete_h(struct zx_req *r);
void zx_backups_verify_h(struct zx_req *r);
void zx_backups_restore_h(struct zx_req *r);
void zx_restore_forget_h(struct zx_req *r);
extern const char *const zx_backups_make_body[],
    *const zx_backups_settings_body[], *const zx_backups_verify_body[], *const zx_backups_restore_body[], *const zx_system_restart_body[],
													      *const zx_system_power_body[];
/* help.c */
void zx_help_h(struct zx_req *r);
void zx_help_qr_h(struct zx_req *r);
extern const char *const zx_help_qr_body[], *const zx_setup_dismiss_body[], *const zx_setup_quick_body[];
void zx_provision_h(struct zx_req *r);
/* setup.c, setup_quick.c */
void zx_setup_h(struct zx_req *r);
void zx_setup_dismiss_h(struct zx_req *r);
void zx_setup_quick_h(struct zx_req *r);
/* res/notices.c */
void zx_notices_unread_h(struct zx_req *r);
void zx_notices_read_h(struct zx_req *r);
/* res/locations.c */
/* locations_area.c */
void zx_locations_find_h(struct zx_req *r);
void zx_locations_area_get_h(struct zx_req *r);
void zx_locations_area_put_h(struct zx_req *r);
void zx_locations_list_h(struct zx_req *r);
void zx_locations_get_h(struct zx_req *r);
void zx_locations_add_h(struct zx_req *r);
void zx_locations_edit_h(struct zx_req *r);
void zx_locations_delete_h(struct zx_req *r);
void zx_locations_delete_many_h(struct zx_req *r);

#endif
