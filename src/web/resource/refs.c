/* What a reference may hold: id and label, of the user's company. */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "web/resource/import.h"

enum { REFS_MAX = 50 };

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

static const struct zx_q_col *column(const struct zx_q_table *t, const char *key)
{
	for (unsigned i = 0; i < t->colc; i++)
		if (!strcmp(t->cols[i].key, key))
			return &t->cols[i];
	return NULL;
}

struct refs {
	char sql[4096];
	size_t len;
	const char *search;
	int64_t ids[REFS_MAX], company_id, size, page;
	unsigned idc;
	bool system;
};

static void add(struct refs *q, const char *a, const char *b, const char *c)
{
	const int n = snprintf(q->sql + q->len, sizeof(q->sql) - q->len, "%s%s%s", a, b, c);

	q->len += n > 0 && (size_t)n < sizeof(q->sql) - q->len ? (size_t)n : sizeof(q->sql) - q->len - 1;
}

static void add_ids(struct refs *q)
{
	char name[16];

	add(q, " AND t.id IN (", "", "");
	for (unsigned i = 0; i < q->idc; i++) {
		snprintf(name, sizeof(name), ":i%u", i);
		add(q, i ? ", " : "", name, "");
	}
	add(q, ")", "", "");
}

void zx_resource_label(char *out, size_t len, const struct zx_resource *res)
{
	const struct zx_q_col *label = column(res->table, res->label), *name = column(res->table, "name");
	char a[256];

	snprintf(a, sizeof(a), "%s%s", label && label->expr ? "" : "t.", label ? label->expr ? label->expr : label->key : "id");
	if (!strcmp(res->label, "number") && name && !name->expr)
		snprintf(out, len, "(%s || CASE t.name WHEN '' THEN '' ELSE ' ' || t.name END)", a);
	else
		snprintf(out, len, "(%s)", a);
}

/* filter: "f.kind=music&f.active=1": whole values of columns, of the descriptor's author. */
static int add_filter(struct refs *q, const struct zx_q_table *t, const struct zx_params *p)
{
	char name[16];

	for (unsigned i = 0; i < p->n; i++) {
		const struct zx_q_col *c = !strncmp(p->v[i].key, "f.", 2) ? column(t, p->v[i].key + 2) : NULL;
		if (!c)
			return EINVAL;
		snprintf(name, sizeof(name), ":f%u", i);
		add(q, " AND ", c->expr ? "(" : "t.", c->expr ? c->expr : c->key);
		add(q, c->expr ? ") = " : " = ", name, "");
	}
	return 0;
}

static int run(struct zx_req *r, struct refs *q, const struct zx_params *filter, cJSON *rows)
{
	char name[16];
	struct zx_stmt *s;
	int err;

	if (q->len >= sizeof(q->sql) - 1)
		return E2BIG;
	err = zx_stmt_text(&s, r->db, q->sql);
	if (err)
		return err;
	if (!q->system || q->company_id)
		(void)zx_bind_int(s, ":company", q->company_id);
	(void)zx_bind_text(s, ":q", q->search);
	(void)zx_bind_int(s, ":size", q->size);
	(void)zx_bind_int(s, ":skip", (q->page - 1) * q->size);
	for (unsigned i = 0; i < q->idc; i++) {
		snprintf(name, sizeof(name), ":i%u", i);
		(void)zx_bind_int(s, name, q->ids[i]);
	}
	for (unsigned i = 0; i < filter->n; i++) {
		snprintf(name, sizeof(name), ":f%u", i);
		(void)zx_bind_text(s, name, filter->v[i].value);
	}
	while (!(err = zx_stmt_step(s))) {
		cJSON *o = cJSON_CreateObject();
		zx_json_add_int(o, "id", zx_col_int(s, 0));
		cJSON_AddStringToObject(o, "label", zx_col_text(s, 1));
		cJSON_AddItemToArray(rows, o);
	}
	return err == ENODATA ? 0 : err;
}

