/* Small text helpers. */
#ifndef ZX_BASE_TEXT_H
#define ZX_BASE_TEXT_H

#include "base/re.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounded copy, always terminated (size >= 1). True when src did not fit and was cut. */
bool zx_strcpy(char *dst, size_t size, const char *src);
/* The same from len bytes that need no NUL; stops at a NUL. */
bool zx_strcpy_len(char *dst, size_t size, const char *src, size_t len);
bool zx_pl_copy(char *dst, size_t size, const struct pl *pl);

/* Lower-case hex; dst has room for 2 * len + 1. */
void zx_hex_encode(char *dst, const void *src, size_t len);
/* Exactly 2 * len hex digits, either case; EINVAL else (dst is then undefined). */
int zx_hex_decode(void *dst, size_t len, const char *hex);

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates); NUL is allowed. */
bool zx_utf8_valid(const char *s, size_t len);

/* Takes away the beginning of a character that a bounded copy has left at the end. */
void zx_utf8_cut(char *s);

/* Cuts white space at both ends, in place; returns the first other character. */
char *zx_trim(char *s);

/* 1361****678: a customer's number for those who must not see it, as long as the number; short ones keep their last two. */
void zx_number_mask(char *out, size_t len, const char *number);

#endif
