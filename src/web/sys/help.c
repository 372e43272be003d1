/*
 * 使用帮助: where a phone registers, and a QR code that sets one up. No picture holds a password for long: Linphone's holds an address that
 * gives the account once, within ten minutes; Grandstream Wave knows no other way than the account itself in the picture.
 */
#include "web/sys/sys.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <qrencode.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/audit.h"
#include "web/sys/sys_priv.h"

enum { TOKENS = 64, TOKEN_LEN = 32, TOKEN_MS = 600000, HOST_LEN = 128, SECRET_LEN = 128 };

/* ---- accounts on their way to a phone ---- */

static struct {
	pthread_mutex_t lock;
	struct token {
		char token[TOKEN_LEN + 1]; /* "": free */
		uint64_t until;
		int64_t extension;
		char host[HOST_LEN];
	} v[TOKENS];
} tokens = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int token_make(int64_t extension, const char *host, char out[TOKEN_LEN + 1])
{
	uint8_t raw[TOKEN_LEN / 2];
	struct token *t = &tokens.v[0];

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return EIO;
	zx_hex_encode(out, raw, sizeof(raw));
	pthread_mutex_lock(&tokens.lock);
	for (unsigned i = 0; i < TOKENS; i++)
		if (tokens.v[i].until < t->until) /* the oldest, or a free one */
			t = &tokens.v[i];
	zx_strcpy(t->token, sizeof(t->token), out);
	zx_strcpy(t->host, sizeof(t->host), host);
	t->extension = extension;
	t->until = zx_mono_ms() + TOKEN_MS;
	pthread_mutex_unlock(&tokens.lock);
	return 0;
}

static bool token_take(const char *token, int64_t *extension, char host[HOST_LEN])
{
	bool found = false;

	if (strlen(token) != TOKEN_LEN)
		return false;
	pthread_mutex_lock(&tokens.lock);
	for (unsigned i = 0; i < TOKENS; i++) {
		struct token *t = &tokens.v[i];

		if (!t->until || CRYPTO_memcmp(t->token, token, TOKEN_LEN) != 0)
			continue;
		found = t->until > zx_mono_ms();
		*extension = t->extension;
		zx_strcpy(host, HOST_LEN, t->host);
		memset(t, 0, sizeof(*t));
	}
	pthread_mutex_unlock(&tokens.lock);
	return found;
}

/* ---- where we are ---- */

/* Host of the request without its port: what the browser reached us by, a phone on the same network does too. */
static void host_of(struct zx_req *r, char *out, size_t len)
{
	const char *host = zx_req_header(r, "Host");
	const char *end;

	host = host ? host : "";
	if (*host == '[') {
		end = strchr(host, ']');
		zx_strcpy_len(out, len, host + 1, end ? (size_t)(end - host - 1) : 0);
		return;
	}
	end = strrchr(host, ':');
	zx_strcpy_len(out, len, host, end ? (size_t)(end - host) : strlen(host));
}

static bool host_ok(const char *host)
{
	return *host && strlen(host) < HOST_LEN &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_") == strlen(host);
}

static void add_addresses(cJSON *js, const struct zx_conf *conf)
{
	cJSON *list = cJSON_AddArrayToObject(js, "addresses");
	char text[NI_MAXHOST];
	struct ifaddrs *ifs;

	if (*conf->sip_external_addr)
		cJSON_AddItemToArray(list, cJSON_CreateString(conf->sip_external_addr));
	if (getifaddrs(&ifs))
		return;
	for (const struct ifaddrs *f = ifs; f; f = f->ifa_next) {
		const int af = f->ifa_addr ? f->ifa_addr->sa_family : AF_UNSPEC;

		if ((af != AF_INET && af != AF_INET6) || f->ifa_flags & IFF_LOOPBACK || !(f->ifa_flags & IFF_UP))
			continue;
		if (getnameinfo(f->ifa_addr, af == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6), text, sizeof(text),
				NULL, 0, NI_NUMERICHOST))
			continue;
		if (strchr(text, '%')) /* link-local: a phone would have to name the interface */
			continue;
		if (!strcmp(conf->sip_listen, "*") || strstr(conf->sip_listen, text))
			cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
	freeifaddrs(ifs);
}

/* ---- the page ---- */

