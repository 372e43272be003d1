#include "store/priv.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* 0 = none. The colon may be given or left out. */
static int param(const struct zx_stmt *s, const char *name)
{
	char buf[64];
	size_t n;

	if (*name == ':')
		return sqlite3_bind_parameter_index(s->s, name);
	n = strlen(name);
	if (n + 2 > sizeof(buf))
		return 0;
	buf[0] = ':';
	memcpy(buf + 1, name, n + 1);
	return sqlite3_bind_parameter_index(s->s, buf);
}

int zx_bind_int(struct zx_stmt *s, const char *name, int64_t v)
{
	const int i = param(s, name);

	return i ? zx_sqlite_errno(s->db->h, sqlite3_bind_int64(s->s, i, v)) : ENOENT;
}

int zx_bind_real(struct zx_stmt *s, const char *name, double v)
{
	const int i = param(s, name);

	return i ? zx_sqlite_errno(s->db->h, sqlite3_bind_double(s->s, i, v)) : ENOENT;
}

int zx_bind_text(struct zx_stmt *s, const char *name, const char *v)
{
	const int i = param(s, name);

	if (!i)
		return ENOENT;
	return zx_sqlite_errno(s->db->h, v ? sqlite3_bind_text(s->s, i, v, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(s->s, i));
}

int zx_bind_blob(struct zx_stmt *s, const char *name, const void *v, size_t len)
{
	const int i = param(s, name);

	if (!i)
		return ENOENT;
	if (len > INT_MAX)
		return E2BIG;
	return zx_sqlite_errno(s->db->h, v ? sqlite3_bind_blob(s->s, i, v, (int)len, SQLITE_TRANSIENT) : sqlite3_bind_null(s->s, i));
}

int64_t zx_col_int(struct zx_stmt *s, int i)
{
	return sqlite3_column_int64(s->s, i);
}

double zx_col_real(struct zx_stmt *s, int i)
{
	return sqlite3_column_double(s->s, i);
}

const char *zx_col_text(struct zx_stmt *s, int i)
{
	const unsigned char *t = sqlite3_column_text(s->s, i);

	return t ? (const char *)t : "";
}

const void *zx_col_blob(struct zx_stmt *s, int i, size_t *len)
{
	const void *p = sqlite3_column_blob(s->s, i);

	*len = (size_t)sqlite3_column_bytes(s->s, i);
	return p;
}

bool zx_col_null(struct zx_stmt *s, int i)
{
	return sqlite3_column_type(s->s, i) == SQLITE_NULL;
}

int zx_col_count(struct zx_stmt *s)
{
	return sqlite3_column_count(s->s);
}

const char *zx_col_name(struct zx_stmt *s, int i)
{
	const char *n = sqlite3_column_name(s->s, i);

	return n ? n : "";
}
