/* SDP: reading, writing, offer/answer properties. */
#include "zxtest.h"

#include <errno.h>
#include <stdlib.h>

#include "sip/sdp.h"

static int decode(struct zx_sdp *s, const char *text)
{
	/* exactly sized, so that a byte too far is seen */
	char *p = malloc(strlen(text) ? strlen(text) : 1);
	int err;

	memcpy(p, text, strlen(text));
	err = zx_sdp_decode(s, p, strlen(text));
	free(p);
	return err;
}

static const char *encode(const struct zx_sdp *s)
{
	static char buf[4096];
	struct mbuf *mb = mbuf_alloc(64);

	buf[0] = '\0';
	if (!zx_sdp_encode(mb, s))
		snprintf(buf, sizeof(buf), "%.*s", (int)mb->end, (char *)mb->buf);
	mem_deref(mb);
	return buf;
}

#define HEAD "v=0\r\no=x 12 34 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

ZX_TEST(reads)
{
	struct zx_sdp s;
	char addr[64];

	ZX_CHECK(!decode(&s,
			 HEAD "m=audio 4000 RTP/AVP 8 0 18 96 101 13\r\na=rtpmap:96 G722/8000/1\r\na=rtpmap:101 telephone-event/8000\r\n"
			      "a=fmtp:101 0-16\r\na=ptime:30\r\na=rtcp:4010 IN IP4 192.0.2.9\r\na=sendonly\r\n"));
	ZX_CHECK_EQ(s.sess_id, 12);
	ZX_CHECK_EQ(s.sess_version, 34);
	ZX_CHECK_EQ(s.fmtc, 5);
	ZX_CHECK_EQ(s.fmts[0].codec, ZX_CODEC_PCMA);
	ZX_CHECK_EQ(s.fmts[2].codec, ZX_CODEC_G729);
	ZX_CHECK_EQ(s.fmts[3].codec, ZX_CODEC_G722);
	ZX_CHECK_EQ(s.fmts[3].pt, 96);
	ZX_CHECK_EQ(s.fmts[4].codec, ZX_CODEC_NONE);
	ZX_CHECK_EQ(s.te_pt, 101);
	ZX_CHECK_EQ(s.ptime, 30);
	ZX_CHECK_EQ(s.dir, ZX_DIR_SENDONLY);
	ZX_CHECK_EQ(sa_port(&s.rtp), 4000);
	re_snprintf(addr, sizeof(addr), "%J", &s.rtcp);
	ZX_CHECK_STR(addr, "192.0.2.9:4010");
	/* LF only, session-level direction overridden, IPv6, unknown lines, media-level address */
	ZX_CHECK(!decode(
	    &s, "v=0\no=- 1 1 IN IP6 ::1\ns=x y\nb=AS:64\nc=IN IP6 2001:db8::1\nt=0 0\na=inactive\nz=what\n\nm=audio 5000 RTP/AVPF 0\n"
		"c=IN IP6 2001:db8::2\na=sendrecv\na=rtcp-mux\nm=video 6000 RTP/AVP 99\na=sendonly\nc=IN IP4 1.2.3.4"));
	re_snprintf(addr, sizeof(addr), "%j", &s.rtp);
	ZX_CHECK_STR(addr, "2001:db8::2");
	ZX_CHECK(s.avpf && s.rtcp_mux && s.dir == ZX_DIR_SENDRECV && s.mlinec == 2);
	/* a dynamic type redefines a static one; names of other codecs are not ours */
	ZX_CHECK(!decode(&s, HEAD "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 opus/48000/2\r\n"));
	ZX_CHECK_EQ(s.fmts[0].codec, ZX_CODEC_NONE);
	/* old hold, multicast suffix, port count */
	ZX_CHECK(!decode(&s, "v=0\r\no=x 1 1 IN IP4 1.1.1.1\r\nc=IN IP4 0.0.0.0/127\r\nm=audio 4000/2 RTP/AVP 0\r\n"));
	ZX_CHECK(!sa_isset(&s.rtp, SA_ADDR));
	/* the second audio line is the usable one */
	ZX_CHECK(!decode(&s, HEAD "m=audio 0 RTP/AVP 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nm=audio 4000 RTP/AVP 8\r\n"));
	ZX_CHECK_EQ(s.audio_index, 2);
	ZX_CHECK_EQ(s.fmts[0].codec, ZX_CODEC_PCMA);
}

