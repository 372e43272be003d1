#include "web/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "store/audit.h"
#include "store/password.h"
#include "web/account.h"
#include "web/push/push.h"
#include "web/route.h"
#include "web/throttle.h"

enum { TOKEN = 32, CSRF = 16 };
static const int64_t LIFE_MS = 30LL * 86400 * 1000;

static const char *cookie_name(bool tls)
{
	/* other than the plain one: a browser lets no plain page overwrite a Secure cookie of the same name */
	return tls ? "__Host-zx_session" : "zx_session";
}

static bool cookie_token(const char *cookie, bool tls, char hex[2 * TOKEN + 1])
{
	const char *name = cookie_name(tls);
	const size_t nl = strlen(name);

	for (const char *p = cookie; p && *p;) {
		p += strspn(p, "; ");
		const size_t n = strcspn(p, ";");
		if (n == nl + 1 + 2 * TOKEN && !memcmp(p, name, nl) && p[nl] == '=') {
			memcpy(hex, p + nl + 1, 2 * TOKEN);
			hex[2 * TOKEN] = '\0';
			return true;
		}
		p += n;
	}
	return false;
}

static void user_row(struct zx_session *s, struct zx_stmt *st)
{
	struct zx_user *u = &s->user;

	memset(u, 0, sizeof(*u));
	u->id = zx_col_int(st, 0);
	u->company_id = zx_col_int(st, 1);
	zx_strcpy(u->login, sizeof(u->login), zx_col_text(st, 2));
	zx_strcpy(u->name, sizeof(u->name), zx_col_text(st, 3));
	zx_strcpy(u->company, sizeof(u->company), zx_col_text(st, 4));
	zx_strcpy(u->ext, sizeof(u->ext), zx_col_text(st, 5));
	zx_strcpy(u->role, sizeof(u->role), zx_col_text(st, 6));
	u->scope = zx_scope_parse(zx_col_text(st, 7));
	zx_rights_parse(u->rights, zx_col_text(st, 8), u->scope);
	u->pop = zx_col_int(st, 9);
	u->mask = zx_col_int(st, 10);
	u->must_change = zx_col_int(st, 11);
	zx_strcpy(s->csrf, sizeof(s->csrf), zx_col_text(st, 12));
	s->seen = zx_col_int(st, 13);
	u->role_id = zx_col_int(st, 15);
	u->totp = zx_col_int(st, 16);
}

int zx_session_reload(struct zx_session *s, struct zx_web *web)
{
	struct zx_db *db;
	struct zx_stmt *st;
	int err = zx_store_reader(web->env.store, &db);

	if (!err)
		err = zx_stmt_get(&st, db, "web_session");
	if (err)
		return err;
	zx_bind_blob(st, ":token", s->token, sizeof(s->token));
	err = zx_stmt_step(st);
	if (!err) {
		const int64_t now = zx_wall_ms(), idle = (int64_t)web->env.conf->session_idle * 1000 + ZX_TOUCH_MS;
		user_row(s, st);
		if (now - s->seen > idle || now - zx_col_int(st, 14) > LIFE_MS)
			err = ENODATA;
		zx_stmt_reset(st);
	}
	return err == ENODATA ? ENOENT : err;
}

int zx_session_load(struct zx_session *s, struct zx_web *web, const char *cookie, bool tls)
{
	char hex[2 * TOKEN + 1];
	uint8_t raw[TOKEN];

	if (!cookie_token(cookie, tls, hex) || zx_hex_decode(raw, sizeof(raw), hex))
		return ENOENT;
	SHA256(raw, sizeof(raw), s->token);
	return zx_session_reload(s, web);
}

/* ---- writing ---- */

struct touch {
	uint8_t token[32];
	int64_t now;
};

static int op_touch(struct zx_db *db, void *arg)
{
	const struct touch *t = arg;
	struct zx_stmt *s;
	const int err = zx_stmt_get(&s, db, "web_session_touch");

	if (err)
		return err;
	zx_bind_blob(s, ":token", t->token, sizeof(t->token));
	zx_bind_int(s, ":now", t->now);
	return zx_stmt_run(s);
}

