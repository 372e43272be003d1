/* What has become of a row: its audit, newest first. */
#include "web/resource/resource.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "web/mask.h"

/* Customers' numbers as this user may see them. */
static cJSON *seen(struct zx_req *r, const struct zx_resource *res, const char *text)
{
	cJSON *js = zx_json_parse(text, strlen(text)), *e, *next;

	if (!js)
		return cJSON_CreateNull();
	for (e = js->child; e && r->ses.user.mask; e = next) {
		const struct zx_field *f = zx_field_find(res, e->string);
		char hidden[256];
		next = e->next;
		if (!f || !(f->flags & ZX_FF_CUSTOMER) || !cJSON_IsString(e) || !zx_looks_number(e->valuestring) ||
		    zx_is_extension(r->db, e->valuestring))
			continue;
		zx_number_mask(hidden, sizeof(hidden), e->valuestring);
		cJSON_SetValuestring(e, hidden);
	}
	return js;
}

static int rows(struct zx_req *r, cJSON *list)
{
	const struct zx_resource *res = r->def;
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, r->db, "res_history");

	if (err)
		return err;
	zx_bind_text(s, ":resource", res->name);
	zx_bind_int(s, ":row_id", r->id);
	while (!(err = zx_stmt_step(s))) {
		cJSON *o = cJSON_CreateObject();
		zx_json_add_int(o, "id", zx_col_int(s, 0));
		zx_json_add_int(o, "at", zx_col_int(s, 1));
		cJSON_AddStringToObject(o, "user", zx_col_text(s, 2));
		cJSON_AddStringToObject(o, "name", zx_col_text(s, 3));
		cJSON_AddStringToObject(o, "addr", zx_col_text(s, 4));
		cJSON_AddStringToObject(o, "action", zx_col_text(s, 5));
		cJSON_AddItemToObject(o, "before", seen(r, res, zx_col_text(s, 6)));
		cJSON_AddItemToObject(o, "after", seen(r, res, zx_col_text(s, 7)));
		cJSON_AddItemToArray(list, o);
	}
	return err == ENODATA ? 0 : err;
}

void zx_resource_history_h(struct zx_req *r)
{
	cJSON *js, *row = zx_resource_get(r, r->def, r->id);
	int err;

	if (!row)
		return;
	cJSON_Delete(row);
	js = cJSON_CreateObject();
	zx_db_begin_read(r->db, ZX_READ_MS);
	err = rows(r, cJSON_AddArrayToObject(js, "rows"));
	zx_db_end_read(r->db);
	if (err) {
		cJSON_Delete(js);
		zx_reply_errno(r, err);
	} else {
		zx_reply_json(r, 200, js);
	}
}
