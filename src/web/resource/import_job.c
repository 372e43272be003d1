/*
 * The job of an import. Its thread reads and understands the rows; the store's writer gets them ready made, in portions that do not hold
 * up others, or all in one transaction when it is all or nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "store/audit.h"
#include "web/resource/import.h"
#include "web/resource/jobs.h"
#include "web/resource/sheet.h"

enum { PORTION = 100, REASON = 600 };

/* A row's values in one block, for the time between reading and writing. */
struct ready {
	unsigned line, n;
	int64_t id;
	const char *code, *key; /* what the store refused */
	struct zx_q_value v[];
};

struct bad {
	unsigned line;
	char *reason;
};

struct run {
	struct zx_job *j;
	struct zx_import_order *o;
	struct ready **rows; /* not written yet */
	size_t n, cap;
	struct bad *bad;
	size_t badn, badcap;
	int64_t done, added, updated;
	struct zx_res_companies of;
};

/* ---- a row in one block ---- */

static size_t text_size(const struct zx_q_value *v)
{
	return v->kind == ZX_Q_VTEXT && v->t ? strlen(v->t) + 1 : 0;
}

static size_t ready_size(const struct zx_res_write *w)
{
	size_t size = sizeof(struct ready) + w->n * sizeof(w->v[0]);

	for (unsigned i = 0; i < w->n; i++) {
		const struct zx_q_list *l = w->v[i].kind == ZX_Q_VLIST ? w->v[i].list : NULL;
		size += text_size(&w->v[i]);
		if (!l)
			continue;
		size += sizeof(*l) + (size_t)l->n * l->colc * sizeof(*l->v) + 16;
		for (size_t k = 0; k < (size_t)l->n * l->colc; k++)
			size += text_size(&l->v[k]);
	}
	return size + 16;
}

static char *put_text(struct zx_q_value *v, char *at)
{
	const size_t n = text_size(v);

	if (n) {
		memcpy(at, v->t, n);
		v->t = at;
	}
	return at + n;
}

/* Lists first: they want their alignment; texts behind all. */
static struct ready *ready_make(const struct zx_res_write *w, unsigned line)
{
	struct ready *r = calloc(1, ready_size(w));
	char *at;

	if (!r)
		return NULL;
	r->line = line;
	r->id = w->id;
	r->n = w->n;
	memcpy(r->v, w->v, w->n * sizeof(w->v[0]));
	at = (char *)(r->v + w->n);
	for (unsigned i = 0; i < r->n; i++) {
		const struct zx_q_list *from = r->v[i].kind == ZX_Q_VLIST ? r->v[i].list : NULL;
		struct zx_q_list *l = (struct zx_q_list *)(void *)at;
		if (!from)
			continue;
		struct zx_q_value *v = (struct zx_q_value *)(void *)(l + 1);
		const size_t n = (size_t)from->n * from->colc;
		if (n)
			memcpy(v, from->v, n * sizeof(*v));
		*l = (struct zx_q_list){.n = from->n, .colc = from->colc, .v = v};
		r->v[i].list = l;
		at = (char *)(v + n);
	}
	for (unsigned i = 0; i < r->n; i++) {
		const struct zx_q_list *l = r->v[i].kind == ZX_Q_VLIST ? r->v[i].list : NULL;
		at = put_text(&r->v[i], at);
		for (size_t k = 0; l && k < (size_t)l->n * l->colc; k++)
			at = put_text(&((struct zx_q_value *)(uintptr_t)l->v)[k], at);
	}
	return r;
}

/* ---- what is wrong ---- */

static int bad_put(struct run *x, unsigned line, const char *reason)
{
	if (x->badn == x->badcap) {
		const size_t cap = x->badcap ? x->badcap * 2 : 64;
		struct bad *v = realloc(x->bad, cap * sizeof(*v));
		if (!v)
			return ENOMEM;
		x->bad = v;
		x->badcap = cap;
	}
	x->bad[x->badn] = (struct bad){line, strdup(reason)};
	return x->bad[x->badn++].reason ? 0 : ENOMEM;
}

static int bad_row(struct run *x, unsigned line, const struct zx_import_row *row)
{
	char text[REASON] = "";
	size_t n = 0;

	for (unsigned i = 0; i < row->faultc && n + 200 < sizeof(text); i++) {
		char one[200];
		zx_import_reason(one, sizeof(one), &x->o->im, &row->fault[i]);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "; " : "", one);
	}
	return bad_put(x, line, text);
}

/* The store said no. */
static int bad_ready(struct run *x, const struct ready *r)
{
	struct zx_import_row row = {0};

	zx_import_fault(&x->o->im, &row, r->key ? r->key : "", r->code);
	return bad_row(x, r->line, &row);
}

