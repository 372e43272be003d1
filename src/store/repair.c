/* Repair while in use: indexes anew, rows that refer to nothing. */
#include "store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/priv.h"

enum { NAMES_MAX = 512, NAME_LEN = 96 };

struct names {
	unsigned n;
	char v[NAMES_MAX][NAME_LEN];
};

static int names_read(struct zx_db *db, const char *sql, struct names *names)
{
	struct zx_stmt *s;
	int err = zx_stmt_text(&s, db, sql);

	names->n = 0;
	while (!err && names->n < NAMES_MAX && !(err = zx_stmt_step(s)))
		snprintf(names->v[names->n++], NAME_LEN, "%s", zx_col_text(s, 0));
	if (!err)
		zx_stmt_reset(s);
	return err == ENODATA ? 0 : err;
}

static int run_sql(struct zx_db *db, const char *sql)
{
	/* not kept among the statements: there are many, each runs once */
	return zx_db_exec(db, sql);
}

static int op_reindex(struct zx_db *db, void *arg)
{
	char sql[NAME_LEN + 32];

	sqlite3_snprintf(sizeof(sql), sql, "REINDEX \"%w\"", (const char *)arg);
	return run_sql(db, sql);
}

/* ---- rows that refer to nothing ---- */

struct fix {
	const char *table;
	struct zx_store_repair *out;
};

struct key { /* a foreign key of one column */
	char from[NAME_LEN], parent[NAME_LEN], to[NAME_LEN];
	bool nullable;
};

/* The keys of a table that some of its rows break. */
static int keys_broken(struct zx_db *db, const char *table, struct key *keys, unsigned max, unsigned *n)
{
	char sql[1024];
	struct zx_stmt *s;
	int err;

	sqlite3_snprintf(sizeof(sql), sql,
			 "SELECT DISTINCT f.\"from\", f.\"table\", ifnull(f.\"to\", 'rowid'), i.\"notnull\" = 0 AND i.pk = 0 "
			 "FROM pragma_foreign_key_check(%Q) c JOIN pragma_foreign_key_list(%Q) f ON f.id = c.fkid "
			 "JOIN pragma_table_info(%Q) i ON i.name = f.\"from\"",
			 table, table, table);
	*n = 0;
	err = zx_stmt_text(&s, db, sql);
	while (!err && *n < max && !(err = zx_stmt_step(s))) {
		struct key *k = &keys[(*n)++];

		snprintf(k->from, sizeof(k->from), "%s", zx_col_text(s, 0));
		snprintf(k->parent, sizeof(k->parent), "%s", zx_col_text(s, 1));
		snprintf(k->to, sizeof(k->to), "%s", zx_col_text(s, 2));
		k->nullable = zx_col_int(s, 3);
	}
	if (!err)
		zx_stmt_reset(s);
	return err == ENODATA ? 0 : err;
}

static int op_orphans(struct zx_db *db, void *arg)
{
	struct fix *f = arg;
	struct key keys[16];
	char sql[1024];
	unsigned n;
	int err = keys_broken(db, f->table, keys, 16, &n);

	for (unsigned i = 0; i < n && !err; i++) {
		const struct key *k = &keys[i];

		if (k->nullable)
			sqlite3_snprintf(sizeof(sql), sql,
					 "UPDATE \"%w\" SET \"%w\" = NULL WHERE \"%w\" NOT IN (SELECT \"%w\" FROM \"%w\")", f->table,
					 k->from, k->from, k->to, k->parent);
		else
			sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM \"%w\" WHERE \"%w\" NOT IN (SELECT \"%w\" FROM \"%w\")", f->table,
					 k->from, k->to, k->parent);
		err = run_sql(db, sql);
		if (!err)
			*(k->nullable ? &f->out->loosened : &f->out->orphans) += (unsigned)zx_db_changes(db);
	}
	return err;
}

int zx_store_repair(struct zx_store *st, struct zx_store_repair *out, zx_store_progress_h *h, void *arg)
{
	struct names *names = calloc(2, sizeof(*names)), *indexes = names, *tables = names ? &names[1] : NULL;
	struct zx_db *db;
	int64_t done = 0;
	int err = names ? zx_store_reader(st, &db) : ENOMEM;

	memset(out, 0, sizeof(*out));
	if (!err)
		err = names_read(db, "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name", indexes);
	if (!err)
		err = names_read(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
				 tables);
	for (unsigned i = 0; !err && i < indexes->n; i++) {
		err = zx_store_write_wait(st, op_reindex, indexes->v[i]);
		if (!err)
			out->indexes++;
		else if (err != ENOSPC)
			zx_log(ZX_ERROR, "store", "index %s cannot be made anew: %s", indexes->v[i], strerror(err));
		/* a damaged table is for the rebuild; the other indexes can be helped */
		if (err == EBADMSG || err == EEXIST)
			err = 0;
		if (!err && h && !h(++done, indexes->n + tables->n, arg))
			err = ECANCELED;
	}
	for (unsigned i = 0; !err && i < tables->n; i++) {
		struct fix f = {tables->v[i], out};

		err = zx_store_write_wait(st, op_orphans, &f);
		if (err == EBADMSG || err == EINVAL)
			err = 0;
		if (!err && h && !h(++done, indexes->n + tables->n, arg))
			err = ECANCELED;
	}
	free(names);
	return err;
}
