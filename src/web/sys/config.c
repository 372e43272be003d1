/* 更新配置: looking at what is not applied, applying it, going back. */
#include "web/sys/config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bus.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "web/resource/resource.h"
#include "web/sys/config_check.h"
#include "web/sys/config_diff.h"

enum { COMPANIES = 4096, SWAP_MS = 3000, NOTE_MAX = 200, LIST_MAX = 200 };

/* One who applies at a time: what was checked is what is written and what calls then follow. */
static pthread_mutex_t apply_lock = PTHREAD_MUTEX_INITIALIZER;

/* A company whose draft is looked at. */
struct company {
	int64_t id, version; /* version: applied, 0 never */
	char name[ZX_NAME_LEN];
	char hash[ZX_CONFIG_HASH];
	struct zx_config_doc *draft, *applied;
	unsigned changes;
};
struct companies {
	struct company *v;
	unsigned n;
	char hash[ZX_CONFIG_HASH]; /* of all their drafts */
};

static void companies_free(struct companies *cs)
{
	for (unsigned i = 0; i < cs->n; i++) {
		zx_config_doc_free(cs->v[i].draft);
		zx_config_doc_free(cs->v[i].applied);
	}
	free(cs->v);
}

/* The companies a request is about: one's own; the system's people may name one (id), or mean all. ENOENT. */
static int companies_find(struct companies *cs, struct zx_req *r, int64_t id)
{
	const struct zx_user *u = &r->ses.user;
	struct zx_stmt *s;
	int err;

	if (u->scope != ZX_SCOPE_SYSTEM) {
		if (id && id != u->company_id)
			return ENOENT;
		id = u->company_id;
	}
	err = zx_stmt_get(&s, r->db, "config_companies");
	if (err)
		return err;
	zx_bind_int(s, ":id", id);
	while (cs->n < COMPANIES && !(err = zx_stmt_step(s))) {
		struct company *v = reallocarray(cs->v, cs->n + 1, sizeof(*v));

		if (!v) {
			err = ENOMEM;
			break;
		}
		cs->v = v;
		memset(&v[cs->n], 0, sizeof(*v));
		v[cs->n].id = zx_col_int(s, 0);
		zx_strcpy(v[cs->n++].name, sizeof(v->name), zx_col_text(s, 1));
	}
	zx_stmt_reset(s);
	return err && err != ENODATA ? err : cs->n ? 0 : ENOENT;
}

/* Both documents of a company; parsed when they differ, or whole. */
static int company_read(struct company *c, struct zx_db *db, bool whole)
{
	char *draft = NULL, *applied = NULL;
	int err;

	err = zx_config_draft(db, c->id, &draft);
	if (!err)
		err = zx_config_applied(db, c->id, &c->version, &applied);
	if (err == ENOENT)
		err = 0;
	if (!err) {
		zx_config_hash(c->hash, draft);
		if (whole || !applied || strcmp(draft, applied) != 0) {
			err = zx_config_doc_read(&c->draft, draft);
			if (!err)
				err = zx_config_doc_read(&c->applied, applied);
			if (!err)
				c->changes = zx_config_diff(c->applied, c->draft, NULL, NULL);
		}
	}
	free(draft);
	free(applied);
	return err;
}

/* Within a read. */
static int companies_read(struct companies *cs, struct zx_req *r, int64_t id, bool whole)
{
	char *all;
	int err = companies_find(cs, r, id);

	for (unsigned i = 0; i < cs->n && !err; i++)
		err = company_read(&cs->v[i], r->db, whole);
	if (err)
		return err;
	if (cs->n == 1) {
		zx_strcpy(cs->hash, sizeof(cs->hash), cs->v[0].hash);
		return 0;
	}
	all = calloc(cs->n + 1, ZX_CONFIG_HASH);
	if (!all)
		return ENOMEM;
	for (unsigned i = 0; i < cs->n; i++)
		memcpy(all + (size_t)i * (ZX_CONFIG_HASH - 1), cs->v[i].hash, ZX_CONFIG_HASH);
	zx_config_hash(cs->hash, all);
	free(all);
	return 0;
}

/* ---- what is there ---- */

static cJSON *applied_json(struct zx_db *db, int64_t company_id)
{
	struct zx_stmt *s;
	cJSON *o;

	if (zx_stmt_get(&s, db, "config_applied_who"))
		return cJSON_CreateNull();
	zx_bind_int(s, ":id", company_id);
	if (zx_stmt_step(s))
		return cJSON_CreateNull();
	o = cJSON_CreateObject();
	zx_json_add_int(o, "version", zx_col_int(s, 0));
	zx_json_add_int(o, "at", zx_col_int(s, 1));
	cJSON_AddStringToObject(o, "user", zx_col_text(s, 2));
	zx_stmt_reset(s);
	return o;
}

