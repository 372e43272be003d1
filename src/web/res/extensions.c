/* 分机管理. Secrets are sealed at rest, shown once when the server made them, never again. */
#include "web/res/res.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "sip/sip.h"
#include "store/audit.h"
#include "store/password.h"

enum { SECRET_LEN = 16, BATCH_MAX = 5000 };

static const struct zx_q_col company_cols[] = {{"id", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL}};
static const struct zx_q_table companies = {.name = "companies", .company = "t.id", .cols = company_cols, .colc = 1};

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_INSERT, &companies},
    {"company", "c.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"number", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"secret", NULL, ZX_Q_TEXT, ZX_Q_WRITE, NULL},
    {"caller_id", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"record", NULL, ZX_Q_BOOL, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_WRITE, NULL},
    {"bind_ip", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    /* as last written by the registrar: near enough to filter by; lists show the live state */
    {"reg",
     "(CASE WHEN EXISTS (SELECT 1 FROM bindings b WHERE b.ext = t.number AND b.expires > strftime('%s', 'now') * 1000) THEN 'on' ELSE "
     "'off' END)",
     ZX_Q_TEXT, ZX_Q_EQ, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_table table = {
    .name = "extensions",
    .joins = "LEFT JOIN companies c ON c.id = t.company_id",
    .company = "t.company_id",
    .own = "t.number = :own",
    .rev = "rev",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_option regs[] = {
    {"on", {"在线", "Online"}, "success"},
    {"off", {"离线", "Offline"}, "info"},
    {NULL, {NULL, NULL}, NULL},
};

static const char *check_number(const char *text)
{
	return strlen(text) >= 3 && strlen(text) <= 8 ? NULL : "pattern";
}

static const char *check_secret(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return "pattern";
	return strlen(text) < 8 ? "weak" : NULL;
}

static const struct zx_field fields[] = {
    {.key = "number",
     .type = ZX_F_DIGITS,
     .label = {"分机号码", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .pattern = "^[0-9]{3,8}$",
     .check = check_number},
    {.key = "name", .type = ZX_F_TEXT, .label = {"名称", "Name"}, .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV, .max = 40},
    {.key = "company_id",
     .type = ZX_F_REF,
     .label = {"公司名称", "Company"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_SYSTEM | ZX_FF_CREATE,
     .ref = "companies"},
    {.key = "company", .type = ZX_F_TEXT, .label = {"公司名称", "Company"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    {.key = "secret",
     .type = ZX_F_SECRET,
     .label = {"密码", "Password"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_WRITEONLY | ZX_FF_GENERATE,
     .min = 8,
     .max = 64,
     .check = check_secret,
     .help_zh = "留空则自动生成",
     .help_en = "Left empty, one is made"},
    {.key = "caller_id",
     .type = ZX_F_NUMBER,
     .label = {"出局显示号码", "Outbound caller ID"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 32,
     .pattern = "^[+]?[0-9*#]*$"},
    {.key = "record", .type = ZX_F_BOOL, .label = {"录音", "Recording"}, .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV},
    {.key = "bind_ip",
     .type = ZX_F_CIDR,
     .label = {"绑定 IP", "Bound IP"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 50,
     .help_zh = "只允许从此地址或网段注册",
     .help_en = "Registration and calls only from this address or network"},
    {.key = "reg",
     .type = ZX_F_ENUM,
     .label = {"注册状态", "Registration"},
     .in = ZX_IN_LIST | ZX_IN_ADV,
     .flags = ZX_FF_READONLY,
     .options = regs,
     .live = "ext.reg"},
    {.key = "rtt_us", .type = ZX_F_INT, .label = {"延迟 (µs)", "Latency (µs)"}, .flags = ZX_FF_READONLY, .live = "ext.reg"},
    {.key = "agent", .type = ZX_F_TEXT, .label = {"话机型号", "Phone"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY, .live = "ext.reg"},
    {.key = "created", .type = ZX_F_DATETIME, .label = {"添加时间", "Added"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
};

/* ---- live state: one question to the loop for a page ---- */

struct live {
	struct zx_sip *sip;
	unsigned n;
	struct {
		char ext[ZX_NUM_LEN], agent[96];
		bool on;
		int rtt_us;
	} v[ZX_Q_PAGE_MAX];
};

static int ask_live(void *arg)
{
	struct live *l = arg;

	for (unsigned i = 0; i < l->n; i++) {
		struct zx_binding *b[8];
		struct zx_binding_info info;
		const unsigned n = zx_reg_bindings(l->sip, l->v[i].ext, b, 8);
		l->v[i].on = n > 0;
		for (unsigned k = 0; k < n && k < 8; k++) {
			zx_binding_info(b[k], &info);
			if (!k)
				zx_strcpy(l->v[i].agent, sizeof(l->v[i].agent), info.agent);
			if (l->v[i].rtt_us < 0)
				l->v[i].rtt_us = info.rtt_us;
		}
	}
	return 0;
}

static void rows_live(struct zx_req *r, cJSON *rows)
{
	struct live *l = calloc(1, sizeof(*l));
	unsigned i = 0;
	cJSON *row;
	int err = r->web->env.sip && l ? 0 : ENODEV;

	if (!err) {
		l->sip = r->web->env.sip;
		cJSON_ArrayForEach(row, rows)
		{
			if (l->n == ZX_Q_PAGE_MAX)
				break;
			zx_strcpy(l->v[l->n].ext, ZX_NUM_LEN, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "number")));
			l->v[l->n++].rtt_us = -1;
		}
		err = zx_loop_call(ask_live, l, ZX_ASK_MS);
	}
	cJSON_ArrayForEach(row, rows)
	{
		const bool known = !err && i < l->n;
		if (known)
			cJSON_AddStringToObject(row, "reg", l->v[i].on ? "on" : "off");
		else
			cJSON_AddNullToObject(row, "reg");
		if (known && l->v[i].rtt_us >= 0)
			cJSON_AddNumberToObject(row, "rtt_us", l->v[i].rtt_us);
		else
			cJSON_AddNullToObject(row, "rtt_us");
		cJSON_AddStringToObject(row, "agent", known ? l->v[i].agent : "");
		i++;
	}
	free(l);
}

/* ---- changes ---- */

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_q_value *given = zx_write_value(w, "secret");
	char plain[SECRET_LEN + 1], sealed[256];
	int err;

	if (errors->child)
		return 0;
	if (w->created) {
		zx_write_int(w, "created", zx_wall_ms());
		if (!zx_write_value(w, "company_id"))
			zx_write_int(w, "company_id", w->r->ses.user.company_id);
	}
	if (!given && !w->created)
		return 0;
	if (!given) {
		err = zx_password_random(plain, SECRET_LEN);
		if (err)
			return err;
		w->once = cJSON_CreateObject();
		cJSON_AddStringToObject(w->once, "secret", plain);
	}
	err = zx_seal(w->r->web->env.store, sealed, sizeof(sealed), given ? given->t : plain);
	if (!err)
		zx_write_text(w, "secret", sealed);
	explicit_bzero(plain, sizeof(plain));
	return err;
}

static int licence_left(struct zx_db *db, const struct zx_web *web, unsigned more)
{
	const uint32_t max = web->env.conf->licence_extensions;
	struct zx_stmt *s;
	int err;

	if (!max)
		return 0;
	err = zx_stmt_get(&s, db, "web_ext_count");
	if (!err)
		err = zx_stmt_step(s);
	if (err)
		return err;
	const int64_t n = zx_col_int(s, 0);
	zx_stmt_reset(s);
	return n + more > max ? EDQUOT : 0;
}

static int order(struct zx_db *db, struct zx_res_write *w)
{
	return w->created ? licence_left(db, w->r->web, 1) : 0;
}

static void changed(struct zx_web *web, const struct zx_resource *res)
{
	zx_plan_reload(web->env.store, web->env.conf->sip_realm, res->name);
}

static int users(struct zx_db *db, int64_t id, cJSON *used_by)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_ext_users");

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	while (!(err = zx_stmt_step(s))) {
		cJSON *u = cJSON_CreateObject();
		cJSON_AddStringToObject(u, "resource", "users");
		cJSON_AddStringToObject(u, "label", zx_col_text(s, 0));
		cJSON_AddItemToArray(used_by, u);
	}
	return err == ENODATA ? 0 : err;
}

/* ---- batch add ---- */

struct batch {
	struct zx_req *r;
	struct zx_q_scope scope;
	int64_t from, count, company_id;
	int width;
	const char *caller_id, *bind_ip;
	bool record;
	char (*sealed)[256];
	cJSON *exist; /* numbers that are there already */
	const char *bad;
};

static void batch_number(const struct batch *b, int64_t i, char out[24])
{
	snprintf(out, 24, "%0*lld", b->width, (long long)(b->from + i));
}

static int batch_conflicts(struct zx_db *db, struct batch *b)
{
	char number[24];
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_ext_exists");

	for (int64_t i = 0; i < b->count && !err; i++) {
		batch_number(b, i, number);
		zx_bind_text(s, ":number", number);
		err = zx_stmt_step(s);
		zx_stmt_reset(s);
		if (!err)
			cJSON_AddItemToArray(b->exist, cJSON_CreateString(number));
		if (err == ENODATA)
			err = 0;
	}
	return err ? err : b->exist->child ? EEXIST : 0;
}

static int op_batch(struct zx_db *db, void *arg)
{
	struct batch *b = arg;
	char number[24], first[24], note[128];
	int64_t id;
	int err = licence_left(db, b->r->web, (unsigned)b->count);

	if (!err)
		err = batch_conflicts(db, b);
	for (int64_t i = 0; i < b->count && !err; i++) {
		batch_number(b, i, number);
		const struct zx_q_value v[] = {
		    {.key = "company_id", .kind = ZX_Q_VINT, .i = b->company_id},
		    {.key = "number", .kind = ZX_Q_VTEXT, .t = number},
		    {.key = "secret", .kind = ZX_Q_VTEXT, .t = b->sealed[i]},
		    {.key = "caller_id", .kind = ZX_Q_VTEXT, .t = b->caller_id},
		    {.key = "record", .kind = ZX_Q_VINT, .i = b->record},
		    {.key = "bind_ip", .kind = ZX_Q_VTEXT, .t = b->bind_ip},
		    {.key = "created", .kind = ZX_Q_VINT, .i = zx_wall_ms()},
		};
		err = zx_q_insert(db, &table, &b->scope, v, sizeof(v) / sizeof(v[0]), &id, &b->bad);
	}
	if (err)
		return err;
	batch_number(b, 0, first);
	snprintf(note, sizeof(note), "{\"from\":\"%s\",\"to\":\"%s\"}", first, number);
	return zx_audit_put(db, &(struct zx_audit){.company_id = b->r->ses.user.company_id,
						   .user_id = b->r->ses.user.id,
						   .addr = b->r->peer.addr,
						   .resource = "extensions",
						   .action = "batchAdd",
						   .after = note});
}

/* Takes the body apart; errors by key. */
static void batch_read(struct batch *b, cJSON *body, cJSON *errors, const char **strategy, const char **secret)
{
	static const char *const keys[] = {"caller_id", "bind_ip", "record", "company_id"};
	const char *from = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "from"));
	const char *to = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "to"));
	struct zx_q_value v[4] = {0};
	int64_t last = 0;

	if (!from || check_number(from) || strspn(from, "0123456789") != strlen(from) || !zx_text_int(from, &b->from))
		cJSON_AddStringToObject(errors, "from", from && *from ? "pattern" : "required");
	else if (!to || strlen(to) != strlen(from) || strspn(to, "0123456789") != strlen(to) || !zx_text_int(to, &last))
		cJSON_AddStringToObject(errors, "to", to && *to ? "pattern" : "required");
	else if (last < b->from || last - b->from >= BATCH_MAX)
		cJSON_AddStringToObject(errors, "to", "range");
	else
		b->width = (int)strlen(from);
	b->count = last - b->from + 1;
	*strategy = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "strategy"));
	*secret = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "secret"));
	if (!*strategy || (strcmp(*strategy, "given") && strcmp(*strategy, "same") && strcmp(*strategy, "random")))
		cJSON_AddStringToObject(errors, "strategy", *strategy ? "pattern" : "required");
	else if (!strcmp(*strategy, "given") && (!*secret || strlen(*secret) > 64 || check_secret(*secret)))
		cJSON_AddStringToObject(errors, "secret",
					*secret && **secret ? strlen(*secret) > 64 ? "length" : check_secret(*secret) : "required");
	for (unsigned i = 0; i < 4; i++) {
		const cJSON *js = cJSON_GetObjectItemCaseSensitive(body, keys[i]);
		const char *code = js ? zx_field_value(zx_field_find(&zx_res_extensions, keys[i]), js, &v[i]) : NULL;
		if (code)
			cJSON_AddStringToObject(errors, keys[i], code);
	}
	b->caller_id = v[0].t ? v[0].t : "";
	b->bind_ip = v[1].t ? v[1].t : "";
	b->record = v[2].key ? v[2].i : 1;
	b->company_id = v[3].kind == ZX_Q_VINT && b->scope.system ? v[3].i : b->r->ses.user.company_id;
}

static int batch_secrets(struct batch *b, const char *strategy, const char *given, cJSON *rows)
{
	char number[24], plain[SECRET_LEN + 1];
	int err = 0;

	b->sealed = calloc((size_t)b->count, sizeof(*b->sealed));
	if (!b->sealed)
		return ENOMEM;
	for (int64_t i = 0; i < b->count && !err; i++) {
		const char *secret = given;
		cJSON *row = cJSON_CreateObject();
		batch_number(b, i, number);
		cJSON_AddStringToObject(row, "number", number);
		cJSON_AddItemToArray(rows, row);
		if (!strcmp(strategy, "same"))
			secret = number;
		if (!strcmp(strategy, "random")) {
			err = zx_password_random(plain, SECRET_LEN);
			secret = plain;
			if (!err)
				cJSON_AddStringToObject(row, "secret", plain);
		}
		if (!err)
			err = zx_seal(b->r->web->env.store, b->sealed[i], sizeof(b->sealed[i]), secret);
	}
	explicit_bzero(plain, sizeof(plain));
	return err;
}

static void batch_reply(struct batch *b, int err, cJSON *rows)
{
	struct zx_req *r = b->r;
	cJSON *js = cJSON_CreateObject();

	switch (err) {
	case 0:
		changed(r->web, &zx_res_extensions);
		cJSON_AddNumberToObject(js, "created", (double)b->count);
		cJSON_AddItemToObject(js, "rows", rows);
		zx_reply_json(r, 201, js);
		return;
	case EEXIST:
		cJSON_AddItemToObject(js, "numbers", b->exist);
		b->exist = NULL;
		zx_reply_error(r, 409, "exists", NULL, js);
		break;
	case EDQUOT:
		cJSON_Delete(js);
		zx_reply_error(r, 409, "licence", NULL, NULL);
		break;
	case EINVAL:
	case EACCES:
		cJSON_AddStringToObject(js, b->bad ? b->bad : "company_id", "reference");
		zx_reply_error(r, 422, "invalid", js, NULL);
		break;
	default:
		cJSON_Delete(js);
		zx_reply_errno(r, err);
	}
	cJSON_Delete(rows);
}

static void batch_h(struct zx_req *r)
{
	struct batch b = {.r = r};
	const char *strategy, *secret;
	cJSON *errors, *rows;
	int err;

	if (zx_req_body(r))
		return;
	zx_scope_of(&b.scope, &r->ses.user);
	errors = cJSON_CreateObject();
	batch_read(&b, r->body, errors, &strategy, &secret);
	if (errors->child) {
		zx_reply_error(r, 422, "invalid", errors, NULL);
		return;
	}
	cJSON_Delete(errors);
	rows = cJSON_CreateArray();
	b.exist = cJSON_CreateArray();
	err = batch_secrets(&b, strategy, secret, rows);
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_batch, &b);
	batch_reply(&b, err, rows);
	free(b.sealed);
	cJSON_Delete(b.exist);
}

static const char *const batch_body[] = {"company_id", "from", "to", "strategy", "secret", "caller_id", "record", "bind_ip", NULL};
static const struct zx_res_route routes[] = {
    {"POST", "batch", "batchAdd", batch_h, {"批量添加", "Add a range of numbers"}, NULL, batch_body},
};

const struct zx_resource zx_res_extensions = {
    .name = "extensions",
    .title = {"分机管理", "Extensions"},
    .group = {"PBX设置", "PBX settings"},
    .group_id = "pbx",
    .icon = "pbx",
    .table = &table,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "number",
    .sort = "number",
    .can = "list add batchAdd edit copy delete export",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .prepare = prepare,
    .order = order,
    .changed = changed,
    .rows = rows_live,
    .users = users,
};
