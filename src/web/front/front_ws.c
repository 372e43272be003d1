/* A WebSocket of the front: handshake, frames in, bounded queue of frames out. */
#include "web/front/front_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/front/head.h"
#include "web/front/ws.h"

static const char RESYNC[] = "{\"t\":\"resync\"}";

void zx_front_ws_begin(struct zx_front_conn *c, size_t head_len)
{
	const char *head = (const char *)c->up.p + c->up.off;
	char version[8], *text = malloc(4 * 4096);
	struct zx_front_ws ws = {.peer = c->peer, .cookie = text, .origin = text + 4096, .host = text + 8192, .agent = text + 12288};

	if (!text || !zx_head_get(head, head_len, "sec-websocket-key", c->key, sizeof(c->key)) ||
	    !zx_head_get(head, head_len, "sec-websocket-version", version, sizeof(version)) || strcmp(version, "13") ||
	    !zx_head_has_token(head, head_len, "connection", "upgrade")) {
		free(text);
		zx_front_conn_reply(c, 400);
		return;
	}
	zx_head_get(head, head_len, "cookie", text, 4096);
	zx_head_get(head, head_len, "origin", text + 4096, 4096);
	zx_head_get(head, head_len, "host", text + 8192, 4096);
	zx_head_get(head, head_len, "user-agent", text + 12288, 4096);
	c->up.off += head_len;
	c->up.len -= head_len;
	c->st = FRONT_WS_ASK;
	atomic_fetch_add(&c->f->n_sockets, 1);
	c->f->h.ws_open(c->id, &ws, c->f->h.arg);
	free(text);
}

void zx_front_ws_gone(struct zx_front_conn *c)
{
	atomic_fetch_sub(&c->f->n_sockets, 1);
	c->f->h.ws_close(c->id, c->f->h.arg);
}

static struct zx_front_frame *frame_new(const void *head, size_t hl, const void *data, size_t len)
{
	struct zx_front_frame *fr = malloc(sizeof(*fr) + hl + len);

	if (!fr)
		return NULL;
	fr->next = NULL;
	fr->off = 0;
	fr->len = hl + len;
	memcpy(fr->data, head, hl);
	if (len)
		memcpy(fr->data + hl, data, len);
	return fr;
}

static void push_frame(struct zx_front_conn *c, struct zx_front_frame *fr)
{
	if (c->last)
		c->last->next = fr;
	else
		c->first = fr;
	c->last = fr;
	c->queued += fr->len;
}

/* All but the first go: that one may be half on the wire. */
static void drop_queue(struct zx_front_conn *c)
{
	struct zx_front_frame *fr = c->first ? c->first->next : NULL;

	while (fr) {
		struct zx_front_frame *n = fr->next;
		c->queued -= fr->len;
		free(fr);
		fr = n;
	}
	c->last = c->first;
	if (c->first)
		c->first->next = NULL;
}

static void queue(struct zx_front_conn *c, enum zx_ws_op op, const void *data, size_t len)
{
	uint8_t head[ZX_WS_HEAD_MAX];

	if (c->closing)
		return;
	if (c->queued + len > ZX_FRONT_WS_QUEUE) {
		atomic_fetch_add(&c->f->overflows, 1);
		drop_queue(c);
		data = RESYNC;
		len = sizeof(RESYNC) - 1;
		op = ZX_WS_TEXT;
	}
	const size_t hl = zx_ws_head(head, op, len);
	struct zx_front_frame *fr = frame_new(head, hl, data, len);
	if (fr)
		push_frame(c, fr);
	else
		zx_front_conn_close(c);
}

static void close_frame(struct zx_front_conn *c, unsigned code)
{
	const uint8_t v[2] = {(uint8_t)(code >> 8), (uint8_t)code};

	queue(c, ZX_WS_CLOSE, v, 2);
	c->closing = true;
	c->since = zx_front_now();
	c->client_eof = true;
}

static void text_part(struct zx_front_conn *c, const struct zx_ws_frame *fr)
{
	if (fr->op == ZX_WS_BINARY || (fr->op == ZX_WS_CONT) != (c->msg != NULL)) {
		close_frame(c, fr->op == ZX_WS_BINARY ? 1003 : 1002);
		return;
	}
	if (fr->fin && !c->msg) {
		c->f->h.ws_text(c->id, (const char *)fr->data, fr->len, c->f->h.arg);
		return;
	}
	if (!c->msg) {
		c->msg = malloc(ZX_WS_MSG_MAX);
		c->msg_len = 0;
	}
	if (!c->msg || c->msg_len + fr->len > ZX_WS_MSG_MAX) {
		close_frame(c, 1009);
		return;
	}
	memcpy(c->msg + c->msg_len, fr->data, fr->len);
	c->msg_len += fr->len;
	if (!fr->fin)
		return;
	c->f->h.ws_text(c->id, (const char *)c->msg, c->msg_len, c->f->h.arg);
	free(c->msg);
	c->msg = NULL;
}

