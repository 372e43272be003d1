#include "store/calls.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The texts of a row: parameter, where the pointer is. Details go into a table of their own. */
static const struct text_field {
	const char *param;
	size_t offset;
} fields[] = {
#define FIELD(f)                                                                                                                           \
	{                                                                                                                                  \
		":" #f, offsetof(struct zx_call_row, f)                                                                                    \
	}
    FIELD(direction),  FIELD(caller),      FIELD(caller_name), FIELD(callee),  FIELD(caller_ext),
    FIELD(callee_ext), FIELD(transfer_to), FIELD(app),         FIELD(trunk),   FIELD(state),
    FIELD(hangup_by),  FIELD(recording),   FIELD(rec_problem), FIELD(quality), FIELD(timeline),
#undef FIELD
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]), DETAILS = 13 /* index of the first detail */ };

/* The row on its way to the writer: numbers, then the texts one after the other. */
struct packed {
	struct zx_call_row row;
	char text[];
};

static const char *field_get(const struct zx_call_row *r, unsigned i)
{
	const char *v;

	memcpy(&v, (const char *)r + fields[i].offset, sizeof(v));
	return v ? v : "";
}

static int put_details(struct zx_db *db, int64_t id, const char *quality, const char *timeline)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "call_details_put");
	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	zx_bind_text(s, ":quality", quality);
	zx_bind_text(s, ":timeline", *timeline ? timeline : "[]");
	return zx_stmt_run(s);
}

static int op_put(struct zx_db *db, void *arg)
{
	const struct packed *p = arg;
	const struct zx_call_row *r = &p->row;
	const char *t = p->text, *quality;
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "call_put");
	if (err)
		return err;
	zx_bind_int(s, ":id", r->id);
	zx_bind_int(s, ":company_id", r->company_id);
	zx_bind_int(s, ":start", r->start);
	zx_bind_int(s, ":ended", r->ended);
	zx_bind_int(s, ":ring", r->ring);
	zx_bind_int(s, ":talk", r->talk);
	zx_bind_int(s, ":scode", r->scode);
	for (unsigned i = 0; i < DETAILS; i++) {
		zx_bind_text(s, fields[i].param, t);
		t += strlen(t) + 1;
	}
	err = zx_stmt_run(s);
	if (err)
		return err;
	quality = t;
	return put_details(db, r->id, quality, quality + strlen(quality) + 1);
}

int zx_call_row_put(struct zx_store *st, const struct zx_call_row *r)
{
	_Alignas(struct packed) char buf[4096];
	struct packed *p = (struct packed *)(void *)buf, *big = NULL;
	size_t lens[FIELDS], len = sizeof(*p), at = 0;
	int err;

	for (unsigned i = 0; i < FIELDS; i++) {
		lens[i] = strlen(field_get(r, i)) + 1;
		len += lens[i];
	}
	if (len > sizeof(buf)) {
		p = big = malloc(len);
		if (!p)
			return ENOMEM;
	}
	p->row = *r;
	for (unsigned i = 0; i < FIELDS; i++) {
		memcpy(p->text + at, field_get(r, i), lens[i]);
		at += lens[i];
	}
	err = zx_store_write(st, op_put, NULL, p, len);
	free(big);
	return err;
}

/* ---- repair at start ---- */
struct repair {
	int64_t (*len_h)(const char *recording, void *arg);
	void *arg;
};

static int op_repair(struct zx_db *db, void *arg)
{
	const struct repair *rep = arg;
	struct zx_stmt *list, *s;
	int err;

	err = zx_stmt_get(&list, db, "calls_talking");
	if (err)
		return err;
	while (!(err = zx_stmt_step(list))) {
		const char *rec = zx_col_text(list, 3);
		const int64_t talk = *rec && rep->len_h ? rep->len_h(rec, rep->arg) : 0;

		err = zx_stmt_get(&s, db, "call_interrupt");
		if (err)
			return err;
		zx_bind_int(s, ":id", zx_col_int(list, 0));
		zx_bind_int(s, ":talk", talk);
		zx_bind_int(s, ":ended", zx_col_int(list, 1) + zx_col_int(list, 2) + talk);
		err = zx_stmt_run(s);
		if (err)
			return err;
	}
	return err == ENODATA ? 0 : err;
}

int zx_call_rows_repair(struct zx_store *st, int64_t (*len_h)(const char *recording, void *arg), void *arg)
{
	struct repair rep = {len_h, arg};

	return zx_store_write_wait(st, op_repair, &rep);
}
