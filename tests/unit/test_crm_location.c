/* Number location, over the file the build made (beside this program). */
#include "zxtest.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "crm/location.h"

static char dat[4096]; /* BUILD/location.dat */
static char scratch[] = "/tmp/zx-location-XXXXXX";

static void setup(void)
{
	const ssize_t n = readlink("/proc/self/exe", dat, sizeof(dat) - 32);

	ZX_CHECK(n > 0);
	dat[n] = 0;
	snprintf(strrchr(dat, '/'), 32, "/location.dat");
	zx_log_level_set(ZX_ERROR);
	ZX_CHECK_EQ(zx_location_load(dat), 0);
}

static void expect(const char *number, const char *province, const char *city, const char *area, const char *carrier)
{
	struct zx_location at;

	if (!zx_location_find(number, &at)) {
		fprintf(stderr, "%s: no location\n", number);
		ZX_CHECK(false);
	}
	ZX_CHECK_STR(at.province, province);
	ZX_CHECK_STR(at.city, city);
	ZX_CHECK_STR(at.area_code, area);
	ZX_CHECK_STR(at.carrier, carrier);
}

ZX_TEST(mobiles)
{
	struct zx_location at;

	setup();
	expect("13800138000", "北京", "北京", "010", "移动");
	expect("13000001234", "山东", "济南市", "0531", "联通");
	expect("13000011234", "江苏", "常州市", "0519", "联通");
	expect("13000021234", "安徽", "巢湖市", "0551", "联通"); /* 0565 until 2011 */
	expect("13000061234", "江苏", "南京市", "025", "联通");
	expect("13000081234", "湖北", "武汉市", "027", "联通");
	expect("13000101234", "北京", "北京", "010", "联通");
	expect("13000121234", "天津", "天津", "022", "联通");
	expect("13000151234", "山东", "淄博市", "0533", "联通");
	expect("13000161234", "山东", "烟台市", "0535", "联通");
	expect("13316881234", "广东", "深圳市", "0755", "电信");
	/* ranges younger than the source's places: the carrier only */
	expect("19212345678", "", "", "", "广电");
	expect("19812345678", "", "", "", "移动");
	expect("19912345678", "", "", "", "电信");
	expect("16612345678", "", "", "", "联通");
	ZX_CHECK(zx_location_find("13800138000", &at) && at.mobile);
}

ZX_TEST(landlines)
{
	struct zx_location at;

	setup();
	expect("075512345678", "广东", "深圳市", "0755", "");
	expect("01012345678", "北京", "北京", "010", "");
	expect("02112345678", "上海", "上海", "021", "");
	expect("02812345678", "四川", "成都市", "028", "");
	expect("03351234567", "河北", "秦皇岛市", "0335", "");
	expect("05801234567", "浙江", "舟山市", "0580", "");
	expect("07011234567", "江西", "鹰潭市", "0701", "");
	expect("03491234567", "山西", "朔州市", "0349", "");
	expect("07101234567", "湖北", "襄阳市", "0710", "");
	expect("04711234567", "内蒙古", "呼和浩特市", "0471", "");
	expect("0755-95555", "广东", "深圳市", "0755", "");
	ZX_CHECK(zx_location_find("01012345678", &at) && !at.mobile);
	ZX_CHECK(!zx_location_find("03341234567", &at));
}

ZX_TEST(writings)
{
	static const char *const mobile[] = {"+8613800138000",   "+86 138 0013 8000", "008613800138000",   "8613800138000",
					     "013800138000",     "138-0013-8000",     "+86-138-0013-8000", " 13800138000 ",
					     "86 138 0013 8000", "+86 013800138000"};
	static const char *const fixed[] = {"0755-12345678",   "(0755) 1234 5678", "+8675512345678",      "+86 755 1234 5678",
					    "008675512345678", "8675512345678",    "+86 (0755) 12345678", "0086 0755 12345678"};

	setup();
	for (size_t i = 0; i < sizeof(mobile) / sizeof(*mobile); i++)
		expect(mobile[i], "北京", "北京", "010", "移动");
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		expect(fixed[i], "广东", "深圳市", "0755", "");
	expect("+861012345678", "北京", "北京", "010", "");
	expect("861012345678", "北京", "北京", "010", "");
}

