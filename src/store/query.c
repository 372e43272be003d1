#include "store/query_priv.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN_MAX = 100, EXPORT_ROWS = 500, EXPORT_MS = 20000, PAGES_MAX = 10000000 };

/* ---- text and parameters ---- */
void zx_q_add(struct zx_q_sql *q, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(q->sql + q->len, sizeof(q->sql) - q->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(q->sql) - q->len)
		q->overflow = true;
	else
		q->len += (size_t)n;
}

unsigned zx_q_param(struct zx_q_sql *q, struct zx_q_bind b)
{
	if (q->bindc == ZX_Q_BINDS) {
		q->overflow = true;
		return 0;
	}
	q->binds[q->bindc] = b;
	return q->bindc++;
}

unsigned zx_q_param_int(struct zx_q_sql *q, int64_t v)
{
	return zx_q_param(q, (struct zx_q_bind){.kind = ZX_Q_VINT, .i = v});
}

unsigned zx_q_param_text(struct zx_q_sql *q, const char *v)
{
	return zx_q_param(q, (struct zx_q_bind){.kind = ZX_Q_VTEXT, .t = v});
}

const char *zx_q_keep(struct zx_q_sql *q, const char *a, const char *b, const char *c)
{
	char *at = q->text + q->textlen;
	const size_t room = sizeof(q->text) - q->textlen;
	const int n = snprintf(at, room, "%s%s%s", a, b, c);

	if (n < 0 || (size_t)n >= room) {
		q->overflow = true;
		return "";
	}
	q->textlen += (size_t)n + 1;
	return at;
}

int zx_q_prepare(struct zx_stmt **sp, struct zx_db *db, const struct zx_q_sql *q)
{
	struct zx_stmt *s;
	char name[16];
	int err;

	if (q->overflow)
		return E2BIG;
	err = zx_stmt_text(&s, db, q->sql);
	for (unsigned i = 0; i < q->bindc && !err; i++) {
		const struct zx_q_bind *b = &q->binds[i];

		snprintf(name, sizeof(name), ":p%u", i);
		switch (b->kind) {
		case ZX_Q_VNULL:
			err = zx_bind_text(s, name, NULL);
			break;
		case ZX_Q_VINT:
			err = zx_bind_int(s, name, b->i);
			break;
		case ZX_Q_VREAL:
			err = zx_bind_real(s, name, b->r);
			break;
		case ZX_Q_VTEXT:
			err = zx_bind_text(s, name, b->t);
			break;
		case ZX_Q_VLIST: /* never a parameter */
			err = EINVAL;
			break;
		}
	}
	if (!err)
		*sp = s;
	return err;
}

const struct zx_q_col *zx_q_col_find(const struct zx_q_table *t, const char *key, size_t len)
{
	for (unsigned i = 0; i < t->colc; i++) {
		if (strlen(t->cols[i].key) == len && !memcmp(t->cols[i].key, key, len))
			return &t->cols[i];
	}
	return NULL;
}

void zx_q_add_expr(struct zx_q_sql *q, const struct zx_q_col *c)
{
	if (c->expr)
		zx_q_add(q, "(%s)", c->expr);
	else
		zx_q_add(q, "t.%s", c->key);
}

int zx_q_add_scope(struct zx_q_sql *q, const struct zx_q_table *t, const struct zx_q_scope *scope)
{
	const char *dept = scope && scope->department ? t->dept : NULL;

	zx_q_add(q, " WHERE 1");
	if (!scope || (!scope->system && (!t->company || !scope->company_id)) || (scope->own && !t->own && !dept))
		return EACCES;
	if (t->where)
		zx_q_add(q, " AND (%s)", t->where);
	if (!scope->system)
		zx_q_add(q, " AND %s = :p%u", t->company, zx_q_param_int(q, scope->company_id));
	if (scope->own) {
		/* the conditions may name :own and :user several times; they are bound by name */
		zx_q_add(q, " AND (");
		if (t->own)
			zx_q_add(q, "(%s)", t->own);
		if (dept)
			zx_q_add(q, "%s(%s)", t->own ? " OR " : "", dept);
		zx_q_add(q, ")");
	}
	return 0;
}

