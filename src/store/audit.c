#include "store/audit.h"

#include "base/clock.h"

static void bind_id(struct zx_stmt *s, const char *name, int64_t id)
{
	if (id)
		(void)zx_bind_int(s, name, id);
}

int zx_audit_put(struct zx_db *db, const struct zx_audit *a)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "audit_put");
	if (err)
		return err;
	zx_bind_int(s, ":at", zx_wall_ms());
	bind_id(s, ":company_id", a->company_id);
	bind_id(s, ":user_id", a->user_id);
	bind_id(s, ":row_id", a->row_id);
	zx_bind_text(s, ":addr", a->addr ? a->addr : "");
	zx_bind_text(s, ":resource", a->resource);
	zx_bind_text(s, ":action", a->action);
	zx_bind_text(s, ":before", a->before);
	zx_bind_text(s, ":after", a->after);
	return zx_stmt_run(s);
}
