/* News of calls on the bus. */
#include "call/core.h"

#include "base/bus.h"
#include "base/text.h"
#include "loop/loop.h"

static int64_t at(const struct zx_call *c, int64_t ms)
{
	return ms >= 0 ? c->start + ms : 0;
}

/* What the party of this leg would say it is doing. */
static enum zx_call_state leg_state(const struct zx_call *c, const struct zx_leg *leg)
{
	switch (leg->state) {
	case ZX_LEG_CLOSING:
	case ZX_LEG_CLOSED:
		return ZX_CALL_ENDED;
	case ZX_LEG_UP:
		return c->state;
	case ZX_LEG_OUT_EARLY:
		return ZX_CALL_RINGING;
	case ZX_LEG_OUT_NEW:
		return ZX_CALL_ROUTING;
	default:
		return c->state;
	}
}

void zx_news_fill(struct zx_ev_call *ev, const struct zx_call *c, const struct zx_leg *leg)
{
	memset(ev, 0, sizeof(*ev));
	ev->call_id = c->id;
	ev->company_id = c->company_id;
	ev->dir = c->dir;
	ev->state = leg ? leg_state(c, leg) : (enum zx_call_state)c->state;
	zx_strcpy(ev->from, sizeof(ev->from), c->from);
	zx_strcpy(ev->from_name, sizeof(ev->from_name), c->from_name);
	zx_strcpy(ev->to, sizeof(ev->to), c->dialled);
	zx_strcpy(ev->where, sizeof(ev->where), c->state == ZX_CALL_HELD ? "hold" : c->app);
	zx_strcpy(ev->trunk, sizeof(ev->trunk), c->trunk);
	ev->start = c->start;
	ev->answered = at(c, c->answered);
	ev->ended = at(c, c->ended);
	ev->recording = c->rec != NULL;
	ev->scode = c->scode;
	if (leg) {
		const struct zx_leg *other = zx_call_other(c, leg);

		if (leg->is_ext)
			zx_strcpy(ev->ext, sizeof(ev->ext), leg->num);
		zx_strcpy(ev->peer, sizeof(ev->peer), other ? other->num : leg == c->served || !c->served ? c->to : zx_call_from(c));
	} else if (c->peer) {
		zx_strcpy(ev->peer, sizeof(ev->peer), c->peer->num);
	}
}

void zx_news_leg(enum zx_ev type, const struct zx_call *c, const struct zx_leg *leg)
{
	struct zx_ev_call ev;

	zx_news_fill(&ev, c, leg);
	if (type == ZX_EV_CALL_ENDED)
		ev.state = ZX_CALL_ENDED;
	zx_bus_publish(type, &ev);
}

void zx_news_ext(enum zx_ev type, const struct zx_call *c, const char *ext, const char *peer)
{
	struct zx_ev_call ev;

	zx_news_fill(&ev, c, NULL);
	zx_strcpy(ev.ext, sizeof(ev.ext), ext);
	zx_strcpy(ev.peer, sizeof(ev.peer), peer);
	zx_bus_publish(type, &ev);
}

static void flush_h(void *arg)
{
	struct list *dirty = &zx_calls.dirty;

	(void)arg;
	zx_calls.flushing = false;
	while (dirty->head) {
		struct zx_call *c = dirty->head->data;
		struct zx_ev_call ev;

		list_unlink(&c->dirty_le);
		zx_news_fill(&ev, c, NULL);
		zx_bus_publish(ZX_EV_CALL_LIVE, &ev);
	}
}

void zx_news_live(struct zx_call *c)
{
	if (zx_call_over(c) || c->dirty_le.list)
		return;
	if (!zx_calls.flushing)
		zx_calls.flushing = !zx_loop_soon(flush_h, NULL);
	list_append(&zx_calls.dirty, &c->dirty_le, c);
}

void zx_news_ended(struct zx_call *c)
{
	struct zx_ev_call ev;

	list_unlink(&c->dirty_le);
	zx_news_fill(&ev, c, NULL);
	zx_bus_publish(ZX_EV_CALL_ENDED, &ev);
	zx_bus_publish(ZX_EV_CALL_LIVE, &ev);
}
