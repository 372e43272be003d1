/* WebSocket frames (RFC 6455), server side, as pure functions over bytes. */
#ifndef ZX_WEB_WS_H
#define ZX_WEB_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZX_WS_MSG_MAX = 4096, ZX_WS_HEAD_MAX = 10 };
enum zx_ws_op { ZX_WS_CONT = 0, ZX_WS_TEXT = 1, ZX_WS_BINARY = 2, ZX_WS_CLOSE = 8, ZX_WS_PING = 9, ZX_WS_PONG = 10 };

struct zx_ws_frame {
	bool fin;
	enum zx_ws_op op;
	uint8_t *data; /* unmasked in place */
	size_t len;
};

/* One frame from the front of buf: 0 and *used, EAGAIN when there is more to come, EPROTO or EMSGSIZE when the peer breaks the rules. */
int zx_ws_parse(struct zx_ws_frame *fr, uint8_t *buf, size_t len, size_t *used);
/* Head of an unmasked frame with `len` bytes to follow; its length. */
size_t zx_ws_head(uint8_t out[ZX_WS_HEAD_MAX], enum zx_ws_op op, size_t len);
/* Sec-WebSocket-Accept of a key. */
void zx_ws_accept(char out[32], const char *key);

#endif
