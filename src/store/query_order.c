/* Rows in an order set by hand: positions 1..n within the company. */
#include "store/query_priv.h"

#include <errno.h>
#include <stdlib.h>

static void add_company(struct zx_q_sql *q, const struct zx_q_table *t, int64_t company_id)
{
	if (t->where)
		zx_q_add(q, " AND (%s)", t->where);
	if (t->company)
		zx_q_add(q, " AND %s IS :p%u", t->company,
			 zx_q_param(q, (struct zx_q_bind){.kind = company_id ? ZX_Q_VINT : ZX_Q_VNULL, .i = company_id}));
}

int zx_q_position_next(struct zx_db *db, const struct zx_q_table *t, int64_t company_id, int64_t *pos)
{
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	struct zx_stmt *s;
	int err;

	if (!q)
		return ENOMEM;
	zx_q_add(q, "SELECT ifnull(max(t.%s), 0) + 1 FROM %s t WHERE 1", t->position, t->name);
	add_company(q, t, company_id);
	err = zx_q_prepare(&s, db, q);
	if (!err)
		err = zx_stmt_step(s);
	if (!err) {
		*pos = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	free(q);
	return err;
}

struct place {
	int64_t id, at;
};

/* All rows of the company as they stand now; *vp is to be freed. */
static int places(struct zx_db *db, const struct zx_q_table *t, int64_t company_id, struct place **vp, size_t *np)
{
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	struct zx_stmt *s = NULL;
	struct place *v = NULL;
	size_t n = 0, cap = 0;
	int err;

	if (!q)
		return ENOMEM;
	zx_q_add(q, "SELECT t.id, t.%s FROM %s t WHERE 1", t->position, t->name);
	add_company(q, t, company_id);
	zx_q_add(q, " ORDER BY t.%s, t.id", t->position);
	err = zx_q_prepare(&s, db, q);
	while (!err && !(err = zx_stmt_step(s))) {
		if (n == cap) {
			struct place *more = realloc(v, (cap = cap ? cap * 2 : 64) * sizeof(*v));
			if (!more) {
				err = ENOMEM;
				break;
			}
			v = more;
		}
		v[n++] = (struct place){zx_col_int(s, 0), zx_col_int(s, 1)};
	}
	if (s)
		zx_stmt_reset(s);
	free(q);
	if (err != ENODATA) {
		free(v);
		return err;
	}
	*vp = v;
	*np = n;
	return 0;
}

static int place_set(struct zx_db *db, const struct zx_q_table *t, int64_t id, int64_t at)
{
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	const char *bad;
	int err;

	if (!q)
		return ENOMEM;
	zx_q_add(q, "UPDATE %s SET %s = :p%u", t->name, t->position, zx_q_param_int(q, at));
	zx_q_add(q, " WHERE id = :p%u", zx_q_param_int(q, id));
	err = zx_q_run(db, t, q, &bad);
	free(q);
	return err;
}

int zx_q_densify(struct zx_db *db, const struct zx_q_table *t, int64_t company_id, int64_t id, int64_t to)
{
	struct place *v = NULL;
	size_t n = 0;
	int64_t next = 1;
	int err = places(db, t, company_id, &v, &n);

	if (to > (int64_t)n)
		to = (int64_t)n;
	for (size_t i = 0; i < n && !err; i++) {
		int64_t at;

		if (id && v[i].id == id) {
			at = to;
		} else {
			next += id && next == to; /* kept free for that one */
			at = next++;
		}
		if (v[i].at != at)
			err = place_set(db, t, v[i].id, at);
	}
	free(v);
	return err;
}

int zx_q_tidy(struct zx_db *db, const struct zx_q_table *t, int64_t company_id)
{
	return t->position ? zx_q_densify(db, t, company_id, 0, 0) : 0;
}

int zx_q_position(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t *pos)
{
	struct place *v = NULL;
	int64_t company_id = 0;
	size_t n = 0, i = 0;
	int err = t->position ? zx_q_row_check(db, t, scope, id, 0, &company_id) : ENOTSUP;

	if (!err)
		err = places(db, t, company_id, &v, &n);
	if (err)
		return err;
	while (i < n && v[i].id != id)
		i++;
	free(v);
	if (i == n)
		return ENOENT;
	*pos = (int64_t)i + 1;
	return 0;
}

int zx_q_move(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t to)
{
	int64_t company_id = 0;
	int err = t->position ? zx_q_row_check(db, t, scope, id, 0, &company_id) : ENOTSUP;

	if (!err)
		err = to < 1 ? EINVAL : zx_q_densify(db, t, company_id, id, to);
	return err;
}

int zx_q_company(struct zx_db *db, const struct zx_q_table *t, int64_t id, int64_t *company_id)
{
	const struct zx_q_scope all = {.system = true};

	return zx_q_row_check(db, t, &all, id, 0, company_id);
}
