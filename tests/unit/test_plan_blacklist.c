#include "base/clock.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "store_util.h"

static struct zx_store *st;

ZX_TEST(numbers)
{
	static const char *const same[] = {"13812345678", "013812345678", "+8613812345678", "8613812345678", "008613812345678"};
	static const char *const other[] = {"13812345679", "1381234567", "138123456780", "", "+113812345678", "anonymous", "12"};

	tu_fresh();
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(zx_loop_init(64), 0);
	ZX_CHECK_EQ(
	    tu_exec(st, "INSERT INTO companies (id, code, name, created) VALUES (1, '100001', 'Alpha', 0), (2, '100002', 'Beta', 0)"), 0);
	ZX_CHECK(!zx_plan_blacklisted(1, "13812345678")); /* nothing was loaded yet */
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char sql[160];

		snprintf(sql, sizeof(sql), "INSERT INTO blacklist (company_id, number, created) VALUES (1, '%s', 0)", same[i]);
		ZX_CHECK_EQ(tu_exec(st, sql), 0);
		ZX_CHECK_EQ(zx_plan_blacklist_load(st), 0);
		for (size_t k = 0; k < sizeof(same) / sizeof(same[0]); k++)
			ZX_CHECK(zx_plan_blacklisted(1, same[k]));
		for (size_t k = 0; k < sizeof(other) / sizeof(other[0]); k++)
			ZX_CHECK(!zx_plan_blacklisted(1, other[k]));
		ZX_CHECK(!zx_plan_blacklisted(2, "13812345678"));
		ZX_CHECK_EQ(tu_exec(st, "DELETE FROM blacklist"), 0);
	}
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO blacklist (company_id, number, created) VALUES (1, '02088886666', 0), (1, '01088886666', 0), "
				"(2, 'anonymous', 0), "
				"(2, '95588', 0)"),
		    0);
	ZX_CHECK_EQ(zx_plan_blacklist_load(st), 0);
	ZX_CHECK(zx_plan_blacklisted(1, "02088886666") && zx_plan_blacklisted(1, "+862088886666") && !zx_plan_blacklisted(1, "88886666"));
	ZX_CHECK(zx_plan_blacklisted(1, "+861088886666") && zx_plan_blacklisted(1, "00861088886666"));
	ZX_CHECK(zx_plan_blacklisted(2, "anonymous") && zx_plan_blacklisted(2, "95588") && !zx_plan_blacklisted(1, "95588"));
	ZX_CHECK(!zx_plan_blacklisted(1, "13812345678")); /* gone with the load */
	ZX_CHECK(!zx_plan_masked(1));
	ZX_CHECK_EQ(zx_plan_masked_load(st), 0);
	ZX_CHECK(!zx_plan_masked(1));
	zx_plan_live_close();
}

ZX_TEST(many)
{
	enum { MANY = 50000 };
	char number[24];
	uint64_t t;

	ZX_CHECK_EQ(
	    tu_exec(st,
		    "INSERT INTO blacklist (company_id, number, created) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
		    "WHERE i < 49999) SELECT 1, 13700000000 + i, 0 FROM n"),
	    0);
	t = zx_mono_us();
	ZX_CHECK_EQ(zx_plan_blacklist_load(st), 0);
	printf("# %d numbers loaded in %u ms\n", MANY, (unsigned)((zx_mono_us() - t) / 1000));
	t = zx_mono_us();
	for (int i = 0; i < MANY; i++) {
		snprintf(number, sizeof(number), "0137%08d", i);
		ZX_CHECK(zx_plan_blacklisted(1, number));
		snprintf(number, sizeof(number), "136%08d", i);
		ZX_CHECK(!zx_plan_blacklisted(1, number));
	}
	printf("# a look-up takes %.2f us\n", (double)(zx_mono_us() - t) / MANY / 2);
	zx_plan_live_close();
	zx_store_close(st);
	zx_loop_close();
}

ZX_MAIN({"numbers as people mean them", numbers}, {"fifty thousand numbers", many})
