/*
 * Inside of the engine. The loop thread owns struct zx_stream, a media thread owns struct zx_ms, its other half;
 * commands go from the first to the second, events come back by zx_loop_post(). Statistics are the only memory both touch.
 */
#ifndef ZX_MEDIA_PRIV_H
#define ZX_MEDIA_PRIV_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "media/media.h"
#include "media/io.h"
#include "media/pcm.h"
#include "media/rtp.h"
#include "media/srtp.h"

enum {
	ZX_TICK_US = 5000, /* players are spread over four phases of a frame */
	ZX_PHASES = 4,
	ZX_SWEEP = 50,  /* every stream is looked after once in so many frames: a second */
	ZX_FRAME = 160, /* samples in 20 ms */
	ZX_DTMF_QUEUE = 16,
	ZX_RTCP_S = 5,
};

/* Counters written by one thread and read by any. */
#define ZX_ADD(v, n) atomic_store_explicit(&(v), atomic_load_explicit(&(v), memory_order_relaxed) + (n), memory_order_relaxed)
#define ZX_SET(v, n) atomic_store_explicit(&(v), (n), memory_order_relaxed)
#define ZX_GET(v) atomic_load_explicit(&(v), memory_order_relaxed)

/* ---- port pool: popped by the loop thread, given back by media threads when the socket is closed ---- */
struct zx_ports;
int zx_ports_alloc(struct zx_ports **pp, uint16_t min, uint16_t max);
void zx_ports_free(struct zx_ports *p);
/* A bound RTP socket on addr; *addr gets the port. EADDRNOTAVAIL when none is left. */
int zx_ports_open(struct zx_ports *p, struct sa *addr, int *fdp);
void zx_ports_put(struct zx_ports *p, const struct sa *addr);
unsigned zx_ports_left(struct zx_ports *p);
int zx_udp_open(const union zx_addr *a, int *fdp);

/* ---- PCM in memory: prompts and tones; counted with atomics, shared by threads ---- */
struct zx_pcm {
	atomic_uint refs;
	size_t n;
	int16_t v[]; /* 8 kHz */
};
void zx_pcm_deref(struct zx_pcm *p);
struct zx_pcm *zx_pcm_ref(struct zx_pcm *p);
int zx_tone_pcm(struct zx_pcm **pp, enum zx_tone t);
/* A DTMF frame as audio, starting at sample pos. */
void zx_tone_dtmf(int16_t *v, size_t n, unsigned event, size_t pos);
/* libuv's pool. */
int zx_prompt_load(struct zx_pcm **pp, const char *path);

struct zx_prompts;
/* Keeps those used last in memory, up to limit bytes and what is being played. */
int zx_prompts_alloc(struct zx_prompts **pp, const char *dir, size_t limit);
/* 0 with *pcm (a reference); EAGAIN: being loaded, zx_prompt_h will be called with arg; ENOENT. */
typedef void(zx_prompt_h)(struct zx_pcm *pcm, uint32_t id, uint32_t gen);
int zx_prompts_get(struct zx_prompts *p, const char *name, struct zx_pcm **pcm, zx_prompt_h *h, uint32_t id, uint32_t gen);

/* ---- commands ---- */
enum zx_cmd_type {
	ZX_CMD_ADOPT,
	ZX_CMD_FREE,
	ZX_CMD_SET,
	ZX_CMD_BRIDGE,
	ZX_CMD_UNBRIDGE,
	ZX_CMD_PLAY,
	ZX_CMD_PLAY_STOP,
	ZX_CMD_DTMF,
	ZX_CMD_INBAND,
	ZX_CMD_REC,
	ZX_CMD_MIGRATE,
	ZX_CMD_STOP
};

struct zx_ms;
struct zx_mt;

struct zx_cmd {
	struct zx_cmd *next;
	enum zx_cmd_type type;
	struct zx_ms *a, *b;
	union {
		struct zx_stream_desc desc;
		struct {
			struct zx_pcm *pcm;
			uint32_t id;
			unsigned repeat, max_ms;
		} play;
		struct {
			uint8_t event;
			uint16_t ms;
		} dtmf;
		struct {
			struct zx_recf *f;    /* NULL: detach whatever; comes with a reference */
			struct zx_recf *only; /* detach only from this one; never dereferenced */
			uint8_t side;
		} rec;
		struct zx_mt *to;
		bool on;
	} u;
};

/* ---- one stream, as its media thread sees it ---- */
struct zx_rxstat { /* RFC 3550 A.1, A.3, A.8 */
	bool on;
	uint32_t ssrc, base, max, cycles, bad;
	uint32_t transit, jitter; /* jitter x 16, time stamp units */
	uint32_t received, lost_before, expected_prior, received_prior;
};

