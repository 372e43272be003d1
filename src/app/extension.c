/* Application "extension": rings all phones of an extension. */
#include "app/app.h"

#include "base/conf.h"
#include "base/text.h"
#include "plan/plan.h"

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
	case ZX_DIAL_UNREACHABLE:
		zx_call_reject(call, 480, "Temporarily Unavailable");
		return;
	case ZX_DIAL_FAILED:
		zx_call_reject(call, scode, scode == 488 ? "Not Acceptable Here" : "Service Unavailable");
		return;
	}
}

static void run(struct zx_call *call, const char *param)
{
	const struct zx_plan_ext *to = zx_plan_ext(*param ? param : zx_call_to(call));
	struct zx_call_target t;

	/* Nobody learns what another company has. */
	if (!to || to->account.company_id != zx_call_company(call)) {
		zx_call_reject(call, 404, "Not Found");
		return;
	}
	if (to->record)
		zx_call_record(call, true);
	zx_strcpy(t.ext, sizeof(t.ext), to->account.user);
	if (zx_call_dial(call, &t, zx_app_conf()->sip_ring_timeout * 1000, done_h, NULL))
		zx_call_reject(call, 500, "Server Internal Error");
}

const struct zx_app zx_app_extension = {"extension", run};
