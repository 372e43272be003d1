#include "sip/stun.h"

#include <string.h>

enum { HDR = 20, COOKIE = 0x2112a442, XOR_MAPPED = 0x0020 };

static void put16(char *p, unsigned v)
{
	p[0] = (char)(v >> 8);
	p[1] = (char)v;
}

size_t zx_stun_reply(char *out, size_t outlen, const char *req, size_t n, const struct sa *src)
{
	const uint8_t *r = (const uint8_t *)req;
	const bool v6 = sa_af(src) == AF_INET6;
	const size_t alen = v6 ? 16 : 4, total = HDR + 8 + alen;
	const uint8_t *addr = v6 ? (const uint8_t *)&src->u.in6.sin6_addr : (const uint8_t *)&src->u.in.sin_addr;

	if (n < HDR || outlen < total || r[0] != 0 || r[1] != 1 || ((size_t)r[2] << 8 | r[3]) != n - HDR)
		return 0;
	if (r[4] != 0x21 || r[5] != 0x12 || r[6] != 0xa4 || r[7] != 0x42)
		return 0;
	memcpy(out, req, HDR);
	put16(out, 0x0101);
	put16(out + 2, (unsigned)(8 + alen));
	put16(out + HDR, XOR_MAPPED);
	put16(out + HDR + 2, (unsigned)(4 + alen));
	out[HDR + 4] = 0;
	out[HDR + 5] = v6 ? 2 : 1;
	put16(out + HDR + 6, sa_port(src) ^ (COOKIE >> 16));
	for (size_t i = 0; i < alen; i++) /* cookie, then transaction id: they follow each other in the header */
		out[HDR + 8 + i] = (char)(addr[i] ^ r[4 + i]);
	return total;
}
