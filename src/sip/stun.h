/* STUN Binding requests on the SIP port are keep-alives of phones (RFC 5626 4.4.2, RFC 5389). */
#ifndef ZX_SIP_STUN_H
#define ZX_SIP_STUN_H

#include "base/re.h"

/* Length of the Binding response written to out (needs 44), 0 when the request is none. */
size_t zx_stun_reply(char *out, size_t outlen, const char *req, size_t n, const struct sa *src);

#endif
