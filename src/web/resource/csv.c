/* CSV of all that match, streamed: UTF-8 with BOM, CRLF, formulas defused, long numbers kept as text (WEB.md). */
#include "web/resource/resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

enum { BUF = 32768, LONG_DIGITS = 11 };

struct out {
	struct zx_req *r;
	const struct zx_resource *res;
	size_t len;
	bool begun;
	char name[128];
	char buf[BUF];
};

static int flush(struct out *o)
{
	const size_t n = o->len;

	o->len = 0;
	return n ? zx_reply_write(o->r, o->buf, n) : 0;
}

static int put(struct out *o, const char *s, size_t n)
{
	while (n) {
		const size_t room = BUF - o->len, part = n < room ? n : room;
		memcpy(o->buf + o->len, s, part);
		o->len += part;
		s += part;
		n -= part;
		if (o->len == BUF && flush(o))
			return EPIPE;
	}
	return 0;
}

static int put_cell(struct out *o, const char *s, bool text)
{
	const size_t n = strlen(s);
	const char *lead = "";
	int err;

	/* a spreadsheet would run what begins so, and round or cut long numbers and leading zeros */
	if (text && strchr("=+-@\t\r", *s) && *s)
		lead = "'";
	else if (text && n && strspn(s, "0123456789") == n && (n > LONG_DIGITS || (*s == '0' && n > 1)))
		lead = "\t";
	if (!*lead && !strpbrk(s, "\",\r\n"))
		return put(o, s, n);
	err = put(o, "\"", 1);
	if (!err)
		err = put(o, lead, strlen(lead));
	for (; *s && !err; s++) {
		err = put(o, s, 1);
		if (*s == '"' && !err)
			err = put(o, "\"", 1);
	}
	return err ? err : put(o, "\"", 1);
}

static const char *enum_label(const struct zx_field *f, const char *v, enum zx_lang lang)
{
	for (const struct zx_option *o = f->options; o && o->v; o++)
		if (!strcmp(o->v, v))
			return zx_text_in(&o->text, lang);
	return v;
}

static int put_json(struct out *o, const struct zx_field *f, const cJSON *js)
{
	char text[64];

	if (!js || cJSON_IsNull(js))
		return 0;
	if (cJSON_IsBool(js))
		return put_cell(o, o->r->lang == ZX_LANG_EN ? (cJSON_IsTrue(js) ? "yes" : "no") : (cJSON_IsTrue(js) ? "是" : "否"), false);
	if (cJSON_IsString(js))
		return put_cell(o, f->type == ZX_F_ENUM ? enum_label(f, js->valuestring, o->r->lang) : js->valuestring,
				f->type != ZX_F_ENUM);
	if (!cJSON_IsNumber(js) && !cJSON_IsRaw(js))
		return 0;
	const int64_t v = zx_json_get_int(js);
	if (f->type == ZX_F_DATETIME) {
		const time_t t = (time_t)(v / 1000);
		struct tm tm;
		if (!v || !localtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
			return 0;
	} else if (f->type == ZX_F_DURATION) {
		snprintf(text, sizeof(text), "%lld", (long long)(v / 1000));
	} else if (cJSON_IsRaw(js)) {
		zx_strcpy(text, sizeof(text), js->valuestring);
	} else {
		snprintf(text, sizeof(text), "%.15g", js->valuedouble);
	}
	return put_cell(o, text, false);
}

static bool exported(const struct zx_field *f)
{
	return f->in & (ZX_IN_LIST | ZX_IN_CSV) && !(f->flags & ZX_FF_WRITEONLY) && !f->live && f->type != ZX_F_JSON;
}

static int begin(struct out *o)
{
	char head[320];
	bool first = true;
	int err;

	o->begun = true;
	snprintf(head, sizeof(head), "Cache-Control: no-store\r\nContent-Disposition: attachment; filename=\"%s\"\r\n", o->name);
	zx_reply_begin(o->r, 200, "text/csv; charset=utf-8", -1, head);
	err = put(o, "\xef\xbb\xbf", 3);
	for (unsigned i = 0; i < o->res->fieldc && !err; i++) {
		const struct zx_field *f = &o->res->fields[i];
		if (!exported(f))
			continue;
		if (!first)
			err = put(o, ",", 1);
		first = false;
		if (!err)
			err = put_cell(o, zx_text_in(&f->label, o->r->lang), true);
		if (!err && f->type == ZX_F_DURATION)
			err = put(o, o->r->lang == ZX_LANG_EN ? " (s)" : "(秒)", o->r->lang == ZX_LANG_EN ? 4 : strlen("(秒)"));
	}
	return err ? err : put(o, "\r\n", 2);
}

static int row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	struct out *o = arg;
	cJSON *js = zx_resource_row(o->r, o->res, s, cols, n);
	bool first = true;
	int err = o->begun ? 0 : begin(o);

	for (unsigned i = 0; i < o->res->fieldc && !err; i++) {
		const struct zx_field *f = &o->res->fields[i];
		if (!exported(f))
			continue;
		if (!first)
			err = put(o, ",", 1);
		first = false;
		if (!err)
			err = put_json(o, f, cJSON_GetObjectItemCaseSensitive(js, f->key));
	}
	cJSON_Delete(js);
	return err ? err : put(o, "\r\n", 2);
}

void zx_resource_export_h(struct zx_req *r)
{
	const struct zx_resource *res = r->def;
	struct out *o = malloc(sizeof(*o));
	struct zx_res_query q;
	struct zx_q_result out = {0};
	const char *bad = NULL;
	const time_t now = (time_t)(zx_wall_ms() / 1000);
	struct tm tm;
	char day[32];
	int err;

	if (!o) {
		zx_reply_errno(r, ENOMEM);
		return;
	}
	*o = (struct out){.r = r, .res = res};
	localtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y%m%d-%H%M%S", &tm);
	snprintf(o->name, sizeof(o->name), "%s-%s.csv", res->name, day);
	err = zx_resource_query(&q, r, res, &bad);
	if (!err) {
		err = zx_q_export(r->db, zx_resource_table(res, &r->ses.user), &q.req, row, o, &out);
		bad = out.bad;
	}
	if (!err && !o->begun)
		err = begin(o);
	if (!o->begun) {
		if (err == EINVAL)
			zx_bad_query(r, bad);
		else
			zx_reply_errno(r, err);
	} else if (!err) {
		err = flush(o);
	}
	/* a fault after the first byte shows as a body without its end: the connection is closed either way */
	free(o);
}
