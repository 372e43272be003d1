/* A message being written into a fixed buffer: what does not fit marks it full, nothing is ever cut silently. */
#ifndef ZX_SIP_BUF_H
#define ZX_SIP_BUF_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/re.h"

struct zx_buf {
	char *p;
	size_t n, cap;
	bool full;
};

static inline void zx_buf_mem(struct zx_buf *b, const char *p, size_t n)
{
	if (b->full || n > b->cap - b->n) {
		b->full = true;
		return;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void zx_buf_str(struct zx_buf *b, const char *s)
{
	zx_buf_mem(b, s, strlen(s));
}

static inline void zx_buf_pl(struct zx_buf *b, const struct pl *pl)
{
	zx_buf_mem(b, pl->p, pl->l);
}

__attribute__((format(printf, 2, 3))) static inline void zx_buf_fmt(struct zx_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (b->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= b->cap - b->n)
		b->full = true;
	else
		b->n += (size_t)n;
}

#endif
