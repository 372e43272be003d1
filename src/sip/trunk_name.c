/* Names of trunks to addresses (RFC 3263), on the pool: the resolver of the system blocks. */
#include "sip/trunk_int.h"

#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "loop/loop.h"

enum { AGAIN_MS = 300000, FAILED_MS = 30000, STANDARD_PORT = 5060, ANSWER_MAX = 4096 };

/* The table answers belong to; NULL when it is gone. Loop thread. */
static struct zx_trunks *live;

struct question {
	int64_t id;
	char host[128], target[256];
	uint16_t port;
	struct sa addr;
	int err;
};

/* The SRV record to use: lowest priority, of these the greatest weight. */
static bool srv_find(struct question *q)
{
	unsigned char answer[ANSWER_MAX];
	char name[160];
	int n, best = -1, best_weight = 0;
	bool found = false;
	ns_msg msg;

	(void)snprintf(name, sizeof(name), "_sip._udp.%s", q->host);
	n = res_query(name, ns_c_in, ns_t_srv, answer, sizeof(answer));
	if (n <= 0 || n > (int)sizeof(answer) || ns_initparse(answer, n, &msg))
		return false;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		const unsigned char *d;
		int priority, weight;
		ns_rr rr;

		if (ns_parserr(&msg, ns_s_an, i, &rr) || ns_rr_type(rr) != ns_t_srv || ns_rr_rdlen(rr) < 7)
			continue;
		d = ns_rr_rdata(rr);
		priority = ns_get16(d);
		weight = ns_get16(d + 2);
		if (found && (priority > best || (priority == best && weight <= best_weight)))
			continue;
		if (ns_name_uncompress(ns_msg_base(msg), ns_msg_end(msg), d + 6, q->target, sizeof(q->target)) < 0)
			continue;
		q->port = ns_get16(d + 4);
		best = priority;
		best_weight = weight;
		found = true;
	}
	return found && strcmp(q->target, ".") != 0 && *q->target;
}

static void resolve_work(void *arg)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
	struct question *q = arg;
	struct addrinfo *res = NULL;
	char port[8];

	zx_strcpy(q->target, sizeof(q->target), q->host);
	if (q->port == STANDARD_PORT && !srv_find(q))
		zx_strcpy(q->target, sizeof(q->target), q->host);
	(void)snprintf(port, sizeof(port), "%u", q->port);
	q->err = getaddrinfo(q->target, port, &hints, &res);
	if (!q->err && res)
		q->err = sa_set_sa(&q->addr, res->ai_addr);
	if (res)
		freeaddrinfo(res);
}

static void again_h(void *arg)
{
	zx_trunk_resolve(arg);
}

static void resolve_done(void *arg)
{
	struct question *q = arg;
	struct zx_trunk *t = live ? zx_trunk_find(live->s, q->id) : NULL;

	if (t && t->resolving) {
		t->resolving = false;
		tmr_start(&t->resolve_tmr, q->err ? FAILED_MS : AGAIN_MS, again_h, t);
		if (q->err && !sa_isset(&t->addr, SA_ADDR)) {
			zx_log(ZX_WARN, "sip", "trunk %s: %s is not known to the name service", t->conf.peer.name, q->host);
			zx_trunk_state_set(t, ZX_TRUNK_DOWN, 0);
		} else if (!q->err && !sa_cmp(&q->addr, &t->addr, SA_ALL)) {
			zx_trunk_addr_set(t, &q->addr);
			zx_trunk_probe(t);
		}
	}
	free(q);
}

void zx_trunk_resolve(struct zx_trunk *t)
{
	struct question *q;

	if (t->resolving)
		return;
	q = calloc(1, sizeof(*q));
	if (!q)
		return;
	live = t->ts;
	q->id = t->conf.peer.id;
	q->port = t->conf.port;
	zx_strcpy(q->host, sizeof(q->host), t->conf.host);
	t->resolving = !zx_loop_work(resolve_work, resolve_done, q);
	if (!t->resolving)
		free(q);
}

void zx_trunk_resolve_close(struct zx_trunks *ts)
{
	if (live == ts)
		live = NULL;
}
