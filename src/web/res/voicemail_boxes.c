/* 系统信箱: the boxes callers can be sent to. */
#include "web/res/pbx.h"
#include "web/res/sound.h"

#include <string.h>

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    ZX_PBX_COL_REF("prompt_id", &zx_ref_prompts, ZX_PBX_PROMPT_LABEL("t.prompt_id")),
    {"audio", "(SELECT p.file FROM prompts p WHERE p.id = t.prompt_id)", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    ZX_PBX_COL_REF("extension_id", &zx_ref_extensions, ZX_PBX_EXT_LABEL("t.extension_id")),
    {"max_length", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"silence", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "voicemail_boxes",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"信箱名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40,
     .help_zh = "例如：下班留言",
     .help_en = "For example: After hours"},
    {.key = "prompt_id",
     .type = ZX_F_REF,
     .label = {"留言提示音", "Greeting"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "prompts",
     .help_zh = "来电先听到的语音，例如“我们已经下班，请在提示音后留言”；留空用系统自带的",
     .help_en = "Heard before the beep, for example \"we are closed, please leave a message\"; empty: the one that comes with the system"},
    {.key = "audio", .type = ZX_F_UPLOAD, .label = {"播放提示音", "Play"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY, .accept = ".wav"},
    {.key = "extension_id",
     .type = ZX_F_REF,
     .label = {"提醒分机", "Told to extension"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .ref = "extensions",
     .help_zh = "有新留言时，这个分机的话机亮留言灯；可以留空",
     .help_en = "The message lamp of this phone tells of new messages; may be empty"},
    {.key = "max_length",
     .type = ZX_F_DURATION,
     .label = {"最长留言", "Longest message"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .min = 10000,
     .max = 1800000,
     .def = "180000",
     .help_zh = "到时自动结束录音，10 秒到 30 分钟",
     .help_en = "Where recording ends by itself, 10 seconds to 30 minutes"},
    {.key = "silence",
     .type = ZX_F_DURATION,
     .label = {"静音结束", "Ended by silence"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .max = 60000,
     .def = "5000",
     .help_zh = "连续静音这么久就结束留言；0 不按静音结束。按 # 键或挂机也会结束",
     .help_en = "So much silence ends a message; 0: never. # and hanging up end it too"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

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
    {"GET", ":id/audio", "list", audio_h, {"播放留言提示音", "The greeting, WAV; ranges"}, "audio/wav", NULL},
};

const struct zx_resource zx_res_voicemail_boxes = {
    .name = "voicemail_boxes",
    .title = {"系统信箱", "Voicemail boxes"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "name",
    .sort = "name",
    .can = "list add edit copy delete export history",
    .routes = routes,
    .routec = ZX_COUNT(routes),
    .prepare = zx_pbx_prepare,
};
