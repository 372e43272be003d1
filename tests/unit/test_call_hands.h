/* What the tests of call/ do with the faked house: open it, call, ring, pick up, hang up, look. */
#ifndef ZX_TEST_CALL_HANDS_H
#define ZX_TEST_CALL_HANDS_H

#include "test_call_fake.h"

static struct zx_conf conf;
static struct zx_ev_call events[512];
static enum zx_ev event_types[512];
static unsigned eventc;
static struct zx_bus_sub *subs[ZX_EV_COUNT];

static void event_h(enum zx_ev type, const void *ev, void *arg)
{
	(void)arg;
	events[eventc % 512] = *(const struct zx_ev_call *)ev;
	event_types[eventc++ % 512] = type;
}

/* How many such events there were for this extension; the last one in *last. */
static unsigned told(enum zx_ev type, const char *ext, const struct zx_ev_call **last)
{
	unsigned n = 0;

	for (unsigned i = 0; i < eventc && i < 512; i++) {
		if (event_types[i] == type && !strcmp(events[i].ext, ext)) {
			n++;
			if (last)
				*last = &events[i];
		}
	}
	return n;
}

static void house_open(void)
{
	const struct zx_call_env env = {.conf = &conf};

	memset(&conf, 0, sizeof(conf));
	zx_strcpy(conf.rtp_listen, sizeof(conf.rtp_listen), "*");
	conf.sip_ring_timeout = 30;
	zx_log_level_set(ZX_ERROR);
	bindingc = invc = eventc = rowc = soonc = 0;
	ports_left = 1000;
	connect_fails = no_moh = rec_fails = false;
	rec_problem = NULL;
	bind_ext("8000", 1, "udp");
	bind_ext("8001", 1, "udp");
	bind_ext("8002", 1, "udp");
	bind_ext("8003", 3, "udp");
	bind_ext("8050", 1, "udp");
	bind_ext("9000", 1, "udp");
	for (int i = 0; i <= ZX_EV_CALL_LIVE; i++)
		zx_bus_subscribe(&subs[i], i, event_h, NULL);
	ZX_CHECK_EQ(zx_calls_init(&env), 0);
	ZX_CHECK_EQ(zx_apps_init(&conf), 0);
}

/* Nothing may be left: neither calls nor legs nor streams nor timers. */
static void house_close(void)
{
	zx_calls_end_all(1000, NULL);
	for (unsigned i = 0; i < invc; i++)
		inv_close(invs[i], 487);
	ZX_CHECK_EQ(zx_call_count(), 0);
	ZX_CHECK_EQ(zx_legs_closing(), 0);
	run(100000);
	ZX_CHECK_EQ(streams_up, 0);
	ZX_CHECK_EQ(recs_up, 0);
	for (unsigned i = 0; i < invc; i++) {
		ZX_CHECK_EQ(mem_nrefs(invs[i]), 1);
		mem_deref(invs[i]);
	}
	invc = 0;
	zx_calls_close();
	ZX_CHECK(list_isempty(&timers));
	for (int i = 0; i <= ZX_EV_CALL_LIVE; i++)
		subs[i] = mem_deref(subs[i]);
}

static void sdp_of(struct zx_sdp *sdp, const enum zx_codec *codecs, unsigned n, enum zx_dir dir)
{
	struct sa a;

	sa_set_str(&a, "192.0.2.55", 4000);
	zx_sdp_offer(sdp, &a, codecs, n, dir, NULL);
}

static void sdp_std(struct zx_sdp *sdp, enum zx_dir dir)
{
	const enum zx_codec c[] = {ZX_CODEC_PCMA, ZX_CODEC_PCMU};

	sdp_of(sdp, c, 2, dir);
}

/* A phone (ext) or, with ext NULL, a trunk calls `to`. */
static struct zx_inv *call_in(const char *ext, const char *to, const struct zx_sdp *offer, struct zx_inv *replaces)
{
	static const struct zx_peer trunk = {.id = 7, .company_id = 1, .name = "telecom"};
	struct zx_inv *inv = inv_new();
	struct zx_inv_info info = {.account = ext ? &zx_plan_ext(ext)->account : NULL,
				   .peer = ext ? NULL : &trunk,
				   .from_user = ext ? ext : "13800138000",
				   .from_name = "",
				   .to_user = to,
				   .callid = inv->callid,
				   .agent = "test",
				   .offer = offer};

	sa_set_str(&info.src, "192.0.2.9", 5060);
	sa_set_str(&info.local, "192.0.2.100", 5084);
	if (replaces) {
		info.replaces_callid = replaces->callid;
		info.replaces_to_tag = info.replaces_from_tag = "x";
	}
	incoming(inv, &info, NULL);
	mem_deref(inv);
	return inv;
}

static struct zx_inv *call_std(const char *ext, const char *to)
{
	struct zx_sdp offer;

	sdp_std(&offer, ZX_DIR_SENDRECV);
	return call_in(ext, to, &offer, NULL);
}

/* The newest INVITE of ours; n before it. */
static struct zx_inv *sent(unsigned n)
{
	for (unsigned i = invc; i-- > 0;) {
		if (invs[i]->uac && !n--)
			return invs[i];
	}
	ZX_CHECK(!"an INVITE was sent");
	return NULL;
}

static void ring(struct zx_inv *inv)
{
	inv->h->progressed(inv, 180, NULL, inv->arg);
}

static void pick(struct zx_inv *inv)
{
	struct zx_sdp mine, answer;
	enum zx_codec codec;
	struct sa a;

	sa_set_str(&a, "192.0.2.66", 6000);
	mine = inv->local;
	ZX_CHECK_EQ(zx_sdp_answer(&answer, &mine, &a, (const enum zx_codec[]){mine.fmts[0].codec}, 1, ZX_DIR_SENDRECV, &codec), 0);
	inv->accepted = true;
	inv->h->answered(inv, &answer, inv->arg);
}

static void refuse(struct zx_inv *inv, uint16_t scode)
{
	inv_close(inv, scode);
}

static void bye(struct zx_inv *inv)
{
	inv_close(inv, 200);
}

static void reoffer(struct zx_inv *inv, enum zx_dir dir)
{
	struct zx_sdp sdp;

	sdp_std(&sdp, dir);
	inv->h->offered(inv, &sdp, inv->arg);
}

static struct zx_stream *stream_of(const struct zx_inv *inv)
{
	return ((struct zx_leg *)inv->arg)->stream;
}

static bool joined(const struct zx_inv *a, const struct zx_inv *b)
{
	return stream_of(a)->peer == stream_of(b) && stream_of(b)->peer == stream_of(a);
}

/* 8000 talks with 8001: the caller's leg; the callee's in *b. */
static struct zx_inv *talk(const char *from, const char *to, struct zx_inv **b)
{
	struct zx_inv *a = call_std(from, to);

	*b = sent(0);
	ring(*b);
	pick(*b);
	ZX_CHECK(a->accepted);
	run(1000);
	return a;
}

#endif
