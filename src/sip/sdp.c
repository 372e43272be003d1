#include "sip/sdp.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

enum {
	MAX_PT = 127,
	MAX_MLINE_FMTS = 64,
	KEY_B64_LEN = 40, /* base64 of ZX_SRTP_KEY_LEN bytes */
	TE_CLOCK = 8000,
	PTIME = 20,
};

/* ---- decoding ---- */

/* What is being read; a media line's own values override the session's. */
struct section {
	struct sa addr; /* c= */
	bool have_addr;
	bool bad_addr; /* c= there, but of no use */
	enum zx_dir dir;
	uint16_t ptime;
};

struct audio {
	uint16_t port;
	uint8_t pts[MAX_MLINE_FMTS];
	unsigned ptc;
	enum zx_codec map[MAX_PT + 1]; /* by rtpmap, ZX_CODEC_NONE when not ours */
	bool mapped[MAX_PT + 1];
	struct sa rtcp_addr;
	uint16_t rtcp_port;
};

struct decoder {
	struct zx_sdp *sdp;
	struct section sess, media;
	struct audio audio;
	bool in_media; /* past the first m= */
	bool in_audio; /* inside the audio line we use */
	bool have_audio;
};

static bool pl_is(const struct pl *pl, const char *s)
{
	return !pl_strcasecmp(pl, s);
}

/* Cuts the next token off `pl`; false at the end. */
static bool token_next(struct pl *pl, struct pl *tok)
{
	while (pl->l && (*pl->p == ' ' || *pl->p == '\t')) {
		pl->p++;
		pl->l--;
	}
	tok->p = pl->p;
	tok->l = 0;
	while (pl->l && *pl->p != ' ' && *pl->p != '\t') {
		pl->p++;
		pl->l--;
		tok->l++;
	}
	return tok->l != 0;
}

