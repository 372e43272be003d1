/* The trunks of the plan, as the SIP room wants them. */
#include "app/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/log.h"
#include "base/text.h"
#include "sip/trunk.h"
#include "store/store.h"

static enum zx_trunk_dtmf dtmf_of(const char *name)
{
	return !strcmp(name, "rfc2833")  ? ZX_DTMF_RFC4733
	       : !strcmp(name, "info")   ? ZX_DTMF_INFO
	       : !strcmp(name, "inband") ? ZX_DTMF_INBAND
					 : ZX_DTMF_AUTO;
}

static void codecs_read(struct zx_trunk_conf *c, const char *list)
{
	while (*list && c->codecc < ZX_CODEC_COUNT) {
		const size_t n = strcspn(list, ",");
		char name[16];
		enum zx_codec codec;

		zx_strcpy_len(name, sizeof(name), list, n);
		codec = zx_codec_find(name, 8000);
		if (codec != ZX_CODEC_NONE)
			c->codecs[c->codecc++] = codec;
		list += n + (list[n] == ',');
	}
}

static void conf_of(struct zx_trunk_conf *c, const struct zx_plan_trunk *t, const struct zx_store *st)
{
	c->peer = t->peer;
	c->kind = t->kind;
	c->port = t->port;
	c->dtmf = dtmf_of(t->dtmf);
	c->max_calls = t->max_calls;
	c->gateway = t->gateway;
	if (t->kind != ZX_TRUNK_GATEWAY)
		c->gateway.user[0] = '\0';
	zx_strcpy(c->host, sizeof(c->host), t->host);
	zx_strcpy(c->account, sizeof(c->account), t->account);
	zx_strcpy(c->caller_id, sizeof(c->caller_id), t->caller_id);
	codecs_read(c, t->codecs);
	if (*t->secret && zx_unseal(st, c->secret, sizeof(c->secret), t->secret))
		zx_log(ZX_ERROR, "app", "trunk %s: its password cannot be read, set it anew", t->peer.name);
}

int zx_app_trunks_apply(struct zx_sip *s, const struct zx_store *st)
{
	const struct zx_plan_trunk *t;
	struct zx_trunk_conf *v;
	unsigned n = 0;
	int err;

	while (zx_plan_trunk_at(n))
		n++;
	v = calloc(n ? n : 1, sizeof(*v));
	if (!v)
		return ENOMEM;
	for (unsigned i = 0; (t = zx_plan_trunk_at(i)); i++)
		conf_of(&v[i], t, st);
	err = zx_trunks_apply(s, v, n);
	OPENSSL_cleanse(v, n * sizeof(*v));
	free(v);
	return err;
}
