#include "web/resource/sheet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUF = 32768, LONG_DIGITS = 11 };

struct csv {
	int (*sink)(void *arg, const void *p, size_t len);
	void *arg;
	int fd;
	bool first;
	size_t len;
	char buf[BUF];
};

static int flush(struct csv *o)
{
	const size_t n = o->len;

	o->len = 0;
	return n ? o->sink(o->arg, o->buf, n) : 0;
}

static int put(struct csv *o, const char *s, size_t n)
{
	int err = 0;

	while (n && !err) {
		const size_t room = BUF - o->len, part = n < room ? n : room;
		memcpy(o->buf + o->len, s, part);
		o->len += part;
		s += part;
		n -= part;
		if (o->len == BUF)
			err = flush(o);
	}
	return err;
}

static int put_text(struct csv *o, const char *s, bool text)
{
	const size_t n = strlen(s);
	const char *lead = "";
	int err;

	/* a spreadsheet would run what begins so, and round or cut long numbers and leading zeros */
	if (text && strchr("=+-@\t\r", *s) && *s)
		lead = "'";
	else if (text && n && strspn(s, "0123456789") == n && (n > LONG_DIGITS || (*s == '0' && n > 1)))
		lead = "\t";
	if (!*lead && !strpbrk(s, "\",\r\n"))
		return put(o, s, n);
	err = put(o, "\"", 1);
	if (!err)
		err = put(o, lead, strlen(lead));
	while (*s && !err) {
		const size_t part = strcspn(s, "\"");
		err = put(o, s, part);
		s += part;
		if (*s && !err)
			err = put(o, "\"\"", 2);
		s += *s != '\0';
	}
	return err ? err : put(o, "\"", 1);
}

static int csv_cell(struct zx_sheet *s, const struct zx_cell *c)
{
	struct csv *o = s->ctx;
	int err = o->first ? 0 : put(o, ",", 1);

	o->first = false;
	if (!err && c->kind != ZX_CELL_EMPTY)
		err = put_text(o, c->text, c->kind == ZX_CELL_TEXT);
	return err;
}

static int csv_row(struct zx_sheet *s)
{
	struct csv *o = s->ctx;

	o->first = true;
	return put(o, "\r\n", 2);
}

static int csv_end(struct zx_sheet *s, bool keep)
{
	const int err = keep ? flush(s->ctx) : 0;

	free(s->ctx);
	s->ctx = NULL;
	return err;
}

int zx_sheet_csv(struct zx_sheet *s, int (*sink)(void *arg, const void *p, size_t len), void *arg)
{
	struct csv *o = malloc(sizeof(*o));

	if (!o)
		return ENOMEM;
	o->sink = sink;
	o->arg = arg;
	o->first = true;
	o->len = 0;
	put(o, "\xef\xbb\xbf", 3);
	*s = (struct zx_sheet){csv_cell, csv_row, csv_end, o};
	return 0;
}

static int to_fd(void *arg, const void *p, size_t len)
{
	const struct csv *o = arg;
	const char *b = p;

	while (len) {
		const ssize_t n = write(o->fd, b, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EDQUOT || errno == EFBIG ? ENOSPC : errno;
		b += n;
		len -= (size_t)n;
	}
	return 0;
}

int zx_sheet_csv_fd(struct zx_sheet *s, int fd)
{
	const int err = zx_sheet_csv(s, to_fd, NULL);
	struct csv *o = s->ctx;

	if (err)
		return err;
	o->fd = fd;
	o->arg = o;
	return 0;
}