/* Decimal number of the whole token, at most max. */
static bool token_u32(const struct pl *tok, uint32_t max, uint32_t *v)
{
	uint64_t n = 0;

	if (!tok->l || tok->l > 10)
		return false;
	for (size_t i = 0; i < tok->l; i++) {
		if (tok->p[i] < '0' || tok->p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(tok->p[i] - '0');
	}
	if (n > max)
		return false;
	*v = (uint32_t)n;
	return true;
}

/* Session ids may be longer than 64 bits in the wild: wraps, which is as good for comparing. */
static uint64_t token_u64(const struct pl *tok)
{
	uint64_t n = 0;

	for (size_t i = 0; i < tok->l && tok->p[i] >= '0' && tok->p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(tok->p[i] - '0');
	return n;
}

/* Copies visible ASCII; cuts at whole tokens when cut is set. */
static int text_copy(char *dst, size_t sz, const struct pl *src, bool cut)
{
	size_t n = src->l;

	for (size_t i = 0; i < src->l; i++) {
		if (src->p[i] < 0x20 || src->p[i] > 0x7e)
			return EBADMSG;
	}
	if (n >= sz) {
		if (!cut)
			return EBADMSG;
		n = sz - 1;
		while (n && src->p[n] != ' ')
			n--;
	}
	memcpy(dst, src->p, n);
	dst[n] = '\0';
	return n ? 0 : EBADMSG;
}

/* "IN IP4 192.0.2.1/127" */
static int conn_decode(struct sa *addr, struct pl *val)
{
	struct pl net, type, a;
	const char *slash;

	if (!token_next(val, &net) || !token_next(val, &type) || !token_next(val, &a))
		return EBADMSG;
	if (!pl_is(&net, "IN") || (!pl_is(&type, "IP4") && !pl_is(&type, "IP6")))
		return EBADMSG;
	slash = memchr(a.p, '/', a.l);
	if (slash)
		a.l = (size_t)(slash - a.p);
	return sa_set(addr, &a, 0);
}

static bool proto_decode(const struct pl *proto, bool *srtp, bool *avpf)
{
	static const struct {
		const char *name;
		bool srtp, avpf;
	} protos[] = {{"RTP/AVP", false, false}, {"RTP/SAVP", true, false}, {"RTP/AVPF", false, true}, {"RTP/SAVPF", true, true}};

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (!pl_is(proto, protos[i].name))
			continue;
		*srtp = protos[i].srtp;
		*avpf = protos[i].avpf;
		return true;
	}
	return false;
}

static void audio_begin(struct decoder *d, uint16_t port, struct pl fmts)
{
	struct pl tok;
	uint32_t pt;

	d->in_audio = d->have_audio = true;
	d->media = d->sess;
	d->audio.port = port;
	while (d->audio.ptc < MAX_MLINE_FMTS && token_next(&fmts, &tok)) {
		if (token_u32(&tok, MAX_PT, &pt))
			d->audio.pts[d->audio.ptc++] = (uint8_t)pt;
	}
}

static int mline_decode(struct decoder *d, struct pl val)
{
	struct zx_sdp *sdp = d->sdp;
	struct pl media, port, proto;
	const char *slash;
	uint32_t n;
	int err;

	d->in_media = true;
	d->in_audio = false;
	if (sdp->mlinec >= ZX_SDP_MLINES)
		return EBADMSG;
	if (!token_next(&val, &media) || !token_next(&val, &port) || !token_next(&val, &proto))
		return EBADMSG;
	slash = memchr(port.p, '/', port.l);
	if (slash)
		port.l = (size_t)(slash - port.p);
	if (!token_u32(&port, 65535, &n))
		return EBADMSG;
	while (val.l && *val.p == ' ') {
		val.p++;
		val.l--;
	}
	err = text_copy(sdp->mlines[sdp->mlinec].media, sizeof(sdp->mlines[0].media), &media, false);
	err |= text_copy(sdp->mlines[sdp->mlinec].proto, sizeof(sdp->mlines[0].proto), &proto, false);
	err |= text_copy(sdp->mlines[sdp->mlinec].fmt, sizeof(sdp->mlines[0].fmt), &val, true);
	if (err)
		return EBADMSG;
	if (!d->have_audio && n && pl_is(&media, "audio") && proto_decode(&proto, &sdp->srtp, &sdp->avpf)) {
		sdp->audio_index = sdp->mlinec;
		audio_begin(d, (uint16_t)n, val);
	}
	sdp->mlinec++;
	return 0;
}

/* "96 G722/8000/1" */
static void rtpmap_decode(struct decoder *d, struct pl val)
{
	struct pl pts, enc, clk;
	const char *slash;
	char name[32];
	uint32_t pt, clock;
	bool stereo = false; /* not ours, whatever its name */

	if (!token_next(&val, &pts) || !token_u32(&pts, MAX_PT, &pt) || !token_next(&val, &enc))
		return;
	slash = memchr(enc.p, '/', enc.l);
	if (!slash)
		return;
	clk.p = slash + 1;
	clk.l = enc.l - (size_t)(clk.p - enc.p);
	enc.l = (size_t)(slash - enc.p);
	slash = memchr(clk.p, '/', clk.l);
	if (slash) {
		struct pl chans = {slash + 1, clk.l - (size_t)(slash + 1 - clk.p)};

		clk.l = (size_t)(slash - clk.p);
		stereo = pl_u32(&chans) > 1;
	}
	if (enc.l >= sizeof(name) || !token_u32(&clk, UINT32_MAX, &clock))
		return;
	memcpy(name, enc.p, enc.l);
	name[enc.l] = '\0';
	d->audio.mapped[pt] = true;
	d->audio.map[pt] = stereo ? ZX_CODEC_NONE : zx_codec_find(name, clock);
	if (!strcasecmp(name, "telephone-event") && clock == TE_CLOCK && d->sdp->te_pt < 0)
		d->sdp->te_pt = (int)pt;
}

static void rtcp_decode(struct decoder *d, struct pl val)
{
	struct pl port;
	uint32_t n;

	if (!token_next(&val, &port) || !token_u32(&port, 65535, &n) || !n)
		return;
	d->audio.rtcp_port = (uint16_t)n;
	if (conn_decode(&d->audio.rtcp_addr, &val))
		sa_init(&d->audio.rtcp_addr, AF_UNSPEC);
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int key_decode(uint8_t key[ZX_SRTP_KEY_LEN], const struct pl *b64)
{
	if (b64->l != KEY_B64_LEN)
		return EBADMSG;
	for (size_t i = 0, o = 0; i < KEY_B64_LEN; i += 4, o += 3) {
		uint32_t v = 0;

		for (size_t j = 0; j < 4; j++) {
			const int x = b64_value(b64->p[i + j]);

			if (x < 0)
				return EBADMSG;
			v = v << 6 | (uint32_t)x;
		}
		key[o] = (uint8_t)(v >> 16);
		key[o + 1] = (uint8_t)(v >> 8);
		key[o + 2] = (uint8_t)v;
	}
	return 0;
}

static const struct {
	enum zx_srtp_suite suite;
	const char *name;
} suites[] = {
    {ZX_SRTP_AES_CM_128_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80"},
    {ZX_SRTP_AES_CM_128_HMAC_SHA1_32, "AES_CM_128_HMAC_SHA1_32"},
};

/* "1 AES_CM_128_HMAC_SHA1_80 inline:KEY[|2^31][|1:4] [session parameters]" (RFC 4568). Lines with an MKI, or with session parameters
 * that change what is on the wire, are passed over: we could not honour them. */
static void crypto_decode(struct decoder *d, struct pl val)
{
	struct zx_sdp *sdp = d->sdp;
	struct pl tag, suite, key, param;
	struct zx_sdp_crypto c = {0};
	const char *bar, *end;

	if (sdp->cryptoc >= ZX_SDP_CRYPTOS)
		return;
	if (!token_next(&val, &tag) || !token_u32(&tag, 999999999, &c.tag) || !token_next(&val, &suite) || !token_next(&val, &key))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		if (pl_is(&suite, suites[i].name))
			c.key.suite = suites[i].suite;
	}
	if (c.key.suite == ZX_SRTP_NONE || key.l < 7 || strncasecmp(key.p, "inline:", 7))
		return;
	pl_advance(&key, 7);
	end = key.p + key.l;
	bar = memchr(key.p, '|', key.l);
	if (memchr(bar ? bar : key.p, ':', (size_t)(end - (bar ? bar : key.p))))
		return;
	if (memchr(key.p, ';', key.l))
		return;
	if (bar)
		key.l = (size_t)(bar - key.p);
	while (token_next(&val, &param)) {
		if (*param.p != '-' && (param.l < 4 || strncasecmp(param.p, "WSH=", 4)))
			return;
	}
	if (!key_decode(c.key.key, &key))
		sdp->crypto[sdp->cryptoc++] = c;
}

static bool dir_decode(const struct pl *name, enum zx_dir *dir)
{
	if (pl_is(name, "sendrecv"))
		*dir = ZX_DIR_SENDRECV;
	else if (pl_is(name, "sendonly"))
		*dir = ZX_DIR_SENDONLY;
	else if (pl_is(name, "recvonly"))
		*dir = ZX_DIR_RECVONLY;
	else if (pl_is(name, "inactive"))
		*dir = ZX_DIR_INACTIVE;
	else
		return false;
	return true;
}

static void attr_decode(struct decoder *d, struct pl val)
{
	struct section *sec = d->in_media ? &d->media : &d->sess;
	struct pl name = val, tok;
	const char *colon = memchr(val.p, ':', val.l);
	uint32_t n;

	if (d->in_media && !d->in_audio)
		return;
	if (colon) {
		name.l = (size_t)(colon - val.p);
		pl_advance(&val, (ssize_t)name.l + 1);
	} else {
		val.l = 0;
	}
	if (dir_decode(&name, &sec->dir))
		return;
	if (pl_is(&name, "ptime")) {
		if (token_next(&val, &tok) && token_u32(&tok, 1000, &n))
			sec->ptime = (uint16_t)n;
	} else if (!d->in_audio) {
		return;
	} else if (pl_is(&name, "rtpmap")) {
		rtpmap_decode(d, val);
	} else if (pl_is(&name, "rtcp")) {
		rtcp_decode(d, val);
	} else if (pl_is(&name, "rtcp-mux")) {
		d->sdp->rtcp_mux = true;
	} else if (pl_is(&name, "crypto")) {
		crypto_decode(d, val);
	}
}

static void conn_line(struct decoder *d, struct pl val)
{
	struct section *sec = d->in_media ? &d->media : &d->sess;

	if (d->in_media && !d->in_audio)
		return;
	sec->have_addr = true;
	sec->bad_addr = conn_decode(&sec->addr, &val) != 0;
}

static void origin_line(struct decoder *d, struct pl val)
{
	struct pl user, id, version;

	if (!token_next(&val, &user) || !token_next(&val, &id) || !token_next(&val, &version))
		return;
	d->sdp->sess_id = token_u64(&id);
	d->sdp->sess_version = token_u64(&version);
}

static enum zx_codec fmt_codec(const struct audio *a, uint8_t pt)
{
	return a->mapped[pt] ? a->map[pt] : pt < 96 ? zx_codec_by_pt(pt) : ZX_CODEC_NONE;
}

/* Formats we know must fit even when the list is long: unknown ones give way. */
static void fmts_fill(struct zx_sdp *sdp, const struct audio *a)
{
	unsigned known = 0;

	for (unsigned i = 0; i < a->ptc; i++)
		known += fmt_codec(a, a->pts[i]) != ZX_CODEC_NONE;
	for (unsigned i = 0; i < a->ptc && sdp->fmtc < ZX_SDP_FMTS; i++) {
		const enum zx_codec c = fmt_codec(a, a->pts[i]);

		if (a->pts[i] == sdp->te_pt)
			continue;
		if (c != ZX_CODEC_NONE)
			known--;
		else if (sdp->fmtc + known >= ZX_SDP_FMTS)
			continue;
		sdp->fmts[sdp->fmtc].codec = c;
		sdp->fmts[sdp->fmtc++].pt = a->pts[i];
	}
}

static int decode_finish(struct decoder *d)
{
	struct zx_sdp *sdp = d->sdp;
	const struct audio *a = &d->audio;
	bool te = false;

	if (!d->have_audio || !d->media.have_addr || d->media.bad_addr)
		return EBADMSG;
	for (unsigned i = 0; i < a->ptc; i++)
		te = te || a->pts[i] == sdp->te_pt;
	if (!te)
		sdp->te_pt = -1;
	fmts_fill(sdp, a);
	if (!sdp->fmtc)
		return EBADMSG;
	sdp->dir = d->media.dir;
	sdp->ptime = d->media.ptime;
	sdp->rtp = d->media.addr;
	sa_set_port(&sdp->rtp, a->port);
	if (a->rtcp_port) {
		sdp->rtcp = sa_isset(&a->rtcp_addr, SA_ADDR) ? a->rtcp_addr : d->media.addr;
		sa_set_port(&sdp->rtcp, a->rtcp_port);
	}
	return 0;
}

static int line_decode(struct decoder *d, char type, struct pl val)
{
	switch (type) {
	case 'o':
		origin_line(d, val);
		return 0;
	case 'c':
		conn_line(d, val);
		return 0;
	case 'm':
		return mline_decode(d, val);
	case 'a':
		attr_decode(d, val);
		return 0;
	default:
		return 0;
	}
}

int zx_sdp_decode(struct zx_sdp *out, const char *p, size_t len)
{
	const char *end = p ? p + len : p;
	struct zx_sdp sdp = {.te_pt = -1};
	struct decoder d = {.sdp = &sdp};
	bool first = true;

	if (!out || !p)
		return EINVAL;
	d.sess.dir = ZX_DIR_SENDRECV;
	sa_init(&d.audio.rtcp_addr, AF_UNSPEC);
	sa_init(&sdp.rtp, AF_UNSPEC);
	sa_init(&sdp.rtcp, AF_UNSPEC);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *e = nl ? nl : end;
		struct pl line = {p, (size_t)(e - p)};
		int err;

		p = nl ? nl + 1 : end;
		while (line.l && line.p[line.l - 1] == '\r')
			line.l--;
		if (!line.l)
			continue;
		if (first && (line.l < 3 || line.p[0] != 'v' || line.p[1] != '=' || line.p[2] != '0'))
			return EBADMSG;
		first = false;
		if (line.l < 2 || line.p[1] != '=')
			continue;
		err = line_decode(&d, line.p[0], (struct pl){line.p + 2, line.l - 2});
		if (err)
			return err;
	}
	if (decode_finish(&d))
		return EBADMSG;
	*out = sdp;
	return 0;
}

/* ---- encoding ---- */

static const char *dir_name(enum zx_dir d)
{
	static const char *const names[] = {"inactive", "sendonly", "recvonly", "sendrecv"};

	return names[d & 3];
}

static int crypto_encode(struct mbuf *mb, const struct zx_sdp_crypto *c)
{
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[KEY_B64_LEN + 1];
	const char *suite = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		if (suites[i].suite == c->key.suite)
			suite = suites[i].name;
	}
	if (!suite)
		return 0;
	for (size_t i = 0, o = 0; i < ZX_SRTP_KEY_LEN; i += 3, o += 4) {
		const uint32_t v = (uint32_t)c->key.key[i] << 16 | (uint32_t)c->key.key[i + 1] << 8 | c->key.key[i + 2];

		for (size_t j = 0; j < 4; j++)
			text[o + j] = b64[v >> (18 - 6 * j) & 63];
	}
	text[KEY_B64_LEN] = '\0';
	return mbuf_printf(mb, "a=crypto:%u %s inline:%s\r\n", c->tag, suite, text);
}

