#include "base/fsm.h"

#include <errno.h>

#include "base/log.h"

int zx_fsm_event(const struct zx_fsm_def *def, int *state, int event, void *obj, void *ev)
{
	const struct zx_fsm_rule *r;

	for (r = def->rules; r->event != ZX_FSM_END; r++) {
		if (r->event == event && (r->state == ZX_FSM_ANY || r->state == *state))
			break;
	}
	if (r->event == ZX_FSM_END) {
		zx_log(ZX_DEBUG, def->name, "%s is not for state %s", def->event_names[event], def->state_names[*state]);
		return EPROTO;
	}
	if (r->next != ZX_FSM_STAY && r->next != *state) {
		zx_log(ZX_DEBUG, def->name, "%s -> %s (%s)", def->state_names[*state], def->state_names[r->next], def->event_names[event]);
		*state = r->next;
	}
	/* The last use of *state: the action may free the object that holds it. */
	if (r->action)
		r->action(obj, ev);
	return 0;
}
