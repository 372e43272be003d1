/* Legs that call a phone or a trunk: answers, forks, CANCEL and what crosses it, PRACK, 422. */
#include "sip_inv_util.h"

static struct phone A, B;
static struct zx_binding binding;

static void begin(void)
{
	daemon_open();
	phone_open(&A, "127.0.0.1");
	phone_open(&B, "127.0.0.2");
	memset(&binding, 0, sizeof(binding));
	snprintf(binding.uri, sizeof(binding.uri), "sip:8001@10.0.0.9:5060;line=7");
	binding.dst = A.sa;
}

static void end(void)
{
	daemon_close();
	phone_close(&A);
	phone_close(&B);
}

static const char *call_out(bool trunk, bool late)
{
	const struct zx_inv_target t = {.binding = trunk ? NULL : &binding, .peer = B.sa, .user = "13800#1"};
	const struct zx_inv_caller c = {.user = "8000", .name = "Li \"x\"\r\nEvil: 1", .callid_ref = "77", .auto_answer = true};
	const char *m;

	T.leg = mem_deref(T.leg);
	T.log[0] = '\0';
	settle();
	A.seen = A.n;
	B.seen = B.n;
	ZX_CHECK(!zx_inv_connect(&T.leg, &T.s, &t, &c, late ? NULL : own_offer(ZX_DIR_SENDRECV), &handlers, NULL));
	m = expect(trunk ? &B : &A, "INVITE");
	ZX_CHECK(m);
	return m;
}

static const char *call_up(struct pdlg *d)
{
	const char *m = call_out(false, false), *ack;

	respond(&A, m, 200, "t1", NULL, sdp_a);
	ack = expect(&A, "ACK sip:8001@127.0.0.1:");
	ZX_CHECK(ack);
	CHECK_LOG("answered+sdp");
	T.log[0] = '\0';
	pdlg_called(d, &A, m, "t1");
	return m;
}

