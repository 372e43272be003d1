/* "Application + parameter": what a call can be sent to. */
#include "web/resource/resource.h"

#include <errno.h>
#include <string.h>

const struct zx_app_def zx_apps[] = {
    {"extension", "extensions", false, {"分机", "Extension"}},
    {"queue", "queues", false, {"队列", "Queue"}},
    {"ivr", "ivrs", false, {"语音导航", "IVR menu"}},
    {"time", "time_conditions", false, {"时间条件", "Time condition"}},
    {"conference", "conferences", false, {"电话会议", "Conference"}},
    {"voicemail", "voicemail_boxes", false, {"系统信箱", "Voicemail box"}},
    {"prompt", "prompts", false, {"提示语音", "Prompt"}},
    {"survey", NULL, false, {"服务质检", "Survey"}},
    {"outside", NULL, true, {"外线号码", "Outside number"}},
    {"hangup", NULL, false, {"挂机", "Hang up"}},
    {NULL, NULL, false, {NULL, NULL}},
};

enum { NUMBER_MAX = 32 };

const struct zx_app_def *zx_app_find(const char *app)
{
	for (const struct zx_app_def *a = zx_apps; a->app; a++)
		if (!strcmp(a->app, app))
			return a;
	return NULL;
}

bool zx_field_app_ok(const struct zx_field *f, const char *app)
{
	const size_t n = strlen(app);

	if (!zx_app_find(app))
		return false;
	for (const char *p = f->apps; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL)
		if (strcspn(p, " ") == n && !memcmp(p, app, n))
			return true;
	return !f->apps;
}

cJSON *zx_field_target_json(const struct zx_field *f)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "apps");

	for (const struct zx_app_def *a = zx_apps; a->app; a++) {
		cJSON *e;
		if (!zx_field_app_ok(f, a->app))
			continue;
		e = cJSON_CreateObject();
		cJSON_AddStringToObject(e, "app", a->app);
		cJSON_AddItemToObject(e, "label", zx_text_json(&a->label));
		if (a->resource)
			cJSON_AddStringToObject(e, "resource", a->resource);
		else
			cJSON_AddNullToObject(e, "resource");
		cJSON_AddBoolToObject(e, "text", a->text);
		cJSON_AddItemToArray(list, e);
	}
	cJSON_AddStringToObject(o, "param", f->param ? f->param : "");
	if (f->flags & ZX_FF_OPEN)
		cJSON_AddBoolToObject(o, "open", true);
	return o;
}

/* NULL: right; *err when it could not be told. */
static const char *target_check(struct zx_db *db, const char *app, const char *param, bool open, int64_t company_id, int *err)
{
	const struct zx_app_def *a = zx_app_find(app);
	struct zx_stmt *s;
	int64_t id;

	if (!a)
		return *app ? "pattern" : NULL;
	if (a->text) {
		const char *p = param + (*param == '+');
		return !*p ? "required" : strlen(p) > NUMBER_MAX || strspn(p, "0123456789*#") != strlen(p) ? "pattern" : NULL;
	}
	if (!a->resource)
		return *param ? "pattern" : NULL;
	if (!*param)
		return open ? NULL : "required";
	if (!zx_text_int(param, &id))
		return "reference";
	*err = zx_stmt_get(&s, db, "res_target");
	if (*err)
		return "reference";
	zx_bind_text(s, ":app", app);
	zx_bind_int(s, ":id", id);
	zx_bind_int(s, ":company_id", company_id);
	*err = zx_stmt_step(s);
	if (!*err)
		zx_stmt_reset(s);
	else if (*err == ENODATA) {
		*err = 0;
		return "reference";
	}
	return *err ? "reference" : NULL;
}

static const char *text_of(const struct zx_res_write *w, const char *key)
{
	const struct zx_q_value *v = zx_write_value(w, key);
	const char *was;

	if (v)
		return v->t ? v->t : "";
	was = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(w->before, key));
	return was ? was : "";
}

static int list_check(struct zx_db *db, struct zx_res_write *w, const struct zx_field *f, const struct zx_q_list *list)
{
	for (const struct zx_field *it = f->items; it && it->key; it++) {
		unsigned a = 0, p = 0;
		if (it->type != ZX_F_TARGET || !it->param || !list->n)
			continue;
		while (a < list->colc && strcmp(list->v[a].key, it->key))
			a++;
		while (p < list->colc && strcmp(list->v[p].key, it->param))
			p++;
		for (unsigned i = 0; i < list->n && a < list->colc && p < list->colc; i++) {
			const struct zx_q_value *row = list->v + (size_t)i * list->colc;
			int err = 0;
			w->code = target_check(db, row[a].t, row[p].t, it->flags & ZX_FF_OPEN, w->company_id, &err);
			if (!w->code)
				continue;
			w->bad = f->key;
			return err ? err : EINVAL;
		}
	}
	return 0;
}

int zx_targets_check(struct zx_db *db, struct zx_res_write *w)
{
	for (unsigned i = 0; i < w->res->fieldc; i++) {
		const struct zx_field *f = &w->res->fields[i];
		const struct zx_q_value *v = zx_write_value(w, f->key);
		int err = 0;
		if (f->type == ZX_F_LIST && v && v->list) {
			err = list_check(db, w, f, v->list);
		} else if (f->type == ZX_F_TARGET && f->param && (v || zx_write_value(w, f->param))) {
			w->code = target_check(db, text_of(w, f->key), text_of(w, f->param), f->flags & ZX_FF_OPEN, w->company_id, &err);
			if (w->code) {
				w->bad = f->key;
				err = err ? err : EINVAL;
			}
		}
		if (err)
			return err;
	}
	return 0;
}
