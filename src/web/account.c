#include "web/account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/audit.h"
#include "store/password.h"
#include "web/push/push.h"
#include "web/session.h"
#include "web/throttle.h"

enum { SEALED = 160, CODES = ZX_TOTP_RECOVERY * ZX_TOTP_HASH + 1, SESSIONS = 64 };

struct second_row {
	char totp[SEALED], codes[CODES], login[64];
	uint64_t step;
	int64_t company_id;
};

static int row_get(struct zx_db *db, int64_t user_id, struct second_row *row)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_totp");

	if (err)
		return err;
	zx_bind_int(s, ":id", user_id);
	err = zx_stmt_step(s);
	if (err)
		return err == ENODATA ? ENOENT : err;
	zx_strcpy(row->totp, sizeof(row->totp), zx_col_text(s, 0));
	row->step = (uint64_t)zx_col_int(s, 1);
	zx_strcpy(row->codes, sizeof(row->codes), zx_col_text(s, 2));
	zx_strcpy(row->login, sizeof(row->login), zx_col_text(s, 3));
	row->company_id = zx_col_int(s, 4);
	zx_stmt_reset(s);
	return 0;
}

static int row_set(struct zx_db *db, int64_t user_id, const char *totp, uint64_t step, const char *codes)
{
	struct zx_stmt *s;
	const int err = zx_stmt_get(&s, db, "web_totp_set");

	if (err)
		return err;
	zx_bind_int(s, ":id", user_id);
	zx_bind_text(s, ":totp", totp);
	zx_bind_int(s, ":step", (int64_t)step);
	zx_bind_text(s, ":codes", codes);
	return zx_stmt_run(s);
}

bool zx_second_on(const char *totp)
{
	return *totp && *totp != '?';
}

static int key_of(const struct zx_store *store, const char *sealed, uint8_t key[ZX_TOTP_KEY])
{
	char text[64];
	int err = zx_unseal(store, text, sizeof(text), sealed);

	if (!err && !zx_totp_unbase32(key, text))
		err = EBADMSG;
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}

int zx_second_check(struct zx_second *s, struct zx_store *store, struct zx_db *db, int64_t user_id, const char *code)
{
	struct second_row row;
	uint8_t key[ZX_TOTP_KEY];
	char list[CODES];
	int err = row_get(db, user_id, &row);

	*s = (struct zx_second){.user_id = user_id};
	if (err)
		return err;
	if (!zx_second_on(row.totp))
		return EACCES;
	if (zx_totp_recovery_hash(s->hash, zx_store_key(store), user_id, code)) {
		memcpy(list, row.codes, sizeof(list));
		return zx_totp_recovery_take(list, s->hash) ? 0 : EACCES;
	}
	s->hash[0] = '\0';
	err = key_of(store, row.totp, key);
	if (!err && !zx_totp_check(key, sizeof(key), (uint64_t)zx_wall_ms() / 1000, row.step, code, &s->step))
		err = EACCES;
	OPENSSL_cleanse(key, sizeof(key));
	return err;
}

int zx_second_use(struct zx_db *db, const struct zx_second *s)
{
	struct second_row row;
	struct zx_stmt *st;
	int err;

	if (!s->hash[0]) {
		err = zx_stmt_get(&st, db, "web_totp_step");
		if (err)
			return err;
		zx_bind_int(st, ":id", s->user_id);
		zx_bind_int(st, ":step", (int64_t)s->step);
		err = zx_stmt_run(st);
		return err ? err : zx_db_changes(db) == 1 ? 0 : EACCES;
	}
	err = row_get(db, s->user_id, &row);
	if (!err && !zx_totp_recovery_take(row.codes, s->hash))
		err = EACCES;
	if (!err)
		err = zx_stmt_get(&st, db, "web_totp_codes");
	if (err)
		return err;
	zx_bind_int(st, ":id", s->user_id);
	zx_bind_text(st, ":codes", row.codes);
	return zx_stmt_run(st);
}

/* ---- the page ---- */

/* A session's id outside: the first 48 bits of its token's hash say nothing about the token. */
static int64_t session_id(const void *token)
{
	const uint8_t *p = token;
	int64_t id = 0;

	for (unsigned i = 0; i < 6; i++)
		id = id << 8 | p[i];
	return id;
}

static unsigned count_codes(const char *list)
{
	unsigned n = *list != '\0';

	for (; *list; list++)
		n += *list == ' ';
	return n;
}