ZX_TEST(garbage)
{
	static const char *const bad[] = {"",
					  " ",
					  "+",
					  "0",
					  "00",
					  "1",
					  "86",
					  "+86",
					  "0086",
					  "+860",
					  "8001",
					  "110",
					  "12345",
					  "95588",
					  "10086",
					  "4008123123",
					  "12345678",
					  "86123456",
					  "75512345678",
					  "1012345678",
					  "1380013800",
					  "138001380001",
					  "12345678901",
					  "10012345678",
					  "013800",
					  "0755",
					  "07551234",
					  "0755123456789",
					  "010123456789",
					  "+14155550123",
					  "0014155550123",
					  "+85212345678",
					  "0085212345678",
					  "anonymous",
					  "138001380ab",
					  "13800138000@pbx",
					  "138+00138000",
					  "++8613800138000",
					  "１３８００１３８０００",
					  "sip:13800138000",
					  "00000000000000000000000000000000000000000000",
					  "138001380001380013800013800138000138001380001380013800"};
	struct zx_location at = {.province = "x"};

	setup();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (zx_location_find(bad[i], &at))
			fprintf(stderr, "'%s' found\n", bad[i]);
		ZX_CHECK_STR(at.province, "x");
	}
	ZX_CHECK(!zx_location_find(NULL, &at) && !zx_location_find("13800138000", NULL));
	srand48(1);
	for (int i = 0; i < 200000; i++) {
		char s[40];
		const size_t n = (size_t)(lrand48() % 39);

		for (size_t k = 0; k < n; k++)
			s[k] = lrand48() % 8 ? "0123456789861 -()+"[lrand48() % 18] : (char)lrand48();
		s[n] = 0;
		zx_location_find(s, &at);
	}
}

ZX_TEST(local)
{
	setup();
	ZX_CHECK(zx_location_is_local("13800138000", "010"));
	ZX_CHECK(zx_location_is_local("13800138000", "10"));
	ZX_CHECK(zx_location_is_local("+8613316881234", "0755"));
	ZX_CHECK(zx_location_is_local("075512345678", "0755"));
	ZX_CHECK(!zx_location_is_local("13800138000", "0755"));
	ZX_CHECK(!zx_location_is_local("13800138000", ""));
	ZX_CHECK(!zx_location_is_local("13800138000", "0"));
	ZX_CHECK(!zx_location_is_local("13800138000", NULL));
	ZX_CHECK(!zx_location_is_local("19912345678", ""));
	ZX_CHECK(!zx_location_is_local("12345678", "0755"));
}

enum { ALL = ZX_LOCATION_END - ZX_LOCATION_FIRST };

/* Every prefix of the list resolves to its own row by look-up, and every prefix the list leaves out to none. */
static void walk(struct zx_location_stats *count)
{
	struct zx_location_row *rows = calloc(ALL, sizeof(*rows));
	uint32_t n, total, want = ZX_LOCATION_FIRST;
	struct zx_location at;
	char number[16];
	bool more;

	memset(count, 0, sizeof(*count));
	ZX_CHECK(rows);
	ZX_CHECK_EQ(zx_location_list(&(struct zx_location_filter){0}, rows, ALL, &n, &total, &more), 0);
	ZX_CHECK(n == total && !more);
	for (uint32_t i = 0; i < n; i++) {
		const struct zx_location *row = &rows[i].at;

		for (; want < rows[i].prefix; want++) {
			snprintf(number, sizeof(number), "%u0000", want);
			ZX_CHECK(!zx_location_find(number, &at));
		}
		snprintf(number, sizeof(number), "%u9999", rows[i].prefix);
		ZX_CHECK(zx_location_find(number, &at) && !rows[i].own);
		ZX_CHECK(at.mobile && row->mobile && !strcmp(at.province, row->province) && !strcmp(at.city, row->city));
		ZX_CHECK(!strcmp(at.area_code, row->area_code) && !strcmp(at.carrier, row->carrier));
		*(*row->province ? &count->placed : &count->bare) += 1;
		want = rows[i].prefix + 1;
	}
	free(rows);
}