static void add_companies(cJSON *js, const struct companies *cs, struct zx_db *db)
{
	cJSON *list = cJSON_AddArrayToObject(js, "companies");

	for (unsigned i = 0; i < cs->n; i++) {
		const struct company *c = &cs->v[i];
		cJSON *o = cJSON_CreateObject();

		zx_json_add_int(o, "id", c->id);
		cJSON_AddStringToObject(o, "name", c->name);
		cJSON_AddNumberToObject(o, "dirty", c->changes);
		cJSON_AddStringToObject(o, "hash", c->hash);
		cJSON_AddItemToObject(o, "applied", applied_json(db, c->id));
		cJSON_AddItemToArray(list, o);
	}
}

static void add_changes(cJSON *js, const struct companies *cs, enum zx_lang lang)
{
	struct zx_config_say s = {.lang = lang, .to = cJSON_AddArrayToObject(js, "changes")};
	unsigned n = 0;

	for (unsigned i = 0; i < cs->n; i++) {
		s.before = cs->v[i].applied;
		s.after = cs->v[i].draft;
		if (cs->v[i].changes)
			n += zx_config_say_changes(&s);
	}
	cJSON_AddNumberToObject(js, "total", n);
}

/* Errors among the problems; they are added to js. */
static unsigned add_problems(cJSON *js, const struct companies *cs, struct zx_req *r)
{
	cJSON *list = cJSON_AddArrayToObject(js, "problems");
	int64_t *ids = calloc(cs->n + 1, sizeof(*ids));
	unsigned errors = 0;

	for (unsigned i = 0; i < cs->n && ids; i++)
		ids[i] = cs->v[i].id;
	for (unsigned i = 0; i < cs->n; i++)
		errors += zx_config_problems(r, cs->v[i].draft, ids, ids ? cs->n : 0, list);
	free(ids);
	return errors;
}

static void reply_failed(struct zx_req *r, int err)
{
	if (err == ENOENT)
		zx_reply_error(r, 404, "not_found", NULL, NULL);
	else
		zx_reply_errno(r, err);
}

void zx_config_get_h(struct zx_req *r)
{
	const bool brief = !strcmp(zx_req_param(r, "brief"), "1");
	const char *param = zx_req_param(r, "company_id");
	struct companies cs = {0};
	int64_t id = 0;
	cJSON *js;
	int err;

	if (*param && (!zx_text_int(param, &id) || id < 1)) {
		zx_bad_query(r, "company_id");
		return;
	}
	err = zx_db_begin_read(r->db, ZX_READ_MS);
	if (!err) {
		err = companies_read(&cs, r, id, !brief);
		if (!err) {
			js = cJSON_CreateObject();
			add_companies(js, &cs, r->db);
			if (!brief) {
				add_changes(js, &cs, r->lang);
				(void)add_problems(js, &cs, r);
			}
			cJSON_AddStringToObject(js, "draftHash", cs.hash);
		}
		zx_db_end_read(r->db);
	}
	if (err)
		reply_failed(r, err);
	else
		zx_reply_json(r, 200, js);
	companies_free(&cs);
}

/* ---- apply ---- */

struct swap {
	struct zx_plan *plan;
	const struct zx_config_order *v;
	unsigned n;
};

/* Loop thread. */
static int swap_now(void *arg)
{
	const struct swap *s = arg;

	zx_plan_swap(s->plan);
	for (unsigned i = 0; i < s->n; i++) {
		const struct zx_ev_config ev = {
		    .table = "*", .applied = true, .more = i + 1 < s->n, .company_id = s->v[i].company_id, .version = s->v[i].version};

		zx_bus_publish(ZX_EV_CONFIG, &ev);
	}
	return 0;
}

/* What has just been written is what calls follow, when this returns. It is the applied version already: should anything be wrong here, it
 * is tried again behind our back. */
static int go_live(struct zx_web *web, const struct zx_config_order *v, unsigned n)
{
	struct swap s = {.v = v, .n = n};
	int err = zx_plan_load(&s.plan, web->env.store, web->env.conf->sip_realm);

	if (!err) {
		err = zx_loop_call(swap_now, &s, SWAP_MS);
		if (err)
			mem_deref(s.plan);
	}
	if (err) {
		zx_log(ZX_ERROR, "web", "the configuration was applied, but is not live yet: %s", strerror(err));
		(void)zx_plan_reload(web->env.store, web->env.conf->sip_realm);
	}
	return err;
}

