/* Rows of a file on their way in: columns matched with fields, cells made values, faults told in people's words. */
#ifndef ZX_WEB_IMPORT_H
#define ZX_WEB_IMPORT_H

#include "web/resource/csv_in.h"
#include "web/resource/resource.h"

enum {
	ZX_IMPORT_FAULTS = 16,
	ZX_IMPORT_LINES = 200000,
	ZX_IMPORT_LINES_OWN = 1000000 /* of a page that writes rows by itself */,
	ZX_IMPORT_TITLE = 128
};

struct zx_import_fault {
	unsigned col;     /* of the file; ZX_CSV_COLS: none of its columns */
	const char *key;  /* of the field, or NULL */
	const char *code; /* as a form's error, or garbled, quotes, long */
};

struct zx_import_cache;

struct zx_import {
	struct zx_req *r;
	const struct zx_resource *res;
	unsigned n; /* columns of the file */
	char (*head)[ZX_IMPORT_TITLE];
	const struct zx_field *f[ZX_CSV_COLS]; /* NULL: left out */
	bool update;                           /* rows that are there already (by the first unique column) are changed */
	struct zx_import_cache *cache;
	int64_t rows[2]; /* new ones, changes: of the last pass */
};

/* A row as far as it was understood. */
struct zx_import_row {
	struct zx_res_write w; /* w.id: of the row it changes, 0 new */
	cJSON *body;           /* what w's values point to */
	unsigned faultc;
	struct zx_import_fault fault[ZX_IMPORT_FAULTS];
};

/* Takes the heading of c; finds the fields by their titles. EINVAL: no column fits. */
int zx_import_begin(struct zx_import *im, struct zx_req *r, const struct zx_resource *res, const struct zx_csv_row *head);
/* The user's own choice: {column: key or null}. EINVAL: *bad is the column. */
int zx_import_map(struct zx_import *im, const cJSON *map, const char **bad);
void zx_import_end(struct zx_import *im);
/* Forgets what a pass has seen (unique values, references). */
void zx_import_again(struct zx_import *im);
/* Reads a row: values, references, uniqueness as far as it can be told without writing; faults are in row. Else errno. */
int zx_import_row(struct zx_import *im, const struct zx_csv_row *in, struct zx_import_row *row);
void zx_import_row_clear(struct zx_import_row *row);
void zx_import_fault(struct zx_import *im, struct zx_import_row *row, const char *key, const char *code);
/* What a cell shows in reports: secrets do not. */
const char *zx_import_cell(const struct zx_import *im, const struct zx_csv_row *in, unsigned col);
/* "分机号码: 已存在" */
void zx_import_reason(char *out, size_t len, const struct zx_import *im, const struct zx_import_fault *f);
const char *zx_import_message(const char *code, enum zx_lang lang);
bool zx_field_importable(const struct zx_field *f, const struct zx_user *u);

/* refs.c: the row that text names by label, number or name. ENOENT none, or more than one. */
int zx_ref_find(struct zx_req *r, const struct zx_field *f, const char *text, int64_t company_id, int64_t *id);
int zx_target_find(struct zx_req *r, const char *app, const char *text, int64_t company_id, int64_t *id);
/* Notes a unique value of this pass; true when the file had it before. */
bool zx_import_seen(struct zx_import *im, const struct zx_field *f, const char *text);
/* import_cell.c: a cell as a value of the body; NULL right, else an error code. Targets add their parameter to body by themselves. */
const char *zx_import_value(struct zx_import *im, const struct zx_field *f, const char *text, int64_t company_id, cJSON *body, int *err);
/* import_job.c: the job that writes; takes fd, path. */
struct zx_import_order {
	struct zx_import im;
	int fd;
	char path[4200];
	char name[256];
	bool all;
	unsigned lines;
};
void zx_import_run_job(struct zx_req *r, struct zx_import_order *o);

#endif
