/* 角色管理: what menu entries and buttons one has, and whose data. Nobody gives more than he has himself. */
#include "web/res/res.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/power.h"
#include "web/push/push.h"
#include "web/res/matrix.h"

enum { NAMES_MAX = 1000 };

#define FIND (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ)

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, FIND, NULL},
    /* an expression, so that a company's shipped roles do not keep it from being deleted */
    {"company_id", "t.company_id", ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL | ZX_Q_INSERT, &zx_table_companies},
    {"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"name", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"scope", NULL, ZX_Q_TEXT, FIND | ZX_Q_WRITE, NULL},
    /* words in the store, an array outside */
    {"rights", "CASE t.rights WHEN '' THEN '[]' ELSE '[\"' || replace(t.rights, ' ', '\",\"') || '\"]' END", ZX_Q_JSON,
     ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"builtin", NULL, ZX_Q_BOOL, FIND, NULL},
    {"users", "(SELECT count(*) FROM users u WHERE u.role_id = t.id)", ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

const struct zx_q_table zx_table_roles = {
    .name = "roles",
    .joins = "LEFT JOIN companies c ON c.id = t.company_id",
    .company = "t.company_id",
    .own = "t.id = (SELECT role_id FROM users WHERE id = :user)",
    .rev = "rev",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

const struct zx_option zx_scope_options[] = {
    {"own", {"本人数据", "Own data"}, "info"},
    {"department", {"部门数据", "The department's data"}, "success"},
    {"company", {"公司数据", "The company's data"}, "warning"},
    {"system", {"全部公司", "All companies"}, "danger"},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_field fields[] = {
    {.key = "company_id",
     .type = ZX_F_REF,
     .label = {"公司名称", "Company"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_SYSTEM | ZX_FF_CREATE,
     .ref = "companies"},
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"角色名称", "Role"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40},
    {.key = "scope",
     .type = ZX_F_ENUM,
     .label = {"数据范围", "Data scope"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .options = zx_scope_options,
     .def = "\"own\""},
    {.key = "rights", .type = ZX_F_JSON, .label = {"权限", "Rights"}}, /* the page's matrix */
    {.key = "builtin", .type = ZX_F_BOOL, .label = {"系统角色", "Shipped"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "users", .type = ZX_F_INT, .label = {"用户数", "Users"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
};

/* ---- rights ---- */

static bool known(const char *right)
{
	const size_t n = strlen(right);
	const char *r;

	if (!strcmp(right, "*") || zx_right_known(right))
		return true;
	if (n < 3 || strcmp(right + n - 2, ":*"))
		return false;
	for (unsigned i = 0; (r = zx_right_at(i)); i++)
		if (!strncmp(r, right, n - 1))
			return true;
	return false;
}

/* The array as words; NULL with *code. Free it. */
static char *rights_text(const cJSON *list, const char **code)
{
	const int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : -1;
	const cJSON *e;
	char *text = NULL;
	size_t len;
	FILE *out;

	*code = count < 0 ? "pattern" : count > NAMES_MAX ? "range" : NULL;
	cJSON_ArrayForEach(e, list)
	{
		if (!*code && (!cJSON_IsString(e) || !known(e->valuestring)))
			*code = "pattern";
	}
	if (*code || !(out = open_memstream(&text, &len)))
		return NULL;
	for (unsigned i = 0; i < 2; i++) { /* "*" says all the others */
		cJSON_ArrayForEach(e, list)
		{
			if (!i && !strcmp(e->valuestring, "*")) {
				fputs("*", out);
				i = 2;
				break;
			}
			if (i)
				fprintf(out, "%s%s", e == list->child ? "" : " ", e->valuestring);
		}
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const cJSON *list = w->r->body ? cJSON_GetObjectItemCaseSensitive(w->r->body, "rights") : NULL;
	const char *code = NULL;

	if (list) {
		char *text = rights_text(list, &code);
		if (code)
			cJSON_AddStringToObject(errors, "rights", code);
		else if (!text)
			return ENOMEM;
		else
			zx_write_text(w, "rights", text);
		free(text);
	} else if (w->created) {
		zx_write_text(w, "rights", "");
	}
	if (w->created && !zx_write_value(w, "company_id"))
		zx_write_int(w, "company_id", w->r->ses.user.company_id);
	return 0;
}

static int fault(struct zx_res_write *w, const char *key, const char *code)
{
	w->bad = key;
	w->code = code;
	return EINVAL;
}

/* What the role is now: scope and rights, owned by the caller. */
static int role_now(struct zx_db *db, int64_t id, char **scope, char **rights, bool *system)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_role");

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (err)
		return err == ENODATA ? ENOENT : err;
	*scope = strdup(zx_col_text(s, 0));
	*rights = strdup(zx_col_text(s, 1));
	*system = zx_col_null(s, 2) && zx_col_int(s, 3);
	zx_stmt_reset(s);
	return *scope && *rights ? 0 : ENOMEM;
}

static int order_change(struct zx_db *db, struct zx_res_write *w, const char *scope, const char *rights, bool system)
{
	const struct zx_user *u = &w->r->ses.user;
	const struct zx_q_value *vs = zx_write_value(w, "scope"), *vr = zx_write_value(w, "rights");
	uint64_t was[ZX_RIGHTS_WORDS], is[ZX_RIGHTS_WORDS];
	const char *to = vs ? vs->t : scope, *all = vr ? vr->t : rights;

	if (!w->created && !zx_power_covers(u, scope, rights))
		return EACCES;
	/* the role that may do everything stays so; a company's role never reaches beyond it */
	if (system && ((vs && strcmp(vs->t, scope)) || (vr && strcmp(vr->t, rights))))
		return fault(w, vs && strcmp(vs->t, scope) ? "scope" : "rights", "builtin");
	if (!system && !strcmp(to, "system") && u->scope != ZX_SCOPE_SYSTEM)
		return fault(w, "scope", "rights");
	if (!zx_power_covers(u, to, ""))
		return fault(w, "scope", "rights");
	if (!zx_power_covers(u, to, all))
		return fault(w, "rights", "rights");
	if (w->created)
		return 0;
	zx_rights_parse(was, rights, zx_scope_parse(scope));
	zx_rights_parse(is, all, zx_scope_parse(to));
	if (zx_scope_parse(to) >= zx_scope_parse(scope) && zx_rights_within(was, is))
		return 0;
	if (w->id == u->role_id) /* nobody locks himself out */
		return fault(w, vs && strcmp(vs->t, scope) ? "scope" : "rights", "self");
	return zx_sessions_end_role(db, w->id, NULL);
}

static int order(struct zx_db *db, struct zx_res_write *w)
{
	char *scope = NULL, *rights = NULL;
	bool system = false;
	int err = w->created ? 0 : role_now(db, w->id, &scope, &rights, &system);

	if (!err)
		err = order_change(db, w, scope ? scope : "own", rights ? rights : "", system);
	free(scope);
	free(rights);
	return err;
}

static int remove_role(struct zx_db *db, struct zx_res_write *w)
{
	const int err = zx_power_role(db, &w->r->ses.user, w->id);

	if (!err && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(w->before, "builtin")))
		goto builtin;
	if (!err && zx_json_get_int(cJSON_GetObjectItemCaseSensitive(w->before, "builtin")))
		goto builtin;
	return err;
builtin:
	w->code = "builtin";
	return EPERM;
}

static void changed(struct zx_web *web, const struct zx_resource *res)
{
	(void)res;
	zx_push_recheck(web->push);
}

static const struct zx_res_route routes[] = {
    {"GET", "matrix", "list", zx_matrix_h, {"权限矩阵", "Pages and the actions one may be given"}, NULL, NULL},
};

const struct zx_resource zx_res_roles = {
    .name = "roles",
    .title = {"角色管理", "Roles"},
    .group = {"权限管理", "Rights"},
    .group_id = "rights",
    .icon = "rights",
    .table = &zx_table_roles,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "name",
    .sort = "id",
    .can = "list add edit copy delete history",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .prepare = prepare,
    .order = order,
    .remove = remove_role,
    .changed = changed,
};
