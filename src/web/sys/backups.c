/* Backups: making, keeping, checking, restoring. One such work at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/sys/archive.h"

enum { PATH_LEN = 4300, NICE = 15, PASS_MIN = 10, PASS_MAX = 200, KEEP_MAX = 365, FIRST_MS = 600000, LATE_MS = 3600000, ROWS_MAX = 500 };
static const int64_t DAY_MS = 86400000;

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;

/* ---- work that must not be noticed by calls: a thread of its own, behind all others ---- */

struct low {
	int (*fn)(void *arg);
	void *arg;
	int err;
};

static void *low_run(void *arg)
{
	struct low *l = arg;
	const long tid = syscall(SYS_gettid);

	pthread_setname_np(pthread_self(), "zx-backup");
	(void)setpriority(PRIO_PROCESS, (id_t)tid, NICE);
	l->err = l->fn(l->arg);
	return NULL;
}

int zx_sys_low(int (*fn)(void *arg), void *arg)
{
	struct low l = {.fn = fn, .arg = arg};
	pthread_t t;
	int err;

	if (pthread_mutex_trylock(&busy))
		return EALREADY;
	err = pthread_create(&t, NULL, low_run, &l);
	if (!err)
		err = pthread_join(t, NULL);
	pthread_mutex_unlock(&busy);
	return err ? err : l.err;
}

/* The code a failed job shows. */
int zx_sys_job_end(struct zx_job *j, int err)
{
	const char *code = err == EALREADY          ? "backup_busy"
			   : err == ENOSPC          ? "disk_full"
			   : err == EKEYREJECTED    ? "passphrase"
			   : err == EBADMSG         ? "damaged"
			   : err == EPROTONOSUPPORT ? "newer"
			   : err == EINVAL          ? "foreign"
			   : err == ENOENT          ? "not_found"
						    : NULL;

	if (code)
		zx_job_fail(j, code);
	return err;
}

/* ---- the list ---- */

static cJSON *row_json(const struct zx_web *web, int64_t id)
{
	static const char *const keys[] = {"created_at", "version",   "schema", "recordings", "auto", "company",
					   "host",       "companies", "users",  "extensions", "calls"};
	char path[PATH_LEN];
	cJSON *info = NULL, *o;
	struct stat sb;
	bool encrypted = false;
	int fd;

	if (zx_archive_find(web, id, path, sizeof(path)))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &sb)) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	(void)zx_archive_info(fd, &info, &encrypted);
	close(fd);
	o = cJSON_CreateObject();
	zx_json_add_int(o, "id", id);
	cJSON_AddStringToObject(o, "name", strrchr(path, '/') + 1);
	zx_json_add_int(o, "size", sb.st_size);
	cJSON_AddBoolToObject(o, "encrypted", encrypted);
	cJSON_AddBoolToObject(o, "readable", info != NULL);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(info, keys[i]);

		cJSON_AddItemToObject(o, keys[i], item ? item : cJSON_CreateNull());
	}
	cJSON_Delete(info);
	return o;
}

static int newest_first(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static unsigned ids_read(const struct zx_web *web, int64_t *ids, unsigned max)
{
	DIR *dir = opendir(zx_sys_backup_dir(web));
	unsigned n = 0;

	if (!dir)
		return 0;
	for (const struct dirent *e; (e = readdir(dir)) && n < max;)
		if (zx_archive_id(e->d_name))
			ids[n++] = zx_archive_id(e->d_name);
	closedir(dir);
	qsort(ids, n, sizeof(ids[0]), newest_first);
	return n;
}

void zx_backups_list_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(js, "rows");
	int64_t ids[ROWS_MAX];
	const unsigned n = ids_read(r->web, ids, ROWS_MAX);

	for (unsigned i = 0; i < n; i++) {
		cJSON *row = row_json(r->web, ids[i]);

		if (row)
			cJSON_AddItemToArray(rows, row);
	}
	zx_reply_json(r, 200, js);
}

