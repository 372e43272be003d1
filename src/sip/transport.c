#include "sip/transport.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/ban.h"
#include "sip/stun.h"

enum { BATCH = 32, ROUNDS = 4, SWEEP_MS = 5000, USOCKS_MAX = 1024 };

static struct list transps;        /* loop thread */
static struct zx_transp *adopting; /* gets the handlers of the struct sip being made */

static struct zx_transp *transp_of(const struct sip *sip)
{
	for (struct le *le = transps.head; le; le = le->next) {
		struct zx_transp *t = le->data;

		if (t->s->sip == sip)
			return t;
	}
	return NULL;
}

/* ---- our UDP addresses ---- */

static void usock_destructor(void *arg)
{
	struct zx_usock *u = arg;

	hash_unlink(&u->he);
}

static bool usock_cmp(struct le *le, void *arg)
{
	const struct zx_usock *u = le->data;

	return sa_cmp(&u->k.laddr, arg, SA_ALL);
}

static bool usock_forget(struct le *le, void *arg)
{
	struct zx_usock *u = le->data;
	struct zx_transp *t = arg;

	if (u != t->last && mem_nrefs(u) == 1) {
		mem_deref(u);
		t->usockc--;
	}
	return false;
}

/* The socket object of one of our addresses; borrowed. */
static struct zx_usock *usock_get(struct zx_transp *t, const struct sa *laddr, const struct zx_ufd *f)
{
	struct zx_usock *u = t->last;

	if (u && sa_cmp(&u->k.laddr, laddr, SA_ALL))
		return u;
	u = list_ledata(hash_lookup(t->usocks, sa_hash(laddr, SA_ALL), usock_cmp, (void *)laddr));
	if (u)
		goto out;
	for (struct le *le = t->ufds.head; le && !f; le = le->next) {
		const struct zx_ufd *x = le->data;

		if (sa_af(&x->bound) == sa_af(laddr) && (x->wild ? sa_port(laddr) == sa_port(&x->bound) : sa_cmp(&x->bound, laddr, SA_ALL)))
			f = x;
	}
	if (!f)
		return NULL;
	if (t->usockc >= USOCKS_MAX)
		hash_apply(t->usocks, usock_forget, t);
	u = mem_zalloc(sizeof(*u), usock_destructor);
	if (!u)
		return NULL;
	u->k.tp = SIP_TRANSP_UDP;
	u->k.laddr = *laddr;
	u->fd = f->fd;
	u->wild = f->wild;
	hash_append(t->usocks, sa_hash(laddr, SA_ALL), &u->he, u);
	t->usockc++;
out:
	t->last = u;
	return u;
}

static int usock_send(const struct zx_usock *u, const struct sa *dst, const char *p, size_t n)
{
	union {
		char buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
	struct msghdr m = {.msg_name = (void *)&dst->u.sa, .msg_namelen = dst->len, .msg_iov = &iov, .msg_iovlen = 1};

	if (sa_af(dst) != sa_af(&u->k.laddr) || u->fd < 0)
		return EAFNOSUPPORT;
	if (u->wild) {
		struct cmsghdr *c = &ctl.align;

		memset(&ctl, 0, sizeof(ctl));
		m.msg_control = &ctl;
		if (sa_af(dst) == AF_INET) {
			struct in_pktinfo *pi = (struct in_pktinfo *)CMSG_DATA(c);

			c->cmsg_level = IPPROTO_IP;
			c->cmsg_type = IP_PKTINFO;
			c->cmsg_len = CMSG_LEN(sizeof(*pi));
			pi->ipi_spec_dst = u->k.laddr.u.in.sin_addr;
		} else {
			struct in6_pktinfo *pi = (struct in6_pktinfo *)CMSG_DATA(c);

			c->cmsg_level = IPPROTO_IPV6;
			c->cmsg_type = IPV6_PKTINFO;
			c->cmsg_len = CMSG_LEN(sizeof(*pi));
			pi->ipi6_addr = u->k.laddr.u.in6.sin6_addr;
			pi->ipi6_ifindex = u->k.laddr.u.in6.sin6_scope_id;
		}
		m.msg_controllen = CMSG_SPACE(sa_af(dst) == AF_INET ? sizeof(struct in_pktinfo) : sizeof(struct in6_pktinfo));
	}
	if (sendmsg(u->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		/* a full buffer or an old ICMP error is a lost datagram: the transaction retransmits */
		if (errno == EAGAIN || errno == ECONNREFUSED || errno == ENOBUFS)
			return 0;
		return errno;
	}
	return 0;
}

int zx_sock_send(struct zx_sock *k, const struct sa *dst, const char *p, size_t n)
{
	return k->tp == SIP_TRANSP_UDP ? usock_send((struct zx_usock *)k, dst, p, n) : zx_conn_send((struct zx_conn *)k, p, n);
}

/* ---- receiving ---- */

struct rx_batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct sa src[BATCH];
	union {
		char buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr align;
	} ctl[BATCH];
};

/* Which of our addresses it came to; false for multicast and broadcast leftovers. */
static bool local_addr(struct sa *dst, struct msghdr *m, const struct zx_ufd *f)
{
	*dst = f->bound;
	if (!f->wild)
		return true;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *pi = (const struct in_pktinfo *)CMSG_DATA(c);

			dst->u.in.sin_addr = pi->ipi_spec_dst;
			return pi->ipi_spec_dst.s_addr == pi->ipi_addr.s_addr;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *pi = (const struct in6_pktinfo *)CMSG_DATA(c);

			dst->u.in6.sin6_addr = pi->ipi6_addr;
			dst->u.in6.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&pi->ipi6_addr) ? pi->ipi6_ifindex : 0;
			return !IN6_IS_ADDR_MULTICAST(&pi->ipi6_addr);
		}
	}
	return false;
}

