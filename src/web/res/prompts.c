/* 提示语音. */
#include "web/res/sound.h"

#include <string.h>

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "file",
     .type = ZX_F_UPLOAD,
     .label = {"提示音名称", "File"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .accept = ZX_SOUND_ACCEPT,
     .help_zh = "wav、mp3、flac、ogg 等常见格式都可以，自动转成电话用的格式（8000 Hz、16 位、单声道）；最大 50 MB、最长 30 分钟",
     .help_en = "WAV, MP3, FLAC, Ogg and other common formats; made into what telephones need (8000 Hz, 16 bit, mono). At most 50 MB and "
		"30 minutes"},
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"提示音简述", "Description"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .max = 60,
     .help_zh = "选择语音时显示的名字，例如：欢迎词；留空用文件名",
     .help_en = "What it is called where one is chosen, for example: Welcome; empty: the name of the file"},
    {.key = "length", .type = ZX_F_DURATION, .label = {"时长", "Length"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "used_by", .type = ZX_F_TEXT, .label = {"使用者", "Used by"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    ZX_PBX_FIELD_CREATED(ZX_IN_LIST | ZX_IN_ADV),
};

static const struct zx_q_table table = {
    .name = "prompts",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .where = ZX_PROMPT_WHERE,
    .rev = "rev",
    .cols = zx_sound_cols,
    .colc = ZX_SOUND_COLS,
};

static const char *const body[] = {NULL};
static const struct zx_res_route routes[] = {
    {"POST",
     "upload",
     "add",
     zx_sound_upload_h,
     {"上传语音", "Upload: the raw file, X-File-Name; ?name=&company_id=&replace="},
     NULL,
     body},
    {"GET", ":id/audio", "list", zx_sound_audio_h, {"播放语音", "The sound, WAV; ranges; ?download=1"}, "audio/wav", NULL},
};

const struct zx_resource zx_res_prompts = {
    .name = "prompts",
    .title = {"提示语音", "Prompts"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "label",
    .sort = "file",
    .can = "list add edit delete history",
    .routes = routes,
    .routec = ZX_COUNT(routes),
    .prepare = zx_sound_prepare,
    .changed = zx_sound_sweep,
};
