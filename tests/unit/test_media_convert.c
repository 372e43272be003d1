/* Uploaded sounds: a tone comes out as the tone, what 8 kHz cannot hold is gone, the level stays, nothing clips; bad files are told apart.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sndfile.h>

#include "media/convert.h"
#include "zxtest.h"

static char dir[] = "/dev/shm/zx-convert-XXXXXX";
static char in[64], out[64];

static void paths(void)
{
	if (!strstr(in, "in")) {
		ZX_CHECK(mkdtemp(dir) != NULL);
		snprintf(in, sizeof(in), "%s/in", dir);
		snprintf(out, sizeof(out), "%s/out", dir);
	}
}

/* Seconds of tones (0 ends the list), each at level `amp`, on all channels. */
static void make(int format, int rate, int channels, double s, double amp, const double *hz)
{
	SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
	const size_t n = (size_t)(s * rate);
	float *v = calloc(n * (size_t)channels, sizeof(*v));
	SNDFILE *f;

	paths();
	for (size_t i = 0; i < n; i++) {
		double x = 0;
		for (const double *h = hz; *h; h++)
			x += amp * sin(2 * M_PI * *h * (double)i / rate);
		for (int c = 0; c < channels; c++)
			v[i * (size_t)channels + (size_t)c] = (float)x;
	}
	f = sf_open(in, SFM_WRITE, &info);
	ZX_CHECK(f != NULL);
	sf_command(f, SFC_SET_CLIPPING, NULL, SF_TRUE);
	ZX_CHECK_EQ(sf_writef_float(f, v, (sf_count_t)n), (sf_count_t)n);
	sf_close(f);
	free(v);
}

struct sound {
	int16_t v[8000 * 20];
	size_t n;
};
static struct sound got;

static enum zx_convert convert(unsigned max_s)
{
	uint8_t h[44];
	int64_t len = 0;
	const enum zx_convert why = zx_convert_file(in, out, max_s, &len);

	got.n = 0;
	if (why)
		return why;
	FILE *f = fopen(out, "rb");
	ZX_CHECK(f != NULL);
	ZX_CHECK_EQ(fread(h, 1, sizeof(h), f), sizeof(h));
	got.n = fread(got.v, 2, sizeof(got.v) / 2, f);
	fclose(f);
	ZX_CHECK(!memcmp(h, "RIFF", 4) && !memcmp(h + 8, "WAVEfmt ", 8) && !memcmp(h + 36, "data", 4));
	ZX_CHECK_EQ(h[20] + h[22] + h[34], 1 + 1 + 16);
	ZX_CHECK_EQ(h[24] + 256 * h[25], 8000);
	ZX_CHECK_EQ((size_t)(h[40] + 256 * h[41] + 65536 * h[42]), got.n * 2);
	ZX_CHECK_EQ(len, (int64_t)got.n / 8);
	return why;
}

/* Goertzel over the middle, Hann window: the amplitude of this tone, 1 = full scale. */
static double level(double hz)
{
	const size_t from = got.n / 8, n = got.n * 3 / 4;
	const double w = 2 * M_PI * hz / 8000, c = 2 * cos(w);
	double a = 0, b = 0, sum = 0;

	for (size_t i = 0; i < n; i++) {
		const double win = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n), s = win * got.v[from + i] / 32768.0 + c * a - b;
		b = a;
		a = s;
		sum += win;
	}
	return 2 * sqrt(fabs(a * a + b * b - c * a * b)) / sum;
}

static double db(double a, double b)
{
	return 20 * log10((a + 1e-12) / b);
}

/* All that is not the tone, against it. */
static double noise_db(double hz)
{
	const double amp = level(hz);
	double all = 0;
	const size_t from = got.n / 8, n = got.n * 3 / 4;

	for (size_t i = 0; i < n; i++)
		all += (double)got.v[from + i] * got.v[from + i] / 32768.0 / 32768.0;
	all = all / (double)n - amp * amp / 2;
	return 10 * log10((all > 1e-12 ? all : 1e-12) / (amp * amp / 2));
}

static const int rates[] = {4000, 6000, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 44101, 48000, 96000, 192000};

ZX_TEST(tones)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		static const double hz[] = {300, 1000, 1700, 2500, 3400};
		for (size_t k = 0; k < 5; k++) {
			const double tone[] = {hz[k], 0};
			if (hz[k] > 0.45 * rates[i])
				continue;
			make(SF_FORMAT_WAV | SF_FORMAT_PCM_24, rates[i], 1, 2, 0.5, tone);
			ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
			ZX_CHECK(got.n >= 15999 && got.n <= 16001);
			const double off = db(level(hz[k]), 0.5), noise = noise_db(hz[k]);
			if (fabs(off) > 0.1 || noise > -70)
				printf("%d Hz, %.0f Hz: %.3f dB, noise %.1f dB\n", rates[i], hz[k], off, noise);
			ZX_CHECK(fabs(off) <= 0.1);
			ZX_CHECK(noise <= -70);
		}
	}
}

