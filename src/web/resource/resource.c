#include "web/resource/resource.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "web/mask.h"
#include "web/res/res.h"

/* Every page: one line. */
static const struct zx_resource *const all[] = {
    &zx_res_companies,       &zx_res_departments,     &zx_res_roles,         &zx_res_users,
    &zx_res_audit,           &zx_res_extensions,      &zx_res_queues,        &zx_res_ivrs,
    &zx_res_trunks,          &zx_res_time_conditions, &zx_res_holiday_lists, &zx_res_inbound_routes,
    &zx_res_outbound_routes, &zx_res_prompts,         &zx_res_music,         &zx_res_conferences,
    &zx_res_voicemail_boxes, &zx_res_blacklist,       &zx_res_calls,         &zx_res_notices,
    &zx_res_articles,        &zx_res_locations,
};
enum { COUNT = sizeof(all) / sizeof(all[0]) };

const struct zx_resource *zx_resource_at(unsigned i)
{
	return i < COUNT ? all[i] : NULL;
}

const struct zx_resource *zx_resource_find(const char *name)
{
	for (unsigned i = 0; i < COUNT; i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

const struct zx_field *zx_field_find(const struct zx_resource *res, const char *key)
{
	for (unsigned i = 0; i < res->fieldc; i++)
		if (!strcmp(res->fields[i].key, key))
			return &res->fields[i];
	return NULL;
}

void zx_scope_of(struct zx_q_scope *s, const struct zx_user *u)
{
	*s = (struct zx_q_scope){.system = u->scope == ZX_SCOPE_SYSTEM, .company_id = u->company_id, .user_id = u->id};
	s->department = u->scope == ZX_SCOPE_DEPARTMENT;
	if (u->scope == ZX_SCOPE_OWN || s->department)
		s->own = u->ext[0] ? u->ext : "-"; /* no extension: nothing is one's own */
}

/* ---- tables for those who see masked numbers: a search by parts of a number would find out the rest ---- */

static struct zx_q_table masked[COUNT];

static void masked_init(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		const struct zx_q_table *t = all[i]->table;
		struct zx_q_col *cols = malloc(t->colc * sizeof(*cols));
		masked[i] = *t;
		if (!cols)
			abort();
		memcpy(cols, t->cols, t->colc * sizeof(*cols));
		for (unsigned k = 0; k < t->colc; k++) {
			const struct zx_field *f = zx_field_find(all[i], cols[k].key);
			if (f && f->flags & ZX_FF_CUSTOMER)
				cols[k].can &= ~(unsigned)(ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX | ZX_Q_CONTAINS);
		}
		masked[i].cols = cols; /* for ever */
	}
}

const struct zx_q_table *zx_resource_table(const struct zx_resource *res, const struct zx_user *u)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!u->mask)
		return res->table;
	pthread_once(&once, masked_init);
	for (unsigned i = 0; i < COUNT; i++)
		if (all[i] == res)
			return &masked[i];
	return res->table;
}

/* ---- rows ---- */

static cJSON *cell(struct zx_req *r, const struct zx_field *f, const struct zx_q_col *col, struct zx_stmt *s, int i)
{
	char text[256];

	if (f && f->type == ZX_F_BOOL)
		return cJSON_CreateBool(zx_col_int(s, i) != 0);
	if (col->type == ZX_Q_JSON || (f && f->type == ZX_F_JSON)) {
		const char *t = zx_col_text(s, i);
		cJSON *js = zx_json_parse(t, strlen(t));
		return js ? js : cJSON_CreateNull();
	}
	if (f && f->type == ZX_F_ENUM)
		return cJSON_CreateString(zx_col_text(s, i));
	if (zx_col_null(s, i))
		return cJSON_CreateNull();
	switch (col->type) {
	case ZX_Q_JSON:
	case ZX_Q_INT:
		return zx_json_int(zx_col_int(s, i));
	case ZX_Q_BOOL:
		return cJSON_CreateBool(zx_col_int(s, i) != 0);
	case ZX_Q_REAL:
		return cJSON_CreateNumber(zx_col_real(s, i));
	case ZX_Q_TEXT:
		break;
	}
	zx_strcpy(text, sizeof(text), zx_col_text(s, i));
	if (f && f->flags & ZX_FF_CUSTOMER && r->ses.user.mask && zx_looks_number(text) && !zx_is_extension(r->db, text)) {
		char hidden[256];
		zx_number_mask(hidden, sizeof(hidden), text);
		return cJSON_CreateString(hidden);
	}
	return cJSON_CreateString(zx_col_text(s, i));
}

cJSON *zx_resource_row(struct zx_req *r, const struct zx_resource *res, struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n)
{
	cJSON *row = cJSON_CreateObject();

	for (unsigned i = 0; i < n; i++) {
		const struct zx_field *f = zx_field_find(res, cols[i]->key);
		if (!(f && f->flags & ZX_FF_WRITEONLY))
			cJSON_AddItemToObject(row, cols[i]->key, cell(r, f, cols[i], s, (int)i));
	}
	return row;
}

