/* 系统维护: the state of things, check and repair of the database, restarts. */
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/loop.h"
#include "web/sys/archive.h"

enum { PATH_LEN = 4300, SIZE_OLD_MS = 600000, LAST_LEN = 16384 };

/* ---- the page ---- */

struct order {
	struct zx_web *web;
	enum zx_restart what;
	bool waiting;
	unsigned calls;
};

static int restart_order(void *arg)
{
	struct order *o = arg;

	o->calls = zx_call_count();
	o->waiting = o->web->env.restart && o->web->env.restart(o->what);
	return 0;
}

void zx_sys_add_pending(cJSON *js, struct zx_web *web)
{
	struct order o = {.web = web, .what = ZX_RESTART_ASK};
	const int err = zx_loop_call(restart_order, &o, ZX_ASK_MS);

	cJSON_AddStringToObject(js, "restart", !err && o.waiting ? "idle" : "none");
	cJSON_AddItemToObject(js, "restore", zx_sys_restore_json(web));
}

static void add_last(cJSON *to, struct zx_db *db, const char *key, const char *setting)
{
	char *text = malloc(LAST_LEN);
	cJSON *js = text && zx_sys_setting(db, setting, text, LAST_LEN) ? zx_json_parse(text, strlen(text)) : NULL;

	cJSON_AddItemToObject(to, key, js ? js : cJSON_CreateNull());
	free(text);
}

/* Looking through all recordings takes a while: now and then only. */
static int64_t recordings_size(const struct zx_web *web)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t at;
	static int64_t size;
	int64_t n;

	pthread_mutex_lock(&lock);
	if (!at || zx_mono_ms() - at > SIZE_OLD_MS) {
		size = zx_tree_size(web->rec_dir);
		at = zx_mono_ms();
	}
	n = size;
	pthread_mutex_unlock(&lock);
	return n;
}

void zx_system_maintenance_h(struct zx_req *r)
{
	struct zx_backup_settings s;
	cJSON *js = cJSON_CreateObject(), *o;

	cJSON_AddBoolToObject(js, "power", r->web->env.conf->system_power);
	zx_sys_add_pending(js, r->web);
	cJSON_AddBoolToObject(js, "rebuild", zx_store_rebuild_planned(r->web->env.store));
	o = cJSON_AddObjectToObject(js, "last");
	add_last(o, r->db, "check", "system.check");
	add_last(o, r->db, "repair", "system.repair");
	add_last(o, r->db, "backup", "backup.last");
	add_last(o, r->db, "rebuild", "system.rebuild");
	o = cJSON_AddObjectToObject(js, "backups");
	cJSON_AddStringToObject(o, "dir", zx_sys_backup_dir(r->web));
	zx_json_add_int(o, "free",
			zx_disk_free(access(zx_sys_backup_dir(r->web), F_OK) ? r->web->env.data_dir : zx_sys_backup_dir(r->web)));
	zx_json_add_int(o, "needed", zx_sys_backup_needed(r->web));
	zx_json_add_int(o, "recordings", recordings_size(r->web));
	zx_backup_settings(r->db, &s);
	cJSON_AddItemToObject(js, "settings", zx_backup_settings_json(&s));
	zx_reply_json(r, 200, js);
}

/* ---- check and repair ---- */

struct care {
	struct zx_task task;
	char path[PATH_LEN];
	bool repair;
	struct zx_store_repair done;
	cJSON *problems;
	unsigned n;
};

static void on_problem(const char *text, void *arg)
{
	struct care *c = arg;

	cJSON_AddItemToArray(c->problems, cJSON_CreateString(text));
}

static bool on_progress(int64_t done, int64_t total, void *arg)
{
	struct care *c = arg;

	return zx_task_go(&c->task, done, total);
}

static int care_low(void *arg)
{
	struct care *c = arg;
	int err = c->repair ? zx_store_repair(c->task.web->env.store, &c->done, on_progress, c) : 0;

	if (!err)
		err = zx_store_inspect(c->path, on_problem, on_progress, c, &c->n);
	/* what that did not help needs a new file */
	if (!err && c->repair && c->n)
		err = zx_store_rebuild_plan(c->task.web->env.store);
	return err;
}

static void add_done(cJSON *list, const char *zh, const char *en, unsigned n)
{
	char a[128], b[128];
	const struct zx_text text = {a, b};
	cJSON *o;

	if (!n)
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* constants below */
	snprintf(a, sizeof(a), zh, n);
	snprintf(b, sizeof(b), en, n);
#pragma GCC diagnostic pop
	o = cJSON_CreateObject();
	cJSON_AddItemToObject(o, "message", zx_text_json(&text));
	cJSON_AddItemToArray(list, o);
}

static cJSON *care_json(struct care *c, uint64_t since)
{
	cJSON *js = cJSON_CreateObject(), *list;

	zx_json_add_int(js, "at", zx_wall_ms());
	zx_json_add_int(js, "ms", (int64_t)(zx_mono_ms() - since));
	cJSON_AddBoolToObject(js, "ok", !c->n);
	cJSON_AddItemToObject(js, "problems", c->problems);
	c->problems = NULL;
	if (!c->repair)
		return js;
	list = cJSON_AddArrayToObject(js, "done");
	add_done(list, "重建了 %u 个索引", "%u indexes made anew", c->done.indexes);
	add_done(list, "删除了 %u 条无主记录", "%u rows that belonged to nothing removed", c->done.orphans);
	add_done(list, "清除了 %u 处失效引用", "%u references to nothing cleared", c->done.loosened);
	cJSON_AddBoolToObject(js, "rebuild", c->n > 0);
	return js;
}