void zx_session_touch(struct zx_session *s, struct zx_web *web)
{
	struct touch t = {.now = zx_wall_ms()};

	if (t.now - s->seen < ZX_TOUCH_MS)
		return;
	s->seen = t.now;
	memcpy(t.token, s->token, sizeof(t.token));
	zx_store_write(web->env.store, op_touch, NULL, &t, sizeof(t));
}

struct login {
	struct zx_audit audit;
	uint8_t token[32];
	char csrf[48], addr[64], agent[200];
	int64_t user_id, now, idle;
	const struct zx_second *second; /* NULL: none needed */
};

static int op_login(struct zx_db *db, void *arg)
{
	const struct login *l = arg;
	struct zx_stmt *s;
	int err = l->second ? zx_second_use(db, l->second) : 0;

	if (!err)
		err = zx_stmt_get(&s, db, "web_session_expire");
	if (err)
		return err;
	zx_bind_int(s, ":seen", l->now - l->idle);
	zx_bind_int(s, ":created", l->now - LIFE_MS);
	err = zx_stmt_run(s);
	if (!err)
		err = zx_stmt_get(&s, db, "web_session_add");
	if (err)
		return err;
	zx_bind_blob(s, ":token", l->token, sizeof(l->token));
	zx_bind_int(s, ":user_id", l->user_id);
	zx_bind_text(s, ":csrf", l->csrf);
	zx_bind_int(s, ":now", l->now);
	zx_bind_text(s, ":addr", l->addr);
	zx_bind_text(s, ":agent", l->agent);
	err = zx_stmt_run(s);
	if (!err)
		err = zx_stmt_get(&s, db, "web_session_trim");
	if (err)
		return err;
	zx_bind_int(s, ":user_id", l->user_id);
	err = zx_stmt_run(s);
	return err ? err : zx_audit_put(db, &l->audit);
}

static int op_logout(struct zx_db *db, void *arg)
{
	const struct zx_session *ses = arg;
	struct zx_stmt *s;
	const int err = zx_stmt_get(&s, db, "web_session_del");

	if (err)
		return err;
	zx_bind_blob(s, ":token", ses->token, sizeof(ses->token));
	return zx_stmt_run(s);
}

struct change {
	struct zx_audit audit;
	const struct zx_session *ses;
	char hash[ZX_PASSWORD_HASH_LEN];
};

static int op_password(struct zx_db *db, void *arg)
{
	const struct change *c = arg;
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "web_password_set");

	if (err)
		return err;
	zx_bind_int(s, ":id", c->ses->user.id);
	zx_bind_text(s, ":password", c->hash);
	err = zx_stmt_run(s);
	if (!err)
		err = zx_stmt_get(&s, db, "web_session_del_others");
	if (err)
		return err;
	zx_bind_int(s, ":user_id", c->ses->user.id);
	zx_bind_blob(s, ":token", c->ses->token, sizeof(c->ses->token));
	err = zx_stmt_run(s);
	return err ? err : zx_audit_put(db, &c->audit);
}

/* ---- rules ---- */

bool zx_password_weak(const char *password, const char *login)
{
	static const char *const worst[] = {
	    "1234567890",  "12345678",   "123456789",  "password", "password1",    "password123",   "qwertyuiop",  "qwerty123",
	    "1q2w3e4r5t",  "1q2w3e4r",   "abc123456",  "admin123", "admin12345",   "administrator", "iloveyou123", "0123456789",
	    "0987654321",  "1111111111", "a123456789", "1qaz2wsx", "1qaz2wsx3edc", "zaq12wsx",      "woaini1314",  "5201314520",
	    "changeme123", "welcome123", "passw0rd",   "p@ssw0rd", "qwer1234",     "asdf1234",      "zuoxi12345"};
	unsigned kinds = 0, chars = 0, distinct = 0;
	bool seen[256] = {false};

	for (const char *p = password; *p; p++) {
		const unsigned char ch = (unsigned char)*p;
		if ((ch & 0xc0) != 0x80)
			chars++;
		kinds |= islower(ch) ? 1u : isupper(ch) ? 2u : isdigit(ch) ? 4u : 8u;
		distinct += !seen[ch];
		seen[ch] = true;
	}
	if (strlen(password) > ZX_PASSWORD_MAX || !strcasecmp(password, login) || distinct < 4)
		return true;
	if (chars < 10 && !(chars >= 8 && __builtin_popcount(kinds) >= 3))
		return true;
	for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++)
		if (!strcasecmp(password, worst[i]))
			return true;
	return false;
}

