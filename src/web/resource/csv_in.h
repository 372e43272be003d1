/* CSV as people have it: any of UTF-8 with or without BOM, UTF-16 with BOM, GB18030; comma, semicolon or tab; quotes as in RFC 4180. */
#ifndef ZX_WEB_CSV_IN_H
#define ZX_WEB_CSV_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZX_CSV_COLS = 256, ZX_CSV_ROW = 256 << 10 /* bytes of one row */ };

/* Text of a file as UTF-8, in pieces. */
struct zx_text_in;
int zx_text_in_open(struct zx_text_in **tp, int fd); /* looks through the file for its encoding; fd stays the caller's */
const char *zx_text_in_encoding(const struct zx_text_in *t);
/* Next piece, *len 0 at the end. What is no text comes as U+FFFD. */
int zx_text_in_read(struct zx_text_in *t, const char **p, size_t *len);
void zx_text_in_close(struct zx_text_in *t);

enum zx_csv_fault {
	ZX_CSV_OK,
	ZX_CSV_GARBLED, /* bytes that are no text in this encoding */
	ZX_CSV_QUOTES,  /* something behind a closing quote, or none that closes */
	ZX_CSV_LONG,    /* a row too long, or with too many columns */
};

struct zx_csv;
struct zx_csv_row {
	unsigned line; /* as a spreadsheet counts: the first is 1, empty ones count */
	unsigned n;
	const char *v[ZX_CSV_COLS]; /* UTF-8; valid until the next row */
	enum zx_csv_fault fault;
};

int zx_csv_open(struct zx_csv **cp, int fd);
const char *zx_csv_encoding(const struct zx_csv *c);
/* 0 and a row that is not empty; ENODATA at the end; else errno of reading. */
int zx_csv_next(struct zx_csv *c, struct zx_csv_row *row);
/* From the beginning again. */
int zx_csv_rewind(struct zx_csv *c);
void zx_csv_close(struct zx_csv *c);

#endif
