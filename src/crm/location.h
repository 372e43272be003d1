/* Where a Chinese number is at home: province, city, area code, carrier, from location.dat (packaging/location.py makes it,
 * docs/location.md names the source). The tables live in memory; look-ups are thread-safe, take no memory and well under a
 * microsecond. A number that moved to another carrier (携号转网) still shows the carrier its prefix was given to. */
#ifndef ZX_CRM_LOCATION_H
#define ZX_CRM_LOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 7-digit mobile prefixes known to the format: [ZX_LOCATION_FIRST, ZX_LOCATION_END) */
enum { ZX_LOCATION_FIRST = 1300000, ZX_LOCATION_END = 2000000 };

struct zx_location {
	char province[16]; /* 广东; empty when only the carrier is known */
	char city[48];     /* 深圳市; of a municipality the province again (北京) */
	char area_code[8]; /* 0755; of a mobile the code of its city, empty when not known */
	char carrier[16];  /* 移动 联通 电信 广电; empty for fixed lines and where not known */
	bool mobile;
};

struct zx_location_stats {
	uint32_t placed; /* mobile prefixes with a province */
	uint32_t bare;   /* mobile prefixes with a carrier only */
	uint32_t areas;  /* area codes of fixed lines */
	size_t bytes;    /* memory held */
};

/* Reads and checks path, then replaces what was loaded before. A damaged file is refused (EBADMSG), logged, and changes
 * nothing: what was loaded stays, if nothing was, look-ups answer nothing. Reads the disk: not on the loop thread once calls run. */
int zx_location_load(const char *path);
/* Frees the tables. */
void zx_location_close(void);
/* False when nothing is loaded. */
bool zx_location_stats(struct zx_location_stats *stats);

/* number as people and trunks write it: spaces, dashes and parentheses, +86, 0086, 86, a 0 before a mobile. 11-digit mobiles by
 * their first 7 digits, fixed lines (area code and 5 to 8 digits; without country code the 0 is needed) by area code.
 * False, and out untouched, for anything else. */
bool zx_location_find(const char *number, struct zx_location *out);

/* True when the number is at home in area_code (0755 or 755). False when it is elsewhere or nobody knows. */
bool zx_location_is_local(const char *number, const char *area_code);

/* The first mobile prefix at or after `prefix` that has a row; *found and *out as in a list. False at the end. */
bool zx_location_next(uint32_t prefix, uint32_t *found, struct zx_location *out);

#endif
