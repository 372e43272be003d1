/* The set-up checklist (SPEC 8.7): every step asks the real state whether it is done. */
#include "web/sys/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/config.h"
#include "web/sys/sys_priv.h"

enum { /* columns of setup_counts */
       NAME,
       AREA,
       DEPARTMENTS,
       EXTENSIONS,
       PHONES,
       QUEUES,
       QUEUES_EMPTY,
       PROMPTS,
       IVRS,
       TRUNKS,
       INBOUND,
       OUTBOUND,
       USERS,
       USERS_BOUND,
       APPLIED,
       CALLS,
       COLUMNS,
};

struct state {
	char name[256], area[16];
	int64_t n[COLUMNS];
	unsigned unapplied;
};

struct step {
	const char *id, *page;
	bool optional;
	struct zx_text title, todo; /* todo: why it is not done */
};

static const struct step steps[] = {
    {"company",
     "companies",
     false,
     {"公司名称", "Company name"},
     {"公司还是安装时的名称", "The company still has the name it was installed with"}},
    {"area", "locations", true, {"本地区号", "Local area code"}, {"还没有设置本地区号", "The local area code is not set"}},
    {"department", "departments", false, {"部门", "Department"}, {"还没有部门", "There is no department"}},
    {"extensions", "extensions", false, {"分机", "Extensions"}, {"还没有分机", "There is no extension"}},
    {"phone", "help", false, {"话机注册", "A phone registers"}, {"还没有话机注册", "No phone is registered"}},
    {"queue", "queues", false, {"队列", "Queue"}, {"还没有有成员的队列", "There is no queue with members"}},
    {"prompt", "prompts", true, {"提示语音", "Prompts"}, {"还没有上传提示语音", "No prompt was uploaded"}},
    {"ivr", "ivrs", true, {"语音导航", "IVR"}, {"还没有语音导航", "There is no IVR"}},
    {"trunk", "trunks", false, {"中继", "Trunk"}, {"还没有中继，只能内部通话", "There is no trunk: calls stay inside"}},
    {"inbound", "inbound_routes", false, {"呼入管理", "Inbound route"}, {"外线来电还没有去处", "Calls from outside lead nowhere"}},
    {"outbound", "outbound_routes", false, {"呼出管理", "Outbound route"}, {"还不能呼出外线", "Nobody can call outside numbers"}},
    {"apply", "config", false, {"更新配置", "Apply"}, {"有配置没有生效", "Some changes are not applied"}},
    {"users", "users", false, {"用户", "Users"}, {"还没有绑定分机的用户", "No user has an extension"}},
    {"call", "calls", false, {"第一通电话", "First call"}, {"还没有接通过电话", "No call was answered yet"}},
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static int state_read(struct zx_req *r, int64_t company, struct state *st)
{
	struct zx_stmt *s;
	int err;

	memset(st, 0, sizeof(*st));
	zx_db_begin_read(r->db, ZX_READ_MS);
	err = zx_stmt_get(&s, r->db, "setup_counts");
	if (!err) {
		zx_bind_int(s, ":company", company);
		zx_bind_int(s, ":now", zx_wall_ms());
		err = zx_stmt_step(s);
	}
	if (!err) {
		snprintf(st->name, sizeof(st->name), "%s", zx_col_text(s, NAME));
		snprintf(st->area, sizeof(st->area), "%s", zx_col_text(s, AREA));
		for (int i = DEPARTMENTS; i < COLUMNS; i++)
			st->n[i] = zx_col_int(s, i);
		zx_stmt_reset(s);
		err = zx_config_unapplied(r->db, company, &st->unapplied);
	}
	zx_db_end_read(r->db);
	return err == ENODATA ? ENOENT : err;
}

static bool step_done(const struct state *st, unsigned i)
{
	const char *id = steps[i].id;
	const struct {
		const char *id;
		bool done;
	} v[] = {
	    {"company", strcmp(st->name, "默认公司") != 0},
	    {"area", *st->area},
	    {"department", st->n[DEPARTMENTS] > 0},
	    {"extensions", st->n[EXTENSIONS] > 0},
	    {"phone", st->n[PHONES] > 0},
	    {"queue", st->n[QUEUES] > st->n[QUEUES_EMPTY]},
	    {"prompt", st->n[PROMPTS] > 0},
	    {"ivr", st->n[IVRS] > 0},
	    {"trunk", st->n[TRUNKS] > 0},
	    {"inbound", st->n[INBOUND] > 0},
	    {"outbound", st->n[OUTBOUND] > 0},
	    {"apply", st->n[APPLIED] && !st->unapplied},
	    {"users", st->n[USERS_BOUND] > 0},
	    {"call", st->n[CALLS] > 0},
	};

	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++)
		if (!strcmp(v[k].id, id))
			return v[k].done;
	return false;
}

