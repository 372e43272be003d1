/*
 * Any sequence of SIP messages to the INVITE legs, between them orders of an owner and jumps of the clock. Chunks of the input are split
 * by byte 1; the first byte of a chunk is the order, the rest a message. Tags, branches and Call-IDs of ours are predictable.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sip/inv_int.h"
#include "sip/trunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct zx_sip s;
	struct zx_conf conf;
	struct zx_inv *in, *out;
	struct zx_account acc;
	uint64_t draw, now;
	bool answer;
} F;

static const enum zx_codec codecs[] = {ZX_CODEC_PCMA, ZX_CODEC_PCMU};

uint64_t rand_u64(void)
{
	return ++F.draw;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(F.now / 1000);
	ts->tv_nsec = (long)(F.now % 1000) * 1000000;
	return 0;
}

int sip_send(struct sip *sip, void *sock, enum sip_transp tp, const struct sa *dst, struct mbuf *mb)
{
	(void)sip;
	(void)sock;
	(void)tp;
	(void)dst;
	if (!mbuf_get_left(mb) || memmem(mbuf_buf(mb), mbuf_get_left(mb), "\r\n\r\n", 4) == NULL)
		abort();
	return 0;
}

void sip_reply_addr(struct sa *addr, const struct sip_msg *msg, bool rport)
{
	(void)rport;
	*addr = msg->src;
}

enum zx_auth_result zx_auth_request(struct zx_sip *s, const struct sip_msg *msg, const struct zx_account **acc)
{
	(void)s;
	*acc = &F.acc;
	return msg->mb->end % 7 ? ZX_AUTH_OK : ZX_AUTH_REPLIED;
}

struct zx_trunk *zx_trunk_find(struct zx_sip *s, int64_t id)
{
	(void)s;
	(void)id;
	return NULL;
}

const struct zx_trunk_conf *zx_trunk_conf(const struct zx_trunk *t)
{
	(void)t;
	return NULL;
}

const struct zx_peer *zx_trunk_by_host(struct zx_sip *s, const struct sa *src)
{
	(void)s;
	(void)src;
	return NULL;
}

void zx_binding_flow(const struct zx_binding *b, struct zx_flow *f)
{
	(void)b;
	*f = (struct zx_flow){.uri = "sip:8001@127.0.0.1:6000", .path = "<sip:p@127.0.0.1;lr>", .tp = SIP_TRANSP_UDP};
	sa_set_str(&f->src, "127.0.0.1", 5084);
	sa_set_str(&f->dst, "127.0.0.1", 6000);
}

const char *zx_binding_ext(const struct zx_binding *b)
{
	(void)b;
	return "8001";
}

int zx_edge_contact_at(struct zx_sip *s, char *buf, size_t len, const char *user, enum sip_transp tp, const struct sa *src,
		       const struct sa *dst)
{
	(void)s;
	(void)tp;
	(void)src;
	(void)dst;
	return re_snprintf(buf, len, "sip:%s@127.0.0.1", user) < 0 ? ENOMEM : 0;
}

int zx_edge_laddr(struct zx_sip *s, struct sa *laddr, enum sip_transp tp, const struct sa *dst)
{
	(void)s;
	(void)tp;
	(void)dst;
	return sa_set_str(laddr, "127.0.0.1", 5084);
}

static const struct zx_sdp *own(const struct zx_sdp *offer)
{
	static struct zx_sdp sdp;
	enum zx_codec c;
	struct sa sa;

	sa_set_str(&sa, "127.0.0.1", 30000);
	if (!offer || zx_sdp_answer(&sdp, offer, &sa, codecs, 2, ZX_DIR_SENDRECV, &c))
		zx_sdp_offer(&sdp, &sa, codecs, 2, ZX_DIR_SENDRECV, NULL);
	return &sdp;
}

static void h_closed(struct zx_inv *inv, uint16_t scode, const char *reason, void *arg)
{
	struct zx_inv **held = arg;

	(void)scode;
	(void)reason;
	if (*held != inv)
		abort(); /* twice, or after it was given back */
	*held = mem_deref(inv);
}

static void h_offered(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	(void)arg;
	if (F.answer)
		(void)zx_inv_offer_answer(inv, own(sdp));
}

static uint16_t h_refer(struct zx_inv *inv, const struct zx_refer *r, void *arg)
{
	(void)inv;
	(void)arg;
	return r->to[0] == '9' ? 603 : 0;
}

static const struct zx_inv_handlers handlers = {.offered = h_offered, .refer = h_refer, .closed = h_closed};

