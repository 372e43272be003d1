/* The writing half of a resource: checks of a body, then one order with the change and its audit row. */
#include "web/resource/resource.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/audit.h"

enum { MANY = 1000 };

/* ---- values ---- */

static size_t utf8_chars(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static bool is_cidr(const char *text)
{
	char addr[64];
	uint8_t raw[16];
	int64_t bits = -1;
	char *slash;

	if (zx_strcpy(addr, sizeof(addr), text))
		return false;
	slash = strchr(addr, '/');
	if (slash) {
		*slash = '\0';
		if (!zx_text_int(slash + 1, &bits) || bits < 0)
			return false;
	}
	if (inet_pton(AF_INET, addr, raw) == 1)
		return bits <= 32;
	return inet_pton(AF_INET6, addr, raw) == 1 && bits <= 128;
}

static bool is_number(const char *text)
{
	return text[*text == '+'] && strspn(text + (*text == '+'), "0123456789*#") == strlen(text + (*text == '+'));
}

static const char *check_text(const struct zx_field *f, const char *text)
{
	const int64_t n = (int64_t)utf8_chars(text);

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return "pattern";
	if (!n)
		return f->flags & ZX_FF_REQUIRED ? "required" : NULL;
	if (n < f->min || (f->max && n > f->max))
		return "length";
	if (f->type == ZX_F_DIGITS && strspn(text, "0123456789") != strlen(text))
		return "pattern";
	if (f->type == ZX_F_NUMBER && !is_number(text))
		return "pattern";
	if (f->type == ZX_F_CIDR && !is_cidr(text))
		return "pattern";
	if (f->type == ZX_F_ENUM) {
		const struct zx_option *o = f->options;
		while (o->v && strcmp(o->v, text))
			o++;
		if (!o->v)
			return "pattern";
	}
	return f->check ? f->check(text) : NULL;
}

const char *zx_field_value(const struct zx_field *f, const cJSON *js, struct zx_q_value *v)
{
	const bool whole = f->type == ZX_F_INT || f->type == ZX_F_REF || f->type == ZX_F_DATETIME || f->type == ZX_F_DURATION;

	*v = (struct zx_q_value){.key = f->key};
	if (f->type == ZX_F_BOOL) {
		if (!cJSON_IsBool(js) && !(cJSON_IsNumber(js) && (js->valuedouble == 0 || js->valuedouble == 1)))
			return cJSON_IsNull(js) && f->flags & ZX_FF_REQUIRED ? "required" : "pattern";
		v->kind = ZX_Q_VINT;
		v->i = cJSON_IsTrue(js) || (cJSON_IsNumber(js) && js->valuedouble == 1);
		return NULL;
	}
	if (whole) {
		if (cJSON_IsNull(js)) {
			v->kind = ZX_Q_VNULL;
			return f->flags & ZX_FF_REQUIRED ? "required" : NULL;
		}
		if (!cJSON_IsNumber(js) || !isfinite(js->valuedouble) || fabs(js->valuedouble) > 9007199254740991.0 ||
		    js->valuedouble != floor(js->valuedouble))
			return "pattern";
		v->kind = ZX_Q_VINT;
		v->i = (int64_t)js->valuedouble;
		return f->type != ZX_F_REF && (v->i < f->min || (f->max && v->i > f->max)) ? "range" : NULL;
	}
	if (cJSON_IsNull(js)) {
		v->kind = ZX_Q_VTEXT;
		v->t = "";
		return f->flags & ZX_FF_REQUIRED ? "required" : NULL;
	}
	if (!cJSON_IsString(js))
		return "pattern";
	v->kind = ZX_Q_VTEXT;
	v->t = js->valuestring;
	return check_text(f, v->t);
}

const struct zx_q_value *zx_write_value(const struct zx_res_write *w, const char *key)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!strcmp(w->v[i].key, key))
			return &w->v[i];
	return NULL;
}

