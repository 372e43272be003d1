/* Digest, nonces, bans: seen from a phone. */
#include "sip_edge_util.h"

#include "sip/ban.h"
#include "sip/credit.h"
#include "sip/digest.h"

ZX_TEST(both_algorithms)
{
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg_challenged(&p, &(struct regopt){.user = 8000, .expires = 300}), 401);
	ZX_CHECK(strstr(p.rx, "algorithm=SHA-256") && strstr(p.rx, "algorithm=MD5") &&
		 strstr(p.rx, "algorithm=SHA-256") < strstr(p.rx, "algorithm=MD5"));
	ZX_CHECK(strstr(p.rx, "qop=\"auth\"") && !strstr(p.rx, "stale"));
	ZX_CHECK_EQ(reg_once(&p, &(struct regopt){.user = 8000, .expires = 300}), 200);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8000, .expires = 300, .alg = "SHA-256"}), 200);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8000, .expires = 300, .no_qop = true}), 200);
	close(p.fd);
	edge_stop();
}

ZX_TEST(counts)
{
	struct regopt o = {.user = 8001, .expires = 300};
	struct phone p;
	char last[4096], out[4096];

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg(&p, &o), 200);
	ZX_CHECK_EQ(reg_once(&p, &o), 200); /* nc=2 with the same nonce */
	size_t n = reg_write(&p, &o, last, sizeof(last));
	phone_send(&p, last, n);
	ZX_CHECK_EQ(phone_recv(&p, 1000), 200);
	phone_send(&p, last, n); /* retransmission: the same answer */
	ZX_CHECK_EQ(phone_recv(&p, 1000), 200);
	/* another request with a used count: refused, as stale, and not counted as a failure */
	o.same_nc = true;
	for (int i = 0; i < 20; i++) {
		n = reg_write(&p, &o, out, sizeof(out));
		phone_send(&p, out, n);
		ZX_CHECK_EQ(phone_recv(&p, 1000), 401);
		ZX_CHECK(strstr(p.rx, "stale=true"));
	}
	/* out of order, but unused */
	o.same_nc = false;
	p.nc = 9;
	ZX_CHECK_EQ(reg_once(&p, &o), 200); /* 10 */
	p.nc = 6;
	ZX_CHECK_EQ(reg_once(&p, &o), 200); /* 7 */
	p.nc = 6;
	ZX_CHECK_EQ(reg_once(&p, &o), 401); /* 7 again */
	/* a nonce we never made */
	str_ncpy(p.nonce, "0000000000000000000000000000000000000000000a", sizeof(p.nonce));
	ZX_CHECK_EQ(reg_once(&p, &o), 401);
	ZX_CHECK(strstr(p.rx, "stale=true"));
	close(p.fd);
	edge_stop();
}

/* Everything but Via, tags, Call-ID, nonce and date. */
static void essence(const struct phone *p, char *out)
{
	const char *s = p->rx;

	*out = 0;
	while (*s) {
		const size_t n = strcspn(s, "\n");

		if (strncmp(s, "Via", 3) && strncmp(s, "From", 4) && strncmp(s, "To", 2) && strncmp(s, "Call-ID", 7) &&
		    strncmp(s, "WWW", 3) && strncmp(s, "CSeq", 4))
			strncat(out, s, n + 1);
		s += n + (s[n] == '\n');
	}
}

ZX_TEST(unknown_is_wrong)
{
	char a[4096], b[4096];
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg_challenged(&p, &(struct regopt){.user = 8002, .expires = 300}), 401);
	essence(&p, a);
	ZX_CHECK_EQ(reg_challenged(&p, &(struct regopt){.user = 9999, .expires = 300}), 401);
	essence(&p, b);
	ZX_CHECK_STR(a, b);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8002, .password = "no", .expires = 300}), 403);
	essence(&p, a);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 9999, .password = "no", .expires = 300}), 403);
	essence(&p, b);
	ZX_CHECK_STR(a, b);
	close(p.fd);
	edge_stop();
}

