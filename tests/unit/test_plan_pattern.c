#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"
#include "zxtest.h"

ZX_TEST(examples)
{
	static const struct {
		const char *pattern, *number;
		bool match;
	} v[] = {
	    {"", "", true},
	    {"", "anything", true},
	    {"8001", "8001", true},
	    {"8001", "80011", false},
	    {"8001", "800", false},
	    {"800X", "8009", true},
	    {"800X", "800a", false},
	    {"Z", "0", false},
	    {"Z", "1", true},
	    {"N", "1", false},
	    {"N", "2", true},
	    {"[1-35]", "3", true},
	    {"[1-35]", "4", false},
	    {"[1-35]", "5", true},
	    {"77.", "77", false},
	    {"77.", "778", true},
	    {"77.", "77abc", true},
	    {".", "", false},
	    {".", "+86", true},
	    {"*8X", "*81", true},
	    {"*8X", "981", false},
	    {"+86.", "+861", true},
	    {"#", "#", true},
	    {"x", "5", true},
	    {"0[1-9]X.", "01", false},
	    {"0[1-9]X.", "0755", true},
	    {"[", "1", false},
	    {"[1", "1", false},
	    {"]", "]", false},
	    {"1.2", "1x2", false},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		if (zx_pattern_match(v[i].pattern, v[i].number) != v[i].match)
			fprintf(stderr, "\"%s\" and \"%s\"\n", v[i].pattern, v[i].number);
		ZX_CHECK(zx_pattern_match(v[i].pattern, v[i].number) == v[i].match);
	}
}

ZX_TEST(check)
{
	static const char *const good[] = {"", "8", "X", "[1-5]", "[135]", "[1-37-9]", "77.", ".", "*8[1-2]", "+86X.", "znx"};
	static const char *const wrong[] = {"[",   "[]", "[1",  "[1-", "[1-]", "[5-1]", "[a]",   "]",
					    "1.2", "..", "8 8", "a",   "8\n",  "座",    "[1-*]", "[-1]"};
	char err[128], longest[80];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ZX_CHECK_EQ(zx_pattern_check(good[i], err, sizeof(err)), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		*err = '\0';
		if (!zx_pattern_check(wrong[i], err, sizeof(err)))
			fprintf(stderr, "\"%s\" is taken\n", wrong[i]);
		ZX_CHECK(zx_pattern_check(wrong[i], err, sizeof(err)) && *err);
	}
	memset(longest, 'X', sizeof(longest));
	longest[64] = '\0';
	ZX_CHECK(zx_pattern_check(longest, err, sizeof(err)));
	longest[63] = '\0';
	ZX_CHECK(!zx_pattern_check(longest, err, sizeof(err)));
}

/* The same language as a regular expression, by another engine. */
static void to_regex(char *out, size_t len, const char *p)
{
	size_t n = (size_t)snprintf(out, len, "^");

	for (; *p; p++) {
		const char *const class = *p == 'X' ? "[0-9]" : *p == 'Z' ? "[1-9]" : *p == 'N' ? "[2-9]" : *p == '.' ? ".+" : NULL;

		if (class)
			n += (size_t)snprintf(out + n, len - n, "%s", class);
		else
			n += (size_t)snprintf(out + n, len - n, "%s%c", *p == '*' || *p == '+' ? "\\" : "", *p);
	}
	snprintf(out + n, len - n, "$");
}

ZX_TEST(property)
{
	static const char alphabet[] = "XZN[]0123456789-.*#+2345", digits[] = "0123456789*#+";
	unsigned valid = 0, matches = 0;

	srand48(42);
	for (int i = 0; i < 200000; i++) {
		char pattern[16], regex[160], number[8], err[128];
		const int n = (int)(lrand48() % 9);
		regex_t re;

		for (int j = 0; j < n; j++)
			pattern[j] = alphabet[lrand48() % (int)(sizeof(alphabet) - 1)];
		pattern[n] = '\0';
		if (zx_pattern_check(pattern, err, sizeof(err))) {
			/* never read past its end, whatever it is */
			zx_pattern_match(pattern, "123456");
			continue;
		}
		valid++;
		if (!n)
			continue;
		to_regex(regex, sizeof(regex), pattern);
		if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB)) {
			fprintf(stderr, "%s -> %s\n", pattern, regex);
			ZX_CHECK(false);
		}
		for (int k = 0; k < 8; k++) {
			const int len = (int)(lrand48() % 7);

			for (int j = 0; j < len; j++)
				number[j] = digits[lrand48() % (int)(sizeof(digits) - 1)];
			/* likely to match: the pattern's own letters, or digits */
			for (int j = 0; k < 4 && j < len && j < n; j++)
				number[j] = strchr(digits, pattern[j]) ? pattern[j] : number[j];
			number[len] = '\0';
			const bool mine = zx_pattern_match(pattern, number), theirs = !regexec(&re, number, 0, NULL, 0);

			matches += mine;
			if (mine != theirs)
				fprintf(stderr, "\"%s\" and \"%s\": %d, %d\n", pattern, number, mine, theirs);
			ZX_CHECK(mine == theirs);
		}
		regfree(&re);
	}
	printf("# %u valid patterns, %u matches\n", valid, matches);
	ZX_CHECK(valid > 10000 && matches > 10000);
}