int zx_q_prepare_scoped(struct zx_stmt **sp, struct zx_db *db, const struct zx_q_sql *q, const struct zx_q_scope *scope)
{
	struct zx_stmt *s;
	int err;

	err = zx_q_prepare(&s, db, q);
	if (!err && scope->own) {
		(void)zx_bind_text(s, ":own", scope->own); /* ENOENT: the conditions do not name it */
		(void)zx_bind_int(s, ":user", scope->user_id);
	}
	if (!err)
		*sp = s;
	return err;
}

int zx_q_value_parse(struct zx_q_bind *b, enum zx_q_type type, const char *text)
{
	char *end;

	switch (type) {
	case ZX_Q_JSON:
	case ZX_Q_TEXT:
		*b = (struct zx_q_bind){.kind = ZX_Q_VTEXT, .t = text};
		return strlen(text) <= ZX_Q_TEXT_MAX ? 0 : EINVAL;
	case ZX_Q_REAL:
		*b = (struct zx_q_bind){.kind = ZX_Q_VREAL, .r = strtod(text, &end)};
		return end != text && !*end && isfinite(b->r) ? 0 : EINVAL;
	case ZX_Q_BOOL:
		*b = (struct zx_q_bind){.kind = ZX_Q_VINT, .i = !strcmp(text, "1") || !strcmp(text, "true")};
		return b->i || !strcmp(text, "0") || !strcmp(text, "false") ? 0 : EINVAL;
	case ZX_Q_INT:
		errno = 0;
		*b = (struct zx_q_bind){.kind = ZX_Q_VINT, .i = strtoll(text, &end, 10)};
		return end != text && !*end && !errno && strchr("-0123456789", *text) ? 0 : EINVAL;
	}
	return EINVAL;
}

/* ---- filters ---- */
static bool has_ascii_letter(const char *s)
{
	for (; *s; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'))
			return true;
	}
	return false;
}

/* Contained, letters of either case. Digits and Chinese need no case folding, and instr() is the faster. */
static void add_contains(struct zx_q_sql *q, const struct zx_q_col *c, const char *v)
{
	char like[2 * ZX_Q_TEXT_MAX + 3];
	size_t n = 0;

	if (!has_ascii_letter(v)) {
		zx_q_add(q, "instr(");
		zx_q_add_expr(q, c);
		zx_q_add(q, ", :p%u) > 0", zx_q_param_text(q, v));
		return;
	}
	like[n++] = '%';
	for (; *v && n < sizeof(like) - 3; v++) {
		if (strchr("%_\\", *v))
			like[n++] = '\\';
		like[n++] = *v;
	}
	like[n++] = '%';
	like[n] = '\0';
	zx_q_add_expr(q, c);
	zx_q_add(q, " LIKE :p%u ESCAPE '\\'", zx_q_param_text(q, zx_q_keep(q, like, "", "")));
}

static void add_search(struct zx_q_sql *q, const struct zx_q_table *t, const char *text)
{
	unsigned n = 0;

	zx_q_add(q, " AND (");
	for (unsigned i = 0; i < t->colc; i++) {
		if (!(t->cols[i].can & ZX_Q_QUICK))
			continue;
		if (n++)
			zx_q_add(q, " OR ");
		add_contains(q, &t->cols[i], text);
	}
	zx_q_add(q, "%s)", n ? "" : "0");
}

static int add_in(struct zx_q_sql *q, const struct zx_q_col *c, const char *list)
{
	unsigned n = 0;

	zx_q_add_expr(q, c);
	zx_q_add(q, " IN (");
	while (true) {
		const size_t len = strcspn(list, ",");
		char item[ZX_Q_TEXT_MAX + 1];
		struct zx_q_bind b;

		if (len >= sizeof(item) || ++n > IN_MAX)
			return EINVAL;
		memcpy(item, list, len);
		item[len] = '\0';
		if (zx_q_value_parse(&b, c->type, c->type == ZX_Q_TEXT ? zx_q_keep(q, item, "", "") : item))
			return EINVAL;
		zx_q_add(q, "%s:p%u", n > 1 ? ", " : "", zx_q_param(q, b));
		if (!list[len])
			break;
		list += len + 1;
	}
	zx_q_add(q, ")");
	return 0;
}

static int add_compare(struct zx_q_sql *q, const struct zx_q_col *c, const char *op, const char *text)
{
	struct zx_q_bind b;

	if (zx_q_value_parse(&b, c->type, text))
		return EINVAL;
	zx_q_add_expr(q, c);
	zx_q_add(q, " %s :p%u", op, zx_q_param(q, b));
	return 0;
}

