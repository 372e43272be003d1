/* Packets between phones: relay, transcoding, SRTP, continuity, DTMF, latching, ports. */
#include "media_util.h"

ZX_TEST(relay)
{
	struct zx_stream *a, *b;

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMA, &a, &b, 1000);
	settle(p, 2);
	ZX_CHECK(heard(&p[0], 1000) > 0.95);
	ZX_CHECK(heard(&p[1], 600) > 0.95);
	ZX_CHECK_EQ(p[1].gaps + p[1].backwards + p[1].ssrcs + p[1].bad, 0);
	ZX_CHECK(p[1].rx >= 48);
	ZX_CHECK(ntohs(p[1].rx_from.sin_port) == sa_port(zx_stream_laddr(b)));
	struct zx_stream_stats st = stats_of(a);
	ZX_CHECK_EQ(st.rx_packets, 50);
	ZX_CHECK_EQ(st.rx_lost, 0);
	ZX_CHECK(st.mos > 4.2f && st.mos < 4.6f);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_FIRST_RTP), 2);
	struct zx_media_stats ms;
	zx_media_stats(fx.m, &ms);
	ZX_CHECK_EQ(ms.streams, 2);
	ZX_CHECK_EQ(ms.ports_free, 1998);
	ZX_CHECK(ms.rx_packets >= 98 && ms.tx_packets >= 98);
	pair_end(a, b);
}

ZX_TEST(transcoding)
{
	for (int a = 0; a < ZX_CODEC_COUNT; a++) {
		for (int b = 0; b < ZX_CODEC_COUNT; b++) {
			struct zx_stream *sa_, *sb;
			fx_open();
			pair((enum zx_codec)a, (enum zx_codec)b, &sa_, &sb, 700);
			double x = heard(&p[0], 1000), y = heard(&p[1], 600);
			double want = a == ZX_CODEC_G729 || b == ZX_CODEC_G729 ? 0.7 : 0.95;
			if (x < want || y < want)
				fprintf(stderr, "%d %d: %.2f %.2f\n", a, b, x, y);
			ZX_CHECK(x > want && y > want);
			double l = level(p[1].pcm + p[1].n - 2400, 2400, 1);
			ZX_CHECK(l > 4000 && l < 7500); /* 5657 was sent */
			ZX_CHECK_EQ(p[1].gaps + p[1].backwards + p[1].bad, 0);
			pair_end(sa_, sb);
		}
	}
}

static void key_make(struct zx_srtp_key *k, uint8_t seed, enum zx_srtp_suite suite)
{
	k->suite = suite;
	for (int i = 0; i < ZX_SRTP_KEY_LEN; i++)
		k->key[i] = (uint8_t)(seed + i * 7);
}

ZX_TEST(srtp)
{
	fx_open();
	phone_open(&p[0], ZX_CODEC_PCMA, 600);
	phone_open(&p[1], ZX_CODEC_PCMU, 1000);
	struct zx_stream *a = stream_open(NULL), *b = stream_open(a);
	struct zx_stream_desc d = desc_of(&p[0]);
	key_make(&d.tx, 1, ZX_SRTP_AES_CM_128_HMAC_SHA1_80);
	key_make(&d.rx, 99, ZX_SRTP_AES_CM_128_HMAC_SHA1_80);
	ZX_CHECK_EQ(zx_srtp_set(&p[0].srtp, &d.rx, &d.tx, p[0].tx.ssrc), 0);
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	d = desc_of(&p[1]);
	key_make(&d.tx, 5, ZX_SRTP_AES_CM_128_HMAC_SHA1_32);
	key_make(&d.rx, 6, ZX_SRTP_AES_CM_128_HMAC_SHA1_32);
	ZX_CHECK_EQ(zx_srtp_set(&p[1].srtp, &d.rx, &d.tx, p[1].tx.ssrc), 0);
	ZX_CHECK_EQ(zx_stream_set(b, &d), 0);
	phone_to(&p[0], a);
	phone_to(&p[1], b);
	ZX_CHECK_EQ(zx_stream_bridge(a, b), 0);
	talk(p, 2, 600);
	ZX_CHECK_EQ(zx_stream_set(b, &d), 0); /* the same keys again: the context goes on */
	talk(p, 2, 400);
	ZX_CHECK(heard(&p[0], 1000) > 0.95 && heard(&p[1], 600) > 0.95);
	ZX_CHECK_EQ(p[0].bad + p[1].bad + p[0].gaps + p[1].gaps, 0);
	/* plain RTP from the right address is not believed */
	struct zx_srtp *keep = p[0].srtp;
	p[0].srtp = NULL;
	phone_send(&p[0]);
	settle(p, 2);
	ZX_CHECK_EQ(stats_of(a).rx_foreign, 1);
	p[0].srtp = keep;
	pair_end(a, b);
}