void zx_backups_file_h(struct zx_req *r)
{
	char path[PATH_LEN];
	int fd;

	if (zx_archive_find(r->web, r->id, path, sizeof(path))) {
		zx_reply_errno(r, ENOENT);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		zx_reply_errno(r, errno);
		return;
	}
	/* whoever has the file has every password in it */
	if (r->head || !zx_sys_audit(r, "download", strrchr(path, '/') + 1))
		zx_reply_file(r, fd, "application/octet-stream", strrchr(path, '/') + 1);
	else
		zx_reply_error(r, 503, "unavailable", NULL, NULL);
	close(fd);
}

void zx_backups_delete_h(struct zx_req *r)
{
	char path[PATH_LEN];
	int err = zx_archive_find(r->web, r->id, path, sizeof(path));

	if (!err && unlink(path))
		err = errno;
	if (!err)
		err = zx_sys_audit(r, "deleteBackup", strrchr(path, '/') + 1);
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_empty(r, 204);
}

/* ---- settings ---- */

void zx_backup_settings(struct zx_db *db, struct zx_backup_settings *s)
{
	char text[32];
	int64_t keep;
	int h, m;

	*s = (struct zx_backup_settings){.automatic = true, .minute = 3 * 60 + 15, .keep = 7};
	if (zx_sys_setting(db, "backup.auto", text, sizeof(text)))
		s->automatic = *text == '1';
	if (zx_sys_setting(db, "backup.at", text, sizeof(text)) && sscanf(text, "%2d:%2d", &h, &m) == 2)
		s->minute = h * 60 + m;
	if (zx_sys_setting(db, "backup.keep", text, sizeof(text)) && zx_text_int(text, &keep) && keep > 0)
		s->keep = (unsigned)keep;
	if (zx_sys_setting(db, "backup.recordings", text, sizeof(text)))
		s->recordings = *text == '1';
}

cJSON *zx_backup_settings_json(const struct zx_backup_settings *s)
{
	cJSON *o = cJSON_CreateObject();
	char at[16];

	snprintf(at, sizeof(at), "%02d:%02d", s->minute / 60 % 24, s->minute % 60);
	cJSON_AddBoolToObject(o, "auto", s->automatic);
	cJSON_AddStringToObject(o, "at", at);
	cJSON_AddNumberToObject(o, "keep", s->keep);
	cJSON_AddBoolToObject(o, "recordings", s->recordings);
	return o;
}

const char *const zx_backups_settings_body[] = {"auto", "at", "keep", "recordings", NULL};

void zx_backups_settings_h(struct zx_req *r)
{
	const cJSON *automatic, *keep, *recordings;
	struct zx_backup_settings s;
	char text[16];
	const char *at;
	int h = 0, m = 0, err;

	if (zx_req_body(r))
		return;
	automatic = cJSON_GetObjectItemCaseSensitive(r->body, "auto");
	keep = cJSON_GetObjectItemCaseSensitive(r->body, "keep");
	recordings = cJSON_GetObjectItemCaseSensitive(r->body, "recordings");
	at = zx_sys_text(r, "at");
	if (!cJSON_IsBool(automatic) || !cJSON_IsBool(recordings)) {
		zx_sys_field_error(r, cJSON_IsBool(automatic) ? "recordings" : "auto", "required");
		return;
	}
	if (!at || strlen(at) != 5 || at[2] != ':' || strspn(at, "0123456789:") != 5 || sscanf(at, "%2d:%2d", &h, &m) != 2 || h > 23 ||
	    m > 59) {
		zx_sys_field_error(r, "at", at ? "pattern" : "required");
		return;
	}
	if (!cJSON_IsNumber(keep) || keep->valuedouble < 1 || keep->valuedouble > KEEP_MAX ||
	    keep->valuedouble != (double)(int)keep->valuedouble) {
		zx_sys_field_error(r, "keep", keep ? "range" : "required");
		return;
	}
	snprintf(text, sizeof(text), "%d", (int)keep->valuedouble);
	err = zx_sys_setting_put(r->web->env.store, "backup.auto", cJSON_IsTrue(automatic) ? "1" : "0");
	if (!err)
		err = zx_sys_setting_put(r->web->env.store, "backup.at", at);
	if (!err)
		err = zx_sys_setting_put(r->web->env.store, "backup.keep", text);
	if (!err)
		err = zx_sys_setting_put(r->web->env.store, "backup.recordings", cJSON_IsTrue(recordings) ? "1" : "0");
	if (!err)
		err = zx_sys_audit(r, "backupSettings", at);
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	zx_backup_settings(r->db, &s);
	zx_reply_json(r, 200, zx_backup_settings_json(&s));
}

