/*
 * io_uring: one multishot receive a socket into a ring of shared buffers; sends are queued while a batch is handled and
 * done inline at submission (MSG_DONTWAIT), so that buffers are free again right after it.
 */
#include "media/io_priv.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "media/rtp.h"

enum {
	SQ = 1024,
	CQ = 8192,
	BUFS = 1024, /* power of two */
	GROUP = 0,
	HEAD = sizeof(struct io_uring_recvmsg_out) + sizeof(union zx_addr),
	BUF = (HEAD + ZX_RTP_MAX + 1 + ZX_IO_TAIL + 63) & ~63,
	ROOM = HEAD + ZX_RTP_MAX + 1, /* of it for the kernel */
	TXBUFS = 64,
	BATCH = 512,
	GATHER = 32,
	GATHER_US = 2000,
};

/* user_data: a struct zx_sock, or one of these */
enum { UD_WAKE = 1, UD_IGNORE = 2 };

struct zx_uring {
	struct io_uring ring;
	struct zx_io *io;
	struct io_uring_buf_ring *br;
	uint8_t *bufs, *tx;
	size_t br_size;
	struct msghdr tmpl; /* of every receive */
	unsigned ntx, queued, nused;
	uint16_t used[BATCH];
	bool wake_armed, busy; /* busy: the last wait brought something */
};

static struct io_uring_sqe *sqe_get(struct zx_uring *u)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&u->ring);
	while (!s) {
		io_uring_submit(&u->ring);
		s = io_uring_get_sqe(&u->ring);
	}
	u->queued++;
	return s;
}

static void buf_put(struct zx_uring *u, unsigned id, int at)
{
	io_uring_buf_ring_add(u->br, u->bufs + (size_t)id * BUF, ROOM, (unsigned short)id, BUFS - 1, at);
}

static void arm_wake(struct zx_uring *u)
{
	struct io_uring_sqe *s = sqe_get(u);
	io_uring_prep_poll_multishot(s, u->io->evfd, POLLIN);
	s->user_data = UD_WAKE;
	u->wake_armed = true;
}

static int bufs_open(struct zx_uring *u)
{
	u->br_size = BUFS * sizeof(struct io_uring_buf);
	u->br = mmap(NULL, u->br_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u->bufs = malloc((size_t)BUFS * BUF);
	u->tx = malloc((size_t)TXBUFS * ZX_IO_TXBUF);
	if (u->br == MAP_FAILED)
		u->br = NULL;
	if (!u->br || !u->bufs || !u->tx)
		return ENOMEM;
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)u->br, .ring_entries = BUFS, .bgid = GROUP};
	int err = -io_uring_register_buf_ring(&u->ring, &reg, 0);
	if (err)
		return err;
	io_uring_buf_ring_init(u->br);
	for (unsigned i = 0; i < BUFS; i++)
		buf_put(u, i, (int)i);
	io_uring_buf_ring_advance(u->br, BUFS);
	return 0;
}

static void try_h(struct zx_sock *s, uint8_t *pkt, size_t len, const union zx_addr *src, void *arg)
{
	(void)src;
	(void)arg;
	if (len == 4 && !memcmp(pkt, "zuo", 4))
		*(int *)s->owner = 0;
}

/* Sends itself a datagram: all the kernel features used must be there (6.0) and allowed. */
static int self_test(struct zx_uring *u)
{
	int err = ENOSYS;
	union zx_addr a = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a.in);
	struct zx_sock s = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .owner = &err};
	zx_io_rx_h *h = u->io->rx_h;

	if (s.fd < 0 || bind(s.fd, &a.sa, len) || getsockname(s.fd, &a.sa, &len))
		goto out;
	u->io->rx_h = try_h;
	zx_uring_add(u, &s);
	uint8_t *b = zx_uring_txbuf(u);
	memcpy(b, "zuo", 4);
	zx_uring_send(u, s.fd, b, 4, &a);
	for (int i = 0; i < 20 && err; i++)
		zx_uring_poll(u, 5000);
	s.closing = true;
	if (s.armed)
		zx_uring_del(u, &s);
	for (int i = 0; i < 20 && s.armed; i++)
		zx_uring_poll(u, 5000);
	if (s.armed)
		err = ENOSYS; /* the caller ends the ring, and with it this socket's receive */
	u->io->rx_h = h;
out:
	if (s.fd >= 0)
		close(s.fd);
	return err;
}

/* Called on the thread that will use it (SINGLE_ISSUER). */
int zx_uring_alloc(struct zx_uring **up, struct zx_io *io)
{
	struct zx_uring *u = calloc(1, sizeof(*u));
	struct io_uring_params p = {
	    .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	    .cq_entries = CQ,
	};

	if (!u)
		return ENOMEM;
	u->io = io;
	u->tmpl.msg_namelen = sizeof(union zx_addr);
	int err = -io_uring_queue_init_params(SQ, &u->ring, &p);
	if (err) {
		free(u);
		return err;
	}
	err = bufs_open(u);
	if (!err)
		err = self_test(u);
	if (err) {
		zx_uring_free(u);
		return err;
	}
	*up = u;
	return 0;
}

