#include "base/clock.h"
#include "store/query.h"
#include "store_util.h"

static const struct zx_q_col company_cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ, NULL},
    {"code", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_WRITE, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_INSERT, NULL},
};
static const struct zx_q_table companies = {.name = "companies", .company = "t.id", .rev = "rev", .cols = company_cols, .colc = 4};

static const struct zx_q_col role_cols[] = {{"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW, NULL}};
static const struct zx_q_table roles = {.name = "roles", .company = "t.company_id", .cols = role_cols, .colc = 1};

static const struct zx_q_col ext_cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_SORT, NULL},
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_WRITE, &companies},
    {"company", "c.name", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_CONTAINS, NULL},
    {"number", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_WRITE, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_QUICK | ZX_Q_SORT | ZX_Q_WRITE, NULL},
    {"secret", NULL, ZX_Q_TEXT, ZX_Q_WRITE, NULL},
    {"record", NULL, ZX_Q_BOOL, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_SORT | ZX_Q_WRITE, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_GET | ZX_Q_RANGE | ZX_Q_INSERT, NULL},
    {"login", "u.login", ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_NULL | ZX_Q_SORT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};
static const struct zx_q_table exts = {
    .name = "extensions",
    .joins = "LEFT JOIN companies c ON c.id = t.company_id LEFT JOIN users u ON u.extension_id = t.id",
    .company = "t.company_id",
    .own = "t.number = :own",
    .rev = "rev",
    .cols = ext_cols,
    .colc = sizeof(ext_cols) / sizeof(ext_cols[0]),
};

#define C(k, can)                                                                                                                          \
	{                                                                                                                                  \
		k, NULL, ZX_Q_TEXT, ZX_Q_SHOW | (can), NULL                                                                                \
	}
static const struct zx_q_col call_cols[] = {
    {"id", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
    {"start", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_RANGE | ZX_Q_SORT, NULL},
    {"talk", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_RANGE | ZX_Q_SORT, NULL},
    C("direction", ZX_Q_EQ),
    C("caller", ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_PREFIX | ZX_Q_SORT),
    C("callee", ZX_Q_QUICK | ZX_Q_CONTAINS | ZX_Q_PREFIX | ZX_Q_SORT),
    C("caller_name", ZX_Q_QUICK),
    C("state", ZX_Q_EQ),
    C("trunk", ZX_Q_EQ),
    {"timeline", "(SELECT d.timeline FROM call_details d WHERE d.call_id = t.id)", ZX_Q_TEXT, ZX_Q_GET, NULL},
};
static const struct zx_q_table calls = {
    .name = "calls",
    .company = "t.company_id",
    .own = "t.caller_ext = :own OR t.callee_ext = :own",
    .cols = call_cols,
    .colc = sizeof(call_cols) / sizeof(call_cols[0]),
};

static const struct zx_q_scope sys = {.system = true}, one = {.company_id = 1}, two = {.company_id = 2};
static struct zx_store *st;
static struct zx_q_result res;
static char got[100000];
static int got_id_col;

/* Numbers (or the column named by key) of the rows, blank separated, into got. */
static int collect(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	const char *key = arg;

	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(cols[i]->key, "secret"))
			return EPERM;
		if (!strcmp(cols[i]->key, key))
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", *got ? " " : "", zx_col_text(s, (int)i));
	}
	got_id_col = (int)n;
	return 0;
}

static int list(const struct zx_q_table *t, const struct zx_q_req *req, const char *key)
{
	struct zx_db *db;
	int err;

	*got = '\0';
	err = zx_store_reader(st, &db);
	if (!err)
		err = zx_db_begin_read(db, 5000);
	if (err)
		return err;
	err = zx_q_list(db, t, req, collect, (void *)(uintptr_t)key, &res);
	zx_db_end_read(db);
	return err;
}

