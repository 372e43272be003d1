/*
 * Inside the INVITE legs.
 *
 *   inv.c         the room of all legs; one leg's life, look-up, requests inside a dialog and who may send them
 *   inv_uas.c     called   inv_uac.c  calling   inv_rel.c  reliable provisionals, PRACK
 *   inv_oa.c      offer and answer: re-INVITE, UPDATE   inv_timer.c  session timers   inv_refer.c  REFER, NOTIFY   inv_info.c  INFO
 *   inv_dlg.c     dialog identifiers, route set, requests of a dialog
 *   inv_trans.c   transactions   inv_msg.c  reading and writing headers
 */
#ifndef ZX_SIP_INV_INT_H
#define ZX_SIP_INV_INT_H

#include "base/fsm.h"
#include "base/log.h"
#include "sip/edge.h"

enum {
	ZX_T1 = SIP_T1,
	ZX_T2 = SIP_T2,
	ZX_T4 = SIP_T4,
	ZX_TX_LIFE = 64 * SIP_T1,
	ZX_VALUE_MAX = 2048, /* longest header value we keep */
	ZX_TAG_SZ = 17,
};

struct zx_trans_table;

struct zx_invs {
	struct zx_sip *s;
	struct hash *legs; /* struct zx_inv by Call-ID */
	struct list all;   /* every leg that is not ended */
	struct zx_trans_table *trans;
	struct mbuf *out; /* scratch a message is written in */
	unsigned count;
};

