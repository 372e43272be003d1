/* 通话记录: read only, with the recording and its peaks. */
#include "web/res/res.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "media/media.h"
#include "web/file.h"
#include "web/mask.h"
#include "web/static.h"

enum { PEAKS_MAX = 4000 };

#define FIND (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_NULL)

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"start", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE, NULL},
    {"ended", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE, NULL},
    {"direction", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"caller", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK, NULL},
    {"caller_name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS, NULL},
    {"callee", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK, NULL},
    {"caller_ext", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK, NULL},
    {"callee_ext", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK, NULL},
    {"transfer_to", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_PREFIX | ZX_Q_NULL, NULL},
    {"app", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"trunk", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL, NULL},
    {"state", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"ring", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE, NULL},
    {"talk", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE, NULL},
    {"scode", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_RANGE, NULL},
    {"hangup_by", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"recording", "(t.recording <> '')", ZX_Q_BOOL, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"rec_problem", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_NULL, NULL},
    {"quality", "(SELECT d.quality FROM call_details d WHERE d.call_id = t.id)", ZX_Q_TEXT, ZX_Q_GET, NULL},
    {"timeline", "(SELECT d.timeline FROM call_details d WHERE d.call_id = t.id)", ZX_Q_TEXT, ZX_Q_GET, NULL},
};

