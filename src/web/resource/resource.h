/*
 * An admin page as one declarative descriptor (DESIGN law 5): list, search, create, edit, delete, export, the page's grid and form, and
 * the API document follow from it. Descriptors live in res/, one file each, registered by one line in resource.c.
 */
#ifndef ZX_WEB_RESOURCE_H
#define ZX_WEB_RESOURCE_H

#include "store/query.h"
#include "web/http.h"

enum zx_ftype {
	ZX_F_TEXT,
	ZX_F_DIGITS, /* a string of digits */
	ZX_F_INT,
	ZX_F_NUMBER, /* phone number, text */
	ZX_F_SECRET,
	ZX_F_BOOL,
	ZX_F_ENUM,
	ZX_F_DATETIME, /* epoch ms */
	ZX_F_DURATION, /* ms */
	ZX_F_CIDR,     /* address or network, text */
	ZX_F_REF,      /* id of a row of another resource */
	ZX_F_JSON,     /* text in the store, JSON outside */
	ZX_F_AUDIO,    /* is there a recording */
	ZX_F_TEXTAREA, /* text of several lines */
	ZX_F_TIME,     /* "HH:MM"; "" = none */
	ZX_F_DATE,     /* "YYYY-MM-DD" */
	ZX_F_ORDER,    /* ordered choice among the options, comma separated in store and JSON: "PCMA,G729" */
	ZX_F_TARGET,   /* application; its parameter is in the column .param; a column KEY_label says it in words (view targets) */
	ZX_F_LIST,     /* rows of a child table (.child): array of values when the child has one column, else of objects */
	ZX_F_UPLOAD,   /* text: a file that a route of the resource took; the form offers the route upload/KEY */
};

enum { /* zx_field.in */
       ZX_IN_LIST = 1,
       ZX_IN_FORM = 2,
       ZX_IN_QUICK = 4,
       ZX_IN_ADV = 8,
       ZX_IN_CSV = 16,
};

enum { /* zx_field.flags */
       ZX_FF_REQUIRED = 1,
       ZX_FF_UNIQUE = 2,
       ZX_FF_READONLY = 4,
       ZX_FF_WRITEONLY = 8,
       ZX_FF_GENERATE = 16, /* made by the server when not given */
       ZX_FF_CUSTOMER = 32, /* a customer's number: masked for users who must not see it */
       ZX_FF_SYSTEM = 64,   /* only for scope system */
       ZX_FF_CREATE = 128,  /* given at creation, fixed then */
       ZX_FF_OPEN = 256,    /* ZX_F_TARGET: its parameter may be left out */
};

struct zx_option {
	const char *v;
	struct zx_text text;
	const char *tone; /* success warning danger info; NULL */
};

struct zx_field {
	const char *key; /* of the table's column, or of its own (live) */
	enum zx_ftype type;
	struct zx_text label;
	unsigned in, flags;
	int64_t min, max;                       /* length of texts in characters, value of numbers; max 0 = no limit */
	const char *pattern;                    /* for the browser; the server's check is below */
	const char *(*check)(const char *text); /* NULL when right, else an error code */
	const struct zx_option *options;        /* ended by v NULL */
	const char *ref, *live;
	const char *help_zh, *help_en;
	const char *param;               /* ZX_F_TARGET: key of the parameter's column */
	const char *apps;                /* ZX_F_TARGET: applications offered, space separated; NULL: all of zx_apps[] */
	const struct zx_field *items;    /* ZX_F_LIST: the child's columns, keys as in zx_q_child.cols; ended by key NULL */
	const char *accept;              /* ZX_F_UPLOAD: ".wav,.mp3" */
	const char *def;                 /* what a new form begins with, as JSON; NULL: empty */
	const char *ref_filter;          /* ZX_F_REF: filters of the referred list, as in a URL: "f.kind=music" */
	const char *group_zh, *group_en; /* heading above this field in the form; NULL: same group as the one before */
};

/* What "application + parameter" offers (SPEC 2.10). resource: whose rows are parameters; NULL: free text (text true) or nothing. */
struct zx_app_def {
	const char *app, *resource;
	bool text;
	struct zx_text label;
};
extern const struct zx_app_def zx_apps[]; /* ended by app NULL */
const struct zx_app_def *zx_app_find(const char *app);
/* Expression of a column KEY_label: where columns app and param lead ("8001 王", an outside number), "" nowhere in particular. */
#define ZX_TARGET_LABEL(app, param)                                                                                                        \
	"(CASE " app " WHEN 'outside' THEN " param " ELSE ifnull((SELECT g.label FROM targets g WHERE g.app = " app                        \
	" AND g.id = CAST(" param " AS INTEGER)), '') END)"

struct zx_resource;

enum { ZX_RES_VALUES = 64 };

