/*
 * A backup: a gzipped tar, maybe encrypted (vault.h). In it, in this order:
 *   zuoxi-backup.json   what it is: version, schema, when, how many of what
 *   zuoxi.db            one snapshot, taken while calls run
 *   secret.key          opens the passwords in it
 *   sounds/ files/ tls/ uploaded sounds, logos, certificates; recordings/ when asked for
 *   SHA256SUMS          of all of the above, as sha256sum(1) writes and checks it
 */
#ifndef ZX_WEB_SYS_ARCHIVE_H
#define ZX_WEB_SYS_ARCHIVE_H

#include "store/backup.h"
#include "web/resource/jobs.h"
#include "web/sys/sys_priv.h"

/* Work that is told to stop and says how far it is; of a job, or of the night. */
struct zx_task {
	struct zx_web *web;
	struct zx_job *job; /* NULL: nobody looks */
};
bool zx_task_go(struct zx_task *t, int64_t done, int64_t total);

enum { ZX_ARCHIVE_NAME = 64, ZX_ARCHIVE_INFO = 4096 };

struct zx_archive_want {
	bool recordings, night;
	const char *passphrase; /* NULL or "": plain */
};
struct zx_archive_made {
	int64_t id, size, ms;
	char name[ZX_ARCHIVE_NAME];
};
/* ENOSPC before anything is written when it will not fit. */
int zx_archive_make(struct zx_task *t, const struct zx_archive_want *want, struct zx_archive_made *made);

/* Head of a backup file; fd is at its beginning before and after. EBADMSG: it is none. */
int zx_archive_info(int fd, cJSON **info, bool *encrypted);

/* Everything but recordings (those too with `recordings`) to dir, which is empty; every part compared with its sum. EBADMSG with why;
 * EKEYREJECTED; ENOSPC; ECANCELED. */
int zx_archive_extract(struct zx_task *t, int fd, const char *passphrase, const char *dir, bool recordings, char *why, size_t whylen);

/* A path that may be a part: relative, no hidden or odd names. Others are left out when a backup is made. */
bool zx_archive_part_ok(const char *name);

/* ---- work of the maintenance pages ---- */
/* fn(arg) in a thread behind all others, one such at a time over all pages: EALREADY. */
int zx_sys_low(int (*fn)(void *arg), void *arg);
/* Gives a failed job its reason; returns err. */
int zx_sys_job_end(struct zx_job *j, int err);
struct zx_backup_settings {
	bool automatic, recordings;
	int minute; /* of the day, local time */
	unsigned keep;
};
void zx_backup_settings(struct zx_db *db, struct zx_backup_settings *s);
cJSON *zx_backup_settings_json(const struct zx_backup_settings *s);
/* The backup that waits for the next start; null: none. */
cJSON *zx_sys_restore_json(const struct zx_web *web);

/* ---- the folder of backups ---- */
/* "zuoxi-20261122-221500[-auto].tar.gz[.enc]" -> 20261122221500; 0: it is none. */
int64_t zx_archive_id(const char *name);
void zx_archive_name(char out[ZX_ARCHIVE_NAME], int64_t id, bool night, bool encrypted);
/* When it was made, epoch s. */
int64_t zx_archive_time(int64_t id);
/* A free id for a backup of this time. */
int64_t zx_archive_new_id(const struct zx_web *web, int64_t at_ms);
/* The file of a backup. ENOENT. */
int zx_archive_find(const struct zx_web *web, int64_t id, char *path, size_t len);
/* Removes the oldest of the nightly ones beyond keep. */
void zx_archive_trim(const struct zx_web *web, unsigned keep);
/* What an interrupted one left. */
void zx_archive_sweep(const struct zx_web *web);

/* Bytes of all files below. */
int64_t zx_tree_size(const char *path);
int zx_tree_remove(const char *path);
/* Also to another disk. */
int zx_file_move(const char *from, const char *to);
/* Free for us on the disk of path; -1 not known. */
int64_t zx_disk_free(const char *path);

#endif
