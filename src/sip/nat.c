#include "sip/nat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8))
		return false;
	return !(bits % 8) || !((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8));
}

bool zx_cidr_match(const char *cidr, const struct sa *sa)
{
	char buf[80];
	struct sa net;
	char *slash, *end;
	unsigned long bits;
	unsigned max;

	if (strlen(cidr) >= sizeof(buf))
		return false;
	str_ncpy(buf, cidr, sizeof(buf));
	slash = strchr(buf, '/');
	if (slash)
		*slash++ = 0;
	if (sa_set_str(&net, buf, 0) || sa_af(&net) != sa_af(sa))
		return false;
	max = sa_af(&net) == AF_INET6 ? 128 : 32;
	bits = max;
	if (slash) {
		bits = strtoul(slash, &end, 10);
		if (!*slash || *end || bits > max)
			return false;
	}
	if (max == 32)
		return prefix_equal((const uint8_t *)&net.u.in.sin_addr, (const uint8_t *)&sa->u.in.sin_addr, (unsigned)bits);
	return prefix_equal((const uint8_t *)&net.u.in6.sin6_addr, (const uint8_t *)&sa->u.in6.sin6_addr, (unsigned)bits);
}

bool zx_nets_match(const char *list, const struct sa *sa)
{
	char buf[512], *save = NULL;

	if (!list[0])
		list = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8,169.254.0.0/16,fc00::/7,fe80::/10,::1";
	str_ncpy(buf, list, sizeof(buf));
	for (char *t = strtok_r(buf, ", \t", &save); t; t = strtok_r(NULL, ", \t", &save))
		if (zx_cidr_match(t, sa))
			return true;
	return false;
}

static int hexdigit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int zx_uri_user(char *buf, size_t len, const struct uri *uri)
{
	size_t n = 0;

	for (size_t i = 0; i < uri->user.l && uri->user.p[i] != ';'; i++) {
		int c = (unsigned char)uri->user.p[i];

		if (c == '%') {
			const int h = i + 2 < uri->user.l ? hexdigit(uri->user.p[i + 1]) : -1;
			const int l = h >= 0 ? hexdigit(uri->user.p[i + 2]) : -1;

			if (l < 0)
				return EINVAL;
			c = h << 4 | l;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= len)
			return EINVAL;
		buf[n++] = (char)c;
	}
	if (!n)
		return EINVAL;
	buf[n] = 0;
	return 0;
}
