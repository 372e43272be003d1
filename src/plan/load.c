/* The applied documents of all companies -> snapshot. */
#include "plan/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { LOAD_MS = 15000 };

struct docs {
	struct zx_config_doc **v;
	unsigned n;
};

static int read_docs(struct docs *d, struct zx_db *db)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "config_applied_all");
	while (!err && !(err = zx_stmt_step(s))) {
		struct zx_config_doc **v = reallocarray(d->v, d->n + 1, sizeof(*v));

		if (!v)
			return ENOMEM;
		d->v = v;
		err = zx_config_doc_read(&v[d->n], zx_col_text(s, 1));
		if (err)
			zx_log(ZX_ERROR, "plan", "the applied configuration of company %lld cannot be read", (long long)zx_col_int(s, 0));
		else
			d->n++;
	}
	return err == ENODATA ? 0 : err;
}

int zx_plan_load(struct zx_plan **pp, struct zx_store *st, const char *realm)
{
	struct docs d = {NULL, 0};
	struct zx_db *db;
	int err;

	err = zx_store_reader(st, &db);
	if (!err)
		err = zx_db_begin_read(db, LOAD_MS);
	if (err)
		return err;
	err = read_docs(&d, db);
	if (err)
		zx_log(ZX_ERROR, "plan", "cannot read the configuration: %s (%s)", strerror(err), zx_db_errmsg(db));
	zx_db_end_read(db);
	if (!err)
		err = zx_plan_build(pp, (const struct zx_config_doc *const *)d.v, d.n, st, realm);
	for (unsigned i = 0; i < d.n; i++)
		zx_config_doc_free(d.v[i]);
	free(d.v);
	return err;
}
