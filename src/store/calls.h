/* Call records at rest. Strings are borrowed for the time of the call. */
#ifndef ZX_STORE_CALLS_H
#define ZX_STORE_CALLS_H

#include "store/store.h"

struct zx_call_row {
	int64_t id, company_id, start, ended;
	int64_t ring, talk; /* ms */
	const char *direction, *caller, *caller_name, *callee, *caller_ext, *callee_ext;
	const char *transfer_to, *app, *trunk, *state, *hangup_by;
	const char *recording, *rec_problem, *quality, *timeline;
	uint16_t scode;
};

/* Insert or replace by id. Called at answer (state "talking") for recorded calls and at the end of every call. */
int zx_call_row_put(struct zx_store *st, const struct zx_call_row *r);
/* At start: rows still "talking" become "interrupted", with talk from the length of their recording when there is one:
 * len_h gives the length in ms of a recording path (0 unknown); it runs on the writer thread while the caller waits. */
int zx_call_rows_repair(struct zx_store *st, int64_t (*len_h)(const char *recording, void *arg), void *arg);

#endif
