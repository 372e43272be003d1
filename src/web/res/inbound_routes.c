/* 呼入管理. */
#include "web/res/pbx.h"

#include <errno.h>
#include <string.h>

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"position", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"caller", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    {"pattern", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    ZX_PBX_COL_REF("trunk_id", &zx_ref_trunks, ZX_PBX_TRUNK_LABEL("t.trunk_id")),
    {"strip", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"record", NULL, ZX_Q_BOOL, ZX_PBX_INT, NULL},
    ZX_PBX_COLS_TARGET("app", "param"),
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "inbound_routes",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .position = "position",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"DID名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .max = 40,
     .help_zh = "例如：400 热线",
     .help_en = "For example: Hotline"},
    {.key = "caller",
     .type = ZX_F_TEXT,
     .label = {"主叫", "Caller"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 31,
     .check = zx_pbx_check_pattern,
     .group_zh = "哪些来电",
     .group_en = "Which calls",
     .help_zh = "客户的号码：填完整号码为精确匹配，138. 为 138 开头；X 代表 0-9，Z 代表 1-9，N 代表 2-9，[1-5] 代表其中一个，结尾的 . "
		"代表后面任意多位。留空不限制",
     .help_en =
	 "The customer's number: a whole number is matched exactly, 138. is anything that begins with 138; X is 0-9, Z 1-9, N 2-9, [1-5] "
	 "one of these, a final . one or more of anything. Empty: any"},
    {.key = "pattern",
     .type = ZX_F_TEXT,
     .label = {"被叫", "Called number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 31,
     .check = zx_pbx_check_pattern,
     .help_zh = "客户拨打的号码（运营商送来的 DID），写法同主叫。几条都符合时，最具体的一条优先。留空不限制",
     .help_en =
	 "The number the customer dialled (DID), written like the caller. Of several that match the most specific is taken. Empty: any"},
    {.key = "trunk_id",
     .type = ZX_F_REF,
     .label = {"中继", "Trunk"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "trunks",
     .help_zh = "只对从这条中继进来的呼叫有效；留空为所有中继",
     .help_en = "Only for calls that come by this trunk; empty: all trunks"},
    {.key = "app",
     .type = ZX_F_TARGET,
     .label = {"应用功能", "Application"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_OPEN,
     .param = "param",
     .group_zh = "转到哪里",
     .group_en = "Where they go",
     .help_zh = "来电转到这里；选“分机”而不选具体号码时，按客户所拨的号码转到同号分机",
     .help_en = "Where the call goes; Extension without a choice: the one whose number was dialled"},
    {.key = "strip",
     .type = ZX_F_INT,
     .label = {"删除位数", "Digits taken off"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .max = 63,
     .def = "0",
     .help_zh = "按所拨号码转到分机前，先去掉被叫号码前面几位；例如被叫 02088888001，去掉 7 位后转到分机 8001",
     .help_en =
	 "How many leading digits of the dialled number are taken off before it is looked up as an extension: 7 of 02088888001 leave 8001"},
    {.key = "record",
     .type = ZX_F_BOOL,
     .label = {"录音", "Recording"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .def = "false",
     .help_zh = "打开后，即使接听的分机关闭了录音也录音",
     .help_en = "Recorded even when the recording of the answering extension is off"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

/* Only an extension can be the number dialled; anything else needs its row. */
static int order(struct zx_db *db, struct zx_res_write *w)
{
	const char *app = zx_pbx_text(w, "app");
	const struct zx_app_def *a = zx_app_find(app);

	(void)db;
	if (a && a->resource && strcmp(app, "extension") && !*zx_pbx_text(w, "param"))
		return zx_pbx_fault(w, "app", "required");
	return 0;
}

const struct zx_resource zx_res_inbound_routes = {
    .name = "inbound_routes",
    .title = {"呼入管理", "Inbound routes"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "name",
    .sort = "position",
    .can = "list add edit move copy delete import export history",
    .prepare = zx_pbx_prepare,
    .order = order,
};