/* ---- making ---- */

struct make {
	struct zx_task task;
	struct zx_archive_want want;
	struct zx_archive_made made;
	char passphrase[PASS_MAX + 1];
};

static int make_low(void *arg)
{
	struct make *m = arg;

	return zx_archive_make(&m->task, &m->want, &m->made);
}

/* What the page shows of the last one. */
static void make_note(struct make *m, int err)
{
	cJSON *o = cJSON_CreateObject();
	char *text;

	zx_json_add_int(o, "at", zx_wall_ms());
	cJSON_AddBoolToObject(o, "auto", m->want.night);
	if (err)
		cJSON_AddStringToObject(o, "error", err == ENOSPC ? "disk_full" : err == ECANCELED ? "cancelled" : strerror(err));
	else
		cJSON_AddNullToObject(o, "error");
	cJSON_AddStringToObject(o, "name", err ? "" : m->made.name);
	zx_json_add_int(o, "size", m->made.size);
	zx_json_add_int(o, "ms", m->made.ms);
	text = cJSON_PrintUnformatted(o);
	if (text)
		(void)zx_sys_setting_put(m->task.web->env.store, "backup.last", text);
	cJSON_free(text);
	cJSON_Delete(o);
}

static int make_run(struct zx_job *j)
{
	struct make *m = zx_job_arg(j);
	cJSON *js;
	int err;

	m->task = (struct zx_task){.web = zx_job_req(j)->web, .job = j};
	m->want.passphrase = m->passphrase;
	err = zx_sys_low(make_low, m);
	if (err == EALREADY)
		return zx_sys_job_end(j, err);
	make_note(m, err);
	if (err) {
		if (err != ECANCELED)
			zx_log(ZX_ERROR, "web", "backup failed: %s", strerror(err));
		return zx_sys_job_end(j, err);
	}
	zx_log(ZX_INFO, "web", "backup %s made: %lld bytes in %lld ms", m->made.name, (long long)m->made.size, (long long)m->made.ms);
	js = cJSON_CreateObject();
	zx_json_add_int(js, "id", m->made.id);
	cJSON_AddStringToObject(js, "name", m->made.name);
	zx_json_add_int(js, "size", m->made.size);
	zx_json_add_int(js, "ms", m->made.ms);
	zx_job_result(j, js);
	return 0;
}

static void make_release(void *arg)
{
	struct make *m = arg;

	explicit_bzero(m, sizeof(*m));
	free(m);
}

/* NULL when right, else the error code. */
static const char *pass_read(const struct zx_req *r, char out[PASS_MAX + 1], bool fresh)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(r->body, "passphrase");
	const char *text = cJSON_GetStringValue(js);

	*out = '\0';
	if (!js || cJSON_IsNull(js) || (text && !*text))
		return NULL;
	if (!text)
		return "pattern";
	if (fresh && strlen(text) < PASS_MIN)
		return "weak";
	return zx_strcpy(out, PASS_MAX + 1, text) ? "length" : NULL;
}

const char *const zx_backups_make_body[] = {"recordings", "passphrase", NULL};

