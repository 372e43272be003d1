/* Application "ivr" (SPEC 2.3): a menu. param: its row. Keys are heard from the first moment on; the prompt stops at once. */
#include "app/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
	DIGIT_MS = 3000, /* between the digits of a number */
	DIGITS_MAX = 16,
};

struct menu {
	struct zx_call *call; /* borrowed: it owns the menu */
	int64_t id;
	struct tmr tmr;
	unsigned played; /* times */
	unsigned n;
	char digits[DIGITS_MAX + 1];
};

static void menu_destructor(void *arg)
{
	struct menu *m = arg;

	tmr_cancel(&m->tmr);
}

static void play_menu(struct menu *m);
static void no_key_h(void *arg);

static const struct zx_plan_ivr *menu_plan(const struct menu *m)
{
	const struct zx_plan_ivr *p = zx_plan_ivr(m->id);

	return p && p->h.company_id == zx_call_company(m->call) ? p : NULL;
}

static void leave(struct menu *m, const struct zx_plan_target *t)
{
	if (*t->app)
		(void)zx_app_target(m->call, t);
	else
		zx_call_hangup(m->call, "system");
}

/* A company's own prompt, or the shipped one of this name ("" none). ENOENT: nothing to play. */
static int play(struct menu *m, int64_t id, const char *shipped, zx_call_played_h *done)
{
	char path[512];
	const struct zx_play own = {.file = path, .repeat = 1}, other = {.file = shipped, .repeat = 1};

	if (id && !zx_plan_sound(path, sizeof(path), zx_call_company(m->call), id) && !zx_call_play(m->call, &own, done, m))
		return 0;
	return *shipped ? zx_call_play(m->call, &other, done, m) : ENOENT;
}

static void again_h(struct zx_call *call, void *arg)
{
	(void)call;
	play_menu(arg);
}

static void last_h(struct zx_call *call, void *arg)
{
	const struct zx_plan_ivr *p = menu_plan(arg);

	if (p)
		leave(arg, &p->last);
	else
		zx_call_hangup(call, "system");
}

/* The caller is told what was wrong, and hears the menu once more unless that was the last time. */
static void once_more(struct menu *m, const struct zx_plan_ivr *p, int64_t prompt_id, const char *shipped)
{
	const bool last = m->played >= p->repeats;

	m->n = 0;
	m->digits[0] = '\0';
	if (!play(m, prompt_id, shipped, last ? last_h : again_h))
		return;
	if (last)
		leave(m, &p->last);
	else
		play_menu(m);
}

static void wait_h(struct zx_call *call, void *arg)
{
	struct menu *m = arg;
	const struct zx_plan_ivr *p = menu_plan(m);

	(void)call;
	if (!m->n)
		tmr_start(&m->tmr, p ? p->timeout : 0, no_key_h, m);
}

static void no_key_h(void *arg)
{
	struct menu *m = arg;
	const struct zx_plan_ivr *p = menu_plan(m);

	if (!p) { /* the menu is gone from the configuration */
		zx_call_hangup(m->call, "system");
		return;
	}
	zx_call_note(m->call, "no-key", p->h.name);
	once_more(m, p, p->timeout_id, p->timeout_id || m->played < p->repeats ? "" : "zh/goodbye");
}

static void play_menu(struct menu *m)
{
	const struct zx_plan_ivr *p = menu_plan(m);

	if (!p) {
		zx_call_hangup(m->call, "system");
		return;
	}
	m->played++;
	if (play(m, p->prompt_id, "", wait_h))
		wait_h(m->call, m);
}

static int key_index(char digit)
{
	return digit >= '0' && digit <= '9' ? digit - '0' : digit == '*' ? 10 : digit == '#' ? 11 : -1;
}

/* An inside number of the same company. */
static bool number_run(struct menu *m)
{
	struct zx_plan_ext who = {.record = false};
	struct zx_route r;

	who.account.company_id = zx_call_company(m->call);
	zx_plan_route_ext(&r, &who, m->digits);
	if (!*r.app)
		return false;
	zx_call_note(m->call, "direct-dial", m->digits);
	return !zx_app_run(m->call, r.app, r.param);
}

static void choose(struct menu *m)
{
	const struct zx_plan_ivr *p = menu_plan(m);
	const int k = m->n == 1 ? key_index(m->digits[0]) : -1;

	if (!p) {
		zx_call_hangup(m->call, "system");
	} else if (k >= 0 && *p->keys[k].app) {
		zx_call_note(m->call, "key", m->digits);
		leave(m, &p->keys[k]);
	} else if (!p->direct_dial || !number_run(m)) {
		zx_call_note(m->call, "wrong-key", m->digits);
		once_more(m, p, p->invalid_id, "zh/invalid");
	}
}

static void digits_h(void *arg)
{
	choose(arg);
}

static void digit_h(struct zx_call *call, char digit, void *arg)
{
	struct menu *m = arg;
	const struct zx_plan_ivr *p = menu_plan(m);
	const int k = key_index(digit);

	(void)call;
	if (k < 0 || !p)
		return;
	(void)zx_call_play_stop(m->call);
	tmr_cancel(&m->tmr);
	if (m->n && digit == '#') { /* the number is complete */
		choose(m);
		return;
	}
	m->digits[m->n++] = digit;
	m->digits[m->n] = '\0';
	/* A key may be the beginning of a number. */
	if (p->direct_dial && digit != '*' && digit != '#' && m->n < DIGITS_MAX)
		tmr_start(&m->tmr, DIGIT_MS, digits_h, m);
	else
		choose(m);
}

static void run(struct zx_call *call, const char *param)
{
	const struct zx_plan_ivr *p = zx_plan_ivr(strtoll(param, NULL, 10));
	struct menu *m;

	if (!p || p->h.company_id != zx_call_company(call) || zx_call_answer(call)) {
		zx_call_reject(call, 404, "Not Found");
		return;
	}
	m = mem_zalloc(sizeof(*m), menu_destructor);
	if (!m) {
		zx_call_reject(call, 500, "Server Internal Error");
		return;
	}
	m->call = call;
	m->id = p->h.id;
	zx_call_app_data_set(call, m);
	zx_call_note(call, "ivr", p->h.name);
	zx_call_digits(call, digit_h, m);
	play_menu(m);
}

const struct zx_app zx_app_ivr = {"ivr", run};
