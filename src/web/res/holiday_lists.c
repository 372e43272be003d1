/* 节假日: days off and days worked instead, for time conditions. */
#include "web/res/pbx.h"

#include <string.h>

static const struct zx_q_col date_cols[] = {
    {"date_from", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"date_to", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"kind", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
};

static const struct zx_q_child children[] = {
    {.key = "dates", .name = "holiday_dates", .parent = "list_id", .cols = date_cols, .colc = ZX_COUNT(date_cols)},
};

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"used_by", "(SELECT group_concat(u.name, ', ') FROM time_conditions u WHERE u.holidays_id = t.id)", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "holiday_lists",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .children = children,
    .childc = ZX_COUNT(children),
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_option kinds[] = {
    {"off", {"放假", "Day off"}, "success"},
    {"work", {"调休上班", "Worked instead"}, "warning"},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_field date_items[] = {
    {.key = "date_from", .type = ZX_F_DATE, .label = {"开始日期", "From"}, .in = ZX_IN_FORM, .flags = ZX_FF_REQUIRED},
    {.key = "date_to", .type = ZX_F_DATE, .label = {"结束日期", "To"}, .in = ZX_IN_FORM, .flags = ZX_FF_REQUIRED},
    {.key = "kind",
     .type = ZX_F_ENUM,
     .label = {"类型", "Kind"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_REQUIRED,
     .options = kinds,
     .def = "\"off\""},
    {.key = "name", .type = ZX_F_TEXT, .label = {"说明", "Name"}, .in = ZX_IN_FORM, .max = 40},
    {.key = NULL},
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"节假日名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40,
     .help_zh = "例如：2027 年法定节假日",
     .help_en = "For example: Public holidays 2027"},
    {.key = "dates",
     .type = ZX_F_LIST,
     .label = {"日期", "Dates"},
     .in = ZX_IN_LIST | ZX_IN_FORM,
     .max = 400,
     .items = date_items,
     .help_zh = "放假：时间条件按“范围外”处理；调休上班：周末或假期中要上班的日子，只按时间段判断。只有一天时开始和结束填同一天",
     .help_en =
	 "Day off: time conditions take it as outside. Worked instead: a day worked although it is a weekend or holiday, only the time "
	 "of day counts. A single day has the same first and last date"},
    {.key = "used_by", .type = ZX_F_TEXT, .label = {"使用者", "Used by"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    ZX_PBX_FIELD_CREATED(ZX_IN_LIST | ZX_IN_ADV),
};

static const char *cell(const struct zx_q_list *l, unsigned row, const char *key)
{
	for (unsigned i = 0; i < l->colc; i++)
		if (!strcmp(l->v[row * l->colc + i].key, key))
			return l->v[row * l->colc + i].t;
	return "";
}

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_q_value *dates = zx_write_value(w, "dates");

	for (unsigned i = 0; dates && dates->list && i < dates->list->n; i++) {
		char at[48];
		/* written so that the text order is that of time */
		if (strcmp(cell(dates->list, i, "date_to"), cell(dates->list, i, "date_from")) >= 0)
			continue;
		zx_pbx_at(at, "dates", i, "date_to");
		cJSON_AddStringToObject(errors, at, "range");
	}
	return zx_pbx_prepare(w, errors);
}

const struct zx_resource zx_res_holiday_lists = {
    .name = "holiday_lists",
    .title = {"节假日", "Holidays"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "name",
    .sort = "name",
    .can = "list add edit copy delete history",
    .prepare = prepare,
};
