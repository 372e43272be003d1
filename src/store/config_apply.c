/* Versions of the PBX configuration: applying the draft, going back. */
#include "store/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/audit.h"
#include "store/priv.h"

static int put_version(struct zx_db *db, const char *kind, const char *doc, unsigned changes, int64_t company_id,
		       const struct zx_config_by *by, int64_t *idp)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "config_version_put");
	if (err)
		return err;
	zx_bind_int(s, ":company", company_id);
	zx_bind_int(s, ":at", zx_wall_ms());
	if (by && by->user_id)
		zx_bind_int(s, ":user", by->user_id);
	zx_bind_text(s, ":kind", kind);
	zx_bind_text(s, ":note", by && by->note ? by->note : "");
	zx_bind_int(s, ":changes", changes);
	zx_bind_text(s, ":doc", doc);
	err = zx_stmt_run(s);
	if (!err)
		*idp = zx_db_last_id(db);
	return err;
}

/* The version is the applied one from now on; old ones go. */
static int make_applied(struct zx_db *db, int64_t company_id, int64_t version)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "config_applied_put");
	if (err)
		return err;
	zx_bind_int(s, ":company", company_id);
	zx_bind_int(s, ":version", version);
	err = zx_stmt_run(s);
	if (!err)
		err = zx_stmt_get(&s, db, "config_prune");
	if (err)
		return err;
	zx_bind_int(s, ":company", company_id);
	zx_bind_int(s, ":keep", ZX_CONFIG_KEEP);
	return zx_stmt_run(s);
}

static int audit(struct zx_db *db, const struct zx_config_by *by, const char *action, int64_t company_id, int64_t version, unsigned changes)
{
	char after[96];

	snprintf(after, sizeof(after), "{\"company_id\":%lld,\"version\":%lld,\"changes\":%u}", (long long)company_id, (long long)version,
		 changes);
	return zx_audit_put(db, &(struct zx_audit){.company_id = by->company_id,
						   .user_id = by->user_id,
						   .row_id = version,
						   .addr = by->addr,
						   .resource = "config",
						   .action = action,
						   .after = after});
}

/* ESTALE: it is not the draft that was looked at. */
static int checked_draft(struct zx_db *db, const struct zx_config_order *o, char **textp)
{
	char hash[ZX_CONFIG_HASH], *text;
	int err;

	err = zx_config_draft(db, o->company_id, &text);
	if (err)
		return err;
	zx_config_hash(hash, text);
	if (strcmp(hash, o->hash) != 0) {
		free(text);
		return ESTALE;
	}
	*textp = text;
	return 0;
}

/* ---- apply ---- */

struct apply {
	struct zx_config_order *v;
	unsigned n;
	const struct zx_config_by *by;
};

static int op_apply(struct zx_db *db, void *arg)
{
	const struct apply *a = arg;
	int err = 0;

	for (unsigned i = 0; i < a->n && !err; i++) {
		struct zx_config_order *o = &a->v[i];
		char *text = NULL;

		err = checked_draft(db, o, &text);
		if (!err)
			err = put_version(db, "apply", text, o->changes, o->company_id, a->by, &o->version);
		if (!err)
			err = make_applied(db, o->company_id, o->version);
		if (!err)
			err = audit(db, a->by, "apply", o->company_id, o->version, o->changes);
		free(text);
	}
	return err;
}

int zx_config_apply(struct zx_store *st, struct zx_config_order *v, unsigned n, const struct zx_config_by *by)
{
	struct apply a = {v, n, by};

	return zx_store_write_wait(st, op_apply, &a);
}

int zx_config_apply_draft(struct zx_db *db, int64_t company_id, unsigned changes, const struct zx_config_by *by, int64_t *versionp)
{
	char *text = NULL;
	int err;

	err = zx_config_draft(db, company_id, &text);
	if (!err)
		err = put_version(db, "apply", text, changes, company_id, by, versionp);
	if (!err)
		err = make_applied(db, company_id, *versionp);
	if (!err)
		err = audit(db, by, "apply", company_id, *versionp, changes);
	free(text);
	return err;
}

/* ---- the first time ---- */

static int first_company(struct zx_db *db, int64_t company_id)
{
	int64_t version;
	char *text;
	int err;

	err = zx_config_draft(db, company_id, &text);
	if (err)
		return err;
	err = put_version(db, "apply", text, 0, company_id, NULL, &version);
	free(text);
	return err ? err : make_applied(db, company_id, version);
}

