/* Calls between phones: outcomes, forks, media, records, news. */
#include "test_call_hands.h"

static unsigned sent_count(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < invc; i++)
		n += invs[i]->uac;
	return n;
}

ZX_TEST(plain)
{
	const struct zx_ev_call *ev;
	struct zx_inv *a, *b;
	const struct row *r;

	house_open();
	a = call_std("8000", "8001");
	ZX_CHECK_EQ(a->progressc, 0);
	b = sent(0);
	ZX_CHECK_STR(b->from, "8000");
	ZX_CHECK_STR(b->from_name, "name 8000");
	run(500);
	ring(b);
	ring(b);
	ZX_CHECK_EQ(a->progressc, 1);
	ZX_CHECK_EQ(a->progress[0], 180);
	ZX_CHECK_EQ(told(ZX_EV_CALL_RINGING, "8001", &ev), 1);
	ZX_CHECK_STR(ev->from, "8000");
	ZX_CHECK_STR(ev->from_name, "name 8000");
	ZX_CHECK_STR(ev->peer, "8000");
	ZX_CHECK_EQ(ev->state, ZX_CALL_RINGING);
	run(3000);
	pick(b);
	ZX_CHECK(a->accepted && joined(a, b));
	ZX_CHECK_EQ(a->local.fmts[0].codec, ZX_CODEC_PCMA);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ANSWERED, "8001", NULL), 1);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ANSWERED, "8000", &ev), 1);
	ZX_CHECK_STR(ev->peer, "8001");
	run(61000);
	ZX_CHECK_EQ(rowc, 0);
	bye(b);
	ZX_CHECK(a->hung);
	r = last_row();
	ZX_CHECK_EQ(rowc, 1);
	ZX_CHECK_EQ(r->ring, 3000);
	ZX_CHECK_EQ(r->talk, 61000);
	ZX_CHECK_STR(r->state, "answered");
	ZX_CHECK_STR(r->by, "callee");
	ZX_CHECK_STR(r->caller, "8000");
	ZX_CHECK_STR(r->caller_ext, "8000");
	ZX_CHECK_STR(r->callee, "8001");
	ZX_CHECK_STR(r->callee_ext, "8001");
	ZX_CHECK_STR(r->app, "extension");
	ZX_CHECK_STR(r->direction, "internal");
	ZX_CHECK_EQ(r->scode, 200);
	ZX_CHECK(strstr(r->quality, "\"loss\":1.00") && r->quality[strlen(r->quality) - 1] == '}');
	ZX_CHECK(strstr(r->timeline, "\"e\":\"ringing\",\"d\":\"8001\""));
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "8000", NULL), 1);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "8001", NULL), 1);
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "", &ev), 1);
	ZX_CHECK_EQ(ev->state, ZX_CALL_ENDED);
	ZX_CHECK_EQ(streams_up, 0);
	house_close();
}

/* Code to the caller and state in the record, for what the callee did. */
static void outcome(uint16_t theirs, bool rings, uint16_t code, const char *state)
{
	struct zx_inv *a;

	house_open();
	a = call_std("8000", "8001");
	if (rings)
		ring(sent(0));
	refuse(sent(0), theirs);
	ZX_CHECK_EQ(a->rejected, code);
	ZX_CHECK_STR(last_row()->state, state);
	ZX_CHECK_EQ(last_row()->scode, code);
	ZX_CHECK_EQ(last_row()->talk, 0);
	house_close();
}

