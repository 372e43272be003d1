#include "web/front/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/log.h"

enum { CA_DAYS = 3650, SERVER_DAYS = 397, RENEW_DAYS = 30, MAX_NAMES = 64 };

static void log_ssl(const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	zx_log(ZX_ERROR, "web", "%s: %s", what, text);
	ERR_clear_error();
}

static void path(char out[PATH_MAX], const char *dir, const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", dir, name);
}

/* ---- files ---- */

static X509 *cert_load(const char *dir, const char *name)
{
	char p[PATH_MAX];
	X509 *x = NULL;

	path(p, dir, name);
	FILE *f = fopen(p, "re");
	if (f) {
		x = PEM_read_X509(f, NULL, NULL, NULL);
		fclose(f);
	}
	return x;
}

static EVP_PKEY *key_load(const char *dir, const char *name)
{
	char p[PATH_MAX];
	EVP_PKEY *k = NULL;

	path(p, dir, name);
	FILE *f = fopen(p, "re");
	if (f) {
		k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
	}
	return k;
}

/* Whole or not at all: written beside, synced, renamed. */
static int file_put(const char *dir, const char *name, mode_t mode, X509 *x, EVP_PKEY *k)
{
	char p[PATH_MAX], tmp[PATH_MAX + 8];
	int err = 0;

	path(p, dir, name);
	snprintf(tmp, sizeof(tmp), "%s.new", p);
	unlink(tmp);
	const int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return errno;
	FILE *f = fdopen(fd, "w");
	if (!f) {
		err = errno;
		close(fd);
		return err;
	}
	if (x ? !PEM_write_X509(f, x) : !PEM_write_PKCS8PrivateKey(f, k, NULL, NULL, 0, NULL, NULL))
		err = EIO;
	if (!err && (fflush(f) || fsync(fd)))
		err = errno;
	if (fclose(f) && !err)
		err = errno;
	if (!err && rename(tmp, p))
		err = errno;
	if (err)
		unlink(tmp);
	return err;
}

/* ---- the names this host has ---- */

struct names {
	GENERAL_NAMES *v;
	char host[HOST_NAME_MAX + 1];
};

static void add_ip(struct names *n, const void *addr, int len)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(n->v); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(n->v, i);
		if (g->type == GEN_IPADD && g->d.ip->length == len && !memcmp(g->d.ip->data, addr, (size_t)len))
			return;
	}
	if (sk_GENERAL_NAME_num(n->v) >= MAX_NAMES)
		return;
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING_set(s, addr, len);
	GENERAL_NAME_set0_value(g, GEN_IPADD, s);
	sk_GENERAL_NAME_push(n->v, g);
}

static void add_dns(struct names *n, const char *name)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	ASN1_STRING_set(s, name, -1);
	GENERAL_NAME_set0_value(g, GEN_DNS, s);
	sk_GENERAL_NAME_push(n->v, g);
}

static void names_get(struct names *n)
{
	struct ifaddrs *list = NULL;

	n->v = sk_GENERAL_NAME_new_null();
	if (gethostname(n->host, sizeof(n->host)) || !n->host[0])
		snprintf(n->host, sizeof(n->host), "localhost");
	n->host[sizeof(n->host) - 1] = '\0';
	add_dns(n, n->host);
	if (strcmp(n->host, "localhost"))
		add_dns(n, "localhost");
	add_ip(n, "\x7f\0\0\x01", 4);
	add_ip(n, &in6addr_loopback, 16);
	if (getifaddrs(&list))
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			add_ip(n, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
		if (i->ifa_addr->sa_family != AF_INET6)
			continue;
		const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
		if (!IN6_IS_ADDR_LINKLOCAL(a))
			add_ip(n, a, 16);
	}
	freeifaddrs(list);
}

/* Every name of now is in the certificate. */
static bool names_covered(X509 *x, const struct names *n)
{
	GENERAL_NAMES *have = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool all = have != NULL;

	for (int i = 0; all && i < sk_GENERAL_NAME_num(n->v); i++) {
		bool found = false;
		for (int k = 0; !found && k < sk_GENERAL_NAME_num(have); k++)
			found = !GENERAL_NAME_cmp(sk_GENERAL_NAME_value(n->v, i), sk_GENERAL_NAME_value(have, k));
		all = found;
	}
	GENERAL_NAMES_free(have);
	return all;
}

static bool lasts(X509 *x, int days)
{
	time_t then = time(NULL) + (time_t)days * 86400, now = time(NULL);

	return X509_cmp_time(X509_get0_notAfter(x), &then) > 0 && X509_cmp_time(X509_get0_notBefore(x), &now) <= 0;
}

/* ---- making ---- */

static int add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	const int ok = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok ? 0 : EINVAL;
}