static int fmts_encode(struct mbuf *mb, const struct zx_sdp *sdp)
{
	int err = 0;

	for (unsigned i = 0; i < sdp->fmtc; i++) {
		const struct zx_sdp_fmt *f = &sdp->fmts[i];
		const struct zx_codec_info *ci;

		if (f->codec < 0 || f->codec >= ZX_CODEC_COUNT)
			continue;
		ci = zx_codec_info(f->codec);
		err |= mbuf_printf(mb, "a=rtpmap:%u %s/%u\r\n", f->pt, ci->name, ci->clock);
		if (f->codec == ZX_CODEC_G729)
			err |= mbuf_printf(mb, "a=fmtp:%u annexb=no\r\n", f->pt);
	}
	if (sdp->te_pt >= 0)
		err |= mbuf_printf(mb, "a=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-15\r\n", sdp->te_pt, TE_CLOCK, sdp->te_pt);
	return err;
}

static int audio_encode(struct mbuf *mb, const struct zx_sdp *sdp)
{
	int err;

	err = mbuf_printf(mb, "m=audio %u RTP/%sAVP%s", sa_port(&sdp->rtp), sdp->srtp ? "S" : "", sdp->avpf ? "F" : "");
	for (unsigned i = 0; i < sdp->fmtc; i++)
		err |= mbuf_printf(mb, " %u", sdp->fmts[i].pt);
	if (sdp->te_pt >= 0)
		err |= mbuf_printf(mb, " %d", sdp->te_pt);
	err |= mbuf_write_str(mb, "\r\n");
	err |= fmts_encode(mb, sdp);
	if (sdp->ptime)
		err |= mbuf_printf(mb, "a=ptime:%u\r\n", sdp->ptime);
	for (unsigned i = 0; i < sdp->cryptoc; i++)
		err |= crypto_encode(mb, &sdp->crypto[i]);
	if (sdp->rtcp_mux)
		err |= mbuf_write_str(mb, "a=rtcp-mux\r\n");
	if (sa_isset(&sdp->rtcp, SA_PORT) && sa_port(&sdp->rtcp) != sa_port(&sdp->rtp) + 1 && !sdp->rtcp_mux)
		err |= mbuf_printf(mb, "a=rtcp:%u\r\n", sa_port(&sdp->rtcp));
	err |= mbuf_printf(mb, "a=%s\r\n", dir_name(sdp->dir));
	return err;
}

