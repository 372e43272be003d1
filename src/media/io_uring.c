/*
 * io_uring: one multishot receive a socket into a ring of shared buffers; sends are queued while a batch is handled and
 * done inline at submission (MSG_DONTWAIT), so that buffers are free again right after it.
 *
 * Sockets live in the ring's own table where that works: there they are no open files of the process, whose number is limited, and
 * cost less a packet. Kernels before 6.13 close what leaves the table only after everything older has left too; found out at start.
 */
#include "media/io_priv.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
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
	SLOTS = 65536,
	OP_FIXED_FD_INSTALL = 54, /* Linux 6.8; not in Debian's header */
};

/* user_data: a struct zx_sock, perhaps plus UD_TAKEN, or one of these */
enum { UD_WAKE = 1, UD_IGNORE = 2, UD_TAKEN = 4 };

struct zx_uring {
	struct io_uring ring;
	struct zx_io *io;
	struct io_uring_buf_ring *br;
	uint8_t *bufs, *tx;
	size_t br_size;
	struct msghdr tmpl; /* of every receive */
	unsigned ntx, nused;
	uint32_t *slots; /* free ones */
	unsigned nslots;
	uint16_t used[BATCH];
	bool wake_armed, busy; /* busy: the last wait brought something */
	bool table;            /* sockets go into the table; never changes after the start */
};

static struct io_uring_sqe *sqe_get(struct zx_uring *u)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&u->ring);
	while (!s) {
		io_uring_submit(&u->ring);
		s = io_uring_get_sqe(&u->ring);
	}
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

/* ---- the table ---- */
static int slots_open(struct zx_uring *u)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return errno;
	unsigned n = rl.rlim_cur < SLOTS ? (unsigned)rl.rlim_cur : SLOTS; /* the kernel's limit of a table, too */
	int err = -io_uring_register_files_sparse(&u->ring, n);
	if (err)
		return err;
	u->slots = calloc(n, sizeof(*u->slots));
	if (!u->slots)
		return ENOMEM;
	for (unsigned i = 0; i < n; i++)
		u->slots[i] = n - i;
	u->nslots = n;
	return 0;
}

static void slot_take(struct zx_uring *u, struct zx_sock *s)
{
	if (s->slot || !u->nslots)
		return;
	uint32_t slot = u->slots[u->nslots - 1];
	if (io_uring_register_files_update(&u->ring, slot - 1, &s->fd, 1) != 1)
		return;
	u->nslots--;
	s->slot = slot;
	close(s->fd);
	s->fd = -1;
}

bool zx_uring_has_table(const struct zx_uring *u)
{
	return u->table;
}

void zx_uring_slot_free(struct zx_uring *u, struct zx_sock *s)
{
	int none = -1;

	if (!s->slot)
		return;
	if (io_uring_register_files_update(&u->ring, s->slot - 1, &none, 1) == 1)
		u->slots[u->nslots++] = s->slot;
	s->slot = 0;
}

static void sqe_sock(struct io_uring_sqe *q, const struct zx_sock *s)
{
	q->fd = s->slot ? (int)s->slot - 1 : s->fd;
	q->flags |= s->slot ? IOSQE_FIXED_FILE : 0;
}

/* ---- what the kernel can ---- */
struct probe {
	struct zx_sock s;
	union zx_addr a;
	bool heard, gone;
};

static void probe_h(struct zx_sock *s, uint8_t *pkt, size_t len, const union zx_addr *src, void *arg)
{
	struct probe *p = s->owner;

	(void)src;
	(void)arg;
	p->heard = len == 4 && !memcmp(pkt, "zuo", 4);
}

static void probe_gone(struct zx_sock *s)
{
	((struct probe *)s->owner)->gone = true;
}

