/*
 * Uploaded sounds as the PBX plays them: WAV, 8 kHz, 16 bit, mono. Reads what libsndfile reads (WAV with any rate, depth and channels,
 * G.711 in WAV, AIFF, AU, FLAC, Ogg, Opus, MP3). Blocks; not for the loop thread.
 *
 *   file -> libsndfile -> channels averaged -> band limited to 3.5 kHz and resampled -> peak no higher than full scale -> 16 bit
 *
 * Decoders of others read files of strangers: in the daemon this runs in a process of its own, which may crash, eat memory or hang.
 */
#ifndef ZX_MEDIA_CONVERT_H
#define ZX_MEDIA_CONVERT_H

#include <stdint.h>

enum zx_convert {
	ZX_CONVERT_OK,
	ZX_CONVERT_UNKNOWN,  /* no format we know */
	ZX_CONVERT_BROKEN,   /* damaged: cannot be read, or crashes who reads it */
	ZX_CONVERT_SHORT,    /* less than 0.1 s */
	ZX_CONVERT_LONG,     /* more than max_s */
	ZX_CONVERT_CHANNELS, /* more than 8 */
	ZX_CONVERT_RATE,     /* below 4 kHz or above 192 kHz */
	ZX_CONVERT_SPACE,    /* the disk is full */
	ZX_CONVERT_SLOW,     /* took too much time or memory */
	ZX_CONVERT_FAILED,   /* our own fault */
};

/* Here and now. *len_ms: of the result. `out` is overwritten, and of no use unless OK. */
enum zx_convert zx_convert_file(const char *in, const char *out, unsigned max_s, int64_t *len_ms);
/* The same in a child process: `exe` --convert-sound IN OUT MAX_S. NULL: this program itself. */
enum zx_convert zx_convert_apart(const char *exe, const char *in, const char *out, unsigned max_s, int64_t *len_ms);
/* The child: limits itself, converts; what main() returns. argv: IN OUT MAX_S. */
int zx_convert_main(int argc, char **argv);

#endif
