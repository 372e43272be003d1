#include "base/bus.h"

#include "base/re.h"

#include <errno.h>

struct zx_bus_sub {
	struct le le;
	uint64_t born;
	zx_bus_h *h;
	void *arg;
};

/* One publication under way; publications nest. */
struct walk {
	struct walk *outer;
	struct le *next;
};

static struct list subs[ZX_EV_COUNT];
static struct walk *walks;
static uint64_t births;

static void sub_destructor(void *data)
{
	struct zx_bus_sub *sub = data;

	for (struct walk *w = walks; w; w = w->outer) {
		if (w->next == &sub->le)
			w->next = sub->le.next;
	}
	list_unlink(&sub->le);
}

int zx_bus_subscribe(struct zx_bus_sub **subp, enum zx_ev type, zx_bus_h *h, void *arg)
{
	struct zx_bus_sub *sub;

	if (!subp || (unsigned)type >= ZX_EV_COUNT || !h)
		return EINVAL;
	sub = mem_zalloc(sizeof(*sub), sub_destructor);
	if (!sub)
		return ENOMEM;
	sub->h = h;
	sub->arg = arg;
	sub->born = ++births;
	list_append(&subs[type], &sub->le, sub);
	*subp = sub;
	return 0;
}

void zx_bus_publish(enum zx_ev type, const void *ev)
{
	const uint64_t now = births; /* who subscribes from now on hears the next one */
	struct walk w = {.outer = walks, .next = subs[type].head};

	walks = &w;
	while (w.next) {
		const struct zx_bus_sub *sub = w.next->data;

		w.next = w.next->next;
		if (sub->born <= now)
			sub->h(type, ev, sub->arg);
	}
	walks = w.outer;
}