ZX_TEST(continuity)
{
	struct zx_stream *a, *b;
	struct zx_play moh = {.file = "moh/default"}, busy = {.tone = ZX_TONE_BUSY, .max_ms = 300};

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMA, &a, &b, 300);
	ZX_CHECK_EQ(zx_stream_play(b, &moh, NULL), 0); /* on hold */
	talk(p, 2, 900);
	ZX_CHECK(heard(&p[1], 700) > 0.9);
	ZX_CHECK(heard(&p[0], 1000) > 0.9);
	ZX_CHECK_EQ(zx_stream_play_stop(b), 0);
	talk(p, 2, 700);
	ZX_CHECK(heard(&p[1], 600) > 0.9);
	ZX_CHECK_EQ(zx_stream_play(b, &busy, NULL), 0);
	talk(p, 2, 500);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_PLAY_DONE), 1);
	phone_open(&p[2], ZX_CODEC_PCMA, 1400); /* transferred */
	struct zx_stream *c = stream_for(&p[2], NULL);
	ZX_CHECK_EQ(zx_stream_bridge(c, b), 0); /* b moves to c's thread */
	talk(p, 3, 800);
	ZX_CHECK(heard(&p[1], 1400) > 0.9);
	ZX_CHECK(heard(&p[2], 1000) > 0.9);
	ZX_CHECK_EQ(p[1].ssrcs + p[1].backwards, 0);
	ZX_CHECK(p[1].gaps <= 1); /* a packet may cross the command */
	ZX_CHECK(p[1].markers >= 5);
	phone_clear(&p[0]);
	talk(p, 3, 200);
	ZX_CHECK_EQ(p[0].rx, 0);
	mem_deref(c);
	phone_close(&p[2]);
	pair_end(a, b);
}

ZX_TEST(losses_stay_visible)
{
	struct zx_stream *a, *b;

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMA, &a, &b, 200);
	for (int i = 0; i < 40; i++) {
		if (i == 10 || i == 20) {
			p[0].tx.seq++; /* lost on the way */
			p[0].tx.ts += 160;
		}
		talk(p, 2, 20);
	}
	settle(p, 2);
	ZX_CHECK_EQ(p[1].gaps, 2);
	ZX_CHECK_EQ(stats_of(a).rx_lost, 2);
	ZX_CHECK_EQ(stats_of(b).rx_lost, 0);
	/* reordered packets pass and count as received */
	phone_clear(&p[1]);
	p[0].tx.seq++;
	p[0].tx.ts += 160;
	phone_send(&p[0]);
	p[0].tx.seq = (uint16_t)(p[0].tx.seq - 2);
	p[0].tx.ts -= 320;
	phone_send(&p[0]);
	p[0].tx.seq++;
	p[0].tx.ts += 160;
	settle(p, 2);
	ZX_CHECK_EQ(p[1].rx, 2);
	ZX_CHECK_EQ(p[1].backwards, 1);
	ZX_CHECK_EQ(stats_of(a).rx_lost, 2);
	ZX_CHECK(stats_of(a).mos < stats_of(b).mos);
	pair_end(a, b);
}

