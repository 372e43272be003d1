/*
 * Lists and single rows of a table for the generic resource layer: composed from a constant descriptor of the table. Names in a
 * request are looked up in the descriptor, values are bound; nothing of a request becomes SQL.
 *
 * Every function takes the scope of the person who asks. All that fail tell the key of the request that is to blame in *bad
 * (a string of the descriptor or of the request, NULL when none is).
 */
#ifndef ZX_STORE_QUERY_H
#define ZX_STORE_QUERY_H

#include "store/store.h"

enum zx_q_type {
	ZX_Q_INT, /* also ids, milliseconds, durations */
	ZX_Q_BOOL,
	ZX_Q_REAL,
	ZX_Q_TEXT,
	ZX_Q_JSON, /* text that is JSON: children */
};

/* What may be done with a column (struct zx_q_col.can). */
enum {
	ZX_Q_LIST = 1 << 0, /* selected in lists and exports */
	ZX_Q_GET = 1 << 1,  /* selected for a single row */
	ZX_Q_SORT = 1 << 2,
	ZX_Q_QUICK = 1 << 3, /* quick search looks into it */
	ZX_Q_EQ = 1 << 4,    /* equal, one of a list, not equal */
	ZX_Q_RANGE = 1 << 5,
	ZX_Q_PREFIX = 1 << 6,
	ZX_Q_CONTAINS = 1 << 7,
	ZX_Q_NULL = 1 << 8,    /* empty (NULL or ''), not empty */
	ZX_Q_INSERT = 1 << 9,  /* may be given when a row is made */
	ZX_Q_UPDATE = 1 << 10, /* may be changed */
	ZX_Q_SHOW = ZX_Q_LIST | ZX_Q_GET,
	ZX_Q_WRITE = ZX_Q_INSERT | ZX_Q_UPDATE,
};

struct zx_q_col {
	const char *key;  /* as requests and answers name it; the column itself when it can be written */
	const char *expr; /* SQL; NULL: t.KEY */
	enum zx_q_type type;
	unsigned can;
	const struct zx_q_table *ref; /* written values must be the id of a row there, of the same company (or of none) */
};

/*
 * Rows of a child table, read and written with their parent as one JSON array under `key`: [value, ...] when one column can be written and
 * nothing else is shown, else [{column: value, ...}, ...]; with one written column that is a reference and a shown column "label":
 * [{"v": id, "label": text}, ...]. Written as a whole; the order given is kept in `position`. The audit has it too.
 * The child is `k` in expressions, its parent `t`.
 */
struct zx_q_child {
	const char *key;             /* in requests and answers */
	const char *name;            /* table, has the columns `parent` and position */
	const char *parent;          /* "queue_id" */
	const struct zx_q_col *cols; /* .can: ZX_Q_SHOW, ZX_Q_WRITE (then key = column); ref checked as for the parent */
	unsigned colc;
};

/* Constant. The table is `t` in expressions; it has an integer `id`. */
struct zx_q_table {
	const char *name;
	const char *joins;   /* "LEFT JOIN companies c ON c.id = t.company_id", or NULL. At most one row for each of t */
	const char *company; /* "t.company_id"; "t.id" for the companies themselves; NULL: rows belong to no company, only scope .system
				sees them */
	const char *own;     /* what makes a row one's own: a condition with :own, or NULL: nobody's */
	const char
	    *dept; /* what makes a row a department leader's, beside own: a condition with :user (view led_extensions), or NULL: as own */
	const char *where;    /* constant condition on every row ("t.kind = 'music'"), or NULL */
	const char *position; /* column of the order set by hand, within the company; or NULL */
	const struct zx_q_child *children;
	unsigned childc;
	const char *rev; /* "rev", or NULL: changes are not counted */
	const struct zx_q_col *cols;
	unsigned colc;
};

struct zx_q_scope {
	bool system;        /* all companies */
	int64_t company_id; /* else this one */
	const char *own;    /* only own rows of it: the value of :own (an extension's number). NULL: all */
	bool department;    /* with own: also the rows of the departments this user leads */
	int64_t user_id;    /* the value of :user, in own and dept */
};

enum zx_q_op { ZX_Q_IS, ZX_Q_NOT, ZX_Q_IN, ZX_Q_BETWEEN, ZX_Q_STARTS, ZX_Q_HAS, ZX_Q_EMPTY, ZX_Q_FILLED };

struct zx_q_cond {
	const char *key;
	enum zx_q_op op;
	const char *a, *b; /* as in the request; BETWEEN: either may be "" (open), both included; IN: a is comma separated, at most 100 */
};

/* Takes a filter as written in a URL (f.KEY=TEXT) apart, by what the column can: "a..b" a range, "a,b" one of, "a*" begins with, "*a*"
 * contains,
 * "!a" not, "-" empty, "*" filled, else equal (or contains, where equal is not offered). Cuts text; the cond borrows it. ENOENT no such
 * column, EINVAL. */
int zx_q_cond_parse(struct zx_q_cond *c, const struct zx_q_table *t, const char *key, char *text);

enum { ZX_Q_CONDS = 32, ZX_Q_PAGE_MAX = 100, ZX_Q_CURSOR = 1024, ZX_Q_TEXT_MAX = 512 /* bytes of a search text */ };

