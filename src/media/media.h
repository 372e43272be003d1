/*
 * Media: the only room that touches packets. Knows streams, not calls.
 *
 * The engine runs N threads; every stream belongs to one. All functions here are for the loop thread: they
 * post plain-data commands and never block. Events come back on the loop thread.
 *
 *        socket -> [SRTP] -> latch/strict -> stats -> (bridge peer | decode -> recorder, DTMF)
 *        player / peer -> [transcode] -> SSRC, seq, ts continuity -> [SRTP] -> socket
 */
#ifndef ZX_MEDIA_MEDIA_H
#define ZX_MEDIA_MEDIA_H

#include "base/re.h"

#include "base/codec.h"

struct zx_media;  /* engine; mem_deref() stops the threads */
struct zx_stream; /* one RTP session of one leg; mem_deref() closes it (its ports are back in the pool some ms later) */
struct zx_rec;    /* a recording; mem_deref() finishes the file */

struct zx_media_conf {
	uint16_t port_min, port_max; /* even RTP, odd RTCP */
	unsigned threads;            /* >= 1 */
	const char *sounds_dir;      /* prompts are WAV files below it, loaded into memory at first use */
	const char *rec_dir;
	unsigned rec_min_free_mb;
	bool epoll_only; /* do not try io_uring */
};

int zx_media_alloc(struct zx_media **mp, const struct zx_media_conf *conf);

enum zx_stream_ev {
	ZX_STREAM_FIRST_RTP, /* first valid packet arrived */
	ZX_STREAM_DTMF,      /* .digit, .duration_ms; once per key press (RFC 4733 end, or its loss) */
	ZX_STREAM_PLAY_DONE, /* .play: what zx_stream_play() returned; not sent when stopped or replaced */
	ZX_STREAM_TIMEOUT,   /* nothing received for the time set, while receiving was expected */
};

struct zx_stream_event {
	enum zx_stream_ev type;
	char digit; /* 0-9 * # A-D */
	unsigned duration_ms;
	uint32_t play;
};

typedef void(zx_stream_event_h)(const struct zx_stream_event *ev, void *arg);

/* Allocates the ports on `laddr` (port ignored). EADDRNOTAVAIL when the pool is empty. `near` (may be NULL): a stream it will be
 * bridged with, so that both live on the same thread. */
int zx_stream_alloc(struct zx_stream **sp, struct zx_media *m, const struct sa *laddr, const struct zx_stream *near, zx_stream_event_h *h,
		    void *arg);
/* Local RTP address with port. */
const struct sa *zx_stream_laddr(const struct zx_stream *s);

/* What was negotiated; may be set again at any time (re-INVITE). SSRC, sequence and time stamps of what we send go on. */
struct zx_stream_desc {
	struct sa rtp, rtcp; /* where the other side said it receives; unset rtp: send nothing until latched */
	bool rtcp_mux;
	bool latch; /* learn the real source from its first packets, then strict; a later desc with another rtp re-arms */
	enum zx_codec codec;
	uint8_t pt;                /* payload type for sending and receiving `codec` */
	uint8_t pt_rx;             /* when the peer's answer maps it differently; normally == pt */
	int te_pt;                 /* telephone-event payload type, -1 = none */
	enum zx_dir dir;           /* as seen by us */
	uint16_t ptime;            /* ms the other side wants, 20 default */
	struct zx_srtp_key tx, rx; /* suite NONE = plain RTP */
	uint32_t timeout_ms;       /* 0 = none */
};
int zx_stream_set(struct zx_stream *s, const struct zx_stream_desc *d);

/* Relay between two streams, transcoding only when the codecs differ; telephone-event is relayed (payload type mapped) when
 * both have it. Ends any player on them. Bridging one that is bridged moves it. */
int zx_stream_bridge(struct zx_stream *a, struct zx_stream *b);
/* Silence from now on (comfort silence is sent to keep NATs open when dir allows). */
int zx_stream_unbridge(struct zx_stream *s);

/* A prompt was added, replaced or removed below sounds_dir (removed: playing it ends at once). Calls that hear it go on with the old one.
 */
void zx_media_sounds_changed(struct zx_media *m, const char *name);

enum zx_tone { ZX_TONE_RINGBACK, ZX_TONE_BUSY, ZX_TONE_CONGESTION, ZX_TONE_SIT, ZX_TONE_BEEP }; /* China: 450 Hz, GB 3380 */

struct zx_play {
	const char *file; /* prompt name below sounds_dir ("moh/default"), or an absolute path; NULL = tone */
	enum zx_tone tone;
	unsigned repeat; /* times; 0 = for ever */
	unsigned max_ms; /* 0 = no limit */
};
/* Plays towards the other side of s. *idp identifies it in PLAY_DONE. ENOENT when there is no such prompt. Replaces what is playing;
 * a bridge is suspended while playing and goes on after zx_stream_play_stop(). */
int zx_stream_play(struct zx_stream *s, const struct zx_play *p, uint32_t *idp);
int zx_stream_play_stop(struct zx_stream *s);
/* Sends a key press towards the other side by RFC 4733 (or as audio when te_pt is -1). */
int zx_stream_dtmf(struct zx_stream *s, char digit, unsigned duration_ms);

/* Listens for keys pressed as audible tones, too (ZX_STREAM_DTMF): for peers that cannot do RFC 4733. One that sends it is heard once. */
int zx_stream_inband_dtmf(struct zx_stream *s, bool on);

struct zx_stream_stats { /* RFC 3550; tx as reported by the other side's RTCP */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t rx_lost;    /* after reordering; never negative */
	uint64_t rx_foreign; /* dropped: wrong source, SSRC hijack, bad authentication */
	uint32_t rx_jitter_us;
	uint32_t tx_lost;
	uint32_t tx_jitter_us;
	int32_t rtt_us; /* -1 unknown */
	float mos;      /* ITU-T G.107 simplified, 1.0-4.5; 0 = nothing received */
};
/* Readable at any time, also just before mem_deref(). */
void zx_stream_stats(const struct zx_stream *s, struct zx_stream_stats *st);

/* Recording: stereo WAV, 16 bit, 8000 Hz; left = what arrives from a, right = what arrives from b, aligned in time. Survives re-bridging:
 * zx_rec_side() moves a side to another stream (transfer), a side without stream is silence. Path is below rec_dir; folders are made.
 * Never blocks audio: when the disk cannot follow, the gap is silence and zx_rec_problem() tells. */
int zx_rec_start(struct zx_rec **rp, struct zx_media *m, const char *path, struct zx_stream *a, struct zx_stream *b);
int zx_rec_side(struct zx_rec *r, unsigned side, struct zx_stream *s);
/* NULL, or why the recording is not complete ("disk full", "overrun", ...). */
const char *zx_rec_problem(const struct zx_rec *r);
/* At start: completes headers of files cut off by a crash; the number of repaired files. */
int zx_rec_repair(const char *rec_dir, unsigned *repaired);
/* Length of a recording file in ms, 0 when unreadable. */
int64_t zx_rec_length(const char *rec_dir, const char *path);
/* Peaks for drawing: n columns x 2 channels, 0..255. Web worker threads. */
int zx_rec_peaks(const char *rec_dir, const char *path, unsigned n, uint8_t *left, uint8_t *right, int64_t *len_ms);

struct zx_media_stats {
	unsigned streams, ports_free;
	uint64_t late_ticks, rx_packets, tx_packets;
};
void zx_media_stats(const struct zx_media *m, struct zx_media_stats *st);

#endif
