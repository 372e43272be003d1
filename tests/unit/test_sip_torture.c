/* The torture messages of RFC 4475 and RFC 5118 (tests/sip/torture), each answered as the RFC owes, none killing. */
#include "sip_edge_util.h"

/* First digit, or whole code, of what is owed; 0: nothing may be said. The second is taken as well. An INVITE or REGISTER that is let pass
 * is asked for a password: 401. */
static const struct {
	const char *name;
	int code, also;
	const char *why;
} msgs[] = {
    {"wsinv", 481, 0, "valid; it has a To tag, and no such dialog is"},
    {"intmeth", 501, 0, "valid, the method is nobody's"},
    {"esc01", 401, 0, "valid"},
    {"escnull", 401, 0, "valid"},
    {"esc02", 501, 0, "the method is not unescaped"},
    {"lwsdisp", 200, 0, "valid"},
    {"longreq", 401, 0, "valid"},
    {"dblreq", 401, 0, "the octets after the end are ignored"},
    {"semiuri", 200, 0, "valid"},
    {"transports", 200, 0, "valid"},
    {"mpart01", 405, 415, "MESSAGE is known, and not supported"},
    {"unreason", 0, 0, "response"},
    {"noreason", 0, 0, "response"},
    {"badinv01", 400, 0, "empty parameters"},
    {"clerr", 400, 0, "body shorter than said"},
    {"ncl", 400, 0, "negative length"},
    {"scalar02", 400, 0, "overlarge CSeq"},
    {"scalarlg", 0, 0, "response, dropped"},
    {"quotbal", 400, 0, "open quote"},
    {"ltgtruri", 400, 0, "brackets"},
    {"lwsruri", 400, 0, "space in the URI"},
    {"lwsstart", 400, 0, "spaces"},
    {"trws", 400, 0, "trailing spaces"},
    {"escruri", 400, 0, "headers in the URI"},
    {"baddate", 401, 400, "may be ignored"},
    {"regbadct", 400, 0, "? without brackets"},
    {"badaspec", 400, 0, "spaces in brackets"},
    {"baddn", 400, 0, "comma in a display name"},
    {"badvers", 505, 0, "version"},
    {"mismatch01", 400, 0, "CSeq method"},
    {"mismatch02", 400, 501, "CSeq method"},
    {"bigcode", 0, 0, "response, dropped"},
    {"badbranch", 200, 400, "only the cookie"},
    {"insuf", 400, 0, "headers missing"},
    {"unkscm", 416, 0, "scheme"},
    {"novelsc", 416, 0, "scheme"},
    {"unksm2", 400, 401, "schemes in headers"},
    {"bext01", 420, 0, "extension"},
    {"invut", 415, 0, "body"},
    {"regaut01", 401, 0, "unknown scheme of authentication"},
    {"multi01", 400, 0, "headers twice"},
    {"mcl01", 400, 0, "lengths differ"},
    {"bcast", 0, 0, "response, dropped"},
    {"zeromf", 200, 483, "we are the end"},
    {"cparam01", 401, 0, "valid"},
    {"cparam02", 401, 0, "valid"},
    {"regescrt", 401, 0, "valid"},
    {"sdp01", 406, 401, "no SDP accepted"},
    {"inv2543", 401, 0, "no branch, no tag"},
    {"ipv6-good", 401, 0, "valid"},
    {"ipv6-bad", 400, 0, "no brackets"},
    {"port-ambiguous", 401, 0, "valid"},
    {"port-unambiguous", 401, 0, "valid"},
    {"via-received-param-with-delim", 481, 0, "valid"},
    {"via-received-param-no-delim", 481, 0, "valid"},
    {"ipv6-in-sdp", 401, 0, "valid"},
    {"mult-ip-in-header", 481, 0, "valid"},
    {"mult-ip-in-sdp", 401, 0, "valid"},
    {"ipv4-mapped-ipv6", 401, 0, "valid"},
    {"ipv6-bug-abnf-3-colons", 200, 400, "three colons"},
};

enum { N = sizeof(msgs) / sizeof(msgs[0]) };

static size_t load(const char *name, char *buf, size_t size)
{
	char path[300];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), ZX_SOURCE_DIR "/tests/sip/torture/%s.msg", name);
	f = fopen(path, "rb");
	ZX_CHECK(f);
	n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

/* Without rport and with a foreign sent-by the reply goes to our port, as behind a NAT; its Via, Call-ID and CSeq are ours. */
static unsigned check(struct phone *p, size_t i)
{
	char buf[16384];
	const size_t n = load(msgs[i].name, buf, sizeof(buf));
	int code;

	phone_send(p, buf, n);
	code = phone_recv(p, msgs[i].code ? 1000 : 100);
	if (p->tcp && code == -1)
		code = 0; /* closed without a word */
	if (code == msgs[i].code || (msgs[i].also && code == msgs[i].also))
		return 0;
	fprintf(stderr, "%s over %s: %d, not %d (%s)\n", msgs[i].name, p->tcp ? "TCP" : "UDP", code, msgs[i].code, msgs[i].why);
	return 1;
}

static void all(bool tcp)
{
	unsigned bad = 0;

	edge_conf();
	edge_start();
	for (size_t i = 0; i < N; i++) {
		struct phone p;

		/* a stream has no end that a wrong length could be compared with */
		if (tcp && !strcmp(msgs[i].name, "clerr"))
			continue;
		phone_open(&p, tcp);
		bad += check(&p, i);
		close(p.fd);
	}
	edge_stop();
	ZX_CHECK_EQ(bad, 0);
}

ZX_TEST(udp)
{
	all(false);
}

ZX_TEST(tcp)
{
	all(true);
}

/* Cut at every length, and with every byte spoiled in turn: nothing dies. */
ZX_TEST(mangled)
{
	char buf[16384];
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	for (size_t i = 0; i < N; i++) {
		const size_t n = load(msgs[i].name, buf, sizeof(buf));

		for (size_t cut = 1; cut < n; cut += 1 + n / 100)
			send(p.fd, buf, cut, 0);
		for (size_t at = 0; at < n; at += 1 + n / 100) {
			const char old = buf[at];

			buf[at] = (char)rand_u64();
			send(p.fd, buf, n, 0);
			buf[at] = old;
		}
		while (phone_recv(&p, 0))
			;
	}
	while (phone_recv(&p, 200))
		;
	ZX_CHECK_EQ(reg(&p, &(struct regopt){.user = 8000, .expires = 300}), 200);
	close(p.fd);
	edge_stop();
}

ZX_MAIN({"over UDP", udp}, {"over TCP", tcp}, {"mangled", mangled})
