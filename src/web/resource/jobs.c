#include "web/resource/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/messages.h"
#include "web/push/push.h"

enum {
	THREADS = 2,
	STACK = 1 << 20,
	WAITING_MAX = 8, /* jobs of one user that are not done */
	KEEP_MAX = 50,   /* jobs of one user that are remembered */
	KEEP_MS = 3600 * 1000,
	NEWS_MS = 250,
	SWEEP_S = 30,
};

enum state { WAITING, RUNNING, DONE, FAILED, CANCELLED };

struct zx_job {
	struct zx_job *next;
	struct zx_jobs *jobs;
	int64_t id;
	struct zx_job_def def;
	struct zx_req req; /* the thread's while it runs */
	atomic_bool cancel;
	atomic_int_fast64_t done, total;
	uint64_t told; /* thread: last news */

	/* under the lock */
	enum state state;
	uint64_t ended; /* monotonic */
	cJSON *result;
	const char *error;
	char name[256], path[4200]; /* of the file */
	unsigned readers;           /* of the file: it is not removed under them */
	bool gone;                  /* removed by its owner; freed with its last reader */
};

struct zx_jobs {
	struct zx_web *web;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct zx_job *first; /* oldest first */
	int64_t last_id;
	bool stop, have_lock;
	unsigned threads;
	pthread_t thread[THREADS];
};

static const char *const states[] = {"running", "running", "done", "failed", "cancelled"};

static bool over(const struct zx_job *j)
{
	return j->state >= DONE;
}

static void job_free(struct zx_job *j)
{
	if (j->def.release)
		j->def.release(j->def.arg);
	if (j->path[0])
		unlink(j->path);
	cJSON_Delete(j->result);
	zx_params_free(&j->req.params);
	free(j);
}

/* ---- what is told of a job: under the lock ---- */

static cJSON *job_json(const struct zx_job *j)
{
	cJSON *o = cJSON_CreateObject();
	struct stat st;
	const bool file = over(j) && j->path[0] && !stat(j->path, &st);

	zx_json_add_int(o, "id", j->id);
	cJSON_AddStringToObject(o, "kind", j->def.kind);
	cJSON_AddStringToObject(o, "state", states[j->state]);
	zx_json_add_int(o, "done", atomic_load(&j->done));
	zx_json_add_int(o, "total", atomic_load(&j->total));
	if (j->result)
		cJSON_AddItemToObject(o, "result", cJSON_Duplicate(j->result, true));
	else
		cJSON_AddNullToObject(o, "result");
	if (j->error) {
		cJSON *e = cJSON_AddObjectToObject(o, "error");
		cJSON_AddStringToObject(e, "code", j->error);
		cJSON_AddStringToObject(e, "message", zx_message(j->error, j->req.lang));
	} else {
		cJSON_AddNullToObject(o, "error");
	}
	if (file) {
		cJSON_AddStringToObject(o, "file", j->name);
		zx_json_add_int(o, "size", st.st_size);
	} else {
		cJSON_AddNullToObject(o, "file");
		cJSON_AddNullToObject(o, "size");
	}
	return o;
}

static void tell(struct zx_job *j)
{
	const struct zx_user *u = &j->req.ses.user;
	const struct zx_push_whom whom = {.company_id = u->company_id, .user_id = u->id};
	cJSON *js = cJSON_CreateObject();

	pthread_mutex_lock(&j->jobs->lock);
	cJSON_AddItemToObject(js, "job", job_json(j));
	pthread_mutex_unlock(&j->jobs->lock);
	j->told = zx_mono_ms();
	zx_push_news(j->jobs->web->push, &whom, "job.progress", js);
}

/* ---- for run() ---- */

void *zx_job_arg(struct zx_job *j)
{
	return j->def.arg;
}

struct zx_req *zx_job_req(struct zx_job *j)
{
	return &j->req;
}

bool zx_job_cancelled(const struct zx_job *j)
{
	return atomic_load_explicit(&j->cancel, memory_order_relaxed);
}

bool zx_job_progress(struct zx_job *j, int64_t done, int64_t total)
{
	atomic_store_explicit(&j->done, done, memory_order_relaxed);
	atomic_store_explicit(&j->total, total, memory_order_relaxed);
	if (zx_mono_ms() - j->told >= NEWS_MS)
		tell(j);
	return !zx_job_cancelled(j);
}

