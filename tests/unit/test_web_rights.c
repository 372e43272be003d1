/* Rights as sets, what only the system administrator has, who covers whom; second factor; masking of JSON. */
#include "zxtest.h"

#include <stdlib.h>

#include "web/power.h"
#include "web/resource/resource.h"
#include "web/rights.h"
#include "web/throttle.h"
#include "web/totp.h"

static bool have(const char *text, enum zx_scope scope, const char *need)
{
	uint64_t set[ZX_RIGHTS_WORDS];

	zx_rights_parse(set, text, scope);
	return zx_rights_have(set, need);
}

ZX_TEST(words)
{
	ZX_CHECK(have("*", ZX_SCOPE_OWN, "calls:list") && have("users:add calls:list", ZX_SCOPE_OWN, "calls:list"));
	ZX_CHECK(have("calls:*", ZX_SCOPE_OWN, "calls:list") && have("  calls:list  ", ZX_SCOPE_OWN, "calls:list"));
	ZX_CHECK(!have("", ZX_SCOPE_SYSTEM, "calls:list") && !have("calls:lis", ZX_SCOPE_SYSTEM, "calls:list"));
	ZX_CHECK(!have("calls:listx", ZX_SCOPE_SYSTEM, "calls:list") && !have("call:*", ZX_SCOPE_SYSTEM, "calls:list"));
	ZX_CHECK(!have("callsx:*", ZX_SCOPE_SYSTEM, "calls:list") && !have("*", ZX_SCOPE_SYSTEM, "nocolon"));
	ZX_CHECK(!have("cal*", ZX_SCOPE_SYSTEM, "calls:list") && !have("calls:li*", ZX_SCOPE_SYSTEM, "calls:list"));
	ZX_CHECK(!have("calls", ZX_SCOPE_SYSTEM, "calls:list") && !have("calls:", ZX_SCOPE_SYSTEM, "calls:list"));
	ZX_CHECK(!have("calls:export", ZX_SCOPE_SYSTEM, "calls:list") && have("calls:download", ZX_SCOPE_OWN, "calls:download"));
	ZX_CHECK_EQ(zx_scope_parse("system"), ZX_SCOPE_SYSTEM);
	ZX_CHECK_EQ(zx_scope_parse("nonsense"), ZX_SCOPE_OWN);
	ZX_CHECK(zx_scope_known("department") && !zx_scope_known("nonsense") && !zx_scope_known(""));
}

ZX_TEST(every_right)
{
	const char *right, *last = "";
	uint64_t all[ZX_RIGHTS_WORDS], one[ZX_RIGHTS_WORDS], none[ZX_RIGHTS_WORDS] = {0};
	unsigned n = 0, system = 0;

	zx_rights_parse(all, "*", ZX_SCOPE_SYSTEM);
	for (unsigned i = 0; (right = zx_right_at(i)); i++) {
		ZX_CHECK(strcmp(last, right) < 0); /* sorted, each once */
		ZX_CHECK(zx_right_known(right) && zx_rights_have(all, right));
		zx_rights_parse(one, right, ZX_SCOPE_SYSTEM);
		for (unsigned k = 0; zx_right_at(k); k++)
			ZX_CHECK_EQ(zx_rights_have(one, zx_right_at(k)), k == i);
		ZX_CHECK(zx_rights_within(one, all) && !zx_rights_within(all, one) && zx_rights_within(none, one));
		/* a company's role never reaches beyond it, whatever it says */
		ZX_CHECK_EQ(have(right, ZX_SCOPE_COMPANY, right), !zx_right_system(right));
		ZX_CHECK_EQ(have("*", ZX_SCOPE_COMPANY, right), !zx_right_system(right));
		system += zx_right_system(right);
		last = right;
		n++;
	}
	ZX_CHECK(n > 60 && n < ZX_RIGHTS_MAX - 64 && system > 3 && system < n / 2);
	ZX_CHECK(zx_right_system("companies:add") && zx_right_system("system:restart") && !zx_right_system("companies:edit"));
	ZX_CHECK(zx_rights_all(all) && !zx_rights_all(one) && !zx_rights_all(none));
	/* pages that come later: by "*" alone */
	ZX_CHECK(have("*", ZX_SCOPE_COMPANY, "later:list") && !have("users:list", ZX_SCOPE_COMPANY, "later:list"));
	ZX_CHECK(!have("*", ZX_SCOPE_COMPANY, "system:later") && have("*", ZX_SCOPE_SYSTEM, "system:later"));
}

