/* What is heard: keys as tones, prompts, the length of packets, made-up losses. */
#include "media_util.h"

/* Keys as tones, 80 ms each with a pause of 60. */
static void press_tones(struct phone *ph, const uint8_t *events, unsigned n)
{
	for (unsigned i = 0; i < 7 * n; i++) {
		int16_t v[160] = {0};
		uint8_t b[400];

		if (i % 7 < 4)
			zx_tone_dtmf(v, 160, events[i / 7], i % 7 * 160);
		ph->tx.pt = ph->pt;
		ph->tx.seq++;
		ph->tx.ts += 160;
		zx_rtp_put(b, &ph->tx);
		phone_send_raw(ph, b, 12 + zx_enc_run(ph->enc, v, 160, b + 12, 300));
		pump(1);
	}
}

ZX_TEST(dtmf_as_tones)
{
	static const enum zx_codec codecs[] = {ZX_CODEC_PCMA, ZX_CODEC_PCMU, ZX_CODEC_G722}; /* G.729 bends tones */
	static const uint8_t keys[16] = {1, 5, 9, 13, 11, 0, 0, 10, 2, 3, 4, 6, 7, 8, 12, 14};
	static const char want[] = "159B#00*234678AC";
	struct zx_stream *a, *b;

	fx_open();
	for (unsigned c = 0; c < 3; c++) {
		pair(codecs[c], ZX_CODEC_PCMU, &a, &b, 40);
		p[0].hz = p[1].hz = 0;
		fx.nev = 0;
		press_tones(&p[0], keys, 16);
		settle(p, 2);
		ZX_CHECK_EQ(fx_count(ZX_STREAM_DTMF), 0); /* nobody listens */
		ZX_CHECK_EQ(zx_stream_inband_dtmf(a, true), 0);
		ZX_CHECK_EQ(zx_stream_inband_dtmf(a, true), 0);
		pump(20);
		fx.nev = 0;
		press_tones(&p[0], keys, 16);
		settle(p, 2);
		char got[64] = "";
		for (unsigned i = 0; i < fx.nev && i < 63; i++) {
			got[i] = fx.ev[i].digit;
			ZX_CHECK(fx.ev[i].duration_ms >= 40 && fx.ev[i].duration_ms <= 120);
		}
		ZX_CHECK_STR(got, want);
		ZX_CHECK(p[1].rx > 200); /* and the audio goes on */
		/* a press that lasts until the audio ends */
		fx.nev = 0;
		press_tones(&p[0], keys, 1);
		p[0].tx.seq -= 3, p[0].tx.ts -= 480;
		int16_t v[160];
		uint8_t buf[400];
		for (unsigned i = 0; i < 4; i++) {
			zx_tone_dtmf(v, 160, 7, i * 160);
			p[0].tx.seq++, p[0].tx.ts += 160;
			zx_rtp_put(buf, &p[0].tx);
			phone_send_raw(&p[0], buf, 12 + zx_enc_run(p[0].enc, v, 160, buf + 12, 300));
			pump(1);
		}
		pump(1600);
		ZX_CHECK_EQ(fx_count(ZX_STREAM_DTMF), 2);
		ZX_CHECK_EQ(fx.ev[1].digit, '7');
		/* both ways at once: once */
		fx.nev = 0;
		phone_press(&p[0], 5, 5, 3);
		press_tones(&p[0], (const uint8_t[]){5}, 1);
		settle(p, 2);
		ZX_CHECK_EQ(fx_count(ZX_STREAM_DTMF), 1);
		ZX_CHECK_EQ(zx_stream_inband_dtmf(a, false), 0);
		mem_deref(a);
		mem_deref(b);
		phone_close(&p[0]);
		phone_close(&p[1]);
	}
	fx_close();
}

