/* Inside a dialog: re-INVITE, UPDATE, hold, glare, session timers; reliable provisionals of ours. */
#include "sip_inv_util.h"

static struct phone A;
static struct zx_binding binding;

static void begin(void)
{
	daemon_open();
	phone_open(&A, "127.0.0.1");
	memset(&binding, 0, sizeof(binding));
	re_snprintf(binding.uri, sizeof(binding.uri), "sip:8001@%J", &A.sa);
	binding.dst = A.sa;
}

static void end(void)
{
	daemon_close();
	phone_close(&A);
}

static void flush(void)
{
	settle();
	A.seen = A.n;
}

static void up(struct pdlg *d, const char *extra)
{
	const char *m;

	T.leg = mem_deref(T.leg);
	flush();
	T.log[0] = '\0';
	pdlg_init(d, &A, "8000", "8001");
	snprintf(d->extra, sizeof(d->extra), "%s", extra);
	request(d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(T.leg);
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m);
	pdlg_learn(d, m);
	request(d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	T.log[0] = '\0';
}

static void out_up(struct pdlg *d, const char *hdrs)
{
	const struct zx_inv_target t = {.binding = &binding};
	const struct zx_inv_caller c = {.user = "8000"};
	char keep[TEXT];
	const char *m;

	T.leg = mem_deref(T.leg);
	flush();
	T.log[0] = '\0';
	ZX_CHECK(!zx_inv_connect(&T.leg, &T.s, &t, &c, own_offer(ZX_DIR_SENDRECV), &handlers, NULL));
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	snprintf(keep, sizeof(keep), "%s", m);
	respond(&A, keep, 200, "t1", hdrs, sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	CHECK_LOG("answered+sdp");
	T.log[0] = '\0';
	pdlg_called(d, &A, keep, "t1");
}

static char hold_sdp[600];

static const char *hold(const char *conn, const char *dir)
{
	snprintf(hold_sdp, sizeof(hold_sdp),
		 "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=%s\r\n", conn, dir);
	return hold_sdp;
}

static unsigned version(const char *m)
{
	const char *o = strstr(m, "\r\no=- ");

	o = o ? strchr(o + 6, ' ') : NULL;
	return o ? number(o) : 0;
}

ZX_TEST(reinvite_in)
{
	struct pdlg d;
	const char *m;
	unsigned v;

	begin();
	up(&d, "");
	request(&d, "INVITE", NULL, hold("127.0.0.1", "sendonly"));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "a=recvonly"));
	v = version(m);
	advance(500, 500);
	ZX_CHECK(expect(&A, "SIP/2.0 200")); /* until its ACK */
	request(&d, "ACK", NULL, NULL);
	request(&d, "INVITE", NULL, hold("0.0.0.0", "sendrecv"));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "a=recvonly"));
	ZX_CHECK_EQ(version(m), v); /* nothing changed on our side */
	request(&d, "ACK", NULL, NULL);
	request(&d, "INVITE", NULL, hold("127.0.0.1", "inactive"));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "a=inactive"));
	ZX_CHECK_EQ(version(m), v + 1);
	request(&d, "ACK", NULL, NULL);
	/* without offer: ours, the answer in the ACK; and when that is missing */
	request(&d, "INVITE", NULL, NULL);
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "a=sendrecv"));
	request(&d, "ACK", NULL, sdp_a);
	CHECK_LOG("offered+sdp1 offered+sdp3 offered+sdp0 offered0 result200+sdp");
	T.log[0] = '\0';
	request(&d, "INVITE", NULL, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("offered0 result488");
	/* refused: nothing changes; unusable; wrong type */
	T.log[0] = '\0';
	request(&d, "INVITE", NULL, "v=0\r\n");
	ZX_CHECK(expect(&A, "SIP/2.0 488"));
	request(&d, "ACK", NULL, NULL);
	request_as(&d, "INVITE", ++d.cseq, "z9hG4bKct", NULL, "text/html", "x");
	ZX_CHECK(expect(&A, "SIP/2.0 415"));
	T.answer_offers = false;
	request(&d, "INVITE", NULL, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	/* a second offer while the first is open */
	request(&d, "UPDATE", NULL, sdp_a);
	m = expect(&A, "SIP/2.0 500");
	ZX_CHECK(m && *hdr(m, "Retry-After"));
	ZX_CHECK(!zx_inv_offer_reject(T.leg, 488, NULL));
	ZX_CHECK(expect(&A, "SIP/2.0 488"));
	ZX_CHECK_EQ(zx_inv_offer_reject(T.leg, 488, NULL), EPROTO);
	/* cancelled */
	request(&d, "INVITE", NULL, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	request(&d, "CANCEL", NULL, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "CANCEL"));
	ZX_CHECK(expect(&A, "SIP/2.0 487"));
	ZX_CHECK_EQ(zx_inv_offer_answer(T.leg, own_offer(ZX_DIR_SENDRECV)), EPROTO);
	T.answer_offers = true;
	request(&d, "INVITE", NULL, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 200"));
	end();
}

ZX_TEST(reinvite_out)
{
	struct pdlg d;
	const char *m;
	unsigned v;

	begin();
	up(&d, "");
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDONLY)));
	ZX_CHECK_EQ(zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDRECV)), EBUSY);
	m = expect(&A, "INVITE sip:8000@127.0.0.1");
	ZX_CHECK(m && strstr(m, "a=sendonly"));
	v = version(m);
	/* a glare: theirs is refused, then ours */
	request(&d, "INVITE", NULL, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 491"));
	request(&d, "ACK", NULL, NULL);
	respond(&A, m, 491, NULL, NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	advance(2100, 100);
	m = expect(&A, "INVITE");
	ZX_CHECK(m && strstr(m, "a=sendonly"));
	ZX_CHECK_EQ(version(m), v);
	ZX_CHECK_STR(T.log, "");
	respond(&A, m, 200, NULL, NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	CHECK_LOG("result200+sdp");
	respond(&A, m, 200, NULL, NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	/* refused: what was agreed stays, versions still grow */
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_INACTIVE)));
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	ZX_CHECK_EQ(version(m), v + 1);
	respond(&A, m, 488, NULL, NULL, NULL);
	CHECK_LOG("result200+sdp result488");
	request(&d, "INVITE", NULL, sdp_a);
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m);
	ZX_CHECK_EQ(version(m), v + 2);
	request(&d, "ACK", NULL, NULL);
	/* 500 with Retry-After: once more */
	T.log[0] = '\0';
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_INACTIVE)));
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	respond(&A, m, 500, NULL, "Retry-After: 1\r\n", NULL);
	ZX_CHECK(expect(&A, "ACK"));
	advance(1100, 100);
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	/* the call ends while it is open; the answer still gets its ACK, and no BYE */
	request(&d, "BYE", NULL, NULL);
	CHECK_LOG("closed200");
	flush();
	respond(&A, m, 200, NULL, NULL, sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	ZX_CHECK(silent(&A, "BYE"));
	/* asked for before the ACK of our 2xx: sent after it */
	T.log[0] = '\0';
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK_EQ(zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDONLY)), EPROTO);
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDONLY)));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m);
	pdlg_learn(&d, m);
	ZX_CHECK(silent(&A, "INVITE"));
	request(&d, "ACK", NULL, NULL);
	advance(400, 100);
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	/* no answer at all: the dialog is lost */
	advance(33000, 1000);
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("incoming+sdp confirmed closed408");
	end();
}

