/* Application "prompt": plays it and hangs up. param: id of an uploaded one, or the name of a shipped one. */
#include "app/app.h"

#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

static void played_h(struct zx_call *call, void *arg)
{
	(void)arg;
	zx_call_hangup(call, "system");
}

static void run(struct zx_call *call, const char *param)
{
	const bool uploaded = *param && strspn(param, "0123456789") == strlen(param);
	char path[512] = "";
	const struct zx_play play = {.file = uploaded ? path : param, .repeat = 1};

	if (uploaded && zx_plan_sound(path, sizeof(path), zx_call_company(call), strtoll(param, NULL, 10)))
		*path = '\0';
	/* Names lead below the folder of prompts, never out of it. */
	if (!*play.file || *param == '/' || strstr(param, "..") || zx_call_answer(call) || zx_call_play(call, &play, played_h, NULL))
		zx_call_reject(call, 404, "Not Found");
}

const struct zx_app zx_app_prompt = {"prompt", run};
