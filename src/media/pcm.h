/* Codecs over 8 kHz PCM. G.722 is brought to and from 16 kHz with a half-band filter. Each object is used by one thread. */
#ifndef ZX_MEDIA_PCM_H
#define ZX_MEDIA_PCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"

enum { ZX_PCM_MAX = 12000 }; /* samples a payload of 1500 bytes can hold (G.729: 8 samples a byte) */

extern int16_t zx_ulaw_table[256], zx_alaw_table[256];
/* Fills the tables, once; before anything else here. */
void zx_pcm_init(void);

struct zx_dec;
struct zx_enc;

int zx_dec_alloc(struct zx_dec **dp, enum zx_codec codec);
void zx_dec_free(struct zx_dec *d);
/* Samples written to pcm (never more than max). */
size_t zx_dec_run(struct zx_dec *d, const uint8_t *p, size_t n, int16_t *pcm, size_t max);

/* n samples for a packet that was lost; false when this codec has nothing to say about it. */
bool zx_dec_lost(struct zx_dec *d, int16_t *pcm, size_t n);

int zx_enc_alloc(struct zx_enc **ep, enum zx_codec codec);
void zx_enc_free(struct zx_enc *e);
/* Bytes written to p (never more than max). G.729 takes whole 10 ms frames and leaves a rest out. */
size_t zx_enc_run(struct zx_enc *e, const int16_t *pcm, size_t n, uint8_t *p, size_t max);

#endif
