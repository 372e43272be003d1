/*
 * The PBX configuration. The tables of schema/002 are the draft that pages edit; what calls follow is a document a company, the last one
 * applied. A document is all rows of all PBX tables of a company:
 *
 *   {"company":1, "extensions":{"cols":["id","number",...],"rows":[[1,"8000",...],...]}, ...}
 *
 * rows by id; those of a child table by parent and position. The same rows give the same text. Secrets in it are sealed.
 */
#ifndef ZX_STORE_CONFIG_H
#define ZX_STORE_CONFIG_H

#include <cjson/cJSON.h>

#include "store/store.h"

enum {
	ZX_CONFIG_TABLES = 14,
	ZX_CONFIG_COLS = 40,
	ZX_CONFIG_HASH = 33, /* with NUL */
	ZX_CONFIG_KEEP = 50, /* versions of a company */
};

struct zx_config_table {
	const char *name;
	const char *parent;     /* table its rows belong to; NULL: they stand alone, with an id and a company_id */
	const char *parent_col; /* column with the parent's id */
	const char *unique[2];  /* text columns that no other row may have the same in; NULL */
};
/* In the order rows can be inserted. */
extern const struct zx_config_table zx_config_tables[ZX_CONFIG_TABLES];
/* -1: no such table. */
int zx_config_table_find(const char *name);

/* ---- documents; text is malloc()ed ---- */
int zx_config_draft(struct zx_db *db, int64_t company_id, char **textp);
/* ENOENT: nothing was ever applied. */
int zx_config_applied(struct zx_db *db, int64_t company_id, int64_t *versionp, char **textp);
int zx_config_version(struct zx_db *db, int64_t version, int64_t *company_idp, char **textp);
void zx_config_hash(char out[ZX_CONFIG_HASH], const char *text);

struct zx_config_row {
	int64_t id; /* of a child: the parent's */
	const cJSON *cells;
};
struct zx_config_part {
	const char *cols[ZX_CONFIG_COLS];
	unsigned colc, n;
	struct zx_config_row *rows;
};
struct zx_config_doc {
	cJSON *js;
	int64_t company_id;
	struct zx_config_part parts[ZX_CONFIG_TABLES];
};
/* EBADMSG: no such document. text NULL: an empty one. */
int zx_config_doc_read(struct zx_config_doc **dp, const char *text);
void zx_config_doc_free(struct zx_config_doc *d);
const struct zx_config_row *zx_config_row(const struct zx_config_part *p, int64_t id);
/* Rows of a child table that belong to a parent; *n of them. */
const struct zx_config_row *zx_config_children(const struct zx_config_part *p, int64_t parent, unsigned *n);
/* NULL: the document has no such column. */
const cJSON *zx_config_cell(const struct zx_config_part *p, const struct zx_config_row *row, const char *col);
int64_t zx_config_int(const struct zx_config_part *p, const struct zx_config_row *row, const char *col);      /* 0: NULL or none */
const char *zx_config_text(const struct zx_config_part *p, const struct zx_config_row *row, const char *col); /* "" */
bool zx_config_cell_same(const cJSON *a, const cJSON *b);

/* Tells every row (of tables that stand alone) that is not the same in both, its children included; before or after NULL: added,
 * deleted. The number of them. h may be NULL. */
typedef void(zx_config_diff_h)(int table, const struct zx_config_row *before, const struct zx_config_row *after, void *arg);
unsigned zx_config_diff(const struct zx_config_doc *before, const struct zx_config_doc *after, zx_config_diff_h *h, void *arg);

/* Changes of the draft that are not applied. In one read (zx_db_begin_read). */
int zx_config_unapplied(struct zx_db *db, int64_t company_id, unsigned *np);

/* ---- versions; not on the loop thread ---- */
struct zx_config_by {
	int64_t user_id, company_id; /* for the audit */
	const char *addr, *note;
};
struct zx_config_order {
	int64_t company_id;
	char hash[ZX_CONFIG_HASH]; /* of the draft that was looked at */
	unsigned changes;
	int64_t version; /* out */
};
/* All of them, in one transaction. ESTALE: a draft has changed since. */
int zx_config_apply(struct zx_store *st, struct zx_config_order *v, unsigned n, const struct zx_config_by *by);
/* Within an order that has just made the draft: applies it as it is. */
int zx_config_apply_draft(struct zx_db *db, int64_t company_id, unsigned changes, const struct zx_config_by *by, int64_t *versionp);

struct zx_config_return {
	struct zx_config_order order; /* .hash: of the draft now; .changes: what the return changes */
	int64_t version;              /* to return to */
	unsigned unapplied;           /* changes that are put away as a version of kind draft */
	const char *why;              /* EEXIST: "taken" (a number, name or id is another's now), EBUSY: "bound" (a user's extension is not
					 in that version) or "used" (something else needs a row that is not in it) */
	int table;
	char label[64]; /* of the row in question */
	char other[64]; /* bound: the user's login */
};
/* Puts the company's tables to what they were in that version, and applies it. ESTALE, ENOENT, EEXIST, EBUSY. */
int zx_config_return(struct zx_store *st, struct zx_config_return *ret, const struct zx_config_by *by);

/* At start: what a database has that never knew of applying is the first applied version of each company. */
int zx_config_first(struct zx_store *st);

#endif