int zx_job_file(struct zx_job *j, const char *name, int *fd)
{
	char path[sizeof(j->path)];
	const int err = zx_tmp_file(j->jobs->web, "job", path, sizeof(path), fd);

	if (!err)
		zx_job_take(j, name, path);
	return err;
}

void zx_job_take(struct zx_job *j, const char *name, const char *path)
{
	zx_job_drop_file(j);
	pthread_mutex_lock(&j->jobs->lock);
	zx_strcpy(j->name, sizeof(j->name), name);
	zx_strcpy(j->path, sizeof(j->path), path);
	pthread_mutex_unlock(&j->jobs->lock);
}

void zx_job_drop_file(struct zx_job *j)
{
	pthread_mutex_lock(&j->jobs->lock);
	if (j->path[0])
		unlink(j->path);
	j->path[0] = j->name[0] = '\0';
	pthread_mutex_unlock(&j->jobs->lock);
}

void zx_job_result(struct zx_job *j, cJSON *result)
{
	pthread_mutex_lock(&j->jobs->lock);
	cJSON_Delete(j->result);
	j->result = result;
	pthread_mutex_unlock(&j->jobs->lock);
}

void zx_job_fail(struct zx_job *j, const char *code)
{
	pthread_mutex_lock(&j->jobs->lock);
	j->error = code;
	pthread_mutex_unlock(&j->jobs->lock);
}

/* ---- threads ---- */

static const char *code_of(int err)
{
	switch (err) {
	case ETIMEDOUT:
		return "timeout";
	case ENOSPC:
		return "disk_full";
	case EACCES:
		return "forbidden";
	case ESHUTDOWN:
	case EBUSY:
		return "unavailable";
	default:
		return "internal";
	}
}

static void run(struct zx_job *j)
{
	int err = zx_store_reader(j->jobs->web->env.store, &j->req.db);

	tell(j);
	if (!err)
		err = j->def.run(j);
	if (err && err != ECANCELED && !j->error)
		zx_log(ZX_ERROR, "web", "job %s: %s", j->def.kind, strerror(err));
	/* a file may say what was wrong: kept when the job told its reason itself */
	if (err == ECANCELED || (err && !j->error))
		zx_job_drop_file(j);
	if (j->def.release)
		j->def.release(j->def.arg);
	pthread_mutex_lock(&j->jobs->lock);
	j->def.release = NULL;
	j->def.arg = NULL;
	j->state = !err ? DONE : err == ECANCELED ? CANCELLED : FAILED;
	if (j->state == FAILED && !j->error)
		j->error = code_of(err);
	else if (j->state != FAILED)
		j->error = NULL;
	j->ended = zx_mono_ms();
	pthread_mutex_unlock(&j->jobs->lock);
	tell(j);
}

/* Removes what its owner gave up, what is older than an hour; under the lock. */
static void sweep(struct zx_jobs *jobs)
{
	const uint64_t now = zx_mono_ms();

	for (struct zx_job **pp = &jobs->first; *pp;) {
		struct zx_job *j = *pp;
		if (over(j) && !j->readers && (j->gone || now - j->ended > KEEP_MS)) {
			*pp = j->next;
			job_free(j);
		} else {
			pp = &j->next;
		}
	}
}

static struct zx_job *next_job(struct zx_jobs *jobs)
{
	struct timespec ts;

	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stop) {
		sweep(jobs);
		for (struct zx_job *j = jobs->first; j; j = j->next) {
			if (j->state != WAITING)
				continue;
			j->state = RUNNING;
			pthread_mutex_unlock(&jobs->lock);
			return j;
		}
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec += SWEEP_S;
		pthread_cond_timedwait(&jobs->cond, &jobs->lock, &ts);
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

static void *thread_main(void *arg)
{
	struct zx_jobs *jobs = arg;
	struct zx_job *j;

	pthread_setname_np(pthread_self(), "zx-job");
	while ((j = next_job(jobs)))
		run(j);
	return NULL;
}

int zx_jobs_alloc(struct zx_jobs **jp, struct zx_web *web)
{
	struct zx_jobs *jobs = calloc(1, sizeof(*jobs));
	pthread_condattr_t attr;
	int err;

	if (!jobs)
		return ENOMEM;
	jobs->web = web;
	jobs->last_id = zx_wall_ms(); /* goes on over a restart: an old id is nobody's */
	err = zx_tmp_init(web);
	if (err) {
		free(jobs);
		return err;
	}
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&jobs->cond, &attr);
	pthread_condattr_destroy(&attr);
	*jp = jobs;
	return 0;
}

