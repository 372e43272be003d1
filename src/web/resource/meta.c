/* What the browser needs to draw a page, cut down to the user's rights. */
#include "web/resource/resource.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
    [ZX_F_TEXT] = "text", [ZX_F_DIGITS] = "digits", [ZX_F_INT] = "int",           [ZX_F_NUMBER] = "phone",      [ZX_F_SECRET] = "secret",
    [ZX_F_BOOL] = "bool", [ZX_F_ENUM] = "enum",     [ZX_F_DATETIME] = "datetime", [ZX_F_DURATION] = "duration", [ZX_F_CIDR] = "cidr",
    [ZX_F_REF] = "ref",   [ZX_F_JSON] = "json",     [ZX_F_AUDIO] = "audio",       [ZX_F_TEXTAREA] = "textarea", [ZX_F_TIME] = "time",
    [ZX_F_DATE] = "date", [ZX_F_ORDER] = "order",   [ZX_F_TARGET] = "target",     [ZX_F_LIST] = "list",         [ZX_F_UPLOAD] = "upload",
};

static bool may(const struct zx_user *u, const struct zx_resource *res, const char *action)
{
	char need[96];

	/* a copy is an addition */
	snprintf(need, sizeof(need), "%s:%s", res->name, !strcmp(action, "copy") ? "add" : action);
	return zx_rights_have(u->rights, need);
}

static void add_flags(cJSON *o, const struct zx_field *f, const struct zx_q_table *t)
{
	static const struct {
		unsigned flag;
		const char *key;
	} flags[] = {{ZX_FF_REQUIRED, "required"},   {ZX_FF_UNIQUE, "unique"},     {ZX_FF_READONLY, "readOnly"},
		     {ZX_FF_WRITEONLY, "writeOnly"}, {ZX_FF_GENERATE, "generate"}, {ZX_FF_CREATE, "createOnly"}};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (f->flags & flags[i].flag)
			cJSON_AddBoolToObject(o, flags[i].key, true);
	for (unsigned i = 0; t && i < t->colc; i++) {
		const unsigned can = t->cols[i].can;

		if (strcmp(t->cols[i].key, f->key))
			continue;
		if (can & ZX_Q_SORT)
			cJSON_AddBoolToObject(o, "sortable", true);
		/* how a filter finds more than the whole text: "*part*" or "begin*" */
		if (can & (ZX_Q_CONTAINS | ZX_Q_PREFIX))
			cJSON_AddStringToObject(o, "match", can & ZX_Q_CONTAINS ? "contains" : "prefix");
	}
}

static void add_options(cJSON *o, const struct zx_field *f)
{
	cJSON *list = cJSON_AddArrayToObject(o, "options");

	for (const struct zx_option *op = f->options; op->v; op++) {
		cJSON *e = zx_text_json(&op->text);
		cJSON_AddStringToObject(e, "v", op->v);
		if (op->tone)
			cJSON_AddStringToObject(e, "tone", op->tone);
		cJSON_AddItemToArray(list, e);
	}
}

static void add_upload(cJSON *o, const struct zx_resource *res, const struct zx_field *f)
{
	cJSON *u = cJSON_AddObjectToObject(o, "upload");
	char path[160], own[96];

	snprintf(own, sizeof(own), ":id/upload/%s", f->key);
	snprintf(path, sizeof(path), "/api/v1/%s/upload", res->name);
	for (unsigned i = 0; i < res->routec; i++)
		if (!strcmp(res->routes[i].path, own))
			snprintf(path, sizeof(path), "/api/v1/%s/%s", res->name, own);
	cJSON_AddStringToObject(u, "accept", f->accept ? f->accept : "");
	cJSON_AddStringToObject(u, "path", path);
}

static cJSON *field_json(const struct zx_resource *res, const struct zx_field *f, const struct zx_q_table *t);

static void add_items(cJSON *o, const struct zx_resource *res, const struct zx_field *f)
{
	cJSON *l = cJSON_AddObjectToObject(o, "list"), *items = cJSON_AddArrayToObject(l, "items");
	unsigned n = 0;

	for (const struct zx_field *it = f->items; it && it->key; it++) {
		cJSON_AddItemToArray(items, field_json(res, it, NULL));
		n += it->flags & ZX_FF_READONLY ? 0 : it->type == ZX_F_TARGET ? 2 : 1;
	}
	cJSON_AddBoolToObject(l, "single", n == 1);
}