ZX_TEST(prompts_and_tones)
{
	struct zx_play f = {.file = "moh/default", .repeat = 1}, none = {.file = "no/such"}, t = {.tone = ZX_TONE_RINGBACK},
		       abs = {.repeat = 2};
	char path[128];
	uint32_t id = 0;

	fx_open();
	phone_open(&p[0], ZX_CODEC_G722, 0);
	struct zx_stream *a = stream_for(&p[0], NULL);
	ZX_CHECK_EQ(zx_stream_play(a, &none, NULL), ENOENT);
	ZX_CHECK_EQ(zx_stream_play(a, &f, &id), 0);
	talk(p, 1, 900);
	settle(p, 1);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_PLAY_DONE), 1);
	ZX_CHECK_EQ(fx.ev[fx.nev - 1].play, id);
	ZX_CHECK_EQ(p[0].n, 4000); /* half a second, at 8 kHz */
	ZX_CHECK(tone_share(p[0].pcm + 800, 2400, 1, 700) > 0.95);
	phone_clear(&p[0]);
	ZX_CHECK_EQ(zx_stream_play(a, &t, &id), 0);
	talk(p, 1, 1600);
	ZX_CHECK(tone_share(p[0].pcm, 7200, 1, 450) > 0.95);
	ZX_CHECK(level(p[0].pcm + 8400, 3200, 1) < 100); /* 1 s on, 4 s off */
	snprintf(path, sizeof(path), "%s/one.wav", fx.dir);
	fx_wav(path, 8000, 1200, 0.1);
	abs.file = path;
	phone_clear(&p[0]);
	ZX_CHECK_EQ(zx_stream_play(a, &abs, &id), 0);
	talk(p, 1, 500);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_PLAY_DONE), 2);
	ZX_CHECK(tone_share(p[0].pcm + p[0].n - 1200, 1000, 1, 1200) > 0.9);
	abs.file = "/no/such/file.wav"; /* not looked for on the loop: it just ends */
	ZX_CHECK_EQ(zx_stream_play(a, &abs, &id), 0);
	talk(p, 1, 200);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_PLAY_DONE), 3);
	mem_deref(a);
	phone_close(&p[0]);
	fx_close();
}

ZX_TEST(dtmf)
{
	struct zx_stream *a, *b;

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMU, &a, &b, 200);
	p[1].te_pt = 96;
	struct zx_stream_desc d = desc_of(&p[1]);
	ZX_CHECK_EQ(zx_stream_set(b, &d), 0);
	pump(10); /* the order is on its way */
	phone_press(&p[0], 5, 5, 3);
	talk(p, 2, 100);
	settle(p, 2);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_DTMF), 1); /* the end came three times */
	ZX_CHECK_EQ(fx.ev[fx.nev - 1].digit, '5');
	ZX_CHECK_EQ(fx.ev[fx.nev - 1].duration_ms, 100);
	ZX_CHECK_EQ(p[1].te, 8);
	ZX_CHECK_EQ(p[1].te_event, 5);
	ZX_CHECK_EQ(p[1].backwards + p[1].gaps, 0);
	phone_press(&p[0], 11, 5, 0); /* the end got lost */
	talk(p, 2, 1500);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_DTMF), 2);
	ZX_CHECK_EQ(fx.ev[fx.nev - 1].digit, '#');
	/* ours */
	phone_clear(&p[1]);
	ZX_CHECK_EQ(zx_stream_dtmf(b, '7', 100), 0);
	ZX_CHECK_EQ(zx_stream_dtmf(b, 'x', 100), EINVAL);
	talk(p, 2, 600);
	ZX_CHECK_EQ(p[1].te, 8 - 1);
	ZX_CHECK_EQ(p[1].te_event, 7);
	ZX_CHECK(p[1].te_end);
	ZX_CHECK_EQ(p[1].backwards + p[1].gaps, 0);
	ZX_CHECK(heard(&p[1], 600) > 0.5); /* audio goes on after it */
	/* as audio */
	d.te_pt = -1;
	ZX_CHECK_EQ(zx_stream_set(b, &d), 0);
	p[0].hz = 0;
	talk(p, 2, 60);
	phone_clear(&p[1]);
	ZX_CHECK_EQ(zx_stream_dtmf(b, '1', 400), 0);
	talk(p, 2, 500);
	ZX_CHECK(tone_share(p[1].pcm, 3000, 1, 697) > 0.3 && tone_share(p[1].pcm, 3000, 1, 1209) > 0.4);
	/* a press relayed to a side without telephone-event becomes audio */
	phone_clear(&p[1]);
	phone_press(&p[0], 9, 10, 3);
	talk(p, 2, 400);
	ZX_CHECK(tone_share(p[1].pcm, 1400, 1, 852) > 0.3 && tone_share(p[1].pcm, 1400, 1, 1477) > 0.4);
	pair_end(a, b);
}