static void reply_applied(struct zx_req *r, const struct zx_config_order *v, unsigned n, uint64_t since)
{
	cJSON *js = cJSON_CreateObject(), *list;
	int64_t newest = 0;

	for (unsigned i = 0; i < n; i++)
		newest = v[i].version > newest ? v[i].version : newest;
	zx_json_add_int(js, "version", newest);
	cJSON_AddNumberToObject(js, "took_ms", (double)(zx_mono_ms() - since));
	list = cJSON_AddArrayToObject(js, "companies");
	for (unsigned i = 0; i < n; i++) {
		cJSON *o = cJSON_CreateObject();

		zx_json_add_int(o, "id", v[i].company_id);
		zx_json_add_int(o, "version", v[i].version);
		cJSON_AddNumberToObject(o, "changes", v[i].changes);
		cJSON_AddItemToArray(list, o);
	}
	zx_reply_json(r, 200, js);
}

/* The note of a body; false: replied. */
static bool read_note(struct zx_req *r, const char **note)
{
	const cJSON *js = cJSON_GetObjectItemCaseSensitive(r->body, "note");

	*note = "";
	if (!js || cJSON_IsNull(js))
		return true;
	if (!cJSON_IsString(js) || strlen(js->valuestring) > NOTE_MAX * 3) {
		zx_field_error(r, "note", cJSON_IsString(js) ? "length" : "pattern");
		return false;
	}
	*note = js->valuestring;
	return true;
}

static bool read_hash(struct zx_req *r, const char **hash)
{
	*hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, "hash"));
	if (*hash)
		return true;
	zx_field_error(r, "hash", "required");
	return false;
}

/* Only what changes is applied, and can make something wrong. */
static void keep_changed(struct companies *cs)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cs->n; i++) {
		if (cs->v[i].changes) {
			cs->v[n++] = cs->v[i];
		} else {
			zx_config_doc_free(cs->v[i].draft);
			zx_config_doc_free(cs->v[i].applied);
		}
	}
	cs->n = n;
}

/* Looks at the drafts once more; what is to be applied of them. Replies when nothing can be. */
static bool apply_look(struct zx_req *r, struct companies *cs, int64_t company_id, const char *hash)
{
	cJSON *more = cJSON_CreateObject();
	unsigned errors = 0;
	int err;

	err = zx_db_begin_read(r->db, ZX_READ_MS);
	if (!err) {
		err = companies_read(cs, r, company_id, false);
		if (!err && strcmp(cs->hash, hash) != 0)
			err = ESTALE;
		if (!err)
			keep_changed(cs);
		if (!err)
			errors = add_problems(more, cs, r);
		zx_db_end_read(r->db);
	}
	if (!err && !errors) {
		cJSON_Delete(more);
		return true;
	}
	if (!err) {
		zx_reply_error(r, 422, "config_problems", NULL, more);
		return false;
	}
	cJSON_Delete(more);
	if (err == ESTALE)
		zx_reply_error(r, 409, "stale", NULL, NULL);
	else
		reply_failed(r, err);
	return false;
}

static void apply_write(struct zx_req *r, const struct companies *cs, const char *note, uint64_t since)
{
	const struct zx_config_by by = {
	    .user_id = r->ses.user.id, .company_id = r->ses.user.company_id, .addr = r->peer.addr, .note = note};
	struct zx_config_order *v = calloc(cs->n + 1, sizeof(*v));
	int err = v ? 0 : ENOMEM;

	for (unsigned i = 0; i < cs->n && !err; i++) {
		v[i].company_id = cs->v[i].id;
		v[i].changes = cs->v[i].changes;
		zx_strcpy(v[i].hash, sizeof(v[i].hash), cs->v[i].hash);
	}
	if (!err && cs->n)
		err = zx_config_apply(r->web->env.store, v, cs->n, &by);
	if (!err && cs->n)
		err = go_live(r->web, v, cs->n);
	if (err == ESTALE)
		zx_reply_error(r, 409, "stale", NULL, NULL);
	else if (err)
		reply_failed(r, err);
	else
		reply_applied(r, v, cs->n, since);
	free(v);
}

