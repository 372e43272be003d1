/* Who refers to a row: found in the tables' references, their children's, and the targets. */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { USES = 50 };

static bool full(const cJSON *list)
{
	return cJSON_GetArraySize(list) >= USES;
}

static void add(cJSON *list, const char *resource, int64_t id, const char *label)
{
	cJSON *e, *u;

	cJSON_ArrayForEach(e, list) /* once, however often it refers */
	{
		const char *was = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "label"));
		if (!strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "resource")), resource) &&
		    (id ? zx_json_get_int(cJSON_GetObjectItemCaseSensitive(e, "id")) == id : !strcmp(was, label)))
			return;
	}
	if (full(list))
		return;
	u = cJSON_CreateObject();
	cJSON_AddStringToObject(u, "resource", resource);
	zx_json_add_int(u, "id", id);
	cJSON_AddStringToObject(u, "label", label);
	cJSON_AddItemToArray(list, u);
}

struct found {
	cJSON *used_by;
	const char *resource;
};

static void on_user(int64_t id, const char *label, void *arg)
{
	const struct found *f = arg;

	add(f->used_by, f->resource, id, label);
}

static bool refers(const struct zx_q_col *c, const struct zx_q_table *to)
{
	return c->ref && !c->expr && c->can & ZX_Q_WRITE && !strcmp(c->ref->name, to->name) &&
	       (!c->ref->where || !to->where || !strcmp(c->ref->where, to->where));
}

static int of_columns(struct zx_db *db, const struct zx_resource *by, const struct zx_q_table *to, int64_t id, cJSON *used_by)
{
	const struct zx_q_table *t = by->table;
	struct found f = {used_by, by->name};
	int err = 0;

	for (unsigned i = 0; i < t->colc && !err && !full(used_by); i++)
		if (refers(&t->cols[i], to))
			err = zx_q_users(db, t, by->label, NULL, t->cols[i].key, id, USES, on_user, &f);
	for (unsigned k = 0; k < t->childc && !err; k++) {
		const struct zx_q_child *c = &t->children[k];
		for (unsigned i = 0; i < c->colc && !err && !full(used_by); i++)
			if (refers(&c->cols[i], to))
				err = zx_q_users(db, t, by->label, c, c->cols[i].key, id, USES, on_user, &f);
	}
	return err;
}

static int of_targets(struct zx_db *db, const char *app, int64_t id, cJSON *used_by)
{
	char param[24];
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "res_target_uses");

	if (err)
		return err;
	snprintf(param, sizeof(param), "%lld", (long long)id);
	zx_bind_text(s, ":app", app);
	zx_bind_text(s, ":param", param);
	while (!(err = zx_stmt_step(s)))
		add(used_by, zx_col_text(s, 0), zx_col_int(s, 1), zx_col_text(s, 2));
	return err == ENODATA ? 0 : err;
}

/* What the resource knows by itself, and may not tell an id of. */
static int of_hook(struct zx_db *db, const struct zx_resource *res, int64_t id, cJSON *used_by)
{
	cJSON *list = cJSON_CreateArray(), *e;
	const int err = res->users(db, id, list);

	cJSON_ArrayForEach(e, list)
	{
		const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "resource"));
		const char *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "label"));
		if (by && label)
			add(used_by, by, zx_json_get_int(cJSON_GetObjectItemCaseSensitive(e, "id")), label);
	}
	cJSON_Delete(list);
	return err;
}

int zx_resource_uses(struct zx_db *db, const struct zx_resource *res, int64_t id, cJSON *used_by)
{
	const struct zx_resource *by;
	int err = 0;

	for (unsigned i = 0; (by = zx_resource_at(i)) && !err && !full(used_by); i++)
		err = of_columns(db, by, res->table, id, used_by);
	for (const struct zx_app_def *a = zx_apps; a->app && !err; a++)
		if (a->resource && !strcmp(a->resource, res->name))
			err = of_targets(db, a->app, id, used_by);
	if (!err && res->users)
		err = of_hook(db, res, id, used_by);
	return err;
}

void zx_resource_uses_h(struct zx_req *r)
{
	cJSON *js, *row = zx_resource_get(r, r->def, r->id);
	int err;

	if (!row)
		return;
	cJSON_Delete(row);
	js = cJSON_CreateObject();
	zx_db_begin_read(r->db, ZX_READ_MS);
	err = zx_resource_uses(r->db, r->def, r->id, cJSON_AddArrayToObject(js, "used_by"));
	zx_db_end_read(r->db);
	if (err) {
		cJSON_Delete(js);
		zx_reply_errno(r, err);
	} else {
		zx_reply_json(r, 200, js);
	}
}
