/* SipHash-2-4 with a key drawn at start: table hashes that nobody outside can steer, stateless tags, nonce MACs. */
#ifndef ZX_SIP_HASH_H
#define ZX_SIP_HASH_H

#include "base/re.h"

struct zx_hashkey {
	uint64_t k0, k1;
};

void zx_hashkey_new(struct zx_hashkey *k);
uint64_t zx_siphash(const struct zx_hashkey *k, const void *p, size_t n);
/* Address without port; an IPv6 one by its /64, since that is what one subscriber has. */
uint64_t zx_siphash_addr(const struct zx_hashkey *k, const struct sa *sa);

#endif
