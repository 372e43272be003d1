/* The list of all mobile prefixes: one pass over the shipped runs and the rows over them. */
#include "crm/location_priv.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

enum { SPAN = ZX_LOCATION_END - ZX_LOCATION_FIRST };

struct scan {
	const struct zx_location_set *set;
	const struct zx_location_filter *f;
	bool *table_ok, *own_ok;               /* of each value */
	uint32_t run_from, run_end, run_value; /* prefixes from FIRST on that the current run covers */
	uint32_t own;                          /* row of one's own met last */
};

static int want(struct scan *s)
{
	const struct zx_location_filter *f = s->f;
	const struct zx_location_table *t = s->set->table;
	const struct zx_location_own *o = s->set->own;
	const bool both = !f->own && !f->shipped;
	struct zx_location at;

	if (t) {
		s->table_ok = calloc(le32toh(t->head->values), sizeof(bool));
		if (!s->table_ok)
			return ENOMEM;
		/* value 0 is no row */
		for (uint32_t i = 1; i < le32toh(t->head->values); i++) {
			zx_location_value_copy(t, i, true, &at);
			s->table_ok[i] = (both || f->shipped) && (!f->match || f->match(&at, f->arg));
		}
	}
	if (o) {
		s->own_ok = calloc(o->values, sizeof(bool));
		if (!s->own_ok)
			return ENOMEM;
		for (uint32_t i = 0; i < o->values; i++)
			s->own_ok[i] = (both || f->own) && (!f->match || f->match(&o->at[i], f->arg));
	}
	return 0;
}

/* Value of the shipped table for prefix n (from FIRST on); neighbours share a run. */
static uint32_t table_value(struct scan *s, uint32_t n)
{
	const struct zx_location_table *t = s->set->table;

	if (n < s->run_from || n >= s->run_end) {
		const uint32_t i = zx_location_run_of(t, n), block = n / ZX_LOCATION_BLOCK;

		s->run_from = block * ZX_LOCATION_BLOCK + le16toh(t->runs[i].start);
		s->run_end = i + 1 < le32toh(t->blocks[block + 1]) ? block * ZX_LOCATION_BLOCK + le16toh(t->runs[i + 1].start)
								   : (block + 1) * ZX_LOCATION_BLOCK;
		s->run_value = le16toh(t->runs[i].value);
	}
	return s->run_value;
}

/* Whether prefix n has a row that is wanted; fills the row. */
static bool look(struct scan *s, uint32_t n, struct zx_location_row *row, bool fill)
{
	const struct zx_location_own *o = s->set->own;
	uint32_t value;

	if (o) {
		const uint32_t p = ZX_LOCATION_FIRST + n;

		/* the neighbour of the one before, in either direction; else anew */
		if (s->own < o->n && o->prefix[s->own] < p)
			s->own++;
		else if (s->own && o->prefix[s->own - 1] >= p)
			s->own--;
		if ((s->own < o->n && o->prefix[s->own] < p) || (s->own && o->prefix[s->own - 1] >= p))
			s->own = zx_location_own_at(o, p);
		if (s->own < o->n && o->prefix[s->own] == p) {
			value = o->value[s->own];
			if (s->own_ok[value] && fill)
				*row = (struct zx_location_row){.prefix = p, .own = true, .at = o->at[value]};
			return s->own_ok[value];
		}
	}
	value = s->set->table ? table_value(s, n) : 0;
	if (!value || !s->table_ok[value])
		return false;
	if (fill) {
		row->prefix = ZX_LOCATION_FIRST + n;
		row->own = false;
		zx_location_value_copy(s->set->table, value, true, &row->at);
	}
	return true;
}

int zx_location_list(const struct zx_location_filter *f, struct zx_location_row *rows, uint32_t max, uint32_t *n, uint32_t *total,
		     bool *more)
{
	const uint32_t from = f->from > ZX_LOCATION_FIRST ? f->from - ZX_LOCATION_FIRST : 0;
	const uint32_t to = f->to && f->to < ZX_LOCATION_END ? (f->to > ZX_LOCATION_FIRST ? f->to - ZX_LOCATION_FIRST : 0) : SPAN;
	struct scan s = {.set = zx_location_enter(), .f = f};
	struct zx_location_row spare;
	uint32_t skip = f->skip;
	int err = s.set ? want(&s) : 0;

	*n = *total = 0;
	*more = false;
	if (err || !s.set)
		goto out;
	for (uint32_t i = from; i < to; i++) {
		const uint32_t k = f->desc ? to - 1 - (i - from) : i, p = ZX_LOCATION_FIRST + k;
		const bool here = !f->after || (f->desc ? p < f->after : p > f->after);

		if (!look(&s, k, *n < max ? &rows[*n] : &spare, here && !skip && *n < max))
			continue;
		++*total;
		if (here && skip)
			skip--;
		else if (here && *n < max)
			++*n;
		else if (here)
			*more = true;
	}
out:
	zx_location_leave();
	free(s.table_ok);
	free(s.own_ok);
	return err;
}
