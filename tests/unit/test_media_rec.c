/* Recordings: who is on which side, alignment, transfer, crash, full disk, prompts of the web. */
#include <signal.h>
#include <sys/wait.h>

#include "media_util.h"
#include "media/rec.h"

static int16_t wav[8000 * 2 * 30];

static const char *rec_dir(void)
{
	static char d[128];
	snprintf(d, sizeof(d), "%s/rec", fx.dir);
	return d;
}

/* Stereo samples in the file; header checked when `closed`. */
static size_t load(const char *path, bool closed)
{
	char full[256];
	uint8_t h[44], want[44];

	snprintf(full, sizeof(full), "%s/%s", rec_dir(), path);
	FILE *f = fopen(full, "rb");
	if (!f)
		return 0;
	memset(wav, 0, sizeof(wav));
	ZX_CHECK_EQ(fread(h, 1, 44, f), 44);
	size_t n = fread(wav, 4, sizeof(wav) / 4, f);
	fclose(f);
	zx_wav_header(want, (uint32_t)n);
	if (closed)
		ZX_CHECK(!memcmp(h, want, 44));
	return n;
}

static double left(size_t from, size_t n, double hz)
{
	return tone_share(wav + 2 * from, n, 2, hz);
}

static double right(size_t from, size_t n, double hz)
{
	return tone_share(wav + 2 * from + 1, n, 2, hz);
}

static void two(enum zx_codec a, enum zx_codec b, struct zx_stream *s[2])
{
	fx_open();
	phone_open(&p[0], a, 600);
	phone_open(&p[1], b, 1000);
	s[0] = stream_for(&p[0], NULL);
	s[1] = stream_for(&p[1], s[0]);
	ZX_CHECK_EQ(zx_stream_bridge(s[0], s[1]), 0);
}

static void end(struct zx_stream *s[2])
{
	mem_deref(s[0]);
	mem_deref(s[1]);
	phone_close(&p[0]);
	phone_close(&p[1]);
	fx_close();
}

ZX_TEST(sides)
{
	static const enum zx_codec codec[][2] = {
	    {ZX_CODEC_PCMA, ZX_CODEC_PCMU}, {ZX_CODEC_G722, ZX_CODEC_G729}, {ZX_CODEC_PCMU, ZX_CODEC_PCMU}};
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;

	for (int i = 0; i < 3; i++) {
		two(codec[i][0], codec[i][1], s);
		talk(p, 2, 200);
		ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "2026/11/22/a.wav", s[0], s[1]), 0);
		talk(p, 2, 1500);
		ZX_CHECK(!zx_rec_problem(r));
		r = mem_deref(r);
		pump(300);
		size_t n = load("2026/11/22/a.wav", true);
		ZX_CHECK(n > 8 * 1450 && n < 8 * 1600);
		double want = codec[i][1] == ZX_CODEC_G729 ? 0.7 : 0.97;
		ZX_CHECK(left(1600, 8000, 600) > 0.97);
		ZX_CHECK(right(1600, 8000, 1000) > want);
		ZX_CHECK_EQ(zx_rec_length(rec_dir(), "2026/11/22/a.wav"), (int64_t)n / 8);
		uint8_t l[100], rr[100];
		int64_t ms;
		ZX_CHECK_EQ(zx_rec_peaks(rec_dir(), "2026/11/22/a.wav", 100, l, rr, &ms), 0);
		ZX_CHECK_EQ(ms, (int64_t)n / 8);
		ZX_CHECK(l[50] > 50 && l[50] < 70 && rr[50] > 40 && rr[50] < 75);
		end(s);
	}
}

ZX_TEST(paths)
{
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;
	static const char *const bad[] = {"", "/etc/x.wav", "../x.wav", "a/../x.wav", "a//b.wav", ".open/1", "a/", "a/.b"};
	uint8_t l[4];
	int64_t ms;

	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ZX_CHECK_EQ(zx_rec_start(&r, fx.m, bad[i], s[0], s[1]), EINVAL);
		ZX_CHECK_EQ(zx_rec_length(rec_dir(), bad[i]), 0);
		ZX_CHECK_EQ(zx_rec_peaks(rec_dir(), bad[i], 4, l, l, &ms), ENOENT);
	}
	end(s);
}