struct zx_q_req {
	const struct zx_q_scope *scope;
	const char *ids;    /* only these: a JSON array of ids; NULL: all */
	const char *search; /* quick search; NULL or "" none */
	const struct zx_q_cond *conds;
	unsigned condc;
	const char *sort;  /* key, "-key" descending; NULL: by id */
	const char *after; /* cursor of the page before; NULL or "" none */
	unsigned page;     /* without a cursor: pages to leave out */
	unsigned size;     /* 1..100 */
	bool count;        /* total wanted */
	bool whole;        /* also columns of single rows (ZX_Q_GET) */
};

struct zx_q_result {
	int64_t total; /* -1 not asked for */
	unsigned rows;
	char next[ZX_Q_CURSOR]; /* "" at the end */
	const char *bad;
};

/* A row: column i of s is cols[i]. Behind them are columns of ours. Non-zero ends the list with that error. */
typedef int(zx_q_row_h)(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg);

/* EINVAL with result.bad; EACCES: the scope has no business here; ETIMEDOUT. Use zx_db_begin_read() around it. */
int zx_q_list(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, zx_q_row_h *h, void *arg, struct zx_q_result *res);
/* All rows that match (size, page, after, count are ignored), in bounded reads so that a slow receiver does not pin the log. Not inside
 * zx_db_begin_read(). */
int zx_q_export(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, zx_q_row_h *h, void *arg,
		struct zx_q_result *res);
/* How many match. */
int zx_q_count(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, int64_t *n, const char **bad);
/* One row, with ZX_Q_GET columns. ENOENT: none within the scope. Also in an order. */
int zx_q_get(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, zx_q_row_h *h, void *arg);

/* ---- rows as others refer to them ---- */
typedef void(zx_q_ref_h)(int64_t id, const char *label, void *arg);
struct zx_q_ref_req {
	const char *label;             /* key of the column that names a row */
	int64_t company_id;            /* 0: all */
	bool strict;                   /* nor those of no company (the system administrator's role) */
	const struct zx_q_cond *conds; /* ZX_Q_IS alone */
	unsigned condc;
	const char *search; /* part of the label, or with exact the whole */
	const char *exact;  /* "": the label is search; else this column (of the descriptor) is; NULL: search */
	const int64_t *ids; /* instead: these */
	unsigned idc, size;
};
/* Ordered by label, but not with exact. */
int zx_q_refs(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_ref_req *req, zx_q_ref_h *h, void *arg);
/* The same of the view targets, for an application. exact: any but NULL; the label or its first word. */
int zx_q_targets(struct zx_db *db, const char *app, const struct zx_q_ref_req *req, zx_q_ref_h *h, void *arg);
/* The rows of t that have id in a column of theirs, or of a child. */
int zx_q_users(struct zx_db *db, const struct zx_q_table *t, const char *label, const struct zx_q_child *child, const char *column,
	       int64_t id, unsigned max, zx_q_ref_h *h, void *arg);
/* Expression of what a row is called: the column `key`, "number name" when there are both. */
void zx_q_label(char *out, size_t len, const struct zx_q_table *t, const char *key);

/* ---- within an order (zx_store_write_wait) ---- */
enum zx_q_kind { ZX_Q_VNULL, ZX_Q_VINT, ZX_Q_VREAL, ZX_Q_VTEXT, ZX_Q_VLIST };
struct zx_q_list;
struct zx_q_value {
	const char *key;
	enum zx_q_kind kind;
	int64_t i;
	double r;
	const char *t;
	const struct zx_q_list *list;
};
/* Rows of a child. */
struct zx_q_list {
	unsigned n, colc;
	const struct zx_q_value *v; /* n * colc, row by row, each row with the same keys in the same order */
};

/* EEXIST unique, EINVAL refused by a check, a reference or the whitelist, EACCES another company. A scope of one company sets the company
 * itself. */
int zx_q_insert(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, const struct zx_q_value *v, unsigned n,
		int64_t *id, const char **bad);
/* ESTALE: somebody has changed it since rev; ENOENT: none within the scope. rev is counted up. rev 0: not compared. */
int zx_q_update(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t rev,
		const struct zx_q_value *v, unsigned n, const char **bad);
/* EBUSY: others refer to it. ESTALE, ENOENT as above. */
int zx_q_delete(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t rev);
/* To position `to` (1..n, above: the end) among the rows of its company (t->position); positions are 1..n afterwards. ENOTSUP: no order. */
int zx_q_move(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t to);
/* Positions of a company 1..n again, after deletions. */
int zx_q_tidy(struct zx_db *db, const struct zx_q_table *t, int64_t company_id);
/* Where it stands now, 1..n. */
int zx_q_position(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, int64_t *pos);
/* The company a row belongs to, 0: none. Also outside an order. ENOENT. */
int zx_q_company(struct zx_db *db, const struct zx_q_table *t, int64_t id, int64_t *company_id);
/* Ids of all that match (size, page, after, sort are ignored), at most max; E2BIG: more than that. */
int zx_q_ids(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, int64_t *ids, size_t max, size_t *n,
	     const char **bad);

#endif