struct collect {
	struct zx_req *r;
	const struct zx_resource *res;
	cJSON *to;
};

static int add_row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	struct collect *c = arg;

	return cJSON_AddItemToArray(c->to, zx_resource_row(c->r, c->res, s, cols, n)) ? 0 : ENOMEM;
}

/* ---- filters ---- */

static int64_t param_int(const struct zx_req *r, const char *key, int64_t def)
{
	int64_t v;
	const char *s = zx_req_param(r, key);

	if (!*s)
		return def;
	return zx_text_int(s, &v) ? v : -1;
}

int zx_resource_query(struct zx_res_query *q, struct zx_req *r, const struct zx_resource *res, const char **bad)
{
	const struct zx_q_table *t = zx_resource_table(res, &r->ses.user);
	const int64_t size = param_int(r, "size", 20), page = param_int(r, "page", 1);
	const char *sort = zx_req_param(r, "sort");

	memset(q, 0, sizeof(*q));
	*bad = NULL;
	zx_scope_of(&q->scope, &r->ses.user);
	if (size < 1 || size > ZX_Q_PAGE_MAX)
		*bad = "size";
	else if (page < 1 || page > 1000000)
		*bad = "page";
	if (*bad)
		return EINVAL;
	for (unsigned i = 0; i < r->params.n; i++) {
		const char *key = r->params.v[i].key;
		if (strncmp(key, "f.", 2))
			continue;
		if (!*r->params.v[i].value)
			continue;
		*bad = key;
		/* the values live in r->params.text, which is ours to cut */
		char *text = r->params.text + (r->params.v[i].value - r->params.text);
		if (q->req.condc == ZX_Q_CONDS || zx_q_cond_parse(&q->conds[q->req.condc], t, key + 2, text))
			return EINVAL;
		q->req.condc++;
	}
	*bad = NULL;
	q->req.scope = &q->scope;
	q->req.search = zx_req_param(r, "q");
	q->req.conds = q->conds;
	q->req.sort = *sort ? sort : res->sort;
	q->req.after = zx_req_param(r, "after");
	q->req.page = (unsigned)page - 1;
	q->req.size = (unsigned)size;
	q->req.count = true;
	return 0;
}

void zx_bad_query(struct zx_req *r, const char *key)
{
	cJSON *fields = cJSON_CreateObject();

	cJSON_AddStringToObject(fields, key ? key : "q", "pattern");
	zx_reply_error(r, 400, "bad_query", fields, NULL);
}

void zx_resource_list_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def;
	struct zx_res_query q;
	struct zx_q_result out;
	const char *bad = NULL;
	cJSON *js = cJSON_CreateObject();
	struct collect c = {.r = r, .res = res, .to = cJSON_AddArrayToObject(js, "rows")};
	int err = zx_resource_query(&q, r, res, &bad);

	if (!err) {
		zx_db_begin_read(r->db, ZX_READ_MS);
		err = zx_q_list(r->db, zx_resource_table(res, &r->ses.user), &q.req, add_row, &c, &out);
		zx_db_end_read(r->db);
		bad = err ? out.bad : NULL;
	}
	if (err) {
		cJSON_Delete(js);
		if (err == EINVAL)
			zx_bad_query(r, bad);
		else if (err == EACCES)
			zx_reply_error(r, 403, "forbidden", NULL, NULL);
		else
			zx_reply_errno(r, err);
		return;
	}
	if (res->rows)
		res->rows(r, c.to);
	if (out.total >= 0)
		zx_json_add_int(js, "total", out.total);
	if (out.next[0])
		cJSON_AddStringToObject(js, "next", out.next);
	else
		cJSON_AddNullToObject(js, "next");
	zx_reply_json(r, 200, js);
}

cJSON *zx_resource_get(struct zx_req *r, const struct zx_resource *res, int64_t id)
{
	struct zx_q_scope scope;
	cJSON *rows = cJSON_CreateArray();
	struct collect c = {.r = r, .res = res, .to = rows};

	zx_scope_of(&scope, &r->ses.user);
	const int err = zx_q_get(r->db, res->table, &scope, id, add_row, &c);
	if (err || !rows->child) {
		cJSON_Delete(rows);
		zx_reply_errno(r, err == EACCES || !err ? ENOENT : err);
		return NULL;
	}
	if (res->rows)
		res->rows(r, rows);
	cJSON *row = cJSON_DetachItemFromArray(rows, 0);
	cJSON_Delete(rows);
	if (res->row)
		res->row(r, row);
	return row;
}

void zx_resource_get_h(struct zx_req *r)
{
	cJSON *row = zx_resource_get(r, r->def, r->id);

	if (row)
		zx_reply_json(r, 200, row);
}