ZX_TEST(latching)
{
	struct zx_stream_desc d;

	fx_open();
	phone_open(&p[0], ZX_CODEC_PCMA, 600);
	phone_open(&p[1], ZX_CODEC_PCMA, 0);
	phone_open(&p[2], ZX_CODEC_PCMA, 0); /* attacker */
	struct zx_stream *a = stream_open(NULL), *b = stream_for(&p[1], a);
	d = desc_of(&p[0]);
	sa_set_str(&d.rtp, "192.0.2.7", 4000); /* behind a NAT: not where it comes from */
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	ZX_CHECK_EQ(zx_stream_bridge(a, b), 0);
	phone_to(&p[0], a);
	phone_to(&p[2], a);
	pump(40);
	talk(p, 2, 200);
	settle(p, 2);
	ZX_CHECK_EQ(p[1].rx, 9); /* the first packet was the probe */
	p[2].hz = 2000;
	phone_clear(&p[1]);
	talk(p, 3, 600);
	settle(p, 3);
	ZX_CHECK(heard(&p[1], 600) > 0.95);
	ZX_CHECK_EQ(stats_of(a).rx_foreign, 30);
	ZX_CHECK_EQ(p[1].rx, 30);
	/* the source goes silent: a stranger's own stream still gets nothing */
	p[0].hz = 0;
	talk(p, 3, 2400);
	phone_clear(&p[1]);
	talk(p, 3, 200);
	ZX_CHECK_EQ(p[1].rx, 0);
	/* its NAT gave it another port: the same stream goes on */
	p[2].hz = 0;
	close(p[0].fd);
	union zx_addr any = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	ZX_CHECK_EQ(zx_udp_open(&any, &p[0].fd), 0);
	p[0].hz = 600;
	p[1].hz = 1000;
	talk(p, 3, 600);
	ZX_CHECK(p[1].rx >= 25 && p[0].rx >= 25);
	pair_end(a, b);
	phone_close(&p[2]);
}

ZX_TEST(rearmed_by_a_new_address)
{
	struct zx_stream *a, *b;

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMA, &a, &b, 200);
	phone_open(&p[2], ZX_CODEC_PCMA, 1700);
	struct zx_stream_desc d = desc_of(&p[2]);
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	phone_to(&p[2], a);
	p[0].hz = 0;
	talk(p, 3, 700);
	ZX_CHECK(heard(&p[1], 1700) > 0.95);
	ZX_CHECK(heard(&p[2], 1000) > 0.95);
	p[0].hz = 600;
	phone_clear(&p[0]);
	talk(p, 3, 300); /* the old one has no say any more */
	ZX_CHECK(heard(&p[1], 1700) > 0.95);
	ZX_CHECK_EQ(p[0].rx, 0);
	/* strict: only from the signalled host */
	phone_close(&p[2]);
	pair_end(a, b);
}

ZX_TEST(hold_directions)
{
	struct zx_stream *a, *b;

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMA, &a, &b, 200);
	struct zx_stream_desc d = desc_of(&p[0]);
	d.dir = ZX_DIR_SENDONLY; /* what a sends is not wanted */
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	settle(p, 2);
	phone_clear(&p[0]);
	phone_clear(&p[1]);
	talk(p, 2, 400);
	ZX_CHECK_EQ(p[1].rx, 0);
	ZX_CHECK(p[0].rx >= 19);
	d.dir = ZX_DIR_INACTIVE;
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	settle(p, 2);
	phone_clear(&p[0]);
	talk(p, 2, 200);
	ZX_CHECK_EQ(p[0].rx + p[1].rx, 0);
	d.dir = ZX_DIR_SENDRECV;
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	talk(p, 2, 400);
	ZX_CHECK(p[0].rx >= 18 && p[1].rx >= 18);
	ZX_CHECK_EQ(p[0].ssrcs + p[1].ssrcs + p[1].backwards, 0);
	pair_end(a, b);
}

