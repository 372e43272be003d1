#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "web/resource/sheet.h"

static bool has_column(const struct zx_resource *res, const char *key)
{
	for (unsigned i = 0; i < res->table->colc; i++)
		if (!strcmp(res->table->cols[i].key, key))
			return res->table->cols[i].can & ZX_Q_SHOW;
	for (unsigned i = 0; i < res->table->childc; i++)
		if (!strcmp(res->table->children[i].key, key))
			return true;
	return false;
}

static void label_key(char *out, size_t len, const char *key)
{
	snprintf(out, len, "%s_label", key);
}

/* A reference in the form alone says nothing: its name is a column of its own ("company"). */
static bool exported(const struct zx_resource *res, const struct zx_field *f, const struct zx_user *u)
{
	char key[96];

	if (!(f->in & (ZX_IN_LIST | ZX_IN_CSV | ZX_IN_FORM)) || f->flags & ZX_FF_WRITEONLY || f->live || f->type == ZX_F_JSON ||
	    f->type == ZX_F_SECRET || (f->flags & ZX_FF_SYSTEM && u->scope != ZX_SCOPE_SYSTEM))
		return false;
	if (f->type == ZX_F_REF && !(f->in & (ZX_IN_LIST | ZX_IN_CSV))) {
		label_key(key, sizeof(key), f->key);
		return has_column(res, key);
	}
	return has_column(res, f->key);
}

static int add(struct zx_columns *c, const struct zx_field *f)
{
	if (c->n == ZX_SHEET_COLS)
		return E2BIG;
	c->f[c->n++] = f;
	return 0;
}

int zx_columns_init(struct zx_columns *c, const struct zx_resource *res, const struct zx_user *u, enum zx_lang lang, const cJSON *keys,
		    const char **bad)
{
	const cJSON *e;
	int err = 0;

	c->res = res;
	c->lang = lang;
	c->n = 0;
	*bad = NULL;
	for (unsigned i = 0; i < res->fieldc && !keys && !err; i++)
		if (exported(res, &res->fields[i], u))
			err = add(c, &res->fields[i]);
	if (!keys)
		return err;
	cJSON_ArrayForEach(e, keys)
	{
		const char *key = cJSON_GetStringValue(e);
		const struct zx_field *f = key ? zx_field_find(res, key) : NULL;
		*bad = "columns";
		if (!f)
			return EINVAL;
		if (f->live || f->type == ZX_F_JSON) /* shown, but not kept in rows */
			continue;
		if (!exported(res, f, u) || add(c, f))
			return EINVAL;
	}
	return c->n ? 0 : EINVAL;
}

bool zx_columns_whole(const struct zx_columns *c)
{
	const struct zx_q_table *t = c->res->table;

	for (unsigned i = 0; i < c->n; i++)
		for (unsigned k = 0; k < t->colc; k++)
			if (!strcmp(t->cols[k].key, c->f[i]->key) && !(t->cols[k].can & ZX_Q_LIST))
				return true;
	return false;
}

void zx_column_title(char *out, size_t len, const struct zx_field *f, enum zx_lang lang)
{
	const char *unit = f->type != ZX_F_DURATION ? "" : lang == ZX_LANG_EN ? " (s)" : "(秒)";

	snprintf(out, len, "%s%s", zx_text_in(&f->label, lang), unit);
}

int zx_columns_head(struct zx_columns *c, struct zx_sheet *s)
{
	int err = 0;

	for (unsigned i = 0; i < c->n && !err; i++) {
		zx_column_title(c->buf, sizeof(c->buf), c->f[i], c->lang);
		err = s->cell(s, &(struct zx_cell){.kind = ZX_CELL_TEXT, .text = c->buf});
	}
	return err ? err : s->row(s);
}

/* ---- cells ---- */

static const char *option_label(const struct zx_field *f, const char *v, size_t n, enum zx_lang lang)
{
	for (const struct zx_option *o = f->options; o && o->v; o++)
		if (strlen(o->v) == n && !memcmp(o->v, v, n))
			return zx_text_in(&o->text, lang);
	return NULL;
}

/* Appends to the cell in work; what is too long for a cell is cut. */
static void append(struct zx_columns *c, const char *text, size_t n)
{
	const size_t at = strlen(c->buf), room = sizeof(c->buf) - 1 - at;

	if (n > room)
		for (n = room; n && (text[n] & 0xc0) == 0x80;)
			n--;
	memcpy(c->buf + at, text, n);
	c->buf[at + n] = '\0';
}

static void append_text(struct zx_columns *c, const char *text)
{
	append(c, text, strlen(text));
}

static const char *label_in(const cJSON *row, const char *key)
{
	char name[96];

	label_key(name, sizeof(name), key);
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, name));
}

static void append_value(struct zx_columns *c, const struct zx_field *f, const cJSON *row, const cJSON *js);