/* Packets are as long as the other side wants them, from the player and from the transcoder. */
ZX_TEST(frame_lengths_wanted)
{
	static const struct {
		uint16_t ptime;
		unsigned sends, samples;
	} v[] = {{60, 160, 480}, {30, 160, 240}, {10, 160, 80}, {20, 480, 160}, {40, 240, 320}, {0, 160, 160}, {999, 160, 960}};
	struct zx_play tone = {.tone = ZX_TONE_BUSY};
	struct zx_stream *a, *b;

	fx_open();
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		pair(ZX_CODEC_PCMA, i % 2 ? ZX_CODEC_G729 : ZX_CODEC_PCMU, &a, &b, 20);
		struct zx_stream_desc d = desc_of(&p[1]);
		d.ptime = v[i].ptime;
		ZX_CHECK_EQ(zx_stream_set(b, &d), 0);
		p[0].frame = v[i].sends;
		p[1].hz = 0;
		pump(20);
		talk(p, 2, 300);
		settle(p, 2);
		phone_clear(&p[1]);
		uint32_t ts = p[1].last.ts;
		talk(p, 2, 1000); /* 50 packets, whatever their length */
		settle(p, 2);
		ZX_CHECK(p[1].rx >= 50 * v[i].sends / v[i].samples - 1 && p[1].rx <= 50 * v[i].sends / v[i].samples + 1);
		ZX_CHECK_EQ(p[1].n, p[1].rx * v[i].samples);
		ZX_CHECK_EQ(p[1].last.ts - ts, p[1].n); /* time stamps follow each other */
		ZX_CHECK_EQ(p[1].gaps + p[1].backwards + p[1].ssrcs, 0);
		ZX_CHECK(heard(&p[1], 600) > 0.8);
		p[0].hz = 0; /* the player, in their lengths too, then back */
		ZX_CHECK_EQ(zx_stream_play(b, &tone, NULL), 0);
		talk(p, 2, 300);
		ZX_CHECK(p[1].gaps + p[1].backwards + p[1].ssrcs == 0);
		phone_clear(&p[1]);
		talk(p, 2, 600);
		ZX_CHECK_EQ(p[1].n, p[1].rx * v[i].samples);
		ZX_CHECK(p[1].rx >= 4);
		ZX_CHECK_EQ(zx_stream_play_stop(b), 0);
		p[0].hz = 600;
		talk(p, 2, 600);
		ZX_CHECK_EQ(p[1].gaps + p[1].backwards + p[1].ssrcs, 0);
		ZX_CHECK(heard(&p[1], 600) > 0.8);
		mem_deref(a);
		mem_deref(b);
		phone_close(&p[0]);
		phone_close(&p[1]);
	}
	fx_close();
}

/* What is lost before a transcoder is made up; what is lost for long stays a hole. */
ZX_TEST(concealment)
{
	static const enum zx_codec codecs[] = {ZX_CODEC_PCMA, ZX_CODEC_G722, ZX_CODEC_G729};
	struct zx_stream *a, *b;

	fx_open();
	for (unsigned c = 0; c < 3; c++) {
		pair(codecs[c], ZX_CODEC_PCMU, &a, &b, 200);
		settle(p, 2);
		phone_clear(&p[1]);
		for (unsigned i = 0; i < 100; i++) {
			int fd = p[0].fd;
			if (i % 12 == 5 || i % 36 == 6) /* some single, some two */
				p[0].fd = -1;
			phone_send(&p[0]);
			p[0].fd = fd;
			pump(2);
		}
		settle(p, 2);
		ZX_CHECK_EQ(p[1].rx, 100);
		ZX_CHECK_EQ(p[1].gaps + p[1].backwards, 0);
		bool own = codecs[c] == ZX_CODEC_G729; /* its decoder's own way, made for voices */
		ZX_CHECK(tone_share(p[1].pcm, p[1].n, 1, 600) > (own ? 0.4 : 0.95));
		unsigned weak = 0; /* no hole anywhere */
		for (size_t i = 0; i + 160 <= p[1].n; i += 160)
			weak += level(p[1].pcm + i, 160, 1) < 1000;
		ZX_CHECK(own || !weak);
		/* a packet that comes after it has been made up */
		p[0].tx.seq++, p[0].tx.ts += 160;
		phone_send(&p[0]);
		p[0].tx.seq -= 2, p[0].tx.ts -= 320;
		phone_send(&p[0]);
		p[0].tx.seq++, p[0].tx.ts += 160;
		settle(p, 2);
		ZX_CHECK_EQ(p[1].rx, 102);
		p[0].tx.seq += 20, p[0].tx.ts += 3200;
		phone_send(&p[0]);
		settle(p, 2);
		ZX_CHECK_EQ(p[1].rx, 103);
		ZX_CHECK_EQ(p[1].gaps, 1);
		mem_deref(a);
		mem_deref(b);
		phone_close(&p[0]);
		phone_close(&p[1]);
	}
	fx_close();
}