static void setup(void)
{
	tu_fresh();
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(
	    tu_exec(st, "INSERT INTO companies (id, code, name, created) VALUES (1, '100001', 'Alpha', 0), (2, '100002', 'Beta', 0)"), 0);
	ZX_CHECK_EQ(
	    tu_exec(
		st,
		"INSERT INTO roles (id, company_id, name, scope, rights) VALUES (101, NULL, 'r', 'own', '*'), (102, 2, 'b', 'own', '*')"),
	    0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (id, company_id, number, secret, name, record, created) VALUES "
				"(1, 1, '8001', 's', 'Ann', 1, 10), (2, 1, '8002', 's', '', 0, 20), (3, 1, '8003', 's', 'Bob 50%', 1, 30), "
				"(4, 1, '8010', 's', '小李', 0, 40), "
				"(5, 2, '9001', 's', 'ann', 1, 50), (6, 2, '9002', 's', 'x_y', 0, 60)"),
		    0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO users (company_id, login, password, extension_id, role_id, created) VALUES (1, 'zoe', 'p', 2, "
				"101, 0), (1, 'kim', 'p', 3, 101, 0)"),
		    0);
}

ZX_TEST(scope)
{
	struct zx_q_req r = {.scope = &sys, .size = 20, .sort = "number", .count = true};
	const struct zx_q_scope own = {.company_id = 1, .own = "8002"}, none = {0}, own_none = {.company_id = 2, .own = "8002"};
	struct zx_db *db;

	setup();
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001 8002 8003 8010 9001 9002");
	ZX_CHECK_EQ(res.total, 6);
	r.scope = &two;
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "9001 9002");
	ZX_CHECK_EQ(res.total, 2);
	r.scope = &own;
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "8002");
	ZX_CHECK_EQ(res.total, 1);
	r.scope = &own_none;
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "");
	r.scope = &none;
	ZX_CHECK_EQ(list(&exts, &r, "number"), EACCES);
	r.scope = NULL;
	ZX_CHECK_EQ(list(&exts, &r, "number"), EACCES);
	/* a role without owner is everybody's to refer to, but not in a company's list */
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	*got = '\0';
	ZX_CHECK_EQ(zx_q_get(db, &exts, &one, 3, collect, (void *)(uintptr_t) "created"), 0);
	ZX_CHECK_STR(got, "30");
	ZX_CHECK_EQ(zx_q_get(db, &exts, &two, 3, collect, (void *)(uintptr_t) "created"), ENOENT);
	ZX_CHECK_EQ(zx_q_get(db, &exts, &sys, 99, collect, (void *)(uintptr_t) "created"), ENOENT);
	r.scope = &two;
	r.sort = NULL;
	ZX_CHECK_EQ(list(&companies, &r, "name"), 0);
	ZX_CHECK_STR(got, "Beta");
	ZX_CHECK_EQ(list(&roles, &r, "name"), 0);
	ZX_CHECK_STR(got, "管理员 部门组长 坐席 b");
	zx_store_close(st);
}

static const char *filter(const char *key, const char *text)
{
	struct zx_q_cond c;
	struct zx_q_req r = {.scope = &sys, .size = 20, .sort = "number", .count = true, .conds = &c, .condc = 1};
	static char copy[3000];
	int err;

	snprintf(copy, sizeof(copy), "%s", text);
	err = zx_q_cond_parse(&c, &exts, key, copy);
	if (err)
		return err == ENOENT ? "no column" : "cannot";
	err = list(&exts, &r, "number");
	if (err)
		return err == EINVAL && !strcmp(res.bad, key) ? "bad" : "?";
	return got;
}

