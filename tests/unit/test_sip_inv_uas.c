/* Legs called by a phone: answer, refusal, CANCEL, loss, rights. */
#include "sip_inv_util.h"

static struct phone A, B;

static void begin(void)
{
	daemon_open();
	phone_open(&A, "127.0.0.1");
	phone_open(&B, "127.0.0.2");
}

static void end(void)
{
	daemon_close();
	phone_close(&A);
	phone_close(&B);
}

/* INVITE to the 200 and its ACK. */
static void call_up(struct pdlg *d, struct phone *ph)
{
	const char *m;

	pdlg_init(d, ph, "8000", "8001");
	request(d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(ph, "SIP/2.0 100"));
	ZX_CHECK(T.leg);
	ZX_CHECK(!zx_inv_progress(T.leg, 180, NULL, NULL));
	m = expect(ph, "SIP/2.0 180");
	ZX_CHECK(m);
	pdlg_learn(d, m);
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(ph, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "m=audio 30000 RTP/AVP 8"));
	pdlg_learn(d, m);
	request(d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	T.log[0] = '\0';
}

ZX_TEST(basic)
{
	struct pdlg d;

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", NULL, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 401"));
	call_up(&d, &A);
	ZX_CHECK_STR(T.info, "8000|Al \"x\" <B>|8001|8000||");
	ZX_CHECK(zx_inv_established(T.leg));
	request(&d, "BYE", NULL, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "BYE"));
	CHECK_LOG("closed200");
	/* absorbed: the same answer again, no second event */
	phone_send(&A, sent);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "BYE"));
	request(&d, "BYE", NULL, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 481", "BYE"));
	CHECK_LOG("closed200");
	end();
}

ZX_TEST(our_bye)
{
	struct pdlg d;
	const char *m;

	begin();
	call_up(&d, &A);
	zx_inv_hangup(T.leg, 486, "Busy \"now\"\r\nX: y");
	ZX_CHECK_STR(T.log, "");
	m = expect(&A, "BYE sip:8000@");
	ZX_CHECK(m && strstr(m, "Reason: SIP;cause=486;text=\"Busy \\\"now\\\"  X: y\"\r\n"));
	CHECK_LOG("closed486");
	respond(&A, m, 200, NULL, NULL, NULL);
	/* not heard: repeated */
	end();
	begin();
	call_up(&d, &A);
	T.leg = mem_deref(T.leg); /* dropping it hangs up too, silently */
	m = expect(&A, "BYE");
	ZX_CHECK(m);
	advance(600, 100);
	ZX_CHECK(expect(&A, "BYE"));
	ZX_CHECK_STR(T.log, "");
	end();
}

ZX_TEST(cancel)
{
	struct pdlg d;
	const char *m, *tag;
	char ours[64];

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	request(&d, "CANCEL", NULL, NULL);
	m = expect2(&A, "SIP/2.0 200", "CANCEL");
	ZX_CHECK(m);
	tag_of(ours, sizeof(ours), hdr(m, "To"));
	m = expect(&A, "SIP/2.0 487");
	ZX_CHECK(m);
	tag = strstr(hdr(m, "To"), ours);
	ZX_CHECK(tag);
	CHECK_LOG("incoming+sdp closed487");
	ZX_CHECK_EQ(zx_inv_accept(T.leg, own_offer(ZX_DIR_SENDRECV)), EPROTO);
	/* no ACK: 487 again; then ACK ends it */
	advance(500, 500);
	m = expect(&A, "SIP/2.0 487");
	ZX_CHECK(m);
	pdlg_learn(&d, m);
	request_as(&d, "ACK", d.cseq, d.branch, NULL, NULL, NULL);
	settle();
	advance(3000, 500);
	ZX_CHECK(silent(&A, "SIP/2.0 487"));
	/* too late after the answer */
	T.log[0] = '\0';
	call_up(&d, &A);
	request(&d, "CANCEL", NULL, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "CANCEL"));
	ZX_CHECK(zx_inv_established(T.leg));
	end();
}

