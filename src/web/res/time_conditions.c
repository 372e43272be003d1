/* 时间条件: two ways out, by time of day, weekday, month, day of month, and a holiday list. Every range may wrap. */
#include "web/res/pbx.h"

#include <stdio.h>
#include <string.h>

#define CHOICE (ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL | ZX_Q_WRITE)

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"time_from", NULL, ZX_Q_TEXT, CHOICE, NULL},
    {"time_to", NULL, ZX_Q_TEXT, CHOICE, NULL},
    {"weekday_from", NULL, ZX_Q_INT, CHOICE, NULL},
    {"weekday_to", NULL, ZX_Q_INT, CHOICE, NULL},
    {"month_from", NULL, ZX_Q_INT, CHOICE, NULL},
    {"month_to", NULL, ZX_Q_INT, CHOICE, NULL},
    {"day_from", NULL, ZX_Q_INT, CHOICE, NULL},
    {"day_to", NULL, ZX_Q_INT, CHOICE, NULL},
    ZX_PBX_COL_REF("holidays_id", &zx_ref_holidays, "(SELECT h.name FROM holiday_lists h WHERE h.id = t.holidays_id)"),
    ZX_PBX_COLS_TARGET("in_app", "in_param"),
    ZX_PBX_COLS_TARGET("out_app", "out_param"),
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "time_conditions",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_option weekdays[] = {
    {"1", {"周一", "Monday"}, NULL},   {"2", {"周二", "Tuesday"}, NULL}, {"3", {"周三", "Wednesday"}, NULL},
    {"4", {"周四", "Thursday"}, NULL}, {"5", {"周五", "Friday"}, NULL},  {"6", {"周六", "Saturday"}, NULL},
    {"7", {"周日", "Sunday"}, NULL},   {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option months[] = {
    {"1", {"1 月", "January"}, NULL},   {"2", {"2 月", "February"}, NULL},   {"3", {"3 月", "March"}, NULL},
    {"4", {"4 月", "April"}, NULL},     {"5", {"5 月", "May"}, NULL},        {"6", {"6 月", "June"}, NULL},
    {"7", {"7 月", "July"}, NULL},      {"8", {"8 月", "August"}, NULL},     {"9", {"9 月", "September"}, NULL},
    {"10", {"10 月", "October"}, NULL}, {"11", {"11 月", "November"}, NULL}, {"12", {"12 月", "December"}, NULL},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"时间组名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40,
     .help_zh = "例如：工作时间",
     .help_en = "For example: Office hours"},
    {.key = "when", .type = ZX_F_TEXT, .label = {"时间范围", "When"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    {.key = "time_from",
     .type = ZX_F_TIME,
     .label = {"开始时间", "From"},
     .in = ZX_IN_FORM,
     .group_zh = "时间范围（留空的项目不限制，几项都填时须同时符合）",
     .group_en = "When (what is empty does not matter; all that is filled in must hold)",
     .help_zh = "例如 09:00；22:00 到 06:00 这样的范围会跨过半夜",
     .help_en = "For example 09:00; a range like 22:00 to 06:00 goes past midnight"},
    {.key = "time_to",
     .type = ZX_F_TIME,
     .label = {"结束时间", "To"},
     .in = ZX_IN_FORM,
     .help_zh = "到这一分钟结束为止，例如 17:59 表示 18:00 前",
     .help_en = "To the end of this minute: 17:59 is up to 18:00"},
    {.key = "weekday_from",
     .type = ZX_F_ENUM,
     .label = {"开始星期", "First weekday"},
     .in = ZX_IN_FORM,
     .options = weekdays,
     .help_zh = "例如周一到周五；周五到周一表示周五、六、日、一",
     .help_en = "For example Monday to Friday; Friday to Monday is Friday, Saturday, Sunday, Monday"},
    {.key = "weekday_to", .type = ZX_F_ENUM, .label = {"结束星期", "Last weekday"}, .in = ZX_IN_FORM, .options = weekdays},
    {.key = "month_from", .type = ZX_F_ENUM, .label = {"月开始", "First month"}, .in = ZX_IN_FORM, .options = months},
    {.key = "month_to", .type = ZX_F_ENUM, .label = {"月结束", "Last month"}, .in = ZX_IN_FORM, .options = months},
    {.key = "day_from",
     .type = ZX_F_INT,
     .label = {"日开始", "First day of the month"},
     .in = ZX_IN_FORM,
     .min = 1,
     .max = 31,
     .help_zh = "每月几号，例如 25 到 5 表示 25 号到下月 5 号",
     .help_en = "25 to 5 is from the 25th to the 5th of the next month"},
    {.key = "day_to", .type = ZX_F_INT, .label = {"日结束", "Last day of the month"}, .in = ZX_IN_FORM, .min = 1, .max = 31},
    {.key = "holidays_id",
     .type = ZX_F_REF,
     .label = {"节假日", "Holidays"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "holiday_lists",
     .help_zh = "其中的放假日算时间范围外，调休上班日按时间范围判断（不看星期、月、日）",
     .help_en = "Days off in it are outside; days worked instead count by the time of day alone"},
    {.key = "in_app",
     .type = ZX_F_TARGET,
     .label = {"范围内应用", "Inside"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .param = "in_param",
     .group_zh = "转到哪里",
     .group_en = "Where calls go",
     .help_zh = "在时间范围内的来电转到这里",
     .help_en = "Where a call within these times goes"},
    {.key = "out_app",
     .type = ZX_F_TARGET,
     .label = {"范围外应用", "Outside"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .param = "out_param",
     .def = "\"hangup\"",
     .help_zh = "其他时间的来电转到这里，例如留言信箱",
     .help_en = "Where a call at any other time goes, for example a voicemail box"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

/* A range has both ends or none. */
static int order(struct zx_db *db, struct zx_res_write *w)
{
	static const char *const ends[][2] = {{"weekday_from", "weekday_to"}, {"month_from", "month_to"}, {"day_from", "day_to"}};
	const bool from = *zx_pbx_text(w, "time_from"), to = *zx_pbx_text(w, "time_to");

	(void)db;
	if (from != to)
		return zx_pbx_fault(w, from ? "time_to" : "time_from", "required");
	for (size_t i = 0; i < ZX_COUNT(ends); i++) {
		const bool a = zx_pbx_int(w, ends[i][0]) != 0, b = zx_pbx_int(w, ends[i][1]) != 0;
		if (a != b)
			return zx_pbx_fault(w, ends[i][a], "required");
	}
	return 0;
}

/* ---- the times in words ---- */

static const char *choice(const struct zx_option *o, int64_t v, enum zx_lang lang)
{
	for (; o->v; o++) {
		int64_t n;
		if (zx_text_int(o->v, &n) && n == v)
			return zx_text_in(&o->text, lang);
	}
	return "";
}

static void add_range(char *text, size_t len, const char *from, const char *to)
{
	const size_t n = strlen(text);

	if (!strcmp(from, to))
		snprintf(text + n, len - n, "%s%s", n ? ", " : "", from);
	else
		snprintf(text + n, len - n, "%s%s–%s", n ? ", " : "", from, to);
}

static void row_when(struct zx_req *r, cJSON *row)
{
	static const struct {
		const char *from, *to;
		const struct zx_option *options;
	} v[] = {{"month_from", "month_to", months}, {"day_from", "day_to", NULL}, {"weekday_from", "weekday_to", weekdays}};
	static const struct zx_text always = {"任何时间", "Always"};
	const char *t = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "time_from"));
	char text[256] = "";

	for (size_t i = 0; i < ZX_COUNT(v); i++) {
		const int64_t a = zx_pbx_item_int(row, v[i].from), b = zx_pbx_item_int(row, v[i].to);
		char da[32], db[32];
		if (!a || !b)
			continue;
		if (v[i].options) {
			add_range(text, sizeof(text), choice(v[i].options, a, r->lang), choice(v[i].options, b, r->lang));
			continue;
		}
		snprintf(da, sizeof(da), r->lang == ZX_LANG_EN ? "day %lld" : "%lld 日", (long long)a);
		snprintf(db, sizeof(db), r->lang == ZX_LANG_EN ? "%lld" : "%lld 日", (long long)b);
		add_range(text, sizeof(text), da, a == b ? da : db);
	}
	if (t && *t)
		add_range(text, sizeof(text), t, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "time_to")));
	cJSON_AddStringToObject(row, "when", text[0] ? text : zx_text_in(&always, r->lang));
}

static void rows(struct zx_req *r, cJSON *list)
{
	cJSON *row;

	cJSON_ArrayForEach(row, list) row_when(r, row);
}

const struct zx_resource zx_res_time_conditions = {
    .name = "time_conditions",
    .title = {"时间条件", "Time conditions"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "name",
    .sort = "name",
    .can = "list add edit copy delete export history",
    .prepare = zx_pbx_prepare,
    .order = order,
    .rows = rows,
};