/* ---- comparing patterns, by trying all short numbers ---- */
enum { SHORT = 4 };

static void random_pattern(char *p)
{
	static const char *const places[] = {"1", "2", "X", "Z", "N", "[12]", "[13-5]", "*", "."};
	const int n = (int)(lrand48() % (SHORT + 1));

	*p = '\0';
	for (int i = 0; i < n; i++)
		p += snprintf(p, 8, "%s", places[lrand48() % (i == n - 1 ? 9 : 8)]);
}

/* Does every number of up to SHORT + 1 characters that narrow takes fit wide, too? Longer ones are nothing new: patterns are shorter. */
static bool covers_by_trial(const char *wide, const char *narrow, unsigned *taken)
{
	static const char digits[] = "01235*a";
	const unsigned base = sizeof(digits) - 1;
	char number[SHORT + 3];
	bool covers = true;

	*taken = 0;
	for (unsigned len = 0, all = 1; len <= SHORT + 1; len++, all *= base) {
		for (unsigned v = 0; v < all; v++) {
			unsigned rest = v;

			for (unsigned i = 0; i < len; i++, rest /= base)
				number[i] = digits[rest % base];
			number[len] = '\0';
			if (!zx_pattern_match(narrow, number))
				continue;
			++*taken;
			covers = covers && zx_pattern_match(wide, number);
		}
	}
	return covers;
}

ZX_TEST(comparing)
{
	unsigned covered = 0, orders = 0;

	ZX_CHECK(zx_pattern_covers("", "") && zx_pattern_covers("", "X.") && !zx_pattern_covers("X.", ""));
	ZX_CHECK(zx_pattern_covers("X.", "0755XXXXXXXX") && zx_pattern_covers("0.", "0755XXXXXXXX") &&
		 !zx_pattern_covers("0755XXXXXXXX", "0755."));
	ZX_CHECK(zx_pattern_covers("[0-9]", "X") && zx_pattern_covers("X", "[0-9]") && !zx_pattern_covers("Z", "X"));
	/* exact, longer prefix, shorter prefix, pattern, any */
	static const char *const order[] = {"13800138000", "138001.", "138.", "138XXXXXXXX", "1[3-5].", "XXXXXXXXXXX", "X.", ".", ""};
	for (unsigned i = 0; i + 1 < sizeof(order) / sizeof(order[0]); i++) {
		if (!strcmp(order[i], "138.")) {
			ZX_CHECK(zx_pattern_order(order[i], order[i + 1]) >
				 0); /* the prefix takes all of the pattern: the pattern goes first */
			continue;
		}
		ZX_CHECK(zx_pattern_order(order[i], order[i + 1]) < 0);
		ZX_CHECK(zx_pattern_order(order[i + 1], order[i]) > 0);
	}
	srand48(7);
	for (int i = 0; i < 1500; i++) {
		char a[40], b[40];
		unsigned ta, tb;

		random_pattern(a);
		random_pattern(b);
		const bool ab = covers_by_trial(a, b, &tb), ba = covers_by_trial(b, a, &ta);

		if (ab != zx_pattern_covers(a, b))
			fprintf(stderr, "does \"%s\" cover \"%s\"? %d\n", a, b, ab);
		ZX_CHECK_EQ(zx_pattern_covers(a, b), ab);
		covered += ab;
		ZX_CHECK((zx_pattern_order(a, b) < 0) == (zx_pattern_order(b, a) > 0));
		if (ab && !ba) { /* what takes more goes later */
			if (zx_pattern_order(b, a) >= 0)
				fprintf(stderr, "\"%s\" covers \"%s\" and does not come later\n", a, b);
			ZX_CHECK(zx_pattern_order(b, a) < 0);
			orders++;
		}
	}
	printf("# %u of 1500 cover, %u strictly\n", covered, orders);
	ZX_CHECK(covered > 100 && orders > 100);
}

ZX_MAIN({"examples", examples}, {"wrong patterns are told", check}, {"the same as regular expressions", property},
	{"which covers which, which comes first", comparing})