ZX_TEST(filters)
{
	struct zx_q_req r = {.scope = &sys, .size = 20, .sort = "number", .count = true};
	static char many[600];
	char text[64];

	setup();
	ZX_CHECK_STR(filter("number", "8002"), "8002");
	ZX_CHECK_STR(filter("number", "8001,9002,7"), "8001 9002");
	ZX_CHECK_STR(filter("number", "!8001"), "8002 8003 8010 9001 9002");
	ZX_CHECK_STR(filter("number", "800*"), "8001 8002 8003");
	ZX_CHECK_STR(filter("number", "8003..9001"), "8003 8010 9001");
	ZX_CHECK_STR(filter("number", "..8002"), "8001 8002");
	ZX_CHECK_STR(filter("number", "9002.."), "9002");
	ZX_CHECK_STR(filter("number", ".."), "bad");
	ZX_CHECK_STR(filter("record", "true"), "8001 8003 9001");
	ZX_CHECK_STR(filter("record", "0"), "8002 8010 9002");
	ZX_CHECK_STR(filter("record", "yes"), "bad");
	ZX_CHECK_STR(filter("record", "0,1"), "8001 8002 8003 8010 9001 9002");
	ZX_CHECK_STR(filter("created", "20..40"), "8002 8003 8010");
	ZX_CHECK_STR(filter("created", "20"), "cannot");
	ZX_CHECK_STR(filter("created", "2x..4"), "bad");
	ZX_CHECK_STR(filter("created", "..99999999999999999999"), "bad");
	ZX_CHECK_STR(filter("name", "ANN"), "8001 9001");
	ZX_CHECK_STR(filter("name", "小"), "8010");
	ZX_CHECK_STR(filter("name", "0%"), "8003");
	ZX_CHECK_STR(filter("name", "b%"), "");
	ZX_CHECK_STR(filter("name", "X_"), "9002");
	ZX_CHECK_STR(filter("name", "n_"), "");
	ZX_CHECK_STR(filter("name", "-"), "8002");
	ZX_CHECK_STR(filter("name", "*"), "8001 8003 8010 9001 9002");
	ZX_CHECK_STR(filter("login", "-"), "8001 8010 9001 9002");
	ZX_CHECK_STR(filter("login", "*"), "8002 8003");
	ZX_CHECK_STR(filter("company", "alp"), "8001 8002 8003 8010");
	ZX_CHECK_STR(filter("secret", "s"), "cannot");
	ZX_CHECK_STR(filter("id) OR (1", "1"), "no column");
	ZX_CHECK_STR(filter("number", "8' OR '1'='1"), "");
	memset(many, 'a', sizeof(many) - 1);
	ZX_CHECK_STR(filter("name", many), "bad");
	for (size_t i = 0; i + 2 < sizeof(many); i += 2)
		memcpy(many + i, "1,", 2);
	ZX_CHECK_STR(filter("number", many), "bad");

	r.search = "小";
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "8010");
	r.search = "01";
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001 8010 9001");
	ZX_CHECK_EQ(res.total, 3);
	r.search = "NN";
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001 9001");
	r.search = many;
	ZX_CHECK_EQ(list(&exts, &r, "number"), EINVAL);
	ZX_CHECK_STR(res.bad, "q");
	r.search = NULL;
	for (unsigned i = 0; i < 3; i++) {
		static const char *const bad[] = {"secret", "number; DROP TABLE users", "--number"};

		r.sort = bad[i];
		ZX_CHECK_EQ(list(&exts, &r, "number"), EINVAL);
		ZX_CHECK_STR(res.bad, "sort");
	}
	r.sort = NULL;
	r.size = 101;
	ZX_CHECK_EQ(list(&exts, &r, "number"), EINVAL);
	ZX_CHECK_STR(res.bad, "size");
	r.size = 10;
	snprintf(text, sizeof(text), "%s", "bm9uc2Vuc2U");
	r.after = text;
	ZX_CHECK_EQ(list(&exts, &r, "number"), EINVAL);
	ZX_CHECK_STR(res.bad, "after");
	zx_store_close(st);
}

/* Every sort, walked page by page with the cursor and by page number, gives each row once, in the order of one big page. */
ZX_TEST(paging)
{
	static const char *const sorts[] = {NULL,    "-id",    "number", "-number", "record",  "-record",
					    "login", "-login", "name",   "-name",   "company", "-company"};
	static char whole[sizeof(got)], walked[2 * sizeof(got)];
	char after[ZX_Q_CURSOR];

	setup();
	for (unsigned i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
		for (unsigned size = 1; size <= 7; size++) {
			struct zx_q_req r = {.scope = &sys, .size = 20, .sort = sorts[i]};

			ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
			ZX_CHECK_EQ(res.rows, 6);
			ZX_CHECK(!*res.next && res.total == -1);
			snprintf(whole, sizeof(whole), "%s", got);
			r.size = size;
			for (int cursor = 0; cursor < 2; cursor++) {
				unsigned pages = 0;

				*walked = *after = '\0';
				r.page = 0;
				r.after = cursor ? after : NULL;
				do {
					ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
					snprintf(walked + strlen(walked), sizeof(walked) - strlen(walked), "%s%s", *walked ? " " : "", got);
					snprintf(after, sizeof(after), "%s", res.next);
					r.page = ++pages;
				} while (*after && pages < 10);
				ZX_CHECK_STR(walked, whole);
				ZX_CHECK_EQ(pages, (6 + size - 1) / size);
			}
		}
	}
	zx_store_close(st);
}