void zx_account_get(struct zx_req *r)
{
	struct second_row row;
	struct zx_stmt *s;
	cJSON *js, *list;
	size_t len;
	int err = row_get(r->db, r->ses.user.id, &row);

	if (!err)
		err = zx_stmt_get(&s, r->db, "web_sessions_of");
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	js = cJSON_CreateObject();
	cJSON_AddBoolToObject(js, "twoFactor", zx_second_on(row.totp));
	cJSON_AddNumberToObject(js, "codesLeft", count_codes(row.codes));
	list = cJSON_AddArrayToObject(js, "sessions");
	zx_bind_int(s, ":id", r->ses.user.id);
	const int64_t alive = zx_wall_ms() - (int64_t)r->web->env.conf->session_idle * 1000 - ZX_TOUCH_MS;
	while (!zx_stmt_step(s)) {
		const void *token = zx_col_blob(s, 0, &len);
		if (len != sizeof(r->ses.token) || zx_col_int(s, 3) < alive)
			continue;
		cJSON *o = cJSON_CreateObject();
		zx_json_add_int(o, "id", session_id(token));
		cJSON_AddStringToObject(o, "addr", zx_col_text(s, 1));
		cJSON_AddStringToObject(o, "agent", zx_col_text(s, 2));
		zx_json_add_int(o, "seen", zx_col_int(s, 3));
		zx_json_add_int(o, "created", zx_col_int(s, 4));
		cJSON_AddBoolToObject(o, "current", !memcmp(token, r->ses.token, len));
		cJSON_AddItemToArray(list, o);
	}
	zx_stmt_reset(s);
	zx_reply_json(r, 200, js);
}

struct account {
	struct zx_req *r;
	char totp[SEALED], codes[CODES];
	uint64_t step;
	const char *action; /* of the audit; NULL: none */
	uint8_t token[32];
};

static int audit(struct zx_db *db, const struct account *a)
{
	const struct zx_user *u = &a->r->ses.user;

	return zx_audit_put(db, &(struct zx_audit){.company_id = u->company_id,
						   .user_id = u->id,
						   .row_id = u->id,
						   .addr = a->r->peer.addr,
						   .resource = "users",
						   .action = a->action});
}

static int op_start(struct zx_db *db, void *arg)
{
	const struct account *a = arg;
	struct second_row row;
	int err = row_get(db, a->r->ses.user.id, &row);

	if (!err && zx_second_on(row.totp))
		err = EEXIST;
	return err ? err : row_set(db, a->r->ses.user.id, a->totp, 0, "");
}

static void percent(char *out, size_t len, const char *text)
{
	size_t n = 0;

	for (; *text && n + 4 < len; text++) {
		const unsigned char ch = (unsigned char)*text;
		if ((ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || strchr("-._~", ch))
			out[n++] = (char)ch;
		else
			n += (size_t)snprintf(out + n, len - n, "%%%02X", ch);
	}
	out[n] = '\0';
}

void zx_account_totp_start(struct zx_req *r)
{
	struct account a = {.r = r, .totp = "?"};
	uint8_t key[ZX_TOTP_KEY];
	char text[ZX_TOTP_TEXT], login[200], uri[400];
	int err = RAND_bytes(key, sizeof(key)) == 1 ? 0 : EIO;

	zx_totp_base32(text, key, sizeof(key));
	if (!err)
		err = zx_seal(r->web->env.store, a.totp + 1, sizeof(a.totp) - 1, text);
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_start, &a);
	if (err == EEXIST) {
		zx_reply_error(r, 409, "totp_on", NULL, NULL);
	} else if (err) {
		zx_reply_errno(r, err);
	} else {
		cJSON *js = cJSON_CreateObject();
		percent(login, sizeof(login), r->ses.user.login);
		snprintf(uri, sizeof(uri), "otpauth://totp/Zuoxi:%s?secret=%s&issuer=Zuoxi", login, text);
		cJSON_AddStringToObject(js, "secret", text);
		cJSON_AddStringToObject(js, "uri", uri);
		zx_reply_json(r, 200, js);
		OPENSSL_cleanse(uri, sizeof(uri));
	}
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(text, sizeof(text));
}

static int op_on(struct zx_db *db, void *arg)
{
	const struct account *a = arg;
	struct second_row row;
	int err = row_get(db, a->r->ses.user.id, &row);

	/* still the one that was proved */
	if (!err && (row.totp[0] != '?' || strcmp(row.totp + 1, a->totp)))
		err = ESTALE;
	if (!err)
		err = row_set(db, a->r->ses.user.id, a->totp, a->step, a->codes);
	return err ? err : audit(db, a);
}

/* Ten codes, and their hashes for the row. */
static int make_codes(const struct zx_req *r, cJSON *list, char hashes[CODES])
{
	char code[ZX_TOTP_CODE], hash[ZX_TOTP_HASH];
	size_t n = 0;
	int err = 0;

	for (unsigned i = 0; i < ZX_TOTP_RECOVERY && !err; i++) {
		err = zx_totp_recovery(code);
		if (err || !zx_totp_recovery_hash(hash, zx_store_key(r->web->env.store), r->ses.user.id, code))
			return err ? err : EIO;
		n += (size_t)snprintf(hashes + n, CODES - n, "%s%s", i ? " " : "", hash);
		cJSON_AddItemToArray(list, cJSON_CreateString(code));
	}
	OPENSSL_cleanse(code, sizeof(code));
	return err;
}

