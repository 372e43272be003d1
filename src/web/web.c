#include "web/web.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <civetweb.h>

#include "base/log.h"
#include "base/text.h"
#include "web/push/push.h"
#include "web/resource/jobs.h"
#include "web/route.h"
#include "web/session.h"
#include "web/static.h"
#include "web/sys/sys.h"
#include "web/throttle.h"

enum { STACK = 512 << 10, API_LEN = 7 };

static const char API[] = "/api/v1";

static void ca_serve(struct zx_req *r)
{
	static const char HEAD[] = "Cache-Control: no-cache\r\nContent-Disposition: attachment; filename=\"zuoxi-ca.crt\"\r\n";
	char path[PATH_MAX], pem[16384];

	snprintf(path, sizeof(path), "%s/tls/ca.crt", r->web->env.data_dir);
	const int fd = r->web->env.conf->https_cert[0] ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, pem, sizeof(pem)) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	zx_reply_begin(r, 200, "application/x-x509-ca-cert", n, HEAD);
	zx_reply_write(r, pem, (size_t)n);
}

static enum zx_lang lang_of(const char *accept)
{
	/* the first of the two that is named; Chinese when neither is */
	const char *zh = accept ? strstr(accept, "zh") : NULL, *en = accept ? strstr(accept, "en") : NULL;

	return en && (!zh || en < zh) ? ZX_LANG_EN : ZX_LANG_ZH;
}

static void serve(struct zx_req *r)
{
	const size_t n = strlen(API);

	if (!strncmp(r->path, API, n) && (r->path[n] == '/' || !r->path[n])) {
		r->path += n;
		zx_route_run(r);
	} else if (!strcmp(r->path, "/ca.crt") && (r->head || !strcmp(r->method, "GET"))) {
		ca_serve(r);
	} else if (!strcmp(r->path, "/ws")) {
		zx_reply_error(r, 426, "bad_query", NULL, NULL);
	} else {
		zx_static_serve(r);
	}
}

/* Who is behind the connection: found with its first request, kept for its life. NULL: it did not come by the front. */
static const struct zx_front_peer *peer_of(struct mg_connection *mg)
{
	const struct mg_request_info *ri = mg_get_request_info(mg);
	const struct zx_web *w = ri->user_data;
	struct zx_front_peer *peer = ri->conn_data;

	if (peer)
		return peer;
	peer = malloc(sizeof(*peer));
	if (peer && zx_front_peer(w->front, (uint16_t)ri->remote_port, peer)) {
		free(peer);
		peer = NULL;
	}
	mg_set_user_connection_data(mg, peer);
	return peer;
}

