/* Changes of several rows at once, and of their order. */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000 };

void zx_companies_note(struct zx_res_companies *c, int64_t id)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->id[i] == id || !c->id[i])
			return;
	if (c->n == ZX_RES_COMPANIES) {
		c->id[0] = 0;
		c->n = 1;
	} else {
		c->id[c->n++] = id;
	}
}

static int by_id(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int zx_body_ids(struct zx_req *r, int64_t **idsp, size_t *np)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->body, "ids"), *e;
	const char *code = NULL;
	int64_t *ids, *sorted;
	size_t n = 0;

	if (!cJSON_IsArray(list) || !list->child) {
		zx_field_error(r, "ids", "required");
		return EINVAL;
	}
	ids = malloc(2 * MANY * sizeof(*ids));
	if (!ids) {
		zx_reply_errno(r, ENOMEM);
		return ENOMEM;
	}
	cJSON_ArrayForEach(e, list)
	{
		if (n == MANY || !cJSON_IsNumber(e) || !(e->valuedouble >= 1 && e->valuedouble < 9e15)) {
			code = n == MANY ? "range" : "pattern";
			break;
		}
		ids[n++] = (int64_t)e->valuedouble;
	}
	sorted = ids + MANY;
	memcpy(sorted, ids, n * sizeof(*ids));
	qsort(sorted, n, sizeof(*ids), by_id);
	for (size_t i = 1; i < n && !code; i++)
		if (sorted[i] == sorted[i - 1])
			code = "unique";
	if (code) {
		free(ids);
		zx_field_error(r, "ids", code);
		return EINVAL;
	}
	*idsp = ids;
	*np = n;
	return 0;
}

/* ---- the same values for many ---- */

struct bulk {
	struct zx_res_write w;
	const int64_t *ids;
	size_t n;
	struct zx_res_companies of;
};

static int op_bulk(struct zx_db *db, void *arg)
{
	struct bulk *b = arg;
	int err = 0;

	for (size_t i = 0; i < b->n && !err; i++) {
		b->w.id = b->ids[i];
		err = zx_write_edit(db, &b->w);
		if (!err)
			zx_companies_note(&b->of, b->w.company_id);
	}
	return err;
}

/* May be the same in many rows. */
static bool bulk_field(const struct zx_field *f)
{
	switch (f->type) {
	case ZX_F_BOOL:
	case ZX_F_ENUM:
	case ZX_F_REF:
	case ZX_F_DURATION:
	case ZX_F_INT:
		return !(f->flags & (ZX_FF_UNIQUE | ZX_FF_READONLY | ZX_FF_CREATE)) && f->in & ZX_IN_FORM;
	default:
		return false;
	}
}

static void bulk_values(struct zx_res_write *w, const cJSON *set, cJSON *fields)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, set)
	{
		const struct zx_field *f = zx_field_find(w->res, e->string);
		if (!f || !bulk_field(f))
			cJSON_AddStringToObject(fields, e->string, "pattern");
	}
	if (!fields->child)
		zx_resource_values(w, set, false, fields);
	if (!fields->child && !w->n)
		cJSON_AddStringToObject(fields, "set", "required");
}

void zx_resource_bulk_h(struct zx_req *r)
{
	struct bulk b = {0};
	int64_t *ids = NULL;
	cJSON *fields;
	int err = 0;

	if (zx_req_body(r) || zx_body_ids(r, &ids, &b.n))
		return;
	zx_write_init(&b.w, r, r->def);
	b.w.many = true;
	b.ids = ids;
	fields = cJSON_CreateObject();
	bulk_values(&b.w, cJSON_GetObjectItemCaseSensitive(r->body, "set"), fields);
	if (!fields->child && b.w.res->prepare)
		err = b.w.res->prepare(&b.w, fields);
	if (!err && fields->child) {
		zx_reply_error(r, 422, "invalid", fields, NULL);
	} else {
		cJSON_Delete(fields);
		if (!err)
			err = zx_store_write_wait(r->web->env.store, op_bulk, &b);
		if (err) {
			zx_write_refuse(&b.w, err);
		} else {
			cJSON *js = cJSON_CreateObject();
			zx_write_done(r->web, b.w.res, b.of.id, b.of.n);
			cJSON_AddNumberToObject(js, "changed", (double)b.n);
			zx_reply_json(r, 200, js);
		}
	}
	zx_write_clear(&b.w);
	free(ids);
}

/* ---- order ---- */

struct move {
	struct zx_res_write w;
	int64_t to;
	int by; /* or one up (-1) or down (1) */
};

static int op_move(struct zx_db *db, void *arg)
{
	struct move *m = arg;
	struct zx_res_write *w = &m->w;
	int64_t at = 0, to = m->to;
	int err = zx_q_position(db, w->table, &w->scope, w->id, &at);

	if (m->by)
		to = at + m->by;
	if (err || to == at || to < 1)
		return err;
	w->before = zx_write_seen(db, w);
	zx_write_company(db, w);
	err = zx_q_move(db, w->table, &w->scope, w->id, to);
	if (!err)
		w->after = zx_write_seen(db, w);
	return err ? err : zx_write_audit(db, w, "move");
}

void zx_resource_move_h(struct zx_req *r)
{
	struct move m = {0};
	const cJSON *to;
	int err;

	if (zx_req_body(r))
		return;
	to = cJSON_GetObjectItemCaseSensitive(r->body, "to");
	if (cJSON_IsString(to) && (!strcmp(to->valuestring, "up") || !strcmp(to->valuestring, "down"))) {
		m.by = to->valuestring[0] == 'u' ? -1 : 1;
	} else if (cJSON_IsNumber(to) && to->valuedouble >= 1 && to->valuedouble < 1e9) {
		m.to = (int64_t)to->valuedouble;
	} else {
		zx_field_error(r, "to", to ? "range" : "required");
		return;
	}
	zx_write_init(&m.w, r, r->def);
	m.w.id = r->id;
	err = zx_store_write_wait(r->web->env.store, op_move, &m);
	if (err) {
		zx_write_refuse(&m.w, err);
	} else {
		zx_write_done(r->web, m.w.res, &m.w.company_id, 1);
		cJSON *row = zx_resource_get(r, m.w.res, r->id);
		if (row)
			zx_reply_json(r, 200, row);
	}
	zx_write_clear(&m.w);
}
