/* Rights: space separated "resource:action", "resource:*" or "*". */
#ifndef ZX_WEB_RIGHTS_H
#define ZX_WEB_RIGHTS_H

#include <stdbool.h>

enum zx_scope { ZX_SCOPE_OWN, ZX_SCOPE_DEPARTMENT, ZX_SCOPE_COMPANY, ZX_SCOPE_SYSTEM };

enum zx_scope zx_scope_parse(const char *s); /* unknown: own */
const char *zx_scope_name(enum zx_scope s);

/* need is "resource:action". */
bool zx_rights_have(const char *rights, const char *need);

#endif
