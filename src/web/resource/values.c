/* Values of a body: every field's check, lists, what a write keeps of them. */
#include "web/resource/resource.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { LIST_MAX = 5000, ITEMS_MAX = 16 };

/* ---- memory of a write: freed with it, wiped, since it may hold secrets ---- */

struct zx_res_mem {
	struct zx_res_mem *next;
	size_t size;
	_Alignas(16) char data[];
};

static void *keep(struct zx_res_write *w, size_t size)
{
	struct zx_res_mem *m = calloc(1, sizeof(*m) + size);

	if (!m)
		return NULL;
	m->size = size;
	m->next = w->mem;
	w->mem = m;
	return m->data;
}

static const char *keep_text(struct zx_res_write *w, const char *text)
{
	const size_t n = strlen(text) + 1;
	char *p = keep(w, n);

	if (p)
		memcpy(p, text, n);
	return p ? p : "";
}

void zx_write_init(struct zx_res_write *w, struct zx_req *r, const struct zx_resource *res)
{
	memset(w, 0, sizeof(*w));
	w->r = r;
	w->res = res;
	w->table = res->table;
	zx_scope_of(&w->scope, &r->ses.user);
}

void zx_write_clear(struct zx_res_write *w)
{
	while (w->mem) {
		struct zx_res_mem *m = w->mem;
		w->mem = m->next;
		explicit_bzero(m->data, m->size);
		free(m);
	}
	w->n = 0;
	cJSON_Delete(w->before);
	cJSON_Delete(w->after);
	cJSON_Delete(w->once);
	w->before = w->after = w->once = NULL;
	w->bad = w->code = NULL;
}

const struct zx_q_value *zx_write_value(const struct zx_res_write *w, const char *key)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!strcmp(w->v[i].key, key))
			return &w->v[i];
	return NULL;
}

static void put(struct zx_res_write *w, struct zx_q_value v)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (!strcmp(w->v[i].key, v.key)) {
			w->v[i] = v;
			return;
		}
	}
	if (w->n < ZX_RES_VALUES)
		w->v[w->n++] = v;
}

void zx_write_int(struct zx_res_write *w, const char *key, int64_t i)
{
	put(w, (struct zx_q_value){.key = key, .kind = ZX_Q_VINT, .i = i});
}

void zx_write_null(struct zx_res_write *w, const char *key)
{
	put(w, (struct zx_q_value){.key = key, .kind = ZX_Q_VNULL});
}

void zx_write_text(struct zx_res_write *w, const char *key, const char *text)
{
	put(w, (struct zx_q_value){.key = key, .kind = ZX_Q_VTEXT, .t = keep_text(w, text)});
}

/* ---- texts ---- */

static size_t utf8_chars(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static bool is_cidr(const char *text)
{
	char addr[64];
	uint8_t raw[16];
	int64_t bits = -1;
	char *slash;

	if (zx_strcpy(addr, sizeof(addr), text))
		return false;
	slash = strchr(addr, '/');
	if (slash) {
		*slash = '\0';
		if (!zx_text_int(slash + 1, &bits) || bits < 0)
			return false;
	}
	if (inet_pton(AF_INET, addr, raw) == 1)
		return bits <= 32;
	return inet_pton(AF_INET6, addr, raw) == 1 && bits <= 128;
}

static bool is_number(const char *text)
{
	return text[*text == '+'] && strspn(text + (*text == '+'), "0123456789*#") == strlen(text + (*text == '+'));
}

static int two(const char *p)
{
	return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

static bool is_time(const char *t)
{
	return strlen(t) == 5 && t[2] == ':' && two(t) >= 0 && two(t) < 24 && two(t + 3) >= 0 && two(t + 3) < 60;
}

static bool is_date(const char *t)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (strlen(t) != 10 || t[4] != '-' || t[7] != '-' || two(t) < 0 || two(t + 2) < 0)
		return false;
	const int year = two(t) * 100 + two(t + 2), month = two(t + 5), day = two(t + 8);
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1900 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] && !(month == 2 && day == 29 && !leap);
}