/* What there is, in words: a number and its unit. */
static void detail_add(cJSON *o, const struct state *st, unsigned i, bool done)
{
	static const struct {
		const char *id;
		int col;
		struct zx_text unit;
	} counts[] = {
	    {"department", DEPARTMENTS, {"%lld 个部门", "%lld departments"}},
	    {"extensions", EXTENSIONS, {"%lld 个分机", "%lld extensions"}},
	    {"phone", PHONES, {"%lld 部话机在线", "%lld phones registered"}},
	    {"queue", QUEUES, {"%lld 个队列", "%lld queues"}},
	    {"prompt", PROMPTS, {"%lld 个提示语音", "%lld prompts"}},
	    {"ivr", IVRS, {"%lld 个语音导航", "%lld IVRs"}},
	    {"trunk", TRUNKS, {"%lld 条中继", "%lld trunks"}},
	    {"inbound", INBOUND, {"%lld 条呼入规则", "%lld inbound routes"}},
	    {"outbound", OUTBOUND, {"%lld 条呼出规则", "%lld outbound routes"}},
	    {"users", USERS_BOUND, {"%lld 个用户绑定了分机", "%lld users with an extension"}},
	};
	char zh[256], en[256];
	struct zx_text text = steps[i].todo;

	if (!strcmp(steps[i].id, "apply") && st->unapplied) {
		snprintf(zh, sizeof(zh), "%u 处修改没有生效", st->unapplied);
		snprintf(en, sizeof(en), "%u changes are not applied", st->unapplied);
		text = (struct zx_text){zh, en};
	} else if (done) {
		text = (struct zx_text){"已完成", "Done"};
		if (!strcmp(steps[i].id, "company"))
			text = (struct zx_text){st->name, st->name};
		if (!strcmp(steps[i].id, "area"))
			text = (struct zx_text){st->area, st->area};
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			if (strcmp(counts[k].id, steps[i].id))
				continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* from the table above */
			snprintf(zh, sizeof(zh), counts[k].unit.zh, (long long)st->n[counts[k].col]);
			snprintf(en, sizeof(en), counts[k].unit.en, (long long)st->n[counts[k].col]);
#pragma GCC diagnostic pop
			text = (struct zx_text){zh, en};
		}
	}
	cJSON_AddItemToObject(o, "detail", zx_text_json(&text));
}

static void dismissed_name(char *out, size_t len, int64_t company)
{
	snprintf(out, len, "setup.dismissed.%lld", (long long)company);
}

void zx_setup_h(struct zx_req *r)
{
	char name[64], value[8];
	int64_t company;
	struct state st;
	cJSON *js, *list;
	bool all = true;
	int err;

	if (!zx_sys_company(r, &company))
		return;
	err = state_read(r, company, &st);
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	js = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(js, "steps");
	for (unsigned i = 0; i < STEPS; i++) {
		const bool done = step_done(&st, i);
		cJSON *o = cJSON_CreateObject();

		all = all && (done || steps[i].optional);
		cJSON_AddStringToObject(o, "id", steps[i].id);
		cJSON_AddItemToObject(o, "title", zx_text_json(&steps[i].title));
		cJSON_AddBoolToObject(o, "done", done);
		detail_add(o, &st, i, done);
		cJSON_AddBoolToObject(o, "optional", steps[i].optional);
		cJSON_AddStringToObject(o, "page", steps[i].page);
		cJSON_AddItemToArray(list, o);
	}
	dismissed_name(name, sizeof(name), company);
	zx_json_add_int(js, "company_id", company);
	cJSON_AddBoolToObject(js, "done", all);
	cJSON_AddBoolToObject(js, "dismissed", zx_sys_setting(r->db, name, value, sizeof(value)) && *value == '1');
	cJSON_AddBoolToObject(js, "quick", !st.n[EXTENSIONS] && !st.n[QUEUES]);
	zx_reply_json(r, 200, js);
}

const char *const zx_setup_dismiss_body[] = {"on", "company_id", NULL};

void zx_setup_dismiss_h(struct zx_req *r)
{
	const cJSON *on;
	int64_t company;
	char name[64];
	int err;

	if (zx_req_body(r) || !zx_sys_company(r, &company))
		return;
	on = cJSON_GetObjectItemCaseSensitive(r->body, "on");
	if (on && !cJSON_IsBool(on)) {
		zx_sys_field_error(r, "on", "pattern");
		return;
	}
	dismissed_name(name, sizeof(name), company);
	err = zx_sys_setting_put(r->web->env.store, name, !on || cJSON_IsTrue(on) ? "1" : "0");
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_empty(r, 204);
}
