#include "web/res/pbx.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "plan/plan.h"
#include "store/audit.h"
#include "store/password.h"

enum { SECRET_MADE = 16, SECRET_MIN = 8 };

static const struct zx_q_col id_col[] = {{"id", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL}};
#define REF_TABLE(of, ...)                                                                                                                 \
	{                                                                                                                                  \
		.name = of, .cols = id_col, .colc = 1, __VA_ARGS__                                                                         \
	}

const struct zx_q_table zx_ref_companies = REF_TABLE("companies", .company = "t.id");
const struct zx_q_table zx_ref_extensions = REF_TABLE("extensions", .company = "t.company_id");
const struct zx_q_table zx_ref_queues = REF_TABLE("queues", .company = "t.company_id");
const struct zx_q_table zx_ref_ivrs = REF_TABLE("ivrs", .company = "t.company_id");
const struct zx_q_table zx_ref_trunks = REF_TABLE("trunks", .company = "t.company_id");
const struct zx_q_table zx_ref_prompts = REF_TABLE("prompts", .company = "t.company_id", .where = ZX_PROMPT_WHERE);
const struct zx_q_table zx_ref_music = REF_TABLE("prompts", .company = "t.company_id", .where = ZX_MUSIC_WHERE);
const struct zx_q_table zx_ref_holidays = REF_TABLE("holiday_lists", .company = "t.company_id");

/* ---- checks ---- */

const char *zx_pbx_check_number(const char *text)
{
	return strlen(text) >= 3 && strlen(text) <= 8 ? NULL : "pattern";
}

const char *zx_pbx_check_pattern(const char *text)
{
	char why[96];

	return zx_pattern_check(text, why, sizeof(why)) ? "pattern" : NULL;
}

const char *zx_pbx_check_dial(const char *text)
{
	const char *p = text + (*text == '+');

	return *p && strspn(p, "0123456789*#") == strlen(p) ? NULL : "pattern";
}

const char *zx_pbx_check_secret(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return "pattern";
	return strlen(text) < SECRET_MIN ? "weak" : NULL;
}

/* ---- values of a write ---- */

const char *zx_pbx_text(const struct zx_res_write *w, const char *key)
{
	const struct zx_q_value *v = zx_write_value(w, key);
	const char *was;

	if (v)
		return v->kind == ZX_Q_VTEXT && v->t ? v->t : "";
	was = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(w->before, key));
	return was ? was : "";
}

int64_t zx_pbx_item_int(const cJSON *row, const char *key)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(row, key);
	int64_t v = 0;

	if (cJSON_IsString(js))
		return zx_text_int(js->valuestring, &v) ? v : 0;
	return zx_json_get_int(js);
}

int64_t zx_pbx_int(const struct zx_res_write *w, const char *key)
{
	const struct zx_q_value *v = zx_write_value(w, key);

	if (v)
		return v->kind == ZX_Q_VINT ? v->i : 0;
	return zx_pbx_item_int(w->before, key);
}

void zx_pbx_at(char out[static 48], const char *key, unsigned row, const char *item)
{
	snprintf(out, 48, "%.20s.%u%s%.16s", key, row, item ? "." : "", item ? item : "");
}

int zx_pbx_fault(struct zx_res_write *w, const char *key, const char *code)
{
	w->bad = key;
	w->code = code;
	return EINVAL;
}

/* ---- numbers ---- */

int zx_pbx_number_taken(struct zx_db *db, const char *number, const char *resource, int64_t id, char *by, size_t len)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_number_taken");

	by[0] = '\0';
	if (err)
		return err;
	zx_bind_text(s, ":number", number);
	zx_bind_text(s, ":resource", resource);
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (!err) {
		zx_strcpy(by, len, zx_col_text(s, 0));
		zx_stmt_reset(s);
	}
	return err == ENODATA ? 0 : err;
}

static const struct {
	const char *resource, *code;
} numbered[] = {{"extensions", "taken_extension"}, {"queues", "taken_queue"}, {"ivrs", "taken_ivr"}, {"conferences", "taken_conference"}};