static struct zx_q_value *slot(struct zx_res_write *w, const char *key)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!strcmp(w->v[i].key, key))
			return &w->v[i];
	return w->n < ZX_RES_VALUES ? &w->v[w->n++] : NULL;
}

void zx_write_int(struct zx_res_write *w, const char *key, int64_t i)
{
	struct zx_q_value *v = slot(w, key);

	if (v)
		*v = (struct zx_q_value){.key = key, .kind = ZX_Q_VINT, .i = i};
}

void zx_write_text(struct zx_res_write *w, const char *key, const char *text)
{
	const unsigned cap = sizeof(w->text) / sizeof(w->text[0]);
	struct zx_q_value *v = w->texts < cap ? slot(w, key) : NULL;

	if (!v)
		return;
	zx_strcpy(w->text[w->texts], sizeof(w->text[0]), text);
	*v = (struct zx_q_value){.key = key, .kind = ZX_Q_VTEXT, .t = w->text[w->texts++]};
}

void zx_resource_values(struct zx_res_write *w, const cJSON *body, bool create, cJSON *fields)
{
	const struct zx_user *u = &w->r->ses.user;

	for (unsigned i = 0; i < w->res->fieldc; i++) {
		const struct zx_field *f = &w->res->fields[i];
		const cJSON *js = cJSON_GetObjectItemCaseSensitive(body, f->key);
		struct zx_q_value v;
		if (!(f->in & ZX_IN_FORM) || f->flags & ZX_FF_READONLY || (f->flags & ZX_FF_CREATE && !create) ||
		    (f->flags & ZX_FF_SYSTEM && u->scope != ZX_SCOPE_SYSTEM))
			continue;
		if (!js || (f->flags & ZX_FF_GENERATE && (cJSON_IsNull(js) || (cJSON_IsString(js) && !*js->valuestring)))) {
			if (create && f->flags & ZX_FF_REQUIRED)
				cJSON_AddStringToObject(fields, f->key, "required");
			continue;
		}
		const char *code = zx_field_value(f, js, &v);
		if (code)
			cJSON_AddStringToObject(fields, f->key, code);
		else if (w->n < ZX_RES_VALUES)
			w->v[w->n++] = v;
	}
}

/* ---- orders ---- */

static int audit_row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	cJSON *o = arg;

	for (unsigned i = 0; i < n; i++) {
		if (cols[i]->type == ZX_Q_TEXT)
			cJSON_AddStringToObject(o, cols[i]->key, zx_col_text(s, (int)i));
		else if (cols[i]->type == ZX_Q_REAL)
			cJSON_AddNumberToObject(o, cols[i]->key, zx_col_real(s, (int)i));
		else
			zx_json_add_int(o, cols[i]->key, zx_col_int(s, (int)i));
	}
	return 0;
}