ZX_TEST(other_frame_lengths)
{
	fx_open();
	phone_open(&p[0], ZX_CODEC_PCMA, 600);
	p[0].frame = 240;
	phone_open(&p[1], ZX_CODEC_PCMA, 0);
	phone_open(&p[2], ZX_CODEC_G729, 0);
	struct zx_stream *a = stream_for(&p[0], NULL), *b = stream_for(&p[1], a);
	ZX_CHECK_EQ(zx_stream_bridge(a, b), 0);
	pump(10);
	talk(p, 2, 200);
	settle(p, 2);
	ZX_CHECK_EQ(p[1].n, 10 * 240);
	ZX_CHECK(heard(&p[1], 600) > 0.95);
	struct zx_stream *c = stream_for(&p[2], a);
	ZX_CHECK_EQ(zx_stream_bridge(a, c), 0);
	pump(40);
	talk(p, 3, 300);
	settle(p, 3);
	ZX_CHECK(p[2].n >= 14 * 240);
	mem_deref(c);
	phone_close(&p[2]);
	pair_end(a, b);
}

ZX_TEST(silent_source)
{
	fx_open();
	phone_open(&p[0], ZX_CODEC_PCMA, 0);
	struct zx_stream *a = stream_open(NULL);
	struct zx_stream_desc d = desc_of(&p[0]);
	d.timeout_ms = 500;
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	talk(p, 1, 2600);
	ZX_CHECK_EQ(fx_count(ZX_STREAM_TIMEOUT), 1);
	ZX_CHECK_EQ(p[0].rx, 0);
	talk(p, 1, 4000);
	ZX_CHECK(p[0].rx >= 1); /* silence now and then keeps a NAT open */
	mem_deref(a);
	phone_close(&p[0]);
	fx_close();
}

/* The first of ten that nobody has, below the ephemeral ones. */
static uint16_t ports_unused(void)
{
	const unsigned start = (unsigned)getpid() % 250;

	for (unsigned i = 0; i < 250; i++) {
		const uint16_t base = (uint16_t)(30000 + (start + i) % 250 * 10);
		unsigned n = 0;

		for (; n < 10; n++) {
			const union zx_addr a = {.in = {.sin_family = AF_INET,
							.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
							.sin_port = htons((uint16_t)(base + n))}};
			int fd = -1;

			if (zx_udp_open(&a, &fd))
				break;
			close(fd);
		}
		if (n == 10)
			return base;
	}
	return 30000;
}

ZX_TEST(ports)
{
	struct zx_stream *s[6] = {0};
	struct zx_media_stats st;
	struct sa sa;

	const uint16_t base = ports_unused();

	fx_open_ports(base, base + 9);
	sa_set_str(&sa, "127.0.0.1", 0);
	for (int i = 0; i < 5; i++) {
		ZX_CHECK_EQ(zx_stream_alloc(&s[i], fx.m, &sa, NULL, NULL, NULL), 0);
		ZX_CHECK_EQ(sa_port(zx_stream_laddr(s[i])) % 2, 0);
		for (int k = 0; k < i; k++)
			ZX_CHECK(sa_port(zx_stream_laddr(s[i])) != sa_port(zx_stream_laddr(s[k])));
	}
	ZX_CHECK_EQ(zx_stream_alloc(&s[5], fx.m, &sa, NULL, NULL, NULL), EADDRNOTAVAIL);
	zx_media_stats(fx.m, &st);
	ZX_CHECK_EQ(st.ports_free, 0);
	uint16_t port = sa_port(zx_stream_laddr(s[2]));
	s[2] = mem_deref(s[2]);
	ports_back(1);
	ZX_CHECK_EQ(zx_stream_alloc(&s[2], fx.m, &sa, NULL, NULL, NULL), 0);
	ZX_CHECK_EQ(sa_port(zx_stream_laddr(s[2])), port);
	for (int i = 0; i < 5; i++)
		mem_deref(s[i]);
	/* another local address has ports of its own */
	sa_set_str(&sa, "127.0.0.2", 0);
	ZX_CHECK_EQ(zx_stream_alloc(&s[0], fx.m, &sa, NULL, NULL, NULL), 0);
	mem_deref(s[0]);
	fx_close();
}

