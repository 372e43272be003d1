/* Reading and writing header values. */
#include "sip/inv_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { URI_MAX = 1024, PARTS_MAX = 8 };

int zx_out(struct mbuf *mb, const char *fmt, ...)
{
	for (int round = 0; round < 2; round++) {
		const size_t room = mb->size - mb->pos;
		va_list ap;
		int n;

		va_start(ap, fmt);
		n = vsnprintf((char *)mb->buf + mb->pos, room, fmt, ap);
		va_end(ap);
		if (n < 0)
			return EINVAL;
		if ((size_t)n < room) {
			mb->pos += (size_t)n;
			mb->end = mb->pos;
			return 0;
		}
		if (mbuf_resize(mb, mb->size * 2 + (size_t)n))
			return ENOMEM;
	}
	return ENOMEM;
}

int zx_out_pl(struct mbuf *mb, const char *before, const struct pl *pl, const char *after)
{
	int err;

	err = mbuf_write_str(mb, before);
	err |= mbuf_write_mem(mb, (const uint8_t *)pl->p, pl->l);
	err |= mbuf_write_str(mb, after);
	return err;
}

int zx_out_body(struct mbuf *mb, const char *ctype, const struct mbuf *body)
{
	int err;

	if (!body)
		return mbuf_write_str(mb, "Content-Length: 0\r\n\r\n");
	err = zx_out(mb, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", ctype, body->end);
	err |= mbuf_write_mem(mb, body->buf, body->end);
	return err;
}

struct mbuf *zx_out_copy(const struct mbuf *mb)
{
	struct mbuf *copy = mbuf_alloc(mb->end);

	if (copy && mbuf_write_mem(copy, mb->buf, mb->end))
		copy = mem_deref(copy);
	if (copy)
		copy->pos = 0;
	return copy;
}

static void pl_trim(struct pl *pl)
{
	while (pl->l && isspace((unsigned char)pl->p[0])) {
		pl->p++;
		pl->l--;
	}
	while (pl->l && isspace((unsigned char)pl->p[pl->l - 1]))
		pl->l--;
}

/* Length of a quoted string at p, quotes included; 0 when it does not end. */
static size_t quoted_len(const char *p, size_t l)
{
	for (size_t i = 1; i < l; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"')
			return i + 1;
	}
	return 0;
}

int zx_addr_split(struct zx_addr *a, const struct pl *val)
{
	struct pl v = *val;
	const char *lt, *gt, *semi, *from;
	size_t q = 0;

	memset(a, 0, sizeof(*a));
	pl_trim(&v);
	if (!v.l)
		return EBADMSG;
	if (v.p[0] == '"') {
		q = quoted_len(v.p, v.l);
		if (!q)
			return EBADMSG;
	}
	from = v.p + q;
	lt = memchr(from, '<', v.l - q);
	if (lt) {
		gt = memchr(lt, '>', (size_t)(v.p + v.l - lt));
		if (!gt)
			return EBADMSG;
		a->name = (struct pl){v.p, (size_t)(lt - v.p)};
		pl_trim(&a->name);
		a->uri = (struct pl){lt + 1, (size_t)(gt - lt - 1)};
		a->params = (struct pl){gt + 1, (size_t)(v.p + v.l - gt - 1)};
	} else {
		if (q)
			return EBADMSG;
		semi = memchr(v.p, ';', v.l);
		a->uri = (struct pl){v.p, semi ? (size_t)(semi - v.p) : v.l};
		a->params = (struct pl){v.p + a->uri.l, v.l - a->uri.l};
	}
	pl_trim(&a->uri);
	return a->uri.l ? 0 : EBADMSG;
}

bool zx_param_get(const struct pl *params, const char *name, struct pl *val)
{
	const char *p = params->p, *end = p ? p + params->l : p;
	const size_t nl = strlen(name);

	while (p < end) {
		struct pl key, v = {NULL, 0};
		const char *s;

		p = memchr(p, ';', (size_t)(end - p));
		if (!p)
			return false;
		s = ++p;
		while (p < end && *p != ';' && *p != '=')
			p++;
		key = (struct pl){s, (size_t)(p - s)};
		if (p < end && *p == '=') {
			size_t q = 0;

			s = ++p;
			while (s < end && isspace((unsigned char)*s))
				s++;
			if (s < end && *s == '"')
				q = quoted_len(s, (size_t)(end - s));
			p = s + q;
			while (p < end && *p != ';')
				p++;
			v = (struct pl){s, (size_t)(p - s)};
			pl_trim(&v);
		}
		pl_trim(&key);
		if (key.l == nl && !strncasecmp(key.p, name, nl)) {
			if (val)
				*val = v;
			return true;
		}
	}
	return false;
}

void zx_name_decode(char *buf, size_t sz, const struct pl *name)
{
	struct pl n = *name;
	bool quoted;
	size_t o = 0;

	pl_trim(&n);
	quoted = n.l >= 2 && n.p[0] == '"';
	if (quoted) {
		n.p++;
		n.l -= 2;
	}
	for (size_t i = 0; i < n.l && o + 1 < sz; i++) {
		unsigned char c = (unsigned char)n.p[i];

		if (quoted && c == '\\' && i + 1 < n.l)
			c = (unsigned char)n.p[++i];
		if (c < 0x20 || c == 0x7f)
			c = ' ';
		buf[o++] = (char)c;
	}
	/* do not leave half a UTF-8 sequence at the cut */
	if (o + 1 == sz) {
		while (o && ((unsigned char)buf[o - 1] & 0xc0) == 0x80)
			o--;
		if (o && ((unsigned char)buf[o - 1] & 0x80))
			o--;
	}
	buf[o] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unescapes %XX. */
static int text_unescape(char *buf, size_t sz, const struct pl *src)
{
	size_t o = 0;

	for (size_t i = 0; i < src->l; i++) {
		int c = (unsigned char)src->p[i];

		if (c == '%') {
			if (i + 2 >= src->l || hex_value(src->p[i + 1]) < 0 || hex_value(src->p[i + 2]) < 0)
				return EBADMSG;
			c = hex_value(src->p[i + 1]) << 4 | hex_value(src->p[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || o + 1 >= sz)
			return EBADMSG;
		buf[o++] = (char)c;
	}
	buf[o] = '\0';
	return o ? 0 : ENOENT;
}

int zx_user_decode(char *buf, size_t sz, const struct pl *uri)
{
	const char *colon = memchr(uri->p, ':', uri->l), *at, *p;
	struct pl user;

	if (!colon)
		return EBADMSG;
	user = (struct pl){colon + 1, uri->l - (size_t)(colon + 1 - uri->p)};
	if ((size_t)(colon - uri->p) == 3 && !strncasecmp(uri->p, "tel", 3)) {
		p = memchr(user.p, ';', user.l);
		if (p)
			user.l = (size_t)(p - user.p);
		return text_unescape(buf, sz, &user);
	}
	at = memchr(user.p, '@', user.l);
	if (!at)
		return ENOENT;
	user.l = (size_t)(at - user.p);
	/* parameters of the user (;phone-context=) and the password are not part of the number */
	p = memchr(user.p, ';', user.l);
	if (p)
		user.l = (size_t)(p - user.p);
	p = memchr(user.p, ':', user.l);
	if (p)
		user.l = (size_t)(p - user.p);
	return text_unescape(buf, sz, &user);
}

int zx_out_user(struct mbuf *mb, const char *user)
{
	int err = 0;

	for (const char *p = user; *p && !err; p++) {
		const unsigned char c = (unsigned char)*p;

		if (isalnum(c) || strchr("-_.!~*'()&=+$,/", c))
			err = mbuf_write_u8(mb, c);
		else
			err = zx_out(mb, "%%%02X", c);
	}
	return err;
}

int zx_out_name(struct mbuf *mb, const char *name)
{
	int err = mbuf_write_u8(mb, '"');

	for (const char *p = name; *p && !err; p++) {
		const unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			err = mbuf_write_u8(mb, '\\');
		err |= mbuf_write_u8(mb, c < 0x20 || c == 0x7f ? ' ' : c);
	}
	return err | mbuf_write_u8(mb, '"');
}

bool zx_uri_ok(const struct pl *uri)
{
	const char *colon = memchr(uri->p, ':', uri->l);

	if (!colon || uri->l > URI_MAX)
		return false;
	for (size_t i = 0; i < uri->l; i++) {
		const unsigned char c = (unsigned char)uri->p[i];

		if (c <= 0x20 || c == 0x7f || c == '<' || c == '>' || c == '"')
			return false;
	}
	return (colon - uri->p == 3 && !strncasecmp(uri->p, "sip", 3)) || (colon - uri->p == 4 && !strncasecmp(uri->p, "sips", 4));
}

bool zx_hdr_u32(const struct sip_msg *msg, enum sip_hdrid id, uint32_t *v)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, id);
	uint64_t n = 0;
	size_t i = 0;

	if (!hdr)
		return false;
	for (; i < hdr->val.l && isdigit((unsigned char)hdr->val.p[i]); i++) {
		n = n * 10 + (uint64_t)(hdr->val.p[i] - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*v = (uint32_t)n;
	return i > 0;
}

bool zx_met_is(const struct sip_msg *msg, const char *met)
{
	return !pl_strcmp(&msg->met, met);
}

const char *zx_reason_default(uint16_t scode)
{
	static const struct {
		uint16_t scode;
		const char *text;
	} t[] = {{100, "Trying"},
		 {180, "Ringing"},
		 {181, "Call Is Being Forwarded"},
		 {182, "Queued"},
		 {183, "Session Progress"},
		 {200, "OK"},
		 {202, "Accepted"},
		 {400, "Bad Request"},
		 {403, "Forbidden"},
		 {404, "Not Found"},
		 {405, "Method Not Allowed"},
		 {408, "Request Timeout"},
		 {415, "Unsupported Media Type"},
		 {480, "Temporarily Unavailable"},
		 {481, "Call/Transaction Does Not Exist"},
		 {482, "Loop Detected"},
		 {484, "Address Incomplete"},
		 {486, "Busy Here"},
		 {487, "Request Terminated"},
		 {488, "Not Acceptable Here"},
		 {491, "Request Pending"},
		 {500, "Server Internal Error"},
		 {501, "Not Implemented"},
		 {503, "Service Unavailable"},
		 {504, "Server Time-out"},
		 {600, "Busy Everywhere"},
		 {603, "Decline"}};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		if (t[i].scode == scode)
			return t[i].text;
	}
	return scode < 200 ? "Progress" : scode < 300 ? "OK" : scode < 500 ? "Request Failure" : "Failure";
}

/* ---- bodies ---- */

static bool ctype_is(const struct msg_ctype *c, const char *type, const char *subtype)
{
	return !pl_strcasecmp(&c->type, type) && !pl_strcasecmp(&c->subtype, subtype);
}

/* One part of a multipart body: true when it was SDP. */
static bool part_sdp(struct zx_sdp *sdp, const char *p, size_t l, int *err)
{
	struct msg_ctype ctyp = {0};
	bool found = false;

	while (l) {
		const char *nl = memchr(p, '\n', l);
		struct pl line = {p, nl ? (size_t)(nl - p) : l};
		const size_t used = nl ? line.l + 1 : l;

		p += used;
		l -= used;
		pl_trim(&line);
		if (!line.l)
			break;
		if (line.l > 13 && !strncasecmp(line.p, "Content-Type:", 13)) {
			struct pl v = {line.p + 13, line.l - 13};

			pl_trim(&v);
			found = !msg_ctype_decode(&ctyp, &v) && ctype_is(&ctyp, "application", "sdp");
		}
	}
	if (found)
		*err = zx_sdp_decode(sdp, p, l);
	return found;
}

static int multipart_sdp(struct zx_sdp *sdp, const struct msg_ctype *ctyp, const char *p, size_t l)
{
	char mark[76] = "--";
	struct pl b;
	const char *start = NULL;
	size_t ml;
	int err = ENOTSUP;

	if (!zx_param_get(&ctyp->params, "boundary", &b) || !b.l)
		return EBADMSG;
	if (b.l >= 2 && b.p[0] == '"' && b.p[b.l - 1] == '"') {
		b.p++;
		b.l -= 2;
	}
	if (!b.l || b.l > 70)
		return EBADMSG;
	memcpy(mark + 2, b.p, b.l);
	ml = b.l + 2;
	for (unsigned n = 0; n <= PARTS_MAX; n++) {
		const char *m = memmem(p, l, mark, ml);

		if (!m)
			return start ? err : EBADMSG;
		if (start && part_sdp(sdp, start, (size_t)(m - start), &err))
			return err;
		l -= (size_t)(m + ml - p);
		p = m + ml;
		if (l >= 2 && p[0] == '-' && p[1] == '-')
			return err;
		m = memchr(p, '\n', l);
		if (!m)
			return EBADMSG;
		l -= (size_t)(m + 1 - p);
		start = p = m + 1;
	}
	return err;
}

int zx_msg_sdp(struct zx_sdp *sdp, const struct sip_msg *msg)
{
	const char *p = (const char *)mbuf_buf(msg->mb);
	size_t l = mbuf_get_left(msg->mb);
	const struct sip_hdr *enc = sip_msg_hdr(msg, SIP_HDR_CONTENT_ENCODING);
	const struct sip_hdr *disp = sip_msg_hdr(msg, SIP_HDR_CONTENT_DISPOSITION);
	struct pl handling;
	int err;

	if (pl_isset(&msg->clen) && pl_u32(&msg->clen) < l)
		l = pl_u32(&msg->clen);
	if (!l)
		return ENOENT;
	if (enc && pl_strcasecmp(&enc->val, "identity"))
		return ENOTSUP;
	if (ctype_is(&msg->ctyp, "application", "sdp"))
		return zx_sdp_decode(sdp, p, l);
	if (ctype_is(&msg->ctyp, "multipart", "mixed") || ctype_is(&msg->ctyp, "multipart", "alternative"))
		err = multipart_sdp(sdp, &msg->ctyp, p, l);
	else
		err = ENOTSUP;
	if (err == ENOTSUP && disp && zx_param_get(&disp->val, "handling", &handling) && !pl_strcasecmp(&handling, "optional"))
		return ENOENT;
	return err;
}
