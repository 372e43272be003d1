/* Hold, transfers, orders from the web, and a storm of all of it. */
#include "test_call_hands.h"

static uint16_t refer(struct zx_inv *inv, const char *to, const struct zx_inv *replaces)
{
	struct zx_refer r = {.replaces = replaces != NULL};

	zx_strcpy(r.to, sizeof(r.to), to);
	if (replaces)
		zx_strcpy(r.callid, sizeof(r.callid), replaces->callid);
	return inv->h->refer(inv, &r, inv->arg);
}

ZX_TEST(hold)
{
	const struct zx_ev_call *ev;
	struct zx_sdp sdp;
	struct zx_inv *a, *b;

	house_open();
	a = talk("8000", "8001", &b);
	reoffer(b, ZX_DIR_SENDONLY);
	ZX_CHECK_EQ(b->local.dir, ZX_DIR_RECVONLY);
	ZX_CHECK_EQ(a->reanswers, 0);
	ZX_CHECK_STR(stream_of(a)->play, "moh/default");
	ZX_CHECK(!stream_of(a)->peer);
	ZX_CHECK_EQ(told(ZX_EV_CALL_HELD, "8001", &ev), 1);
	ZX_CHECK_EQ(ev->state, ZX_CALL_HELD);
	reoffer(b, ZX_DIR_SENDONLY); /* a refresh */
	ZX_CHECK_EQ(told(ZX_EV_CALL_HELD, "8001", NULL), 1);
	reoffer(a, ZX_DIR_INACTIVE); /* the held one holds too: nobody hears music */
	ZX_CHECK_EQ(a->local.dir, ZX_DIR_INACTIVE);
	ZX_CHECK_STR(stream_of(a)->play, "");
	ZX_CHECK_STR(stream_of(b)->play, "");
	reoffer(b, ZX_DIR_SENDRECV);
	ZX_CHECK_STR(stream_of(b)->play, "moh/default");
	ZX_CHECK(!joined(a, b) || !stream_of(a)->peer);
	reoffer(a, ZX_DIR_SENDRECV);
	ZX_CHECK(joined(a, b));
	ZX_CHECK_STR(stream_of(b)->play, "");
	ZX_CHECK_EQ(told(ZX_EV_CALL_RESUMED, "8000", &ev), 1);
	ZX_CHECK_EQ(ev->state, ZX_CALL_TALKING);

	sdp_std(&sdp, ZX_DIR_SENDRECV); /* the old way: 0.0.0.0 */
	sa_set_str(&sdp.rtp, "0.0.0.0", 4000);
	a->h->offered(a, &sdp, a->arg);
	ZX_CHECK_STR(stream_of(b)->play, "moh/default");
	reoffer(a, ZX_DIR_SENDRECV);
	ZX_CHECK(joined(a, b));

	a->h->offered(a, NULL, a->arg); /* re-INVITE without offer */
	sdp_std(&sdp, ZX_DIR_SENDONLY);
	a->h->offer_result(a, 200, &sdp, a->arg);
	ZX_CHECK_STR(stream_of(b)->play, "moh/default");
	sdp.fmtc = 1;
	sdp.fmts[0].codec = ZX_CODEC_NONE; /* nothing in common: all stays as it was */
	sdp.dir = ZX_DIR_SENDRECV;
	a->h->offered(a, &sdp, a->arg);
	ZX_CHECK_EQ(a->reoffer_rejected, 488);
	ZX_CHECK_STR(stream_of(b)->play, "moh/default");
	reoffer(a, ZX_DIR_SENDRECV);

	no_moh = true;
	ZX_CHECK_EQ(zx_call_order_hold("8001", true), 0); /* in the browser */
	ZX_CHECK_STR(stream_of(a)->play, "tone 0");
	ZX_CHECK_EQ(b->reanswers, 3);
	reoffer(b, ZX_DIR_SENDONLY);
	ZX_CHECK_EQ(zx_call_order_hold("8001", false), EPROTO); /* the phone holds */
	reoffer(b, ZX_DIR_SENDRECV);
	ZX_CHECK(!stream_of(a)->peer);
	ZX_CHECK_EQ(zx_call_order_hold("8001", false), 0);
	ZX_CHECK(joined(a, b));
	ZX_CHECK_EQ(zx_call_order_hold("8002", true), ENOENT);
	bye(a);
	ZX_CHECK(strstr(last_row()->timeline, "\"e\":\"hold\",\"d\":\"8001\""));
	house_close();
}