struct change {
	const struct zx_q_table *t;
	const struct zx_q_scope *scope;
	char what; /* i u d */
	int64_t id, rev;
	const struct zx_q_value *v;
	unsigned n;
	const char *bad;
};

static int op_change(struct zx_db *db, void *arg)
{
	struct change *c = arg;

	switch (c->what) {
	case 'i':
		return zx_q_insert(db, c->t, c->scope, c->v, c->n, &c->id, &c->bad);
	case 'u':
		return zx_q_update(db, c->t, c->scope, c->id, c->rev, c->v, c->n, &c->bad);
	default:
		return zx_q_delete(db, c->t, c->scope, c->id, c->rev);
	}
}

static const char *blamed;
static int64_t new_id;

static int change(const struct zx_q_scope *scope, char what, int64_t id, int64_t rev, const struct zx_q_value *v, unsigned n)
{
	struct change c = {.t = &exts, .scope = scope, .what = what, .id = id, .rev = rev, .v = v, .n = n};
	const int err = zx_store_write_wait(st, op_change, &c);

	blamed = c.bad ? c.bad : "";
	new_id = c.id;
	return err;
}

ZX_TEST(writing)
{
	struct zx_q_value v[] = {{.key = "number", .kind = ZX_Q_VTEXT, .t = "8100"},
				 {.key = "secret", .kind = ZX_Q_VTEXT, .t = "s"},
				 {.key = "created", .kind = ZX_Q_VINT, .i = 5},
				 {.key = "company_id", .kind = ZX_Q_VINT, .i = 1}};
	struct zx_q_value name = {.key = "name", .kind = ZX_Q_VTEXT, .t = "New'); DROP TABLE users; --"};
	struct zx_q_value wrong;
	struct change c;

	setup();
	ZX_CHECK_EQ(change(&one, 'i', 0, 0, v, 3), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT company_id FROM extensions WHERE number = '8100'"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT id FROM extensions WHERE number = '8100'"), new_id);
	ZX_CHECK_EQ(change(&one, 'i', 0, 0, v, 3), EEXIST);
	ZX_CHECK_STR(blamed, "number");
	v[0].t = "12";
	ZX_CHECK_EQ(change(&one, 'i', 0, 0, v, 4), EINVAL);
	ZX_CHECK_STR(blamed, "number");
	v[0].t = "8101";
	v[3].i = 2;
	ZX_CHECK_EQ(change(&one, 'i', 0, 0, v, 4), EACCES);
	ZX_CHECK_STR(blamed, "company_id");
	v[3].i = 77;
	ZX_CHECK_EQ(change(&sys, 'i', 0, 0, v, 4), EINVAL);
	ZX_CHECK_STR(blamed, "company_id");
	ZX_CHECK_EQ(change(&sys, 'i', 0, 0, v, 3), EINVAL); /* no company */
	ZX_CHECK_STR(blamed, "company_id");
	v[3].i = 2;
	ZX_CHECK_EQ(change(&sys, 'i', 0, 0, v, 4), 0);
	wrong = (struct zx_q_value){.key = "rev", .kind = ZX_Q_VINT, .i = 9};
	ZX_CHECK_EQ(change(&sys, 'u', 1, 1, &wrong, 1), EINVAL);
	ZX_CHECK_STR(blamed, "rev");
	wrong.key = "created";
	ZX_CHECK_EQ(change(&sys, 'u', 1, 1, &wrong, 1), EINVAL);
	wrong.key = "id";
	ZX_CHECK_EQ(change(&sys, 'u', 1, 1, &wrong, 1), EINVAL);

	ZX_CHECK_EQ(change(&one, 'u', 1, 1, &name, 1), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT rev FROM extensions WHERE id = 1 AND name LIKE 'New''); DROP%'"), 2);
	ZX_CHECK_EQ(change(&one, 'u', 1, 1, &name, 1), ESTALE);
	ZX_CHECK_EQ(change(&one, 'u', 1, 0, &name, 1), 0);
	ZX_CHECK_EQ(change(&two, 'u', 1, 3, &name, 1), ENOENT);
	wrong = (struct zx_q_value){.key = "company_id", .kind = ZX_Q_VINT, .i = 2};
	ZX_CHECK_EQ(change(&one, 'u', 1, 3, &wrong, 1), EACCES);
	wrong = (struct zx_q_value){.key = "number", .kind = ZX_Q_VTEXT, .t = "8002"};
	ZX_CHECK_EQ(change(&one, 'u', 1, 3, &wrong, 1), EEXIST);
	ZX_CHECK_STR(blamed, "number");

	ZX_CHECK_EQ(change(&two, 'd', 1, 3, NULL, 0), ENOENT);
	ZX_CHECK_EQ(change(&one, 'd', 1, 2, NULL, 0), ESTALE);
	ZX_CHECK_EQ(change(&one, 'd', 1, 3, NULL, 0), 0);
	ZX_CHECK_EQ(change(&one, 'd', 1, 3, NULL, 0), ENOENT);
	c = (struct change){.t = &companies, .scope = &sys, .what = 'd', .id = 2};
	ZX_CHECK_EQ(zx_store_write_wait(st, op_change, &c), EBUSY);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM companies"), 2);
	c.scope = &two;
	c.what = 'i';
	ZX_CHECK_EQ(zx_store_write_wait(st, op_change, &c), EACCES);
	zx_store_close(st);
}

