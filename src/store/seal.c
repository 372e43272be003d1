#include "store/priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* A token is "1." and the base64 of nonce, ciphertext and tag; the prefix names the format, and is authenticated. */
enum { NONCE = 12, TAG = 16, PREFIX = 2, PLAIN_MAX = 4096 };
static const char prefix[] = "1.";

int zx_seal(const struct zx_store *st, char *out, size_t outlen, const char *plain)
{
	unsigned char buf[NONCE + PLAIN_MAX + TAG];
	const size_t len = strlen(plain);
	EVP_CIPHER_CTX *ctx = NULL;
	int n = 0, err = EIO;

	if (len > PLAIN_MAX)
		return E2BIG;
	if (outlen < PREFIX + (NONCE + len + TAG + 2) / 3 * 4 + 1)
		return EOVERFLOW;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return ENOMEM;
	if (RAND_bytes(buf, NONCE) != 1 || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, st->key, buf) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)prefix, PREFIX) != 1 ||
	    EVP_EncryptUpdate(ctx, buf + NONCE, &n, (const unsigned char *)plain, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, buf + NONCE + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, buf + NONCE + len) != 1)
		goto out;
	memcpy(out, prefix, PREFIX);
	EVP_EncodeBlock((unsigned char *)out + PREFIX, buf, (int)(NONCE + len + TAG));
	err = 0;
out:
	EVP_CIPHER_CTX_free(ctx);
	return err;
}

/* Length of what canonical base64 yields, or -1. */
static int decode64(unsigned char *out, size_t outlen, const char *in)
{
	const size_t len = strlen(in);
	unsigned pad = 0;
	int n;

	if (!len || len % 4 || len / 4 * 3 > outlen ||
	    strspn(in, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != len)
		return -1;
	while (pad < 2 && in[len - 1 - pad] == '=')
		pad++;
	n = EVP_DecodeBlock(out, (const unsigned char *)in, (int)len);
	return n < 0 ? -1 : n - (int)pad;
}

int zx_unseal(const struct zx_store *st, char *plain, size_t plainlen, const char *token)
{
	unsigned char buf[NONCE + PLAIN_MAX + TAG + 3], text[PLAIN_MAX + 1];
	EVP_CIPHER_CTX *ctx = NULL;
	int n = 0, m = 0, len, err = EBADMSG;

	if (strncmp(token, prefix, PREFIX))
		return EBADMSG;
	len = decode64(buf, sizeof(buf), token + PREFIX) - NONCE - TAG;
	if (len < 0 || len > PLAIN_MAX)
		return EBADMSG;
	if (plainlen < (size_t)len + 1)
		return EOVERFLOW;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return ENOMEM;
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, st->key, buf) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)prefix, PREFIX) != 1 ||
	    EVP_DecryptUpdate(ctx, text, &n, buf + NONCE, len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, buf + NONCE + len) != 1 || EVP_DecryptFinal_ex(ctx, text + n, &m) != 1)
		goto out;
	if (memchr(text, 0, (size_t)len))
		goto out;
	memcpy(plain, text, (size_t)len);
	plain[len] = '\0';
	err = 0;
out:
	OPENSSL_cleanse(text, sizeof(text));
	EVP_CIPHER_CTX_free(ctx);
	return err;
}
