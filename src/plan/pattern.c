#include "plan/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One place of a pattern: the digits it takes as a set, or the tail. */
struct place {
	uint16_t digits; /* bit n: digit n */
	char literal;    /* '*', '#', '+' or 0 */
	bool rest;       /* one or more of anything, to the end */
};

/* [1-5], [137], [1-37]; *pp is behind '['. NULL: fine, else what is wrong. */
static const char *take_class(struct place *pl, const char **pp)
{
	const char *p = *pp;

	for (; *p != ']'; p++) {
		char last = *p;

		if (*p < '0' || *p > '9')
			return *p ? "only digits and ranges like 1-5 may stand between [ and ]" : "[ is not closed by ]";
		if (p[1] == '-') {
			last = p[2];
			if (last < *p || last > '9')
				return "a range in [ ] goes from a lower to a higher digit, like [1-5]";
		}
		for (char c = *p; c <= last; c++)
			pl->digits |= (uint16_t)(1u << (c - '0'));
		if (p[1] == '-')
			p += 2;
	}
	*pp = p + 1;
	return pl->digits ? NULL : "[ ] is empty";
}

/* Takes one place off the pattern. NULL: fine, else what is wrong. */
static const char *take(struct place *pl, const char **pp)
{
	const char c = *(*pp)++;

	memset(pl, 0, sizeof(*pl));
	switch (c) {
	case 'X':
	case 'x':
		pl->digits = 0x3ff;
		return NULL;
	case 'Z':
	case 'z':
		pl->digits = 0x3fe;
		return NULL;
	case 'N':
	case 'n':
		pl->digits = 0x3fc;
		return NULL;
	case '*':
	case '#':
	case '+':
		pl->literal = c;
		return NULL;
	case '.':
		pl->rest = true;
		return **pp ? "\".\" may only stand at the end" : NULL;
	case '[':
		return take_class(pl, pp);
	default:
		if (c < '0' || c > '9')
			return "allowed are digits, * # +, X Z N, [1-5] and a final \".\"";
		pl->digits = (uint16_t)(1u << (c - '0'));
		return NULL;
	}
}

bool zx_pattern_match(const char *pattern, const char *number)
{
	struct place pl;

	if (!*pattern)
		return true;
	for (; *pattern; number++) {
		if (take(&pl, &pattern) || !*number)
			return false;
		if (pl.rest)
			return true;
		if (pl.literal ? *number != pl.literal : *number < '0' || *number > '9' || !(pl.digits >> (*number - '0') & 1))
			return false;
	}
	return !*number;
}

int zx_pattern_check(const char *pattern, char *errbuf, size_t errlen)
{
	const char *p = pattern;
	struct place pl;

	if (strlen(pattern) >= ZX_NUM_LEN) {
		snprintf(errbuf, errlen, "the pattern is longer than %d characters", ZX_NUM_LEN - 1);
		return EINVAL;
	}
	while (*p) {
		const char *at = p, *wrong = take(&pl, &p);

		if (wrong) {
			snprintf(errbuf, errlen, "character %u: %s", (unsigned)(at - pattern) + 1, wrong);
			return EINVAL;
		}
	}
	return 0;
}

/* ---- comparing patterns ---- */

enum { ANY = 200, REST = 100 };

/* How many characters fit at a place; the fewer, the more it says. */
static int weight(const struct place *pl)
{
	return pl->rest ? REST : pl->literal ? 1 : __builtin_popcount(pl->digits);
}

int zx_pattern_order(const char *a, const char *b)
{
	struct place pa, pb;

	if (!*a || !*b)
		return (*a ? 0 : ANY) - (*b ? 0 : ANY);
	while (*a && *b) {
		if (take(&pa, &a) || take(&pb, &b))
			return 0;
		if (weight(&pa) != weight(&pb))
			return weight(&pa) - weight(&pb);
	}
	return (*b != '\0') - (*a != '\0'); /* the longer one */
}

bool zx_pattern_covers(const char *wide, const char *narrow)
{
	struct place w, n;

	if (!*wide)
		return true;
	if (!*narrow)
		return false;
	while (*wide) {
		if (!*narrow || take(&w, &wide) || take(&n, &narrow))
			return false;
		if (w.rest)
			return true;
		if (n.rest || n.literal != w.literal || n.digits & ~w.digits)
			return false;
	}
	return !*narrow;
}

size_t zx_pattern_literal(const char *pattern)
{
	return strspn(pattern, "0123456789*#+");
}
