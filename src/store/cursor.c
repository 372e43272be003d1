/* Where a page ended: "sort kind id value" in base64url. Kinds: n NULL, i integer, r real, t text. */
#include "store/query_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "store/priv.h"

enum { RAW = ZX_Q_CURSOR / 4 * 3 - 3 };

int zx_q_cursor_make(char *out, size_t len, const char *sort, struct zx_stmt *s, int i)
{
	char raw[RAW + 1];
	const char *value = "";
	char kind = 'n';
	int n;

	switch (sqlite3_column_type(s->s, i)) {
	case SQLITE_INTEGER:
		kind = 'i';
		value = zx_col_text(s, i);
		break;
	case SQLITE_FLOAT:
		kind = 'r';
		break;
	case SQLITE_TEXT:
		kind = 't';
		value = zx_col_text(s, i);
		break;
	default:
		break;
	}
	if (kind == 'r')
		n = snprintf(raw, sizeof(raw), "%s r %" PRId64 " %.17g", *sort ? sort : "id", zx_col_int(s, i + 1), zx_col_real(s, i));
	else
		n = snprintf(raw, sizeof(raw), "%s %c %" PRId64 " %s", *sort ? sort : "id", kind, zx_col_int(s, i + 1), value);
	if (n < 0 || (size_t)n >= sizeof(raw) || len < (size_t)(n + 2) / 3 * 4 + 1)
		return ENOSPC;
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)raw, n);
	for (; *out; out++) {
		if (*out == '+')
			*out = '-';
		else if (*out == '/')
			*out = '_';
		else if (*out == '=')
			*out = '\0';
	}
	return 0;
}

static int decode(char *raw, const char *in)
{
	char b64[ZX_Q_CURSOR + 4];
	size_t n = strlen(in);
	unsigned pad = 0;
	int len;

	if (!n || n > ZX_Q_CURSOR - 4 || strspn(in, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != n)
		return EINVAL;
	for (size_t i = 0; i < n; i++)
		b64[i] = in[i] == '-' ? '+' : in[i] == '_' ? '/' : in[i];
	for (; n % 4; pad++)
		b64[n++] = '=';
	b64[n] = '\0';
	len = EVP_DecodeBlock((unsigned char *)raw, (const unsigned char *)b64, (int)n);
	if (pad > 2 || len <= (int)pad)
		return EINVAL;
	raw[len - (int)pad] = '\0';
	return strlen(raw) == (size_t)(len - (int)pad) ? 0 : EINVAL;
}

int zx_q_cursor_read(struct zx_q_cursor *c, const char *in)
{
	char raw[ZX_Q_CURSOR], kind;
	int at = 0, err;

	memset(c, 0, sizeof(*c));
	err = decode(raw, in);
	if (err)
		return err;
	/* the blank after the id is a character, not white space: a text may begin with blanks */
	if (sscanf(raw, "%63[^ ] %c %" SCNd64 "%n", c->sort, &kind, &c->id, &at) != 3 || raw[at] != ' ')
		return EINVAL;
	snprintf(c->text, sizeof(c->text), "%s", raw + at + 1);
	switch (kind) {
	case 'n':
		c->value.kind = ZX_Q_VNULL;
		return 0;
	case 'i':
		return zx_q_value_parse(&c->value, ZX_Q_INT, c->text);
	case 'r':
		return zx_q_value_parse(&c->value, ZX_Q_REAL, c->text);
	case 't':
		c->value = (struct zx_q_bind){.kind = ZX_Q_VTEXT, .t = c->text};
		return 0;
	default:
		return EINVAL;
	}
}
