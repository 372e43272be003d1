#include "web/sys/config_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "web/resource/resource.h"

enum { WORDS = 2048 };

/* A document of one side of a change, and the other one: what is referred to may only be there. */
struct side {
	const struct zx_config_say *s;
	const struct zx_config_doc *doc, *other;
};

static const struct zx_text words_on = {"开", "on"}, words_off = {"关", "off"}, words_secret = {"（已修改）", "(changed)"};
static const struct zx_text words_order = {"顺序", "Order"}, words_sound = {"声音文件", "Sound file"};

const char *zx_config_resource(const struct zx_config_doc *doc, int table, const struct zx_config_row *row)
{
	if (!strcmp(zx_config_tables[table].name, "prompts") && !strcmp(zx_config_text(&doc->parts[table], row, "kind"), "music"))
		return "music";
	return zx_config_tables[table].name;
}

void zx_config_label(const struct zx_config_doc *doc, int table, const struct zx_config_row *row, char *out, size_t len)
{
	const struct zx_config_part *p = &doc->parts[table];
	const char *number = zx_config_text(p, row, "number"), *name = zx_config_text(p, row, "name");

	if (!strcmp(zx_config_tables[table].name, "prompts") && !*name)
		name = zx_config_text(p, row, "file");
	snprintf(out, len, "%s%s%s", number, *number && *name ? " " : "", name);
	if (!*out)
		snprintf(out, len, "#%lld", (long long)row->id);
}

static void put(char *out, const char *text)
{
	const size_t n = strlen(out);

	if (zx_strcpy(out + n, WORDS - n, text))
		zx_utf8_cut(out);
}

static void put_row(const struct side *side, char *out, const char *table, int64_t id)
{
	const int t = zx_config_table_find(!strcmp(table, "music") ? "prompts" : table);
	const struct zx_config_doc *doc = side->doc;
	const struct zx_config_row *row = t >= 0 ? zx_config_row(&doc->parts[t], id) : NULL;
	char label[320];

	if (t >= 0 && !row) {
		doc = side->other;
		row = zx_config_row(&doc->parts[t], id);
	}
	if (row)
		zx_config_label(doc, t, row, label, sizeof(label));
	else
		snprintf(label, sizeof(label), "#%lld", (long long)id);
	put(out, label);
}

static void put_target(const struct side *side, char *out, const char *app, const char *param)
{
	const struct zx_app_def *a = zx_app_find(app);

	put(out, a ? zx_text_in(&a->label, side->s->lang) : app);
	if (!*param)
		return;
	put(out, " ");
	if (a && a->resource)
		put_row(side, out, a->resource, strtoll(param, NULL, 10));
	else
		put(out, param);
}

static void put_duration(char *out, int64_t ms, enum zx_lang lang)
{
	char text[48];

	if (ms % 60000 == 0 && ms)
		snprintf(text, sizeof(text), lang == ZX_LANG_ZH ? "%lld 分钟" : "%lld min", (long long)ms / 60000);
	else if (ms % 1000 == 0)
		snprintf(text, sizeof(text), lang == ZX_LANG_ZH ? "%lld 秒" : "%lld s", (long long)ms / 1000);
	else
		snprintf(text, sizeof(text), "%lld ms", (long long)ms);
	put(out, text);
}

static const char *option_text(const struct zx_field *f, const char *v, enum zx_lang lang)
{
	for (const struct zx_option *o = f->options; o && o->v; o++)
		if (!strcmp(o->v, v))
			return zx_text_in(&o->text, lang);
	return v;
}

