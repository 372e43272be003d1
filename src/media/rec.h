/*
 * The recorder, between its three threads.
 *
 *   media thread: payload + position -> chunk (1 kB, one a side) -> full or old: queue (lock-free) -> writer thread:
 *   decode -> stereo window -> pwrite. Positions are samples since the recording began; what nobody wrote is a hole: silence.
 */
#ifndef ZX_MEDIA_REC_H
#define ZX_MEDIA_REC_H

#include <limits.h>
#include <stdatomic.h>

#include "media/priv.h"

enum {
	ZX_CHUNK = 1024 - 16, /* six packets of 20 ms */
	ZX_REC_RATE = 8000,
	ZX_WAV_HDR = 44,
	ZX_WAV_ALIGN = 4, /* bytes a stereo sample */
};

struct zx_rec_entry { /* in a chunk, before its payload; 4-byte aligned */
	uint32_t pos;
	uint16_t len;
	uint8_t codec, pad;
};

struct zx_chunk {
	struct zx_chunk *next; /* queue to the writer, then the side's list */
	struct zx_recf *f;
	uint8_t side, kind;  /* enum zx_chunk_kind */
	uint16_t used, done; /* bytes of data; of them in the file */
	uint32_t first_pos;
	uint8_t data[]; /* ZX_CHUNK bytes in one of audio */
};

enum zx_chunk_kind { ZX_CHUNK_AUDIO, ZX_CHUNK_OPEN, ZX_CHUNK_UNREF, ZX_CHUNK_STOP };

/* A file. The loop's handle holds a reference, and each side that is attached; the writer counts them down, in the order of the queue,
 * so that it closes the file after the last audio. */
struct zx_recf {
	struct zx_recw *w;
	uint64_t t0_us;
	_Atomic uint64_t end_us; /* 0: running */
	_Atomic uint32_t refs;
	const char *_Atomic problem; /* a constant */
	/* the writer's: */
	struct zx_recf *dirty_next;
	bool dirty, dead; /* dead: nothing is written any more */
	int fd;
	uint32_t written, longest; /* samples done with; end of the file */
	uint64_t header_us;
	struct zx_chunk *head[2], **tail[2];
	struct zx_dec *dec[2];
	uint8_t dec_codec[2];
	int16_t *carry; /* stereo samples beyond `written` that are decoded already */
	uint32_t ncarry;
	uint64_t mark; /* name of the link in .open */
	char path[];   /* below the folder */
};

struct zx_rec_scratch;

struct zx_recw {
	pthread_t thread;
	int evfd, dir, open_dir;
	uint64_t min_free, checked_us, marks;
	bool full;
	struct zx_chunk *_Atomic queue;
	_Atomic uint32_t inflight; /* chunks */
	struct zx_recf *dirty;
	struct zx_rec_scratch *scratch;
	bool stop;
	unsigned nfiles;
};

/* Any thread. */
void zx_recw_push(struct zx_recw *w, struct zx_chunk *c);
int zx_recw_msg(struct zx_recf *f, enum zx_chunk_kind kind);
int zx_recw_wake(struct zx_recw *w);
/* rec_file.c: writer thread */
int zx_rec_scratch_alloc(struct zx_rec_scratch **sp); /* free() */
int zx_recf_open(struct zx_recf *f);
void zx_recf_add(struct zx_recf *f, struct zx_chunk *c);
/* Writes everything before `upto`. */
void zx_recf_flush(struct zx_recf *f, uint32_t upto);
void zx_recf_finish(struct zx_recf *f);
void zx_recf_header(struct zx_recf *f);
void zx_recf_fail(struct zx_recf *f, const char *why);
/* wav.c */
void zx_wav_header(uint8_t *h, uint32_t samples);
/* Samples in an open recording, by its size; EBADMSG when it is none of ours. */
int zx_wav_samples(int fd, uint32_t *samples, bool *header_right);
/* 0 when path stays below the folder. */
int zx_rec_path_check(const char *path);

#endif
