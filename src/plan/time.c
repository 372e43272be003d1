#include "plan/plan.h"

/* Both ends are included; from after to wraps over the end. */
static bool within(const struct zx_plan_range *r, int v)
{
	if (r->from < 0 || r->to < 0)
		return (r->from < 0 || v >= r->from) && (r->to < 0 || v <= r->to);
	if (r->from <= r->to)
		return v >= r->from && v <= r->to;
	return v >= r->from || v <= r->to;
}

enum day { DAY_PLAIN, DAY_OFF, DAY_WORK };

/* A day made up for may lie within a holiday. */
static enum day day_of(const struct zx_plan_holidays *h, int date)
{
	enum day d = DAY_PLAIN;

	for (unsigned i = 0; h && i < h->dayc; i++) {
		if (date < h->days[i].from || date > h->days[i].to)
			continue;
		if (h->days[i].work)
			return DAY_WORK;
		d = DAY_OFF;
	}
	return d;
}

bool zx_plan_time_inside(const struct zx_plan_time *t, const struct zx_plan_holidays *holidays, const struct tm *local)
{
	const int date = (local->tm_year + 1900) * 10000 + (local->tm_mon + 1) * 100 + local->tm_mday;
	const enum day day = day_of(holidays, date);

	if (day == DAY_OFF || !within(&t->minute, local->tm_hour * 60 + local->tm_min))
		return false;
	if (day == DAY_WORK)
		return true;
	return within(&t->weekday, local->tm_wday ? local->tm_wday : 7) && within(&t->month, local->tm_mon + 1) &&
	       within(&t->day, local->tm_mday);
}
