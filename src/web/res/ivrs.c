/* 语音导航. */
#include "web/res/pbx.h"

#include <string.h>
#include "web/res/sound.h"

static const struct zx_q_col key_cols[] = {
    {"key", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"app", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"param", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"app_label", ZX_TARGET_LABEL("k.app", "k.param"), ZX_Q_TEXT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_child children[] = {
    {.key = "keys", .name = "ivr_keys", .parent = "ivr_id", .cols = key_cols, .colc = ZX_COUNT(key_cols)},
};

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"number", NULL, ZX_Q_TEXT, ZX_PBX_NUMBER, NULL},
    ZX_PBX_COL_REF("prompt_id", &zx_ref_prompts, ZX_PBX_PROMPT_LABEL("t.prompt_id")),
    {"audio", "(SELECT p.file FROM prompts p WHERE p.id = t.prompt_id)", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    ZX_PBX_COL_REF("invalid_id", &zx_ref_prompts, ZX_PBX_PROMPT_LABEL("t.invalid_id")),
    ZX_PBX_COL_REF("timeout_id", &zx_ref_prompts, ZX_PBX_PROMPT_LABEL("t.timeout_id")),
    {"repeats", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"timeout", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"direct_dial", NULL, ZX_Q_BOOL, ZX_PBX_INT, NULL},
    ZX_PBX_COLS_TARGET("app", "param"),
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "ivrs",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .children = children,
    .childc = ZX_COUNT(children),
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_option buttons[] = {
    {"1", {"1", "1"}, NULL}, {"2", {"2", "2"}, NULL}, {"3", {"3", "3"}, NULL},    {"4", {"4", "4"}, NULL}, {"5", {"5", "5"}, NULL},
    {"6", {"6", "6"}, NULL}, {"7", {"7", "7"}, NULL}, {"8", {"8", "8"}, NULL},    {"9", {"9", "9"}, NULL}, {"0", {"0", "0"}, NULL},
    {"*", {"*", "*"}, NULL}, {"#", {"#", "#"}, NULL}, {NULL, {NULL, NULL}, NULL},
};

static const struct zx_field key_items[] = {
    {.key = "key",
     .type = ZX_F_ENUM,
     .label = {"按键", "Key"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .options = buttons},
    {.key = "app", .type = ZX_F_TARGET, .label = {"功能", "Leads to"}, .in = ZX_IN_FORM, .flags = ZX_FF_REQUIRED, .param = "param"},
    {.key = NULL},
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"IVR名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40,
     .help_zh = "例如：总机导航",
     .help_en = "For example: Main menu"},
    {.key = "number",
     .type = ZX_F_DIGITS,
     .label = {"IVR号码", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .pattern = "^[0-9]{3,8}$",
     .check = zx_pbx_check_number,
     .help_zh = "3 到 8 位数字，内部分机拨打此号码可以试听；不能与分机、队列、会议的号码重复",
     .help_en = "3 to 8 digits; extensions dial it to try the menu. No extension, queue or conference may have the same"},
    {.key = "prompt_id",
     .type = ZX_F_REF,
     .label = {"IVR语音", "Prompt"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "prompts",
     .help_zh = "来电听到的导航语音，例如“售前请按 1，售后请按 2”；先在“提示语音”里上传",
     .help_en = "What callers hear, for example \"for sales press 1\"; uploaded under Prompts"},
    {.key = "audio", .type = ZX_F_UPLOAD, .label = {"IVR语音播放", "Play"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY, .accept = ".wav"},
    {.key = "repeats",
     .type = ZX_F_INT,
     .label = {"重复次数", "Times played"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .min = 1,
     .max = 20,
     .def = "3",
     .help_zh = "语音一共播放几次",
     .help_en = "How often the prompt is played in all"},
    {.key = "timeout",
     .type = ZX_F_DURATION,
     .label = {"超时时长", "Pause before a repeat"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .min = 1000,
     .max = 60000,
     .def = "5000",
     .help_zh = "播完一次后等多久没有按键就再播一次",
     .help_en = "How long a key is waited for before the prompt is played again"},
    {.key = "direct_dial",
     .type = ZX_F_BOOL,
     .label = {"直拨分机号码", "Direct dialling"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .def = "false",
     .help_zh = "打开后，来电者可以在播放语音时直接拨分机号码",
     .help_en = "Callers may dial an extension while the prompt plays"},
    {.key = "keys",
     .type = ZX_F_LIST,
     .label = {"按键设置", "Keys"},
     .in = ZX_IN_LIST | ZX_IN_FORM,
     .max = 12,
     .items = key_items,
     .group_zh = "按键",
     .group_en = "Keys",
     .help_zh = "每个按键转到哪里；没有设置的按键会提示“按键错误”",
     .help_en = "Where each key leads; with any other key the caller is told that it is wrong"},
    {.key = "invalid_id",
     .type = ZX_F_REF,
     .label = {"按错提示音", "Prompt after a wrong key"},
     .in = ZX_IN_FORM,
     .ref = "prompts",
     .group_zh = "按错与没有按键",
     .group_en = "Wrong key, no key",
     .help_zh = "留空用系统自带的提示",
     .help_en = "Empty: the one that comes with the system"},
    {.key = "timeout_id",
     .type = ZX_F_REF,
     .label = {"超时提示音", "Prompt after no key"},
     .in = ZX_IN_FORM,
     .ref = "prompts",
     .help_zh = "留空用系统自带的提示",
     .help_en = "Empty: the one that comes with the system"},
    {.key = "app",
     .type = ZX_F_TARGET,
     .label = {"播完后处理", "After the last time"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .param = "param",
     .def = "\"hangup\"",
     .help_zh = "播完最后一次仍没有有效按键时，来电转到这里",
     .help_en = "Where the call goes when no valid key was pressed"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_q_value *keys = zx_write_value(w, "keys");

	for (unsigned i = 0; keys && keys->list && i < keys->list->n; i++) {
		for (unsigned k = 0; k < i; k++) {
			char at[48];
			if (strcmp(keys->list->v[i * keys->list->colc].t, keys->list->v[k * keys->list->colc].t))
				continue;
			zx_pbx_at(at, "keys", i, "key");
			cJSON_AddStringToObject(errors, at, "unique");
			break;
		}
	}
	return zx_pbx_prepare(w, errors);
}

static void audio_h(struct zx_req *r)
{
	cJSON *row = zx_resource_get(r, r->def, r->id);

	if (!row)
		return;
	const int64_t id = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "prompt_id"));
	cJSON_Delete(row);
	zx_sound_send(r, id);
}

static const struct zx_res_route routes[] = {
    {"GET", ":id/audio", "list", audio_h, {"播放IVR语音", "The prompt, WAV; ranges"}, "audio/wav", NULL},
};

const struct zx_resource zx_res_ivrs = {
    .name = "ivrs",
    .title = {"语音导航", "IVR menus"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "number",
    .sort = "number",
    .can = "list add edit copy delete export history",
    .routes = routes,
    .routec = ZX_COUNT(routes),
    .prepare = prepare,
    .order = zx_pbx_order_number,
};