ZX_TEST(blind)
{
	const struct zx_ev_call *ev;
	struct zx_inv *a, *b, *c;
	struct zx_rec *rec;

	house_open();
	a = talk("8000", "8050", &b); /* recorded */
	rec = last_rec;
	reoffer(b, ZX_DIR_SENDONLY);
	ZX_CHECK_EQ(refer(b, "8002", NULL), 0);
	ZX_CHECK_STR(stream_of(a)->play, "moh/default");
	run(0);
	c = sent(0);
	ZX_CHECK_STR(c->ext, "8002");
	ZX_CHECK_STR(c->from, "8000");
	ZX_CHECK_STR(c->from_name, "name 8000");
	ZX_CHECK_EQ(b->notec, 0);
	ring(c);
	ZX_CHECK_EQ(b->notes[0], 180);
	ZX_CHECK_STR(stream_of(a)->play, "tone 0");
	ZX_CHECK_EQ(told(ZX_EV_CALL_RINGING, "8002", &ev), 1);
	ZX_CHECK_STR(ev->peer, "8000");
	run(2000);
	pick(c);
	ZX_CHECK(joined(a, c));
	ZX_CHECK_EQ(b->notes[1], 200);
	ZX_CHECK(!b->hung);
	ZX_CHECK_EQ(told(ZX_EV_CALL_TRANSFERRED, "8000", &ev), 1);
	ZX_CHECK_STR(ev->peer, "8002");
	ZX_CHECK_EQ(told(ZX_EV_CALL_TRANSFERRED, "8050", NULL), 1);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "8050", NULL), 1);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "", NULL), 0);
	ZX_CHECK(last_rec == rec && rec->side[0] == stream_of(a) && rec->side[1] == stream_of(c));
	run(2001);
	ZX_CHECK(b->hung); /* it did not leave by itself */
	run(1000);
	bye(c);
	ZX_CHECK(a->hung);
	ZX_CHECK_STR(last_row()->transfer_to, "8002");
	ZX_CHECK_STR(last_row()->callee, "8050");
	ZX_CHECK_STR(last_row()->callee_ext, "8050");
	ZX_CHECK_EQ(last_row()->talk, 1000 + 2000 + 2001 + 1000);
	ZX_CHECK_STR(last_row()->by, "callee");
	house_close();
}

ZX_TEST(blind_fails)
{
	struct zx_inv *a, *b, *c;

	house_open();
	a = talk("8000", "8001", &b);
	ZX_CHECK_EQ(refer(a, "8002", NULL), 0); /* by the caller */
	ZX_CHECK_EQ(refer(a, "8003", NULL), 491);
	ZX_CHECK_EQ(refer(b, "8003", NULL), 491);
	run(0);
	c = sent(0);
	ZX_CHECK_STR(c->from, "8001");
	ring(c);
	refuse(c, 486);
	ZX_CHECK_EQ(a->notes[a->notec - 1], 486);
	ZX_CHECK(joined(a, b));
	reoffer(a, ZX_DIR_SENDONLY); /* the same while holding: music again, not the ringing */
	ZX_CHECK_EQ(refer(a, "8002", NULL), 0);
	run(0);
	ring(sent(0));
	ZX_CHECK_STR(stream_of(b)->play, "tone 0");
	refuse(sent(0), 486);
	ZX_CHECK_STR(stream_of(b)->play, "moh/default");
	reoffer(a, ZX_DIR_SENDRECV);
	ZX_CHECK_EQ(refer(a, "1234", NULL), 0); /* leads nowhere */
	run(0);
	ZX_CHECK_EQ(a->notes[a->notec - 1], 404);
	ZX_CHECK(joined(a, b));
	reoffer(a, ZX_DIR_SENDONLY); /* holds, lets go while it transfers, is given the call back, holds again */
	ZX_CHECK_EQ(refer(a, "1234", NULL), 0);
	reoffer(a, ZX_DIR_SENDRECV);
	run(0);
	ZX_CHECK(joined(a, b));
	reoffer(a, ZX_DIR_SENDONLY);
	ZX_CHECK(!stream_of(a)->peer);
	reoffer(a, ZX_DIR_SENDRECV);
	ZX_CHECK_EQ(refer(a, "9000", NULL), 0); /* another company's */
	run(0);
	ZX_CHECK_EQ(a->notes[a->notec - 1], 404);
	ZX_CHECK_EQ(refer(a, "", NULL), 603);
	ZX_CHECK(joined(a, b));

	bye(a);
	house_close();
}

