/*
 * From nothing to the first call: company, department, extensions, people, one queue, applied, in one order; all of it or nothing.
 * Passwords are in the answer and nowhere else in the clear.
 */
#include "web/sys/sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "crm/location.h"
#include "store/config.h"
#include "store/password.h"
#include "web/sys/config.h"
#include "web/sys/sys_priv.h"

enum { AGENTS_MAX = 200, PASSWORD = 12, SECRET = 16, NAME_MAX_CHARS = 60 };

struct agent {
	char number[16], name[64];
	char password[PASSWORD + 1], hash[ZX_PASSWORD_HASH_LEN];
	char secret[SECRET + 1], sealed[256];
	int64_t id; /* of the extension */
};

struct quick {
	struct zx_req *r;
	int64_t company, department, queue, version;
	const char *name, *area, *department_name, *queue_name, *queue_number;
	int64_t first, n;
	int width;
	struct agent *agents;
	const char *bad; /* field to blame */
};

/* ---- what is asked for ---- */

static size_t chars(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* A name of up to 60 characters, or def when it is not given. */
static const char *name_of(const struct quick *q, const char *key, const char *def, cJSON *errors)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(q->r->body, key);
	const char *text = cJSON_GetStringValue(js);

	if (!js || cJSON_IsNull(js) || (text && !*text)) {
		if (!def)
			cJSON_AddStringToObject(errors, key, "required");
		return def;
	}
	if (!text || chars(text) > NAME_MAX_CHARS) {
		cJSON_AddStringToObject(errors, key, text ? "length" : "pattern");
		return def;
	}
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			cJSON_AddStringToObject(errors, key, "pattern");
			break;
		}
	}
	return text;
}

static bool is_number(const char *text)
{
	const size_t n = text ? strlen(text) : 0;

	return n >= 3 && n <= 8 && strspn(text, "0123456789") == n;
}

static void quick_read(struct quick *q, cJSON *errors)
{
	const cJSON *agents = cJSON_GetObjectItemCaseSensitive(q->r->body, "agents");
	const char *first = zx_sys_text(q->r, "first"), *area = zx_sys_text(q->r, "area_code");
	struct zx_location at;
	int64_t limit = 1, queue;

	q->name = name_of(q, "company", NULL, errors);
	q->department_name = name_of(q, "department", "客服部", errors);
	q->queue_name = name_of(q, "queue", "客服热线", errors);
	q->queue_number = zx_sys_text(q->r, "queue_number");
	q->area = area ? area : "";
	if (*q->area && !zx_location_area(q->area, &at))
		cJSON_AddStringToObject(errors, "area_code", "pattern");
	if (!cJSON_IsNumber(agents) || agents->valuedouble != (double)(int)agents->valuedouble || agents->valuedouble < 1 ||
	    agents->valuedouble > AGENTS_MAX)
		cJSON_AddStringToObject(errors, "agents", agents ? "range" : "required");
	else
		q->n = (int64_t)agents->valuedouble;
	if (!is_number(first) || !zx_text_int(first, &q->first)) {
		cJSON_AddStringToObject(errors, "first", first && *first ? "pattern" : "required");
		return;
	}
	q->width = (int)strlen(first);
	for (int i = 0; i < q->width; i++)
		limit *= 10;
	if (q->first + q->n > limit)
		cJSON_AddStringToObject(errors, "agents", "range");
	if (!is_number(q->queue_number))
		cJSON_AddStringToObject(errors, "queue_number", q->queue_number && *q->queue_number ? "pattern" : "required");
	else if ((int)strlen(q->queue_number) == q->width && zx_text_int(q->queue_number, &queue) && queue >= q->first &&
		 queue < q->first + q->n)
		cJSON_AddStringToObject(errors, "queue_number", "unique");
}