static void begin_resource(struct refs *q, const struct zx_resource *to, const char *label)
{
	const struct zx_q_table *t = to->table;

	add(q, "SELECT t.id, ", label, " FROM ");
	add(q, t->name, " t ", t->joins ? t->joins : "");
	add(q, " WHERE 1", "", "");
	if (t->where)
		add(q, " AND (", t->where, ")");
	if (t->company && !strcmp(t->company, "t.id")) {
		if (!q->system)
			add(q, " AND t.id = :company", "", "");
	} else if (t->company && (!q->system || q->company_id)) {
		add(q, q->system ? " AND ifnull(" : " AND (", t->company, q->system ? " = :company, 1)" : " = :company)");
	}
}

/* Rows of another resource. Rows that belong to no company (the system administrator's role) are offered by those alone who see all. */
static int of_resource(struct zx_req *r, struct refs *q, const struct zx_resource *to, const char *ref_filter, cJSON *rows)
{
	struct zx_params filter;
	char label[512];
	int err = zx_params_parse(&filter, ref_filter);

	zx_resource_label(label, sizeof(label), to);
	begin_resource(q, to, label);
	if (!err)
		err = add_filter(q, to->table, &filter);
	if (q->idc)
		add_ids(q);
	else if (*q->search)
		add(q, " AND instr(lower(", label, "), lower(:q)) > 0");
	add(q, " ORDER BY ", label, ", t.id LIMIT :size");
	if (!err)
		err = run(r, q, &filter, rows);
	zx_params_free(&filter);
	return err;
}

static int of_target(struct zx_req *r, struct refs *q, const struct zx_app_def *app, cJSON *rows)
{
	struct zx_params none = {0};

	add(q, "SELECT t.id, t.label FROM targets t WHERE t.app = '", app->app, "'");
	if (!q->system || q->company_id)
		add(q, " AND t.company_id = :company", "", "");
	if (q->idc)
		add_ids(q);
	else if (*q->search)
		add(q, " AND instr(lower(t.label), lower(:q)) > 0", "", "");
	add(q, " ORDER BY t.label, t.id LIMIT :size OFFSET :skip", "", "");
	return run(r, q, &none, rows);
}

/* What the request asks; false: a parameter is wrong, *bad. */
static bool query(struct refs *q, struct zx_req *r, const char **bad)
{
	const char *ids = zx_req_param(r, "id"), *size = zx_req_param(r, "size"), *company = zx_req_param(r, "company_id");
	const char *page = zx_req_param(r, "page");
	char text[REFS_MAX * 20], *save = NULL;

	q->system = r->ses.user.scope == ZX_SCOPE_SYSTEM;
	q->company_id = q->system ? 0 : r->ses.user.company_id;
	q->search = zx_req_param(r, "q");
	q->size = 20;
	q->page = 1;
	*bad = "q";
	if (strlen(q->search) > ZX_Q_TEXT_MAX)
		return false;
	*bad = "size";
	if (*size && (!zx_text_int(size, &q->size) || q->size < 1 || q->size > REFS_MAX))
		return false;
	*bad = "page";
	if (*page && (!zx_text_int(page, &q->page) || q->page < 1 || q->page > 100000))
		return false;
	*bad = "company_id";
	if (*company && q->system && (!zx_text_int(company, &q->company_id) || q->company_id < 0))
		return false;
	*bad = "id";
	if (zx_strcpy(text, sizeof(text), ids))
		return false;
	for (char *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save))
		if (q->idc == REFS_MAX || !zx_text_int(p, &q->ids[q->idc++]))
			return false;
	if (q->idc)
		q->size = REFS_MAX;
	return true;
}