ZX_TEST(refuses)
{
	static const char *const bad[] = {
	    "",
	    "\r\n",
	    "v=1\r\n",
	    "hello",
	    "v=0",
	    HEAD,
	    HEAD "m=audio 0 RTP/AVP 0\r\n",
	    HEAD "m=audio 4000 RTP/AVP\r\n",
	    HEAD "m=audio 4000\r\n",
	    HEAD "m=audio 70000 RTP/AVP 0\r\n",
	    HEAD "m=audio x RTP/AVP 0\r\n",
	    HEAD "m=video 4000 RTP/AVP 0\r\n",
	    HEAD "m=audio 4000 RTP/AVP 200\r\n",
	    HEAD "m=audio 4000 RTP/AVP \x01\r\n",
	    "v=0\r\nm=audio 4000 RTP/AVP 0\r\n",
	    "v=0\r\nc=IN IP4 host.example\r\nm=audio 4000 RTP/AVP 0\r\n",
	    HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 1.2\r\n",
	    HEAD "m=a 1 b 1\r\nm=a 1 b 1\r\nm=a 1 b 1\r\nm=a 1 b 1\r\nm=a 1 b 1\r\nm=a 1 b 1\r\nm=a 1 b 1\r\nm=a 1 b 1\r\nm=audio 4000 "
		 "RTP/AVP 0\r\n",
	};
	struct zx_sdp s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!decode(&s, bad[i]))
			fprintf(stderr, "taken: %zu %s\n", i, bad[i]);
		ZX_CHECK_EQ(decode(&s, bad[i]), EBADMSG);
	}
	ZX_CHECK_EQ(zx_sdp_decode(NULL, "v=0", 3), EINVAL);
	ZX_CHECK_EQ(zx_sdp_decode(&s, NULL, 3), EINVAL);
	s.fmtc = 0;
	ZX_CHECK_STR(encode(&s), "");
}

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"

ZX_TEST(crypto)
{
	struct zx_sdp s, a;
	enum zx_codec list[] = {ZX_CODEC_PCMA}, c;
	struct sa sa;

	sa_set_str(&sa, "127.0.0.1", 30000);
	ZX_CHECK(!decode(&s, HEAD "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:" KEY "\r\n"
				  "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^20|1:4\r\n"
				  "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^20 UNENCRYPTED_SRTP\r\n"
				  "a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:short\r\n"
				  "a=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^20 WSH=64\r\n"
				  "a=crypto:6 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"));
	ZX_CHECK(s.srtp);
	ZX_CHECK_EQ(s.cryptoc, 2);
	ZX_CHECK_EQ(s.crypto[0].tag, 5);
	for (unsigned i = 0; i < ZX_SRTP_KEY_LEN; i++)
		ZX_CHECK_EQ(s.crypto[0].key.key[i], i);
	ZX_CHECK(!zx_sdp_answer(&a, &s, &sa, list, 1, ZX_DIR_SENDRECV, &c));
	ZX_CHECK(a.srtp && a.cryptoc == 1 && a.crypto[0].tag == 5 && a.crypto[0].key.suite == ZX_SRTP_AES_CM_128_HMAC_SHA1_32);
	ZX_CHECK(memcmp(a.crypto[0].key.key, s.crypto[0].key.key, ZX_SRTP_KEY_LEN));
	ZX_CHECK(strstr(encode(&a), "RTP/SAVP 8\r\n") && strstr(encode(&a), "a=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:"));
	/* what is written is read as it was */
	ZX_CHECK(!decode(&s, encode(&a)));
	ZX_CHECK(!memcmp(&s.crypto[0].key, &a.crypto[0].key, sizeof(s.crypto[0].key)));

	/* best effort: keys with the plain profile, answered so; without usable keys it is plain */
	ZX_CHECK(!decode(&s, HEAD "m=audio 4000 RTP/AVP 8\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"));
	ZX_CHECK(!s.srtp && s.cryptoc == 1);
	ZX_CHECK_EQ(zx_sdp_answer(&a, &s, &sa, list, 1, ZX_DIR_SENDRECV, &c), 0);
	ZX_CHECK(strstr(encode(&a), "RTP/AVP 8\r\n") && strstr(encode(&a), "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:"));
	ZX_CHECK(!decode(&s, HEAD "m=audio 4000 RTP/AVP 8\r\na=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:" KEY "\r\n"));
	ZX_CHECK_EQ(zx_sdp_answer(&a, &s, &sa, list, 1, ZX_DIR_SENDRECV, &c), 0);
	ZX_CHECK(a.cryptoc == 0 && !strstr(encode(&a), "crypto"));
	ZX_CHECK(!decode(&s, HEAD "m=audio 4000 RTP/SAVP 8\r\n"));
	ZX_CHECK_EQ(zx_sdp_answer(&a, &s, &sa, list, 1, ZX_DIR_SENDRECV, &c), ENOTSUP);
}