static unsigned fds(void)
{
	unsigned n = 0;
	for (int i = 0; i < 4096; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

ZX_TEST(many)
{
	enum { N = 1000 };
	static struct zx_stream *s[N];
	struct zx_play t = {.tone = ZX_TONE_RINGBACK};

	fx_open();
	pump(20);
	unsigned before = fds();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			s[i] = stream_open(i % 2 ? s[i - 1] : NULL);
			struct zx_stream_desc d = {
			    .latch = true, .codec = ZX_CODEC_PCMA, .pt = 8, .pt_rx = 8, .te_pt = -1, .dir = ZX_DIR_SENDRECV};
			sa_set_str(&d.rtp, "127.0.0.1", 9);
			ZX_CHECK_EQ(zx_stream_set(s[i], &d), 0);
			if (i % 3 == 0)
				ZX_CHECK_EQ(zx_stream_play(s[i], &t, NULL), 0);
			if (i % 2)
				ZX_CHECK_EQ(zx_stream_bridge(s[i - 1], s[i]), 0);
			if (i > 10 && i % 7 == 0) /* across threads */
				ZX_CHECK_EQ(zx_stream_bridge(s[i - 9], s[i]), 0);
		}
		pump(50);
		if (strstr(zx_io_name(fx.m->mt[0].io), "table")) {
			for (int i = 0; i < 200 && fds() >= before + 20; i++)
				pump(20);
			ZX_CHECK(fds() < before + 20);
		}
		for (int i = 0; i < N; i++)
			mem_deref(s[i]);
		ports_back(2000);
		ZX_CHECK_EQ(fds(), before);
	}
	fx_close();
}

ZX_TEST(reports)
{
	fx_open();
	phone_open(&p[0], ZX_CODEC_PCMA, 600);
	phone_open(&p[1], ZX_CODEC_PCMA, 1000);
	struct zx_stream *a = stream_open(NULL), *b = stream_for(&p[1], a);
	struct zx_stream_desc d = desc_of(&p[0]);
	d.rtcp_mux = true;
	ZX_CHECK_EQ(zx_stream_set(a, &d), 0);
	phone_to(&p[0], a);
	ZX_CHECK_EQ(zx_stream_bridge(a, b), 0);
	uint8_t rep[2048];
	ssize_t n = -1;
	struct zx_rtcp_in in = {0};
	for (int i = 0; i < 400 && n < 0; i++) {
		phone_send(&p[0]);
		phone_send(&p[1]);
		pump(20);
		ssize_t k;
		while ((k = recv(p[0].fd, rep, sizeof(rep), MSG_DONTWAIT)) > 0) {
			if (zx_rtcp_is(rep, (size_t)k)) {
				n = k;
				break;
			}
		}
	}
	ZX_CHECK(n > 0);
	ZX_CHECK_EQ(zx_rtcp_parse(&in, rep, (size_t)n, p[0].tx.ssrc), 0);
	ZX_CHECK(in.sr && in.block);
	ZX_CHECK_EQ(in.rb.lost, 0);
	ZX_CHECK_EQ(in.rb.ext_seq & 0xffff, p[0].tx.seq);
	/* answer after 50 ms that we say took 30 */
	pump(50);
	struct zx_rtcp_out o = {.ssrc = p[0].tx.ssrc,
				.cname = "phone",
				.block = true,
				.src = in.ssrc,
				.rb = {.lost = 7, .jitter = 80, .lsr = in.ntp_mid, .dlsr = 65536 * 30 / 1000}};
	uint8_t buf[ZX_RTCP_MAX];
	size_t len = zx_rtcp_make(buf, &o);
	phone_send_raw(&p[0], buf, len);
	pump(30);
	struct zx_stream_stats st = stats_of(a);
	ZX_CHECK_EQ(st.tx_lost, 7);
	ZX_CHECK_EQ(st.tx_jitter_us, 10000);
	ZX_CHECK(st.rtt_us > 15000 && st.rtt_us < 60000);
	ZX_CHECK_EQ(stats_of(b).rtt_us, -1);
	pair_end(a, b);
}

