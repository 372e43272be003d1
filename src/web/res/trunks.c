/* 中继管理. */
#include "web/res/pbx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "loop/loop.h"
#include "sip/trunk.h"

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"kind", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_WRITE, NULL},
    {"host", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    {"port", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"account", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"secret", NULL, ZX_Q_TEXT, ZX_Q_WRITE, NULL},
    {"dtmf", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_WRITE, NULL},
    {"codecs", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"caller_id", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    {"max_calls", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "trunks",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_option kinds[] = {
    {"peer", {"对接", "Peer by IP address"}, NULL},
    {"register", {"注册", "We register"}, "info"},
    {"gateway", {"网关注册", "Gateway registers to us"}, "info"},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option dtmfs[] = {
    {"auto", {"自动", "Automatic"}, NULL},
    {"rfc2833", {"rfc2833", "rfc2833"}, NULL},
    {"info", {"SIP INFO", "SIP INFO"}, NULL},
    {"inband", {"带内 (inband)", "Inband"}, NULL},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option states[] = {
    {"up", {"正常", "Up"}, "success"},
    {"unknown", {"检测中", "Being checked"}, "info"},
    {"registering", {"注册中", "Registering"}, "warning"},
    {"refused", {"注册被拒绝", "Registration refused"}, "danger"},
    {"down", {"不可达", "Not reachable"}, "danger"},
    {"none", {"未生效", "Not applied"}, "info"},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option codecs[] = {
    {"PCMA", {"alaw (G.711A)", "alaw (G.711A)"}, NULL},
    {"PCMU", {"ulaw (G.711u)", "ulaw (G.711u)"}, NULL},
    {"G729", {"g729", "g729"}, NULL},
    {"G722", {"g722", "g722"}, NULL},
    {NULL, {NULL, NULL}, NULL},
};

/* RFC 1123 labels; the last one has a letter, so that a mistyped address is no name. */
static bool is_host(const char *text)
{
	const char *last = text;
	size_t n = 0;

	if (strlen(text) > 253)
		return false;
	for (const char *p = text;; p++) {
		const char c = (char)(*p | 32);
		if (*p == '.' || !*p) {
			if (!n || n > 63 || p[-1] == '-')
				return false;
			if (!*p)
				break;
			last = p + 1;
			n = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (*p >= '0' && *p <= '9') || (*p == '-' && n)))
			return false;
		n++;
	}
	return strspn(last, "0123456789") != strlen(last);
}

static const char *check_host(const char *text)
{
	uint8_t raw[16];

	if (!*text) /* whether it may be empty depends on the kind */
		return NULL;
	if (inet_pton(AF_INET, text, raw) == 1)
		return raw[0] == 0 || raw[0] >= 224 ? "pattern" : NULL;
	if (inet_pton(AF_INET6, text, raw) == 1)
		return raw[0] == 0xff ? "pattern" : NULL;
	return is_host(text) ? NULL : "pattern";
}

static const char *check_account(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"<>;\\", *p))
			return "pattern";
	return NULL;
}

static const char *check_password(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			return "pattern";
	return NULL;
}

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"中继名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 31,
     .help_zh = "给这条线路起个名字，例如：电信 400",
     .help_en = "What to call this line, for example: Telecom 400"},
    {.key = "kind",
     .type = ZX_F_ENUM,
     .label = {"中继类型", "Kind"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .options = kinds,
     .def = "\"peer\"",
     .help_zh =
	 "对接：运营商或网关凭 IP 地址互通，不用账号；注册：用运营商给的账号密码向对方注册；网关注册：网关用下面的账号密码注册到本机",
     .help_en = "Peer: carrier or gateway is known by its address, no account; we register: with the account the carrier gave; gateway: it "
		"registers here with the account below"},
    {.key = "host",
     .type = ZX_F_TEXT,
     .label = {"中继IP", "Address"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 253,
     .check = check_host,
     .help_zh = "对方的 IP 地址（IPv4 或 IPv6）或域名；网关注册可以留空",
     .help_en = "IPv4 or IPv6 address or host name of the other side; may be empty for a gateway that registers"},
    {.key = "port",
     .type = ZX_F_INT,
     .label = {"中继端口", "Port"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .min = 1,
     .max = 65535,
     .def = "5060",
     .help_zh = "对方的 SIP 端口，一般是 5060",
     .help_en = "SIP port of the other side, mostly 5060"},
    {.key = "account",
     .type = ZX_F_TEXT,
     .label = {"注册帐号", "Account"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 64,
     .check = check_account,
     .group_zh = "注册",
     .group_en = "Registration",
     .help_zh = "注册和网关注册必填；对接留空",
     .help_en = "Needed when one side registers; empty for a peer"},
    {.key = "secret",
     .type = ZX_F_SECRET,
     .label = {"注册密码", "Password"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_WRITEONLY,
     .max = 64,
     .check = check_password,
     .help_zh = "注册和网关注册必填；修改时留空表示不变",
     .help_en = "Needed when one side registers; left empty in a change: as it was"},
    {.key = "dtmf",
     .type = ZX_F_ENUM,
     .label = {"DTMF模式", "DTMF"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .options = dtmfs,
     .def = "\"auto\"",
     .group_zh = "通话",
     .group_en = "Calls",
     .help_zh = "按键怎样传给对方。不清楚时选“自动”：能用 rfc2833 就用，否则用带内音",
     .help_en = "How key presses travel. Automatic: rfc2833 where the other side can, else as tones"},
    {.key = "codecs",
     .type = ZX_F_ORDER,
     .label = {"中继编码", "Codecs"},
     .in = ZX_IN_LIST | ZX_IN_FORM,
     .flags = ZX_FF_REQUIRED,
     .options = codecs,
     .def = "\"PCMA,PCMU,G729\"",
     .help_zh = "可用的语音编码，排在前面的优先。国内线路一般 alaw 在前；带宽不足时把 g729 放前面",
     .help_en = "What may be used, the first one preferred. alaw suits most lines; g729 first where bandwidth is scarce"},
    {.key = "caller_id",
     .type = ZX_F_NUMBER,
     .label = {"显示号码", "Shown number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 31,
     .check = zx_pbx_check_dial,
     .help_zh = "从这条中继呼出时客户看到的号码；留空则用分机的“出局显示号码”",
     .help_en = "What the called customer sees; empty: the outbound caller ID of the extension"},
    {.key = "max_calls",
     .type = ZX_F_INT,
     .label = {"最大并发", "Calls at most"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 10000,
     .def = "0",
     .help_zh = "这条线路同时最多几路通话，满了就走呼出路由里的下一条中继；0 不限制",
     .help_en = "Calls at once; when it is full the next trunk of the outbound route is taken. 0: no limit"},
    {.key = "state",
     .type = ZX_F_ENUM,
     .label = {"状态", "State"},
     .in = ZX_IN_LIST,
     .flags = ZX_FF_READONLY,
     .options = states,
     .live = "trunk"},
    {.key = "rtt_us", .type = ZX_F_INT, .label = {"延迟 (µs)", "Latency (µs)"}, .flags = ZX_FF_READONLY, .live = "trunk"},
    {.key = "scode", .type = ZX_F_INT, .label = {"最近应答码", "Last answer"}, .flags = ZX_FF_READONLY, .live = "trunk"},
    {.key = "calls", .type = ZX_F_INT, .label = {"当前通话", "Calls now"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY, .live = "trunk"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

/* ---- live state: one question to the loop for a page ---- */

struct live {
	struct zx_sip *sip;
	unsigned n;
	struct {
		int64_t id;
		bool known;
		struct zx_trunk_info info;
	} v[ZX_Q_PAGE_MAX];
};

static int ask_live(void *arg)
{
	struct live *l = arg;

	for (unsigned i = 0; i < l->n; i++) {
		const struct zx_trunk *t = zx_trunk_find(l->sip, l->v[i].id);

		l->v[i].known = t != NULL;
		if (t)
			zx_trunk_info(t, &l->v[i].info);
	}
	return 0;
}

static void row_live(cJSON *row, const struct zx_trunk_info *info)
{
	static const char *const words[] = {"unknown", "up", "registering", "refused", "down"};

	/* not applied yet: nothing is known of it */
	cJSON_AddStringToObject(row, "state", info ? words[info->state] : "none");
	if (info && info->rtt_us >= 0)
		cJSON_AddNumberToObject(row, "rtt_us", info->rtt_us);
	else
		cJSON_AddNullToObject(row, "rtt_us");
	cJSON_AddNumberToObject(row, "scode", info ? info->scode : 0);
	cJSON_AddNumberToObject(row, "calls", info ? info->calls : 0);
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
			if (l->n < ZX_Q_PAGE_MAX)
				l->v[l->n++].id = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(row, "id"));
		}
		err = zx_loop_call(ask_live, l, ZX_ASK_MS);
	}
	cJSON_ArrayForEach(row, rows)
	{
		row_live(row, !err && i < l->n && l->v[i].known ? &l->v[i].info : NULL);
		i++;
	}
	free(l);
}

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const int err = zx_pbx_prepare(w, errors);

	return err || errors->child ? err : zx_pbx_secret(w, false);
}

/* The other side of calls that come in is known by this address: two peers behind one would be one. */
static int order_host(struct zx_db *db, struct zx_res_write *w)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_trunk_same_peer");

	if (err)
		return err;
	zx_bind_text(s, ":host", zx_pbx_text(w, "host"));
	zx_bind_int(s, ":port", zx_pbx_int(w, "port"));
	zx_bind_int(s, ":id", w->created ? 0 : w->id);
	err = zx_stmt_step(s);
	if (!err) {
		zx_stmt_reset(s);
		return zx_pbx_fault(w, "host", "unique");
	}
	return err == ENODATA ? 0 : err;
}

static bool has_secret(struct zx_db *db, const struct zx_res_write *w)
{
	const struct zx_q_value *v = zx_write_value(w, "secret");
	bool has = v && *v->t;
	struct zx_stmt *s;

	if (has || w->created || zx_stmt_get(&s, db, "web_secret_of_trunks"))
		return has;
	zx_bind_int(s, ":id", w->id);
	if (!zx_stmt_step(s)) {
		has = *zx_col_text(s, 0) != '\0';
		zx_stmt_reset(s);
	}
	return has;
}

static int order(struct zx_db *db, struct zx_res_write *w)
{
	const char *kind = zx_pbx_text(w, "kind");
	const bool gateway = !strcmp(kind, "gateway"), peer = !*kind || !strcmp(kind, "peer");

	if (!gateway && !*zx_pbx_text(w, "host"))
		return zx_pbx_fault(w, "host", "required");
	if (peer)
		return order_host(db, w);
	if (!*zx_pbx_text(w, "account"))
		return zx_pbx_fault(w, "account", "required");
	return has_secret(db, w) ? 0 : zx_pbx_fault(w, "secret", "required");
}

static const struct zx_res_route routes[] = {
    {"POST",
     ":id/secret",
     "secret",
     zx_pbx_secret_h,
     {"查看注册密码", "The password, to set up a gateway; noted in the audit log"},
     NULL,
     NULL},
};

const struct zx_resource zx_res_trunks = {
    .name = "trunks",
    .title = {"中继管理", "Trunks"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "name",
    .sort = "name",
    .can = "list add edit copy delete export history secret",
    .routes = routes,
    .routec = ZX_COUNT(routes),
    .prepare = prepare,
    .order = order,
    .rows = rows_live,
};
