/*
 * News of the house: typed events on one bus (base/bus.h), plain data, published on the loop thread only.
 * Strings are NUL-terminated copies inside the struct; pointers are borrowed for the time of the publication.
 * Times are epoch milliseconds.
 */
#ifndef ZX_BASE_EVENT_H
#define ZX_BASE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ZX_NUM_LEN = 64,   /* a phone number or SIP user with its NUL */
	ZX_NAME_LEN = 128, /* a display name with its NUL */
};

enum zx_ev {
	ZX_EV_CALL_RINGING,     /* struct zx_ev_call: an extension's phone begins to ring (after its first 180/183) */
	ZX_EV_CALL_ANSWERED,    /* struct zx_ev_call */
	ZX_EV_CALL_HELD,        /* struct zx_ev_call: .ext put the other party on hold */
	ZX_EV_CALL_RESUMED,     /* struct zx_ev_call */
	ZX_EV_CALL_TRANSFERRED, /* struct zx_ev_call: .peer is the new party */
	ZX_EV_CALL_ENDED,       /* struct zx_ev_call: for each extension that rang or talked, and once with ext "" */
	ZX_EV_CALL_LIVE,        /* struct zx_ev_call: any change of a call, for the live list */
	ZX_EV_EXT_REG,          /* struct zx_ev_reg: first binding appears / last one goes / latency known */
	ZX_EV_CONFIG,           /* struct zx_ev_config: the configuration was applied, or its draft changed */
	ZX_EV_TRUNK,            /* struct zx_ev_trunk: its state or the number of its calls changed */
	ZX_EV_COUNT,
};

enum zx_call_dir { ZX_CALL_INTERNAL, ZX_CALL_INBOUND, ZX_CALL_OUTBOUND };
enum zx_call_state { ZX_CALL_ROUTING, ZX_CALL_RINGING, ZX_CALL_TALKING, ZX_CALL_HELD, ZX_CALL_ENDED };

struct zx_ev_call {
	int64_t call_id; /* call record id, < 2^53 */
	int64_t company_id;
	enum zx_call_dir dir;
	enum zx_call_state state;
	char ext[ZX_NUM_LEN]; /* the extension this news is for; "" when for nobody in particular */
	char from[ZX_NUM_LEN];
	char from_name[ZX_NAME_LEN];
	char to[ZX_NUM_LEN];            /* as dialled */
	char peer[ZX_NUM_LEN];          /* the party at the other end of .ext */
	char where[ZX_NUM_LEN];         /* application it is in: "ext", "hold", ... */
	char trunk[ZX_NUM_LEN];         /* "" for an inside call */
	int64_t start, answered, ended; /* 0: not yet */
	bool recording;
	uint16_t scode; /* SIP code it ended with, when ended */
};

struct zx_ev_reg {
	int64_t company_id;
	char ext[ZX_NUM_LEN];
	bool online;
	unsigned bindings;
	int rtt_us; /* last OPTIONS round trip, -1: unknown */
};

enum zx_trunk_state { ZX_TRUNK_UNKNOWN, ZX_TRUNK_UP, ZX_TRUNK_REGISTERING, ZX_TRUNK_REFUSED, ZX_TRUNK_DOWN };

struct zx_ev_trunk {
	int64_t company_id, trunk_id;
	enum zx_trunk_state state;
};

struct zx_ev_config {
	const char *table;  /* "extensions", "trunks", ... ; "*" for all */
	bool applied;       /* what calls follow has changed; else only the draft has */
	bool more;          /* of several companies applied at once, this is not the last */
	int64_t company_id; /* 0: all */
	int64_t version;    /* applied: its number, 0 unknown */
	int count;          /* changes of the company's draft that are not applied; -1 unknown */
};

#endif