bool zx_origin_ok(const char *origin, const char *host, bool must)
{
	const char *p;

	if (!origin || !*origin)
		return !must;
	p = strstr(origin, "://");
	return p && host && !strcasecmp(p + 3, host);
}

/* ---- handlers ---- */

static void zone_name(char *out, size_t len)
{
	char link[256];
	const char *env = getenv("TZ"), *p;
	const ssize_t n = readlink("/etc/localtime", link, sizeof(link) - 1);

	if (env && *env) {
		snprintf(out, len, "%s", *env == ':' ? env + 1 : env);
		return;
	}
	link[n > 0 ? n : 0] = '\0';
	p = strstr(link, "zoneinfo/");
	snprintf(out, len, "%s", p ? p + 9 : "UTC");
}

static void add_right(const char *right, void *arg)
{
	cJSON *list = arg;

	cJSON_AddItemToArray(list, cJSON_CreateString(right));
}

static cJSON *session_json(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	const struct zx_conf *conf = r->web->env.conf;
	char tz[128];
	cJSON *js = cJSON_CreateObject(), *user = cJSON_AddObjectToObject(js, "user"), *server;

	zx_json_add_int(user, "id", u->id);
	cJSON_AddStringToObject(user, "login", u->login);
	cJSON_AddStringToObject(user, "name", u->name);
	zx_json_add_int(user, "company_id", u->company_id);
	cJSON_AddStringToObject(user, "company", u->company);
	cJSON_AddStringToObject(user, "extension", u->ext);
	cJSON_AddStringToObject(user, "role", u->role);
	cJSON_AddStringToObject(user, "scope", zx_scope_name(u->scope));
	cJSON_AddBoolToObject(user, "pop", u->pop);
	cJSON_AddBoolToObject(user, "mask_numbers", u->mask);
	cJSON_AddStringToObject(js, "csrf", r->ses.csrf);
	cJSON_AddBoolToObject(js, "mustChange", u->must_change);
	cJSON_AddBoolToObject(js, "twoFactor", u->totp);
	cJSON_AddStringToObject(js, "lang", r->lang == ZX_LANG_EN ? "en" : "zh-CN");
	zx_route_rights(u->rights, add_right, cJSON_AddArrayToObject(js, "rights"));
	server = cJSON_AddObjectToObject(js, "server");
	cJSON_AddStringToObject(server, "version", ZX_VERSION);
	cJSON_AddNumberToObject(server, "sipPort", conf->sip_port);
	cJSON_AddNumberToObject(server, "sipTlsPort", conf->sip_tls_port);
	cJSON_AddStringToObject(server, "realm", conf->sip_realm);
	zone_name(tz, sizeof(tz));
	cJSON_AddStringToObject(server, "tz", tz);
	return js;
}

void zx_session_get(struct zx_req *r)
{
	zx_reply_json(r, 200, session_json(r));
}

void zx_throttled(struct zx_req *r, uint64_t wait)
{
	char head[64];

	snprintf(head, sizeof(head), "Retry-After: %u\r\n", (unsigned)(wait / 1000 + 1));
	zx_strcpy(r->set_cookie, sizeof(r->set_cookie), head);
	zx_reply_error(r, 429, "throttled", NULL, NULL);
}