struct zx_res_mem; /* what the values of a write point to */

/* A change on its way to the store. */
struct zx_res_write {
	struct zx_req *r; /* its user, language, address; body and connection may be none (imports) */
	const struct zx_resource *res;
	const struct zx_q_table *table;
	struct zx_q_scope scope;
	int64_t id, rev;    /* id 0: a new row, or (in prepare) many rows at once */
	int64_t company_id; /* of the row; known in order(), and after it */
	struct zx_q_value v[ZX_RES_VALUES];
	unsigned n;
	struct zx_res_mem *mem;
	const char *bad;       /* key to blame */
	const char *code;      /* error code when the errno has no better one */
	cJSON *before, *after; /* for the audit; no secrets. before is there in order() of a change */
	cJSON *once;           /* shown in this one reply (a made secret); owned */
	bool created;
	bool many; /* one of many: a bulk change or an import */
};

typedef void(zx_req_h)(struct zx_req *r);

/* Routes beyond the generic ones. */
struct zx_res_route {
	const char *method, *path; /* "batch", ":id/recording" */
	const char *action;        /* right is NAME:ACTION */
	zx_req_h *h;
	struct zx_text summary;
	const char *reply;       /* content type of the answer; NULL: JSON */
	const char *const *body; /* keys of the JSON body, ended by NULL */
};

struct zx_resource {
	const char *name;
	struct zx_text title, group; /* group: the menu it is under */
	const char *group_id, *icon;
	const struct zx_q_table *table;
	const struct zx_field *fields;
	unsigned fieldc;
	const char *label, *sort;
	/* Space separated actions this page has, each a right NAME:ACTION: list add edit delete batchAdd import export history move copy,
	   and those of routes. */
	const char *can;
	bool apply;  /* part of the PBX configuration: goes live by 更新配置 */
	bool hidden; /* no menu entry of its own */
	const struct zx_res_route *routes;
	unsigned routec;
	/* hooks, all may be NULL */
	int (*prepare)(struct zx_res_write *w, cJSON *fields);   /* worker: check and complete values; says what is wrong in fields */
	int (*order)(struct zx_db *db, struct zx_res_write *w);  /* writer: within the transaction, before the change */
	int (*remove)(struct zx_db *db, struct zx_res_write *w); /* the same before a deletion, forced or not; w->before is the row */
	void (*changed)(struct zx_web *web, const struct zx_resource *res); /* worker or job: after the commit */
	void (*rows)(struct zx_req *r, cJSON *rows);                        /* worker: live state into a page of rows */
	void (*row)(struct zx_req *r, cJSON *row);                          /* a single row, after rows */
	/* of a page whose rows are not all in its table; what imports and exports then use instead of it */
	int (*find)(struct zx_req *r, const char *text, int64_t *id); /* the row with this unique value; 0: none */
	int (*write)(struct zx_db *db, struct zx_res_write *w);       /* writer: w->id 0 adds */
	/* all rows that r's filters take, or those of ids (JSON array, may be NULL); row is h's */
	int (*each)(struct zx_req *r, const char *ids, int (*h)(cJSON *row, int64_t total, void *arg), void *arg);
	int (*users)(struct zx_db *db, int64_t id, cJSON *used_by); /* who refers to it, beyond references and targets (found without it) */
};

const struct zx_resource *zx_resource_find(const char *name);
const struct zx_resource *zx_resource_at(unsigned i); /* NULL past the last */

const struct zx_field *zx_field_find(const struct zx_resource *res, const char *key);
/* The table as this user may search it: not by masked columns, four digits are soon tried out. */
const struct zx_q_table *zx_resource_table(const struct zx_resource *res, const struct zx_user *u);
void zx_scope_of(struct zx_q_scope *s, const struct zx_user *u);

/* Checks one value of a body; NULL when right (and *v filled), else an error code. Not for lists. */
const char *zx_field_value(const struct zx_field *f, const cJSON *js, struct zx_q_value *v);
/* All values of a body; errors by key ("keys", and "keys.2.app" within a list). Without create only what is there. Values borrow body's
 * texts. */
void zx_resource_values(struct zx_res_write *w, const cJSON *body, bool create, cJSON *fields);
void zx_write_init(struct zx_res_write *w, struct zx_req *r, const struct zx_resource *res);
/* Values and what they point to (secrets wiped), before, after, once. */
void zx_write_clear(struct zx_res_write *w);
/* Adds or replaces; key is of the descriptor, text is copied. */
void zx_write_text(struct zx_res_write *w, const char *key, const char *text);
void zx_write_int(struct zx_res_write *w, const char *key, int64_t i);
void zx_write_null(struct zx_res_write *w, const char *key);
const struct zx_q_value *zx_write_value(const struct zx_res_write *w, const char *key);