static bool odd_place(const struct zx_location *at, void *arg)
{
	(void)arg;
	return !*at->carrier || !*at->province != !*at->city || !*at->city != !*at->area_code;
}

ZX_TEST(every_prefix)
{
	struct zx_location_stats is, count;
	uint32_t n, total;
	bool more;

	setup();
	ZX_CHECK(zx_location_stats(&is));
	walk(&count);
	ZX_CHECK_EQ(count.placed, is.placed);
	ZX_CHECK_EQ(count.bare, is.bare);
	ZX_CHECK(is.placed >= 300000 && is.areas >= 320 && !is.own);
	ZX_CHECK_EQ(zx_location_list(&(struct zx_location_filter){.match = odd_place}, NULL, 0, &n, &total, &more), 0);
	ZX_CHECK(!total && !more);
}

static bool in_city(const struct zx_location *at, void *arg)
{
	return !strcmp(at->city, arg);
}

/* The same row by pages from both ends, by skipping and by going on behind the last. */
ZX_TEST(pages)
{
	static struct zx_location_row a[5000], b[5000], one[7];
	struct zx_location_filter f = {.match = in_city, .arg = (void *)"珠海市"};
	uint32_t n, m, total, k;
	bool more;

	setup();
	ZX_CHECK_EQ(zx_location_list(&f, a, 5000, &n, &total, &more), 0);
	ZX_CHECK(n > 1000 && n == total && !more);
	for (uint32_t i = 0; i < n; i += 7) {
		struct zx_location_filter g = f;

		g.after = i ? a[i - 1].prefix : 0;
		ZX_CHECK_EQ(zx_location_list(&g, one, 7, &k, &total, &more), 0);
		ZX_CHECK(total == n && more == (i + 7 < n) && k && one[0].prefix == a[i].prefix &&
			 one[k - 1].prefix == a[i + k - 1].prefix);
		g = f;
		g.skip = i;
		ZX_CHECK_EQ(zx_location_list(&g, one, 7, &k, &total, &more), 0);
		ZX_CHECK(total == n && one[0].prefix == a[i].prefix);
		if (i > 200)
			i += 700;
	}
	f.desc = true;
	ZX_CHECK_EQ(zx_location_list(&f, b, 5000, &m, &total, &more), 0);
	ZX_CHECK_EQ(m, n);
	for (uint32_t i = 0; i < n; i++)
		ZX_CHECK(a[i].prefix == b[n - 1 - i].prefix);
	f = (struct zx_location_filter){.from = 1380000, .to = 1380100};
	ZX_CHECK_EQ(zx_location_list(&f, a, 5000, &n, &total, &more), 0);
	ZX_CHECK(n == 100 && a[0].prefix == 1380000 && a[99].prefix == 1380099);
	f = (struct zx_location_filter){.from = 1, .to = 1300000};
	ZX_CHECK_EQ(zx_location_list(&f, a, 5000, &n, &total, &more), 0);
	ZX_CHECK(!n && !total);
}

static struct zx_location_row row_of(uint32_t prefix, const char *city)
{
	struct zx_location_row r = {.prefix = prefix, .at = {.province = "某省", .area_code = "0999", .carrier = "虚拟"}};

	snprintf(r.at.city, sizeof(r.at.city), "%s", city);
	return r;
}

