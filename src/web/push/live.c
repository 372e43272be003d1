#include "web/push/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crm/location.h"
#include "loop/loop.h"
#include "sip/sip.h"
#include "web/led.h"
#include "web/mask.h"
#include "web/res/res.h"

enum { LIVE_MAX = 500, LIVE_ROOM = 200, HISTORY = 10, DIAL_MAX = 32 };

static const char *const dirs[] = {[ZX_CALL_INTERNAL] = "internal", [ZX_CALL_INBOUND] = "inbound", [ZX_CALL_OUTBOUND] = "outbound"};
static const char *const states[] = {[ZX_CALL_ROUTING] = "routing",
				     [ZX_CALL_RINGING] = "ringing",
				     [ZX_CALL_TALKING] = "talking",
				     [ZX_CALL_HELD] = "held",
				     [ZX_CALL_ENDED] = "ended"};

/* ---- JSON ---- */

static void add_number(cJSON *o, const char *key, const char *number, bool hide)
{
	char text[ZX_NAME_LEN];

	if (hide && zx_looks_number(number)) {
		zx_number_mask(text, sizeof(text), number);
		number = text;
	}
	cJSON_AddStringToObject(o, key, number);
}

cJSON *zx_live_json(const struct zx_ev_call *c, unsigned hide)
{
	cJSON *o = cJSON_CreateObject();

	zx_json_add_int(o, "id", c->call_id);
	cJSON_AddStringToObject(o, "dir", dirs[c->dir]);
	cJSON_AddStringToObject(o, "state", states[c->state]);
	cJSON_AddStringToObject(o, "ext", c->ext);
	add_number(o, "from", c->from, hide & ZX_HIDE_FROM);
	add_number(o, "from_name", c->from_name, hide & ZX_HIDE_FROM);
	add_number(o, "to", c->to, hide & ZX_HIDE_TO);
	add_number(o, "peer", c->peer, hide & ZX_HIDE_PEER);
	cJSON_AddStringToObject(o, "where", c->where);
	cJSON_AddStringToObject(o, "trunk", c->trunk);
	zx_json_add_int(o, "start", c->start);
	zx_json_add_int(o, "answered", c->answered);
	zx_json_add_int(o, "ended", c->ended);
	cJSON_AddBoolToObject(o, "recording", c->recording);
	cJSON_AddNumberToObject(o, "scode", c->scode);
	return o;
}

unsigned zx_live_hide(struct zx_db *db, const struct zx_ev_call *c)
{
	return (zx_is_extension(db, c->from) ? 0 : ZX_HIDE_FROM) | (zx_is_extension(db, c->to) ? 0 : ZX_HIDE_TO) |
	       (zx_is_extension(db, c->peer) ? 0 : ZX_HIDE_PEER);
}

/* A row of web_call or web_history. */
static cJSON *record_json(struct zx_db *db, struct zx_stmt *s, bool mask)
{
	static const struct {
		const char *key;
		bool text, number;
	} cols[] = {{"id", false, false},        {"company_id", false, false}, {"start", false, false},     {"ended", false, false},
		    {"ring", false, false},      {"talk", false, false},       {"direction", true, false},  {"caller", true, true},
		    {"caller_name", true, true}, {"callee", true, true},       {"caller_ext", true, false}, {"callee_ext", true, false},
		    {"trunk", true, false},      {"state", true, false},       {"scode", false, false}};
	cJSON *o = cJSON_CreateObject();

	for (int i = 0; i < (int)(sizeof(cols) / sizeof(cols[0])); i++) {
		if (!cols[i].text)
			zx_json_add_int(o, cols[i].key, zx_col_int(s, i));
		else
			add_number(o, cols[i].key, zx_col_text(s, i), mask && cols[i].number && !zx_is_extension(db, zx_col_text(s, i)));
	}
	return o;
}

