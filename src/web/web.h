/* Web: the only room that includes civetweb.h. HTTP(S), sessions, rights, resources, push. */
#ifndef ZX_WEB_WEB_H
#define ZX_WEB_WEB_H

#include "base/conf.h"
#include "call/call.h"

struct zx_web;

enum zx_restart { ZX_RESTART_ASK, ZX_RESTART_NOW, ZX_RESTART_IDLE, ZX_RESTART_CANCEL };

struct zx_web_env {
	const struct zx_conf *conf;
	struct zx_store *store;
	struct zx_sip *sip;
	struct zx_media *media;
	const char *data_dir; /* certificates live in DATA/tls */
	/* Loop thread: has the service end its calls and start anew; NULL: cannot. True: a restart waits for the calls to end. */
	bool (*restart)(enum zx_restart what);
};

/* Starts the server threads; errbuf tells which address or file it was. Call with all signals blocked. */
int zx_web_start(struct zx_web **wp, const struct zx_web_env *env, char *errbuf, size_t errlen);
void zx_web_stop(struct zx_web *w);

#endif
