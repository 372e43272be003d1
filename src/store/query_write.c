#include "store/query_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *zx_q_company_column(const struct zx_q_table *t)
{
	if (!t->company || strncmp(t->company, "t.", 2) || !strcmp(t->company, "t.id"))
		return NULL;
	return t->company + 2;
}

static struct zx_q_bind bind_of(const struct zx_q_value *v)
{
	return (struct zx_q_bind){.kind = v->kind, .i = v->i, .r = v->r, .t = v->t};
}

/* The key a refusal of the engine names: "UNIQUE constraint failed: table.column", "CHECK constraint failed: column". */
static const char *blamed(struct zx_db *db, const struct zx_q_table *t)
{
	const char *msg = zx_db_errmsg(db), *key = strstr(msg, "constraint failed: ");
	const struct zx_q_col *c;
	size_t n;

	if (!key)
		return NULL;
	key += strlen("constraint failed: ");
	if (strstr(key, ", ")) /* "t.company_id, t.name": within the company it is the name */
		key = strrchr(key, ' ') + 1;
	n = strlen(t->name);
	if (!strncmp(key, t->name, n) && key[n] == '.')
		key += n + 1;
	c = zx_q_col_find(t, key, strcspn(key, ", "));
	return c ? c->key : NULL;
}

static int exists(struct zx_db *db, const struct zx_q_table *t, int64_t id, int64_t company_id)
{
	struct zx_q_sql *q;
	struct zx_stmt *s;
	int err;

	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	zx_q_add(q, "SELECT 1 FROM %s t WHERE t.id = :p%u", t->name, zx_q_param_int(q, id));
	if (t->where)
		zx_q_add(q, " AND (%s)", t->where);
	if (t->company && company_id)
		zx_q_add(q, " AND ifnull(%s = :p%u, 1)", t->company, zx_q_param_int(q, company_id));
	err = zx_q_prepare(&s, db, q);
	if (!err)
		err = zx_stmt_step(s);
	if (!err)
		zx_stmt_reset(s);
	free(q);
	return err == ENODATA ? ENOENT : err;
}

int zx_q_ref_check(struct zx_db *db, const struct zx_q_table *ref, const struct zx_q_value *v, int64_t company_id)
{
	int err;

	if (v->kind == ZX_Q_VNULL)
		return 0;
	err = v->kind == ZX_Q_VINT ? exists(db, ref, v->i, ref->company && strcmp(ref->company, "t.id") ? company_id : 0) : EINVAL;
	return err == ENOENT ? EINVAL : err;
}

/* The whitelist, the company, the references. */
static int check_values(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, unsigned can, int64_t company_id,
			const struct zx_q_value *v, unsigned n, const char **bad)
{
	const char *company = zx_q_company_column(t);

	for (unsigned i = 0; i < n; i++) {
		const struct zx_q_col *c = zx_q_col_find(t, v[i].key, strlen(v[i].key));
		int err;

		*bad = v[i].key;
		if (v[i].kind == ZX_Q_VLIST ? !zx_q_child_find(t, v[i].key) : !c || !(c->can & can))
			return EINVAL;
		for (unsigned j = 0; j < i; j++) {
			if (!strcmp(v[j].key, v[i].key))
				return EINVAL;
		}
		if (company && !strcmp(company, v[i].key) && !scope->system && (v[i].kind != ZX_Q_VINT || v[i].i != scope->company_id))
			return EACCES;
		err = c && c->ref ? zx_q_ref_check(db, c->ref, &v[i], company_id) : 0;
		if (err)
			return err;
	}
	*bad = NULL;
	return 0;
}

const struct zx_q_value *zx_q_value_find(const struct zx_q_value *v, unsigned n, const char *key)
{
	for (unsigned i = 0; key && i < n; i++) {
		if (!strcmp(v[i].key, key))
			return &v[i];
	}
	return NULL;
}

int zx_q_run(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_sql *q, const char **bad)
{
	struct zx_stmt *s;
	int err;

	err = zx_q_prepare(&s, db, q);
	if (!err)
		err = zx_stmt_run(s);
	if (err == EEXIST || err == EINVAL)
		*bad = blamed(db, t);
	return err;
}

static int put_children(struct zx_db *db, const struct zx_q_table *t, int64_t id, int64_t company_id, const struct zx_q_value *v,
			unsigned n, const char **bad)
{
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		if (v[i].kind == ZX_Q_VLIST)
			err = zx_q_child_put(db, zx_q_child_find(t, v[i].key), id, company_id, v[i].list, bad);
	}
	return err;
}