/* ---- 100,000 calls ---- */
static unsigned slowest;

static void timed(const char *what, const struct zx_q_req *r, int64_t total)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		const uint64_t t = zx_mono_us();
		const int err = list(&calls, r, "id");
		const uint64_t us = zx_mono_us() - t;

		ZX_CHECK_EQ(err, 0);
		best = us < best ? us : best;
	}
	printf("# %-44s %6u us, total %d\n", what, (unsigned)best, (int)res.total);
	ZX_CHECK(total < 0 || res.total == total);
	if (best > slowest)
		slowest = (unsigned)best;
}

static int count_row(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	int64_t *sum = arg;

	(void)cols;
	(void)n;
	sum[0]++;
	sum[1] += zx_col_int(s, 0);
	return 0;
}

ZX_TEST(big)
{
	struct zx_q_cond cond = {.key = "start", .op = ZX_Q_BETWEEN, .a = "1010000000", .b = "1020000000"};
	const struct zx_q_scope own = {.company_id = 1, .own = "8007"};
	struct zx_q_req r = {.scope = &one, .size = 20, .sort = "-start", .count = true};
	int64_t sum[2] = {0};
	char after[ZX_Q_CURSOR];
	struct zx_db *db;
	uint64_t t;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(
	    tu_exec(st, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
			"INSERT INTO calls (id, company_id, start, ring, talk, ended, direction, caller, caller_name, callee, caller_ext, "
			"callee_ext, app, trunk, state, recording) "
			"SELECT i, 1 + (i % 10 = 0), 1000000000 + i * 997, 5000, i % 3600, 0, 'inbound', printf('138%08d', (i * 7919) % "
			"100000000), "
			"printf('Caller %d', i), printf('8%03d', i % 500), '', printf('8%03d', i % 500), 'extension', 'trunk', "
			"CASE i % 3 WHEN 0 THEN 'answered' WHEN 1 THEN 'busy' ELSE 'no-answer' END, printf('2026/11/22/%d.wav', i) FROM n"),
	    0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO call_details (call_id, timeline) SELECT id, printf('%0400d', 1) FROM calls"), 0);
	timed("a company, latest first", &r, 90000);
	snprintf(after, sizeof(after), "%s", res.next);
	r.after = after;
	timed("the next page", &r, 90000);
	r.after = NULL;
	r.page = 4000;
	timed("page 4000", &r, 90000);
	r.page = 0;
	r.sort = "talk";
	timed("sorted by talk time", &r, 90000);
	r.sort = "-start";
	r.scope = &sys;
	timed("all companies", &r, 100000);
	r.scope = &own;
	timed("an agent's own", &r, 200);
	r.scope = &one;
	r.conds = &cond;
	r.condc = 1;
	timed("a time range", &r, -1);
	cond = (struct zx_q_cond){.key = "caller", .op = ZX_Q_STARTS, .a = "1380001"};
	timed("callers that begin with", &r, -1);
	cond = (struct zx_q_cond){.key = "state", .op = ZX_Q_IS, .a = "busy"};
	timed("a state", &r, -1);
	r.conds = NULL;
	r.condc = 0;
	r.search = "7777";
	timed("quick search, digits", &r, -1);
	r.search = "aller 99";
	timed("quick search, letters", &r, -1);
	r.search = "not there";
	timed("quick search, nothing found", &r, 0);
	r.search = NULL;
	printf("# slowest page %u us\n", slowest);
	t = zx_mono_us();
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_q_export(db, &calls, &r, count_row, sum, &res), 0);
	printf("# export of all: %u ms\n", (unsigned)((zx_mono_us() - t) / 1000));
	ZX_CHECK_EQ(sum[0], 90000);
	ZX_CHECK_EQ(res.rows, 90000);
	ZX_CHECK_EQ(sum[1], tu_int(st, "SELECT sum(id) FROM calls WHERE company_id = 1"));
	ZX_CHECK_EQ(zx_q_get(db, &calls, &one, 5, collect, (void *)(uintptr_t) "timeline"), 0);
	zx_store_close(st);
}