ZX_TEST(lost)
{
	struct pdlg d;
	const char *m;

	begin();
	out_up(&d, NULL);
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDONLY)));
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	respond(&A, m, 481, NULL, NULL, NULL);
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("closed481");
	/* glare as owner of the Call-ID: not before 2.1 s; given up after some tries */
	out_up(&d, NULL);
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDONLY)));
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	respond(&A, m, 491, NULL, NULL, NULL);
	ZX_CHECK(expect(&A, "ACK"));
	advance(2000, 500);
	ZX_CHECK(silent(&A, "INVITE"));
	for (int i = 0; i < 4; i++) {
		advance(2100, 100);
		m = expect(&A, "INVITE");
		ZX_CHECK(m);
		respond(&A, m, 491, NULL, NULL, NULL);
		ZX_CHECK(expect(&A, "ACK"));
	}
	CHECK_LOG("result491");
	end();
}

ZX_TEST(update_in)
{
	struct pdlg d;
	const char *m;

	begin();
	up(&d, "Allow: INVITE, UPDATE\r\n");
	request(&d, "UPDATE", NULL, hold("127.0.0.1", "sendonly"));
	m = expect2(&A, "SIP/2.0 200", "UPDATE");
	ZX_CHECK(m && strstr(m, "a=recvonly"));
	request(&d, "UPDATE", NULL, NULL);
	m = expect2(&A, "SIP/2.0 200", "UPDATE");
	ZX_CHECK(m && strstr(m, "Content-Length: 0"));
	request(&d, "UPDATE", NULL, "v=0\r\n");
	ZX_CHECK(expect(&A, "SIP/2.0 488"));
	/* target refresh */
	request_as(&d, "UPDATE", ++d.cseq, "z9hG4bKtr", NULL, NULL, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "UPDATE"));
	/* while our offer is open */
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDONLY)));
	ZX_CHECK(expect(&A, "INVITE"));
	request(&d, "UPDATE", NULL, sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 491"));
	CHECK_LOG("offered+sdp1");
	/* later answers */
	end();
	begin();
	T.answer_offers = false;
	up(&d, "");
	request(&d, "UPDATE", NULL, sdp_a);
	CHECK_LOG("offered+sdp3");
	request(&d, "INVITE", NULL, sdp_a);
	m = expect(&A, "SIP/2.0 500");
	ZX_CHECK(m && *hdr(m, "Retry-After"));
	ZX_CHECK(!zx_inv_offer_answer(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "UPDATE"));
	/* hung up while open */
	request(&d, "UPDATE", NULL, sdp_a);
	settle();
	zx_inv_hangup(T.leg, 0, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 481", "UPDATE"));
	end();
}

ZX_TEST(reliable_out)
{
	struct pdlg d;
	const char *m;
	unsigned rseq;
	char rack[80];

	begin();
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH "Supported: 100rel\r\nAllow: UPDATE\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_progress(T.leg, 183, NULL, own_answer(own_offer(ZX_DIR_SENDRECV))));
	ZX_CHECK(!zx_inv_progress(T.leg, 180, NULL, NULL)); /* waits for the PRACK */
	m = expect(&A, "SIP/2.0 183");
	ZX_CHECK(m && strstr(m, "Require: 100rel") && strstr(m, "m=audio 30000"));
	pdlg_learn(&d, m);
	rseq = number(hdr(m, "RSeq"));
	ZX_CHECK(rseq);
	advance(500, 500);
	m = expect(&A, "SIP/2.0 183");
	ZX_CHECK(m);
	ZX_CHECK_EQ(number(hdr(m, "RSeq")), rseq);
	advance(1000, 1000);
	ZX_CHECK(expect(&A, "SIP/2.0 183"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV)))); /* waits too */
	ZX_CHECK(silent(&A, "SIP/2.0 200"));
	snprintf(rack, sizeof(rack), "RAck: %u 2 INVITE\r\n", rseq + 1);
	request(&d, "PRACK", rack, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 481"));
	snprintf(rack, sizeof(rack), "RAck: %u 2 INVITE\r\n", rseq);
	request(&d, "PRACK", rack, NULL);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "PRACK"));
	m = expect2(&A, "SIP/2.0 200", "INVITE");
	ZX_CHECK(m && strstr(m, "Content-Length: 0"));
	request(&d, "PRACK", rack, NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 481"));
	d.cseq = 2;
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	end();
}

