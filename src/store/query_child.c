/* Child tables: read as one JSON column of their parent, written as a whole. */
#include "store/query_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct zx_q_child *zx_q_child_find(const struct zx_q_table *t, const char *key)
{
	for (unsigned i = 0; i < t->childc; i++) {
		if (!strcmp(t->children[i].key, key))
			return &t->children[i];
	}
	return NULL;
}

static const struct zx_q_col *col_find(const struct zx_q_child *c, const char *key)
{
	for (unsigned i = 0; i < c->colc; i++) {
		if (!strcmp(c->cols[i].key, key))
			return &c->cols[i];
	}
	return NULL;
}

static void add_value(struct zx_q_sql *q, const struct zx_q_col *col)
{
	const char *a = col->expr ? "(" : "k.", *b = col->expr ? ")" : "";
	const char *text = col->expr ? col->expr : col->key;

	if (col->type == ZX_Q_BOOL)
		zx_q_add(q, "json(CASE WHEN %s%s%s THEN 'true' ELSE 'false' END)", a, text, b);
	else
		zx_q_add(q, "%s%s%s", a, text, b);
}

/* The one column that can be written, when there is just one. */
static const struct zx_q_col *single(const struct zx_q_child *c)
{
	const struct zx_q_col *one = NULL;

	for (unsigned i = 0; i < c->colc; i++) {
		if (!(c->cols[i].can & ZX_Q_WRITE))
			continue;
		if (one)
			return NULL;
		one = &c->cols[i];
	}
	return one;
}

void zx_q_add_child(struct zx_q_sql *q, const struct zx_q_child *c)
{
	const struct zx_q_col *one = single(c);
	unsigned n = 0;

	zx_q_add(q, "(SELECT json_group_array(json(j)) FROM (SELECT ");
	if (one && c->colc == 1) {
		zx_q_add(q, "json_quote(");
		add_value(q, one);
		zx_q_add(q, ")");
	} else {
		zx_q_add(q, "json_object(");
		for (unsigned i = 0; i < c->colc; i++) {
			if (!(c->cols[i].can & ZX_Q_SHOW))
				continue;
			zx_q_add(q, "%s'%s', ", n++ ? ", " : "", &c->cols[i] == one ? "v" : c->cols[i].key);
			add_value(q, &c->cols[i]);
		}
		zx_q_add(q, ")");
	}
	zx_q_add(q, " AS j FROM %s k WHERE k.%s = t.id ORDER BY k.position))", c->name, c->parent);
}

static int check_row(struct zx_db *db, const struct zx_q_child *c, int64_t company_id, const struct zx_q_value *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct zx_q_col *col = col_find(c, v[i].key);
		const int err = !col || !(col->can & ZX_Q_WRITE) || v[i].kind == ZX_Q_VLIST ? EINVAL
				: col->ref ? zx_q_ref_check(db, col->ref, &v[i], company_id)
					   : 0;
		if (err)
			return err;
	}
	return 0;
}

static int insert_row(struct zx_db *db, const struct zx_q_child *c, int64_t id, unsigned position, const struct zx_q_value *v, unsigned n)
{
	const struct zx_q_table none = {.name = c->name};
	const char *bad;
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return ENOMEM;
	zx_q_add(q, "INSERT INTO %s (%s, position", c->name, c->parent);
	for (unsigned i = 0; i < n; i++)
		zx_q_add(q, ", %s", col_find(c, v[i].key)->key);
	zx_q_add(q, ") VALUES (:p%u, ", zx_q_param_int(q, id));
	zx_q_add(q, ":p%u", zx_q_param_int(q, position));
	for (unsigned i = 0; i < n; i++)
		zx_q_add(q, ", :p%u", zx_q_param(q, (struct zx_q_bind){.kind = v[i].kind, .i = v[i].i, .r = v[i].r, .t = v[i].t}));
	zx_q_add(q, ")");
	err = zx_q_run(db, &none, q, &bad);
	free(q);
	return err;
}

int zx_q_child_put(struct zx_db *db, const struct zx_q_child *c, int64_t id, int64_t company_id, const struct zx_q_list *list,
		   const char **bad)
{
	const struct zx_q_table none = {.name = c->name};
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return ENOMEM;
	zx_q_add(q, "DELETE FROM %s WHERE %s = :p%u", c->name, c->parent, zx_q_param_int(q, id));
	err = zx_q_run(db, &none, q, bad);
	free(q);
	for (unsigned i = 0; i < list->n && !err; i++) {
		const struct zx_q_value *row = list->v + (size_t)i * list->colc;

		err = check_row(db, c, company_id, row, list->colc);
		if (!err)
			err = insert_row(db, c, id, i + 1, row, list->colc);
	}
	if (err)
		*bad = c->key;
	return err;
}
