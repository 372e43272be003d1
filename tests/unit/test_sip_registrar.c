/* REGISTER and the bindings it makes. */
#include "sip_edge_util.h"

static const struct regopt u0 = {.user = 8000, .expires = 300};

static bool has(const struct phone *p, const char *s)
{
	return strstr(p->rx, s) != NULL;
}

static unsigned contacts(const struct phone *p)
{
	unsigned n = 0;

	for (const char *s = p->rx; (s = strstr(s, "\r\nContact: ")); s++)
		n++;
	return n;
}

ZX_TEST(lifecycle)
{
	struct regopt o = u0;
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK(has(&p, "expires=300") || has(&p, "expires=299"));
	ZX_CHECK(has(&p, "Date: ") && contacts(&p) == 1);
	ZX_CHECK_EQ(F.puts, 1);
	ZX_CHECK(news()->online && !strcmp(news()->ext, "8000") && news()->bindings == 1 && news()->company_id == 100000);
	o.contact = "sip:8000@127.0.0.1:9 ;expires=0"; /* of what is not there */
	ZX_CHECK_EQ(reg(&p, &o), 200);
	o.contact = ""; /* query */
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 1);
	o.contact = NULL;
	o.expires = 0;
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 0);
	ZX_CHECK_EQ(edge_bindings(), 0);
	ZX_CHECK_EQ(F.nrows, 0);
	ZX_CHECK(!news()->online);
	ZX_CHECK_EQ(reg(&p, &o), 200); /* of what is not there */
	close(p.fd);
	edge_stop();
}

ZX_TEST(committed_first)
{
	struct regopt o = u0;
	struct phone p;
	char out[4096];
	size_t n;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg_challenged(&p, &o), 401);
	F.hold_commits = 1;
	n = reg_write(&p, &o, out, sizeof(out));
	phone_send(&p, out, n);
	ZX_CHECK_EQ(phone_recv(&p, 100), 0);
	phone_send(&p, out, n); /* its retransmission changes nothing */
	ZX_CHECK_EQ(phone_recv(&p, 100), 0);
	edge_release();
	ZX_CHECK_EQ(phone_recv(&p, 1000), 200);
	ZX_CHECK_EQ(phone_recv(&p, 100), 0);
	/* a refresh does not wait, and is stored behind */
	F.hold_commits = 1;
	ZX_CHECK_EQ(reg_once(&p, &o), 200);
	ZX_CHECK_EQ(F.puts, 1);
	for (int i = 0; i < 30 && !F.manys; i++)
		usleep(100000);
	ZX_CHECK_EQ(F.manys, 1);
	/* removal waits too */
	o.expires = 0;
	ZX_CHECK_EQ(reg_once(&p, &o), 0);
	edge_release();
	ZX_CHECK_EQ(phone_recv(&p, 1000), 200);
	/* a disk that fails is no 200 */
	F.fail_commits = 1;
	o.expires = 300;
	ZX_CHECK_EQ(reg_once(&p, &o), 503);
	ZX_CHECK(has(&p, "Retry-After"));
	F.fail_commits = 0;
	ZX_CHECK_EQ(reg_once(&p, &o), 200);
	/* the edge closes while a commit is under way */
	o.contact = "<sip:8000@127.0.0.1:9>";
	F.hold_commits = 1;
	ZX_CHECK_EQ(reg_once(&p, &o), 0);
	close(p.fd);
	edge_stop();
	for (unsigned i = 0; i < F.nheld; i++)
		F.held[i].done(0, F.held[i].arg);
}

