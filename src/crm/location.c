#include "crm/location.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "crm/location_priv.h"

/* location.dat, little-endian, nothing between the parts:
 *
 *   head     magic, CRC-32 of all that follows, version, counts
 *   values   value[values]       what a prefix is; offsets into text. Value 0 is "no row"
 *   areas    u16[1000]           area code without its 0 -> value
 *   blocks   u32[blocks + 1]     block of 1000 prefixes -> its first run
 *   runs     run[runs]           from this prefix of the block on -> value, up to the next run
 *   text     strings, each with its NUL; the empty one first
 */
#define MAGIC "ZXLOC\r\n\x1a"
enum { FORMAT = 1, BLOCK = ZX_LOCATION_BLOCK, BLOCKS = (ZX_LOCATION_END - ZX_LOCATION_FIRST) / BLOCK, AREAS = 1000 };
enum { FILE_MAX = 16 << 20, NUMBER_MIN = 8, NUMBER_MAX = 20 };

_Static_assert(sizeof(struct zx_location_head) == 44 && sizeof(struct zx_location_value) == 8 && sizeof(struct zx_location_run) == 4,
	       "layout of the file");

static uint32_t crc32_of(const unsigned char *p, size_t len)
{
	uint32_t step[256], crc = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
		step[i] = c;
	}
	while (len--)
		crc = step[(crc ^ *p++) & 0xFF] ^ crc >> 8;
	return ~crc;
}

/* Places the parts; NULL when all is well, else what is wrong. */
static const char *table_lay(struct zx_location_table *t)
{
	const struct zx_location_head *h = (const struct zx_location_head *)t->data;
	size_t at = sizeof(*h), values, blocks, runs;

	if (t->size < sizeof(*h) || memcmp(h->magic, MAGIC, sizeof(h->magic)))
		return "not a location file";
	if (le32toh(h->version) != FORMAT)
		return "unknown version";
	if (le32toh(h->crc) != crc32_of(t->data + 12, t->size - 12))
		return "checksum does not match";
	values = le32toh(h->values);
	blocks = le32toh(h->blocks);
	runs = le32toh(h->runs);
	if (!values || values > UINT16_MAX + 1u || blocks != BLOCKS || runs > FILE_MAX || !h->text_len || le32toh(h->text_len) > FILE_MAX)
		return "impossible counts";
	t->head = h;
	t->values = (const struct zx_location_value *)(t->data + at);
	at += values * sizeof(*t->values);
	t->areas = (const uint16_t *)(t->data + at);
	at += AREAS * sizeof(*t->areas);
	t->blocks = (const uint32_t *)(t->data + at);
	at += (blocks + 1) * sizeof(*t->blocks);
	t->runs = (const struct zx_location_run *)(t->data + at);
	at += runs * sizeof(*t->runs);
	t->text = (const char *)t->data + at;
	return at + le32toh(h->text_len) == t->size ? NULL : "length does not match the counts";
}

static bool text_fits(const struct zx_location_table *t, uint16_t off, size_t room)
{
	return le16toh(off) < le32toh(t->head->text_len) && strlen(t->text + le16toh(off)) < room;
}

static const char *values_check(const struct zx_location_table *t)
{
	const size_t len = le32toh(t->head->text_len);
	const uint32_t n = le32toh(t->head->values);
	const struct zx_location_value none = {0};
	struct zx_location *room = NULL;

	if (t->text[0] || t->text[len - 1] || !zx_utf8_valid(t->text, len))
		return "bad text";
	if (memcmp(t->values, &none, sizeof(none)))
		return "value 0 is not empty";
	for (uint32_t i = 0; i < n; i++) {
		const struct zx_location_value *v = &t->values[i];

		if (!text_fits(t, v->province, sizeof(room->province)) || !text_fits(t, v->city, sizeof(room->city)) ||
		    !text_fits(t, v->area, sizeof(room->area_code)) || !text_fits(t, v->carrier, sizeof(room->carrier)))
			return "bad value";
	}
	for (unsigned i = 0; i < AREAS; i++)
		if (le16toh(t->areas[i]) >= n)
			return "bad area code";
	return NULL;
}

/* Each block has runs of its own; the first starts at 0, the others rise. */
static const char *runs_check(const struct zx_location_table *t)
{
	const uint32_t runs = le32toh(t->head->runs), n = le32toh(t->head->values);

	if (t->blocks[0] || le32toh(t->blocks[BLOCKS]) != runs)
		return "bad blocks";
	for (unsigned b = 0; b < BLOCKS; b++) {
		const uint32_t first = le32toh(t->blocks[b]), end = le32toh(t->blocks[b + 1]);

		if (first >= end || end > runs || t->runs[first].start)
			return "bad block";
		for (uint32_t i = first; i < end; i++)
			if (le16toh(t->runs[i].value) >= n || le16toh(t->runs[i].start) >= BLOCK ||
			    (i > first && le16toh(t->runs[i].start) <= le16toh(t->runs[i - 1].start)))
				return "bad run";
	}
	return NULL;
}

