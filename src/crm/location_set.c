/* The set that look-ups see, and its replacement. */
#include "crm/location_priv.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "store/store.h"

static struct {
	pthread_mutex_t change; /* one at a time */
	_Atomic(struct zx_location_set *) set;
	/* Those who look something up now. A set that was replaced is freed after an instant without any: whoever could hold it was counted
	 * before he took it. A look-up takes some 100 ns, so such instants are many. */
	atomic_uint readers;
} the = {.change = PTHREAD_MUTEX_INITIALIZER};

const struct zx_location_set *zx_location_enter(void)
{
	atomic_fetch_add(&the.readers, 1);
	return atomic_load(&the.set);
}

void zx_location_leave(void)
{
	atomic_fetch_sub(&the.readers, 1);
}

static void replace(struct zx_location_set *set)
{
	struct zx_location_set *old = atomic_exchange(&the.set, set);

	while (atomic_load(&the.readers))
		sched_yield();
	free(old);
}

static struct zx_location_set *copy(void)
{
	struct zx_location_set *set = calloc(1, sizeof(*set)), *now = atomic_load(&the.set);

	if (set && now)
		*set = *now;
	return set;
}

int zx_location_put_table(struct zx_location_table *t)
{
	struct zx_location_table *old;
	struct zx_location_set *set;

	pthread_mutex_lock(&the.change);
	set = copy();
	if (set) {
		old = set->table;
		set->table = t;
		replace(set);
		free(old);
	}
	pthread_mutex_unlock(&the.change);
	return set ? 0 : ENOMEM;
}

void zx_location_own_free(struct zx_location_own *o)
{
	if (!o)
		return;
	free(o->prefix);
	free(o->value);
	free(o->at);
	free(o);
}

int zx_location_put_own(struct zx_location_own *o)
{
	struct zx_location_own *old;
	struct zx_location_set *set;

	pthread_mutex_lock(&the.change);
	set = copy();
	if (set) {
		old = set->own;
		set->own = o;
		replace(set);
		zx_location_own_free(old);
	}
	pthread_mutex_unlock(&the.change);
	return set ? 0 : ENOMEM;
}

void zx_location_close(void)
{
	struct zx_location_set *now;

	pthread_mutex_lock(&the.change);
	now = atomic_exchange(&the.set, NULL);
	while (atomic_load(&the.readers))
		sched_yield();
	if (now) {
		free(now->table);
		zx_location_own_free(now->own);
		free(now);
	}
	pthread_mutex_unlock(&the.change);
}

