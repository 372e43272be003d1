/* Login passwords at rest: argon2id (RFC 9106), m = 19 MiB, t = 2, p = 1. Any thread that may block: 20 to 40 ms each. */
#ifndef ZX_STORE_PASSWORD_H
#define ZX_STORE_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZX_PASSWORD_HASH_LEN = 128, ZX_PASSWORD_MAX = 128 };

/* The encoded hash, with a salt of its own; EINVAL when the password is longer than ZX_PASSWORD_MAX bytes. */
int zx_password_hash(char *out, size_t len, const char *password);
/* encoded NULL: there is no such user; the same work is done, and the answer is false. */
bool zx_password_verify(const char *encoded, const char *password);
/* A key for encryption from a passphrase: argon2id with t passes, m KiB, p lanes. Takes as long as these say. */
int zx_password_key(void *key, size_t len, const char *passphrase, const void *salt, size_t salt_len, uint32_t t, uint32_t m, uint32_t p);
/* n random characters (letters and digits that are not mistaken for each other) and a NUL. */
int zx_password_random(char *out, size_t n);

#endif