ZX_TEST(aliases)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		static const double hz[] = {4050, 4500, 5000, 7000, 7900, 9000, 12100, 20000};
		for (size_t k = 0; k < 8; k++) {
			const double tone[] = {hz[k], 0};
			double most = 0;
			if (rates[i] <= 8000 || hz[k] > 0.49 * rates[i])
				continue;
			make(SF_FORMAT_WAV | SF_FORMAT_PCM_24, rates[i], 1, 1, 0.7, tone);
			ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
			for (size_t n = got.n / 8; n < got.n * 7 / 8; n++)
				most = fmax(most, abs(got.v[n]) / 32768.0);
			if (db(most, 0.7) > -60)
				printf("%d Hz: %.0f Hz comes back at %.1f dB\n", rates[i], hz[k], db(most, 0.7));
			ZX_CHECK(db(most, 0.7) <= -60);
		}
	}
}

ZX_TEST(formats)
{
	static const struct {
		int format, rate, channels;
		double tone_db; /* how exact */
	} v[] = {
	    {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8000, 1, 0.2},   {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2, 0.1},
	    {SF_FORMAT_WAV | SF_FORMAT_PCM_32, 48000, 1, 0.1},  {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 2, 0.1},
	    {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 96000, 1, 0.1},  {SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1, 0.3},
	    {SF_FORMAT_WAV | SF_FORMAT_ALAW, 8000, 1, 0.3},     {SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, 8000, 1, 0.5},
	    {SF_FORMAT_WAV | SF_FORMAT_GSM610, 8000, 1, 2.0},   {SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 22050, 2, 0.1},
	    {SF_FORMAT_AU | SF_FORMAT_PCM_16, 16000, 1, 0.1},   {SF_FORMAT_AU | SF_FORMAT_ULAW, 8000, 1, 0.3},
	    {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 2, 0.1}, {SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 2, 0.5},
	    {SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1, 0.5},    {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2, 0.5},
	    {SF_FORMAT_W64 | SF_FORMAT_PCM_16, 32000, 1, 0.1},  {SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 48000, 6, 0.1},
	    {SF_FORMAT_CAF | SF_FORMAT_PCM_16, 44100, 1, 0.1},  {SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 44100, 1, 0.1},
	};
	static const double tone[] = {1000, 0};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		make(v[i].format, v[i].rate, v[i].channels, 2, 0.4, tone);
		ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
		ZX_CHECK(got.n > 15000 && got.n < 17000);
		const double off = db(level(1000), 0.4);
		if (fabs(off) > v[i].tone_db)
			printf("format %x: %.2f dB\n", (unsigned)v[i].format, off);
		ZX_CHECK(fabs(off) <= v[i].tone_db);
	}
}

ZX_TEST(peaks)
{
	static const double two[] = {400, 1100, 0}, one[] = {1000, 0};
	int16_t most = 0;

	/* a float three times too loud: its shape is kept, nothing is cut off */
	make(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 1, 2, 1.5, two);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
	ZX_CHECK(fabs(db(level(400), level(1100))) < 0.1);
	ZX_CHECK(noise_db(400) < 0.2); /* the other tone and nothing else */
	for (size_t i = 0; i < got.n; i++)
		most = abs(got.v[i]) > most ? (int16_t)abs(got.v[i]) : most;
	ZX_CHECK(most > 31000 && most < 32700);
	/* a square wave at full scale overshoots behind a filter */
	SF_INFO info = {.samplerate = 44100, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *f = sf_open(in, SFM_WRITE, &info);
	for (int i = 0; i < 44100; i++) {
		const short x = i / 50 % 2 ? 32767 : -32768;
		sf_write_short(f, &x, 1);
	}
	sf_close(f);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
	most = 0;
	unsigned flat = 0;
	for (size_t i = 1; i < got.n; i++) {
		most = abs(got.v[i]) > most ? (int16_t)abs(got.v[i]) : most;
		flat += abs(got.v[i]) >= 32767;
	}
	ZX_CHECK(most > 31000 && !flat);
	/* an 8 kHz file in the right form comes out bit by bit */
	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 1, 0.9, one);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
	info = (SF_INFO){0};
	f = sf_open(in, SFM_READ, &info);
	static short same[8000];
	ZX_CHECK_EQ(sf_read_short(f, same, 8000), 8000);
	sf_close(f);
	ZX_CHECK_EQ(got.n, 8000);
	ZX_CHECK(!memcmp(same, got.v, sizeof(same)));
}

