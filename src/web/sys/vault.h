/*
 * The file of a backup as a stream: plain, or encrypted with a passphrase. One thread.
 *
 *   "ZXVAULT1" | u32 length | info (JSON, plain, for the list) | salt 16 | u32 t, m (KiB), p | chunks
 *   chunk: u32 length | AES-256-GCM ciphertext | tag 16;  nonce: number of the chunk, 1 in the last one;  the head is authenticated with
 * each
 *
 * The key is argon2id(passphrase, salt). Little-endian. Cut off or changed anywhere: EBADMSG.
 */
#ifndef ZX_WEB_SYS_VAULT_H
#define ZX_WEB_SYS_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ZX_VAULT_INFO = 16384 };

struct zx_vault;

/* fd is at its beginning and stays the caller's. passphrase NULL: plain. info: for the head of an encrypted one. */
int zx_vault_create(struct zx_vault **vp, int fd, const char *passphrase, const char *info);
int zx_vault_write(struct zx_vault *v, const void *p, size_t len);
/* Writes what is left. */
int zx_vault_finish(struct zx_vault *v);

/* Whether the file is encrypted; then info as in its head. fd is at its beginning again. EBADMSG: neither. */
int zx_vault_look(int fd, bool *encrypted, char *info, size_t len);
/* EKEYREJECTED: encrypted and no passphrase, or the wrong one. */
int zx_vault_open(struct zx_vault **vp, int fd, const char *passphrase);
/* Bytes in *bytes, valid until the next call; 0 at the end; < 0: -errno. */
ssize_t zx_vault_read(struct zx_vault *v, const void **bytes);

void zx_vault_free(struct zx_vault *v);

#endif
