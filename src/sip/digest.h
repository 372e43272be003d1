/* Authorization: Digest, decoded (RFC 7616 3.4). */
#ifndef ZX_SIP_DIGEST_H
#define ZX_SIP_DIGEST_H

#include "base/re.h"

enum { ZX_NONCE_LEN = 44 };

struct zx_digest {
	struct pl username, realm, nonce, uri, response, cnonce, qop, nc, algorithm; /* without quotes */
	bool sha256;
};

/* False: not Digest, broken, a parameter twice, one that must be there missing, or an algorithm we do not know. */
bool zx_digest_decode(struct zx_digest *d, const struct pl *val);
/* user, or user@anything. */
bool zx_digest_user_is(const struct zx_digest *d, const char *user);

#endif