static unsigned prompt_came, prompt_none;

static void prompt_loaded(struct zx_pcm *pcm, uint32_t id, uint32_t gen)
{
	(void)id;
	(void)gen;
	prompt_came += pcm != NULL;
	prompt_none += pcm == NULL;
	zx_pcm_deref(pcm);
}

/* Is it in memory? If not it is loaded. */
static bool prompt_cached(struct zx_prompts *pr, const char *name)
{
	struct zx_pcm *pcm = NULL;
	int err = zx_prompts_get(pr, name, &pcm, prompt_loaded, 0, 0);

	ZX_CHECK(err == 0 || err == EAGAIN);
	if (err)
		pump(60);
	zx_pcm_deref(pcm);
	return !err;
}

ZX_TEST(prompt_memory)
{
	struct zx_prompts *pr = NULL;
	struct zx_pcm *held = NULL;
	char dir[160], path[192];

	fx_open();
	snprintf(dir, sizeof(dir), "%s/sounds", fx.dir);
	for (char c = 'a'; c <= 'd'; c++) { /* 16 kB each */
		snprintf(path, sizeof(path), "%s/%c.wav", dir, c);
		fx_wav(path, 8000, 500, 1);
	}
	snprintf(path, sizeof(path), "%s/long.wav", dir);
	fx_wav(path, 8000, 500, 10);
	ZX_CHECK_EQ(zx_prompts_alloc(&pr, dir, 40000), 0); /* room for two */
	ZX_CHECK(!prompt_cached(pr, "a") && prompt_cached(pr, "a"));
	ZX_CHECK(!prompt_cached(pr, "b") && prompt_cached(pr, "a"));
	ZX_CHECK(!prompt_cached(pr, "c")); /* b, not used for the longest time, gives way */
	ZX_CHECK(prompt_cached(pr, "a") && prompt_cached(pr, "c"));
	ZX_CHECK_EQ(zx_prompts_get(pr, "a", &held, prompt_loaded, 0, 0), 0);
	ZX_CHECK(!prompt_cached(pr, "long") && prompt_cached(pr, "long")); /* larger than the limit: alone */
	ZX_CHECK(!prompt_cached(pr, "c") && !prompt_cached(pr, "b"));
	ZX_CHECK(held->n == 8000 && held->v[7900]); /* what is being played stays */
	zx_pcm_deref(held);
	ZX_CHECK(prompt_cached(pr, "b") && prompt_cached(pr, "c") && !prompt_cached(pr, "d"));
	snprintf(path, sizeof(path), "%s/a.wav", dir);
	ZX_CHECK_EQ(unlink(path), 0);
	ZX_CHECK(!prompt_cached(pr, "a") && prompt_none == 1);
	ZX_CHECK_EQ(prompt_came, 7);
	mem_deref(pr);
	fx_close();
}

ZX_MAIN({"keys as tones", dtmf_as_tones}, {"prompts in bounded memory", prompt_memory},
	{"packets as long as they are wanted", frame_lengths_wanted}, {"losses before a transcoder", concealment})
