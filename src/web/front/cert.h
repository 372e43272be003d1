/* The house's own CA and server certificate, made at first start: DIR/ca.crt, ca.key, server.crt, server.key (keys mode 600). */
#ifndef ZX_WEB_CERT_H
#define ZX_WEB_CERT_H

#include <openssl/ssl.h>

/* 0: a server certificate was made; EALREADY: the one there names this host and all its addresses and is far from its end; else errno. */
int zx_cert_ensure(const char *dir);
/* Server context, TLS 1.2 and later, from the administrator's PEM files (cert not ""), else from DIR; NULL with the reason logged. */
SSL_CTX *zx_cert_ctx(const char *cert, const char *key, const char *dir);

#endif
