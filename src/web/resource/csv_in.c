#include "web/resource/csv_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum state { START, PLAIN, QUOTED, CLOSED /* behind a quote within quotes */ };

struct zx_csv {
	int fd;
	struct zx_text_in *text;
	const char *p;
	size_t left;
	bool ended, skip_lf, begun;
	char sep;
	unsigned line;

	/* the row in work */
	enum state state;
	enum zx_csv_fault fault;
	unsigned n;
	size_t len, at[ZX_CSV_COLS];
	char buf[ZX_CSV_ROW];
};

static int more(struct zx_csv *c)
{
	int err = 0;

	if (!c->left && !c->ended) {
		err = zx_text_in_read(c->text, &c->p, &c->left);
		c->ended = !err && !c->left;
	}
	return err;
}

/* The separator that the first line has most of, outside quotes. */
static char guess_sep(const char *p, size_t len)
{
	static const char seps[] = {',', ';', '\t'};
	unsigned count[3] = {0};
	bool quoted = false;
	char best = ',';
	unsigned most = 0;

	if (len > 5 && !strncasecmp(p, "sep=", 4) && p[4] && strchr(",;\t|:", p[4])) /* never a part of a character */
		return p[4];
	for (size_t i = 0; i < len && (quoted || (p[i] != '\n' && p[i] != '\r')); i++) {
		if (p[i] == '"')
			quoted = !quoted;
		for (unsigned k = 0; k < 3 && !quoted; k++)
			count[k] += p[i] == seps[k];
	}
	for (unsigned k = 0; k < 3; k++) {
		if (count[k] > most) {
			most = count[k];
			best = seps[k];
		}
	}
	return best;
}

static void fault(struct zx_csv *c, enum zx_csv_fault f)
{
	if (c->fault == ZX_CSV_OK)
		c->fault = f;
}

static void put(struct zx_csv *c, char ch)
{
	if (c->len < ZX_CSV_ROW - 1)
		c->buf[c->len++] = ch;
	else
		fault(c, ZX_CSV_LONG);
}

static void field_end(struct zx_csv *c)
{
	put(c, '\0');
	if (c->n < ZX_CSV_COLS - 1)
		c->at[++c->n] = c->len;
	else
		fault(c, ZX_CSV_LONG);
	c->state = START;
}

/* One character of the row; true when it ends the row. */
static bool feed(struct zx_csv *c, char ch)
{
	const bool end = ch == '\n' || ch == '\r';

	switch (c->state) {
	case QUOTED:
		if (ch == '"')
			c->state = CLOSED;
		else
			put(c, ch);
		return false;
	case CLOSED:
		if (ch == '"') {
			put(c, ch);
			c->state = QUOTED;
			return false;
		}
		break;
	case START:
		if (ch == '"') {
			c->state = QUOTED;
			return false;
		}
		break;
	case PLAIN:
		break;
	}
	if (end || ch == c->sep) {
		field_end(c);
		return end;
	}
	if (c->state == CLOSED)
		fault(c, ZX_CSV_QUOTES);
	c->state = PLAIN;
	put(c, ch);
	return false;
}

static bool empty(const struct zx_csv_row *row)
{
	for (unsigned i = 0; i < row->n; i++)
		if (row->v[i][strspn(row->v[i], " \t")])
			return false;
	return true;
}

static void row_give(struct zx_csv *c, struct zx_csv_row *row)
{
	row->line = ++c->line;
	row->n = c->n;
	for (unsigned i = 0; i < c->n; i++)
		row->v[i] = c->buf + c->at[i];
	c->buf[ZX_CSV_ROW - 1] = '\0';
	row->fault = c->fault;
	for (size_t i = 0; i + 2 < c->len && row->fault == ZX_CSV_OK; i++)
		if (c->buf[i] == '\xef' && c->buf[i + 1] == '\xbf' && c->buf[i + 2] == '\xbd')
			row->fault = ZX_CSV_GARBLED;
}

static void row_begin(struct zx_csv *c)
{
	c->state = START;
	c->fault = ZX_CSV_OK;
	c->n = 0;
	c->len = 0;
	c->at[0] = 0;
}

/* A row as it is written, empty or not. */
static int row_read(struct zx_csv *c, struct zx_csv_row *row)
{
	bool any = false, done = false;
	int err = 0;

	row_begin(c);
	while (!done && !(err = more(c)) && c->left) {
		const char ch = *c->p++;
		c->left--;
		if (c->skip_lf && ch == '\n') {
			c->skip_lf = false;
			continue;
		}
		c->skip_lf = false;
		any = true;
		if (!ch) {
			fault(c, ZX_CSV_GARBLED);
			continue;
		}
		done = feed(c, ch);
		c->skip_lf = done && ch == '\r';
	}
	if (err)
		return err;
	if (!done && !any)
		return ENODATA;
	if (!done) { /* the file ends without a line's end */
		if (c->state == QUOTED)
			fault(c, ZX_CSV_QUOTES);
		field_end(c);
	}
	row_give(c, row);
	return 0;
}

int zx_csv_next(struct zx_csv *c, struct zx_csv_row *row)
{
	int err = 0;

	if (!c->begun) {
		c->begun = true;
		err = more(c);
		c->sep = guess_sep(c->p, c->left);
		if (!err && c->left > 5 && !strncasecmp(c->p, "sep=", 4)) /* a spreadsheet's own first line */
			err = row_read(c, row);
	}
	while (!err) {
		err = row_read(c, row);
		if (!err && (!empty(row) || row->fault != ZX_CSV_OK))
			return 0;
	}
	return err;
}

int zx_csv_open(struct zx_csv **cp, int fd)
{
	struct zx_csv *c = malloc(sizeof(*c));
	int err;

	if (!c)
		return ENOMEM;
	memset(c, 0, offsetof(struct zx_csv, buf));
	c->fd = fd;
	c->p = "";
	err = zx_text_in_open(&c->text, fd);
	if (err)
		free(c);
	else
		*cp = c;
	return err;
}

const char *zx_csv_encoding(const struct zx_csv *c)
{
	return zx_text_in_encoding(c->text);
}

int zx_csv_rewind(struct zx_csv *c)
{
	struct zx_text_in *t = NULL;
	const int err = zx_text_in_open(&t, c->fd);

	if (err)
		return err;
	zx_text_in_close(c->text);
	c->text = t;
	c->p = "";
	c->left = 0;
	c->line = 0;
	c->ended = c->begun = c->skip_lf = false;
	return 0;
}

void zx_csv_close(struct zx_csv *c)
{
	if (!c)
		return;
	zx_text_in_close(c->text);
	free(c);
}