ZX_TEST(reliable_more)
{
	struct pdlg d;
	const char *m;
	char rack[80];

	begin();
	/* early UPDATE both ways and an offer in PRACK */
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH "Require: 100rel\r\nAllow: UPDATE\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_progress(T.leg, 183, NULL, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(&A, "SIP/2.0 183");
	ZX_CHECK(m);
	pdlg_learn(&d, m);
	snprintf(rack, sizeof(rack), "RAck: %s 2 INVITE\r\n", hdr(m, "RSeq"));
	request(&d, "PRACK", rack, hold("127.0.0.1", "sendonly"));
	m = expect2(&A, "SIP/2.0 200", "PRACK");
	ZX_CHECK(m && strstr(m, "a=recvonly"));
	ZX_CHECK(!zx_inv_offer(T.leg, own_offer(ZX_DIR_SENDRECV)));
	m = expect(&A, "UPDATE sip:8000@");
	ZX_CHECK(m && strstr(m, "m=audio"));
	respond(&A, m, 200, NULL, NULL, sdp_a);
	CHECK_LOG("incoming+sdp offered+sdp1 result200+sdp");
	request(&d, "CANCEL", NULL, NULL); /* of the PRACK's branch: unknown */
	ZX_CHECK(expect2(&A, "SIP/2.0 481", "CANCEL"));
	ZX_CHECK(!zx_inv_accept(T.leg, NULL));
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "INVITE"));
	d.cseq = 2;
	request(&d, "ACK", NULL, NULL);
	settle();
	/* late offer: ours in 183, theirs in PRACK */
	T.log[0] = '\0';
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH "Require: 100rel\r\n", NULL);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_progress(T.leg, 183, NULL, own_offer(ZX_DIR_SENDRECV)));
	m = expect(&A, "SIP/2.0 183");
	ZX_CHECK(m && strstr(m, "m=audio"));
	pdlg_learn(&d, m);
	snprintf(rack, sizeof(rack), "RAck: %s 2 INVITE\r\n", hdr(m, "RSeq"));
	request(&d, "PRACK", rack, sdp_a);
	ZX_CHECK(expect2(&A, "SIP/2.0 200", "PRACK"));
	CHECK_LOG("incoming result200+sdp");
	ZX_CHECK(!zx_inv_accept(T.leg, NULL));
	m = expect2(&A, "SIP/2.0 200", "INVITE");
	ZX_CHECK(m && strstr(m, "Content-Length: 0"));
	d.cseq = 2;
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("incoming result200+sdp confirmed");
	/* PRACK never comes: 5xx */
	T.log[0] = '\0';
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH "Require: 100rel\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_progress(T.leg, 180, NULL, NULL));
	advance(33000, 500);
	ZX_CHECK(expect(&A, "SIP/2.0 504"));
	CHECK_LOG("incoming+sdp closed504");
	end();
}