int zx_sdp_encode(struct mbuf *mb, const struct zx_sdp *sdp)
{
	char addr[64];
	const char *fam;
	int err;

	if (!mb || !sdp || !sdp->fmtc)
		return EINVAL;
	fam = sa_af(&sdp->rtp) == AF_INET6 ? "IP6" : "IP4";
	if (sa_isset(&sdp->rtp, SA_ADDR))
		(void)re_snprintf(addr, sizeof(addr), "%j", &sdp->rtp);
	else
		(void)re_snprintf(addr, sizeof(addr), "%s", sa_af(&sdp->rtp) == AF_INET6 ? "::" : "0.0.0.0");
	err = mbuf_printf(mb, "v=0\r\no=- %llu %llu IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", (unsigned long long)sdp->sess_id,
			  (unsigned long long)sdp->sess_version, fam, addr, fam, addr);
	if (!sdp->mlinec)
		err |= audio_encode(mb, sdp);
	for (unsigned i = 0; i < sdp->mlinec; i++) {
		if (i == sdp->audio_index)
			err |= audio_encode(mb, sdp);
		else
			err |= mbuf_printf(mb, "m=%s 0 %s %s\r\n", sdp->mlines[i].media, sdp->mlines[i].proto, sdp->mlines[i].fmt);
	}
	return err;
}