ZX_TEST(banned)
{
	struct regopt o = {.user = 8003, .password = "wrong", .expires = 300};
	struct phone p;

	edge_conf();
	F.conf.sip_ban_failures = 5;
	F.conf.sip_ban_window = 60;
	F.conf.sip_ban_time = 2;
	edge_start();
	phone_open(&p, false);
	for (int i = 0; i < 30; i++) /* plain challenges are nothing */
		ZX_CHECK_EQ(reg_challenged(&p, &o), 401);
	for (int i = 0; i < 5; i++)
		ZX_CHECK_EQ(reg(&p, &o), 403);
	ZX_CHECK_EQ(reg(&p, &o), 0); /* not even a challenge */
	sleep(3);
	o.password = NULL;
	ZX_CHECK_EQ(reg(&p, &o), 200);
	/* from now on the address is known to be good: only this account is refused from it */
	o.password = "wrong";
	for (int i = 0; i < 5; i++)
		ZX_CHECK_EQ(reg(&p, &o), 403);
	ZX_CHECK_EQ(reg(&p, &o), 0);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8004, .expires = 300}), 200);
	close(p.fd);
	edge_stop();
}

/* An attack from many addresses makes strangers' tries fewer, and leaves the phone's own address alone. */
ZX_TEST(account_attacked)
{
	const struct zx_ban_limits lim = {10, 60, 60};
	struct zx_bans *b;
	struct pl user = PL("8000");
	struct sa home, sa;
	char addr[32];

	ZX_CHECK_EQ(zx_bans_alloc(&b, &lim), 0);
	sa_set_str(&home, "192.0.2.1", 5060);
	zx_ban_success(b, &home, &user);
	for (int i = 0; i < 200; i++) {
		snprintf(addr, sizeof(addr), "198.51.100.%d", i);
		sa_set_str(&sa, addr, 5060);
		zx_ban_failure(b, &sa, &user);
		zx_ban_failure(b, &sa, &user);
		if (i > 10)
			ZX_CHECK(zx_ban_is(b, &sa));
	}
	ZX_CHECK(!zx_ban_is(b, &home) && !zx_ban_pair_is(b, &home, &user));
	for (int i = 0; i < 9; i++)
		zx_ban_failure(b, &home, &user);
	ZX_CHECK(!zx_ban_is(b, &home) && !zx_ban_pair_is(b, &home, &user));
	zx_ban_success(b, &home, &user);
	/* the tables do not grow, and bans under way are kept in the flood */
	sa_set_str(&sa, "198.51.100.50", 0);
	for (unsigned i = 0; i < 100000; i++) {
		struct sa x;

		sa_set_in(&x, 0x0a000000 + i, 1);
		zx_ban_failure(b, &x, &user);
	}
	mem_deref(b);
}

ZX_TEST(bound_address)
{
	struct phone p;

	edge_conf();
	str_ncpy(F.acc[5].bind_ip, "192.0.2.0/24", sizeof(F.acc[5].bind_ip));
	str_ncpy(F.acc[6].bind_ip, "127.0.0.0/8", sizeof(F.acc[6].bind_ip));
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8005, .expires = 300}), 403);
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8006, .expires = 300}), 200);
	close(p.fd);
	edge_stop();
}

ZX_TEST(agents_that_choke)
{
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(
	    reg_challenged(&p, &(struct regopt){.user = 8007, .expires = 300, .extra = "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n"}),
	    401);
	ZX_CHECK(!strstr(p.rx, "SHA-256"));
	/* one that never answers gets MD5 alone in the end */
	for (int i = 0; i < 2; i++) {
		ZX_CHECK_EQ(reg_challenged(&p, &(struct regopt){.user = 8008, .expires = 300}), 401);
		ZX_CHECK(strstr(p.rx, "SHA-256"));
	}
	ZX_CHECK_EQ(reg_challenged(&p, &(struct regopt){.user = 8008, .expires = 300}), 401);
	ZX_CHECK(!strstr(p.rx, "SHA-256"));
	ZX_CHECK_EQ(reg_once(&p, &(struct regopt){.user = 8008, .expires = 300}), 200);
	close(p.fd);
	edge_stop();
}

static bool decodes(const char *s)
{
	struct zx_digest d;
	struct pl pl;

	pl_set_str(&pl, s);
	return zx_digest_decode(&d, &pl);
}

