#include "web/rights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "web/route.h"

enum { BIT_ALL, BIT_SYSTEM, BIT_FIRST, NAME_LEN = 96, MAX = ZX_RIGHTS_MAX - BIT_FIRST };

static const char *const scopes[] = {"own", "department", "company", "system"};

/* What reaches beyond a company. Pages whose rows belong to no company are so by themselves. */
static const char *const system_only[] = {"companies:add",    "companies:delete", "companies:import", "locations:add", "locations:edit",
					  "locations:delete", "locations:import", "locations:reset",  "system:*"};

static char names[MAX][NAME_LEN]; /* sorted */
static unsigned count;
static bool only_system[MAX];

/* ---- scopes ---- */

bool zx_scope_known(const char *s)
{
	for (unsigned i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (!strcmp(scopes[i], s))
			return true;
	return false;
}

enum zx_scope zx_scope_parse(const char *s)
{
	for (unsigned i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (!strcmp(scopes[i], s))
			return (enum zx_scope)i;
	return ZX_SCOPE_OWN;
}

const char *zx_scope_name(enum zx_scope s)
{
	return scopes[s];
}

/* ---- all rights there are ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void note(const char *right)
{
	if (count == MAX || strlen(right) >= NAME_LEN) {
		zx_log(ZX_ERROR, "web", "too many rights: %s is given to nobody", right);
		return;
	}
	zx_strcpy(names[count++], NAME_LEN, right);
}

static bool foreign(const char *right)
{
	const size_t n = strcspn(right, ":");
	const struct zx_resource *res;
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "%.*s", (int)n, right);
	res = zx_resource_find(name);
	return res && !res->table->company;
}

static void build(void)
{
	const struct zx_resource *res;
	char list[512], right[NAME_LEN], *save = NULL;
	unsigned n, kept = 0;
	const struct zx_route_def *t = zx_routes(&n);

	for (unsigned i = 0; i < n; i++)
		if (t[i].right)
			note(t[i].right);
	for (unsigned i = 0; (res = zx_resource_at(i)); i++) {
		snprintf(list, sizeof(list), "%s", res->can);
		for (char *a = strtok_r(list, " ", &save); a; a = strtok_r(NULL, " ", &save)) {
			if (!strcmp(a, "copy")) /* is an addition */
				continue;
			snprintf(right, sizeof(right), "%s:%s", res->name, a);
			note(right);
		}
	}
	qsort(names, count, NAME_LEN, by_name);
	for (unsigned i = 0; i < count; i++)
		if (!i || strcmp(names[i], names[kept - 1]) != 0)
			memmove(names[kept++], names[i], NAME_LEN);
	count = kept;
	for (unsigned i = 0; i < count; i++)
		only_system[i] = zx_right_system(names[i]);
}

static void ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, build);
}

/* Number, or -1. */
static int find(const char *right)
{
	const char *at;

	ready();
	at = bsearch(right, names, count, NAME_LEN, by_name);
	return at ? (int)((at - names[0]) / NAME_LEN) : -1;
}

const char *zx_right_at(unsigned i)
{
	ready();
	return i < count ? names[i] : NULL;
}

bool zx_right_known(const char *right)
{
	return find(right) >= 0;
}

bool zx_right_system(const char *right)
{
	for (size_t i = 0; i < sizeof(system_only) / sizeof(system_only[0]); i++) {
		const size_t n = strcspn(system_only[i], "*");
		if (!strncmp(system_only[i], right, n) && (system_only[i][n] == '*' || !right[n]))
			return true;
	}
	return foreign(right);
}

/* ---- sets ---- */

static void put(uint64_t *set, unsigned bit)
{
	set[bit / 64] |= 1ULL << bit % 64;
}

static bool has(const uint64_t *set, unsigned bit)
{
	return set[bit / 64] >> bit % 64 & 1;
}

/* First name that is not before this beginning. */
static unsigned lower(const char *text, size_t n)
{
	unsigned a = 0, b = count;

	while (a < b) {
		const unsigned m = (a + b) / 2;
		if (strncmp(names[m], text, n) < 0)
			a = m + 1;
		else
			b = m;
	}
	return a;
}

static void put_word(uint64_t *set, const char *word, size_t n, bool system)
{
	const bool star = word[n - 1] == '*' && (n == 1 || word[n - 2] == ':');
	const size_t len = n - star;

	for (unsigned i = lower(word, len); i < count && !strncmp(names[i], word, len); i++) {
		if ((star || !names[i][len]) && (system || !only_system[i]))
			put(set, BIT_FIRST + i);
		if (!star) /* the whole name comes first of those that begin so */
			break;
	}
	if (star && n == 1)
		put(set, BIT_ALL);
}

void zx_rights_parse(uint64_t set[ZX_RIGHTS_WORDS], const char *text, enum zx_scope scope)
{
	const bool system = scope == ZX_SCOPE_SYSTEM;

	ready();
	memset(set, 0, ZX_RIGHTS_WORDS * sizeof(*set));
	if (system)
		put(set, BIT_SYSTEM);
	for (const char *p = text; *p;) {
		const size_t n = strcspn(p, " ");
		if (n)
			put_word(set, p, n, system);
		p += n;
		p += strspn(p, " ");
	}
}

bool zx_rights_have(const uint64_t *set, const char *need)
{
	const int i = find(need);

	if (i >= 0)
		return has(set, BIT_FIRST + (unsigned)i);
	return has(set, BIT_ALL) && strchr(need, ':') && (has(set, BIT_SYSTEM) || !zx_right_system(need));
}

bool zx_rights_all(const uint64_t *set)
{
	return has(set, BIT_ALL);
}

bool zx_rights_within(const uint64_t *a, const uint64_t *b)
{
	for (unsigned i = 0; i < ZX_RIGHTS_WORDS; i++)
		if (a[i] & ~b[i])
			return false;
	return true;
}