/* ---- offer and answer ---- */

enum zx_dir zx_dir_reverse(enum zx_dir d)
{
	return (enum zx_dir)((d & ZX_DIR_SENDONLY ? ZX_DIR_RECVONLY : 0) | (d & ZX_DIR_RECVONLY ? ZX_DIR_SENDONLY : 0));
}

static uint64_t session_id_new(void)
{
	return rand_u64() >> 2; /* some phones read it as a signed number */
}

void zx_sdp_offer(struct zx_sdp *offer, const struct sa *laddr, const enum zx_codec *codecs, unsigned n, enum zx_dir dir,
		  const struct zx_srtp_key *srtp)
{
	memset(offer, 0, sizeof(*offer));
	offer->sess_id = session_id_new();
	offer->sess_version = 1;
	offer->rtp = *laddr;
	sa_init(&offer->rtcp, AF_UNSPEC);
	offer->dir = dir;
	offer->te_pt = 101;
	offer->ptime = PTIME;
	for (unsigned i = 0; i < n && offer->fmtc < ZX_SDP_FMTS; i++) {
		if (codecs[i] < 0 || codecs[i] >= ZX_CODEC_COUNT)
			continue;
		offer->fmts[offer->fmtc].codec = codecs[i];
		offer->fmts[offer->fmtc++].pt = zx_codec_info(codecs[i])->pt;
	}
	if (srtp && srtp->suite != ZX_SRTP_NONE) {
		offer->srtp = true;
		offer->crypto[0].tag = 1;
		offer->crypto[0].key = *srtp;
		offer->cryptoc = 1;
	}
}