ZX_TEST(answers)
{
	enum zx_codec list[] = {ZX_CODEC_G722, ZX_CODEC_PCMU, ZX_CODEC_PCMA}, c;
	struct zx_sdp s, a;
	struct sa sa;

	sa_set_str(&sa, "127.0.0.1", 30000);
	ZX_CHECK(!decode(
	    &s, HEAD "m=video 6000 RTP/AVP 99 100\r\nm=audio 4000 RTP/AVP 18 8 96\r\na=rtpmap:96 G722/8000\r\nm=image 1 udptl t38\r\n"));
	ZX_CHECK(!zx_sdp_answer(&a, &s, &sa, list, 3, ZX_DIR_SENDRECV, &c));
	ZX_CHECK_EQ(c, ZX_CODEC_G722);
	ZX_CHECK(strstr(encode(&a), "m=video 0 RTP/AVP 99 100\r\nm=audio 30000 RTP/AVP 96\r\na=rtpmap:96 G722/8000\r\n"));
	ZX_CHECK(strstr(encode(&a), "m=image 0 udptl t38\r\n"));
	list[0] = list[1] = ZX_CODEC_NONE;
	ZX_CHECK(!zx_sdp_answer(&a, &s, &sa, list, 3, ZX_DIR_SENDRECV, &c));
	ZX_CHECK_EQ(c, ZX_CODEC_PCMA);
	ZX_CHECK_EQ(zx_sdp_answer(&a, &s, &sa, list, 2, ZX_DIR_SENDRECV, &c), ENOTSUP);
}

