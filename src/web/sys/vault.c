#include "web/sys/vault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "store/password.h"

static const char magic[8] = "ZXVAULT1";

enum { CHUNK = 65536, TAG = 16, SALT = 16, KEY = 32, NONCE = 12, COST_T = 3, COST_M = 65536, COST_P = 1, HEAD_MAX = ZX_VAULT_INFO + 64 };

struct zx_vault {
	int fd;
	bool encrypted, last;
	EVP_CIPHER_CTX *ctx;
	uint8_t key[KEY];
	uint8_t head[HEAD_MAX];
	size_t head_len;
	uint64_t n;
	size_t fill;
	uint8_t plain[CHUNK], coded[CHUNK + TAG + 4];
};

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int write_all(int fd, const void *p, size_t len)
{
	const uint8_t *b = p;

	while (len) {
		const ssize_t n = write(fd, b, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		b += n;
		len -= (size_t)n;
	}
	return 0;
}

/* 0, ENODATA at the end, EBADMSG in the middle. */
static int read_all(int fd, void *p, size_t len)
{
	uint8_t *b = p;
	size_t got = 0;

	while (got < len) {
		const ssize_t n = read(fd, b + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!n)
			return got ? EBADMSG : ENODATA;
		got += (size_t)n;
	}
	return 0;
}

static int derive(struct zx_vault *v, const char *passphrase, const uint8_t *salt, uint32_t t, uint32_t m, uint32_t p)
{
	return zx_password_key(v->key, KEY, passphrase, salt, SALT, t, m, p);
}

static void nonce_of(uint8_t nonce[NONCE], uint64_t n, bool last)
{
	memset(nonce, 0, NONCE);
	for (unsigned i = 0; i < 8; i++)
		nonce[i] = (uint8_t)(n >> 8 * i);
	nonce[NONCE - 1] = last;
}

/* ---- writing ---- */

int zx_vault_create(struct zx_vault **vp, int fd, const char *passphrase, const char *info)
{
	struct zx_vault *v = calloc(1, sizeof(*v));
	const size_t n = strlen(info);
	uint8_t *salt;
	int err = 0;

	if (!v)
		return ENOMEM;
	v->fd = fd;
	v->encrypted = passphrase != NULL;
	if (v->encrypted) {
		v->ctx = EVP_CIPHER_CTX_new();
		if (!v->ctx || n >= ZX_VAULT_INFO) {
			err = v->ctx ? E2BIG : ENOMEM;
			goto out;
		}
		memcpy(v->head, magic, 8);
		put32(v->head + 8, (uint32_t)n);
		memcpy(v->head + 12, info, n);
		salt = v->head + 12 + n;
		if (RAND_bytes(salt, SALT) != 1) {
			err = EIO;
			goto out;
		}
		put32(salt + SALT, COST_T);
		put32(salt + SALT + 4, COST_M);
		put32(salt + SALT + 8, COST_P);
		v->head_len = 12 + n + SALT + 12;
		err = derive(v, passphrase, salt, COST_T, COST_M, COST_P);
		if (!err)
			err = write_all(fd, v->head, v->head_len);
	}
out:
	if (err)
		zx_vault_free(v);
	else
		*vp = v;
	return err;
}

static int flush(struct zx_vault *v, bool last)
{
	uint8_t nonce[NONCE];
	int n = 0, m = 0;

	nonce_of(nonce, v->n++, last);
	put32(v->coded, (uint32_t)v->fill | (last ? 0x80000000u : 0));
	if (EVP_EncryptInit_ex(v->ctx, EVP_aes_256_gcm(), NULL, v->key, nonce) != 1 ||
	    EVP_EncryptUpdate(v->ctx, NULL, &n, v->head, (int)v->head_len) != 1 ||
	    EVP_EncryptUpdate(v->ctx, v->coded + 4, &n, v->plain, (int)v->fill) != 1 ||
	    EVP_EncryptFinal_ex(v->ctx, v->coded + 4 + n, &m) != 1 ||
	    EVP_CIPHER_CTX_ctrl(v->ctx, EVP_CTRL_GCM_GET_TAG, TAG, v->coded + 4 + n + m) != 1)
		return EIO;
	v->fill = 0;
	return write_all(v->fd, v->coded, (size_t)(4 + n + m + TAG));
}

int zx_vault_write(struct zx_vault *v, const void *p, size_t len)
{
	const uint8_t *b = p;
	int err = 0;

	if (!v->encrypted)
		return write_all(v->fd, p, len);
	while (len && !err) {
		const size_t part = len < CHUNK - v->fill ? len : CHUNK - v->fill;

		memcpy(v->plain + v->fill, b, part);
		v->fill += part;
		b += part;
		len -= part;
		if (v->fill == CHUNK)
			err = flush(v, false);
	}
	return err;
}

int zx_vault_finish(struct zx_vault *v)
{
	return v->encrypted ? flush(v, true) : 0;
}

/* ---- reading ---- */

static int head_read(int fd, uint8_t *head, size_t *len, bool *encrypted)
{
	uint32_t n;
	int err;

	*encrypted = false;
	*len = 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return errno;
	err = read_all(fd, head, 12);
	if (err)
		return err == ENODATA ? EBADMSG : err;
	if (memcmp(head, magic, 8)) /* gzip, or nothing of ours */
		return head[0] == 0x1f && head[1] == 0x8b ? 0 : EBADMSG;
	n = get32(head + 8);
	if (n >= ZX_VAULT_INFO)
		return EBADMSG;
	*encrypted = true;
	*len = 12 + n + SALT + 12;
	err = read_all(fd, head + 12, n + SALT + 12);
	return err == ENODATA ? EBADMSG : err;
}

int zx_vault_look(int fd, bool *encrypted, char *info, size_t len)
{
	uint8_t *head = malloc(HEAD_MAX);
	size_t n;
	int err;

	if (!head)
		return ENOMEM;
	*info = '\0';
	err = head_read(fd, head, &n, encrypted);
	if (!err && *encrypted) {
		const size_t text = n - 12 - SALT - 12;

		if (text >= len || memchr(head + 12, '\0', text)) {
			err = EBADMSG;
		} else {
			memcpy(info, head + 12, text);
			info[text] = '\0';
		}
	}
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = errno;
	free(head);
	return err;
}

int zx_vault_open(struct zx_vault **vp, int fd, const char *passphrase)
{
	struct zx_vault *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return ENOMEM;
	v->fd = fd;
	err = head_read(fd, v->head, &v->head_len, &v->encrypted);
	if (!err && v->encrypted && (!passphrase || !*passphrase))
		err = EKEYREJECTED;
	if (!err && v->encrypted) {
		const uint8_t *salt = v->head + v->head_len - SALT - 12;
		const uint32_t t = get32(salt + SALT), m = get32(salt + SALT + 4), p = get32(salt + SALT + 8);

		v->ctx = EVP_CIPHER_CTX_new();
		/* what somebody wrote into the file must not cost us the machine */
		if (!v->ctx || t < 1 || t > 16 || m < 8 || m > 262144 || p < 1 || p > 4)
			err = v->ctx ? EBADMSG : ENOMEM;
		else
			err = derive(v, passphrase, salt, t, m, p);
	}
	if (!err && !v->encrypted && lseek(fd, 0, SEEK_SET) < 0)
		err = errno;
	if (err)
		zx_vault_free(v);
	else
		*vp = v;
	return err;
}

static int chunk_read(struct zx_vault *v)
{
	uint8_t nonce[NONCE], size[4];
	uint32_t len;
	int n = 0, m = 0, err = read_all(v->fd, size, 4);

	if (err)
		return err == ENODATA ? EBADMSG : err; /* the last chunk says that it is */
	len = get32(size);
	v->last = len >> 31;
	len &= 0x7fffffff;
	if (len > CHUNK)
		return v->n ? EBADMSG : EKEYREJECTED;
	err = read_all(v->fd, v->coded, len + TAG);
	if (err)
		return err == ENODATA ? EBADMSG : err;
	nonce_of(nonce, v->n, v->last);
	if (EVP_DecryptInit_ex(v->ctx, EVP_aes_256_gcm(), NULL, v->key, nonce) != 1 ||
	    EVP_DecryptUpdate(v->ctx, NULL, &n, v->head, (int)v->head_len) != 1 ||
	    EVP_DecryptUpdate(v->ctx, v->plain, &n, v->coded, (int)len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(v->ctx, EVP_CTRL_GCM_SET_TAG, TAG, v->coded + len) != 1 ||
	    EVP_DecryptFinal_ex(v->ctx, v->plain + n, &m) != 1)
		return v->n ? EBADMSG : EKEYREJECTED; /* the first one: most likely the passphrase */
	v->n++;
	v->fill = (size_t)(n + m);
	return 0;
}

ssize_t zx_vault_read(struct zx_vault *v, const void **bytes)
{
	ssize_t n;
	int err;

	*bytes = v->plain;
	if (!v->encrypted) {
		do
			n = read(v->fd, v->plain, CHUNK);
		while (n < 0 && errno == EINTR);
		return n < 0 ? -errno : n;
	}
	if (v->last)
		return 0;
	err = chunk_read(v);
	if (err)
		return -err;
	/* an empty chunk that is not the last is nothing we write */
	return v->fill || v->last ? (ssize_t)v->fill : -EBADMSG;
}

void zx_vault_free(struct zx_vault *v)
{
	if (!v)
		return;
	EVP_CIPHER_CTX_free(v->ctx);
	OPENSSL_cleanse(v, sizeof(*v));
	free(v);
}