static void datagram(struct zx_ufd *f, struct zx_rx *rx)
{
	struct zx_transp *t = f->t;
	struct zx_usock *u;
	struct zx_raw raw;
	enum zx_raw_result res;

	if (rx->n <= 4 || !sa_port(&rx->src))
		return; /* keep-alives of phones */
	if (zx_ban_is(t->s->bans, &rx->src)) {
		t->s->stats.banned_drops++;
		return;
	}
	u = usock_get(t, &rx->dst, f);
	if (!u)
		return;
	if (!(rx->p[0] & 0xc0)) {
		char rsp[64];
		const size_t n = zx_stun_reply(rsp, sizeof(rsp), rx->p, rx->n, &rx->src);

		if (n) {
			(void)usock_send(u, &rx->src, rsp, n);
			return;
		}
	}
	for (; rx->n && (*rx->p == '\r' || *rx->p == '\n'); rx->p++, rx->n--)
		;
	if (rx->n < 16)
		return;
	res = zx_raw_scan(&raw, rx->p, rx->n, false);
	if (res == ZX_RAW_JUNK) {
		t->s->stats.malformed++;
		return;
	}
	rx->sock = mem_ref(u);
	zx_edge_receive(t->s, rx, &raw, res);
	mem_deref(u);
}

static void udp_readable(int flags, void *arg)
{
	static struct rx_batch b;
	struct zx_ufd *f = arg;
	struct zx_transp *t = f->t;
	int n;
	(void)flags;

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < BATCH; i++) {
			b.iov[i].iov_base = t->rxbuf + (size_t)i * (ZX_RAW_MSG_MAX + 1);
			b.iov[i].iov_len = ZX_RAW_MSG_MAX;
			b.msgs[i].msg_hdr = (struct msghdr){.msg_name = &b.src[i].u.sa,
							    .msg_namelen = sizeof(b.src[i].u),
							    .msg_iov = &b.iov[i],
							    .msg_iovlen = 1,
							    .msg_control = &b.ctl[i],
							    .msg_controllen = sizeof(b.ctl[i])};
		}
		n = recvmmsg(f->fd, b.msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			struct msghdr *m = &b.msgs[i].msg_hdr;
			struct zx_rx rx = {.tp = SIP_TRANSP_UDP, .p = b.iov[i].iov_base, .n = b.msgs[i].msg_len};

			b.src[i].len = m->msg_namelen;
			rx.src = b.src[i];
			if (!(m->msg_flags & MSG_TRUNC) && local_addr(&rx.dst, m, f))
				datagram(f, &rx);
		}
		if (n < BATCH)
			return;
	}
}

/* ---- opening ---- */

static void ufd_destructor(void *arg)
{
	struct zx_ufd *f = arg;

	list_unlink(&f->le);
	if (f->fd >= 0) {
		fd_close(f->fd);
		close(f->fd);
	}
}

