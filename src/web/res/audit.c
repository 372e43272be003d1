/* 操作日志: who changed what, when, from where. Read only. */
#include "web/res/res.h"

#include <string.h>

#include "web/mask.h"

static const struct zx_q_table users = {.name = "users", .company = "t.company_id"};

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ, NULL},
    {"at", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL, NULL},
    {"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    {"user_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ, &users},
    {"user_id_label", "CASE ifnull(u.name, '') WHEN '' THEN u.login ELSE u.login || ' ' || u.name END", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_QUICK,
     NULL},
    {"addr", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_QUICK, NULL},
    {"resource", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"row_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"action", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"before", NULL, ZX_Q_TEXT, ZX_Q_GET, NULL},
    {"after", NULL, ZX_Q_TEXT, ZX_Q_GET, NULL},
};

static const struct zx_q_table table = {
    .name = "audit",
    .joins = "LEFT JOIN companies c ON c.id = t.company_id LEFT JOIN users u ON u.id = t.user_id",
    .company = "t.company_id",
    .own = "t.user_id = :user",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_option resources[] = {
    {"session", {"登录", "Login"}, NULL},
    {"companies", {"公司设置", "Companies"}, NULL},
    {"departments", {"部门管理", "Departments"}, NULL},
    {"roles", {"角色管理", "Roles"}, NULL},
    {"users", {"用户管理", "Users"}, NULL},
    {"params", {"系统参数", "Parameters"}, NULL},
    {"extensions", {"分机管理", "Extensions"}, NULL},
    {"queues", {"静态队列", "Queues"}, NULL},
    {"ivrs", {"语音导航", "IVR menus"}, NULL},
    {"trunks", {"中继管理", "Trunks"}, NULL},
    {"time_conditions", {"时间条件", "Time conditions"}, NULL},
    {"holiday_lists", {"节假日", "Holidays"}, NULL},
    {"inbound_routes", {"呼入管理", "Inbound routes"}, NULL},
    {"outbound_routes", {"呼出管理", "Outbound routes"}, NULL},
    {"prompts", {"提示语音", "Prompts"}, NULL},
    {"music", {"队列背景音", "Music on hold"}, NULL},
    {"conferences", {"电话会议", "Conferences"}, NULL},
    {"voicemail_boxes", {"系统信箱", "Voicemail boxes"}, NULL},
    {"blacklist", {"呼入黑名单", "Blacklist"}, NULL},
    {"config", {"更新配置", "Configuration"}, NULL},
    {"notices", {"公告管理", "Announcements"}, NULL},
    {"articles", {"知识库", "Knowledge base"}, NULL},
    {"locations", {"号码归属", "Number locations"}, NULL},
    {"system", {"系统维护", "Maintenance"}, NULL},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option actions[] = {
    {"login", {"登录", "Log in"}, NULL},
    {"add", {"添加", "Add"}, "success"},
    {"batchAdd", {"批量添加", "Add a range"}, "success"},
    {"import", {"导入", "Import"}, "success"},
    {"edit", {"修改", "Edit"}, NULL},
    {"bulk", {"批量修改", "Edit many"}, NULL},
    {"move", {"调整顺序", "Order"}, NULL},
    {"delete", {"删除", "Delete"}, "danger"},
    {"export", {"导出", "Export"}, "warning"},
    {"lock", {"锁定", "Lock"}, "warning"},
    {"unlock", {"解锁", "Unlock"}, NULL},
    {"password", {"密码", "Password"}, "warning"},
    {"resetTotp", {"取消两步验证", "Reset two-factor"}, "warning"},
    {"totpOn", {"开启两步验证", "Two-factor on"}, NULL},
    {"totpOff", {"关闭两步验证", "Two-factor off"}, "warning"},
    {"secret", {"查看密码", "See a password"}, "warning"},
    {"logo", {"上传logo", "Logo"}, NULL},
    {"apply", {"应用配置", "Apply"}, "warning"},
    {"return", {"恢复旧版本", "Return to a version"}, "warning"},
    {"send", {"发送", "Send"}, NULL},
    {"backup", {"备份", "Back up"}, NULL},
    {"restore", {"恢复备份", "Restore"}, "danger"},
    {"restart", {"重启", "Restart"}, "danger"},
    {NULL, {NULL, NULL}, NULL},
};

#define RO ZX_FF_READONLY
static const struct zx_field fields[] = {
    {.key = "at", .type = ZX_F_DATETIME, .label = {"时间", "Time"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "company_id",
     .type = ZX_F_REF,
     .label = {"公司名称", "Company"},
     .in = ZX_IN_LIST | ZX_IN_ADV,
     .flags = RO | ZX_FF_SYSTEM,
     .ref = "companies"},
    {.key = "user_id", .type = ZX_F_REF, .label = {"用户", "User"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO, .ref = "users"},
    {.key = "addr", .type = ZX_F_TEXT, .label = {"来源地址", "From"}, .in = ZX_IN_LIST | ZX_IN_ADV | ZX_IN_QUICK, .flags = RO},
    {.key = "resource", .type = ZX_F_ENUM, .label = {"页面", "Page"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO, .options = resources},
    {.key = "action", .type = ZX_F_ENUM, .label = {"操作", "Action"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO, .options = actions},
    {.key = "row_id", .type = ZX_F_INT, .label = {"记录编号", "Row"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "before", .type = ZX_F_JSON, .label = {"修改前", "Before"}, .flags = RO},
    {.key = "after", .type = ZX_F_JSON, .label = {"修改后", "After"}, .flags = RO},
};

static void row_done(struct zx_req *r, cJSON *row)
{
	if (!r->ses.user.mask)
		return;
	zx_mask_json(r->db, cJSON_GetObjectItemCaseSensitive(row, "before"));
	zx_mask_json(r->db, cJSON_GetObjectItemCaseSensitive(row, "after"));
}

const struct zx_resource zx_res_audit = {
    .name = "audit",
    .title = {"操作日志", "Audit log"},
    .group = {"系统维护", "System"},
    .group_id = "system",
    .icon = "settings",
    .table = &table,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "id",
    .sort = "-id",
    .can = "list export",
    .row = row_done,
};
