/* A leg's media: offers and answers turned into what its stream does. */
#include "call/core.h"

#include <errno.h>
#include <sys/random.h>

#include "base/conf.h"
#include "base/text.h"
#include "sip/sdp.h"

enum {
	RTP_TIMEOUT_MS = 120000, /* generous: phones with silence suppression send little */
	PTIME_MS = 20,
};

/* ---- addresses ---- */

static bool prefix_match(const struct sa *a, const struct sa *net, unsigned bits)
{
	uint8_t x[16], y[16];
	const bool v6 = sa_af(a) == AF_INET6;
	const unsigned max = v6 ? 128 : 32;

	if (sa_af(a) != sa_af(net))
		return false;
	if (bits > max)
		bits = max;
	if (v6) {
		sa_in6(a, x);
		sa_in6(net, y);
	} else {
		const uint32_t p = htonl(sa_in(a)), q = htonl(sa_in(net));

		memcpy(x, &p, sizeof(p));
		memcpy(y, &q, sizeof(q));
	}
	for (unsigned i = 0; i < bits; i += 8) {
		const uint8_t mask = bits - i >= 8 ? 0xff : (uint8_t)(0xff << (8 - (bits - i)));

		if ((x[i / 8] ^ y[i / 8]) & mask)
			return false;
	}
	return true;
}

/* The next of a comma separated list; false at its end. */
static bool list_next(const char **p, char *item, size_t len)
{
	size_t n;

	*p += strspn(*p, ", \t");
	n = strcspn(*p, ", \t");
	if (!n)
		return false;
	zx_strcpy_len(item, len, *p, n);
	*p += n;
	return true;
}

static bool is_local_net(const struct sa *a)
{
	const char *p = zx_calls.env.conf->sip_local_nets;
	char item[64];

	if (sa_is_loopback(a))
		return true;
	while (list_next(&p, item, sizeof(item))) {
		struct pl addr, bits = PL_INIT;
		struct sa net;

		if (re_regex(item, strlen(item), "[^/]+[/]*[0-9]*", &addr, NULL, &bits) || sa_set(&net, &addr, 0))
			continue;
		if (prefix_match(a, &net, bits.l ? pl_u32(&bits) : 128))
			return true;
	}
	return false;
}

/* The address media is taken on for this leg: that of its signalling, unless configured. */
static void media_laddr(struct sa *laddr, const struct zx_leg *leg)
{
	const char *p = zx_calls.env.conf->rtp_listen;
	char item[64];
	struct sa a;

	*laddr = leg->local;
	sa_set_port(laddr, 0);
	while (list_next(&p, item, sizeof(item))) {
		if (strcmp(item, "*") && !sa_set_str(&a, item, 0) && sa_af(&a) == sa_af(&leg->local)) {
			*laddr = a;
			return;
		}
	}
}

/* What we tell the other side: our address, or the one we have outside of the NAT. */
static void sdp_laddr(struct sa *laddr, const struct zx_leg *leg)
{
	const struct zx_conf *conf = zx_calls.env.conf;
	struct sa ext;

	*laddr = *zx_stream_laddr(leg->stream);
	if (!*conf->sip_external_addr || sa_set_str(&ext, conf->sip_external_addr, sa_port(laddr)))
		return;
	if (sa_af(&ext) == sa_af(laddr) && !is_local_net(&leg->remote))
		*laddr = ext;
}

int zx_call_leg_media_open(struct zx_leg *leg, const struct zx_leg *near)
{
	struct sa laddr;

	if (leg->stream)
		return 0;
	media_laddr(&laddr, leg);
	return zx_stream_alloc(&leg->stream, zx_calls.env.media, &laddr, near ? near->stream : NULL, zx_call_leg_stream_h, leg);
}

/* ---- codecs ---- */

static unsigned codec_add(enum zx_codec *v, unsigned n, enum zx_codec c)
{
	if (c == ZX_CODEC_NONE)
		return n;
	for (unsigned i = 0; i < n; i++) {
		if (v[i] == c)
			return n;
	}
	v[n] = c;
	return n + 1;
}

static bool codec_allowed(const struct zx_leg *leg, enum zx_codec c)
{
	for (unsigned i = 0; i < leg->allowc; i++) {
		if (leg->allow[i] == c)
			return true;
	}
	return !leg->allowc;
}

void zx_call_leg_codecs_learn(struct zx_leg *leg, const struct zx_sdp *sdp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sdp->fmtc && n < ZX_CODEC_COUNT; i++)
		n = codec_add(leg->codecs, n, sdp->fmts[i].codec);
	leg->codecc = (uint8_t)n;
}

/* ---- offer and answer ---- */

static int desc_apply(struct zx_leg *leg, const struct zx_sdp *theirs, const struct zx_sdp_fmt *fmt, enum zx_dir dir)
{
	struct zx_stream_desc *d = &leg->desc;
	int err;

	d->rtp = theirs->rtp;
	if (!sa_isset(&theirs->rtp, SA_ADDR))
		sa_init(&d->rtp, AF_UNSPEC);
	d->rtcp = theirs->rtcp;
	d->rtcp_mux = theirs->rtcp_mux;
	d->latch = true;
	d->codec = fmt->codec;
	d->pt = fmt->pt;
	d->pt_rx = fmt->pt;
	d->te_pt = leg->no_te ? -1 : theirs->te_pt;
	d->dir = dir;
	d->ptime = theirs->ptime ? theirs->ptime : PTIME_MS;
	d->rx.suite = ZX_SRTP_NONE;
	if (theirs->cryptoc)
		d->rx = theirs->crypto[0].key;
	leg->held = theirs->dir == ZX_DIR_SENDONLY || theirs->dir == ZX_DIR_INACTIVE || !sa_isset(&theirs->rtp, SA_ADDR);
	d->timeout_ms = leg->held || !(dir & ZX_DIR_RECVONLY) ? 0 : RTP_TIMEOUT_MS;
	err = zx_stream_set(leg->stream, d);
	if (err)
		return err;
	leg->media = true;
	/* a trunk that has no other way may send keys as tones */
	if (leg->trunk_id)
		(void)zx_stream_inband_dtmf(leg->stream, leg->inband || (d->te_pt < 0 && !leg->info));
	return 0;
}