static const struct zx_option *option(const struct zx_field *f, const char *v, size_t n)
{
	for (const struct zx_option *o = f->options; o && o->v; o++)
		if (strlen(o->v) == n && !memcmp(o->v, v, n))
			return o;
	return NULL;
}

/* "PCMA,G729": each one of the options, none twice. */
static bool is_order(const struct zx_field *f, const char *text)
{
	unsigned long long seen = 0;

	while (true) {
		const size_t n = strcspn(text, ",");
		const struct zx_option *o = option(f, text, n);
		const unsigned long long bit = o ? 1ull << ((size_t)(o - f->options) & 63) : 0;
		if (!o || seen & bit)
			return false;
		seen |= bit;
		if (!text[n])
			return true;
		text += n + 1;
	}
}

static bool is_form(const struct zx_field *f, const char *text)
{
	switch (f->type) {
	case ZX_F_DIGITS:
		return strspn(text, "0123456789") == strlen(text);
	case ZX_F_NUMBER:
		return is_number(text);
	case ZX_F_CIDR:
		return is_cidr(text);
	case ZX_F_ENUM:
		return option(f, text, strlen(text)) != NULL;
	case ZX_F_ORDER:
		return is_order(f, text);
	case ZX_F_TIME:
		return is_time(text);
	case ZX_F_DATE:
		return is_date(text);
	case ZX_F_TARGET:
		return zx_field_app_ok(f, text);
	default:
		return true;
	}
}

static const char *check_text(const struct zx_field *f, const char *text)
{
	const int64_t n = (int64_t)utf8_chars(text);

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p < 0x20 && !(f->type == ZX_F_TEXTAREA && strchr("\n\r\t", *p))) || *p == 0x7f)
			return "pattern";
	if (!n)
		return f->flags & ZX_FF_REQUIRED ? "required" : NULL;
	if (n < f->min || (f->max && n > f->max))
		return "length";
	if (!is_form(f, text))
		return "pattern";
	return f->check ? f->check(text) : NULL;
}

/* ---- single values ---- */

static const char *bool_value(const struct zx_field *f, const cJSON *js, struct zx_q_value *v)
{
	if (!cJSON_IsBool(js) && !(cJSON_IsNumber(js) && (js->valuedouble == 0 || js->valuedouble == 1)))
		return cJSON_IsNull(js) && f->flags & ZX_FF_REQUIRED ? "required" : "pattern";
	v->kind = ZX_Q_VINT;
	v->i = cJSON_IsTrue(js) || (cJSON_IsNumber(js) && js->valuedouble == 1);
	return NULL;
}

static const char *whole_value(const struct zx_field *f, const cJSON *js, struct zx_q_value *v)
{
	if (cJSON_IsNull(js)) {
		v->kind = ZX_Q_VNULL;
		return f->flags & ZX_FF_REQUIRED ? "required" : NULL;
	}
	if (!cJSON_IsNumber(js) || !isfinite(js->valuedouble) || fabs(js->valuedouble) > 9007199254740991.0 ||
	    js->valuedouble != floor(js->valuedouble))
		return "pattern";
	v->kind = ZX_Q_VINT;
	v->i = (int64_t)js->valuedouble;
	return f->type != ZX_F_REF && (v->i < f->min || (f->max && v->i > f->max)) ? "range" : NULL;
}

const char *zx_field_value(const struct zx_field *f, const cJSON *js, struct zx_q_value *v)
{
	*v = (struct zx_q_value){.key = f->key};
	if (f->type == ZX_F_BOOL)
		return bool_value(f, js, v);
	if (f->type == ZX_F_INT || f->type == ZX_F_REF || f->type == ZX_F_DATETIME || f->type == ZX_F_DURATION)
		return whole_value(f, js, v);
	v->kind = ZX_Q_VTEXT;
	v->t = "";
	if (cJSON_IsNull(js))
		return f->flags & ZX_FF_REQUIRED ? "required" : NULL;
	if (!cJSON_IsString(js))
		return "pattern";
	v->t = js->valuestring;
	return check_text(f, v->t);
}

