/* A row of the file as a change of the table, or what is wrong with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "web/messages.h"
#include "web/resource/import.h"
#include "web/resource/sheet.h"

static bool single(const struct zx_field *f)
{
	unsigned n = 0;

	for (const struct zx_field *it = f->items; it && it->key; it++)
		n += it->flags & ZX_FF_READONLY ? 0 : it->type == ZX_F_TARGET ? 2 : 1;
	return n == 1 && !(f->items->flags & ZX_FF_READONLY);
}

bool zx_field_importable(const struct zx_field *f, const struct zx_user *u)
{
	if (!(f->in & ZX_IN_FORM) || f->flags & ZX_FF_READONLY || f->live || (f->flags & ZX_FF_SYSTEM && u->scope != ZX_SCOPE_SYSTEM))
		return false;
	switch (f->type) {
	case ZX_F_JSON:
	case ZX_F_AUDIO:
	case ZX_F_UPLOAD:
		return false;
	case ZX_F_LIST:
		return single(f);
	case ZX_F_TARGET:
		return f->param != NULL;
	default:
		return true;
	}
}

/* ---- columns ---- */

static bool titled(const struct zx_field *f, const char *title)
{
	char name[ZX_IMPORT_TITLE];

	for (int lang = ZX_LANG_ZH; lang <= ZX_LANG_EN; lang++) {
		zx_column_title(name, sizeof(name), f, (enum zx_lang)lang);
		if (!strcasecmp(title, name) || !strcasecmp(title, zx_text_in(&f->label, (enum zx_lang)lang)))
			return true;
	}
	return !strcasecmp(title, f->key);
}

/* A title without the mark of what is required. */
static void title_clean(char *out, size_t len, const char *in)
{
	char buf[ZX_IMPORT_TITLE], *t;
	size_t n;

	zx_strcpy(buf, sizeof(buf), in);
	t = zx_trim(buf);
	n = strlen(t);
	if (n && t[n - 1] == '*')
		t[--n] = '\0';
	if (!zx_utf8_valid(t, strlen(t))) /* cut within a character */
		t[0] = '\0';
	zx_strcpy(out, len, zx_trim(t));
}

static const struct zx_field *field_titled(const struct zx_import *im, const char *title, unsigned before)
{
	for (unsigned i = 0; i < im->res->fieldc; i++) {
		const struct zx_field *f = &im->res->fields[i];
		bool taken = !zx_field_importable(f, &im->r->ses.user) || !titled(f, title);
		for (unsigned k = 0; k < before && !taken; k++)
			taken = im->f[k] == f;
		if (!taken)
			return f;
	}
	return NULL;
}

int zx_import_begin(struct zx_import *im, struct zx_req *r, const struct zx_resource *res, const struct zx_csv_row *head)
{
	unsigned found = 0;

	memset(im, 0, sizeof(*im));
	im->r = r;
	im->res = res;
	im->n = head->n < ZX_CSV_COLS ? head->n : ZX_CSV_COLS - 1;
	im->head = calloc(im->n + 1, sizeof(*im->head));
	if (!im->head)
		return ENOMEM;
	for (unsigned i = 0; i < im->n; i++) {
		title_clean(im->head[i], sizeof(im->head[i]), head->v[i]);
		im->f[i] = im->head[i][0] ? field_titled(im, im->head[i], i) : NULL;
		found += im->f[i] != NULL;
	}
	return found ? 0 : EINVAL;
}

int zx_import_map(struct zx_import *im, const cJSON *map, const char **bad)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, map)
	{
		const char *key = cJSON_GetStringValue(e);
		const struct zx_field *f = key ? zx_field_find(im->res, key) : NULL;
		bool known = false;
		*bad = e->string;
		if (key && (!f || !zx_field_importable(f, &im->r->ses.user)))
			return EINVAL;
		for (unsigned i = 0; i < im->n; i++) {
			if (strcmp(im->head[i], e->string) || known)
				continue;
			im->f[i] = f;
			known = true;
		}
		if (!known)
			return EINVAL;
	}
	for (unsigned i = 0; i < im->n; i++) {
		for (unsigned k = 0; k < i && im->f[i]; k++) {
			if (im->f[k] == im->f[i]) {
				*bad = im->head[i];
				return EINVAL;
			}
		}
	}
	*bad = NULL;
	return 0;
}

void zx_import_end(struct zx_import *im)
{
	zx_import_again(im);
	free(im->head);
	im->head = NULL;
}

/* ---- faults ---- */

const char *zx_import_message(const char *code, enum zx_lang lang)
{
	char key[48];

	snprintf(key, sizeof(key), "field.%s", code);
	const char *text = zx_message(key, lang);
	return text == key ? code : text;
}

void zx_import_reason(char *out, size_t len, const struct zx_import *im, const struct zx_import_fault *f)
{
	const struct zx_field *field = f->key ? zx_field_find(im->res, f->key) : NULL;
	const char *name = f->col < im->n ? im->head[f->col] : field ? zx_text_in(&field->label, im->r->lang) : "";

	snprintf(out, len, "%s%s%s", name, *name ? ": " : "", zx_import_message(f->code, im->r->lang));
}

static void add_fault(struct zx_import_row *row, unsigned col, const char *key, const char *code)
{
	for (unsigned i = 0; i < row->faultc; i++)
		if (row->fault[i].col == col && row->fault[i].key == key)
			return;
	if (row->faultc < ZX_IMPORT_FAULTS)
		row->fault[row->faultc++] = (struct zx_import_fault){col, key, code};
}

/* Error codes of forms, as constants: those in JSON go with it. */
static const char *constant(const char *code)
{
	static const char *const codes[] = {"required",  "unique", "pattern", "range",   "length",
					    "reference", "in_use", "weak",    "licence", "wrong"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcmp(codes[i], code))
			return codes[i];
	return "pattern";
}

