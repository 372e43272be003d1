/*
 * Imports: the file is kept in DATA/tmp, looked through line by line, shown with what is wrong; then a job writes it.
 *
 *   POST /NAME/import (file) -> check -> POST /NAME/import/ID/check {map} -> ... -> POST /NAME/import/ID {mode} -> job
 */
#include "web/resource/import.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "web/resource/jobs.h"
#include "web/resource/sheet.h"

enum { FILE_MAX = 64 << 20, PREVIEW = 10, BAD_MAX = 100, KEEP_MAX = 4, KEEP_MS = 3600 * 1000, VALUE_MAX = 200 };

/* Files that were uploaded and not written yet. */
struct upload {
	struct upload *next;
	int64_t id, user_id;
	const struct zx_resource *res;
	struct zx_spool file;
	cJSON *map; /* the user's, or NULL */
	uint64_t at;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct upload *uploads; /* newest first */
static int64_t last_id;

static void upload_free(struct upload *u)
{
	zx_spool_drop(&u->file);
	cJSON_Delete(u->map);
	free(u);
}

/* Removes what is old, and of this user what is too many; to be freed by the caller. Under the lock. */
static struct upload *outdated(int64_t user_id)
{
	const uint64_t now = zx_mono_ms();
	struct upload *list = NULL;
	unsigned n = 0;

	for (struct upload **pp = &uploads; *pp;) {
		struct upload *u = *pp;
		if (now - u->at > KEEP_MS || (u->user_id == user_id && ++n > KEEP_MAX)) {
			*pp = u->next;
			u->next = list;
			list = u;
		} else {
			pp = &u->next;
		}
	}
	return list;
}

static int64_t new_id(void)
{
	const int64_t now = zx_wall_ms();
	int64_t id;

	pthread_mutex_lock(&lock);
	id = last_id = now > last_id ? now : last_id + 1;
	pthread_mutex_unlock(&lock);
	return id;
}

static void put(struct upload *u)
{
	struct upload *old;

	pthread_mutex_lock(&lock);
	u->next = uploads;
	uploads = u;
	old = outdated(u->user_id);
	pthread_mutex_unlock(&lock);
	while (old) {
		struct upload *next = old->next;
		upload_free(old);
		old = next;
	}
}

/* The user's own, of this resource: taken out, so that one request at a time works with it. */
static struct upload *take(const struct zx_req *r)
{
	struct upload *found = NULL;