/* Both sides hear the same moment at the same place of the file, although b began late and paused. */
ZX_TEST(alignment)
{
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;

	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	p[1].hz = 0;
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "align.wav", s[0], s[1]), 0);
	talk(p, 2, 600);
	p[1].hz = 1000;
	talk(p, 2, 600);
	p[1].hz = 0; /* hold: no packets, then the time stamps go on as if nothing had been */
	talk(p, 2, 600);
	p[1].hz = 1000;
	p[1].tx.ts += 600 * 8;
	talk(p, 2, 600);
	r = mem_deref(r);
	pump(300);
	size_t n = load("align.wav", true);
	ZX_CHECK(n > 8 * 2350);
	ZX_CHECK(left(400, 8 * 2200, 600) > 0.97);
	ZX_CHECK(level(wav + 1, 8 * 560, 2) < 10);
	ZX_CHECK(right(8 * 640, 8 * 500, 1000) > 0.97);
	ZX_CHECK(level(wav + 2 * 8 * 1240 + 1, 8 * 500, 2) < 10);
	ZX_CHECK(right(8 * 1840, 8 * 500, 1000) > 0.97);
	end(s);
}

/* A sender whose clock runs 1 % fast, and whose packets come in the wrong order, stays near its place. */
ZX_TEST(drift_and_disorder)
{
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;

	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	p[1].hz = 0;
	talk(p, 2, 100);
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "drift.wav", s[0], s[1]), 0);
	uint64_t t0 = zx_mono_ms();
	for (int i = 0; i < 8; i++) {
		p[0].tx.ts += 80; /* 10 ms a second too much */
		talk(p, 2, 1000);
	}
	r = mem_deref(r);
	uint64_t took = zx_mono_ms() - t0;
	pump(300);
	size_t n = load("drift.wav", true);
	ZX_CHECK(n / 8 > took - 50 && n / 8 < took + 50);
	size_t last = n;
	while (last && !wav[2 * (last - 1)])
		last--;
	ZX_CHECK(last / 8 < took + 45);
	/* swapped pairs come out in order */
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "swap.wav", s[0], s[1]), 0);
	for (int i = 0; i < 25; i++) {
		uint8_t b[2][172];
		for (int k = 0; k < 2; k++) {
			int16_t v[160];
			for (int j = 0; j < 160; j++)
				v[j] = (int16_t)(8000 * sin(2 * M_PI * 600 * (double)p[0].phase++ / 8000));
			p[0].tx.seq++;
			p[0].tx.ts += 160;
			zx_rtp_put(b[k], &p[0].tx);
			zx_enc_run(p[0].enc, v, 160, b[k] + 12, 160);
		}
		phone_send_raw(&p[0], b[1], 172);
		phone_send_raw(&p[0], b[0], 172);
		pump(40);
	}
	r = mem_deref(r);
	pump(300);
	ZX_CHECK(load("swap.wav", true) > 7500);
	ZX_CHECK(left(1600, 5000, 600) > 0.95);
	end(s);
}

ZX_TEST(transfer)
{
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;

	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "t.wav", s[0], s[1]), 0);
	talk(p, 2, 500);
	struct zx_play moh = {.file = "moh/default"};
	ZX_CHECK_EQ(zx_stream_play(s[0], &moh, NULL), 0);
	talk(p, 2, 300);
	phone_open(&p[2], ZX_CODEC_PCMU, 1500);
	struct zx_stream *c = stream_for(&p[2], NULL); /* on the other thread */
	ZX_CHECK_EQ(zx_rec_side(r, 1, c), 0);
	ZX_CHECK_EQ(zx_stream_bridge(s[0], c), 0);
	mem_deref(s[1]);
	s[1] = c;
	p[1].hz = 0;
	talk(p, 3, 800);
	r = mem_deref(r);
	pump(300);
	ZX_CHECK(load("t.wav", true) > 8 * 1550);
	ZX_CHECK(left(800, 8 * 1400, 600) > 0.97);
	ZX_CHECK(right(800, 8 * 650, 1000) > 0.97);
	ZX_CHECK(right(8 * 900, 8 * 600, 1500) > 0.97);
	/* the streams may go before the recording */
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "u.wav", s[0], s[1]), 0);
	talk(p, 3, 400);
	s[0] = mem_deref(s[0]);
	pump(100);
	r = mem_deref(r);
	pump(300);
	ZX_CHECK(load("u.wav", true) > 8 * 450);
	ZX_CHECK(left(400, 8 * 300, 600) > 0.97);
	phone_close(&p[2]);
	end(s);
}