static X509 *cert_new(EVP_PKEY *key, const char *cn, int days)
{
	X509 *x = X509_new();
	BIGNUM *bn = BN_new();

	X509_set_version(x, 2);
	BN_rand(bn, 120, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
	BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "O", MBSTRING_UTF8, (const unsigned char *)"Zuoxi", -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	return x;
}

static int ca_make(const char *dir, const char *host, X509 **xp, EVP_PKEY **kp)
{
	char cn[65];
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = NULL;
	int err = k ? 0 : EIO;

	snprintf(cn, sizeof(cn), "%.40s call centre CA", host);
	if (!err) {
		x = cert_new(k, cn, CA_DAYS);
		X509_set_issuer_name(x, X509_get_subject_name(x));
		err = add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	}
	if (!err)
		err = add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (!err)
		err = add_ext(x, x, NID_subject_key_identifier, "hash");
	if (!err && !X509_sign(x, k, EVP_sha256()))
		err = EIO;
	if (!err)
		err = file_put(dir, "ca.key", 0600, NULL, k);
	if (!err)
		err = file_put(dir, "ca.crt", 0644, x, NULL);
	if (err) {
		X509_free(x);
		EVP_PKEY_free(k);
		return err;
	}
	zx_log(ZX_INFO, "web", "made a certificate authority: %s/ca.crt", dir);
	*xp = x;
	*kp = k;
	return 0;
}

static int server_make(const char *dir, X509 *ca, EVP_PKEY *cakey, const struct names *n)
{
	char cn[65];
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = NULL;
	int err = k ? 0 : EIO;

	snprintf(cn, sizeof(cn), "%.63s", n->host);
	if (!err) {
		x = cert_new(k, cn, SERVER_DAYS);
		X509_set_issuer_name(x, X509_get_subject_name(ca));
		err = add_ext(x, ca, NID_basic_constraints, "critical,CA:FALSE");
	}
	if (!err)
		err = add_ext(x, ca, NID_key_usage, "critical,digitalSignature");
	if (!err)
		err = add_ext(x, ca, NID_ext_key_usage, "serverAuth");
	if (!err)
		err = add_ext(x, ca, NID_authority_key_identifier, "keyid");
	if (!err && X509_add1_ext_i2d(x, NID_subject_alt_name, n->v, 0, X509V3_ADD_DEFAULT) != 1)
		err = EIO;
	if (!err && !X509_sign(x, cakey, EVP_sha256()))
		err = EIO;
	/* a crash between the two leaves a pair that does not fit: zx_cert_ensure() makes another */
	if (!err)
		err = file_put(dir, "server.key", 0600, NULL, k);
	if (!err)
		err = file_put(dir, "server.crt", 0644, x, NULL);
	X509_free(x);
	EVP_PKEY_free(k);
	return err;
}

static bool server_good(const char *dir, X509 *ca, const struct names *n)
{
	X509 *x = cert_load(dir, "server.crt");
	EVP_PKEY *k = key_load(dir, "server.key");
	const bool good = x && k && X509_check_private_key(x, k) == 1 && X509_verify(x, X509_get0_pubkey(ca)) == 1 &&
			  lasts(x, RENEW_DAYS) && names_covered(x, n);

	X509_free(x);
	EVP_PKEY_free(k);
	ERR_clear_error();
	return good;
}

int zx_cert_ensure(const char *dir)
{
	struct names n = {0};
	X509 *ca = NULL;
	EVP_PKEY *cakey = NULL;
	int err = 0;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		zx_log(ZX_ERROR, "web", "%s: %m", dir);
		return errno;
	}
	names_get(&n);
	ca = cert_load(dir, "ca.crt");
	cakey = key_load(dir, "ca.key");
	if (!ca || !cakey || X509_check_private_key(ca, cakey) != 1 || !lasts(ca, SERVER_DAYS)) {
		X509_free(ca);
		EVP_PKEY_free(cakey);
		ca = NULL;
		cakey = NULL;
		ERR_clear_error();
		err = ca_make(dir, n.host, &ca, &cakey);
	}
	if (!err && server_good(dir, ca, &n))
		err = EALREADY;
	else if (!err)
		err = server_make(dir, ca, cakey, &n);
	if (!err)
		zx_log(ZX_INFO, "web", "made a server certificate for %s", n.host);
	else if (err != EALREADY)
		zx_log(ZX_ERROR, "web", "certificates in %s: %s", dir, strerror(err));
	X509_free(ca);
	EVP_PKEY_free(cakey);
	GENERAL_NAMES_free(n.v);
	return err;
}

static int alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned int inlen, void *arg)
{
	static const unsigned char http11[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen, http11, sizeof(http11) - 1, in, inlen) ==
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_OK;
	return SSL_TLSEXT_ERR_NOACK;
}

SSL_CTX *zx_cert_ctx(const char *cert, const char *key, const char *dir)
{
	char cp[PATH_MAX], kp[PATH_MAX];
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx) {
		log_ssl("TLS");
		return NULL;
	}
	path(cp, dir, "server.crt");
	path(kp, dir, "server.key");
	if (cert[0]) {
		snprintf(cp, sizeof(cp), "%s", cert);
		snprintf(kp, sizeof(kp), "%s", key[0] ? key : cert);
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"zuoxi", 5);
	SSL_CTX_sess_set_cache_size(ctx, 256);
	SSL_CTX_set_alpn_select_cb(ctx, alpn, NULL);
	if (SSL_CTX_use_certificate_chain_file(ctx, cp) != 1 || SSL_CTX_use_PrivateKey_file(ctx, kp, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		log_ssl(cp);
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}
