/* SRTP by SDES keys (RFC 3711, 4568): both directions of one stream. One thread. */
#ifndef ZX_MEDIA_SRTP_H
#define ZX_MEDIA_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"

struct zx_srtp;

/* Once per process. */
int zx_srtp_init(void);
/* Changes *sp to these keys, sending as ssrc; a direction whose key is the same goes on (roll-over counter, replay list). Both NONE: freed.
 */
int zx_srtp_set(struct zx_srtp **sp, const struct zx_srtp_key *tx, const struct zx_srtp_key *rx, uint32_t ssrc);
void zx_srtp_free(struct zx_srtp *s);
bool zx_srtp_tx(const struct zx_srtp *s);
bool zx_srtp_rx(const struct zx_srtp *s);

/* In place; *len changes (grows by at most 32). EBADMSG not authentic, EALREADY replayed. */
int zx_srtp_protect(struct zx_srtp *s, uint8_t *p, size_t *len, bool rtcp);
int zx_srtp_unprotect(struct zx_srtp *s, uint8_t *p, size_t *len, bool rtcp);

#endif
