#include "sip/hash.h"

#include <string.h>
#include <sys/random.h>

static inline uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

struct sipstate {
	uint64_t v0, v1, v2, v3;
};

static inline void sipround(struct sipstate *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

void zx_hashkey_new(struct zx_hashkey *k)
{
	if (getrandom(k, sizeof(*k), 0) != (ssize_t)sizeof(*k)) {
		k->k0 = rand_u64();
		k->k1 = rand_u64();
	}
}

uint64_t zx_siphash(const struct zx_hashkey *k, const void *data, size_t n)
{
	struct sipstate s = {k->k0 ^ 0x736f6d6570736575ULL, k->k1 ^ 0x646f72616e646f6dULL, k->k0 ^ 0x6c7967656e657261ULL,
			     k->k1 ^ 0x7465646279746573ULL};
	const uint8_t *p = data;
	uint64_t last = (uint64_t)n << 56, m;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&m, p, 8);
		s.v3 ^= m;
		sipround(&s);
		sipround(&s);
		s.v0 ^= m;
	}
	m = 0;
	if (n)
		memcpy(&m, p, n);
	last |= m;
	s.v3 ^= last;
	sipround(&s);
	sipround(&s);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sipround(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t zx_siphash_addr(const struct zx_hashkey *k, const struct sa *sa)
{
	if (sa_af(sa) == AF_INET6)
		return zx_siphash(k, &sa->u.in6.sin6_addr, 8);
	return zx_siphash(k, &sa->u.in.sin_addr, 4);
}