/* ["PCMA","G729"] as text; js itself when it is no array. */
static const char *order_value(struct zx_res_write *w, const struct zx_field *f, const cJSON *js, struct zx_q_value *v)
{
	char text[1024] = "";
	const cJSON *e;
	size_t n = 0;

	if (!cJSON_IsArray(js))
		return zx_field_value(f, js, v);
	cJSON_ArrayForEach(e, js)
	{
		const char *s = cJSON_GetStringValue(e);
		if (!s || n + strlen(s) + 2 > sizeof(text))
			return "pattern";
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "", s);
	}
	*v = (struct zx_q_value){.key = f->key, .kind = ZX_Q_VTEXT, .t = keep_text(w, text)};
	return check_text(f, v->t);
}

/* The parameter of a target: an id as number or text, or a number to dial. The writer looks whether there is such a row. */
static const char *param_value(struct zx_res_write *w, const struct zx_field *f, const cJSON *js, struct zx_q_value *v)
{
	char text[32];

	*v = (struct zx_q_value){.key = f->param, .kind = ZX_Q_VTEXT, .t = ""};
	if (!js || cJSON_IsNull(js))
		return NULL;
	if (cJSON_IsString(js)) {
		v->t = js->valuestring;
		return strlen(v->t) > 64 ? "length" : NULL;
	}
	if (!cJSON_IsNumber(js) || !(js->valuedouble >= 0 && js->valuedouble < 9e15) || js->valuedouble != floor(js->valuedouble))
		return "pattern";
	snprintf(text, sizeof(text), "%.0f", js->valuedouble);
	v->t = keep_text(w, text);
	return NULL;
}

/* ---- lists ---- */

static bool written(const struct zx_field *it)
{
	return !(it->flags & ZX_FF_READONLY);
}

static unsigned columns(const struct zx_field *f)
{
	unsigned n = 0;

	for (const struct zx_field *it = f->items; it && it->key; it++)
		if (written(it))
			n += it->type == ZX_F_TARGET && it->param ? 2 : 1;
	return n;
}

/* One row of a list; the item to blame in *at. */
static const char *row_values(struct zx_res_write *w, const struct zx_field *f, const cJSON *e, bool single, struct zx_q_value *v,
			      const char **at)
{
	static const cJSON null = {.type = cJSON_NULL}, no = {.type = cJSON_False};
	const char *code = NULL;

	if (!single && !cJSON_IsObject(e))
		return "pattern";
	for (const struct zx_field *it = f->items; it->key && !code; it++) {
		const cJSON *js = e;
		if (!written(it))
			continue;
		if (single && cJSON_IsObject(e))
			js = cJSON_GetObjectItemCaseSensitive(e, "v");
		else if (!single)
			js = cJSON_GetObjectItemCaseSensitive(e, it->key);
		if (!js)
			js = it->type == ZX_F_BOOL ? &no : &null;
		*at = it->key;
		code = it->type == ZX_F_ORDER ? order_value(w, it, js, v) : zx_field_value(it, js, v);
		v++;
		if (!code && it->type == ZX_F_TARGET && it->param)
			code = param_value(w, it, cJSON_GetObjectItemCaseSensitive(e, it->param), v++);
	}
	return code;
}

static const char *list_value(struct zx_res_write *w, const struct zx_field *f, const cJSON *js, struct zx_q_value *v, cJSON *fields)
{
	const unsigned colc = columns(f);
	const int n = cJSON_IsArray(js) ? cJSON_GetArraySize(js) : 0;
	struct zx_q_list *list;
	struct zx_q_value *rows;
	const cJSON *e;
	unsigned i = 0;
	const char *code = NULL;

	if (!cJSON_IsArray(js) && !cJSON_IsNull(js))
		return "pattern";
	if (n > LIST_MAX || (f->max && n > f->max))
		return "length";
	if (!n && f->flags & ZX_FF_REQUIRED)
		return "required";
	list = keep(w, sizeof(*list));
	rows = keep(w, ((size_t)n * colc + 1) * sizeof(*rows));
	if (!list || !rows || !colc || colc > ITEMS_MAX)
		return "length";
	cJSON_ArrayForEach(e, js)
	{
		const char *at = "";
		const char *bad = row_values(w, f, e, colc == 1, rows + (size_t)i * colc, &at);
		if (bad) {
			char path[160];
			snprintf(path, sizeof(path), "%s.%u%s%s", f->key, i, colc > 1 && *at ? "." : "", colc > 1 ? at : "");
			cJSON_AddStringToObject(fields, path, bad);
			code = code ? code : bad;
		}
		i++;
	}
	*list = (struct zx_q_list){.n = (unsigned)n, .colc = colc, .v = rows};
	*v = (struct zx_q_value){.key = f->key, .kind = ZX_Q_VLIST, .list = list};
	return code;
}

