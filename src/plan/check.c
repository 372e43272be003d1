#include "plan/check_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct {
	const char *resource, *zh, *en;
} kinds[ZX_PLAN_KINDS] = {
    [ZX_PLAN_EXT] = {"extensions", "分机", "extension"},
    [ZX_PLAN_TRUNK] = {"trunks", "中继", "trunk"},
    [ZX_PLAN_PROMPT] = {"prompts", "提示语音", "prompt"},
    [ZX_PLAN_QUEUE] = {"queues", "队列", "queue"},
    [ZX_PLAN_IVR] = {"ivrs", "语音导航", "IVR"},
    [ZX_PLAN_TIME] = {"time_conditions", "时间条件", "time condition"},
    [ZX_PLAN_HOLIDAYS] = {"holiday_lists", "节假日表", "holiday list"},
    [ZX_PLAN_CONF] = {"conferences", "电话会议", "conference"},
    [ZX_PLAN_VOICEMAIL] = {"voicemail_boxes", "系统信箱", "voicemail box"},
    [ZX_PLAN_INBOUND] = {"inbound_routes", "呼入", "inbound route"},
    [ZX_PLAN_OUTBOUND] = {"outbound_routes", "呼出", "outbound route"},
};

int zx_check_app_kind(const char *app)
{
	static const struct {
		const char *app;
		int kind;
	} apps[] = {
	    {"extension", ZX_PLAN_EXT},   {"queue", ZX_PLAN_QUEUE},         {"ivr", ZX_PLAN_IVR},       {"time", ZX_PLAN_TIME},
	    {"conference", ZX_PLAN_CONF}, {"voicemail", ZX_PLAN_VOICEMAIL}, {"prompt", ZX_PLAN_PROMPT}, {"survey", ZX_PLAN_KINDS},
	    {"outside", ZX_PLAN_KINDS},   {"hangup", ZX_PLAN_KINDS},
	};

	for (unsigned i = 0; i < sizeof(apps) / sizeof(apps[0]); i++)
		if (!strcmp(apps[i].app, app))
			return apps[i].kind;
	return -1;
}

void zx_check_label(enum zx_plan_kind kind, const void *item, char *out, size_t len)
{
	const struct zx_plan_head *h = item;
	const char *number = "", *name;

	switch (kind) {
	case ZX_PLAN_EXT:
		number = ((const struct zx_plan_ext *)item)->account.user;
		name = ((const struct zx_plan_ext *)item)->account.name;
		break;
	case ZX_PLAN_TRUNK:
		name = ((const struct zx_plan_trunk *)item)->peer.name;
		break;
	case ZX_PLAN_PROMPT:
		name = *h->name ? h->name : ((const struct zx_plan_prompt *)item)->file;
		break;
	default:
		number = h->number;
		name = h->name;
	}
	snprintf(out, len, "%s%s%s", number, *number && *name ? " " : "", name);
	zx_utf8_cut(out);
}

void zx_check_tell(const struct zx_check *c, bool error, const char *code, const struct zx_check_row *at, const char *zh, const char *en,
		   ...)
{
	struct zx_plan_problem pr = {.error = error,
				     .code = code,
				     .resource = kinds[at->kind].resource,
				     .id = zx_plan_item_id(at->kind, at->item),
				     .field = at->field};
	va_list ap;

	if (at->kind == ZX_PLAN_PROMPT && ((const struct zx_plan_prompt *)at->item)->music)
		pr.resource = "music";
	zx_check_label(at->kind, at->item, pr.label, sizeof(pr.label));
	va_start(ap, en);
	vsnprintf(pr.zh, sizeof(pr.zh), zh, ap);
	va_end(ap);
	va_start(ap, en);
	vsnprintf(pr.en, sizeof(pr.en), en, ap);
	va_end(ap);
	zx_utf8_cut(pr.zh);
	zx_utf8_cut(pr.en);
	c->h(&pr, c->arg);
}