/* One cell of a row in words, appended. */
static void put_cell(const struct side *side, char *out, const struct zx_field *f, const struct zx_config_part *p,
		     const struct zx_config_row *row)
{
	const enum zx_lang lang = side->s->lang;
	const cJSON *c = zx_config_cell(p, row, f->key);
	char text[32];

	if (f->type == ZX_F_TARGET) {
		put_target(side, out, zx_config_text(p, row, f->key), f->param ? zx_config_text(p, row, f->param) : "");
	} else if (!c || cJSON_IsNull(c) || (cJSON_IsString(c) && !*c->valuestring)) {
		return;
	} else if (f->type == ZX_F_SECRET || f->flags & ZX_FF_WRITEONLY) {
		put(out, "••••••");
	} else if (f->type == ZX_F_BOOL) {
		put(out, zx_text_in(c->valuedouble != 0 ? &words_on : &words_off, lang));
	} else if (f->type == ZX_F_REF && f->ref) {
		put_row(side, out, f->ref, (int64_t)c->valuedouble);
	} else if (f->type == ZX_F_DURATION) {
		put_duration(out, (int64_t)c->valuedouble, lang);
	} else {
		if (cJSON_IsNumber(c))
			snprintf(text, sizeof(text), "%lld", (long long)c->valuedouble);
		put(out, option_text(f, cJSON_IsString(c) ? c->valuestring : text, lang));
	}
}

/* A row of a child table: its cells, "1 → 队列 9001 客服". */
static void put_child(const struct side *side, char *out, const struct zx_field *list, int table, const struct zx_config_row *row)
{
	bool first = true;

	for (const struct zx_field *f = list->items; f && f->key; f++) {
		char cell[WORDS] = "";

		if (!zx_config_cell(&side->doc->parts[table], row, f->key))
			continue; /* made for show only */
		put_cell(side, cell, f, &side->doc->parts[table], row);
		if (!*cell)
			continue;
		if (!first)
			put(out, f->type == ZX_F_TARGET ? " → " : " ");
		put(out, cell);
		first = false;
	}
}

static void add_field(cJSON *fields, const char *key, const struct zx_text *label, const char *before, const char *after)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "key", key);
	cJSON_AddItemToObject(o, "label", zx_text_json(label));
	cJSON_AddStringToObject(o, "before", before);
	cJSON_AddStringToObject(o, "after", after);
	cJSON_AddItemToArray(fields, o);
}

/* ---- lists: members, keys, dates ---- */

static cJSON *list_words(const struct side *side, const struct zx_field *f, int table, int64_t id)
{
	cJSON *to = cJSON_CreateArray();
	const struct zx_config_row *row;
	unsigned n;

	row = zx_config_children(&side->doc->parts[table], id, &n);
	for (unsigned i = 0; i < n; i++) {
		char text[WORDS] = "";

		put_child(side, text, f, table, &row[i]);
		cJSON_AddItemToArray(to, cJSON_CreateString(text));
	}
	return to;
}

static bool has_string(const cJSON *list, const char *s)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		if (!strcmp(e->valuestring, s))
			return true;
	}
	return false;
}

static cJSON *without(const cJSON *list, const cJSON *gone)
{
	cJSON *to = cJSON_CreateArray();
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		if (!has_string(gone, e->valuestring))
			cJSON_AddItemToArray(to, cJSON_CreateString(e->valuestring));
	}
	return to;
}

static void joined(char out[WORDS], const cJSON *list, enum zx_lang lang)
{
	const cJSON *e;

	*out = '\0';
	cJSON_ArrayForEach(e, list)
	{
		if (*out)
			put(out, lang == ZX_LANG_ZH ? "、" : ", ");
		put(out, e->valuestring);
	}
}

static void say_list(const struct side *b, const struct side *a, const struct zx_field *f, int table, int64_t id, cJSON *fields)
{
	cJSON *was = list_words(b, f, table, id), *is = list_words(a, f, table, id);
	char before[WORDS], after[WORDS];

	if (!cJSON_Compare(was, is, true)) {
		joined(before, was, b->s->lang);
		joined(after, is, b->s->lang);
		add_field(fields, f->key, &f->label, before, after);
		cJSON *o = fields->child->prev; /* the one just added: cJSON's first element knows the last */
		cJSON_AddItemToObject(o, "added", without(is, was));
		cJSON_AddItemToObject(o, "removed", without(was, is));
	}
	cJSON_Delete(was);
	cJSON_Delete(is);
}