void zx_import_fault(struct zx_import *im, struct zx_import_row *row, const char *key, const char *code)
{
	char name[96];
	const struct zx_field *f;
	unsigned col = ZX_CSV_COLS;

	zx_strcpy(name, sizeof(name), key);
	name[strcspn(name, ".")] = '\0'; /* "keys.2.app" */
	f = zx_field_find(im->res, name);
	for (unsigned i = 0; f && i < im->n; i++)
		if (im->f[i] == f)
			col = i;
	add_fault(row, col, f ? f->key : NULL, constant(code));
}

const char *zx_import_cell(const struct zx_import *im, const struct zx_csv_row *in, unsigned col)
{
	if (col >= in->n)
		return "";
	return im->f[col] && im->f[col]->type == ZX_F_SECRET && *in->v[col] ? "***" : in->v[col];
}

/* ---- rows ---- */

/* The company its references are looked up in. */
static int64_t company_of(const struct zx_import *im, const cJSON *body)
{
	const cJSON *given = cJSON_GetObjectItemCaseSensitive(body, "company_id");

	return given ? zx_json_get_int(given) : im->r->ses.user.company_id;
}

static int cells(struct zx_import *im, const struct zx_csv_row *in, struct zx_import_row *row, bool company)
{
	int err = 0;

	for (unsigned i = 0; i < im->n && i < in->n && !err; i++) {
		const struct zx_field *f = im->f[i];
		const char *code;
		if (!f || !strcmp(f->key, "company_id") != company)
			continue;
		code = zx_import_value(im, f, in->v[i], company ? 0 : company_of(im, row->body), row->body, &err);
		if (code)
			add_fault(row, i, f->key, code);
	}
	return err;
}

/* The row that has this unique value already, as far as the user sees; *id 0: none. */
static int find(struct zx_import *im, const struct zx_field *f, const char *text, int64_t company_id, int64_t *id)
{
	const struct zx_q_cond cond = {.key = f->key, .op = ZX_Q_IS, .a = text};
	struct zx_q_scope scope;
	const struct zx_q_req req = {.scope = &scope, .conds = &cond, .condc = 1};
	int64_t ids[2];
	const char *bad;
	size_t n = 0;
	int err;

	*id = 0;
	if (im->res->find)
		return im->res->find(im->r, text, id);
	zx_scope_of(&scope, &im->r->ses.user);
	if (company_id && im->res->table->company && strcmp(im->res->table->company, "t.id")) {
		/* unique within its company, and found there by an index */
		scope.system = false;
		scope.company_id = company_id;
	}
	err = zx_q_ids(im->r->db, im->res->table, &req, ids, 2, &n, &bad);
	if (!err && n)
		*id = ids[0];
	return err == EINVAL || err == EACCES || err == E2BIG ? 0 : err;
}

static int uniqueness(struct zx_import *im, struct zx_import_row *row)
{
	bool first = true;
	int err = 0;

	for (unsigned i = 0; i < im->n && !err; i++) {
		const struct zx_field *f = im->f[i];
		const char *text =
		    f && f->flags & ZX_FF_UNIQUE ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row->body, f->key)) : NULL;
		int64_t id = 0;
		if (!text || !*text)
			continue;
		if (zx_import_seen(im, f, text)) {
			add_fault(row, i, f->key, "twice");
			continue;
		}
		err = find(im, f, text, company_of(im, row->body), &id);
		if (!err && id && im->update && first)
			row->w.id = id;
		else if (!err && id && id != row->w.id)
			add_fault(row, i, f->key, "unique");
		first = false;
	}
	return err;
}

/* A new row begins as a form does. */
static void defaults(struct zx_import *im, cJSON *body)
{
	for (unsigned i = 0; i < im->res->fieldc; i++) {
		const struct zx_field *f = &im->res->fields[i];
		if (f->def && zx_field_importable(f, &im->r->ses.user) && !cJSON_HasObjectItem(body, f->key))
			cJSON_AddItemToObject(body, f->key, cJSON_Parse(f->def));
	}
}

static int values(struct zx_import *im, struct zx_import_row *row)
{
	cJSON *fields = cJSON_CreateObject(), *e;
	int err = 0;

	row->w.many = true;
	row->w.created = !row->w.id;
	if (row->w.created)
		defaults(im, row->body);
	zx_resource_values(&row->w, row->body, row->w.created, fields);
	if (!fields->child && !row->faultc && im->res->prepare)
		err = im->res->prepare(&row->w, fields);
	cJSON_ArrayForEach(e, fields) if (cJSON_IsString(e)) zx_import_fault(im, row, e->string, e->valuestring);
	cJSON_Delete(fields);
	return err;
}

int zx_import_row(struct zx_import *im, const struct zx_csv_row *in, struct zx_import_row *row)
{
	static const char *const faults[] = {NULL, "garbled", "quotes", "long"};
	int err;

	memset(row, 0, sizeof(*row));
	zx_write_init(&row->w, im->r, im->res);
	if (in->fault != ZX_CSV_OK) {
		add_fault(row, ZX_CSV_COLS, NULL, faults[in->fault]);
		return 0;
	}
	row->body = cJSON_CreateObject();
	err = row->body ? cells(im, in, row, true) : ENOMEM;
	if (!err)
		err = cells(im, in, row, false);
	if (!err)
		err = uniqueness(im, row);
	if (!err)
		err = values(im, row);
	if (!err && !row->faultc)
		im->rows[row->w.id != 0]++;
	return err;
}

void zx_import_row_clear(struct zx_import_row *row)
{
	zx_write_clear(&row->w);
	cJSON_Delete(row->body);
	row->body = NULL;
}