/* ---- the writer's part ---- */

static int savepoint(struct zx_db *db, const char *sql)
{
	struct zx_stmt *s;
	const int err = zx_stmt_text(&s, db, sql);

	return err ? err : zx_stmt_run(s);
}

/* One row, undone when it is refused; else an errno that ends all. */
static int write_row(struct zx_db *db, struct run *x, struct zx_res_write *w, struct ready *r)
{
	int err = savepoint(db, "SAVEPOINT import_row");

	if (err)
		return err;
	zx_write_init(w, zx_job_req(x->j), x->o->im.res);
	w->many = true;
	w->created = !r->id;
	w->id = r->id;
	w->n = r->n;
	memcpy(w->v, r->v, r->n * sizeof(r->v[0]));
	err = r->id ? zx_write_edit(db, w) : zx_write_add(db, w);
	if (!err) {
		zx_companies_note(&x->of, w->company_id);
		zx_write_clear(w);
		return savepoint(db, "RELEASE import_row");
	}
	r->code = err == EDQUOT ? "licence" : err == ENOENT ? "reference" : zx_write_fault(w, err, &r->key);
	zx_write_clear(w);
	if (!r->code)
		return err;
	err = savepoint(db, "ROLLBACK TO import_row");
	return err ? err : savepoint(db, "RELEASE import_row");
}

static int op_rows(struct zx_db *db, void *arg)
{
	struct run *x = arg;
	struct zx_res_write *w = calloc(1, sizeof(*w));
	bool refused = false;
	int err = w ? 0 : ENOMEM;

	for (size_t i = 0; i < x->n && !err; i++) {
		err = write_row(db, x, w, x->rows[i]);
		refused |= x->rows[i]->code != NULL;
		if (!err && x->o->all && i % 64 == 0)
			err = zx_job_cancelled(x->j) ? ECANCELED : 0;
	}
	free(w);
	return err ? err : refused && x->o->all ? EINVAL : 0;
}

/* Writes what is ready; counts, or notes what was refused. */
static int flush(struct run *x)
{
	int err = x->n ? zx_store_write_wait(x->o->im.r->web->env.store, op_rows, x) : 0, err2 = 0;

	for (size_t i = 0; i < x->n; i++) {
		struct ready *r = x->rows[i];
		if (r->code && !err2)
			err2 = bad_ready(x, r);
		if (!r->code && !err)
			*(r->id ? &x->updated : &x->added) += 1;
		free(r);
	}
	x->n = 0;
	/* in all-or-nothing a refusal is told by the bad rows */
	if (err == EINVAL && x->o->all)
		err = 0;
	return err ? err : err2;
}

/* ---- the job ---- */

static int take_row(struct run *x, const struct zx_csv_row *in, struct zx_import_row *row)
{
	int err = zx_import_row(&x->o->im, in, row);

	if (!err && row->faultc)
		return bad_row(x, in->line, row);
	if (err || (x->o->all && x->badn)) /* nothing will be written: only what else is wrong is of interest */
		return err;
	if (x->n == x->cap) {
		const size_t cap = x->cap ? x->cap * 2 : PORTION;
		struct ready **v = realloc(x->rows, cap * sizeof(*v));
		if (!v)
			return ENOMEM;
		x->rows = v;
		x->cap = cap;
	}
	x->rows[x->n] = ready_make(&row->w, in->line);
	if (!x->rows[x->n])
		return ENOMEM;
	x->n++;
	return x->n >= PORTION && !x->o->all ? flush(x) : 0;
}

static void drop(struct run *x)
{
	while (x->n)
		free(x->rows[--x->n]);
}

static int read_all(struct run *x, struct zx_csv *csv, struct zx_csv_row *in, struct zx_import_row *row)
{
	int err = zx_csv_next(csv, in); /* the heading */

	while (!err && !(err = zx_csv_next(csv, in))) {
		err = take_row(x, in, row);
		zx_import_row_clear(row);
		if (!err && !zx_job_progress(x->j, ++x->done, x->o->lines))
			err = ECANCELED;
	}
	if (err == ENODATA)
		err = 0;
	if (!err && !(x->o->all && x->badn))
		err = flush(x);
	drop(x);
	return err;
}

static int by_line(const void *a, const void *b)
{
	const struct bad *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

static int put_cells(struct zx_sheet *s, const struct zx_csv_row *in, unsigned n, const char *reason)
{
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		const struct zx_cell c = {.kind = i < in->n && *in->v[i] ? ZX_CELL_TEXT : ZX_CELL_EMPTY, .text = i < in->n ? in->v[i] : ""};
		err = s->cell(s, &c);
	}
	if (!err)
		err = s->cell(s, &(struct zx_cell){.kind = ZX_CELL_WORD, .text = reason});
	return err ? err : s->row(s);
}