ZX_TEST(blind_left)
{
	struct zx_inv *a, *b, *c;

	house_open();
	a = talk("8000", "8001", &b);
	ZX_CHECK_EQ(refer(b, "8002", NULL), 0); /* the party hangs up meanwhile */
	run(0);
	c = sent(0);
	bye(a);
	ZX_CHECK(b->hung && c->hung);
	ZX_CHECK_EQ(b->notes[b->notec - 1], 487);
	ZX_CHECK_STR(last_row()->state, "answered");
	refuse(c, 487);

	a = talk("8000", "8001", &b); /* who transfers leaves at once; it fails; he is rung again */
	ZX_CHECK_EQ(refer(b, "8002", NULL), 0);
	bye(b);
	run(0);
	c = sent(0);
	ring(c);
	refuse(c, 480);
	ZX_CHECK(!a->hung);
	c = sent(0);
	ZX_CHECK_STR(c->ext, "8001");
	pick(c);
	ZX_CHECK(joined(a, c));
	bye(a);
	ZX_CHECK_STR(last_row()->transfer_to, "");

	a = talk("8000", "8001", &b); /* the same, and nobody is there: a tone, then the end */
	refer(b, "8002", NULL);
	bye(b);
	run(0);
	refuse(sent(0), 486);
	refuse(sent(0), 486);
	ZX_CHECK(!a->hung);
	ZX_CHECK_STR(stream_of(a)->play, "tone 1");
	run(4001);
	ZX_CHECK(a->hung);

	a = talk("8000", "8001", &b); /* to an application */
	refer(b, "*61", NULL);
	run(0);
	ZX_CHECK_EQ(b->notes[b->notec - 1], 200);
	ZX_CHECK_STR(stream_of(a)->play, "hello");
	bye(a);
	house_close();
}

/* a - b1, then b2 - c from the same phone; b transfers. old_first: REFER in the older of the two. */
static void attended(bool old_first)
{
	struct zx_inv *a, *b1, *b2, *c;
	unsigned n;

	house_open();
	a = talk("8000", "8001", &b1);
	reoffer(b1, ZX_DIR_SENDONLY);
	b2 = talk("8001", "8050", &c);
	ZX_CHECK_EQ(recs_up, 1);
	reoffer(b2, ZX_DIR_SENDONLY);
	n = rowc;
	ZX_CHECK_EQ(refer(old_first ? b1 : b2, "8050", old_first ? b2 : b1), 0);
	run(0);
	ZX_CHECK(joined(a, c));
	ZX_CHECK_STR(stream_of(a)->play, "");
	ZX_CHECK_STR(stream_of(c)->play, "");
	ZX_CHECK_EQ((old_first ? b1 : b2)->notes[0], 200);
	ZX_CHECK((old_first ? b2 : b1)->hung);
	ZX_CHECK_EQ(zx_call_count(), 1);
	ZX_CHECK_STR(rows[n].caller, "8000"); /* put again: its recording has begun */
	ZX_CHECK_STR(rows[n + 1].caller, "8001");
	ZX_CHECK_STR(rows[n + 1].state, "answered");
	ZX_CHECK(strstr(rows[n + 1].timeline, "merged"));
	ZX_CHECK_EQ(recs_up, 1); /* 8050 is to be recorded */
	ZX_CHECK(last_rec->side[0] == stream_of(a) && last_rec->side[1] == stream_of(c));
	run(3000);
	ZX_CHECK(b1->hung && b2->hung);
	bye(c);
	ZX_CHECK(a->hung);
	ZX_CHECK_STR(last_row()->caller, "8000");
	ZX_CHECK_STR(last_row()->callee, "8001");
	ZX_CHECK_STR(last_row()->transfer_to, "8050");
	house_close();
}

