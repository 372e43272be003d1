/* Application "hangup"; param: the SIP code, 603 when there is none. */
#include "app/app.h"

#include <stdlib.h>

static void run(struct zx_call *call, const char *param)
{
	const long scode = strtol(param, NULL, 10);

	zx_call_reject(call, scode >= 400 && scode <= 699 ? (uint16_t)scode : 603, "Declined");
}

const struct zx_app zx_app_hangup = {"hangup", run};
