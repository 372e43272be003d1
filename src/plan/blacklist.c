/* 呼入黑名单, and the extensions whose users see no customer numbers (号码隐藏): hash sets, swapped as a whole; changes are live at once.
 */
#include "plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "loop/loop.h"

enum { DIGITS = 24, MOBILE = 11, LOAD_MS = 15000, SWAP_MS = 3000 };

struct entry {
	int64_t id; /* company; of masked ones the extension. 0: free */
	char number[DIGITS];
};
struct set {
	struct entry *v;
	uint32_t mask;
	unsigned n;
};

static struct set *blacklist, *masked; /* loop thread */

/* A number as people mean it, however a trunk shows it: +8613812345678, 013812345678 and 13812345678 are one mobile. */
static void plain(char *out, const char *number)
{
	const bool plus = *number == '+';
	const char *p = number + plus;
	size_t n = strspn(p, "0123456789*#"), code = 0;

	if (!strncmp(p, "0086", 4) && n > 8)
		code = 4;
	else if (!strncmp(p, "86", 2) && (plus || n == MOBILE + 2))
		code = 2;
	p += code;
	n -= code;
	if (code && n > 8 && n <= MOBILE && *p != '0' && !(n == MOBILE && *p == '1')) {
		/* a fixed line: inside the country it has its 0 */
		*out++ = '0';
		zx_strcpy_len(out, DIGITS - 1, p, n);
		return;
	}
	if (n == MOBILE + 1 && p[0] == '0' && p[1] == '1' && p[2] >= '3')
		p++, n--;
	zx_strcpy_len(out, DIGITS, n ? p : number, n ? n : strlen(number));
}

static uint32_t hash(int64_t id, const char *number)
{
	uint32_t h = 2166136261u ^ (uint32_t)id;

	for (; *number; number++)
		h = (h ^ (unsigned char)*number) * 16777619u;
	return h ^ h >> 15;
}

static void set_free(struct set *s)
{
	if (s)
		free(s->v);
	free(s);
}

static struct entry *slot(const struct set *s, int64_t id, const char *number)
{
	for (uint32_t h = hash(id, number);; h++) {
		struct entry *e = &s->v[h & s->mask];

		if (!e->id || (e->id == id && !strcmp(e->number, number)))
			return e;
	}
}

static int set_alloc(struct set *s, uint32_t size)
{
	s->v = calloc(size, sizeof(*s->v));
	s->mask = size - 1;
	return s->v ? 0 : ENOMEM;
}

static int set_add(struct set *s, int64_t id, const char *number)
{
	char digits[DIGITS];
	struct entry *e;

	if (2 * s->n > s->mask) {
		struct set bigger = {.n = s->n};

		if (set_alloc(&bigger, 2 * (s->mask + 1)))
			return ENOMEM;
		for (uint32_t i = 0; i <= s->mask; i++)
			if (s->v[i].id)
				*slot(&bigger, s->v[i].id, s->v[i].number) = s->v[i];
		free(s->v);
		*s = bigger;
	}
	plain(digits, number);
	e = slot(s, id, digits);
	s->n += !e->id;
	e->id = id;
	memcpy(e->number, digits, sizeof(digits));
	return 0;
}

struct swap {
	struct set **current, *set;
};

static int swap(void *arg)
{
	struct swap *s = arg;
	struct set *old = *s->current;

	*s->current = s->set;
	s->set = old;
	return 0;
}

/* The statement's rows: id, number. */
static int load(struct set **current, struct zx_store *st, const char *statement)
{
	struct swap sw = {.current = current, .set = calloc(1, sizeof(*sw.set))};
	struct zx_stmt *s;
	struct zx_db *db;
	int err;

	if (!sw.set)
		return ENOMEM;
	err = set_alloc(sw.set, 64);
	if (!err)
		err = zx_store_reader(st, &db);
	if (!err)
		err = zx_db_begin_read(db, LOAD_MS);
	if (!err) {
		err = zx_stmt_get(&s, db, statement);
		while (!err && !(err = zx_stmt_step(s)))
			err = set_add(sw.set, zx_col_int(s, 0), zx_col_text(s, 1));
		err = err == ENODATA ? 0 : err;
		zx_db_end_read(db);
	}
	if (!err)
		err = zx_loop_call(swap, &sw, SWAP_MS);
	if (err)
		zx_log(ZX_ERROR, "plan", "%s: what is in use stays as it was: %s", statement, strerror(err));
	set_free(sw.set);
	return err;
}

int zx_plan_blacklist_load(struct zx_store *st)
{
	return load(&blacklist, st, "blacklist_all");
}

int zx_plan_masked_load(struct zx_store *st)
{
	return load(&masked, st, "masked_extensions");
}

bool zx_plan_blacklisted(int64_t company_id, const char *caller)
{
	char digits[DIGITS];

	if (!blacklist || !*caller)
		return false;
	plain(digits, caller);
	return slot(blacklist, company_id, digits)->id != 0;
}

bool zx_plan_masked(int64_t extension_id)
{
	return masked && slot(masked, extension_id, "")->id != 0;
}

void zx_plan_live_close(void)
{
	set_free(blacklist);
	set_free(masked);
	blacklist = masked = NULL;
}
