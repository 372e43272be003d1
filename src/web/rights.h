/*
 * Rights: "resource:action". A role's text names them space separated, "resource:*" or "*" for all there are; a person's are a set of
 * numbers of the rights that routes and pages ask for. Some are the system administrator's alone, whatever a role says.
 */
#ifndef ZX_WEB_RIGHTS_H
#define ZX_WEB_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

enum zx_scope { ZX_SCOPE_OWN, ZX_SCOPE_DEPARTMENT, ZX_SCOPE_COMPANY, ZX_SCOPE_SYSTEM };

enum { ZX_RIGHTS_MAX = 1024, ZX_RIGHTS_WORDS = ZX_RIGHTS_MAX / 64 };

enum zx_scope zx_scope_parse(const char *s); /* unknown: own */
bool zx_scope_known(const char *s);
const char *zx_scope_name(enum zx_scope s);

/* What a role of this scope grants; names that nothing asks for are left out. */
void zx_rights_parse(uint64_t set[ZX_RIGHTS_WORDS], const char *text, enum zx_scope scope);
/* need is "resource:action". */
bool zx_rights_have(const uint64_t *set, const char *need);
/* Everything there is and will be. */
bool zx_rights_all(const uint64_t *set);
/* Nothing in a that is not in b. */
bool zx_rights_within(const uint64_t *a, const uint64_t *b);

/* All rights there are, by name; NULL past the last. */
const char *zx_right_at(unsigned i);
bool zx_right_known(const char *right);
/* For scope system alone. */
bool zx_right_system(const char *right);

#endif