static void crash_child(int out)
{
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;

	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	(void)!write(out, fx.dir, sizeof(fx.dir));
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "day/crash.wav", s[0], s[1]), 0);
	for (;;)
		talk(p, 2, 100);
}

ZX_TEST(kill9)
{
	int fd[2];
	unsigned repaired = 99;

	ZX_CHECK_EQ(pipe(fd), 0);
	pid_t pid = fork();
	if (!pid) {
		alarm(20);
		crash_child(fd[1]);
	}
	ZX_CHECK_EQ(read(fd[0], fx.dir, sizeof(fx.dir)), sizeof(fx.dir));
	usleep(3600000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	size_t n = load("day/crash.wav", false);
	ZX_CHECK(n >= 8 * 2600); /* at most the last second is missing */
	ZX_CHECK(left(1600, n - 2400, 600) > 0.97 && right(1600, n - 2400, 1000) > 0.97);
	char path[256];
	snprintf(path, sizeof(path), "%s/day/crash.wav", rec_dir());
	ZX_CHECK_EQ(truncate(path, 44 + (off_t)n * 4 - 3), 0); /* a broken last sample too */
	ZX_CHECK_EQ(zx_rec_repair(rec_dir(), &repaired), 0);
	ZX_CHECK_EQ(repaired, 1);
	ZX_CHECK_EQ(load("day/crash.wav", true), n - 1);
	ZX_CHECK_EQ(zx_rec_repair(rec_dir(), &repaired), 0);
	ZX_CHECK_EQ(repaired, 0);
	ZX_CHECK_EQ(zx_rec_repair("/no/such/folder", &repaired), 0);
	close(fd[0]);
	close(fd[1]);
	fx_remove();
}

ZX_TEST(full_disk)
{
	struct zx_stream *s[2];
	struct zx_rec *r = NULL;

	fx_min_free_mb = 4000000000u; /* nothing is ever that free */
	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "full.wav", s[0], s[1]), 0);
	talk(p, 2, 600);
	ZX_CHECK_STR(zx_rec_problem(r), "disk full");
	ZX_CHECK(heard(&p[1], 600) > 0.97);
	r = mem_deref(r);
	pump(200);
	fx_min_free_mb = 0;
	end(s);
	/* the folder cannot be written */
	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "x.wav/y.wav", s[0], s[1]), 0);
	pump(200);
	mem_deref(r);
	ZX_CHECK_EQ(zx_rec_start(&r, fx.m, "x.wav", s[0], s[1]), 0); /* a folder is there */
	talk(p, 2, 300);
	ZX_CHECK_STR(zx_rec_problem(r), "cannot create file");
	r = mem_deref(r);
	end(s);
}

ZX_TEST(many)
{
	enum { N = 100 };
	static struct zx_rec *r[N];
	struct zx_stream *s[2];
	char path[32];

	two(ZX_CODEC_PCMA, ZX_CODEC_PCMA, s);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			snprintf(path, sizeof(path), "m/%d.wav", i);
			ZX_CHECK_EQ(zx_rec_start(&r[i], fx.m, path, s[0], s[1]), 0); /* each takes the streams from the one before */
			if (i % 10 == 0)
				talk(p, 2, 20);
		}
		talk(p, 2, 100);
		for (int i = 0; i < N; i++)
			mem_deref(r[i]);
	}
	pump(300);
	ZX_CHECK(load("m/99.wav", true) > 500);
	end(s);
}

/* The one that forks is first: no other thread exists yet. */
ZX_MAIN({"playable after kill -9", kill9}, {"left is a, right is b", sides}, {"paths stay below the folder", paths},
	{"both sides in time", alignment}, {"drift and disorder", drift_and_disorder}, {"transfer and streams that go", transfer},
	{"full disk", full_disk}, {"many at once", many})