void zx_backups_make_h(struct zx_req *r)
{
	struct make *m;
	const cJSON *recordings;
	const char *code;

	if (zx_req_body(r))
		return;
	recordings = cJSON_GetObjectItemCaseSensitive(r->body, "recordings");
	if (recordings && !cJSON_IsBool(recordings)) {
		zx_sys_field_error(r, "recordings", "pattern");
		return;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	m->want.recordings = cJSON_IsTrue(recordings);
	code = pass_read(r, m->passphrase, true);
	if (code) {
		make_release(m);
		zx_sys_field_error(r, "passphrase", code);
		return;
	}
	if (zx_sys_audit(r, "backup", m->want.recordings ? "{\"recordings\":true}" : NULL)) {
		make_release(m);
		zx_reply_error(r, 503, "unavailable", NULL, NULL);
		return;
	}
	zx_job_start(r, &(struct zx_job_def){.kind = "backup", .run = make_run, .release = make_release, .arg = m});
}

/* ---- every night ---- */

static bool night_due(struct zx_web *web, const struct zx_backup_settings *s, char today[16])
{
	char last[32];
	const int64_t now = zx_wall_ms();
	time_t t = (time_t)(now / 1000);
	struct zx_db *db;
	int64_t newest[1];
	struct tm tm, at;

	localtime_r(&t, &tm);
	strftime(today, 16, "%Y%m%d", &tm);
	if (zx_store_reader(web->env.store, &db))
		return false;
	if (zx_sys_setting(db, "backup.night", last, sizeof(last)) && !strcmp(last, today))
		return false;
	at = tm;
	at.tm_hour = s->minute / 60;
	at.tm_min = s->minute % 60;
	at.tm_sec = 0;
	at.tm_isdst = -1;
	const int64_t due = (int64_t)mktime(&at) * 1000;
	if (now < due)
		return false;
	if (now - due < LATE_MS)
		return true;
	/* the machine was off then: make up for it, but not in the first minutes, and not when there is one of today */
	if (now - zx_sys_started() < FIRST_MS)
		return false;
	return !ids_read(web, newest, 1) || now - (int64_t)zx_archive_time(newest[0]) * 1000 > DAY_MS;
}

void zx_sys_nightly(struct zx_web *web)
{
	struct zx_backup_settings s;
	struct make m = {.task = {.web = web}, .want = {.night = true}};
	char today[16];
	struct zx_db *db;
	int err;

	if (zx_sys_stopping(web) || zx_store_reader(web->env.store, &db))
		return;
	zx_backup_settings(db, &s);
	if (!s.automatic || !night_due(web, &s, today))
		return;
	m.want.recordings = s.recordings;
	err = zx_sys_low(make_low, &m);
	if (err == EALREADY) /* a little later */
		return;
	/* once a night, whatever came of it */
	(void)zx_sys_setting_put(web->env.store, "backup.night", today);
	make_note(&m, err);
	if (err) {
		zx_log(ZX_ERROR, "web", "the nightly backup failed: %s", strerror(err));
		return;
	}
	zx_log(ZX_INFO, "web", "nightly backup %s: %lld bytes in %lld ms", m.made.name, (long long)m.made.size, (long long)m.made.ms);
	zx_archive_trim(web, s.keep);
}

/* ---- one from elsewhere ---- */

void zx_backups_upload_h(struct zx_req *r)
{
	const char *dir = zx_sys_backup_dir(r->web);
	char name[ZX_ARCHIVE_NAME], path[PATH_LEN];
	struct zx_spool s = {.fd = -1};
	cJSON *info = NULL, *row;
	bool encrypted = false;
	int64_t id = 0;
	int err;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		zx_reply_errno(r, errno);
		return;
	}
	if (zx_req_spool(r, &s, zx_disk_free(r->web->env.data_dir) - (64 << 20)))
		return;
	err = zx_archive_info(s.fd, &info, &encrypted);
	if (err) {
		zx_spool_drop(&s);
		if (err == EBADMSG)
			zx_reply_error(r, 422, "foreign", NULL, NULL);
		else
			zx_reply_errno(r, err);
		return;
	}
	id = zx_archive_new_id(r->web, zx_json_get_int(cJSON_GetObjectItemCaseSensitive(info, "created_at")));
	cJSON_Delete(info);
	zx_archive_name(name, id, false, encrypted);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	err = zx_archive_id(name) == id ? zx_file_move(s.path, path) : EINVAL;
	if (!err)
		(void)chmod(path, 0600);
	zx_spool_drop(&s);
	if (!err)
		err = zx_sys_audit(r, "upload", name);
	row = err ? NULL : row_json(r->web, id);
	if (row)
		zx_reply_json(r, 201, row);
	else
		zx_reply_errno(r, err ? err : EIO);
}