ZX_TEST(own_rows)
{
	struct zx_location_row rows[] = {row_of(1300000, "甲"), row_of(1380013, "乙"), row_of(1380014, "乙"), row_of(1999999, "丙")},
			       got[10];
	struct zx_location_stats st;
	struct zx_location at;
	uint32_t n, total, before;
	bool more;

	setup();
	ZX_CHECK_EQ(zx_location_list(&(struct zx_location_filter){0}, NULL, 0, &n, &before, &more), 0);
	ZX_CHECK_EQ(zx_location_own_set(rows, 4), 0);
	ZX_CHECK(zx_location_stats(&st) && st.own == 4);
	ZX_CHECK(zx_location_find("13800138000", &at) && !strcmp(at.city, "乙") && at.mobile);
	ZX_CHECK(zx_location_find("19999990000", &at) && !strcmp(at.city, "丙"));
	ZX_CHECK(zx_location_find("13800150000", &at) && strcmp(at.city, "乙"));
	ZX_CHECK(zx_location_is_local("13800138000", "0999"));
	ZX_CHECK(zx_location_get(1380013, true, got) && !got->own && strcmp(got->at.city, "乙"));
	ZX_CHECK(zx_location_get(1380013, false, got) && got->own);
	for (int desc = 0; desc < 2; desc++) {
		struct zx_location_filter f = {.own = true, .desc = desc};

		ZX_CHECK_EQ(zx_location_list(&f, got, 10, &n, &total, &more), 0);
		ZX_CHECK(n == 4 && total == 4 && got[desc ? 3 : 0].prefix == 1300000 && got[desc ? 0 : 3].prefix == 1999999);
		f = (struct zx_location_filter){.shipped = true, .desc = desc, .from = 1380012, .to = 1380016};
		ZX_CHECK_EQ(zx_location_list(&f, got, 10, &n, &total, &more), 0);
		ZX_CHECK(n == 2 && got[desc].prefix == 1380012 && got[!desc].prefix == 1380015);
	}
	ZX_CHECK_EQ(zx_location_list(&(struct zx_location_filter){0}, NULL, 0, &n, &total, &more), 0);
	ZX_CHECK(total == before + !zx_location_get(1999999, true, got) && more);
	/* they must rise, and lie within */
	rows[2].prefix = 1380013;
	ZX_CHECK_EQ(zx_location_own_set(rows, 4), EINVAL);
	rows[2].prefix = 1200000;
	ZX_CHECK_EQ(zx_location_own_set(rows, 4), EINVAL);
	ZX_CHECK(zx_location_find("13800138000", &at) && !strcmp(at.city, "乙"));
	ZX_CHECK_EQ(zx_location_own_set(NULL, 0), 0);
	ZX_CHECK(zx_location_find("13800138000", &at) && strcmp(at.city, "乙") && zx_location_stats(&st) && !st.own);
}

ZX_TEST(dial)
{
	static const struct {
		const char *number, *area, *want;
	} v[] = {
	    {"13800138000", "010", "13800138000"},    {"13800138000", "0755", "013800138000"}, {"13800138000", "755", "013800138000"},
	    {"13800138000", "", "13800138000"},       {"075512345678", "010", "075512345678"}, {"8001", "010", "8001"},
	    {"013800138000", "0755", "013800138000"}, {"12800138000", "0755", "12800138000"},  {"1380013800a", "0755", "1380013800a"},
	};
	struct zx_location at;
	char out[32];

	setup();
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		ZX_CHECK_EQ(zx_location_dial(out, sizeof(out), v[i].number, v[i].area), 0);
		ZX_CHECK_STR(out, v[i].want);
	}
	ZX_CHECK_EQ(zx_location_dial(out, 12, "13800138000", "0755"), ENAMETOOLONG);
	ZX_CHECK_EQ(zx_location_dial(out, 12, "13800138000", "010"), 0);
	ZX_CHECK(zx_location_area("0755", &at) && !strcmp(at.city, "深圳市"));
	ZX_CHECK(zx_location_area("010", &at) && !strcmp(at.province, "北京"));
	ZX_CHECK(!zx_location_area("10", &at) && !zx_location_area("0000", &at) && !zx_location_area("", &at) &&
		 !zx_location_area(NULL, &at));
}

