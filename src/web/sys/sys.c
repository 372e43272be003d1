#include "web/sys/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/audit.h"

void zx_sys_author(const struct zx_user *u, char *out, size_t len)
{
	const char *name = u->name[0] ? u->name : u->login;

	if (u->ext[0])
		snprintf(out, len, "%s (%s)", u->ext, name);
	else
		snprintf(out, len, "%s", name);
}

bool zx_sys_company(struct zx_req *r, int64_t *id)
{
	const char *param = zx_req_param(r, "company_id");
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(r->body, "company_id");
	struct zx_stmt *s;
	int64_t want = 0;

	*id = r->ses.user.company_id;
	if (*param ? !zx_text_int(param, &want) : js && !cJSON_IsNull(js) && !(cJSON_IsNumber(js) && (want = zx_json_get_int(js)) > 0)) {
		zx_sys_field_error(r, "company_id", "reference");
		return false;
	}
	if (!want || want == *id)
		return true;
	if (r->ses.user.scope == ZX_SCOPE_SYSTEM && !zx_stmt_get(&s, r->db, "location_area")) {
		zx_bind_int(s, ":id", want);
		const bool there = !zx_stmt_step(s);
		zx_stmt_reset(s);
		if (there) {
			*id = want;
			return true;
		}
	}
	zx_reply_error(r, 404, "not_found", NULL, NULL);
	return false;
}

void zx_sys_field_error(struct zx_req *r, const char *key, const char *code)
{
	cJSON *fields = cJSON_CreateObject();

	cJSON_AddStringToObject(fields, key, code);
	zx_reply_error(r, 422, "invalid", fields, NULL);
}

const char *zx_sys_text(const struct zx_req *r, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, key));
}

static int op_audit(struct zx_db *db, void *arg)
{
	return zx_audit_put(db, arg);
}

int zx_sys_audit(struct zx_req *r, const char *action, const char *note)
{
	struct zx_audit a = {.company_id = r->ses.user.company_id,
			     .user_id = r->ses.user.id,
			     .addr = r->peer.addr,
			     .resource = "system",
			     .action = action,
			     .after = note};

	return zx_store_write_wait(r->web->env.store, op_audit, &a);
}