cJSON *zx_live_history(struct zx_db *db, int64_t company_id, const char *number, int64_t id, bool mask)
{
	cJSON *list = cJSON_CreateArray();
	struct zx_stmt *s;

	if (!*number || zx_stmt_get(&s, db, "web_history"))
		return list;
	zx_bind_text(s, ":number", number);
	zx_bind_int(s, ":company_id", company_id);
	zx_bind_int(s, ":id", id);
	zx_bind_int(s, ":max", HISTORY);
	while (!zx_stmt_step(s))
		cJSON_AddItemToArray(list, record_json(db, s, mask));
	zx_stmt_reset(s);
	return list;
}

void zx_live_location(cJSON *js, const char *number)
{
	struct zx_location l;
	cJSON *o;

	if (!zx_location_find(number, &l))
		return;
	o = cJSON_AddObjectToObject(js, "location");
	cJSON_AddStringToObject(o, "province", l.province);
	cJSON_AddStringToObject(o, "city", l.city);
	cJSON_AddStringToObject(o, "carrier", l.carrier);
}

/* ---- calls of now ---- */

struct live_list {
	int64_t company_id;
	unsigned n, max;
	struct zx_ev_call *v;
};

static int ask_list(void *arg)
{
	struct live_list *l = arg;

	l->n = zx_call_list(l->company_id, l->v, l->max);
	return 0;
}

/* All of them: their number may grow between two questions. */
static int live_all(struct live_list *l)
{
	int err = 0;

	for (l->max = LIVE_ROOM; !err; l->max = l->n + LIVE_ROOM) {
		free(l->v);
		l->v = malloc(l->max * sizeof(*l->v));
		err = l->v ? zx_loop_call(ask_list, l, ZX_ASK_MS) : ENOMEM;
		if (!err && l->n <= l->max)
			return 0;
	}
	return err;
}

static bool seen(const struct zx_led *led, const struct zx_user *u, const struct zx_ev_call *c)
{
	const char *const exts[] = {c->ext, c->from, c->to};

	return (u->scope == ZX_SCOPE_SYSTEM || c->company_id == u->company_id) && zx_led_sees(led, u, exts, 3);
}

void zx_live_list_h(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	struct live_list l = {.company_id = u->scope == ZX_SCOPE_SYSTEM ? 0 : u->company_id};
	struct zx_led led;
	unsigned total = 0;
	int err = zx_led_load(&led, r->db, u);

	if (!err)
		err = live_all(&l);
	if (err) {
		zx_reply_errno(r, err);
	} else {
		cJSON *js = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(js, "rows");
		for (unsigned i = 0; i < l.n; i++)
			if (seen(&led, u, &l.v[i]) && total++ < LIVE_MAX)
				cJSON_AddItemToArray(rows, zx_live_json(&l.v[i], u->mask ? zx_live_hide(r->db, &l.v[i]) : 0));
		cJSON_AddNumberToObject(js, "total", total);
		zx_reply_json(r, 200, js);
	}
	zx_led_free(&led);
	free(l.v);
}

struct live_order {
	const char *ext, *number;
	bool on;
};

struct live_hangup {
	int64_t id;
	const struct zx_user *user;
	struct zx_led led;
};

static int order_hangup_call(void *arg)
{
	const struct live_hangup *o = arg;
	struct zx_ev_call c;
	const int err = zx_call_info(o->id, &c);

	if (err || !seen(&o->led, o->user, &c))
		return err ? err : ENOENT;
	return zx_call_order_hangup(o->id, 0);
}

void zx_live_hangup_h(struct zx_req *r)
{
	struct live_hangup o = {.id = r->id, .user = &r->ses.user};
	int err = zx_led_load(&o.led, r->db, o.user);

	if (!err)
		err = zx_loop_call(order_hangup_call, &o, ZX_ASK_MS);
	zx_led_free(&o.led);
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_empty(r, 204);
}

/* ---- one's own phone ---- */

struct live_phone {
	struct zx_sip *sip;
	const char *ext;
	bool online;
	struct zx_ev_call call;
};

static int ask_phone(void *arg)
{
	struct live_phone *p = arg;

	p->online = p->sip && zx_reg_online(p->sip, p->ext);
	zx_call_ext_state(p->ext, &p->call);
	return 0;
}