ZX_TEST(refusals)
{
	struct pdlg d;
	const char *m;

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_reject(T.leg, 486, "Busy\r\nHere"));
	m = expect(&A, "SIP/2.0 486 Busy  Here\r\n");
	ZX_CHECK(m);
	CHECK_LOG("incoming+sdp closed486");
	T.keep = false; /* nobody takes it */
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 480"));
	T.keep = true;
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, "v=0\r\nm=audio 0 RTP/AVP 8\r\n");
	ZX_CHECK(expect(&A, "SIP/2.0 488"));
	pdlg_init(&d, &A, "8000", "8001");
	request_as(&d, "INVITE", 1, "z9hG4bKtxt", AUTH, "text/plain", "hello");
	m = expect(&A, "SIP/2.0 415");
	ZX_CHECK(m && strstr(m, "Accept: application/sdp"));
	pdlg_init(&d, &A, "8000", "8001");
	snprintf(d.target, sizeof(d.target), "sip:80%%0001@127.0.0.1");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 400"));
	pdlg_init(&d, &A, "8000", "8001");
	snprintf(d.target, sizeof(d.target), "sip:127.0.0.1");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 484"));
	T.s.draining = true;
	request(&d, "INVITE", AUTH, sdp_a);
	m = expect(&A, "SIP/2.0 503");
	ZX_CHECK(m && strstr(m, "Retry-After"));
	end();
}

ZX_TEST(multipart)
{
	struct pdlg d;
	char body[2000];

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	snprintf(body, sizeof(body),
		 "--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--b1--\r\n", sdp_a);
	request_as(&d, "INVITE", 1, "z9hG4bKmp", AUTH, "multipart/mixed;boundary=\"b1\"", body);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	CHECK_LOG("incoming+sdp");
	end();
}

ZX_TEST(retransmissions)
{
	struct pdlg d;
	char invite[TEXT];
	const char *m;

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, sdp_a);
	snprintf(invite, sizeof(invite), "%s", sent);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	phone_send(&A, invite);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_progress(T.leg, 180, NULL, NULL));
	ZX_CHECK(expect(&A, "SIP/2.0 180"));
	phone_send(&A, invite);
	ZX_CHECK(expect(&A, "SIP/2.0 180"));
	/* merged: same call by another way */
	request_as(&d, "INVITE", d.cseq, "z9hG4bKother", AUTH, "application/sdp", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 482"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	phone_send(&A, invite);
	advance(500, 500);
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	advance(1000, 1000);
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m);
	pdlg_learn(&d, m);
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	request(&d, "ACK", NULL, NULL);
	advance(5000, 1000);
	ZX_CHECK(silent(&A, "SIP/2.0 200"));
	CHECK_LOG("incoming+sdp confirmed");
	phone_send(&A, invite); /* late, still absorbed */
	ZX_CHECK(silent(&A, "SIP"));
	end();
}

ZX_TEST(no_ack)
{
	struct pdlg d;

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	advance(33000, 1000);
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("incoming+sdp closed408");
	end();
}

ZX_TEST(hangup_before_ack)
{
	struct pdlg d;
	const char *m;

	begin();
	for (int held = 0; held < 2; held++) {
		T.log[0] = '\0';
		pdlg_init(&d, &A, "8000", "8001");
		request(&d, "INVITE", AUTH, sdp_a);
		ZX_CHECK(expect(&A, "SIP/2.0 100"));
		ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
		m = expect(&A, "SIP/2.0 200");
		ZX_CHECK(m);
		pdlg_learn(&d, m);
		if (held)
			zx_inv_hangup(T.leg, 0, NULL);
		else
			T.leg = mem_deref(T.leg);
		CHECK_LOG(held ? "incoming+sdp closed200" : "incoming+sdp");
		ZX_CHECK(silent(&A, "BYE"));
		request(&d, "ACK", NULL, NULL);
		ZX_CHECK(expect(&A, "BYE"));
		ZX_CHECK_EQ(zx_inv_count(&T.s), 0);
	}
	end();
}

ZX_TEST(late_offer)
{
	struct pdlg d;
	const char *m;

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	CHECK_LOG("incoming");
	ZX_CHECK_EQ(zx_inv_accept(T.leg, NULL), EINVAL);
	ZX_CHECK(!zx_inv_accept(T.leg, own_offer(ZX_DIR_SENDRECV)));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "m=audio 30000 RTP/AVP 8 0 18 101"));
	pdlg_learn(&d, m);
	request(&d, "ACK", NULL, sdp_a);
	CHECK_LOG("incoming confirmed+sdp");
	request(&d, "BYE", NULL, NULL);
	CHECK_LOG("incoming confirmed+sdp closed200");
	/* without an answer there is no call */
	T.log[0] = '\0';
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_offer(ZX_DIR_SENDRECV)));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m);
	pdlg_learn(&d, m);
	request(&d, "ACK", NULL, NULL);
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("incoming closed488");
	end();
}

