#include "base/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum type { T_STR, T_UINT, T_BOOL, T_ENUM };

/* A key is at the same time its check, its default, its line in the sample file and its help. */
struct key {
	const char *name;
	enum type type;
	size_t off, size;
	const char *def;
	uint32_t min, max;                /* T_UINT */
	const char *allowed;              /* T_ENUM: words, space separated; T_STR: what check() wants, in words */
	bool (*check)(const char *value); /* T_STR */
	const char *help;
};

/* ---- checks of text values ---- */

static bool is_addr(const char *s)
{
	uint8_t bin[16];

	return inet_pton(AF_INET, s, bin) == 1 || inet_pton(AF_INET6, s, bin) == 1;
}

static bool is_net(const char *s)
{
	char addr[64];
	const char *slash = strchr(s, '/');
	const size_t len = slash ? (size_t)(slash - s) : strlen(s);
	char *end;
	unsigned long bits;

	if (zx_strcpy_len(addr, sizeof(addr), s, len) || !is_addr(addr))
		return false;
	if (!slash)
		return true;
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	return !*end && bits <= (strchr(addr, ':') ? 128 : 32);
}

static bool each_of(const char *list, bool (*is)(const char *))
{
	char copy[ZX_CONF_STR], *save = NULL;
	unsigned n = 0;

	zx_strcpy(copy, sizeof(copy), list);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save), n++) {
		if (!is(zx_trim(w)))
			return false;
	}
	return n > 0;
}

static bool check_listen(const char *v)
{
	return !strcmp(v, "*") || each_of(v, is_addr);
}

static bool check_addr_or_empty(const char *v)
{
	return !*v || is_addr(v);
}

static bool check_nets_or_empty(const char *v)
{
	return !*v || each_of(v, is_net);
}

/* Goes into a quoted string of a header. */
static bool check_realm(const char *v)
{
	return *v && !strpbrk(v, "\"\\");
}

#define FIELD(f) offsetof(struct zx_conf, f), sizeof(((struct zx_conf *)0)->f)
#define STR(n, f, d, a, c, h)                                                                                                              \
	{                                                                                                                                  \
		n, T_STR, FIELD(f), d, 0, 0, a, c, h                                                                                       \
	}
#define UINT(n, f, d, lo, hi, h)                                                                                                           \
	{                                                                                                                                  \
		n, T_UINT, FIELD(f), d, lo, hi, NULL, NULL, h                                                                              \
	}
#define ENUM(n, f, d, a, h)                                                                                                                \
	{                                                                                                                                  \
		n, T_ENUM, FIELD(f), d, 0, 0, a, NULL, h                                                                                   \
	}
#define BOOL(n, f, d, h)                                                                                                                   \
	{                                                                                                                                  \
		n, T_BOOL, FIELD(f), d, 0, 0, NULL, NULL, h                                                                                \
	}
#define LISTEN "\"*\" or addresses separated by commas"