static bool phone_of(struct zx_req *r)
{
	if (r->ses.user.ext[0])
		return true;
	zx_reply_error(r, 409, "no_phone", NULL, NULL);
	return false;
}

void zx_phone_get_h(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	struct live_phone p = {.sip = r->web->env.sip, .ext = u->ext, .call.state = ZX_CALL_ENDED};
	const int err = u->ext[0] ? zx_loop_call(ask_phone, &p, ZX_ASK_MS) : 0;

	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	const bool busy = p.call.state != ZX_CALL_ENDED;
	cJSON *js = cJSON_CreateObject();
	cJSON_AddStringToObject(js, "extension", u->ext);
	cJSON_AddBoolToObject(js, "online", p.online);
	cJSON_AddStringToObject(js, "state", busy ? states[p.call.state] : "idle");
	cJSON_AddItemToObject(js, "call", busy ? zx_live_json(&p.call, u->mask ? zx_live_hide(r->db, &p.call) : 0) : cJSON_CreateNull());
	zx_reply_json(r, 200, js);
}

static void reply_order(struct zx_req *r, int err)
{
	switch (err) {
	case 0:
		zx_reply_empty(r, 204);
		break;
	case ENOENT:
		zx_reply_error(r, 409, "no_call", NULL, NULL);
		break;
	case EHOSTUNREACH:
		zx_reply_error(r, 409, "not_registered", NULL, NULL);
		break;
	case EBUSY:
		zx_reply_error(r, 409, "busy", NULL, NULL);
		break;
	case EPROTO:
		zx_reply_error(r, 409, "wrong_state", NULL, NULL);
		break;
	default:
		zx_reply_errno(r, err);
	}
}

static bool number_of(struct zx_req *r, char out[DIAL_MAX + 1])
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "number"));
	const size_t n = text ? strlen(text) : 0;

	if (n && n <= DIAL_MAX && strspn(text + (*text == '+'), "0123456789*#") == n - (*text == '+') && n > (size_t)(*text == '+')) {
		memcpy(out, text, n + 1);
		return true;
	}
	cJSON *fields = cJSON_CreateObject();
	cJSON_AddStringToObject(fields, "number", n ? n > DIAL_MAX ? "length" : "pattern" : "required");
	zx_reply_error(r, 422, "invalid", fields, NULL);
	return false;
}

static int no_row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	(void)s;
	(void)cols;
	(void)n;
	(void)arg;
	return 0;
}

/* The record of a call that the user may see: as the list of calls has it; without that list only own ones. Borrowed: reset it. */
static struct zx_stmt *call_row(struct zx_req *r, int64_t id)
{
	struct zx_user u = r->ses.user;
	struct zx_q_scope scope;
	struct zx_stmt *s;

	if (!zx_rights_have(u.rights, "calls:list"))
		u.scope = ZX_SCOPE_OWN;
	zx_scope_of(&scope, &u);
	if (zx_q_get(r->db, zx_res_calls.table, &scope, id, no_row, NULL) || zx_stmt_get(&s, r->db, "web_call"))
		return NULL;
	zx_bind_int(s, ":id", id);
	if (!zx_stmt_step(s))
		return s;
	zx_stmt_reset(s);
	return NULL;
}

/* The customer of a call record: for those who dial without seeing the number (SPEC 1.5). */
static bool number_of_call(struct zx_req *r, int64_t id, char out[DIAL_MAX + 1])
{
	struct zx_stmt *s = call_row(r, id);

	out[0] = '\0';
	if (s) {
		const bool called = *zx_col_text(s, 10) && strcmp(zx_col_text(s, 11), r->ses.user.ext) != 0;
		if (zx_strcpy(out, DIAL_MAX + 1, zx_col_text(s, called ? 9 : 7)))
			out[0] = '\0';
		zx_stmt_reset(s);
	}
	if (!*out)
		zx_reply_error(r, 404, "not_found", NULL, NULL);
	return *out;
}

struct live_dial {
	const char *ext, *number;
	int64_t call_id;
};

static int order_dial(void *arg)
{
	struct live_dial *d = arg;

	return zx_call_order_dial(d->ext, d->number, &d->call_id);
}

