/* 呼入黑名单: callers who are refused, at once. */
#include "web/res/pbx.h"

#include <stdio.h>
#include <string.h>

#include "web/sys/config.h"

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"number", NULL, ZX_Q_TEXT, (ZX_PBX_NUMBER & ~(unsigned)ZX_Q_UPDATE), NULL},
    {"added_by", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_INSERT, NULL},
    {"note", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_table table = {
    .name = "blacklist",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .own = "(t.added_by = :own OR substr(t.added_by, 1, length(:own) + 1) = :own || ' ')",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    ZX_PBX_FIELD_CREATED(ZX_IN_LIST | ZX_IN_ADV),
    {.key = "number",
     .type = ZX_F_NUMBER,
     .label = {"电话号码", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE | ZX_FF_CREATE | ZX_FF_CUSTOMER,
     .min = 3,
     .max = 31,
     .check = zx_pbx_check_dial,
     .help_zh = "按来电显示的样子填写，例如 02012345678；此号码打进来直接拒绝，马上生效",
     .help_en = "As it is shown when they call, for example 02012345678; refused from now on"},
    {.key = "added_by", .type = ZX_F_TEXT, .label = {"添加分机", "Added by"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "note",
     .type = ZX_F_TEXT,
     .label = {"备注", "Note"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 100,
     .help_zh = "为什么拉黑，例如：骚扰电话",
     .help_en = "Why, for example: nuisance calls"},
};

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_user *u = &w->r->ses.user;
	char by[160];

	if (w->created) {
		if (u->ext[0])
			snprintf(by, sizeof(by), "%s (%s)", u->ext, u->login);
		else
			snprintf(by, sizeof(by), "%s", u->login);
		zx_write_text(w, "added_by", by);
	}
	return zx_pbx_prepare(w, errors);
}

static void changed(struct zx_web *web, const struct zx_resource *res)
{
	zx_config_changed(web, res->name, 0);
}

const struct zx_resource zx_res_blacklist = {
    .name = "blacklist",
    .title = {"呼入黑名单", "Inbound blacklist"},
    .group = {"客户管理", "Customers"},
    .group_id = "customers",
    .icon = "customers",
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "number",
    .sort = "-created",
    .can = "list add edit delete import export history",
    .prepare = prepare,
    .changed = changed,
};