void zx_config_apply_h(struct zx_req *r)
{
	const uint64_t since = zx_mono_ms();
	struct companies cs = {0};
	const cJSON *company;
	const char *hash, *note;

	if (zx_req_body(r))
		return;
	company = cJSON_GetObjectItemCaseSensitive(r->body, "company_id");
	if (company && !cJSON_IsNull(company) && !(cJSON_IsNumber(company) && company->valuedouble >= 1 && company->valuedouble < 9e15)) {
		zx_field_error(r, "company_id", "pattern");
		return;
	}
	if (!read_hash(r, &hash) || !read_note(r, &note))
		return;
	pthread_mutex_lock(&apply_lock);
	if (apply_look(r, &cs, cJSON_IsNumber(company) ? (int64_t)company->valuedouble : 0, hash))
		apply_write(r, &cs, note, since);
	pthread_mutex_unlock(&apply_lock);
	companies_free(&cs);
}

/* ---- versions ---- */

static cJSON *version_json(struct zx_stmt *s)
{
	cJSON *o = cJSON_CreateObject();

	zx_json_add_int(o, "id", zx_col_int(s, 0));
	zx_json_add_int(o, "company_id", zx_col_int(s, 1));
	cJSON_AddStringToObject(o, "company", zx_col_text(s, 2));
	zx_json_add_int(o, "at", zx_col_int(s, 3));
	cJSON_AddStringToObject(o, "user", zx_col_text(s, 4));
	cJSON_AddStringToObject(o, "user_name", zx_col_text(s, 9));
	cJSON_AddStringToObject(o, "kind", zx_col_text(s, 5));
	cJSON_AddStringToObject(o, "note", zx_col_text(s, 6));
	zx_json_add_int(o, "changes", zx_col_int(s, 7));
	cJSON_AddBoolToObject(o, "applied", zx_col_int(s, 8) != 0);
	return o;
}

void zx_config_versions_h(struct zx_req *r)
{
	const struct zx_user *u = &r->ses.user;
	const char *param = zx_req_param(r, "company_id");
	cJSON *js = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(js, "rows");
	struct zx_stmt *s;
	int64_t id = 0;
	int err = 0;

	if (*param && (!zx_text_int(param, &id) || id < 1)) {
		cJSON_Delete(js);
		zx_bad_query(r, "company_id");
		return;
	}
	if (u->scope != ZX_SCOPE_SYSTEM) {
		err = id && id != u->company_id ? ENOENT : 0;
		id = u->company_id;
	}
	if (!err)
		err = zx_stmt_get(&s, r->db, "config_versions");
	if (!err) {
		zx_bind_int(s, ":company", id);
		zx_bind_int(s, ":limit", LIST_MAX);
		while (!(err = zx_stmt_step(s)))
			cJSON_AddItemToArray(rows, version_json(s));
	}
	if (err && err != ENODATA) {
		cJSON_Delete(js);
		reply_failed(r, err);
		return;
	}
	zx_reply_json(r, 200, js);
}

/* A version that the user may see, as a document. Within a read. */
static int version_read(struct zx_req *r, struct zx_config_doc **dp)
{
	int64_t company_id;
	char *text;
	int err = zx_config_version(r->db, r->id, &company_id, &text);

	if (err)
		return err;
	if (r->ses.user.scope != ZX_SCOPE_SYSTEM && company_id != r->ses.user.company_id)
		err = ENOENT;
	if (!err)
		err = zx_config_doc_read(dp, text);
	free(text);
	if (!err)
		(*dp)->company_id = company_id;
	return err;
}

/* The applied version before it; an empty document when there was none. */
static int version_before(struct zx_req *r, struct zx_config_doc **dp)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, r->db, "config_version_before");
	if (err)
		return err;
	zx_bind_int(s, ":id", r->id);
	err = zx_stmt_step(s);
	if (err && err != ENODATA)
		return err;
	err = zx_config_doc_read(dp, err ? NULL : zx_col_text(s, 1));
	zx_stmt_reset(s);
	return err;
}

