#include "base/text.h"

#include <errno.h>

#include "zxtest.h"

ZX_TEST(test_copy)
{
	char b[5];
	struct pl pl = {"hello", 3}, none = {NULL, 0};

	ZX_CHECK(!zx_strcpy(b, sizeof(b), "abcd"));
	ZX_CHECK_STR(b, "abcd");
	ZX_CHECK(zx_strcpy(b, sizeof(b), "abcde"));
	ZX_CHECK_STR(b, "abcd");
	ZX_CHECK(zx_strcpy(b, 1, "a"));
	ZX_CHECK_STR(b, "");
	ZX_CHECK(!zx_pl_copy(b, sizeof(b), &pl));
	ZX_CHECK_STR(b, "hel");
	ZX_CHECK(!zx_pl_copy(b, sizeof(b), &none));
	ZX_CHECK_STR(b, "");
	ZX_CHECK(!zx_strcpy_len(b, sizeof(b), "a\0bcdefg", 8));
	ZX_CHECK_STR(b, "a");
	ZX_CHECK(zx_strcpy_len(b, sizeof(b), "abcdefg", 7));
	ZX_CHECK_STR(b, "abcd");
}

ZX_TEST(test_hex)
{
	const uint8_t in[] = {0x00, 0x7f, 0xff, 0x1a};
	uint8_t out[4];
	char hex[9];

	zx_hex_encode(hex, in, sizeof(in));
	ZX_CHECK_STR(hex, "007fff1a");
	ZX_CHECK_EQ(zx_hex_decode(out, sizeof(out), "007FfF1a"), 0);
	ZX_CHECK(!memcmp(in, out, sizeof(in)));
	ZX_CHECK_EQ(zx_hex_decode(out, sizeof(out), "007fff1"), EINVAL);
	ZX_CHECK_EQ(zx_hex_decode(out, sizeof(out), "007fff1a0"), EINVAL);
	ZX_CHECK_EQ(zx_hex_decode(out, sizeof(out), "007fff1g"), EINVAL);
	ZX_CHECK_EQ(zx_hex_decode(out, sizeof(out), ""), EINVAL);
	ZX_CHECK_EQ(zx_hex_decode(out, 0, ""), 0);
}

ZX_TEST(test_utf8)
{
	static const char *const good[] = {
	    "", "abc", "座席", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
					  "\xc0\x80",
					  "\xc1\xbf",
					  "\xc2",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xe5\xba",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xff",
					  "a\xc3(",
					  "\xe4\xba\xba\xf0\x9f\x98"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ZX_CHECK(zx_utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ZX_CHECK(!zx_utf8_valid(bad[i], strlen(bad[i])));
	/* Nothing past len is looked at. */
	ZX_CHECK(!zx_utf8_valid("\xe5\xba\xa7", 2));
}

ZX_TEST(test_trim)
{
	char a[] = "  a b\t\r\n", b[] = " \t", c[] = "", d[] = "x";

	ZX_CHECK_STR(zx_trim(a), "a b");
	ZX_CHECK_STR(zx_trim(b), "");
	ZX_CHECK_STR(zx_trim(c), "");
	ZX_CHECK_STR(zx_trim(d), "x");
}

ZX_MAIN({"bounded copies", test_copy}, {"hex", test_hex}, {"UTF-8", test_utf8}, {"trim", test_trim})
