#include "web/sys/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "plan/check.h"
#include "sip/trunk.h"

struct problems {
	struct zx_req *r;
	int64_t company_id;
	cJSON *list;
	unsigned errors;
};

static void add_problem(const struct zx_plan_problem *pr, void *arg)
{
	struct problems *ps = arg;
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "level", pr->error ? "error" : "warning");
	cJSON_AddStringToObject(o, "code", pr->code);
	zx_json_add_int(o, "company_id", ps->company_id);
	cJSON_AddStringToObject(o, "resource", pr->resource);
	zx_json_add_int(o, "id", pr->id);
	cJSON_AddStringToObject(o, "label", pr->label);
	cJSON_AddStringToObject(o, "field", pr->field);
	cJSON_AddItemToObject(o, "message", zx_text_json(&(const struct zx_text){pr->zh, pr->en}));
	cJSON_AddItemToArray(ps->list, o);
	ps->errors += pr->error;
}

/* ---- numbers of other companies: one question to the loop for all ---- */

static const char *const numbered[] = {"extensions", "queues", "ivrs", "conferences"};

struct taken {
	const int64_t *with; /* companies that are applied together, by id */
	unsigned withc;
	const struct zx_config_doc *doc;
	const char **v; /* borrowed from the document */
	unsigned n;
};

static bool others(const struct taken *t, int64_t owner)
{
	unsigned lo = 0, hi = t->withc;

	while (lo < hi) {
		const unsigned mid = (lo + hi) / 2;

		if (t->with[mid] < owner)
			lo = mid + 1;
		else
			hi = mid;
	}
	return owner && (lo == t->withc || t->with[lo] != owner);
}

static int ask_taken(void *arg)
{
	struct taken *t = arg;

	for (unsigned i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++) {
		const struct zx_config_part *p = &t->doc->parts[zx_config_table_find(numbered[i])];

		for (unsigned k = 0; k < p->n; k++) {
			const char *number = zx_config_text(p, &p->rows[k], "number");

			if (others(t, zx_plan_number_company(number)))
				t->v[t->n++] = number;
		}
	}
	return 0;
}

static int find_taken(struct taken *t)
{
	unsigned n = 1;

	for (unsigned i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++)
		n += t->doc->parts[zx_config_table_find(numbered[i])].n;
	t->v = calloc(n, sizeof(*t->v));
	return t->v ? zx_loop_call(ask_taken, t, ZX_ASK_MS) : ENOMEM;
}

enum { DOWN_MAX = 64 }; /* that many are worth telling */

struct env {
	struct taken taken;
	const char *data_dir;
	struct zx_sip *sip;
	int64_t down[DOWN_MAX];
	unsigned downc;
};

static bool number_taken(const char *number, void *arg)
{
	const struct env *e = arg;

	for (unsigned i = 0; i < e->taken.n; i++)
		if (!strcmp(e->taken.v[i], number))
			return true;
	return false;
}

/* Trunks that are known to be down; asked once a check. */
static int ask_down(void *arg)
{
	struct env *e = arg;
	const struct zx_config_part *p = &e->taken.doc->parts[zx_config_table_find("trunks")];

	for (unsigned i = 0; i < p->n && e->downc < DOWN_MAX; i++) {
		const struct zx_trunk *t = zx_trunk_find(e->sip, p->rows[i].id);
		struct zx_trunk_info info;

		if (!t)
			continue;
		zx_trunk_info(t, &info);
		if (info.state == ZX_TRUNK_DOWN || info.state == ZX_TRUNK_REFUSED)
			e->down[e->downc++] = p->rows[i].id;
	}
	return 0;
}

static bool trunk_down(int64_t id, void *arg)
{
	const struct env *e = arg;

	for (unsigned i = 0; i < e->downc; i++)
		if (e->down[i] == id)
			return true;
	return false;
}

static bool sound_there(const char *sha, void *arg)
{
	const struct env *e = arg;
	char path[4096];

	snprintf(path, sizeof(path), "%s/sounds/%s.wav", e->data_dir, sha);
	return !access(path, R_OK);
}

unsigned zx_config_problems(struct zx_req *r, const struct zx_config_doc *doc, const int64_t *with, unsigned n, cJSON *list)
{
	struct problems ps = {.r = r, .company_id = doc->company_id, .list = list};
	struct env e = {.taken = {.with = with, .withc = n, .doc = doc}, .data_dir = r->web->env.data_dir, .sip = r->web->env.sip};
	const struct zx_plan_check_env env = {
	    .number_taken = number_taken, .sound_there = sound_there, .trunk_down = trunk_down, .arg = &e};
	int err = find_taken(&e.taken);

	if (!err && e.sip)
		err = zx_loop_call(ask_down, &e, ZX_ASK_MS);

	if (!err)
		err = zx_plan_check(doc, &env, add_problem, &ps);
	free(e.taken.v);
	if (err) { /* nothing is applied that could not be looked at */
		const struct zx_plan_problem pr = {.error = true,
						   .code = "unchecked",
						   .resource = "",
						   .field = "",
						   .zh = "检查没有完成，请稍后再试",
						   .en = "The check could not be completed, try again shortly"};

		add_problem(&pr, &ps);
	}
	return ps.errors;
}
