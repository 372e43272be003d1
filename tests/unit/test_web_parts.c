/* The parts of the web room that need no server. */
#include "zxtest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "web/front/head.h"
#include "web/mask.h"
#include "web/res/res.h"
#include "web/session.h"
#include "web/static.h"
#include "web/throttle.h"
#include "web/front/ws.h"

ZX_TEST(ws_frames)
{
	uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0xff}; /* RFC 6455 5.7, and one byte more */
	struct zx_ws_frame fr;
	size_t used;
	char acc[32];
	uint8_t head[ZX_WS_HEAD_MAX];

	for (size_t n = 0; n < 11; n++) {
		uint8_t copy[11];
		memcpy(copy, hello, n);
		ZX_CHECK_EQ(zx_ws_parse(&fr, copy, n, &used), EAGAIN);
	}
	ZX_CHECK_EQ(zx_ws_parse(&fr, hello, sizeof(hello), &used), 0);
	ZX_CHECK(used == 11 && fr.len == 5 && fr.fin && fr.op == ZX_WS_TEXT && !memcmp(fr.data, "Hello", 5));
	zx_ws_accept(acc, "dGhlIHNhbXBsZSBub25jZQ==");
	ZX_CHECK_STR(acc, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	ZX_CHECK_EQ(zx_ws_head(head, ZX_WS_TEXT, 125), 2);
	ZX_CHECK_EQ(zx_ws_head(head, ZX_WS_TEXT, 126), 4);
	ZX_CHECK_EQ(zx_ws_head(head, ZX_WS_TEXT, 65536), 10);
	ZX_CHECK(head[1] == 127 && head[7] == 1 && head[9] == 0);
	ZX_CHECK_EQ(zx_ws_parse(&fr, (uint8_t[]){0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}, 7, &used), EPROTO); /* not masked */
	ZX_CHECK_EQ(zx_ws_parse(&fr, (uint8_t[]){0xc1, 0x80, 0, 0, 0, 0}, 6, &used), EPROTO);              /* an extension */
	ZX_CHECK_EQ(zx_ws_parse(&fr, (uint8_t[]){0x09, 0x80, 0, 0, 0, 0}, 6, &used), EPROTO);              /* a ping in parts */
	ZX_CHECK_EQ(zx_ws_parse(&fr, (uint8_t[]){0x81, 0xff, 0, 0}, 4, &used), EMSGSIZE);
	ZX_CHECK_EQ(zx_ws_parse(&fr, (uint8_t[]){0x81, 0xfe, 0, 5}, 4, &used), EPROTO); /* longer form than needed */
}

ZX_TEST(heads)
{
	static const char h[] =
	    "GET /ws?a=b HTTP/1.1\r\nhost: x:1\r\nConnection: keep-alive , Upgrade\r\nUPGRADE:websocket\r\nCookie:  a=b \r\n\r\nrest";
	const size_t n = zx_head_len(h, sizeof(h) - 1);
	char v[16];

	ZX_CHECK_EQ(n, sizeof(h) - 1 - 4);
	ZX_CHECK(zx_head_is_get(h, n, "/ws") && !zx_head_is_get(h, n, "/w") && !zx_head_is_get(h, n, "/ws2"));
	ZX_CHECK(zx_head_get(h, n, "Host", v, sizeof(v)));
	ZX_CHECK_STR(v, "x:1");
	ZX_CHECK(zx_head_get(h, n, "cookie", v, sizeof(v)));
	ZX_CHECK_STR(v, "a=b");
	ZX_CHECK(!zx_head_get(h, n, "cookie", v, 3) && !*v);
	ZX_CHECK(!zx_head_get(h, n, "origin", v, sizeof(v)));
	ZX_CHECK(zx_head_has_token(h, n, "connection", "upgrade") && !zx_head_has_token(h, n, "connection", "up"));
	ZX_CHECK(zx_head_has_token(h, n, "upgrade", "WebSocket"));
	ZX_CHECK_EQ(zx_head_len(h, n - 1), 0);
}

ZX_TEST(masks)
{
	char out[64];
	static const char *const v[][2] = {
	    {"13612345678", "1361****678"},      {"8001", "**01"}, {"", ""}, {"1", "*"}, {"1234567", "*****67"}, {"12345678", "1234*678"},
	    {"+8613612345678", "+861*******678"}};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		zx_number_mask(out, sizeof(out), v[i][0]);
		ZX_CHECK_STR(out, v[i][1]);
	}
	ZX_CHECK(zx_looks_number("a1b2c3d4e5") && !zx_looks_number("Room 101"));
}

