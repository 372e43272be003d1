/* What a request must be before anybody looks at its meaning (RFC 3261 8.2, 16.3). */
#ifndef ZX_SIP_CHECK_H
#define ZX_SIP_CHECK_H

#include "sip/edge.h"

/* False: refused, and answered. */
bool zx_check_request(struct zx_sip *s, const struct sip_msg *msg);

#endif