/* Secrets and hashes before the order: a hash takes some 30 ms. */
static int quick_agents(struct quick *q)
{
	const bool en = q->r->lang == ZX_LANG_EN;
	int err = 0;

	q->agents = calloc((size_t)q->n, sizeof(*q->agents));
	if (!q->agents)
		return ENOMEM;
	for (int64_t i = 0; i < q->n && !err; i++) {
		struct agent *a = &q->agents[i];

		snprintf(a->number, sizeof(a->number), "%0*lld", q->width, (long long)(q->first + i));
		snprintf(a->name, sizeof(a->name), en ? "Agent %s" : "坐席%s", a->number);
		err = zx_password_random(a->password, PASSWORD);
		if (!err)
			err = zx_password_hash(a->hash, sizeof(a->hash), a->password);
		if (!err)
			err = zx_password_random(a->secret, SECRET);
		if (!err)
			err = zx_seal(q->r->web->env.store, a->sealed, sizeof(a->sealed), a->secret);
	}
	return err;
}

/* ---- the order ---- */

static int check_free(struct zx_db *db, struct quick *q)
{
	const uint32_t limit = q->r->web->env.conf->licence_extensions;
	struct zx_stmt *s;
	int64_t all = 0;
	int err = zx_stmt_get(&s, db, "setup_free");

	if (err)
		return err;
	zx_bind_int(s, ":company", q->company);
	err = zx_stmt_step(s);
	if (err)
		return err;
	err = zx_col_int(s, 0) || zx_col_int(s, 1) ? ENOTEMPTY : 0;
	zx_stmt_reset(s);
	if (err || !limit)
		return err;
	err = zx_stmt_get(&s, db, "web_ext_count");
	if (!err)
		err = zx_stmt_step(s);
	if (!err) {
		all = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	return err ? err : all + q->n > limit ? EDQUOT : 0;
}

static int put_company(struct zx_db *db, struct quick *q, int64_t now)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "setup_company");

	if (err)
		return err;
	q->bad = "company";
	zx_bind_int(s, ":id", q->company);
	zx_bind_text(s, ":name", q->name);
	zx_bind_text(s, ":area", q->area);
	err = zx_stmt_run(s);
	if (!err)
		err = zx_stmt_get(&s, db, "setup_department");
	if (err)
		return err;
	q->bad = "department";
	zx_bind_int(s, ":company", q->company);
	zx_bind_text(s, ":name", q->department_name);
	zx_bind_int(s, ":now", now);
	err = zx_stmt_step(s);
	if (!err) {
		q->department = zx_col_int(s, 0);
		err = zx_stmt_run(s); /* to its end: only then it is done */
	}
	return err;
}

static int put_agent(struct zx_db *db, struct quick *q, struct agent *a, int64_t role, int64_t now)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "setup_extension");

	if (err)
		return err;
	q->bad = "first";
	zx_bind_int(s, ":company", q->company);
	zx_bind_text(s, ":number", a->number);
	zx_bind_text(s, ":secret", a->sealed);
	zx_bind_text(s, ":name", a->name);
	zx_bind_int(s, ":now", now);
	err = zx_stmt_run(s);
	a->id = zx_db_last_id(db);
	if (!err)
		err = zx_stmt_get(&s, db, "setup_user");
	if (err)
		return err;
	zx_bind_int(s, ":company", q->company);
	zx_bind_text(s, ":login", a->number);
	zx_bind_text(s, ":password", a->hash);
	zx_bind_text(s, ":name", a->name);
	zx_bind_int(s, ":extension", a->id);
	zx_bind_int(s, ":role", role);
	zx_bind_int(s, ":department", q->department);
	zx_bind_int(s, ":now", now);
	return zx_stmt_run(s);
}

static int put_queue(struct zx_db *db, struct quick *q, int64_t now)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "setup_queue");

	if (err)
		return err;
	q->bad = "queue_number";
	zx_bind_int(s, ":company", q->company);
	zx_bind_text(s, ":name", q->queue_name);
	zx_bind_text(s, ":number", q->queue_number);
	zx_bind_int(s, ":now", now);
	err = zx_stmt_run(s);
	q->queue = zx_db_last_id(db);
	for (int64_t i = 0; i < q->n && !err; i++) {
		err = zx_stmt_get(&s, db, "setup_member");
		if (err)
			break;
		zx_bind_int(s, ":queue", q->queue);
		zx_bind_int(s, ":extension", q->agents[i].id);
		zx_bind_int(s, ":position", i + 1);
		err = zx_stmt_run(s);
	}
	return err;
}