ZX_TEST(attended_both)
{
	struct zx_inv *a, *b1, *b2, *c;

	attended(true);
	attended(false);

	house_open();
	a = talk("8000", "8001", &b1);
	ZX_CHECK_EQ(refer(b1, "x", a), 481); /* its own call */
	b2 = call_std("8001", "8002");       /* rings yet: dialled anew */
	c = sent(0);
	ring(c);
	ZX_CHECK_EQ(refer(b1, "8002", b2), 0);
	ZX_CHECK(c->hung && b2->rejected);
	run(0);
	c = sent(0);
	ZX_CHECK_STR(c->ext, "8002");
	pick(c);
	ZX_CHECK(joined(a, c));
	bye(c);

	a = talk("8000", "8001", &b1); /* who transfers does not wait */
	b2 = talk("8001", "8002", &c);
	ZX_CHECK_EQ(refer(b1, "8002", b2), 0);
	bye(b1);
	run(0);
	ZX_CHECK(joined(a, c) && b2->hung);
	bye(a);

	a = talk("8000", "8001", &b1); /* the named call ends before it is joined */
	b2 = talk("8001", "8002", &c);
	ZX_CHECK_EQ(refer(b1, "8002", b2), 0);
	bye(c);
	run(0);
	ZX_CHECK(joined(a, b1));
	ZX_CHECK_EQ(b1->notes[0], 481);
	bye(a);
	house_close();
}

ZX_TEST(replaces)
{
	struct zx_inv *a, *b, *d;
	struct zx_sdp offer;

	house_open();
	sdp_std(&offer, ZX_DIR_SENDRECV);
	a = call_std("8000", "8003"); /* pick-up of a ringing call */
	b = sent(0);
	ring(b);
	ZX_CHECK_EQ(call_in("9000", "8003", &offer, b)->rejected, 481); /* not another company's */
	d = call_in("8002", "8003", &offer, b);
	ZX_CHECK(a->accepted && d->accepted && joined(a, d));
	ZX_CHECK(b->hung && sent(1)->hung && sent(2)->hung);
	bye(a);
	ZX_CHECK_STR(last_row()->callee_ext, "8002");

	a = talk("8000", "8001", &b); /* of one that talks */
	d = call_in("8002", "x", &offer, b);
	ZX_CHECK(joined(a, d) && b->hung);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "8001", NULL), 1);
	bye(d);
	ZX_CHECK_STR(last_row()->transfer_to, "8002");
	ZX_CHECK_EQ(call_in("8002", "x", &offer, d)->rejected, 481); /* is gone */
	a = call_std("8000", "8001");
	ZX_CHECK_EQ(call_in("8002", "x", &offer, a)->rejected, 481); /* a caller's own early dialog */
	house_close();
}

