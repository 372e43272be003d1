#include "web/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <civetweb.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/messages.h"

enum { BODY_MS = 30000 };

static const char SECURITY[] =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: microphone=(self), camera=(), geolocation=(), payment=(), usb=()\r\n"
    "Content-Security-Policy: default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' wss:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n";

const char *zx_text_in(const struct zx_text *t, enum zx_lang lang)
{
	return lang == ZX_LANG_EN ? t->en : t->zh;
}

cJSON *zx_text_json(const struct zx_text *t)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "zh-CN", t->zh);
	cJSON_AddStringToObject(o, "en", t->en);
	return o;
}

bool zx_text_int(const char *s, int64_t *v)
{
	char *end;

	if (!*s || strlen(s) > 19 || strspn(s, "-0123456789") != strlen(s))
		return false;
	errno = 0;
	const long long n = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*v = n;
	return true;
}

/* ---- parameters ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place; EINVAL for a broken escape or a NUL. */
static int url_decode(char *s)
{
	char *w = s;

	for (; *s; s++) {
		if (*s == '+') {
			*w++ = ' ';
		} else if (*s == '%') {
			const int a = hex(s[1]), b = a < 0 ? -1 : hex(s[2]);
			if (b < 0 || (a | b) == 0)
				return EINVAL;
			*w++ = (char)(a << 4 | b);
			s += 2;
		} else {
			*w++ = *s;
		}
	}
	*w = '\0';
	return 0;
}

int zx_params_parse(struct zx_params *p, const char *query)
{
	char *save = NULL;

	memset(p, 0, sizeof(*p));
	if (!query || !*query)
		return 0;
	p->text = strdup(query);
	if (!p->text)
		return ENOMEM;
	for (char *s = strtok_r(p->text, "&", &save); s; s = strtok_r(NULL, "&", &save)) {
		char *eq = strchr(s, '=');
		if (p->n == ZX_PARAMS_MAX)
			return E2BIG;
		if (eq)
			*eq = '\0';
		if (url_decode(s) || (eq && url_decode(eq + 1)))
			return EINVAL;
		p->v[p->n].key = s;
		p->v[p->n].value = eq ? eq + 1 : "";
		if (!zx_utf8_valid(s, strlen(s)) || !zx_utf8_valid(p->v[p->n].value, strlen(p->v[p->n].value)))
			return EINVAL;
		p->n++;
	}
	return 0;
}

void zx_params_free(struct zx_params *p)
{
	free(p->text);
	memset(p, 0, sizeof(*p));
}

const char *zx_req_param(const struct zx_req *r, const char *key)
{
	for (unsigned i = 0; i < r->params.n; i++)
		if (!strcmp(r->params.v[i].key, key))
			return r->params.v[i].value;
	return "";
}

const char *zx_req_header(const struct zx_req *r, const char *name)
{
	return r->mg ? mg_get_header(r->mg, name) : NULL;
}

/* ---- JSON ---- */

/* cJSON recurses: the depth is counted before. */
static bool shallow(const char *s, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				quoted = false;
		} else if (s[i] == '"') {
			quoted = true;
		} else if (s[i] == '[' || s[i] == '{') {
			if (++depth > ZX_JSON_DEPTH)
				return false;
		} else if ((s[i] == ']' || s[i] == '}') && depth) {
			depth--;
		}
	}
	return true;
}

cJSON *zx_json_parse(const char *text, size_t len)
{
	const char *end = NULL;

	if (!len || memchr(text, '\0', len) || !zx_utf8_valid(text, len) || !shallow(text, len))
		return NULL;
	cJSON *js = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (!js)
		return NULL;
	for (; end < text + len; end++) {
		if (!strchr(" \t\r\n", *end)) {
			cJSON_Delete(js);
			return NULL;
		}
	}
	return js;
}

cJSON *zx_json_int(int64_t v)
{
	char text[24];

	if (v > -1000000000 && v < 1000000000)
		return cJSON_CreateNumber((double)v);
	snprintf(text, sizeof(text), "%lld", (long long)v);
	return cJSON_CreateRaw(text);
}