ZX_TEST(throttle)
{
	struct zx_throttle *t = zx_throttle_new();
	uint64_t now = 1000000;

	for (int i = 0; i < 4; i++)
		zx_throttle_failed(t, "10.0.0.1", "admin", now);
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.1", "admin", now), 0);
	zx_throttle_failed(t, "10.0.0.1", "admin", now);
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.1", "ADMIN", now), 1000); /* logins ignore case */
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.1", "other", now), 0);
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.2", "admin", now), 0);
	for (int i = 0; i < 40; i++)
		zx_throttle_failed(t, "10.0.0.1", "admin", now);
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.1", "admin", now), 300000); /* never longer */
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.9.9.9", "admin", now), 30000);  /* strangers cannot lock the login for long */
	now += 300001;
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.1", "admin", now), 0);
	zx_throttle_passed(t, "10.0.0.1", "admin");
	zx_throttle_failed(t, "10.0.0.1", "admin", now);
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.2", "admin", now), 0);
	/* a flood of addresses finds its bounds */
	for (int i = 0; i < 100000; i++) {
		char addr[32];
		snprintf(addr, sizeof(addr), "10.%d.%d.%d", i >> 16 & 255, i >> 8 & 255, i & 255);
		zx_throttle_failed(t, addr, "nobody", now);
	}
	ZX_CHECK(zx_throttle_wait(t, "10.0.0.9", "nobody", now) <= 30000);
	zx_throttle_free(t);
}

ZX_TEST(passwords)
{
	static const char *const weak[] = {"",           "short1!",     "abcdefgh", "12345678", "Password123", "aaaaaaaaaaaa",
					   "agent007xx", "abababababab"};
	static const char *const good[] = {"Tr0ub4dor", "correct horse", "好的密码很长很长啊啊"};

	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		ZX_CHECK(zx_password_weak(weak[i], "Agent007xx"));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ZX_CHECK(!zx_password_weak(good[i], "admin"));
}

ZX_TEST(parameters)
{
	struct zx_params p;

	ZX_CHECK_EQ(zx_params_parse(&p, "a=1&b=x%20y+z&c&=d&e=%E4%BD%A0"), 0);
	ZX_CHECK_EQ(p.n, 5);
	ZX_CHECK_STR(p.v[1].value, "x y z");
	ZX_CHECK_STR(p.v[2].value, "");
	ZX_CHECK_STR(p.v[4].value, "你");
	zx_params_free(&p);
	static const char *const bad[] = {"a=%", "a=%2", "a=%zz", "a=%00", "a=%ff", "%00=1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ZX_CHECK_EQ(zx_params_parse(&p, bad[i]), EINVAL);
		zx_params_free(&p);
	}
	char many[70 * 4 + 1] = "";
	for (int i = 0; i < 70; i++)
		memcpy(many + 4 * i, "a=1&", 5);
	ZX_CHECK_EQ(zx_params_parse(&p, many), E2BIG);
	zx_params_free(&p);
}

ZX_TEST(json_limits)
{
	char deep[200];
	int n = 0;
	cJSON *js;

	for (int i = 0; i < ZX_JSON_DEPTH; i++)
		deep[n++] = '[';
	for (int i = 0; i < ZX_JSON_DEPTH; i++)
		deep[n++] = ']';
	js = zx_json_parse(deep, (size_t)n);
	ZX_CHECK(js);
	cJSON_Delete(js);
	memmove(deep + 1, deep, (size_t)n);
	ZX_CHECK(!zx_json_parse(deep, (size_t)n + 1));
	js = zx_json_parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"} \n", 53);
	ZX_CHECK(js);
	cJSON_Delete(js);
	ZX_CHECK(!zx_json_parse("{} x", 4) && !zx_json_parse("", 0) && !zx_json_parse("{\"a\":\"\xff\"}", 9));
}

