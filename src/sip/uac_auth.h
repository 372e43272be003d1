/* Digest authentication, client side: answers to 401 and 407 of trunks (RFC 7616, RFC 8760: MD5, SHA-256; qop=auth or none). */
#ifndef ZX_SIP_UAC_AUTH_H
#define ZX_SIP_UAC_AUTH_H

#include "sip/resip.h"

/* Header line (with CRLF) that answers the first challenge in msg that we understand; counted. stale: only the nonce was too old, so the
 * same answer with the new one is no repetition. ENOENT: no challenge that could be answered. */
int zx_uac_auth(char **line, bool *stale, const struct sip_msg *msg, const char *met, const char *uri, const char *user,
		const char *secret);

#endif
