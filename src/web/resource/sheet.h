/* Tables on their way out: the columns of a resource, their cells, and the formats that take them. */
#ifndef ZX_WEB_SHEET_H
#define ZX_WEB_SHEET_H

#include "web/resource/resource.h"

enum { ZX_SHEET_COLS = 128, ZX_CELL_LEN = 32768 };

struct zx_cell {
	enum { ZX_CELL_EMPTY, ZX_CELL_TEXT, ZX_CELL_WORD /* of ours: never a formula */, ZX_CELL_NUMBER, ZX_CELL_TIME } kind;
	const char *text; /* also of numbers and times */
	double number;    /* of a time: epoch seconds, UTC */
};

/* A format; each function returns errno. */
struct zx_sheet {
	int (*cell)(struct zx_sheet *s, const struct zx_cell *c);
	int (*row)(struct zx_sheet *s); /* ends a row; the first one is the heading */
	int (*end)(struct zx_sheet *s, bool keep);
	void *ctx;
};

/* CSV: UTF-8 with BOM, CRLF, formulas defused, long numbers kept as text. sink takes what is ready. */
int zx_sheet_csv(struct zx_sheet *s, int (*sink)(void *arg, const void *p, size_t len), void *arg);
int zx_sheet_csv_fd(struct zx_sheet *s, int fd); /* fd stays the caller's */
/* XLSX into the file at path, in memory that does not grow with it. */
int zx_sheet_xlsx(struct zx_sheet *s, const char *path, const char *tmpdir, const char *title);

/* The columns of an export. */
struct zx_columns {
	const struct zx_resource *res;
	enum zx_lang lang;
	unsigned n;
	const struct zx_field *f[ZX_SHEET_COLS];
	char buf[ZX_CELL_LEN]; /* of the cell in work */
};

/* What this user may take away; keys: only these, in their order (an array of texts), or NULL. EINVAL: *bad is none of them. */
int zx_columns_init(struct zx_columns *c, const struct zx_resource *res, const struct zx_user *u, enum zx_lang lang, const cJSON *keys,
		    const char **bad);
/* Some are not in lists, only in single rows. */
bool zx_columns_whole(const struct zx_columns *c);
int zx_columns_head(struct zx_columns *c, struct zx_sheet *s);
int zx_columns_row(struct zx_columns *c, struct zx_sheet *s, const cJSON *row);
/* "震铃时长(秒)" */
void zx_column_title(char *out, size_t len, const struct zx_field *f, enum zx_lang lang);
/* Between the values of a list in one cell. */
#define ZX_LIST_SEP "; "

#endif
