/* 电话会议. */
#include "web/res/pbx.h"

#include <string.h>

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"number", NULL, ZX_Q_TEXT, ZX_PBX_NUMBER, NULL},
    {"pin", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"record", NULL, ZX_Q_BOOL, ZX_PBX_INT, NULL},
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "conferences",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    ZX_PBX_FIELD_CREATED(ZX_IN_LIST | ZX_IN_ADV),
    {.key = "number",
     .type = ZX_F_DIGITS,
     .label = {"会议室号码", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .pattern = "^[0-9]{3,8}$",
     .check = zx_pbx_check_number,
     .help_zh = "3 到 8 位数字，分机拨打此号码进入会议；不能与分机、队列、语音导航的号码重复",
     .help_en = "3 to 8 digits; dialled to join. No extension, queue or IVR menu may have the same"},
    {.key = "pin",
     .type = ZX_F_DIGITS,
     .label = {"密码", "PIN"},
     .in = ZX_IN_LIST | ZX_IN_FORM,
     .min = 3,
     .max = 12,
     .pattern = "^[0-9]{3,12}$",
     .help_zh = "进入会议时要按的数字密码，3 到 12 位；留空不需要密码",
     .help_en = "Digits asked for on joining, 3 to 12; empty: none"},
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"会议描述", "Description"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 40,
     .help_zh = "例如：早会",
     .help_en = "For example: Morning meeting"},
    {.key = "record",
     .type = ZX_F_BOOL,
     .label = {"录音", "Recording"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .def = "false",
     .help_zh = "打开后，会议全程录音",
     .help_en = "Meetings are recorded"},
};

const struct zx_resource zx_res_conferences = {
    .name = "conferences",
    .title = {"电话会议", "Conferences"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "number",
    .sort = "number",
    .can = "list add edit copy delete export history",
    .prepare = zx_pbx_prepare,
    .order = zx_pbx_order_number,
};
