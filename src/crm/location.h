/* Where a Chinese number is at home: province, city, area code, carrier, from location.dat (packaging/location.py makes it,
 * docs/location.md names the source). The tables live in memory; look-ups are thread-safe, take no lock, no memory and well
 * under a microsecond. Rows of one's own (table locations of the store: newer prefixes, corrections) lie over the shipped ones. A number
 * that moved to another carrier (携号转网) still shows the carrier its prefix was given to. */
#ifndef ZX_CRM_LOCATION_H
#define ZX_CRM_LOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 7-digit mobile prefixes known to the format: [ZX_LOCATION_FIRST, ZX_LOCATION_END) */
enum { ZX_LOCATION_FIRST = 1300000, ZX_LOCATION_END = 2000000 };

struct zx_location {
	char province[40]; /* 广东; empty when only the carrier is known */
	char city[64];     /* 深圳市; of a municipality the province again (北京) */
	char area_code[8]; /* 0755; of a mobile the code of its city, empty when not known */
	char carrier[32];  /* 移动 联通 电信 广电; empty for fixed lines and where not known */
	bool mobile;
};

struct zx_location_stats {
	uint32_t placed; /* mobile prefixes with a province */
	uint32_t bare;   /* mobile prefixes with a carrier only */
	uint32_t areas;  /* area codes of fixed lines */
	uint32_t own;    /* rows of one's own */
	size_t bytes;    /* memory held */
};

/* Reads and checks path, then replaces what was loaded before. A damaged file is refused (EBADMSG), logged, and changes
 * nothing: what was loaded stays, if nothing was, look-ups answer nothing. Reads the disk: not on the loop thread once calls run. */
int zx_location_load(const char *path);
/* Rows of one's own replace those set before. They rise by prefix, none twice; copied. EINVAL when they do not, or lie outside. */
struct zx_location_row {
	uint32_t prefix;
	bool own; /* not a shipped one */
	struct zx_location at;
};
int zx_location_own_set(const struct zx_location_row *rows, uint32_t n);
/* The same from the store's table, with the calling thread's reader: not on the loop thread. */
struct zx_store;
int zx_location_own_load(struct zx_store *st);
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

/* The number as dialled from area_code by carriers who want a 0 before mobiles from elsewhere: out is number, or "0" and number. Only a
 * plain 11-digit mobile that is known to be at home elsewhere gets it; area_code "" changes nothing. ENAMETOOLONG when it does not fit. */
int zx_location_dial(char *out, size_t len, const char *number, const char *area_code);
/* A place that has this area code, of a fixed line. */
bool zx_location_area(const char *area_code, struct zx_location *out);

/* ---- the list of all mobile prefixes, shipped and own ---- */
struct zx_location_filter {
	uint32_t from, to;                                      /* prefixes wanted: [from, to); 0, 0: all */
	bool desc;                                              /* highest first */
	uint32_t after;                                         /* go on behind this one; 0: from the beginning */
	uint32_t skip;                                          /* rows to leave out */
	bool own, shipped;                                      /* which kinds; none set: both */
	bool (*match)(const struct zx_location *at, void *arg); /* asked once for each place, not for each prefix; NULL: all */
	void *arg;
};
/* At most max rows; *total of all that match wherever the page begins; *more: there are more behind. One pass through memory, some ms. */
int zx_location_list(const struct zx_location_filter *f, struct zx_location_row *rows, uint32_t max, uint32_t *n, uint32_t *total,
		     bool *more);
/* The row of one prefix; shipped: the shipped one even under an own one. False when there is none. */
bool zx_location_get(uint32_t prefix, bool shipped, struct zx_location_row *row);

#endif
