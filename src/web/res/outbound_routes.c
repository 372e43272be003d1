/* 呼出管理: top to bottom, the first match wins. */
#include "web/res/pbx.h"

#include <errno.h>
#include <string.h>

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"position", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"prefix", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    {"strip", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    {"pattern", NULL, ZX_Q_TEXT, ZX_PBX_FIND | ZX_Q_PREFIX, NULL},
    ZX_PBX_COL_REF("extension_id", &zx_ref_extensions, ZX_PBX_EXT_LABEL("t.extension_id")),
    ZX_PBX_COL_REF("trunk1_id", &zx_ref_trunks, ZX_PBX_TRUNK_LABEL("t.trunk1_id")),
    ZX_PBX_COL_REF("trunk2_id", &zx_ref_trunks, ZX_PBX_TRUNK_LABEL("t.trunk2_id")),
    ZX_PBX_COL_REF("trunk3_id", &zx_ref_trunks, ZX_PBX_TRUNK_LABEL("t.trunk3_id")),
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "outbound_routes",
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
     .label = {"拨打名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40,
     .help_zh = "例如：市话、长途",
     .help_en = "For example: Local calls"},
    {.key = "prefix",
     .type = ZX_F_NUMBER,
     .label = {"追加前缀", "Prefix added"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 31,
     .check = zx_pbx_check_dial,
     .group_zh = "号码",
     .group_en = "Numbers",
     .help_zh = "送给运营商之前加在号码最前面，例如加 0；先删除前缀，再追加",
     .help_en = "Put in front before the number goes to the carrier, after what is taken off"},
    {.key = "strip",
     .type = ZX_F_NUMBER,
     .label = {"删除前缀", "Prefix taken off"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 31,
     .check = zx_pbx_check_dial,
     .help_zh = "号码以这些数字开头时去掉，例如坐席先拨 9 出局，这里填 9",
     .help_en = "Taken off where the number begins with it, for example the 9 that agents dial for an outside line"},
    {.key = "pattern",
     .type = ZX_F_TEXT,
     .label = {"拨打号码", "Dialled number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .max = 31,
     .check = zx_pbx_check_pattern,
     .def = "\"X.\"",
     .help_zh = "坐席拨打的号码符合时走这条路由：X 代表 0-9，Z 代表 1-9，N 代表 2-9，[1-5] 代表其中一个，结尾的 . 代表后面任意多位。X. "
		"为任意号码，1[3-9]XXXXXXXXX 为手机，0. 为长途",
     .help_en =
	 "What agents dial: X is 0-9, Z 1-9, N 2-9, [1-5] one of these, a final . one or more of anything. X. is any number, 0. anything "
	 "that begins with 0"},
    {.key = "extension_id",
     .type = ZX_F_REF,
     .label = {"绑定主叫", "Only from extension"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "extensions",
     .help_zh = "只对这个分机拨出的电话有效；留空为所有分机",
     .help_en = "Only for calls of this extension; empty: all"},
    {.key = "trunk1_id",
     .type = ZX_F_REF,
     .label = {"路由1", "Trunk 1"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .ref = "trunks",
     .group_zh = "线路",
     .group_en = "Trunks",
     .help_zh = "优先使用的中继",
     .help_en = "The one tried first"},
    {.key = "trunk2_id",
     .type = ZX_F_REF,
     .label = {"路由2", "Trunk 2"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "trunks",
     .help_zh = "路由1 不通（故障、满线）时改走这条；客户忙或不接不算不通",
     .help_en = "Tried when the first fails or is full; a busy or unanswered customer is no failure"},
    {.key = "trunk3_id",
     .type = ZX_F_REF,
     .label = {"路由3", "Trunk 3"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "trunks",
     .help_zh = "路由2 也不通时改走这条",
     .help_en = "Tried when the second fails as well"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

static int order(struct zx_db *db, struct zx_res_write *w)
{
	const int64_t a = zx_pbx_int(w, "trunk1_id"), b = zx_pbx_int(w, "trunk2_id"), c = zx_pbx_int(w, "trunk3_id");

	(void)db;
	if (c && !b)
		return zx_pbx_fault(w, "trunk2_id", "required");
	if (b && b == a)
		return zx_pbx_fault(w, "trunk2_id", "unique");
	if (c && (c == a || c == b))
		return zx_pbx_fault(w, "trunk3_id", "unique");
	return 0;
}

const struct zx_resource zx_res_outbound_routes = {
    .name = "outbound_routes",
    .title = {"呼出管理", "Outbound routes"},
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