static int op_first(struct zx_db *db, void *arg)
{
	struct zx_stmt *s;
	int err;

	(void)arg;
	/* anew each time: its rows become fewer */
	while (!(err = zx_stmt_get(&s, db, "config_first_companies")) && !(err = zx_stmt_step(s))) {
		const int64_t id = zx_col_int(s, 0);

		zx_stmt_reset(s);
		err = first_company(db, id);
		if (err)
			return err;
	}
	if (err == ENODATA)
		err = zx_stmt_get(&s, db, "config_first_done");
	return err ? err : zx_stmt_run(s);
}

int zx_config_first(struct zx_store *st)
{
	struct zx_stmt *s;
	struct zx_db *db;
	int64_t never = 0;
	int err;

	err = zx_store_reader(st, &db);
	if (!err)
		err = zx_stmt_get(&s, db, "config_never");
	if (!err)
		err = zx_stmt_step(s);
	if (err)
		return err;
	never = zx_col_int(s, 0);
	zx_stmt_reset(s);
	return never ? zx_store_write_wait(st, op_first, NULL) : 0;
}

/* ---- return ---- */

struct back {
	struct zx_config_return *ret;
	const struct zx_config_by *by;
	struct zx_config_doc *now, *then;
	int temp; /* last number parked at */
};

static const char *label_of(const struct zx_config_part *p, const struct zx_config_row *row)
{
	const char *number = zx_config_text(p, row, "number");

	if (*number)
		return number;
	return *zx_config_text(p, row, "name") ? zx_config_text(p, row, "name") : zx_config_text(p, row, "file");
}

static int refuse(struct back *b, int err, const char *why, int table, const char *label, const char *other)
{
	b->ret->why = why;
	b->ret->table = table;
	snprintf(b->ret->label, sizeof(b->ret->label), "%s", label);
	snprintf(b->ret->other, sizeof(b->ret->other), "%s", other);
	return err;
}

/* Somebody's extension must be in that version; an id used again for another extension is not it. */
static int check_users(struct zx_db *db, struct back *b)
{
	const int t = zx_config_table_find("extensions");
	const struct zx_config_part *p = &b->then->parts[t];
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "config_bound_users");
	if (err)
		return err;
	zx_bind_int(s, ":company", b->ret->order.company_id);
	while (!(err = zx_stmt_step(s))) {
		const struct zx_config_row *row = zx_config_row(p, zx_col_int(s, 1));

		if (!row || zx_config_int(p, row, "created") != zx_col_int(s, 3))
			return refuse(b, EBUSY, "bound", t, zx_col_text(s, 2), zx_col_text(s, 0));
	}
	return err == ENODATA ? 0 : err;
}

static int one_step(struct zx_db *db, const char *sql, int64_t id, const char *text, int64_t company)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_text(&s, db, sql);
	if (err)
		return err;
	(void)zx_bind_int(s, ":id", id);
	(void)zx_bind_int(s, ":company", company);
	(void)zx_bind_text(s, ":text", text);
	return zx_stmt_run(s);
}

static int delete_gone(struct zx_db *db, struct back *b, int t)
{
	const struct zx_config_part *now = &b->now->parts[t], *then = &b->then->parts[t];
	char sql[128];
	int err = 0;

	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE id = :id AND company_id = :company", zx_config_tables[t].name);
	for (unsigned i = 0; i < now->n && !err; i++)
		if (!zx_config_row(then, now->rows[i].id))
			err = one_step(db, sql, now->rows[i].id, NULL, b->ret->order.company_id);
	return err;
}

/* A number nobody has. */
static int free_number(struct zx_db *db, struct back *b, char *out, size_t len)
{
	struct zx_stmt *s;
	int err;

	do {
		snprintf(out, len, "%d", b->temp--);
		err = zx_stmt_get(&s, db, "config_number_owner");
		if (err)
			return err;
		zx_bind_text(s, ":number", out);
		err = zx_stmt_step(s);
		zx_stmt_reset(s);
	} while (!err);
	return err == ENODATA ? 0 : err;
}

