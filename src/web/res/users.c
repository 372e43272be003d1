/* 用户管理. Passwords are hashed and never shown; a made one is shown once. */
#include "web/res/res.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "plan/plan.h"
#include "store/audit.h"
#include "store/password.h"
#include "web/power.h"
#include "web/push/push.h"
#include "web/session.h"

enum { PASSWORD = 12 };

static const struct zx_q_col extension_cols[] = {{"id", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL}};
static const struct zx_q_table extensions = {.name = "extensions", .company = "t.company_id", .cols = extension_cols, .colc = 1};

#define FIND (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ)
#define LABEL "coalesce(e.number || ' ', '') || CASE t.name WHEN '' THEN t.login ELSE t.name END"

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, FIND, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_INSERT, &zx_table_companies},
    {"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"label", LABEL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_CONTAINS, NULL},
    {"login", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"password", NULL, ZX_Q_TEXT, ZX_Q_INSERT, NULL},
    {"must_change", NULL, ZX_Q_BOOL, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_INSERT, NULL},
    {"name", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"extension_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL | ZX_Q_WRITE, &extensions},
    {"extension_id_label", "e.number", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK, NULL},
    {"department_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL | ZX_Q_WRITE, &zx_table_departments},
    {"department_id_label", "d.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK, NULL},
    {"mobile", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"role_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_WRITE, &zx_table_roles},
    {"role_id_label", "r.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"state", "CASE t.active WHEN 1 THEN 'active' ELSE 'locked' END", ZX_Q_TEXT, FIND, NULL},
    {"pop", NULL, ZX_Q_BOOL, FIND | ZX_Q_WRITE, NULL},
    {"pop_busy", NULL, ZX_Q_BOOL, FIND | ZX_Q_WRITE, NULL},
    {"mask_numbers", NULL, ZX_Q_BOOL, FIND | ZX_Q_WRITE, NULL},
    {"two_factor", "t.totp LIKE '1.%'", ZX_Q_BOOL, FIND, NULL},
    {"seen", "(SELECT max(s.seen) FROM sessions s WHERE s.user_id = t.id)", ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

const struct zx_q_table zx_table_users = {
    .name = "users",
    .joins = "JOIN companies c ON c.id = t.company_id JOIN roles r ON r.id = t.role_id LEFT JOIN extensions e ON e.id = t.extension_id "
	     "LEFT JOIN departments d ON d.id = t.department_id",
    .company = "t.company_id",
    .own = "t.id = :user",
    .dept = "t.department_id IN (SELECT department_id FROM department_leaders WHERE user_id = :user)",
    .rev = "rev",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_option states[] = {
    {"active", {"正常", "Active"}, "success"},
    {"locked", {"锁定", "Locked"}, "danger"},
    {NULL, {NULL, NULL}, NULL},
};

static const char *check_login(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p <= ' ' || *p == 0x7f)
			return "pattern";
	return NULL;
}

static const struct zx_field fields[] = {
    {.key = "company_id",
     .type = ZX_F_REF,
     .label = {"公司名称", "Company"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_SYSTEM | ZX_FF_CREATE,
     .ref = "companies"},
    {.key = "login",
     .type = ZX_F_TEXT,
     .label = {"用户名称", "Login"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .min = 2,
     .max = 32,
     .pattern = "^\\S{2,32}$",
     .check = check_login},
    {.key = "password",
     .type = ZX_F_SECRET,
     .label = {"登录密码", "Password"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_WRITEONLY | ZX_FF_GENERATE | ZX_FF_CREATE,
     .min = 8,
     .max = 64,
     .help_zh = "留空则自动生成，首次登录须修改",
     .help_en = "Left empty, one is made; it has to be changed at the first login"},
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"真实名称", "Real name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 40},
    {.key = "extension_id",
     .type = ZX_F_REF,
     .label = {"绑定分机", "Extension"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_UNIQUE,
     .ref = "extensions"},
    {.key = "department_id",
     .type = ZX_F_REF,
     .label = {"所属部门", "Department"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "departments"},
    {.key = "mobile",
     .type = ZX_F_NUMBER,
     .label = {"手机号码", "Mobile"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 20,
     .pattern = "^[+]?[0-9*#]*$"},
    {.key = "role_id",
     .type = ZX_F_REF,
     .label = {"角色", "Role"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .ref = "roles"},
    {.key = "state",
     .type = ZX_F_ENUM,
     .label = {"帐号状态", "Account"},
     .in = ZX_IN_LIST | ZX_IN_ADV,
     .flags = ZX_FF_READONLY,
     .options = states},
    {.key = "pop", .type = ZX_F_BOOL, .label = {"弹屏", "Screen pop"}, .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV, .def = "true"},
    {.key = "pop_busy",
     .type = ZX_F_BOOL,
     .label = {"弹屏示忙", "Busy during pop"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .def = "false",
     .help_zh = "弹屏打开期间自动示忙",
     .help_en = "No further calls while a pop is open"},
    {.key = "mask_numbers",
     .type = ZX_F_BOOL,
     .label = {"号码隐藏", "Hide numbers"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .def = "false",
     .help_zh = "客户号码只显示前 4 位和后 3 位",
     .help_en = "Customers' numbers show their first 4 and last 3 digits only"},
    {.key = "two_factor", .type = ZX_F_BOOL, .label = {"两步验证", "Two-factor"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "must_change", .type = ZX_F_BOOL, .label = {"须改密码", "Must change password"}, .in = ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "seen", .type = ZX_F_DATETIME, .label = {"最近在线", "Last seen"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    {.key = "created", .type = ZX_F_DATETIME, .label = {"添加时间", "Added"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
};

/* ---- changes ---- */

static int prepare_password(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_q_value *given = zx_write_value(w, "password"), *login = zx_write_value(w, "login");
	char plain[PASSWORD + 1], hash[ZX_PASSWORD_HASH_LEN];
	int err = 0;

	if (!given && w->many) { /* nobody would ever see it */
		cJSON_AddStringToObject(errors, "password", "required");
		return 0;
	}
	if (given && zx_password_weak(given->t, login && login->t ? login->t : "")) {
		cJSON_AddStringToObject(errors, "password", "weak");
		return 0;
	}
	if (!given) {
		err = zx_password_random(plain, PASSWORD);
		if (err)
			return err;
		w->once = cJSON_CreateObject();
		cJSON_AddStringToObject(w->once, "password", plain);
	}
	err = zx_password_hash(hash, sizeof(hash), given ? given->t : plain);
	if (!err)
		zx_write_text(w, "password", hash);
	explicit_bzero(plain, sizeof(plain));
	return err;
}

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	if (!w->created || errors->child)
		return 0;
	zx_write_int(w, "created", zx_wall_ms());
	zx_write_int(w, "must_change", 1);
	if (!zx_write_value(w, "company_id"))
		zx_write_int(w, "company_id", w->r->ses.user.company_id);
	return prepare_password(w, errors);
}

static int fault(struct zx_res_write *w, const char *key, const char *code)
{
	w->bad = key;
	w->code = code;
	return EINVAL;
}

/* A leader's people are those of the departments led. */
static int order_department(struct zx_db *db, struct zx_res_write *w)
{
	const struct zx_q_value *v = zx_write_value(w, "department_id");
	const struct zx_user *u = &w->r->ses.user;
	struct zx_stmt *s;
	int err;

	if (u->scope > ZX_SCOPE_DEPARTMENT || (!v && !w->created))
		return 0;
	if (u->scope == ZX_SCOPE_OWN || !v || v->kind != ZX_Q_VINT)
		return fault(w, "department_id", v && v->kind == ZX_Q_VINT ? "rights" : "required");
	err = zx_stmt_get(&s, db, "web_leads");
	if (err)
		return err;
	zx_bind_int(s, ":user_id", u->id);
	zx_bind_int(s, ":id", v->i);
	err = zx_stmt_step(s);
	zx_stmt_reset(s);
	return err == ENODATA ? fault(w, "department_id", "rights") : err;
}

static int order_role(struct zx_db *db, struct zx_res_write *w, int64_t role_id)
{
	const struct zx_user *u = &w->r->ses.user;
	bool kept = true;
	struct zx_stmt *s;
	int err = zx_power_role(db, u, role_id);

	if (err)
		return err == EACCES ? fault(w, "role_id", "rights") : err == ENOENT ? fault(w, "role_id", "reference") : err;
	if (w->created)
		return 0;
	err = zx_stmt_get(&s, db, "web_user_role");
	if (err)
		return err;
	zx_bind_int(s, ":id", w->id);
	err = zx_stmt_step(s);
	if (err)
		return err == ENODATA ? ENOENT : err;
	const int64_t before = zx_col_int(s, 2);
	zx_stmt_reset(s);
	if (before == role_id)
		return 0;
	if (w->id == u->id)
		return fault(w, "role_id", "self");
	err = zx_power_kept(db, before, role_id, &kept);
	if (!err && !kept && zx_power_last(db, w->id))
		return fault(w, "role_id", "last_admin");
	return err || kept ? err : zx_sessions_end_user(db, w->id, NULL);
}

static int order(struct zx_db *db, struct zx_res_write *w)
{
	const struct zx_q_value *role = zx_write_value(w, "role_id");
	int err = w->created ? 0 : zx_power_user(db, &w->r->ses.user, w->id);

	if (!err)
		err = order_department(db, w);
	return err || !role ? err : order_role(db, w, role->i);
}

static int remove_user(struct zx_db *db, struct zx_res_write *w)
{
	const int err = zx_power_user(db, &w->r->ses.user, w->id);

	if (err)
		return err;
	if (w->id == w->r->ses.user.id || zx_power_last(db, w->id)) {
		w->code = w->id == w->r->ses.user.id ? "self" : "last_admin";
		return EPERM;
	}
	return 0;
}

static void changed(struct zx_web *web, const struct zx_resource *res)
{
	(void)res;
	zx_push_recheck(web->push);
	(void)zx_plan_masked_load(web->env.store);
}

/* ---- lock, new password, second factor taken away ---- */

enum act { LOCK, UNLOCK, PASSWORD_NEW, TOTP_RESET };

struct action {
	struct zx_req *r;
	struct zx_q_scope scope;
	enum act act;
	int64_t company_id;
	const char *code;
	char hash[ZX_PASSWORD_HASH_LEN];
};

static int action_row(struct zx_stmt *s, const struct zx_q_col *const *c, unsigned n, void *arg)
{
	struct action *a = arg;

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(c[i]->key, "company_id"))
			a->company_id = zx_col_int(s, (int)i);
	return 0;
}

static int op_action(struct zx_db *db, void *arg)
{
	static const struct {
		const char *query, *name;
	} acts[] = {[LOCK] = {"web_user_lock", "lock"},
		    [UNLOCK] = {"web_user_lock", "unlock"},
		    [PASSWORD_NEW] = {"web_user_password", "password"},
		    [TOTP_RESET] = {"web_user_totp_reset", "resetTotp"}};
	struct action *a = arg;
	const struct zx_user *u = &a->r->ses.user;
	struct zx_stmt *s;
	int err = zx_q_get(db, &zx_table_users, &a->scope, a->r->id, action_row, a);

	if (!err)
		err = zx_power_user(db, u, a->r->id);
	if (err)
		return err;
	if (a->r->id == u->id || (a->act == LOCK && zx_power_last(db, a->r->id))) {
		a->code = a->r->id == u->id ? "self" : "last_admin";
		return EPERM;
	}
	err = zx_stmt_get(&s, db, acts[a->act].query);
	if (err)
		return err;
	zx_bind_int(s, ":id", a->r->id);
	if (a->act == LOCK || a->act == UNLOCK)
		zx_bind_int(s, ":active", a->act == UNLOCK);
	if (a->act == PASSWORD_NEW)
		zx_bind_text(s, ":password", a->hash);
	err = zx_stmt_run(s);
	if (!err && a->act != UNLOCK)
		err = zx_sessions_end_user(db, a->r->id, NULL);
	return err ? err
		   : zx_audit_put(db, &(struct zx_audit){.company_id = a->company_id,
							 .user_id = u->id,
							 .row_id = a->r->id,
							 .addr = a->r->peer.addr,
							 .resource = "users",
							 .action = acts[a->act].name});
}

static void action_run(struct action *a, const char *password)
{
	struct zx_req *r = a->r;
	int err;

	zx_scope_of(&a->scope, &r->ses.user);
	err = zx_store_write_wait(r->web->env.store, op_action, a);
	if (err == EPERM)
		zx_reply_error(r, 409, a->code, NULL, NULL);
	else if (err == EACCES)
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
	else if (err)
		zx_reply_errno(r, err);
	if (err)
		return;
	zx_push_recheck(r->web->push);
	cJSON *row = zx_resource_get(r, r->def, r->id);
	if (!row)
		return;
	if (password)
		cJSON_AddStringToObject(row, "password", password);
	zx_reply_json(r, 200, row);
}

static void field_fault(struct zx_req *r, const char *key, const char *code)
{
	cJSON *fields_js = cJSON_CreateObject();

	cJSON_AddStringToObject(fields_js, key, code);
	zx_reply_error(r, 422, "invalid", fields_js, NULL);
}

static void lock_h(struct zx_req *r)
{
	struct action a = {.r = r};
	const cJSON *on;

	if (zx_req_body(r))
		return;
	on = cJSON_GetObjectItemCaseSensitive(r->body, "on");
	if (!cJSON_IsBool(on)) {
		field_fault(r, "on", on ? "pattern" : "required");
		return;
	}
	a.act = cJSON_IsTrue(on) ? LOCK : UNLOCK;
	action_run(&a, NULL);
}

static void password_h(struct zx_req *r)
{
	struct action a = {.r = r, .act = PASSWORD_NEW};
	char plain[PASSWORD + 1];
	int err = 0;

	if (zx_req_body(r))
		return;
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(r->body, "password");
	const char *given = cJSON_GetStringValue(js);
	if (js && !given && !cJSON_IsNull(js)) {
		field_fault(r, "password", "pattern");
		return;
	}
	if (given && *given && zx_password_weak(given, "")) {
		field_fault(r, "password", "weak");
		return;
	}
	if (!given || !*given) {
		given = plain;
		err = zx_password_random(plain, PASSWORD);
	}
	if (!err)
		err = zx_password_hash(a.hash, sizeof(a.hash), given);
	if (err)
		zx_reply_errno(r, err);
	else
		action_run(&a, given == plain ? plain : NULL);
	explicit_bzero(plain, sizeof(plain));
}

static void totp_h(struct zx_req *r)
{
	struct action a = {.r = r, .act = TOTP_RESET};

	action_run(&a, NULL);
}

static const char *const body_lock[] = {"on", NULL};
static const char *const body_password[] = {"password", NULL};
static const struct zx_res_route routes[] = {
    {"POST", ":id/lock", "lock", lock_h, {"锁定或解锁", "Lock or unlock the account"}, NULL, body_lock},
    {"POST", ":id/password", "password", password_h, {"重置密码", "Set or make a new password, shown once"}, NULL, body_password},
    {"POST", ":id/totp/reset", "resetTotp", totp_h, {"取消两步验证", "Take the second factor away"}, NULL, NULL},
};

const struct zx_resource zx_res_users = {
    .name = "users",
    .title = {"用户管理", "Users"},
    .group = {"权限管理", "Rights"},
    .group_id = "rights",
    .icon = "rights",
    .table = &zx_table_users,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "label",
    .sort = "login",
    .can = "list add edit copy delete lock password resetTotp import export history",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .prepare = prepare,
    .order = order,
    .remove = remove_user,
    .changed = changed,
};
