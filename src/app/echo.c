/* Application "echo": a line test, one hears oneself. */
#include "app/app.h"

static void run(struct zx_call *call, const char *param)
{
	(void)param;
	if (zx_call_answer(call) || zx_call_echo(call))
		zx_call_reject(call, 480, "Temporarily Unavailable");
}

const struct zx_app zx_app_echo = {"echo", run};
