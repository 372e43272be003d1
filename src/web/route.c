#include "web/route.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "web/account.h"
#include "web/push/live.h"
#include "web/resource/jobs.h"
#include "web/res/logo.h"
#include "web/res/params.h"
#include "web/session.h"
#include "web/static.h"
#include "web/sys/sys_priv.h"
#include "web/sys/config.h"

static void health_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject();

	cJSON_AddBoolToObject(js, "ok", true);
	cJSON_AddStringToObject(js, "version", ZX_VERSION);
	zx_json_add_int(js, "started_at", zx_sys_started());
	zx_reply_json(r, 200, js);
}

static const char *const body_any[] = {NULL};
static const char *const body_login[] = {"login", "password", "code", NULL};
static const char *const body_code[] = {"code", NULL};
static const char *const body_secret[] = {"password", NULL};
static const char *const body_password[] = {"old", "new", NULL};
static const char *const body_dial[] = {"number", "call", NULL};
static const char *const body_hold[] = {"on", NULL};
static const char *const body_number[] = {"number", NULL};

static const char *const body_apply[] = {"company_id", "hash", "note", NULL};
static const char *const body_return[] = {"hash", "note", NULL};

static const struct zx_route_def fixed[] = {
    {"GET", "/health", NULL, ZX_RT_PUBLIC | ZX_RT_MUST_CHANGE, health_h, {"服务器是否正常", "Is the server up"}, NULL, NULL, NULL},
    {"GET", "/openapi.json", NULL, ZX_RT_PUBLIC | ZX_RT_MUST_CHANGE, zx_openapi_h, {"本文档", "This document"}, NULL, NULL, NULL},
    {"POST",
     "/session",
     NULL,
     ZX_RT_PUBLIC | ZX_RT_MUST_CHANGE | ZX_RT_NOCSRF,
     zx_session_post,
     {"登录", "Log in"},
     NULL,
     NULL,
     body_login},
    {"GET", "/session", NULL, ZX_RT_MUST_CHANGE, zx_session_get, {"当前登录", "Who is logged in"}, NULL, NULL, NULL},
    {"DELETE", "/session", NULL, ZX_RT_MUST_CHANGE | ZX_RT_EMPTY, zx_session_delete, {"退出", "Log out"}, NULL, NULL, NULL},
    {"POST",
     "/session/password",
     NULL,
     ZX_RT_MUST_CHANGE | ZX_RT_EMPTY,
     zx_session_password,
     {"修改密码", "Change the password"},
     NULL,
     NULL,
     body_password},
    {"GET", "/account", NULL, 0, zx_account_get, {"本人帐号", "One's account: second factor, sessions"}, NULL, NULL, NULL},
    {"POST",
     "/account/totp/start",
     NULL,
     0,
     zx_account_totp_start,
     {"开始设置两步验证", "A new secret, not yet in force"},
     NULL,
     NULL,
     NULL},
    {"POST", "/account/totp", NULL, 0, zx_account_totp_post, {"开启两步验证", "Switch the second factor on"}, NULL, NULL, body_code},
    {"DELETE",
     "/account/totp",
     NULL,
     ZX_RT_EMPTY,
     zx_account_totp_delete,
     {"关闭两步验证", "Switch the second factor off"},
     NULL,
     NULL,
     body_secret},
    {"DELETE", "/account/sessions/:id", NULL, ZX_RT_EMPTY, zx_account_session_delete, {"结束登录", "End a session"}, NULL, NULL, NULL},
    {"GET", "/logo", NULL, 0, zx_logo_h, {"本公司logo", "The logo of one's company"}, NULL, "image/*", NULL},
    {"GET", "/params", "params:list", 0, zx_params_get_h, {"系统参数", "Parameters of the company"}, NULL, NULL, NULL},
    {"PUT", "/params", "params:edit", 0, zx_params_put_h, {"修改系统参数", "Set parameters of the company"}, NULL, NULL, zx_params_body},
    {"GET", "/meta", NULL, 0, zx_meta_h, {"菜单", "Menu and pages"}, NULL, NULL, NULL},
    {"GET", "/live/calls", "live:list", 0, zx_live_list_h, {"实时通话", "Calls of now"}, NULL, NULL, NULL},
    {"DELETE", "/live/calls/:id", "live:hangup", ZX_RT_EMPTY, zx_live_hangup_h, {"挂断通话", "Hang up a call"}, NULL, NULL, NULL},
    {"GET", "/phone", NULL, 0, zx_phone_get_h, {"本人话机状态", "State of one's own phone"}, NULL, NULL, NULL},
    {"POST", "/phone/dial", "phone:dial", ZX_RT_ACCEPTED, zx_phone_dial_h, {"点击呼叫", "Click to call"}, NULL, NULL, body_dial},
    {"POST", "/phone/hold", "phone:dial", ZX_RT_EMPTY, zx_phone_hold_h, {"保持或恢复", "Hold or resume"}, NULL, NULL, body_hold},
    {"POST", "/phone/transfer", "phone:dial", ZX_RT_EMPTY, zx_phone_transfer_h, {"转移", "Transfer"}, NULL, NULL, body_number},
    {"POST", "/phone/hangup", "phone:dial", ZX_RT_EMPTY, zx_phone_hangup_h, {"挂断", "Hang up"}, NULL, NULL, NULL},
    {"GET", "/jobs", NULL, 0, zx_jobs_list_h, {"本人的任务", "One's own jobs"}, NULL, NULL, NULL},
    {"GET", "/jobs/:id", NULL, 0, zx_jobs_get_h, {"任务状态", "State of a job"}, NULL, NULL, NULL},
    {"DELETE", "/jobs/:id", NULL, ZX_RT_EMPTY, zx_jobs_delete_h, {"取消任务", "Cancel or remove a job"}, NULL, NULL, NULL},
    {"GET", "/jobs/:id/file", NULL, 0, zx_jobs_file_h, {"任务生成的文件", "The file a job made"}, NULL, "application/octet-stream", NULL},
    {"GET", "/prefs", NULL, 0, zx_prefs_get_h, {"本人的界面设置", "What one's browser keeps here"}, NULL, NULL, NULL},
    {"PUT", "/prefs/:name", NULL, ZX_RT_EMPTY, zx_prefs_put_h, {"保存界面设置", "Keep a setting"}, NULL, NULL, body_any},
    {"DELETE", "/prefs/:name", NULL, ZX_RT_EMPTY, zx_prefs_delete_h, {"删除界面设置", "Forget a setting"}, NULL, NULL, NULL},
    {"GET", "/config", "config:list", 0, zx_config_get_h, {"未生效的配置改动", "Changes that are not applied"}, NULL, NULL, NULL},
    {"POST", "/config/apply", "config:apply", 0, zx_config_apply_h, {"更新配置", "Apply the configuration"}, NULL, NULL, body_apply},
    {"GET", "/config/versions", "config:list", 0, zx_config_versions_h, {"配置版本", "Applied versions"}, NULL, NULL, NULL},
    {"GET", "/config/versions/:id", "config:list", 0, zx_config_version_h, {"版本的改动", "What a version changed"}, NULL, NULL, NULL},
    {"POST",
     "/config/versions/:id/return",
     "config:return",
     0,
     zx_config_return_h,
     {"恢复到此版本", "Return to a version"},
     NULL,
     NULL,
     body_return},
    {"GET", "/notices/unread", NULL, 0, zx_notices_unread_h, {"未读公告", "Announcements one has not read"}, NULL, NULL, NULL},
    {"POST", "/notices/:id/read", NULL, ZX_RT_EMPTY, zx_notices_read_h, {"标为已读", "One has read it"}, NULL, NULL, NULL},
    {"POST", "/notices/read", NULL, ZX_RT_EMPTY, zx_notices_read_h, {"全部标为已读", "One has read them all"}, NULL, NULL, NULL},
    {"GET", "/system/status", "system:status", 0, zx_system_status_h, {"系统状态", "State of machine and service"}, NULL, NULL, NULL},
    {"GET", "/system/licence", "system:status", 0, zx_system_licence_h, {"授权", "Licence"}, NULL, NULL, NULL},
    {"GET", "/system/maintenance", "system:maintain", 0, zx_system_maintenance_h, {"系统维护", "Maintenance"}, NULL, NULL, NULL},
    {"GET", "/system/backups", "system:maintain", 0, zx_backups_list_h, {"备份列表", "Backups"}, NULL, NULL, NULL},
    {"POST",
     "/system/backups",
     "system:maintain",
     ZX_RT_ACCEPTED,
     zx_backups_make_h,
     {"备份", "Make a backup"},
     NULL,
     NULL,
     zx_backups_make_body},
    {"PUT",
     "/system/backups/settings",
     "system:maintain",
     0,
     zx_backups_settings_h,
     {"自动备份设置", "Nightly backups"},
     NULL,
     NULL,
     zx_backups_settings_body},
    {"POST",
     "/system/backups/upload",
     "system:restore",
     ZX_RT_CREATED,
     zx_backups_upload_h,
     {"上传备份", "Upload a backup, raw"},
     NULL,
     NULL,
     NULL},
    {"GET",
     "/system/backups/:id/file",
     "system:maintain",
     0,
     zx_backups_file_h,
     {"下载备份", "Download a backup"},
     NULL,
     "application/octet-stream",
     NULL},
    {"DELETE",
     "/system/backups/:id",
     "system:maintain",
     ZX_RT_EMPTY,
     zx_backups_delete_h,
     {"删除备份", "Delete a backup"},
     NULL,
     NULL,
     NULL},
    {"POST",
     "/system/backups/:id/verify",
     "system:maintain",
     ZX_RT_ACCEPTED,
     zx_backups_verify_h,
     {"检验备份", "Is a backup good"},
     NULL,
     NULL,
     zx_backups_verify_body},
    {"POST",
     "/system/backups/:id/restore",
     "system:restore",
     ZX_RT_ACCEPTED,
     zx_backups_restore_h,
     {"恢复备份，重启后生效", "Restore at the next start"},
     NULL,
     NULL,
     zx_backups_restore_body},
    {"DELETE",
     "/system/restore",
     "system:restore",
     ZX_RT_EMPTY,
     zx_restore_forget_h,
     {"取消恢复", "Do not restore after all"},
     NULL,
     NULL,
     NULL},
    {"POST", "/system/check", "system:maintain", ZX_RT_ACCEPTED, zx_system_check_h, {"检查数据库", "Check the database"}, NULL, NULL, NULL},
    {"POST",
     "/system/repair",
     "system:maintain",
     ZX_RT_ACCEPTED,
     zx_system_repair_h,
     {"修复数据库", "Repair the database"},
     NULL,
     NULL,
     NULL},
    {"POST",
     "/system/restart",
     "system:restart",
     ZX_RT_ACCEPTED,
     zx_system_restart_h,
     {"重启服务", "Restart the service"},
     NULL,
     NULL,
     zx_system_restart_body},
    {"POST",
     "/system/reboot",
     "system:power",
     ZX_RT_ACCEPTED,
     zx_system_reboot_h,
     {"重启机器", "Restart the machine"},
     NULL,
     NULL,
     zx_system_power_body},
    {"POST",
     "/system/poweroff",
     "system:power",
     ZX_RT_ACCEPTED,
     zx_system_poweroff_h,
     {"关闭机器", "Shut the machine down"},
     NULL,
     NULL,
     zx_system_power_body},
    {"GET", "/help", NULL, 0, zx_help_h, {"使用帮助", "Settings of softphones"}, NULL, NULL, NULL},
    {"POST", "/help/qr", NULL, 0, zx_help_qr_h, {"软电话二维码", "QR code that sets a softphone up"}, NULL, NULL, zx_help_qr_body},
    {"GET",
     "/provision",
     NULL,
     ZX_RT_PUBLIC,
     zx_provision_h,
     {"软电话远程配置，一次有效", "Account of a softphone, once"},
     NULL,
     "application/xml",
     NULL},
    {"GET", "/setup", "setup:list", 0, zx_setup_h, {"设置清单", "What is set up and what is not"}, NULL, NULL, NULL},
    {"POST",
     "/setup/dismiss",
     "setup:list",
     ZX_RT_EMPTY,
     zx_setup_dismiss_h,
     {"不再提示", "Do not show it any more"},
     NULL,
     NULL,
     zx_setup_dismiss_body},
    {"POST",
     "/setup/quick",
     "setup:run",
     ZX_RT_CREATED,
     zx_setup_quick_h,
     {"快速设置", "From nothing to the first call"},
     NULL,
     NULL,
     zx_setup_quick_body},
    {"GET", "/pop/:id", NULL, 0, zx_pop_h, {"弹屏内容", "What the pop of a call shows"}, NULL, NULL, NULL},
};

