/* Rows as others refer to them: an id and what people call it. */
#include "store/query_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void zx_q_label(char *out, size_t len, const struct zx_q_table *t, const char *key)
{
	const struct zx_q_col *label = zx_q_col_find(t, key, strlen(key)), *name = zx_q_col_find(t, "name", 4);
	const char *expr = label ? label->expr ? label->expr : label->key : "id", *of = label && label->expr ? "" : "t.";

	if (!strcmp(key, "number") && name && !name->expr)
		snprintf(out, len, "(%s%s || CASE t.name WHEN '' THEN '' ELSE ' ' || t.name END)", of, expr);
	else
		snprintf(out, len, "(%s%s)", of, expr);
}

static int run(struct zx_db *db, const struct zx_q_sql *q, zx_q_ref_h *h, void *arg)
{
	struct zx_stmt *s;
	int err = zx_q_prepare(&s, db, q);

	if (err)
		return err;
	while (!(err = zx_stmt_step(s)))
		h(zx_col_int(s, 0), zx_col_text(s, 1), arg);
	return err == ENODATA ? 0 : err;
}

static void add_ids(struct zx_q_sql *q, const struct zx_q_ref_req *req)
{
	zx_q_add(q, " AND t.id IN (");
	for (unsigned i = 0; i < req->idc; i++)
		zx_q_add(q, "%s:p%u", i ? ", " : "", zx_q_param_int(q, req->ids[i]));
	zx_q_add(q, ")");
}

/* Whole values of columns. */
static int add_filter(struct zx_q_sql *q, const struct zx_q_table *t, const struct zx_q_ref_req *req)
{
	for (unsigned i = 0; i < req->condc; i++) {
		const struct zx_q_col *c = zx_q_col_find(t, req->conds[i].key, strlen(req->conds[i].key));
		struct zx_q_bind b;

		if (!c || req->conds[i].op != ZX_Q_IS || zx_q_value_parse(&b, c->type, req->conds[i].a))
			return EINVAL;
		zx_q_add(q, " AND ");
		zx_q_add_expr(q, c);
		zx_q_add(q, " = :p%u", zx_q_param(q, b));
	}
	return 0;
}

/* Rows that belong to no company (a role for all) are everybody's. */
static void add_company(struct zx_q_sql *q, const struct zx_q_table *t, int64_t company_id, bool strict)
{
	if (!t->company || !company_id)
		return;
	if (!strcmp(t->company, "t.id"))
		zx_q_add(q, " AND t.id = :p%u", zx_q_param_int(q, company_id));
	else
		zx_q_add(q, strict ? " AND (%s = :p%u)" : " AND ifnull(%s = :p%u, 1)", t->company, zx_q_param_int(q, company_id));
}

int zx_q_refs(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_ref_req *req, zx_q_ref_h *h, void *arg)
{
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	char label[512];
	int err;

	if (!q)
		return ENOMEM;
	zx_q_label(label, sizeof(label), t, req->label);
	zx_q_add(q, "SELECT t.id, %s FROM %s t %s WHERE 1", label, t->name, t->joins ? t->joins : "");
	if (t->where)
		zx_q_add(q, " AND (%s)", t->where);
	add_company(q, t, req->company_id, req->strict);
	err = add_filter(q, t, req);
	if (req->idc)
		add_ids(q, req);
	else if (req->exact && *req->exact)
		zx_q_add(q, " AND t.%s = :p%u", req->exact, zx_q_param_text(q, req->search));
	else if (req->exact)
		zx_q_add(q, " AND %s = :p%u", label, zx_q_param_text(q, req->search));
	else if (*req->search)
		zx_q_add(q, " AND instr(lower(%s), lower(:p%u)) > 0", label, zx_q_param_text(q, req->search));
	if (!req->exact)
		zx_q_add(q, " ORDER BY %s, t.id", label);
	zx_q_add(q, " LIMIT :p%u", zx_q_param_int(q, req->size));
	if (!err)
		err = run(db, q, h, arg);
	free(q);
	return err;
}

int zx_q_targets(struct zx_db *db, const char *app, const struct zx_q_ref_req *req, zx_q_ref_h *h, void *arg)
{
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return ENOMEM;
	zx_q_add(q, "SELECT t.id, t.label FROM targets t WHERE t.app = :p%u", zx_q_param_text(q, app));
	if (req->company_id)
		zx_q_add(q, " AND t.company_id = :p%u", zx_q_param_int(q, req->company_id));
	if (req->idc) {
		add_ids(q, req);
	} else if (req->exact) { /* the label, or its first word: a number */
		const unsigned p = zx_q_param_text(q, req->search);
		zx_q_add(q, " AND (t.label = :p%u OR substr(t.label, 1, length(:p%u) + 1) = :p%u || ' ')", p, p, p);
	} else if (*req->search) {
		zx_q_add(q, " AND instr(lower(t.label), lower(:p%u)) > 0", zx_q_param_text(q, req->search));
	}
	zx_q_add(q, " ORDER BY t.label, t.id LIMIT :p%u", zx_q_param_int(q, req->size));
	err = run(db, q, h, arg);
	free(q);
	return err;
}

int zx_q_users(struct zx_db *db, const struct zx_q_table *t, const char *label, const struct zx_q_child *child, const char *column,
	       int64_t id, unsigned max, zx_q_ref_h *h, void *arg)
{
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	char text[512];
	int err;

	if (!q)
		return ENOMEM;
	zx_q_label(text, sizeof(text), t, label);
	zx_q_add(q, "SELECT t.id, %s FROM %s t %s WHERE ", text, t->name, t->joins ? t->joins : "");
	if (t->where)
		zx_q_add(q, "(%s) AND ", t->where);
	if (child)
		zx_q_add(q, "t.id IN (SELECT k.%s FROM %s k WHERE k.%s = :p%u)", child->parent, child->name, column, zx_q_param_int(q, id));
	else
		zx_q_add(q, "t.%s = :p%u", column, zx_q_param_int(q, id));
	zx_q_add(q, " LIMIT :p%u", zx_q_param_int(q, max));
	err = run(db, q, h, arg);
	free(q);
	return err;
}
