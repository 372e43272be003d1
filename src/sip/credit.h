/*
 * How many challenges an address may have that has not shown that it receives them: a datagram's source is easily forged, and a 401 is
 * larger than what asked for it. Logging in earns more than it spends, so that whoever answers challenges never runs out.
 */
#ifndef ZX_SIP_CREDIT_H
#define ZX_SIP_CREDIT_H

#include "base/re.h"

enum { ZX_CREDIT_START = 600, ZX_CREDIT_PER_S = 50 };

struct zx_credit;

int zx_credit_alloc(struct zx_credit **cp);
/* One challenge to src; false when it has none left. */
bool zx_credit_spend(struct zx_credit *c, const struct sa *src, uint64_t now_ms);
/* src has logged in. */
void zx_credit_earn(struct zx_credit *c, const struct sa *src, uint64_t now_ms);

#endif
