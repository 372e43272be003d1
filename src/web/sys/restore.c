/*
 * Restoring: a backup is taken apart in DATA/restore.new and must pass everything there; then it waits in DATA/restore.ready for the next
 * start, which puts it in place before anything is opened (store/restore.c).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/sys/archive.h"

enum { PATH_LEN = 4300, PASS_MAX = 200, WHY = 300 };

struct restore {
	struct zx_task task;
	int64_t id;
	bool keep; /* not only to verify */
	char passphrase[PASS_MAX + 1], dir[PATH_LEN], why[WHY];
	cJSON *info;
	const char *code; /* what is wrong with it; NULL: nothing */
	struct zx_store_counts counts;
};

static bool on_progress(int64_t done, int64_t total, void *arg)
{
	(void)done;
	(void)total;
	return zx_task_go(arg, 0, 0);
}

static const char *code_of(enum zx_verify v)
{
	switch (v) {
	case ZX_VERIFY_GOOD:
		return NULL;
	case ZX_VERIFY_FOREIGN:
		return "foreign";
	case ZX_VERIFY_NEWER:
		return "newer";
	case ZX_VERIFY_DAMAGED:
	case ZX_VERIFY_KEY:
		break;
	}
	return "damaged";
}

static int make_dir(const char *dir, const char *name)
{
	char path[PATH_LEN + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return mkdir(path, 0700) && errno != EEXIST ? errno : 0;
}

/* What opening it as a store left beside what belongs there. */
static void tidy(const char *dir)
{
	static const char *const keep[] = {"zuoxi.db", "secret.key", "sounds", "files", "tls", "recordings", "aside"};
	DIR *d = opendir(dir);

	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d));) {
		bool known = e->d_name[0] == '.';

		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			known = known || !strcmp(keep[i], e->d_name);
		if (!known)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

/* Named after the moment, once and for all, so that a swap that is interrupted goes on with the same. The second line is for the page. */
static int make_aside(struct restore *x)
{
	cJSON *o = cJSON_CreateObject(), *item;
	char path[PATH_LEN + 32], stamp[32], *text;
	time_t t = time(NULL);
	struct tm tm;
	FILE *f;
	int err = 0;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime_r(&t, &tm));
	zx_json_add_int(o, "id", x->id);
	item = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(x->info, "created_at"), true);
	cJSON_AddItemToObject(o, "created_at", item ? item : cJSON_CreateNull());
	item = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(x->info, "version"), true);
	cJSON_AddItemToObject(o, "version", item ? item : cJSON_CreateNull());
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	snprintf(path, sizeof(path), "%s/aside", x->dir);
	f = fopen(path, "we");
	if (!f || !text || fprintf(f, "before-restore-%s\n%s\n", stamp, text) < 0 || fflush(f) || fsync(fileno(f)))
		err = errno ? errno : EIO;
	if (f)
		fclose(f);
	cJSON_free(text);
	return err;
}

static int make_ready(struct restore *x)
{
	char to[PATH_LEN];
	int err = make_aside(x), fd;

	snprintf(to, sizeof(to), "%s/restore.ready", x->task.web->env.data_dir);
	if (!err)
		err = zx_tree_remove(to);
	if (!err && rename(x->dir, to))
		err = errno;
	fd = err ? -1 : open(x->task.web->env.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	return err;
}

static int take_apart(struct restore *x)
{
	struct zx_web *web = x->task.web;
	char path[PATH_LEN];
	enum zx_verify v = ZX_VERIFY_DAMAGED;
	bool encrypted;
	int fd, err = zx_archive_find(web, x->id, path, sizeof(path));

	if (err)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno;
	err = zx_archive_info(fd, &x->info, &encrypted);
	if (err == EBADMSG) {
		x->code = "foreign";
		err = 0;
	} else if (!err && cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(x->info, "schema")) > zx_store_schema()) {
		x->code = "newer";
	} else if (!err) {
		err = zx_archive_extract(&x->task, fd, x->passphrase, x->dir, x->keep, x->why, sizeof(x->why));
		if (err == EBADMSG) {
			x->code = "damaged";
			err = 0;
		}
	}
	close(fd);
	if (err || x->code)
		return err;
	err = zx_store_verify(x->dir, &v, x->why, sizeof(x->why), &x->counts, on_progress, &x->task);
	x->code = err ? NULL : code_of(v);
	return err;
}

static int restore_low(void *arg)
{
	struct restore *x = arg;
	int err = zx_tree_remove(x->dir);

	if (!err && mkdir(x->dir, 0700))
		err = errno;
	if (!err)
		err = take_apart(x);
	if (!err && !x->code && x->keep) {
		tidy(x->dir);
		/* they replace what there is, also by nothing */
		err = make_dir(x->dir, "sounds");
		if (!err)
			err = make_dir(x->dir, "files");
		if (!err)
			err = make_ready(x);
	}
	(void)zx_tree_remove(x->dir);
	return err;
}

static cJSON *result_json(struct restore *x)
{
	static const char *const keys[] = {"version", "schema", "created_at", "company", "recordings"};
	cJSON *js = cJSON_CreateObject(), *list, *o;

	zx_json_add_int(js, "id", x->id);
	cJSON_AddBoolToObject(js, "ok", !x->code);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(x->info, keys[i]);

		cJSON_AddItemToObject(js, keys[i], item ? item : cJSON_CreateNull());
	}
	list = cJSON_AddArrayToObject(js, "problems");
	if (x->code) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "code", x->code);
		cJSON_AddStringToObject(o, "detail", x->why);
		cJSON_AddItemToArray(list, o);
	} else {
		o = cJSON_AddObjectToObject(js, "counts");
		zx_json_add_int(o, "companies", x->counts.companies);
		zx_json_add_int(o, "users", x->counts.users);
		zx_json_add_int(o, "extensions", x->counts.extensions);
		zx_json_add_int(o, "calls", x->counts.calls);
	}
	cJSON_AddBoolToObject(js, "ready", x->keep && !x->code);
	return js;
}