/* One row of a list: its values, blank separated. */
static void append_item(struct zx_columns *c, const struct zx_field *f, const cJSON *e)
{
	const char *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "label"));

	if (!cJSON_IsObject(e)) {
		append_value(c, f->items, NULL, e);
	} else if (label) {
		append_text(c, label);
	} else {
		const char *between = "";
		for (const struct zx_field *it = f->items; it && it->key; it++) {
			const size_t was = strlen(c->buf);
			append_text(c, between);
			const size_t begin = strlen(c->buf);
			append_value(c, it, e, cJSON_GetObjectItemCaseSensitive(e, it->key));
			if (strlen(c->buf) == begin)
				c->buf[was] = '\0';
			between = " ";
		}
	}
}

static void append_target(struct zx_columns *c, const struct zx_field *f, const cJSON *row, const char *app)
{
	const struct zx_app_def *a = zx_app_find(app);
	const char *label = label_in(row, f->key);

	append_text(c, a ? zx_text_in(&a->label, c->lang) : app);
	if (label && *label) {
		append_text(c, " ");
		append_text(c, label);
	}
}

static void append_order(struct zx_columns *c, const struct zx_field *f, const char *text)
{
	while (*text) {
		const size_t n = strcspn(text, ",");
		const char *label = option_label(f, text, n, c->lang);
		if (label)
			append_text(c, label);
		else
			append(c, text, n);
		text += n;
		if (*text) {
			append_text(c, ",");
			text++;
		}
	}
}

static void append_number(struct zx_columns *c, const struct zx_field *f, const cJSON *js)
{
	char text[64] = "";
	const int64_t v = zx_json_get_int(js);
	const time_t t = (time_t)(v / 1000);
	struct tm tm;

	if (f->type == ZX_F_DATETIME) {
		if (v && localtime_r(&t, &tm))
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	} else if (f->type == ZX_F_DURATION) {
		snprintf(text, sizeof(text), v % 1000 ? "%.3f" : "%.0f", (double)v / 1000);
	} else if (cJSON_IsRaw(js)) {
		zx_strcpy(text, sizeof(text), js->valuestring);
	} else {
		snprintf(text, sizeof(text), "%.15g", js->valuedouble);
	}
	append_text(c, text);
}

/* A value as people read it. row: for labels beside it. */
static void append_value(struct zx_columns *c, const struct zx_field *f, const cJSON *row, const cJSON *js)
{
	const char *text = cJSON_GetStringValue(js), *label = NULL;
	const cJSON *e;

	if (!js || cJSON_IsNull(js))
		return;
	if (f->type == ZX_F_REF)
		label = label_in(row, f->key);
	if (f->type == ZX_F_ENUM && text)
		label = option_label(f, text, strlen(text), c->lang);
	if (label) {
		append_text(c, label);
	} else if (cJSON_IsBool(js)) {
		append_text(c, c->lang == ZX_LANG_EN ? (cJSON_IsTrue(js) ? "yes" : "no") : (cJSON_IsTrue(js) ? "是" : "否"));
	} else if (cJSON_IsArray(js)) {
		cJSON_ArrayForEach(e, js)
		{
			if (c->buf[0])
				append_text(c, ZX_LIST_SEP);
			append_item(c, f, e);
		}
	} else if (text && f->type == ZX_F_TARGET) {
		append_target(c, f, row, text);
	} else if (text && f->type == ZX_F_ORDER) {
		append_order(c, f, text);
	} else if (text) {
		append_text(c, text);
	} else {
		append_number(c, f, js);
	}
}

static bool is_number(const cJSON *js)
{
	return cJSON_IsNumber(js) || cJSON_IsRaw(js);
}

int zx_columns_row(struct zx_columns *c, struct zx_sheet *s, const cJSON *row)
{
	int err = 0;

	for (unsigned i = 0; i < c->n && !err; i++) {
		const struct zx_field *f = c->f[i];
		const cJSON *js = cJSON_GetObjectItemCaseSensitive(row, f->key);
		struct zx_cell cell = {.kind = ZX_CELL_EMPTY, .text = c->buf};
		c->buf[0] = '\0';
		append_value(c, f, row, js);
		if (!c->buf[0]) {
			cell.kind = ZX_CELL_EMPTY;
		} else if (f->type == ZX_F_DATETIME && is_number(js)) {
			cell.kind = ZX_CELL_TIME;
			cell.number = (double)(zx_json_get_int(js) / 1000);
		} else if ((f->type == ZX_F_INT || f->type == ZX_F_DURATION) && is_number(js)) {
			cell.kind = ZX_CELL_NUMBER;
			cell.number = (double)zx_json_get_int(js) / (f->type == ZX_F_DURATION ? 1000 : 1);
		} else {
			cell.kind = f->type == ZX_F_ENUM || f->type == ZX_F_BOOL ? ZX_CELL_WORD : ZX_CELL_TEXT;
		}
		err = s->cell(s, &cell);
	}
	return err ? err : s->row(s);
}