static int probe_socket(union zx_addr *a)
{
	socklen_t len = sizeof(a->in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && (bind(fd, &a->sa, len) || getsockname(fd, &a->sa, &len))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool probe_wait(struct zx_uring *u, const bool *flag)
{
	for (int i = 0; i < 20 && !*flag; i++)
		zx_uring_poll(u, 5000);
	return *flag;
}

/* Sends itself a datagram. */
static bool probe_open(struct zx_uring *u, struct probe *p)
{
	p->s.owner = p;
	p->a.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	p->s.fd = probe_socket(&p->a);
	if (p->s.fd < 0)
		return false;
	zx_uring_add(u, &p->s);
	uint8_t *b = zx_uring_txbuf(u);
	memcpy(b, "zuo", 4);
	zx_uring_send(u, &p->s, b, 4, &p->a);
	return probe_wait(u, &p->heard);
}

static bool probe_end(struct zx_uring *u, struct probe *p, bool keep)
{
	p->s.gone_h = probe_gone;
	p->s.closing = true;
	zx_uring_del(u, &p->s, keep);
	bool gone = probe_wait(u, &p->gone); /* if not, the caller ends the ring, and with it this socket's receive */
	zx_uring_slot_free(u, &p->s);
	return gone && (!keep || p->s.fd >= 0);
}

/* All the kernel features used must be there (6.0) and allowed; the table may be used when what leaves it is closed while others stay. */
static int self_test(struct zx_uring *u)
{
	struct probe a = {.s.fd = -1}, b = {.s.fd = -1};
	zx_io_rx_h *h = u->io->rx_h;

	u->io->rx_h = probe_h;
	bool ok = probe_open(u, &a) && probe_open(u, &b) && probe_end(u, &b, false);
	if (b.s.fd >= 0)
		close(b.s.fd);
	int again = ok ? probe_socket(&b.a) : -1;
	bool table = again >= 0;
	table = ok && probe_end(u, &a, table) && table;
	ok = ok && a.gone;
	if (again >= 0)
		close(again);
	if (a.s.fd >= 0)
		close(a.s.fd);
	u->table = table;
	if (!table)
		u->nslots = 0;
	u->io->rx_h = h;
	return ok ? 0 : ENOSYS;
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
	if (!err) {
		(void)slots_open(u); /* else without */
		err = self_test(u);
	}
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
	free(u->slots);
	free(u);
}

void zx_uring_add(struct zx_uring *u, struct zx_sock *s)
{
	slot_take(u, s);
	struct io_uring_sqe *q = sqe_get(u);
	io_uring_prep_recvmsg_multishot(q, -1, &u->tmpl, 0);
	sqe_sock(q, s);
	q->flags |= IOSQE_BUFFER_SELECT;
	q->buf_group = GROUP;
	q->user_data = (uintptr_t)s;
	s->armed = true;
}

void zx_uring_del(struct zx_uring *u, struct zx_sock *s, bool keep)
{
	struct io_uring_sqe *q;

	if (keep && s->slot) { /* an open file again, first */
		q = sqe_get(u);
		io_uring_prep_rw(OP_FIXED_FD_INSTALL, q, -1, NULL, 0, 0);
		sqe_sock(q, s);
		q->user_data = (uintptr_t)s | UD_TAKEN;
		s->taking = true;
	} else if (s->armed) {
		q = sqe_get(u);
		io_uring_prep_cancel64(q, (uintptr_t)s, 0);
		q->user_data = UD_IGNORE;
	} else {
		s->gone_h(s);
	}
}

uint8_t *zx_uring_txbuf(struct zx_uring *u)
{
	if (u->ntx == TXBUFS)
		zx_uring_flush(u);
	return u->tx + (size_t)u->ntx++ * ZX_IO_TXBUF;
}

void zx_uring_send(struct zx_uring *u, const struct zx_sock *s, const uint8_t *buf, size_t len, const union zx_addr *dst)
{
	struct io_uring_sqe *q = sqe_get(u);
	io_uring_prep_send(q, -1, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	sqe_sock(q, s);
	q->addr2 = (uintptr_t)dst;
	q->addr_len = (uint16_t)zx_addr_len(dst);
	q->flags |= IOSQE_CQE_SKIP_SUCCESS;
	q->user_data = UD_IGNORE;
}

void zx_uring_flush(struct zx_uring *u)
{
	while (io_uring_sq_ready(&u->ring) && io_uring_submit(&u->ring) > 0)
		;
	u->ntx = 0;
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
	struct zx_sock *s = (void *)(uintptr_t)(c->user_data & ~(uint64_t)UD_TAKEN);
	if (c->user_data & UD_TAKEN) {
		s->taking = false;
		s->fd = c->res < 0 ? -1 : c->res;
		zx_uring_del(u, s, false);
		return;
	}
	if (c->flags & IORING_CQE_F_BUFFER)
		packet(u, s, c);
	if (c->flags & IORING_CQE_F_MORE)
		return;
	s->armed = false;
	if (s->closing) {
		if (!s->taking)
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
	u->ntx = 0;
	unsigned n = batch(u);
	u->busy = n;
	while (n == BATCH)
		n = batch(u);
}