static const struct zx_sdp_fmt *common_fmt(const struct zx_sdp *offer, const enum zx_codec *codecs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < offer->fmtc; j++) {
			if (codecs[i] != ZX_CODEC_NONE && offer->fmts[j].codec == codecs[i])
				return &offer->fmts[j];
		}
	}
	return NULL;
}

/* One codec only: the other side then cannot change it in mid-call, and every packet means what was agreed. */
int zx_sdp_answer(struct zx_sdp *answer, const struct zx_sdp *offer, const struct sa *laddr, const enum zx_codec *codecs, unsigned n,
		  enum zx_dir dir, enum zx_codec *codec)
{
	const struct zx_sdp_fmt *f = common_fmt(offer, codecs, n);
	enum zx_dir theirs = offer->dir;
	struct zx_sdp a = {0};

	if (!f || (offer->srtp && !offer->cryptoc))
		return ENOTSUP;
	if (!sa_isset(&offer->rtp, SA_ADDR))
		theirs &= ZX_DIR_SENDONLY; /* 0.0.0.0: they want no media, RFC 3264 8.4 */
	a.sess_id = session_id_new();
	a.sess_version = 1;
	a.rtp = *laddr;
	sa_init(&a.rtcp, AF_UNSPEC);
	a.rtcp_mux = offer->rtcp_mux;
	a.srtp = offer->srtp;
	a.avpf = offer->avpf;
	a.dir = dir & zx_dir_reverse(theirs);
	a.fmts[0] = *f;
	a.fmtc = 1;
	a.te_pt = offer->te_pt;
	a.ptime = PTIME;
	if (offer->cryptoc) {
		a.crypto[0].tag = offer->crypto[0].tag;
		a.crypto[0].key.suite = offer->crypto[0].key.suite;
		if (RAND_bytes(a.crypto[0].key.key, ZX_SRTP_KEY_LEN) != 1)
			return EIO;
		a.cryptoc = 1;
	}
	memcpy(a.mlines, offer->mlines, sizeof(a.mlines));
	a.mlinec = offer->mlinec;
	a.audio_index = offer->audio_index;
	*answer = a;
	*codec = f->codec;
	return 0;
}