ZX_TEST(orders)
{
	struct zx_inv *a, *b, *c;
	struct zx_ev_call v[4];
	int64_t id = 0;

	house_open();
	ZX_CHECK_EQ(zx_call_order_dial("8009", "8001", &id), EHOSTUNREACH);
	ZX_CHECK_EQ(zx_call_order_dial("8000", "", &id), EINVAL);
	ZX_CHECK_EQ(zx_call_order_dial("8000", "8001", &id), 0);
	a = sent(0);
	ZX_CHECK(a->auto_answer);
	ZX_CHECK_STR(a->from, "8001");
	ring(a);
	zx_call_ext_state("8000", v);
	ZX_CHECK_EQ(v->state, ZX_CALL_RINGING);
	ZX_CHECK_EQ(zx_call_order_dial("8000", "8001", &id), EBUSY);
	pick(a);
	b = sent(0);
	ZX_CHECK_STR(b->ext, "8001");
	ZX_CHECK_STR(b->from, "8000");
	ZX_CHECK_STR(b->from_name, "name 8000");
	ring(b);
	ZX_CHECK_STR(stream_of(a)->play, "tone 0");
	run(5000);
	pick(b);
	ZX_CHECK(joined(a, b));
	ZX_CHECK_EQ(zx_call_list(0, v, 4), 1);
	ZX_CHECK_EQ(v[0].call_id, id);
	ZX_CHECK_STR(v[0].peer, "8001");
	ZX_CHECK_EQ(zx_call_list(2, v, 4), 0);
	zx_call_ext_state("8001", v);
	ZX_CHECK_EQ(v->state, ZX_CALL_TALKING);
	ZX_CHECK_STR(v->peer, "8000");
	ZX_CHECK_EQ(zx_call_order_transfer("8000", "8002"), 0);
	run(0);
	c = sent(0);
	pick(c);
	ZX_CHECK(joined(b, c) && a->hung);
	ZX_CHECK_EQ(zx_call_order_hangup(id, 2), ENOENT);
	ZX_CHECK_EQ(zx_call_order_hangup(id, 1), 0);
	ZX_CHECK(b->hung && c->hung);
	ZX_CHECK_STR(last_row()->by, "system");
	ZX_CHECK_STR(last_row()->caller, "8000");
	ZX_CHECK_STR(last_row()->caller_ext, "8000");
	ZX_CHECK_EQ(zx_call_order_hangup(id, 1), ENOENT);
	house_close();
}

ZX_TEST(orders_fail)
{
	struct zx_inv *a, *b, *c;
	struct zx_ev_call v[4];
	int64_t id = 0;

	house_open();
	zx_call_order_dial("8000", "1234", &id); /* nowhere: the own phone hears it */
	a = sent(0);
	pick(a);
	ZX_CHECK_STR(stream_of(a)->play, "tone 3");
	run(4001);
	ZX_CHECK(a->hung);
	ZX_CHECK_STR(last_row()->state, "not-found");
	zx_call_order_dial("8000", "8001", &id); /* the own phone is not picked up */
	ring(sent(0));
	run(30001);
	ZX_CHECK(sent(0)->hung);
	ZX_CHECK_STR(last_row()->state, "no-answer");

	a = call_std("8000", "8001"); /* divert while it rings */
	b = sent(0);
	ZX_CHECK_EQ(zx_call_order_transfer("8001", "8002"), 0);
	run(0);
	ZX_CHECK(b->hung);
	c = sent(0);
	ZX_CHECK_STR(c->ext, "8002");
	pick(c);
	ZX_CHECK(joined(a, c));
	ZX_CHECK_EQ(zx_call_order_hangup_ext("8002"), 0);
	ZX_CHECK(a->hung && c->hung);
	ZX_CHECK_STR(last_row()->by, "callee");
	ZX_CHECK_STR(last_row()->transfer_to, "8002");
	a = call_std("8000", "8003"); /* decline in the browser */
	ring(sent(0));
	ZX_CHECK_EQ(zx_call_order_hangup_ext("8003"), 0);
	ZX_CHECK_EQ(a->rejected, 603);
	ZX_CHECK_EQ(zx_call_order_hangup_ext("8003"), ENOENT);
	zx_call_ext_state("8003", v);
	ZX_CHECK_EQ(v->state, ZX_CALL_ENDED);
	house_close();
}

