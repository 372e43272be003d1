/* Application "outside": a number beyond the trunks, by the outbound routes. param: the number. */
#include "app/app.h"

#include <errno.h>

#include "base/conf.h"
#include "base/text.h"

static void done_h(struct zx_call *call, enum zx_dial_result res, uint16_t scode, void *arg)
{
	(void)arg;
	switch (res) {
	case ZX_DIAL_ANSWERED:
		return;
	case ZX_DIAL_BUSY:
		zx_call_reject(call, 486, "Busy Here");
		return;
	case ZX_DIAL_REJECTED:
		zx_call_reject(call, 603, "Decline");
		return;
	case ZX_DIAL_NOTFOUND:
		zx_call_reject(call, 404, "Not Found");
		return;
	case ZX_DIAL_NOANSWER:
		zx_call_reject(call, 480, "Temporarily Unavailable");
		return;
	default:
		zx_call_reject(call, scode == 488 ? 488 : 503, scode == 488 ? "Not Acceptable Here" : "Service Unavailable");
	}
}

static bool allowed(struct zx_call *call, const struct zx_plan_ext *ext)
{
	const int err = ext ? zx_call_outside(call, ext->account.user, ext->out_calls, ext->out_hour) : 0;

	if (!err)
		return true;
	zx_call_note(call, "limit", err == EBUSY ? "out_calls" : "out_hour");
	zx_call_reject(call, 403, "Forbidden");
	return false;
}

void zx_outside_run(struct zx_call *call, const struct zx_plan_ext *ext, const char *number, const char *diverted)
{
	struct zx_call_target t = {.trunkc = 0};
	struct zx_outbound o;

	/* No route: this number, or this extension, may not go out. To the caller it is a number that does not exist. */
	if (zx_plan_route_out(&o, zx_call_company(call), ext ? ext->id : 0, number) || !o.trunkc) {
		zx_call_note(call, "no-route", number);
		zx_call_reject(call, 404, "Not Found");
		return;
	}
	if (!allowed(call, ext))
		return;
	zx_call_app_set(call, "outside");
	zx_strcpy(t.number, sizeof(t.number), o.number);
	for (; t.trunkc < o.trunkc; t.trunkc++)
		t.trunks[t.trunkc] = o.trunks[t.trunkc]->peer.id;
	if (ext)
		zx_strcpy(t.shown, sizeof(t.shown), ext->caller_id);
	zx_strcpy(t.diverted, sizeof(t.diverted), diverted);
	if (zx_call_dial(call, &t, zx_app_conf()->sip_ring_timeout * 1000, done_h, NULL))
		zx_call_reject(call, 500, "Server Internal Error");
}

static void run(struct zx_call *call, const char *param)
{
	zx_outside_run(call, NULL, param, "");
}

const struct zx_app zx_app_outside = {"outside", run};
