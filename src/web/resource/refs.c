/* What a reference may hold: id and label, of the user's company. */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "web/resource/import.h"

enum { REFS_MAX = 50, FILTERS = 4 };

/* FIELD, FIELD.COLUMN of a list, COLUMN of a target in a list. */
static const struct zx_field *field_of(const struct zx_resource *res, const char *path)
{
	char key[96];
	const struct zx_field *f;
	char *dot;

	zx_strcpy(key, sizeof(key), path);
	dot = strchr(key, '.');
	if (dot)
		*dot++ = '\0';
	f = zx_field_find(res, key);
	if (!f || f->type != ZX_F_LIST)
		return dot ? NULL : f;
	for (const struct zx_field *it = f->items; it && it->key; it++)
		if (dot ? !strcmp(it->key, dot) : it->type == ZX_F_REF || it->type == ZX_F_TARGET)
			return it;
	return NULL;
}

/* The descriptor's own filter, "f.kind=music". */
struct filter {
	struct zx_params p;
	struct zx_q_cond conds[FILTERS];
	unsigned n;
};

static int filter_read(struct filter *x, const char *text)
{
	int err = zx_params_parse(&x->p, text);

	x->n = 0;
	for (unsigned i = 0; i < x->p.n && !err; i++) {
		if (strncmp(x->p.v[i].key, "f.", 2) || x->n == FILTERS)
			err = EINVAL;
		else
			x->conds[x->n++] = (struct zx_q_cond){.key = x->p.v[i].key + 2, .op = ZX_Q_IS, .a = x->p.v[i].value};
	}
	return err;
}

static void on_row(int64_t id, const char *label, void *arg)
{
	cJSON *o = cJSON_CreateObject();

	zx_json_add_int(o, "id", id);
	cJSON_AddStringToObject(o, "label", label);
	cJSON_AddItemToArray(arg, o);
}

static int of_resource(struct zx_req *r, const struct zx_field *f, const struct zx_resource *to, struct zx_q_ref_req *q, cJSON *rows)
{
	struct filter x;
	int err = filter_read(&x, f->ref_filter);

	q->label = to->label;
	q->conds = x.conds;
	q->condc = x.n;
	if (!err)
		err = zx_q_refs(r->db, to->table, q, on_row, rows);
	zx_params_free(&x.p);
	return err;
}

/* What the request asks; false: a parameter is wrong, *bad. */
static bool query(struct zx_q_ref_req *q, int64_t ids[static REFS_MAX], struct zx_req *r, const char **bad)
{
	const char *list = zx_req_param(r, "id"), *size = zx_req_param(r, "size"), *company = zx_req_param(r, "company_id");
	const bool system = r->ses.user.scope == ZX_SCOPE_SYSTEM;
	char text[REFS_MAX * 20], *save = NULL;
	int64_t n = 20;

	q->company_id = system ? 0 : r->ses.user.company_id;
	q->strict = !system;
	q->search = zx_req_param(r, "q");
	*bad = "q";
	if (strlen(q->search) > ZX_Q_TEXT_MAX)
		return false;
	*bad = "size";
	if (*size && (!zx_text_int(size, &n) || n < 1 || n > REFS_MAX))
		return false;
	*bad = "company_id";
	if (*company && system && (!zx_text_int(company, &q->company_id) || q->company_id < 0))
		return false;
	*bad = "id";
	if (zx_strcpy(text, sizeof(text), list))
		return false;
	for (char *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save))
		if (q->idc == REFS_MAX || !zx_text_int(p, &ids[q->idc++]))
			return false;
	q->ids = ids;
	q->size = q->idc ? REFS_MAX : (unsigned)n;
	return true;
}

void zx_resource_refs_h(struct zx_req *r)
{
	const struct zx_field *f = field_of(r->def, r->name);
	const struct zx_app_def *app = f && f->type == ZX_F_TARGET ? zx_app_find(zx_req_param(r, "app")) : NULL;
	const struct zx_resource *to = f && f->type == ZX_F_REF && f->ref ? zx_resource_find(f->ref) : NULL;
	struct zx_q_ref_req q = {0};
	int64_t ids[REFS_MAX];
	const char *bad = NULL;
	cJSON *js, *rows;
	int err;

	if (!f || (f->flags & ZX_FF_SYSTEM && r->ses.user.scope != ZX_SCOPE_SYSTEM) || (f->type != ZX_F_TARGET && !to)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	if (f->type == ZX_F_TARGET && (!app || !app->resource || !zx_field_app_ok(f, app->app))) {
		zx_bad_query(r, "app");
		return;
	}
	if (!query(&q, ids, r, &bad)) {
		zx_bad_query(r, bad);
		return;
	}
	js = cJSON_CreateObject();
	rows = cJSON_AddArrayToObject(js, "rows");
	zx_db_begin_read(r->db, ZX_READ_MS);
	err = app ? zx_q_targets(r->db, app->app, &q, on_row, rows) : of_resource(r, f, to, &q, rows);
	zx_db_end_read(r->db);
	if (err) {
		cJSON_Delete(js);
		zx_reply_errno(r, err);
	} else {
		zx_reply_json(r, 200, js);
	}
}

/* ---- by what people call them ---- */

/* Several may be called so: then none is meant. */
static int only_one(cJSON *rows, int err, int64_t *id)
{
	if (!err && cJSON_GetArraySize(rows) != 1)
		err = ENOENT;
	if (!err)
		*id = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(rows->child, "id"));
	cJSON_Delete(rows);
	return err;
}

static struct zx_q_ref_req named(const struct zx_req *r, const char *text, int64_t company_id, const char *column)
{
	const bool system = r->ses.user.scope == ZX_SCOPE_SYSTEM;

	return (struct zx_q_ref_req){
	    .company_id = system ? company_id : r->ses.user.company_id, .search = text, .exact = column, .size = 2};
}

static bool has_column(const struct zx_q_table *t, const char *key)
{
	for (unsigned i = 0; i < t->colc; i++)
		if (!strcmp(t->cols[i].key, key))
			return !t->cols[i].expr;
	return false;
}

int zx_ref_find(struct zx_req *r, const struct zx_field *f, const char *text, int64_t company_id, int64_t *id)
{
	/* first what an index serves, then the label as lists show it */
	static const char *const keys[] = {"number", "login", "code", "name", ""};
	const struct zx_resource *to = f->ref ? zx_resource_find(f->ref) : NULL;
	int err = ENOENT;

	for (size_t i = 0; to && i < sizeof(keys) / sizeof(keys[0]) && err == ENOENT; i++) {
		struct zx_q_ref_req q = named(r, text, company_id, keys[i]);
		cJSON *rows = *keys[i] && !has_column(to->table, keys[i]) ? NULL : cJSON_CreateArray();
		if (rows)
			err = only_one(rows, of_resource(r, f, to, &q, rows), id);
	}
	return err;
}

int zx_target_find(struct zx_req *r, const char *app, const char *text, int64_t company_id, int64_t *id)
{
	struct zx_q_ref_req q = named(r, text, company_id, "");
	cJSON *rows = cJSON_CreateArray();

	return only_one(rows, zx_q_targets(r->db, app, &q, on_row, rows), id);
}
