/* Where one number is at home, and where the company is. */
#include <stdio.h>

#include "base/text.h"
#include "crm/location.h"
#include "store/audit.h"
#include "web/sys/sys.h"

void zx_locations_find_h(struct zx_req *r)
{
	const char *number = zx_req_param(r, "number");
	char area[16] = "";
	struct zx_location at;
	struct zx_stmt *s;
	cJSON *js;

	if (!zx_location_find(number, &at)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	if (!zx_stmt_get(&s, r->db, "location_area")) {
		zx_bind_int(s, ":id", r->ses.user.company_id);
		if (!zx_stmt_step(s))
			zx_strcpy(area, sizeof(area), zx_col_text(s, 0));
		zx_stmt_reset(s);
	}
	js = cJSON_CreateObject();
	cJSON_AddStringToObject(js, "number", number);
	cJSON_AddStringToObject(js, "province", at.province);
	cJSON_AddStringToObject(js, "city", at.city);
	cJSON_AddStringToObject(js, "area_code", at.area_code);
	cJSON_AddStringToObject(js, "carrier", at.carrier);
	cJSON_AddBoolToObject(js, "mobile", at.mobile);
	if (*area)
		cJSON_AddBoolToObject(js, "local", zx_location_is_local(number, area));
	else
		cJSON_AddNullToObject(js, "local");
	zx_reply_json(r, 200, js);
}

static void area_reply(struct zx_req *r, int64_t company, const char *code)
{
	struct zx_location at = {.province = ""};
	cJSON *js = cJSON_CreateObject();

	(void)zx_location_area(code, &at);
	zx_json_add_int(js, "company_id", company);
	cJSON_AddStringToObject(js, "area_code", code);
	cJSON_AddStringToObject(js, "province", at.province);
	cJSON_AddStringToObject(js, "city", at.city);
	zx_reply_json(r, 200, js);
}

void zx_locations_area_get_h(struct zx_req *r)
{
	char code[16] = "";
	int64_t company;
	struct zx_stmt *s;

	if (!zx_sys_company(r, &company))
		return;
	if (!zx_stmt_get(&s, r->db, "location_area")) {
		zx_bind_int(s, ":id", company);
		if (!zx_stmt_step(s))
			zx_strcpy(code, sizeof(code), zx_col_text(s, 0));
		zx_stmt_reset(s);
	}
	area_reply(r, company, code);
}

struct area {
	struct zx_audit audit;
	int64_t company;
	const char *code;
};

static int op_area(struct zx_db *db, void *arg)
{
	const struct area *a = arg;
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "location_area_set");

	if (err)
		return err;
	zx_bind_int(s, ":id", a->company);
	zx_bind_text(s, ":area_code", a->code);
	err = zx_stmt_run(s);
	return err ? err : zx_audit_put(db, &a->audit);
}

void zx_locations_area_put_h(struct zx_req *r)
{
	struct zx_location at;
	struct area a;
	char note[64];
	int err;

	if (zx_req_body(r) || !zx_sys_company(r, &a.company))
		return;
	a.code = zx_sys_text(r, "area_code");
	if (!a.code || (*a.code && !zx_location_area(a.code, &at))) {
		zx_sys_field_error(r, "area_code", a.code ? "pattern" : "required");
		return;
	}
	snprintf(note, sizeof(note), "{\"area_code\":\"%s\"}", a.code);
	a.audit = (struct zx_audit){.company_id = a.company,
				    .user_id = r->ses.user.id,
				    .addr = r->peer.addr,
				    .resource = "companies",
				    .row_id = a.company,
				    .action = "edit",
				    .after = note};
	err = zx_store_write_wait(r->web->env.store, op_area, &a);
	if (err)
		zx_reply_errno(r, err);
	else
		area_reply(r, a.company, a.code);
}
