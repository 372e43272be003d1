/*
 * One datagram from the wire through scan, decoder, checks, dispatch and the whole of REGISTER (digest passed by a fake, so that what is
 * behind it is reached). The same bytes are scanned as a stream.
 */
#include <string.h>

#include "base/log.h"
#include "loop/loop.h"
#include "sip/edge.h"
#include "sip/registrar.h"
#include "sip/transport.h"
#include "sip/trunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct zx_account account = {.user = "8000"};
static struct zx_sip *sip;
static struct zx_conf conf;

int zx_auth_alloc(struct zx_auth **ap)
{
	*ap = NULL;
	return 0;
}

enum zx_auth_result zx_auth_request(struct zx_sip *s, const struct sip_msg *msg, const struct zx_account **acc)
{
	(void)s;
	(void)msg;
	*acc = &account;
	return ZX_AUTH_OK;
}

int zx_trunks_alloc(struct zx_trunks **tp, struct zx_sip *s)
{
	(void)tp;
	(void)s;
	return 0;
}

int zx_invs_init(struct zx_sip *s)
{
	(void)s;
	return 0;
}

void zx_invs_close(struct zx_sip *s)
{
	(void)s;
}

bool zx_invs_absorb(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)msg;
	return false;
}

void zx_invs_request(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)sip_reply(s->sip, msg, 404, "Not Found");
}

bool zx_invs_in_dialog(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)msg;
	return false;
}

bool zx_invs_stray_response(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)msg;
	return false;
}

unsigned zx_inv_count(const struct zx_sip *s)
{
	(void)s;
	return 0;
}

static const struct zx_account *dir_account(const char *user, void *arg)
{
	(void)arg;
	return strcmp(user, account.user) ? NULL : &account;
}

static const struct zx_peer *dir_peer(const struct sa *src, void *arg)
{
	(void)src;
	(void)arg;
	return NULL;
}

static void open_once(void)
{
	const struct zx_directory dir = {dir_account, dir_peer, NULL};

	if (sip)
		return;
	zx_conf_defaults(&conf);
	conf.sip_options_interval = 0;
	zx_log_level_set(ZX_ERROR);
	if (zx_loop_init(64) || zx_sip_alloc(&sip, &conf, NULL, "/tmp", &dir))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zx_rx rx = {.tp = SIP_TRANSP_UDP, .n = size};
	enum zx_raw_result res;
	struct zx_usock *u;
	struct zx_raw raw;
	char *copy;

	if (size > ZX_RAW_MSG_MAX)
		return 0;
	open_once();
	u = mem_zalloc(sizeof(*u), NULL);        /* without a descriptor: what is sent goes nowhere */
	copy = mem_alloc(size ? size : 1, NULL); /* of exactly its size, so that reading past it is seen */
	memcpy(copy, data, size);
	rx.p = copy;
	rx.sock = u;
	u->k.tp = SIP_TRANSP_UDP;
	u->fd = -1;
	sa_set_str(&rx.src, "192.0.2.1", 5060);
	sa_set_str(&rx.dst, "192.0.2.2", 5084);
	u->k.laddr = rx.dst;
	(void)zx_raw_scan(&raw, copy, size, true);
	res = zx_raw_scan(&raw, copy, size, false);
	if (res != ZX_RAW_JUNK)
		zx_edge_receive(sip, &rx, &raw, res);
	mem_deref(copy);
	mem_deref(u);
	return 0;
}