/* ---- children, order, departments ---- */

static const struct zx_q_col member_cols[] = {
    {"extension_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_WRITE, &exts},
    {"label", "(SELECT e.number || ' ' || e.name FROM extensions e WHERE e.id = k.extension_id)", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
};
static const struct zx_q_child queue_children[] = {
    {.key = "members", .name = "queue_members", .parent = "queue_id", .cols = member_cols, .colc = 2}};
static const struct zx_q_col queue_cols[] = {
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_INSERT, &companies},
    {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"number", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE | ZX_Q_SORT, NULL},
    {"created", NULL, ZX_Q_INT, ZX_Q_INSERT, NULL},
    {"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL},
};
static const struct zx_q_table queues = {
    .name = "queues", .company = "t.company_id", .rev = "rev", .cols = queue_cols, .colc = 5, .children = queue_children, .childc = 1};

static const struct zx_q_col key_cols[] = {
    {"key", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"app", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"param", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
};
static const struct zx_q_child ivr_children[] = {{.key = "keys", .name = "ivr_keys", .parent = "ivr_id", .cols = key_cols, .colc = 3}};
static const struct zx_q_table ivrs = {
    .name = "ivrs", .company = "t.company_id", .rev = "rev", .cols = queue_cols, .colc = 5, .children = ivr_children, .childc = 1};

static const struct zx_q_col route_cols[] = {
    {"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_INSERT, &companies}, {"name", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"pattern", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},          {"trunk1_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_WRITE, NULL},
    {"position", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT, NULL},           {"created", NULL, ZX_Q_INT, ZX_Q_INSERT, NULL},
};
static const struct zx_q_table routes = {
    .name = "outbound_routes", .company = "t.company_id", .position = "position", .rev = "rev", .cols = route_cols, .colc = 6};

struct chg {
	const struct zx_q_table *t;
	const struct zx_q_scope *scope;
	const struct zx_q_value *v;
	unsigned n;
	int64_t id, to;
	char kind; /* i u d m */
	const char *bad;
};

static int op_chg(struct zx_db *db, void *arg)
{
	struct chg *c = arg;
	int err;

	switch (c->kind) {
	case 'i':
		return zx_q_insert(db, c->t, c->scope, c->v, c->n, &c->id, &c->bad);
	case 'u':
		return zx_q_update(db, c->t, c->scope, c->id, 0, c->v, c->n, &c->bad);
	case 'm':
		return zx_q_move(db, c->t, c->scope, c->id, c->to);
	default:
		err = zx_q_delete(db, c->t, c->scope, c->id, 0);
		return err ? err : zx_q_tidy(db, c->t, 1);
	}
}

#define T(k, s)                                                                                                                            \
	{                                                                                                                                  \
		.key = (k), .kind = ZX_Q_VTEXT, .t = (s)                                                                                   \
	}
#define I(k, n)                                                                                                                            \
	{                                                                                                                                  \
		.key = (k), .kind = ZX_Q_VINT, .i = (n)                                                                                    \
	}
#define L(k, l)                                                                                                                            \
	{                                                                                                                                  \
		.key = (k), .kind = ZX_Q_VLIST, .list = (l)                                                                                \
	}

static const char *field(const struct zx_q_table *t, int64_t id, const char *key)
{
	struct zx_db *db;

	*got = '\0';
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_q_get(db, t, &sys, id, collect, (void *)(uintptr_t)key), 0);
	return got;
}

ZX_TEST(children)
{
	struct zx_q_value rows[] = {I("extension_id", 3), I("extension_id", 1)};
	struct zx_q_list list = {2, 1, rows};
	struct zx_q_value v[] = {T("name", "Sales"), T("number", "600"), I("created", 1), L("members", &list)};
	struct chg c = {.t = &queues, .scope = &one, .v = v, .n = 4, .kind = 'i'};
	const struct zx_q_value keys[] = {T("key", "2"), T("app", "outside"), T("param", "010\"x"),
					  T("key", "*"), T("app", "hangup"),  T("param", "")};
	struct zx_q_list key_list = {2, 3, keys};
	struct zx_q_value iv[] = {T("name", "Menu"), T("number", "700"), I("created", 1), L("keys", &key_list)};

	setup();
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	ZX_CHECK_STR(field(&queues, c.id, "members"), "[{\"v\":3,\"label\":\"8003 Bob 50%\"},{\"v\":1,\"label\":\"8001 Ann\"}]");
	ZX_CHECK_STR(field(&queues, c.id, "rev"), "1");
	/* a change of the list alone counts; the order given is kept; others' extensions are no members */
	rows[0].i = 1;
	rows[1].i = 4;
	c.kind = 'u';
	c.v = &v[3];
	c.n = 1;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	ZX_CHECK_STR(field(&queues, c.id, "members"), "[{\"v\":1,\"label\":\"8001 Ann\"},{\"v\":4,\"label\":\"8010 小李\"}]");
	ZX_CHECK_STR(field(&queues, c.id, "rev"), "2");
	rows[1].i = 5;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), EINVAL);
	ZX_CHECK_STR(c.bad, "members");
	rows[1].i = 1;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), EEXIST);
	ZX_CHECK_STR(c.bad, "members");
	rows[0].key = "queue_id";
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), EINVAL);
	ZX_CHECK_STR(field(&queues, c.id, "members"), "[{\"v\":1,\"label\":\"8001 Ann\"},{\"v\":4,\"label\":\"8010 小李\"}]");
	list.n = 0;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	ZX_CHECK_STR(field(&queues, c.id, "members"), "[]");
	c = (struct chg){.t = &ivrs, .scope = &one, .v = iv, .n = 4, .kind = 'i'};
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	ZX_CHECK_STR(field(&ivrs, c.id, "keys"),
		     "[{\"key\":\"2\",\"app\":\"outside\",\"param\":\"010\\\"x\"},{\"key\":\"*\",\"app\":\"hangup\",\"param\":\"\"}]");
	iv[3].key = "members";
	c.v = iv;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), EINVAL);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM ivrs"), 1);
	zx_store_close(st);
}