/* What only some types have. */
static void add_special(cJSON *o, const struct zx_resource *res, const struct zx_field *f)
{
	if (f->type == ZX_F_TARGET)
		cJSON_AddItemToObject(o, "target", zx_field_target_json(f));
	if (f->type == ZX_F_LIST)
		add_items(o, res, f);
	if (f->type == ZX_F_UPLOAD)
		add_upload(o, res, f);
	if (f->def) {
		cJSON *def = cJSON_Parse(f->def);
		cJSON_AddItemToObject(o, "def", def ? def : cJSON_CreateNull());
	}
	if (f->group_zh) {
		const struct zx_text group = {f->group_zh, f->group_en};
		cJSON_AddItemToObject(o, "group", zx_text_json(&group));
	}
	if (f->ref_filter)
		cJSON_AddStringToObject(o, "refFilter", f->ref_filter);
}

/* t NULL: a column of a list. */
static cJSON *field_json(const struct zx_resource *res, const struct zx_field *f, const struct zx_q_table *t)
{
	static const char *const ins[] = {"list", "form", "quick", "adv"};
	cJSON *o = cJSON_CreateObject(), *in;
	const bool number = f->type == ZX_F_INT || f->type == ZX_F_DURATION;

	cJSON_AddStringToObject(o, "key", f->key);
	cJSON_AddStringToObject(o, "type", type_names[f->type]);
	cJSON_AddItemToObject(o, "label", zx_text_json(&f->label));
	in = cJSON_AddArrayToObject(o, "in");
	for (unsigned i = 0; i < 4; i++)
		if (f->in & 1u << i || (!t && i == 1))
			cJSON_AddItemToArray(in, cJSON_CreateString(ins[i]));
	add_flags(o, f, t);
	if (f->pattern)
		cJSON_AddStringToObject(o, "pattern", f->pattern);
	if (f->min)
		cJSON_AddNumberToObject(o, number ? "min" : "minLen", (double)f->min);
	if (f->max)
		cJSON_AddNumberToObject(o, number ? "max" : "maxLen", (double)f->max);
	if (f->ref)
		cJSON_AddStringToObject(o, "ref", f->ref);
	if (f->live)
		cJSON_AddStringToObject(o, "live", f->live);
	if (f->help_zh) {
		const struct zx_text t2 = {f->help_zh, f->help_en};
		cJSON_AddItemToObject(o, "help", zx_text_json(&t2));
	}
	if (f->options)
		add_options(o, f);
	add_special(o, res, f);
	return o;
}

cJSON *zx_resource_meta(const struct zx_resource *res, const struct zx_user *u)
{
	static const int sizes[] = {20, 50, 100};
	cJSON *o = cJSON_CreateObject(), *list;
	char path[96], can[256], *save = NULL;

	cJSON_AddStringToObject(o, "name", res->name);
	cJSON_AddItemToObject(o, "title", zx_text_json(&res->title));
	snprintf(path, sizeof(path), "/api/v1/%s", res->name);
	cJSON_AddStringToObject(o, "path", path);
	cJSON_AddStringToObject(o, "key", "id");
	if (res->table->rev)
		cJSON_AddStringToObject(o, "rev", "rev");
	cJSON_AddStringToObject(o, "label", res->label);
	cJSON_AddStringToObject(o, "defaultSort", res->sort);
	cJSON_AddItemToObject(o, "pageSizes", cJSON_CreateIntArray(sizes, 3));
	cJSON_AddBoolToObject(o, "needsApply", res->apply);
	cJSON_AddBoolToObject(o, "order", res->table->position != NULL);
	list = cJSON_AddArrayToObject(o, "can");
	snprintf(can, sizeof(can), "%s", res->can);
	for (char *a = strtok_r(can, " ", &save); a; a = strtok_r(NULL, " ", &save))
		if (may(u, res, a))
			cJSON_AddItemToArray(list, cJSON_CreateString(a));
	list = cJSON_AddArrayToObject(o, "fields");
	for (unsigned i = 0; i < res->fieldc; i++) {
		const struct zx_field *f = &res->fields[i];
		if (f->in && !(f->flags & ZX_FF_SYSTEM && u->scope != ZX_SCOPE_SYSTEM))
			cJSON_AddItemToArray(list, field_json(res, f, zx_resource_table(res, u)));
	}
	return o;
}

void zx_meta_one_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def;

	if (may(&r->ses.user, res, "list"))
		zx_reply_json(r, 200, zx_resource_meta(res, &r->ses.user));
	else
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
}

/* The menu in its order; pages that are not named here follow in order of registration. */
static const struct zx_menu_group groups[] = {
    {"calls", "phone", {"话务管理", "Calls"}, "agents live missed forwards calls marks busy_log"},
    {"reports", "chart", {"话务报表", "Reports"}, "report_hours report_days report_months report_rank report_surveys"},
    {"customers", "users", {"客户管理", "Customers"}, "customers reminders follow_ups surveys blacklist pool voicemails recordings"},
    {"campaigns", "outbound", {"外呼任务", "Campaigns"}, "task_templates tasks click_tasks"},
    {"notices", "megaphone", {"公告管理", "Announcements"}, "notices"},
    {"data", "columns", {"数据配置", "Data"}, "customer_fields locations"},
    {"rights", "key", {"权限管理", "People and rights"}, "companies roles departments users params"},
    {"pbx",
     "extensions",
     {"PBX设置", "PBX settings"},
     "extensions queues ivrs trunks time_conditions holiday_lists inbound_routes outbound_routes prompts music conferences voicemail_boxes "
     "config"},
    {"kb", "layers", {"知识库", "Knowledge base"}, "articles"},
    {"system", "settings", {"系统维护", "System"}, "setup status maintenance audit account password"},
    {"help", "info", {"使用帮助", "Help"}, "help"},
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]), ENTRIES = 256 };