#define R32 "0123456789abcdef0123456789abcdef"

ZX_TEST(challenges_are_limited)
{
	struct regopt o = {.user = 8003, .expires = 300, .no_auth = true};
	struct zx_credit *c = NULL;
	struct phone p, t;
	struct sa a, b;
	unsigned n = 0;
	char out[4096];

	/* 500 phones behind one NAT, each asking three times before the first answer */
	sa_set_str(&a, "192.0.2.1", 1000);
	sa_set_str(&b, "192.0.2.2", 1000);
	ZX_CHECK_EQ(zx_credit_alloc(&c), 0);
	for (n = 0; zx_credit_spend(c, &a, 5000); n++)
		;
	ZX_CHECK_EQ(n, ZX_CREDIT_START);
	ZX_CHECK(zx_credit_spend(c, &b, 5000));
	sa_set_port(&a, 2000); /* a port is nothing */
	unsigned got = 0;
	for (n = 0; n < 10000; n++) /* ten seconds, one try a millisecond */
		got += zx_credit_spend(c, &a, 5000 + n);
	ZX_CHECK(got >= 10 * ZX_CREDIT_PER_S - 2 && got <= 10 * ZX_CREDIT_PER_S);
	for (n = 0; zx_credit_spend(c, &a, 16000); n++)
		;
	ZX_CHECK(n >= ZX_CREDIT_PER_S && n <= ZX_CREDIT_PER_S + 2); /* of the second since */
	for (unsigned i = 0; i < 100000; i++) {                     /* whoever logs in goes on for ever, at any rate */
		zx_credit_earn(c, &a, 16000);
		ZX_CHECK(zx_credit_spend(c, &a, 16000));
	}
	for (n = 0; zx_credit_spend(c, &a, 16000); n++)
		;
	ZX_CHECK_EQ(n, 19999);
	mem_deref(c);

	edge_conf();
	edge_start();
	phone_open(&p, false);
	for (n = 0; n < ZX_CREDIT_START + 400; n++) {
		size_t len = reg_write(&p, &o, out, sizeof(out));
		phone_send(&p, out, len);
		if (phone_recv(&p, n < ZX_CREDIT_START ? 1000 : 20) != 401)
			break;
	}
	ZX_CHECK(n >= ZX_CREDIT_START);
	ZX_CHECK(n < ZX_CREDIT_START + 400);
	phone_open(&t, true); /* a connection cannot be forged */
	o.no_auth = false;
	ZX_CHECK_EQ(reg(&t, &o), 200);
	/* having logged in, the address may ask again */
	ZX_CHECK_EQ(reg(&p, &o), 200);
	close(t.fd);
	close(p.fd);
	edge_stop();
}

ZX_TEST(digest_forms)
{
	ZX_CHECK(decodes("Digest username=\"a\", realm=\"r\",nonce=\"n\" , uri=\"u\",response=\"" R32 "\""));
	ZX_CHECK(decodes("digest USERNAME=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:a,b\",response=\"" R32
			 "\",algorithm=md5,opaque=\"\",foo=bar"));
	ZX_CHECK(!decodes("Basic username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"" R32 "\""));
	ZX_CHECK(!decodes("Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"00\""));
	ZX_CHECK(!decodes("Digest username=\"a\",username=\"b\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"" R32 "\""));
	ZX_CHECK(!decodes("Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"" R32 "\",qop=auth"));
	ZX_CHECK(!decodes("Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"" R32 "\",algorithm=SHA-256"));
	ZX_CHECK(!decodes("Digest username=\"a,realm=r"));
	ZX_CHECK(!decodes("Digest"));
	ZX_CHECK(!decodes("Digest ,,,="));
}

ZX_MAIN({"MD5, SHA-256, with and without qop", both_algorithms}, {"a nonce count serves once; retransmissions are absorbed", counts},
	{"unknown user and wrong password look the same", unknown_is_wrong}, {"failures ban, challenges do not", banned},
	{"an attacked account is not locked for its own phone", account_attacked}, {"bound address", bound_address},
	{"agents that know only MD5", agents_that_choke}, {"challenges to those who never answer are limited", challenges_are_limited},
	{"digest header forms", digest_forms})