static int add_between(struct zx_q_sql *q, const struct zx_q_col *c, const char *a, const char *b)
{
	int err = *a || *b ? 0 : EINVAL;

	if (!err && *a)
		err = add_compare(q, c, ">=", a);
	if (!err && *a && *b)
		zx_q_add(q, " AND ");
	if (!err && *b)
		err = add_compare(q, c, "<=", b);
	return err;
}

/* Written as a range, so that an index serves it. */
static int add_starts(struct zx_q_sql *q, const struct zx_q_col *c, const char *v)
{
	if (!*v)
		return EINVAL;
	zx_q_add_expr(q, c);
	zx_q_add(q, " >= :p%u AND ", zx_q_param_text(q, v));
	zx_q_add_expr(q, c);
	zx_q_add(q, " < :p%u", zx_q_param_text(q, zx_q_keep(q, v, "\xf4\x8f\xbf\xbf", "")));
	return 0;
}

static int add_empty(struct zx_q_sql *q, const struct zx_q_col *c, bool empty)
{
	zx_q_add(q, empty ? "ifnull(" : "NOT ifnull(");
	zx_q_add_expr(q, c);
	zx_q_add(q, c->type == ZX_Q_TEXT ? " = '', 1)" : " IS NULL, 1)");
	return 0;
}

static unsigned op_needs(enum zx_q_op op)
{
	static const unsigned needs[] = {
	    [ZX_Q_IS] = ZX_Q_EQ,         [ZX_Q_NOT] = ZX_Q_EQ,       [ZX_Q_IN] = ZX_Q_EQ,      [ZX_Q_BETWEEN] = ZX_Q_RANGE,
	    [ZX_Q_STARTS] = ZX_Q_PREFIX, [ZX_Q_HAS] = ZX_Q_CONTAINS, [ZX_Q_EMPTY] = ZX_Q_NULL, [ZX_Q_FILLED] = ZX_Q_NULL,
	};

	return needs[op];
}

static int add_cond(struct zx_q_sql *q, const struct zx_q_table *t, const struct zx_q_cond *f)
{
	const struct zx_q_col *c = zx_q_col_find(t, f->key, strlen(f->key));
	const char *a = f->a ? f->a : "", *b = f->b ? f->b : "";

	if (!c || f->op > ZX_Q_FILLED || !(c->can & op_needs(f->op)) || strlen(a) > (f->op == ZX_Q_IN ? 4 : 1) * ZX_Q_TEXT_MAX)
		return EINVAL;
	zx_q_add(q, " AND ");
	switch (f->op) {
	case ZX_Q_IS:
		return add_compare(q, c, "=", a);
	case ZX_Q_NOT:
		return add_compare(q, c, "IS NOT", a);
	case ZX_Q_IN:
		return add_in(q, c, a);
	case ZX_Q_BETWEEN:
		return add_between(q, c, a, b);
	case ZX_Q_STARTS:
		return add_starts(q, c, a);
	case ZX_Q_HAS:
		add_contains(q, c, a);
		return 0;
	case ZX_Q_EMPTY:
	case ZX_Q_FILLED:
		return add_empty(q, c, f->op == ZX_Q_EMPTY);
	}
	return EINVAL;
}

int zx_q_cond_parse(struct zx_q_cond *c, const struct zx_q_table *t, const char *key, char *text)
{
	const struct zx_q_col *col = zx_q_col_find(t, key, strlen(key));
	const size_t n = strlen(text);
	char *dots;

	if (!col)
		return ENOENT;
	*c = (struct zx_q_cond){.key = col->key, .a = text};
	if (col->can & ZX_Q_RANGE && (dots = strstr(text, ".."))) {
		*dots = '\0';
		c->b = dots + 2;
		c->op = ZX_Q_BETWEEN;
	} else if (col->can & ZX_Q_NULL && (!strcmp(text, "-") || !strcmp(text, "*"))) {
		c->op = *text == '-' ? ZX_Q_EMPTY : ZX_Q_FILLED;
	} else if (col->can & ZX_Q_CONTAINS && n > 2 && *text == '*' && text[n - 1] == '*') {
		text[n - 1] = '\0';
		c->a = text + 1;
		c->op = ZX_Q_HAS;
	} else if (col->can & ZX_Q_PREFIX && n > 1 && text[n - 1] == '*') {
		text[n - 1] = '\0';
		c->op = ZX_Q_STARTS;
	} else if (col->can & ZX_Q_EQ) {
		c->op = *text == '!' && n > 1 ? ZX_Q_NOT : strchr(text, ',') ? ZX_Q_IN : ZX_Q_IS;
		c->a = text + (c->op == ZX_Q_NOT);
	} else if (col->can & ZX_Q_CONTAINS) {
		c->op = ZX_Q_HAS;
	} else if (col->can & ZX_Q_PREFIX) {
		c->op = ZX_Q_STARTS;
	} else {
		return EINVAL;
	}
	return 0;
}