ZX_TEST(outcomes)
{
	struct zx_inv *a;

	outcome(486, true, 486, "busy");
	outcome(486, false, 486, "busy");
	outcome(600, true, 486, "busy");
	outcome(603, true, 603, "busy");
	outcome(480, true, 480, "no-answer");
	outcome(408, false, 480, "unreachable");
	outcome(404, false, 480, "unreachable");
	outcome(302, false, 480, "unreachable");
	outcome(503, false, 480, "unreachable");
	outcome(488, false, 488, "failed");

	house_open();
	a = call_std("8000", "8009"); /* exists, is not registered */
	run(0);
	ZX_CHECK_EQ(a->rejected, 480);
	ZX_CHECK_STR(last_row()->state, "unreachable");
	a = call_std("8000", "1234");
	ZX_CHECK_EQ(a->rejected, 404);
	ZX_CHECK_STR(last_row()->state, "not-found");
	a = call_std("8000", "9000"); /* another company's */
	ZX_CHECK_EQ(a->rejected, 404);
	a = call_std("8000", "*63");
	ZX_CHECK_EQ(a->rejected, 404);
	a = call_std("8000", "*60");
	ZX_CHECK_EQ(a->rejected, 486);

	a = call_std("8000", "8001");
	ring(sent(0));
	run(29000);
	ZX_CHECK_EQ(a->rejected, 0);
	run(1001);
	ZX_CHECK_EQ(a->rejected, 480);
	ZX_CHECK(sent(0)->hung);
	ZX_CHECK_STR(last_row()->state, "no-answer");
	ZX_CHECK_EQ(last_row()->ring, 30000);

	a = call_std("8000", "8001"); /* neither ring nor answer */
	run(30001);
	ZX_CHECK_EQ(a->rejected, 480);
	ZX_CHECK_STR(last_row()->state, "unreachable");

	a = call_std("8000", "8001");
	ring(sent(0));
	refuse(a, 487); /* CANCEL */
	ZX_CHECK(sent(0)->hung);
	ZX_CHECK_STR(last_row()->state, "cancelled");
	ZX_CHECK_STR(last_row()->by, "caller");
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "8001", NULL), 2);

	connect_fails = true;
	a = call_std("8000", "8001");
	run(0);
	ZX_CHECK_EQ(a->rejected, 503);
	house_close();
}

ZX_TEST(forks)
{
	struct zx_inv *a, *b[3];

	house_open();
	a = call_std("8000", "8003");
	ZX_CHECK_EQ(sent_count(), 3);
	for (unsigned i = 0; i < 3; i++) {
		b[i] = sent(i);
		ring(b[i]);
	}
	ZX_CHECK_EQ(a->progressc, 1);
	ZX_CHECK_EQ(told(ZX_EV_CALL_RINGING, "8003", NULL), 1);
	refuse(b[0], 486);
	ZX_CHECK_EQ(a->rejected, 0);
	pick(b[1]);
	ZX_CHECK(a->accepted && joined(a, b[1]));
	ZX_CHECK(b[2]->hung);
	ZX_CHECK_EQ(b[2]->hung_code, 200);
	ZX_CHECK_EQ(streams_up, 2);
	pick(b[2]); /* a 200 that crossed our CANCEL */
	ZX_CHECK(joined(a, b[1]));
	refuse(b[2], 200);
	bye(a);
	ZX_CHECK_STR(last_row()->state, "answered");
	ZX_CHECK_EQ(told(ZX_EV_CALL_ENDED, "8003", NULL), 1);

	a = call_std("8000", "8003"); /* one busy, one gone, one rings too long */
	refuse(sent(0), 486);
	refuse(sent(1), 404);
	ring(sent(2));
	run(30001);
	ZX_CHECK_EQ(a->rejected, 480);
	ZX_CHECK_STR(last_row()->state, "no-answer");

	a = call_std("8000", "8003"); /* all fail: busy says most */
	refuse(sent(0), 404);
	refuse(sent(1), 486);
	refuse(sent(2), 503);
	ZX_CHECK_EQ(a->rejected, 486);

	a = call_std("8000", "8003"); /* busy on one, the others are switched off: not waited for, unless they ring after all */
	refuse(sent(0), 486);
	run(3999);
	ring(sent(1));
	run(25000);
	ZX_CHECK_EQ(a->rejected, 0);
	refuse(sent(1), 480);
	run(1000);
	ZX_CHECK_EQ(a->rejected, 0);
	run(1100);
	ZX_CHECK_EQ(a->rejected, 480);
	a = call_std("8000", "8003");
	refuse(sent(0), 486);
	run(4001);
	ZX_CHECK_EQ(a->rejected, 486);
	ZX_CHECK(sent(1)->hung && sent(2)->hung);

	a = call_std("8000", "8003"); /* declined on one phone */
	ring(sent(0));
	refuse(sent(1), 603);
	ZX_CHECK_EQ(a->rejected, 603);
	ZX_CHECK(sent(0)->hung && sent(2)->hung);
	house_close();
}