/* ---- a body ---- */

static void target_param(struct zx_res_write *w, const struct zx_field *f, const cJSON *body, bool app, cJSON *fields)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(body, f->param);
	struct zx_q_value v;
	const char *code;

	if (!js && !app)
		return;
	/* an application named without a parameter has none */
	code = param_value(w, f, js, &v);
	if (code)
		cJSON_AddStringToObject(fields, f->key, code);
	else
		put(w, v);
}

/* A choice kept as a number: "" is none. */
static void as_number(const struct zx_res_write *w, struct zx_q_value *v)
{
	for (unsigned i = 0; i < w->table->colc; i++) {
		if (strcmp(w->table->cols[i].key, v->key) || w->table->cols[i].type != ZX_Q_INT)
			continue;
		v->kind = *v->t ? ZX_Q_VINT : ZX_Q_VNULL;
		(void)zx_text_int(v->t, &v->i);
		v->t = NULL;
	}
}

static void field_value(struct zx_res_write *w, const struct zx_field *f, const cJSON *js, cJSON *fields)
{
	struct zx_q_value v = {0};
	const char *code;

	if (f->type == ZX_F_LIST)
		code = list_value(w, f, js, &v, fields);
	else if (f->type == ZX_F_ORDER)
		code = order_value(w, f, js, &v);
	else
		code = zx_field_value(f, js, &v);
	if (!code && f->type == ZX_F_ENUM)
		as_number(w, &v);
	if (code)
		cJSON_AddStringToObject(fields, f->key, code);
	else
		put(w, v);
}

/* What must be given and was not begins as in a form; "required" when a form has nothing either. */
static void default_value(struct zx_res_write *w, const struct zx_field *f, cJSON *fields)
{
	cJSON *def = f->def ? cJSON_Parse(f->def) : NULL;
	struct zx_q_value v;

	if (!def || f->type == ZX_F_LIST || zx_field_value(f, def, &v)) {
		cJSON_AddStringToObject(fields, f->key, "required");
	} else {
		if (v.t)
			v.t = keep_text(w, v.t);
		if (f->type == ZX_F_ENUM)
			as_number(w, &v);
		put(w, v);
	}
	cJSON_Delete(def);
}

void zx_resource_values(struct zx_res_write *w, const cJSON *body, bool create, cJSON *fields)
{
	const struct zx_user *u = &w->r->ses.user;

	for (unsigned i = 0; i < w->res->fieldc; i++) {
		const struct zx_field *f = &w->res->fields[i];
		const cJSON *js = cJSON_GetObjectItemCaseSensitive(body, f->key);
		if (!(f->in & ZX_IN_FORM) || f->flags & ZX_FF_READONLY || (f->flags & ZX_FF_CREATE && !create) || f->type == ZX_F_UPLOAD ||
		    (f->flags & ZX_FF_SYSTEM && u->scope != ZX_SCOPE_SYSTEM))
			continue;
		if (f->type == ZX_F_TARGET && f->param)
			target_param(w, f, body, js != NULL, fields);
		if (!js || (f->flags & ZX_FF_GENERATE && (cJSON_IsNull(js) || (cJSON_IsString(js) && !*js->valuestring)))) {
			if (create && f->flags & ZX_FF_REQUIRED)
				default_value(w, f, fields);
			continue;
		}
		field_value(w, f, js, fields);
	}
}