static int version_changes(struct zx_req *r, cJSON *js, bool against_draft)
{
	struct zx_config_doc *then = NULL, *other = NULL;
	char hash[ZX_CONFIG_HASH], *text = NULL;
	int err;

	err = version_read(r, &then);
	if (!err && against_draft) {
		err = zx_config_draft(r->db, then->company_id, &text);
		if (!err)
			err = zx_config_doc_read(&other, text);
		if (!err) {
			zx_config_hash(hash, text);
			cJSON_AddStringToObject(js, "draftHash", hash);
		}
	} else if (!err) {
		err = version_before(r, &other);
	}
	if (!err) {
		struct zx_config_say s = {.before = other, .after = then, .lang = r->lang, .to = cJSON_AddArrayToObject(js, "changes")};

		cJSON_AddNumberToObject(js, "total", zx_config_say_changes(&s));
		if (against_draft) {
			cJSON *list = cJSON_AddArrayToObject(js, "problems");

			(void)zx_config_problems(r, then, &then->company_id, 1, list);
		}
	}
	free(text);
	zx_config_doc_free(then);
	zx_config_doc_free(other);
	return err;
}

void zx_config_version_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject();
	int err = zx_db_begin_read(r->db, ZX_READ_MS);

	if (!err) {
		zx_json_add_int(js, "id", r->id);
		err = version_changes(r, js, !strcmp(zx_req_param(r, "against"), "draft"));
		zx_db_end_read(r->db);
	}
	if (!err) {
		zx_reply_json(r, 200, js);
		return;
	}
	cJSON_Delete(js);
	reply_failed(r, err);
}

/* ---- return ---- */

/* What the order needs to know, and whether that version can be applied at all. Replies when not. */
static bool return_look(struct zx_req *r, struct zx_config_return *ret, const char *hash)
{
	struct zx_config_doc *then = NULL, *draft = NULL;
	cJSON *more = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(more, "problems");
	char *text = NULL;
	unsigned errors = 0;
	int err;

	err = zx_db_begin_read(r->db, ZX_READ_MS);
	if (!err) {
		err = version_read(r, &then);
		if (!err)
			err = zx_config_draft(r->db, then->company_id, &text);
		if (!err) {
			zx_config_hash(ret->order.hash, text);
			err = strcmp(ret->order.hash, hash) != 0 ? ESTALE : 0;
		}
		if (!err)
			err = zx_config_doc_read(&draft, text);
		if (!err)
			err = zx_config_unapplied(r->db, then->company_id, &ret->unapplied);
		if (!err) {
			ret->version = r->id;
			ret->order.company_id = then->company_id;
			ret->order.changes = zx_config_diff(draft, then, NULL, NULL);
			errors = zx_config_problems(r, then, &then->company_id, 1, list);
		}
		zx_db_end_read(r->db);
	}
	free(text);
	zx_config_doc_free(then);
	zx_config_doc_free(draft);
	if (!err && errors) {
		zx_reply_error(r, 422, "config_problems", NULL, more);
		return false;
	}
	cJSON_Delete(more);
	if (err == ESTALE)
		zx_reply_error(r, 409, "stale", NULL, NULL);
	else if (err)
		reply_failed(r, err);
	return !err;
}

static void return_refused(struct zx_req *r, const struct zx_config_return *ret)
{
	cJSON *more = cJSON_CreateObject();

	if (*ret->label) {
		cJSON_AddStringToObject(more, "resource", zx_config_tables[ret->table].name);
		cJSON_AddStringToObject(more, "label", ret->label);
	}
	if (*ret->other)
		cJSON_AddStringToObject(more, "user", ret->other);
	zx_reply_error(r, 409,
		       !strcmp(ret->why, "bound")   ? "return_bound"
		       : !strcmp(ret->why, "taken") ? "return_taken"
						    : "return_used",
		       NULL, more);
}

static void return_run(struct zx_req *r, const char *hash, const char *note, uint64_t since)
{
	const struct zx_config_by by = {
	    .user_id = r->ses.user.id, .company_id = r->ses.user.company_id, .addr = r->peer.addr, .note = note};
	struct zx_config_return ret = {0};
	int err;

	if (!return_look(r, &ret, hash))
		return;
	err = zx_config_return(r->web->env.store, &ret, &by);
	if (!err)
		err = go_live(r->web, &ret.order, 1);
	if (ret.why)
		return_refused(r, &ret);
	else if (err == ESTALE)
		zx_reply_error(r, 409, "stale", NULL, NULL);
	else if (err)
		reply_failed(r, err);
	else
		reply_applied(r, &ret.order, 1, since);
}

void zx_config_return_h(struct zx_req *r)
{
	const uint64_t since = zx_mono_ms();
	const char *hash, *note;

	if (zx_req_body(r) || !read_hash(r, &hash) || !read_note(r, &note))
		return;
	pthread_mutex_lock(&apply_lock);
	return_run(r, hash, note, since);
	pthread_mutex_unlock(&apply_lock);
}