static void in_order(const char *want)
{
	struct zx_q_req r = {.scope = &one, .size = 20, .sort = "position"};

	ZX_CHECK_EQ(list(&routes, &r, "name"), 0);
	ZX_CHECK_STR(got, want);
	ZX_CHECK_EQ(
	    tu_int(st, "SELECT count(*) = max(position) AND count(DISTINCT position) = count(*) FROM outbound_routes WHERE company_id = 1"),
	    1);
}

ZX_TEST(order)
{
	const char *const names[] = {"a", "b", "c", "d", "e"};
	struct zx_q_value v[] = {T("name", ""), T("pattern", ""), I("trunk1_id", 1), I("created", 1)};
	struct chg c = {.t = &routes, .scope = &one, .v = v, .n = 4, .kind = 'i'};
	int64_t id[5], pos = 0;
	struct zx_db *db;

	setup();
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO trunks (id, company_id, name, host) VALUES (1, 1, 't', 'h')"), 0);
	for (unsigned i = 0; i < 5; i++) {
		v[0].t = names[i];
		ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
		id[i] = c.id;
	}
	v[0].t = "other";
	c.scope = &two;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	c.scope = &one;
	in_order("a b c d e");
	c.kind = 'm';
	c.id = id[3];
	c.to = 1;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	in_order("d a b c e");
	c.to = 3;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	in_order("a b d c e");
	c.to = 99;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	in_order("a b c e d");
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_q_position(db, &routes, &one, id[3], &pos), 0);
	ZX_CHECK_EQ(pos, 5);
	c.to = 0;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), EINVAL);
	c.to = 1;
	c.scope = &two;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), ENOENT);
	c.scope = &one;
	c.kind = 'd';
	c.id = id[1];
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), 0);
	in_order("a c e d");
	ZX_CHECK_EQ(tu_int(st, "SELECT position FROM outbound_routes WHERE company_id = 2"), 1);
	/* a table without an order */
	c.t = &queues;
	c.kind = 'm';
	ZX_CHECK_EQ(zx_store_write_wait(st, op_chg, &c), ENOTSUP);
	zx_store_close(st);
}

