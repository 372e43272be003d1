/* A list as a file: streamed to who asks for it at once, or made by a job. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "web/resource/jobs.h"
#include "web/resource/sheet.h"

enum { IDS_MAX = 10000 };

struct out {
	struct zx_req *r;
	struct zx_job *job; /* NULL: streamed */
	struct zx_columns cols;
	struct zx_sheet sheet;
	int64_t done, total;
	bool begun;
	char name[128];
};

static void file_name(char *out, size_t len, const char *title, const char *end)
{
	const time_t now = (time_t)(zx_wall_ms() / 1000);
	struct tm tm;
	char day[32] = "";

	if (localtime_r(&now, &tm))
		strftime(day, sizeof(day), "%Y%m%d-%H%M%S", &tm);
	snprintf(out, len, "%s-%s.%s", title, day, end);
}

static int row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	struct out *o = arg;
	cJSON *js = zx_resource_row(o->r, o->cols.res, s, cols, n);
	int err;

	if (!js)
		return ENOMEM;
	err = zx_columns_row(&o->cols, &o->sheet, js);
	cJSON_Delete(js);
	o->done++;
	if (!err && o->job && !zx_job_progress(o->job, o->done, o->total < o->done ? o->done : o->total))
		err = ECANCELED;
	return err;
}

/* Of a page that has its rows elsewhere. */
static int row_json(cJSON *js, int64_t total, void *arg)
{
	struct out *o = arg;
	int err = js ? zx_columns_row(&o->cols, &o->sheet, js) : ENOMEM;

	cJSON_Delete(js);
	o->done++;
	o->total = total;
	if (!err && o->job && !zx_job_progress(o->job, o->done, o->total))
		err = ECANCELED;
	return err;
}

/* ---- streamed ---- */

static int to_client(void *arg, const void *p, size_t len)
{
	struct out *o = arg;

	if (!o->begun) {
		char head[320];
		snprintf(head, sizeof(head), "Cache-Control: no-store\r\nContent-Disposition: attachment; filename=\"%s\"\r\n", o->name);
		zx_reply_begin(o->r, 200, "text/csv; charset=utf-8", -1, head);
		o->begun = true;
	}
	return zx_reply_write(o->r, p, len);
}

void zx_resource_export_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def;
	struct out *o = calloc(1, sizeof(*o));
	struct zx_res_query q;
	struct zx_q_result out = {0};
	const char *bad = NULL;
	int err = o ? 0 : ENOMEM;

	if (!err) {
		o->r = r;
		file_name(o->name, sizeof(o->name), res->name, "csv");
		err = zx_columns_init(&o->cols, res, &r->ses.user, r->lang, NULL, &bad);
	}
	if (!err)
		err = zx_resource_query(&q, r, res, &bad);
	if (!err)
		err = zx_sheet_csv(&o->sheet, to_client, o);
	if (!err) {
		err = zx_columns_head(&o->cols, &o->sheet);
		if (!err)
			err = res->each ? res->each(r, NULL, row_json, o)
					: zx_q_export(r->db, zx_resource_table(res, &r->ses.user), &q.req, row, o, &out);
		bad = out.bad;
		const int err2 = o->sheet.end(&o->sheet, !err);
		err = err ? err : err2;
	}
	/* a fault after the first byte shows as a body without its end: the connection is closed either way */
	if (err && !(o && o->begun)) {
		if (err == EINVAL)
			zx_bad_query(r, bad);
		else if (err == EACCES)
			zx_reply_error(r, 403, "forbidden", NULL, NULL);
		else
			zx_reply_errno(r, err);
	}
	free(o);
}

/* ---- by a job ---- */

struct order {
	const struct zx_resource *res;
	bool xlsx;
	char *query, *ids;
	cJSON *columns;
};

static void order_free(void *arg)
{
	struct order *o = arg;

	free(o->query);
	cJSON_free(o->ids);
	cJSON_Delete(o->columns);
	free(o);
}

static int sheet_open(struct out *o, const struct order *ord, int *fd)
{
	const char *title = zx_text_in(&ord->res->title, o->r->lang);
	char path[4200], dir[4200];
	int err;

	file_name(o->name, sizeof(o->name), title, ord->xlsx ? "xlsx" : "csv");
	err = zx_tmp_file(o->r->web, "job", path, sizeof(path), fd);
	if (err)
		return err;
	zx_job_take(o->job, o->name, path);
	if (!ord->xlsx)
		return zx_sheet_csv_fd(&o->sheet, *fd);
	snprintf(dir, sizeof(dir), "%s/tmp", o->r->web->env.data_dir);
	return zx_sheet_xlsx(&o->sheet, path, dir, title);
}