static const struct zx_q_table table = {
    .name = "calls",
    .company = "t.company_id",
    .own = "(t.caller_ext = :own OR t.callee_ext = :own)",
    .dept = "t.caller_ext IN (SELECT number FROM led_extensions WHERE leader = :user) OR "
	    "t.callee_ext IN (SELECT number FROM led_extensions WHERE leader = :user)",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_option directions[] = {
    {"internal", {"内部", "Internal"}, "info"},
    {"inbound", {"呼入", "Inbound"}, "success"},
    {"outbound", {"呼出", "Outbound"}, "warning"},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option states[] = {
    {"talking", {"通话中", "Talking"}, "warning"},       {"answered", {"已接听", "Answered"}, "success"},
    {"no-answer", {"无应答", "No answer"}, "danger"},    {"busy", {"忙", "Busy"}, "danger"},
    {"cancelled", {"主叫取消", "Cancelled"}, "info"},    {"unreachable", {"不在线", "Unreachable"}, "danger"},
    {"not-found", {"空号", "Not found"}, "danger"},      {"failed", {"失败", "Failed"}, "danger"},
    {"interrupted", {"中断", "Interrupted"}, "warning"}, {NULL, {NULL, NULL}, NULL},
};

static const struct zx_option ends[] = {
    {"caller", {"主叫", "Caller"}, NULL},
    {"callee", {"被叫", "Callee"}, NULL},
    {"system", {"系统", "System"}, NULL},
    {NULL, {NULL, NULL}, NULL},
};

#define RO ZX_FF_READONLY
static const struct zx_field fields[] = {
    {.key = "start", .type = ZX_F_DATETIME, .label = {"开始时间", "Start"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "caller",
     .type = ZX_F_NUMBER,
     .label = {"主叫", "Caller"},
     .in = ZX_IN_LIST | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = RO | ZX_FF_CUSTOMER},
    {.key = "caller_name",
     .type = ZX_F_TEXT,
     .label = {"主叫名称", "Caller name"},
     .in = ZX_IN_ADV | ZX_IN_CSV,
     .flags = RO | ZX_FF_CUSTOMER},
    {.key = "callee",
     .type = ZX_F_NUMBER,
     .label = {"被叫", "Callee"},
     .in = ZX_IN_LIST | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = RO | ZX_FF_CUSTOMER},
    {.key = "direction",
     .type = ZX_F_ENUM,
     .label = {"呼叫类型", "Call type"},
     .in = ZX_IN_LIST | ZX_IN_ADV,
     .flags = RO,
     .options = directions},
    {.key = "transfer_to",
     .type = ZX_F_NUMBER,
     .label = {"转移", "Transferred to"},
     .in = ZX_IN_LIST | ZX_IN_ADV,
     .flags = RO | ZX_FF_CUSTOMER},
    {.key = "app", .type = ZX_F_TEXT, .label = {"应用", "Application"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "ring", .type = ZX_F_DURATION, .label = {"震铃时长", "Ring time"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "talk", .type = ZX_F_DURATION, .label = {"通话时长", "Talk time"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "state", .type = ZX_F_ENUM, .label = {"状态", "State"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO, .options = states},
    {.key = "recording", .type = ZX_F_AUDIO, .label = {"录音", "Recording"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = RO},
    {.key = "caller_ext", .type = ZX_F_DIGITS, .label = {"主叫分机", "Caller's extension"}, .in = ZX_IN_ADV | ZX_IN_CSV, .flags = RO},
    {.key = "callee_ext", .type = ZX_F_DIGITS, .label = {"被叫分机", "Callee's extension"}, .in = ZX_IN_ADV | ZX_IN_CSV, .flags = RO},
    {.key = "trunk", .type = ZX_F_TEXT, .label = {"中继", "Trunk"}, .in = ZX_IN_ADV | ZX_IN_CSV, .flags = RO},
    {.key = "hangup_by", .type = ZX_F_ENUM, .label = {"挂断方", "Hung up by"}, .in = ZX_IN_ADV | ZX_IN_CSV, .flags = RO, .options = ends},
    {.key = "scode", .type = ZX_F_INT, .label = {"SIP 代码", "SIP code"}, .in = ZX_IN_ADV | ZX_IN_CSV, .flags = RO},
    {.key = "ended", .type = ZX_F_DATETIME, .label = {"结束时间", "End"}, .in = ZX_IN_ADV | ZX_IN_CSV, .flags = RO},
    {.key = "rec_problem", .type = ZX_F_TEXT, .label = {"录音问题", "Recording problem"}, .flags = RO},
    {.key = "quality", .type = ZX_F_JSON, .label = {"通话质量", "Quality"}, .flags = RO},
    {.key = "timeline", .type = ZX_F_JSON, .label = {"通话过程", "Timeline"}, .flags = RO},
};

/* The file of a call within the user's scope; replies when there is none. */
static int open_recording(struct zx_req *r, char *path, size_t len, char *name, size_t namelen)
{
	char caller[80], callee[80], day[32] = "";
	struct zx_stmt *s;
	cJSON *row = zx_resource_get(r, r->def, r->id);
	struct tm tm;

	if (!row)
		return ENOENT;
	zx_strcpy(caller, sizeof(caller), cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "caller")));
	zx_strcpy(callee, sizeof(callee), cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "callee")));
	const time_t t = (time_t)(zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "start")) / 1000);
	cJSON_Delete(row);
	path[0] = '\0';
	if (!zx_stmt_get(&s, r->db, "web_call_file")) {
		zx_bind_int(s, ":id", r->id);
		if (!zx_stmt_step(s))
			zx_strcpy(path, len, zx_col_text(s, 0));
		zx_stmt_reset(s);
	}
	if (!zx_path_safe(path)) {
		zx_reply_error(r, 404, "no_recording", NULL, NULL);
		return ENOENT;
	}
	if (localtime_r(&t, &tm))
		strftime(day, sizeof(day), "%Y%m%d-%H%M%S", &tm);
	snprintf(name, namelen, "%s_%s_%s.wav", day, caller, callee);
	for (char *p = name; *p; p++) {
		if (*p == '*')
			*p = 'x';
		else if (!strchr("0123456789-_+.", *p) && !((*p | 32) >= 'a' && (*p | 32) <= 'z'))
			*p = '_';
	}
	return 0;
}

static void recording_h(struct zx_req *r)
{
	char path[512], name[256], whole[4096 + 600];

	if (!strcmp(zx_req_param(r, "download"), "1") && !zx_rights_have(r->ses.user.rights, "calls:download")) {
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
		return;
	}
	if (open_recording(r, path, sizeof(path), name, sizeof(name)))
		return;
	snprintf(whole, sizeof(whole), "%s/%s", r->web->rec_dir, path);
	const int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		zx_reply_error(r, 404, "no_recording", NULL, NULL);
		return;
	}
	zx_file_reply(r, fd, "audio/wav", name, !strcmp(zx_req_param(r, "download"), "1"), "no_recording");
	close(fd);
}

static void peaks_h(struct zx_req *r)
{
	char path[512], name[256];
	int64_t n = 600, len = 0;
	const char *param = zx_req_param(r, "n");

	if (*param && (!zx_text_int(param, &n) || n < 1 || n > PEAKS_MAX)) {
		zx_bad_query(r, "n");
		return;
	}
	if (open_recording(r, path, sizeof(path), name, sizeof(name)))
		return;
	uint8_t *v = calloc((size_t)n, 2);
	if (!v) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	if (zx_rec_peaks(r->web->rec_dir, path, (unsigned)n, v, v + n, &len)) {
		zx_reply_error(r, 404, "no_recording", NULL, NULL);
	} else {
		cJSON *js = cJSON_CreateObject(), *a = cJSON_AddArrayToObject(js, "left"), *b = cJSON_AddArrayToObject(js, "right");
		for (int64_t i = 0; i < n; i++) {
			cJSON_AddItemToArray(a, cJSON_CreateNumber(v[i]));
			cJSON_AddItemToArray(b, cJSON_CreateNumber(v[n + i]));
		}
		zx_json_add_int(js, "length", len);
		zx_reply_json(r, 200, js);
	}
	free(v);
}

/* Numbers inside the timeline are customers' too. */
static void row_done(struct zx_req *r, cJSON *row)
{
	if (r->ses.user.mask)
		zx_mask_json(r->db, cJSON_GetObjectItemCaseSensitive(row, "timeline"));
}

static const struct zx_res_route routes[] = {
    {"GET", ":id/recording", "list", recording_h, {"录音文件", "The recording, stereo WAV; ranges; ?download=1"}, "audio/wav", NULL},
    {"GET", ":id/peaks", "list", peaks_h, {"录音波形", "Peaks for drawing, ?n=600"}, NULL, NULL},
};

const struct zx_resource zx_res_calls = {
    .name = "calls",
    .title = {"通话记录", "Call records"},
    .group = {"话务管理", "Calls"},
    .group_id = "calls",
    .icon = "phone",
    .table = &table,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "id",
    .sort = "-start",
    .can = "list download export",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .row = row_done,
};
