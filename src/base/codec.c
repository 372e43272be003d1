#include "base/codec.h"

#include <stddef.h>
#include <strings.h>

static const struct zx_codec_info codecs[ZX_CODEC_COUNT] = {
    [ZX_CODEC_PCMU] = {ZX_CODEC_PCMU, "PCMU", 8000, 8000, 0, 160},
    [ZX_CODEC_PCMA] = {ZX_CODEC_PCMA, "PCMA", 8000, 8000, 8, 160},
    [ZX_CODEC_G722] = {ZX_CODEC_G722, "G722", 8000, 16000, 9, 160},
    [ZX_CODEC_G729] = {ZX_CODEC_G729, "G729", 8000, 8000, 18, 20},
};

const struct zx_codec_info *zx_codec_info(enum zx_codec id)
{
	return id >= 0 && id < ZX_CODEC_COUNT ? &codecs[id] : NULL;
}

enum zx_codec zx_codec_find(const char *name, uint32_t clock)
{
	for (size_t i = 0; i < ZX_CODEC_COUNT; i++) {
		if (codecs[i].clock == clock && !strcasecmp(codecs[i].name, name))
			return codecs[i].id;
	}
	return ZX_CODEC_NONE;
}

enum zx_codec zx_codec_by_pt(uint8_t pt)
{
	for (size_t i = 0; i < ZX_CODEC_COUNT; i++) {
		if (codecs[i].pt == pt)
			return codecs[i].id;
	}
	return ZX_CODEC_NONE;
}