/* Pages that are no grid. right NULL: everybody's. */
static const struct zx_menu_page pages[] = {
    {"setup", "setup", "setup:list", "system", {"首次设置", "Set-up"}},
    {"status", "status", "system:status", "system", {"系统状态", "System status"}},
    {"maintenance", "maintenance", "system:maintain", "system", {"系统维护", "Maintenance"}},
    {"help", "help", NULL, "help", {"使用帮助", "Help"}},
    {"live", "live", "live:list", "calls", {"实时通话", "Live calls"}},
    {"params", "params", "params:list", "rights", {"系统参数", "Parameters"}},
    {"config", "config", "config:list", "pbx", {"更新配置", "Apply changes"}},
};

const struct zx_menu_group *zx_menu_group_at(unsigned i)
{
	return i < GROUPS ? &groups[i] : NULL;
}

const struct zx_menu_page *zx_menu_page_at(unsigned i)
{
	return i < sizeof(pages) / sizeof(pages[0]) ? &pages[i] : NULL;
}

struct entry {
	const char *id, *page, *resource;
	const struct zx_text *title;
	unsigned group, place;
};

static unsigned place_of(const char *list, const char *id)
{
	const size_t n = strlen(id);
	unsigned at = 0;

	for (const char *p = list; *p; at++) {
		const size_t len = strcspn(p, " ");
		if (len == n && !memcmp(p, id, n))
			return at;
		p += len + (p[len] == ' ');
	}
	return 1000;
}

static void entry_add(struct entry *v, unsigned *n, const char *group_id, struct entry e)
{
	for (e.group = 0; e.group < GROUPS && strcmp(groups[e.group].id, group_id); e.group++)
		;
	if (e.group == GROUPS || *n == ENTRIES)
		return;
	e.place = place_of(groups[e.group].order, e.id);
	unsigned i = (*n)++;
	for (; i && (v[i - 1].group > e.group || (v[i - 1].group == e.group && v[i - 1].place > e.place)); i--)
		v[i] = v[i - 1];
	v[i] = e;
}

static cJSON *entry_json(const struct entry *e)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "id", e->id);
	cJSON_AddItemToObject(o, "title", zx_text_json(e->title));
	cJSON_AddStringToObject(o, "page", e->page);
	if (e->resource)
		cJSON_AddStringToObject(o, "resource", e->resource);
	return o;
}

static cJSON *menu_json(const struct entry *v, unsigned n)
{
	cJSON *menu = cJSON_CreateArray(), *children = NULL;

	for (unsigned i = 0; i < n; i++) {
		if (!i || v[i].group != v[i - 1].group) {
			cJSON *g = cJSON_CreateObject();
			cJSON_AddStringToObject(g, "id", groups[v[i].group].id);
			cJSON_AddItemToObject(g, "title", zx_text_json(&groups[v[i].group].title));
			cJSON_AddStringToObject(g, "icon", groups[v[i].group].icon);
			children = cJSON_AddArrayToObject(g, "children");
			cJSON_AddItemToArray(menu, g);
		}
		cJSON_AddItemToArray(children, entry_json(&v[i]));
	}
	return menu;
}

void zx_meta_h(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	struct entry v[ENTRIES];
	unsigned n = 0;
	cJSON *js = cJSON_CreateObject(), *names = cJSON_CreateArray();
	const struct zx_resource *res;

	for (unsigned i = 0; (res = zx_resource_at(i)); i++) {
		if (!may(u, res, "list"))
			continue;
		if (!res->hidden)
			entry_add(v, &n, res->group_id,
				  (struct entry){.id = res->name, .page = "grid", .resource = res->name, .title = &res->title});
		cJSON_AddItemToArray(names, cJSON_CreateString(res->name));
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (!pages[i].right || zx_rights_have(u->rights, pages[i].right))
			entry_add(v, &n, pages[i].group_id,
				  (struct entry){.id = pages[i].id, .page = pages[i].page, .title = &pages[i].title});
	cJSON_AddItemToObject(js, "menu", menu_json(v, n));
	cJSON_AddItemToObject(js, "resources", names);
	zx_reply_json(r, 200, js);
}