static int table_read(struct zx_location_table **tp, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct zx_location_table *t = NULL;
	struct stat st;
	size_t got = 0;
	int err = 0;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st)) {
		err = errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		err = S_ISDIR(st.st_mode) ? EISDIR : EFBIG;
		goto out;
	}
	t = calloc(1, sizeof(*t) + (size_t)st.st_size);
	if (!t) {
		err = ENOMEM;
		goto out;
	}
	t->size = (size_t)st.st_size;
	while (got < t->size) {
		const ssize_t n = read(fd, t->data + got, t->size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? errno : EIO;
			goto out;
		}
		got += (size_t)n;
	}
	*tp = t;
out:
	if (err)
		free(t);
	close(fd);
	return err;
}

int zx_location_load(const char *path)
{
	struct zx_location_table *t = NULL;
	const char *why;
	int err;

	if (!path)
		return EINVAL;
	err = table_read(&t, path);
	if (err) {
		zx_log(ZX_WARN, "crm", "number locations: cannot read %s: %s", path, strerror(err));
		return err;
	}
	why = table_lay(t);
	if (!why)
		why = values_check(t);
	if (!why)
		why = runs_check(t);
	if (why) {
		zx_log(ZX_ERROR, "crm", "number locations: %s refused: %s", path, why);
		free(t);
		return EBADMSG;
	}
	zx_log(ZX_INFO, "crm", "number locations: %u mobile prefixes, %u with the carrier only, %u area codes", le32toh(t->head->placed),
	       le32toh(t->head->bare), le32toh(t->head->areas));
	err = zx_location_put_table(t);
	if (err)
		free(t);
	return err;
}

bool zx_location_stats(struct zx_location_stats *stats)
{
	const struct zx_location_set *set = zx_location_enter();
	const bool loaded = set && set->table;

	if (loaded) {
		const struct zx_location_head *h = set->table->head;
		const struct zx_location_own *o = set->own;

		*stats = (struct zx_location_stats){le32toh(h->placed), le32toh(h->bare), le32toh(h->areas), o ? o->n : 0,
						    sizeof(*set->table) + set->table->size};
		if (o)
			stats->bytes += sizeof(*o) + o->n * (sizeof(*o->prefix) + sizeof(*o->value)) + o->values * sizeof(*o->at);
	}
	zx_location_leave();
	return loaded;
}

void zx_location_value_copy(const struct zx_location_table *t, uint32_t i, bool mobile, struct zx_location *out)
{
	const struct zx_location_value *v = &t->values[i];

	zx_strcpy(out->province, sizeof(out->province), t->text + le16toh(v->province));
	zx_strcpy(out->city, sizeof(out->city), t->text + le16toh(v->city));
	zx_strcpy(out->area_code, sizeof(out->area_code), t->text + le16toh(v->area));
	zx_strcpy(out->carrier, sizeof(out->carrier), t->text + le16toh(v->carrier));
	out->mobile = mobile;
}

