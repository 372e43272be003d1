/* Circles a caller can go round in without doing anything: time conditions, IVRs at their end, queues that overflow. */
#include "plan/check_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { EXITS = 2 };

static const enum zx_plan_kind node_kinds[] = {ZX_PLAN_TIME, ZX_PLAN_IVR, ZX_PLAN_QUEUE};
enum { NODE_KINDS = sizeof(node_kinds) / sizeof(node_kinds[0]) };

struct graph {
	const struct zx_check *c;
	unsigned n, base[NODE_KINDS]; /* node of the first of each kind */
	unsigned (*exits)[EXITS];     /* node + 1; 0 none */
	unsigned *from;               /* of a search: the node before, + 1; 0 not seen */
	unsigned *queue;
};

static unsigned node_of(const struct graph *g, const struct zx_plan_target *t)
{
	const int kind = zx_check_app_kind(t->app);

	for (unsigned i = 0; i < NODE_KINDS; i++) {
		const void *item = kind == (int)node_kinds[i] ? zx_plan_find(g->c->p, node_kinds[i], t->id) : NULL;

		if (item)
			return g->base[i] +
			       (unsigned)(((const char *)item - (const char *)g->c->p->lists[kind].v) /
					  (ptrdiff_t)zx_plan_size(node_kinds[i])) +
			       1;
	}
	return 0;
}

static const void *item_of(const struct graph *g, unsigned node, enum zx_plan_kind *kind)
{
	unsigned i = NODE_KINDS - 1;

	while (node < g->base[i])
		i--;
	*kind = node_kinds[i];
	return (const char *)g->c->p->lists[*kind].v + (node - g->base[i]) * zx_plan_size(*kind);
}

static void set_exits(struct graph *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		enum zx_plan_kind kind;
		const void *item = item_of(g, i, &kind);

		if (kind == ZX_PLAN_TIME) {
			g->exits[i][0] = node_of(g, &((const struct zx_plan_time *)item)->in);
			g->exits[i][1] = node_of(g, &((const struct zx_plan_time *)item)->out);
		} else {
			g->exits[i][0] = node_of(g, kind == ZX_PLAN_IVR ? &((const struct zx_plan_ivr *)item)->last
									: &((const struct zx_plan_queue *)item)->overflow);
		}
	}
}

/* The shortest way from a node back to itself is in .from then. */
static bool circle(struct graph *g, unsigned start)
{
	unsigned head = 0, tail = 0;

	memset(g->from, 0, g->n * sizeof(*g->from));
	g->queue[tail++] = start;
	while (head < tail) {
		const unsigned at = g->queue[head++];

		for (unsigned e = 0; e < EXITS; e++) {
			const unsigned to = g->exits[at][e];

			if (!to || g->from[to - 1])
				continue;
			g->from[to - 1] = at + 1;
			if (to - 1 == start)
				return true;
			g->queue[tail++] = to - 1;
		}
	}
	return false;
}

/* Told once, at the first of its nodes. */
static void tell(struct graph *g, unsigned start)
{
	char text[400] = "", part[ZX_NAME_LEN + 40], more[sizeof(text) + sizeof(part) + 8];
	bool times = true;
	enum zx_plan_kind kind;
	const void *item;
	unsigned node = start;

	for (bool round = false;; round = true) { /* from its end to its beginning, which are the same node */
		item = item_of(g, node, &kind);
		times = times && kind == ZX_PLAN_TIME;
		zx_check_label(kind, item, part, sizeof(part));
		snprintf(more, sizeof(more), "%s%s%s", part, round ? " → " : "", text);
		zx_strcpy(text, sizeof(text), more);
		zx_utf8_cut(text);
		if (round && node == start)
			break;
		node = g->from[node] - 1;
		if (node < start)
			return;
	}
	item = item_of(g, start, &kind);
	zx_check_tell(g->c, times, "loop", &(struct zx_check_row){kind, item, kind == ZX_PLAN_TIME ? "in_app" : "app"},
		      "去向绕成了圈：%s，来电永远没有出口，请改其中一个去向",
		      "It leads in a circle: %s; a caller would go round for ever, change one of the targets", text);
}

int zx_check_loops(const struct zx_check *c)
{
	struct graph g = {.c = c};
	int err = 0;

	for (unsigned i = 0; i < NODE_KINDS; i++) {
		g.base[i] = g.n;
		g.n += c->p->lists[node_kinds[i]].n;
	}
	g.exits = calloc(g.n + 1, sizeof(*g.exits));
	g.from = calloc(g.n + 1, sizeof(*g.from));
	g.queue = calloc(g.n + 1, sizeof(*g.queue));
	if (!g.exits || !g.from || !g.queue) {
		err = ENOMEM;
		goto out;
	}
	set_exits(&g);
	for (unsigned i = 0; i < g.n; i++)
		if (circle(&g, i))
			tell(&g, i);
out:
	free(g.exits);
	free(g.from);
	free(g.queue);
	return err;
}