static int role_of(struct zx_db *db, int64_t company, int64_t *role)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "setup_role");

	if (err)
		return err;
	zx_bind_int(s, ":company", company);
	err = zx_stmt_step(s);
	if (!err) {
		*role = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	return err == ENODATA ? ESRCH : err;
}

static int op_quick(struct zx_db *db, void *arg)
{
	struct quick *q = arg;
	const struct zx_config_by by = {q->r->ses.user.id, q->company, q->r->peer.addr, q->r->lang == ZX_LANG_EN ? "Set-up" : "首次设置"};
	const int64_t now = zx_wall_ms();
	int64_t role = 0;
	int err = check_free(db, q);

	if (!err)
		err = role_of(db, q->company, &role);
	if (!err)
		err = put_company(db, q, now);
	for (int64_t i = 0; i < q->n && !err; i++)
		err = put_agent(db, q, &q->agents[i], role, now);
	if (!err)
		err = put_queue(db, q, now);
	if (err)
		return err;
	q->bad = NULL;
	return zx_config_apply_draft(db, q->company, (unsigned)q->n + 1, &by, &q->version);
}

/* ---- */

static void quick_reply(struct quick *q)
{
	cJSON *js = cJSON_CreateObject(), *o, *users;

	zx_json_add_int(js, "company_id", q->company);
	cJSON_AddStringToObject(js, "company", q->name);
	cJSON_AddStringToObject(js, "department", q->department_name);
	o = cJSON_AddObjectToObject(js, "queue");
	zx_json_add_int(o, "id", q->queue);
	cJSON_AddStringToObject(o, "name", q->queue_name);
	cJSON_AddStringToObject(o, "number", q->queue_number);
	users = cJSON_AddArrayToObject(js, "users");
	for (int64_t i = 0; i < q->n; i++) {
		const struct agent *a = &q->agents[i];

		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "login", a->number);
		cJSON_AddStringToObject(o, "name", a->name);
		cJSON_AddStringToObject(o, "extension", a->number);
		zx_json_add_int(o, "extension_id", a->id);
		cJSON_AddStringToObject(o, "password", a->password);
		cJSON_AddStringToObject(o, "secret", a->secret);
		cJSON_AddItemToArray(users, o);
	}
	zx_json_add_int(js, "version", q->version);
	zx_reply_json(q->r, 201, js);
}

static void quick_failed(struct quick *q, int err)
{
	switch (err) {
	case ENOTEMPTY:
		zx_reply_error(q->r, 409, "not_empty", NULL, NULL);
		return;
	case EDQUOT:
		zx_reply_error(q->r, 409, "licence", NULL, NULL);
		return;
	case EEXIST:
	case EINVAL:
		zx_sys_field_error(q->r, q->bad ? q->bad : "first", err == EEXIST ? "unique" : "pattern");
		return;
	case ESRCH:
		zx_sys_field_error(q->r, "agents", "reference"); /* no role for agents */
		return;
	default:
		zx_reply_errno(q->r, err);
	}
}

const char *const zx_setup_quick_body[] = {"company_id", "company", "area_code",    "agents", "first",
					   "department", "queue",   "queue_number", NULL};

void zx_setup_quick_h(struct zx_req *r)
{
	struct quick q = {.r = r};
	cJSON *errors;
	int err;

	if (zx_req_body(r))
		return;
	/* "company" is the name; which company is "company_id" */
	if (!zx_sys_company(r, &q.company))
		return;
	errors = cJSON_CreateObject();
	quick_read(&q, errors);
	if (errors->child) {
		zx_reply_error(r, 422, "invalid", errors, NULL);
		return;
	}
	cJSON_Delete(errors);
	err = quick_agents(&q);
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_quick, &q);
	if (!err) {
		zx_config_changed(r->web, "companies", q.company);
		quick_reply(&q);
	} else {
		quick_failed(&q, err);
	}
	if (q.agents)
		explicit_bzero(q.agents, (size_t)q.n * sizeof(*q.agents));
	free(q.agents);
}
