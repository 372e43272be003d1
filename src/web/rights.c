#include "web/rights.h"

#include <string.h>

static const char *const names[] = {"own", "department", "company", "system"};

enum zx_scope zx_scope_parse(const char *s)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], s))
			return (enum zx_scope)i;
	return ZX_SCOPE_OWN;
}

const char *zx_scope_name(enum zx_scope s)
{
	return names[s];
}

bool zx_rights_have(const char *rights, const char *need)
{
	const char *colon = strchr(need, ':');

	if (!colon)
		return false;
	const size_t nl = strlen(need), rl = (size_t)(colon - need) + 1;
	for (const char *p = rights; *p;) {
		const size_t n = strcspn(p, " ");
		if ((n == 1 && *p == '*') || (n == nl && !memcmp(p, need, nl)) || (n == rl + 1 && !memcmp(p, need, rl) && p[rl] == '*'))
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}