/* The values as they go into the row: lists left out, what the engine fills in added. */
static int row_values(struct zx_q_value *out, unsigned *count, struct zx_db *db, const struct zx_q_table *t, int64_t company_id, bool add,
		      const struct zx_q_value *v, unsigned n)
{
	unsigned k = 0;
	int err = 0;

	for (unsigned i = 0; i < n; i++) {
		if (v[i].kind != ZX_Q_VLIST)
			out[k++] = v[i];
	}
	if (add)
		out[k++] = (struct zx_q_value){.key = zx_q_company_column(t), .kind = ZX_Q_VINT, .i = company_id};
	if (t->position && !zx_q_value_find(v, n, t->position)) {
		out[k].key = t->position;
		out[k].kind = ZX_Q_VINT;
		err = zx_q_position_next(db, t, company_id, &out[k++].i);
	}
	*count = k;
	return err;
}

int zx_q_insert(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, const struct zx_q_value *v, unsigned n,
		int64_t *id, const char **bad)
{
	const char *company = zx_q_company_column(t);
	const struct zx_q_value *given = zx_q_value_find(v, n, company);
	const bool add = company && !given && !scope->system;
	const int64_t company_id = given ? given->i : scope->company_id;
	struct zx_q_value all[ZX_Q_COLS + 2] = {0};
	struct zx_q_sql *q;
	unsigned k = 0;
	int err;

	*bad = NULL;
	if (!scope->system && (!company || !scope->company_id))
		return EACCES;
	err = n > ZX_Q_COLS ? EINVAL : check_values(db, t, scope, ZX_Q_INSERT, company_id, v, n, bad);
	if (!err)
		err = row_values(all, &k, db, t, company_id, add, v, n);
	if (err)
		return err;
	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	zx_q_add(q, "INSERT INTO %s", t->name);
	for (unsigned i = 0; i < k; i++)
		zx_q_add(q, "%s%s", i ? ", " : " (", all[i].key);
	for (unsigned i = 0; i < k; i++)
		zx_q_add(q, "%s:p%u", i ? ", " : ") VALUES (", zx_q_param(q, bind_of(&all[i])));
	zx_q_add(q, k ? ")" : " DEFAULT VALUES");
	err = zx_q_run(db, t, q, bad);
	free(q);
	if (err)
		return err;
	*id = zx_db_last_id(db);
	return put_children(db, t, *id, company_id, v, n, bad);
}

/* The row is within the scope, and at this revision; its company. */
int zx_q_row_check(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t rev,
		   int64_t *company_id)
{
	struct zx_q_sql *q;
	struct zx_stmt *s;
	int err;

	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	zx_q_add(q, "SELECT %s%s, %s FROM %s t %s", t->rev ? "t." : "0", t->rev ? t->rev : "", t->company ? t->company : "0", t->name,
		 t->joins ? t->joins : "");
	err = zx_q_add_scope(q, t, scope);
	if (err)
		goto out;
	zx_q_add(q, " AND t.id = :p%u", zx_q_param_int(q, id));
	err = zx_q_prepare_scoped(&s, db, q, scope);
	if (!err)
		err = zx_stmt_step(s);
	if (!err) {
		*company_id = zx_col_int(s, 1);
		if (t->rev && rev && zx_col_int(s, 0) != rev)
			err = ESTALE;
		zx_stmt_reset(s);
	} else if (err == ENODATA) {
		err = ENOENT;
	}
out:
	free(q);
	return err;
}

int zx_q_update(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t rev,
		const struct zx_q_value *v, unsigned n, const char **bad)
{
	const struct zx_q_value *moved = zx_q_value_find(v, n, zx_q_company_column(t));
	int64_t company_id = 0;
	struct zx_q_sql *q;
	int err;

	*bad = NULL;
	err = zx_q_row_check(db, t, scope, id, rev, &company_id);
	if (!err)
		err = check_values(db, t, scope, ZX_Q_UPDATE, moved ? moved->i : company_id, v, n, bad);
	if (err || !n)
		return err;
	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	zx_q_add(q, "UPDATE %s SET id = id", t->name);
	for (unsigned i = 0; i < n; i++) {
		if (v[i].kind != ZX_Q_VLIST)
			zx_q_add(q, ", %s = :p%u", zx_q_col_find(t, v[i].key, strlen(v[i].key))->key, zx_q_param(q, bind_of(&v[i])));
	}
	if (t->rev)
		zx_q_add(q, ", %s = %s + 1", t->rev, t->rev);
	zx_q_add(q, " WHERE id = :p%u", zx_q_param_int(q, id));
	err = zx_q_run(db, t, q, bad);
	free(q);
	return err ? err : put_children(db, t, id, moved ? moved->i : company_id, v, n, bad);
}

int zx_q_delete(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t rev)
{
	const char *bad = NULL;
	int64_t company_id;
	struct zx_q_sql *q;
	int err;

	err = zx_q_row_check(db, t, scope, id, rev, &company_id);
	if (err)
		return err;
	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	zx_q_add(q, "DELETE FROM %s WHERE id = :p%u", t->name, zx_q_param_int(q, id));
	err = zx_q_run(db, t, q, &bad);
	free(q);
	return err == EINVAL ? EBUSY : err; /* the only check of a deletion is that nobody refers to it */
}
