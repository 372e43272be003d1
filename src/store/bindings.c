#include "store/bindings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_ORDER = 64 }; /* so that a great write-behind does not hold up a single binding */

static int put(struct zx_db *db, const struct zx_binding_row *b)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "binding_put");
	if (err)
		return err;
	zx_bind_text(s, ":ext", b->ext);
	zx_bind_text(s, ":contact", b->contact);
	zx_bind_text(s, ":instance", b->instance);
	zx_bind_int(s, ":reg_id", b->reg_id);
	zx_bind_text(s, ":callid", b->callid);
	zx_bind_int(s, ":cseq", b->cseq);
	zx_bind_text(s, ":path", b->path);
	zx_bind_text(s, ":tp", b->tp);
	zx_bind_text(s, ":src", b->src);
	zx_bind_text(s, ":dst", b->dst);
	zx_bind_text(s, ":agent", b->agent);
	zx_bind_int(s, ":expires", b->expires);
	zx_bind_int(s, ":q", b->q);
	return zx_stmt_run(s);
}

static int op_put(struct zx_db *db, void *arg)
{
	return put(db, arg);
}

/* The caller's done and arg travel behind the row. */
struct put_order {
	struct zx_binding_row row;
	zx_store_done_h *done;
	void *arg;
};

static void put_done(int err, void *arg)
{
	const struct put_order *o = arg;

	o->done(err, o->arg);
}

int zx_binding_put(struct zx_store *st, const struct zx_binding_row *b, zx_store_done_h *done, void *arg)
{
	const struct put_order o = {.row = *b, .done = done, .arg = arg};

	return zx_store_write(st, op_put, done ? put_done : NULL, &o, sizeof(o));
}

struct many {
	size_t n;
	struct zx_binding_row rows[];
};

static int op_put_many(struct zx_db *db, void *arg)
{
	const struct many *m = arg;
	int err = 0;

	for (size_t i = 0; i < m->n && !err; i++)
		err = put(db, &m->rows[i]);
	return err;
}

int zx_binding_put_many(struct zx_store *st, const struct zx_binding_row *rows, size_t n)
{
	struct many *m;
	int err = 0;

	m = malloc(sizeof(*m) + ROWS_PER_ORDER * sizeof(*rows));
	if (!m)
		return ENOMEM;
	for (size_t i = 0; i < n && !err; i += m->n) {
		m->n = n - i < ROWS_PER_ORDER ? n - i : ROWS_PER_ORDER;
		memcpy(m->rows, rows + i, m->n * sizeof(*rows));
		err = zx_store_write(st, op_put_many, NULL, m, sizeof(*m) + m->n * sizeof(*rows));
	}
	free(m);
	return err;
}

struct del_order {
	char ext[ZX_NUM_LEN];
	char contact[256];
};

static int op_del(struct zx_db *db, void *arg)
{
	const struct del_order *o = arg;
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "binding_del");
	if (err)
		return err;
	zx_bind_text(s, ":ext", o->ext);
	zx_bind_text(s, ":contact", o->contact);
	return zx_stmt_run(s);
}

int zx_binding_del(struct zx_store *st, const char *ext, const char *contact)
{
	struct del_order o;

	memset(&o, 0, sizeof(o));
	snprintf(o.ext, sizeof(o.ext), "%s", ext);
	snprintf(o.contact, sizeof(o.contact), "%s", contact);
	return zx_store_write(st, op_del, NULL, &o, sizeof(o));
}

static int op_purge(struct zx_db *db, void *arg)
{
	const int64_t *now = arg;
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "binding_purge");
	if (err)
		return err;
	zx_bind_int(s, ":now", *now);
	return zx_stmt_run(s);
}

#define COPY_COL(dst, s, i) snprintf(dst, sizeof(dst), "%s", zx_col_text(s, i))

int zx_binding_load(struct zx_store *st, int64_t now, void (*h)(const struct zx_binding_row *b, void *arg), void *arg)
{
	struct zx_binding_row b;
	struct zx_stmt *s;
	struct zx_db *db;
	int err;

	err = zx_store_reader(st, &db);
	if (!err)
		err = zx_stmt_get(&s, db, "binding_list");
	if (err)
		return err;
	zx_bind_int(s, ":now", now);
	while (!(err = zx_stmt_step(s))) {
		memset(&b, 0, sizeof(b));
		COPY_COL(b.ext, s, 0);
		COPY_COL(b.contact, s, 1);
		COPY_COL(b.instance, s, 2);
		b.reg_id = (uint32_t)zx_col_int(s, 3);
		COPY_COL(b.callid, s, 4);
		b.cseq = (uint32_t)zx_col_int(s, 5);
		COPY_COL(b.path, s, 6);
		COPY_COL(b.tp, s, 7);
		COPY_COL(b.src, s, 8);
		COPY_COL(b.dst, s, 9);
		COPY_COL(b.agent, s, 10);
		b.expires = zx_col_int(s, 11);
		b.q = (uint16_t)zx_col_int(s, 12);
		h(&b, arg);
	}
	if (err != ENODATA)
		return err;
	return zx_store_write(st, op_purge, NULL, &now, sizeof(now));
}
