/*
 * 知识库: text without markup of its own; what the browser makes of it is the browser's. The search looks for the text as typed, in subject
 * and body: Chinese words are mostly of two characters, which an index of three (FTS5 trigram) cannot find, and looking through
 * 10,000 articles of 3 kB takes some 0.2 s.
 */
#include "web/res/res.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "web/sys/sys.h"

static const struct zx_q_col company_cols[] = {{"id", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL}};
static const struct zx_q_table companies = {.name = "companies", .company = "t.id", .cols = company_cols, .colc = 1};

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_INSERT, &companies},
    {"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    {"subject", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"category", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"body", NULL, ZX_Q_TEXT, ZX_Q_GET | ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"author", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_INSERT, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"updated", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_WRITE, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_table table = {
    .name = "articles",
    .joins = "LEFT JOIN companies c ON c.id = t.company_id",
    .company = "t.company_id",
    .own = "1",
    .rev = "rev",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const struct zx_field fields[] = {
    {.key = "created", .type = ZX_F_DATETIME, .label = {"添加时间", "Added"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "company_id",
     .type = ZX_F_REF,
     .label = {"公司名称", "Company"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .flags = ZX_FF_SYSTEM | ZX_FF_CREATE,
     .ref = "companies"},
    {.key = "subject",
     .type = ZX_F_TEXT,
     .label = {"主题", "Subject"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED,
     .max = 200},
    {.key = "category", .type = ZX_F_TEXT, .label = {"分类", "Category"}, .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV, .max = 40},
    {.key = "body",
     .type = ZX_F_TEXTAREA,
     .label = {"内容", "Text"},
     .in = ZX_IN_FORM | ZX_IN_QUICK,
     .max = 200000,
     .help_zh = "可用 # 标题、- 列表、**加粗**",
     .help_en = "# heading, - list and **bold** are shown as such"},
    {.key = "author", .type = ZX_F_TEXT, .label = {"作者", "Author"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "updated", .type = ZX_F_DATETIME, .label = {"修改时间", "Changed"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
};

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	const int64_t now = zx_wall_ms();
	char author[2 * ZX_NAME_LEN + ZX_NUM_LEN];

	(void)errors;
	zx_write_int(w, "updated", now);
	if (!w->created)
		return 0;
	zx_write_int(w, "created", now);
	zx_sys_author(&w->r->ses.user, author, sizeof(author));
	zx_write_text(w, "author", author);
	if (!zx_write_value(w, "company_id"))
		zx_write_int(w, "company_id", w->r->ses.user.company_id);
	return 0;
}

static void categories_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(js, "rows");
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, r->db, "article_categories");

	if (!err) {
		zx_bind_int(s, ":company", r->ses.user.scope == ZX_SCOPE_SYSTEM ? 0 : r->ses.user.company_id);
		while (!(err = zx_stmt_step(s))) {
			cJSON *row = cJSON_CreateObject();

			cJSON_AddStringToObject(row, "category", zx_col_text(s, 0));
			zx_json_add_int(row, "n", zx_col_int(s, 1));
			cJSON_AddItemToArray(rows, row);
		}
	}
	if (err == ENODATA) {
		zx_reply_json(r, 200, js);
		return;
	}
	cJSON_Delete(js);
	zx_reply_errno(r, err);
}

static const struct zx_res_route routes[] = {
    {"GET", "categories", "list", categories_h, {"分类", "Categories and how many articles each has"}, NULL, NULL},
};

const struct zx_resource zx_res_articles = {
    .name = "articles",
    .title = {"知识库", "Knowledge base"},
    .group = {"知识库", "Knowledge base"},
    .group_id = "kb",
    .icon = "book",
    .table = &table,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "subject",
    .sort = "-created",
    .can = "list add edit delete import export",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .prepare = prepare,
};
