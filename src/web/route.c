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

#include "web/push/live.h"
#include "web/session.h"
#include "web/static.h"

static void health_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject();

	cJSON_AddBoolToObject(js, "ok", true);
	cJSON_AddStringToObject(js, "version", ZX_VERSION);
	zx_reply_json(r, 200, js);
}

static const char *const body_login[] = {"login", "password", NULL};
static const char *const body_password[] = {"old", "new", NULL};
static const char *const body_dial[] = {"number", "call", NULL};
static const char *const body_hold[] = {"on", NULL};
static const char *const body_number[] = {"number", NULL};

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
    {"GET", "/meta", NULL, 0, zx_meta_h, {"菜单", "Menu and pages"}, NULL, NULL, NULL},
    {"GET", "/live/calls", "live:list", 0, zx_live_list_h, {"实时通话", "Calls of now"}, NULL, NULL, NULL},
    {"DELETE", "/live/calls/:id", "live:hangup", ZX_RT_EMPTY, zx_live_hangup_h, {"挂断通话", "Hang up a call"}, NULL, NULL, NULL},
    {"GET", "/phone", NULL, 0, zx_phone_get_h, {"本人话机状态", "State of one's own phone"}, NULL, NULL, NULL},
    {"POST", "/phone/dial", "phone:dial", ZX_RT_ACCEPTED, zx_phone_dial_h, {"点击呼叫", "Click to call"}, NULL, NULL, body_dial},
    {"POST", "/phone/hold", "phone:dial", ZX_RT_EMPTY, zx_phone_hold_h, {"保持或恢复", "Hold or resume"}, NULL, NULL, body_hold},
    {"POST", "/phone/transfer", "phone:dial", ZX_RT_EMPTY, zx_phone_transfer_h, {"转移", "Transfer"}, NULL, NULL, body_number},
    {"POST", "/phone/hangup", "phone:dial", ZX_RT_EMPTY, zx_phone_hangup_h, {"挂断", "Hang up"}, NULL, NULL, NULL},
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
    {"delete", "POST", "/delete", 0, zx_resource_delete_many_h, {"批量删除", "Delete many"}, NULL},
    {"list", "GET", "/:id", 0, zx_resource_get_h, {"查看", "View"}, NULL},
    {"edit", "PUT", "/:id", 0, zx_resource_edit_h, {"修改", "Edit"}, NULL},
    {"delete", "DELETE", "/:id", ZX_RT_EMPTY, zx_resource_delete_h, {"删除", "Delete"}, NULL},
};

enum { MAX = 512 };
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

static void add_resource(const struct zx_resource *res)
{
	static const char *const body_ids[] = {"ids", "force", NULL};

	add((struct zx_route_def){.method = "GET",
				  .path = join("/meta/", res->name, "", ""),
				  .h = zx_meta_one_h,
				  .res = res,
				  .right = join(res->name, ":", "list", ""),
				  .summary = {"页面描述", "Descriptor of the page"}});
	for (unsigned i = 0; i < res->routec; i++) {
		const struct zx_res_route *x = &res->routes[i];
		add((struct zx_route_def){.method = x->method,
					  .path = join("/", res->name, "/", x->path),
					  .right = join(res->name, ":", x->action, ""),
					  .h = x->h,
					  .summary = x->summary,
					  .res = res,
					  .reply = x->reply,
					  .body = x->body,
					  .flags = !strcmp(x->path, "batch") ? ZX_RT_CREATED : 0});
	}
	for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++) {
		if (!has_word(res->can, generic[i].action))
			continue;
		add((struct zx_route_def){.method = generic[i].method,
					  .path = join("/", res->name, generic[i].suffix, ""),
					  .right = join(res->name, ":", generic[i].action, ""),
					  .flags = generic[i].flags,
					  .h = generic[i].h,
					  .summary = generic[i].summary,
					  .res = res,
					  .reply = generic[i].reply,
					  .body = !strcmp(generic[i].suffix, "/delete") ? body_ids : NULL});
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

/* Rights that are no route of their own: a way to use another one ("download"). */
static void extra_rights(const char *rights, void (*h)(const char *right, void *arg), void *arg)
{
	const struct zx_resource *res;
	char list[256], right[96], *save = NULL;

	for (unsigned i = 0; (res = zx_resource_at(i)); i++) {
		snprintf(list, sizeof(list), "%s", res->can);
		for (char *a = strtok_r(list, " ", &save); a; a = strtok_r(NULL, " ", &save)) {
			bool route = !strcmp(a, "copy");
			snprintf(right, sizeof(right), "%s:%s", res->name, a);
			for (unsigned k = 0; k < count && !route; k++)
				route = table[k].right && !strcmp(table[k].right, right);
			if (!route && zx_rights_have(rights, right))
				h(right, arg);
		}
	}
}

void zx_route_rights(const char *rights, void (*h)(const char *right, void *arg), void *arg)
{
	unsigned n;
	const struct zx_route_def *t = zx_routes(&n);

	for (unsigned i = 0; i < n; i++) {
		bool first = t[i].right != NULL;
		for (unsigned k = 0; first && k < i; k++)
			first = !t[k].right || strcmp(t[k].right, t[i].right) != 0;
		if (first && zx_rights_have(rights, t[i].right))
			h(t[i].right, arg);
	}
	extra_rights(rights, h, arg);
}

/* Does the path fit the pattern; *id is its number. */
static bool fits(const char *pattern, const char *path, int64_t *id)
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
		if (!fits(t[i].path, r->path, &id))
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
		if ((!strcmp(t[i].method, r->method) || (r->head && !strcmp(t[i].method, "GET"))) && fits(t[i].path, r->path, &r->id))
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
