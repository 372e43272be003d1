/* A cell as somebody typed it, or a spreadsheet wrote it, as the value of a field. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "web/resource/import.h"

enum { CELL = 8192, CACHE = 4096 /* a power of two */ };

/* ---- what was looked up already ---- */

struct zx_import_cache {
	struct {
		const void *of;
		char *text;
		int64_t id; /* 0: there is none */
	} v[CACHE];
	uint64_t *seen; /* hashes of unique values */
	size_t seen_n, seen_cap;
};

static uint64_t hash(const void *of, const char *text)
{
	uint64_t h = 14695981039346656037ull ^ (uint64_t)(uintptr_t)of;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211ull;
	return h ? h : 1;
}

static struct zx_import_cache *cache_of(struct zx_import *im)
{
	if (!im->cache)
		im->cache = calloc(1, sizeof(*im->cache));
	return im->cache;
}

void zx_import_again(struct zx_import *im)
{
	for (unsigned i = 0; im->cache && i < CACHE; i++)
		free(im->cache->v[i].text);
	if (im->cache)
		free(im->cache->seen);
	free(im->cache);
	im->cache = NULL;
	im->rows[0] = im->rows[1] = 0;
}

static int seen_grow(struct zx_import_cache *c)
{
	const size_t cap = c->seen_cap ? c->seen_cap * 2 : 1024;
	uint64_t *v = calloc(cap, sizeof(*v));

	if (!v)
		return ENOMEM;
	for (size_t i = 0; i < c->seen_cap; i++) {
		size_t k = c->seen[i] & (cap - 1);
		while (c->seen[i] && v[k])
			k = (k + 1) & (cap - 1);
		if (c->seen[i])
			v[k] = c->seen[i];
	}
	free(c->seen);
	c->seen = v;
	c->seen_cap = cap;
	return 0;
}

/* Notes a unique value; true when the file had it before. */
bool zx_import_seen(struct zx_import *im, const struct zx_field *f, const char *text)
{
	struct zx_import_cache *c = cache_of(im);
	const uint64_t h = hash(f, text);
	size_t k;

	if (!c || (c->seen_n * 2 >= c->seen_cap && seen_grow(c)))
		return false;
	for (k = h & (c->seen_cap - 1); c->seen[k]; k = (k + 1) & (c->seen_cap - 1))
		if (c->seen[k] == h)
			return true;
	c->seen[k] = h;
	c->seen_n++;
	return false;
}

/* of: the field or the application; company 0 for any. */
static int look_up(struct zx_import *im, const struct zx_field *f, const struct zx_app_def *app, const char *text, int64_t company_id,
		   int64_t *id)
{
	struct zx_import_cache *c = cache_of(im);
	const void *of = app ? (const void *)app : (const void *)f;
	char key[CELL + 24];
	int err;

	if (!c)
		return ENOMEM;
	snprintf(key, sizeof(key), "%lld %s", (long long)company_id, text);
	const size_t k = hash(of, key) & (CACHE - 1);
	if (c->v[k].text && c->v[k].of == of && !strcmp(c->v[k].text, key)) {
		*id = c->v[k].id;
		return *id ? 0 : ENOENT;
	}
	*id = 0;
	err = app ? zx_target_find(im->r, app->app, text, company_id, id) : zx_ref_find(im->r, f, text, company_id, id);
	if (err && err != ENOENT)
		return err;
	free(c->v[k].text);
	c->v[k].text = strdup(key);
	c->v[k].of = of;
	c->v[k].id = *id;
	return err;
}

/* ---- forms of values ---- */

static cJSON *bool_of(const char *t)
{
	static const char *const yes[] = {"1", "是", "有", "true", "yes", "y", "on", "√", "✓", "开", "启用"};
	static const char *const no[] = {"0", "否", "无", "false", "no", "n", "off", "×", "✗", "关", "停用"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!strcasecmp(yes[i], t))
			return cJSON_CreateTrue();
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (!strcasecmp(no[i], t))
			return cJSON_CreateFalse();
	return NULL;
}

static const char *option_of(const struct zx_field *f, const char *t)
{
	for (const struct zx_option *o = f->options; o && o->v; o++)
		if (!strcasecmp(o->v, t) || !strcasecmp(o->text.zh, t) || !strcasecmp(o->text.en, t))
			return o->v;
	return NULL;
}

static cJSON *order_of(const struct zx_field *f, char *t)
{
	cJSON *list = cJSON_CreateArray();
	char *save = NULL;

	for (char *p = strtok_r(t, ",;", &save); p; p = strtok_r(NULL, ",;", &save)) {
		const char *v = option_of(f, zx_trim(p));
		cJSON_AddItemToArray(list, cJSON_CreateString(v ? v : p));
	}
	return list;
}