void zx_phone_dial_h(struct zx_req *r)
{
	char number[DIAL_MAX + 1];
	struct live_dial d = {.ext = r->ses.user.ext, .number = number};
	const cJSON *call;

	if (!phone_of(r) || zx_req_body(r))
		return;
	call = cJSON_GetObjectItemCaseSensitive(r->body, "call");
	if (cJSON_IsNumber(call) && call->valuedouble > 0 && call->valuedouble < 9e15
		? !number_of_call(r, (int64_t)call->valuedouble, number)
		: !number_of(r, number))
		return;
	const int err = zx_loop_call(order_dial, &d, ZX_ASK_MS);
	if (err) {
		reply_order(r, err);
		return;
	}
	cJSON *js = cJSON_CreateObject();
	zx_json_add_int(js, "call_id", d.call_id);
	zx_reply_json(r, 202, js);
}

static int order_hold(void *arg)
{
	const struct live_order *o = arg;

	return zx_call_order_hold(o->ext, o->on);
}

void zx_phone_hold_h(struct zx_req *r)
{
	struct live_order o = {.ext = r->ses.user.ext};

	if (!phone_of(r) || zx_req_body(r))
		return;
	const cJSON *on = cJSON_GetObjectItemCaseSensitive(r->body, "on");
	if (!cJSON_IsBool(on)) {
		cJSON *fields = cJSON_CreateObject();
		cJSON_AddStringToObject(fields, "on", on ? "pattern" : "required");
		zx_reply_error(r, 422, "invalid", fields, NULL);
		return;
	}
	o.on = cJSON_IsTrue(on);
	reply_order(r, zx_loop_call(order_hold, &o, ZX_ASK_MS));
}

static int order_transfer(void *arg)
{
	const struct live_order *o = arg;

	return zx_call_order_transfer(o->ext, o->number);
}

void zx_phone_transfer_h(struct zx_req *r)
{
	char number[DIAL_MAX + 1];
	struct live_order o = {.ext = r->ses.user.ext, .number = number};

	if (phone_of(r) && !zx_req_body(r) && number_of(r, number))
		reply_order(r, zx_loop_call(order_transfer, &o, ZX_ASK_MS));
}

static int order_hangup(void *arg)
{
	const struct live_order *o = arg;

	return zx_call_order_hangup_ext(o->ext);
}

void zx_phone_hangup_h(struct zx_req *r)
{
	struct live_order o = {.ext = r->ses.user.ext};

	if (phone_of(r))
		reply_order(r, zx_loop_call(order_hangup, &o, ZX_ASK_MS));
}

/* ---- the pop, for a reload ---- */

void zx_pop_h(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	struct live_phone p = {.sip = r->web->env.sip, .ext = u->ext, .call.state = ZX_CALL_ENDED};
	char number[ZX_NUM_LEN] = "";
	int64_t company_id = u->company_id;
	cJSON *call = NULL;
	struct zx_stmt *s;

	if (u->ext[0] && !zx_loop_call(ask_phone, &p, ZX_ASK_MS) && p.call.state != ZX_CALL_ENDED && p.call.call_id == r->id) {
		call = zx_live_json(&p.call, u->mask ? zx_live_hide(r->db, &p.call) : 0);
		zx_strcpy(number, sizeof(number), p.call.peer);
	} else if ((s = call_row(r, r->id))) {
		const bool caller = u->ext[0] && !strcmp(zx_col_text(s, 10), u->ext);
		company_id = zx_col_int(s, 1);
		zx_strcpy(number, sizeof(number), zx_col_text(s, caller ? 9 : 7));
		call = record_json(r->db, s, u->mask);
		zx_stmt_reset(s);
	}
	if (!call) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	cJSON *js = cJSON_CreateObject();
	cJSON_AddItemToObject(js, "call", call);
	cJSON_AddItemToObject(js, "history", zx_live_history(r->db, company_id, number, r->id, u->mask));
	zx_live_location(js, number);
	zx_reply_json(r, 200, js);
}
