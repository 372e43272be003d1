/* A file somebody imports: text decoding, the CSV reader, cells as values. First byte: which column types meet the cells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "web/res/res.h"
#include "web/resource/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size)
{
	const int fd = memfd_create("csv", MFD_CLOEXEC);

	if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
		abort();
	return fd;
}

static void text(int fd)
{
	struct zx_text_in *t;
	const char *p;
	size_t len, all = 0;

	if (zx_text_in_open(&t, fd))
		abort();
	while (!zx_text_in_read(t, &p, &len) && len) {
		if (!zx_utf8_valid(p, len))
			abort();
		all += len;
	}
	if (all > ((size_t)lseek(fd, 0, SEEK_END) + 4) * 3)
		abort();
	zx_text_in_close(t);
}

/* Cells that need no store. */
static void cells(const struct zx_csv_row *row, uint8_t which)
{
	static const struct zx_option options[] = {{"a", {"甲", "A"}, NULL}, {"b", {"乙", "B"}, NULL}, {NULL, {NULL, NULL}, NULL}};
	static const enum zx_ftype types[] = {ZX_F_TEXT, ZX_F_INT,  ZX_F_BOOL,  ZX_F_DATETIME, ZX_F_DURATION, ZX_F_DATE,
					      ZX_F_TIME, ZX_F_ENUM, ZX_F_ORDER, ZX_F_NUMBER,   ZX_F_TEXTAREA, ZX_F_CIDR};
	struct zx_field f = {.key = "x", .label = {"x", "x"}, .options = options, .max = 100};
	struct zx_import im = {0};

	for (unsigned i = 0; i < row->n; i++) {
		cJSON *body = cJSON_CreateObject();
		const cJSON *js;
		struct zx_q_value v;
		int err = 0;

		f.type = types[(which + i) % (sizeof(types) / sizeof(types[0]))];
		if (!zx_import_value(&im, &f, row->v[i], 1, body, &err) && (js = cJSON_GetObjectItemCaseSensitive(body, "x")) &&
		    f.type != ZX_F_ORDER)
			(void)zx_field_value(&f, js, &v);
		cJSON_Delete(body);
	}
}

static void rows(int fd, uint8_t which)
{
	struct zx_csv *c;
	struct zx_csv_row *row = malloc(sizeof(*row));
	unsigned line = 0, n[2] = {0};

	if (!row || zx_csv_open(&c, fd))
		abort();
	for (unsigned pass = 0; pass < 2; pass++) {
		line = 0;
		while (!zx_csv_next(c, row)) {
			if (row->line <= line || row->n > ZX_CSV_COLS)
				abort();
			line = row->line;
			n[pass]++;
			for (unsigned i = 0; i < row->n; i++)
				if (strlen(row->v[i]) >= ZX_CSV_ROW || !zx_utf8_valid(row->v[i], strlen(row->v[i])))
					if (row->fault == ZX_CSV_OK)
						abort();
			if (!pass && row->fault == ZX_CSV_OK)
				cells(row, which);
		}
		if (zx_csv_rewind(c))
			abort();
	}
	if (n[0] != n[1])
		abort();
	zx_csv_close(c);
	free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (!size)
		return 0;
	fd = file_of(data + 1, size - 1);
	text(fd);
	rows(fd, data[0]);
	close(fd);
	return 0;
}