/* ---- lists ---- */
struct list {
	struct zx_db *db;
	const struct zx_q_table *t;
	const struct zx_q_req *req;
	const struct zx_q_col *sort; /* NULL: id */
	bool desc;
	const struct zx_q_col *cols[ZX_Q_COLS];
	struct zx_q_col childs[ZX_Q_CHILDREN];
	unsigned colc;
	struct zx_q_cursor cursor;
	bool cut; /* there is more, behind a value too long for a cursor */
	int64_t offset;
	struct zx_q_result *res;
};

static int add_where(struct zx_q_sql *q, struct list *l)
{
	const struct zx_q_req *req = l->req;
	int err;

	err = zx_q_add_scope(q, l->t, req->scope);
	if (err)
		return err;
	if (req->ids)
		zx_q_add(q, " AND t.id IN (SELECT value FROM json_each(:p%u))", zx_q_param_text(q, req->ids));
	if (req->search && *req->search) {
		l->res->bad = "q";
		if (strlen(req->search) > ZX_Q_TEXT_MAX)
			return EINVAL;
		add_search(q, l->t, req->search);
	}
	for (unsigned i = 0; i < req->condc; i++) {
		l->res->bad = req->conds[i].key;
		err = req->condc > ZX_Q_CONDS ? EINVAL : add_cond(q, l->t, &req->conds[i]);
		if (err)
			return err;
	}
	l->res->bad = NULL;
	return 0;
}

static void add_sort_expr(struct zx_q_sql *q, const struct list *l)
{
	if (l->sort)
		zx_q_add_expr(q, l->sort);
	else
		zx_q_add(q, "t.id");
}

/* Rows behind the cursor. NULL comes before every value, as the engine sorts. */
static void add_after(struct zx_q_sql *q, const struct list *l)
{
	const struct zx_q_cursor *c = &l->cursor;
	const char *cmp = l->desc ? "<" : ">";

	zx_q_add(q, " AND (");
	if (!l->sort) {
		zx_q_add(q, "t.id %s :p%u", cmp, zx_q_param_int(q, c->id));
	} else if (c->value.kind != ZX_Q_VNULL) {
		const unsigned v = zx_q_param(q, c->value), id = zx_q_param_int(q, c->id);

		zx_q_add(q, "(");
		add_sort_expr(q, l);
		zx_q_add(q, ", t.id) %s (:p%u, :p%u)", cmp, v, id);
		if (l->desc) {
			zx_q_add(q, " OR ");
			add_sort_expr(q, l);
			zx_q_add(q, " IS NULL");
		}
	} else {
		add_sort_expr(q, l);
		zx_q_add(q, " IS NULL AND t.id %s :p%u", cmp, zx_q_param_int(q, c->id));
		if (!l->desc) {
			zx_q_add(q, " OR ");
			add_sort_expr(q, l);
			zx_q_add(q, " IS NOT NULL");
		}
	}
	zx_q_add(q, ")");
}

static void add_from(struct zx_q_sql *q, const struct zx_q_table *t)
{
	zx_q_add(q, " FROM %s t %s", t->name, t->joins ? t->joins : "");
}

static void add_cols(struct zx_q_sql *q, struct list *l, unsigned can)
{
	zx_q_add(q, "SELECT ");
	for (unsigned i = 0; i < l->t->colc && l->colc < ZX_Q_COLS; i++) {
		if (!(l->t->cols[i].can & can))
			continue;
		zx_q_add_expr(q, &l->t->cols[i]);
		zx_q_add(q, ", ");
		l->cols[l->colc++] = &l->t->cols[i];
	}
	for (unsigned i = 0; i < l->t->childc && i < ZX_Q_CHILDREN && l->colc < ZX_Q_COLS; i++) {
		zx_q_add_child(q, &l->t->children[i]);
		zx_q_add(q, ", ");
		l->childs[i] = (struct zx_q_col){.key = l->t->children[i].key, .type = ZX_Q_JSON, .can = ZX_Q_SHOW};
		l->cols[l->colc++] = &l->childs[i];
	}
}

