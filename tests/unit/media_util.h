/* A media engine in a test, and phones: sockets that send and hear tones. Everything in real time on the loop thread. */
#ifndef ZX_TESTS_MEDIA_UTIL_H
#define ZX_TESTS_MEDIA_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/loop.h"
#include "media/priv.h"
#include "zxtest.h"

#define UNUSED __attribute__((unused))

enum { HEARD = 8000 * 20, STREAMS = 8 };

struct phone {
	int fd, rtcp;
	union zx_addr addr, to;
	enum zx_codec codec;
	uint8_t pt;
	unsigned hz;    /* 0: sends nothing */
	unsigned frame; /* samples a packet */
	size_t phase;
	struct zx_rtp tx;
	struct zx_enc *enc;
	struct zx_dec *dec;
	struct zx_srtp *srtp;
	/* heard */
	int16_t pcm[HEARD];
	size_t n;
	unsigned rx, markers, ssrcs, gaps, backwards, te, bad, rtcps;
	struct zx_rtp last;
	struct sockaddr_in rx_from;
	uint8_t te_event, te_pt, last_pt;
	bool te_end;
};

struct fixture {
	struct zx_media *m;
	struct zx_stream_event ev[64];
	unsigned nev;
	char dir[64];
};

static struct fixture fx;
static UNUSED unsigned media_threads = 2;
static UNUSED bool media_epoll;
static unsigned fx_min_free_mb;

static UNUSED void fx_event(const struct zx_stream_event *ev, void *arg)
{
	(void)arg;
	if (fx.nev < 64)
		fx.ev[fx.nev++] = *ev;
}

static UNUSED unsigned fx_count(enum zx_stream_ev type)
{
	unsigned n = 0;
	for (unsigned i = 0; i < fx.nev; i++)
		n += fx.ev[i].type == type;
	return n;
}

static void pump_end(void *arg)
{
	(void)arg;
	zx_loop_stop();
}

static UNUSED void pump(unsigned ms)
{
	struct tmr t;
	tmr_init(&t);
	tmr_start(&t, ms, pump_end, NULL);
	zx_loop_run(NULL);
	tmr_cancel(&t);
}

static UNUSED void wav_header_mono(uint8_t *h, unsigned rate, unsigned n)
{
	const uint32_t v[] = {0x46464952, 36 + 2 * n, 0x45564157, 0x20746d66, 16, 0x10001, rate, 2 * rate, 0x100002, 0x61746164, 2 * n};
	memcpy(h, v, 44);
}

static UNUSED void fx_wav(const char *path, unsigned rate, unsigned hz, double seconds)
{
	unsigned n = (unsigned)(rate * seconds);
	FILE *f = fopen(path, "wb");
	uint8_t h[44];
	wav_header_mono(h, rate, n);
	fwrite(h, 1, 44, f);
	for (unsigned i = 0; i < n; i++) {
		int16_t v = (int16_t)(8000 * sin(2 * M_PI * hz * i / rate));
		fwrite(&v, 2, 1, f);
	}
	fclose(f);
}