/* Rows may have exchanged their names or numbers: those that change leave theirs first. */
static int park(struct zx_db *db, struct back *b, int t, const char *col)
{
	const struct zx_config_part *now = &b->now->parts[t], *then = &b->then->parts[t];
	const bool number = !strcmp(col, "number");
	char sql[160], text[48];
	int err = 0;

	snprintf(sql, sizeof(sql), "UPDATE %s SET %s = :text WHERE id = :id AND company_id = :company", zx_config_tables[t].name, col);
	for (unsigned i = 0; i < now->n && !err; i++) {
		const struct zx_config_row *row = zx_config_row(then, now->rows[i].id);

		if (!row || zx_config_cell_same(zx_config_cell(now, &now->rows[i], col), zx_config_cell(then, row, col)))
			continue;
		snprintf(text, sizeof(text), "~%lld~", (long long)row->id);
		if (number)
			err = free_number(db, b, text, sizeof(text));
		if (!err)
			err = one_step(db, sql, row->id, text, b->ret->order.company_id);
	}
	return err;
}

static bool has_col(const struct zx_config_part *p, const char *col)
{
	for (unsigned i = 0; i < p->colc; i++)
		if (!strcmp(p->cols[i], col))
			return true;
	return false;
}

static void bind_cell(struct zx_stmt *s, const char *name, const cJSON *c)
{
	if (cJSON_IsString(c))
		zx_bind_text(s, name, c->valuestring);
	else if (cJSON_IsNumber(c))
		zx_bind_int(s, name, (int64_t)c->valuedouble);
	else
		zx_bind_text(s, name, NULL);
}

/* INSERT, or UPDATE of a row that stands alone. Columns that the table no longer has are left out; names come from its own schema: `now`
 * has the same columns. */
static int write_row(struct zx_db *db, const struct back *b, int t, const struct zx_config_row *row, bool update)
{
	const struct zx_config_table *tab = &zx_config_tables[t];
	const struct zx_config_part *then = &b->then->parts[t], *now = &b->now->parts[t];
	char sql[2400], names[1024] = "", values[1024] = "", param[16];
	struct zx_stmt *s;
	int err;

	for (unsigned i = 0; i < then->colc; i++) {
		const size_t n = strlen(names), v = strlen(values);

		if (!has_col(now, then->cols[i]) || (update && !strcmp(then->cols[i], "id")))
			continue;
		if (update) {
			snprintf(names + n, sizeof(names) - n, "%s%s = :c%u", n ? ", " : "", then->cols[i], i);
		} else {
			snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", then->cols[i]);
			snprintf(values + v, sizeof(values) - v, "%s:c%u", v ? ", " : "", i);
		}
	}
	if (update)
		snprintf(sql, sizeof(sql), "UPDATE %s SET %s, rev = rev + 1 WHERE id = :id AND company_id = :company", tab->name, names);
	else if (tab->parent)
		snprintf(sql, sizeof(sql), "INSERT INTO %s (%s) VALUES (%s)", tab->name, names, values);
	else
		snprintf(sql, sizeof(sql), "INSERT INTO %s (%s, company_id) VALUES (%s, :company)", tab->name, names, values);
	err = zx_stmt_text(&s, db, sql);
	if (err)
		return err;
	(void)zx_bind_int(s, ":id", row->id);
	(void)zx_bind_int(s, ":company", b->ret->order.company_id);
	const cJSON *c = row->cells;
	for (unsigned i = 0; i < then->colc; i++, c = c ? c->next : NULL) {
		snprintf(param, sizeof(param), ":c%u", i);
		bind_cell(s, param, c);
	}
	return zx_stmt_run(s);
}

static int write_table(struct zx_db *db, struct back *b, int t)
{
	const struct zx_config_part *now = &b->now->parts[t], *then = &b->then->parts[t];
	int err = 0;

	for (unsigned i = 0; i < then->n && !err; i++) {
		const struct zx_config_row *row = &then->rows[i], *old = zx_config_row(now, row->id);
		const cJSON *x = old ? old->cells : NULL, *y = row->cells;

		for (; x && y && zx_config_cell_same(x, y); x = x->next, y = y->next)
			;
		if (old && !x && !y)
			continue;
		err = write_row(db, b, t, row, old != NULL);
		if (err == EEXIST || err == EINVAL)
			err = refuse(b, EEXIST, "taken", t, label_of(then, row), "");
	}
	return err;
}