void zx_resource_refs_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def, *to;
	const struct zx_field *f = field_of(res, r->name);
	const struct zx_app_def *app = f && f->type == ZX_F_TARGET ? zx_app_find(zx_req_param(r, "app")) : NULL;
	struct refs *q;
	const char *bad = NULL;
	cJSON *js, *rows;
	int err;

	to = f && f->type == ZX_F_REF && f->ref ? zx_resource_find(f->ref) : NULL;
	if (!f || (f->flags & ZX_FF_SYSTEM && r->ses.user.scope != ZX_SCOPE_SYSTEM) ||
	    (f->type != ZX_F_TARGET && !to)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	if (f->type == ZX_F_TARGET && (!app || !app->resource || !zx_field_app_ok(f, app->app))) {
		zx_bad_query(r, "app");
		return;
	}
	q = calloc(1, sizeof(*q));
	if (!q) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	if (!query(q, r, &bad)) {
		free(q);
		zx_bad_query(r, bad);
		return;
	}
	js = cJSON_CreateObject();
	rows = cJSON_AddArrayToObject(js, "rows");
	zx_db_begin_read(r->db, ZX_READ_MS);
	err = app ? of_target(r, q, app, rows) : of_resource(r, q, to, f->ref_filter, rows);
	zx_db_end_read(r->db);
	free(q);
	if (err) {
		cJSON_Delete(js);
		zx_reply_errno(r, err);
	} else {
		zx_reply_json(r, 200, js);
	}
}

/* ---- by what people call them ---- */

static int only_one(cJSON *rows, int err, int64_t *id)
{
	if (!err && cJSON_GetArraySize(rows) != 1)
		err = ENOENT;
	if (!err)
		*id = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(rows->child, "id"));
	cJSON_Delete(rows);
	return err;
}

static struct refs *finder(struct zx_req *r, const char *text, int64_t company_id)
{
	struct refs *q = calloc(1, sizeof(*q));

	if (q) {
		q->system = r->ses.user.scope == ZX_SCOPE_SYSTEM;
		q->company_id = q->system ? company_id : r->ses.user.company_id;
		q->search = text;
		q->size = 2;
	}
	return q;
}

/* cond: with :q; several may be named so, then none is meant. */
static int find_where(struct zx_req *r, const struct zx_field *f, const struct zx_resource *to, const char *text, int64_t company_id,
		      const char *cond, int64_t *id)
{
	struct refs *q = finder(r, text, company_id);
	cJSON *rows = cJSON_CreateArray();
	struct zx_params filter;
	char label[512];
	int err = zx_params_parse(&filter, f->ref_filter);

	if (!q)
		err = ENOMEM;
	if (!err) {
		zx_resource_label(label, sizeof(label), to);
		begin_resource(q, to, label);
		err = add_filter(q, to->table, &filter);
	}
	if (!err) {
		add(q, " AND ", *cond ? cond : label, *cond ? " LIMIT :size" : " = :q LIMIT :size");
		err = run(r, q, &filter, rows);
	}
	zx_params_free(&filter);
	free(q);
	return only_one(rows, err, id);
}

int zx_ref_find(struct zx_req *r, const struct zx_field *f, const char *text, int64_t company_id, int64_t *id)
{
	static const char *const keys[] = {"number", "login", "code", "name"};
	const struct zx_resource *to = f->ref ? zx_resource_find(f->ref) : NULL;
	char cond[64];
	int err = ENOENT;

	if (!to)
		return ENOENT;
	/* first what an index serves, then the label as lists show it */
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && err == ENOENT; i++) {
		const struct zx_q_col *c = column(to->table, keys[i]);
		if (!c || c->expr)
			continue;
		snprintf(cond, sizeof(cond), "t.%s = :q", keys[i]);
		err = find_where(r, f, to, text, company_id, cond, id);
	}
	return err == ENOENT ? find_where(r, f, to, text, company_id, "", id) : err;
}

int zx_target_find(struct zx_req *r, const char *app, const char *text, int64_t company_id, int64_t *id)
{
	struct refs *q = finder(r, text, company_id);
	cJSON *rows = cJSON_CreateArray();
	struct zx_params none = {0};
	int err = q ? 0 : ENOMEM;

	if (!err) {
		/* the label, or its first word: a number */
		add(q, "SELECT t.id, t.label FROM targets t WHERE t.app = '", app, "' AND (t.label = :q OR t.label LIKE :q || ' %')");
		if (!q->system || q->company_id)
			add(q, " AND t.company_id = :company", "", "");
		add(q, " LIMIT :size", "", "");
		err = strpbrk(text, "%_") ? ENOENT : run(r, q, &none, rows);
	}
	free(q);
	return only_one(rows, err, id);
}
