#include "store/password.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <argon2.h>
#include <openssl/rand.h>
#include <pthread.h>

enum { MEMORY_KIB = 19 * 1024, PASSES = 2, LANES = 1, SALT = 16, HASH = 32, AT_ONCE = 2 };

/* A crowd of logins waits instead of taking 19 MiB each. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t free;
	unsigned busy;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void gate_enter(void)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.busy >= AT_ONCE)
		pthread_cond_wait(&gate.free, &gate.lock);
	gate.busy++;
	pthread_mutex_unlock(&gate.lock);
}

static void gate_leave(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.busy--;
	pthread_cond_signal(&gate.free);
	pthread_mutex_unlock(&gate.lock);
}

int zx_password_hash(char *out, size_t len, const char *password)
{
	uint8_t salt[SALT];
	int rc;

	if (strlen(password) > ZX_PASSWORD_MAX)
		return EINVAL;
	if (RAND_bytes(salt, sizeof(salt)) != 1)
		return EIO;
	gate_enter();
	rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt, sizeof(salt), HASH, out, len);
	gate_leave();
	switch (rc) {
	case ARGON2_OK:
		return 0;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
		return ENOMEM;
	case ARGON2_ENCODING_FAIL:
		return EOVERFLOW;
	default:
		return EIO;
	}
}

bool zx_password_verify(const char *encoded, const char *password)
{
	/* of a random password nobody knows */
	static const char nobody[] =
		"$argon2id$v=19$m=19456,t=2,p=1$q3yP0bK7mUoT5cVw1nXz4A$Jt0n1w3kY8rZp6vQx2sLh5dGf9aBc4eUiOmXyTnKqWs";
	const bool known = encoded && !strncmp(encoded, "$argon2id$", 10);
	int rc;

	if (strlen(password) > ZX_PASSWORD_MAX)
		return false;
	gate_enter();
	rc = argon2id_verify(known ? encoded : nobody, password, strlen(password));
	gate_leave();
	return known && rc == ARGON2_OK;
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