ZX_TEST(early_media)
{
	struct zx_sdp answer;
	struct zx_inv *a, *b;

	house_open();
	sdp_std(&answer, ZX_DIR_SENDRECV);
	a = call_std("8000", "8001");
	b = sent(0);
	b->h->progressed(b, 183, &answer, b->arg);
	ZX_CHECK_EQ(a->progressc, 1);
	ZX_CHECK_EQ(a->progress[0], 183);
	ZX_CHECK(a->early_sdp && joined(a, b));
	ring(b);
	ZX_CHECK_EQ(a->progressc, 1);
	pick(b);
	ZX_CHECK(a->accepted && joined(a, b));
	bye(a);

	a = call_std("8000", "8001"); /* who heard early media hears why it failed, then gets the code */
	b = sent(0);
	b->h->progressed(b, 183, &answer, b->arg);
	refuse(b, 486);
	ZX_CHECK_EQ(a->rejected, 0);
	ZX_CHECK_STR(stream_of(a)->play, "tone 1");
	run(4001);
	ZX_CHECK_EQ(a->rejected, 486);
	ZX_CHECK_STR(last_row()->state, "busy");

	a = call_std("8000", "8003"); /* several ring: no early media */
	b = sent(0);
	ring(sent(1));
	b->h->progressed(b, 183, &answer, b->arg);
	ZX_CHECK_EQ(a->progress[0], 180);
	ZX_CHECK_EQ(a->progressc, 1);
	bye(a);
	a = call_std("8000", "8003"); /* one has early media and fails: the caller is not left in silence */
	b = sent(0);
	b->h->progressed(b, 183, &answer, b->arg);
	ZX_CHECK(joined(a, b));
	ring(sent(1));
	refuse(b, 486);
	ZX_CHECK_STR(stream_of(a)->play, "tone 0");
	pick(sent(1));
	ZX_CHECK(joined(a, sent(1)));
	house_close();
}

ZX_TEST(codecs)
{
	const enum zx_codec wide[] = {ZX_CODEC_G729, ZX_CODEC_G722, ZX_CODEC_PCMU};
	const enum zx_codec none[] = {ZX_CODEC_NONE};
	struct zx_sdp offer, answer;
	struct zx_inv *a, *b;

	house_open();
	sdp_of(&offer, wide, 3, ZX_DIR_SENDRECV);
	a = call_in("8000", "8001", &offer, NULL);
	b = sent(0);
	ZX_CHECK_EQ(b->local.fmtc, 4);
	ZX_CHECK_EQ(b->local.fmts[0].codec, ZX_CODEC_G729);
	ZX_CHECK_EQ(b->local.fmts[1].codec, ZX_CODEC_G722);
	ZX_CHECK_EQ(b->local.fmts[2].codec, ZX_CODEC_PCMU);
	ZX_CHECK_EQ(b->local.fmts[3].codec, ZX_CODEC_PCMA);
	sdp_of(&answer, wide + 1, 1, ZX_DIR_SENDRECV);
	b->accepted = true;
	b->h->answered(b, &answer, b->arg);
	/* The caller gets what the callee chose: nothing to transcode. */
	ZX_CHECK_EQ(a->local.fmts[0].codec, ZX_CODEC_G722);
	ZX_CHECK_EQ(stream_of(a)->d.codec, ZX_CODEC_G722);
	bye(a);

	sdp_of(&offer, none, 1, ZX_DIR_SENDRECV);
	offer.fmtc = 1;
	offer.fmts[0].codec = ZX_CODEC_NONE;
	a = call_in("8000", "8001", &offer, NULL);
	ZX_CHECK_EQ(a->rejected, 488);

	a = call_in("8000", "8001", NULL, NULL); /* late offer */
	b = sent(0);
	pick(b);
	ZX_CHECK(a->accepted);
	ZX_CHECK_EQ(a->local.fmts[0].codec, ZX_CODEC_PCMA);
	ZX_CHECK_EQ(stream_of(a)->sets, 0);
	sdp_std(&answer, ZX_DIR_SENDRECV);
	a->h->confirmed(a, &answer, a->arg);
	ZX_CHECK_EQ(stream_of(a)->sets, 1);
	ZX_CHECK(joined(a, b));
	bye(b);

	a = call_in("8000", "8001", NULL, NULL); /* ACK without the answer owed */
	b = sent(0);
	pick(b);
	a->h->confirmed(a, NULL, a->arg);
	ZX_CHECK(a->hung && b->hung);
	house_close();
}

