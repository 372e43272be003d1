/* How many changes are not applied: counted on the pool after each change, told by the bus. */
#include "web/sys/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bus.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "store/config.h"

enum { PENDING = 64, READ_MS = 10000 };

struct note {
	struct zx_store *st;
	int64_t company_id;
	char table[ZX_NUM_LEN];
};

/* Companies to count; while one count runs the next is gathered, so that a burst of changes is counted once. */
struct count {
	struct zx_store *st;
	unsigned n;
	struct {
		int64_t company_id;
		char table[ZX_NUM_LEN];
		int count; /* -1: could not be told */
	} v[PENDING];
};

/* Loop thread. */
static struct {
	struct count *running, *next;
} counts;

static void count_work(void *arg)
{
	struct count *c = arg;
	struct zx_db *db;
	int err = zx_store_reader(c->st, &db);

	for (unsigned i = 0; i < c->n; i++) {
		unsigned n = 0;

		c->v[i].count = -1;
		if (err || !c->v[i].company_id || zx_db_begin_read(db, READ_MS))
			continue;
		if (!zx_config_unapplied(db, c->v[i].company_id, &n))
			c->v[i].count = (int)n;
		zx_db_end_read(db);
	}
}

static void count_done(void *arg);

static void count_start(struct count *c)
{
	const int err = zx_loop_work(count_work, count_done, c);

	counts.running = err ? NULL : c;
	if (!err)
		return;
	zx_log(ZX_ERROR, "web", "cannot count changes of the configuration: %s", strerror(err));
	free(c);
}

static void count_done(void *arg)
{
	struct count *c = arg, *next = counts.next;

	counts.running = counts.next = NULL;
	for (unsigned i = 0; i < c->n; i++) {
		const struct zx_ev_config ev = {.table = c->v[i].table, .company_id = c->v[i].company_id, .count = c->v[i].count};

		zx_bus_publish(ZX_EV_CONFIG, &ev);
	}
	free(c);
	if (next)
		count_start(next);
}

static void note_taken(void *data, size_t len)
{
	const struct note *n = data;
	struct count *c = counts.next ? counts.next : calloc(1, sizeof(*c));
	unsigned i = 0;

	(void)len;
	if (!c)
		return;
	c->st = n->st;
	while (i < c->n && c->v[i].company_id != n->company_id)
		i++;
	if (i == c->n && c->n < PENDING) {
		c->v[c->n].company_id = n->company_id;
		zx_strcpy(c->v[c->n++].table, sizeof(c->v[0].table), n->table);
	} else if (i < c->n && strcmp(c->v[i].table, n->table) != 0) {
		zx_strcpy(c->v[i].table, sizeof(c->v[i].table), "*");
	} else if (i == c->n) {
		c->v[0].company_id = 0; /* too many: those who look are told to ask */
		zx_strcpy(c->v[0].table, sizeof(c->v[0].table), "*");
	}
	if (counts.running)
		counts.next = c;
	else
		count_start(c);
}

void zx_config_changed(struct zx_web *web, const char *table, int64_t company_id)
{
	struct note n = {.st = web->env.store, .company_id = company_id};

	if (!strcmp(table, "blacklist")) {
		(void)zx_plan_blacklist_load(n.st);
		return;
	}
	if (!strcmp(table, "companies")) {
		(void)zx_plan_reload(n.st, web->env.conf->sip_realm);
		return;
	}
	zx_strcpy(n.table, sizeof(n.table), table);
	(void)zx_loop_post(note_taken, &n, sizeof(n));
}
