#include "store/password.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>

enum {
	MEMORY_KIB = 19 * 1024,
	PASSES = 2,
	SALT = 16,
	HASH = 32,
	AT_ONCE = 2,
	/* what a stored hash may ask for */
	MEMORY_MAX = 64 * 1024,
	PASSES_MAX = 10,
};

/* A crowd of logins waits instead of taking 19 MiB each. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t free;
	unsigned busy;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

struct hash {
	uint32_t memory, passes; /* KiB, - */
	uint8_t salt[SALT], hash[HASH];
};

/* Memory that goes back to the system: the heap would keep it for ever after the first login. */
static int memory_take(uint8_t **memory, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return ARGON2_MEMORY_ALLOCATION_ERROR;
	*memory = p;
	return ARGON2_OK;
}

static void memory_give(uint8_t *memory, size_t len)
{
	munmap(memory, len);
}

static int compute(uint8_t *out, const struct hash *h, const char *password)
{
	argon2_context ctx = {
	    .out = out,
	    .outlen = HASH,
	    .pwd = (uint8_t *)(uintptr_t)password, /* only read: no flag to wipe it */
	    .pwdlen = (uint32_t)strlen(password),
	    .salt = (uint8_t *)(uintptr_t)h->salt,
	    .saltlen = SALT,
	    .t_cost = h->passes,
	    .m_cost = h->memory,
	    .lanes = 1,
	    .threads = 1,
	    .version = ARGON2_VERSION_13,
	    .allocate_cbk = memory_take,
	    .free_cbk = memory_give,
	    .flags = ARGON2_DEFAULT_FLAGS,
	};
	int rc;

	pthread_mutex_lock(&gate.lock);
	while (gate.busy >= AT_ONCE)
		pthread_cond_wait(&gate.free, &gate.lock);
	gate.busy++;
	pthread_mutex_unlock(&gate.lock);
	rc = argon2id_ctx(&ctx);
	pthread_mutex_lock(&gate.lock);
	gate.busy--;
	pthread_cond_signal(&gate.free);
	pthread_mutex_unlock(&gate.lock);
	return rc == ARGON2_OK ? 0 : rc == ARGON2_MEMORY_ALLOCATION_ERROR ? ENOMEM : EIO;
}

/* Base64 without padding, as the PHC string format has it. */
static void encode(char *out, const uint8_t *p, size_t len)
{
	const int n = EVP_EncodeBlock((unsigned char *)out, p, (int)len);

	for (int i = n; i && out[i - 1] == '='; i--)
		out[i - 1] = '\0';
}

static bool decode(uint8_t *out, size_t len, const char *in, size_t inlen)
{
	unsigned char padded[64], raw[48];
	const size_t full = (len + 2) / 3 * 4;

	if (inlen != (len * 4 + 2) / 3 || full > sizeof(padded))
		return false;
	memset(padded, '=', sizeof(padded));
	memcpy(padded, in, inlen);
	if (EVP_DecodeBlock(raw, padded, (int)full) < (int)len)
		return false;
	memcpy(out, raw, len);
	return true;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH" */
static bool hash_parse(struct hash *h, const char *text)
{
	const char *salt, *hash;
	int at = 0;

	if (sscanf(text, "$argon2id$v=19$m=%u,t=%u,p=1$%n", &h->memory, &h->passes, &at) != 2 || !at)
		return false;
	salt = text + at;
	hash = strchr(salt, '$');
	return hash && h->memory >= 8 && h->memory <= MEMORY_MAX && h->passes && h->passes <= PASSES_MAX &&
	       decode(h->salt, SALT, salt, (size_t)(hash - salt)) && decode(h->hash, HASH, hash + 1, strlen(hash + 1));
}

int zx_password_hash(char *out, size_t len, const char *password)
{
	struct hash h = {.memory = MEMORY_KIB, .passes = PASSES};
	char salt[SALT * 2], hash[HASH * 2];
	int err;

	if (strlen(password) > ZX_PASSWORD_MAX)
		return EINVAL;
	if (RAND_bytes(h.salt, SALT) != 1)
		return EIO;
	err = compute(h.hash, &h, password);
	if (err)
		return err;
	encode(salt, h.salt, SALT);
	encode(hash, h.hash, HASH);
	return (size_t)snprintf(out, len, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s", h.memory, h.passes, salt, hash) < len ? 0 : EOVERFLOW;
}

bool zx_password_verify(const char *encoded, const char *password)
{
	struct hash h = {.memory = MEMORY_KIB, .passes = PASSES};
	uint8_t out[HASH];
	bool known;

	if (strlen(password) > ZX_PASSWORD_MAX)
		return false;
	known = encoded && hash_parse(&h, encoded);
	if (!known)
		h = (struct hash){.memory = MEMORY_KIB, .passes = PASSES};
	return !compute(out, &h, password) && known && !CRYPTO_memcmp(out, h.hash, HASH);
}

int zx_password_random(char *out, size_t n)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	const unsigned count = sizeof(letters) - 1, fair = 256 / count * count;
	size_t i = 0;
	uint8_t b;

	while (i < n) {
		if (RAND_bytes(&b, 1) != 1)
			return EIO;
		if (b < fair)
			out[i++] = letters[b % count];
	}
	out[n] = '\0';
	return 0;
}

int zx_password_key(void *key, size_t len, const char *passphrase, const void *salt, size_t salt_len, uint32_t t, uint32_t m, uint32_t p)
{
	return argon2id_hash_raw(t, m, p, passphrase, strlen(passphrase), salt, salt_len, key, len) == ARGON2_OK ? 0 : ENOMEM;
}
