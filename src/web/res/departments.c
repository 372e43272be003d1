/* 部门管理: leaders see the data of the department's agents. */
#include "web/res/res.h"

#include "base/clock.h"
#include "web/push/push.h"

#define FIND (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ)

static const struct zx_q_col leader_cols[] = {
    {"user_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_WRITE, &zx_table_users},
    {"label",
     "(SELECT coalesce(e.number || ' ', '') || CASE u.name WHEN '' THEN u.login ELSE u.name END FROM users u "
     "LEFT JOIN extensions e ON e.id = u.extension_id WHERE u.id = k.user_id)",
     ZX_Q_TEXT, ZX_Q_SHOW, NULL},
};
static const struct zx_q_child children[] = {
    {.key = "leaders", .name = "department_leaders", .parent = "department_id", .cols = leader_cols, .colc = 2},
};

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, FIND, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_INSERT, &zx_table_companies},
    {"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"name", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"members", "(SELECT count(*) FROM users u WHERE u.department_id = t.id)", ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

const struct zx_q_table zx_table_departments = {
    .name = "departments",
    .joins = "JOIN companies c ON c.id = t.company_id",
    .company = "t.company_id",
    .own = "t.id = (SELECT department_id FROM users WHERE id = :user)",
    .dept = "t.id IN (SELECT department_id FROM department_leaders WHERE user_id = :user)",
    .children = children,
    .childc = 1,
    .rev = "rev",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_field leader_fields[] = {
    {.key = "user_id", .type = ZX_F_REF, .label = {"组长", "Leader"}, .in = ZX_IN_FORM, .flags = ZX_FF_REQUIRED, .ref = "users"},
    {.key = NULL},
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
     .label = {"部门名称", "Department"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40},
    {.key = "leaders", .type = ZX_F_LIST, .label = {"部门组长", "Leaders"}, .in = ZX_IN_LIST | ZX_IN_FORM, .items = leader_fields},
    {.key = "members", .type = ZX_F_INT, .label = {"人数", "People"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    {.key = "created", .type = ZX_F_DATETIME, .label = {"添加时间", "Added"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
};

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	if (!w->created || errors->child)
		return 0;
	zx_write_int(w, "created", zx_wall_ms());
	if (!zx_write_value(w, "company_id"))
		zx_write_int(w, "company_id", w->r->ses.user.company_id);
	return 0;
}

/* Whom a leader sees has changed. */
static void changed(struct zx_web *web, const struct zx_resource *res)
{
	(void)res;
	zx_push_recheck(web->push);
}

const struct zx_resource zx_res_departments = {
    .name = "departments",
    .title = {"部门管理", "Departments"},
    .group = {"权限管理", "Rights"},
    .group_id = "rights",
    .icon = "rights",
    .table = &zx_table_departments,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "name",
    .sort = "name",
    .can = "list add edit delete import export history",
    .prepare = prepare,
    .changed = changed,
};
