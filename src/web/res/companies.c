/* 公司设置: tenants and their logos. */
#include "web/res/res.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/audit.h"
#include "web/push/push.h"
#include "web/res/logo.h"
#include "web/static.h"
#include "web/sys/config.h"

enum { LOGO_MAX = 256 << 10 };

#define FIND (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ)

static const struct zx_q_col cols[] = {
    {"id", NULL, ZX_Q_INT, FIND, NULL},
    {"code", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, FIND | ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_WRITE, NULL},
    {"logo", "CASE t.logo WHEN '' THEN '' ELSE '/api/v1/companies/' || t.id || '/logo?v=' || t.rev END", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    {"area_code", NULL, ZX_Q_TEXT, FIND | ZX_Q_NULL | ZX_Q_WRITE, NULL},
    {"users", "(SELECT count(*) FROM users u WHERE u.company_id = t.id)", ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"extensions", "(SELECT count(*) FROM extensions e WHERE e.company_id = t.id)", ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};

const struct zx_q_table zx_table_companies = {
    .name = "companies",
    .company = "t.id",
    .own = "t.id = (SELECT company_id FROM users WHERE id = :user)",
    .rev = "rev",
    .cols = cols,
    .colc = sizeof(cols) / sizeof(cols[0]),
};

static const char *check_code(const char *text)
{
	return strlen(text) == 6 ? NULL : "pattern";
}

static const char *check_area(const char *text)
{
	return strlen(text) >= 3 && *text == '0' ? NULL : "pattern";
}

static const struct zx_field fields[] = {
    {.key = "code",
     .type = ZX_F_DIGITS,
     .label = {"公司编号", "Number"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_UNIQUE | ZX_FF_GENERATE | ZX_FF_CREATE,
     .pattern = "^[0-9]{6}$",
     .check = check_code,
     .help_zh = "6 位数字，留空则自动生成",
     .help_en = "6 digits; left empty, one is made"},
    {.key = "name",
     .type = ZX_F_TEXT,
     .label = {"公司名称", "Company"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_QUICK | ZX_IN_ADV,
     .flags = ZX_FF_REQUIRED | ZX_FF_UNIQUE,
     .max = 60},
    {.key = "logo",
     .type = ZX_F_UPLOAD,
     .label = {"公司logo", "Logo"},
     .in = ZX_IN_LIST,
     .flags = ZX_FF_READONLY,
     .accept = ".png,.jpg,.jpeg,.webp"},
    {.key = "area_code",
     .type = ZX_F_DIGITS,
     .label = {"本地区号", "Area code"},
     .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,
     .min = 3,
     .max = 4,
     .pattern = "^0[0-9]{2,3}$",
     .check = check_area,
     .help_zh = "外地手机加 0 时以此判断本地",
     .help_en = "Mobiles from elsewhere are dialled with a leading 0"},
    {.key = "users", .type = ZX_F_INT, .label = {"用户数", "Users"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    {.key = "extensions", .type = ZX_F_INT, .label = {"分机数", "Extensions"}, .in = ZX_IN_LIST, .flags = ZX_FF_READONLY},
    {.key = "created", .type = ZX_F_DATETIME, .label = {"添加时间", "Added"}, .in = ZX_IN_LIST | ZX_IN_ADV, .flags = ZX_FF_READONLY},
};

/* ---- changes ---- */

static int prepare(struct zx_res_write *w, cJSON *errors)
{
	if (w->created && !errors->child)
		zx_write_int(w, "created", zx_wall_ms());
	return 0;
}

/* A free number. Nine hundred thousand of them: a few tries find one. */
static int order(struct zx_db *db, struct zx_res_write *w)
{
	char code[8];
	struct zx_stmt *s;
	uint32_t v;
	int err = 0;

	if (!w->created || zx_write_value(w, "code"))
		return 0;
	for (unsigned i = 0; i < 100 && !err; i++) {
		if (getrandom(&v, sizeof(v), 0) != sizeof(v))
			return EIO;
		snprintf(code, sizeof(code), "%06u", 100000 + v % 900000);
		err = zx_stmt_get(&s, db, "web_company_codes");
		if (err)
			return err;
		zx_bind_text(s, ":code", code);
		err = zx_stmt_step(s);
		zx_stmt_reset(s);
	}
	if (err != ENODATA)
		return err ? err : EEXIST;
	zx_write_text(w, "code", code);
	return 0;
}

/* Beside what refers to it by reference; its shipped roles go with it. */
static int users(struct zx_db *db, int64_t id, cJSON *used_by)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_company_uses");

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	while (!(err = zx_stmt_step(s))) {
		cJSON *u = cJSON_CreateObject();
		cJSON_AddStringToObject(u, "resource", zx_col_text(s, 0));
		zx_json_add_int(u, "id", zx_col_int(s, 1));
		cJSON_AddStringToObject(u, "label", zx_col_text(s, 2));
		cJSON_AddItemToArray(used_by, u);
	}
	return err == ENODATA ? 0 : err;
}

/* Nothing of a company is thrown away with it, not by force either: what the store does not keep together itself. */
static int remove_company(struct zx_db *db, struct zx_res_write *w)
{
	cJSON *list = cJSON_CreateArray();
	int err = users(db, w->id, list);

	if (!err && list->child)
		err = EBUSY;
	cJSON_Delete(list);
	return err;
}

static void changed(struct zx_web *web, const struct zx_resource *res)
{
	zx_push_recheck(web->push);
	zx_config_changed(web, res->name, 0); /* the phones of one that is gone */
}

/* ---- the logo: DATA/files/logo-ID-RANDOM.EXT, its name in the row ---- */

static const struct {
	const char *ext, *type;
} kinds[] = {{"png", "image/png"}, {"jpg", "image/jpeg"}, {"webp", "image/webp"}};

/* By what the file begins with. -1: none of them. */
static int kind_of(const char *p, size_t n)
{
	if (n > 24 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8) && !memcmp(p + 12, "IHDR", 4))
		return 0;
	if (n > 4 && !memcmp(p, "\xff\xd8\xff", 3))
		return 1;
	if (n > 16 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WEBPVP8", 7))
		return 2;
	return -1;
}

static void files_path(const struct zx_req *r, char *out, size_t len, const char *name)
{
	snprintf(out, len, "%s/files%s%s", r->web->env.data_dir, *name ? "/" : "", name);
}

static int save(const struct zx_req *r, const char *name, const char *p, size_t n)
{
	char path[PATH_MAX];
	int fd, err = 0;

	files_path(r, path, sizeof(path), "");
	if (mkdir(path, 0700) && errno != EEXIST)
		return errno;
	files_path(r, path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	while (n && !err) {
		const ssize_t k = write(fd, p, n);
		if (k < 0) {
			err = errno;
		} else {
			p += k;
			n -= (size_t)k;
		}
	}
	if (!err && fsync(fd))
		err = errno;
	close(fd);
	if (err)
		unlink(path);
	return err;
}

struct logo {
	struct zx_req *r;
	struct zx_q_scope scope;
	int64_t id;
	char name[64], old[64];
};

static int logo_row(struct zx_stmt *s, const struct zx_q_col *const *c, unsigned n, void *arg)
{
	(void)s;
	(void)c;
	(void)n;
	(void)arg;
	return 0;
}

static int logo_now(struct zx_db *db, int64_t id, char *out, size_t len)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_company_logo");

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (!err) {
		zx_strcpy(out, len, zx_col_text(s, 0));
		zx_stmt_reset(s);
	}
	return err == ENODATA ? ENOENT : err;
}

static int op_logo(struct zx_db *db, void *arg)
{
	struct logo *l = arg;
	struct zx_stmt *s;
	int err = zx_q_get(db, &zx_table_companies, &l->scope, l->id, logo_row, NULL);

	if (!err)
		err = logo_now(db, l->id, l->old, sizeof(l->old));
	if (!err)
		err = zx_stmt_get(&s, db, "web_company_logo_set");
	if (err)
		return err;
	zx_bind_int(s, ":id", l->id);
	zx_bind_text(s, ":logo", l->name);
	err = zx_stmt_run(s);
	return err ? err
		   : zx_audit_put(db, &(struct zx_audit){.company_id = l->id,
							 .user_id = l->r->ses.user.id,
							 .row_id = l->id,
							 .addr = l->r->peer.addr,
							 .resource = "companies",
							 .action = "logo"});
}

static int logo_put(struct zx_req *r, const char *name)
{
	struct logo l = {.r = r, .id = r->id};
	char path[PATH_MAX];
	int err;

	zx_scope_of(&l.scope, &r->ses.user);
	zx_strcpy(l.name, sizeof(l.name), name);
	err = zx_store_write_wait(r->web->env.store, op_logo, &l);
	const char *gone = err ? name : l.old;
	if (*gone && zx_path_safe(gone)) {
		files_path(r, path, sizeof(path), gone);
		unlink(path);
	}
	return err;
}

static void logo_post_h(struct zx_req *r)
{
	char *bytes = NULL, name[64];
	size_t len = 0;
	uint64_t v;

	if (zx_req_bytes(r, LOGO_MAX, &bytes, &len))
		return;
	const int kind = kind_of(bytes, len);
	if (kind < 0) {
		free(bytes);
		zx_reply_error(r, 415, "image", NULL, NULL);
		return;
	}
	int err = getrandom(&v, sizeof(v), 0) == sizeof(v) ? 0 : EIO;
	snprintf(name, sizeof(name), "logo-%lld-%016llx.%s", (long long)r->id, (unsigned long long)v, kinds[kind].ext);
	if (!err)
		err = save(r, name, bytes, len);
	free(bytes);
	if (!err)
		err = logo_put(r, name);
	if (err) {
		zx_reply_errno(r, err == EACCES ? ENOENT : err);
		return;
	}
	cJSON *row = zx_resource_get(r, &zx_res_companies, r->id);
	if (row)
		zx_reply_json(r, 200, row);
}

static void logo_delete_h(struct zx_req *r)
{
	const int err = logo_put(r, "");
	cJSON *row;

	if (err)
		zx_reply_errno(r, err == EACCES ? ENOENT : err);
	else if ((row = zx_resource_get(r, &zx_res_companies, r->id)))
		zx_reply_json(r, 200, row);
}

static void logo_send(struct zx_req *r, int64_t company_id)
{
	static const char HEAD[] = "Cache-Control: private, max-age=300\r\nContent-Disposition: inline\r\n";
	char name[64] = "", path[PATH_MAX];
	struct stat st;
	int fd = -1;

	if (!logo_now(r->db, company_id, name, sizeof(name)) && *name && zx_path_safe(name)) {
		files_path(r, path, sizeof(path), name);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	const char *ext = strrchr(name, '.'), *type = NULL;
	for (size_t i = 0; ext && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].ext, ext + 1))
			type = kinds[i].type;
	if (fd < 0 || !type || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
	} else {
		zx_reply_begin(r, 200, type, st.st_size, HEAD);
		zx_file_send(r, fd, 0, st.st_size);
	}
	if (fd >= 0)
		close(fd);
}

static void logo_get_h(struct zx_req *r)
{
	struct zx_q_scope scope;

	zx_scope_of(&scope, &r->ses.user);
	const int err = zx_q_get(r->db, &zx_table_companies, &scope, r->id, logo_row, NULL);
	if (err)
		zx_reply_errno(r, err == EACCES ? ENOENT : err);
	else
		logo_send(r, r->id);
}

void zx_logo_h(struct zx_req *r)
{
	logo_send(r, r->ses.user.company_id);
}

static const struct zx_res_route routes[] = {
    {"POST", ":id/logo", "edit", logo_post_h, {"上传logo", "Upload the logo: PNG, JPEG or WebP, 256 kB at most, as the body"}, NULL, NULL},
    {"GET", ":id/logo", "list", logo_get_h, {"公司logo", "The logo"}, "image/*", NULL},
    {"DELETE", ":id/logo", "edit", logo_delete_h, {"删除logo", "Remove the logo"}, NULL, NULL},
};

const struct zx_resource zx_res_companies = {
    .name = "companies",
    .title = {"公司设置", "Companies"},
    .group = {"权限管理", "Rights"},
    .group_id = "rights",
    .icon = "rights",
    .table = &zx_table_companies,
    .fields = fields,
    .fieldc = sizeof(fields) / sizeof(fields[0]),
    .label = "name",
    .sort = "code",
    .can = "list add edit delete export history",
    .routes = routes,
    .routec = sizeof(routes) / sizeof(routes[0]),
    .prepare = prepare,
    .order = order,
    .remove = remove_company,
    .changed = changed,
    .users = users,
};
