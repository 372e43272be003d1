/* A test program: ZX_TEST(name) { ... } blocks, run in order by ZX_MAIN; a failed check ends the test, not the program. */
#ifndef ZX_TESTS_ZXTEST_H
#define ZX_TESTS_ZXTEST_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern jmp_buf zx_test_jmp;

#define ZX_CHECK(cond)                                                                                                                     \
	do {                                                                                                                               \
		if (!(cond)) {                                                                                                             \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond);                                                 \
			longjmp(zx_test_jmp, 1);                                                                                           \
		}                                                                                                                          \
	} while (0)

#define ZX_CHECK_EQ(a, b)                                                                                                                  \
	do {                                                                                                                               \
		const int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);                                                                        \
		if (a_ != b_) {                                                                                                            \
			fprintf(stderr, "%s:%d: %s is %lld, not %s (%lld)\n", __FILE__, __LINE__, #a, (long long)a_, #b, (long long)b_);   \
			longjmp(zx_test_jmp, 1);                                                                                           \
		}                                                                                                                          \
	} while (0)

#define ZX_CHECK_STR(a, b)                                                                                                                 \
	do {                                                                                                                               \
		const char *a_ = (a), *b_ = (b);                                                                                           \
		if (strcmp(a_, b_)) {                                                                                                      \
			fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #a, a_, b_);                              \
			longjmp(zx_test_jmp, 1);                                                                                           \
		}                                                                                                                          \
	} while (0)

struct zx_test {
	const char *name;
	void (*fn)(void);
};

#define ZX_TEST(n) static void n(void)

/* ZX_MAIN({"what it shows", fn}, ...) */
#define ZX_MAIN(...)                                                                                                                       \
	jmp_buf zx_test_jmp;                                                                                                               \
	int main(int argc, char **argv)                                                                                                    \
	{                                                                                                                                  \
		static const struct zx_test tests_[] = {__VA_ARGS__};                                                                      \
		volatile unsigned bad = 0, n = 0;                                                                                          \
		for (volatile size_t i = 0; i < sizeof(tests_) / sizeof(tests_[0]); i++) {                                                 \
			if (argc > 1 && !strstr(tests_[i].name, argv[1]))                                                                  \
				continue;                                                                                                  \
			n++;                                                                                                               \
			if (setjmp(zx_test_jmp)) {                                                                                         \
				bad++;                                                                                                     \
				printf("not ok - %s\n", tests_[i].name);                                                                   \
				continue;                                                                                                  \
			}                                                                                                                  \
			tests_[i].fn();                                                                                                    \
			printf("ok - %s\n", tests_[i].name);                                                                               \
		}                                                                                                                          \
		printf("%u run, %u failed\n", n, bad);                                                                                     \
		return bad || !n ? 1 : 0;                                                                                                  \
	}

#endif