void zx_json_add_int(cJSON *o, const char *key, int64_t v)
{
	cJSON_AddItemToObject(o, key, zx_json_int(v));
}

int64_t zx_json_get_int(const cJSON *js)
{
	int64_t v = 0;

	if (cJSON_IsNumber(js))
		return (int64_t)js->valuedouble;
	if (cJSON_IsRaw(js))
		(void)zx_text_int(js->valuestring, &v);
	return v;
}

/* Everything up to the limit, in bounded time; NULL with *err. */
static char *body_read(struct zx_req *r, size_t *lenp, int *err)
{
	const struct mg_request_info *ri = mg_get_request_info(r->mg);
	const uint64_t end = zx_mono_ms() + BODY_MS;
	size_t cap = ri->content_length >= 0 ? (size_t)ri->content_length + 1 : 16384, len = 0;
	char *buf;

	*err = 0;
	if (ri->content_length > ZX_BODY_MAX) {
		*err = EMSGSIZE;
		return NULL;
	}
	buf = malloc(cap);
	while (buf && !*err) {
		if (len == cap) {
			char *p = cap > ZX_BODY_MAX ? NULL : realloc(buf, cap * 2);
			*err = cap > ZX_BODY_MAX ? EMSGSIZE : p ? 0 : ENOMEM;
			if (*err)
				break;
			buf = p;
			cap *= 2;
		}
		/* civetweb fills what it is given: never ask for more than the one byte that is too many */
		const int n = mg_read(r->mg, buf + len, cap - len < ZX_BODY_MAX + 1 - len ? cap - len : ZX_BODY_MAX + 1 - len);
		if (n <= 0) {
			*err = n < 0 ? EPIPE : 0;
			break;
		}
		len += (size_t)n;
		if (len > ZX_BODY_MAX)
			*err = EMSGSIZE;
		else if (zx_mono_ms() > end)
			*err = ETIMEDOUT;
	}
	if (!buf)
		*err = ENOMEM;
	if (!*err && ri->content_length >= 0 && len < (size_t)ri->content_length)
		*err = ETIMEDOUT;
	if (*err) {
		free(buf);
		return NULL;
	}
	*lenp = len;
	return buf;
}

static void body_failed(struct zx_req *r, int err)
{
	if (err == EMSGSIZE || err == ETIMEDOUT)
		mg_disable_connection_keep_alive(r->mg);
	if (err == EMSGSIZE)
		zx_reply_error(r, 413, "too_large", NULL, NULL);
	else if (err == ETIMEDOUT || err == EPIPE)
		zx_reply_error(r, 408, "timeout", NULL, NULL);
	else
		zx_reply_errno(r, err);
}

int zx_req_bytes(struct zx_req *r, size_t max, char **bytes, size_t *len)
{
	int err;
	char *p = body_read(r, len, &err);

	if (p && *len > max) {
		free(p);
		p = NULL;
		err = EMSGSIZE;
	}
	if (p)
		*bytes = p;
	else
		body_failed(r, err);
	return p ? 0 : err;
}

static int body_json(struct zx_req *r, size_t max)
{
	const char *type = zx_req_header(r, "Content-Type");
	size_t len = 0;
	int err;

	if (r->body)
		return 0;
	if (!type || strncasecmp(type, "application/json", 16) || (type[16] && !strchr("; \t", type[16]))) {
		zx_reply_error(r, 415, "media_type", NULL, NULL);
		return EINVAL;
	}
	char *text = body_read(r, &len, &err);
	if (text && len > max) {
		free(text);
		text = NULL;
		err = EMSGSIZE;
	}
	if (!text) {
		if (err == EMSGSIZE || err == ETIMEDOUT)
			mg_disable_connection_keep_alive(r->mg);
		if (err == EMSGSIZE)
			zx_reply_error(r, 413, "too_large", NULL, NULL);
		else if (err == ETIMEDOUT || err == EPIPE)
			zx_reply_error(r, 408, "timeout", NULL, NULL);
		else
			zx_reply_errno(r, err);
		return err;
	}
	r->body = zx_json_parse(text, len);
	explicit_bzero(text, len);
	free(text);
	if (r->body)
		return 0;
	zx_reply_error(r, 400, "bad_json", NULL, NULL);
	return EINVAL;
}

