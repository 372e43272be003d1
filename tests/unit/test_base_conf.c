/* The table of keys: defaults, files, --set, errors that help, the sample file. */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "zxtest.h"

static char err[512];

static int load(struct zx_conf *c, const char *text, size_t len)
{
	char path[] = "/tmp/zx-conf-XXXXXX";
	const int fd = mkstemp(path);
	int e;

	ZX_CHECK(fd >= 0);
	ZX_CHECK(write(fd, text, len) == (ssize_t)len);
	close(fd);
	*err = 0;
	e = zx_conf_load(c, path, err, sizeof(err));
	unlink(path);
	return e;
}

#define LOAD(c, text) load(c, text, sizeof(text) - 1)

/* Checks the end of the message: what comes before names the file. */
static void check_err(const char *tail)
{
	const size_t n = strlen(err), t = strlen(tail);

	ZX_CHECK_STR(n >= t ? err + n - t : err, tail);
}

ZX_TEST(test_defaults)
{
	struct zx_conf c;

	memset(&c, 0xff, sizeof(c));
	zx_conf_defaults(&c);
	ZX_CHECK_EQ(c.sip_port, 5084);
	ZX_CHECK_EQ(c.sip_tls_port, 5085);
	ZX_CHECK_EQ(c.http_port, 8080);
	ZX_CHECK_EQ(c.https_port, 8443);
	ZX_CHECK_EQ(c.rtp_port_min, 20000);
	ZX_CHECK_EQ(c.rtp_port_max, 29999);
	ZX_CHECK_STR(c.sip_listen, "*");
	ZX_CHECK_STR(c.sip_realm, "zuoxi");
	ZX_CHECK_STR(c.log_level, "info");
	ZX_CHECK_EQ(c.session_idle, 28800);
	ZX_CHECK_EQ(c.media_threads, 0);
	ZX_CHECK_EQ(zx_conf_check(&c, err, sizeof(err)), 0);
}

ZX_TEST(test_file)
{
	struct zx_conf c;

	zx_conf_defaults(&c);
	ZX_CHECK_EQ(LOAD(&c, "\xef\xbb\xbf# a comment\r\n\r\n  sip.port=6000 # another\r\nSIP.Realm =  call centre #1\n"
			     "sip.listen = 127.0.0.1, ::1\nsip.local_nets =\nlog.level = debug"),
		    0);
	ZX_CHECK_EQ(c.sip_port, 6000);
	ZX_CHECK_STR(c.sip_realm, "call centre");
	ZX_CHECK_STR(c.sip_listen, "127.0.0.1, ::1");
	ZX_CHECK_STR(c.sip_local_nets, "");
	ZX_CHECK_STR(c.log_level, "debug");
	ZX_CHECK_EQ(LOAD(&c, "sip.realm = a#b\n"), 0);
	ZX_CHECK_STR(c.sip_realm, "a#b");
	ZX_CHECK_EQ(LOAD(&c, ""), 0);
}

