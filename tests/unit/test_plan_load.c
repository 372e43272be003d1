#include <openssl/evp.h>

#include "base/bus.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "store/config.h"
#include "store_util.h"

enum { MANY = 5000 };

static struct zx_store *st;
static struct zx_plan *plan;

struct ext {
	int64_t company;
	const char *number, *secret;
};

static int op_exts(struct zx_db *db, void *arg)
{
	const struct ext *e;
	char token[256];
	struct zx_stmt *s;
	int err = 0;

	for (e = arg; e->number && !err; e++) {
		err = zx_seal(st, token, sizeof(token), e->secret);
		if (!err)
			err = zx_stmt_text(&s, db,
					   "INSERT INTO extensions (company_id, number, secret, name, record, created, caller_id, bind_ip) "
					   "VALUES (:c, :n, :s, 'Name ' || :n, :n % 2, 0, '0755' || :n, '10.0.0.0/8')");
		if (err)
			break;
		zx_bind_int(s, "c", e->company);
		zx_bind_text(s, "n", e->number);
		zx_bind_text(s, "s", token);
		err = zx_stmt_run(s);
	}
	return err;
}

static void setup(void)
{
	tu_fresh();
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(
	    tu_exec(st, "INSERT INTO companies (id, code, name, created) VALUES (1, '100001', 'Alpha', 0), (2, '100002', 'Beta', 0)"), 0);
}

/* What the tables hold is what calls follow from now on. */
static void apply(int64_t company)
{
	struct zx_config_order o = {.company_id = company};
	const struct zx_config_by by = {.addr = "test"};
	struct zx_db *db;
	char *text;

	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_config_draft(db, company, &text), 0);
	zx_config_hash(o.hash, text);
	free(text);
	ZX_CHECK_EQ(zx_config_apply(st, &o, 1, &by), 0);
}

static void load(const char *realm)
{
	ZX_CHECK_EQ(zx_plan_load(&plan, st, realm), 0);
}

/* RFC 7616, 3.4.2 */
static void ha1(const char *alg, const char *text, uint8_t *out)
{
	EVP_Digest(text, strlen(text), out, NULL, EVP_get_digestbyname(alg), NULL);
}

ZX_TEST(look_up)
{
	const struct ext exts[] = {{1, "8001", "secret1"}, {1, "8002", "geheim:2"}, {2, "9001", "s"}, {0, NULL, NULL}};
	const struct zx_plan_trunk *t;
	const struct zx_plan_ext *e;
	uint8_t md5[16], sha[32];
	struct sa sa;

	setup();
	ZX_CHECK_EQ(zx_store_write_wait(st, op_exts, (void *)(uintptr_t)exts), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (company_id, number, secret, created) VALUES (1, '8003', '1.tampered', 0)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO trunks (id, company_id, name, host, port) VALUES (3, 1, 'a', '127.0.0.2', 5060), (1, 1, 'b', "
				"'127.0.0.2', 5070), "
				"(2, 2, 'six', '2001:db8::1', 5060), (9, 1, 'name', 'sip.example.com', 5060)"),
		    0);
	load("zuoxi");
	zx_plan_swap(plan);
	ZX_CHECK_EQ(zx_plan_ext_count(), 0); /* nothing was applied yet */
	apply(1);
	apply(2);
	load("zuoxi");
	ZX_CHECK(!zx_plan_ext("8001"));
	zx_plan_swap(plan);
	ZX_CHECK_EQ(zx_plan_ext_count(), 3);
	e = zx_plan_ext("8001");
	ZX_CHECK(e && e->record && e->account.company_id == 1);
	ZX_CHECK_STR(e->account.user, "8001");
	ZX_CHECK_STR(e->account.name, "Name 8001");
	ZX_CHECK_STR(e->account.bind_ip, "10.0.0.0/8");
	ZX_CHECK_STR(e->caller_id, "07558001");
	e = zx_plan_ext("8002");
	ha1("MD5", "8002:zuoxi:geheim:2", md5);
	ha1("SHA256", "8002:zuoxi:geheim:2", sha);
	ZX_CHECK(e && !e->record && !memcmp(e->account.ha1_md5, md5, 16) && !memcmp(e->account.ha1_sha256, sha, 32));
	ZX_CHECK(!zx_plan_ext("8003"));
	ZX_CHECK(!zx_plan_ext("") && !zx_plan_ext("800") && !zx_plan_ext("80011"));

	ZX_CHECK(!sa_set_str(&sa, "127.0.0.2", 5070));
	t = zx_plan_trunk(&sa);
	ZX_CHECK(t && t->peer.id == 1);
	sa_set_port(&sa, 5060);
	t = zx_plan_trunk(&sa);
	ZX_CHECK(t && t->peer.id == 3);
	sa_set_port(&sa, 40000);
	ZX_CHECK(zx_plan_trunk(&sa));
	ZX_CHECK(!sa_set_str(&sa, "2001:db8::1", 1));
	t = zx_plan_trunk(&sa);
	ZX_CHECK(t && t->peer.id == 2);
	ZX_CHECK(!sa_set_str(&sa, "127.0.0.3", 5060));
	ZX_CHECK(!zx_plan_trunk(&sa));
	zx_plan_swap(NULL);
	zx_store_close(st);
}