static int restore_run(struct zx_job *j)
{
	struct restore *x = zx_job_arg(j);
	const char *code;
	int err;

	x->task = (struct zx_task){.web = zx_job_req(j)->web, .job = j};
	snprintf(x->dir, sizeof(x->dir), "%s/restore.new", x->task.web->env.data_dir);
	err = zx_sys_low(restore_low, x);
	if (err)
		return zx_sys_job_end(j, err);
	code = x->code;
	if (code)
		zx_log(ZX_WARN, "web", "backup %lld is not good (%s): %s", (long long)x->id, code, x->why);
	else if (x->keep)
		zx_log(ZX_WARN, "web", "backup %lld is good and waits for the next start", (long long)x->id);
	zx_job_result(j, result_json(x));
	if (code && x->keep) {
		zx_job_fail(j, code);
		return EBADMSG;
	}
	return 0;
}

static void restore_release(void *arg)
{
	struct restore *x = arg;

	cJSON_Delete(x->info);
	explicit_bzero(x, sizeof(*x));
	free(x);
}

static void restore_start(struct zx_req *r, bool keep)
{
	const char *pass = zx_sys_text(r, "passphrase");
	struct restore *x = calloc(1, sizeof(*x));
	char path[PATH_LEN];

	if (!x) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	x->id = r->id;
	x->keep = keep;
	if (pass && zx_strcpy(x->passphrase, sizeof(x->passphrase), pass)) {
		restore_release(x);
		zx_sys_field_error(r, "passphrase", "length");
		return;
	}
	if (zx_archive_find(r->web, r->id, path, sizeof(path))) {
		restore_release(x);
		zx_reply_errno(r, ENOENT);
		return;
	}
	if (keep && zx_sys_audit(r, "restore", strrchr(path, '/') + 1)) {
		restore_release(x);
		zx_reply_error(r, 503, "unavailable", NULL, NULL);
		return;
	}
	zx_job_start(r,
		     &(struct zx_job_def){.kind = keep ? "restore" : "verify", .run = restore_run, .release = restore_release, .arg = x});
}

const char *const zx_backups_verify_body[] = {"passphrase", NULL};
const char *const zx_backups_restore_body[] = {"passphrase", "confirm", NULL};

void zx_backups_verify_h(struct zx_req *r)
{
	if (!zx_req_body(r))
		restore_start(r, false);
}

void zx_backups_restore_h(struct zx_req *r)
{
	const char *confirm;

	if (zx_req_body(r))
		return;
	confirm = zx_sys_text(r, "confirm");
	if (!confirm || strcmp(confirm, "RESTORE"))
		zx_sys_field_error(r, "confirm", "required");
	else
		restore_start(r, true);
}

void zx_restore_forget_h(struct zx_req *r)
{
	char path[PATH_LEN];
	int err;

	snprintf(path, sizeof(path), "%s/restore.ready", r->web->env.data_dir);
	if (access(path, F_OK)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	err = zx_tree_remove(path);
	if (!err)
		err = zx_sys_audit(r, "forgetRestore", NULL);
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_empty(r, 204);
}

/* What waits, for the pages; NULL: nothing. */
cJSON *zx_sys_restore_json(const struct zx_web *web)
{
	char path[PATH_LEN], line[512];
	cJSON *o = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "%s/restore.ready/aside", web->env.data_dir);
	f = fopen(path, "re");
	if (!f)
		return cJSON_CreateNull();
	if (fgets(line, sizeof(line), f) && fgets(line, sizeof(line), f))
		o = cJSON_Parse(line);
	fclose(f);
	return o ? o : cJSON_CreateObject();
}

/* ---- at start ---- */

/* Recordings of a restored backup to where recordings are; those that are there already stay. */
static void merge_tree(struct zx_web *web, const char *from, const char *to, unsigned depth)
{
	DIR *dir = opendir(from);
	char a[PATH_LEN], b[PATH_LEN];
	struct stat sb;

	if (!dir)
		return;
	if (mkdir(to, 0700) && errno != EEXIST)
		zx_log(ZX_ERROR, "web", "%s: %s", to, strerror(errno));
	for (const struct dirent *e; (e = readdir(dir)) && !zx_sys_stopping(web);) {
		if (e->d_name[0] == '.' || (size_t)snprintf(a, sizeof(a), "%s/%s", from, e->d_name) >= sizeof(a) ||
		    (size_t)snprintf(b, sizeof(b), "%s/%s", to, e->d_name) >= sizeof(b) || lstat(a, &sb))
			continue;
		if (S_ISDIR(sb.st_mode) && depth)
			merge_tree(web, a, b, depth - 1);
		else if (S_ISREG(sb.st_mode) && access(b, F_OK) == 0)
			(void)unlink(a);
		else if (S_ISREG(sb.st_mode) && zx_file_move(a, b))
			zx_log(ZX_ERROR, "web", "recording %s of the backup cannot be put in place", a);
	}
	closedir(dir);
	(void)rmdir(from);
}

void zx_sys_settle(struct zx_web *web)
{
	char path[PATH_LEN];

	zx_archive_sweep(web);
	snprintf(path, sizeof(path), "%s/restore.new", web->env.data_dir);
	(void)zx_tree_remove(path);
	snprintf(path, sizeof(path), "%s/recordings.restored", web->env.data_dir);
	if (!access(path, F_OK))
		merge_tree(web, path, web->rec_dir, 8);
}