#define TIMER "Supported: timer\r\n"

ZX_TEST(session_timer_uas)
{
	struct pdlg d;
	const char *m;

	begin();
	T.conf.sip_session_expires = 1800;
	pdlg_init(&d, &A, "8000", "8001");
	request(&d, "INVITE", AUTH TIMER "Session-Expires: 60\r\n", sdp_a);
	m = expect(&A, "SIP/2.0 422");
	ZX_CHECK(m);
	ZX_CHECK_STR(hdr(m, "Min-SE"), "90");
	/* they refresh: when they do not, the call ends */
	pdlg_init(&d, &A, "8000", "8001");
	T.log[0] = '\0';
	request(&d, "INVITE", AUTH TIMER "Session-Expires: 90;refresher=uac\r\n", sdp_a);
	ZX_CHECK(expect(&A, "SIP/2.0 100"));
	ZX_CHECK(!zx_inv_accept(T.leg, own_answer(own_offer(ZX_DIR_SENDRECV))));
	m = expect(&A, "SIP/2.0 200");
	ZX_CHECK(m && strstr(m, "Require: timer\r\n"));
	ZX_CHECK_STR(hdr(m, "Session-Expires"), "90;refresher=uac");
	pdlg_learn(&d, m);
	request(&d, "ACK", NULL, NULL);
	CHECK_LOG("incoming+sdp confirmed");
	advance(50000, 5000);
	request(&d, "UPDATE", TIMER "Session-Expires: 90;refresher=uac\r\n", NULL);
	m = expect2(&A, "SIP/2.0 200", "UPDATE");
	ZX_CHECK(m);
	ZX_CHECK_STR(hdr(m, "Session-Expires"), "90;refresher=uac");
	advance(50000, 5000);
	ZX_CHECK_STR(T.log, "incoming+sdp confirmed");
	advance(12000, 1000);
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("incoming+sdp confirmed closed408");
	/* the phone does not know timers: none */
	up(&d, "");
	advance(2000000, 500000);
	ZX_CHECK(silent(&A, "INVITE"));
	end();
}

