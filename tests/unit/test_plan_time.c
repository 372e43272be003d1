#include <stdlib.h>
#include <time.h>

#include "plan/plan.h"
#include "zxtest.h"

#define ANY                                                                                                                                \
	{                                                                                                                                  \
		-1, -1                                                                                                                     \
	}

static struct tm at(int y, int mon, int d, int h, int min)
{
	struct tm tm = {.tm_year = y - 1900, .tm_mon = mon - 1, .tm_mday = d, .tm_hour = h, .tm_min = min, .tm_isdst = -1};

	(void)timegm(&tm); /* the weekday */
	return tm;
}

static bool in(const struct zx_plan_time *t, const struct zx_plan_holidays *h, int mon, int d, int hour, int min)
{
	const struct tm tm = at(2026, mon, d, hour, min);

	return zx_plan_time_inside(t, h, &tm);
}

ZX_TEST(ranges)
{
	const struct zx_plan_time day = {.minute = {540, 1079}, .weekday = {1, 5}, .month = ANY, .day = ANY};
	const struct zx_plan_time night = {.minute = {22 * 60, 6 * 60}, .weekday = ANY, .month = ANY, .day = ANY};
	const struct zx_plan_time weekend = {.minute = ANY, .weekday = {5, 1}, .month = ANY, .day = ANY};
	const struct zx_plan_time winter = {.minute = ANY, .weekday = ANY, .month = {11, 2}, .day = {25, 5}};
	const struct zx_plan_time open_end = {.minute = {-1, 719}, .weekday = {6, -1}, .month = ANY, .day = ANY};
	const struct zx_plan_time always = {.minute = ANY, .weekday = ANY, .month = ANY, .day = ANY};

	/* 2026-11-23 is a Monday */
	ZX_CHECK(in(&day, NULL, 11, 23, 9, 0) && in(&day, NULL, 11, 27, 17, 59));
	ZX_CHECK(!in(&day, NULL, 11, 23, 8, 59) && !in(&day, NULL, 11, 23, 18, 0) && !in(&day, NULL, 11, 28, 12, 0));
	ZX_CHECK(in(&night, NULL, 11, 23, 23, 0) && in(&night, NULL, 11, 23, 6, 0) && in(&night, NULL, 11, 23, 0, 0));
	ZX_CHECK(!in(&night, NULL, 11, 23, 6, 1) && !in(&night, NULL, 11, 23, 21, 59));
	ZX_CHECK(in(&weekend, NULL, 11, 27, 0, 0) && in(&weekend, NULL, 11, 29, 0, 0) && in(&weekend, NULL, 11, 23, 0, 0));
	ZX_CHECK(!in(&weekend, NULL, 11, 24, 0, 0) && !in(&weekend, NULL, 11, 26, 0, 0));
	ZX_CHECK(in(&winter, NULL, 12, 31, 0, 0) && in(&winter, NULL, 2, 5, 0, 0) && !in(&winter, NULL, 2, 6, 0, 0) &&
		 !in(&winter, NULL, 3, 1, 0, 0));
	ZX_CHECK(in(&open_end, NULL, 11, 28, 11, 59) && in(&open_end, NULL, 11, 29, 0, 0) && !in(&open_end, NULL, 11, 29, 12, 0) &&
		 !in(&open_end, NULL, 11, 27, 8, 0));
	ZX_CHECK(in(&always, NULL, 1, 1, 0, 0));
}

ZX_TEST(holidays)
{
	const struct zx_plan_time work = {.minute = {540, 1079}, .weekday = {1, 5}, .month = {1, 10}, .day = ANY};
	/* National Day; the Sunday before and the Saturday after are worked; a day within it is, too */
	const struct zx_plan_day days[] = {{20261001, 20261008, false},
					   {20260927, 20260927, true},
					   {20261010, 20261010, true},
					   {20261005, 20261005, true},
					   {20251231, 20260102, false}};
	const struct zx_plan_holidays h = {.dayc = 5, .days = days};

	ZX_CHECK(in(&work, &h, 9, 30, 12, 0) && in(&work, NULL, 10, 1, 12, 0));
	ZX_CHECK(!in(&work, &h, 10, 1, 12, 0) && !in(&work, &h, 10, 8, 12, 0) && in(&work, &h, 10, 9, 12, 0));
	ZX_CHECK(in(&work, &h, 9, 27, 12, 0) && !in(&work, NULL, 9, 27, 12, 0));
	ZX_CHECK(!in(&work, &h, 9, 27, 8, 0)); /* by the time of day alone */
	ZX_CHECK(in(&work, &h, 10, 10, 17, 59) && in(&work, &h, 10, 5, 9, 0));
	ZX_CHECK(!in(&work, &h, 1, 1, 12, 0) && !in(&work, &h, 1, 2, 12, 0) && in(&work, &h, 1, 5, 12, 0));
}

/* A range is the values one passes going from the one end to the other, round the circle. */
static bool walked(const struct zx_plan_range *r, int v, int lo, int hi)
{
	int i = r->from < 0 ? lo : r->from;
	const int end = r->to < 0 ? hi : r->to;

	for (;; i = i == hi ? lo : i + 1) {
		if (i == v)
			return true;
		if (i == end)
			return false;
	}
}

static struct zx_plan_range random_range(int lo, int hi)
{
	const int a = lo + (int)(lrand48() % (hi - lo + 1)), b = lo + (int)(lrand48() % (hi - lo + 1));

	switch (lrand48() % 6) {
	case 0:
		return (struct zx_plan_range){-1, -1};
	case 1:
		return (struct zx_plan_range){a, -1};
	case 2:
		return (struct zx_plan_range){-1, b};
	default:
		return (struct zx_plan_range){a, b};
	}
}

ZX_TEST(property)
{
	unsigned inside = 0;

	srand48(11);
	for (int i = 0; i < 100000; i++) {
		const struct zx_plan_time t = {.minute = random_range(0, 1439),
					       .weekday = random_range(1, 7),
					       .month = random_range(1, 12),
					       .day = random_range(1, 31)};
		const struct tm tm = at(2024 + (int)(lrand48() % 5), 1 + (int)(lrand48() % 12), 1 + (int)(lrand48() % 28),
					(int)(lrand48() % 24), (int)(lrand48() % 60));
		const bool want = walked(&t.minute, tm.tm_hour * 60 + tm.tm_min, 0, 1439) &&
				  walked(&t.weekday, tm.tm_wday ? tm.tm_wday : 7, 1, 7) && walked(&t.month, tm.tm_mon + 1, 1, 12) &&
				  walked(&t.day, tm.tm_mday, 1, 31);

		ZX_CHECK_EQ(zx_plan_time_inside(&t, NULL, &tm), want);
		inside += want;
	}
	printf("# 100000 times, %u inside\n", inside);
	ZX_CHECK(inside > 5000 && inside < 95000);
}

ZX_MAIN({"ranges, also over the end", ranges}, {"holidays and days made up for", holidays},
	{"the same as walking from end to end", property})