/* clang-format off */
static const struct key keys[] = {
    ENUM("log.level", log_level, "info", "error warn info debug", "How much is logged to standard error."),

    STR("sip.listen", sip_listen, "*", LISTEN, check_listen,
        "Addresses SIP listens on; * is every address of this machine, IPv4 and IPv6."),
    UINT("sip.port", sip_port, "5084", 1, 65535, "UDP and TCP port of SIP."),
    UINT("sip.tls_port", sip_tls_port, "5085", 0, 65535, "TCP port of SIP over TLS; 0 turns it off."),
    STR("sip.realm", sip_realm, "zuoxi", "one word or more, without \" and \\", check_realm,
        "Realm of digest authentication."),
    ENUM("sip.digest", sip_digest, "both", "both md5 sha-256",
	 "What phones may prove their password with. With \"both\", SHA-256 is offered first, and MD5 alone to phones that stumble over it."),
    UINT("sip.expires_min", sip_expires_min, "30", 1, 86400, "Shortest registration accepted, seconds (423 below it)."),
    UINT("sip.expires_max", sip_expires_max, "3600", 1, 604800, "Longest registration granted, seconds."),
    UINT("sip.expires_default", sip_expires_default, "300", 1, 604800,
         "Registration granted to a phone that names no time, seconds."),
    UINT("sip.max_bindings", sip_max_bindings, "10", 1, 100, "Phones that may register as one extension at a time."),
    UINT("sip.options_interval", sip_options_interval, "60", 0, 86400,
         "Seconds between OPTIONS pings to a registered phone; 0 turns them off."),
    UINT("sip.ban_failures", sip_ban_failures, "10", 0, 10000,
         "Failed authentications from one address that ban it; 0 turns bans off."),
    UINT("sip.ban_window", sip_ban_window, "60", 1, 86400, "Seconds in which these failures are counted."),
    UINT("sip.ban_time", sip_ban_time, "300", 1, 2592000, "Seconds a ban lasts."),
    UINT("sip.session_expires", sip_session_expires, "1800", 90, 86400, "Session timer of calls, seconds (RFC 4028)."),
    UINT("sip.min_se", sip_min_se, "90", 90, 86400, "Shortest session timer accepted, seconds (422 below it)."),
    UINT("sip.ring_timeout", sip_ring_timeout, "60", 5, 600, "Seconds a phone rings before the call counts as not answered."),
    STR("sip.external_address", sip_external_addr, "", "an address, or empty", check_addr_or_empty,
        "Public address of this machine when it is behind a NAT; phones outside sip.local_nets are told it."),
    STR("sip.local_nets", sip_local_nets, "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8, fc00::/7, fe80::/10, ::1/128",
        "networks (ADDRESS/BITS) separated by commas, or empty", check_nets_or_empty,
        "Networks reached without passing that NAT."),

    STR("http.listen", http_listen, "*", LISTEN, check_listen, "Addresses the web server listens on, for http and https."),
    UINT("http.port", http_port, "8080", 0, 65535, "Port of http; 0 turns it off."),
    UINT("https.port", https_port, "8443", 0, 65535, "Port of https; 0 turns it off."),
    STR("https.cert", https_cert, "", NULL, NULL,
        "Certificate chain for https and SIP over TLS, a PEM file; empty: one made at the first start."),
    STR("https.key", https_key, "", NULL, NULL, "Private key of https.cert, a PEM file."),
    UINT("http.threads", http_threads, "32", 4, 4096,
         "Requests the web server works on at a time, each in a thread; live connections of browsers need none."),
    STR("web.root", web_root, "", NULL, NULL, "Folder of the built browser application; empty: the one that was installed."),
    UINT("session.idle", session_idle, "28800", 60, 604800, "Seconds without a request after which a login ends."),

    UINT("rtp.port_min", rtp_port_min, "20000", 1024, 65534, "First port of media."),
    UINT("rtp.port_max", rtp_port_max, "29999", 1025, 65535, "Last port of media; a call takes four ports."),
    STR("rtp.listen", rtp_listen, "*", LISTEN, check_listen,
        "Addresses media may use; * is the address the signalling of the call arrived on."),
    UINT("media.threads", media_threads, "0", 0, 64, "Threads that carry media; 0: one a processor core, at most 8."),
    STR("sounds.dir", sounds_dir, "", NULL, NULL, "Folder of the prompts; empty: the one that was installed."),
    STR("recordings.dir", recordings_dir, "", NULL, NULL, "Folder of the recordings; empty: recordings in the data folder."),
    UINT("recordings.min_free_mb", rec_min_free_mb, "500", 0, 10000000, "Free space on that disk, MB, below which recording stops."),

    STR("backup.dir", backup_dir, "", NULL, NULL, "Folder of the backups; empty: backups in the data folder. Another disk is better."),
    BOOL("system.power", system_power, "no",
         "Whether system administrators may restart and shut down this machine from the maintenance page."),

    UINT("call.max", call_max, "0", 0, 100000, "Calls at a time; 0: no limit."),
    UINT("licence.extensions", licence_extensions, "0", 0, 10000000, "Extensions that may be created; 0: no limit."),
};
/* clang-format on */

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]), LINE_LEN = 1024 };

static int __attribute__((format(printf, 3, 4))) fail(char *errbuf, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (errlen)
		vsnprintf(errbuf, errlen, fmt, ap);
	va_end(ap);
	return EINVAL;
}

static bool word_in(const char *words, const char *w)
{
	const size_t len = strlen(w);

	for (const char *p = words; len && p; p = strchr(p, ' ')) {
		p += strspn(p, " ");
		if (!strncmp(p, w, len) && (p[len] == ' ' || !p[len]))
			return true;
	}
	return false;
}

static bool parse_uint(uint32_t *vp, const char *s)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*vp = (uint32_t)v;
	return true;
}