static const struct {
	const char *action, *method, *suffix;
	unsigned flags;
	zx_req_h *h;
	struct zx_text summary;
	const char *reply;
} generic[] = {
    {"list", "GET", "", ZX_RT_LIST, zx_resource_list_h, {"列表", "List"}, NULL},
    {"add", "POST", "", ZX_RT_CREATED, zx_resource_add_h, {"添加", "Add"}, NULL},
    {"export", "GET", "/export.csv", ZX_RT_LIST, zx_resource_export_h, {"导出", "Export"}, "text/csv"},
    {"export", "POST", "/export", ZX_RT_ACCEPTED, zx_resource_export_job_h, {"导出为文件", "Export as a job"}, NULL},
    {"import", "GET", "/template.csv", 0, zx_resource_template_h, {"导入模板", "Template for imports"}, "text/csv"},
    {"import", "POST", "/import", 0, zx_resource_import_h, {"上传并检查要导入的文件", "Upload and check a file to import"}, NULL},
    {"import", "POST", "/import/:id", ZX_RT_ACCEPTED, zx_resource_import_run_h, {"开始导入", "Import"}, NULL},
    {"import", "POST", "/import/:id/check", 0, zx_resource_import_check_h, {"再次检查", "Check again with other columns"}, NULL},
    {"import", "DELETE", "/import/:id", ZX_RT_EMPTY, zx_resource_import_drop_h, {"放弃导入", "Give up an import"}, NULL},
    {"list", "GET", "/refs/:name", 0, zx_resource_refs_h, {"可引用的记录", "What a reference may hold"}, NULL},
    {"edit", "POST", "/bulk", 0, zx_resource_bulk_h, {"批量修改", "Change many"}, NULL},
    {"move", "POST", "/:id/move", 0, zx_resource_move_h, {"调整顺序", "Move in the order"}, NULL},
    {"list", "GET", "/:id/uses", 0, zx_resource_uses_h, {"被谁使用", "Who refers to it"}, NULL},
    {"history", "GET", "/:id/history", 0, zx_resource_history_h, {"修改记录", "History of changes"}, NULL},
    {"delete", "POST", "/delete", 0, zx_resource_delete_many_h, {"批量删除", "Delete many"}, NULL},
    {"list", "GET", "/:id", 0, zx_resource_get_h, {"查看", "View"}, NULL},
    {"edit", "PUT", "/:id", 0, zx_resource_edit_h, {"修改", "Edit"}, NULL},
    {"delete", "DELETE", "/:id", ZX_RT_EMPTY, zx_resource_delete_h, {"删除", "Delete"}, NULL},
};