uint32_t zx_location_run_of(const struct zx_location_table *t, uint32_t n)
{
	uint32_t lo = le32toh(t->blocks[n / BLOCK]), hi = le32toh(t->blocks[n / BLOCK + 1]);

	while (hi - lo > 1) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (le16toh(t->runs[mid].start) <= n % BLOCK)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* A number as written to its digits within China, without a leading 0: 13800138000, 75512345678. 0 when it is none. */
static size_t number_reduce(char dst[NUMBER_MAX], const char *s)
{
	bool plus = false, national;
	size_t n = 0, cut;

	while (*s == ' ')
		s++;
	if (*s == '+') {
		plus = true;
		s++;
	}
	for (; *s; s++) {
		if (strchr(" -()", *s))
			continue;
		if (*s < '0' || *s > '9' || n == NUMBER_MAX - 1)
			return 0;
		dst[n++] = *s;
	}
	dst[n] = 0;
	if (n < NUMBER_MIN || (plus && strncmp(dst, "86", 2)))
		return 0;
	national = plus || !strncmp(dst, "0086", 4) || (n >= 12 && !strncmp(dst, "86", 2));
	cut = !national ? 0 : *dst == '0' ? 4 : 2;
	if (dst[cut] == '0')
		cut++;
	else if (!national && *dst != '1') /* a local call: no area code */
		return 0;
	memmove(dst, dst + cut, n + 1 - cut);
	n -= cut;
	/* 1012345678 without country code or 0 is no number */
	return cut || n == 11 ? n : 0;
}

/* Of a mobile: its first 7 digits. */
static bool mobile_prefix(const char *nsn, size_t n, uint32_t *prefix)
{
	if (n != 11 || nsn[0] != '1' || nsn[1] < '3')
		return false;
	*prefix = 0;
	for (size_t i = 0; i < 7; i++)
		*prefix = *prefix * 10 + (uint32_t)(nsn[i] - '0');
	return true;
}

static uint16_t fixed_value(const struct zx_location_table *t, const char *nsn, size_t n)
{
	const unsigned d3 = n < 3 ? 0 : (unsigned)(nsn[0] - '0') * 100 + (unsigned)(nsn[1] - '0') * 10 + (unsigned)(nsn[2] - '0');
	uint16_t value = 0;
	size_t code = 0;

	if (d3 >= 100) {
		code = 3;
		value = le16toh(t->areas[d3]);
		if (!value) {
			code = 2;
			value = le16toh(t->areas[d3 / 10]);
		}
	}
	return n >= code + 5 && n <= code + 8 ? value : 0;
}

static bool own_find(const struct zx_location_own *o, uint32_t prefix, struct zx_location *out)
{
	const uint32_t i = o ? zx_location_own_at(o, prefix) : 0;

	if (!o || i == o->n || o->prefix[i] != prefix)
		return false;
	*out = o->at[o->value[i]];
	return true;
}

static bool table_find(const struct zx_location_table *t, uint32_t value, bool mobile, struct zx_location *out)
{
	if (value)
		zx_location_value_copy(t, value, mobile, out);
	return value != 0;
}

static uint32_t table_value(const struct zx_location_table *t, uint32_t prefix)
{
	return le16toh(t->runs[zx_location_run_of(t, prefix - ZX_LOCATION_FIRST)].value);
}

bool zx_location_find(const char *number, struct zx_location *out)
{
	const struct zx_location_set *set;
	char nsn[NUMBER_MAX];
	uint32_t prefix;
	bool ok = false;
	size_t n;

	if (!number || !out)
		return false;
	n = number_reduce(nsn, number);
	if (!n)
		return false;
	set = zx_location_enter();
	if (mobile_prefix(nsn, n, &prefix))
		ok = set && (own_find(set->own, prefix, out) ||
			     (set->table && table_find(set->table, table_value(set->table, prefix), true, out)));
	else
		ok = set && set->table && table_find(set->table, fixed_value(set->table, nsn, n), false, out);
	zx_location_leave();
	return ok;
}

bool zx_location_get(uint32_t prefix, bool shipped, struct zx_location_row *row)
{
	const struct zx_location_set *set;
	struct zx_location at;
	bool ok, own;

	if (prefix < ZX_LOCATION_FIRST || prefix >= ZX_LOCATION_END)
		return false;
	set = zx_location_enter();
	own = !shipped && set && own_find(set->own, prefix, &at);
	ok = own || (set && set->table && table_find(set->table, table_value(set->table, prefix), true, &at));
	zx_location_leave();
	if (ok)
		*row = (struct zx_location_row){.prefix = prefix, .own = own, .at = at};
	return ok;
}

bool zx_location_is_local(const char *number, const char *area_code)
{
	struct zx_location at;

	if (!area_code || !zx_location_find(number, &at) || !*at.area_code)
		return false;
	return !strcmp(at.area_code + 1, *area_code == '0' ? area_code + 1 : area_code);
}

bool zx_location_area(const char *area_code, struct zx_location *out)
{
	char number[20];

	/* any fixed line there: 8 digits fit everywhere */
	if (!area_code || *area_code != '0' || strlen(area_code) < 3 || strlen(area_code) > 4 ||
	    strspn(area_code, "0123456789") != strlen(area_code))
		return false;
	snprintf(number, sizeof(number), "%s88888888", area_code);
	return zx_location_find(number, out) && !strcmp(out->area_code, area_code);
}

int zx_location_dial(char *out, size_t len, const char *number, const char *area_code)
{
	const bool mobile = strlen(number) == 11 && number[0] == '1' && number[1] >= '3' && strspn(number, "0123456789") == 11;
	struct zx_location at;
	const bool elsewhere =
	    mobile && area_code && *area_code && zx_location_find(number, &at) && *at.area_code && !zx_location_is_local(number, area_code);

	return (size_t)snprintf(out, len, "%s%s", elsewhere ? "0" : "", number) < len ? 0 : ENAMETOOLONG;
}