/* ---- inv_msg.c ---- */
int zx_out(struct mbuf *mb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int zx_out_pl(struct mbuf *mb, const char *before, const struct pl *pl, const char *after);
/* Ends a message: Content-Type, Content-Length, empty line, body. body NULL: none. */
int zx_out_body(struct mbuf *mb, const char *ctype, const struct mbuf *body);
/* A copy no larger than what is written, position 0. */
struct mbuf *zx_out_copy(const struct mbuf *mb);

/* One address of a From, To, Contact, Refer-To or route value, with quoted names read as RFC 3261 writes them. */
struct zx_addr {
	struct pl name;   /* display name as written, with its quotes */
	struct pl uri;    /* without < > */
	struct pl params; /* behind the address, from its ';' */
};
int zx_addr_split(struct zx_addr *a, const struct pl *val);
/* Value of ;name= or name without value; false when absent. */
bool zx_param_get(const struct pl *params, const char *name, struct pl *val);
/* Display name in plain UTF-8, cut to fit. */
void zx_name_decode(char *buf, size_t sz, const struct pl *name);
/* User part, unescaped. EBADMSG: control characters or too long; ENOENT none. */
int zx_user_decode(char *buf, size_t sz, const struct pl *uri);
/* Writes a user part or a quoted display name so that any text is safe. */
int zx_out_user(struct mbuf *mb, const char *user);
int zx_out_name(struct mbuf *mb, const char *name);
/* Visible, no white space, not too long: may stand in a request line. */
bool zx_uri_ok(const struct pl *uri);
/* 0: *sdp is filled; ENOENT no body; ENOTSUP a body we do not read (415); EBADMSG unusable SDP (488). */
int zx_msg_sdp(struct zx_sdp *sdp, const struct sip_msg *msg);
bool zx_hdr_u32(const struct sip_msg *msg, enum sip_hdrid id, uint32_t *v);
/* Reason phrase of a status code, never NULL. */
const char *zx_reason_default(uint16_t scode);
bool zx_met_is(const struct sip_msg *msg, const char *met);

/* ---- inv_trans.c ---- */
struct zx_hop { /* where a message goes, and from which address of ours */
	enum sip_transp tp;
	struct sa src, dst;
};

struct zx_strans;
struct zx_ctrans;
typedef void(zx_cancel_h)(void *arg);
/* err: ETIMEDOUT, ECONNREFUSED, ... with msg NULL. More than once for 1xx; once for a final response. */
typedef void(zx_resp_h)(int err, const struct sip_msg *msg, void *arg);

int zx_trans_init(struct zx_trans_table **tp, struct zx_invs *invs);
/* Transactions belong to the table; holders' pointers are borrowed, and cleared (stp, ctp) when they end. */
int zx_strans_open(struct zx_strans **stp, struct zx_invs *invs, const struct sip_msg *msg, const char *ltag, zx_cancel_h *h, void *arg);
/* Status line and the headers owed by the request into invs->out; then the rest is written there and sent. */
int zx_strans_begin(struct zx_strans *st, uint16_t scode, const char *reason);
/* Sends invs->out; a final response (scode >= 200) ends the holder's interest. */
int zx_strans_send(struct zx_strans *st, uint16_t scode);
/* begin + extra header lines (may be NULL) + no body + send. */
int zx_strans_reply(struct zx_strans *st, uint16_t scode, const char *reason, const char *extra);
/* Sends these bytes again where the responses go (2xx, reliable 1xx). */
void zx_strans_resend(const struct zx_hop *hop, void *sock, struct zx_invs *invs, struct mbuf *mb);
/* Another pointer of the holder's. */
void zx_strans_hold(struct zx_strans *st, struct zx_strans **holder);
const struct zx_hop *zx_strans_hop(const struct zx_strans *st, void **sock);

/* Sends invs->out (written by zx_dlg_begin with this branch). */
int zx_ctrans_open(struct zx_ctrans **ctp, struct zx_invs *invs, const char *met, uint64_t branch, const struct zx_hop *hop, zx_resp_h *h,
		   void *arg);
/* The holder is no longer interested. An INVITE without final answer: a 2xx that comes gets ACK, and BYE unless it is of the known dialog.
 */
/* cancel: an INVITE is cancelled, after its first provisional, with these header lines (may be NULL). */
void zx_ctrans_leave(struct zx_ctrans *ct, bool cancel, const char *cancel_hdrs);
/* fixed_hop: as in struct zx_dlg. known_rtag: To tag of the dialog a re-INVITE is in, NULL for a first INVITE. */
void zx_ctrans_dialog(struct zx_ctrans *ct, bool fixed_hop, const char *known_rtag);
/* The ACK must carry an answer that is not known yet: 2xx are not answered before zx_trans_ack_keep(). */
void zx_ctrans_ack_wait(struct zx_ctrans *ct);
/* Keeps what answers a retransmitted 2xx, when it cannot be made from that. */
void zx_trans_ack_keep(struct zx_invs *invs, uint64_t branch, struct mbuf *ack);
bool zx_trans_request(struct zx_invs *invs, const struct sip_msg *msg);
bool zx_trans_response(struct zx_invs *invs, const struct sip_msg *msg);
unsigned zx_trans_count(const struct zx_invs *invs);

/* ---- inv_dlg.c ---- */
struct zx_dlg {
	char *callid;
	char ltag[ZX_TAG_SZ];
	char *rtag;   /* NULL: not known yet */
	char *local;  /* value of From in our requests, with tag */
	char *remote; /* value of To */
	char *target; /* remote target */
	char *routes; /* "Route: ...\r\n" lines in order, NULL none */
	uint32_t lseq, rseq;
	bool fixed_hop; /* flow of a phone: not to be computed from routes or target */
	struct zx_hop hop;
};

void zx_dlg_clear(struct zx_dlg *d);
int zx_dlg_uas(struct zx_dlg *d, const struct sip_msg *req, bool fixed_hop);
/* From a response to our INVITE with this To tag. */
int zx_dlg_uac(struct zx_dlg *d, const struct sip_msg *resp, const struct zx_hop *hop, bool fixed_hop);
/* New remote target from a Contact; keeps the old one when there is none of use. */
void zx_dlg_refresh(struct zx_dlg *d, const struct sip_msg *msg);
bool zx_dlg_match(const struct zx_dlg *d, const struct sip_msg *msg);
/* Request line to CSeq into invs->out. */
int zx_dlg_begin(struct zx_invs *invs, const struct zx_dlg *d, const char *met, uint32_t cseq, uint64_t branch);
/* Whole request without a body of interest: extra header lines (may be NULL). */
int zx_dlg_send(struct zx_ctrans **ctp, struct zx_invs *invs, struct zx_dlg *d, const char *met, const char *extra, zx_resp_h *h,
		void *arg);
int zx_dlg_ack(struct zx_invs *invs, const struct zx_dlg *d, uint32_t cseq, const struct mbuf *body, struct mbuf **copy);

/* ---- a leg ---- */
enum zx_leg_state {                  /* one table for UAS and one for UAC, inv_uas.c and inv_uac.c */
		    ZX_LEG_NEW,      /* UAS: not answered at all   UAC: INVITE sent */
		    ZX_LEG_PROGRESS, /* 1xx sent / received */
		    ZX_LEG_QUEUED,   /* UAS: 2xx waits for the PRACK of our reliable 1xx */
		    ZX_LEG_ANSWERED, /* UAS: 2xx sent, no ACK yet   UAC: 2xx with an offer, our ACK owed */
		    ZX_LEG_UP,
		    ZX_LEG_ENDING, /* UAS: hung up before the ACK came; BYE follows it */
		    ZX_LEG_DEAD,
};
enum zx_leg_event {
	ZX_LE_PROGRESS,
	ZX_LE_ANSWER,  /* 2xx sent or received */
	ZX_LE_OFFERED, /* UAC: 2xx with an offer */
	ZX_LE_QUEUE,   /* accepted, but must wait for PRACK */
	ZX_LE_ACK,
	ZX_LE_FAIL,    /* final failure: sent by us (UAS) or received (UAC) */
	ZX_LE_CANCEL,  /* UAS: theirs */
	ZX_LE_BYE,     /* from the other side */
	ZX_LE_HANGUP,  /* ours */
	ZX_LE_TIMEOUT, /* ACK, refresh or PRACK did not come */
};
struct zx_leg_ev {
	uint16_t scode;
	const char *reason;
	const struct sip_msg *msg;
};

enum zx_oa_state {
	ZX_OA_NONE, /* nothing said yet */
	ZX_OA_IDLE, /* agreed */
	ZX_OA_SENT, /* our offer waits for an answer */
	ZX_OA_RECV, /* theirs waits for ours */
};
enum zx_oa_event { ZX_OE_SEND, ZX_OE_RECV, ZX_OE_SENT_ANSWER, ZX_OE_GOT_ANSWER, ZX_OE_FAIL };

struct zx_rel;    /* reliable provisionals of a UAS leg */
struct zx_early;  /* an early dialog of a UAC leg */
struct zx_refsub; /* the subscription a REFER makes */

struct zx_ok { /* a 2xx of ours until its ACK, RFC 3261 13.3.1.4 */
	struct tmr tmr;
	struct mbuf *mb;
	struct zx_hop hop;
	void *sock;
	uint32_t cseq, interval;
	uint64_t until;
	bool offer; /* it carries our offer: the ACK brings the answer */
};

struct zx_inv {
	struct le he, le;
	struct zx_invs *invs;
	const struct zx_inv_handlers *h;
	void *arg;
	int state, oa;
	uint16_t end_scode;
	bool uac, trunk, initial_late; /* initial_late: the INVITE carried no offer */
	bool peer_update, peer_timer, peer_rel, require_rel;
	bool answered_rel; /* offer/answer of the INVITE done in reliable 1xx */
	bool told;         /* closed has been called, or must not be */
	bool referred;     /* not the first REFER */
	bool self;         /* ENDING and let go of by its owner: the leg holds itself */
	struct zx_dlg dlg;
	char *contact;   /* our Contact URI */
	char *account;   /* extension at the other end */
	int64_t peer_id; /* or trunk */
	char *end_reason;
	struct tmr tmr_end;
	struct zx_strans *st;          /* INVITE of theirs without final answer */
	struct zx_strans *st_off;      /* UPDATE or PRACK of theirs whose offer we owe an answer */
	struct zx_ctrans *ct;          /* INVITE of ours */
	struct zx_ctrans *ct_upd;      /* UPDATE of ours */
	uint32_t ct_cseq, invite_cseq; /* CSeq of our INVITE and of theirs */
	uint64_t ct_branch;
	struct zx_ok *ok;
	struct zx_rel *rel;
	struct list early;
	const void *told_early; /* whose description the owner heard last; only compared */
	struct zx_refsub *refsub;
	/* our description as last sent */
	char *sdp, *sdp_prev; /* prev: agreed, while an offer of ours is on its way */
	size_t sdp_len, sdp_prev_len;
	uint64_t sess_id, sess_version;
	/* an offer of ours on its way */
	struct mbuf *offer_body; /* kept for the retry after 491 */
	struct tmr tmr_offer;
	uint8_t offer_tries;
	bool offer_ours; /* by zx_inv_offer(), not a refresh of the session timer */
	bool offer_busy; /* tmr_offer runs: it is sent when it may be */
	/* session timer, RFC 4028 */
	struct tmr tmr_se;
	uint32_t se, min_se;
	bool we_refresh;
	/* UAC: what the INVITE said, for one more try after 422; UAS: strings and offer of zx_inv_info */
	char *extra, *auth;
	char *auth_user, *auth_secret;
	bool heard;      /* a response to our INVITE has come */
	bool auth_stale; /* answered a second time, since only the nonce was too old */
	struct zx_sdp *remote_offer;
	char *info;
	uint8_t tries;
};

/* ---- inv.c ---- */
extern const struct zx_fsm_def zx_uas_fsm, zx_uac_fsm, zx_oa_fsm;
int zx_leg_alloc(struct zx_inv **ip, struct zx_invs *invs, bool uac);
void zx_leg_link(struct zx_inv *inv);
int zx_leg_event(struct zx_inv *inv, enum zx_leg_event e, uint16_t scode, const char *reason, const struct sip_msg *msg);
int zx_oa_event(struct zx_inv *inv, enum zx_oa_event e);
/* The end, once: everything is stopped, closed is called (later: from the loop, when we are inside a call of the owner's). */
void zx_leg_end(struct zx_inv *inv, uint16_t scode, const char *reason, bool later);
/* Tells the owner of the end from the loop; the leg goes on as it must. */
void zx_leg_end_soon(struct zx_inv *inv);
void zx_leg_bye(struct zx_inv *inv, uint16_t scode, const char *reason);
/* "Reason: SIP;cause=486;text=..." (RFC 3326); nothing for scode 0. */
void zx_out_reason(struct mbuf *mb, uint16_t scode, const char *reason);
/* One-shot answer to a request inside the dialog. */
void zx_leg_reply(struct zx_inv *inv, const struct sip_msg *msg, uint16_t scode, const char *reason, const char *extra);
/* Writes body of sdp with our session id and the right version; keeps it as what was last said. *body must be dereferenced. */
int zx_leg_sdp(struct zx_inv *inv, struct mbuf **body, const struct zx_sdp *sdp);
/* The same once more, for a refresh. */
int zx_leg_sdp_again(struct zx_inv *inv, struct mbuf **body);
void zx_leg_peer(struct zx_inv *inv, const struct sip_msg *msg);
int zx_out_common(struct mbuf *mb, const struct zx_inv *inv);
/* A response that says the dialog is gone at the other side (481, 408, no answer): BYE and the end. */
bool zx_leg_lost(struct zx_inv *inv, int err, const struct sip_msg *msg);

/* ---- inv_uas.c ---- */
int zx_ok_send(struct zx_inv *inv, struct zx_strans *st, uint32_t cseq, const struct mbuf *body, bool offer, const char *extra);
void zx_ok_stop(struct zx_inv *inv);
void zx_uas_ack(struct zx_inv *inv, const struct sip_msg *msg);
void zx_uas_pracked(struct zx_inv *inv);

/* ---- inv_uac.c ---- */
void zx_early_free(struct zx_inv *inv);
struct zx_dlg *zx_early_dlg(struct zx_inv *inv, const struct sip_msg *msg);

/* ---- inv_rel.c ---- */
int zx_rel_send(struct zx_inv *inv, uint16_t scode, const char *reason, struct mbuf *body, bool offer);
bool zx_rel_pending(const struct zx_inv *inv, bool with_sdp);
void zx_rel_stop(struct zx_inv *inv);
void zx_rel_prack(struct zx_inv *inv, const struct sip_msg *msg);

/* ---- inv_oa.c ---- */
void zx_oa_reinvite(struct zx_inv *inv, const struct sip_msg *msg);
void zx_oa_update(struct zx_inv *inv, const struct sip_msg *msg);
/* An offer that came in an UPDATE or PRACK, whose transaction is st_off. */
void zx_oa_offer_in(struct zx_inv *inv, const struct zx_sdp *sdp);
void zx_oa_ack(struct zx_inv *inv, const struct sip_msg *msg);
void zx_oa_stop(struct zx_inv *inv);
int zx_oa_refresh(struct zx_inv *inv);

/* ---- inv_timer.c ---- */
/* UAS: looks at an INVITE or UPDATE; false: refused by 422 (written to st). */
bool zx_se_request(struct zx_inv *inv, const struct sip_msg *msg, struct zx_strans *st);
/* Header lines for our 2xx to it, and start of the timer. */
int zx_se_out_response(struct mbuf *mb, struct zx_inv *inv);
int zx_se_out_request(struct mbuf *mb, const struct zx_inv *inv);
void zx_se_response(struct zx_inv *inv, const struct sip_msg *msg);
/* 422: takes the Min-SE; false when there is none of use. */
bool zx_se_too_small(struct zx_inv *inv, const struct sip_msg *msg);
void zx_se_start(struct zx_inv *inv);
void zx_se_stop(struct zx_inv *inv);
/* A refresh failed and is to be tried again. */
void zx_se_retry(struct zx_inv *inv, bool soon);

/* ---- inv_info.c, inv_refer.c ---- */
void zx_info_request(struct zx_inv *inv, const struct sip_msg *msg);
void zx_refer_request(struct zx_inv *inv, const struct sip_msg *msg);
/* callid;to-tag=..;from-tag=.. (RFC 3891). EBADMSG. */
int zx_replaces_decode(struct zx_refer *r, const struct pl *val, bool *early_only);

#endif