ZX_TEST(rights)
{
	struct phone other, third;
	struct pdlg d;

	begin();
	phone_open(&other, "127.0.0.1");
	phone_open(&third, "127.0.0.9");
	call_up(&d, &A);
	d.ph = &third; /* knows the tags, sits elsewhere */
	request(&d, "BYE", NULL, NULL);
	ZX_CHECK(expect(&third, "SIP/2.0 401"));
	d.from = "8005"; /* another extension's password does not help */
	request(&d, "BYE", AUTH, NULL);
	ZX_CHECK(expect(&third, "SIP/2.0 403"));
	ZX_CHECK_STR(T.log, "");
	d.from = "8000";
	request(&d, "OPTIONS", AUTH, NULL);
	ZX_CHECK(expect(&third, "SIP/2.0 200"));
	/* its NAT gave it another port: followed */
	d.ph = &other;
	request(&d, "OPTIONS", AUTH, NULL);
	ZX_CHECK(expect(&other, "SIP/2.0 200"));
	zx_inv_hangup(T.leg, 0, NULL);
	ZX_CHECK(expect(&other, "BYE"));
	/* a trunk: another of its addresses may, anybody else not */
	T.log[0] = '\0';
	call_up(&d, &B);
	ZX_CHECK_STR(T.info, "8000|Al \"x\" <B>|8001||trunk|");
	d.ph = &A;
	request(&d, "BYE", AUTH, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 403"));
	ZX_CHECK_STR(T.log, "");
	phone_close(&third);
	phone_open(&third, "127.0.0.3");
	d.ph = &third;
	request(&d, "BYE", NULL, NULL);
	ZX_CHECK(expect(&third, "SIP/2.0 200"));
	CHECK_LOG("closed200");
	end();
	phone_close(&other);
	phone_close(&third);
}

ZX_TEST(methods)
{
	struct pdlg d;
	const char *m;

	begin();
	call_up(&d, &A);
	request(&d, "OPTIONS", NULL, NULL);
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "Allow: ") && strstr(m, "Accept: application/sdp"));
	request(&d, "MESSAGE", NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 405"));
	request(&d, "DANCE", NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 501"));
	request(&d, "NOTIFY", "Event: refer\r\n", NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 481"));
	request_as(&d, "OPTIONS", 1, "z9hG4bKold", NULL, NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 500"));
	request_as(&d, "INFO", ++d.cseq, "z9hG4bKi1", NULL, "application/dtmf-relay", "Signal=5\r\nDuration=240\r\n");
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	request_as(&d, "INFO", ++d.cseq, "z9hG4bKi2", NULL, "application/dtmf", "#");
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	request_as(&d, "INFO", ++d.cseq, "z9hG4bKi3", NULL, "application/dtmf-relay", "Signal= 10\nDuration= 99999999999\n");
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	request_as(&d, "INFO", ++d.cseq, "z9hG4bKi4", NULL, "application/media_control+xml", "<x/>");
	ZX_CHECK(expect(&A, "SIP/2.0 415"));
	request_as(&d, "INFO", ++d.cseq, "z9hG4bKi5", NULL, "application/dtmf", "Z");
	ZX_CHECK(expect(&A, "SIP/2.0 400"));
	request(&d, "INFO", NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	request(&d, "INFO", "Info-Package: foo\r\n", NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 469"));
	CHECK_LOG("dtmf5/240 dtmf#/160 dtmf*/160");
	ZX_CHECK(!zx_inv_info_dtmf(T.leg, '7', 120));
	m = expect(&A, "INFO");
	ZX_CHECK(m && strstr(m, "\r\n\r\nSignal=7\r\nDuration=120\r\n"));
	ZX_CHECK_EQ(zx_inv_info_dtmf(T.leg, 'x', 120), EINVAL);
	end();
}

ZX_TEST(refer)
{
	struct pdlg d;
	const char *m;

	begin();
	call_up(&d, &A);
	request(&d, "REFER", "Refer-To: <sip:8002@x>\r\n", NULL);
	m = expect(&A, "SIP/2.0 202");
	ZX_CHECK(m);
	m = expect(&A, "NOTIFY");
	ZX_CHECK(m && strstr(m, "Event: refer\r\n") && strstr(m, "Subscription-State: active") &&
		 strstr(m, "\r\n\r\nSIP/2.0 100 Trying\r\n"));
	respond(&A, m, 200, NULL, NULL, NULL);
	ZX_CHECK(!zx_inv_refer_notify(T.leg, 200, "OK"));
	m = expect(&A, "NOTIFY");
	ZX_CHECK(m && strstr(m, "terminated;reason=noresource") && strstr(m, "SIP/2.0 200 OK\r\n"));
	ZX_CHECK_EQ(zx_inv_refer_notify(T.leg, 200, "OK"), ENOTCONN);
	request(&d, "REFER", "Refer-To: <sip:8003@x?Replaces=abc%40y%3Bto-tag%3Dt1%3Bfrom-tag%3Dt2>\r\nRefer-Sub: false\r\n", NULL);
	m = expect(&A, "SIP/2.0 202");
	ZX_CHECK(m && strstr(m, "Refer-Sub: false"));
	ZX_CHECK(silent(&A, "NOTIFY"));
	request(&d, "REFER", NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 400"));
	request(&d, "REFER", "Refer-To: <http://x>\r\n", NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 416"));
	request(&d, "REFER", "Refer-To: <sip:8@x?Replaces=abc>\r\n", NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 400"));
	T.refer_code = 603;
	request(&d, "REFER", "Refer-To: <sip:8002@x>\r\n", NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 603"));
	CHECK_LOG("refer:8002 refer:8003/abc@y refer:8002");
	end();
}

ZX_TEST(replaces)
{
	struct pdlg d, e;
	struct zx_inv *first;
	char h[300];

	begin();
	call_up(&d, &A);
	first = mem_ref(T.leg);
	pdlg_init(&e, &A, "8002", "8001");
	snprintf(h, sizeof(h), AUTH "Replaces: %s;to-tag=%s;from-tag=%s;early-only\r\n", d.callid, d.rtag, d.ltag);
	request(&e, "INVITE", h, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(strstr(T.info, d.callid));
	ZX_CHECK(zx_inv_find(&T.s, d.callid, d.rtag, d.ltag) == first);
	ZX_CHECK(zx_inv_find(&T.s, d.callid, d.ltag, d.rtag) == first);
	ZX_CHECK(!zx_inv_find(&T.s, d.callid, d.ltag, "x"));
	mem_deref(first);
	pdlg_init(&e, &A, "8002", "8001");
	request(&e, "INVITE", AUTH "Replaces: x\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 400"));
	end();
}

ZX_TEST(routes)
{
	struct pdlg d;
	const char *m;

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	snprintf(d.extra, sizeof(d.extra), "Record-Route: <sip:p1@127.0.0.1;lr>, <sip:p2@127.0.0.1;lr>\r\n");
	call_up(&d, &A);
	d.extra[0] = '\0';
	zx_inv_hangup(T.leg, 0, NULL);
	m = expect(&A, "BYE sip:8000@127.0.0.1:");
	ZX_CHECK(m && !strstr(m, "Reason:"));
	end();
	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH "Record-Route: <sip:p1@127.0.0.1;lr>\r\nRecord-Route: <sip:p2@127.0.0.1;lr>\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "Record-Route: <sip:p1@127.0.0.1;lr>\r\nRecord-Route: <sip:p2@127.0.0.1;lr>\r\n"));
	pdlg_learn(&d, m);
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	zx_inv_hangup(T.leg, 0, NULL);
	m = expect(&A, "BYE sip:8000@127.0.0.1:");
	ZX_CHECK(m && strstr(m, "Route: <sip:p1@127.0.0.1;lr>\r\nRoute: <sip:p2@127.0.0.1;lr>\r\n"));
	end();
	/* a strict router goes into the request line */
	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH "Record-Route: <sip:p1@127.0.0.1>\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m);
	pdlg_learn(&d, m);
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	T.leg = mem_deref(T.leg);
	m = expect(&A, "BYE sip:p1@127.0.0.1 SIP/2.0\r\n");
	ZX_CHECK(m && strstr(m, "Route: <sip:8000@127.0.0.1:"));
	end();
}

ZX_MAIN({"a call from 401 to BYE; retransmitted and second BYE", basic}, {"we hang up; BYE repeated; reason safe", our_bye},
	{"CANCEL: 200, 487, repeated until ACK; too late after 200", cancel}, {"refusals: codes and drain", refusals},
	{"SDP inside multipart/mixed", multipart}, {"retransmitted INVITE, merged INVITE, lost 2xx, second ACK", retransmissions},
	{"no ACK: BYE after 64*T1", no_ack}, {"hung up before the ACK: BYE waits for it", hangup_before_ack},
	{"late offer: answer in ACK, or no call", late_offer}, {"requests with known tags from elsewhere", rights},
	{"methods inside a dialog, DTMF by INFO", methods}, {"REFER, NOTIFY, Refer-Sub, Replaces", refer},
	{"INVITE with Replaces, look-up", replaces}, {"route set, strict route", routes})
