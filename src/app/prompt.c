/* Application "prompt": plays it and hangs up. */
#include "app/app.h"

#include <string.h>

static void played_h(struct zx_call *call, void *arg)
{
	(void)arg;
	zx_call_hangup(call, "system");
}

static void run(struct zx_call *call, const char *param)
{
	const struct zx_play play = {.file = param, .repeat = 1};

	/* Names lead below the folder of prompts, never out of it. */
	if (!*param || *param == '/' || strstr(param, "..") || zx_call_answer(call) || zx_call_play(call, &play, played_h, NULL))
		zx_call_reject(call, 404, "Not Found");
}

const struct zx_app zx_app_prompt = {"prompt", run};