static const char *from_trunk(int64_t trunk, const char *dialled)
{
	static char text[160];
	struct zx_route r;

	zx_plan_route_trunk(&r, trunk, "anybody", dialled);
	snprintf(text, sizeof(text), "%s(%s)%s", r.app, r.param, r.record ? " rec" : "");
	return text;
}

ZX_TEST(routes)
{
	const struct ext exts[] = {{1, "8001", "s"}, {1, "8002", "s"}, {2, "9001", "s"}, {0, NULL, NULL}};
	struct zx_route r;

	setup();
	ZX_CHECK_EQ(zx_store_write_wait(st, op_exts, (void *)(uintptr_t)exts), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO trunks (id, company_id, name, host) VALUES (1, 1, 'a', '127.0.0.2'), (2, 1, 'b', "
				"'127.0.0.3'), (3, 2, 'c', '127.0.0.4')"),
		    0);
	ZX_CHECK_EQ(tu_exec(st,
			    "INSERT INTO inbound_routes (company_id, name, trunk_id, position, pattern, strip, record, app, param) VALUES "
			    "(1, 'last', NULL, 90, '', 0, 0, 'extension', ''), "
			    "(1, 'rec', NULL, 10, '77X.', 2, 1, 'extension', ''), "
			    "(1, 'did', 2, 5, '0755ZXXXXXXX', 0, 0, 'queue', '6000'), "
			    "(1, 'all', NULL, 20, '9', 5, 0, 'hangup', ''), "
			    "(2, 'two', NULL, 1, '5.', 1, 0, 'extension', '')"),
		    0);
	apply(1);
	apply(2);
	load("r");
	zx_plan_swap(plan);
	ZX_CHECK_STR(from_trunk(1, "8001"), "extension(8001)");
	ZX_CHECK_STR(from_trunk(1, "778001"), "extension(8001) rec");
	ZX_CHECK_STR(from_trunk(1, "77"), "extension(77)");
	ZX_CHECK_STR(from_trunk(1, "075512345678"), "extension(075512345678)");
	ZX_CHECK_STR(from_trunk(2, "075512345678"), "queue(6000)");
	ZX_CHECK_STR(from_trunk(1, "9"), "hangup()");
	ZX_CHECK_STR(from_trunk(3, "8001"), "()");
	ZX_CHECK_STR(from_trunk(3, "512"), "extension(12)");
	ZX_CHECK_STR(from_trunk(77, "8001"), "()");
	ZX_CHECK_STR(from_trunk(0, "8001"), "()");

	zx_plan_route_ext(&r, zx_plan_ext("8001"), "8002");
	ZX_CHECK_STR(r.app, "extension");
	ZX_CHECK_STR(r.param, "8002");
	ZX_CHECK_EQ(r.company_id, 1);
	zx_plan_route_ext(&r, zx_plan_ext("8001"), "9001"); /* another company */
	ZX_CHECK_STR(r.app, "");
	zx_plan_route_ext(&r, zx_plan_ext("8001"), "8009");
	ZX_CHECK_STR(r.app, "");
	zx_plan_swap(NULL);
	zx_store_close(st);
}