static void incoming(struct zx_inv *inv, const struct zx_inv_info *info, void *arg)
{
	(void)arg;
	if (strlen(info->from_user) >= ZX_NUM_LEN || strlen(info->to_user) >= ZX_NUM_LEN || strlen(info->from_name) >= ZX_NAME_LEN)
		abort();
	if (F.in)
		return;
	F.in = mem_ref(inv);
	zx_inv_handle(inv, &handlers, &F.in);
}

static void orders(struct zx_inv **held, unsigned what)
{
	struct zx_inv *inv = *held;

	switch (what) {
	case 0:
		(void)zx_inv_progress(inv, 183, NULL, own(NULL));
		break;
	case 1:
		(void)zx_inv_accept(inv, own(NULL));
		break;
	case 2:
		zx_inv_hangup(inv, 0, NULL);
		break;
	case 3:
		(void)zx_inv_offer(inv, own(NULL));
		break;
	case 4:
		(void)zx_inv_offer_answer(inv, own(NULL));
		break;
	case 5:
		(void)zx_inv_offer_reject(inv, 488, NULL);
		break;
	case 6:
		(void)zx_inv_ack_answer(inv, own(NULL));
		break;
	case 7:
		(void)zx_inv_reject(inv, 486, NULL);
		break;
	case 8:
		*held = mem_deref(inv);
		break;
	case 9:
		(void)zx_inv_refer_notify(inv, 200, NULL);
		break;
	case 10:
		(void)zx_inv_progress(inv, 180, NULL, NULL);
		break;
	default:
		(void)zx_inv_info_dtmf(inv, '5', 100);
		break;
	}
}

static void order(unsigned what)
{
	const struct zx_inv_target t = {.binding = (struct zx_binding *)&F};
	const struct zx_inv_caller c = {.user = "8000", .name = "n"};

	if (what < 24) {
		if (what < 12 ? F.in != NULL : F.out != NULL)
			orders(what < 12 ? &F.in : &F.out, what % 12);
	} else if (what < 26) {
		if (!F.out)
			(void)zx_inv_connect(&F.out, &F.s, &t, &c, what == 24 ? own(NULL) : NULL, &handlers, &F.out);
	} else if (what < 28) {
		F.answer = what == 26;
	} else if (what < 32) {
		static const unsigned ms[] = {1, 500, 5000, 40000};

		F.now += ms[what - 28];
	}
	tmr_poll(NULL);
}

static void message(const uint8_t *p, size_t n)
{
	struct mbuf *mb = mbuf_alloc(n + 1);
	struct sip_msg *msg;

	(void)mbuf_write_mem(mb, p, n);
	mb->pos = 0;
	if (!sip_msg_decode(&msg, mb)) {
		msg->tp = SIP_TRANSP_UDP;
		sa_set_str(&msg->src, n % 5 ? "127.0.0.1" : "127.0.0.2", 6000);
		sa_set_str(&msg->dst, "127.0.0.1", 5084);
		if (!msg->req)
			(void)zx_invs_stray_response(&F.s, msg);
		else if (zx_invs_absorb(&F.s, msg))
			;
		else if (pl_isset(&msg->to.tag) || !pl_strcmp(&msg->met, "ACK"))
			(void)zx_invs_in_dialog(&F.s, msg);
		else if (!pl_strcmp(&msg->met, "INVITE"))
			zx_invs_request(&F.s, msg);
		mem_deref(msg);
	}
	mem_deref(mb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool once;

	if (!once) {
		once = true;
		(void)fd_setsize(16);
		(void)libre_init();
		if (sip_alloc(&F.s.sip, NULL, 16, 16, 16, "zx", NULL, NULL))
			abort();
		snprintf(F.acc.user, sizeof(F.acc.user), "8000");
		F.conf.sip_session_expires = 1800;
		F.s.conf = &F.conf;
		F.s.incoming = incoming;
		F.now = 1000;
		if (zx_invs_init(&F.s))
			abort();
	}
	F.draw = 0;
	F.answer = true;
	while (size) {
		const uint8_t *e = memchr(data, 1, size);
		const size_t n = e ? (size_t)(e - data) : size;

		if (n > 1)
			message(data + 1, n - 1);
		if (n)
			order((data[0] - ' ') & 63);
		data += n + (e != NULL);
		size -= n + (e != NULL);
	}
	F.in = mem_deref(F.in);
	F.out = mem_deref(F.out);
	for (int i = 0; i < 120 && (zx_inv_count(&F.s) || zx_trans_count(F.s.invs)); i++) {
		F.now += 1000;
		tmr_poll(NULL);
	}
	if (zx_inv_count(&F.s) || zx_trans_count(F.s.invs))
		abort();
	return 0;
}