ZX_TEST(basic)
{
	struct pdlg d;
	const char *m;

	begin();
	snprintf(binding.path, sizeof(binding.path), "<sip:edge@127.0.0.1;lr>");
	m = call_out(false, false);
	ZX_CHECK(strstr(m, "INVITE sip:8001@10.0.0.9:5060;line=7 SIP/2.0\r\n") && strstr(m, "\r\nRoute: <sip:edge@127.0.0.1;lr>\r\n"));
	ZX_CHECK(strstr(m, "\r\nFrom: \"Li \\\"x\\\"  Evil: 1\" <sip:8000@127.0.0.1>;tag=") &&
		 strstr(m, "\r\nTo: <sip:8001@10.0.0.9>\r\n"));
	ZX_CHECK(strstr(m, "answer-after=0") && strstr(m, "X-Zuoxi-Call: 77\r\n") && strstr(m, "Contact: <sip:8000@127.0.0.1:"));
	respond(&A, m, 100, NULL, NULL, NULL);
	respond(&A, m, 180, "t1", NULL, NULL);
	respond(&A, m, 183, "t1", NULL, sdp_a);
	CHECK_LOG("180 183+sdp");
	respond(&A, m, 200, "t1", NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK sip:8001@127.0.0.1:"));
	CHECK_LOG("180 183+sdp answered+sdp");
	/* its 2xx once more: our ACK was lost */
	respond(&A, m, 200, "t1", NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK sip:8001@127.0.0.1:"));
	pdlg_called(&d, &A, m, "t1");
	request(&d, "BYE", NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	CHECK_LOG("180 183+sdp answered+sdp closed200");
	T.leg = mem_deref(T.leg);
	respond(&A, m, 200, "t1", NULL, sdp_a); /* and even now */
	ZX_CHECK(expect(&A, "ACK"));
	ZX_CHECK(silent(&A, "BYE"));
	end();
}

ZX_TEST(failures)
{
	const char *m;

	begin();
	m = call_out(false, false);
	respond(&A, m, 486, "t", NULL, NULL);
	ZX_CHECK(expect2(&A, "ACK sip:8001@10.0.0.9", ";tag=t\r\n"));
	CHECK_LOG("closed486");
	respond(&A, m, 486, "t", NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	m = call_out(false, false);
	respond(&A, m, 302, "t", "Contact: <sip:00900@evil>\r\n", NULL);
	CHECK_LOG("closed302");
	ZX_CHECK(silent(&A, "INVITE"));
	m = call_out(true, false);
	ZX_CHECK(!strncmp(m, "INVITE sip:13800%231@127.0.0.2:", 31));
	respond(&B, m, 407, "t", "Proxy-Authenticate: Digest realm=\"x\"\r\n", NULL);
	CHECK_LOG("closed407");
	/* nobody there */
	m = call_out(false, false);
	advance(600, 100);
	ZX_CHECK(expect(&A, "INVITE"));
	advance(33000, 1000);
	CHECK_LOG("closed408");
	/* 2xx without or with unusable description */
	m = call_out(false, false);
	respond(&A, m, 200, "t", NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("closed488");
	m = call_out(false, false);
	respond(&A, m, 200, "t", NULL, "v=0\r\n");
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("closed488");
	end();
}

ZX_TEST(cancel)
{
	char keep[TEXT];
	const char *m;

	begin();
	/* before any provisional it waits */
	m = call_out(false, false);
	zx_inv_hangup(T.leg, 200, "Call completed elsewhere");
	CHECK_LOG("closed487");
	T.leg = mem_deref(T.leg);
	ZX_CHECK(silent(&A, "CANCEL"));
	respond(&A, m, 100, NULL, NULL, NULL);
	snprintf(keep, sizeof(keep), "%s", m);
	m = expect(&A, "CANCEL sip:8001@10.0.0.9:5060;line=7 SIP/2.0\r\n");
	ZX_CHECK(m && strstr(m, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"));
	ZX_CHECK_STR(hdr(m, "Via"), hdr(keep, "Via"));
	respond(&A, m, 200, NULL, NULL, NULL);
	respond(&A, keep, 487, "t", NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	/* after a provisional it goes at once; the answer crosses it */
	m = call_out(false, false);
	snprintf(keep, sizeof(keep), "%s", m);
	respond(&A, keep, 180, "t", NULL, NULL);
	CHECK_LOG("180");
	zx_inv_hangup(T.leg, 0, NULL);
	CHECK_LOG("180 closed487");
	m = expect(&A, "CANCEL");
	ZX_CHECK(m);
	respond(&A, keep, 200, "t", NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK sip:8001@127.0.0.1:"));
	ZX_CHECK(expect(&A, "BYE sip:8001@127.0.0.1:"));
	respond(&A, keep, 200, "t", NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	CHECK_LOG("180 closed487");
	/* the answer comes before the provisional, to an INVITE that is to be cancelled */
	m = call_out(false, false);
	snprintf(keep, sizeof(keep), "%s", m);
	T.leg = mem_deref(T.leg);
	respond(&A, keep, 200, "t", NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	ZX_CHECK(expect(&A, "BYE"));
	end();
}

ZX_TEST(forks)
{
	char keep[TEXT];

	begin();
	snprintf(keep, sizeof(keep), "%s", call_out(true, false));
	respond(&B, keep, 180, "a", NULL, NULL);
	respond(&B, keep, 183, "b", NULL, sdp_a);
	respond(&B, keep, 200, "b", NULL, sdp_a);
	ZX_CHECK(expect2(&B, "ACK", ";tag=b\r\n"));
	CHECK_LOG("180 183+sdp answered+sdp");
	respond(&B, keep, 200, "a", NULL, sdp_a);
	ZX_CHECK(expect2(&B, "ACK sip:8001@127.0.0.2:", ";tag=a\r\n"));
	ZX_CHECK(expect2(&B, "BYE sip:8001@127.0.0.2:", ";tag=a\r\n"));
	respond(&B, keep, 200, "a", NULL, sdp_a);
	ZX_CHECK(expect2(&B, "ACK", ";tag=a\r\n"));
	ZX_CHECK(silent(&B, "BYE"));
	respond(&B, keep, 200, "b", NULL, sdp_a);
	ZX_CHECK(expect2(&B, "ACK", ";tag=b\r\n"));
	CHECK_LOG("180 183+sdp answered+sdp");
	zx_inv_hangup(T.leg, 0, NULL);
	ZX_CHECK(expect2(&B, "BYE", ";tag=b\r\n"));
	end();
}

ZX_TEST(late_offer)
{
	const char *m, *ack;

	begin();
	m = call_out(false, true);
	ZX_CHECK(strstr(m, "Content-Length: 0\r\n\r\n"));
	respond(&A, m, 183, "t", NULL, sdp_a); /* not reliable: means nothing */
	CHECK_LOG("183");
	respond(&A, m, 200, "t", NULL, sdp_a);
	CHECK_LOG("183 answered+sdp");
	respond(&A, m, 200, "t", NULL, sdp_a);
	ZX_CHECK(silent(&A, "ACK"));
	ZX_CHECK(!zx_inv_ack_answer(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	ack = expect(&A, "ACK");
	ZX_CHECK(ack && strstr(ack, "m=audio 30000"));
	respond(&A, m, 200, "t", NULL, sdp_a);
	ack = expect(&A, "ACK");
	ZX_CHECK(ack && strstr(ack, "m=audio 30000"));
	ZX_CHECK_EQ(zx_inv_ack_answer(T.leg, own_offer(ZX_DIR_SENDRECV)), EPROTO);
	zx_inv_hangup(T.leg, 0, NULL);
	ZX_CHECK(expect(&A, "BYE"));
	/* never answered: ACK and BYE */
	m = call_out(false, true);
	respond(&A, m, 200, "t", NULL, sdp_a);
	CHECK_LOG("answered+sdp");
	zx_inv_hangup(T.leg, 0, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	ZX_CHECK(expect(&A, "BYE"));
	/* no offer comes */
	m = call_out(false, true);
	respond(&A, m, 200, "t", NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("closed488");
	end();
}

#define REL(n) "Require: 100rel\r\nRSeq: " #n "\r\n"

ZX_TEST(prack)
{
	char keep[TEXT];
	const char *m;
	struct pdlg d;

	begin();
	snprintf(keep, sizeof(keep), "%s", call_out(false, false));
	ZX_CHECK(strstr(keep, "Supported: 100rel, timer"));
	respond(&A, keep, 183, "t", REL(41), sdp_a);
	m = expect(&A, "PRACK sip:8001@127.0.0.1:");
	ZX_CHECK(m);
	{
		char want[64];

		snprintf(want, sizeof(want), "41 %u INVITE", number(hdr(keep, "CSeq")));
		ZX_CHECK_STR(hdr(m, "RAck"), want);
		ZX_CHECK_EQ(number(hdr(m, "CSeq")), number(hdr(keep, "CSeq")) + 1);
	}
	respond(&A, m, 200, NULL, NULL, NULL);
	respond(&A, keep, 183, "t", REL(41), sdp_a); /* repeated: nothing new */
	respond(&A, keep, 180, "t", REL(43), NULL);  /* one too early */
	CHECK_LOG("183+sdp");
	ZX_CHECK(silent(&A, "PRACK"));
	respond(&A, keep, 180, "t", REL(42), NULL);
	ZX_CHECK(expect2(&A, "PRACK", "RAck: 42 "));
	CHECK_LOG("183+sdp 180");
	/* UPDATE with an offer in the early dialog, now that the first is settled */
	pdlg_called(&d, &A, keep, "t");
	request(&d, "UPDATE", NULL, sdp_a);
	m = expect2(&A, "SIP/2.0 200", "UPDATE");
	ZX_CHECK(m && strstr(m, "m=audio 30000 "));
	CHECK_LOG("183+sdp 180 offered+sdp3");
	respond(&A, keep, 200, "t", NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	CHECK_LOG("183+sdp 180 offered+sdp3 answered");
	request(&d, "BYE", NULL, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "BYE"));
	/* two branches: the other one answers, its description is told again */
	snprintf(keep, sizeof(keep), "%s", call_out(true, false));
	respond(&B, keep, 183, "a", REL(1), sdp_a);
	ZX_CHECK(expect2(&B, "PRACK", ";tag=a\r\n"));
	respond(&B, keep, 183, "b", REL(9), sdp_a);
	ZX_CHECK(expect2(&B, "PRACK", ";tag=b\r\n"));
	respond(&B, keep, 200, "a", NULL, NULL);
	ZX_CHECK(expect2(&B, "ACK", ";tag=a\r\n"));
	CHECK_LOG("183+sdp 183+sdp answered+sdp");
	zx_inv_hangup(T.leg, 0, NULL);
	/* late offer: the offer in 183, the answer in PRACK */
	snprintf(keep, sizeof(keep), "%s", call_out(false, true));
	respond(&A, keep, 183, "t", REL(5), sdp_a);
	CHECK_LOG("183+sdp");
	ZX_CHECK(silent(&A, "PRACK"));
	ZX_CHECK(!zx_inv_ack_answer(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(&A, "PRACK");
	ZX_CHECK(m && strstr(m, "m=audio 30000"));
	respond(&A, keep, 200, "t", NULL, NULL);
	m = expect(&A, "ACK");
	ZX_CHECK(m && strstr(m, "Content-Length: 0"));
	respond(&A, keep, 200, "t", NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	CHECK_LOG("183+sdp answered");
	end();
}

ZX_TEST(too_small)
{
	const char *m;

	begin();
	T.conf.sip_session_expires = 100;
	m = call_out(false, false);
	ZX_CHECK_STR(hdr(m, "Session-Expires"), "100");
	ZX_CHECK_STR(hdr(m, "Min-SE"), "90");
	respond(&A, m, 422, "t", "Min-SE: 300\r\n", NULL);
	ZX_CHECK(expect(&A, "ACK"));
	m = expect(&A, "INVITE");
	ZX_CHECK(m && !strcmp(hdr(m, "Session-Expires"), "300") && !strcmp(hdr(m, "Min-SE"), "300") && strstr(m, "m=audio 30000"));
	respond(&A, m, 422, "t2", "Min-SE: 300\r\n", NULL); /* the same again: no loop */
	CHECK_LOG("closed422");
	end();
}

ZX_TEST(route_set)
{
	const char *m;
	struct pdlg d;

	begin();
	m = call_out(true, false);
	respond(&B, m, 200, "t", "Record-Route: <sip:p1@127.0.0.2;lr>\r\nRecord-Route: <sip:127.0.0.2;lr>\r\n", sdp_a);
	/* the first hop of the route set is 127.0.0.2:5060: not this phone */
	CHECK_LOG("answered+sdp");
	ZX_CHECK(silent(&B, "ACK"));
	zx_inv_hangup(T.leg, 0, NULL);
	(void)call_up(&d);
	ZX_CHECK(zx_inv_find(&T.s, d.callid, d.rtag, "t1") == T.leg);
	zx_inv_hangup(T.leg, 0, NULL);
	ZX_CHECK(expect(&A, "BYE"));
	end();
}

ZX_MAIN({"call a binding: Path, safe texts, early media, repeated 2xx", basic},
	{"failures: ACK, never follow 3xx, time-out, no SDP", failures}, {"CANCEL: delayed, at once, crossed by 2xx", cancel},
	{"forked 2xx: ACK and BYE", forks}, {"late offer: answer in ACK", late_offer}, {"PRACK: order, forks, offers", prack},
	{"422 with Min-SE", too_small}, {"route set of a trunk", route_set})
