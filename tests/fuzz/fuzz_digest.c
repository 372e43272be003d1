/* The Authorization header field. */
#include <string.h>

#include "sip/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = mem_alloc(size ? size : 1, NULL);
	const struct pl val = {copy, size};
	struct zx_digest d;

	memcpy(copy, data, size);
	if (zx_digest_decode(&d, &val)) {
		if (d.response.l != (d.sha256 ? 64u : 32u) || !d.username.p || !d.nonce.p || !d.uri.p || !d.realm.p)
			__builtin_trap();
		if (d.username.p < copy || d.username.p + d.username.l > copy + size)
			__builtin_trap();
		(void)zx_digest_user_is(&d, "8000");
	}
	mem_deref(copy);
	return 0;
}