ZX_TEST(covers)
{
	struct zx_user u = {.scope = ZX_SCOPE_COMPANY};

	zx_rights_parse(u.rights, "users:list users:edit calls:*", u.scope);
	ZX_CHECK(zx_power_covers(&u, "own", "") && zx_power_covers(&u, "company", "users:list calls:download"));
	ZX_CHECK(zx_power_covers(&u, "own", "calls:*") && !zx_power_covers(&u, "own", "users:*"));
	ZX_CHECK(!zx_power_covers(&u, "own", "users:add") && !zx_power_covers(&u, "own", "*"));
	ZX_CHECK(!zx_power_covers(&u, "system", "users:list") && !zx_power_covers(&u, "system", ""));
	zx_rights_parse(u.rights, "*", u.scope);
	ZX_CHECK(zx_power_covers(&u, "company", "*") && zx_power_covers(&u, "own", "*") && !zx_power_covers(&u, "system", "*"));
	/* all rights there are today are not all there will be */
	char text[64 * 1024];
	size_t n = 0;
	for (unsigned i = 0; zx_right_at(i); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ", zx_right_at(i));
	zx_rights_parse(u.rights, text, u.scope);
	ZX_CHECK(zx_power_covers(&u, "company", text) && !zx_power_covers(&u, "company", "*"));
}

ZX_TEST(totp_vectors)
{
	/* RFC 6238 appendix B, SHA-1 */
	static const struct {
		uint64_t t;
		uint32_t code;
	} v[] = {{59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
		 {1234567890, 89005924}, {2000000000, 69279037}, {20000000000ULL, 65353130}};
	const uint8_t *key = (const uint8_t *)"12345678901234567890";
	uint64_t step = 0;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		ZX_CHECK_EQ(zx_totp_code(key, 20, v[i].t / 30, 8), v[i].code);
		ZX_CHECK_EQ(zx_totp_code(key, 20, v[i].t / 30, 6), v[i].code % 1000000);
	}
	/* the step before and the one after are taken, two away are not */
	for (int d = -2; d <= 2; d++)
		ZX_CHECK_EQ(zx_totp_check(key, 20, (uint64_t)(1234567890 + d * 30), 0, "005924", &step), d >= -1 && d <= 1);
	ZX_CHECK_EQ(step, 1234567890 / 30);
	/* no code twice, nor an older one */
	ZX_CHECK(zx_totp_check(key, 20, 1234567890, step - 1, "005924", &step));
	ZX_CHECK(!zx_totp_check(key, 20, 1234567890, step, "005924", &step));
	ZX_CHECK(!zx_totp_check(key, 20, 1234567890, step + 1, "005924", &step));
	static const char *const bad[] = {"", "00592", "0059244", "5924", "00592a", " 05924", "-05924", "+05924"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ZX_CHECK(!zx_totp_check(key, 20, 1234567890, 0, bad[i], &step));
	ZX_CHECK(!zx_totp_check(key, 20, 0, 0, "000000", &step)); /* the first step does not run below zero */
}

ZX_TEST(base32)
{
	uint8_t key[ZX_TOTP_KEY];
	char text[ZX_TOTP_TEXT];

	zx_totp_base32(text, (const uint8_t *)"12345678901234567890", 20);
	ZX_CHECK_STR(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	ZX_CHECK(zx_totp_unbase32(key, text) && !memcmp(key, "12345678901234567890", 20));
	ZX_CHECK(!zx_totp_unbase32(key, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ") && !zx_totp_unbase32(key, "gEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
	ZX_CHECK(!zx_totp_unbase32(key, "") && !zx_totp_unbase32(key, "1EZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
	zx_totp_base32(text, (const uint8_t *)"foobar", 6); /* RFC 4648, without padding */
	ZX_CHECK_STR(text, "MZXW6YTBOI");
}

ZX_TEST(recovery)
{
	static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
	char code[ZX_TOTP_CODE], other[ZX_TOTP_CODE], h[3][ZX_TOTP_HASH], list[3 * ZX_TOTP_HASH];

	ZX_CHECK_EQ(zx_totp_recovery(code), 0);
	ZX_CHECK_EQ(zx_totp_recovery(other), 0);
	ZX_CHECK(strlen(code) == 11 && code[5] == '-' && strcmp(code, other));
	ZX_CHECK(zx_totp_recovery_hash(h[0], key, 1, code) && strlen(h[0]) == 64);
	char typed[32];
	snprintf(typed, sizeof(typed), " %.5s %s", code, code + 6); /* as people type it */
	for (char *p = typed; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	ZX_CHECK(zx_totp_recovery_hash(h[1], key, 1, typed));
	ZX_CHECK_STR(h[0], h[1]);
	ZX_CHECK(zx_totp_recovery_hash(h[1], key, 2, code) && strcmp(h[0], h[1])); /* somebody else's */
	ZX_CHECK(zx_totp_recovery_hash(h[2], key, 1, other));
	ZX_CHECK(!zx_totp_recovery_hash(list, key, 1, "123456") && !zx_totp_recovery_hash(list, key, 1, "abcde-fghjkm"));
	ZX_CHECK(!zx_totp_recovery_hash(list, key, 1, "abcde-fgh!k") && !zx_totp_recovery_hash(list, key, 1, ""));

	static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}};
	for (int k = 0; k < 3; k++) {
		snprintf(list, sizeof(list), "%s %s %s", h[0], h[1], h[2]);
		for (int i = 0; i < 3; i++) {
			ZX_CHECK(zx_totp_recovery_take(list, h[orders[k][i]]));
			ZX_CHECK(!zx_totp_recovery_take(list, h[orders[k][i]])); /* once */
		}
		ZX_CHECK_STR(list, "");
	}
	snprintf(list, sizeof(list), "%s", h[0]);
	ZX_CHECK(!zx_totp_recovery_take(list, "") && !zx_totp_recovery_take(list, h[2]));
	ZX_CHECK_STR(list, h[0]);
}

ZX_TEST(code_throttle)
{
	struct zx_throttle *t = zx_throttle_new();
	uint64_t now = 1000000, wait = 0;

	for (int i = 0; i < 4; i++)
		zx_throttle_code_failed(t, "Li", now);
	ZX_CHECK_EQ(zx_throttle_code_wait(t, "li", now), 0);
	for (int i = 0; i < 20; i++) {
		zx_throttle_code_failed(t, "li", now);
		ZX_CHECK(zx_throttle_code_wait(t, "LI", now) >= wait);
		wait = zx_throttle_code_wait(t, "LI", now);
		now += wait;
	}
	ZX_CHECK_EQ(wait, 900000);
	ZX_CHECK_EQ(zx_throttle_code_wait(t, "wang", now), 0);
	ZX_CHECK_EQ(zx_throttle_wait(t, "10.0.0.1", "li", now), 0); /* passwords are another matter */
	zx_throttle_code_failed(t, "li", now);
	zx_throttle_code_passed(t, "li");
	ZX_CHECK_EQ(zx_throttle_code_wait(t, "li", now), 0);
	zx_throttle_free(t);
}

ZX_MAIN({"words of a role", words}, {"every right there is", every_right}, {"who covers whom", covers}, {"RFC 6238", totp_vectors},
	{"base32", base32}, {"recovery codes", recovery}, {"codes are slowed down", code_throttle})
