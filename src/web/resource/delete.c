/* Deleting: one, some, all that match. What others use stays, unless forced. */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_MAX = 500000, CHUNK = 300 };

struct res_delete {
	struct zx_res_write w;
	const int64_t *ids;
	size_t n;
	bool force;
	cJSON *used_by;             /* of those in use */
	struct zx_res_companies of; /* that lost rows */
};

static int delete_one(struct zx_db *db, struct res_delete *d, int64_t id)
{
	struct zx_res_write *w = &d->w;
	int err = 0;

	w->id = id;
	w->before = zx_write_seen(db, w);
	if (!w->before)
		return ENOENT;
	zx_write_company(db, w);
	if (!d->force)
		err = zx_resource_uses(db, w->res, id, d->used_by);
	if (!err && d->used_by->child)
		err = EBUSY;
	if (!err && w->res->remove)
		err = w->res->remove(db, w);
	if (!err)
		err = zx_q_delete(db, w->table, &w->scope, id, w->rev);
	if (!err) {
		zx_companies_note(&d->of, w->company_id);
		return zx_write_audit(db, w, "delete");
	}
	cJSON_Delete(w->before);
	w->before = NULL;
	return err;
}

static int op_delete(struct zx_db *db, void *arg)
{
	struct res_delete *d = arg;
	int err = 0;

	for (size_t i = 0; i < d->n && !err; i++)
		err = delete_one(db, d, d->ids[i]);
	for (unsigned i = 0; i < d->of.n && !err; i++)
		if (d->of.id[i])
			err = zx_q_tidy(db, d->w.table, d->of.id[i]);
	return err;
}

static void delete_run(struct res_delete *d, bool many)
{
	struct zx_req *r = d->w.r;
	int err;

	d->used_by = cJSON_CreateArray();
	err = zx_store_write_wait(r->web->env.store, op_delete, d);
	if (err == EBUSY) {
		cJSON *more = cJSON_CreateObject();
		zx_json_add_int(more, "id", d->w.id);
		cJSON_AddItemToObject(more, "used_by", d->used_by);
		zx_reply_error(r, 409, "in_use", NULL, more);
		return;
	}
	cJSON_Delete(d->used_by);
	if (err) {
		zx_write_refuse(&d->w, err);
		return;
	}
	zx_write_done(r->web, d->w.res, d->of.id, d->of.n);
	if (!many) {
		zx_reply_empty(r, 204);
		return;
	}
	cJSON *js = cJSON_CreateObject();
	cJSON_AddNumberToObject(js, "deleted", (double)d->n);
	zx_reply_json(r, 200, js);
}

void zx_resource_delete_h(struct zx_req *r)
{
	struct res_delete d = {.ids = &r->id, .n = 1, .force = !strcmp(zx_req_param(r, "force"), "1")};
	const char *rev = zx_req_param(r, "rev");

	zx_write_init(&d.w, r, r->def);
	if (*rev && (!zx_text_int(rev, &d.w.rev) || d.w.rev < 1)) {
		zx_bad_query(r, "rev");
		return;
	}
	delete_run(&d, false);
}

/* Whether somebody uses one of them: told before anything is deleted. */
static int all_unused(struct zx_req *r, struct res_delete *d, const int64_t *ids, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err && !d->used_by->child; i++) {
		d->w.id = ids[i];
		err = zx_resource_uses(r->db, d->w.res, ids[i], d->used_by);
	}
	return err ? err : d->used_by->child ? EBUSY : 0;
}

/* In portions, so that nobody else's writing waits long. */
static int all_delete(struct zx_req *r, struct res_delete *d, const int64_t *ids, size_t n, size_t *deleted)
{
	int err = d->force ? 0 : all_unused(r, d, ids, n);

	for (size_t i = 0; i < n && !err; i += d->n) {
		d->ids = ids + i;
		d->n = n - i < CHUNK ? n - i : CHUNK;
		err = zx_store_write_wait(r->web->env.store, op_delete, d);
		*deleted += err ? 0 : d->n;
	}
	if (*deleted)
		zx_write_done(r->web, d->w.res, d->of.id, d->of.n);
	return err;
}

static void all_reply(struct res_delete *d, int err, size_t deleted)
{
	struct zx_req *r = d->w.r;
	cJSON *more = cJSON_CreateObject();

	zx_json_add_int(more, err ? "already" : "deleted", (int64_t)deleted);
	if (!err) {
		zx_reply_json(r, 200, more);
	} else if (err == EBUSY) {
		zx_json_add_int(more, "id", d->w.id);
		cJSON_AddItemToObject(more, "used_by", cJSON_Duplicate(d->used_by, true));
		zx_reply_error(r, 409, "in_use", NULL, more);
	} else {
		cJSON_Delete(more);
		zx_write_refuse(&d->w, err);
	}
}

/* {all:true, filter:"q=..&f.x=..", confirm:n}: when exactly n match. */
static void delete_all(struct zx_req *r)
{
	const cJSON *confirm = cJSON_GetObjectItemCaseSensitive(r->body, "confirm");
	const char *filter = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "filter")), *bad = NULL;
	struct res_delete d = {.force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->body, "force"))};
	struct zx_res_query q;
	size_t n = 0, deleted = 0;
	int64_t *ids;
	int err;

	if (!cJSON_IsNumber(confirm) || !(confirm->valuedouble >= 1 && confirm->valuedouble <= ALL_MAX)) {
		zx_field_error(r, "confirm", cJSON_IsNumber(confirm) ? "range" : "required");
		return;
	}
	const size_t want = (size_t)confirm->valuedouble;
	zx_params_free(&r->params);
	err = zx_params_parse(&r->params, filter);
	if (!err)
		err = zx_resource_query(&q, r, r->def, &bad);
	if (err) {
		zx_bad_query(r, bad);
		return;
	}
	ids = malloc((want + 1) * sizeof(*ids));
	zx_write_init(&d.w, r, r->def);
	d.used_by = cJSON_CreateArray();
	zx_db_begin_read(r->db, ZX_READ_MS);
	err = ids ? zx_q_ids(r->db, zx_resource_table(d.w.res, &r->ses.user), &q.req, ids, want, &n, &bad) : ENOMEM;
	zx_db_end_read(r->db);
	if (err == E2BIG || (!err && n != want)) {
		zx_reply_error(r, 409, "count_changed", NULL, NULL);
	} else if (err == EINVAL) {
		zx_bad_query(r, bad);
	} else {
		if (!err)
			err = all_delete(r, &d, ids, n, &deleted);
		all_reply(&d, err, deleted);
	}
	zx_write_clear(&d.w);
	cJSON_Delete(d.used_by);
	free(ids);
}

void zx_resource_delete_many_h(struct zx_req *r)
{
	struct res_delete d = {0};
	int64_t *ids = NULL;

	if (zx_req_body(r))
		return;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->body, "all"))) {
		delete_all(r);
		return;
	}
	if (zx_body_ids(r, &ids, &d.n))
		return;
	zx_write_init(&d.w, r, r->def);
	d.ids = ids;
	d.force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->body, "force"));
	delete_run(&d, true);
	free(ids);
}
