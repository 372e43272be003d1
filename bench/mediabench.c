/*
 * The media engine alone: N calls of two G.711 streams, a generator in a process of its own, CPU per relayed packet.
 *
 *   mediabench CALLS SECONDS plain|rec|srtp|xcode|g722|g729 [epoll]
 *
 * Latency is from the generator's send to the kernel's receive stamp; the CPU is that of all threads of the engine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/loop.h"
#include "media/media.h"
#include "media/rtp.h"
#include "media/srtp.h"

enum { SOCKS = 8, SLOTS = 20, BATCH = 32, LEN = 172, HIST = 200000, GEN_PORT = 29000 };

static unsigned calls, seconds;
static const char *mode;
static struct shared {
	volatile int go;
	uint16_t port[40000];
	uint64_t tx, rx, late;
	unsigned p50, p99, p999;
	double cpu;
} * sh;

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_self(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static struct sockaddr_in at(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int fd[SOCKS];
static uint32_t hist[HIST];

static void key_make(struct zx_srtp_key *k, uint8_t seed)
{
	k->suite = ZX_SRTP_AES_CM_128_HMAC_SHA1_80;
	for (int i = 0; i < ZX_SRTP_KEY_LEN; i++)
		k->key[i] = (uint8_t)(seed + 3 * i);
}

static void send_slot(unsigned slot, unsigned round, struct zx_srtp **ctx)
{
	static uint8_t pkt[BATCH][LEN + 32];
	static struct iovec iv[BATCH];
	static struct mmsghdr mm[BATCH];
	static struct sockaddr_in to[BATCH];

	for (unsigned k = 0; k < SOCKS; k++) {
		unsigned b = 0;
		for (unsigned i = slot; i < 2 * calls; i += SLOTS) {
			if (i % SOCKS != k)
				continue;
			struct zx_rtp r = {.pt = 8, .seq = (uint16_t)round, .ts = round * 160, .ssrc = i + 1};
			uint64_t t = now_ns(CLOCK_REALTIME);
			size_t len = LEN;
			zx_rtp_put(pkt[b], &r);
			memcpy(pkt[b] + 12, &t, 8);
			if (ctx)
				zx_srtp_protect(ctx[i], pkt[b], &len, false);
			to[b] = at(sh->port[i]);
			iv[b] = (struct iovec){pkt[b], len};
			mm[b].msg_hdr =
			    (struct msghdr){.msg_name = &to[b], .msg_namelen = sizeof(to[b]), .msg_iov = &iv[b], .msg_iovlen = 1};
			if (++b == BATCH) {
				sh->tx += (uint64_t)(sendmmsg(fd[k], mm, b, 0) > 0 ? b : 0);
				b = 0;
			}
		}
		if (b && sendmmsg(fd[k], mm, b, 0) > 0)
			sh->tx += b;
	}
}

static void drain(void)
{
	static uint8_t buf[256][256];
	static struct iovec iv[256];
	static struct mmsghdr mm[256];
	static union {
		char b[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} ctl[256];

	for (int k = 0; k < SOCKS; k++) {
		int n;
		do {
			for (int i = 0; i < 256; i++) {
				iv[i] = (struct iovec){buf[i], sizeof(buf[i])};
				mm[i].msg_hdr = (struct msghdr){
				    .msg_iov = &iv[i], .msg_iovlen = 1, .msg_control = &ctl[i], .msg_controllen = sizeof(ctl[i])};
			}
			n = recvmmsg(fd[k], mm, 256, MSG_DONTWAIT, NULL);
			for (int i = 0; i < n; i++) {
				struct cmsghdr *h = CMSG_FIRSTHDR(&mm[i].msg_hdr);
				struct timespec ts = {0};
				uint64_t t;
				if (h)
					memcpy(&ts, CMSG_DATA(h), sizeof(ts));
				memcpy(&t, buf[i] + 12, 8);
				uint64_t us = ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec - t) / 1000;
				hist[us < HIST ? us : HIST - 1]++;
				sh->late += us > 40000;
				sh->rx++;
			}
		} while (n == 256);
	}
}

static void generator(void)
{
	struct zx_srtp **ctx = NULL;
	struct zx_srtp_key none = {0}, k;

	if (!strcmp(mode, "srtp")) {
		zx_srtp_init();
		ctx = calloc(2 * calls, sizeof(*ctx));
		key_make(&k, 1);
		for (unsigned i = 0; i < 2 * calls; i++)
			zx_srtp_set(&ctx[i], &k, &none, i + 1);
	}
	while (!sh->go)
		usleep(1000);
	uint64_t t0 = now_ns(CLOCK_MONOTONIC), next = t0;
	unsigned slot = 0, round = 0;
	while (now_ns(CLOCK_MONOTONIC) - t0 < (uint64_t)seconds * 1000000000u) {
		if (now_ns(CLOCK_MONOTONIC) > next + 50000000)
			next = now_ns(CLOCK_MONOTONIC); /* the host is full: sending more would not help */
		for (int i = 0; i < 5 && now_ns(CLOCK_MONOTONIC) >= next; i++) {
			send_slot(slot, round, ctx);
			slot = (slot + 1) % SLOTS;
			round += !slot;
			next += 1000000;
		}
		drain();
		uint64_t n = now_ns(CLOCK_MONOTONIC);
		if (next > n) {
			struct timespec ts = {0, (long)(next - n)};
			nanosleep(&ts, NULL);
		}
	}
	usleep(50000);
	drain();
	uint64_t all = 0, sum = 0;
	for (int i = 0; i < HIST; i++)
		all += hist[i];
	for (unsigned i = 0; i < HIST; i++) {
		sum += hist[i];
		sh->p50 = sum < all / 2 ? i : sh->p50;
		sh->p99 = sum < all * 99 / 100 ? i : sh->p99;
		sh->p999 = sum < all * 999 / 1000 ? i : sh->p999;
	}
	sh->cpu = cpu_self();
	_exit(0);
}