static void add_apps(cJSON *js)
{
	static const struct {
		const char *id, *name;
		struct zx_text note;
	} apps[] = {
	    {"linphone",
	     "Linphone",
	     {"手机或电脑上的 Linphone：选择“获取远程配置”并扫描。地址十分钟内有效，只能用一次",
	      "Linphone on a phone or computer: choose \"fetch remote configuration\" and scan. The address is good for ten minutes, "
	      "once"}},
	    {"gswave",
	     "Grandstream Wave",
	     {"Grandstream Wave：添加账号，选择“扫描二维码（UCM）”。二维码中含有密码，请勿外传",
	      "Grandstream Wave: add an account, \"UCM account (scan QR code)\". The picture holds the password: do not pass it on"}},
	    {"manual",
	     "其他话机",
	     {"其他软电话和话机：照下面的参数填写。二维码只含 SIP 地址，不含密码",
	      "Other phones and applications: enter the settings below. The picture holds the SIP address only, no password"}},
	};
	cJSON *list = cJSON_AddArrayToObject(js, "apps");

	for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "id", apps[i].id);
		cJSON_AddStringToObject(o, "name", apps[i].name);
		cJSON_AddItemToObject(o, "note", zx_text_json(&apps[i].note));
		cJSON_AddItemToArray(list, o);
	}
}

static void add_codecs(cJSON *js)
{
	static const char *const names[] = {"PCMA (G.711a)", "PCMU (G.711u)", "G.722", "G.729"};

	cJSON_AddItemToObject(js, "codecs", cJSON_CreateStringArray(names, sizeof(names) / sizeof(names[0])));
}

static cJSON *own_extension(struct zx_req *r)
{
	struct zx_stmt *s;
	cJSON *o = NULL;

	if (!r->ses.user.ext[0] || zx_stmt_get(&s, r->db, "help_extension_of"))
		return cJSON_CreateNull();
	zx_bind_int(s, ":user", r->ses.user.id);
	if (!zx_stmt_step(s)) {
		o = cJSON_CreateObject();
		zx_json_add_int(o, "id", zx_col_int(s, 0));
		cJSON_AddStringToObject(o, "number", zx_col_text(s, 1));
		cJSON_AddStringToObject(o, "name", zx_col_text(s, 2));
	}
	zx_stmt_reset(s);
	return o ? o : cJSON_CreateNull();
}

void zx_help_h(struct zx_req *r)
{
	const struct zx_conf *conf = r->web->env.conf;
	cJSON *js = cJSON_CreateObject(), *o;
	char host[HOST_LEN];

	host_of(r, host, sizeof(host));
	cJSON_AddStringToObject(js, "host", host);
	add_addresses(js, conf);
	o = cJSON_AddObjectToObject(js, "sip");
	cJSON_AddNumberToObject(o, "udp", conf->sip_port);
	cJSON_AddNumberToObject(o, "tcp", conf->sip_port);
	cJSON_AddNumberToObject(o, "tls", conf->sip_tls_port);
	cJSON_AddStringToObject(js, "realm", conf->sip_realm);
	add_codecs(js);
	o = cJSON_AddObjectToObject(js, "http");
	cJSON_AddNumberToObject(o, "port", conf->http_port);
	cJSON_AddNumberToObject(o, "https", conf->https_port);
	cJSON_AddBoolToObject(js, "ca", !conf->https_cert[0] && conf->https_port);
	cJSON_AddItemToObject(js, "extension", own_extension(r));
	cJSON_AddBoolToObject(js, "others", zx_rights_have(r->ses.user.rights, "extensions:secret"));
	add_apps(js);
	zx_reply_json(r, 200, js);
}

/* ---- one account ---- */

struct account {
	int64_t id, company;
	char sealed[2 * SECRET_LEN + 64];
	char number[ZX_NUM_LEN], name[ZX_NAME_LEN], secret[SECRET_LEN], host[HOST_LEN];
};

static int account_load(struct zx_req *r, int64_t id, struct account *a)
{
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, r->db, "help_extension");

	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	err = zx_stmt_step(s);
	if (err)
		return err == ENODATA ? ENOENT : err;
	a->id = id;
	a->company = zx_col_int(s, 0);
	zx_strcpy(a->number, sizeof(a->number), zx_col_text(s, 1));
	zx_strcpy(a->name, sizeof(a->name), zx_col_text(s, 2));
	zx_strcpy(a->sealed, sizeof(a->sealed), zx_col_text(s, 3));
	zx_stmt_reset(s);
	return 0;
}

static void xml_escape(char *out, size_t len, const char *text)
{
	size_t n = 0;

	for (; *text && n + 8 < len; text++) {
		const char *e = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : NULL;
		n += (size_t)snprintf(out + n, len - n, e ? "%s" : "%.1s", e ? e : text);
	}
	out[n] = '\0';
}

/* IPv6 in an URI. */
static void host_uri(char *out, size_t len, const char *host)
{
	snprintf(out, len, strchr(host, ':') ? "[%s]" : "%s", host);
}