ZX_TEST(contacts_and_limits)
{
	struct regopt o = u0;
	struct phone p;

	edge_conf();
	F.conf.sip_max_bindings = 3;
	F.conf.sip_expires_min = 60;
	F.conf.sip_expires_max = 3600;
	edge_start();
	phone_open(&p, false);
	o.contact = "<sip:a@192.0.2.1>;q=0.3, <sip:b@192.0.2.2>;q=0.7;expires=120";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 2);
	ZX_CHECK(strstr(p.rx, "sip:b@") < strstr(p.rx, "sip:a@"));
	ZX_CHECK(has(&p, "q=0.700") && has(&p, "q=0.300"));
	o.contact = "<sip:c@192.0.2.1>;expires=59";
	ZX_CHECK_EQ(reg(&p, &o), 423);
	ZX_CHECK(has(&p, "Min-Expires: 60"));
	o.contact = "<sip:c@192.0.2.1>;expires=99999999999999999999";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK(has(&p, "expires=3600") || has(&p, "expires=3599"));
	/* a fourth makes room for itself: the one that ends first goes */
	o.contact = "<sip:d@192.0.2.1>";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 3);
	ZX_CHECK(!has(&p, "sip:b@"));
	o.contact = "<sip:1@h>,<sip:2@h>,<sip:3@h>,<sip:4@h>";
	ZX_CHECK_EQ(reg(&p, &o), 403);
	o.contact = "*";
	ZX_CHECK_EQ(reg(&p, &o), 400); /* Expires must be 0 */
	o.expires = 0;
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 0);
	ZX_CHECK_EQ(edge_bindings(), 0);
	ZX_CHECK_EQ(F.nrows, 0);
	close(p.fd);
	edge_stop();
}

ZX_TEST(hostile_values)
{
	static const char *const bad[] = {
	    "<sip:a@192.0.2.1 >",
	    "<sip:a b@192.0.2.1>",
	    "<http://x>",
	    "<>",
	    "\"x <sip:a@b>",
	    "<sip:\x01@b>",
	    "<sip:a@h>;+sip.instance=\"a b\";reg-id=1",
	};
	struct regopt o = u0;
	char big[300];
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.contact = bad[i];
		ZX_CHECK_EQ(reg(&p, &o), 400);
	}
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	memcpy(big, "<sip:", 5);
	memcpy(big + 290, "@h>", 4);
	o.contact = big;
	ZX_CHECK_EQ(reg(&p, &o), 400);
	ZX_CHECK_EQ(edge_bindings(), 0);
	close(p.fd);
	edge_stop();
}

ZX_TEST(order_and_instance)
{
	struct regopt o = u0;
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	p.cseq = 100;
	ZX_CHECK_EQ(reg(&p, &o), 200);
	p.cseq = 50; /* 51: an old one, late */
	o.expires = 0;
	ZX_CHECK_EQ(reg_challenged(&p, &o), 401);
	ZX_CHECK_EQ(reg_once(&p, &o), 500);
	ZX_CHECK_EQ(edge_bindings(), 1);
	/* one phone with another address after a restart replaces itself */
	o.expires = 300;
	o.user = 8001;
	p.cseq = 200;
	o.contact = "<sip:x@192.0.2.1:1000>;+sip.instance=\"<urn:uuid:1>\"";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	o.contact = "<sip:x@192.0.2.1:2000>;+sip.instance=\"<urn:uuid:1>\"";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 1);
	ZX_CHECK(has(&p, ":2000>") && has(&p, "+sip.instance=\"<urn:uuid:1>\""));
	ZX_CHECK(!row_of("8001", "sip:x@192.0.2.1:1000"));
	/* outbound: one binding a flow */
	o.extra = "Supported: path, outbound\r\n";
	o.contact = "<sip:x@192.0.2.1:3000>;+sip.instance=\"<urn:uuid:2>\";reg-id=1";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK(has(&p, "Require: outbound") && has(&p, "Flow-Timer: "));
	o.contact = "<sip:x@192.0.2.1:3001>;+sip.instance=\"<urn:uuid:2>\";reg-id=2";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 3);
	o.contact = "<sip:x@192.0.2.1:3002>;+sip.instance=\"<urn:uuid:2>\";reg-id=1";
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(contacts(&p), 3);
	ZX_CHECK(!has(&p, ":3000>"));
	/* behind a proxy that knows nothing of it */
	o.extra = "Supported: outbound\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n";
	ZX_CHECK_EQ(reg(&p, &o), 439);
	/* Path is kept, and given back */
	o.extra = "Supported: path\r\nPath: <sip:proxy.example.com;lr>, <sip:192.0.2.7;lr>\r\n";
	o.contact = "<sip:y@192.0.2.1>";
	o.user = 8002;
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK(has(&p, "Path: <sip:proxy.example.com;lr>"));
	ZX_CHECK_STR(row_of("8002", "sip:y@192.0.2.1")->path, "<sip:proxy.example.com;lr>,<sip:192.0.2.7;lr>");
	close(p.fd);
	edge_stop();
}