/* "42", and "42.0" as spreadsheets write it. */
static cJSON *int_of(const char *t)
{
	char *end;
	int64_t v;

	errno = 0;
	v = strtoll(t, &end, 10);
	if (end == t || errno)
		return NULL;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0");
	return *end || v > 9007199254740991 || v < -9007199254740991 ? NULL : cJSON_CreateNumber((double)v);
}

/* Seconds ("2.5"), or MM:SS, or HH:MM:SS, as milliseconds. */
static cJSON *duration_of(const char *t)
{
	unsigned h = 0, m = 0, s = 0;
	int at = 0;
	char *end;

	if (!strchr(t, ':')) {
		const double v = strtod(t, &end);
		return end != t && !*end && v >= 0 && v < 1e10 ? cJSON_CreateNumber((double)(int64_t)(v * 1000 + 0.5)) : NULL;
	}
	if (sscanf(t, "%4u:%2u:%2u%n", &h, &m, &s, &at) == 3 && !t[at] && m < 60 && s < 60)
		return cJSON_CreateNumber(((double)h * 3600 + m * 60 + s) * 1000);
	h = 0;
	if (sscanf(t, "%4u:%2u%n", &m, &s, &at) == 2 && !t[at] && s < 60)
		return cJSON_CreateNumber(((double)m * 60 + s) * 1000);
	return NULL;
}

/* 2026-11-22, 2026/1/2, 2026.1.2, 2026年1月2日; where it ends. */
static bool date_of(const char *t, int *y, int *m, int *d, const char **rest)
{
	static const char *const forms[] = {"%4d-%2d-%2d%n", "%4d/%2d/%2d%n", "%4d.%2d.%2d%n", "%4d年%2d月%2d日%n"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int at = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		const int n = sscanf(t, forms[i], y, m, d, &at);
#pragma GCC diagnostic pop
		if (n == 3 && at && *y >= 1900 && *m >= 1 && *m <= 12 && *d >= 1 && *d <= 31) {
			*rest = t + at;
			return true;
		}
	}
	return false;
}

static cJSON *day_of(const char *t)
{
	char text[40];
	const char *rest;
	int y, m, d;

	if (!date_of(t, &y, &m, &d, &rest) || *rest)
		return NULL;
	snprintf(text, sizeof(text), "%04d-%02d-%02d", y, m, d);
	return cJSON_CreateString(text);
}

static cJSON *moment_of(const char *t)
{
	struct tm tm = {.tm_isdst = -1};
	const char *rest;
	int y, mon, d, at = 0;
	unsigned h = 0, m = 0, s = 0;

	if (!date_of(t, &y, &mon, &d, &rest))
		return NULL;
	rest += strspn(rest, " T");
	if (*rest) {
		int n = sscanf(rest, "%2u:%2u:%2u%n", &h, &m, &s, &at);
		if (n == 2) {
			at = 0;
			(void)sscanf(rest, "%2u:%2u%n", &h, &m, &at);
		}
		if (n < 2 || !at || rest[at] || h > 23 || m > 59 || s > 59)
			return NULL;
	}
	tm.tm_year = y - 1900;
	tm.tm_mon = mon - 1;
	tm.tm_mday = d;
	tm.tm_hour = (int)h;
	tm.tm_min = (int)m;
	tm.tm_sec = (int)s;
	const time_t when = mktime(&tm);
	return when == (time_t)-1 || tm.tm_mday != d ? NULL : cJSON_CreateNumber((double)when * 1000);
}

static cJSON *clock_of(const char *t)
{
	char text[32];
	unsigned h, m, s = 0;
	int at = 0;

	if ((sscanf(t, "%2u:%2u%n", &h, &m, &at) != 2 || t[at]) && (sscanf(t, "%2u:%2u:%2u%n", &h, &m, &s, &at) != 3 || t[at]))
		return NULL;
	snprintf(text, sizeof(text), "%02u:%02u", h, m);
	return cJSON_CreateString(text);
}

/* "138-1234 5678" */
static cJSON *number_of(char *t)
{
	char *w = t;

	for (const char *p = t; *p; p++)
		if (!strchr(" -()", *p))
			*w++ = *p;
	*w = '\0';
	return cJSON_CreateString(t);
}

/* ---- references ---- */