ZX_TEST(secured)
{
	struct zx_srtp_key key = {.suite = ZX_SRTP_AES_CM_128_HMAC_SHA1_80, .key = {1, 2, 3}};
	const enum zx_codec c[] = {ZX_CODEC_PCMA};
	struct zx_srtp_key tx;
	struct zx_sdp offer;
	struct zx_inv *a, *b;
	struct sa addr;

	house_open();
	bind_ext("8010", 1, "tls");
	sa_set_str(&addr, "192.0.2.55", 4000);
	zx_sdp_offer(&offer, &addr, c, 1, ZX_DIR_SENDRECV, &key);
	a = call_in("8000", "8001", &offer, NULL);
	b = sent(0);
	ZX_CHECK(!b->local.srtp);
	pick(b);
	ZX_CHECK(a->local.srtp);
	ZX_CHECK_EQ(stream_of(a)->d.rx.key[0], 1);
	tx = stream_of(a)->d.tx;
	ZX_CHECK(!memcmp(&tx, &a->local.crypto[0].key, sizeof(tx)));
	a->h->offered(a, &offer, a->arg); /* the key goes on */
	ZX_CHECK(!memcmp(&tx, &stream_of(a)->d.tx, sizeof(tx)));
	bye(a);

	a = call_std("8000", "8010"); /* over TLS: in the clear, then secured when that is refused */
	ZX_CHECK(!sent(0)->local.srtp);
	refuse(sent(0), 488);
	ZX_CHECK(sent(0)->local.srtp);
	ZX_CHECK_EQ(a->rejected, 0);
	pick(sent(0));
	ZX_CHECK(a->accepted && !a->local.srtp);
	ZX_CHECK_EQ(stream_of(sent(0))->d.tx.suite, ZX_SRTP_AES_CM_128_HMAC_SHA1_80);
	bye(a);

	offer.srtp = false; /* best effort: keys, the plain profile */
	a = call_in("8000", "8001", &offer, NULL);
	pick(sent(0));
	ZX_CHECK(!a->local.srtp && a->local.cryptoc == 1);
	ZX_CHECK_EQ(stream_of(a)->d.rx.key[0], 1);
	ZX_CHECK(!memcmp(&stream_of(a)->d.tx, &a->local.crypto[0].key, sizeof(tx)));
	a->h->offered(a, NULL, a->arg); /* our offer is of the same kind */
	ZX_CHECK(!a->local.srtp && a->local.cryptoc == 1);
	a->h->offer_result(a, 200, &offer, a->arg);
	ZX_CHECK(stream_of(a)->d.tx.suite && stream_of(a)->d.rx.suite);
	a->h->offered(a, NULL, a->arg);
	sdp_std(&offer, ZX_DIR_SENDRECV); /* it cannot any more */
	a->h->offer_result(a, 200, &offer, a->arg);
	ZX_CHECK(!stream_of(a)->d.tx.suite && !stream_of(a)->d.rx.suite);
	bye(a);

	a = call_std("8000", "8001"); /* keys nobody asked for change nothing */
	b = sent(0);
	zx_sdp_offer(&offer, &addr, c, 1, ZX_DIR_SENDRECV, &key);
	offer.srtp = false;
	b->h->answered(b, &offer, b->arg);
	ZX_CHECK(a->accepted && !stream_of(b)->d.tx.suite && !stream_of(b)->d.rx.suite);
	bye(a);
	house_close();
}

