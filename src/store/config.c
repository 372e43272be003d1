#include "store/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

const struct zx_config_table zx_config_tables[ZX_CONFIG_TABLES] = {
    {"prompts", NULL, NULL, {"file", NULL}},
    {"extensions", NULL, NULL, {"number", NULL}},
    {"trunks", NULL, NULL, {"name", NULL}},
    {"holiday_lists", NULL, NULL, {"name", NULL}},
    {"holiday_dates", "holiday_lists", "list_id", {NULL, NULL}},
    {"ivrs", NULL, NULL, {"number", "name"}},
    {"ivr_keys", "ivrs", "ivr_id", {NULL, NULL}},
    {"queues", NULL, NULL, {"number", "name"}},
    {"queue_members", "queues", "queue_id", {NULL, NULL}},
    {"time_conditions", NULL, NULL, {"name", NULL}},
    {"inbound_routes", NULL, NULL, {NULL, NULL}},
    {"outbound_routes", NULL, NULL, {"name", NULL}},
    {"conferences", NULL, NULL, {"number", NULL}},
    {"voicemail_boxes", NULL, NULL, {"name", NULL}},
};

int zx_config_table_find(const char *name)
{
	for (int i = 0; i < ZX_CONFIG_TABLES; i++)
		if (!strcmp(zx_config_tables[i].name, name))
			return i;
	return -1;
}

/* ---- writing a document ---- */

struct text {
	char *s;
	size_t len, cap;
	int err;
};

static void put(struct text *t, const char *s)
{
	const size_t n = strlen(s);

	if (t->err)
		return;
	if (t->len + n + 1 > t->cap) {
		const size_t cap = 2 * (t->len + n + 1);
		char *s2 = realloc(t->s, cap);

		if (!s2) {
			t->err = ENOMEM;
			return;
		}
		t->s = s2;
		t->cap = cap;
	}
	memcpy(t->s + t->len, s, n + 1);
	t->len += n;
}

/* The columns that documents have, as the table has them now: a new column needs nothing here. */
static int list_columns(struct zx_db *db, const char *table, char *json, char *args, size_t len)
{
	struct zx_stmt *s;
	char sql[160];
	int err;

	snprintf(sql, sizeof(sql), "SELECT name FROM pragma_table_info('%s') WHERE name NOT IN ('rev', 'company_id') ORDER BY cid", table);
	*json = *args = '\0';
	err = zx_stmt_text(&s, db, sql);
	while (!err && !(err = zx_stmt_step(s))) {
		const size_t nj = strlen(json), na = strlen(args);

		if (snprintf(json + nj, len - nj, "%s\"%s\"", nj ? "," : "", zx_col_text(s, 0)) >= (int)(len - nj) ||
		    snprintf(args + na, len - na, "%sk.%s", na ? ", " : "", zx_col_text(s, 0)) >= (int)(len - na))
			err = E2BIG;
	}
	return err == ENODATA ? *json ? 0 : ENOENT : err;
}

static int put_table(struct text *t, struct zx_db *db, const struct zx_config_table *tab, int64_t company_id)
{
	char json[1024], args[1024], sql[2048];
	struct zx_stmt *s;
	bool first = true;
	int err;

	err = list_columns(db, tab->name, json, args, sizeof(json));
	if (err)
		return err;
	if (tab->parent)
		snprintf(sql, sizeof(sql),
			 "SELECT json_array(%s) FROM %s k JOIN %s p ON p.id = k.%s WHERE p.company_id = :company ORDER BY k.%s, k.position",
			 args, tab->name, tab->parent, tab->parent_col, tab->parent_col);
	else
		snprintf(sql, sizeof(sql), "SELECT json_array(%s) FROM %s k WHERE k.company_id = :company ORDER BY k.id", args, tab->name);
	put(t, ",\n\"");
	put(t, tab->name);
	put(t, "\":{\"cols\":[");
	put(t, json);
	put(t, "],\"rows\":[");
	err = zx_stmt_text(&s, db, sql);
	if (err)
		return err;
	zx_bind_int(s, ":company", company_id);
	while (!(err = zx_stmt_step(s))) {
		put(t, first ? "\n" : ",\n");
		put(t, zx_col_text(s, 0));
		first = false;
	}
	put(t, "]}");
	return err == ENODATA ? t->err : err;
}

int zx_config_draft(struct zx_db *db, int64_t company_id, char **textp)
{
	struct text t = {0};
	char head[48];
	int err = 0;

	snprintf(head, sizeof(head), "{\"company\":%lld", (long long)company_id);
	put(&t, head);
	for (int i = 0; i < ZX_CONFIG_TABLES && !err; i++)
		err = put_table(&t, db, &zx_config_tables[i], company_id);
	put(&t, "}");
	if (!err)
		err = t.err;
	if (err)
		free(t.s);
	else
		*textp = t.s;
	return err;
}