static struct ext many[MANY + 1];
static char numbers[MANY][8], secrets[MANY][16];

ZX_TEST(size)
{
	uint64_t t, us;

	setup();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%u", 10000 + i);
		snprintf(secrets[i], sizeof(secrets[i]), "password%u", i);
		many[i] = (struct ext){1, numbers[i], secrets[i]};
	}
	ZX_CHECK_EQ(zx_store_write_wait(st, op_exts, many), 0);
	t = zx_mono_us();
	apply(1);
	printf("# %u extensions applied in %u ms\n", MANY, (unsigned)((zx_mono_us() - t) / 1000));
	t = zx_mono_us();
	load("zuoxi.local");
	us = zx_mono_us() - t;
	zx_plan_swap(plan);
	ZX_CHECK_EQ(zx_plan_ext_count(), MANY);
	t = zx_mono_us();
	for (unsigned i = 0; i < MANY; i++)
		ZX_CHECK(zx_plan_ext(numbers[i]) && !strcmp(zx_plan_ext(numbers[i])->account.user, numbers[i]));
	printf("# %u extensions loaded in %u ms, two look-ups %.2f us\n", MANY, (unsigned)(us / 1000), (double)(zx_mono_us() - t) / MANY);
	zx_plan_swap(NULL);
	zx_store_close(st);
}

/* ---- reload ---- */
static unsigned events, loads_wanted;
static char tables[256];

static void on_config(enum zx_ev type, const void *ev, void *arg)
{
	const struct zx_ev_config *c = ev;

	(void)type;
	(void)arg;
	events++;
	ZX_CHECK(c->applied);
	snprintf(tables + strlen(tables), sizeof(tables) - strlen(tables), "%s ", c->table);
	if (zx_plan_ext_count() == loads_wanted)
		zx_loop_stop();
}

static void term(void)
{
	zx_loop_stop();
}

ZX_TEST(reload)
{
	const struct ext first[] = {{1, "8001", "s"}, {0, NULL, NULL}}, second[] = {{1, "8002", "s"}, {0, NULL, NULL}};
	struct zx_bus_sub *sub;

	setup();
	ZX_CHECK_EQ(zx_loop_init(64), 0);
	ZX_CHECK_EQ(zx_bus_subscribe(&sub, ZX_EV_CONFIG, on_config, NULL), 0);
	ZX_CHECK_EQ(zx_store_write_wait(st, op_exts, (void *)(uintptr_t)first), 0);
	apply(1);
	loads_wanted = 1;
	ZX_CHECK_EQ(zx_plan_reload(st, "r"), 0);
	ZX_CHECK_EQ(zx_loop_run(term), 0);
	ZX_CHECK_EQ(events, 1);
	ZX_CHECK_STR(tables, "* ");
	ZX_CHECK(zx_plan_ext("8001") && !zx_plan_ext("8002"));
	/* a burst is one load that was under way, and one that sees it all */
	*tables = '\0';
	events = 0;
	for (int i = 0; i < 50; i++)
		ZX_CHECK_EQ(zx_plan_reload(st, "r"), 0);
	ZX_CHECK_EQ(zx_store_write_wait(st, op_exts, (void *)(uintptr_t)second), 0);
	apply(1);
	ZX_CHECK_EQ(zx_plan_reload(st, "r"), 0);
	loads_wanted = 2;
	ZX_CHECK_EQ(zx_loop_run(term), 0);
	printf("# 51 orders, %u loads: %s\n", events, tables);
	ZX_CHECK(events <= 2);
	ZX_CHECK(zx_plan_ext("8002"));
	/* what is still on the pool ends before the store does */
	zx_loop_drain(10000);
	mem_deref(sub);
	zx_plan_swap(NULL);
	zx_loop_close();
	zx_store_close(st);
}

ZX_MAIN({"extensions and trunks are found", look_up}, {"numbers lead where the routes say", routes}, {"five thousand extensions", size},
	{"reloads are merged", reload})