void zx_uring_free(struct zx_uring *u)
{
	if (!u)
		return;
	io_uring_queue_exit(&u->ring);
	if (u->br)
		munmap(u->br, u->br_size);
	free(u->bufs);
	free(u->tx);
	free(u);
}

void zx_uring_add(struct zx_uring *u, struct zx_sock *s)
{
	struct io_uring_sqe *q = sqe_get(u);
	io_uring_prep_recvmsg_multishot(q, s->fd, &u->tmpl, 0);
	q->flags |= IOSQE_BUFFER_SELECT;
	q->buf_group = GROUP;
	q->user_data = (uintptr_t)s;
	s->armed = true;
}

void zx_uring_del(struct zx_uring *u, struct zx_sock *s)
{
	struct io_uring_sqe *q = sqe_get(u);
	io_uring_prep_cancel64(q, (uintptr_t)s, 0);
	q->user_data = UD_IGNORE;
}

uint8_t *zx_uring_txbuf(struct zx_uring *u)
{
	if (u->ntx == TXBUFS)
		zx_uring_flush(u);
	return u->tx + (size_t)u->ntx++ * ZX_IO_TXBUF;
}

void zx_uring_send(struct zx_uring *u, int fd, const uint8_t *buf, size_t len, const union zx_addr *dst)
{
	struct io_uring_sqe *q = sqe_get(u);
	io_uring_prep_send(q, fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	q->addr2 = (uintptr_t)dst;
	q->addr_len = (uint16_t)zx_addr_len(dst);
	q->flags |= IOSQE_CQE_SKIP_SUCCESS;
	q->user_data = UD_IGNORE;
}

void zx_uring_flush(struct zx_uring *u)
{
	while (io_uring_sq_ready(&u->ring) && io_uring_submit(&u->ring) > 0)
		;
	u->queued = u->ntx = 0;
}

static void packet(struct zx_uring *u, struct zx_sock *s, const struct io_uring_cqe *c)
{
	unsigned id = c->flags >> IORING_CQE_BUFFER_SHIFT;
	uint8_t *b = u->bufs + (size_t)id * BUF;
	struct io_uring_recvmsg_out *o = (void *)b;

	u->used[u->nused++] = (uint16_t)id;
	if (c->res < (int)HEAD || s->closing || o->flags & MSG_TRUNC || o->namelen > sizeof(union zx_addr))
		return;
	u->io->rx_h(s, b + HEAD, (size_t)c->res - HEAD, (const union zx_addr *)(b + sizeof(*o)), u->io->arg);
}

static void complete(struct zx_uring *u, const struct io_uring_cqe *c)
{
	if (c->user_data == UD_IGNORE)
		return;
	if (c->user_data == UD_WAKE) {
		uint64_t v;
		(void)!read(u->io->evfd, &v, sizeof(v));
		u->wake_armed = c->flags & IORING_CQE_F_MORE;
		return;
	}
	struct zx_sock *s = (void *)(uintptr_t)c->user_data;
	if (c->flags & IORING_CQE_F_BUFFER)
		packet(u, s, c);
	if (c->flags & IORING_CQE_F_MORE)
		return;
	s->armed = false;
	if (s->closing) {
		if (s->gone_h)
			s->gone_h(s);
	} else if (c->res < 0 && c->res != -ENOBUFS) {
		s->broken = true;
	} else {
		zx_uring_add(u, s);
	}
}

/* One batch of completions; what they caused is sent, then their buffers go back. */
static unsigned batch(struct zx_uring *u)
{
	struct io_uring_cqe *c[BATCH];
	unsigned n = io_uring_peek_batch_cqe(&u->ring, c, BATCH);

	for (unsigned i = 0; i < n; i++)
		complete(u, c[i]);
	io_uring_cq_advance(&u->ring, n);
	if (u->nused) {
		zx_uring_flush(u);
		for (unsigned i = 0; i < u->nused; i++)
			buf_put(u, u->used[i], (int)i);
		io_uring_buf_ring_advance(u->br, (int)u->nused);
		u->nused = 0;
	}
	return n;
}

void zx_uring_poll(struct zx_uring *u, uint64_t wait_us)
{
	struct __kernel_timespec ts = {(long long)(wait_us / 1000000), (long long)(wait_us % 1000000) * 1000};
	struct io_uring_cqe *c;

	/* While packets come, a few at a time: a wake-up costs as much as relaying two packets. */
	if (u->busy && wait_us > GATHER_US)
		ts = (struct __kernel_timespec){0, GATHER_US * 1000};
	if (!u->wake_armed)
		arm_wake(u);
	io_uring_submit_and_wait_timeout(&u->ring, &c, u->busy ? GATHER : 1, &ts, NULL);
	u->queued = u->ntx = 0;
	unsigned n = batch(u);
	u->busy = n;
	while (n == BATCH)
		n = batch(u);
}