ZX_TEST(recording)
{
	struct zx_inv *a, *b;
	const struct row *r;
	char path[128];

	house_open();
	a = call_std(NULL, "778001");
	ZX_CHECK_EQ(recs_up, 0);
	b = sent(0);
	ZX_CHECK_STR(b->from, "13800138000");
	pick(b);
	ZX_CHECK_EQ(recs_up, 1);
	ZX_CHECK(last_rec->side[0] == stream_of(a) && last_rec->side[1] == stream_of(b));
	r = last_row();
	ZX_CHECK_STR(r->state, "talking");
	snprintf(path, sizeof(path), "/%lld_13800138000_778001.wav", (long long)r->id);
	ZX_CHECK(strstr(r->recording, path) && strlen(r->recording) == strlen(path) + 10);
	ZX_CHECK_STR(r->direction, "inbound");
	rec_problem = "disk full";
	bye(a);
	r = last_row();
	ZX_CHECK_STR(r->state, "answered");
	ZX_CHECK_STR(r->problem, "disk full");
	ZX_CHECK_EQ(recs_up, 0);

	rec_problem = NULL;
	a = talk("8050", "8001", &b); /* the caller is recorded */
	ZX_CHECK_EQ(recs_up, 1);
	bye(a);
	rec_fails = true;
	a = talk("8001", "8050", &b); /* goes on without its recording, and says so */
	ZX_CHECK_EQ(recs_up, 0);
	bye(a);
	ZX_CHECK(*last_row()->problem && !*last_row()->recording);

	a = call_std("8000", "../../etc/passwd\"\\\x01\xff");
	ZX_CHECK_EQ(a->rejected, 404);
	ZX_CHECK_STR(last_row()->callee, "../../etc/passwd\"\\?");
	ZX_CHECK(strstr(last_row()->timeline, "passwd\\\"\\\\?\""));
	house_close();
}

ZX_TEST(limits)
{
	struct zx_inv *a, *b;

	house_open();
	conf.call_max = 1;
	a = talk("8000", "8001", &b);
	ZX_CHECK_EQ(call_std("8002", "8001")->rejected, 503);
	ZX_CHECK(joined(a, b));
	conf.call_max = 0;
	ports_left = 0;
	b = call_std("8002", "8001");
	run(0);
	ZX_CHECK_EQ(b->rejected, 503);
	ports_left = 1;
	b = call_std("8002", "8001");
	run(0);
	ZX_CHECK_EQ(b->rejected, 503);
	ZX_CHECK_EQ(ports_left, 1);
	ports_left = 1000;
	bye(a);
	house_close();
}

ZX_TEST(keys)
{
	struct zx_stream_event ev = {.type = ZX_STREAM_DTMF, .digit = '5', .duration_ms = 100};
	struct zx_inv *a, *b;
	struct zx_stream *sa_, *sb;

	house_open();
	a = talk("8000", "8001", &b);
	sa_ = stream_of(a);
	sb = stream_of(b);
	sa_->h(&ev, sa_->arg); /* both have telephone-event: media passes it */
	ZX_CHECK_EQ(sb->keyc, 0);
	a->h->dtmf(a, '7', 200, a->arg); /* INFO -> telephone-event */
	ZX_CHECK_STR(sb->keys, "7");
	((struct zx_leg *)a->arg)->desc.te_pt = -1;
	sb->h(&ev, sb->arg); /* telephone-event -> INFO, which it is known to send */
	ZX_CHECK_STR(a->info, "5");
	((struct zx_leg *)b->arg)->desc.te_pt = -1;
	sa_->h(&ev, sa_->arg); /* -> tones in the audio */
	ZX_CHECK_STR(sb->keys, "75");
	((struct zx_leg *)b->arg)->desc.codec = ZX_CODEC_G729;
	sa_->h(&ev, sa_->arg);
	ZX_CHECK_STR(b->info, "5");
	bye(a);
	house_close();
}