static int fill(struct out *o, struct order *ord, struct zx_res_query *q)
{
	const struct zx_q_table *t = zx_resource_table(ord->res, &o->r->ses.user);
	struct zx_q_result res = {0};
	const char *bad;
	int err;

	if (ord->res->each) {
		err = zx_columns_head(&o->cols, &o->sheet);
		return err ? err : ord->res->each(o->r, ord->ids, row_json, o);
	}
	err = zx_db_begin_read(o->r->db, 4 * ZX_READ_MS);
	if (err)
		return err;
	err = zx_q_count(o->r->db, t, &q->req, &o->total, &bad);
	zx_db_end_read(o->r->db);
	if (!err)
		err = zx_columns_head(&o->cols, &o->sheet);
	if (!err)
		err = zx_q_export(o->r->db, t, &q->req, row, o, &res);
	return err;
}

static int export_run(struct zx_job *j)
{
	struct order *ord = zx_job_arg(j);
	struct out *o = calloc(1, sizeof(*o));
	struct zx_res_query q;
	const char *bad = NULL;
	int fd = -1, err = o ? 0 : ENOMEM;

	if (!err) {
		o->r = zx_job_req(j);
		o->job = j;
		err = zx_params_parse(&o->r->params, ord->query);
	}
	if (!err)
		err = zx_columns_init(&o->cols, ord->res, &o->r->ses.user, o->r->lang, ord->columns, &bad);
	if (!err)
		err = zx_resource_query(&q, o->r, ord->res, &bad);
	if (!err)
		err = sheet_open(o, ord, &fd);
	if (!err) {
		q.req.ids = ord->ids;
		q.req.whole = zx_columns_whole(&o->cols);
		err = fill(o, ord, &q);
		const int err2 = o->sheet.end(&o->sheet, !err);
		err = err ? err : err2;
	}
	if (fd >= 0)
		close(fd);
	if (!err) {
		cJSON *result = cJSON_CreateObject();
		zx_json_add_int(result, "rows", o->done);
		zx_job_progress(j, o->done, o->done);
		zx_job_result(j, result);
	}
	free(o);
	return err;
}

/* ids: JSON text of whole numbers, or NULL when the body has none. */
static const char *ids_text(const cJSON *body, char **out)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "ids"), *e;
	int n = 0;

	if (!list || cJSON_IsNull(list))
		return NULL;
	if (!cJSON_IsArray(list) || !list->child)
		return "required";
	cJSON_ArrayForEach(e, list) if (!cJSON_IsNumber(e) || !(e->valuedouble >= 1 && e->valuedouble < 9e15) || ++n > IDS_MAX) return n >
		IDS_MAX
	    ? "range"
	    : "pattern";
	*out = cJSON_PrintUnformatted(list);
	return *out ? NULL : "range";
}

/* What is wrong with the request is said at once, not by a job that fails. */
static const char *order_read(struct order *o, struct zx_req *r, const char **key)
{
	const char *format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "format"));
	const char *query = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "query")), *bad = NULL, *code;
	const cJSON *columns = cJSON_GetObjectItemCaseSensitive(r->body, "columns");
	struct zx_columns *cols;
	struct zx_res_query q;
	int err;

	*key = "format";
	if (!format || (strcmp(format, "csv") && strcmp(format, "xlsx")))
		return format ? "pattern" : "required";
	o->xlsx = !strcmp(format, "xlsx");
	*key = "ids";
	code = ids_text(r->body, &o->ids);
	if (code)
		return code;
	*key = "query";
	o->query = strdup(query ? query : "");
	zx_params_free(&r->params);
	if (!o->query || zx_params_parse(&r->params, o->query) || zx_resource_query(&q, r, o->res, &bad))
		return "pattern";
	if (cJSON_IsArray(columns))
		o->columns = cJSON_Duplicate(columns, true);
	*key = "columns";
	cols = malloc(sizeof(*cols));
	err = cols ? zx_columns_init(cols, o->res, &r->ses.user, r->lang, o->columns, &bad) : ENOMEM;
	free(cols);
	return err ? "pattern" : NULL;
}

void zx_resource_export_job_h(struct zx_req *r)
{
	struct order *o;
	const char *key, *code;

	if (zx_req_body(r))
		return;
	o = calloc(1, sizeof(*o));
	if (!o) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	o->res = r->def;
	code = order_read(o, r, &key);
	if (code) {
		order_free(o);
		zx_field_error(r, key, code);
		return;
	}
	zx_job_start(r, &(struct zx_job_def){.kind = "export", .run = export_run, .release = order_free, .arg = o});
}