static char *gswave_text(const struct account *a, const struct zx_conf *conf)
{
	char name[6 * ZX_NAME_LEN], secret[6 * SECRET_LEN], host[HOST_LEN + 2], *text = NULL;

	xml_escape(name, sizeof(name), *a->name ? a->name : a->number);
	xml_escape(secret, sizeof(secret), a->secret);
	host_uri(host, sizeof(host), a->host);
	if (asprintf(
		&text,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?><AccountConfig version=\"1\"><Account><RegisterServer>%s:%u</RegisterServer>"
		"<OutboundServer></OutboundServer><UserID>%s</UserID><AuthID>%s</AuthID><AuthPass>%s</AuthPass>"
		"<AccountName>%s</AccountName><DisplayName>%s</DisplayName><Dialplan>{x+|*x+|*++}</Dialplan><RandomPort>0</RandomPort>"
		"<SecOutboundServer></SecOutboundServer><Voicemail></Voicemail></Account></AccountConfig>",
		host, conf->sip_port, a->number, a->number, secret, a->number, name) < 0)
		return NULL;
	explicit_bzero(secret, sizeof(secret));
	return text;
}

static char *provision_url(struct zx_req *r, const struct account *a, int64_t *expires)
{
	const struct zx_conf *conf = r->web->env.conf;
	char token[TOKEN_LEN + 1], host[HOST_LEN + 2], *text = NULL;
	/* a phone does not know the authority this machine made for itself */
	const bool tls = conf->https_cert[0] ? conf->https_port > 0 : !conf->http_port;

	if (token_make(a->id, a->host, token))
		return NULL;
	host_uri(host, sizeof(host), a->host);
	*expires = zx_wall_ms() + TOKEN_MS;
	if (asprintf(&text, "%s://%s:%u/api/v1/provision?token=%s", tls ? "https" : "http", host, tls ? conf->https_port : conf->http_port,
		     token) < 0)
		return NULL;
	return text;
}

static char *svg_of(const char *text)
{
	QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	char *svg = NULL;
	size_t len = 0;
	FILE *f;

	if (!qr)
		return NULL;
	f = open_memstream(&svg, &len);
	if (f) {
		const int w = qr->width;

		fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">", w + 8, w + 8);
		fprintf(f, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"", w + 8, w + 8);
		for (int y = 0; y < w; y++) {
			for (int x = 0; x < w; x++) {
				int n = 0;

				while (x + n < w && qr->data[y * w + x + n] & 1)
					n++;
				if (n)
					fprintf(f, "M%d %dh%dv1h-%dz", x + 4, y + 4, n, n);
				x += n;
			}
		}
		fputs("\"/></svg>", f);
		if (fclose(f)) {
			free(svg);
			svg = NULL;
		}
	}
	QRcode_free(qr);
	return svg;
}

static int op_audit(struct zx_db *db, void *arg)
{
	return zx_audit_put(db, arg);
}

/* Own extension, or one of the company with the right to see secrets. Replies when it is not. */
static bool account_of(struct zx_req *r, struct account *a)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(r->body, "extension_id");
	const char *host = zx_sys_text(r, "host");
	cJSON *own = own_extension(r);
	const int64_t mine = zx_json_get_int(cJSON_GetObjectItemCaseSensitive(own, "id"));
	const int64_t id = cJSON_IsNumber(js) ? zx_json_get_int(js) : mine;
	int err;

	cJSON_Delete(own);
	if (!id) {
		zx_reply_error(r, 409, "no_phone", NULL, NULL);
		return false;
	}
	err = account_load(r, id, a);
	/* somebody else's company is not there at all */
	if (!err && r->ses.user.scope != ZX_SCOPE_SYSTEM && a->company != r->ses.user.company_id)
		err = ENOENT;
	if (!err && id != mine && (!zx_rights_have(r->ses.user.rights, "extensions:secret") || r->ses.user.scope < ZX_SCOPE_COMPANY)) {
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
		return false;
	}
	if (!err)
		err = zx_unseal(r->web->env.store, a->secret, sizeof(a->secret), a->sealed);
	if (err) {
		zx_reply_errno(r, err);
		return false;
	}
	if (host && *host)
		zx_strcpy(a->host, sizeof(a->host), host);
	else
		host_of(r, a->host, sizeof(a->host));
	if (!host_ok(a->host)) {
		zx_sys_field_error(r, "host", "pattern");
		return false;
	}
	return true;
}

