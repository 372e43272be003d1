/* Addresses and users as written in URIs and in the configuration. */
#ifndef ZX_SIP_NAT_H
#define ZX_SIP_NAT_H

#include "sip/resip.h"

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; false too when cidr is none. */
bool zx_cidr_match(const char *cidr, const struct sa *sa);
/* In one of a comma separated list; an empty list holds the private ranges (RFC 1918, 4193), loopback and link-local. */
bool zx_nets_match(const char *list, const struct sa *sa);
/* User part of a URI without parameters (";..."), unescaped. EINVAL when there is none, it does not fit, or it has control characters. */
int zx_uri_user(char *buf, size_t len, const struct uri *uri);

#endif
