/* Number location, over the file the build made (beside this program). */
#include "zxtest.h"

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

/* Every prefix of the list resolves to its own row by look-up, and every prefix the list leaves out to none. */
static void walk(struct zx_location_stats *count)
{
	struct zx_location row, at;
	uint32_t p = 0, found, want = ZX_LOCATION_FIRST;
	char number[16];

	memset(count, 0, sizeof(*count));
	for (; zx_location_next(p, &found, &row); p = found + 1) {
		ZX_CHECK(found >= p && found < ZX_LOCATION_END);
		for (; want < found; want++) {
			snprintf(number, sizeof(number), "%u0000", want);
			ZX_CHECK(!zx_location_find(number, &at));
		}
		snprintf(number, sizeof(number), "%u9999", found);
		ZX_CHECK(zx_location_find(number, &at));
		ZX_CHECK(at.mobile && row.mobile && !strcmp(at.province, row.province) && !strcmp(at.city, row.city));
		ZX_CHECK(!strcmp(at.area_code, row.area_code) && !strcmp(at.carrier, row.carrier));
		*(*row.province ? &count->placed : &count->bare) += 1;
		want = found + 1;
	}
}

ZX_TEST(every_prefix)
{
	struct zx_location_stats is, count;
	struct zx_location row;
	uint32_t found, p = 0;

	setup();
	ZX_CHECK(zx_location_stats(&is));
	walk(&count);
	ZX_CHECK_EQ(count.placed, is.placed);
	ZX_CHECK_EQ(count.bare, is.bare);
	ZX_CHECK(is.placed >= 300000);
	ZX_CHECK(is.areas >= 320);
	for (; zx_location_next(p, &found, &row); p = found + 1) {
		ZX_CHECK(*row.carrier);
		ZX_CHECK(!*row.province == !*row.city && !*row.city == !*row.area_code);
	}
	ZX_CHECK(!zx_location_next(ZX_LOCATION_END, &found, &row));
	ZX_CHECK(!zx_location_next(UINT32_MAX, &found, &row));
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
	{"readers see whole tables while they are replaced", threads}, {"look-up speed", speed}, {"a damaged file is refused", damaged},
	{"a forged file is refused or harmless", hostile})