int zx_jobs_start(struct zx_jobs *jobs)
{
	pthread_attr_t attr;
	int err = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	while (jobs->threads < THREADS && !err) {
		err = pthread_create(&jobs->thread[jobs->threads], &attr, thread_main, jobs);
		jobs->threads += !err;
	}
	pthread_attr_destroy(&attr);
	return err;
}

void zx_jobs_stop(struct zx_jobs *jobs)
{
	if (!jobs)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->stop = true;
	for (struct zx_job *j = jobs->first; j; j = j->next)
		atomic_store(&j->cancel, true);
	pthread_cond_broadcast(&jobs->cond);
	pthread_mutex_unlock(&jobs->lock);
	while (jobs->threads)
		pthread_join(jobs->thread[--jobs->threads], NULL);
}

void zx_jobs_free(struct zx_jobs *jobs)
{
	if (!jobs)
		return;
	zx_jobs_stop(jobs);
	while (jobs->first) {
		struct zx_job *j = jobs->first;
		jobs->first = j->next;
		job_free(j);
	}
	pthread_cond_destroy(&jobs->cond);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

/* ---- starting ---- */

static bool of(const struct zx_job *j, const struct zx_req *r)
{
	return j->req.ses.user.id == r->ses.user.id && !j->gone;
}

/* How many of the user wait or run; forgets his oldest when he has too many. Under the lock. */
static unsigned count(struct zx_jobs *jobs, const struct zx_req *r)
{
	struct zx_job *oldest = NULL;
	unsigned all = 0, busy = 0;

	for (struct zx_job *j = jobs->first; j; j = j->next) {
		if (!of(j, r))
			continue;
		all++;
		busy += !over(j);
		if (!oldest && over(j))
			oldest = j;
	}
	if (all >= KEEP_MAX && oldest)
		oldest->gone = true;
	return busy;
}

static void put(struct zx_jobs *jobs, struct zx_job *j)
{
	struct zx_job **pp = &jobs->first;
	const int64_t now = zx_wall_ms();

	j->id = jobs->last_id = now > jobs->last_id ? now : jobs->last_id + 1;
	while (*pp)
		pp = &(*pp)->next;
	*pp = j;
	pthread_cond_signal(&jobs->cond);
}

void zx_job_start(struct zx_req *r, const struct zx_job_def *def)
{
	struct zx_jobs *jobs = r->web->jobs;
	struct zx_job *j = calloc(1, sizeof(*j));
	bool stop, busy;
	int64_t id = 0;

	if (!j) {
		if (def->release)
			def->release(def->arg);
		zx_reply_errno(r, ENOMEM);
		return;
	}
	j->jobs = jobs;
	j->def = *def;
	j->req = (struct zx_req){.web = r->web,
				 .peer = r->peer,
				 .method = "JOB",
				 .path = def->kind,
				 .lang = r->lang,
				 .logged_in = true,
				 .ses = r->ses,
				 .def = r->def};
	pthread_mutex_lock(&jobs->lock);
	stop = jobs->stop;
	busy = count(jobs, r) >= WAITING_MAX;
	if (!stop && !busy) {
		put(jobs, j);
		id = j->id;
	}
	pthread_mutex_unlock(&jobs->lock);
	if (stop || busy) {
		job_free(j);
		zx_reply_error(r, busy ? 429 : 503, busy ? "too_many_jobs" : "unavailable", NULL, NULL);
		return;
	}
	cJSON *js = cJSON_CreateObject();
	zx_json_add_int(js, "job", id);
	zx_reply_json(r, 202, js);
}

/* ---- handlers ---- */

static struct zx_job *find(struct zx_jobs *jobs, const struct zx_req *r)
{
	for (struct zx_job *j = jobs->first; j; j = j->next)
		if (j->id == r->id && of(j, r))
			return j;
	return NULL;
}

void zx_jobs_list_h(struct zx_req *r)
{
	struct zx_jobs *jobs = r->web->jobs;
	cJSON *js = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(js, "rows");

	pthread_mutex_lock(&jobs->lock);
	sweep(jobs);
	for (struct zx_job *j = jobs->first; j; j = j->next)
		if (of(j, r))
			cJSON_InsertItemInArray(rows, 0, job_json(j));
	pthread_mutex_unlock(&jobs->lock);
	zx_reply_json(r, 200, js);
}

void zx_jobs_get_h(struct zx_req *r)
{
	struct zx_jobs *jobs = r->web->jobs;
	struct zx_job *j;
	cJSON *js = NULL;

	pthread_mutex_lock(&jobs->lock);
	sweep(jobs);
	j = find(jobs, r);
	if (j)
		js = job_json(j);
	pthread_mutex_unlock(&jobs->lock);
	if (js)
		zx_reply_json(r, 200, js);
	else
		zx_reply_errno(r, ENOENT);
}

void zx_jobs_delete_h(struct zx_req *r)
{
	struct zx_jobs *jobs = r->web->jobs;
	struct zx_job *j;
	bool told = false;

	pthread_mutex_lock(&jobs->lock);
	j = find(jobs, r);
	if (j && over(j)) {
		j->gone = true;
	} else if (j) {
		atomic_store(&j->cancel, true);
		if (j->state == WAITING) { /* no thread will do it */
			j->state = CANCELLED;
			j->ended = zx_mono_ms();
			j->readers++; /* it is there until it has been told */
			told = true;
		}
	}
	pthread_mutex_unlock(&jobs->lock);
	if (told) {
		tell(j);
		pthread_mutex_lock(&jobs->lock);
		j->readers--;
		pthread_mutex_unlock(&jobs->lock);
	}
	if (j)
		zx_reply_empty(r, 204);
	else
		zx_reply_errno(r, ENOENT);
}

/* RFC 6266: plain for old ones, UTF-8 for all others. */
static void disposition(char *out, size_t len, const char *name)
{
	char plain[256], coded[800];
	size_t n = 0, k = 0;

	for (const unsigned char *p = (const unsigned char *)name; *p && n + 1 < sizeof(plain) && k + 4 < sizeof(coded); p++) {
		const bool safe = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || strchr("-._", *p);
		plain[n++] = safe ? (char)*p : '_';
		k += (size_t)snprintf(coded + k, sizeof(coded) - k, safe ? "%c" : "%%%02X", *p);
	}
	plain[n] = coded[k] = '\0';
	snprintf(out, len, "Cache-Control: no-store\r\nContent-Disposition: attachment; filename=\"%s\"; filename*=UTF-8''%s\r\n", plain,
		 coded);
}

void zx_reply_file(struct zx_req *r, int fd, const char *type, const char *name)
{
	char head[1200], buf[16384]; /* a worker has 100 kB of stack */
	struct stat st;
	off_t at = 0;

	if (fstat(fd, &st)) {
		zx_reply_errno(r, errno);
		return;
	}
	disposition(head, sizeof(head), name);
	zx_reply_begin(r, 200, type, st.st_size, head);
	while (at < st.st_size && !r->head) {
		const ssize_t n = pread(fd, buf, sizeof(buf), at);
		if (n <= 0 || zx_reply_write(r, buf, (size_t)n))
			break;
		at += n;
	}
}

static const char *type_of(const char *name)
{
	static const struct {
		const char *end, *type;
	} v[] = {{".csv", "text/csv; charset=utf-8"},
		 {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		 {".zip", "application/zip"}};
	const size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (n > strlen(v[i].end) && !strcmp(name + n - strlen(v[i].end), v[i].end))
			return v[i].type;
	return "application/octet-stream";
}

void zx_jobs_file_h(struct zx_req *r)
{
	struct zx_jobs *jobs = r->web->jobs;
	struct zx_job *j;
	char name[256] = "";
	int fd = -1;

	pthread_mutex_lock(&jobs->lock);
	j = find(jobs, r);
	if (j && over(j) && j->path[0]) {
		fd = open(j->path, O_RDONLY | O_CLOEXEC); /* stays readable when the name goes */
		zx_strcpy(name, sizeof(name), j->name);
	}
	pthread_mutex_unlock(&jobs->lock);
	if (fd < 0) {
		zx_reply_errno(r, ENOENT);
		return;
	}
	zx_reply_file(r, fd, type_of(name), name);
	close(fd);
}
