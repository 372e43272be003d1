/*
 * A copy of the database while it is in use, what a restored folder must pass, and the swap at the next start.
 *
 *   DATA/restore.new    being checked                      zx_store_verify()
 *   DATA/restore.ready  checked, waits for the next start  zx_store_open() puts it in place, and what was there into
 *   DATA/before-restore-YYYYMMDD-HHMMSS                    kept until somebody deletes it
 */
#ifndef ZX_STORE_BACKUP_H
#define ZX_STORE_BACKUP_H

#include "store/store.h"

/* False: stop, ECANCELED. Pages. */
typedef bool(zx_store_progress_h)(int64_t done, int64_t total, void *arg);

/* The database as of now, in one closed file (mode 600, on the disk). One snapshot; writers go on meanwhile, the log grows with what they
 * write. Any thread that may block. */
int zx_store_copy(struct zx_store *st, const char *path, zx_store_progress_h *h, void *arg);
/* Version of the schema this program knows. */
unsigned zx_store_schema(void);

enum zx_verify { ZX_VERIFY_GOOD, ZX_VERIFY_FOREIGN, ZX_VERIFY_NEWER, ZX_VERIFY_DAMAGED, ZX_VERIFY_KEY };
struct zx_store_counts {
	int64_t companies, users, extensions, calls;
};
/* DIR/zuoxi.db and DIR/secret.key as a store of their own: ours, not newer, whole (integrity, foreign keys), the key opens its secrets;
 * brought to this version's schema; logins of its time ended. *result is set with 0; why says what is wrong. ECANCELED, EIO, ENOSPC... */
int zx_store_verify(const char *dir, enum zx_verify *result, char *why, size_t whylen, struct zx_store_counts *counts,
		    zx_store_progress_h *h, void *arg);

/* All that is wrong, as texts, at most 100; table by table. ECANCELED. */
typedef void(zx_store_problem_h)(const char *text, void *arg);
int zx_store_inspect(const char *path, zx_store_problem_h *problem, zx_store_progress_h *h, void *arg, unsigned *problems);

struct zx_store_repair {
	unsigned indexes;  /* made anew */
	unsigned orphans;  /* rows that belonged to nothing: removed */
	unsigned loosened; /* rows that referred to nothing: the reference was cleared */
};
/* While in use: every index anew, rows whose owner is gone removed. In many small orders, so that others get their turn. */
int zx_store_repair(struct zx_store *st, struct zx_store_repair *out, zx_store_progress_h *h, void *arg);

/* Has the next start save every row that can be read into a new database; the old one is kept. */
int zx_store_rebuild_plan(struct zx_store *st);
bool zx_store_rebuild_planned(struct zx_store *st);
/* The same at once, of a folder nobody has open. */
int zx_store_rebuild_now(const char *dir, char *errbuf, size_t errlen);

#endif
