/* What a user's browser keeps here: columns shown and so on. */
#include "web/resource/resource.h"

#include <errno.h>
#include <string.h>

enum { VALUE_MAX = 16384, NAMES_MAX = 200, NAME_MAX_LEN = 64 };

struct pref {
	int64_t user_id;
	const char *name;
	char *value;
};

static bool name_ok(const char *name)
{
	return strlen(name) <= NAME_MAX_LEN && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == strlen(name);
}

void zx_prefs_get_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject();
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, r->db, "res_prefs");

	if (!err) {
		zx_bind_int(s, ":user_id", r->ses.user.id);
		while (!(err = zx_stmt_step(s))) {
			const char *text = zx_col_text(s, 1);
			cJSON *value = zx_json_parse(text, strlen(text));
			if (value)
				cJSON_AddItemToObject(js, zx_col_text(s, 0), value);
		}
	}
	if (err != ENODATA) {
		cJSON_Delete(js);
		zx_reply_errno(r, err);
		return;
	}
	zx_reply_json(r, 200, js);
}

static int op_put(struct zx_db *db, void *arg)
{
	const struct pref *p = arg;
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "res_pref_count");

	if (err)
		return err;
	zx_bind_int(s, ":user_id", p->user_id);
	zx_bind_text(s, ":name", p->name);
	err = zx_stmt_step(s);
	if (err)
		return err;
	const bool full = zx_col_int(s, 0) >= NAMES_MAX;
	zx_stmt_reset(s);
	if (full)
		return EDQUOT;
	err = zx_stmt_get(&s, db, "res_pref_put");
	if (err)
		return err;
	zx_bind_int(s, ":user_id", p->user_id);
	zx_bind_text(s, ":name", p->name);
	zx_bind_text(s, ":value", p->value);
	return zx_stmt_run(s);
}

static int op_delete(struct zx_db *db, void *arg)
{
	const struct pref *p = arg;
	struct zx_stmt *s;
	const int err = zx_stmt_get(&s, db, "res_pref_del");

	if (err)
		return err;
	zx_bind_int(s, ":user_id", p->user_id);
	zx_bind_text(s, ":name", p->name);
	return zx_stmt_run(s);
}

static void store(struct zx_req *r, zx_store_op_h *op, struct pref *p)
{
	const int err = name_ok(r->name) ? zx_store_write_wait(r->web->env.store, op, p) : EINVAL;

	if (!err)
		zx_reply_empty(r, 204);
	else if (err == EDQUOT)
		zx_reply_error(r, 409, "too_many", NULL, NULL);
	else if (err == EINVAL)
		zx_field_error(r, "name", "pattern");
	else
		zx_reply_errno(r, err);
}

void zx_prefs_put_h(struct zx_req *r)
{
	struct pref p = {.user_id = r->ses.user.id, .name = r->name};

	if (zx_req_value(r, VALUE_MAX))
		return;
	p.value = cJSON_PrintUnformatted(r->body);
	if (p.value)
		store(r, op_put, &p);
	else
		zx_reply_errno(r, ENOMEM);
	cJSON_free(p.value);
}

void zx_prefs_delete_h(struct zx_req *r)
{
	struct pref p = {.user_id = r->ses.user.id, .name = r->name};

	store(r, op_delete, &p);
}
