/* What the browser needs to draw a page, cut down to the user's rights. */
#include "web/resource/resource.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
    [ZX_F_TEXT] = "text", [ZX_F_DIGITS] = "digits", [ZX_F_INT] = "int",           [ZX_F_NUMBER] = "phone",      [ZX_F_SECRET] = "secret",
    [ZX_F_BOOL] = "bool", [ZX_F_ENUM] = "enum",     [ZX_F_DATETIME] = "datetime", [ZX_F_DURATION] = "duration", [ZX_F_CIDR] = "cidr",
    [ZX_F_REF] = "ref",   [ZX_F_JSON] = "json",     [ZX_F_AUDIO] = "audio",
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
	for (unsigned i = 0; i < t->colc; i++) {
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

static cJSON *field_json(const struct zx_field *f, const struct zx_q_table *t)
{
	static const char *const ins[] = {"list", "form", "quick", "adv"};
	cJSON *o = cJSON_CreateObject(), *in;
	const bool number = f->type == ZX_F_INT;

	cJSON_AddStringToObject(o, "key", f->key);
	cJSON_AddStringToObject(o, "type", type_names[f->type]);
	cJSON_AddItemToObject(o, "label", zx_text_json(&f->label));
	in = cJSON_AddArrayToObject(o, "in");
	for (unsigned i = 0; i < 4; i++)
		if (f->in & 1u << i)
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
	if (f->options) {
		cJSON *list = cJSON_AddArrayToObject(o, "options");
		for (const struct zx_option *op = f->options; op->v; op++) {
			cJSON *e = zx_text_json(&op->text);
			cJSON_AddStringToObject(e, "v", op->v);
			if (op->tone)
				cJSON_AddStringToObject(e, "tone", op->tone);
			cJSON_AddItemToArray(list, e);
		}
	}
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
	cJSON_AddBoolToObject(o, "needsApply", false);
	list = cJSON_AddArrayToObject(o, "can");
	snprintf(can, sizeof(can), "%s", res->can);
	for (char *a = strtok_r(can, " ", &save); a; a = strtok_r(NULL, " ", &save))
		if (may(u, res, a))
			cJSON_AddItemToArray(list, cJSON_CreateString(a));
	list = cJSON_AddArrayToObject(o, "fields");
	for (unsigned i = 0; i < res->fieldc; i++) {
		const struct zx_field *f = &res->fields[i];
		if (f->in && !(f->flags & ZX_FF_SYSTEM && u->scope != ZX_SCOPE_SYSTEM))
			cJSON_AddItemToArray(list, field_json(f, zx_resource_table(res, u)));
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

/* Pages that are no grid. */
static const struct {
	const char *id, *page, *right, *group_id;
	struct zx_text title;
} pages[] = {{"live", "live", "live:list", "calls", {"实时通话", "Live calls"}}};

static cJSON *group_get(cJSON *menu, const char *id, const struct zx_text *title, const char *icon)
{
	cJSON *g;

	cJSON_ArrayForEach(g, menu)
	{
		if (!strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(g, "id")), id))
			return cJSON_GetObjectItemCaseSensitive(g, "children");
	}
	g = cJSON_CreateObject();
	cJSON_AddStringToObject(g, "id", id);
	cJSON_AddItemToObject(g, "title", zx_text_json(title));
	cJSON_AddStringToObject(g, "icon", icon);
	cJSON_AddItemToArray(menu, g);
	return cJSON_AddArrayToObject(g, "children");
}

static void entry_add(cJSON *children, const char *id, const struct zx_text *title, const char *page, const char *resource)
{
	cJSON *e = cJSON_CreateObject();

	cJSON_AddStringToObject(e, "id", id);
	cJSON_AddItemToObject(e, "title", zx_text_json(title));
	cJSON_AddStringToObject(e, "page", page);
	if (resource)
		cJSON_AddStringToObject(e, "resource", resource);
	cJSON_AddItemToArray(children, e);
}

void zx_meta_h(struct zx_req *r)
{
	static const struct zx_text calls = {"话务管理", "Calls"};
	const struct zx_user *u = &r->ses.user;
	cJSON *js = cJSON_CreateObject(), *menu = cJSON_AddArrayToObject(js, "menu"), *names = cJSON_AddArrayToObject(js, "resources");
	const struct zx_resource *res;

	for (unsigned i = 0; (res = zx_resource_at(i)); i++) {
		if (!may(u, res, "list"))
			continue;
		entry_add(group_get(menu, res->group_id, &res->group, res->icon), res->name, &res->title, "grid", res->name);
		cJSON_AddItemToArray(names, cJSON_CreateString(res->name));
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (zx_rights_have(u->rights, pages[i].right))
			entry_add(group_get(menu, pages[i].group_id, &calls, "phone"), pages[i].id, &pages[i].title, pages[i].page, NULL);
	zx_reply_json(r, 200, js);
}