static unsigned noise(void)
{
	static uint32_t x = 7;
	x = x * 1664525 + 1013904223;
	return x >> 8;
}

ZX_TEST(rubbish)
{
	struct zx_stream *a, *b;
	uint8_t g[2000];

	fx_open();
	pair(ZX_CODEC_PCMA, ZX_CODEC_PCMA, &a, &b, 200);
	phone_clear(&p[1]);
	for (int i = 0; i < 3000; i++) {
		size_t n = noise() % (i % 3 ? 60 : sizeof(g));
		for (size_t k = 0; k < n; k++)
			g[k] = (uint8_t)noise();
		if (n > 2 && i % 2) {
			g[0] = 0x80 | (g[0] & 0x3f);
			g[1] = i % 4 == 1 ? (uint8_t)(200 + i % 8) : 8;
		}
		sendto(p[0].fd, g, n, 0, &p[0].to.sa, sizeof(p[0].to.in));
		if (i % 100 == 0)
			pump(2);
	}
	talk(p, 2, 700);
	ZX_CHECK(heard(&p[1], 600) > 0.8);
	ZX_CHECK(heard(&p[0], 1000) > 0.95);
	pair_end(a, b);
}

ZX_TEST(ipv6)
{
	struct zx_stream *s[2];
	struct sa sa;
	int fd[2];
	union zx_addr at[2];
	socklen_t len = sizeof(at[0]);

	fx_open();
	sa_set_str(&sa, "::1", 0);
	for (int i = 0; i < 2; i++) {
		memset(&at[i], 0, sizeof(at[i]));
		at[i].in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		ZX_CHECK_EQ(zx_udp_open(&at[i], &fd[i]), 0);
		getsockname(fd[i], &at[i].sa, &len);
		ZX_CHECK_EQ(zx_stream_alloc(&s[i], fx.m, &sa, i ? s[0] : NULL, NULL, NULL), 0);
		struct zx_stream_desc d = {.latch = true, .codec = ZX_CODEC_PCMU, .te_pt = -1, .dir = ZX_DIR_SENDRECV};
		sa_set_str(&d.rtp, "::1", ntohs(at[i].in6.sin6_port));
		ZX_CHECK_EQ(zx_stream_set(s[i], &d), 0);
	}
	ZX_CHECK_EQ(zx_stream_bridge(s[0], s[1]), 0);
	pump(40);
	uint8_t b[172] = {0x80, 0, 0, 1};
	ZX_CHECK_EQ(sendto(fd[0], b, 172, 0, &zx_stream_laddr(s[0])->u.sa, zx_stream_laddr(s[0])->len), 172);
	pump(20);
	pump(80);
	ZX_CHECK_EQ(recv(fd[1], b, sizeof(b), MSG_DONTWAIT), 172);
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		mem_deref(s[i]);
	}
	fx_close();
}

ZX_TEST(without_io_uring)
{
	media_epoll = true;
	relay();
	continuity();
	many();
	media_epoll = false;
}

ZX_MAIN({"relay between two phones", relay}, {"every codec to every codec", transcoding}, {"SRTP both ways", srtp},
	{"one SSRC over hold, tones, transfer", continuity}, {"losses and reordering pass through", losses_stay_visible},
	{"prompts and tones", prompts_and_tones}, {"key presses", dtmf}, {"latching and RTP-bleed", latching},
	{"a new address re-arms", rearmed_by_a_new_address}, {"directions", hold_directions}, {"30 ms packets", other_frame_lengths},
	{"time-out and keep-alive", silent_source}, {"port pool", ports}, {"a thousand streams, three times", many},
	{"RTCP reports", reports}, {"rubbish", rubbish}, {"IPv6", ipv6}, {"the same by epoll", without_io_uring})
