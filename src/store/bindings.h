/* Registrar bindings at rest. */
#ifndef ZX_STORE_BINDINGS_H
#define ZX_STORE_BINDINGS_H

#include "base/event.h"
#include "store/store.h"

struct zx_binding_row {
	char ext[ZX_NUM_LEN];
	char contact[256], instance[128], callid[128], path[256], agent[96];
	char tp[8], src[64], dst[64];
	uint32_t reg_id, cseq;
	int64_t expires; /* epoch ms */
	uint16_t q;      /* 0..1000 */
};

/* Insert or replace; done after the commit. A change of the same binding that is still queued is merged by the caller, not here. */
int zx_binding_put(struct zx_store *st, const struct zx_binding_row *b, zx_store_done_h *done, void *arg);
int zx_binding_del(struct zx_store *st, const char *ext, const char *contact);
/* Many at once (write-behind of refreshed expiries). rows are copied. */
int zx_binding_put_many(struct zx_store *st, const struct zx_binding_row *rows, size_t n);
/* All unexpired ones, at start, before the loop runs. */
int zx_binding_load(struct zx_store *st, int64_t now, void (*h)(const struct zx_binding_row *b, void *arg), void *arg);

#endif
