/* Sessions of people: cookie token -> user with rights. Only the token's SHA-256 is stored. */
#ifndef ZX_WEB_SESSION_H
#define ZX_WEB_SESSION_H

#include "web/http.h"

enum { ZX_TOUCH_MS = 60000 };

/* The session of a Cookie header's value; ENOENT: none, ended, or its user is locked. Any thread that may read the store. */
int zx_session_load(struct zx_session *s, struct zx_web *web, const char *cookie, bool tls);
/* Again by its token, e.g. for a socket that lives long. */
int zx_session_reload(struct zx_session *s, struct zx_web *web);
/* The user is there: at most one write a minute. */
void zx_session_touch(struct zx_session *s, struct zx_web *web);

/* at least 10 characters, or 8 of three kinds; not the login; not one of the worst. */
bool zx_password_weak(const char *password, const char *login);

/* Host named by Origin is the one the request went to; no Origin: true unless `must`. */
bool zx_origin_ok(const char *origin, const char *host, bool must);

/* The password of who asks. Takes its time; count failures. */
bool zx_session_proved(struct zx_req *r, const char *password);
/* 429 with Retry-After. */
void zx_throttled(struct zx_req *r, uint64_t wait_ms);

/* handlers */
void zx_session_get(struct zx_req *r);
void zx_session_post(struct zx_req *r);
void zx_session_delete(struct zx_req *r);
void zx_session_password(struct zx_req *r);

#endif
