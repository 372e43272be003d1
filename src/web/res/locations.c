/*
 * 号码归属: the list is the shipped table and the rows over it, both in memory (crm/location.h); the store keeps only rows of one's own. So
 * the handlers are not the generic ones; what they take and answer is the same. A row's id is its prefix.
 */
#include "web/res/res.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "crm/location.h"
#include "store/audit.h"
#include "web/sys/sys.h"

enum { MANY = 1000, WORDS = 8, EACH = 2000 };

/* For the filters of a request. Its company makes the page one that people of companies may see; what changes it is theirs who see all. */
static const struct zx_q_col cols[] = {
    {"id", "t.prefix", ZX_Q_INT, ZX_Q_SHOW, NULL},
    {"prefix", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX, NULL},
    {"province", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_CONTAINS, NULL},
    {"city", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_CONTAINS, NULL},
    {"area_code", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_NULL, NULL},
    {"carrier", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_NULL, NULL},
    {"source", "''", ZX_Q_TEXT, ZX_Q_EQ, NULL},
    {"updated", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_table table = {
    .name = "locations",
    .company = "t.company_id",
    .own = "1",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_option sources[] = {
    {"shipped", {"自带", "Shipped"}, "info"},
    {"own", {"自定义", "Own"}, "success"},
    {NULL, {NULL, NULL}, NULL},
};

static const char *check_prefix(const char *text)
{
	const unsigned long n = strtoul(text, NULL, 10);

	return strlen(text) == 7 && n >= ZX_LOCATION_FIRST && n < ZX_LOCATION_END ? NULL : "pattern";
}

static const char *check_area(const char *text)
{
	return *text == '0' && strlen(text) >= 3 && strlen(text) <= 4 ? NULL : "pattern";
}

static const struct zx_field fields[] = {
    {.key = "prefix",
     .type = ZX_F_DIGITS,
     .label = {"手机号码段", "Mobile prefix"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE | ZX_FF_CREATE,
     .pattern = "^1[3-9][0-9]{5}$",
     .check = check_prefix},
    {.key = "province",
     .type = ZX_F_TEXT,
     .label = {"省份", "Province"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .max = 12},
    {.key = "city",
     .type = ZX_F_TEXT,
     .label = {"城市", "City"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .max = 20},
    {.key = "area_code",
     .type = ZX_F_DIGITS,
     .label = {"区号", "Area code"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .pattern = "^0[0-9]{2,3}$",
     .check = check_area},
    {.key = "carrier",
     .type = ZX_F_TEXT,
     .label = {"运营商", "Carrier"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 10},
    {.key = "source",
     .type = ZX_F_ENUM,
     .label = {"来源", "Source"},
     .in = ZX_IN_LIST | ZX_IN_ADV,
     .flags = ZX_FF_READONLY,
     .options = sources},
    {.key = "updated", .type = ZX_F_DATETIME, .label = {"修改时间", "Changed"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
};

/* ---- filters ---- */

struct filter {
	struct zx_res_query q;
	char search[ZX_Q_TEXT_MAX + 1];
	const char *words[WORDS];
	unsigned wordc;
	struct zx_location_filter f;
};

static bool has(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

static bool cond_true(const struct zx_q_cond *c, const char *text)
{
	char list[ZX_Q_TEXT_MAX], *save = NULL;

	switch (c->op) {
	case ZX_Q_IS:
		return !strcmp(text, c->a);
	case ZX_Q_NOT:
		return strcmp(text, c->a) != 0;
	case ZX_Q_STARTS:
		return !strncmp(text, c->a, strlen(c->a));
	case ZX_Q_HAS:
		return has(text, c->a);
	case ZX_Q_EMPTY:
		return !*text;
	case ZX_Q_FILLED:
		return *text;
	case ZX_Q_BETWEEN:
		return (!*c->a || strcmp(text, c->a) >= 0) && (!*c->b || strcmp(text, c->b) <= 0);
	case ZX_Q_IN:
		zx_strcpy(list, sizeof(list), c->a);
		for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save))
			if (!strcmp(text, w))
				return true;
		return false;
	}
	return false;
}

/* Prefixes of which nothing but the carrier is known are no rows. */
static bool wanted(const struct zx_location *at, void *arg)
{
	const struct filter *f = arg;

	if (!*at->province)
		return false;
	for (unsigned i = 0; i < f->wordc; i++)
		if (!has(at->province, f->words[i]) && !has(at->city, f->words[i]) && !has(at->carrier, f->words[i]) &&
		    strcmp(at->area_code, f->words[i]) != 0)
			return false;
	for (unsigned i = 0; i < f->q.req.condc; i++) {
		const struct zx_q_cond *c = &f->q.conds[i];
		const char *text = !strcmp(c->key, "province")    ? at->province
				   : !strcmp(c->key, "city")      ? at->city
				   : !strcmp(c->key, "area_code") ? at->area_code
				   : !strcmp(c->key, "carrier")   ? at->carrier
								  : NULL;
		if (text && !cond_true(c, text))
			return false;
	}
	return true;
}

/* Digits of a prefix, or of a number that begins with one, as the range of prefixes that begin so. */
static bool narrow(struct zx_location_filter *f, const char *low, const char *high)
{
	char a[8], b[8];
	uint32_t from, to;
	const size_t la = strlen(low) < 7 ? strlen(low) : 7, lb = strlen(high) < 7 ? strlen(high) : 7;

	if (strspn(low, "0123456789") != strlen(low) || strspn(high, "0123456789") != strlen(high))
		return false;
	memset(a, '0', 7);
	memset(b, '9', 7);
	a[7] = b[7] = '\0';
	memcpy(a, low, la);
	memcpy(b, high, lb);
	from = (uint32_t)strtoul(a, NULL, 10);
	to = (uint32_t)strtoul(b, NULL, 10) + 1;
	if (from > f->from)
		f->from = from;
	if (!f->to || to < f->to)
		f->to = to;
	return true;
}

static bool search_words(struct filter *f, const char *search)
{
	char *save = NULL;

	if (zx_strcpy(f->search, sizeof(f->search), search))
		return false;
	for (char *w = strtok_r(f->search, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		/* 138, 1380013; 0755 is an area code */
		if (strspn(w, "0123456789") == strlen(w) && *w != '0') {
			if (!narrow(&f->f, w, w))
				return false;
		} else if (f->wordc < WORDS) {
			f->words[f->wordc++] = w;
		}
	}
	return true;
}

/* NULL, or the parameter to blame. */
static const char *filter_read(struct filter *f, struct zx_req *r)
{
	const char *bad = NULL;
	int64_t after = 0;

	memset(f, 0, sizeof(*f));
	if (zx_resource_query(&f->q, r, &zx_res_locations, &bad))
		return bad ? bad : "q";
	f->f.match = wanted;
	f->f.arg = f;
	if (!search_words(f, f->q.req.search))
		return "q";
	f->f.desc = *f->q.req.sort == '-';
	if (strcmp(f->q.req.sort + f->f.desc, "prefix") && strcmp(f->q.req.sort + f->f.desc, "id"))
		return "sort";
	if (*f->q.req.after && (!zx_text_int(f->q.req.after, &after) || after < ZX_LOCATION_FIRST || after >= ZX_LOCATION_END))
		return "after";
	f->f.after = (uint32_t)after;
	if (!after)
		f->f.skip = f->q.req.page > 1000000 ? 1000000000 : f->q.req.page * f->q.req.size;
	for (unsigned i = 0; i < f->q.req.condc; i++) {
		const struct zx_q_cond *c = &f->q.conds[i];
		const bool range = c->op == ZX_Q_BETWEEN;
		if (!strcmp(c->key, "source")) {
			f->f.own = c->op == ZX_Q_IS ? !strcmp(c->a, "own") : true;
			f->f.shipped = c->op == ZX_Q_IS ? !strcmp(c->a, "shipped") : true;
		} else if (!strcmp(c->key, "prefix") &&
			   ((c->op != ZX_Q_IS && c->op != ZX_Q_STARTS && !range) ||
			    !narrow(&f->f, range && !*c->a ? "1300000" : c->a, range ? (*c->b ? c->b : "1999999") : c->a))) {
			return "f.prefix";
		}
	}
	return NULL;
}

/* ---- rows ---- */

static cJSON *row_json(struct zx_req *r, const struct zx_location_row *row)
{
	cJSON *js = cJSON_CreateObject();
	char prefix[16];
	struct zx_stmt *s;

	snprintf(prefix, sizeof(prefix), "%u", row->prefix);
	cJSON_AddNumberToObject(js, "id", row->prefix);
	cJSON_AddStringToObject(js, "prefix", prefix);
	cJSON_AddStringToObject(js, "province", row->at.province);
	cJSON_AddStringToObject(js, "city", row->at.city);
	cJSON_AddStringToObject(js, "area_code", row->at.area_code);
	cJSON_AddStringToObject(js, "carrier", row->at.carrier);
	cJSON_AddStringToObject(js, "source", row->own ? "own" : "shipped");
	if (row->own && r && !zx_stmt_get(&s, r->db, "location_one")) {
		zx_bind_text(s, ":prefix", prefix);
		if (!zx_stmt_step(s))
			zx_json_add_int(js, "updated", zx_col_int(s, 5));
		zx_stmt_reset(s);
	}
	if (!cJSON_HasObjectItem(js, "updated"))
		cJSON_AddNullToObject(js, "updated");
	return js;
}

void zx_locations_list_h(struct zx_req *r)
{
	struct filter *f = malloc(sizeof(*f));
	struct zx_location_row *rows = malloc(ZX_Q_PAGE_MAX * sizeof(*rows));
	uint32_t n = 0, total = 0;
	bool more = false;
	cJSON *js, *list;
	char next[16];
	const char *bad;

	if (!f || !rows) {
		zx_reply_errno(r, ENOMEM);
	} else if ((bad = filter_read(f, r))) {
		zx_bad_query(r, bad);
	} else if (zx_location_list(&f->f, rows, f->q.req.size, &n, &total, &more)) {
		zx_reply_errno(r, ENOMEM);
	} else {
		js = cJSON_CreateObject();
		list = cJSON_AddArrayToObject(js, "rows");
		for (uint32_t i = 0; i < n; i++)
			cJSON_AddItemToArray(list, row_json(r, &rows[i]));
		cJSON_AddNumberToObject(js, "total", total);
		snprintf(next, sizeof(next), "%u", n ? rows[n - 1].prefix : 0);
		if (more)
			cJSON_AddStringToObject(js, "next", next);
		else
			cJSON_AddNullToObject(js, "next");
		zx_reply_json(r, 200, js);
	}
	free(rows);
	free(f);
}

static void reply_row(struct zx_req *r, uint32_t prefix, int status)
{
	struct zx_location_row row;

	if (zx_location_get(prefix, false, &row) && *row.at.province)
		zx_reply_json(r, status, row_json(r, &row));
	else
		zx_reply_error(r, 404, "not_found", NULL, NULL);
}

/* All that match, by pages: nobody holds up changes while a slow receiver takes them. */
static int each_of(struct zx_req *r, const char *ids, int (*h)(cJSON *row, int64_t total, void *arg), void *arg)
{
	cJSON *list = cJSON_Parse(ids), *e;
	struct zx_location_row row;
	int err = 0;

	cJSON_ArrayForEach(e, list)
	{
		const int64_t id = zx_json_get_int(e);

		if (!err && id < ZX_LOCATION_END && zx_location_get((uint32_t)id, false, &row) && *row.at.province)
			err = h(row_json(r, &row), cJSON_GetArraySize(list), arg);
	}
	cJSON_Delete(list);
	return err;
}

static int each(struct zx_req *r, const char *ids, int (*h)(cJSON *row, int64_t total, void *arg), void *arg)
{
	struct filter *f = malloc(sizeof(*f));
	struct zx_location_row *rows = malloc(EACH * sizeof(*rows));
	uint32_t n = 0, total = 0;
	bool more = f && rows && !ids;
	int err = !f || !rows ? ENOMEM : ids ? each_of(r, ids, h, arg) : 0;

	if (!err && more && filter_read(f, r))
		err = EINVAL;
	if (!err && more)
		f->f.skip = f->f.after = 0;
	while (!err && more) {
		err = zx_location_list(&f->f, rows, EACH, &n, &total, &more);
		for (uint32_t i = 0; i < n && !err; i++)
			err = h(row_json(rows[i].own ? r : NULL, &rows[i]), total, arg);
		if (n)
			f->f.after = rows[n - 1].prefix;
	}
	free(rows);
	free(f);
	return err;
}

static int find(struct zx_req *r, const char *text, int64_t *id)
{
	struct zx_location_row row;

	(void)r;
	*id = !check_prefix(text) && zx_location_get((uint32_t)strtoul(text, NULL, 10), false, &row) && *row.at.province ? row.prefix : 0;
	return 0;
}

void zx_locations_get_h(struct zx_req *r)
{
	reply_row(r, r->id < UINT32_MAX ? (uint32_t)r->id : 0, 200);
}

/* ---- changes ---- */

struct change {
	struct zx_req *r;
	struct zx_location_row row;
	const int64_t *ids; /* to delete */
	unsigned n;
	bool all;
	int64_t deleted;
};

static int audit(struct zx_db *db, const struct change *c, uint32_t prefix, const char *action, cJSON *before, cJSON *after)
{
	char *b = before ? cJSON_PrintUnformatted(before) : NULL, *a = after ? cJSON_PrintUnformatted(after) : NULL;
	const int err = zx_audit_put(db, &(struct zx_audit){.company_id = c->r->ses.user.company_id,
							    .user_id = c->r->ses.user.id,
							    .addr = c->r->peer.addr,
							    .resource = "locations",
							    .row_id = prefix,
							    .action = action,
							    .before = b,
							    .after = a});

	cJSON_free(b);
	cJSON_free(a);
	cJSON_Delete(before);
	cJSON_Delete(after);
	return err;
}

static int row_store(struct zx_db *db, const struct zx_location_row *row)
{
	char prefix[16];
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "location_put");

	if (err)
		return err;
	snprintf(prefix, sizeof(prefix), "%u", row->prefix);
	zx_bind_text(s, ":prefix", prefix);
	zx_bind_text(s, ":province", row->at.province);
	zx_bind_text(s, ":city", row->at.city);
	zx_bind_text(s, ":area_code", row->at.area_code);
	zx_bind_text(s, ":carrier", row->at.carrier);
	zx_bind_int(s, ":now", zx_wall_ms());
	return zx_stmt_run(s);
}

static const char *value(const struct zx_res_write *w, const char *key, const char *def)
{
	const struct zx_q_value *v = zx_write_value(w, key);

	return v && v->t ? v->t : def;
}

static bool same(const struct zx_location *a, const struct zx_location *b)
{
	return !strcmp(a->province, b->province) && !strcmp(a->city, b->city) && !strcmp(a->area_code, b->area_code) &&
	       !strcmp(a->carrier, b->carrier);
}

/* What is not given stays as it is. */
static void row_take(struct zx_location_row *row, const struct zx_res_write *w)
{
	struct zx_location at = {.mobile = true};

	zx_strcpy(at.province, sizeof(at.province), value(w, "province", row->at.province));
	zx_strcpy(at.city, sizeof(at.city), value(w, "city", row->at.city));
	zx_strcpy(at.area_code, sizeof(at.area_code), value(w, "area_code", row->at.area_code));
	zx_strcpy(at.carrier, sizeof(at.carrier), value(w, "carrier", row->at.carrier));
	row->at = at;
}

/* A row of an import. One that says what is known already is not kept: a new edition of the whole list adds only what is new in it. */
static int import_row(struct zx_db *db, struct zx_res_write *w)
{
	const uint32_t prefix = w->id ? (uint32_t)w->id : (uint32_t)strtoul(value(w, "prefix", "0"), NULL, 10);
	struct zx_location_row row = {.prefix = prefix}, old;
	const bool there = zx_location_get(prefix, false, &old);

	if (there)
		row.at = old.at;
	row_take(&row, w);
	return there && same(&row.at, &old.at) ? 0 : row_store(db, &row);
}

static void imported(struct zx_web *web, const struct zx_resource *res)
{
	(void)res;
	(void)zx_location_own_load(web->env.store);
}

static int op_put(struct zx_db *db, void *arg)
{
	struct change *c = arg;
	struct zx_location_row old;
	const bool there = zx_location_get(c->row.prefix, false, &old) && *old.at.province;
	int err = row_store(db, &c->row);

	return err ? err
		   : audit(db, c, c->row.prefix, there ? "edit" : "add", there ? row_json(NULL, &old) : NULL, row_json(NULL, &c->row));
}

static void put(struct zx_req *r, bool create)
{
	struct change c = {.r = r};
	struct zx_res_write w;
	cJSON *errors;
	int err;

	if (zx_req_body(r))
		return;
	if (!create && (r->id >= ZX_LOCATION_END || !zx_location_get((uint32_t)r->id, false, &c.row) || !*c.row.at.province)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	errors = cJSON_CreateObject();
	zx_write_init(&w, r, &zx_res_locations);
	zx_resource_values(&w, r->body, create, errors);
	if (create && !errors->child) {
		c.row.prefix = (uint32_t)strtoul(value(&w, "prefix", "0"), NULL, 10);
		if (zx_location_get(c.row.prefix, false, &c.row) && *c.row.at.province)
			cJSON_AddStringToObject(errors, "prefix", "unique");
	}
	if (errors->child) {
		zx_reply_error(r, 422, "invalid", errors, NULL);
		zx_write_clear(&w);
		return;
	}
	cJSON_Delete(errors);
	row_take(&c.row, &w);
	c.row.own = true;
	zx_write_clear(&w);
	err = zx_store_write_wait(r->web->env.store, op_put, &c);
	if (!err)
		err = zx_location_own_load(r->web->env.store);
	if (err)
		zx_reply_errno(r, err);
	else
		reply_row(r, c.row.prefix, create ? 201 : 200);
}

void zx_locations_add_h(struct zx_req *r)
{
	put(r, true);
}

void zx_locations_edit_h(struct zx_req *r)
{
	put(r, false);
}

static int op_delete(struct zx_db *db, void *arg)
{
	struct change *c = arg;
	struct zx_location_row old;
	char prefix[24];
	struct zx_stmt *s;
	int err = 0;

	for (unsigned i = 0; i < c->n && !err; i++) {
		snprintf(prefix, sizeof(prefix), "%lld", (long long)c->ids[i]);
		err = zx_stmt_get(&s, db, "location_del");
		if (err)
			return err;
		zx_bind_text(s, ":prefix", prefix);
		err = zx_stmt_run(s);
		if (!err && zx_db_changes(db)) {
			const bool known = zx_location_get((uint32_t)c->ids[i], false, &old);

			c->deleted++;
			err = audit(db, c, (uint32_t)c->ids[i], "delete", known ? row_json(NULL, &old) : NULL, NULL);
		}
	}
	if (!err && c->all) {
		err = zx_stmt_get(&s, db, "location_reset");
		if (!err)
			err = zx_stmt_run(s);
		c->deleted = zx_db_changes(db);
		if (!err) {
			cJSON *note = cJSON_CreateObject();

			zx_json_add_int(note, "deleted", c->deleted);
			err = audit(db, c, 0, "reset", note, NULL);
		}
	}
	return err;
}

/* Own rows go; where a shipped one is under it, that one is seen again. */
static int delete_run(struct change *c)
{
	int err = zx_store_write_wait(c->r->web->env.store, op_delete, c);

	if (!err && c->deleted)
		err = zx_location_own_load(c->r->web->env.store);
	if (err)
		zx_reply_errno(c->r, err);
	return err;
}

void zx_locations_delete_h(struct zx_req *r)
{
	struct change c = {.r = r, .ids = &r->id, .n = 1};
	struct zx_location_row row;

	if (delete_run(&c))
		return;
	if (c.deleted)
		zx_reply_empty(r, 204);
	else if (r->id < ZX_LOCATION_END && zx_location_get((uint32_t)r->id, true, &row) && *row.at.province)
		zx_reply_error(r, 409, "shipped", NULL, NULL);
	else
		zx_reply_error(r, 404, "not_found", NULL, NULL);
}

void zx_locations_delete_many_h(struct zx_req *r)
{
	const cJSON *list, *e;
	int64_t ids[MANY];
	struct change c = {.r = r, .ids = ids};
	cJSON *js;

	if (zx_req_body(r))
		return;
	list = cJSON_GetObjectItemCaseSensitive(r->body, "ids");
	if (!cJSON_IsArray(list) || !list->child) {
		zx_sys_field_error(r, "ids", "required");
		return;
	}
	cJSON_ArrayForEach(e, list)
	{
		if (!cJSON_IsNumber(e) || c.n == MANY) {
			zx_sys_field_error(r, "ids", c.n == MANY ? "range" : "pattern");
			return;
		}
		ids[c.n++] = zx_json_get_int(e);
	}
	if (delete_run(&c))
		return;
	js = cJSON_CreateObject();
	zx_json_add_int(js, "deleted", c.deleted);
	zx_reply_json(r, 200, js);
}

static void reset_h(struct zx_req *r)
{
	struct change c = {.r = r, .all = true};
	const char *confirm;
	cJSON *js;

	if (zx_req_body(r))
		return;
	confirm = zx_sys_text(r, "confirm");
	if (!confirm || strcmp(confirm, "RESET")) {
		zx_sys_field_error(r, "confirm", "required");
		return;
	}
	if (delete_run(&c))
		return;
	js = cJSON_CreateObject();
	zx_json_add_int(js, "deleted", c.deleted);
	zx_reply_json(r, 200, js);
}

static const char *const body_row[] = {"prefix", "province", "city", "area_code", "carrier", NULL};
static const char *const body_ids[] = {"ids", NULL};
static const char *const body_confirm[] = {"confirm", NULL};
static const char *const body_area[] = {"company_id", "area_code", NULL};

/* Nothing refers to a prefix: numbers do by what they begin with. */
static void uses_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject();

	cJSON_AddArrayToObject(js, "used_by");
	zx_reply_json(r, 200, js);
}

static const struct zx_res_route routes[] = {
    {"GET", "area", "list", zx_locations_area_get_h, {"公司的本地区号", "Local area code of the company"}, NULL, NULL},
    {"PUT", "area", "area", zx_locations_area_put_h, {"设置本地区号", "Set it"}, NULL, body_area},
    {"GET", "find", "list", zx_locations_find_h, {"查一个号码", "Where a number is at home"}, NULL, NULL},
    {"POST", "reset", "reset", reset_h, {"恢复自带数据", "All own rows go, the shipped ones stay"}, NULL, body_confirm},
    {"GET", "", "list", zx_locations_list_h, {"列表", "List"}, NULL, NULL},
    {"POST", "", "add", zx_locations_add_h, {"添加", "Add"}, NULL, body_row},
    {"POST", "delete", "delete", zx_locations_delete_many_h, {"批量删除", "Delete many"}, NULL, body_ids},
    {"GET", ":id", "list", zx_locations_get_h, {"查看", "View"}, NULL, NULL},
    {"PUT", ":id", "edit", zx_locations_edit_h, {"修改", "Edit"}, NULL, body_row},
    {"GET", ":id/uses", "list", uses_h, {"被谁使用", "Who refers to it: nobody"}, NULL, NULL},
    {"DELETE", ":id", "delete", zx_locations_delete_h, {"删除自定义", "Delete an own row"}, NULL, NULL},
};

const struct zx_resource zx_res_locations = {
    .name = "locations",
    .title = {"号码归属", "Number location"},
    .group = {"数据配置", "Data"},
    .group_id = "data",
    .icon = "data",
    .table = &table,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "prefix",
    .sort = "prefix",
    .can = "list add edit delete import export area reset",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .changed = imported,
    .find = find,
    .write = import_row,
    .each = each,
};