static UNUSED void fx_open_ports(uint16_t min, uint16_t max)
{
	static bool loop;
	char sounds[128], rec[128], path[192];

	if (!loop) {
		ZX_CHECK_EQ(zx_loop_init(64), 0);
		zx_log_level_set(ZX_WARN);
		loop = true;
	}
	memset(&fx, 0, sizeof(fx));
	snprintf(fx.dir, sizeof(fx.dir), "%s/zxmedia.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ZX_CHECK(mkdtemp(fx.dir));
	snprintf(sounds, sizeof(sounds), "%s/sounds", fx.dir);
	snprintf(rec, sizeof(rec), "%s/rec", fx.dir);
	mkdir(sounds, 0700);
	snprintf(path, sizeof(path), "%s/moh", sounds);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/moh/default.wav", sounds);
	fx_wav(path, 44100, 700, 0.5);
	struct zx_media_conf c = {.port_min = min,
				  .port_max = max,
				  .threads = media_threads,
				  .sounds_dir = sounds,
				  .rec_dir = rec,
				  .epoll_only = media_epoll,
				  .rec_min_free_mb = fx_min_free_mb};
	ZX_CHECK_EQ(zx_media_alloc(&fx.m, &c), 0);
}

static UNUSED void fx_open(void)
{
	/* several test programs may run side by side */
	uint16_t base = (uint16_t)(10000 + getpid() % 4 * 5000);
	fx_open_ports(base, base + 3999);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static UNUSED void fx_remove(void)
{
	ZX_CHECK_EQ(nftw(fx.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static UNUSED void fx_close(void)
{
	fx.m = mem_deref(fx.m);
	fx_remove();
}

static UNUSED void phone_open(struct phone *p, enum zx_codec codec, unsigned hz)
{
	static uint32_t ssrc = 0x1000;
	socklen_t len = sizeof(p->addr);

	memset(p, 0, sizeof(*p));
	p->addr.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ZX_CHECK_EQ(zx_udp_open(&p->addr, &p->fd), 0);
	getsockname(p->fd, &p->addr.sa, &len);
	p->rtcp = -1;
	p->codec = codec;
	p->pt = codec >= 0 ? zx_codec_info(codec)->pt : 0;
	p->hz = hz;
	p->frame = 160;
	p->te_pt = 101;
	ssrc += 0x111;
	p->tx = (struct zx_rtp){.ssrc = ssrc, .seq = (uint16_t)(ssrc * 7), .ts = ssrc * 1234567};
	if (codec >= 0) {
		ZX_CHECK_EQ(zx_enc_alloc(&p->enc, codec), 0);
		ZX_CHECK_EQ(zx_dec_alloc(&p->dec, codec), 0);
	}
}

static UNUSED void phone_close(struct phone *p)
{
	close(p->fd);
	if (p->rtcp >= 0)
		close(p->rtcp);
	zx_enc_free(p->enc);
	zx_dec_free(p->dec);
	zx_srtp_free(p->srtp);
}

static UNUSED void phone_clear(struct phone *p)
{
	p->n = 0;
	p->rx = p->markers = p->ssrcs = p->gaps = p->backwards = p->te = p->bad = 0;
}

static UNUSED void phone_to(struct phone *p, const struct zx_stream *s)
{
	memcpy(&p->to, &zx_stream_laddr(s)->u, zx_stream_laddr(s)->len);
}

static UNUSED void phone_send_raw(struct phone *p, uint8_t *b, size_t len)
{
	if (p->srtp)
		ZX_CHECK_EQ(zx_srtp_protect(p->srtp, b, &len, false), 0);
	sendto(p->fd, b, len, 0, &p->to.sa, zx_addr_len(&p->to));
}

static UNUSED void phone_send(struct phone *p)
{
	int16_t pcm[480];
	uint8_t b[1600];

	for (unsigned i = 0; i < p->frame; i++)
		pcm[i] = (int16_t)(8000 * sin(2 * M_PI * p->hz * (double)p->phase++ / 8000));
	p->tx.pt = p->pt;
	p->tx.seq++;
	p->tx.ts += p->frame;
	zx_rtp_put(b, &p->tx);
	size_t n = zx_enc_run(p->enc, pcm, p->frame, b + 12, 1400);
	phone_send_raw(p, b, 12 + n);
}

/* One press: n packets 20 ms apart in time stamps, all at once. */
static UNUSED void phone_press(struct phone *p, uint8_t event, unsigned n, unsigned ends)
{
	uint32_t ts = p->tx.ts + 160;

	for (unsigned i = 1; i <= n + ends; i++) {
		uint8_t b[64];
		struct zx_rtp r = p->tx;
		unsigned dur = (i > n ? n : i) * 160;
		r.pt = p->te_pt;
		r.marker = i == 1;
		r.seq = ++p->tx.seq;
		r.ts = ts;
		zx_rtp_put(b, &r);
		b[12] = event;
		b[13] = (uint8_t)((i > n ? 0x80 : 0) | 10);
		zx_put16(b + 14, (uint16_t)dur);
		phone_send_raw(p, b, 16);
	}
	p->tx.ts = ts + n * 160;
}

static void phone_packet(struct phone *p, uint8_t *b, size_t len)
{
	struct zx_rtp r;

	if (p->srtp && zx_srtp_unprotect(p->srtp, b, &len, false)) {
		p->bad++;
		return;
	}
	if (zx_rtp_parse(&r, b, len)) {
		p->bad++;
		return;
	}
	if (p->rx) {
		p->ssrcs += r.ssrc != p->last.ssrc;
		int d = (int16_t)(r.seq - p->last.seq);
		p->gaps += d > 1;
		p->backwards += d <= 0 || (int32_t)(r.ts - p->last.ts) < 0;
	}
	p->rx++;
	p->markers += r.marker;
	p->last = r;
	p->last_pt = r.pt;
	if (r.pt == p->te_pt) {
		p->te++;
		p->te_event = b[12];
		p->te_end = b[13] & 0x80;
	} else if (p->dec && r.pt == p->pt) {
		p->n += zx_dec_run(p->dec, b + r.off, r.len, p->pcm + p->n, HEARD - p->n);
	}
}

static UNUSED void phone_poll(struct phone *p)
{
	uint8_t b[2048];
	ssize_t n;
	socklen_t sl = sizeof(p->rx_from);

	while ((n = recvfrom(p->fd, b, sizeof(b), MSG_DONTWAIT, (struct sockaddr *)&p->rx_from, &sl)) >= 0) {
		if (zx_rtcp_is(b, (size_t)n))
			p->rtcps++;
		else
			phone_packet(p, b, (size_t)n);
	}
}

/* Lets time pass: every phone with a tone sends 50 packets a second. */
static UNUSED void talk(struct phone *p, unsigned n, unsigned ms)
{
	uint64_t t0 = zx_mono_ms();

	for (unsigned t = 0; t < ms; t += 20) {
		for (unsigned i = 0; i < n; i++)
			if (p[i].hz)
				phone_send(&p[i]);
		uint64_t now = zx_mono_ms(), next = t0 + t + 20;
		pump(next > now ? (unsigned)(next - now) : 1);
		for (unsigned i = 0; i < n; i++)
			phone_poll(&p[i]);
	}
}

/* What is on its way arrives. */
static UNUSED void settle(struct phone *p, unsigned n)
{
	pump(100);
	for (unsigned i = 0; i < n; i++)
		phone_poll(&p[i]);
}

/* Share of the power that is at hz, 0..1; 0 when silent. */
static UNUSED double tone_share(const int16_t *v, size_t n, size_t step, double hz)
{
	double re = 0, im = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		double x = v[i * step];
		re += x * cos(2 * M_PI * hz * (double)i / 8000);
		im += x * sin(2 * M_PI * hz * (double)i / 8000);
		all += x * x;
	}
	return all / (double)(n ? n : 1) < 100 ? 0 : 2 * (re * re + im * im) / ((double)n * all);
}

static UNUSED double level(const int16_t *v, size_t n, size_t step)
{
	double all = 0;
	for (size_t i = 0; i < n; i++)
		all += (double)v[i * step] * v[i * step];
	return sqrt(all / (double)(n ? n : 1));
}

/* Does the last half second heard sound of hz? */
static UNUSED double heard(const struct phone *p, double hz)
{
	size_t n = p->n < 4000 ? p->n : 4000;
	return n < 1600 ? 0 : tone_share(p->pcm + p->n - n, n, 1, hz);
}

static UNUSED struct zx_stream *stream_open(const struct zx_stream *near)
{
	struct sa sa;
	struct zx_stream *s = NULL;

	sa_set_str(&sa, "127.0.0.1", 0);
	ZX_CHECK_EQ(zx_stream_alloc(&s, fx.m, &sa, near, fx_event, NULL), 0);
	return s;
}

static UNUSED struct zx_stream_desc desc_of(const struct phone *p)
{
	struct zx_stream_desc d = {
	    .latch = true, .codec = p->codec, .pt = p->pt, .pt_rx = p->pt, .te_pt = p->te_pt, .dir = ZX_DIR_SENDRECV, .ptime = 20};

	sa_set_in(&d.rtp, ntohl(p->addr.in.sin_addr.s_addr), ntohs(p->addr.in.sin_port));
	return d;
}

static UNUSED struct zx_stream *stream_for(struct phone *p, const struct zx_stream *near)
{
	struct zx_stream *s = stream_open(near);
	struct zx_stream_desc d = desc_of(p);

	ZX_CHECK_EQ(zx_stream_set(s, &d), 0);
	phone_to(p, s);
	pump(40); /* what comes before the description is dropped */
	return s;
}

/* Lets time pass until all ports are back. */
static UNUSED void ports_back(unsigned n)
{
	struct zx_media_stats st;

	for (int i = 0; i < 500; i++) {
		zx_media_stats(fx.m, &st);
		if (st.ports_free == n)
			return;
		pump(20);
	}
	ZX_CHECK_EQ(st.ports_free, n);
}

static UNUSED struct zx_stream_stats stats_of(const struct zx_stream *s)
{
	struct zx_stream_stats st;
	zx_stream_stats(s, &st);
	return st;
}

/* Two phones that talk. */
static UNUSED struct phone p[4];

static UNUSED void pair(enum zx_codec a, enum zx_codec b, struct zx_stream **sa_, struct zx_stream **sb, unsigned ms)
{
	phone_open(&p[0], a, 600);
	phone_open(&p[1], b, 1000);
	*sa_ = stream_for(&p[0], NULL);
	*sb = stream_for(&p[1], *sa_);
	ZX_CHECK_EQ(zx_stream_bridge(*sa_, *sb), 0);
	pump(40);
	talk(p, 2, ms);
}

static UNUSED void pair_end(struct zx_stream *a, struct zx_stream *b)
{
	mem_deref(a);
	mem_deref(b);
	phone_close(&p[0]);
	phone_close(&p[1]);
	fx_close();
}

#endif