/* 0 and who it is, ENOENT: no. The same work whether the login exists or not. */
static int check_login(struct zx_req *r, const char *login, const char *password, int64_t *id, int64_t *company_id, bool *second)
{
	char hash[ZX_PASSWORD_HASH_LEN] = "";
	bool active = false;
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, r->db, "web_login");

	if (err)
		return err;
	zx_bind_text(s, ":login", login);
	err = zx_stmt_step(s);
	if (!err) {
		*id = zx_col_int(s, 0);
		zx_strcpy(hash, sizeof(hash), zx_col_text(s, 1));
		active = zx_col_int(s, 2);
		*company_id = zx_col_int(s, 3);
		*second = zx_second_on(zx_col_text(s, 4));
		zx_stmt_reset(s);
	} else if (err != ENODATA) {
		return err;
	}
	const bool ok = zx_password_verify(err ? NULL : hash, password);
	return ok && !err && active ? 0 : ENOENT;
}

static int session_make(struct zx_req *r, int64_t user_id, int64_t company_id, const struct zx_second *second)
{
	uint8_t raw[TOKEN], csrf[CSRF];
	char hex[2 * TOKEN + 1];
	const char *agent = zx_req_header(r, "User-Agent");
	struct login l = {.user_id = user_id, .now = zx_wall_ms(), .second = second};
	int err;

	if (RAND_bytes(raw, sizeof(raw)) != 1 || RAND_bytes(csrf, sizeof(csrf)) != 1)
		return EIO;
	SHA256(raw, sizeof(raw), l.token);
	zx_hex_encode(hex, raw, sizeof(raw));
	zx_hex_encode(l.csrf, csrf, sizeof(csrf));
	zx_strcpy(l.addr, sizeof(l.addr), r->peer.addr);
	zx_strcpy(l.agent, sizeof(l.agent), agent ? agent : "");
	l.idle = (int64_t)r->web->env.conf->session_idle * 1000 + ZX_TOUCH_MS;
	l.audit = (struct zx_audit){.company_id = company_id, .user_id = user_id, .addr = l.addr, .resource = "session", .action = "login"};
	err = zx_store_write_wait(r->web->env.store, op_login, &l);
	if (err)
		return err;
	memcpy(r->ses.token, l.token, sizeof(l.token));
	snprintf(r->set_cookie, sizeof(r->set_cookie), "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Strict%s\r\n",
		 cookie_name(r->peer.tls), hex, r->peer.tls ? "; Secure" : "");
	explicit_bzero(raw, sizeof(raw));
	return zx_session_reload(&r->ses, r->web);
}

static void login_failed(struct zx_req *r, const char *login, const char *code)
{
	static struct zx_log_site site;

	zx_throttle_failed(r->web->throttle, r->peer.addr, login, zx_mono_ms());
	zx_log_limited(&site, 20, ZX_WARN, "web", "login failed (%s) for \"%s\" from %s", code, login, r->peer.addr);
	zx_reply_error(r, 401, code, NULL, NULL);
}

/* The password was right; the second factor is to follow. Replies unless 0. */
static int login_second(struct zx_req *r, struct zx_second *second, int64_t id, const char *login)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(r->body, "code");
	const uint64_t wait = zx_throttle_code_wait(r->web->throttle, login, zx_mono_ms());
	int err;

	if (!cJSON_IsString(js) || !*js->valuestring) {
		zx_reply_error(r, 401, "totp", NULL, NULL);
		return EACCES;
	}
	if (wait) {
		zx_throttled(r, wait);
		return EAGAIN;
	}
	err = zx_second_check(second, r->web->env.store, r->db, id, js->valuestring);
	if (err == EACCES) {
		zx_throttle_code_failed(r->web->throttle, login, zx_mono_ms());
		login_failed(r, login, "totp");
	} else if (err) {
		zx_reply_errno(r, err);
	}
	return err;
}

