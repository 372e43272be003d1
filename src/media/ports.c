/* RTP ports: one queue a local address, oldest first, so that a port rests before it is used again. */
#include "media/priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { ADDRS = 32, TRIES = 64 };

struct pool {
	struct sa addr;
	uint16_t *q;
	unsigned head, n;
};

struct zx_ports {
	pthread_mutex_t lock;
	uint16_t min;
	unsigned size, npool;
	struct pool pool[ADDRS];
};

int zx_ports_alloc(struct zx_ports **pp, uint16_t min, uint16_t max)
{
	min = (uint16_t)(min + (min & 1));
	if (!min || max <= min)
		return EINVAL;
	struct zx_ports *p = calloc(1, sizeof(*p));
	if (!p)
		return ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->min = min;
	p->size = (max - min + 1u) / 2;
	*pp = p;
	return 0;
}

void zx_ports_free(struct zx_ports *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->npool; i++)
		free(p->pool[i].q);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Shuffled: ports that can be foretold invite injection. */
static void fill(const struct zx_ports *p, struct pool *o)
{
	uint32_t x = 0;

	while (!x)
		(void)!getrandom(&x, sizeof(x), 0);
	for (unsigned i = 0; i < p->size; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		unsigned j = x % (i + 1);
		o->q[i] = o->q[j];
		o->q[j] = (uint16_t)(p->min + 2 * i);
	}
	o->n = p->size;
}

static struct pool *find(struct zx_ports *p, const struct sa *addr, bool make)
{
	for (unsigned i = 0; i < p->npool; i++)
		if (sa_cmp(&p->pool[i].addr, addr, SA_ADDR))
			return &p->pool[i];
	if (!make || p->npool == ADDRS)
		return NULL;
	struct pool *o = &p->pool[p->npool];
	o->q = calloc(p->size, sizeof(*o->q));
	if (!o->q)
		return NULL;
	sa_cpy(&o->addr, addr);
	fill(p, o);
	p->npool++;
	return o;
}

static void put(struct zx_ports *p, struct pool *o, uint16_t port)
{
	o->q[(o->head + o->n++) % p->size] = port;
}

int zx_udp_open(const union zx_addr *a, int *fdp)
{
	const int ef = 0xb8, on = 1;
	bool v6 = a->sa.sa_family == AF_INET6;
	int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, &ef, sizeof(ef));
	if (bind(fd, &a->sa, zx_addr_len(a))) {
		int err = errno;
		close(fd);
		return err;
	}
	*fdp = fd;
	return 0;
}

int zx_ports_open(struct zx_ports *p, struct sa *addr, int *fdp)
{
	int err = EADDRNOTAVAIL;
	union zx_addr a = {0};

	if (addr->len > sizeof(a))
		return EAFNOSUPPORT;
	memcpy(&a, &addr->u, addr->len);
	pthread_mutex_lock(&p->lock);
	struct pool *o = find(p, addr, true);
	for (unsigned i = 0; o && o->n && i < TRIES; i++) {
		uint16_t port = o->q[o->head];
		o->head = (o->head + 1) % p->size;
		o->n--;
		a.in.sin_port = htons(port); /* the same place in both families */
		err = zx_udp_open(&a, fdp);
		if (!err) {
			sa_set_port(addr, port);
			break;
		}
		put(p, o, port);
		if (err != EADDRINUSE)
			break;
		err = EADDRNOTAVAIL;
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

void zx_ports_put(struct zx_ports *p, const struct sa *addr)
{
	pthread_mutex_lock(&p->lock);
	struct pool *o = find(p, addr, false);
	if (o && o->n < p->size)
		put(p, o, sa_port(addr));
	pthread_mutex_unlock(&p->lock);
}

unsigned zx_ports_left(struct zx_ports *p)
{
	unsigned n = p->npool ? 0 : p->size;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->npool; i++)
		n += p->pool[i].n;
	pthread_mutex_unlock(&p->lock);
	return n;
}