static int list_count(struct list *l)
{
	struct zx_q_sql *q;
	struct zx_stmt *s;
	int err;

	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	zx_q_add(q, "SELECT count(*)");
	add_from(q, l->t);
	err = add_where(q, l);
	if (!err)
		err = zx_q_prepare_scoped(&s, l->db, q, l->req->scope);
	if (!err)
		err = zx_stmt_step(s);
	if (!err) {
		l->res->total = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	free(q);
	return err;
}

/* Hands out up to size rows; one more tells that there is a next page. */
static int list_rows(struct list *l, struct zx_stmt *s, unsigned size, zx_q_row_h *h, void *arg)
{
	const char *sort = l->req->sort ? l->req->sort : "";
	int err;

	l->res->rows = 0;
	l->cut = false;
	l->res->next[0] = '\0';
	while (!(err = zx_stmt_step(s))) {
		if (l->res->rows == size) {
			zx_stmt_reset(s);
			return 0;
		}
		err = h(s, l->cols, l->colc, arg);
		if (err) {
			zx_stmt_reset(s);
			return err;
		}
		if (++l->res->rows == size && zx_q_cursor_make(l->res->next, sizeof(l->res->next), sort, s, (int)l->colc)) {
			l->res->next[0] = '\0';
			l->cut = true;
		}
	}
	l->res->next[0] = '\0';
	l->cut = false;
	return err == ENODATA ? 0 : err;
}

static int list_page(struct list *l, unsigned size, zx_q_row_h *h, void *arg)
{
	const struct zx_q_req *req = l->req;
	const bool after = l->cursor.sort[0];
	struct zx_stmt *s = NULL;
	struct zx_q_sql *q;
	int err;

	q = calloc(1, sizeof(*q));
	if (!q)
		return ENOMEM;
	l->colc = 0;
	add_cols(q, l, req->whole ? ZX_Q_SHOW : ZX_Q_LIST);
	add_sort_expr(q, l);
	zx_q_add(q, ", t.id");
	add_from(q, l->t);
	err = add_where(q, l);
	if (!err) {
		if (after)
			add_after(q, l);
		zx_q_add(q, " ORDER BY ");
		add_sort_expr(q, l);
		if (l->sort)
			zx_q_add(q, "%s, t.id", l->desc ? " DESC" : "");
		zx_q_add(q, "%s LIMIT :p%u", l->desc ? " DESC" : "", zx_q_param_int(q, (int64_t)size + 1));
		if (!after && l->offset)
			zx_q_add(q, " OFFSET :p%u", zx_q_param_int(q, l->offset));
		err = zx_q_prepare_scoped(&s, l->db, q, req->scope);
	}
	if (!err)
		err = list_rows(l, s, size, h, arg);
	free(q);
	return err;
}

static int list_sort(struct list *l)
{
	const char *key = l->req->sort;

	if (!key || !*key)
		return 0;
	l->desc = *key == '-';
	key += l->desc;
	if (!strcmp(key, "id"))
		return 0;
	l->sort = zx_q_col_find(l->t, key, strlen(key));
	return l->sort && l->sort->can & ZX_Q_SORT ? 0 : EINVAL;
}

static int list_init(struct list *l, struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, struct zx_q_result *res)
{
	memset(l, 0, sizeof(*l));
	l->db = db;
	l->t = t;
	l->req = req;
	l->res = res;
	memset(res, 0, sizeof(*res));
	res->total = -1;
	if (list_sort(l)) {
		res->bad = "sort";
		return EINVAL;
	}
	return 0;
}

static int list_after(struct list *l, const char *cursor)
{
	const char *sort = l->req->sort && *l->req->sort ? l->req->sort : "id";

	if (zx_q_cursor_read(&l->cursor, cursor) || strcmp(l->cursor.sort, sort)) {
		l->res->bad = "after";
		return EINVAL;
	}
	return 0;
}

int zx_q_list(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, zx_q_row_h *h, void *arg, struct zx_q_result *res)
{
	struct list *l;
	int err;

	l = malloc(sizeof(*l));
	if (!l)
		return ENOMEM;
	err = list_init(l, db, t, req, res);
	if (!err && (!req->size || req->size > ZX_Q_PAGE_MAX)) {
		res->bad = "size";
		err = EINVAL;
	}
	if (!err && req->page > PAGES_MAX) {
		res->bad = "page";
		err = EINVAL;
	}
	if (!err && req->after && *req->after)
		err = list_after(l, req->after);
	if (!err && req->count)
		err = list_count(l);
	l->offset = (int64_t)req->page * req->size;
	if (!err && res->total) /* a search that finds nothing is not made twice */
		err = list_page(l, req->size, h, arg);
	free(l);
	return err;
}

int zx_q_count(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, int64_t *n, const char **bad)
{
	struct zx_q_req r = *req;
	struct zx_q_result res;
	struct list *l;
	int err;

	l = malloc(sizeof(*l));
	if (!l)
		return ENOMEM;
	r.sort = NULL;
	err = list_init(l, db, t, &r, &res);
	if (!err)
		err = list_count(l);
	if (!err)
		*n = res.total;
	*bad = res.bad;
	free(l);
	return err;
}

int zx_q_ids(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, int64_t *ids, size_t max, size_t *n,
	     const char **bad)
{
	struct zx_q_req r = *req;
	struct zx_q_result res;
	struct zx_stmt *s = NULL;
	struct zx_q_sql *q = calloc(1, sizeof(*q));
	struct list *l = malloc(sizeof(*l));
	size_t count = 0;
	int err = q && l ? 0 : ENOMEM;

	*bad = NULL;
	if (err)
		goto out;
	r.sort = NULL;
	err = list_init(l, db, t, &r, &res);
	zx_q_add(q, "SELECT t.id");
	add_from(q, t);
	if (!err)
		err = add_where(q, l);
	*bad = res.bad;
	if (!err) {
		zx_q_add(q, " LIMIT :p%u", zx_q_param_int(q, (int64_t)max + 1));
		err = zx_q_prepare_scoped(&s, db, q, r.scope);
	}
	while (!err && !(err = zx_stmt_step(s))) {
		if (count == max)
			err = E2BIG;
		else
			ids[count++] = zx_col_int(s, 0);
	}
	if (s)
		zx_stmt_reset(s);
	if (err == ENODATA) {
		err = 0;
		*n = count;
	}
out:
	free(l);
	free(q);
	return err;
}

int zx_q_export(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_req *req, zx_q_row_h *h, void *arg, struct zx_q_result *res)
{
	struct zx_q_req r = *req;
	char next[ZX_Q_CURSOR];
	unsigned rows = 0;
	struct list *l;
	int err;

	l = malloc(sizeof(*l));
	if (!l)
		return ENOMEM;
	r.page = 0;
	err = list_init(l, db, t, &r, res);
	while (!err) {
		err = zx_db_begin_read(db, EXPORT_MS);
		if (err)
			break;
		err = list_page(l, EXPORT_ROWS, h, arg);
		zx_db_end_read(db);
		rows += res->rows;
		if (err || (!res->next[0] && !l->cut))
			break;
		l->offset = l->cut ? rows : 0;
		memcpy(next, res->next, sizeof(next));
		if (l->cut)
			memset(&l->cursor, 0, sizeof(l->cursor));
		else
			err = list_after(l, next);
	}
	res->rows = rows;
	free(l);
	return err;
}

int zx_q_get(struct zx_db *db, const struct zx_q_table *t, const struct zx_q_scope *scope, int64_t id, zx_q_row_h *h, void *arg)
{
	struct list *l;
	struct zx_q_sql *q;
	struct zx_stmt *s = NULL;
	int err;

	l = calloc(1, sizeof(*l));
	q = calloc(1, sizeof(*q));
	if (!l || !q) {
		err = ENOMEM;
		goto out;
	}
	l->t = t;
	add_cols(q, l, ZX_Q_GET);
	zx_q_add(q, "t.id");
	add_from(q, t);
	err = zx_q_add_scope(q, t, scope);
	if (err)
		goto out;
	zx_q_add(q, " AND t.id = :p%u", zx_q_param_int(q, id));
	err = zx_q_prepare_scoped(&s, db, q, scope);
	if (!err)
		err = zx_stmt_step(s);
	if (!err) {
		err = h(s, l->cols, l->colc, arg);
		zx_stmt_reset(s);
	} else if (err == ENODATA) {
		err = ENOENT;
	}
out:
	free(q);
	free(l);
	return err;
}
