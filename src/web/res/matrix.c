#include "web/res/matrix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/route.h"

/* In the order of a page's buttons. */
static const struct {
	const char *action;
	struct zx_text label;
} actions[] = {
    {"list", {"查看", "View"}},
    {"add", {"添加", "Add"}},
    {"batchAdd", {"批量添加", "Add a range"}},
    {"edit", {"修改", "Edit"}},
    {"move", {"调整顺序", "Order"}},
    {"delete", {"删除", "Delete"}},
    {"import", {"导入", "Import"}},
    {"export", {"导出", "Export"}},
    {"history", {"修改记录", "History"}},
    {"download", {"下载录音", "Download recordings"}},
    {"hangup", {"挂断", "Hang up"}},
    {"dial", {"拨打与控制电话", "Dial and control the phone"}},
    {"lock", {"锁定/解锁", "Lock and unlock"}},
    {"password", {"重置密码", "Reset passwords"}},
    {"resetTotp", {"取消两步验证", "Reset two-factor"}},
    {"secret", {"查看分机密码", "See phone passwords"}},
    {"apply", {"应用配置", "Apply"}},
    {"return", {"恢复旧版本", "Return to a version"}},
    {"send", {"设置发送", "Send"}},
    {"area", {"设置本地区号", "Set the area code"}},
    {"reset", {"恢复", "Reset"}},
    {"run", {"运行", "Run"}},
    {"status", {"系统状态", "Status"}},
};

/* What is no page of its own. */
static const struct zx_menu_page others[] = {{"phone", NULL, NULL, "calls", {"电话工具条", "Phone toolbar"}}};

enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static unsigned action_rank(const char *action)
{
	for (unsigned i = 0; i < ACTIONS; i++)
		if (!strcmp(actions[i].action, action))
			return i;
	return ACTIONS;
}

/* An action without a name of its own is called what its first route is. */
static struct zx_text action_label(const char *right, const char *action)
{
	const unsigned rank = action_rank(action);
	unsigned n;
	const struct zx_route_def *t = zx_routes(&n);

	if (rank < ACTIONS)
		return actions[rank].label;
	for (unsigned i = 0; i < n; i++)
		if (t[i].right && !strcmp(t[i].right, right))
			return t[i].summary;
	return (struct zx_text){action, action};
}

static void page_of(const char *name, struct zx_text *title, const char **group)
{
	const struct zx_resource *res = zx_resource_find(name);
	const struct zx_menu_page *p;
	const size_t n = strlen(name);

	if (res) {
		*title = res->title;
		*group = res->group_id;
		return;
	}
	for (unsigned i = 0; (p = zx_menu_page_at(i)); i++) {
		if (p->right && !strncmp(p->right, name, n) && p->right[n] == ':') {
			*title = p->title;
			*group = p->group_id;
			return;
		}
	}
	*title = (struct zx_text){name, name};
	*group = "system";
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(others[i].id, name)) {
			*title = others[i].title;
			*group = others[i].group_id;
		}
	}
}

/* Where the menu has it. */
static unsigned place_of(const struct zx_menu_group *g, const char *name)
{
	const size_t n = strlen(name);
	unsigned at = 0;

	for (const char *p = g->order; *p; at++) {
		const size_t len = strcspn(p, " ");
		if (len == n && !memcmp(p, name, n))
			return at;
		p += len + (p[len] == ' ');
	}
	return 1000;
}

struct cell {
	const char *right, *group;
	char name[96]; /* of the page */
	struct zx_text title;
	unsigned place[3]; /* group, page, action */
};

static void cell_of(struct cell *c, const char *right)
{
	const struct zx_menu_group *g;
	const char *action = strchr(right, ':');
	unsigned i = 0;

	c->right = right;
	snprintf(c->name, sizeof(c->name), "%.*s", (int)(action - right), right);
	page_of(c->name, &c->title, &c->group);
	while ((g = zx_menu_group_at(i)) && strcmp(g->id, c->group))
		i++;
	c->place[0] = i;
	c->place[1] = g ? place_of(g, c->name) : 0;
	c->place[2] = action_rank(action + 1);
}

static int by_place(const void *x, const void *y)
{
	const struct cell *a = x, *b = y;

	for (unsigned i = 0; i < 3; i++) {
		if (a->place[i] != b->place[i])
			return a->place[i] < b->place[i] ? -1 : 1;
		if (i == 1 && strcmp(a->name, b->name) != 0)
			return strcmp(a->name, b->name);
	}
	return strcmp(a->right, b->right);
}

static cJSON *add_group(cJSON *list, const struct cell *c)
{
	const struct zx_menu_group *g = zx_menu_group_at(c->place[0]);
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "id", g ? g->id : c->group);
	cJSON_AddItemToObject(o, "title", zx_text_json(g ? &g->title : &c->title));
	cJSON_AddItemToArray(list, o);
	return cJSON_AddArrayToObject(o, "pages");
}

static cJSON *add_page(cJSON *pages, const struct cell *c)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "name", c->name);
	cJSON_AddItemToObject(o, "title", zx_text_json(&c->title));
	cJSON_AddItemToArray(pages, o);
	return cJSON_AddArrayToObject(o, "actions");
}

static void add_action(cJSON *list, const struct cell *c)
{
	const char *action = strchr(c->right, ':') + 1;
	const struct zx_text label = action_label(c->right, action);
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "action", action);
	cJSON_AddItemToObject(o, "label", zx_text_json(&label));
	cJSON_AddStringToObject(o, "right", c->right);
	cJSON_AddItemToArray(list, o);
}

void zx_matrix_h(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	struct cell *v = calloc(ZX_RIGHTS_MAX, sizeof(*v));
	cJSON *js, *groups, *pages = NULL, *list = NULL, *scopes;
	const char *right;
	unsigned n = 0;

	if (!v) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	for (unsigned i = 0; (right = zx_right_at(i)) && n < ZX_RIGHTS_MAX; i++)
		if (zx_rights_have(u->rights, right))
			cell_of(&v[n++], right);
	qsort(v, n, sizeof(*v), by_place);
	js = cJSON_CreateObject();
	groups = cJSON_AddArrayToObject(js, "groups");
	for (unsigned i = 0; i < n; i++) {
		if (!i || v[i].place[0] != v[i - 1].place[0])
			pages = add_group(groups, &v[i]);
		if (!i || strcmp(v[i].name, v[i - 1].name) != 0)
			list = add_page(pages, &v[i]);
		add_action(list, &v[i]);
	}
	free(v);
	scopes = cJSON_AddArrayToObject(js, "scopes");
	for (unsigned i = 0; i <= (unsigned)u->scope; i++) {
		cJSON *o = zx_text_json(&zx_scope_options[i].text);
		cJSON_AddStringToObject(o, "v", zx_scope_options[i].v);
		cJSON_AddItemToArray(scopes, o);
	}
	cJSON_AddBoolToObject(js, "all", zx_rights_all(u->rights));
	zx_reply_json(r, 200, js);
}
