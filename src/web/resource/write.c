/* The writing half of a resource: one order with the change, its children and its audit row. */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/audit.h"
#include "web/sys/config.h"

/* ---- orders ---- */

static int audit_row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	cJSON *o = arg;

	for (unsigned i = 0; i < n; i++) {
		if (cols[i]->type == ZX_Q_JSON)
			cJSON_AddItemToObject(o, cols[i]->key, cJSON_CreateRaw(zx_col_text(s, (int)i)));
		else if (cols[i]->type == ZX_Q_TEXT)
			cJSON_AddStringToObject(o, cols[i]->key, zx_col_text(s, (int)i));
		else if (cols[i]->type == ZX_Q_REAL)
			cJSON_AddNumberToObject(o, cols[i]->key, zx_col_real(s, (int)i));
		else
			zx_json_add_int(o, cols[i]->key, zx_col_int(s, (int)i));
	}
	return 0;
}

cJSON *zx_write_seen(struct zx_db *db, const struct zx_res_write *w)
{
	cJSON *o = cJSON_CreateObject();

	if (zx_q_get(db, w->table, &w->scope, w->id, audit_row, o)) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

/* Whose history it is: the row's company, not that of whoever changed it. */
static int64_t audit_company(const struct zx_res_write *w)
{
	const bool own = w->table->company && !strcmp(w->table->company, "t.id");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(w->before ? w->before : w->after, own ? "id" : "company_id");

	return id ? zx_json_get_int(id) : w->r->ses.user.company_id;
}

int zx_write_audit(struct zx_db *db, struct zx_res_write *w, const char *action)
{
	char *before = w->before ? cJSON_PrintUnformatted(w->before) : NULL;
	char *after = w->after ? cJSON_PrintUnformatted(w->after) : NULL;
	const struct zx_audit a = {
	    .company_id = audit_company(w),
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

/* The company the row will be of. */
void zx_write_company(struct zx_db *db, struct zx_res_write *w)
{
	const struct zx_q_value *given = zx_write_value(w, "company_id");

	w->company_id = w->scope.company_id;
	if (w->id && zx_q_company(db, w->table, w->id, &w->company_id))
		w->company_id = w->scope.company_id;
	if (given && given->kind == ZX_Q_VINT)
		w->company_id = given->i;
}

int zx_write_add(struct zx_db *db, struct zx_res_write *w)
{
	int err;

	w->id = 0;
	if (w->res->write)
		return w->res->write(db, w);
	zx_write_company(db, w);
	err = w->res->order ? w->res->order(db, w) : 0;
	if (!err)
		err = zx_targets_check(db, w);
	if (!err)
		err = zx_q_insert(db, w->table, &w->scope, w->v, w->n, &w->id, &w->bad);
	if (err)
		return err;
	w->after = zx_write_seen(db, w);
	return zx_write_audit(db, w, "add");
}

int zx_write_edit(struct zx_db *db, struct zx_res_write *w)
{
	int err;

	if (w->res->write)
		return w->res->write(db, w);
	w->before = zx_write_seen(db, w);
	if (!w->before)
		return ENOENT;
	zx_write_company(db, w);
	err = w->res->order ? w->res->order(db, w) : 0;
	if (!err)
		err = zx_targets_check(db, w);
	if (!err)
		err = zx_q_update(db, w->table, &w->scope, w->id, w->rev, w->v, w->n, &w->bad);
	if (!err)
		w->after = zx_write_seen(db, w);
	if (!err)
		return zx_write_audit(db, w, "edit");
	cJSON_Delete(w->before);
	w->before = NULL;
	return err;
}

static int op_add(struct zx_db *db, void *arg)
{
	return zx_write_add(db, arg);
}

static int op_edit(struct zx_db *db, void *arg)
{
	return zx_write_edit(db, arg);
}

void zx_write_done(struct zx_web *web, const struct zx_resource *res, const int64_t *companies, unsigned n)
{
	if (res->changed)
		res->changed(web, res);
	for (unsigned i = 0; res->apply && i < n; i++)
		zx_config_changed(web, res->name, companies[i]);
}

/* ---- handlers ---- */

/* "keys.2.app" is also told as "keys", for those who mark whole fields. */
static void reply_invalid(struct zx_req *r, cJSON *fields)
{
	const cJSON *e;
	char key[96];

	cJSON_ArrayForEach(e, fields)
	{
		zx_strcpy(key, sizeof(key), e->string);
		key[strcspn(key, ".")] = '\0';
		if (!cJSON_HasObjectItem(fields, key))
			cJSON_AddStringToObject(fields, key, cJSON_GetStringValue(e));
	}
	zx_reply_error(r, 422, "invalid", fields, NULL);
}

void zx_field_error(struct zx_req *r, const char *key, const char *code)
{
	cJSON *fields = cJSON_CreateObject();

	cJSON_AddStringToObject(fields, key, code);
	reply_invalid(r, fields);
}

static const char *unique_key(const struct zx_resource *res)
{
	for (unsigned i = 0; i < res->fieldc; i++)
		if (res->fields[i].flags & ZX_FF_UNIQUE)
			return res->fields[i].key;
	return res->label;
}

const char *zx_write_fault(const struct zx_res_write *w, int err, const char **key)
{
	const struct zx_field *f = w->bad ? zx_field_find(w->res, w->bad) : NULL;

	*key = w->bad ? w->bad : err == EEXIST ? unique_key(w->res) : w->res->label;
	switch (err) {
	case EEXIST:
		return "unique";
	case EINVAL:
		if (w->code)
			return w->code;
		return f && (f->type == ZX_F_REF || f->type == ZX_F_LIST) ? "reference" : "pattern";
	case EACCES:
		return w->bad ? "reference" : NULL;
	default:
		return NULL;
	}
}

void zx_write_refuse(struct zx_res_write *w, int err)
{
	struct zx_req *r = w->r;
	const char *key, *code = zx_write_fault(w, err, &key);
	cJSON *row;

	if (code) {
		zx_field_error(r, key, code);
		return;
	}
	switch (err) {
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
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
		return;
	case EPERM: /* a rule that a hook named */
		zx_reply_error(r, 409, w->code ? w->code : "forbidden", NULL, NULL);
		return;
	default:
		zx_reply_errno(r, err);
	}
}

static void reply_row(struct zx_res_write *w, int status)
{
	cJSON *row;

	zx_write_done(w->r->web, w->res, &w->company_id, 1);
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
	zx_write_init(&w, r, r->def);
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
		reply_invalid(r, fields);
	} else {
		cJSON_Delete(fields);
		if (!err)
			err = zx_store_write_wait(r->web->env.store, create ? op_add : op_edit, &w);
		if (err)
			zx_write_refuse(&w, err);
		else
			reply_row(&w, create ? 201 : 200);
	}
	zx_write_clear(&w);
}

void zx_resource_add_h(struct zx_req *r)
{
	change(r, true);
}

void zx_resource_edit_h(struct zx_req *r)
{
	change(r, false);
}
