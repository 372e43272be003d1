/* Time-based one-time codes (RFC 6238: HMAC-SHA-1, 30 s, 6 digits) and recovery codes. */
#ifndef ZX_WEB_TOTP_H
#define ZX_WEB_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ZX_TOTP_KEY = 20,      /* bytes of a secret */
	ZX_TOTP_TEXT = 33,     /* as base32, with its NUL */
	ZX_TOTP_PERIOD = 30,   /* seconds of a step */
	ZX_TOTP_RECOVERY = 10, /* codes made */
	ZX_TOTP_CODE = 12,     /* "abcde-fghjk" and a NUL */
	ZX_TOTP_HASH = 65,     /* hash of a recovery code as hex, and a NUL */
};

/* digits 6 to 8. */
uint32_t zx_totp_code(const uint8_t *key, size_t len, uint64_t step, unsigned digits);
/* Is code the one of the step of `now` (seconds), or of the one before or after, and of a later step than `last`? *step is which. */
bool zx_totp_check(const uint8_t *key, size_t len, uint64_t now, uint64_t last, const char *code, uint64_t *step);

void zx_totp_base32(char *out, const uint8_t *p, size_t len);
/* Exactly ZX_TOTP_KEY bytes; false when it is none. */
bool zx_totp_unbase32(uint8_t key[ZX_TOTP_KEY], const char *text);

/* A random recovery code. 0 or errno. */
int zx_totp_recovery(char out[ZX_TOTP_CODE]);
/* HMAC-SHA-256 with the store's key (32 bytes) over user and code (case, spaces and hyphens do not matter). false: it cannot be one. */
bool zx_totp_recovery_hash(char out[ZX_TOTP_HASH], const uint8_t *store_key, int64_t user_id, const char *code);
/* Takes it out of the space separated list; false when it is not there. */
bool zx_totp_recovery_take(char *list, const char *hash);

#endif
