/* Inside the location files: the shipped table, rows over it, and how both are reached without a lock. */
#ifndef ZX_CRM_LOCATION_PRIV_H
#define ZX_CRM_LOCATION_PRIV_H

#include "crm/location.h"

enum { ZX_LOCATION_BLOCK = 1000 };

struct zx_location_head {
	char magic[8];
	uint32_t crc;
	uint32_t version;
	uint32_t values, blocks, runs, text_len;
	uint32_t placed, bare, areas;
};

struct zx_location_value {
	uint16_t province, city, area, carrier;
};

struct zx_location_run {
	uint16_t start, value;
};

struct zx_location_table {
	size_t size;
	const struct zx_location_head *head;
	const struct zx_location_value *values;
	const uint16_t *areas;
	const uint32_t *blocks;
	const struct zx_location_run *runs;
	const char *text;
	unsigned char data[] __attribute__((aligned(8)));
};

/* Rows of one's own. */
struct zx_location_own {
	uint32_t n, values;
	uint32_t *prefix; /* rising */
	uint32_t *value;  /* of each, into .at */
	struct zx_location *at;
};

/* What look-ups see: never changed, replaced as a whole. */
struct zx_location_set {
	struct zx_location_table *table; /* NULL: none */
	struct zx_location_own *own;     /* NULL: none */
};

/* A set stays until everybody has left; not for long: changes wait. */
const struct zx_location_set *zx_location_enter(void);
void zx_location_leave(void);
/* Replaces one part (the other argument is left alone) and frees what was there. */
int zx_location_put_table(struct zx_location_table *t);
int zx_location_put_own(struct zx_location_own *o);
void zx_location_own_free(struct zx_location_own *o);

void zx_location_value_copy(const struct zx_location_table *t, uint32_t value, bool mobile, struct zx_location *out);
/* The run that covers prefix n, counted from ZX_LOCATION_FIRST. */
uint32_t zx_location_run_of(const struct zx_location_table *t, uint32_t n);
/* Index of the first own row at or after the prefix. */
uint32_t zx_location_own_at(const struct zx_location_own *o, uint32_t prefix);

#endif
