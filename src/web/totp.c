#include "web/totp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/text.h"

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/* what is not mistaken for something else; 31 of them would be uneven, 32 are five bits */
static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

uint32_t zx_totp_code(const uint8_t *key, size_t len, uint64_t step, unsigned digits)
{
	static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	uint8_t msg[8], mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		msg[i] = (uint8_t)(step >> (56 - 8 * i));
	if (!HMAC(EVP_sha1(), key, (int)len, msg, sizeof(msg), mac, &n) || n < 20)
		return UINT32_MAX; /* no code is that */
	const unsigned off = mac[n - 1] & 15;
	const uint32_t v = (uint32_t)(mac[off] & 0x7f) << 24 | (uint32_t)mac[off + 1] << 16 | (uint32_t)mac[off + 2] << 8 | mac[off + 3];
	return v % tens[digits < 9 ? digits : 8];
}

bool zx_totp_check(const uint8_t *key, size_t len, uint64_t now, uint64_t last, const char *code, uint64_t *step)
{
	const uint64_t at = now / ZX_TOTP_PERIOD;
	bool found = false;

	if (strlen(code) != 6 || strspn(code, "0123456789") != 6)
		return false;
	for (uint64_t s = at ? at - 1 : 0; s <= at + 1; s++) {
		char text[16];
		snprintf(text, sizeof(text), "%06u", zx_totp_code(key, len, s, 6));
		/* all three are compared, whichever it is */
		if (strlen(text) == 6 && !CRYPTO_memcmp(text, code, 6) && s > last && !found) {
			*step = s;
			found = true;
		}
	}
	return found;
}

void zx_totp_base32(char *out, const uint8_t *p, size_t len)
{
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++) {
		acc = acc << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			*out++ = base32[acc >> (bits - 5) & 31];
	}
	if (bits)
		*out++ = base32[acc << (5 - bits) & 31];
	*out = '\0';
}

bool zx_totp_unbase32(uint8_t key[ZX_TOTP_KEY], const char *text)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	if (strlen(text) != ZX_TOTP_KEY * 8 / 5)
		return false;
	for (; *text; text++) {
		const char *at = strchr(base32, *text);
		if (!at)
			return false;
		acc = acc << 5 | (uint32_t)(at - base32);
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			key[n++] = (uint8_t)(acc >> bits);
		}
	}
	return n == ZX_TOTP_KEY;
}

/* ---- recovery codes: 50 random bits each ---- */

int zx_totp_recovery(char out[ZX_TOTP_CODE])
{
	uint8_t raw[10];

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return EIO;
	for (unsigned i = 0; i < 10; i++)
		out[i + (i > 4)] = letters[raw[i] & 31];
	out[5] = '-';
	out[11] = '\0';
	OPENSSL_cleanse(raw, sizeof(raw));
	return 0;
}

bool zx_totp_recovery_hash(char out[ZX_TOTP_HASH], const uint8_t *store_key, int64_t user_id, const char *code)
{
	char msg[64];
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0, k = 0;
	int n = snprintf(msg, sizeof(msg), "recovery %lld ", (long long)user_id);

	for (; *code; code++) {
		const char ch = *code >= 'A' && *code <= 'Z' ? (char)(*code + 32) : *code;
		if (ch == ' ' || ch == '-')
			continue;
		if (k == 10 || !strchr(letters, ch))
			return false;
		msg[n++] = ch;
		k++;
	}
	if (k != 10 || !HMAC(EVP_sha256(), store_key, 32, (const uint8_t *)msg, (size_t)n, mac, &len) || len != 32)
		return false;
	zx_hex_encode(out, mac, len);
	OPENSSL_cleanse(msg, sizeof(msg));
	return true;
}

bool zx_totp_recovery_take(char *list, const char *hash)
{
	const size_t n = strlen(hash);

	for (char *p = list; *p;) {
		const size_t len = strcspn(p, " ");
		if (len == n && !CRYPTO_memcmp(p, hash, n)) {
			char *rest = p + len + (p[len] == ' ');
			memmove(p, rest, strlen(rest) + 1);
			if (!*p && p > list)
				p[-1] = '\0';
			return true;
		}
		p += len + (p[len] == ' ');
	}
	return false;
}