ZX_TEST(session_timer_refresh)
{
	struct pdlg d;
	const char *m, *body;
	char first[600];

	begin();
	T.conf.sip_session_expires = 100;
	/* by UPDATE */
	up(&d, TIMER "Allow: INVITE, UPDATE\r\n");
	flush();
	advance(50000, 10000);
	m = expect(&A, "UPDATE sip:8000@");
	ZX_CHECK(m && strstr(m, "Content-Length: 0"));
	ZX_CHECK_STR(hdr(m, "Session-Expires"), "100;refresher=uac");
	respond(&A, m, 200, NULL, "Session-Expires: 120;refresher=uac\r\n", NULL);
	flush();
	advance(58000, 1000);
	ZX_CHECK(silent(&A, "UPDATE"));
	advance(2000, 1000);
	m = expect(&A, "UPDATE");
	ZX_CHECK(m);
	/* UPDATE is not taken after all: by re-INVITE with what we said last */
	respond(&A, m, 405, NULL, NULL, NULL);
	settle();
	advance(300, 100);
	m = expect(&A, "INVITE sip:8001@");
	ZX_CHECK(m);
	body = body_of(m);
	ZX_CHECK(strstr(body, "m=audio 30000 RTP/AVP 8 101"));
	snprintf(first, sizeof(first), "%s", body);
	respond(&A, m, 200, NULL, "Session-Expires: 100;refresher=uac\r\n", sdp_a);
	ZX_CHECK(expect(&A, "ACK"));
	flush();
	advance(50000, 1000);
	m = expect(&A, "INVITE");
	ZX_CHECK(m);
	ZX_CHECK_STR(body_of(m), first);
	/* the dialog is gone there */
	respond(&A, m, 481, NULL, NULL, NULL);
	ZX_CHECK(expect(&A, "BYE"));
	CHECK_LOG("closed481");
	/* UAC: they become refresher; then they forget */
	out_up(&d, "Session-Expires: 90;refresher=uas\r\nRequire: timer\r\n");
	advance(61000, 1000);
	CHECK_LOG("closed408");
	/* UAC: they know no timers */
	out_up(&d, NULL);
	flush();
	advance(300000, 100000);
	ZX_CHECK(silent(&A, "INVITE"));
	end();
}

ZX_TEST(shutdown_all)
{
	struct pdlg d;

	begin();
	up(&d, "");
	zx_invs_close(&T.s);
	CHECK_LOG("closed503");
	ZX_CHECK(expect(&A, "BYE"));
	T.leg = mem_deref(T.leg);
	ZX_CHECK(!zx_invs_init(&T.s));
	end();
}

ZX_MAIN({"re-INVITE in: hold in all forms, late offer, refusal, CANCEL", reinvite_in},
	{"re-INVITE out: glare, versions, refusal, retry, BYE crossing, before ACK", reinvite_out}, {"481 and repeated 491", lost},
	{"UPDATE in", update_in}, {"reliable provisionals of ours", reliable_out},
	{"early UPDATE, offers in PRACK, no PRACK", reliable_more}, {"session timer: 422, they refresh or not", session_timer_uas},
	{"session timer: we refresh by UPDATE, re-INVITE", session_timer_refresh}, {"closing the room ends every call", shutdown_all})
