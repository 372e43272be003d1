/* Transports and dispatch: datagrams, streams, TLS, garbage. */
#include "sip_edge_util.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "sip/stun.h"

static size_t options_write(const struct phone *p, char *out, size_t size, const char *via_extra, const char *hdrs)
{
	return (size_t)snprintf(
	    out, size,
	    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%u;branch=z9hG4bKo%u%s\r\nFrom: <sip:t@h>;tag=1\r\n"
	    "To: <sip:8000@h>\r\nCall-ID: o%u\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
	    p->tcp ? "TCP" : "UDP", p->port, p->branch, via_extra, p->branch, hdrs);
}

static int request(struct phone *p, const char *met, const char *hdrs)
{
	char out[2048];

	p->branch++;
	const int n =
	    snprintf(out, sizeof(out),
		     "%s sip:8000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKr%u;rport\r\nFrom: <sip:t@h>;tag=1\r\n"
		     "Call-ID: r%u\r\nCSeq: 1 %s\r\n%s\r\n",
		     met, p->port, p->branch, p->branch, met, hdrs);

	phone_send(p, out, (size_t)n);
	return phone_recv(p, 500);
}

#define TO "To: <sip:8000@h>\r\n"

ZX_TEST(dispatch)
{
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	ZX_CHECK_EQ(request(&p, "OPTIONS", TO "Max-Forwards: 0\r\n"), 200);
	ZX_CHECK(strstr(p.rx, "\r\nAllow: INVITE") && strstr(p.rx, "\r\nAccept: application/sdp") && strstr(p.rx, "\r\nSupported: "));
	ZX_CHECK(strstr(p.rx, ";rport=") && strstr(p.rx, ";received=127.0.0.1"));
	ZX_CHECK_EQ(request(&p, "INVITE", TO "Max-Forwards: 0\r\n"), 483);
	ZX_CHECK_EQ(request(&p, "INVITE", TO), 401);
	ZX_CHECK_EQ(request(&p, "INVITE", TO "Require: foo, timer\r\n"), 420);
	ZX_CHECK(strstr(p.rx, "Unsupported: foo\r\n"));
	ZX_CHECK_EQ(request(&p, "INVITE", TO "Accept: text/plain\r\n"), 406);
	ZX_CHECK_EQ(request(&p, "INVITE", TO "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"), 415);
	ZX_CHECK(strstr(p.rx, "Accept: application/sdp"));
	ZX_CHECK_EQ(request(&p, "BYE", "To: <sip:8000@h>;tag=x\r\n"), 481);
	ZX_CHECK_EQ(request(&p, "BYE", TO), 481);
	ZX_CHECK_EQ(request(&p, "CANCEL", TO), 481);
	ZX_CHECK_EQ(request(&p, "ACK", TO), 0);
	ZX_CHECK_EQ(request(&p, "SUBSCRIBE", TO "Event: presence\r\n"), 489);
	ZX_CHECK_EQ(request(&p, "MESSAGE", TO), 405);
	ZX_CHECK(strstr(p.rx, "\r\nAllow: "));
	ZX_CHECK_EQ(request(&p, "FOO", TO), 501);
	ZX_CHECK_EQ(request(&p, "INVITE", ""), 400);
	close(p.fd);
	edge_stop();
}

/* Own Via in a request from outside: it went round. */
ZX_TEST(loop)
{
	struct phone p;
	char hdr[200];

	edge_conf();
	edge_start();
	phone_open(&p, false);
	snprintf(hdr, sizeof(hdr), TO "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKours\r\n", F.port);
	ZX_CHECK_EQ(request(&p, "INVITE", hdr), 482);
	close(p.fd);
	edge_stop();
}

ZX_TEST(garbage_datagrams)
{
	char junk[2000];
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	for (unsigned i = 0; i < 3000; i++) {
		const size_t n = 1 + (size_t)rand_u64() % sizeof(junk);

		for (size_t j = 0; j < n; j++)
			junk[j] = (char)rand_u64();
		send(p.fd, junk, n, 0);
	}
	while (phone_recv(&p, 200))
		;
	send(p.fd, "\r\n\r\n", 4, 0);
	ZX_CHECK_EQ(request(&p, "OPTIONS", TO), 200);
	close(p.fd);
	edge_stop();
}

