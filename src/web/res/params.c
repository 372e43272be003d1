#include "web/res/params.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/audit.h"

enum { KEYS = 7, DAYS_MAX = 36500 };

static const char *const keys[KEYS] = {"whitelist",     "keep_recordings", "keep_marks", "keep_missed",
				       "keep_busy_log", "keep_surveys",    "keep_edits"};
static const int64_t defaults[KEYS] = {0, 180, 365, 365, 365, 365, 365};

const char *const zx_params_body[] = {"whitelist",    "keep_recordings", "keep_marks", "keep_missed", "keep_busy_log",
				      "keep_surveys", "keep_edits",      "rev",        NULL};

struct params {
	struct zx_req *r;
	int64_t company_id, rev, v[KEYS];
	bool given[KEYS];
};

/* Whose: one's own; the system administrator may name another. false: replied. */
static bool company_of(struct zx_req *r, int64_t *id)
{
	const char *text = zx_req_param(r, "company_id");

	*id = r->ses.user.company_id;
	if (!*text)
		return true;
	int64_t v;
	if (!zx_text_int(text, &v) || v < 1) {
		cJSON *fields = cJSON_CreateObject();
		cJSON_AddStringToObject(fields, "company_id", "pattern");
		zx_reply_error(r, 400, "bad_query", fields, NULL);
		return false;
	}
	if (v != *id && r->ses.user.scope != ZX_SCOPE_SYSTEM) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return false;
	}
	*id = v;
	return true;
}

static int load(struct zx_db *db, int64_t company_id, int64_t v[KEYS], int64_t *rev)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_params");

	if (err)
		return err;
	zx_bind_int(s, ":company_id", company_id);
	err = zx_stmt_step(s);
	if (err == ENODATA) {
		memcpy(v, defaults, sizeof(defaults));
		*rev = 1;
		return 0;
	}
	if (err)
		return err;
	for (int i = 0; i < KEYS; i++)
		v[i] = zx_col_int(s, i);
	*rev = zx_col_int(s, KEYS);
	zx_stmt_reset(s);
	return 0;
}

static cJSON *params_json(const int64_t v[KEYS], int64_t company_id, int64_t rev)
{
	cJSON *o = cJSON_CreateObject();

	zx_json_add_int(o, "company_id", company_id);
	cJSON_AddBoolToObject(o, keys[0], v[0] != 0);
	for (int i = 1; i < KEYS; i++)
		zx_json_add_int(o, keys[i], v[i]);
	zx_json_add_int(o, "rev", rev);
	return o;
}

static bool company_there(struct zx_req *r, int64_t id)
{
	struct zx_stmt *s;
	bool there = false;

	if (!zx_stmt_get(&s, r->db, "web_company_logo")) {
		zx_bind_int(s, ":id", id);
		there = !zx_stmt_step(s);
		zx_stmt_reset(s);
	}
	if (!there)
		zx_reply_error(r, 404, "not_found", NULL, NULL);
	return there;
}

void zx_params_get_h(struct zx_req *r)
{
	int64_t id, v[KEYS], rev;

	if (!company_of(r, &id) || !company_there(r, id))
		return;
	const int err = load(r->db, id, v, &rev);
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_json(r, 200, params_json(v, id, rev));
}

static int op_set(struct zx_db *db, void *arg)
{
	struct params *p = arg;
	int64_t now[KEYS], rev;
	char name[40];
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_params_add");

	if (err)
		return err;
	zx_bind_int(s, ":company_id", p->company_id);
	err = zx_stmt_run(s);
	if (!err)
		err = load(db, p->company_id, now, &rev);
	if (err)
		return err;
	if (rev != p->rev)
		return ESTALE;
	for (int i = 0; i < KEYS; i++)
		if (!p->given[i])
			p->v[i] = now[i];
	err = zx_stmt_get(&s, db, "web_params_set");
	if (err)
		return err;
	zx_bind_int(s, ":company_id", p->company_id);
	for (int i = 0; i < KEYS; i++) {
		snprintf(name, sizeof(name), ":%s", keys[i]);
		zx_bind_int(s, name, p->v[i]);
	}
	err = zx_stmt_run(s);
	if (err)
		return err;
	cJSON *a = params_json(now, p->company_id, rev), *b = params_json(p->v, p->company_id, rev + 1);
	char *before = cJSON_PrintUnformatted(a), *after = cJSON_PrintUnformatted(b);
	err = zx_audit_put(db, &(struct zx_audit){.company_id = p->company_id,
						  .user_id = p->r->ses.user.id,
						  .row_id = p->company_id,
						  .addr = p->r->peer.addr,
						  .resource = "params",
						  .action = "edit",
						  .before = before,
						  .after = after});
	cJSON_free(before);
	cJSON_free(after);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return err;
}

static void take(struct params *p, cJSON *errors)
{
	const cJSON *rev = cJSON_GetObjectItemCaseSensitive(p->r->body, "rev");

	for (int i = 0; i < KEYS; i++) {
		const cJSON *js = cJSON_GetObjectItemCaseSensitive(p->r->body, keys[i]);
		if (!js)
			continue;
		p->given[i] = true;
		if (!i ? !cJSON_IsBool(js) : !cJSON_IsNumber(js) || js->valuedouble != floor(js->valuedouble))
			cJSON_AddStringToObject(errors, keys[i], "pattern");
		else if (i && !(js->valuedouble >= 0 && js->valuedouble <= DAYS_MAX))
			cJSON_AddStringToObject(errors, keys[i], "range");
		else
			p->v[i] = i ? (int64_t)js->valuedouble : cJSON_IsTrue(js);
	}
	if (!cJSON_IsNumber(rev) || !(rev->valuedouble >= 1 && rev->valuedouble < 9e15))
		cJSON_AddStringToObject(errors, "rev", "required");
	else
		p->rev = (int64_t)rev->valuedouble;
}

void zx_params_put_h(struct zx_req *r)
{
	struct params p = {.r = r};
	cJSON *errors;
	int64_t rev;
	int err;

	if (zx_req_body(r) || !company_of(r, &p.company_id) || !company_there(r, p.company_id))
		return;
	errors = cJSON_CreateObject();
	take(&p, errors);
	if (errors->child) {
		zx_reply_error(r, 422, "invalid", errors, NULL);
		return;
	}
	cJSON_Delete(errors);
	err = zx_store_write_wait(r->web->env.store, op_set, &p);
	if (err && err != ESTALE) {
		zx_reply_errno(r, err);
		return;
	}
	const int bad = load(r->db, p.company_id, p.v, &rev);
	if (bad) {
		zx_reply_errno(r, bad);
		return;
	}
	cJSON *now = params_json(p.v, p.company_id, rev);
	if (!err) {
		zx_reply_json(r, 200, now);
		return;
	}
	cJSON *more = cJSON_CreateObject();
	cJSON_AddItemToObject(more, "current", now);
	zx_reply_error(r, 409, "conflict", NULL, more);
}