/* Writer thread: one change with all that belongs to it (hooks, references, targets, children, audit). w->bad, w->code say what is wrong.
 */
int zx_write_add(struct zx_db *db, struct zx_res_write *w);
int zx_write_edit(struct zx_db *db, struct zx_res_write *w);
/* Parts of them: the row as the audit shows it, its company, the audit's row of before and after (taken). */
cJSON *zx_write_seen(struct zx_db *db, const struct zx_res_write *w);
void zx_write_company(struct zx_db *db, struct zx_res_write *w);
int zx_write_audit(struct zx_db *db, struct zx_res_write *w, const char *action);
/* After the commit: the resource's own hook, and the news that the configuration of these companies has changed. */
void zx_write_done(struct zx_web *web, const struct zx_resource *res, const int64_t *companies, unsigned n);
/* Field error code of a failed write; *key is the field. NULL: no field's fault. */
const char *zx_write_fault(const struct zx_res_write *w, int err, const char **key);

/* The reply to a failed write. */
void zx_write_refuse(struct zx_res_write *w, int err);
void zx_field_error(struct zx_req *r, const char *key, const char *code);

/* Companies whose rows have changed; {0} when there are many. */
enum { ZX_RES_COMPANIES = 8 };
struct zx_res_companies {
	int64_t id[ZX_RES_COMPANIES];
	unsigned n;
};
void zx_companies_note(struct zx_res_companies *c, int64_t id);
/* body.ids, at most 1000, none twice; to be freed. Replies when they are wrong. */
int zx_body_ids(struct zx_req *r, int64_t **idsp, size_t *np);

/* Who refers to a row: references of other resources, targets, the hook; entries {resource, id, label}. At most 50. */
int zx_resource_uses(struct zx_db *db, const struct zx_resource *res, int64_t id, cJSON *used_by);
/* apps.c: the targets among the values of w. EINVAL with w->bad. */
int zx_targets_check(struct zx_db *db, struct zx_res_write *w);
bool zx_field_app_ok(const struct zx_field *f, const char *app);
cJSON *zx_field_target_json(const struct zx_field *f);

/* Row of a statement as JSON for this user. */
cJSON *zx_resource_row(struct zx_req *r, const struct zx_resource *res, struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n);
/* Within the scope of r; replies and returns NULL when there is none. */
cJSON *zx_resource_get(struct zx_req *r, const struct zx_resource *res, int64_t id);

/* Filters of a request (q, f.KEY, sort, after, page, size) as a query. */
struct zx_res_query {
	struct zx_q_scope scope;
	struct zx_q_cond conds[ZX_Q_CONDS];
	struct zx_q_req req;
};
/* 0, or EINVAL with the parameter to blame. Borrows r's parameters. */
int zx_resource_query(struct zx_res_query *q, struct zx_req *r, const struct zx_resource *res, const char **bad);
void zx_bad_query(struct zx_req *r, const char *key);

/* handlers; r->def is the resource */
void zx_resource_list_h(struct zx_req *r);
void zx_resource_get_h(struct zx_req *r);
void zx_resource_add_h(struct zx_req *r);
void zx_resource_edit_h(struct zx_req *r);
void zx_resource_delete_h(struct zx_req *r);
void zx_resource_delete_many_h(struct zx_req *r);
void zx_resource_export_h(struct zx_req *r);
void zx_resource_export_job_h(struct zx_req *r);
void zx_resource_template_h(struct zx_req *r);
void zx_resource_import_h(struct zx_req *r);
void zx_resource_import_run_h(struct zx_req *r);
void zx_resource_import_check_h(struct zx_req *r);
void zx_resource_import_drop_h(struct zx_req *r);
void zx_resource_uses_h(struct zx_req *r);
void zx_resource_refs_h(struct zx_req *r);
void zx_resource_bulk_h(struct zx_req *r);
void zx_resource_move_h(struct zx_req *r);
void zx_resource_history_h(struct zx_req *r);
/* prefs.c */
void zx_prefs_get_h(struct zx_req *r);
void zx_prefs_put_h(struct zx_req *r);
void zx_prefs_delete_h(struct zx_req *r);
/* meta.c */
struct zx_menu_group {
	const char *id, *icon;
	struct zx_text title;
	const char *order; /* ids of its pages */
};
struct zx_menu_page { /* one that is no grid */
	const char *id, *page, *right, *group_id;
	struct zx_text title;
};
const struct zx_menu_group *zx_menu_group_at(unsigned i); /* NULL past the last */
const struct zx_menu_page *zx_menu_page_at(unsigned i);
cJSON *zx_resource_meta(const struct zx_resource *res, const struct zx_user *u);
void zx_meta_h(struct zx_req *r);
void zx_meta_one_h(struct zx_req *r);

#endif