static void fault(struct zx_req *r, const char *key, const char *code)
{
	cJSON *fields = cJSON_CreateObject();

	cJSON_AddStringToObject(fields, key, code);
	zx_reply_error(r, 422, "invalid", fields, NULL);
}

/* The code proves that the authenticator has the secret. */
static int prove(struct zx_req *r, struct account *a, const char *code)
{
	struct second_row row;
	uint8_t key[ZX_TOTP_KEY];
	int err = row_get(r->db, r->ses.user.id, &row);

	if (!err && row.totp[0] != '?') {
		zx_reply_error(r, 409, zx_second_on(row.totp) ? "totp_on" : "totp_off", NULL, NULL);
		return EEXIST;
	}
	if (!err)
		err = key_of(r->web->env.store, row.totp + 1, key);
	if (err) {
		zx_reply_errno(r, err);
		return err;
	}
	if (!zx_totp_check(key, sizeof(key), (uint64_t)zx_wall_ms() / 1000, 0, code, &a->step)) {
		zx_throttle_code_failed(r->web->throttle, r->ses.user.login, zx_mono_ms());
		fault(r, "code", "wrong");
		err = EACCES;
	}
	zx_strcpy(a->totp, sizeof(a->totp), row.totp + 1);
	OPENSSL_cleanse(key, sizeof(key));
	return err;
}

void zx_account_totp_post(struct zx_req *r)
{
	struct account a = {.r = r, .action = "totpOn"};
	const uint64_t wait = zx_throttle_code_wait(r->web->throttle, r->ses.user.login, zx_mono_ms());

	if (zx_req_body(r))
		return;
	const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "code"));
	if (!code || !*code) {
		fault(r, "code", "required");
		return;
	}
	if (wait) {
		zx_throttled(r, wait);
		return;
	}
	if (prove(r, &a, code))
		return;
	cJSON *js = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(js, "codes");
	int err = make_codes(r, list, a.codes);
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_on, &a);
	if (!err) {
		zx_throttle_code_passed(r->web->throttle, r->ses.user.login);
		zx_reply_json(r, 200, js);
		return;
	}
	cJSON_Delete(js);
	if (err == ESTALE)
		zx_reply_error(r, 409, "totp_off", NULL, NULL);
	else
		zx_reply_errno(r, err);
}

static int op_off(struct zx_db *db, void *arg)
{
	const struct account *a = arg;
	const int err = row_set(db, a->r->ses.user.id, "", 0, "");

	return err ? err : audit(db, a);
}

void zx_account_totp_delete(struct zx_req *r)
{
	struct account a = {.r = r, .action = "totpOff"};
	const struct zx_user *u = &r->ses.user;
	const uint64_t wait = zx_throttle_wait(r->web->throttle, r->peer.addr, u->login, zx_mono_ms());

	if (zx_req_body(r))
		return;
	const char *password = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "password"));
	if (!password || !*password || strlen(password) > ZX_PASSWORD_MAX) {
		fault(r, "password", password && *password ? "wrong" : "required");
		return;
	}
	if (wait) {
		zx_throttled(r, wait);
		return;
	}
	if (!zx_session_proved(r, password)) {
		zx_throttle_failed(r->web->throttle, r->peer.addr, u->login, zx_mono_ms());
		fault(r, "password", "wrong");
		return;
	}
	const int err = zx_store_write_wait(r->web->env.store, op_off, &a);
	if (err)
		zx_reply_errno(r, err);
	else
		zx_reply_empty(r, 204);
}

/* ---- sessions ---- */

static int op_end(struct zx_db *db, void *arg)
{
	const struct account *a = arg;
	struct zx_stmt *s;
	const int err = zx_stmt_get(&s, db, "web_session_del");

	if (err)
		return err;
	zx_bind_blob(s, ":token", a->token, sizeof(a->token));
	return zx_stmt_run(s);
}

void zx_account_session_delete(struct zx_req *r)
{
	struct account a = {.r = r};
	struct zx_stmt *s;
	bool found = false;
	size_t len;
	int err = zx_stmt_get(&s, r->db, "web_sessions_of");

	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	zx_bind_int(s, ":id", r->ses.user.id);
	while (!found && !zx_stmt_step(s)) {
		const void *token = zx_col_blob(s, 0, &len);
		found = len == sizeof(a.token) && session_id(token) == r->id;
		if (found)
			memcpy(a.token, token, len);
	}
	zx_stmt_reset(s);
	err = found ? zx_store_write_wait(r->web->env.store, op_end, &a) : ENOENT;
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	zx_push_recheck(r->web->push);
	zx_reply_empty(r, 204);
}