int zx_call_leg_answer_make(struct zx_leg *leg, struct zx_sdp *answer, const struct zx_sdp *offer, enum zx_codec codec)
{
	enum zx_codec order[ZX_CODEC_COUNT + 1], got;
	struct zx_sdp a;
	struct sa laddr;
	unsigned n;
	int err = zx_call_leg_media_open(leg, NULL);

	if (err)
		return err;
	sdp_laddr(&laddr, leg);
	zx_call_leg_codecs_learn(leg, offer);
	n = codec_allowed(leg, codec) ? codec_add(order, 0, codec) : 0;
	for (unsigned i = 0; i < leg->allowc; i++)
		n = codec_add(order, n, leg->allow[i]);
	for (unsigned i = 0; i < leg->codecc && !leg->allowc; i++)
		n = codec_add(order, n, leg->codecs[i]);
	err = zx_sdp_answer(&a, offer, &laddr, order, n, ZX_DIR_SENDRECV, &got);
	if (err)
		return err;
	if (leg->no_te)
		a.te_pt = -1;
	leg->srtp_avp = !offer->srtp;
	if (!a.cryptoc)
		leg->desc.tx.suite = ZX_SRTP_NONE;
	else if (leg->desc.tx.suite == a.crypto[0].key.suite)
		a.crypto[0].key = leg->desc.tx; /* a key is not changed without need */
	else
		leg->desc.tx = a.crypto[0].key;
	err = desc_apply(leg, offer, &a.fmts[0], a.dir);
	if (!err)
		*answer = a;
	return err;
}

int zx_call_leg_offer_make(struct zx_leg *leg, struct zx_sdp *offer, const enum zx_codec *first, unsigned n)
{
	static const enum zx_codec all[] = {ZX_CODEC_PCMA, ZX_CODEC_PCMU, ZX_CODEC_G722, ZX_CODEC_G729};
	enum zx_codec order[ZX_CODEC_COUNT];
	struct zx_srtp_key *tx = &leg->desc.tx;
	unsigned c = 0;
	struct sa laddr;
	int err = zx_call_leg_media_open(leg, NULL);

	if (err)
		return err;
	sdp_laddr(&laddr, leg);
	for (unsigned i = 0; i < n && !leg->allowc; i++)
		c = codec_add(order, c, first[i]);
	for (unsigned i = 0; i < leg->allowc; i++)
		c = codec_add(order, c, leg->allow[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(all) && !leg->allowc; i++)
		c = codec_add(order, c, all[i]);
	if (leg->srtp && tx->suite == ZX_SRTP_NONE) {
		if (getrandom(tx->key, sizeof(tx->key), 0) != (ssize_t)sizeof(tx->key))
			return EIO;
		tx->suite = ZX_SRTP_AES_CM_128_HMAC_SHA1_80;
	}
	zx_sdp_offer(offer, &laddr, order, c, ZX_DIR_SENDRECV, tx->suite == ZX_SRTP_NONE ? NULL : tx);
	offer->srtp = offer->srtp && !leg->srtp_avp;
	if (leg->no_te)
		offer->te_pt = -1;
	return 0;
}

/* Is their answer as secure as our offer asked? */
static bool answer_secure(struct zx_leg *leg, struct zx_sdp *answer)
{
	struct zx_srtp_key *tx = &leg->desc.tx;

	if (tx->suite == ZX_SRTP_NONE)
		answer->cryptoc = 0; /* keys nobody asked for */
	else if (leg->srtp_avp && !answer->srtp && !answer->cryptoc)
		tx->suite = ZX_SRTP_NONE;
	return answer->srtp == (tx->suite != ZX_SRTP_NONE && !leg->srtp_avp) && (tx->suite == ZX_SRTP_NONE || answer->cryptoc);
}

int zx_call_leg_offer_done(struct zx_leg *leg, const struct zx_sdp *theirs)
{
	const struct zx_sdp_fmt *fmt = NULL;
	struct zx_sdp copy = *theirs, *answer = &copy;
	int err;

	for (unsigned i = 0; !fmt && i < answer->fmtc; i++) {
		if (answer->fmts[i].codec != ZX_CODEC_NONE)
			fmt = &answer->fmts[i];
	}
	if (!fmt || !leg->stream || !answer_secure(leg, answer))
		return ENOTSUP;
	zx_call_leg_codecs_learn(leg, answer);
	err = desc_apply(leg, answer, fmt, zx_dir_reverse(sa_isset(&answer->rtp, SA_ADDR) ? answer->dir : answer->dir & ZX_DIR_SENDONLY));
	leg->desc.pt_rx = zx_codec_info(fmt->codec)->pt; /* as our offer has it */
	return err ? err : leg->desc.pt_rx == fmt->pt ? 0 : zx_stream_set(leg->stream, &leg->desc);
}