#define EACH(c, kind, type, it)                                                                                                            \
	for (const struct type *it = (c)->p->lists[kind].v, *it##_end = it + (c)->p->lists[kind].n; it < it##_end; it++)

/* ---- targets ---- */

/* open: an extension without parameter is the one whose number was dialled. */
static void check_target(const struct zx_check *c, const struct zx_check_row *at, const struct zx_plan_target *t, bool open)
{
	const int kind = zx_check_app_kind(t->app);

	if (kind < 0) {
		zx_check_tell(c, true, "target_app", at, "没有选择去向，请选择一个应用", "No target is chosen; choose an application");
	} else if (kind == ZX_PLAN_KINDS) {
		if (!strcmp(t->app, "outside") && !*t->text)
			zx_check_tell(c, true, "target_number", at, "没有填写要呼叫的外线号码",
				      "The outside number to be called is missing");
	} else if (open && kind == ZX_PLAN_EXT && !*t->text) {
		return;
	} else if (!zx_plan_find(c->p, (enum zx_plan_kind)kind, t->id)) {
		zx_check_tell(c, true, "target_missing", at, "去向的%s不存在（已删除？），请重新选择%.0s",
			      "%.0sIt leads to something that does not exist (%s); choose another one", kinds[kind].zh, kinds[kind].en);
	}
}

static void check_targets(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_INBOUND, zx_plan_inbound, r)
	check_target(c, &(struct zx_check_row){ZX_PLAN_INBOUND, r, "app"}, &r->target, true);
	EACH(c, ZX_PLAN_QUEUE, zx_plan_queue, q)
	check_target(c, &(struct zx_check_row){ZX_PLAN_QUEUE, q, "app"}, &q->overflow, false);
	EACH(c, ZX_PLAN_TIME, zx_plan_time, t)
	{
		check_target(c, &(struct zx_check_row){ZX_PLAN_TIME, t, "in_app"}, &t->in, false);
		check_target(c, &(struct zx_check_row){ZX_PLAN_TIME, t, "out_app"}, &t->out, false);
	}
	EACH(c, ZX_PLAN_IVR, zx_plan_ivr, v)
	{
		check_target(c, &(struct zx_check_row){ZX_PLAN_IVR, v, "app"}, &v->last, false);
		for (unsigned k = 0; k < ZX_IVR_KEYS; k++)
			if (*v->keys[k].app)
				check_target(c, &(struct zx_check_row){ZX_PLAN_IVR, v, "keys"}, &v->keys[k], false);
	}
}

/* ---- numbers ---- */

static void check_number(const struct zx_check *c, enum zx_plan_kind kind, const void *item, const char *number)
{
	const struct zx_check_row at = {kind, item, "number"};
	const void *other;

	if (!*number)
		return;
	if (zx_plan_find_number(c->p, number, &other) != kind || other != item)
		zx_check_tell(c, true, "number_twice", &at, "号码 %s 在本公司重复，请改成别的号码",
			      "Number %s is there twice; choose another one", number);
	else if (c->env->number_taken && c->env->number_taken(number, c->env->arg))
		zx_check_tell(
		    c, true, "number_taken", &at, "号码 %s 正由其他公司使用（其删除或更改尚未生效），请换号码或等其更新配置",
		    "Number %s is still in use by another company; choose another one, or wait until that company has applied its change",
		    number);
}

static void check_numbers(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_EXT, zx_plan_ext, e)
	check_number(c, ZX_PLAN_EXT, e, e->account.user);
	EACH(c, ZX_PLAN_QUEUE, zx_plan_queue, q)
	check_number(c, ZX_PLAN_QUEUE, q, q->h.number);
	EACH(c, ZX_PLAN_IVR, zx_plan_ivr, v)
	check_number(c, ZX_PLAN_IVR, v, v->h.number);
	EACH(c, ZX_PLAN_CONF, zx_plan_conf, f)
	check_number(c, ZX_PLAN_CONF, f, f->h.number);
}

/* ---- queues, IVRs, time conditions ---- */

