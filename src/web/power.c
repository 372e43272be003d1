#include "web/power.h"

#include <errno.h>
#include <string.h>

bool zx_power_covers(const struct zx_user *u, const char *scope, const char *rights)
{
	uint64_t set[ZX_RIGHTS_WORDS];
	const enum zx_scope s = zx_scope_parse(scope);

	zx_rights_parse(set, rights, s);
	return s <= u->scope && zx_rights_within(set, u->rights);
}

static int covered(struct zx_db *db, const struct zx_user *u, const char *query, int64_t id)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, query);

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (!err) {
		err = zx_power_covers(u, zx_col_text(s, 0), zx_col_text(s, 1)) ? 0 : EACCES;
		zx_stmt_reset(s);
	}
	return err == ENODATA ? ENOENT : err;
}

int zx_power_role(struct zx_db *db, const struct zx_user *u, int64_t role_id)
{
	return covered(db, u, "web_role", role_id);
}

int zx_power_user(struct zx_db *db, const struct zx_user *u, int64_t user_id)
{
	return covered(db, u, "web_user_role", user_id);
}

static int role_set(struct zx_db *db, int64_t id, enum zx_scope *scope, uint64_t set[ZX_RIGHTS_WORDS])
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_role");

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (err)
		return err == ENODATA ? ENOENT : err;
	*scope = zx_scope_parse(zx_col_text(s, 0));
	zx_rights_parse(set, zx_col_text(s, 1), *scope);
	zx_stmt_reset(s);
	return 0;
}

int zx_power_kept(struct zx_db *db, int64_t a, int64_t b, bool *kept)
{
	uint64_t set[2][ZX_RIGHTS_WORDS];
	enum zx_scope scope[2];
	int err = role_set(db, a, &scope[0], set[0]);

	if (!err)
		err = role_set(db, b, &scope[1], set[1]);
	if (!err)
		*kept = scope[0] <= scope[1] && zx_rights_within(set[0], set[1]);
	return err;
}

bool zx_power_last(struct zx_db *db, int64_t user_id)
{
	struct zx_stmt *s;
	bool last = false;

	if (zx_stmt_get(&s, db, "web_last_admin"))
		return true;
	zx_bind_int(s, ":id", user_id);
	if (!zx_stmt_step(s)) {
		last = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	return last;
}

static int end_sessions(struct zx_db *db, const char *query, int64_t id, const uint8_t *token)
{
	struct zx_stmt *s;
	const int err = zx_stmt_get(&s, db, query);

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	zx_bind_blob(s, ":token", token ? token : (const uint8_t *)"", token ? 32 : 0);
	return zx_stmt_run(s);
}

int zx_sessions_end_user(struct zx_db *db, int64_t user_id, const uint8_t *token)
{
	return end_sessions(db, "web_sessions_end_user", user_id, token);
}

int zx_sessions_end_role(struct zx_db *db, int64_t role_id, const uint8_t *token)
{
	return end_sessions(db, "web_sessions_end_role", role_id, token);
}
