/* Inside the system pages. */
#ifndef ZX_WEB_SYS_SYS_PRIV_H
#define ZX_WEB_SYS_SYS_PRIV_H

#include "web/sys/sys.h"

/* Wall ms of the start of this service. */
int64_t zx_sys_started(void);
/* Folder of the backups. */
const char *zx_sys_backup_dir(const struct zx_web *web);
/* Days until that file system is full, by what was used up since this service began to look; -1 not known. Any thread. */
int zx_sys_days_left(const char *point, uint64_t free_now);
/* Keeps the figures that rates are made of. */
void zx_sys_sample(void);
/* Adds "restart" and "restore": what waits for the next start. */
void zx_sys_add_pending(cJSON *js, struct zx_web *web);

/* The service is ending: long work stops. */
bool zx_sys_stopping(const struct zx_web *web);
/* At start: what an interrupted run left; recordings that came with a restore go to theirs. */
void zx_sys_settle(struct zx_web *web);
/* Looks whether it is time for a backup, and makes it. */
void zx_sys_nightly(struct zx_web *web);

/* Free bytes the next backup needs, without recordings. */
int64_t zx_sys_backup_needed(struct zx_web *web);

/* Table settings. False: there is no such setting; out is then "". */
bool zx_sys_setting(struct zx_db *db, const char *name, char *out, size_t len);
int zx_sys_setting_put(struct zx_store *st, const char *name, const char *value);

#endif