/* Child rows are written anew as a whole. */
static int write_children(struct zx_db *db, struct back *b, int t)
{
	const struct zx_config_table *tab = &zx_config_tables[t];
	const struct zx_config_part *then = &b->then->parts[t];
	char sql[200];
	int err;

	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE %s IN (SELECT id FROM %s WHERE company_id = :company)", tab->name, tab->parent_col,
		 tab->parent);
	err = one_step(db, sql, 0, NULL, b->ret->order.company_id);
	for (unsigned i = 0; i < then->n && !err; i++)
		err = write_row(db, b, t, &then->rows[i], false);
	return err;
}

static int restore_rows(struct zx_db *db, struct back *b)
{
	int err = 0;

	for (int t = ZX_CONFIG_TABLES; t-- && !err;)
		if (!zx_config_tables[t].parent)
			err = delete_gone(db, b, t);
	for (int t = 0; t < ZX_CONFIG_TABLES && !err; t++)
		for (unsigned i = 0; i < 2 && !err && zx_config_tables[t].unique[i]; i++)
			err = park(db, b, t, zx_config_tables[t].unique[i]);
	for (int t = 0; t < ZX_CONFIG_TABLES && !err; t++)
		err = zx_config_tables[t].parent ? write_children(db, b, t) : write_table(db, b, t);
	return err;
}

/* References are checked when all rows are there; nothing may be left for the commit, which is everybody's. */
static int restore_all(struct zx_db *db, struct back *b)
{
	int open = 0, high = 0, err;

	err = zx_db_exec(db, "PRAGMA defer_foreign_keys = 1");
	if (!err)
		err = restore_rows(db, b);
	if (!err && sqlite3_db_status(db->h, SQLITE_DBSTATUS_DEFERRED_FKS, &open, &high, 0) == SQLITE_OK && open)
		err = refuse(b, EBUSY, "used", 0, "", "");
	return err;
}

/* That the rows are now what the version says. */
static int check_same(const struct back *b, const char *text)
{
	struct zx_config_doc *d;
	int err;

	err = zx_config_doc_read(&d, text);
	if (err)
		return err;
	if (zx_config_diff(d, b->then, NULL, NULL)) {
		zx_log(ZX_ERROR, "store", "returning to version %lld of the configuration did not give that version; nothing was changed",
		       (long long)b->ret->version);
		err = EIO;
	}
	zx_config_doc_free(d);
	return err;
}

static int return_with(struct zx_db *db, struct back *b, const char *draft)
{
	struct zx_config_order *o = &b->ret->order;
	char *text = NULL;
	int64_t put_away;
	int err = 0;

	if (b->ret->unapplied)
		err = put_version(db, "draft", draft, b->ret->unapplied, o->company_id, b->by, &put_away);
	if (!err)
		err = check_users(db, b);
	if (!err)
		err = restore_all(db, b);
	if (!err)
		err = zx_config_draft(db, o->company_id, &text);
	if (!err)
		err = check_same(b, text);
	if (!err)
		err = put_version(db, "return", text, o->changes, o->company_id, b->by, &o->version);
	if (!err)
		err = make_applied(db, o->company_id, o->version);
	if (!err)
		err = audit(db, b->by, "return", o->company_id, o->version, o->changes);
	free(text);
	return err;
}

static int op_return(struct zx_db *db, void *arg)
{
	struct back *b = arg;
	char *draft = NULL, *old = NULL;
	int64_t company_id;
	int err;

	b->temp = 99999999;
	err = zx_config_version(db, b->ret->version, &company_id, &old);
	if (!err && company_id != b->ret->order.company_id)
		err = ENOENT;
	if (!err)
		err = checked_draft(db, &b->ret->order, &draft);
	if (!err)
		err = zx_config_doc_read(&b->now, draft);
	if (!err)
		err = zx_config_doc_read(&b->then, old);
	if (!err)
		err = return_with(db, b, draft);
	zx_config_doc_free(b->now);
	zx_config_doc_free(b->then);
	free(draft);
	free(old);
	return err;
}

static int op_return_guarded(struct zx_db *db, void *arg)
{
	const int err = op_return(db, arg);

	/* on for the whole transaction else: the orders behind this one would be let through with dangling references */
	(void)zx_db_exec(db, "PRAGMA defer_foreign_keys = 0");
	return err;
}

int zx_config_return(struct zx_store *st, struct zx_config_return *ret, const struct zx_config_by *by)
{
	struct back b = {.ret = ret, .by = by};

	ret->why = NULL;
	return zx_store_write_wait(st, op_return_guarded, &b);
}
