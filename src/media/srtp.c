#include "media/srtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <srtp2/srtp.h>

struct zx_srtp {
	srtp_t tx, rx;
	struct zx_srtp_key tx_key, rx_key;
};

int zx_srtp_init(void)
{
	static bool done;
	if (!done && srtp_init() != srtp_err_status_ok)
		return ENOMEM;
	done = true;
	return 0;
}

/* ssrc 0: whatever comes (a template and a copy of it: twice the 15 kB a context of libsrtp costs). */
static int session(srtp_t *sp, const struct zx_srtp_key *k, uint32_t ssrc)
{
	srtp_policy_t p = {.window_size = 512, .allow_repeat_tx = 1};
	uint8_t key[ZX_SRTP_KEY_LEN];

	if (k->suite == ZX_SRTP_AES_CM_128_HMAC_SHA1_32)
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p.rtp);
	else
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtp);
	srtp_crypto_policy_set_rtcp_default(&p.rtcp);
	p.ssrc.type = ssrc ? ssrc_specific : ssrc_any_inbound;
	p.ssrc.value = ssrc;
	memcpy(key, k->key, sizeof(key));
	p.key = key;
	int err = srtp_create(sp, &p) == srtp_err_status_ok ? 0 : EINVAL;
	explicit_bzero(key, sizeof(key));
	return err;
}

static int direction(srtp_t *cur, struct zx_srtp_key *cur_key, const struct zx_srtp_key *key, uint32_t ssrc)
{
	srtp_t s = NULL;

	if (cur_key->suite == key->suite && !memcmp(cur_key->key, key->key, sizeof(key->key)))
		return 0;
	if (key->suite != ZX_SRTP_NONE) {
		int err = session(&s, key, ssrc);
		if (err)
			return err;
	}
	if (*cur)
		srtp_dealloc(*cur);
	*cur = s;
	*cur_key = *key;
	return 0;
}

int zx_srtp_set(struct zx_srtp **sp, const struct zx_srtp_key *tx, const struct zx_srtp_key *rx, uint32_t ssrc)
{
	if (tx->suite == ZX_SRTP_NONE && rx->suite == ZX_SRTP_NONE) {
		zx_srtp_free(*sp);
		*sp = NULL;
		return 0;
	}
	if (!*sp)
		*sp = calloc(1, sizeof(**sp));
	if (!*sp)
		return ENOMEM;
	int err = direction(&(*sp)->tx, &(*sp)->tx_key, tx, ssrc);
	return err ? err : direction(&(*sp)->rx, &(*sp)->rx_key, rx, 0);
}

void zx_srtp_free(struct zx_srtp *s)
{
	if (!s)
		return;
	if (s->tx)
		srtp_dealloc(s->tx);
	if (s->rx)
		srtp_dealloc(s->rx);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

bool zx_srtp_tx(const struct zx_srtp *s)
{
	return s && s->tx;
}

bool zx_srtp_rx(const struct zx_srtp *s)
{
	return s && s->rx;
}

int zx_srtp_protect(struct zx_srtp *s, uint8_t *p, size_t *len, bool rtcp)
{
	int n = (int)*len;
	srtp_err_status_t e = rtcp ? srtp_protect_rtcp(s->tx, p, &n) : srtp_protect(s->tx, p, &n);

	if (e != srtp_err_status_ok)
		return EBADMSG;
	*len = (size_t)n;
	return 0;
}

int zx_srtp_unprotect(struct zx_srtp *s, uint8_t *p, size_t *len, bool rtcp)
{
	int n = (int)*len;
	srtp_err_status_t e = rtcp ? srtp_unprotect_rtcp(s->rx, p, &n) : srtp_unprotect(s->rx, p, &n);

	if (e == srtp_err_status_replay_fail || e == srtp_err_status_replay_old)
		return EALREADY;
	if (e != srtp_err_status_ok || n < 0)
		return EBADMSG;
	*len = (size_t)n;
	return 0;
}
