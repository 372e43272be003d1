#include "crm/location.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

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
enum { FORMAT = 1, BLOCK = 1000, BLOCKS = (ZX_LOCATION_END - ZX_LOCATION_FIRST) / BLOCK, AREAS = 1000 };
enum { FILE_MAX = 16 << 20, NUMBER_MIN = 8, NUMBER_MAX = 20 };

struct head {
	char magic[8];
	uint32_t crc;
	uint32_t version;
	uint32_t values, blocks, runs, text_len;
	uint32_t placed, bare, areas;
};

struct value {
	uint16_t province, city, area, carrier;
};

struct run {
	uint16_t start, value;
};

struct table {
	size_t size;
	const struct head *head;
	const struct value *values;
	const uint16_t *areas;
	const uint32_t *blocks;
	const struct run *runs;
	const char *text;
	unsigned char data[] __attribute__((aligned(8)));
};

_Static_assert(sizeof(struct head) == 44 && sizeof(struct value) == 8 && sizeof(struct run) == 4, "layout of the file");

static struct {
	pthread_rwlock_t lock; /* held for reading during a look-up, for writing while tables are swapped */
	struct table *table;
} the = {.lock = PTHREAD_RWLOCK_INITIALIZER};

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
static const char *table_lay(struct table *t)
{
	const struct head *h = (const struct head *)t->data;
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
	t->values = (const struct value *)(t->data + at);
	at += values * sizeof(*t->values);
	t->areas = (const uint16_t *)(t->data + at);
	at += AREAS * sizeof(*t->areas);
	t->blocks = (const uint32_t *)(t->data + at);
	at += (blocks + 1) * sizeof(*t->blocks);
	t->runs = (const struct run *)(t->data + at);
	at += runs * sizeof(*t->runs);
	t->text = (const char *)t->data + at;
	return at + le32toh(h->text_len) == t->size ? NULL : "length does not match the counts";
}

static bool text_fits(const struct table *t, uint16_t off, size_t room)
{
	return le16toh(off) < le32toh(t->head->text_len) && strlen(t->text + le16toh(off)) < room;
}

static const char *values_check(const struct table *t)
{
	const size_t len = le32toh(t->head->text_len);
	const uint32_t n = le32toh(t->head->values);
	const struct value none = {0};
	struct zx_location *room = NULL;

	if (t->text[0] || t->text[len - 1] || !zx_utf8_valid(t->text, len))
		return "bad text";
	if (memcmp(t->values, &none, sizeof(none)))
		return "value 0 is not empty";
	for (uint32_t i = 0; i < n; i++) {
		const struct value *v = &t->values[i];

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
static const char *runs_check(const struct table *t)
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

static int table_read(struct table **tp, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct table *t = NULL;
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

static void table_swap(struct table *t)
{
	struct table *old;

	pthread_rwlock_wrlock(&the.lock);
	old = the.table;
	the.table = t;
	pthread_rwlock_unlock(&the.lock);
	free(old);
}

int zx_location_load(const char *path)
{
	struct table *t = NULL;
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
	table_swap(t);
	return 0;
}

void zx_location_close(void)
{
	table_swap(NULL);
}

bool zx_location_stats(struct zx_location_stats *stats)
{
	bool loaded = false;

	pthread_rwlock_rdlock(&the.lock);
	if (the.table) {
		const struct head *h = the.table->head;

		*stats = (struct zx_location_stats){le32toh(h->placed), le32toh(h->bare), le32toh(h->areas),
						    sizeof(*the.table) + the.table->size};
		loaded = true;
	}
	pthread_rwlock_unlock(&the.lock);
	return loaded;
}

static void value_copy(const struct table *t, uint16_t i, bool mobile, struct zx_location *out)
{
	const struct value *v = &t->values[i];

	zx_strcpy(out->province, sizeof(out->province), t->text + le16toh(v->province));
	zx_strcpy(out->city, sizeof(out->city), t->text + le16toh(v->city));
	zx_strcpy(out->area_code, sizeof(out->area_code), t->text + le16toh(v->area));
	zx_strcpy(out->carrier, sizeof(out->carrier), t->text + le16toh(v->carrier));
	out->mobile = mobile;
}

/* The run that covers prefix n, counted from ZX_LOCATION_FIRST. */
static uint32_t run_of(const struct table *t, uint32_t n)
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

static uint16_t number_value(const struct table *t, const char *nsn, size_t n, bool *mobile)
{
	const unsigned d3 = n < 3 ? 0 : (unsigned)(nsn[0] - '0') * 100 + (unsigned)(nsn[1] - '0') * 10 + (unsigned)(nsn[2] - '0');
	uint16_t value = 0;
	size_t code = 0;

	*mobile = n == 11 && nsn[0] == '1' && nsn[1] >= '3';
	if (*mobile) {
		uint32_t prefix = d3;

		for (size_t i = 3; i < 7; i++)
			prefix = prefix * 10 + (uint32_t)(nsn[i] - '0');
		return le16toh(t->runs[run_of(t, prefix - ZX_LOCATION_FIRST)].value);
	}
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

bool zx_location_find(const char *number, struct zx_location *out)
{
	char nsn[NUMBER_MAX];
	uint16_t value = 0;
	bool mobile;
	size_t n;

	if (!number || !out)
		return false;
	n = number_reduce(nsn, number);
	if (!n)
		return false;
	pthread_rwlock_rdlock(&the.lock);
	if (the.table) {
		value = number_value(the.table, nsn, n, &mobile);
		if (value)
			value_copy(the.table, value, mobile, out);
	}
	pthread_rwlock_unlock(&the.lock);
	return value != 0;
}

bool zx_location_is_local(const char *number, const char *area_code)
{
	struct zx_location at;

	if (!area_code || !zx_location_find(number, &at) || !*at.area_code)
		return false;
	return !strcmp(at.area_code + 1, *area_code == '0' ? area_code + 1 : area_code);
}

bool zx_location_next(uint32_t prefix, uint32_t *found, struct zx_location *out)
{
	uint32_t n = prefix < ZX_LOCATION_FIRST ? 0 : prefix - ZX_LOCATION_FIRST;
	const struct table *t;
	bool ok = false;

	pthread_rwlock_rdlock(&the.lock);
	t = the.table;
	if (t && n < ZX_LOCATION_END - ZX_LOCATION_FIRST) {
		uint32_t i = run_of(t, n), block = n / BLOCK;

		for (; !ok && i < le32toh(t->head->runs); i++) {
			if (i >= le32toh(t->blocks[block + 1]))
				block++;
			if (!t->runs[i].value)
				continue;
			if (n < block * BLOCK + le16toh(t->runs[i].start))
				n = block * BLOCK + le16toh(t->runs[i].start);
			*found = ZX_LOCATION_FIRST + n;
			value_copy(t, le16toh(t->runs[i].value), true, out);
			ok = true;
		}
	}
	pthread_rwlock_unlock(&the.lock);
	return ok;
}