static long rss_kb(void)
{
	long pages = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f) {
		if (fscanf(f, "%ld %ld", &pages, &rss) != 2)
			rss = 0;
		fclose(f);
	}
	return rss * 4;
}

static void stop(void *arg)
{
	(void)arg;
	zx_loop_stop();
}

static void pump(unsigned ms)
{
	struct tmr t;
	tmr_init(&t);
	tmr_start(&t, ms, stop, NULL);
	zx_loop_run(NULL);
}

static struct zx_stream *open_stream(struct zx_media *m, unsigned i, const struct zx_stream *near)
{
	struct zx_stream *s = NULL;
	struct zx_stream_desc d = {.latch = true, .codec = ZX_CODEC_PCMA, .pt = 8, .pt_rx = 8, .te_pt = 101, .dir = ZX_DIR_SENDRECV};
	struct sa sa;

	sa_set_str(&sa, "127.0.0.1", 0);
	if (zx_stream_alloc(&s, m, &sa, near, NULL, NULL))
		exit(1);
	sh->port[i] = sa_port(zx_stream_laddr(s));
	sa_set_str(&d.rtp, "127.0.0.1", (uint16_t)(GEN_PORT + 2 * (i % SOCKS)));
	if (!strcmp(mode, "srtp")) {
		key_make(&d.tx, 77);
		key_make(&d.rx, 1);
	}
	if (i % 2 && strcmp(mode, "plain") && strcmp(mode, "rec") && strcmp(mode, "srtp")) {
		d.codec = !strcmp(mode, "g722") ? ZX_CODEC_G722 : !strcmp(mode, "g729") ? ZX_CODEC_G729 : ZX_CODEC_PCMU;
		d.pt = d.pt_rx = zx_codec_info(d.codec)->pt;
	}
	zx_stream_set(s, &d);
	return s;
}

int main(int argc, char **argv)
{
	struct zx_media *m = NULL;
	struct zx_media_conf conf = {
	    .port_min = 30000, .port_max = 60000, .threads = 2, .sounds_dir = "/tmp", .rec_dir = "/tmp/mediabench.rec"};

	if (argc < 4)
		return 2;
	calls = (unsigned)strtoul(argv[1], NULL, 10);
	seconds = (unsigned)strtoul(argv[2], NULL, 10);
	mode = argv[3];
	conf.epoll_only = argc > 4 && !strcmp(argv[4], "epoll");
	conf.sounds_dir = "/nonexistent";
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < SOCKS; i++) {
		struct sockaddr_in a = at((uint16_t)(GEN_PORT + 2 * i));
		int v = 8 << 20, on = 1;
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUFFORCE, &v, sizeof(v));
		setsockopt(fd[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
		if (bind(fd[i], (struct sockaddr *)&a, sizeof(a)))
			return 1;
	}
	pid_t pid = fork();
	if (!pid)
		generator();
	if (zx_loop_init(64) || zx_media_alloc(&m, &conf))
		return 1;
	struct zx_stream **s = calloc(2 * calls, sizeof(*s));
	struct zx_rec **r = calloc(calls, sizeof(*r));
	pump(100);
	long rss0 = rss_kb();
	uint64_t t0 = now_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < calls; i++) {
		char path[64];
		s[2 * i] = open_stream(m, 2 * i, NULL);
		s[2 * i + 1] = open_stream(m, 2 * i + 1, s[2 * i]);
		zx_stream_bridge(s[2 * i], s[2 * i + 1]);
		snprintf(path, sizeof(path), "b/%u.wav", i);
		if (!strcmp(mode, "rec") && zx_rec_start(&r[i], m, path, s[2 * i], s[2 * i + 1]))
			return 1;
	}
	double alloc_us = (double)(now_ns(CLOCK_MONOTONIC) - t0) / 1000 / calls;
	pump(300);
	double c0 = cpu_self();
	sh->go = 1;
	while (waitpid(pid, NULL, WNOHANG) == 0)
		pump(100);
	double c = cpu_self() - c0;
	struct zx_media_stats st;
	zx_media_stats(m, &st);
	unsigned bad = 0, mute = 0;
	for (unsigned i = 0; i < 2 * calls; i++) {
		struct zx_stream_stats ss;
		zx_stream_stats(s[i], &ss);
		mute += ss.rx_packets < 45 * seconds;
	}
	for (unsigned i = 0; i < calls; i++)
		bad += r[i] && zx_rec_problem(r[i]);
	printf(
	    "%s%s: %u calls, %.2f us/packet (%.3f CPU-s per call-minute), lost %.3f %%, late %.3f %%, latency us p50 %u p99 %u p99.9 %u, "
	    "RSS %.1f kB/call, set-up %.1f us/call, late ticks %llu, recordings with a problem %u, streams with gaps %u, generator %.2f of "
	    "a core\n",
	    mode, conf.epoll_only ? " epoll" : "", calls, c * 1e6 / (double)st.tx_packets, c / (double)st.tx_packets * 6000,
	    100.0 - 100.0 * (double)sh->rx / (double)sh->tx, 100.0 * (double)sh->late / (double)(sh->rx + 1), sh->p50, sh->p99, sh->p999,
	    (double)(rss_kb() - rss0) / calls, alloc_us, (unsigned long long)st.late_ticks, bad, mute, sh->cpu / seconds);
	for (unsigned i = 0; i < calls; i++) {
		mem_deref(r[i]);
		mem_deref(s[2 * i]);
		mem_deref(s[2 * i + 1]);
	}
	mem_deref(m);
	return 0;
}
