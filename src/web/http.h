/* A request and its reply, on a civetweb worker's thread. */
#ifndef ZX_WEB_HTTP_H
#define ZX_WEB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/event.h"
#include "store/store.h"
#include "web/front/front.h"
#include "web/rights.h"
#include "web/web.h"

struct mg_connection;

enum {
	ZX_BODY_MAX = 1 << 20,
	ZX_JSON_DEPTH = 32,
	ZX_PARAMS_MAX = 64,
	ZX_READ_MS = 5000, /* deadline of the reading of one request */
	ZX_ASK_MS = 2000,  /* patience with the loop */
};

enum zx_lang { ZX_LANG_ZH, ZX_LANG_EN };

struct zx_text {
	const char *zh, *en;
};

/* Who asks. Read from the store with every request. */
struct zx_user {
	int64_t id, company_id, role_id;
	char login[64], name[ZX_NAME_LEN], company[ZX_NAME_LEN], ext[ZX_NUM_LEN], role[64];
	enum zx_scope scope;
	uint64_t rights[ZX_RIGHTS_WORDS]; /* web/rights.h */
	bool pop, mask, must_change, totp;
};

struct zx_session {
	struct zx_user user;
	uint8_t token[32]; /* SHA-256 of the cookie's value */
	char csrf[48];
	int64_t seen;
};

struct zx_params {
	unsigned n;
	struct {
		const char *key, *value;
	} v[ZX_PARAMS_MAX];
	char *text; /* owned */
};

struct zx_web {
	struct zx_web_env env;
	struct zx_front *front;
	struct zx_push *push;
	struct zx_static *files;
	struct zx_throttle *throttle;
	struct zx_jobs *jobs;
	struct zx_sys *sys;
	struct mg_context *mg;
	char rec_dir[4096];
	char realm[64];
	uint16_t backend_port;
};

struct zx_req {
	struct zx_web *web;
	struct mg_connection *mg;
	struct zx_front_peer peer;
	const char *method, *path; /* path decoded, below /api/v1 for the API */
	struct zx_params params;
	enum zx_lang lang;
	bool logged_in, head;
	struct zx_session ses;
	int64_t id;      /* :id of the route */
	char name[96];   /* :name of the route, letters, digits, ".", "_", "-" */
	const void *def; /* the route's own data, e.g. its resource */
	cJSON *body;     /* object, or NULL; owned */
	struct zx_db *db;
	int status; /* replied; 0 = not yet */
	char set_cookie[256];
};

/* ---- reading ---- */
const char *zx_req_header(const struct zx_req *r, const char *name); /* NULL: none */
/* "" when missing. */
const char *zx_req_param(const struct zx_req *r, const char *key);
/* Reads the JSON body into r->body; replies and returns errno when it is too large, no JSON, no object. */
int zx_req_body(struct zx_req *r);
/* The same for any JSON value of at most max bytes; r->body may be a text, a number, an array. */
int zx_req_value(struct zx_req *r, size_t max);
/* The same for any other content, at most max bytes (<= ZX_BODY_MAX); free *bytes. */
int zx_req_bytes(struct zx_req *r, size_t max, char **bytes, size_t *len);

/* A raw body in a file of DATA/tmp, never in memory as a whole. */
struct zx_spool {
	int fd; /* at the beginning of the file; -1: none */
	int64_t size;
	char path[4200];
	char name[256]; /* X-File-Name (percent-encoded UTF-8) without folders; "" none */
};
/* Reads the body, at most max bytes; replies and returns errno when it is too large (413), too slow (408), the disk full (507), or too many
 * uploads are under way (503). An empty body is EINVAL (400). */
int zx_req_spool(struct zx_req *r, struct zx_spool *s, int64_t max);
/* Closes and removes; also of one that is zero or taken over (fd -1, path ""). */
void zx_spool_drop(struct zx_spool *s);
/* DATA/tmp: a new file, and what an earlier run left there (at start). */
int zx_tmp_file(const struct zx_web *web, const char *prefix, char *path, size_t len, int *fd);
int zx_tmp_init(const struct zx_web *web);

/* a=b&c=d, decoded; EINVAL: malformed or not UTF-8, E2BIG: too many. Free with zx_params_free(). */
int zx_params_parse(struct zx_params *p, const char *query);
void zx_params_free(struct zx_params *p);
/* UTF-8, at most ZX_JSON_DEPTH deep, whole text; NULL else. */
cJSON *zx_json_parse(const char *text, size_t len);
/* Whole numbers stay whole: cJSON alone writes 1795379254980770 as 1.79537925498077e+15. */
cJSON *zx_json_int(int64_t v);
void zx_json_add_int(cJSON *o, const char *key, int64_t v);
int64_t zx_json_get_int(const cJSON *js); /* of one made so, or of a parsed number */
/* A string that is an integer all through. */
bool zx_text_int(const char *s, int64_t *v);

/* ---- replying: each exactly once ---- */
void zx_reply_json(struct zx_req *r, int status, cJSON *js); /* takes js; NULL is an allocation failure: 500 */
void zx_reply_empty(struct zx_req *r, int status);
/* Message in the user's language by code; fields: taken, may be NULL; extra members may be added by `more` (taken, may be NULL). */
void zx_reply_error(struct zx_req *r, int status, const char *code, cJSON *fields, cJSON *more);
/* errno of store, loop: 503, 504, 500. */
void zx_reply_errno(struct zx_req *r, int err);
/* Head of a reply whose body follows by zx_reply_write(). len < 0: unknown, the connection ends with the body. headers: whole lines. */
void zx_reply_begin(struct zx_req *r, int status, const char *type, int64_t len, const char *headers);
int zx_reply_write(struct zx_req *r, const void *p, size_t len); /* EPIPE: the client has gone */

const char *zx_text_in(const struct zx_text *t, enum zx_lang lang);
cJSON *zx_text_json(const struct zx_text *t); /* {"zh-CN":..,"en":..} */

#endif