ZX_TEST(paths)
{
	static const char *const good[] = {"index.html", "assets/a-b.js", "2026/11/22/x.wav"};
	static const char *const bad[] = {"", "/etc/passwd", "../x", "a/../x", "a//x", "a/", ".x", "a/.x", "a\\x", "a\nb"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ZX_CHECK(zx_path_safe(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ZX_CHECK(!zx_path_safe(bad[i]));
}

ZX_TEST(origins)
{
	ZX_CHECK(zx_origin_ok("http://a:80", "a:80", true) && zx_origin_ok("HTTPS://A", "a", true) && zx_origin_ok(NULL, "a", false));
	ZX_CHECK(!zx_origin_ok(NULL, "a", true) && !zx_origin_ok("null", "a", false) && !zx_origin_ok("http://a.evil", "a", false));
	ZX_CHECK(!zx_origin_ok("http://a", NULL, false) && !zx_origin_ok("http://a:81", "a:80", false));
}

static const struct zx_q_col *column(const struct zx_q_col *v, unsigned n, const char *key)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(v[i].key, key))
			return &v[i];
	return NULL;
}

/* A list's columns are its child's, and those that are filled in can be written. */
static void list_whole(const struct zx_resource *res, const struct zx_field *f)
{
	const struct zx_q_child *c = NULL;

	for (unsigned i = 0; i < res->table->childc; i++)
		if (!strcmp(res->table->children[i].key, f->key))
			c = &res->table->children[i];
	ZX_CHECK(c && f->items);
	for (const struct zx_field *it = f->items; c && it && it->key; it++) {
		const struct zx_q_col *col = column(c->cols, c->colc, it->key);
		ZX_CHECK(col && it->label.zh && it->label.en);
		ZX_CHECK(it->flags & ZX_FF_READONLY || (col->can & ZX_Q_WRITE && !col->expr));
		ZX_CHECK(it->type != ZX_F_REF || (it->ref && zx_resource_find(it->ref)));
		ZX_CHECK(it->type != ZX_F_TARGET || !it->param || column(c->cols, c->colc, it->param));
	}
}

/* Adds rows by a route of its own. */
static bool own_add(const struct zx_resource *res)
{
	for (unsigned i = 0; i < res->routec; i++)
		if (!strcmp(res->routes[i].method, "POST") && !*res->routes[i].path)
			return true;
	return false;
}

static void field_whole(const struct zx_resource *res, const struct zx_field *f)
{
	const struct zx_q_table *t = res->table;
	const struct zx_q_col *col = column(t->cols, t->colc, f->key);
	const bool written = !own_add(res) && f->in & ZX_IN_FORM && !(f->flags & ZX_FF_READONLY) && f->type != ZX_F_UPLOAD;
	cJSON *def = f->def ? cJSON_Parse(f->def) : NULL;

	if (f->type == ZX_F_LIST) {
		list_whole(res, f);
		return;
	}
	if (!(f->label.zh && f->label.en && (col || f->live || f->type == ZX_F_UPLOAD || (f->flags & ZX_FF_READONLY && res->rows))))
		printf("# %s.%s\n", res->name, f->key);
	ZX_CHECK(f->label.zh && f->label.en && (col || f->live || f->type == ZX_F_UPLOAD || (f->flags & ZX_FF_READONLY && res->rows)));
	ZX_CHECK((f->type == ZX_F_ENUM || f->type == ZX_F_ORDER) == (f->options != NULL));
	ZX_CHECK(!written || (col && col->can & ZX_Q_WRITE));
	ZX_CHECK(own_add(res) || !(f->in & ZX_IN_QUICK) || (col && col->can & ZX_Q_QUICK));
	ZX_CHECK(f->type != ZX_F_REF || !written || (f->ref && zx_resource_find(f->ref) && col->ref));
	ZX_CHECK(f->type != ZX_F_TARGET || !f->param || column(t->cols, t->colc, f->param));
	ZX_CHECK(!f->help_zh == !f->help_en && !f->group_zh == !f->group_en && !f->def == !def);
	cJSON_Delete(def);
}

/* Every descriptor is whole: keys known to its table, both languages, options that are options, references that lead somewhere. */
ZX_TEST(descriptors)
{
	const struct zx_resource *res;

	for (unsigned i = 0; (res = zx_resource_at(i)); i++) {
		ZX_CHECK(zx_resource_find(res->name) == res && res->title.zh && res->title.en && res->group.zh && res->can && res->sort);
		ZX_CHECK(!strstr(res->can, "move") == !res->table->position);
		for (unsigned k = 0; k < res->fieldc; k++)
			field_whole(res, &res->fields[k]);
	}
}

ZX_MAIN({"frames of RFC 6455", ws_frames}, {"a request's head", heads}, {"numbers are hidden", masks},
	{"logins are slowed down, never locked", throttle}, {"weak passwords", passwords}, {"query strings", parameters},
	{"JSON is bounded", json_limits}, {"paths stay inside", paths}, {"origins", origins}, {"descriptors are whole", descriptors})
