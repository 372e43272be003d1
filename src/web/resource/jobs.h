/*
 * Jobs: work that takes longer than a request should: exports, imports, backups. Each runs on one of a few threads of their own, with the
 * rights its user had when it was started, tells its owner how far it is, can be cancelled, may leave a file for an hour.
 */
#ifndef ZX_WEB_JOBS_H
#define ZX_WEB_JOBS_H

#include "web/http.h"

struct zx_jobs;
struct zx_job;

struct zx_job_def {
	const char *kind;             /* "export" */
	int (*run)(struct zx_job *j); /* job thread; 0, ECANCELED, or another errno (zx_job_fail() gives a better reason) */
	void (*release)(void *arg);   /* NULL: nothing to free; always called once, also when the job never ran */
	void *arg;
};

int zx_jobs_alloc(struct zx_jobs **jp, struct zx_web *web);
int zx_jobs_start(struct zx_jobs *jobs);
/* Cancels what runs, waits for it. */
void zx_jobs_stop(struct zx_jobs *jobs);
void zx_jobs_free(struct zx_jobs *jobs);

/* Queues a job of r's user and replies 202 {job: ID}; or an error (429 busy: too many of his wait already). def is copied. */
void zx_job_start(struct zx_req *r, const struct zx_job_def *def);

/* ---- for run() ---- */
void *zx_job_arg(struct zx_job *j);
/* A request without connection: web, user, language, address, db of this thread. params may be filled. */
struct zx_req *zx_job_req(struct zx_job *j);
/* False: it was cancelled. total 0: not known. Cheap; may be called for every row. */
bool zx_job_progress(struct zx_job *j, int64_t done, int64_t total);
bool zx_job_cancelled(const struct zx_job *j);
/* A new file that the owner may fetch as `name` when the job is done; *fd is the caller's to close. */
int zx_job_file(struct zx_job *j, const char *name, int *fd);
/* The same file's path in DATA/tmp, made by others' means: taken over, removed with the job. */
void zx_job_take(struct zx_job *j, const char *name, const char *path);
/* No file after all. */
void zx_job_drop_file(struct zx_job *j);
/* Shown as result; taken. */
void zx_job_result(struct zx_job *j, cJSON *result);
/* Error code (messages.c) shown when run() fails; constant. */
void zx_job_fail(struct zx_job *j, const char *code);

/* ---- handlers ---- */
void zx_jobs_list_h(struct zx_req *r);
void zx_jobs_get_h(struct zx_req *r);
void zx_jobs_delete_h(struct zx_req *r);
void zx_jobs_file_h(struct zx_req *r);
/* A file as attachment named `name` (any UTF-8); fd is the caller's. */
void zx_reply_file(struct zx_req *r, int fd, const char *type, const char *name);

#endif