static cJSON *audit_get(struct zx_db *db, const struct zx_res_write *w)
{
	cJSON *o = cJSON_CreateObject();

	if (zx_q_get(db, w->table, &w->scope, w->id, audit_row, o)) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

static int audit_put(struct zx_db *db, struct zx_res_write *w, const char *action)
{
	char *before = w->before ? cJSON_PrintUnformatted(w->before) : NULL;
	char *after = w->after ? cJSON_PrintUnformatted(w->after) : NULL;
	const struct zx_audit a = {
	    .company_id = w->r->ses.user.company_id,
	    .user_id = w->r->ses.user.id,
	    .row_id = w->id,
	    .addr = w->r->peer.addr,
	    .resource = w->res->name,
	    .action = action,
	    .before = before,
	    .after = after,
	};
	const int err = zx_audit_put(db, &a);

	cJSON_free(before);
	cJSON_free(after);
	cJSON_Delete(w->before);
	cJSON_Delete(w->after);
	w->before = w->after = NULL;
	return err;
}

static int op_add(struct zx_db *db, void *arg)
{
	struct zx_res_write *w = arg;
	int err = w->res->order ? w->res->order(db, w) : 0;

	if (!err)
		err = zx_q_insert(db, w->table, &w->scope, w->v, w->n, &w->id, &w->bad);
	if (err)
		return err;
	w->after = audit_get(db, w);
	return audit_put(db, w, "add");
}

static int op_edit(struct zx_db *db, void *arg)
{
	struct zx_res_write *w = arg;
	int err = w->res->order ? w->res->order(db, w) : 0;

	if (err)
		return err;
	w->before = audit_get(db, w);
	err = zx_q_update(db, w->table, &w->scope, w->id, w->rev, w->v, w->n, &w->bad);
	if (!err)
		w->after = audit_get(db, w);
	if (!err)
		return audit_put(db, w, "edit");
	cJSON_Delete(w->before);
	w->before = NULL;
	return err;
}

struct res_delete {
	struct zx_res_write w;
	const int64_t *ids;
	unsigned n;
	bool force;
	cJSON *used_by; /* of those in use */
};

static int delete_one(struct zx_db *db, struct res_delete *d, int64_t id)
{
	struct zx_res_write *w = &d->w;
	int err = 0;

	w->id = id;
	w->before = audit_get(db, w);
	if (!w->before)
		return ENOENT;
	if (!d->force && w->res->users)
		err = w->res->users(db, id, d->used_by);
	if (!err && d->used_by->child)
		err = EBUSY;
	if (!err)
		err = zx_q_delete(db, w->table, &w->scope, id, w->rev);
	if (!err)
		return audit_put(db, w, "delete");
	cJSON_Delete(w->before);
	w->before = NULL;
	return err;
}

static int op_delete(struct zx_db *db, void *arg)
{
	struct res_delete *d = arg;
	int err = 0;

	for (unsigned i = 0; i < d->n && !err; i++)
		err = delete_one(db, d, d->ids[i]);
	return err;
}

/* ---- handlers ---- */

static void write_init(struct zx_res_write *w, struct zx_req *r)
{
	memset(w, 0, sizeof(*w));
	w->r = r;
	w->res = r->def;
	w->table = w->res->table;
	zx_scope_of(&w->scope, &r->ses.user);
}

static void field_error(struct zx_req *r, const char *key, const char *code)
{
	cJSON *fields = cJSON_CreateObject();

	cJSON_AddStringToObject(fields, key, code);
	zx_reply_error(r, 422, "invalid", fields, NULL);
}

static const char *unique_key(const struct zx_resource *res)
{
	for (unsigned i = 0; i < res->fieldc; i++)
		if (res->fields[i].flags & ZX_FF_UNIQUE)
			return res->fields[i].key;
	return res->label;
}

static void reply_failed(struct zx_res_write *w, int err)
{
	struct zx_req *r = w->r;
	cJSON *row;

	switch (err) {
	case EEXIST:
		field_error(r, w->bad ? w->bad : unique_key(w->res), "unique");
		return;
	case EINVAL: {
		const struct zx_field *f = w->bad ? zx_field_find(w->res, w->bad) : NULL;
		field_error(r, w->bad ? w->bad : w->res->label, w->code ? w->code : f && f->type == ZX_F_REF ? "reference" : "pattern");
		return;
	}
	case EDQUOT:
		zx_reply_error(r, 409, "licence", NULL, NULL);
		return;
	case ESTALE:
		row = zx_resource_get(r, w->res, w->id);
		if (row) {
			cJSON *more = cJSON_CreateObject();
			cJSON_AddItemToObject(more, "current", row);
			zx_reply_error(r, 409, "conflict", NULL, more);
		}
		return;
	case EACCES:
		if (w->bad)
			field_error(r, w->bad, "reference");
		else
			zx_reply_error(r, 403, "forbidden", NULL, NULL);
		return;
	default:
		zx_reply_errno(r, err);
	}
}

static void reply_row(struct zx_res_write *w, int status)
{
	cJSON *row;

	if (w->res->changed)
		w->res->changed(w->r->web, w->res);
	row = zx_resource_get(w->r, w->res, w->id);
	if (!row)
		return;
	while (w->once && w->once->child) {
		cJSON *item = cJSON_DetachItemViaPointer(w->once, w->once->child);
		cJSON_AddItemToObject(row, item->string, item);
	}
	zx_reply_json(w->r, status, row);
}

static void change(struct zx_req *r, bool create)
{
	struct zx_res_write w;
	cJSON *fields;
	int err = 0;

	if (zx_req_body(r))
		return;
	write_init(&w, r);
	w.created = create;
	w.id = r->id;
	fields = cJSON_CreateObject();
	zx_resource_values(&w, r->body, create, fields);
	if (!create) {
		const cJSON *rev = cJSON_GetObjectItemCaseSensitive(r->body, "rev");
		if (!cJSON_IsNumber(rev) || !(rev->valuedouble >= 1) || rev->valuedouble > 9e15)
			cJSON_AddStringToObject(fields, "rev", "required");
		else
			w.rev = (int64_t)rev->valuedouble;
	}
	if (w.res->prepare)
		err = w.res->prepare(&w, fields);
	if (!err && fields->child) {
		zx_reply_error(r, 422, "invalid", fields, NULL);
	} else {
		cJSON_Delete(fields);
		if (!err)
			err = zx_store_write_wait(r->web->env.store, create ? op_add : op_edit, &w);
		if (err)
			reply_failed(&w, err);
		else
			reply_row(&w, create ? 201 : 200);
	}
	cJSON_Delete(w.once);
	explicit_bzero(w.text, sizeof(w.text));
}

void zx_resource_add_h(struct zx_req *r)
{
	change(r, true);
}

void zx_resource_edit_h(struct zx_req *r)
{
	change(r, false);
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
		reply_failed(&d->w, err);
		return;
	}
	if (d->w.res->changed)
		d->w.res->changed(r->web, d->w.res);
	if (!many) {
		zx_reply_empty(r, 204);
		return;
	}
	cJSON *js = cJSON_CreateObject();
	cJSON_AddNumberToObject(js, "deleted", d->n);
	zx_reply_json(r, 200, js);
}