static void check_queues(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_QUEUE, zx_plan_queue, q)
	{
		if (!q->memberc)
			zx_check_tell(c, false, "queue_empty", &(struct zx_check_row){ZX_PLAN_QUEUE, q, "members"},
				      "队列没有成员，来电会直接走溢出去向，请添加分机",
				      "The queue has no members: callers go to its overflow at once; add extensions");
		if (q->ivr_id && q->ivr_after && q->max_wait && q->ivr_after >= q->max_wait)
			zx_check_tell(c, false, "queue_ivr_late", &(struct zx_check_row){ZX_PLAN_QUEUE, q, "ivr_after"},
				      "等待进入 IVR 的时间不小于最长等待时间，IVR 永远不会进入，请改短",
				      "The IVR is entered after the longest wait, that is never; make the time shorter");
	}
}

static void check_ivrs(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_IVR, zx_plan_ivr, v)
	{
		unsigned keys = 0;

		for (unsigned k = 0; k < ZX_IVR_KEYS; k++)
			keys += *v->keys[k].app != '\0';
		if (!keys && !v->direct_dial)
			zx_check_tell(c, false, "ivr_no_keys", &(struct zx_check_row){ZX_PLAN_IVR, v, "keys"},
				      "没有任何按键，也不能直拨分机，来电只能听完后挂断，请添加按键",
				      "There are no keys and extensions cannot be dialled: callers can only listen; add keys");
		if (!v->prompt_id)
			zx_check_tell(c, false, "ivr_no_prompt", &(struct zx_check_row){ZX_PLAN_IVR, v, "prompt_id"},
				      "没有选择提示语音，来电听不到该按什么，请选择",
				      "No prompt is chosen: callers do not hear what to press; choose one");
	}
}

static bool same_target(const struct zx_plan_target *a, const struct zx_plan_target *b)
{
	return !strcmp(a->app, b->app) && !strcmp(a->text, b->text);
}

static bool is_any(const struct zx_plan_range *r)
{
	return r->from < 0 && r->to < 0;
}

static void check_times(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_TIME, zx_plan_time, t)
	{
		const struct zx_check_row at = {ZX_PLAN_TIME, t, "out_app"};

		if (same_target(&t->in, &t->out))
			zx_check_tell(c, false, "time_same", &at, "范围内和范围外的去向相同，这个时间条件不起作用",
				      "Inside and outside lead to the same: the condition decides nothing");
		else if (is_any(&t->minute) && is_any(&t->weekday) && is_any(&t->month) && is_any(&t->day) && !t->holidays_id)
			zx_check_tell(c, false, "time_always", &at, "没有设置任何时间，永远走范围内的去向，请填写时间",
				      "No time is given: it is always inside; fill in a time");
	}
}

/* ---- trunks and outbound routes ---- */

static void check_trunks(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_TRUNK, zx_plan_trunk, t)
	{
		const bool account = t->kind != ZX_TRUNK_PEER;

		if (account && (!*t->account || !*t->secret))
			zx_check_tell(
			    c, true, "trunk_account", &(struct zx_check_row){ZX_PLAN_TRUNK, t, *t->account ? "secret" : "account"},
			    "注册方式的中继需要账号和密码，请填写", "A trunk that registers needs an account and a password; fill them in");
		if (t->kind != ZX_TRUNK_GATEWAY && !*t->host)
			zx_check_tell(c, true, "trunk_host", &(struct zx_check_row){ZX_PLAN_TRUNK, t, "host"}, "没有填写对端地址，请填写",
				      "The address of the other side is missing; fill it in");
		else if (c->env->trunk_down && c->env->trunk_down(t->peer.id, c->env->arg))
			zx_check_tell(c, false, "trunk_down", &(struct zx_check_row){ZX_PLAN_TRUNK, t, "host"},
				      "中继目前未注册或不可达，经它的呼叫会失败，请检查对端",
				      "The trunk is not registered or reachable now: calls by it would fail; check the other side");
	}
}

static void check_outbound(const struct zx_check *c)
{
	EACH(c, ZX_PLAN_OUTBOUND, zx_plan_outbound, r)
	{
		unsigned n = 0;

		for (unsigned k = 0; k < 3; k++)
			n += r->trunk_id[k] && zx_plan_find(c->p, ZX_PLAN_TRUNK, r->trunk_id[k]);
		if (!n)
			zx_check_tell(c, true, "outbound_no_trunk", &(struct zx_check_row){ZX_PLAN_OUTBOUND, r, "trunk1_id"},
				      "没有可用的中继，请至少选择一条", "It has no trunk; choose at least one");
		if (r->trunk_id[0] && (r->trunk_id[0] == r->trunk_id[1] || r->trunk_id[0] == r->trunk_id[2]))
			zx_check_tell(c, false, "outbound_same_trunk", &(struct zx_check_row){ZX_PLAN_OUTBOUND, r, "trunk2_id"},
				      "同一条中继选择了两次，失败时没有后备",
				      "The same trunk is chosen twice: there is no other one when it fails");
	}
}