static void qr_reply(struct zx_req *r, const struct account *a, const char *app, const char *text, int64_t expires)
{
	const struct zx_conf *conf = r->web->env.conf;
	char *svg = svg_of(text);
	cJSON *js, *o;

	if (!svg) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	js = cJSON_CreateObject();
	cJSON_AddStringToObject(js, "app", app);
	cJSON_AddStringToObject(js, "svg", svg);
	if (strcmp(app, "gswave"))
		cJSON_AddStringToObject(js, "text", text);
	else
		cJSON_AddNullToObject(js, "text");
	if (expires)
		zx_json_add_int(js, "expires_at", expires);
	else
		cJSON_AddNullToObject(js, "expires_at");
	o = cJSON_AddObjectToObject(js, "account");
	cJSON_AddStringToObject(o, "number", a->number);
	cJSON_AddStringToObject(o, "name", a->name);
	cJSON_AddStringToObject(o, "server", a->host);
	cJSON_AddNumberToObject(o, "port", conf->sip_port);
	cJSON_AddStringToObject(o, "transport", "udp");
	cJSON_AddStringToObject(o, "realm", conf->sip_realm);
	cJSON_AddStringToObject(o, "secret", a->secret);
	zx_reply_json(r, 200, js);
	free(svg);
}

const char *const zx_help_qr_body[] = {"extension_id", "app", "host", NULL};

void zx_help_qr_h(struct zx_req *r)
{
	struct account a = {.id = 0};
	char *text = NULL, host[HOST_LEN + 2];
	int64_t expires = 0;
	const char *app;
	int err;

	if (zx_req_body(r))
		return;
	app = zx_sys_text(r, "app");
	if (!app || (strcmp(app, "linphone") && strcmp(app, "gswave") && strcmp(app, "manual"))) {
		zx_sys_field_error(r, "app", app ? "pattern" : "required");
		return;
	}
	if (!account_of(r, &a))
		return;
	struct zx_audit audit = {.company_id = a.company,
				 .user_id = r->ses.user.id,
				 .row_id = a.id,
				 .addr = r->peer.addr,
				 .resource = "extensions",
				 .action = "secret"};
	err = zx_store_write_wait(r->web->env.store, op_audit, &audit);
	if (!err && !strcmp(app, "linphone")) {
		text = provision_url(r, &a, &expires);
	} else if (!err && !strcmp(app, "gswave")) {
		text = gswave_text(&a, r->web->env.conf);
	} else if (!err) {
		host_uri(host, sizeof(host), a.host);
		if (asprintf(&text, "sip:%s@%s:%u", a.number, host, r->web->env.conf->sip_port) < 0)
			text = NULL;
	}
	if (text)
		qr_reply(r, &a, app, text, expires);
	else
		zx_reply_errno(r, err ? err : ENOMEM);
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	explicit_bzero(&a, sizeof(a));
}

/* Linphone's remote configuration: linphonerc as XML (lpconfig.xsd). */
void zx_provision_h(struct zx_req *r)
{
	const struct zx_conf *conf = r->web->env.conf;
	char name[6 * ZX_NAME_LEN], secret[6 * SECRET_LEN], realm[6 * 64], host[HOST_LEN + 2], *xml = NULL;
	struct account a = {.id = 0};
	int64_t id;

	if (!token_take(zx_req_param(r, "token"), &id, a.host) || account_load(r, id, &a) ||
	    zx_unseal(r->web->env.store, a.secret, sizeof(a.secret), a.sealed)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	xml_escape(name, sizeof(name), *a.name ? a.name : a.number);
	xml_escape(secret, sizeof(secret), a.secret);
	xml_escape(realm, sizeof(realm), conf->sip_realm);
	host_uri(host, sizeof(host), a.host);
	const int n = asprintf(&xml,
			       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			       "<config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n"
			       "<section name=\"sip\"><entry name=\"default_proxy\" overwrite=\"true\">0</entry></section>\n"
			       "<section name=\"proxy_0\" overwrite=\"true\">\n"
			       "<entry name=\"reg_proxy\" overwrite=\"true\">&lt;sip:%s:%u;transport=udp&gt;</entry>\n"
			       "<entry name=\"reg_identity\" overwrite=\"true\">\"%s\" &lt;sip:%s@%s&gt;</entry>\n"
			       "<entry name=\"reg_expires\" overwrite=\"true\">%u</entry>\n"
			       "<entry name=\"reg_sendregister\" overwrite=\"true\">1</entry>\n"
			       "</section>\n"
			       "<section name=\"auth_info_0\" overwrite=\"true\">\n"
			       "<entry name=\"username\" overwrite=\"true\">%s</entry>\n"
			       "<entry name=\"passwd\" overwrite=\"true\">%s</entry>\n"
			       "<entry name=\"realm\" overwrite=\"true\">%s</entry>\n"
			       "<entry name=\"domain\" overwrite=\"true\">%s</entry>\n"
			       "</section>\n</config>\n",
			       host, conf->sip_port, name, a.number, host, conf->sip_expires_default, a.number, secret, realm, host);
	if (n < 0) {
		zx_reply_errno(r, ENOMEM);
	} else {
		zx_reply_begin(r, 200, "application/xml; charset=utf-8", n, NULL);
		zx_reply_write(r, xml, (size_t)n);
		explicit_bzero(xml, (size_t)n);
		free(xml);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&a, sizeof(a));
}