ZX_TEST(directions)
{
	/* answer to each offered direction (inactive, sendonly, recvonly, sendrecv) for each wish of ours; RFC 3264 6.1 */
	static const enum zx_dir want[4][4] = {
	    {0, 0, 0, 0},
	    {0, 0, ZX_DIR_RECVONLY, ZX_DIR_RECVONLY},
	    {0, ZX_DIR_SENDONLY, 0, ZX_DIR_SENDONLY},
	    {0, ZX_DIR_SENDONLY, ZX_DIR_RECVONLY, ZX_DIR_SENDRECV},
	};
	enum zx_codec list[] = {ZX_CODEC_PCMA}, c;
	struct zx_sdp s, a;
	struct sa sa;

	sa_set_str(&sa, "127.0.0.1", 30000);
	for (int offered = 0; offered < 4; offered++) {
		for (int wish = 0; wish < 4; wish++) {
			zx_sdp_offer(&s, &sa, list, 1, (enum zx_dir)offered, NULL);
			ZX_CHECK(!zx_sdp_answer(&a, &s, &sa, list, 1, (enum zx_dir)wish, &c));
			ZX_CHECK_EQ(a.dir, want[offered][wish]);
			sa_set_str(&s.rtp, "0.0.0.0", 4000); /* never sends to nowhere */
			ZX_CHECK(!zx_sdp_answer(&a, &s, &sa, list, 1, (enum zx_dir)wish, &c));
			ZX_CHECK(!(a.dir & ZX_DIR_SENDONLY));
		}
		ZX_CHECK_EQ(zx_dir_reverse(zx_dir_reverse((enum zx_dir)offered)), offered);
	}
}

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Random offers of any shape: whatever is taken is answered within what was offered. */
ZX_TEST(properties)
{
	static const char *const medias[] = {"audio", "video", "image", "text"};
	static const char *const protos[] = {"RTP/AVP", "RTP/SAVP", "RTP/AVPF", "RTP/SAVPF", "udptl", "TCP/BFCP"};
	enum zx_codec all[] = {ZX_CODEC_PCMU, ZX_CODEC_PCMA, ZX_CODEC_G722, ZX_CODEC_G729}, c;
	unsigned answered = 0;
	struct sa sa;

	seed = 4242;
	sa_set_str(&sa, "127.0.0.1", 30000);
	for (int round = 0; round < 20000; round++) {
		struct zx_sdp s, a, b;
		char text[4000] = HEAD;
		size_t n = strlen(text);
		unsigned mlines = rnd(5);

		for (unsigned m = 0; m < mlines; m++) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "m=%s %u %s", medias[rnd(2) ? 0 : rnd(4)],
					      rnd(4) ? 4000 + rnd(100) : 0, protos[rnd(3) ? 0 : rnd(6)]);
			for (unsigned f = rnd(20); f > 0; f--)
				n += (size_t)snprintf(text + n, sizeof(text) - n, " %u", rnd(3) ? (rnd(2) ? 8u : 18u) : rnd(140));
			n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\na=rtpmap:%u %s/8000\r\n", 96 + rnd(10),
					      rnd(2) ? "G722" : "telephone-event");
			if (rnd(2))
				n += (size_t)snprintf(text + n, sizeof(text) - n, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n");
		}
		if (decode(&s, text))
			continue;
		ZX_CHECK_EQ(s.mlinec, mlines);
		ZX_CHECK(s.fmtc <= ZX_SDP_FMTS && s.audio_index < s.mlinec);
		if (zx_sdp_answer(&a, &s, &sa, all, 1 + rnd(4), ZX_DIR_SENDRECV, &c))
			continue;
		answered++;
		ZX_CHECK(!decode(&b, encode(&a)));
		ZX_CHECK_EQ(b.mlinec, s.mlinec);
		ZX_CHECK_EQ(b.audio_index, s.audio_index);
		ZX_CHECK_EQ(b.srtp, s.srtp);
		ZX_CHECK_EQ(b.fmts[0].codec, c);
		for (unsigned i = 0; i < b.fmtc; i++) {
			bool found = false;

			for (unsigned j = 0; j < s.fmtc; j++)
				found = found || (s.fmts[j].pt == b.fmts[i].pt && s.fmts[j].codec == b.fmts[i].codec);
			ZX_CHECK(found);
		}
		ZX_CHECK(b.te_pt == s.te_pt);
		for (unsigned i = 0; i < s.mlinec; i++)
			ZX_CHECK_STR(b.mlines[i].media, s.mlines[i].media);
	}
	ZX_CHECK(answered > 1000);
}

/* Every cut and every changed byte of a good description: no crash, no byte too far. */
ZX_TEST(broken)
{
	const char *good =
	    HEAD "m=audio 4000 RTP/SAVP 8 0 96 101\r\na=rtpmap:96 G722/8000\r\na=rtcp:4001\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
		 "inline:" KEY "|2^31\r\na=ptime:20\r\n";
	char buf[600];
	struct zx_sdp s;

	seed = 1;
	for (size_t l = 0; l <= strlen(good); l++) {
		memcpy(buf, good, l);
		buf[l] = '\0';
		(void)decode(&s, buf);
		for (int k = 0; k < 20 && l; k++) {
			snprintf(buf, sizeof(buf), "%s", good);
			buf[l - 1] = (char)(1 + rnd(255));
			(void)decode(&s, buf);
		}
	}
}

ZX_MAIN({"reads what phones send", reads}, {"refuses what is not usable", refuses}, {"SDES keys", crypto},
	{"answers: codec choice, other media refused", answers}, {"direction table", directions},
	{"random offers: answers stay within them", properties}, {"cut and damaged", broken})
