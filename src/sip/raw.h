/*
 * A first look at a message as text, before libre decodes it: libre drops what it cannot decode and takes much that RFC 4475 wants
 * refused. One pass, no allocation; everything points into the caller's buffer.
 */
#ifndef ZX_SIP_RAW_H
#define ZX_SIP_RAW_H

#include "sip/resip.h"

enum zx_raw_result {
	ZX_RAW_JUNK, /* not SIP: nothing can be answered */
	ZX_RAW_PART, /* header not complete (of use on streams only) */
	ZX_RAW_BAD,  /* code and reason say what to answer, when it is a request */
	ZX_RAW_OK,
};

struct zx_raw {
	struct pl met, ruri; /* of a request */
	bool req;
	struct pl hdrs;                                    /* all header lines */
	struct pl via, from, to, callid, cseq_met, maxfwd; /* first value of each; unset when absent */
	uint32_t cseq;
	size_t body; /* offset of the body */
	uint32_t clen;
	bool has_clen;
	bool has_branch; /* of the first Via */
	uint16_t code;
	const char *reason;
};

enum { ZX_RAW_HDRS_MAX = 200, ZX_RAW_MSG_MAX = 65535 };

enum zx_raw_result zx_raw_scan(struct zx_raw *raw, const char *p, size_t n, bool stream);

/* Walks the header lines; folded lines come as one value. *pos starts at 0. False at the end. */
bool zx_raw_next(const struct pl *hdrs, size_t *pos, struct pl *name, struct pl *val);
bool zx_raw_name_is(const struct pl *name, const char *full, char compact);

#endif