static bool parse_bool(bool *vp, const char *s)
{
	if (word_in("yes on true 1", s))
		*vp = true;
	else if (word_in("no off false 0", s))
		*vp = false;
	else
		return false;
	return true;
}

static int set_str(const struct key *k, char *dst, const char *value, char *errbuf, size_t errlen)
{
	if (strlen(value) >= k->size)
		return fail(errbuf, errlen, "%s: longer than %zu bytes", k->name, k->size - 1);
	if (!zx_utf8_valid(value, strlen(value)))
		return fail(errbuf, errlen, "%s: not UTF-8", k->name);
	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return fail(errbuf, errlen, "%s: control characters are not allowed", k->name);
	}
	if (k->check && !k->check(value))
		return fail(errbuf, errlen, "%s: \"%s\" is not allowed; it must be %s", k->name, value, k->allowed);
	zx_strcpy(dst, k->size, value);
	return 0;
}

static int set_value(struct zx_conf *c, const struct key *k, const char *value, char *errbuf, size_t errlen)
{
	char *field = (char *)c + k->off;
	uint32_t v;

	switch (k->type) {

	case T_UINT:
		if (!parse_uint(&v, value) || v < k->min || v > k->max)
			return fail(errbuf, errlen, "%s: \"%s\" is not a number from %u to %u", k->name, value, k->min, k->max);
		*(uint32_t *)(void *)field = v;
		return 0;

	case T_BOOL:
		if (!parse_bool((bool *)(void *)field, value))
			return fail(errbuf, errlen, "%s: \"%s\" is neither yes nor no", k->name, value);
		return 0;

	case T_ENUM:
		if (strchr(value, ' ') || !word_in(k->allowed, value))
			return fail(errbuf, errlen, "%s: \"%s\" is not one of: %s", k->name, value, k->allowed);
		zx_strcpy(field, k->size, value);
		return 0;

	case T_STR:
		break;
	}
	return set_str(k, field, value, errbuf, errlen);
}

/* ---- which key was meant ---- */

/* Edit distance (Levenshtein) by the two-row method; words here are short. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[ZX_CONF_STR + 1];
	const size_t n = strnlen(b, ZX_CONF_STR);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diag = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			const unsigned up = row[j];
			unsigned best = diag + (a[i - 1] != b[j - 1]);

			best = up + 1 < best ? up + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diag = up;
			row[j] = best;
		}
	}
	return row[n];
}

static int unknown_key(const char *name, char *errbuf, size_t errlen)
{
	const struct key *near = NULL;
	unsigned best = UINT32_MAX;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		const unsigned d = distance(keys[i].name, name);

		if (d < best) {
			best = d;
			near = &keys[i];
		}
	}
	if (near && best <= 2 + strlen(near->name) / 3)
		return fail(errbuf, errlen, "unknown key \"%.64s\"; did you mean %s?", name, near->name);
	return fail(errbuf, errlen, "unknown key \"%.64s\"", name);
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (!strcasecmp(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

/* Splits `key = value` in place. */
static int set_line(struct zx_conf *c, char *line, const struct key **kp, char *errbuf, size_t errlen)
{
	char *eq = strchr(line, '=');
	const struct key *k;
	char *name;

	if (!eq)
		return fail(errbuf, errlen, "\"%.64s\" is not KEY = VALUE", line);
	*eq = 0;
	name = zx_trim(line);
	k = find_key(name);
	if (!k)
		return unknown_key(name, errbuf, errlen);
	*kp = k;
	return set_value(c, k, zx_trim(eq + 1), errbuf, errlen);
}

int zx_conf_set(struct zx_conf *c, const char *key_eq_value, char *errbuf, size_t errlen)
{
	char line[LINE_LEN];
	const struct key *k;

	if (zx_strcpy(line, sizeof(line), key_eq_value))
		return fail(errbuf, errlen, "\"%.32s...\" is too long", key_eq_value);
	return set_line(c, line, &k, errbuf, errlen);
}

void zx_conf_defaults(struct zx_conf *c)
{
	char err[256];

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (set_value(c, &keys[i], keys[i].def, err, sizeof(err))) {
			fprintf(stderr, "conf table: %s\n", err);
			abort();
		}
	}
}

/* A comment begins with # at the start of the line or after white space. */
static void cut_comment(char *line)
{
	for (char *p = line; *p; p++) {
		if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = 0;
			return;
		}
	}
}

