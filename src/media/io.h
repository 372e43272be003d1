/*
 * Datagrams of one media thread: io_uring where the kernel allows it (half the CPU of epoll: one system call for a
 * whole batch), else epoll with recvfrom/sendto. All functions but zx_io_wake() are for the owning thread.
 */
#ifndef ZX_MEDIA_IO_H
#define ZX_MEDIA_IO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	ZX_IO_TAIL = 64, /* bytes free behind every packet handed out, for SRTP */
	ZX_IO_TXBUF = 1536 + ZX_IO_TAIL,
};

union zx_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct zx_sock;
typedef void(zx_sock_gone_h)(struct zx_sock *s);

struct zx_sock {       /* embedded by its owner */
	int fd;        /* -1: none, or io has it in its table */
	uint32_t slot; /* of that table; 0: none */
	bool rtcp;
	bool armed, closing, taking, broken; /* io's */
	zx_sock_gone_h *gone_h;
	void *owner;
};

struct zx_io;
/* pkt may be changed and sent on from where it is until the handler of the batch has returned. */
typedef void(zx_io_rx_h)(struct zx_sock *s, uint8_t *pkt, size_t len, const union zx_addr *src, void *arg);

/* On the thread that will use it. */
int zx_io_alloc(struct zx_io **iop, bool epoll_only, zx_io_rx_h *h, void *arg);
void zx_io_free(struct zx_io *io);
const char *zx_io_name(const struct zx_io *io);

/* Receives on s->fd, which becomes io's: it may put it into a table of its own, where it is no open file of the process any more. */
int zx_io_add(struct zx_io *io, struct zx_sock *s);
/* Stops receiving; gone_h when the kernel has let go of it (perhaps at once), to close it then or, with keep, to take it. */
void zx_io_del(struct zx_io *io, struct zx_sock *s, zx_sock_gone_h *h, bool keep);
void zx_io_close(struct zx_io *io, struct zx_sock *s);
/* s->fd is the caller's again; -1 when that failed. */
void zx_io_take(struct zx_io *io, struct zx_sock *s);
static inline bool zx_sock_is_open(const struct zx_sock *s)
{
	return s->fd >= 0 || s->slot;
}
/* Receives again on a socket that failed. */
void zx_io_retry(struct zx_io *io, struct zx_sock *s);

/* A buffer of ZX_IO_TXBUF bytes, good until the batch has been sent. */
uint8_t *zx_io_txbuf(struct zx_io *io);
/* buf and dst stay untouched until the batch has been sent. */
void zx_io_send(struct zx_io *io, const struct zx_sock *s, const uint8_t *buf, size_t len, const union zx_addr *dst);
void zx_io_flush(struct zx_io *io);

/* Sends the batch, waits up to wait_us for datagrams or a wake-up, handles them and sends what they caused. */
void zx_io_poll(struct zx_io *io, uint64_t wait_us);
void zx_io_wake(struct zx_io *io);

static inline socklen_t zx_addr_len(const union zx_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

#endif