/* ---- one row ---- */

static int child_table(const struct zx_resource *res, const char *key)
{
	for (unsigned i = 0; i < res->table->childc; i++)
		if (!strcmp(res->table->children[i].key, key))
			return zx_config_table_find(res->table->children[i].name);
	return -1;
}

static void say_cell(const struct side *b, const struct side *a, const struct zx_field *f, int table, const struct zx_config_row *before,
		     const struct zx_config_row *after, cJSON *fields)
{
	const struct zx_config_part *pb = &b->doc->parts[table], *pa = &a->doc->parts[table];
	const bool secret = f->type == ZX_F_SECRET || f->flags & ZX_FF_WRITEONLY;
	char was[WORDS] = "", is[WORDS] = "";

	if (before)
		put_cell(b, was, f, pb, before);
	if (after)
		put_cell(a, is, f, pa, after);
	if (secret && before && after && !zx_config_cell_same(zx_config_cell(pb, before, f->key), zx_config_cell(pa, after, f->key)) && *is)
		put(is, zx_text_in(&words_secret, b->s->lang));
	if (strcmp(was, is) != 0)
		add_field(fields, f->key, &f->label, was, is);
}

/* Columns that no form shows and that still make a difference. */
static void say_hidden(const struct side *b, const struct side *a, const char *col, const struct zx_text *label, int table,
		       const struct zx_config_row *before, const struct zx_config_row *after, cJSON *fields)
{
	const struct zx_field f = {.key = col};
	char was[WORDS] = "", is[WORDS] = "";

	if (!before || !after ||
	    zx_config_cell_same(zx_config_cell(&b->doc->parts[table], before, col), zx_config_cell(&a->doc->parts[table], after, col)))
		return;
	put_cell(b, was, &f, &b->doc->parts[table], before);
	put_cell(a, is, &f, &a->doc->parts[table], after);
	if (label == &words_sound)
		was[8] = is[8] = '\0'; /* enough of a hash to see that it is another */
	add_field(fields, col, label, was, is);
}

static void say_row(int table, const struct zx_config_row *before, const struct zx_config_row *after, void *arg)
{
	struct zx_config_say *s = arg;
	const struct side b = {s, s->before, s->after}, a = {s, s->after, s->before};
	const struct zx_config_doc *doc = after ? s->after : s->before;
	const struct zx_config_row *row = after ? after : before;
	const struct zx_resource *res;
	char label[320];
	cJSON *o, *fields;

	if (s->shown == ZX_CONFIG_SHOWN)
		return;
	s->shown++;
	o = cJSON_CreateObject();
	zx_json_add_int(o, "company_id", s->after->company_id ? s->after->company_id : s->before->company_id);
	cJSON_AddStringToObject(o, "resource", zx_config_resource(doc, table, row));
	zx_json_add_int(o, "id", row->id);
	cJSON_AddStringToObject(o, "action", !before ? "add" : !after ? "delete" : "edit");
	zx_config_label(doc, table, row, label, sizeof(label));
	cJSON_AddStringToObject(o, "label", label);
	fields = cJSON_AddArrayToObject(o, "fields");
	res = zx_resource_find(zx_config_resource(doc, table, row));
	for (unsigned i = 0; res && i < res->fieldc; i++) {
		const struct zx_field *f = &res->fields[i];
		const int child = f->type == ZX_F_LIST ? child_table(res, f->key) : -1;

		if (child >= 0)
			say_list(&b, &a, f, child, row->id, fields);
		else if (f->in & ZX_IN_FORM && strcmp(f->key, "company_id") != 0)
			say_cell(&b, &a, f, table, before, after, fields);
	}
	say_hidden(&b, &a, "position", &words_order, table, before, after, fields);
	say_hidden(&b, &a, "sha", &words_sound, table, before, after, fields);
	cJSON_AddItemToArray(s->to, o);
}

unsigned zx_config_say_changes(struct zx_config_say *s)
{
	return zx_config_diff(s->before, s->after, say_row, s);
}