ZX_TEST(silence)
{
	struct zx_stream_event first = {.type = ZX_STREAM_FIRST_RTP}, dead = {.type = ZX_STREAM_TIMEOUT};
	struct zx_inv *a, *b;

	house_open();
	a = talk("8000", "8001", &b);
	ZX_CHECK(stream_of(a)->d.timeout_ms >= 60000);
	stream_of(a)->h(&dead, stream_of(a)->arg); /* has never sent anything */
	ZX_CHECK(joined(a, b));
	stream_of(a)->h(&first, stream_of(a)->arg);
	reoffer(b, ZX_DIR_SENDONLY);
	ZX_CHECK_EQ(stream_of(b)->d.timeout_ms, 0);
	stream_of(a)->h(&dead, stream_of(a)->arg);
	ZX_CHECK(!a->hung);
	reoffer(b, ZX_DIR_SENDRECV);
	stream_of(a)->h(&dead, stream_of(a)->arg);
	ZX_CHECK(a->hung && b->hung);
	ZX_CHECK_STR(last_row()->by, "system");
	ZX_CHECK(strstr(last_row()->timeline, "no-packets"));
	house_close();
}

ZX_TEST(applications)
{
	struct zx_stream_event done = {.type = ZX_STREAM_PLAY_DONE};
	struct zx_inv *a;

	house_open();
	a = call_std("8000", "*61");
	ZX_CHECK(a->accepted);
	ZX_CHECK_STR(stream_of(a)->play, "hello");
	done.play = ((struct zx_leg *)a->arg)->call->play;
	stream_of(a)->h(&done, stream_of(a)->arg);
	ZX_CHECK(a->hung);
	ZX_CHECK_STR(last_row()->by, "system");
	ZX_CHECK_STR(last_row()->app, "prompt");
	ZX_CHECK_STR(last_row()->state, "answered");
	ZX_CHECK_EQ(call_std("8000", "*64")->rejected, 404);
	house_close();
}

static unsigned idled;
static void idle_h(void)
{
	idled++;
}

ZX_TEST(shutdown_all)
{
	struct zx_inv *a, *b, *c;

	house_open();
	a = talk("8000", "8001", &b);
	c = call_std("8002", "8001");
	ring(sent(0));
	idled = 0;
	zx_calls_end_all(5000, idle_h);
	ZX_CHECK(a->hung && b->hung && sent(0)->hung);
	ZX_CHECK_EQ(c->rejected, 503);
	ZX_CHECK_EQ(rowc, 2);
	ZX_CHECK_EQ(zx_call_count(), 0);
	run(1);
	ZX_CHECK_EQ(idled, 0); /* the CANCEL is not answered yet */
	ZX_CHECK_EQ(call_std("8000", "8001")->rejected, 503);
	refuse(sent(0), 487);
	run(0);
	ZX_CHECK_EQ(idled, 1);
	run(10000);
	ZX_CHECK_EQ(idled, 1);
	zx_calls.draining = false;
	a = talk("8000", "8001", &b);
	b = call_std("8002", "8001");
	zx_calls_end_all(5000, idle_h); /* a phone that does not answer */
	run(5001);
	ZX_CHECK_EQ(idled, 2);
	house_close();
}

ZX_MAIN({"a call: ring, answer, talk, hang up, record, news", plain}, {"every failure has its code and its record", outcomes},
	{"all contacts ring, one wins", forks}, {"early media", early_media}, {"codecs: no transcoding without need; late offer", codecs},
	{"SRTP", secured}, {"recording", recording}, {"limits", limits}, {"keys in every form", keys}, {"a dead stream", silence},
	{"applications without another party", applications}, {"shutdown", shutdown_all})