struct zx_txcont {              /* one continuous SSRC whatever we send from */
	uint32_t ssrc, ts, len; /* ts, len: of the last packet; len of an own one */
	uint16_t seq;
	bool started, mapped, own; /* mapped: relaying map_ssrc; own: our own frames follow each other */
	uint64_t t_us;
	uint32_t map_ssrc, ts_off;
	uint16_t seq_off, map_base;
};

enum { ZX_PACK_MAX = 960 };
struct zx_pack { /* samples until a packet is full, where the other side wants other lengths than come */
	uint32_t ts;
	unsigned n;
	bool marker;
	int16_t v[ZX_PACK_MAX];
};

struct zx_player {
	struct zx_pcm *pcm;
	size_t pos;
	uint32_t id;
	unsigned repeat, left_frames; /* repeat: rounds left, 0 = for ever */
	bool limited;
};

struct zx_dtmf_tx {
	struct {
		uint8_t event;
		uint16_t samples;
	} q[ZX_DTMF_QUEUE];
	unsigned n;
	uint32_t pos, ts; /* samples sent of q[0]; its start */
	uint8_t ends, gap;
	bool running, inband;
};

struct zx_dtmf_rx {
	bool on, told;
	uint8_t event;
	uint16_t dur;
	uint32_t ts, ssrc;
	uint64_t t_us;
};

struct zx_latch {
	union zx_addr src, cand;
	bool on, cand_on;
	uint16_t cand_seq;
	uint8_t cand_n;
	uint32_t ssrc, cand_ssrc;
	uint16_t seq;
	uint64_t t_us, soft_us; /* last packet; until then another source may take over */
	unsigned soft_n;
};

struct zx_counters {
	_Atomic uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_lost, rx_foreign;
	_Atomic uint32_t rx_jitter_us, tx_lost, tx_jitter_us, codec;
	_Atomic int32_t rtt_us;
};

struct zx_ms {
	struct zx_mt *_Atomic owner; /* NULL while it moves */
	uint32_t slot, gen;          /* of the handle, for events */
	struct zx_sock rtp, rtcp;
	uint8_t open, closing; /* sockets the kernel still holds */
	bool set, have_dst, first;
	struct zx_stream_desc d;
	struct sa laddr;
	union zx_addr dst, rtcp_dst, sig; /* sig: the signalled address, family 0 when none */
	struct zx_latch latch;
	struct zx_rxstat rs;
	struct zx_txcont tx;
	struct zx_dtmf_rx dr;
	uint32_t sr_mid, last_tx_packets;
	uint64_t sr_us, rtcp_us, rx_us, set_us;
	bool rtcp_latched, timed_out;
	struct zx_srtp *srtp;
	struct zx_ms *peer;
	struct zx_player *play;
	struct zx_dtmf_tx *dt;
	struct zx_inband *inband; /* listens for tones of keys */
	struct zx_dec *dec;       /* of what we receive, when it must be decoded for the peer */
	struct zx_plc *plc;       /* the same: what was lost */
	struct zx_pack *pack;
	struct zx_enc *enc; /* of what we send, when it comes from PCM */
	enum zx_codec dec_codec, enc_codec;
	struct zx_recs *rec;  /* the recorder's side */
	struct zx_mt *target; /* migrating to */
	struct zx_ms *active_next, **active_prev;
	struct zx_ms *sweep_next, **sweep_prev;
	struct zx_counters c;
};

struct zx_mt { /* a media thread */
	struct zx_media *m;
	unsigned idx;
	pthread_t thread;
	sem_t up;
	int err;
	struct zx_io *io;
	struct zx_cmd *_Atomic head;
	struct zx_cmd *deferred, **deferred_end;
	struct zx_ms *active[ZX_PHASES], *sweep[ZX_SWEEP];
	unsigned nstreams, nactive;
	uint64_t now_us, tick; /* tick: number of the last one done */
	uint64_t tick0_us;
	bool stop;
	_Atomic uint64_t late, rx, tx;
	uint64_t pad[8];
};

struct zx_media {
	struct zx_ports *ports;
	struct zx_prompts *prompts;
	struct zx_recw *recw;
	char cname[32];
	bool epoll_only;
	unsigned nthreads, next;
	unsigned nstreams;
	char *sounds_dir, *rec_dir;
	struct zx_mt *mt;
	struct tmr wake; /* orders are waiting for media threads that may sleep */
};

/* thread.c */
int zx_mt_start(struct zx_mt *mt, struct zx_media *m, unsigned idx);
void zx_mt_stop(struct zx_mt *mt);
void zx_mt_post(struct zx_mt *mt, struct zx_cmd *c);
void zx_ms_event(const struct zx_ms *ms, const struct zx_stream_event *ev);
void zx_ms_activate(struct zx_mt *mt, struct zx_ms *ms);
void zx_ms_deactivate(struct zx_mt *mt, struct zx_ms *ms);

/* cmd.c */
void zx_cmd_run(struct zx_mt *mt, struct zx_cmd *c);
void zx_cmd_drop(struct zx_cmd *c);

