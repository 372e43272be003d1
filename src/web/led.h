/* Extensions of the people a department leader sees, own one included (view led_extensions). */
#ifndef ZX_WEB_LED_H
#define ZX_WEB_LED_H

#include "web/http.h"

struct zx_led {
	unsigned n;
	char (*v)[ZX_NUM_LEN]; /* sorted; owned */
};

/* For one who sees a company or all of them nothing is read: zx_led_sees() is true of every extension. */
int zx_led_load(struct zx_led *l, struct zx_db *db, const struct zx_user *u);
void zx_led_free(struct zx_led *l);
/* Is one of these n numbers within the data scope of u? */
bool zx_led_sees(const struct zx_led *l, const struct zx_user *u, const char *const *exts, unsigned n);

#endif
