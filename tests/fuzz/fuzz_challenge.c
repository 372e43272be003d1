/* The challenge of a trunk, as it stands in its 401, and our answer to it. */
#include <stdlib.h>
#include <string.h>

#include "sip/uac_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
				   "To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nWWW-Authenticate: ";
	struct mbuf *mb = mbuf_alloc(sizeof(head) + size + 32);
	struct sip_msg *msg = NULL;
	char *line;
	bool stale;

	if (!mb)
		return 0;
	(void)mbuf_write_str(mb, head);
	(void)mbuf_write_mem(mb, data, size);
	(void)mbuf_write_str(mb, "\r\nContent-Length: 0\r\n\r\n");
	mb->pos = 0;
	if (!sip_msg_decode(&msg, mb) && !zx_uac_auth(&line, &stale, msg, "INVITE", "sip:1@b", "user", "secret")) {
		/* one line, whatever they send */
		const char *end = strstr(line, "\r\n");

		if (!end || end[2])
			abort();
		mem_deref(line);
	}
	mem_deref(msg);
	mem_deref(mb);
	return 0;
}