static void frames_in(struct zx_front_conn *c)
{
	struct zx_ws_frame fr;
	size_t used = 0;
	int err = 0;

	while (!c->closing && c->up.len && !(err = zx_ws_parse(&fr, c->up.p + c->up.off, c->up.len, &used))) {
		if (fr.op == ZX_WS_PING)
			queue(c, ZX_WS_PONG, fr.data, fr.len);
		else if (fr.op == ZX_WS_CLOSE)
			close_frame(c, 1000);
		else if (fr.op != ZX_WS_PONG)
			text_part(c, &fr);
		if (c->st == FRONT_FREE)
			return;
		c->up.off += used;
		c->up.len -= used;
	}
	if (!c->up.len)
		c->up.off = 0;
	if (err && err != EAGAIN && !c->closing)
		close_frame(c, err == EMSGSIZE ? 1009 : 1002);
}

static void frames_out(struct zx_front_conn *c)
{
	while (c->first) {
		struct zx_front_frame *fr = c->first;
		const long n = zx_front_write(c, fr->data + fr->off, fr->len - fr->off);
		if (n == -1) {
			if (!c->stall_since)
				c->stall_since = zx_front_now();
			return;
		}
		if (n == -2) {
			zx_front_conn_close(c);
			return;
		}
		c->stall_since = 0;
		fr->off += (size_t)n;
		if (fr->off < fr->len)
			continue;
		c->first = fr->next;
		if (!c->first)
			c->last = NULL;
		c->queued -= fr->len;
		free(fr);
	}
}

bool zx_front_ws_run(struct zx_front_conn *c)
{
	const bool some = !c->closing && zx_front_fill(c);

	if (c->st == FRONT_WS && some)
		frames_in(c);
	if (c->st == FRONT_WS && c->client_eof && !c->closing)
		zx_front_conn_close(c);
	if (c->st == FRONT_WS)
		frames_out(c);
	if (c->st == FRONT_WS && !c->up.len) { /* idle sockets are many: they keep no buffer */
		free(c->up.p);
		c->up.p = NULL;
	}
	if (c->st == FRONT_WS && c->closing && !c->first)
		zx_front_conn_close(c);
	return some && c->st == FRONT_WS;
}

static void accept_ws(struct zx_front_conn *c)
{
	char acc[32], head[512];

	zx_ws_accept(acc, c->key);
	const int n = snprintf(head, sizeof(head),
			       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			       "Sec-WebSocket-Accept: %s\r\nX-Content-Type-Options: nosniff\r\n\r\n",
			       acc);
	struct zx_front_frame *fr = frame_new(head, (size_t)n, NULL, 0);
	if (!fr) {
		zx_front_conn_close(c);
		return;
	}
	push_frame(c, fr);
	c->st = FRONT_WS;
	/* news grow old in the kernel: what a slow client has not read is better kept where it can be dropped */
	setsockopt(c->client.fd, SOL_SOCKET, SO_SNDBUF, &(int){65536}, sizeof(int));
	free(c->down.p);
	c->down.p = NULL;
	frames_in(c); /* what came with the request */
}

void zx_front_ws_order(struct zx_front_conn *c, const struct zx_front_order *o)
{
	switch (o->what) {
	case FRONT_ACCEPT:
		if (c->st == FRONT_WS_ASK)
			accept_ws(c);
		break;
	case FRONT_REFUSE:
		if (c->st == FRONT_WS_ASK) {
			atomic_fetch_sub(&c->f->n_sockets, 1);
			zx_front_conn_reply(c, o->code);
		}
		break;
	case FRONT_SEND:
		if (c->st == FRONT_WS)
			queue(c, ZX_WS_TEXT, o->text, o->len);
		break;
	case FRONT_CLOSE:
		if (c->st == FRONT_WS && !c->closing)
			close_frame(c, o->code);
		break;
	}
	if (c->st != FRONT_FREE)
		zx_front_conn_run(c);
}
