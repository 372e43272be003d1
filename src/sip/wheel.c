#include "sip/wheel.h"

#include "base/clock.h"

enum { TICK_MS = 250, SLOTS = 512 };

struct zx_wheel {
	struct list slots[SLOTS];
	struct tmr tmr;
	uint64_t tick; /* the next one to be served */
};

static void place(struct zx_wheel *w, struct zx_wheel_entry *e)
{
	uint64_t t = e->at / TICK_MS + 1;

	if (t < w->tick)
		t = w->tick;
	if (t >= w->tick + SLOTS) /* beyond the horizon: looked at again then */
		t = w->tick + SLOTS - 1;
	list_append(&w->slots[t % SLOTS], &e->le, e);
}

static void serve(struct zx_wheel *w)
{
	const uint64_t now = zx_mono_ms();
	struct list due = w->slots[w->tick % SLOTS];

	/* the slot is emptied first: entries may come back to it for the next turn */
	list_init(&w->slots[w->tick % SLOTS]);
	for (struct le *le = due.head; le; le = le->next)
		le->list = &due;
	w->tick++;
	while (due.head) {
		struct zx_wheel_entry *e = due.head->data;

		list_unlink(&e->le);
		if (e->at > now)
			place(w, e);
		else
			e->h(e->arg);
	}
}

static void ticked(void *arg)
{
	struct zx_wheel *w = arg;
	const uint64_t now = zx_mono_ms() / TICK_MS;

	tmr_start(&w->tmr, TICK_MS, ticked, w);
	for (int i = 0; i < SLOTS && w->tick <= now; i++)
		serve(w);
	if (w->tick <= now) /* a whole turn was slept through: all slots have been served */
		w->tick = now + 1;
}

static void destructor(void *arg)
{
	struct zx_wheel *w = arg;

	tmr_cancel(&w->tmr);
	for (int i = 0; i < SLOTS; i++)
		list_clear(&w->slots[i]);
}

int zx_wheel_alloc(struct zx_wheel **wp)
{
	struct zx_wheel *w = mem_zalloc(sizeof(*w), destructor);

	if (!w)
		return ENOMEM;
	tmr_init(&w->tmr);
	w->tick = zx_mono_ms() / TICK_MS + 1;
	tmr_start(&w->tmr, TICK_MS, ticked, w);
	*wp = w;
	return 0;
}

void zx_wheel_start(struct zx_wheel *w, struct zx_wheel_entry *e, uint64_t at, void (*h)(void *arg), void *arg)
{
	list_unlink(&e->le);
	e->at = at;
	e->h = h;
	e->arg = arg;
	place(w, e);
}

void zx_wheel_stop(struct zx_wheel_entry *e)
{
	list_unlink(&e->le);
}