/* The lines that were not taken, as they came, each with its reason: to be put right and imported again. */
static int bad_file(struct run *x, struct zx_csv *csv, struct zx_csv_row *in)
{
	const bool en = x->o->im.r->lang == ZX_LANG_EN;
	char name[320];
	struct zx_sheet s;
	size_t k = 0;
	int fd = -1, err;

	qsort(x->bad, x->badn, sizeof(*x->bad), by_line);
	snprintf(name, sizeof(name), "%s-%s.csv", zx_text_in(&x->o->im.res->title, x->o->im.r->lang), en ? "failed" : "未导入");
	err = zx_job_file(x->j, name, &fd);
	if (!err) {
		err = zx_sheet_csv_fd(&s, fd);
		if (err)
			close(fd);
	}
	if (err)
		return err;
	err = zx_csv_rewind(csv);
	if (!err)
		err = zx_csv_next(csv, in);
	if (!err)
		err = put_cells(&s, in, x->o->im.n, en ? "Reason" : "原因");
	while (!err && k < x->badn && !(err = zx_csv_next(csv, in))) {
		if (in->line == x->bad[k].line)
			err = put_cells(&s, in, x->o->im.n, x->bad[k++].reason);
	}
	const int err2 = s.end(&s, !err || err == ENODATA);
	close(fd);
	return err && err != ENODATA ? err : err2;
}

static void tell(struct run *x, bool nothing)
{
	cJSON *js = cJSON_CreateObject();

	zx_json_add_int(js, "lines", x->o->lines);
	zx_json_add_int(js, "added", nothing ? 0 : x->added);
	zx_json_add_int(js, "updated", nothing ? 0 : x->updated);
	zx_json_add_int(js, "bad", (int64_t)x->badn);
	zx_job_result(x->j, js);
}

/* One entry for the whole: a page that writes rows by itself has none for each. */
static int op_note(struct zx_db *db, void *arg)
{
	const struct run *x = arg;
	const struct zx_req *r = x->o->im.r;
	char after[96];

	snprintf(after, sizeof(after), "{\"added\":%lld,\"updated\":%lld}", (long long)x->added, (long long)x->updated);
	return zx_audit_put(db, &(struct zx_audit){.company_id = r->ses.user.company_id,
						   .user_id = r->ses.user.id,
						   .addr = r->peer.addr,
						   .resource = x->o->im.res->name,
						   .action = "import",
						   .after = after});
}

static void note(struct run *x)
{
	const int err = zx_store_write_wait(x->o->im.r->web->env.store, op_note, x);

	if (err)
		zx_log(ZX_ERROR, "web", "an import cannot be noted: %s", strerror(err));
}

static int import_run(struct zx_job *j)
{
	struct zx_import_order *o = zx_job_arg(j);
	struct run x = {.j = j, .o = o};
	struct zx_csv_row *in = malloc(sizeof(*in));
	struct zx_import_row *row = malloc(sizeof(*row));
	struct zx_csv *csv = NULL;
	int err = in && row ? zx_csv_open(&csv, o->fd) : ENOMEM, err2 = 0;

	o->im.r = zx_job_req(j);
	if (!err)
		err = read_all(&x, csv, in, row);
	const bool nothing = o->all && (err || x.badn);
	if (x.badn && (!err || err == ECANCELED))
		err2 = bad_file(&x, csv, in);
	tell(&x, nothing);
	if ((x.added || x.updated) && !nothing && o->im.res->write)
		note(&x);
	if ((x.added || x.updated) && !nothing)
		zx_write_done(o->im.r->web, o->im.res, x.of.id, x.of.n);
	zx_csv_close(csv);
	free(in);
	free(row);
	for (size_t i = 0; i < x.badn; i++)
		free(x.bad[i].reason);
	free(x.bad);
	free(x.rows);
	if (!err && !err2 && nothing) {
		zx_job_fail(j, "import_bad");
		return EINVAL;
	}
	return err ? err : err2;
}

static void order_free(void *arg)
{
	struct zx_import_order *o = arg;

	zx_import_end(&o->im);
	if (o->fd >= 0)
		close(o->fd);
	if (o->path[0])
		unlink(o->path);
	free(o);
}

void zx_import_run_job(struct zx_req *r, struct zx_import_order *o)
{
	zx_job_start(r, &(struct zx_job_def){.kind = "import", .run = import_run, .release = order_free, .arg = o});
}