enum { MAX = 2048 };
static struct zx_route_def table[MAX];
static unsigned count;

static const char *join(const char *a, const char *b, const char *c, const char *d)
{
	char *s = NULL;

	if (asprintf(&s, "%s%s%s%s", a, b, c, d) < 0)
		abort();
	return s; /* for ever: the table is */
}

static bool has_word(const char *list, const char *word)
{
	const size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static void add(struct zx_route_def d)
{
	if (count < MAX)
		table[count++] = d;
}

static const char *const *body_of(const char *suffix)
{
	static const char *const ids[] = {"ids", "force", "all", "filter", "confirm", NULL};
	static const char *const import[] = {"mode", "map", "update", NULL}, *const check[] = {"map", "update", NULL};
	static const char *const bulk[] = {"ids", "set", NULL}, *const export[] = {"format", "query", "ids", "columns", NULL};
	static const char *const move[] = {"to", NULL};
	static const struct {
		const char *suffix;
		const char *const *keys;
	} v[] = {{"/delete", ids},    {"/bulk", bulk},    {"/import/:id", import}, {"/import/:id/check", check},
		 {"/export", export}, {"/:id/move", move}};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (!strcmp(v[i].suffix, suffix))
			return v[i].keys;
	return NULL;
}

/* A route of the resource's own stands in for a generic one, and is described as it. */
static bool replaced(const struct zx_resource *res, const char *method, const char *path, unsigned flags)
{
	for (unsigned i = count; i-- && table[i].res == res;) {
		if (strcmp(table[i].method, method) || strcmp(table[i].path, path))
			continue;
		table[i].flags |= flags;
		return true;
	}
	return false;
}

static void add_resource(const struct zx_resource *res)
{

	add((struct zx_route_def){.method = "GET",
				  .path = join("/meta/", res->name, "", ""),
				  .h = zx_meta_one_h,
				  .res = res,
				  .right = join(res->name, ":", "list", ""),
				  .summary = {"页面描述", "Descriptor of the page"}});
	for (unsigned i = 0; i < res->routec; i++) {
		const struct zx_res_route *x = &res->routes[i];
		add((struct zx_route_def){.method = x->method,
					  .path = join("/", res->name, *x->path ? "/" : "", x->path),
					  .right = join(res->name, ":", x->action, ""),
					  .h = x->h,
					  .summary = x->summary,
					  .res = res,
					  .reply = x->reply,
					  .body = x->body,
					  .flags = !strcmp(x->path, "batch") ? ZX_RT_CREATED : 0});
	}
	for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++) {
		char path[160];
		snprintf(path, sizeof(path), "/%s%s", res->name, generic[i].suffix);
		if (!has_word(res->can, generic[i].action) || replaced(res, generic[i].method, path, generic[i].flags))
			continue;
		add((struct zx_route_def){.method = generic[i].method,
					  .path = join(path, "", "", ""),
					  .right = join(res->name, ":", generic[i].action, ""),
					  .flags = generic[i].flags,
					  .h = generic[i].h,
					  .summary = generic[i].summary,
					  .res = res,
					  .reply = generic[i].reply,
					  .body = body_of(generic[i].suffix)});
	}
}

