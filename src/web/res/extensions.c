/* 分机管理. Secrets are sealed at rest, shown once when the server made them, never again. */
#include "web/res/pbx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "loop/loop.h"
#include "sip/sip.h"
#include "store/audit.h"
#include "store/password.h"
#include "web/sys/config.h"

enum { SECRET_LEN = 16, BATCH_MAX = 5000 };

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"number", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"secret", NULL, ZX_Q_TEXT, ZX_Q_WRITE, NULL},
    {"caller_id", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"record", NULL, ZX_Q_BOOL, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_WRITE, NULL},
    {"out_calls", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"out_hour", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"bind_ip", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    /* as last written by the registrar: near enough to filter by; lists show the live state */
    {"reg",
     "(CASE WHEN EXISTS (SELECT 1 FROM bindings b WHERE b.ext = t.number AND b.expires > strftime('%s', 'now') * 1000) THEN 'on' ELSE "
     "'off' END)",
     ZX_Q_TEXT, ZX_Q_EQ, NULL},
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "extensions",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .own = "t.number = :own",
    .dept = "t.number IN (SELECT number FROM led_extensions WHERE leader = :user)",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_option regs[] = {
    {"on", {"在线", "Online"}, "success"},
    {"off", {"离线", "Offline"}, "info"},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "number",
     .type = ZX_F_DIGITS,
     .label = {"分机号码", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .pattern = "^[0-9]{3,8}$",
     .check = zx_pbx_check_number,
     .help_zh = "3 到 8 位数字，话机用它注册，同事拨打它找到您；不能与队列、语音导航、会议的号码重复",
     .help_en = "3 to 8 digits; phones register with it, colleagues dial it. No queue, IVR menu or conference may have the same"},
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 40,
     .help_zh = "使用者或位置，例如：前台",
     .help_en = "Whose it is or where it stands, for example: Reception"},
    {.key = "secret",
     .type = ZX_F_SECRET,
     .label = {"分机密码", "Password"},
     .in = ZX_IN_FORM | ZX_IN_CSV,
     .flags = ZX_FF_WRITEONLY | ZX_FF_GENERATE,
     .min = 8,
     .max = 64,
     .check = zx_pbx_check_secret,
     .help_zh = "话机注册用的密码，至少 8 位；新建时留空自动生成，修改时留空不变",
     .help_en = "What the phone registers with, 8 characters or more; left empty one is made for a new extension, and an old one stays"},
    {.key = "caller_id",
     .type = ZX_F_NUMBER,
     .label = {"出局显示号码", "Outbound caller ID"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 31,
     .pattern = "^[+]?[0-9*#]*$",
     .check = zx_pbx_check_dial,
     .help_zh = "此分机呼出时客户看到的号码；中继设置了“显示号码”时以中继为准",
     .help_en = "What customers see when this extension calls; a trunk's own shown number comes before it"},
    {.key = "record",
     .type = ZX_F_BOOL,
     .label = {"录音功能", "Recording"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .def = "true",
     .help_zh = "打开后，此分机的每次通话都录音",
     .help_en = "Every call of this extension is recorded"},
    {.key = "bind_ip",
     .type = ZX_F_CIDR,
     .label = {"绑定IP", "Bound IP"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 50,
     .help_zh = "只允许从这个地址或网段注册和呼叫，例如 192.168.1.20 或 192.168.1.0/24；留空不限制",
     .help_en =
	 "Registration and calls only from this address or network, for example 192.168.1.20 or 192.168.1.0/24; empty: from anywhere"},
    {.key = "out_calls",
     .type = ZX_F_INT,
     .label = {"外线并发", "Outside calls at once"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .max = 100,
     .def = "2",
     .group_zh = "防盗打",
     .group_en = "Toll fraud",
     .help_zh = "此分机同时最多几路外线呼出；0 不限制",
     .help_en = "Outside calls of this extension at a time; 0: no limit"},
    {.key = "out_hour",
     .type = ZX_F_INT,
     .label = {"外线每小时", "Outside calls an hour"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .max = 10000,
     .def = "120",
     .help_zh = "此分机一小时内最多呼出几次外线，防止密码泄露后被盗打；0 不限制",
     .help_en = "Outside calls of this extension within an hour, so that a stolen password costs little; 0: no limit"},
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
	const int err = zx_pbx_prepare(w, errors);

	return err || errors->child ? err : zx_pbx_secret(w, w->created);
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
	const int err = w->created ? licence_left(db, w->r->web, 1) : 0;

	return err ? err : zx_pbx_order_number(db, w);
}

static void licence_h(struct zx_req *r)
{
	struct zx_stmt *s;
	cJSON *js;
	int err = zx_stmt_get(&s, r->db, "web_ext_count");

	if (!err)
		err = zx_stmt_step(s);
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	js = cJSON_CreateObject();
	zx_json_add_int(js, "used", zx_col_int(s, 0));
	zx_stmt_reset(s);
	if (r->web->env.conf->licence_extensions)
		zx_json_add_int(js, "max", r->web->env.conf->licence_extensions);
	else
		cJSON_AddNullToObject(js, "max"); /* as many as one likes */
	zx_json_add_int(js, "sip_port", r->web->env.conf->sip_port);
	zx_reply_json(r, 200, js);
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
	cJSON *taken; /* [{number, resource}]: what has them */
	const char *bad;
};

static void batch_number(const struct batch *b, int64_t i, char out[24])
{
	snprintf(out, 24, "%0*lld", b->width, (long long)(b->from + i));
}

static int batch_conflicts(struct zx_db *db, struct batch *b)
{
	char number[24], by[32];
	int err = 0;

	for (int64_t i = 0; i < b->count && !err; i++) {
		batch_number(b, i, number);
		err = zx_pbx_number_taken(db, number, "extensions", 0, by, sizeof(by));
		if (err || !by[0])
			continue;
		cJSON *e = cJSON_CreateObject();
		cJSON_AddStringToObject(e, "number", number);
		cJSON_AddStringToObject(e, "resource", by);
		cJSON_AddItemToArray(b->taken, e);
		cJSON_AddItemToArray(b->exist, cJSON_CreateString(number));
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
	return zx_audit_put(db, &(struct zx_audit){.company_id = b->company_id,
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

	if (!from || zx_pbx_check_number(from) || strspn(from, "0123456789") != strlen(from) || !zx_text_int(from, &b->from))
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
	else if (!strcmp(*strategy, "given") && (!*secret || strlen(*secret) > 64 || zx_pbx_check_secret(*secret)))
		cJSON_AddStringToObject(errors, "secret",
					*secret && **secret ? strlen(*secret) > 64 ? "length" : zx_pbx_check_secret(*secret) : "required");
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
		zx_write_done(r->web, &zx_res_extensions, &b->company_id, 1);
		cJSON_AddNumberToObject(js, "created", (double)b->count);
		cJSON_AddItemToObject(js, "rows", rows);
		zx_reply_json(r, 201, js);
		return;
	case EEXIST:
		cJSON_AddItemToObject(js, "numbers", b->exist);
		cJSON_AddItemToObject(js, "taken", b->taken);
		b->exist = b->taken = NULL;
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
	b.taken = cJSON_CreateArray();
	err = batch_secrets(&b, strategy, secret, rows);
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_batch, &b);
	batch_reply(&b, err, rows);
	free(b.sealed);
	cJSON_Delete(b.exist);
	cJSON_Delete(b.taken);
}

static const char *const batch_body[] = {"company_id", "from", "to", "strategy", "secret", "caller_id", "record", "bind_ip", NULL};
static const struct zx_res_route routes[] = {
    {"POST", "batch", "batchAdd", batch_h, {"批量添加", "Add a range of numbers"}, NULL, batch_body},
    {"GET", "licence", "list", licence_h, {"授权分机数", "Extensions used and allowed (max null: no limit), SIP port"}, NULL, NULL},
    {"POST",
     ":id/secret",
     "secret",
     zx_pbx_secret_h,
     {"查看密码", "The password, to configure a phone; noted in the audit log"},
     NULL,
     NULL},
};

const struct zx_resource zx_res_extensions = {
    .name = "extensions",
    .title = {"分机管理", "Extensions"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "number",
    .sort = "number",
    .can = "list add batchAdd edit copy delete import export history secret",
    .routes = routes,
    .routec = ZX_COUNT(routes),
    .prepare = prepare,
    .order = order,
    .rows = rows_live,
};
