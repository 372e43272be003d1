#include "web/front/ws.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

int zx_ws_parse(struct zx_ws_frame *fr, uint8_t *buf, size_t len, size_t *used)
{
	if (len < 2)
		return EAGAIN;
	const bool fin = buf[0] & 0x80;
	const enum zx_ws_op op = buf[0] & 0x0f;
	size_t n = buf[1] & 0x7f, pos = 2;

	/* no extension was negotiated and a client must mask */
	if ((buf[0] & 0x70) || !(buf[1] & 0x80) || (op > ZX_WS_BINARY && op < ZX_WS_CLOSE) || op > ZX_WS_PONG)
		return EPROTO;
	if (op >= ZX_WS_CLOSE && (!fin || n > 125))
		return EPROTO;
	if (n == 127)
		return EMSGSIZE;
	if (n == 126) {
		if (len < 4)
			return EAGAIN;
		n = (size_t)buf[2] << 8 | buf[3];
		pos = 4;
		if (n < 126)
			return EPROTO;
	}
	if (n > ZX_WS_MSG_MAX)
		return EMSGSIZE;
	if (len < pos + 4 + n)
		return EAGAIN;

	const uint8_t *mask = buf + pos;
	uint8_t *data = buf + pos + 4;
	for (size_t i = 0; i < n; i++)
		data[i] ^= mask[i & 3];
	*fr = (struct zx_ws_frame){.fin = fin, .op = op, .data = data, .len = n};
	*used = pos + 4 + n;
	return 0;
}

size_t zx_ws_head(uint8_t out[ZX_WS_HEAD_MAX], enum zx_ws_op op, size_t len)
{
	out[0] = 0x80 | (uint8_t)op;
	if (len < 126) {
		out[1] = (uint8_t)len;
		return 2;
	}
	if (len < 65536) {
		out[1] = 126;
		out[2] = (uint8_t)(len >> 8);
		out[3] = (uint8_t)len;
		return 4;
	}
	out[1] = 127;
	for (int i = 0; i < 8; i++)
		out[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
	return 10;
}

void zx_ws_accept(char out[32], const char *key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
	char text[128];
	uint8_t md[SHA_DIGEST_LENGTH];

	const int n = snprintf(text, sizeof(text), "%.64s%s", key, guid);
	SHA1((const uint8_t *)text, (size_t)n, md);
	EVP_EncodeBlock((uint8_t *)out, md, sizeof(md));
}