/* Between blocks nothing is lost or doubled: a slow sine has no step anywhere. */
ZX_TEST(steps)
{
	static const double hz[] = {50, 0};
	int most = 0;

	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 1, 10, 0.8, hz);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
	for (size_t i = 401; i + 400 < got.n; i++)
		most = abs(got.v[i] - got.v[i - 1]) > most ? abs(got.v[i] - got.v[i - 1]) : most;
	/* 2 pi 50 / 8000 * 0.8 * 32768 = 1030 */
	ZX_CHECK(most < 1045);
}

static void put_bytes(const void *p, size_t n)
{
	FILE *f;

	paths();
	f = fopen(in, "wb");
	fwrite(p, 1, n, f);
	fclose(f);
}

ZX_TEST(refusals)
{
	static const double hz[] = {1000, 0};
	static char junk[5000];

	put_bytes("", 0);
	ZX_CHECK(convert(60) == ZX_CONVERT_UNKNOWN || convert(60) == ZX_CONVERT_BROKEN);
	put_bytes("<html>this is no sound at all, it is a page of text</html>", 58);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_UNKNOWN);
	memcpy(junk,
	       "\0\0\0\x20"
	       "ftypM4A ",
	       12);
	put_bytes(junk, sizeof(junk));
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_UNKNOWN);
	put_bytes("RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\0\0", 24);
	ZX_CHECK(convert(60) != ZX_CONVERT_OK);
	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 0.05, 0.5, hz);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_SHORT);
	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 3, 0.5, hz);
	ZX_CHECK_EQ(convert(2), ZX_CONVERT_LONG);
	make(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1, 3, 0.5, hz);
	ZX_CHECK_EQ(convert(2), ZX_CONVERT_LONG);
	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 9, 1, 0.5, hz);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_CHANNELS);
	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 384000, 1, 1, 0.5, hz);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_RATE);
	/* cut off in the middle: what is there is taken */
	make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 2, 0.5, hz);
	ZX_CHECK_EQ(truncate(in, 44 + 16000), 0);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
	ZX_CHECK_EQ(got.n, 8000);
	/* not a number, infinity */
	float wild[8000];
	for (int i = 0; i < 8000; i++)
		wild[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 0.1f;
	SF_INFO info = {.samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
	SNDFILE *f = sf_open(in, SFM_WRITE, &info);
	sf_write_float(f, wild, 8000);
	sf_close(f);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_OK);
	ZX_CHECK_EQ(got.n, 4000);
	unlink(in);
	ZX_CHECK_EQ(convert(60), ZX_CONVERT_FAILED);
}

ZX_TEST(apart)
{
	static const double hz[] = {1000, 0};
	int64_t len = 0;

	make(SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2, 2, 0.4, hz);
	ZX_CHECK_EQ(zx_convert_apart(NULL, in, out, 60, &len), ZX_CONVERT_OK);
	ZX_CHECK(len > 1990 && len < 2100);
	ZX_CHECK_EQ(zx_convert_apart(NULL, in, out, 1, &len), ZX_CONVERT_LONG);
	put_bytes("nothing", 7);
	ZX_CHECK_EQ(zx_convert_apart(NULL, in, out, 60, &len), ZX_CONVERT_UNKNOWN);
	/* one that dies, one that is not there, one that is something else */
	ZX_CHECK_EQ(zx_convert_apart(NULL, "crash", out, 60, &len), ZX_CONVERT_BROKEN);
	ZX_CHECK_EQ(zx_convert_apart("/nonexistent", in, out, 60, &len), ZX_CONVERT_FAILED);
	ZX_CHECK_EQ(zx_convert_apart("/bin/true", in, out, 60, &len), ZX_CONVERT_FAILED);
}

/* The child: this program again. */
__attribute__((constructor)) static void child(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "--convert-sound"))
		return;
	if (!strcmp(argv[2], "crash"))
		abort();
	_exit(zx_convert_main(argc - 2, argv + 2));
}

ZX_MAIN({"tones keep their level, from any rate", tones}, {"what 8 kHz cannot hold is gone", aliases}, {"formats", formats},
	{"too loud becomes softer, not distorted", peaks}, {"no step between blocks", steps},
	{"what cannot be read is told apart", refusals}, {"in a process of its own", apart})