/* rx.c */
void zx_rx(struct zx_sock *s, uint8_t *pkt, size_t len, const union zx_addr *src, void *arg);
void zx_rx_dtmf_sweep(struct zx_mt *mt, struct zx_ms *ms);
/* inband.c */
int zx_inband_set(struct zx_ms *ms, bool on);
void zx_inband_free(struct zx_ms *ms);
void zx_inband_packet(struct zx_ms *ms, enum zx_codec codec, const uint8_t *p, size_t n);
void zx_inband_sweep(struct zx_ms *ms, uint64_t now_us);
/* latch.c */
enum zx_latch_result { ZX_LATCH_OK, ZX_LATCH_WAIT, ZX_LATCH_FOREIGN };
enum zx_latch_result zx_latch_check(struct zx_ms *ms, const union zx_addr *src, const struct zx_rtp *r, bool authentic, uint64_t now_us);
void zx_latch_set(struct zx_ms *ms, const struct zx_stream_desc *d, uint64_t now_us);
bool zx_addr_same_host(const union zx_addr *a, const union zx_addr *b);
bool zx_addr_same(const union zx_addr *a, const union zx_addr *b);
/* rxstat.c */
void zx_rxstat_packet(struct zx_rxstat *s, const struct zx_rtp *r, uint64_t now_us);
uint32_t zx_rxstat_lost(const struct zx_rxstat *s);
/* The report block about what we receive; begins a new interval. */
void zx_rxstat_block(struct zx_rxstat *s, struct zx_rtcp_block *b);
float zx_mos(enum zx_codec codec, double loss, double delay_ms);
/* tx.c */
enum { ZX_KIND_TE = -2, ZX_KIND_CN = -3 }; /* beside enum zx_codec */
void zx_tx_relay(struct zx_mt *mt, struct zx_ms *to, struct zx_ms *from, struct zx_rtp *r, uint8_t *pkt, int kind);
void zx_tx_unmap(struct zx_ms *ms);
/* Moves a relayed packet into our numbering, by offsets: the sender's losses and pace stay visible. False: it is older than the switch. */
bool zx_tx_map(struct zx_txcont *t, struct zx_rtp *r, uint64_t now_us);
unsigned zx_tx_frame(const struct zx_ms *ms); /* samples in a packet the other side wants */
void zx_tx_pcm(struct zx_mt *mt, struct zx_ms *ms, struct zx_rtp *r, const int16_t *pcm, size_t n);
struct zx_pack *zx_tx_pack(struct zx_ms *ms); /* NULL: no memory */
void zx_tx_pack_send(struct zx_mt *mt, struct zx_ms *ms);
/* ms: what the tick owes (player, DTMF); false when there is nothing more to do. */
bool zx_tx_tick(struct zx_mt *mt, struct zx_ms *ms);
void zx_tx_silence(struct zx_mt *mt, struct zx_ms *ms);
void zx_tx_dtmf(struct zx_mt *mt, struct zx_ms *ms, uint8_t event, unsigned ms_len);
void zx_tx_play_stop(struct zx_ms *ms);
/* xcode.c */
struct zx_plc;
void zx_transcode(struct zx_mt *mt, struct zx_ms *to, struct zx_ms *from, struct zx_rtp *r, const uint8_t *pkt, enum zx_codec codec);
/* rtcp.c */
void zx_rtcp_rx(struct zx_mt *mt, struct zx_ms *ms, uint8_t *p, size_t n, const union zx_addr *src);
void zx_rtcp_send(struct zx_mt *mt, struct zx_ms *ms);

/* rec.c (media side of the recorder) */
struct zx_recw;
struct zx_recf;
struct zx_recs;
void zx_recs_packet(struct zx_recs *s, enum zx_codec codec, const struct zx_rtp *r, const uint8_t *payload, uint64_t now_us);
int zx_recs_attach(struct zx_recs **sp, struct zx_recf *f, unsigned side);
void zx_recs_detach(struct zx_recs *s);
struct zx_recf *zx_recs_file(const struct zx_recs *s);
void zx_recf_unref(struct zx_recf *f);
/* writer */
int zx_recw_alloc(struct zx_recw **wp, const char *dir, unsigned min_free_mb);
void zx_recw_stop(struct zx_recw *w);

/* stream.c */
void zx_stream_event_post(void *data, size_t len);
struct zx_stream_ev_msg {
	uint32_t slot, gen;
	struct zx_stream_event ev;
};
struct zx_mt *zx_stream_thread(const struct zx_stream *s);
int zx_stream_cmd(struct zx_stream *s, struct zx_cmd *c);
/* A name for a stream that stays harmless when the stream is gone. */
struct zx_stream_id {
	uint32_t slot, gen;
};
struct zx_stream_id zx_stream_id(const struct zx_stream *s);
struct zx_stream *zx_stream_by_id(struct zx_stream_id id);

#endif
