/* Inside the query files: SQL text in a buffer of fixed size, and what is to be bound. */
#ifndef ZX_STORE_QUERY_PRIV_H
#define ZX_STORE_QUERY_PRIV_H

#include "store/query.h"

enum { ZX_Q_SQL = 24576, ZX_Q_BINDS = 200, ZX_Q_COLS = 128, ZX_Q_CHILDREN = 8 };

struct zx_q_bind {
	enum zx_q_kind kind;
	int64_t i;
	double r;
	const char *t; /* borrowed; or within .text */
};

struct zx_q_sql {
	char sql[ZX_Q_SQL];
	size_t len;
	struct zx_q_bind binds[ZX_Q_BINDS]; /* of :p0, :p1, ... */
	unsigned bindc;
	char text[4096]; /* of values that had to be put together */
	size_t textlen;
	bool overflow;
};

/* Appends text of the descriptor or of these files; never of a request. */
void zx_q_add(struct zx_q_sql *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A new parameter; its number for ":p%u". */
unsigned zx_q_param(struct zx_q_sql *q, struct zx_q_bind b);
unsigned zx_q_param_int(struct zx_q_sql *q, int64_t v);
unsigned zx_q_param_text(struct zx_q_sql *q, const char *v);
/* A copy of a..b..c that lives as long as q. */
const char *zx_q_keep(struct zx_q_sql *q, const char *a, const char *b, const char *c);
/* Prepares, and binds everything. E2BIG when it did not fit. */
int zx_q_prepare(struct zx_stmt **sp, struct zx_db *db, const struct zx_q_sql *q);
/* The same with :own and :user of a scope, where the text names them. */
int zx_q_prepare_scoped(struct zx_stmt **sp, struct zx_db *db, const struct zx_q_sql *q, const struct zx_q_scope *scope);

const struct zx_q_col *zx_q_col_find(const struct zx_q_table *t, const char *key, size_t len);
/* " WHERE scope": EACCES when this scope cannot have any. */
int zx_q_add_scope(struct zx_q_sql *q, const struct zx_q_table *t, const struct zx_q_scope *scope);
void zx_q_add_expr(struct zx_q_sql *q, const struct zx_q_col *c);
/* A request's text as a value of the column's type. EINVAL. */
int zx_q_value_parse(struct zx_q_bind *b, enum zx_q_type type, const char *text);

const struct zx_q_value *zx_q_value_find(const struct zx_q_value *v, unsigned n, const char *key);
/* "t.company_id" -> "company_id"; NULL when rows have no company column of their own. */
const char *zx_q_company_column(const struct zx_q_table *t);
/* INSERT, UPDATE or DELETE; on refusal by the engine *bad is the column it named. */
int zx_q_run(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_sql *q, const char **bad);
/* A reference: such a row, of this company or of none. EINVAL: there is none. */
int zx_q_ref_check(struct zx_db *db, const struct zx_q_table *ref, const struct zx_q_value *v, int64_t company_id);
int zx_q_row_check(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t rev,
		   int64_t *company_id);

/* query_child.c */
const struct zx_q_child *zx_q_child_find(const struct zx_q_table *t, const char *key);
/* The child as one column of the parent's SELECT. */
void zx_q_add_child(struct zx_q_sql *q, const struct zx_q_child *c);
/* Replaces the rows. *bad: the child's key. */
int zx_q_child_put(struct zx_db *db, const struct zx_q_child *c, int64_t id, int64_t company_id, const struct zx_q_list *list,
		   const char **bad);
/* query_order.c */
/* Makes the positions of a company 1..n; with id: that one at place `to`. */
int zx_q_densify(struct zx_db *db, const struct zx_q_table *t, int64_t company_id, int64_t id, int64_t to);
int zx_q_position_next(struct zx_db *db, const struct zx_q_table *t, int64_t company_id, int64_t *pos);

/* cursor.c */
struct zx_q_cursor {
	char sort[64]; /* as in the request, "" = id */
	struct zx_q_bind value;
	int64_t id;
	char text[ZX_Q_CURSOR];
};
/* Column i of s is the sort value, i + 1 the id. ENOSPC: the value is too long for a cursor. */
int zx_q_cursor_make(char *out, size_t len, const char *sort, struct zx_stmt *s, int i);
int zx_q_cursor_read(struct zx_q_cursor *c, const char *in);

#endif
