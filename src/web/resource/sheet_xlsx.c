/* Texts are written as texts: a spreadsheet does not take them for formulas. */
#include "web/resource/sheet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xlsxwriter.h>

#include "base/text.h"

enum { ROWS_MAX = 1048576, TEXT_MAX = 32000, NAME_CHARS = 31 };

struct xlsx {
	lxw_workbook *book;
	lxw_worksheet *sheet;
	lxw_format *head, *time;
	lxw_row_t row;
	lxw_col_t col;
	unsigned sheets;
	char title[128];
	char *heads[ZX_SHEET_COLS]; /* again on every further sheet */
	unsigned headc;
};

/* Names of sheets: 31 characters, some not allowed. */
static void sheet_name(char *out, size_t len, const char *title, unsigned i)
{
	size_t n = 0, chars = 0;

	for (; *title && n + 8 < len; title++) {
		if ((*title & 0xc0) != 0x80 && ++chars > NAME_CHARS - 4)
			break;
		out[n++] = strchr("[]:*?/\\'", *title) ? ' ' : *title;
	}
	snprintf(out + n, len - n, i ? " %u" : "%.0u", i ? i + 1 : 0);
}

static int sheet_add(struct xlsx *x)
{
	char name[160];

	sheet_name(name, sizeof(name), x->title, x->sheets);
	x->sheet = workbook_add_worksheet(x->book, name);
	if (!x->sheet)
		x->sheet = workbook_add_worksheet(x->book, NULL);
	if (!x->sheet)
		return ENOMEM;
	x->sheets++;
	x->row = 0;
	x->col = 0;
	worksheet_freeze_panes(x->sheet, 1, 0);
	worksheet_set_column(x->sheet, 0, ZX_SHEET_COLS - 1, 18, NULL);
	for (unsigned i = 0; i < x->headc && x->sheets > 1; i++)
		worksheet_write_string(x->sheet, 0, (lxw_col_t)i, x->heads[i], x->head);
	x->row = x->sheets > 1;
	return 0;
}

static lxw_error write_text(struct xlsx *x, const char *text)
{
	char cut[TEXT_MAX + 1];

	if (strlen(text) > TEXT_MAX) { /* more does not fit into a cell of the format */
		size_t n = TEXT_MAX;
		while (n && (text[n] & 0xc0) == 0x80)
			n--;
		zx_strcpy_len(cut, sizeof(cut), text, n);
		text = cut;
	}
	return worksheet_write_string(x->sheet, x->row, x->col, text, x->row ? NULL : x->head);
}

static lxw_error write_time(struct xlsx *x, double when)
{
	const time_t t = (time_t)when;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return LXW_NO_ERROR;
	lxw_datetime d = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec};
	return worksheet_write_datetime(x->sheet, x->row, x->col, &d, x->time);
}

static int xlsx_cell(struct zx_sheet *s, const struct zx_cell *c)
{
	struct xlsx *x = s->ctx;
	lxw_error err = LXW_NO_ERROR;

	if (x->row == ROWS_MAX && sheet_add(x))
		return ENOMEM;
	if (!x->row && x->sheets == 1 && x->headc < ZX_SHEET_COLS && c->text)
		x->heads[x->headc++] = strdup(c->text);
	switch (c->kind) {
	case ZX_CELL_EMPTY:
		break;
	case ZX_CELL_TEXT:
	case ZX_CELL_WORD:
		err = write_text(x, c->text);
		break;
	case ZX_CELL_NUMBER:
		err = worksheet_write_number(x->sheet, x->row, x->col, c->number, NULL);
		break;
	case ZX_CELL_TIME:
		err = write_time(x, c->number);
		break;
	}
	x->col++;
	return err == LXW_NO_ERROR ? 0 : err == LXW_ERROR_MEMORY_MALLOC_FAILED ? ENOMEM : EIO;
}

static int xlsx_row(struct zx_sheet *s)
{
	struct xlsx *x = s->ctx;

	x->row++;
	x->col = 0;
	return 0;
}

static int xlsx_end(struct zx_sheet *s, bool keep)
{
	struct xlsx *x = s->ctx;
	lxw_error err = LXW_NO_ERROR;

	if (keep)
		err = workbook_close(x->book); /* frees it */
	else
		lxw_workbook_free(x->book);
	for (unsigned i = 0; i < x->headc; i++)
		free(x->heads[i]);
	free(x);
	s->ctx = NULL;
	switch (err) {
	case LXW_NO_ERROR:
		return 0;
	case LXW_ERROR_MEMORY_MALLOC_FAILED:
		return ENOMEM;
	default: /* the library has no finer word for a full disk */
		return errno == ENOSPC ? ENOSPC : EIO;
	}
}

int zx_sheet_xlsx(struct zx_sheet *s, const char *path, const char *tmpdir, const char *title)
{
	struct xlsx *x = calloc(1, sizeof(*x));
	char *dir = strdup(tmpdir);
	lxw_workbook_options opt = {.constant_memory = LXW_TRUE, .tmpdir = dir, .use_zip64 = LXW_FALSE};
	int err = x && dir ? 0 : ENOMEM;

	if (!err) {
		x->book = workbook_new_opt(path, &opt);
		zx_strcpy(x->title, sizeof(x->title), title);
		err = x->book ? 0 : ENOMEM;
	}
	free(dir);
	if (!err) {
		x->head = workbook_add_format(x->book);
		x->time = workbook_add_format(x->book);
		format_set_bold(x->head);
		format_set_num_format(x->time, "yyyy-mm-dd hh:mm:ss");
		err = sheet_add(x);
		if (err)
			lxw_workbook_free(x->book);
	}
	if (err) {
		free(x);
		return err;
	}
	*s = (struct zx_sheet){xlsx_cell, xlsx_row, xlsx_end, x};
	return 0;
}