static void login_run(struct zx_req *r, const char *login, const char *password)
{
	int64_t id = 0, company_id = 0;
	struct zx_second second;
	bool two = false;
	int err = check_login(r, login, password, &id, &company_id, &two);

	if (err == ENOENT) {
		login_failed(r, login, "bad_login");
		return;
	}
	if (!err && two && login_second(r, &second, id, login))
		return;
	if (!err)
		err = session_make(r, id, company_id, two ? &second : NULL);
	if (err == EACCES) { /* the code was used by somebody else meanwhile */
		zx_throttle_code_failed(r->web->throttle, login, zx_mono_ms());
		login_failed(r, login, "totp");
		return;
	}
	if (err) {
		zx_reply_errno(r, err == ENOENT ? EBUSY : err);
		return;
	}
	if (two)
		zx_throttle_code_passed(r->web->throttle, login);
	zx_throttle_passed(r->web->throttle, r->peer.addr, login);
	zx_reply_json(r, 200, session_json(r));
}

void zx_session_post(struct zx_req *r)
{
	if (zx_req_body(r))
		return;
	const char *login = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "login"));
	const char *password = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "password"));
	if (!login || !password || !*login || strlen(login) > 63 || strlen(password) > ZX_PASSWORD_MAX) {
		zx_reply_error(r, 401, "bad_login", NULL, NULL);
		return;
	}
	const uint64_t wait = zx_throttle_wait(r->web->throttle, r->peer.addr, login, zx_mono_ms());
	if (wait)
		zx_throttled(r, wait);
	else
		login_run(r, login, password);
}

void zx_session_delete(struct zx_req *r)
{
	const int err = zx_store_write_wait(r->web->env.store, op_logout, &r->ses);

	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	zx_push_recheck(r->web->push);
	snprintf(r->set_cookie, sizeof(r->set_cookie), "Set-Cookie: %s=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict%s\r\n",
		 cookie_name(r->peer.tls), r->peer.tls ? "; Secure" : "");
	zx_reply_empty(r, 204);
}

bool zx_session_proved(struct zx_req *r, const char *password)
{
	char hash[ZX_PASSWORD_HASH_LEN] = "";
	struct zx_stmt *s;

	if (zx_stmt_get(&s, r->db, "web_password"))
		return false;
	zx_bind_int(s, ":id", r->ses.user.id);
	if (zx_stmt_step(s))
		return false;
	zx_strcpy(hash, sizeof(hash), zx_col_text(s, 0));
	zx_stmt_reset(s);
	return zx_password_verify(hash, password);
}

void zx_session_password(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	struct change c = {.ses = &r->ses};
	cJSON *fields = NULL;

	if (zx_req_body(r))
		return;
	const char *old = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "old"));
	const char *neu = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "new"));
	const uint64_t wait = zx_throttle_wait(r->web->throttle, r->peer.addr, u->login, zx_mono_ms());
	if (wait) {
		zx_throttled(r, wait);
		return;
	}
	fields = cJSON_CreateObject();
	if (!old || !*old) {
		cJSON_AddStringToObject(fields, "old", "required");
	} else if (!zx_session_proved(r, old)) {
		zx_throttle_failed(r->web->throttle, r->peer.addr, u->login, zx_mono_ms());
		cJSON_AddStringToObject(fields, "old", "wrong");
	}
	if (!neu || !*neu)
		cJSON_AddStringToObject(fields, "new", "required");
	else if (zx_password_weak(neu, u->login) || (old && !strcmp(old, neu)))
		cJSON_AddStringToObject(fields, "new", "weak");
	if (fields->child) {
		zx_reply_error(r, 422, "invalid", fields, NULL);
		return;
	}
	cJSON_Delete(fields);
	c.audit = (struct zx_audit){.company_id = u->company_id,
				    .user_id = u->id,
				    .row_id = u->id,
				    .addr = r->peer.addr,
				    .resource = "users",
				    .action = "password"};
	int err = zx_password_hash(c.hash, sizeof(c.hash), neu);
	if (!err)
		err = zx_store_write_wait(r->web->env.store, op_password, &c);
	if (err) {
		zx_reply_errno(r, err);
		return;
	}
	zx_push_recheck(r->web->push);
	zx_reply_empty(r, 204);
}