/* ---- a storm: any event at any time; nothing crashes, nothing is left ---- */
static uint32_t seed;

static unsigned dice(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static struct zx_inv *any_inv(void)
{
	for (unsigned i = 0; i < 20 && invc; i++) {
		struct zx_inv *inv = invs[dice(invc)];

		if (!inv->closed && !inv_dropped(inv))
			return inv;
	}
	return NULL;
}

static void storm_leg(struct zx_inv *inv)
{
	static const uint16_t codes[] = {302, 404, 408, 480, 486, 488, 503, 603};
	static const char *const nums[] = {"8001", "8003", "8050", "1234", "*61"};
	struct zx_stream_event ev = {.type = (enum zx_stream_ev)dice(4), .digit = '1'};
	struct zx_leg *leg = inv->arg;
	struct zx_inv *other = any_inv();

	if (inv->uac && !inv->accepted) {
		switch (dice(6)) {
		case 0:
		case 1:
			ring(inv);
			return;
		case 2:
		case 3:
			pick(inv);
			return;
		case 4:
			refuse(inv, inv->hung ? 487 : codes[dice(8)]);
			return;
		}
	}
	if (inv->accepted && !inv->hung) {
		switch (dice(8)) {
		case 0:
			reoffer(inv, (enum zx_dir)dice(4));
			return;
		case 1:
		case 2:
			refer(inv, nums[dice(5)], NULL);
			return;
		case 3:
		case 4:
			refer(inv, "x", other);
			return;
		case 5:
			if (leg->stream)
				leg->stream->h(&ev, leg->stream->arg);
			return;
		case 6:
			inv->h->offered(inv, NULL, inv->arg);
			return;
		}
	}
	if (dice(3) == 0)
		inv_close(inv, inv->accepted ? 200 : 487);
}

static void storm_order(void)
{
	static const char *const nums[] = {"8000", "8001", "8002", "8003", "8050"};
	const char *n = nums[dice(5)];
	struct zx_ev_call v;
	int64_t id;

	switch (dice(6)) {
	case 0:
		zx_call_order_dial(n, nums[dice(5)], &id);
		break;
	case 1:
		zx_call_order_hold(n, dice(2));
		break;
	case 2:
		zx_call_order_transfer(n, nums[dice(5)]);
		break;
	case 3:
		zx_call_order_hangup_ext(n);
		break;
	default:
		zx_call_ext_state(n, &v);
	}
}

ZX_TEST(storm)
{
	static const char *const nums[] = {"8000", "8001", "8002", "8003", "8050", "8009", "1234"};
	struct zx_sdp offer;

	for (unsigned round = 0; round < 400; round++) {
		seed = round;
		house_open();
		bind_ext("8010", 2, "tls");
		sdp_std(&offer, ZX_DIR_SENDRECV);
		ports_left = 20 + dice(60);
		for (unsigned step = 0; step < 400 && invc < INVS - 4; step++) {
			struct zx_inv *inv = any_inv();

			if (inv && dice(20) == 0)
				inv->refuse = true; /* the answer cannot be sent */
			if (dice(12) == 0)
				call_in(dice(5) ? nums[dice(5)] : NULL, nums[dice(7)], dice(8) ? &offer : NULL, dice(4) ? NULL : inv);
			else if (dice(6) == 0)
				storm_order();
			else if (dice(5) == 0)
				run(dice(3) ? dice(100) : 10000);
			else if (inv)
				storm_leg(inv);
		}
		ports_left += 10000;
		house_close();
	}
}

ZX_MAIN({"hold in all its forms", hold}, {"blind transfer", blind}, {"blind transfer that fails", blind_fails},
	{"a transfer that one of the two does not wait for", blind_left}, {"attended transfer", attended_both},
	{"INVITE with Replaces", replaces}, {"orders from the web", orders}, {"orders that fail, diverting, declining", orders_fail},
	{"a storm of events leaves nothing behind", storm})
