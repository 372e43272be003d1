/* 静态队列. */
#include "web/res/pbx.h"

#include <string.h>

static const struct zx_q_col member_cols[] = {
    {"extension_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_WRITE, &zx_ref_extensions},
    {"label", ZX_PBX_EXT_LABEL("k.extension_id"), ZX_Q_TEXT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_child children[] = {
    {.key = "members", .name = "queue_members", .parent = "queue_id", .cols = member_cols, .colc = ZX_COUNT(member_cols)},
};

static const struct zx_q_col cols[] = {
    ZX_PBX_COLS_HEAD,
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"number", NULL, ZX_Q_TEXT, ZX_PBX_NUMBER, NULL},
    {"strategy", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_WRITE, NULL},
    ZX_PBX_COL_REF("join_prompt_id", &zx_ref_prompts, ZX_PBX_PROMPT_LABEL("t.join_prompt_id")),
    ZX_PBX_COL_REF("music_id", &zx_ref_music, ZX_PBX_PROMPT_LABEL("t.music_id")),
    {"music_first", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    ZX_PBX_COL_REF("agent_prompt_id", &zx_ref_prompts, ZX_PBX_PROMPT_LABEL("t.agent_prompt_id")),
    {"max_callers", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"max_wait", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"ring_time", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"retry", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"wrap_up", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"misses_busy", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"announce", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    {"announce_wait", NULL, ZX_Q_BOOL, ZX_PBX_INT, NULL},
    ZX_PBX_COL_REF("ivr_id", &zx_ref_ivrs, "(SELECT i.number || ' ' || i.name FROM ivrs i WHERE i.id = t.ivr_id)"),
    {"ivr_after", NULL, ZX_Q_INT, ZX_PBX_INT, NULL},
    ZX_PBX_COLS_TARGET("app", "param"),
    ZX_PBX_COLS_TAIL,
};

static const struct zx_q_table table = {
    .name = "queues",
    .joins = ZX_PBX_JOINS,
    .company = "t.company_id",
    .children = children,
    .childc = ZX_COUNT(children),
    .rev = "rev",
    .cols = cols,
    .colc = ZX_COUNT(cols),
};

static const struct zx_option strategies[] = {
    {"rrmemory", {"随机轮选", "Round robin with memory"}, NULL},
    {"ringall", {"全部响铃", "Ring all"}, NULL},
    {"longest-idle", {"最久未呼叫", "Longest idle"}, NULL},
    {"fewest-calls", {"最小呼叫", "Fewest calls"}, NULL},
    {"random", {"随机", "Random"}, NULL},
    {"linear", {"排队式", "From the top of the list"}, NULL},
    {NULL, {NULL, NULL}, NULL},
};

static const struct zx_field member_items[] = {
    {.key = "extension_id",
     .type = ZX_F_REF,
     .label = {"分机", "Extension"},
     .in = ZX_IN_FORM,
     .flags = ZX_FF_REQUIRED,
     .ref = "extensions"},
    {.key = NULL},
};

static const struct zx_field fields[] = {
    ZX_PBX_FIELD_COMPANY,
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"队列名称", "Name"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 40,
     .help_zh = "例如：售前咨询",
     .help_en = "For example: Sales"},
    {.key = "number",
     .type = ZX_F_DIGITS,
     .label = {"队列号码", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .pattern = "^[0-9]{3,8}$",
     .check = zx_pbx_check_number,
     .help_zh = "3 到 8 位数字，内部分机拨打此号码进入队列；不能与分机、语音导航、会议的号码重复",
     .help_en = "3 to 8 digits; extensions dial it to reach the queue. No extension, IVR menu or conference may have the same"},
    {.key = "strategy",
     .type = ZX_F_ENUM,
     .label = {"队列策略", "Strategy"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .options = strategies,
     .def = "\"rrmemory\"",
     .help_zh = "来电分给哪个坐席。随机轮选：接着上次的下一个；全部响铃：空闲坐席同时响铃；最久未呼叫：挂机后空闲最久的；最小呼叫："
		"接听最少的；随机：任意一个；排队式：总是从坐席列表最上面开始",
     .help_en = "Who gets a call. Round robin: the next after the last one; ring all: every free agent at once; longest idle: since the "
		"last hang-up; fewest calls: who answered least; random: anyone; from the top: always in the order of the list"},
    {.key = "members",
     .type = ZX_F_LIST,
     .label = {"队列坐席", "Agents"},
     .in = ZX_IN_LIST | ZX_IN_FORM,
     .max = 1000,
     .items = member_items,
     .help_zh = "选择接听此队列的分机，并排好顺序",
     .help_en = "The extensions that answer this queue, in order"},
    {.key = "join_prompt_id",
     .type = ZX_F_REF,
     .label = {"进入队列的提示音", "Prompt on entry"},
     .in = ZX_IN_FORM,
     .ref = "prompts",
     .group_zh = "语音",
     .group_en = "Sounds",
     .help_zh = "来电进入队列时先播完这段语音再找坐席；在“提示语音”里上传，留空不播放",
     .help_en = "Played to the caller before agents are looked for; uploaded under Prompts, empty: none"},
    {.key = "music_id",
     .type = ZX_F_REF,
     .label = {"队列背景音乐", "Music on hold"},
     .in = ZX_IN_FORM,
     .ref = "music",
     .help_zh = "排队时听到的音乐；在“队列背景音”里上传，留空用系统自带的",
     .help_en = "What callers hear while they wait; uploaded under Queue music, empty: the one that comes with the system"},
    {.key = "music_first",
     .type = ZX_F_DURATION,
     .label = {"先听音乐时长", "Music before ringing"},
     .in = ZX_IN_FORM,
     .max = 300000,
     .def = "0",
     .help_zh = "先听多少秒音乐再呼坐席，0 为立即呼叫",
     .help_en = "How long the music is heard before agents ring; 0: they ring at once"},
    {.key = "agent_prompt_id",
     .type = ZX_F_REF,
     .label = {"坐席接听提示音", "Prompt to the agent"},
     .in = ZX_IN_FORM,
     .ref = "prompts",
     .help_zh = "坐席接起后先听到的一段语音，例如“售前来电”，留空不播放",
     .help_en = "Heard by the agent on answer, for example \"a sales call\"; empty: none"},
    {.key = "max_callers",
     .type = ZX_F_INT,
     .label = {"最大呼叫数量", "Callers at most"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 10000,
     .def = "0",
     .group_zh = "排队与振铃",
     .group_en = "Waiting and ringing",
     .help_zh = "同时排队的来电数，超出时走溢出处理；0 不限制",
     .help_en = "How many may wait at once, more overflow; 0: no limit"},
    {.key = "max_wait",
     .type = ZX_F_DURATION,
     .label = {"最大等待时长", "Longest wait"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .max = 86400000,
     .def = "600000",
     .help_zh = "等待超过这个时长走溢出处理；0 不限制",
     .help_en = "After this long the call overflows; 0: no limit"},
    {.key = "ring_time",
     .type = ZX_F_DURATION,
     .label = {"坐席震铃时长", "Ring time"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .min = 3000,
     .max = 300000,
     .def = "20000",
     .help_zh = "每次呼叫一个坐席最多响多久",
     .help_en = "How long an agent rings at most"},
    {.key = "retry",
     .type = ZX_F_DURATION,
     .label = {"坐席重试秒数", "Pause before the next agent"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .max = 300000,
     .def = "5000",
     .help_zh = "上一个坐席没有接听时，等多久再呼下一个",
     .help_en = "When an agent did not answer, how long until the next one rings"},
    {.key = "wrap_up",
     .type = ZX_F_DURATION,
     .label = {"挂机后等待", "Wrap-up time"},
     .in = ZX_IN_FORM | ZX_IN_ADV,
     .max = 3600000,
     .def = "10000",
     .help_zh = "坐席挂机后多久才分配下一个来电，留给坐席填写记录",
     .help_en = "How long after a call an agent is left alone, to finish the notes"},
    {.key = "misses_busy",
     .type = ZX_F_INT,
     .label = {"未接自动示忙", "Busy after unanswered calls"},
     .in = ZX_IN_FORM,
     .max = 100,
     .def = "0",
     .help_zh = "坐席连续几次不接就自动示忙，避免来电反复打到没人的座位；0 不示忙",
     .help_en = "So many unanswered calls in a row set an agent busy, so that calls do not go to an empty desk; 0: never"},
    {.key = "announce",
     .type = ZX_F_DURATION,
     .label = {"播报排队位置", "Position announced every"},
     .in = ZX_IN_FORM,
     .max = 3600000,
     .def = "0",
     .help_zh = "每隔多久告诉来电者排在第几位；0 不播报",
     .help_en = "How often callers are told their place in the queue; 0: never"},
    {.key = "announce_wait",
     .type = ZX_F_BOOL,
     .label = {"播报预计等待", "With the estimated wait"},
     .in = ZX_IN_FORM,
     .def = "false",
     .help_zh = "播报位置时同时告知预计还要等多久",
     .help_en = "The announcement also tells how long it will take"},
    {.key = "ivr_id",
     .type = ZX_F_REF,
     .label = {"等待进入IVR", "IVR menu after waiting"},
     .in = ZX_IN_FORM,
     .ref = "ivrs",
     .group_zh = "等待太久时的语音导航",
     .group_en = "IVR menu after a long wait",
     .help_zh = "等待一段时间后转入的语音导航，例如“继续等待请按 1，留言请按 2”",
     .help_en = "Entered after a while, for example \"1 to go on waiting, 2 to leave a message\""},
    {.key = "ivr_after",
     .type = ZX_F_DURATION,
     .label = {"等待多少秒进入IVR", "Wait before the IVR menu"},
     .in = ZX_IN_FORM,
     .max = 86400000,
     .def = "0",
     .help_zh = "选择了语音导航时必须大于 0",
     .help_en = "Above 0 when a menu is chosen"},
    {.key = "app",
     .type = ZX_F_TARGET,
     .label = {"溢出处理", "Overflow"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .param = "param",
     .def = "\"hangup\"",
     .group_zh = "溢出处理",
     .group_en = "Overflow",
     .help_zh = "队列已满、等待超时、没有坐席在线，或坐席先挂机时，来电转到这里（坐席先挂机后做满意度评价就选“服务质检”）",
     .help_en =
	 "Where a call goes when the queue is full, the wait too long, no agent is there, or the agent hangs up first (choose Survey to "
	 "have callers rate the call)"},
    ZX_PBX_FIELD_CREATED(ZX_IN_ADV),
};

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const struct zx_q_value *m = zx_write_value(w, "members");

	for (unsigned i = 0; m && m->list && i < m->list->n; i++) {
		for (unsigned k = 0; k < i; k++) {
			char at[48];
			if (m->list->v[i * m->list->colc].i != m->list->v[k * m->list->colc].i)
				continue;
			zx_pbx_at(at, "members", i, NULL);
			cJSON_AddStringToObject(errors, at, "unique");
			break;
		}
	}
	return zx_pbx_prepare(w, errors);
}

static int order(struct zx_db *db, struct zx_res_write *w)
{
	const bool ivr = zx_pbx_int(w, "ivr_id") != 0;

	if (ivr && !zx_pbx_int(w, "ivr_after"))
		return zx_pbx_fault(w, "ivr_after", "required");
	return zx_pbx_order_number(db, w);
}

const struct zx_resource zx_res_queues = {
    .name = "queues",
    .title = {"静态队列", "Queues"},
    ZX_PBX_GROUP,
    .table = &table,
    .fields = fields,
    .fieldc = ZX_COUNT(fields),
    .label = "number",
    .sort = "number",
    .can = "list add edit copy delete import export history",
    .prepare = prepare,
    .order = order,
};
