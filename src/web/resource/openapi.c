/* The API document, from the route table and the descriptors (OpenAPI 3.1). */
#include "web/route.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static cJSON *schema_ref(const char *name)
{
	char ref[96];
	cJSON *o = cJSON_CreateObject();

	snprintf(ref, sizeof(ref), "#/components/schemas/%s", name);
	cJSON_AddStringToObject(o, "$ref", ref);
	return o;
}

static cJSON *typed(const char *type)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "type", type);
	return o;
}

static cJSON *field_schema(const struct zx_field *f);

/* Rows of a list: what a body may give; answers have a reference's label beside it. */
static cJSON *list_schema(const struct zx_field *f)
{
	cJSON *o = typed("array"), *item = typed("object"), *props = cJSON_AddObjectToObject(item, "properties");
	unsigned n = 0;

	for (const struct zx_field *it = f->items; it && it->key; it++) {
		cJSON_AddItemToObject(props, it->key, field_schema(it));
		if (it->type == ZX_F_TARGET && it->param)
			cJSON_AddItemToObject(props, it->param, typed("string"));
		n += it->flags & ZX_FF_READONLY ? 0 : it->type == ZX_F_TARGET ? 2 : 1;
	}
	if (n == 1) { /* a plain value will do */
		cJSON_Delete(item);
		item = cJSON_CreateObject();
	}
	cJSON_AddItemToObject(o, "items", item);
	return o;
}

static const char *field_note(const struct zx_field *f)
{
	switch (f->type) {
	case ZX_F_DATETIME:
		return "epoch milliseconds";
	case ZX_F_DURATION:
		return "milliseconds";
	case ZX_F_TIME:
		return "HH:MM, or empty";
	case ZX_F_DATE:
		return "YYYY-MM-DD, or empty";
	case ZX_F_ORDER:
		return "choices in order, comma separated";
	case ZX_F_TARGET:
		return "application; its parameter is a field of its own";
	default:
		return NULL;
	}
}

static cJSON *field_schema(const struct zx_field *f)
{
	static const char *const types[] = {[ZX_F_BOOL] = "boolean",     [ZX_F_INT] = "integer", [ZX_F_DATETIME] = "integer",
					    [ZX_F_DURATION] = "integer", [ZX_F_REF] = "integer", [ZX_F_AUDIO] = "boolean"};
	const char *type = f->type < sizeof(types) / sizeof(types[0]) && types[f->type] ? types[f->type] : "string";
	cJSON *o = f->type == ZX_F_JSON ? cJSON_CreateObject() : f->type == ZX_F_LIST ? list_schema(f) : typed(type);

	cJSON_AddStringToObject(o, "title", f->label.en);
	if (field_note(f))
		cJSON_AddStringToObject(o, "description", field_note(f));
	if (f->pattern)
		cJSON_AddStringToObject(o, "pattern", f->pattern);
	if (f->flags & ZX_FF_READONLY)
		cJSON_AddBoolToObject(o, "readOnly", true);
	if (f->flags & ZX_FF_WRITEONLY)
		cJSON_AddBoolToObject(o, "writeOnly", true);
	if (!strcmp(type, "string") && f->type != ZX_F_JSON && f->type != ZX_F_LIST && f->max) {
		cJSON_AddNumberToObject(o, "minLength", (double)f->min);
		cJSON_AddNumberToObject(o, "maxLength", (double)f->max);
	}
	if (f->options && f->type == ZX_F_ENUM) {
		cJSON *e = cJSON_AddArrayToObject(o, "enum");
		for (const struct zx_option *p = f->options; p->v; p++)
			cJSON_AddItemToArray(e, cJSON_CreateString(p->v));
	}
	return o;
}

/* What rows have beside fields: what a reference is called, and so on. */
static void add_columns(cJSON *props, const struct zx_resource *res)
{
	static const char *const types[] = {
	    [ZX_Q_INT] = "integer", [ZX_Q_BOOL] = "boolean", [ZX_Q_REAL] = "number", [ZX_Q_TEXT] = "string", [ZX_Q_JSON] = "array"};

	for (unsigned i = 0; i < res->table->colc; i++) {
		const struct zx_q_col *c = &res->table->cols[i];
		cJSON *o;
		if (!(c->can & ZX_Q_SHOW) || cJSON_HasObjectItem(props, c->key))
			continue;
		o = typed(types[c->type]);
		cJSON_AddBoolToObject(o, "readOnly", true);
		cJSON_AddItemToObject(props, c->key, o);
	}
}