ZX_TEST(test_errors)
{
	struct zx_conf c, before;
	char big[3000];

	zx_conf_defaults(&c);
	before = c;
	ZX_CHECK_EQ(LOAD(&c, "http.port = 1\nsip.prot = 6000\n"), EINVAL);
	check_err(":2: unknown key \"sip.prot\"; did you mean sip.port?");
	ZX_CHECK_EQ(LOAD(&c, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz = 1\n"), EINVAL);
	check_err(":1: unknown key \"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"");
	ZX_CHECK_EQ(LOAD(&c, "sip.port = 65536\n"), EINVAL);
	check_err(":1: sip.port: \"65536\" is not a number from 1 to 65535");
	ZX_CHECK_EQ(LOAD(&c, "sip.port = 99999999999999999999\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.port = -1\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.port = 5x\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.port =\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "log.level = loud\n"), EINVAL);
	check_err(":1: log.level: \"loud\" is not one of: error warn info debug");
	ZX_CHECK_EQ(LOAD(&c, "log.level = warn info\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "log.level =\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.listen = 127.0.0.1, here\n"), EINVAL);
	check_err("sip.listen: \"127.0.0.1, here\" is not allowed; it must be \"*\" or addresses separated by commas");
	ZX_CHECK_EQ(LOAD(&c, "sip.listen =\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.local_nets = 10.0.0.0/33\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.local_nets = 10.0.0.0/\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.realm = a\"b\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "sip.realm = a\x01\x62\n"), EINVAL);
	check_err("sip.realm: control characters are not allowed");
	ZX_CHECK_EQ(LOAD(&c, "sip.realm = \xff\n"), EINVAL);
	ZX_CHECK_EQ(LOAD(&c, "just words\n"), EINVAL);
	check_err(":1: \"just words\" is not KEY = VALUE");
	ZX_CHECK_EQ(LOAD(&c, "sip.port = 6000\n\nsip.port = 6001\n"), EINVAL);
	check_err(":3: sip.port is given a second time, first in line 1");
	ZX_CHECK_EQ(LOAD(&c, "sip.port = 6000\0\n"), EINVAL);
	check_err(":1: not a text file");
	memset(big, 'a', sizeof(big));
	ZX_CHECK_EQ(load(&c, big, sizeof(big)), EINVAL);
	check_err(":1: line too long");
	memcpy(big, "sip.realm = ", 12);
	ZX_CHECK_EQ(load(&c, big, 200), EINVAL);
	check_err("sip.realm: longer than 63 bytes");
	/* A file with an error changes nothing. */
	ZX_CHECK(!memcmp(&c, &before, sizeof(c)));
	ZX_CHECK_EQ(zx_conf_load(&c, "/nonexistent/file", err, sizeof(err)), EINVAL);
	ZX_CHECK_STR(err, "/nonexistent/file: cannot be read: No such file or directory");
	ZX_CHECK_EQ(zx_conf_load(&c, "/", err, sizeof(err)), EINVAL);
}

ZX_TEST(test_set)
{
	struct zx_conf c;
	char big[3000];

	zx_conf_defaults(&c);
	ZX_CHECK_EQ(zx_conf_set(&c, "sip.port=7000", err, sizeof(err)), 0);
	ZX_CHECK_EQ(c.sip_port, 7000);
	ZX_CHECK_EQ(zx_conf_set(&c, "sip.realm=a # b", err, sizeof(err)), 0);
	ZX_CHECK_STR(c.sip_realm, "a # b");
	ZX_CHECK_EQ(zx_conf_set(&c, "sip.port", err, sizeof(err)), EINVAL);
	ZX_CHECK_EQ(zx_conf_set(&c, "", err, sizeof(err)), EINVAL);
	ZX_CHECK_EQ(zx_conf_set(&c, "=", err, sizeof(err)), EINVAL);
	ZX_CHECK_EQ(zx_conf_set(&c, "htp.port=1", err, sizeof(err)), EINVAL);
	ZX_CHECK_STR(err, "unknown key \"htp.port\"; did you mean http.port?");
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	ZX_CHECK_EQ(zx_conf_set(&c, big, err, sizeof(err)), EINVAL);
}

static int set_and_check(const char *a, const char *b)
{
	struct zx_conf c;

	zx_conf_defaults(&c);
	ZX_CHECK_EQ(zx_conf_set(&c, a, err, sizeof(err)), 0);
	if (b)
		ZX_CHECK_EQ(zx_conf_set(&c, b, err, sizeof(err)), 0);
	return zx_conf_check(&c, err, sizeof(err));
}

ZX_TEST(test_between_keys)
{
	ZX_CHECK_EQ(set_and_check("rtp.port_min=30000", NULL), EINVAL);
	ZX_CHECK_EQ(set_and_check("rtp.port_min=29996", NULL), 0);
	ZX_CHECK_EQ(set_and_check("sip.port=20001", NULL), EINVAL);
	ZX_CHECK_EQ(set_and_check("sip.port=5085", NULL), EINVAL);
	ZX_CHECK_STR(err, "sip.port and sip.tls_port are both 5085");
	ZX_CHECK_EQ(set_and_check("http.port=0", "https.port=0"), 0);
	ZX_CHECK_EQ(set_and_check("http.port=8443", NULL), EINVAL);
	ZX_CHECK_EQ(set_and_check("sip.expires_default=20", NULL), EINVAL);
	ZX_CHECK_EQ(set_and_check("sip.min_se=1801", NULL), EINVAL);
	ZX_CHECK_EQ(set_and_check("https.cert=/a", NULL), EINVAL);
	ZX_CHECK_EQ(set_and_check("https.cert=/a", "https.key=/b"), 0);
}

/* Every line of the sample, with its comment sign taken away, is accepted and yields the defaults. */
ZX_TEST(test_sample)
{
	char *text = NULL, *out = NULL, *save = NULL;
	size_t len = 0, outlen = 0, n = 0;
	FILE *f = open_memstream(&text, &len);
	struct zx_conf c, d;

	zx_conf_print_sample(f);
	fclose(f);
	zx_conf_defaults(&c);
	zx_conf_defaults(&d);
	ZX_CHECK_EQ(load(&c, text, len), 0);
	ZX_CHECK(!memcmp(&c, &d, sizeof(c)));
	memset(&c, 0, sizeof(c));
	f = open_memstream(&out, &outlen);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] != '#' || line[1] == ' ')
			continue;
		fprintf(f, "%s\n", line + 1);
		n++;
	}
	fclose(f);
	ZX_CHECK_EQ(load(&c, out, outlen), 0);
	ZX_CHECK(!memcmp(&c, &d, sizeof(c)));
	ZX_CHECK(n > 30);
	free(out);
	free(text);
}

ZX_TEST(test_shipped_sample)
{
	char *text = NULL, *file;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len), *in = fopen(ZX_SOURCE_DIR "/packaging/zuoxid.conf", "r");

	zx_conf_print_sample(f);
	fclose(f);
	ZX_CHECK(in != NULL);
	file = calloc(1, len + 2);
	ZX_CHECK_EQ(fread(file, 1, len + 1, in), len);
	fclose(in);
	ZX_CHECK_STR(file, text);
	free(file);
	free(text);
}

ZX_MAIN({"every key has a default that passes its own check", test_defaults}, {"files: comments, spaces, line ends", test_file},
	{"errors name file, line, key and what is allowed", test_errors}, {"--set", test_set}, {"checks between keys", test_between_keys},
	{"the sample is the defaults", test_sample}, {"packaging/zuoxid.conf is the sample", test_shipped_sample})