ZX_TEST(narrowed)
{
	static const char led[] = "t.number IN (SELECT l.number FROM led_extensions l WHERE l.leader = :user)";
	struct zx_q_table t = exts;
	struct zx_q_scope leader = {.company_id = 1, .own = "8001", .department = true, .user_id = 9}, nobody = leader;
	struct zx_q_req r = {.scope = &leader, .size = 20, .sort = "number", .count = true};
	int64_t ids[3], n = -1;
	size_t count = 0;
	const char *bad;
	struct zx_db *db;

	setup();
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO departments (id, company_id, name, created) VALUES (1, 1, 'A', 0)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE users SET department_id = 1 WHERE login = 'kim'"), 0);
	ZX_CHECK_EQ(
	    tu_exec(st, "INSERT INTO users (id, company_id, login, password, extension_id, role_id, created) VALUES (9, 1, 'boss', 'p', 1, "
			"101, 0)"),
	    0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO department_leaders (department_id, user_id, position) VALUES (1, 9, 1)"), 0);
	/* without a condition of its own a department is one's own */
	ZX_CHECK_EQ(list(&t, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001");
	t.dept = led;
	ZX_CHECK_EQ(list(&t, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001 8003");
	ZX_CHECK_EQ(res.total, 2);
	nobody.user_id = 77;
	r.scope = &nobody;
	ZX_CHECK_EQ(list(&t, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001");
	t.own = NULL;
	r.scope = &leader;
	ZX_CHECK_EQ(list(&t, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001 8003");
	t.dept = NULL;
	ZX_CHECK_EQ(list(&t, &r, "number"), EACCES);
	t = exts;
	t.where = "t.record = 1";
	r.scope = &one;
	ZX_CHECK_EQ(list(&t, &r, "number"), 0);
	ZX_CHECK_STR(got, "8001 8003");
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_q_get(db, &t, &one, 2, collect, (void *)(uintptr_t) "number"), ENOENT);
	ZX_CHECK_EQ(zx_q_ids(db, &exts, &r, ids, 3, &count, &bad), E2BIG);
	ZX_CHECK_EQ(zx_q_ids(db, &t, &r, ids, 3, &count, &bad), 0);
	ZX_CHECK(count == 2 && ids[0] == 1 && ids[1] == 3);
	r.ids = "[2,4,5]";
	ZX_CHECK_EQ(list(&exts, &r, "number"), 0);
	ZX_CHECK_STR(got, "8002 8010");
	ZX_CHECK_EQ(zx_q_count(db, &exts, &r, &n, &bad), 0);
	ZX_CHECK_EQ(n, 2);
	zx_store_close(st);
}

static int join_names(struct zx_stmt *s, const struct zx_q_col *const *cols, unsigned n, void *arg)
{
	unsigned *rows = arg;

	(void)s;
	(void)cols;
	(void)n;
	rows[0]++;
	return 0;
}

/* Values too long for a cursor do not end an export early. */
ZX_TEST(long_values)
{
	struct zx_q_req r = {.scope = &one, .size = 20, .sort = "name"};
	unsigned rows = 0;
	struct zx_db *db;

	setup();
	ZX_CHECK_EQ(
	    tu_exec(st,
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1700) INSERT INTO extensions (company_id, "
		    "number, secret, name, created) SELECT 1, printf('%05d', i), 's', printf('%0900d', i), 0 FROM n"),
	    0);
	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_q_export(db, &exts, &r, join_names, &rows, &res), 0);
	ZX_CHECK_EQ(rows, 1704);
	ZX_CHECK_EQ(res.rows, 1704);
	zx_store_close(st);
}

ZX_MAIN({"nobody sees another company's rows", scope}, {"filters and search", filters}, {"pages by number and by cursor", paging},
	{"insert, update, delete with their checks", writing}, {"a hundred thousand calls", big}, {"children with their parent", children},
	{"an order set by hand", order}, {"departments, conditions, chosen rows", narrowed},
	{"an export with values too long for a cursor", long_values})