static int on_request(struct mg_connection *mg)
{
	const struct mg_request_info *ri = mg_get_request_info(mg);
	const struct zx_front_peer *peer = peer_of(mg);
	struct zx_req *r = calloc(1, sizeof(*r));

	if (!r || !peer) { /* somebody of this machine, by the back door */
		mg_printf(mg, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
		mg_disable_connection_keep_alive(mg);
		free(r);
		return 403;
	}
	r->web = ri->user_data;
	r->mg = mg;
	r->peer = *peer;
	r->method = ri->request_method;
	r->head = !strcmp(r->method, "HEAD");
	r->path = ri->local_uri ? ri->local_uri : "/";
	r->lang = lang_of(mg_get_header(mg, "Accept-Language"));
	const int err = zx_params_parse(&r->params, ri->query_string);
	if (err)
		zx_reply_error(r, 400, "bad_query", NULL, NULL);
	else
		serve(r);
	const int status = r->status;
	zx_params_free(&r->params);
	cJSON_Delete(r->body);
	free(r);
	return status >= 1 && status <= 999 ? status : 500;
}

static void on_close(const struct mg_connection *mg)
{
	free(mg_get_user_connection_data(mg));
	mg_set_user_connection_data(mg, NULL);
}

static int on_log(const struct mg_connection *mg, const char *text)
{
	static struct zx_log_site site;

	(void)mg;
	zx_log_limited(&site, 5, ZX_DEBUG, "web", "civetweb: %s", text);
	return 1;
}

static int on_error(struct mg_connection *mg, int status, const char *text)
{
	(void)text;
	mg_printf(mg, "HTTP/1.1 %d Error\r\nContent-Length: 0\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n", status);
	mg_disable_connection_keep_alive(mg);
	return 0;
}

static int backend_start(struct zx_web *w, char *errbuf, size_t errlen)
{
	static const struct mg_callbacks cb = {
	    .begin_request = on_request,
	    .connection_close = on_close,
	    .log_message = on_log,
	    .http_error = on_error,
	};
	char threads[16];
	const char *options[] = {"listening_ports",
				 "127.0.0.1:0",
				 "num_threads",
				 threads,
				 "enable_keep_alive",
				 "yes",
				 "keep_alive_timeout_ms",
				 "1500",
				 "request_timeout_ms",
				 "15000",
				 "tcp_nodelay",
				 "1",
				 "max_request_size",
				 "16384",
				 "linger_timeout_ms",
				 "-1",
				 "connection_queue",
				 "64",
				 "listen_backlog",
				 "256",
				 "enable_directory_listing",
				 "no",
				 NULL};
	struct mg_server_port port = {0};
	pthread_attr_t attr, old;

	snprintf(threads, sizeof(threads), "%u", w->env.conf->http_threads);
	mg_init_library(0);
	/* civetweb gives its threads the default stack: 8 MB of address space each */
	pthread_getattr_default_np(&old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_setattr_default_np(&attr);
	w->mg = mg_start(&cb, w, options);
	pthread_setattr_default_np(&old);
	pthread_attr_destroy(&attr);
	pthread_attr_destroy(&old);
	if (!w->mg || mg_get_server_ports(w->mg, 1, &port) < 1) {
		snprintf(errbuf, errlen, "web: the server does not start");
		return EIO;
	}
	w->backend_port = (uint16_t)port.port;
	return 0;
}

int zx_web_start(struct zx_web **wp, const struct zx_web_env *env, char *errbuf, size_t errlen)
{
	struct zx_web *w = calloc(1, sizeof(*w));
	char tls_dir[PATH_MAX];
	int err;

	if (!w)
		return ENOMEM;
	w->env = *env;
	snprintf(tls_dir, sizeof(tls_dir), "%s/tls", env->data_dir);
	if (env->conf->recordings_dir[0])
		zx_strcpy(w->rec_dir, sizeof(w->rec_dir), env->conf->recordings_dir);
	else
		snprintf(w->rec_dir, sizeof(w->rec_dir), "%s/recordings", env->data_dir);
	snprintf(errbuf, errlen, "web: out of memory");
	w->throttle = zx_throttle_new();
	err = w->throttle ? zx_push_alloc(&w->push, w) : ENOMEM;
	if (!err) {
		snprintf(errbuf, errlen, "web: %s/tmp cannot be used", env->data_dir);
		err = zx_jobs_alloc(&w->jobs, w);
	}
	if (!err)
		err = zx_static_alloc(&w->files, env->conf->web_root);
	if (!err) {
		const struct zx_front_conf fc = {
		    .listen = env->conf->http_listen,
		    .port = (uint16_t)env->conf->http_port,
		    .tls_port = (uint16_t)env->conf->https_port,
		    .cert = env->conf->https_cert,
		    .key = env->conf->https_key,
		    .tls_dir = tls_dir,
		    .relays = env->conf->http_threads,
		    .h = zx_push_handlers(w->push),
		};
		err = zx_front_alloc(&w->front, &fc, errbuf, errlen);
	}
	if (!err)
		err = backend_start(w, errbuf, errlen);
	if (!err)
		err = zx_push_start(w->push);
	if (!err)
		err = zx_jobs_start(w->jobs);
	if (!err)
		err = zx_sys_start(w);
	if (!err)
		err = zx_front_start(w->front, w->backend_port);
	if (err)
		zx_web_stop(w);
	else
		*wp = w;
	return err;
}

void zx_web_stop(struct zx_web *w)
{
	if (!w)
		return;
	/* clients go first, so that no worker waits for one; all threads have ended before anything is freed */
	zx_front_stop(w->front);
	zx_sys_stop(w);
	zx_jobs_stop(w->jobs);
	zx_push_stop(w->push);
	if (w->mg)
		mg_stop(w->mg);
	zx_sys_free(w);
	zx_jobs_free(w->jobs);
	zx_push_free(w->push);
	zx_front_free(w->front);
	zx_static_free(w->files);
	zx_throttle_free(w->throttle);
	free(w);
}
