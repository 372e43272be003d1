/* What the two ways of moving datagrams share. */
#ifndef ZX_MEDIA_IO_PRIV_H
#define ZX_MEDIA_IO_PRIV_H

#include "media/io.h"

struct zx_uring;

struct zx_io {
	struct zx_uring *ring; /* NULL: epoll */
	int epfd, evfd;
	zx_io_rx_h *rx_h;
	void *arg;
	uint8_t *pkt; /* epoll: the one packet; followed by the one to send */
};

int zx_uring_alloc(struct zx_uring **up, struct zx_io *io);
void zx_uring_free(struct zx_uring *u);
bool zx_uring_has_table(const struct zx_uring *u);
void zx_uring_add(struct zx_uring *u, struct zx_sock *s);
void zx_uring_del(struct zx_uring *u, struct zx_sock *s, bool keep);
void zx_uring_slot_free(struct zx_uring *u, struct zx_sock *s);
uint8_t *zx_uring_txbuf(struct zx_uring *u);
void zx_uring_send(struct zx_uring *u, const struct zx_sock *s, const uint8_t *buf, size_t len, const union zx_addr *dst);
void zx_uring_flush(struct zx_uring *u);
void zx_uring_poll(struct zx_uring *u, uint64_t wait_us);

#endif