static int care_run(struct zx_job *j)
{
	const struct care *def = zx_job_arg(j);
	struct care c = *def;
	const uint64_t since = zx_mono_ms();
	cJSON *js;
	char *text;
	int err;

	c.task = (struct zx_task){.web = zx_job_req(j)->web, .job = j};
	c.problems = cJSON_CreateArray();
	snprintf(c.path, sizeof(c.path), "%s/zuoxi.db", c.task.web->env.data_dir);
	err = zx_sys_low(care_low, &c);
	if (err) {
		cJSON_Delete(c.problems);
		return zx_sys_job_end(j, err);
	}
	if (c.n)
		zx_log(ZX_ERROR, "web", "the database has %u faults", c.n);
	js = care_json(&c, since);
	text = cJSON_PrintUnformatted(js);
	if (text && strlen(text) < LAST_LEN)
		(void)zx_sys_setting_put(c.task.web->env.store, c.repair ? "system.repair" : "system.check", text);
	cJSON_free(text);
	zx_job_result(j, js);
	return 0;
}

static void care_start(struct zx_req *r, bool repair)
{
	struct care *c = calloc(1, sizeof(*c));

	if (!c) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	c->repair = repair;
	if (zx_sys_audit(r, repair ? "repair" : "check", NULL)) {
		free(c);
		zx_reply_error(r, 503, "unavailable", NULL, NULL);
		return;
	}
	zx_job_start(r, &(struct zx_job_def){.kind = repair ? "repair" : "check", .run = care_run, .release = free, .arg = c});
}

void zx_system_check_h(struct zx_req *r)
{
	care_start(r, false);
}

void zx_system_repair_h(struct zx_req *r)
{
	care_start(r, true);
}

/* ---- restart of the service ---- */

const char *const zx_system_restart_body[] = {"when", NULL};

void zx_system_restart_h(struct zx_req *r)
{
	struct order o = {.web = r->web};
	const char *when;
	cJSON *js;
	int err;

	if (zx_req_body(r))
		return;
	when = zx_sys_text(r, "when");
	if (!when || (strcmp(when, "now") && strcmp(when, "idle") && strcmp(when, "cancel"))) {
		zx_sys_field_error(r, "when", when ? "pattern" : "required");
		return;
	}
	if (!r->web->env.restart) {
		zx_reply_error(r, 503, "unavailable", NULL, NULL);
		return;
	}
	o.what = !strcmp(when, "now") ? ZX_RESTART_NOW : !strcmp(when, "idle") ? ZX_RESTART_IDLE : ZX_RESTART_CANCEL;
	err = zx_sys_audit(r, "restart", when);
	if (!err)
		err = zx_loop_call(restart_order, &o, ZX_ASK_MS);
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	js = cJSON_CreateObject();
	cJSON_AddNumberToObject(js, "calls", o.calls);
	cJSON_AddStringToObject(js, "restart", o.waiting ? "idle" : !strcmp(when, "now") ? "now" : "none");
	zx_json_add_int(js, "started_at", zx_sys_started());
	zx_reply_json(r, 202, js);
}

/* ---- the machine ---- */

static int systemctl(const char *verb)
{
	char *const argv[] = {(char *)"systemctl", (char *)"--no-ask-password", (char *)"--no-wall", (char *)verb, NULL};
	char *const env[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int status = 0, err;
	pid_t pid;

	err = posix_spawnp(&pid, "systemctl", NULL, NULL, argv, env);
	if (err)
		return err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : EPERM;
}

const char *const zx_system_power_body[] = {"confirm", NULL};

static void power(struct zx_req *r, const char *verb, const char *word)
{
	const char *confirm;
	int err;

	if (zx_req_body(r))
		return;
	if (!r->web->env.conf->system_power) {
		zx_reply_error(r, 403, "power_off", NULL, NULL);
		return;
	}
	confirm = zx_sys_text(r, "confirm");
	if (!confirm || strcmp(confirm, word)) {
		zx_sys_field_error(r, "confirm", "required");
		return;
	}
	err = zx_sys_audit(r, verb, NULL);
	if (!err)
		err = systemctl(verb);
	if (err) {
		zx_log(ZX_ERROR, "web", "systemctl %s: %s", verb, strerror(err));
		zx_reply_error(r, 503, "power_failed", NULL, NULL);
		return;
	}
	zx_log(ZX_WARN, "web", "%s of the machine, ordered by %s", verb, r->ses.user.login);
	zx_reply_empty(r, 202);
}

void zx_system_reboot_h(struct zx_req *r)
{
	power(r, "reboot", "REBOOT");
}

void zx_system_poweroff_h(struct zx_req *r)
{
	power(r, "poweroff", "POWEROFF");
}