	pthread_mutex_lock(&lock);
	for (struct upload **pp = &uploads; *pp && !found; pp = &(*pp)->next) {
		if ((*pp)->id != r->id || (*pp)->user_id != r->ses.user.id || (*pp)->res != r->def)
			continue;
		found = *pp;
		*pp = found->next;
		break;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

/* ---- looking through ---- */

struct report {
	cJSON *bad, *preview;
	unsigned lines, good, bads;
};

static void bad_add(struct report *rep, const struct zx_import *im, const struct zx_csv_row *in, const struct zx_import_fault *f)
{
	const struct zx_field *field = f->key ? zx_field_find(im->res, f->key) : NULL;
	char value[VALUE_MAX];
	size_t n;
	cJSON *o;

	if (cJSON_GetArraySize(rep->bad) >= BAD_MAX)
		return;
	o = cJSON_CreateObject();
	cJSON_AddNumberToObject(o, "line", in->line);
	cJSON_AddStringToObject(o, "column", f->col < im->n ? im->head[f->col] : field ? zx_text_in(&field->label, im->r->lang) : "");
	zx_strcpy(value, sizeof(value), f->col < im->n ? zx_import_cell(im, in, f->col) : "");
	for (n = strlen(value); n && !zx_utf8_valid(value, n); n--)
		;
	value[n] = '\0';
	cJSON_AddStringToObject(o, "value", value);
	cJSON_AddStringToObject(o, "reason", f->code);
	cJSON_AddStringToObject(o, "message", zx_import_message(f->code, im->r->lang));
	cJSON_AddItemToArray(rep->bad, o);
}

static void preview_add(struct report *rep, const struct zx_import *im, const struct zx_csv_row *in)
{
	cJSON *cells = cJSON_CreateArray();

	for (unsigned i = 0; i < im->n; i++)
		cJSON_AddItemToArray(cells, cJSON_CreateString(zx_import_cell(im, in, i)));
	cJSON_AddItemToArray(rep->preview, cells);
}

static int look_through(struct zx_import *im, struct zx_csv *csv, struct report *rep)
{
	struct zx_csv_row *in = malloc(sizeof(*in));
	struct zx_import_row *row = malloc(sizeof(*row));
	int err = in && row ? 0 : ENOMEM;

	while (!err && !(err = zx_csv_next(csv, in))) {
		if (++rep->lines > (im->res->write ? ZX_IMPORT_LINES_OWN : ZX_IMPORT_LINES)) {
			err = E2BIG;
			break;
		}
		if (rep->lines <= PREVIEW && in->fault == ZX_CSV_OK)
			preview_add(rep, im, in);
		err = zx_import_row(im, in, row);
		for (unsigned i = 0; i < row->faultc; i++)
			bad_add(rep, im, in, &row->fault[i]);
		rep->bads += row->faultc != 0;
		rep->good += !row->faultc;
		zx_import_row_clear(row);
	}
	free(row);
	free(in);
	return err == ENODATA ? 0 : err;
}

static cJSON *columns_json(const struct zx_import *im)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned i = 0; i < im->n; i++) {
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "name", im->head[i]);
		if (im->f[i])
			cJSON_AddStringToObject(o, "key", im->f[i]->key);
		else
			cJSON_AddNullToObject(o, "key");
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

/* The heading with the user's map. *code: what to tell when it is EINVAL; *bad: the column. */
static int begin(struct zx_import *im, struct zx_req *r, const struct upload *u, struct zx_csv *csv, const char **bad)
{
	struct zx_csv_row *head = malloc(sizeof(*head));
	int err = head ? zx_csv_next(csv, head) : ENOMEM;

	*bad = NULL;
	if (!err && head->fault != ZX_CSV_OK && head->fault != ZX_CSV_GARBLED)
		err = EINVAL;
	if (!err) {
		err = zx_import_begin(im, r, u->res, head);
		if (err == EINVAL && u->map) /* the user says which */
			err = 0;
		if (!err && u->map)
			err = zx_import_map(im, u->map, bad);
	}
	free(head);
	return err == ENODATA ? EINVAL : err;
}

/* What went wrong, kept apart from the upload: that may be somebody else's by the time it is told. */
struct trouble {
	int err;
	char column[ZX_IMPORT_TITLE];
};

static void trouble_note(struct trouble *t, int err, const char *bad)
{
	t->err = err;
	zx_strcpy(t->column, sizeof(t->column), err == EINVAL && bad ? bad : "");
}

static void refuse(struct zx_req *r, const struct trouble *t)
{
	if (t->column[0])
		zx_field_error(r, t->column, "pattern");
	else if (t->err == EINVAL)
		zx_reply_error(r, 422, "import_none", NULL, NULL);
	else if (t->err == E2BIG)
		zx_reply_error(r, 422, "import_lines", NULL, NULL);
	else
		zx_reply_errno(r, t->err);
}

/* Looks through the file: the report, or NULL and why not. u may get its id here. */
static cJSON *check(struct zx_req *r, struct upload *u, struct trouble *t)
{
	struct report rep = {.bad = cJSON_CreateArray(), .preview = cJSON_CreateArray()};
	struct zx_import im = {0};
	struct zx_csv *csv = NULL;
	const char *bad = NULL;
	cJSON *js = NULL;
	int err = zx_csv_open(&csv, u->file.fd);

	if (!err)
		err = begin(&im, r, u, csv, &bad);
	if (!err) {
		/* what people choose in the wizard comes with the next check */
		im.update = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->body, "update"));
		err = look_through(&im, csv, &rep);
	}
	if (err) {
		trouble_note(t, err, bad);
		cJSON_Delete(rep.bad);
		cJSON_Delete(rep.preview);
	} else {
		js = cJSON_CreateObject();
		if (!u->id)
			u->id = new_id();
		zx_json_add_int(js, "import", u->id);
		cJSON_AddStringToObject(js, "name", u->file.name);
		cJSON_AddStringToObject(js, "encoding", zx_csv_encoding(csv));
		cJSON_AddItemToObject(js, "columns", columns_json(&im));
		cJSON_AddNumberToObject(js, "lines", rep.lines);
		cJSON_AddItemToObject(js, "preview", rep.preview);
		cJSON_AddItemToObject(js, "bad", rep.bad);
		cJSON_AddNumberToObject(js, "good", rep.good);
		cJSON_AddNumberToObject(js, "bads", rep.bads);
		zx_json_add_int(js, "added", im.rows[0]);
		zx_json_add_int(js, "updated", im.rows[1]);
	}
	zx_import_end(&im);
	zx_csv_close(csv);
	return js;
}

void zx_resource_import_h(struct zx_req *r)
{
	struct upload *u = calloc(1, sizeof(*u));
	struct trouble t = {0};
	cJSON *js;

	if (!u) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	u->res = r->def;
	u->user_id = r->ses.user.id;
	u->at = zx_mono_ms();
	if (zx_req_spool(r, &u->file, FILE_MAX)) {
		free(u);
		return;
	}
	js = check(r, u, &t);
	if (js) {
		put(u); /* before the reply: the next request may be quick */
		zx_reply_json(r, 200, js);
	} else {
		upload_free(u);
		refuse(r, &t);
	}
}