static cJSON *resource_schema(const struct zx_resource *res)
{
	cJSON *o = typed("object"), *props, *req = cJSON_CreateArray();

	cJSON_AddStringToObject(o, "title", res->title.en);
	props = cJSON_AddObjectToObject(o, "properties");
	cJSON_AddItemToObject(props, "id", typed("integer"));
	for (unsigned i = 0; i < res->fieldc; i++) {
		cJSON_AddItemToObject(props, res->fields[i].key, field_schema(&res->fields[i]));
		if (res->fields[i].type == ZX_F_TARGET && res->fields[i].param)
			cJSON_AddItemToObject(props, res->fields[i].param, typed("string"));
		if (res->fields[i].flags & ZX_FF_REQUIRED)
			cJSON_AddItemToArray(req, cJSON_CreateString(res->fields[i].key));
	}
	if (res->table->rev)
		cJSON_AddItemToObject(props, "rev", typed("integer"));
	add_columns(props, res);
	if (req->child)
		cJSON_AddItemToObject(o, "required", req);
	else
		cJSON_Delete(req);
	return o;
}

static void add_param(cJSON *list, const char *in, const char *name, const char *type, bool required)
{
	cJSON *p = cJSON_CreateObject();

	cJSON_AddStringToObject(p, "name", name);
	cJSON_AddStringToObject(p, "in", in);
	if (required)
		cJSON_AddBoolToObject(p, "required", true);
	cJSON_AddItemToObject(p, "schema", typed(type));
	cJSON_AddItemToArray(list, p);
}

static void add_params(cJSON *op, const struct zx_route_def *d)
{
	cJSON *list = cJSON_CreateArray();
	char name[96];

	if (strstr(d->path, ":id"))
		add_param(list, "path", "id", "integer", true);
	if (strstr(d->path, ":name"))
		add_param(list, "path", "name", "string", true);
	if (d->h == zx_resource_refs_h) {
		static const char *const v[] = {"q", "id", "app"};
		for (unsigned i = 0; i < 3; i++)
			add_param(list, "query", v[i], "string", false);
		add_param(list, "query", "size", "integer", false);
		add_param(list, "query", "company_id", "integer", false);
	}
	if (d->flags & ZX_RT_LIST) {
		static const char *const v[] = {"q", "sort", "after"};
		for (unsigned i = 0; i < 3; i++)
			add_param(list, "query", v[i], "string", false);
		add_param(list, "query", "page", "integer", false);
		add_param(list, "query", "size", "integer", false);
		for (unsigned i = 0; i < d->res->table->colc; i++) {
			const struct zx_q_col *c = &d->res->table->cols[i];
			if (!(c->can & (ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_NULL)))
				continue;
			snprintf(name, sizeof(name), "f.%s", c->key);
			add_param(list, "query", name, "string", false);
		}
	}
	if (!strcmp(d->method, "DELETE") && d->res) {
		add_param(list, "query", "rev", "integer", false);
		add_param(list, "query", "force", "integer", false);
	}
	if (strcmp(d->method, "GET") && !(d->flags & ZX_RT_NOCSRF))
		add_param(list, "header", "X-CSRF-Token", "string", true);
	if (list->child)
		cJSON_AddItemToObject(op, "parameters", list);
	else
		cJSON_Delete(list);
}

static cJSON *content(const char *type, cJSON *schema)
{
	cJSON *o = cJSON_CreateObject(), *c = cJSON_AddObjectToObject(o, "content"), *t = cJSON_AddObjectToObject(c, type);

	cJSON_AddItemToObject(t, "schema", schema);
	return o;
}

static void add_body(cJSON *op, const struct zx_route_def *d)
{
	const bool row = d->res && (!strcmp(d->method, "PUT") || (d->flags & ZX_RT_CREATED && !d->body));
	cJSON *schema, *props;

	if (!d->body && !row)
		return;
	schema = row ? schema_ref(d->res->name) : typed("object");
	if (!row) {
		props = cJSON_AddObjectToObject(schema, "properties");
		for (const char *const *k = d->body; *k; k++)
			cJSON_AddItemToObject(props, *k, cJSON_CreateObject());
	}
	cJSON *b = content("application/json", schema);
	cJSON_AddBoolToObject(b, "required", true);
	cJSON_AddItemToObject(op, "requestBody", b);
}

static cJSON *good_reply(const struct zx_route_def *d)
{
	cJSON *o, *schema = typed("object");

	if (d->flags & ZX_RT_EMPTY) {
		cJSON_Delete(schema);
		o = cJSON_CreateObject();
	} else if (d->reply) {
		cJSON_Delete(schema);
		o = content(d->reply, typed("string"));
	} else if (d->flags & ZX_RT_LIST) {
		cJSON *props = cJSON_AddObjectToObject(schema, "properties"), *rows = typed("array");
		cJSON_AddItemToObject(rows, "items", schema_ref(d->res->name));
		cJSON_AddItemToObject(props, "rows", rows);
		cJSON_AddItemToObject(props, "total", typed("integer"));
		cJSON_AddItemToObject(props, "next", typed("string"));
		o = content("application/json", schema);
	} else if (d->res && (!strcmp(d->method, "PUT") || (d->flags & ZX_RT_CREATED && !d->body) || d->h == zx_resource_get_h)) {
		cJSON_Delete(schema);
		o = content("application/json", schema_ref(d->res->name));
	} else {
		o = content("application/json", schema);
	}
	cJSON_AddStringToObject(o, "description", "OK");
	return o;
}

