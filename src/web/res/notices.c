/* 公告: everybody in the company reads them; "send" puts one on the screens of those who are in now. */
#include "web/res/res.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/audit.h"
#include "web/push/push.h"
#include "web/sys/sys.h"

enum { SHOWN = 20, GROUP_MAX = 5000 };

static const struct zx_q_col company_cols[] = {{"id", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL}};
static const struct zx_q_table companies = {.name = "companies", .company = "t.id", .cols = company_cols, .colc = 1};

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_INSERT, &companies},
    {"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    {"subject", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"body", NULL, ZX_Q_TEXT, ZX_Q_GET | ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"author", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_INSERT, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

static const struct zx_q_table table = {
    .name = "notices",
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
     .max = 100},
    {.key = "body", .type = ZX_F_TEXTAREA, .label = {"内容", "Text"}, .in = ZX_IN_FORM | ZX_IN_QUICK, .max = 10000},
    {.key = "author", .type = ZX_F_TEXT, .label = {"作者", "Author"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
    {.key = "read", .type = ZX_F_BOOL, .label = {"已读", "Read"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
};

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	char author[2 * ZX_NAME_LEN + ZX_NUM_LEN];

	(void)errors;
	if (!w->created)
		return 0;
	zx_write_int(w, "created", zx_wall_ms());
	zx_sys_author(&w->r->ses.user, author, sizeof(author));
	zx_write_text(w, "author", author);
	if (!zx_write_value(w, "company_id"))
		zx_write_int(w, "company_id", w->r->ses.user.company_id);
	return 0;
}

/* The number of unread ones may be another now; what it is, everybody asks for himself. */
static void changed(struct zx_web *web, const struct zx_resource *res)
{
	(void)res;
	zx_push_news(web->push, &(struct zx_push_whom){.company_id = 0}, "notice.changed", cJSON_CreateObject());
}

/* Which of a page's rows this person has read. */
static void rows_read(struct zx_req *r, cJSON *rows)
{
	int64_t from = INT64_MAX, to = 0;
	struct zx_stmt *s;
	cJSON *row;

	cJSON_ArrayForEach(row, rows)
	{
		const int64_t id = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "id"));
		from = id < from ? id : from;
		to = id > to ? id : to;
		cJSON_AddFalseToObject(row, "read");
	}
	if (!to || zx_stmt_get(&s, r->db, "notice_reads_of"))
		return;
	zx_bind_int(s, ":user", r->ses.user.id);
	zx_bind_int(s, ":from", from);
	zx_bind_int(s, ":to", to);
	while (!zx_stmt_step(s)) {
		cJSON_ArrayForEach(row, rows)
		{
			if (zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "id")) == zx_col_int(s, 0))
				cJSON_ReplaceItemInObjectCaseSensitive(row, "read", cJSON_CreateTrue());
		}
	}
	zx_stmt_reset(s);
}

/* ---- unread ones ---- */

void zx_notices_unread_h(struct zx_req *r)
{
	cJSON *js, *rows;
	struct zx_stmt *s;
	int64_t n = 0;
	int err = zx_stmt_get(&s, r->db, "notice_unread");

	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	js = cJSON_CreateObject();
	rows = cJSON_AddArrayToObject(js, "rows");
	zx_bind_int(s, ":company", r->ses.user.company_id);
	zx_bind_int(s, ":user", r->ses.user.id);
	while (!(err = zx_stmt_step(s))) {
		cJSON *row;

		if (n++ >= SHOWN)
			continue;
		row = cJSON_CreateObject();
		zx_json_add_int(row, "id", zx_col_int(s, 0));
		cJSON_AddStringToObject(row, "subject", zx_col_text(s, 1));
		cJSON_AddStringToObject(row, "author", zx_col_text(s, 2));
		zx_json_add_int(row, "created", zx_col_int(s, 3));
		cJSON_AddItemToArray(rows, row);
	}
	if (err != ENODATA) {
		cJSON_Delete(js);
		zx_reply_errno(r, err);
		return;
	}
	zx_json_add_int(js, "n", n);
	zx_reply_json(r, 200, js);
}

struct read_order {
	int64_t user, company, id;
};

