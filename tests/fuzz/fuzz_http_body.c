/* What a browser sends: JSON bodies through the checks of a resource, query strings, heads, WebSocket frames. First byte: which. */
#include <stdlib.h>
#include <string.h>

#include "web/front/head.h"
#include "web/res/res.h"
#include "web/session.h"
#include "web/front/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void body(const char *text, size_t len, bool create)
{
	static struct zx_web web;
	struct zx_req r = {.web = &web, .ses.user = {.scope = ZX_SCOPE_SYSTEM, .company_id = 1}};
	struct zx_res_write w = {.r = &r, .res = &zx_res_extensions, .table = zx_res_extensions.table};
	cJSON *js = zx_json_parse(text, len), *errors = cJSON_CreateObject();

	if (js && cJSON_IsObject(js)) {
		zx_resource_values(&w, js, create, errors);
		for (unsigned i = 0; i < w.n; i++) {
			const struct zx_field *f = zx_field_find(w.res, w.v[i].key);
			/* only what may be written, and no text that is no value of its field */
			if (!f || f->flags & ZX_FF_READONLY || (w.v[i].kind == ZX_Q_VTEXT && !w.v[i].t))
				abort();
			if (!strcmp(f->key, "number") && strspn(w.v[i].t, "0123456789") != strlen(w.v[i].t))
				abort();
		}
		const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(js, "login"));
		if (s)
			(void)zx_password_weak(s, "admin");
	}
	zx_write_clear(&w);
	cJSON_Delete(errors);
	cJSON_Delete(js);
}

static void query(const char *text, bool mask)
{
	struct zx_req r = {.ses.user = {.scope = ZX_SCOPE_COMPANY, .company_id = 1, .mask = mask}};
	struct zx_res_query q;
	const char *bad;

	if (!zx_params_parse(&r.params, text)) {
		const struct zx_resource *res;
		for (unsigned i = 0; (res = zx_resource_at(i)); i++)
			if (zx_resource_query(&q, &r, res, &bad) && !bad)
				abort();
	}
	zx_params_free(&r.params);
}

static void frames(uint8_t *buf, size_t len)
{
	struct zx_ws_frame fr;
	size_t used;

	while (len && !zx_ws_parse(&fr, buf, len, &used)) {
		if (!used || used > len || fr.data < buf || fr.data + fr.len > buf + len)
			abort();
		buf += used;
		len -= used;
	}
}

static void head(const char *text, size_t len)
{
	char value[64];
	const size_t n = zx_head_len(text, len);

	if (n > len)
		abort();
	if (!n)
		return;
	(void)zx_head_is_get(text, n, "/ws");
	(void)zx_head_get(text, n, "cookie", value, sizeof(value));
	(void)zx_head_has_token(text, n, "upgrade", "websocket");
	(void)zx_origin_ok(value, "localhost:8080", true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	char *copy = malloc(size);
	const size_t len = size - 1;

	if (!copy)
		return 0;
	memcpy(copy, data + 1, len);
	copy[len] = '\0';
	switch (data[0] % 6) {
	case 0:
	case 1:
		body(copy, len, data[0] % 6);
		break;
	case 2:
	case 3:
		query(copy, data[0] % 6 == 3);
		break;
	case 4:
		frames((uint8_t *)copy, len);
		break;
	default:
		head(copy, len);
	}
	free(copy);
	return 0;
}