static int one_doc(struct zx_db *db, const char *name, int64_t id, int64_t *ip, char **textp)
{
	struct zx_stmt *s;
	char *copy = NULL;
	int err;

	err = zx_stmt_get(&s, db, name);
	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (err)
		return err == ENODATA ? ENOENT : err;
	if (textp && !(copy = strdup(zx_col_text(s, 1))))
		err = ENOMEM;
	if (!err && ip)
		*ip = zx_col_int(s, 0);
	zx_stmt_reset(s);
	if (!err && textp)
		*textp = copy;
	return err;
}

int zx_config_applied(struct zx_db *db, int64_t company_id, int64_t *versionp, char **textp)
{
	return one_doc(db, textp ? "config_applied_doc" : "config_applied_version", company_id, versionp, textp);
}

int zx_config_version(struct zx_db *db, int64_t version, int64_t *company_idp, char **textp)
{
	return one_doc(db, "config_version_doc", version, company_idp, textp);
}

void zx_config_hash(char out[ZX_CONFIG_HASH], const char *text)
{
	uint8_t sum[32] = {0};

	EVP_Digest(text, strlen(text), sum, NULL, EVP_sha256(), NULL);
	for (unsigned i = 0; i < (ZX_CONFIG_HASH - 1) / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* ---- reading one ---- */

static int64_t whole(const cJSON *js)
{
	return cJSON_IsNumber(js) ? (int64_t)js->valuedouble : 0;
}

static int read_part(struct zx_config_part *p, const cJSON *js, const struct zx_config_table *tab)
{
	const cJSON *cols = cJSON_GetObjectItemCaseSensitive(js, "cols"), *rows = cJSON_GetObjectItemCaseSensitive(js, "rows"), *e;
	const char *key = tab->parent ? tab->parent_col : "id";
	unsigned at = ZX_CONFIG_COLS;

	if (!js) /* a table of later versions */
		return 0;
	cJSON_ArrayForEach(e, cols)
	{
		if (!cJSON_IsString(e) || p->colc == ZX_CONFIG_COLS)
			return EBADMSG;
		if (!strcmp(e->valuestring, key))
			at = p->colc;
		p->cols[p->colc++] = e->valuestring;
	}
	if (!cJSON_IsArray(rows) || at == ZX_CONFIG_COLS)
		return EBADMSG;
	p->rows = calloc((size_t)cJSON_GetArraySize(rows) + 1, sizeof(*p->rows));
	if (!p->rows)
		return ENOMEM;
	cJSON_ArrayForEach(e, rows)
	{
		struct zx_config_row *r = &p->rows[p->n];
		const cJSON *c = e->child;

		for (unsigned i = 0; c && i < at; i++)
			c = c->next;
		r->id = whole(c);
		r->cells = e->child;
		if (!cJSON_IsArray(e) || (p->n && r[-1].id > r->id) || (p->n && !tab->parent && r[-1].id == r->id))
			return EBADMSG;
		p->n++;
	}
	return 0;
}

int zx_config_doc_read(struct zx_config_doc **dp, const char *text)
{
	struct zx_config_doc *d = calloc(1, sizeof(*d));
	int err = 0;

	if (!d)
		return ENOMEM;
	if (text) {
		d->js = cJSON_Parse(text);
		if (!cJSON_IsObject(d->js))
			err = EBADMSG;
		d->company_id = whole(cJSON_GetObjectItemCaseSensitive(d->js, "company"));
	}
	for (int i = 0; i < ZX_CONFIG_TABLES && !err; i++)
		err = read_part(&d->parts[i], cJSON_GetObjectItemCaseSensitive(d->js, zx_config_tables[i].name), &zx_config_tables[i]);
	if (err)
		zx_config_doc_free(d);
	else
		*dp = d;
	return err;
}

void zx_config_doc_free(struct zx_config_doc *d)
{
	if (!d)
		return;
	for (int i = 0; i < ZX_CONFIG_TABLES; i++)
		free(d->parts[i].rows);
	cJSON_Delete(d->js);
	free(d);
}

/* The first row with this id or a higher one. */
static unsigned lower(const struct zx_config_part *p, int64_t id)
{
	unsigned lo = 0, hi = p->n;

	while (lo < hi) {
		const unsigned mid = (lo + hi) / 2;

		if (p->rows[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct zx_config_row *zx_config_row(const struct zx_config_part *p, int64_t id)
{
	const unsigned i = lower(p, id);

	return i < p->n && p->rows[i].id == id ? &p->rows[i] : NULL;
}

const struct zx_config_row *zx_config_children(const struct zx_config_part *p, int64_t parent, unsigned *n)
{
	const unsigned from = lower(p, parent);

	for (*n = 0; from + *n < p->n && p->rows[from + *n].id == parent; ++*n)
		;
	return p->rows + from;
}

const cJSON *zx_config_cell(const struct zx_config_part *p, const struct zx_config_row *row, const char *col)
{
	const cJSON *c = row->cells;

	for (unsigned i = 0; c && i < p->colc; i++, c = c->next)
		if (!strcmp(p->cols[i], col))
			return c;
	return NULL;
}

int64_t zx_config_int(const struct zx_config_part *p, const struct zx_config_row *row, const char *col)
{
	return whole(zx_config_cell(p, row, col));
}

const char *zx_config_text(const struct zx_config_part *p, const struct zx_config_row *row, const char *col)
{
	const char *s = cJSON_GetStringValue(zx_config_cell(p, row, col));

	return s ? s : "";
}

/* ---- differences ---- */

bool zx_config_cell_same(const cJSON *a, const cJSON *b)
{
	if (cJSON_IsString(a) && cJSON_IsString(b))
		return !strcmp(a->valuestring, b->valuestring);
	if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
		return a->valuedouble >= b->valuedouble && a->valuedouble <= b->valuedouble;
	return (!a || cJSON_IsNull(a)) && (!b || cJSON_IsNull(b));
}

static bool same_cols(const struct zx_config_part *a, const struct zx_config_part *b)
{
	for (unsigned i = 0; i < a->colc && a->colc == b->colc; i++)
		if (strcmp(a->cols[i], b->cols[i]) != 0)
			return false;
	return a->colc == b->colc;
}

/* aligned: both parts have the same columns, the usual case. Else only what both have is compared: a column that came with a newer
 * program is no change of anybody's. */
static bool same_row(const struct zx_config_part *pa, const struct zx_config_row *a, const struct zx_config_part *pb,
		     const struct zx_config_row *b, bool aligned)
{
	const cJSON *x = a->cells, *y = b->cells;

	if (aligned) {
		for (; x && y; x = x->next, y = y->next)
			if (!zx_config_cell_same(x, y))
				return false;
		return x == y;
	}
	for (unsigned i = 0; x && i < pa->colc; i++, x = x->next)
		if ((y = zx_config_cell(pb, b, pa->cols[i])) && !zx_config_cell_same(x, y))
			return false;
	return true;
}

struct walk {
	const struct zx_config_doc *a, *b;
	bool aligned[ZX_CONFIG_TABLES];
};

static bool same_children(const struct walk *w, int table, int64_t id)
{
	for (int k = 0; k < ZX_CONFIG_TABLES; k++) {
		const struct zx_config_table *tab = &zx_config_tables[k];
		const struct zx_config_row *ca, *cb;
		unsigned na, nb;

		if (!tab->parent || strcmp(tab->parent, zx_config_tables[table].name) != 0)
			continue;
		ca = zx_config_children(&w->a->parts[k], id, &na);
		cb = zx_config_children(&w->b->parts[k], id, &nb);
		if (na != nb)
			return false;
		for (unsigned i = 0; i < na; i++)
			if (!same_row(&w->a->parts[k], &ca[i], &w->b->parts[k], &cb[i], w->aligned[k]))
				return false;
	}
	return true;
}

static unsigned diff_table(const struct walk *w, int t, zx_config_diff_h *h, void *arg)
{
	const struct zx_config_part *pa = &w->a->parts[t], *pb = &w->b->parts[t];
	unsigned i = 0, k = 0, n = 0;

	while (i < pa->n || k < pb->n) {
		const struct zx_config_row *a = i < pa->n ? &pa->rows[i] : NULL, *b = k < pb->n ? &pb->rows[k] : NULL;

		if (a && b && a->id != b->id) {
			if (a->id < b->id)
				b = NULL;
			else
				a = NULL;
		}
		i += a != NULL;
		k += b != NULL;
		if (a && b && same_row(pa, a, pb, b, w->aligned[t]) && same_children(w, t, a->id))
			continue;
		n++;
		if (h)
			h(t, a, b, arg);
	}
	return n;
}

unsigned zx_config_diff(const struct zx_config_doc *before, const struct zx_config_doc *after, zx_config_diff_h *h, void *arg)
{
	struct walk w = {.a = before, .b = after};
	unsigned n = 0;

	for (int t = 0; t < ZX_CONFIG_TABLES; t++)
		w.aligned[t] = same_cols(&before->parts[t], &after->parts[t]);
	for (int t = 0; t < ZX_CONFIG_TABLES; t++)
		if (!zx_config_tables[t].parent)
			n += diff_table(&w, t, h, arg);
	return n;
}

int zx_config_unapplied(struct zx_db *db, int64_t company_id, unsigned *np)
{
	struct zx_config_doc *a = NULL, *b = NULL;
	char *draft = NULL, *applied = NULL;
	int err;

	err = zx_config_draft(db, company_id, &draft);
	if (!err)
		err = zx_config_applied(db, company_id, NULL, &applied);
	if (err == ENOENT)
		err = 0;
	if (!err && applied && !strcmp(draft, applied)) {
		*np = 0;
		goto out;
	}
	if (!err)
		err = zx_config_doc_read(&a, applied);
	if (!err)
		err = zx_config_doc_read(&b, draft);
	if (!err)
		*np = zx_config_diff(a, b, NULL, NULL);
out:
	zx_config_doc_free(a);
	zx_config_doc_free(b);
	free(draft);
	free(applied);
	return err;
}