/* The upload that a request means, with the map of its body; NULL: replied. */
static struct upload *take_mapped(struct zx_req *r)
{
	const cJSON *map = cJSON_GetObjectItemCaseSensitive(r->body, "map");
	struct upload *u;

	if (map && !cJSON_IsNull(map) && !cJSON_IsObject(map)) {
		zx_field_error(r, "map", "pattern");
		return NULL;
	}
	u = take(r);
	if (!u) {
		zx_reply_error(r, 404, "import_gone", NULL, NULL);
		return NULL;
	}
	if (cJSON_IsObject(map)) {
		cJSON_Delete(u->map);
		u->map = cJSON_Duplicate(map, true);
	}
	return u;
}

void zx_resource_import_check_h(struct zx_req *r)
{
	struct upload *u;
	struct trouble t = {0};
	cJSON *js;

	if (zx_req_body(r) || !(u = take_mapped(r)))
		return;
	js = check(r, u, &t);
	put(u);
	if (js)
		zx_reply_json(r, 200, js);
	else
		refuse(r, &t);
}

void zx_resource_import_drop_h(struct zx_req *r)
{
	struct upload *u = take(r);

	if (!u) {
		zx_reply_error(r, 404, "import_gone", NULL, NULL);
		return;
	}
	upload_free(u);
	zx_reply_empty(r, 204);
}

/* ---- writing ---- */

static int order_of(struct zx_req *r, struct upload *u, struct zx_import_order **op, const char **bad)
{
	struct zx_import_order *o = calloc(1, sizeof(*o));
	struct zx_csv *csv = NULL;
	struct zx_csv_row *row = malloc(sizeof(*row));
	int err = o && row ? zx_csv_open(&csv, u->file.fd) : ENOMEM;

	if (!err)
		err = begin(&o->im, r, u, csv, bad);
	while (!err && !(err = zx_csv_next(csv, row)))
		o->lines++;
	zx_csv_close(csv);
	free(row);
	if (err && err != ENODATA) {
		if (o)
			zx_import_end(&o->im);
		free(o);
		return err;
	}
	o->fd = u->file.fd;
	zx_strcpy(o->path, sizeof(o->path), u->file.path);
	zx_strcpy(o->name, sizeof(o->name), u->file.name);
	*op = o;
	return 0;
}

void zx_resource_import_run_h(struct zx_req *r)
{
	struct zx_import_order *o = NULL;
	struct upload *u;
	struct trouble t = {0};
	const char *mode, *bad = NULL;
	int err;

	if (zx_req_body(r))
		return;
	mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "mode"));
	if (!mode || (strcmp(mode, "all") && strcmp(mode, "good"))) {
		zx_field_error(r, "mode", mode ? "pattern" : "required");
		return;
	}
	u = take_mapped(r);
	if (!u)
		return;
	err = order_of(r, u, &o, &bad);
	if (err) {
		trouble_note(&t, err, bad);
		put(u);
		refuse(r, &t);
		return;
	}
	o->all = !strcmp(mode, "all");
	o->im.update = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->body, "update"));
	/* the file is the job's now */
	u->file.fd = -1;
	u->file.path[0] = '\0';
	upload_free(u);
	zx_import_run_job(r, o);
}

/* ---- template ---- */

static int to_client(void *arg, const void *p, size_t len)
{
	return zx_reply_write(arg, p, len);
}

void zx_resource_template_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def;
	struct zx_sheet s;
	char head[320], title[ZX_IMPORT_TITLE + 8];
	int err = zx_sheet_csv(&s, to_client, r);

	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	snprintf(head, sizeof(head), "Cache-Control: no-store\r\nContent-Disposition: attachment; filename=\"%s-template.csv\"\r\n",
		 res->name);
	zx_reply_begin(r, 200, "text/csv; charset=utf-8", -1, head);
	for (unsigned i = 0; i < res->fieldc && !err; i++) {
		const struct zx_field *f = &res->fields[i];
		if (!zx_field_importable(f, &r->ses.user))
			continue;
		zx_column_title(title, ZX_IMPORT_TITLE, f, r->lang);
		if (f->flags & ZX_FF_REQUIRED)
			memcpy(title + strlen(title), "*", 2);
		err = s.cell(&s, &(struct zx_cell){.kind = ZX_CELL_TEXT, .text = title});
	}
	if (!err)
		err = s.row(&s);
	s.end(&s, !err);
}