static int op_read(struct zx_db *db, void *arg)
{
	const struct read_order *o = arg;
	struct zx_stmt *s;
	int err = 0;

	if (o->id) {
		err = zx_stmt_get(&s, db, "notice_exists");
		if (!err) {
			zx_bind_int(s, ":id", o->id);
			zx_bind_int(s, ":company", o->company);
			err = zx_stmt_step(s);
			zx_stmt_reset(s);
		}
	}
	if (!err)
		err = zx_stmt_get(&s, db, "notice_read");
	if (err)
		return err == ENODATA ? ENOENT : err;
	zx_bind_int(s, ":user", o->user);
	zx_bind_int(s, ":company", o->company);
	zx_bind_int(s, ":id", o->id);
	zx_bind_int(s, ":now", zx_wall_ms());
	return zx_stmt_run(s);
}

/* One (r->id), or all of the company. A system administrator reads those of any company. */
void zx_notices_read_h(struct zx_req *r)
{
	struct read_order o = {.user = r->ses.user.id, .company = r->ses.user.company_id, .id = r->id};
	cJSON *row = NULL;
	int err;

	if (r->id) {
		row = zx_resource_get(r, &zx_res_notices, r->id);
		if (!row)
			return;
		o.company = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "company_id"));
		cJSON_Delete(row);
	}
	err = zx_store_write_wait(r->web->env.store, op_read, &o);
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_empty(r, 204);
}

/* ---- at once ---- */

struct send_order {
	struct zx_audit audit;
};

static int op_send(struct zx_db *db, void *arg)
{
	const struct send_order *o = arg;

	return zx_audit_put(db, &o->audit);
}

/* Ids of the sender's department; none: he has no department. */
static int group_of(struct zx_req *r, int64_t *ids, unsigned *n)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, r->db, "notice_group");

	*n = 0;
	if (err)
		return err;
	zx_bind_int(s, ":user", r->ses.user.id);
	while (*n < GROUP_MAX && !(err = zx_stmt_step(s)))
		ids[(*n)++] = zx_col_int(s, 0);
	zx_stmt_reset(s);
	return err == ENODATA ? 0 : err;
}

static void send_h(struct zx_req *r)
{
	struct send_order o;
	struct zx_push_whom whom = {0};
	cJSON *row = zx_resource_get(r, &zx_res_notices, r->id), *js;
	const char *to = zx_req_param(r, "to");
	int64_t *ids = NULL; /* a worker has little stack */
	int err = 0;

	if (!row)
		return;
	if (*to && strcmp(to, "company") && strcmp(to, "department")) {
		cJSON_Delete(row);
		zx_bad_query(r, "to");
		return;
	}
	whom.company_id = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(row, "company_id"));
	if (!strcmp(to, "department")) {
		ids = malloc(GROUP_MAX * sizeof(*ids));
		err = ids ? group_of(r, ids, &whom.n_users) : ENOMEM;
		whom.users = ids;
	}
	o.audit = (struct zx_audit){.company_id = whom.company_id,
				    .user_id = r->ses.user.id,
				    .addr = r->peer.addr,
				    .resource = "notices",
				    .row_id = r->id,
				    .action = "send"};
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_send, &o);
	if (err) {
		free(ids);
		cJSON_Delete(row);
		zx_reply_errno(r, err);
		return;
	}
	js = cJSON_CreateObject();
	cJSON_DeleteItemFromObjectCaseSensitive(row, "read");
	cJSON_AddItemToObject(js, "notice", row);
	zx_push_news(r->web->push, &whom, "notice.new", js);
	free(ids);
	js = cJSON_CreateObject();
	cJSON_AddNumberToObject(js, "online", zx_push_online(r->web->push));
	zx_reply_json(r, 200, js);
}

static const struct zx_res_route routes[] = {
    {"POST", ":id/send", "send", send_h, {"实时发送", "Put it on the screens of those who are in"}, NULL, NULL},
};

const struct zx_resource zx_res_notices = {
    .name = "notices",
    .title = {"公告管理", "Announcements"},
    .group = {"公告管理", "Announcements"},
    .group_id = "notices",
    .icon = "bell",
    .table = &table,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "subject",
    .sort = "-created",
    .can = "list add edit delete send",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .prepare = prepare,
    .changed = changed,
    .rows = rows_read,
};