/* ---- rules that can never match ---- */

static void check_shadows(const struct zx_check *c, const struct zx_plan_rules *rs, bool in)
{
	const enum zx_plan_kind kind = in ? ZX_PLAN_INBOUND : ZX_PLAN_OUTBOUND;
	char other[ZX_NAME_LEN + 32];

	for (unsigned i = 0; i < rs->n; i++) {
		const unsigned k = zx_plan_rule_covering(c->p, rs, i);
		const struct zx_check_row at = {kind, (const char *)c->p->lists[kind].v + rs->routes[i] * zx_plan_size(kind), "pattern"};

		if (k == i)
			continue;
		zx_check_label(kind, (const char *)c->p->lists[kind].v + rs->routes[k] * zx_plan_size(kind), other, sizeof(other));
		zx_check_tell(c, false, "shadowed", &at, "永远不会匹配：“%s”先于它并包含它的全部号码，请调整顺序或号码规则",
			      "It can never match: \"%s\" comes first and takes all of its numbers; change the order or the pattern",
			      other);
	}
}

/* ---- sounds ---- */

static bool plays(const struct zx_plan_target *t, int64_t id)
{
	return t->id == id && !strcmp(t->app, "prompt");
}

static bool prompt_used(const struct zx_check *c, int64_t id)
{
	EACH(c, ZX_PLAN_QUEUE, zx_plan_queue, q)
	if (q->join_prompt_id == id || q->music_id == id || q->agent_prompt_id == id || plays(&q->overflow, id))
		return true;
	EACH(c, ZX_PLAN_IVR, zx_plan_ivr, v)
	{
		if (v->prompt_id == id || v->invalid_id == id || v->timeout_id == id || plays(&v->last, id))
			return true;
		for (unsigned k = 0; k < ZX_IVR_KEYS; k++)
			if (plays(&v->keys[k], id))
				return true;
	}
	EACH(c, ZX_PLAN_VOICEMAIL, zx_plan_voicemail, m)
	if (m->prompt_id == id)
		return true;
	EACH(c, ZX_PLAN_TIME, zx_plan_time, t)
	if (plays(&t->in, id) || plays(&t->out, id))
		return true;
	EACH(c, ZX_PLAN_INBOUND, zx_plan_inbound, r)
	if (plays(&r->target, id))
		return true;
	return false;
}

static void check_sounds(const struct zx_check *c)
{
	if (!c->env->sound_there)
		return;
	EACH(c, ZX_PLAN_PROMPT, zx_plan_prompt, s)
	{
		if (c->env->sound_there(s->sha, c->env->arg))
			continue;
		zx_check_tell(c, prompt_used(c, s->h.id), "sound_missing", &(struct zx_check_row){ZX_PLAN_PROMPT, s, "file"},
			      "声音文件已丢失，请重新上传", "Its sound file is missing; upload it again");
	}
}

int zx_plan_check(const struct zx_config_doc *doc, const struct zx_plan_check_env *env, zx_plan_problem_h *h, void *arg)
{
	struct zx_check c = {.env = env, .h = h, .arg = arg};
	struct zx_plan *p;
	int err = zx_plan_build(&p, &doc, 1, NULL, "");

	if (err)
		return err;
	c.p = p;
	check_targets(&c);
	check_numbers(&c);
	err = zx_check_loops(&c);
	check_queues(&c);
	check_ivrs(&c);
	check_times(&c);
	check_trunks(&c);
	check_outbound(&c);
	check_shadows(&c, &p->in, true);
	check_shadows(&c, &p->out, false);
	check_sounds(&c);
	mem_deref(p);
	return err;
}