static int load_lines(struct zx_conf *c, FILE *f, const char *path, char *errbuf, size_t errlen)
{
	unsigned seen[KEY_COUNT] = {0};
	char *line = NULL, why[384];
	size_t size = 0;
	ssize_t len;
	int err = 0;

	for (unsigned no = 1; !err && (len = getline(&line, &size, f)) >= 0; no++) {
		const struct key *k = NULL;
		char *text = line;

		if (no == 1 && !strncmp(text, "\xef\xbb\xbf", 3))
			text += 3;
		if (len > LINE_LEN || strlen(line) != (size_t)len) {
			err = fail(errbuf, errlen, "%s:%u: %s", path, no, len > LINE_LEN ? "line too long" : "not a text file");
			break;
		}
		cut_comment(text);
		text = zx_trim(text);
		if (!*text)
			continue;
		err = set_line(c, text, &k, why, sizeof(why));
		if (err)
			fail(errbuf, errlen, "%s:%u: %s", path, no, why);
		else if (seen[k - keys])
			err = fail(errbuf, errlen, "%s:%u: %s is given a second time, first in line %u", path, no, k->name, seen[k - keys]);
		else
			seen[k - keys] = no;
	}
	if (!err && ferror(f))
		err = fail(errbuf, errlen, "%s: cannot be read: %s", path, strerror(errno));
	free(line);
	return err;
}

int zx_conf_load(struct zx_conf *c, const char *path, char *errbuf, size_t errlen)
{
	struct zx_conf tmp = *c;
	FILE *f = fopen(path, "re");
	int err;

	if (!f)
		return fail(errbuf, errlen, "%s: cannot be read: %s", path, strerror(errno));
	err = load_lines(&tmp, f, path, errbuf, errlen);
	fclose(f);
	if (!err)
		*c = tmp;
	return err;
}

static bool in_rtp(const struct zx_conf *c, uint32_t port)
{
	return port >= c->rtp_port_min && port <= c->rtp_port_max;
}

int zx_conf_check(const struct zx_conf *c, char *errbuf, size_t errlen)
{
	const struct {
		const char *name;
		uint32_t port;
	} tcp[] = {
	    {"sip.port", c->sip_port}, {"sip.tls_port", c->sip_tls_port}, {"http.port", c->http_port}, {"https.port", c->https_port}};
	const size_t n = sizeof(tcp) / sizeof(tcp[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++) {
			if (tcp[i].port && tcp[i].port == tcp[j].port)
				return fail(errbuf, errlen, "%s and %s are both %u", tcp[i].name, tcp[j].name, tcp[i].port);
		}
	}
	if (c->rtp_port_max < c->rtp_port_min + 3)
		return fail(errbuf, errlen, "rtp.port_max must be at least rtp.port_min + 3: a call takes four ports");
	if (in_rtp(c, c->sip_port))
		return fail(errbuf, errlen, "sip.port %u lies between rtp.port_min and rtp.port_max", c->sip_port);
	if (c->sip_expires_min > c->sip_expires_default || c->sip_expires_default > c->sip_expires_max)
		return fail(errbuf, errlen, "sip.expires_min <= sip.expires_default <= sip.expires_max does not hold");
	if (c->sip_min_se > c->sip_session_expires)
		return fail(errbuf, errlen, "sip.min_se is larger than sip.session_expires");
	if (!*c->https_cert != !*c->https_key)
		return fail(errbuf, errlen, "https.cert and https.key go together: set both or none");
	return 0;
}

void zx_conf_print_sample(FILE *f)
{
	fprintf(f, "# zuoxid.conf, configuration of zuoxid(8).\n"
		   "# Lines are KEY = VALUE. A # at the start of a line or after a space begins a comment.\n"
		   "# The lines below that start with \"#\" and a key show the defaults.\n");
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *k = &keys[i];

		fprintf(f, "\n# %s", k->help);
		switch (k->type) {
		case T_UINT:
			fprintf(f, " (%u to %u)", k->min, k->max);
			break;
		case T_ENUM:
			fprintf(f, " (one of: %s)", k->allowed);
			break;
		case T_BOOL:
			fprintf(f, " (yes or no)");
			break;
		case T_STR:
			break;
		}
		fprintf(f, "\n#%s =%s%s\n", k->name, *k->def ? " " : "", k->def);
	}
}