int zx_req_value(struct zx_req *r, size_t max)
{
	return body_json(r, max);
}

int zx_req_body(struct zx_req *r)
{
	const int err = body_json(r, ZX_BODY_MAX);

	if (err || cJSON_IsObject(r->body))
		return err;
	cJSON_Delete(r->body);
	r->body = NULL;
	zx_reply_error(r, 400, "bad_json", NULL, NULL);
	return EINVAL;
}

/* ---- replies ---- */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} v[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {413, "Content Too Large"},
	    {415, "Unsupported Media Type"},
	    {416, "Range Not Satisfiable"},
	    {422, "Unprocessable Content"},
	    {426, "Upgrade Required"},
	    {429, "Too Many Requests"},
	    {500, "Internal Server Error"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (v[i].status == status)
			return v[i].text;
	return "Status";
}

void zx_reply_begin(struct zx_req *r, int status, const char *type, int64_t len, const char *headers)
{
	char length[48] = "";

	r->status = status;
	if (!r->mg)
		return;
	if (len >= 0 && status != 204 && status != 304)
		snprintf(length, sizeof(length), "Content-Length: %lld\r\n", (long long)len);
	else if (len < 0)
		mg_disable_connection_keep_alive(r->mg);
	char *head = NULL;
	const int n = asprintf(&head, "HTTP/1.1 %d %s\r\n%s%s%s%s%s%s%s%s\r\n", status, reason(status), type ? "Content-Type: " : "",
			       type ? type : "", type ? "\r\n" : "", length, len < 0 ? "Connection: close\r\n" : "", r->set_cookie,
			       headers ? headers : "Cache-Control: no-store\r\n", SECURITY);
	if (n > 0)
		mg_write(r->mg, head, (size_t)n);
	if (n >= 0)
		free(head);
}

int zx_reply_write(struct zx_req *r, const void *p, size_t len)
{
	const char *b = p;

	if (!r->mg || r->head)
		return 0;
	while (len) {
		const size_t part = len > 65536 ? 65536 : len;
		const int n = mg_write(r->mg, b, part);
		if (n <= 0)
			return EPIPE;
		b += n;
		len -= (size_t)n;
	}
	return 0;
}

void zx_reply_json(struct zx_req *r, int status, cJSON *js)
{
	char *text = js ? cJSON_PrintUnformatted(js) : NULL;

	cJSON_Delete(js);
	if (!text) {
		zx_reply_begin(r, 500, NULL, 0, NULL);
		return;
	}
	const size_t len = strlen(text);
	zx_reply_begin(r, status, "application/json; charset=utf-8", (int64_t)len, NULL);
	zx_reply_write(r, text, len);
	cJSON_free(text);
}

void zx_reply_empty(struct zx_req *r, int status)
{
	zx_reply_begin(r, status, NULL, 0, NULL);
}

void zx_reply_error(struct zx_req *r, int status, const char *code, cJSON *fields, cJSON *more)
{
	cJSON *js = more ? more : cJSON_CreateObject();
	cJSON *e = cJSON_AddObjectToObject(js, "error");

	cJSON_AddStringToObject(e, "code", code);
	cJSON_AddStringToObject(e, "message", zx_message(code, r->lang));
	if (fields)
		cJSON_AddItemToObject(e, "fields", fields);
	zx_reply_json(r, status, js);
}

void zx_reply_errno(struct zx_req *r, int err)
{
	switch (err) {
	case ETIMEDOUT:
		zx_reply_error(r, 504, "timeout", NULL, NULL);
		return;
	case ENOENT:
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	case ESHUTDOWN:
	case EBUSY:
	case ENOSPC:
	case EROFS:
		zx_reply_error(r, 503, err == ENOSPC ? "disk_full" : "unavailable", NULL, NULL);
		return;
	default:
		zx_log(ZX_ERROR, "web", "%s %s: %s", r->method, r->path, strerror(err));
		zx_reply_error(r, 500, "internal", NULL, NULL);
	}
}