static void *look_up(void *arg)
{
	atomic_bool *stop = arg;
	struct zx_location at;
	uint64_t n = 0;

	while (!atomic_load(stop)) {
		/* whatever is swapped meanwhile: one of the two, whole */
		if (!zx_location_find("13800138000", &at) || (strcmp(at.city, "乙") && strcmp(at.city, "北京")))
			return arg;
		n++;
	}
	return n ? NULL : arg;
}

ZX_TEST(swapped_under_look_ups)
{
	struct zx_location_row row = row_of(1380013, "乙");
	atomic_bool stop = false;
	pthread_t t[3];
	void *bad;

	setup();
	for (unsigned i = 0; i < 3; i++)
		ZX_CHECK_EQ(pthread_create(&t[i], NULL, look_up, &stop), 0);
	for (unsigned i = 0; i < 300; i++)
		ZX_CHECK_EQ(zx_location_own_set(&row, i & 1), 0);
	ZX_CHECK_EQ(zx_location_load(dat), 0);
	usleep(20000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++) {
		ZX_CHECK_EQ(pthread_join(t[i], &bad), 0);
		ZX_CHECK(!bad);
	}
	ZX_CHECK_EQ(zx_location_own_set(NULL, 0), 0);
}

static unsigned char *slurp(size_t *len)
{
	FILE *f = fopen(dat, "rb");
	unsigned char *p = malloc(1 << 22);

	ZX_CHECK(f && p);
	*len = fread(p, 1, 1 << 22, f);
	fclose(f);
	return p;
}

static int load_bytes(const unsigned char *p, size_t len)
{
	FILE *f = fopen(scratch, "wb");
	int err;

	ZX_CHECK(f && fwrite(p, 1, len, f) == len);
	fclose(f);
	err = zx_location_load(scratch);
	unlink(scratch);
	return err;
}

static void crc_fix(unsigned char *p, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 12; i < len; i++) {
		crc ^= p[i];
		for (int b = 0; b < 8; b++)
			crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++)
		p[8 + i] = (unsigned char)(crc >> 8 * i);
}

static void quiet(void) /* hundreds of refusals are expected */
{
	ZX_CHECK(freopen("/dev/null", "w", stderr));
}

ZX_TEST(damaged)
{
	struct zx_location_stats is;
	struct zx_location at;
	size_t len;
	unsigned char *good, *bad;
	const int fd = mkstemp(scratch);

	ZX_CHECK(fd >= 0);
	close(fd);
	setup();
	good = slurp(&len);
	bad = malloc(len + 1);
	ZX_CHECK(bad);
	zx_location_close();
	ZX_CHECK(!zx_location_find("13800138000", &at) && !zx_location_stats(&is));
	ZX_CHECK(zx_location_load("/nonexistent") && zx_location_load("/tmp") && zx_location_load("/dev/zero") && zx_location_load(NULL));
	quiet();
	srand48(2);
	for (int i = 0; i < 200; i++) { /* one flipped bit anywhere: the checksum sees it */
		const size_t k = i < 44 ? (size_t)i : (size_t)lrand48() % len;

		memcpy(bad, good, len);
		bad[k] ^= (unsigned char)(1 << lrand48() % 8);
		ZX_CHECK(load_bytes(bad, len));
	}
	for (int i = 0; i < 100; i++) /* cut short */
		ZX_CHECK(load_bytes(good, i < 50 ? (size_t)i : (size_t)lrand48() % len));
	memcpy(bad, good, len);
	bad[len] = 0;
	ZX_CHECK(load_bytes(bad, len + 1));
	ZX_CHECK(!zx_location_find("13800138000", &at));
	ZX_CHECK_EQ(load_bytes(good, len), 0);
	ZX_CHECK(load_bytes(bad, len - 1)); /* the good one stays */
	ZX_CHECK(zx_location_find("13800138000", &at));
	free(good);
	free(bad);
}