uint32_t zx_location_own_at(const struct zx_location_own *o, uint32_t prefix)
{
	uint32_t lo = 0, hi = o->n;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (o->prefix[mid] < prefix)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- building rows of one's own: the same place is kept once ---- */

struct builder {
	struct zx_location_own *o;
	uint32_t cap, value_cap, hash_size;
	uint32_t *hash; /* value + 1; 0 free */
};

static uint32_t hash_of(const struct zx_location *at)
{
	const unsigned char *p = (const unsigned char *)at;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(*at); i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static int hash_grow(struct builder *b)
{
	const uint32_t size = b->hash_size ? b->hash_size * 2 : 1024;
	uint32_t *hash = calloc(size, sizeof(*hash));

	if (!hash)
		return ENOMEM;
	for (uint32_t i = 0; i < b->o->values; i++) {
		uint32_t h = hash_of(&b->o->at[i]) & (size - 1);

		while (hash[h])
			h = (h + 1) & (size - 1);
		hash[h] = i + 1;
	}
	free(b->hash);
	b->hash = hash;
	b->hash_size = size;
	return 0;
}

static int value_of(struct builder *b, const struct zx_location *at, uint32_t *value)
{
	struct zx_location_own *o = b->o;
	uint32_t h;

	if (o->values * 2 >= b->hash_size && hash_grow(b))
		return ENOMEM;
	for (h = hash_of(at) & (b->hash_size - 1); b->hash[h]; h = (h + 1) & (b->hash_size - 1)) {
		if (!memcmp(&o->at[b->hash[h] - 1], at, sizeof(*at))) {
			*value = b->hash[h] - 1;
			return 0;
		}
	}
	if (o->values == b->value_cap) {
		const uint32_t cap = b->value_cap ? b->value_cap * 2 : 64;
		struct zx_location *p = realloc(o->at, cap * sizeof(*p));

		if (!p)
			return ENOMEM;
		o->at = p;
		b->value_cap = cap;
	}
	o->at[o->values] = *at;
	*value = o->values;
	b->hash[h] = ++o->values;
	return 0;
}

static int row_add(struct builder *b, const struct zx_location_row *row)
{
	struct zx_location_own *o = b->o;
	struct zx_location at = {.mobile = true};

	if (row->prefix < ZX_LOCATION_FIRST || row->prefix >= ZX_LOCATION_END || (o->n && row->prefix <= o->prefix[o->n - 1]))
		return EINVAL;
	if (o->n == b->cap) {
		const uint32_t cap = b->cap ? b->cap * 2 : 256;
		uint32_t *p = realloc(o->prefix, cap * sizeof(*p)), *v;

		if (p)
			o->prefix = p;
		v = p ? realloc(o->value, cap * sizeof(*v)) : NULL;
		if (!v)
			return ENOMEM;
		o->value = v;
		b->cap = cap;
	}
	/* the bytes behind the texts count in the comparison */
	zx_strcpy(at.province, sizeof(at.province), row->at.province);
	zx_strcpy(at.city, sizeof(at.city), row->at.city);
	zx_strcpy(at.area_code, sizeof(at.area_code), row->at.area_code);
	zx_strcpy(at.carrier, sizeof(at.carrier), row->at.carrier);
	o->prefix[o->n] = row->prefix;
	const int err = value_of(b, &at, &o->value[o->n]);
	o->n += !err;
	return err;
}

static int build_end(struct builder *b, int err)
{
	struct zx_location_own *o = b->o;

	free(b->hash);
	if (!err && !o->n) {
		zx_location_own_free(o);
		o = NULL;
	}
	if (!err)
		err = zx_location_put_own(o);
	if (err)
		zx_location_own_free(o);
	return err;
}

int zx_location_own_set(const struct zx_location_row *rows, uint32_t n)
{
	struct builder b = {.o = calloc(1, sizeof(*b.o))};
	int err = b.o ? 0 : ENOMEM;

	for (uint32_t i = 0; i < n && !err; i++)
		err = row_add(&b, &rows[i]);
	return b.o ? build_end(&b, err) : err;
}

static void read_text(char *out, size_t len, struct zx_stmt *s, int col)
{
	strncpy(out, zx_col_text(s, col), len - 1);
	out[len - 1] = 0;
}

int zx_location_own_load(struct zx_store *st)
{
	struct builder b = {.o = calloc(1, sizeof(*b.o))};
	struct zx_db *db;
	struct zx_stmt *s;
	int err = b.o ? zx_store_reader(st, &db) : ENOMEM;

	if (!err)
		err = zx_stmt_get(&s, db, "location_all");
	while (!err && !(err = zx_stmt_step(s))) {
		struct zx_location_row row = {.prefix = (uint32_t)strtoul(zx_col_text(s, 0), NULL, 10)};

		read_text(row.at.province, sizeof(row.at.province), s, 1);
		read_text(row.at.city, sizeof(row.at.city), s, 2);
		read_text(row.at.area_code, sizeof(row.at.area_code), s, 3);
		read_text(row.at.carrier, sizeof(row.at.carrier), s, 4);
		err = row_add(&b, &row);
		if (err)
			zx_stmt_reset(s);
	}
	if (err == ENODATA)
		err = 0;
	if (b.o)
		err = build_end(&b, err);
	if (err)
		zx_log(ZX_ERROR, "crm", "number locations of one's own cannot be read: %s", strerror(err));
	return err;
}