ZX_TEST(stun)
{
	static const char req[20] = {0, 1, 0, 0, 0x21, 0x12, (char)0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	struct phone p;

	edge_conf();
	edge_start();
	phone_open(&p, false);
	phone_send(&p, req, sizeof(req));
	ZX_CHECK_EQ(phone_recv(&p, 500), 1);
	ZX_CHECK_EQ(p.n, 32);
	ZX_CHECK_EQ((uint8_t)p.rx[0] << 8 | (uint8_t)p.rx[1], 0x0101);
	ZX_CHECK_EQ(((uint8_t)p.rx[26] << 8 | (uint8_t)p.rx[27]) ^ 0x2112, p.port);
	ZX_CHECK_EQ((uint8_t)p.rx[28] ^ 0x21, 127);
	close(p.fd);
	edge_stop();
}

/* Bound to the wildcard, the reply comes from the address that was asked; IPv6 too. */
ZX_TEST(every_local_address)
{
	static const char *const addrs[] = {"127.0.0.1", "127.0.0.77", "::1"};

	edge_conf();
	str_ncpy(F.conf.sip_listen, "*", sizeof(F.conf.sip_listen));
	F.conf.sip_port = (uint32_t)(20000 + getpid() % 10000);
	edge_start();
	for (size_t i = 0; i < 3; i++) {
		struct phone p = {.branch = (unsigned)i + 1, .port = 5060};
		struct sockaddr_storage to = {.ss_family = AF_INET}, from;
		socklen_t l = sizeof(from), tl = sizeof(struct sockaddr_in);
		char out[2048];

		if (strchr(addrs[i], ':')) {
			to.ss_family = AF_INET6;
			tl = sizeof(struct sockaddr_in6);
			inet_pton(AF_INET6, addrs[i], &((struct sockaddr_in6 *)&to)->sin6_addr);
			((struct sockaddr_in6 *)&to)->sin6_port = htons((uint16_t)F.conf.sip_port);
		} else {
			inet_pton(AF_INET, addrs[i], &((struct sockaddr_in *)&to)->sin_addr);
			((struct sockaddr_in *)&to)->sin_port = htons((uint16_t)F.conf.sip_port);
		}
		p.fd = socket(to.ss_family, SOCK_DGRAM, 0);
		if (p.fd < 0)
			continue; /* no IPv6 here */
		const size_t n = options_write(&p, out, sizeof(out), ";rport", "");
		if (sendto(p.fd, out, n, 0, (struct sockaddr *)&to, tl) < 0)
			continue;
		ZX_CHECK(poll(&(struct pollfd){.fd = p.fd, .events = POLLIN}, 1, 500) == 1);
		ZX_CHECK(recvfrom(p.fd, p.rx, sizeof(p.rx) - 1, 0, (struct sockaddr *)&from, &l) > 0);
		ZX_CHECK(!memcmp(&to, &from, tl > 16 ? 24 : 8));
		close(p.fd);
	}
	edge_stop();
}

/* Where replies go: rport, sent-by, never maddr. */
ZX_TEST(reply_address)
{
	struct phone p, other;
	char out[2048];

	edge_conf();
	edge_start();
	phone_open(&p, false);
	phone_open(&other, false);
	phone_send(&p, out, options_write(&p, out, sizeof(out), ";maddr=127.0.0.9;rport", ""));
	ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	/* rport in its odd forms, the last with nothing behind it */
	phone_send(&p, out, options_write(&p, out, sizeof(out), "; rport ;x=y", ""));
	ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	ZX_CHECK(strstr(p.rx, "; rport=") && strstr(p.rx, ";x=y;received="));
	phone_send(&p, out, options_write(&p, out, sizeof(out), ";rport=", ""));
	ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	ZX_CHECK(strstr(p.rx, ";rport=") && !strstr(p.rx, "rport=="));
	const uint16_t own = p.port;
	p.port = other.port; /* without rport: to the sent-by port */
	phone_send(&p, out, options_write(&p, out, sizeof(out), "", ""));
	ZX_CHECK_EQ(phone_recv(&other, 500), 200);
	p.port = own;
	close(p.fd);
	close(other.fd);
	edge_stop();
}

static bool closed_by_peer(struct phone *p, int ms)
{
	const int code = phone_recv(p, ms);

	return code == -1 || (code > 1 && phone_recv(p, ms) == -1);
}

ZX_TEST(streams)
{
	char out[4096], big[70000];
	struct phone p;
	size_t n;

	edge_conf();
	edge_start();
	phone_open(&p, true);
	phone_send(&p, "\r\n\r\n", 4);
	phone_recv(&p, 500);
	ZX_CHECK_STR(p.rx, "\r\n");
	/* byte by byte */
	n = options_write(&p, out, sizeof(out), "", "");
	for (size_t i = 0; i < n; i++) {
		phone_send(&p, out + i, 1);
		if (i % 50 == 0)
			usleep(500);
	}
	ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	/* two and a half in one piece */
	memcpy(out + n, out, n);
	memcpy(out + 2 * n, out, n / 2);
	phone_send(&p, out, 2 * n + n / 2);
	usleep(100000);
	ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	const char *second = strstr(p.rx + 8, "SIP/2.0 200");
	if (!second)
		ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	phone_send(&p, out + n / 2, n - n / 2);
	ZX_CHECK_EQ(phone_recv(&p, 500), 200);
	close(p.fd);
	/* garbage, no length, too long: closed, the second after a 400 */
	phone_open(&p, true);
	phone_send(&p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	ZX_CHECK(closed_by_peer(&p, 1000));
	close(p.fd);
	phone_open(&p, true);
	n = (size_t)snprintf(out, sizeof(out),
			     "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
			     "<sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n");
	phone_send(&p, out, n);
	ZX_CHECK_EQ(phone_recv(&p, 500), 400);
	ZX_CHECK_EQ(phone_recv(&p, 500), -1);
	close(p.fd);
	phone_open(&p, true);
	memset(big, 'a', sizeof(big));
	memcpy(big, "OPTIONS sip:h SIP/2.0\r\nX: ", 26);
	for (size_t off = 0; off < sizeof(big);) {
		const ssize_t w = send(p.fd, big + off, sizeof(big) - off, MSG_NOSIGNAL);

		if (w <= 0)
			break;
		off += (size_t)w;
	}
	ZX_CHECK(closed_by_peer(&p, 1000));
	close(p.fd);
	phone_open(&p, false);
	ZX_CHECK_EQ(request(&p, "OPTIONS", TO), 200);
	close(p.fd);
	edge_stop();
}

ZX_TEST(too_many_connections)
{
	struct phone v[130], u;
	unsigned dead = 0;

	edge_conf();
	edge_start();
	for (int i = 0; i < 130; i++)
		phone_open(&v[i], true);
	usleep(300000);
	for (int i = 0; i < 130; i++) {
		if (phone_recv(&v[i], 0) == -1)
			dead++;
		close(v[i].fd);
	}
	ZX_CHECK_EQ(dead, 30);
	phone_open(&u, false);
	ZX_CHECK_EQ(request(&u, "OPTIONS", TO), 200);
	close(u.fd);
	edge_stop();
}

ZX_TEST(tls)
{
	char dir[] = "/tmp/zxtlsXXXXXX", out[2048], path[100];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct phone p;
	struct stat st;
	SSL *ssl;
	int n;

	edge_conf();
	ZX_CHECK(mkdtemp(dir));
	str_ncpy(F.dir, dir, sizeof(F.dir));
	F.conf.sip_tls_port = (uint32_t)(30000 + getpid() % 10000);
	edge_start();
	snprintf(path, sizeof(path), "%s/tls/sip.key", dir);
	ZX_CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	const uint16_t udp = F.port;
	F.port = (uint16_t)F.conf.sip_tls_port;
	phone_open(&p, true);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, p.fd);
	ZX_CHECK_EQ(SSL_connect(ssl), 1);
	n = (int)options_write(&p, out, sizeof(out), "", "");
	ZX_CHECK_EQ(SSL_write(ssl, out, n), n);
	n = SSL_read(ssl, p.rx, sizeof(p.rx) - 1);
	ZX_CHECK(n > 0);
	p.rx[n] = 0;
	ZX_CHECK(!strncmp(p.rx, "SIP/2.0 200", 11));
	SSL_free(ssl);
	close(p.fd);
	phone_open(&p, true); /* no TLS at all */
	phone_send(&p, "OPTIONS sip:h SIP/2.0\r\n\r\n", 25);
	ZX_CHECK(closed_by_peer(&p, 1000));
	close(p.fd);
	F.port = udp;
	edge_stop();
	edge_start(); /* the same certificate again */
	edge_stop();
	SSL_CTX_free(ctx);
}

ZX_TEST(address_in_use)
{
	struct phone p;

	edge_conf();
	phone_open(&p, false); /* connects to port 0 of an old run at worst */
	F.conf.sip_port = p.port;
	F.up = false;
	ZX_CHECK_EQ(pthread_create(&F.th, NULL, edge_thread, NULL), 0);
	pthread_join(F.th, NULL);
	ZX_CHECK_EQ(F.err, EADDRINUSE);
	ZX_CHECK(strstr(F.errbuf, "127.0.0.1"));
	close(p.fd);
}

ZX_MAIN({"methods, extensions, bodies", dispatch}, {"loops", loop}, {"garbage datagrams", garbage_datagrams}, {"STUN keep-alive", stun},
	{"every local address answers for itself", every_local_address}, {"where replies go", reply_address},
	{"streams are framed", streams}, {"connections of one address are limited", too_many_connections}, {"TLS", tls},
	{"a port in use is told", address_in_use})