void zx_resource_delete_h(struct zx_req *r)
{
	struct res_delete d = {.ids = &r->id, .n = 1, .force = !strcmp(zx_req_param(r, "force"), "1")};
	const char *rev = zx_req_param(r, "rev");

	write_init(&d.w, r);
	if (*rev && (!zx_text_int(rev, &d.w.rev) || d.w.rev < 1)) {
		zx_bad_query(r, "rev");
		return;
	}
	delete_run(&d, false);
}

void zx_resource_delete_many_h(struct zx_req *r)
{
	int64_t ids[MANY];
	struct res_delete d = {.ids = ids};
	const cJSON *list, *e;

	if (zx_req_body(r))
		return;
	write_init(&d.w, r);
	list = cJSON_GetObjectItemCaseSensitive(r->body, "ids");
	if (!cJSON_IsArray(list) || !list->child) {
		field_error(r, "ids", "required");
		return;
	}
	cJSON_ArrayForEach(e, list)
	{
		if (d.n == MANY || !cJSON_IsNumber(e) || !(e->valuedouble >= 1 && e->valuedouble < 9e15)) {
			field_error(r, "ids", d.n == MANY ? "range" : "pattern");
			return;
		}
		ids[d.n] = (int64_t)e->valuedouble;
		for (unsigned k = 0; k < d.n; k++) {
			if (ids[k] == ids[d.n]) {
				field_error(r, "ids", "unique");
				return;
			}
		}
		d.n++;
	}
	d.force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->body, "force"));
	delete_run(&d, true);
}