static int password_changed(void *arg)
{
	(void)arg;
	F.acc[0].ha1_md5[0] ^= 1;
	zx_sip_accounts_changed(F.sip);
	return 0;
}

ZX_TEST(restart_and_accounts)
{
	struct regopt o = u0;
	struct phone p, t;
	const struct zx_binding_row *r;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg(&p, &o), 200);
	phone_open(&t, true);
	o.user = 8001;
	ZX_CHECK_EQ(reg(&t, &o), 200);
	ZX_CHECK(news()->online);
	edge_stop();
	ZX_CHECK_EQ(F.nrows, 2);
	r = &F.rows[strcmp(F.rows[0].ext, "8000") != 0];
	ZX_CHECK_STR(r->tp, "udp");
	edge_start(); /* the stream is gone, the datagram phone is where it was */
	ZX_CHECK_EQ(edge_bindings(), 2);
	ZX_CHECK(!strcmp(news()->ext, "8000") && news()->online);
	zx_loop_call(password_changed, NULL, 1000);
	ZX_CHECK_EQ(edge_bindings(), 1);
	ZX_CHECK(!row_of("8000", "sip:8000@127.0.0.1"));
	close(p.fd);
	close(t.fd);
	edge_stop();
}

ZX_TEST(stream_flow)
{
	struct regopt o = u0;
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, true);
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK(news()->online);
	close(p.fd);
	for (int i = 0; i < 20 && news()->online; i++)
		usleep(50000);
	ZX_CHECK(!news()->online); /* at once, not at the next expiry */
	ZX_CHECK_EQ(edge_bindings(), 1);
	phone_open(&p, true);
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK(news()->online);
	close(p.fd);
	edge_stop();
}

static void answer_options(struct phone *p)
{
	char out[4096], *via = strstr(p->rx, "Via: "), *end = strstr(via, "\r\n"), *callid = strstr(p->rx, "Call-ID: ");

	snprintf(out, sizeof(out),
		 "SIP/2.0 200 OK\r\n%.*s\r\nTo: <sip:x@h>;tag=1\r\nFrom: <sip:x@h>;tag=2\r\n%.*s\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		 "0\r\n\r\n",
		 (int)(end - via), via, (int)strcspn(callid, "\r"), callid);
	phone_send(p, out, strlen(out));
}

ZX_TEST(pings)
{
	struct regopt o = u0;
	struct phone p;
	unsigned unanswered = 0;

	edge_conf();
	F.conf.sip_options_interval = 1;
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(phone_recv(&p, 4000), 1);
	ZX_CHECK(!strncmp(p.rx, "OPTIONS sip:8000@127.0.0.1:", 27));
	answer_options(&p);
	for (int i = 0; i < 20 && news()->rtt_us < 0; i++)
		usleep(50000);
	ZX_CHECK(news()->rtt_us >= 0 && news()->rtt_us < 500000);
	ZX_CHECK(news()->online);
	while (news()->online && unanswered < 6)
		if (phone_recv(&p, 3000) == 1)
			unanswered++;
	ZX_CHECK(!news()->online && unanswered >= 3);
	ZX_CHECK_EQ(edge_bindings(), 1);
	do
		ZX_CHECK_EQ(phone_recv(&p, 4000), 1);
	while (p.n < 10);
	answer_options(&p);
	for (int i = 0; i < 20 && !news()->online; i++)
		usleep(50000);
	ZX_CHECK(news()->online);
	close(p.fd);
	edge_stop();
}

ZX_MAIN({"register, query, unregister", lifecycle}, {"a 200 follows its commit; refreshes are stored behind", committed_first},
	{"several contacts, q, limits, *", contacts_and_limits}, {"hostile contacts are refused", hostile_values},
	{"order, instances, outbound, path", order_and_instance},
	{"bindings survive a restart, not a changed password", restart_and_accounts}, {"a closed connection is noticed", stream_flow},
	{"OPTIONS pings", pings})
