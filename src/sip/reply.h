/* Stateless replies, written by hand: this is the hot path of registration. */
#ifndef ZX_SIP_REPLY_H
#define ZX_SIP_REPLY_H

#include "sip/edge.h"
#include "sip/transport.h"

/* Reply with whole header lines (each with CRLF) in extra, "" none. No server transaction. */
int zx_reply(const struct sip_msg *msg, uint16_t code, const char *reason, const char *extra);
/* The same to something libre could not decode. */
void zx_reply_raw(struct zx_sip *s, const struct zx_rx *rx, const struct zx_raw *raw, uint16_t code, const char *reason);

/* ;name[=value] in header parameters, quotes minded; val (may be NULL) is empty, just behind the name, when there is no value. */
bool zx_param(const struct pl *params, const char *name, struct pl *val);
/* Tag of our side in replies to this message: the same for a retransmission. */
uint64_t zx_reply_tag(const struct zx_transp *t, const struct pl *callid, const struct pl *via);

#endif