static int udp_open(struct zx_transp *t, const struct sa *addr, uint16_t *port)
{
	const int on = 1, size = 4 << 20, v6 = sa_af(addr) == AF_INET6;
	struct zx_ufd *f = mem_zalloc(sizeof(*f), ufd_destructor);
	int err = 0;

	if (!f)
		return ENOMEM;
	f->t = t;
	f->wild = sa_is_any(addr);
	f->fd = socket(sa_af(addr), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd < 0) {
		err = errno;
		goto out;
	}
	(void)setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (v6)
		(void)setsockopt(f->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (f->wild && setsockopt(f->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof(on)))
		err = errno;
	else if (bind(f->fd, &addr->u.sa, addr->len))
		err = errno;
	if (err)
		goto out;
	f->bound.len = sizeof(f->bound.u);
	if (getsockname(f->fd, &f->bound.u.sa, &f->bound.len)) {
		err = errno;
		goto out;
	}
	*port = sa_port(&f->bound);
	err = fd_listen(f->fd, FD_READ, udp_readable, f);
	if (!err)
		list_append(&t->ufds, &f->le, f);
out:
	if (err)
		mem_deref(f);
	return err;
}

/* UDP, TCP and TLS on one address. *port 0: any, the same for both; it is set to what was got. */
static int open_addr(struct zx_transp *t, const struct sa *addr, char *errbuf, size_t errlen)
{
	struct sa a = *addr;
	const char *what = "UDP";
	uint16_t tls = (uint16_t)t->s->conf->sip_tls_port;
	int err;

	for (int i = 0;; i++) {
		sa_set_port(&a, t->port);
		what = "UDP";
		uint16_t port = t->port;
		err = udp_open(t, &a, &port);
		if (err)
			break;
		sa_set_port(&a, port);
		what = "TCP";
		err = zx_conn_listen(t, &a, false, &port);
		if (err && !t->port && i < 20) {
			mem_deref(list_ledata(t->ufds.tail));
			continue;
		}
		if (!err)
			t->port = port;
		break;
	}
	if (!err && t->ssl) {
		what = "TLS";
		sa_set_port(&a, t->tls_port ? t->tls_port : tls);
		err = zx_conn_listen(t, &a, true, &t->tls_port);
	}
	if (err)
		(void)re_snprintf(errbuf, errlen, "cannot listen for SIP on %J (%s): %m", &a, what, err);
	return err;
}

static int open_all(struct zx_transp *t, char *errbuf, size_t errlen)
{
	char list[ZX_CONF_STR], *save = NULL, *tok;
	struct sa sa;
	int err = 0;

	str_ncpy(list, t->s->conf->sip_listen[0] ? t->s->conf->sip_listen : "*", sizeof(list));
	for (tok = strtok_r(list, ", \t", &save); tok && !err; tok = strtok_r(NULL, ", \t", &save)) {
		if (!strcmp(tok, "*")) {
			sa_set_str(&sa, "0.0.0.0", 0);
			err = open_addr(t, &sa, errbuf, errlen);
			if (err)
				break;
			sa_set_str(&sa, "::", 0);
			err = open_addr(t, &sa, errbuf, errlen);
			if (err == EAFNOSUPPORT || err == EADDRNOTAVAIL) /* a host without IPv6 */
				err = 0;
			continue;
		}
		if (sa_set_str(&sa, tok, 0)) {
			(void)re_snprintf(errbuf, errlen, "sip.listen: \"%s\" is not an address", tok);
			return EINVAL;
		}
		err = open_addr(t, &sa, errbuf, errlen);
	}
	return err;
}

static void sweep(void *arg)
{
	struct zx_transp *t = arg;

	tmr_start(&t->sweep, SWEEP_MS, sweep, t);
	zx_conns_sweep(t);
}

int zx_transp_start(struct zx_transp *t, char *errbuf, size_t errlen)
{
	int err = 0;

	t->port = (uint16_t)t->s->conf->sip_port;
	if (t->s->conf->sip_tls_port)
		err = zx_tls_context(&t->ssl, t->s->data_dir, errbuf, errlen);
	if (!err)
		err = open_all(t, errbuf, errlen);
	if (!err)
		tmr_start(&t->sweep, SWEEP_MS, sweep, t);
	return err;
}

static void transp_destructor(void *arg)
{
	struct zx_transp *t = arg;

	tmr_cancel(&t->sweep);
	zx_conns_close(t);
	list_flush(&t->ufds);
	t->last = NULL;
	if (t->usocks) {
		for (uint32_t i = 0; i < hash_bsize(t->usocks); i++)
			for (struct le *le = list_head(hash_list(t->usocks, i)); le; le = le->next)
				((struct zx_usock *)le->data)->fd = -1; /* transactions may hold it longer */
		hash_flush(t->usocks);
	}
	mem_deref(t->usocks);
	mem_deref(t->conns);
	mem_deref(t->peers);
	SSL_CTX_free(t->ssl);
	list_unlink(&t->le);
	mem_deref(t->rxbuf);
}

int zx_transp_alloc(struct zx_transp **tp, struct zx_sip *s)
{
	struct zx_transp *t = mem_zalloc(sizeof(*t), transp_destructor);
	int err;

	if (!t)
		return ENOMEM;
	t->s = s;
	tmr_init(&t->sweep);
	zx_hashkey_new(&t->key);
	list_append(&transps, &t->le, t);
	t->rxbuf = mem_alloc((size_t)BATCH * (ZX_RAW_MSG_MAX + 1), NULL);
	err = hash_alloc(&t->usocks, 64);
	err |= hash_alloc(&t->conns, 1024);
	err |= hash_alloc(&t->peers, 1024);
	if (err || !t->rxbuf) {
		mem_deref(t);
		return ENOMEM;
	}
	*tp = t;
	return 0;
}

void zx_transp_adopt(struct zx_transp *t)
{
	adopting = t;
}

bool zx_transp_is_local(const struct zx_transp *t, const struct sa *sa)
{
	const uint16_t port = sa_port(sa);

	if (port != t->port && (!t->tls_port || port != t->tls_port))
		return false;
	for (const struct le *le = t->ufds.head; le; le = le->next) {
		const struct zx_ufd *f = le->data;

		if (sa_af(&f->bound) == sa_af(sa) && (f->wild ? sa_is_loopback(sa) : sa_cmp(&f->bound, sa, SA_ADDR)))
			return true;
	}
	return hash_lookup(t->usocks, sa_hash(sa, SA_ALL), usock_cmp, (void *)sa) != NULL;
}

int zx_route_laddr(struct sa *laddr, const struct sa *dst)
{
	const int fd = socket(sa_af(dst), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno;
	laddr->len = sizeof(laddr->u);
	if (connect(fd, &dst->u.sa, dst->len) || getsockname(fd, &laddr->u.sa, &laddr->len))
		err = errno;
	close(fd);
	return err;
}

void zx_reply_addr(struct sa *dst, enum sip_transp tp, const struct sa *src, const struct sa *sentby, bool rport)
{
	*dst = *src;
	/* Without rport the sent-by port, as RFC 3261 says; but behind a NAT that port is nobody's. */
	if (tp == SIP_TRANSP_UDP && !rport && sa_isset(sentby, SA_ADDR) && sa_cmp(src, sentby, SA_ADDR))
		sa_set_port(dst, sip_transp_port(tp, sa_port(sentby)));
}

/* ---- libre's transport functions, overridden ----
 * libre calls these through the PLT, so the executable's definitions win. A struct sip that is not ours (test agents) keeps libre's. */

int sip_transp_send(struct sip_connqent **qentp, struct sip *sip, void *sock, enum sip_transp tp, const struct sa *dst, struct mbuf *mb,
		    void (*transph)(int err, void *arg), void *arg);
bool sip_transp_supported(struct sip *sip, enum sip_transp tp, int af);

#define ORIGINAL(name)                                                                                                                     \
	({                                                                                                                                 \
		static __typeof__(&name) fn;                                                                                               \
		if (!fn)                                                                                                                   \
			*(void **)&fn = dlsym(RTLD_NEXT, #name);                                                                           \
		fn;                                                                                                                        \
	})

int sip_listen(struct sip_lsnr **lsnrp, struct sip *sip, bool req, sip_msg_h *msgh, void *arg)
{
	if (adopting) {
		if (req)
			adopting->req_h = msgh;
		else
			adopting->resp_h = msgh;
		adopting->trans_arg = arg;
	}
	return ORIGINAL(sip_listen)(lsnrp, sip, req, msgh, arg);
}

/* Our address in the Via of a request of ours. */
static bool via_laddr(struct sa *sa, const struct mbuf *mb)
{
	const char *p = (const char *)mbuf_buf(mb), *end = p + mbuf_get_left(mb), *q, *e;

	q = memmem(p, (size_t)(end - p), "\r\nVia: SIP/2.0/", 15);
	if (!q || !(q = memchr(q + 15, ' ', (size_t)(end - q - 15))))
		return false;
	q++;
	e = memchr(q, ';', (size_t)(end - q));
	return e && !sa_decode(sa, q, (size_t)(e - q));
}

static int udp_request_send(struct zx_transp *t, const struct sa *dst, struct mbuf *mb)
{
	struct zx_usock *u = NULL;
	struct sa sa;
	int err;

	if (via_laddr(&sa, mb))
		u = usock_get(t, &sa, NULL);
	if (!u) {
		err = sip_transp_laddr(t->s->sip, &sa, SIP_TRANSP_UDP, dst);
		if (err)
			return err;
		u = usock_get(t, &sa, NULL);
	}
	return u ? usock_send(u, dst, (const char *)mbuf_buf(mb), mbuf_get_left(mb)) : EADDRNOTAVAIL;
}

int sip_transp_send(struct sip_connqent **qentp, struct sip *sip, void *sock, enum sip_transp tp, const struct sa *dst, struct mbuf *mb,
		    void (*transph)(int err, void *arg), void *arg)
{
	struct zx_transp *t = transp_of(sip);
	struct zx_conn *c;
	int err;

	if (!t)
		return ORIGINAL(sip_transp_send)(qentp, sip, sock, tp, dst, mb, transph, arg);
	if (sock)
		return zx_sock_send(sock, dst, (const char *)mbuf_buf(mb), mbuf_get_left(mb));
	if (tp == SIP_TRANSP_UDP)
		return udp_request_send(t, dst, mb);
	c = zx_conn_find(t, tp, dst);
	if (!c) {
		/* a TLS peer's certificate would have to be checked against a name we do not know here */
		if (tp != SIP_TRANSP_TCP)
			return ECONNREFUSED;
		err = zx_conn_open(&c, t, dst);
		if (err)
			return err;
	}
	err = zx_conn_send(c, (const char *)mbuf_buf(mb), mbuf_get_left(mb));
	if (!err && qentp && !zx_conn_usable(c))
		err = zx_conn_wait(qentp, c, transph, arg);
	return err;
}

int sip_transp_laddr(struct sip *sip, struct sa *laddr, enum sip_transp tp, const struct sa *dst)
{
	struct zx_transp *t = transp_of(sip);
	struct zx_conn *c;
	int err = 0;

	if (!t)
		return ORIGINAL(sip_transp_laddr)(sip, laddr, tp, dst);
	c = tp == SIP_TRANSP_UDP ? NULL : zx_conn_find(t, tp, dst);
	if (c) {
		*laddr = ((struct zx_sock *)c)->laddr;
		return 0;
	}
	err = zx_route_laddr(laddr, dst);
	if (err)
		return err;
	sa_set_port(laddr, tp == SIP_TRANSP_TLS ? t->tls_port : t->port);
	for (struct le *le = t->ufds.head; le; le = le->next) {
		const struct zx_ufd *f = le->data;

		if (sa_af(&f->bound) == sa_af(dst) && (f->wild || sa_cmp(&f->bound, laddr, SA_ADDR)))
			return 0;
	}
	for (struct le *le = t->ufds.head; le; le = le->next) { /* only listed addresses may be used */
		const struct zx_ufd *f = le->data;

		if (sa_af(&f->bound) == sa_af(dst)) {
			*laddr = f->bound;
			sa_set_port(laddr, tp == SIP_TRANSP_TLS ? t->tls_port : t->port);
			return 0;
		}
	}
	return EAFNOSUPPORT;
}

bool sip_transp_supported(struct sip *sip, enum sip_transp tp, int af)
{
	const struct zx_transp *t = transp_of(sip);

	if (!t)
		return ORIGINAL(sip_transp_supported)(sip, tp, af);
	if (tp > SIP_TRANSP_TLS || (tp == SIP_TRANSP_TLS && !t->ssl))
		return false;
	for (struct le *le = t->ufds.head; le; le = le->next)
		if (af == AF_UNSPEC || sa_af(&((struct zx_ufd *)le->data)->bound) == af)
			return true;
	return false;
}

void sip_reply_addr(struct sa *addr, const struct sip_msg *msg, bool rport)
{
	struct pl pl;

	if (!addr || !msg)
		return;
	zx_reply_addr(addr, msg->tp, &msg->src, &msg->via.addr, rport || !msg_param_exists(&msg->via.params, "rport", &pl));
}