static void build(void)
{
	const struct zx_resource *res;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add(fixed[i]);
	for (unsigned i = 0; (res = zx_resource_at(i)); i++)
		add_resource(res);
}

const struct zx_route_def *zx_routes(unsigned *n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, build);
	*n = count;
	return table;
}

void zx_route_rights(const uint64_t *rights, void (*h)(const char *right, void *arg), void *arg)
{
	const char *right;

	for (unsigned i = 0; (right = zx_right_at(i)); i++)
		if (zx_rights_have(rights, right))
			h(right, arg);
}

static bool fits_name(const char *path, size_t n, char *name, size_t len)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (!n || n >= len || strspn(path, chars) < n || *path == '.')
		return false;
	memcpy(name, path, n);
	name[n] = '\0';
	return true;
}

/* Does the path fit the pattern; *id is its number, name its name. */
static bool fits(const char *pattern, const char *path, int64_t *id, char *name, size_t len)
{
	while (*pattern && *path) {
		if (!strncmp(pattern, ":id", 3)) {
			char num[20];
			const size_t n = strcspn(path, "/");
			if (!n || n > 16 || strspn(path, "0123456789") != n)
				return false;
			memcpy(num, path, n);
			num[n] = '\0';
			if (!zx_text_int(num, id))
				return false;
			pattern += 3;
			path += n;
		} else if (!strncmp(pattern, ":name", 5)) {
			/* what follows the name in the pattern is a suffix of this part of the path (".svg") or the next part */
			const size_t rest = strcspn(pattern + 5, "/"), part = strcspn(path, "/");
			if (part <= rest || strncmp(path + part - rest, pattern + 5, rest) || !fits_name(path, part - rest, name, len))
				return false;
			pattern += 5 + rest;
			path += part;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

static bool csrf_ok(const struct zx_req *r)
{
	const char *h = zx_req_header(r, "X-CSRF-Token");
	const size_t n = strlen(r->ses.csrf);

	return h && n && strlen(h) == n && !CRYPTO_memcmp(h, r->ses.csrf, n);
}

static bool same_site(const struct zx_req *r)
{
	const char *site = zx_req_header(r, "Sec-Fetch-Site");

	if (site && strcmp(site, "same-origin") && strcmp(site, "none"))
		return false;
	return zx_origin_ok(zx_req_header(r, "Origin"), zx_req_header(r, "Host"), false);
}

/* NULL: go on; else the code, with *status. */
static const char *gate(struct zx_req *r, const struct zx_route_def *d, int *status)
{
	const bool write = strcmp(r->method, "GET") && !r->head;
	const int err = zx_session_load(&r->ses, r->web, zx_req_header(r, "Cookie"), r->peer.tls);

	r->logged_in = !err;
	*status = 403;
	if (write && !same_site(r))
		return "origin";
	if (!(d->flags & ZX_RT_PUBLIC)) {
		if (err && err != ENOENT) {
			*status = 503;
			return "unavailable";
		}
		if (err) {
			*status = 401;
			return "no_session";
		}
		if (write && !(d->flags & ZX_RT_NOCSRF) && !csrf_ok(r))
			return "csrf";
		if (r->ses.user.must_change && !(d->flags & ZX_RT_MUST_CHANGE))
			return "must_change";
		if (d->right && !zx_rights_have(r->ses.user.rights, d->right))
			return "forbidden";
	}
	if (r->logged_in)
		zx_session_touch(&r->ses, r->web);
	return NULL;
}

static void refuse_method(struct zx_req *r)
{
	unsigned n;
	const struct zx_route_def *t = zx_routes(&n);
	char allow[128] = "Allow: ";
	int64_t id;

	for (unsigned i = 0; i < n; i++) {
		if (!fits(t[i].path, r->path, &id, r->name, sizeof(r->name)))
			continue;
		if (allow[7])
			strncat(allow, ", ", sizeof(allow) - strlen(allow) - 1);
		strncat(allow, t[i].method, sizeof(allow) - strlen(allow) - 1);
	}
	if (!allow[7]) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	snprintf(r->set_cookie, sizeof(r->set_cookie), "%s\r\n", allow);
	zx_reply_error(r, 405, "method", NULL, NULL);
}

void zx_route_run(struct zx_req *r)
{
	unsigned n;
	const struct zx_route_def *t = zx_routes(&n), *d = NULL;
	int status = 0, err;

	for (unsigned i = 0; i < n && !d; i++)
		if ((!strcmp(t[i].method, r->method) || (r->head && !strcmp(t[i].method, "GET"))) &&
		    fits(t[i].path, r->path, &r->id, r->name, sizeof(r->name)))
			d = &t[i];
	if (!d) {
		refuse_method(r);
		return;
	}
	err = zx_store_reader(r->web->env.store, &r->db);
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	const char *code = gate(r, d, &status);
	if (code) {
		zx_reply_error(r, status, code, NULL, NULL);
		return;
	}
	r->def = d->res;
	d->h(r);
	if (!r->status)
		zx_reply_error(r, 500, "internal", NULL, NULL);
}