int zx_pbx_order_number(struct zx_db *db, struct zx_res_write *w)
{
	const struct zx_q_value *number = zx_write_value(w, "number");
	char by[32];
	int err;

	if (!number || number->kind != ZX_Q_VTEXT)
		return 0;
	err = zx_pbx_number_taken(db, number->t, w->res->name, w->created ? 0 : w->id, by, sizeof(by));
	if (err || !by[0])
		return err;
	w->bad = "number";
	if (!strcmp(by, w->res->name) || w->many)
		return EEXIST;
	for (size_t i = 0; i < ZX_COUNT(numbered); i++)
		if (!strcmp(numbered[i].resource, by))
			return zx_pbx_fault(w, "number", numbered[i].code);
	return EEXIST;
}

/* For the preview of an import: order() has the last word. */
static int preview_number(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_q_value *number = zx_write_value(w, "number");
	bool has = false;
	char by[32];
	int err;

	for (size_t i = 0; i < ZX_COUNT(numbered); i++)
		has = has || !strcmp(numbered[i].resource, w->res->name);
	if (!has || !number || number->kind != ZX_Q_VTEXT)
		return 0;
	err = zx_pbx_number_taken(w->r->db, number->t, w->res->name, w->created ? 0 : w->id, by, sizeof(by));
	if (!err && by[0])
		cJSON_AddStringToObject(errors, "number", "unique");
	return err;
}

int zx_pbx_prepare(struct zx_res_write *w, cJSON *errors)
{
	if (w->created) {
		zx_write_int(w, "created", zx_wall_ms());
		if (!zx_write_value(w, "company_id"))
			zx_write_int(w, "company_id", w->r->ses.user.company_id);
	}
	return w->many ? preview_number(w, errors) : 0;
}

/* ---- secrets ---- */

int zx_pbx_secret(struct zx_res_write *w, bool make)
{
	const struct zx_q_value *given = zx_write_value(w, "secret");
	char plain[SECRET_MADE + 1], sealed[256];
	int err;

	if (!given && !make)
		return 0;
	if (given && !*given->t) { /* left empty: as it was */
		w->v[given - w->v] = w->v[--w->n];
		return w->created && make ? zx_pbx_secret(w, true) : 0;
	}
	if (!given) {
		err = zx_password_random(plain, SECRET_MADE);
		if (err)
			return err;
		if (!w->many) {
			w->once = cJSON_CreateObject();
			cJSON_AddStringToObject(w->once, "secret", plain);
		}
	}
	err = zx_seal(w->r->web->env.store, sealed, sizeof(sealed), given ? given->t : plain);
	if (!err)
		zx_write_text(w, "secret", sealed);
	explicit_bzero(plain, sizeof(plain));
	return err;
}

static int op_secret_seen(struct zx_db *db, void *arg)
{
	return zx_audit_put(db, arg);
}

void zx_pbx_secret_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def;
	char sealed[256] = "", plain[128] = "", name[64];
	struct zx_stmt *s;
	cJSON *row = zx_resource_get(r, res, r->id), *js;
	int err;

	if (!row)
		return;
	struct zx_audit a = {.company_id = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "company_id")),
			     .user_id = r->ses.user.id,
			     .row_id = r->id,
			     .addr = r->peer.addr,
			     .resource = res->name,
			     .action = "secret"};
	cJSON_Delete(row);
	snprintf(name, sizeof(name), "web_secret_of_%s", res->name);
	err = zx_stmt_get(&s, r->db, name);
	if (!err) {
		zx_bind_int(s, ":id", r->id);
		err = zx_stmt_step(s);
	}
	if (!err) {
		zx_strcpy(sealed, sizeof(sealed), zx_col_text(s, 0));
		zx_stmt_reset(s);
		err = *sealed ? zx_unseal(r->web->env.store, plain, sizeof(plain), sealed) : 0;
	}
	if (!err) /* who has looked is known before it is shown */
		err = zx_store_write_wait(r->web->env.store, op_secret_seen, &a);
	if (err) {
		zx_reply_errno(r, err == ENODATA ? ENOENT : err);
	} else {
		js = cJSON_CreateObject();
		cJSON_AddStringToObject(js, "secret", plain);
		zx_reply_json(r, 200, js);
	}
	explicit_bzero(plain, sizeof(plain));
}
