/* Customers' numbers hidden from those who must not see them: first 4 and last 3 digits stay (SPEC 1.5). */
#ifndef ZX_WEB_MASK_H
#define ZX_WEB_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "store/store.h"

/* Has it enough digits to be a phone number of somebody? */
bool zx_looks_number(const char *text);
/* One of our extensions is no customer. */
bool zx_is_extension(struct zx_db *db, const char *number);

/* All texts in it that may be somebody's number: no digit stays. */
void zx_mask_json(struct zx_db *db, cJSON *js);

#endif