static const char *ref_of(struct zx_import *im, const struct zx_field *f, const char *text, int64_t company_id, cJSON **js, int *err)
{
	int64_t id = 0;

	*err = look_up(im, f, NULL, text, company_id, &id);
	if (*err == ENOENT) {
		*err = 0;
		return "reference";
	}
	if (!*err)
		*js = zx_json_int(id);
	return NULL;
}

/* "8001; 8002 王": ';' of either width, or a line each. */
static const char *list_of(struct zx_import *im, const struct zx_field *f, char *text, int64_t company_id, cJSON **js, int *err)
{
	cJSON *list = cJSON_CreateArray();
	const char *code = NULL;
	char *wide, *save = NULL;

	while ((wide = strstr(text, "；"))) {
		*wide = ';';
		memmove(wide + 1, wide + 3, strlen(wide + 3) + 1);
	}
	for (char *p = strtok_r(text, ";\n", &save); p && !code && !*err; p = strtok_r(NULL, ";\n", &save)) {
		cJSON *item = NULL;
		p = zx_trim(p);
		if (!*p)
			continue;
		if (f->items->type == ZX_F_REF)
			code = ref_of(im, f->items, p, company_id, &item, err);
		else
			item = cJSON_CreateString(p);
		if (item)
			cJSON_AddItemToArray(list, item);
	}
	if (code || *err)
		cJSON_Delete(list);
	else
		*js = list;
	return code;
}

/* "队列 6001 销售": the application, then its parameter. */
static const char *target_of(struct zx_import *im, const struct zx_field *f, char *text, int64_t company_id, cJSON *body, int *err)
{
	const struct zx_app_def *app = NULL;
	size_t len = 0;
	int64_t id = 0;
	char *param;

	for (const struct zx_app_def *a = zx_apps; a->app; a++) {
		const char *const names[] = {a->label.zh, a->label.en, a->app};
		for (unsigned i = 0; i < 3; i++) {
			const size_t n = strlen(names[i]);
			if (n > len && !strncasecmp(text, names[i], n) && (!text[n] || strchr(" :\t", text[n]))) {
				app = a;
				len = n;
			}
		}
	}
	if (!app || !zx_field_app_ok(f, app->app))
		return "pattern";
	param = zx_trim(text + len + (text[len] == ':'));
	cJSON_AddStringToObject(body, f->key, app->app);
	if (!app->resource || !*param) {
		cJSON_AddStringToObject(body, f->param, param);
		return NULL;
	}
	*err = look_up(im, f, app, param, company_id, &id);
	if (*err == ENOENT) {
		*err = 0;
		return "reference";
	}
	zx_json_add_int(body, f->param, id);
	return NULL;
}

/* What an export put before a text so that a spreadsheet leaves it alone. */
static char *bare(char *t)
{
	t = zx_trim(t);
	if (*t == '\'' && t[1] && strchr("=+-@\t\r", t[1]))
		t++;
	return t;
}

static cJSON *plain(const struct zx_field *f, char *t)
{
	/* a line within a cell is one within a text of several lines alone */
	for (char *p = t; f->type != ZX_F_TEXTAREA && (p = strpbrk(p, "\r\n")); p++)
		*p = ' ';
	switch (f->type) {
	case ZX_F_BOOL:
		return bool_of(t);
	case ZX_F_ENUM:
		return option_of(f, t) ? cJSON_CreateString(option_of(f, t)) : NULL;
	case ZX_F_ORDER:
		return order_of(f, t);
	case ZX_F_INT:
		return int_of(t);
	case ZX_F_DURATION:
		return duration_of(t);
	case ZX_F_DATETIME:
		return moment_of(t);
	case ZX_F_DATE:
		return day_of(t);
	case ZX_F_TIME:
		return clock_of(t);
	case ZX_F_NUMBER:
		return number_of(t);
	default:
		return cJSON_CreateString(t);
	}
}

const char *zx_import_value(struct zx_import *im, const struct zx_field *f, const char *text, int64_t company_id, cJSON *body, int *err)
{
	char buf[CELL], *t;
	const char *code = NULL;
	cJSON *js = NULL;

	if (zx_strcpy(buf, sizeof(buf), text))
		return "length";
	t = f->type == ZX_F_SECRET ? buf : bare(buf);
	if (!*t)
		return NULL; /* not said */
	if (f->type == ZX_F_TARGET)
		return target_of(im, f, t, company_id, body, err);
	if (f->type == ZX_F_REF)
		code = ref_of(im, f, t, company_id, &js, err);
	else if (f->type == ZX_F_LIST)
		code = list_of(im, f, t, company_id, &js, err);
	else if (!(js = plain(f, t)))
		code = "pattern";
	if (js)
		cJSON_AddItemToObject(body, f->key, js);
	return code;
}