/* A file made to deceive: damage under a right checksum is refused or harmless. */
ZX_TEST(hostile)
{
	struct zx_location_stats count;
	struct zx_location at;
	unsigned refused = 0, taken = 0;
	size_t len;
	unsigned char *good, *bad;

	setup();
	quiet();
	good = slurp(&len);
	bad = malloc(len);
	ZX_CHECK(bad);
	srand48(3);
	for (int i = 0; i < 200; i++) {
		size_t size = len;

		memcpy(bad, good, len);
		for (long k = 1 + lrand48() % 3; k > 0; k--)
			bad[12 + (size_t)lrand48() % (i % 2 ? 32 : len - 12)] = lrand48() % 2 ? (unsigned char)lrand48() : 0xFF;
		if (i % 5 == 0)
			size = 44 + (size_t)lrand48() % (len - 44);
		crc_fix(bad, size);
		if (load_bytes(bad, size)) {
			refused++;
			continue;
		}
		taken++;
		zx_location_find("13800138000", &at);
		zx_location_find("075512345678", &at);
		if (taken % 8 == 0)
			walk(&count);
	}
	ZX_CHECK(refused > 20 && taken > 0);
	free(good);
	free(bad);
}

static atomic_bool over;

static void *reader(void *arg)
{
	unsigned long *bad = arg;
	struct zx_location at;

	while (!over)
		if (!zx_location_find("13800138000", &at) || strcmp(at.area_code, "010"))
			++*bad;
	return NULL;
}

ZX_TEST(threads)
{
	pthread_t th[2];
	unsigned long bad[2] = {0};

	setup();
	for (int i = 0; i < 2; i++)
		ZX_CHECK(!pthread_create(&th[i], NULL, reader, &bad[i]));
	for (int i = 0; i < 20; i++)
		ZX_CHECK_EQ(zx_location_load(dat), 0);
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	ZX_CHECK_EQ(bad[0] + bad[1], 0);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

ZX_TEST(speed)
{
	enum { N = 4096, ROUNDS = 50 };
	static char number[N][16];
	struct zx_location_stats is;
	struct zx_location at;
	unsigned hits = 0;
	double t;

	setup();
	srand48(4);
	for (int i = 0; i < N; i++)
		snprintf(number[i], sizeof(number[i]), "1%ld%08ld", 30 + lrand48() % 60, lrand48() % 100000000);
	t = now_ns();
	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < N; i++)
			hits += zx_location_find(number[i], &at);
	t = (now_ns() - t) / (N * ROUNDS);
	ZX_CHECK(hits > N * ROUNDS / 2 && zx_location_stats(&is));
	printf("# %.0f ns a look-up, %zu bytes held\n", t, is.bytes);
	ZX_CHECK(t < 50000);
	zx_location_close();
}

ZX_MAIN({"mobiles resolve to province, city, area code, carrier", mobiles}, {"fixed lines resolve by area code", landlines},
	{"a number is known however it is written", writings}, {"what is no Chinese number has no location", garbage},
	{"local or elsewhere", local}, {"every prefix of the list resolves to its row, every other to none", every_prefix},
	{"pages from both ends are the same rows", pages}, {"rows of one's own lie over the shipped ones", own_rows},
	{"a 0 before mobiles from elsewhere", dial}, {"look-ups while own rows are swapped", swapped_under_look_ups},
	{"readers see whole tables while they are replaced", threads}, {"look-up speed", speed}, {"a damaged file is refused", damaged},
	{"a forged file is refused or harmless", hostile})
