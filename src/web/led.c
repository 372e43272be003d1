#include "web/led.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int zx_led_load(struct zx_led *l, struct zx_db *db, const struct zx_user *u)
{
	struct zx_stmt *s;
	unsigned cap = 0;
	int err;

	*l = (struct zx_led){0};
	if (u->scope != ZX_SCOPE_DEPARTMENT)
		return 0;
	err = zx_stmt_get(&s, db, "web_led");
	if (err)
		return err;
	zx_bind_int(s, ":user", u->id);
	while (!(err = zx_stmt_step(s))) {
		if (l->n == cap) {
			void *p = realloc(l->v, (cap = cap ? 2 * cap : 32) * sizeof(*l->v));
			if (!p) {
				err = ENOMEM;
				break;
			}
			l->v = p;
		}
		zx_strcpy(l->v[l->n++], ZX_NUM_LEN, zx_col_text(s, 0));
	}
	zx_stmt_reset(s);
	if (err == ENODATA)
		return 0;
	zx_led_free(l);
	return err;
}

void zx_led_free(struct zx_led *l)
{
	free(l->v);
	*l = (struct zx_led){0};
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool zx_led_sees(const struct zx_led *l, const struct zx_user *u, const char *const *exts, unsigned n)
{
	if (u->scope >= ZX_SCOPE_COMPANY)
		return true;
	for (unsigned i = 0; i < n; i++) {
		if (!*exts[i])
			continue;
		if (!strcmp(exts[i], u->ext))
			return true;
		if (u->scope == ZX_SCOPE_DEPARTMENT && l->n && bsearch(exts[i], l->v, l->n, sizeof(*l->v), compare))
			return true;
	}
	return false;
}