static cJSON *operation(const struct zx_route_def *d)
{
	cJSON *op = cJSON_CreateObject(), *replies, *bad, *sec;
	const char *ok = d->flags & ZX_RT_EMPTY ? "204" : d->flags & ZX_RT_CREATED ? "201" : d->flags & ZX_RT_ACCEPTED ? "202" : "200";
	char id[128], *w = id;
	const int n = snprintf(id, sizeof(id) - 1, "%s%s", d->method, d->path);

	for (int i = 0; i < n && i < (int)sizeof(id) - 2; i++)
		if (isalnum((unsigned char)id[i]))
			*w++ = id[i];
		else if (w > id && w[-1] != '_')
			*w++ = '_';
	*w = '\0';
	cJSON_AddStringToObject(op, "operationId", id);
	cJSON_AddStringToObject(op, "summary", d->summary.en);
	cJSON_AddItemToObject(op, "x-summary", zx_text_json(&d->summary));
	if (d->right)
		cJSON_AddStringToObject(op, "x-right", d->right);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(op, "tags"), cJSON_CreateString(d->res ? d->res->name : "system"));
	sec = cJSON_AddArrayToObject(op, "security");
	if (!(d->flags & ZX_RT_PUBLIC)) {
		cJSON *s = cJSON_CreateObject();
		cJSON_AddArrayToObject(s, "session");
		cJSON_AddItemToArray(sec, s);
	}
	add_params(op, d);
	add_body(op, d);
	replies = cJSON_AddObjectToObject(op, "responses");
	cJSON_AddItemToObject(replies, ok, good_reply(d));
	bad = content("application/json", schema_ref("Error"));
	cJSON_AddStringToObject(bad, "description", "An error");
	cJSON_AddItemToObject(replies, "default", bad);
	return op;
}

/* "/x/:id/refs/:name" -> "/x/{id}/refs/{name}" */
static void path_text(char *out, size_t len, const char *path)
{
	size_t n = 0;

	for (; *path && n + 8 < len; path++) {
		const char *v = !strncmp(path, ":id", 3) ? "id" : !strncmp(path, ":name", 5) ? "name" : NULL;
		if (v) {
			n += (size_t)snprintf(out + n, len - n, "{%s}", v);
			path += strlen(v);
		} else {
			out[n++] = *path;
		}
	}
	out[n] = '\0';
}

static void add_components(cJSON *doc)
{
	const struct zx_resource *res;
	cJSON *c = cJSON_AddObjectToObject(doc, "components"), *schemas = cJSON_AddObjectToObject(c, "schemas"), *o, *p, *e;

	o = typed("object");
	p = cJSON_AddObjectToObject(o, "properties");
	e = typed("object");
	cJSON_AddItemToObject(p, "error", e);
	p = cJSON_AddObjectToObject(e, "properties");
	cJSON_AddItemToObject(p, "code", typed("string"));
	cJSON_AddItemToObject(p, "message", typed("string"));
	cJSON_AddItemToObject(p, "fields", typed("object"));
	cJSON_AddItemToObject(schemas, "Error", o);
	for (unsigned i = 0; (res = zx_resource_at(i)); i++)
		cJSON_AddItemToObject(schemas, res->name, resource_schema(res));
	o = cJSON_AddObjectToObject(cJSON_AddObjectToObject(c, "securitySchemes"), "session");
	cJSON_AddStringToObject(o, "type", "apiKey");
	cJSON_AddStringToObject(o, "in", "cookie");
	cJSON_AddStringToObject(o, "name", "zx_session");
}

void zx_openapi_h(struct zx_req *r)
{
	unsigned n;
	const struct zx_route_def *t = zx_routes(&n);
	cJSON *doc = cJSON_CreateObject(), *info, *paths, *srv;
	char path[160], method[8];

	cJSON_AddStringToObject(doc, "openapi", "3.1.0");
	info = cJSON_AddObjectToObject(doc, "info");
	cJSON_AddStringToObject(info, "title", "Zuoxi");
	cJSON_AddStringToObject(info, "version", ZX_VERSION);
	srv = cJSON_CreateObject();
	cJSON_AddStringToObject(srv, "url", "/api/v1");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(doc, "servers"), srv);
	paths = cJSON_AddObjectToObject(doc, "paths");
	for (unsigned i = 0; i < n; i++) {
		path_text(path, sizeof(path), t[i].path);
		cJSON *p = cJSON_GetObjectItemCaseSensitive(paths, path);
		if (!p)
			p = cJSON_AddObjectToObject(paths, path);
		size_t k = 0;
		for (; t[i].method[k] && k < sizeof(method) - 1; k++)
			method[k] = (char)tolower((unsigned char)t[i].method[k]);
		method[k] = '\0';
		cJSON_AddItemToObject(p, method, operation(&t[i]));
	}
	add_components(doc);
	zx_reply_json(r, 200, doc);
}
