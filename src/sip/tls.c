/* The SIP server's TLS context. */
#include "sip/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/log.h"

static int add_name(X509 *x)
{
	X509_NAME *n = X509_get_subject_name(x);

	return X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)"zuoxi", -1, -1, 0) && X509_set_issuer_name(x, n);
}

/* ECDSA P-256, ten years, about a millisecond. */
static int selfsigned(X509 **xp, EVP_PKEY **kp)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	if (!k || !x || !X509_set_version(x, 2) || !ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), rand_u64() >> 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(x), -86400) || !X509_gmtime_adj(X509_getm_notAfter(x), 3650L * 86400) ||
	    !X509_set_pubkey(x, k) || !add_name(x) || !X509_sign(x, k, EVP_sha256())) {
		X509_free(x);
		EVP_PKEY_free(k);
		return EIO;
	}
	*xp = x;
	*kp = k;
	return 0;
}

/* Own certificate in DIR/tls/sip.crt, sip.key; kept so that phones see the same one after a restart. */
static int make(const char *dir, const char *crt, const char *key)
{
	char path[400];
	EVP_PKEY *k = NULL;
	X509 *x = NULL;
	FILE *f = NULL;
	int fd, err;

	(void)snprintf(path, sizeof(path), "%s/tls", dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return errno;
	err = selfsigned(&x, &k);
	if (err)
		return err;
	fd = open(key, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f || !PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL) || fclose(f)) {
		err = errno ? errno : EIO;
		goto out;
	}
	f = fopen(crt, "we");
	if (!f || !PEM_write_X509(f, x) || fclose(f))
		err = errno ? errno : EIO;
out:
	X509_free(x);
	EVP_PKEY_free(k);
	return err;
}

int zx_tls_context(SSL_CTX **ctxp, const char *dir, char *errbuf, size_t errlen)
{
	char crt[400], key[400];
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int err = 0;

	if (!ctx)
		return ENOMEM;
	(void)snprintf(crt, sizeof(crt), "%s/tls/server.crt", dir);
	(void)snprintf(key, sizeof(key), "%s/tls/server.key", dir);
	if (access(crt, R_OK) || access(key, R_OK)) {
		(void)snprintf(crt, sizeof(crt), "%s/tls/sip.crt", dir);
		(void)snprintf(key, sizeof(key), "%s/tls/sip.key", dir);
		if (access(crt, R_OK) || access(key, R_OK))
			err = make(dir, crt, key);
	}
	if (err) {
		(void)snprintf(errbuf, errlen, "cannot make the SIP certificate %s: %s", crt, strerror(err));
	} else if (!SSL_CTX_use_certificate_chain_file(ctx, crt) || !SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) ||
		   !SSL_CTX_check_private_key(ctx)) {
		(void)snprintf(errbuf, errlen, "the certificate %s or its key %s cannot be used", crt, key);
		err = EINVAL;
	}
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	*ctxp = ctx;
	return 0;
}
