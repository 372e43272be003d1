/* Who changed what, written with the change itself. */
#ifndef ZX_STORE_AUDIT_H
#define ZX_STORE_AUDIT_H

#include "store/store.h"

struct zx_audit {
	int64_t company_id, user_id, row_id; /* 0: none */
	const char *addr;                    /* where the request came from */
	const char *resource, *action;       /* "extensions", "add" */
	const char *before, *after;          /* JSON without secrets; NULL: none */
};

/* Inside an order: the same transaction as the change. */
int zx_audit_put(struct zx_db *db, const struct zx_audit *a);

#endif
