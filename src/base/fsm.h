/*
 * State machines as tables. A machine is a table of (state, event) -> (next state, action); one function moves it.
 * The table is an array terminated by an entry with .event = ZX_FSM_END; the first match wins;
 * .state = ZX_FSM_ANY matches every state. An event with no entry is refused (EPROTO) and changes nothing.
 */
#ifndef ZX_BASE_FSM_H
#define ZX_BASE_FSM_H

enum { ZX_FSM_ANY = -1, ZX_FSM_END = -2, ZX_FSM_STAY = -3 };

typedef void(zx_fsm_action_h)(void *obj, void *ev);

struct zx_fsm_rule {
	int event;
	int state;
	int next;                /* ZX_FSM_STAY keeps the state */
	zx_fsm_action_h *action; /* after the state has changed; may be NULL */
};

struct zx_fsm_def {
	const char *name;
	const char *const *state_names, *const *event_names;
	const struct zx_fsm_rule *rules;
};

/* Moves *state; returns 0, or EPROTO when the table has no rule. */
int zx_fsm_event(const struct zx_fsm_def *def, int *state, int event, void *obj, void *ev);

#endif
