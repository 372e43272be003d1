/* Orders and questions from the web. */
#include "call/core.h"

#include <errno.h>

#include "base/log.h"
#include "base/text.h"

static bool id_h(struct le *le, void *arg)
{
	const struct zx_call *c = le->data;

	return c->id == *(const int64_t *)arg;
}

static struct zx_call *call_find(int64_t id)
{
	return list_ledata(hash_lookup(zx_calls.by_id, (uint32_t)id, id_h, &id));
}

/* How much this leg is what the user of the phone means: what he talks on, then what rings; of equals the newest. */
static int weight(const struct zx_leg *leg)
{
	if (!leg->call)
		return -1;
	if (leg->state == ZX_LEG_UP)
		return zx_call_other(leg->call, leg) ? (zx_call_leg_holds(leg) ? 4 : 5) : 3;
	return leg->state == ZX_LEG_OUT_EARLY ? 2 : 1;
}

static struct zx_leg *ext_leg(const char *ext)
{
	const struct list *l = zx_call_leg_ext_list(ext);
	struct zx_leg *best = NULL;
	int w = -1;

	for (struct le *le = l ? l->head : NULL; le; le = le->next) {
		struct zx_leg *leg = le->data;

		if (!strcmp(leg->num, ext) && weight(leg) >= w && leg->call) {
			best = leg;
			w = weight(leg);
		}
	}
	return best;
}

int zx_call_info(int64_t call_id, struct zx_ev_call *v)
{
	const struct zx_call *c = call_find(call_id);

	if (!c)
		return ENOENT;
	zx_news_fill(v, c, NULL);
	return 0;
}

int zx_call_order_hangup(int64_t call_id, int64_t company_id)
{
	struct zx_call *c = call_find(call_id);

	if (!c || (company_id && c->company_id != company_id))
		return ENOENT;
	zx_call_hangup(c, "system");
	return 0;
}

int zx_call_order_dial(const char *ext, const char *number, int64_t *call_id)
{
	struct zx_call_ext e;
	struct zx_call *c;
	int err;

	if (!*number || strlen(number) >= ZX_NUM_LEN || strlen(ext) >= ZX_NUM_LEN)
		return EINVAL;
	if (zx_call_admit())
		return EAGAIN;
	if (ext_leg(ext))
		return EBUSY;
	if (!zx_calls.ext_h || !zx_calls.ext_h(ext, &e) || !zx_call_leg_reachable(ext))
		return EHOSTUNREACH;
	err = zx_call_alloc(&c, ext, e.name, number, e.company_id);
	if (err)
		return err;
	mem_ref(c);
	c->dir = ZX_CALL_INTERNAL;
	zx_strcpy(c->acting, sizeof(c->acting), ext);
	zx_strcpy(c->caller_ext, sizeof(c->caller_ext), ext);
	zx_call_note(c, "click", number);
	err = zx_dial_click(c, ext);
	if (err) {
		zx_call_end(c, "system", 500, NULL);
	} else {
		*call_id = c->id;
		zx_news_live(c);
	}
	mem_deref(c);
	return err;
}

int zx_call_order_hold(const char *ext, bool hold)
{
	struct zx_leg *leg = ext_leg(ext);

	return leg ? zx_call_hold(leg->call, leg, hold) : ENOENT;
}

int zx_call_order_transfer(const char *ext, const char *number)
{
	struct zx_leg *leg = ext_leg(ext);

	if (!leg)
		return ENOENT;
	if (leg->fork)
		return zx_transfer_divert(leg->call, ext, number);
	return zx_transfer_blind(leg, number, false);
}

int zx_call_order_hangup_ext(const char *ext)
{
	struct zx_leg *leg = ext_leg(ext);

	if (!leg)
		return ENOENT;
	if (leg->fork && zx_dial_rings(leg->call, ext))
		zx_dial_refuse(leg->call);
	else if (!zx_transfer_left(leg)) /* who waits for his transfer leaves it to itself */
		zx_call_end(leg->call, zx_side_name(leg), 487, "Request Terminated");
	return 0;
}

unsigned zx_call_list(int64_t company_id, struct zx_ev_call *v, unsigned max)
{
	unsigned n = 0;

	for (struct le *le = zx_calls.calls.head; le; le = le->next) {
		const struct zx_call *c = le->data;

		if (company_id && c->company_id != company_id)
			continue;
		if (n < max)
			zx_news_fill(&v[n], c, NULL);
		n++;
	}
	return n;
}

unsigned zx_call_count(void)
{
	return zx_calls.n;
}

void zx_call_ext_state(const char *ext, struct zx_ev_call *v)
{
	const struct zx_leg *leg = ext_leg(ext);

	if (leg) {
		zx_news_fill(v, leg->call, leg);
		return;
	}
	memset(v, 0, sizeof(*v));
	v->state = ZX_CALL_ENDED;
	zx_strcpy(v->ext, sizeof(v->ext), ext);
}
