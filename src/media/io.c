#include "media/io_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "media/rtp.h"

enum { EVENTS = 256 };

void zx_io_free(struct zx_io *io)
{
	if (!io)
		return;
	zx_uring_free(io->ring);
	if (io->epfd >= 0)
		close(io->epfd);
	if (io->evfd >= 0)
		close(io->evfd);
	free(io->pkt);
	free(io);
}

static int epoll_open(struct zx_io *io)
{
	struct epoll_event ev = {.events = EPOLLIN};

	io->pkt = malloc(2 * ZX_IO_TXBUF);
	io->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (!io->pkt)
		return ENOMEM;
	return io->epfd < 0 || epoll_ctl(io->epfd, EPOLL_CTL_ADD, io->evfd, &ev) ? errno : 0;
}

int zx_io_alloc(struct zx_io **iop, bool epoll_only, zx_io_rx_h *h, void *arg)
{
	int err = 0;
	struct zx_io *io = calloc(1, sizeof(*io));

	if (!io)
		return ENOMEM;
	io->rx_h = h;
	io->arg = arg;
	io->epfd = -1;
	io->evfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (io->evfd < 0) {
		err = errno;
		goto out;
	}
	if (epoll_only || zx_uring_alloc(&io->ring, io))
		err = epoll_open(io);
	if (!err)
		*iop = io;
out:
	if (err)
		zx_io_free(io);
	return err;
}

const char *zx_io_name(const struct zx_io *io)
{
	return !io->ring ? "epoll" : zx_uring_has_table(io->ring) ? "io_uring, sockets in its table" : "io_uring";
}

int zx_io_add(struct zx_io *io, struct zx_sock *s)
{
	s->closing = s->broken = false;
	if (!zx_sock_is_open(s))
		return EBADF;
	if (io->ring) {
		zx_uring_add(io->ring, s);
		return 0;
	}
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
	s->armed = !epoll_ctl(io->epfd, EPOLL_CTL_ADD, s->fd, &ev);
	return s->armed ? 0 : errno;
}

void zx_io_del(struct zx_io *io, struct zx_sock *s, zx_sock_gone_h *h, bool keep)
{
	s->gone_h = h;
	s->closing = true;
	if (io->ring) {
		zx_uring_del(io->ring, s, keep);
		return;
	}
	if (s->armed)
		epoll_ctl(io->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	s->armed = false;
	h(s);
}

void zx_io_close(struct zx_io *io, struct zx_sock *s)
{
	if (io->ring)
		zx_uring_slot_free(io->ring, s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void zx_io_take(struct zx_io *io, struct zx_sock *s)
{
	if (io->ring)
		zx_uring_slot_free(io->ring, s);
}

void zx_io_retry(struct zx_io *io, struct zx_sock *s)
{
	if (s->broken && !s->armed && !s->closing)
		zx_io_add(io, s);
}

uint8_t *zx_io_txbuf(struct zx_io *io)
{
	return io->ring ? zx_uring_txbuf(io->ring) : io->pkt + ZX_IO_TXBUF;
}

void zx_io_send(struct zx_io *io, const struct zx_sock *s, const uint8_t *buf, size_t len, const union zx_addr *dst)
{
	if (io->ring)
		zx_uring_send(io->ring, s, buf, len, dst);
	else
		(void)!sendto(s->fd, buf, len, MSG_DONTWAIT, &dst->sa, zx_addr_len(dst));
}

void zx_io_flush(struct zx_io *io)
{
	if (io->ring)
		zx_uring_flush(io->ring);
}

static void epoll_read(struct zx_io *io, struct zx_sock *s)
{
	/* A few a turn: one flooded socket must not starve the others. */
	for (int i = 0; i < 4 && s->armed; i++) {
		union zx_addr src;
		socklen_t sl = sizeof(src);
		ssize_t n = recvfrom(s->fd, io->pkt, ZX_RTP_MAX + 1, MSG_DONTWAIT, &src.sa, &sl);
		if (n < 0)
			return;
		io->rx_h(s, io->pkt, (size_t)n, &src, io->arg);
	}
}

void zx_io_poll(struct zx_io *io, uint64_t wait_us)
{
	if (io->ring) {
		zx_uring_poll(io->ring, wait_us);
		return;
	}
	struct epoll_event ev[EVENTS];
	const struct timespec ts = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};
	int n = epoll_pwait2(io->epfd, ev, EVENTS, &ts, NULL);
	for (int i = 0; i < n; i++) {
		uint64_t v;
		if (ev[i].data.ptr)
			epoll_read(io, ev[i].data.ptr);
		else
			(void)!read(io->evfd, &v, sizeof(v));
	}
}

void zx_io_wake(struct zx_io *io)
{
	const uint64_t one = 1;
	(void)!write(io->evfd, &one, sizeof(one));
}
