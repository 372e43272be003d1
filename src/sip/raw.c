#include "sip/raw.h"

#include <string.h>
#include <strings.h>

static const struct pl none = {NULL, 0};

/* RFC 3261 25.1: token */
static bool is_token(const char *p, size_t n)
{
	static const char extra[] = "-.!%*_+`'~";

	for (size_t i = 0; i < n; i++) {
		const char c = p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (!c || !strchr(extra, c))
			return false;
	}
	return n > 0;
}

static bool is_lws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(struct pl *v)
{
	while (v->l && is_lws(v->p[0])) {
		v->p++;
		v->l--;
	}
	while (v->l && is_lws(v->p[v->l - 1]))
		v->l--;
}

static bool bad(struct zx_raw *raw, uint16_t code, const char *reason)
{
	if (!raw->code) {
		raw->code = code;
		raw->reason = reason;
	}
	return false;
}

/* host [":" port], up to the end of v. */
static bool hostport_ok(const char *p, size_t n)
{
	size_t i = 0;

	if (n && p[0] == '[') {
		for (i = 1; i < n && p[i] != ']'; i++)
			if (!strchr("0123456789abcdefABCDEF:.%", p[i]) || !p[i])
				return false;
		if (i == n || i == 1)
			return false;
		i++;
	} else {
		while (i < n && p[i] != ':') {
			const char c = p[i++];

			if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
			      c == '_'))
				return false;
		}
		if (!i)
			return false;
	}
	if (i == n)
		return true;
	if (p[i++] != ':' || i == n || n - i > 5)
		return false;
	for (; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* Request-URI: scheme known, no brackets, spaces or headers, a host that is one. */
static bool ruri_check(struct zx_raw *raw)
{
	const struct pl *u = &raw->ruri;
	const char *colon = memchr(u->p, ':', u->l), *at, *end = u->p + u->l, *q, *h;

	if (u->p[0] == '<' || !colon || colon == u->p)
		return bad(raw, 400, "Bad Request-URI");
	const size_t sl = (size_t)(colon - u->p);
	if (sl == 3 && !strncasecmp(u->p, "tel", 3))
		return true;
	if (!(sl == 3 && !strncasecmp(u->p, "sip", 3)) && !(sl == 4 && !strncasecmp(u->p, "sips", 4)))
		return bad(raw, 416, "Unsupported URI Scheme");
	at = memrchr(colon, '@', (size_t)(end - colon));
	h = at ? at + 1 : colon + 1;
	for (q = h; q < end && *q != ';' && *q != '?'; q++)
		;
	if (at == colon + 1 || !hostport_ok(h, (size_t)(q - h)))
		return bad(raw, 400, "Bad Request-URI");
	if (memchr(q, '?', (size_t)(end - q)) || memchr(u->p, '<', u->l) || memchr(u->p, '"', u->l))
		return bad(raw, 400, "Bad Request-URI");
	return true;
}

/* Start line without its line end. */
static enum zx_raw_result start_line(struct zx_raw *raw, const char *p, size_t n)
{
	const char *sp, *sp2, *end = p + n;

	if (n > 8 && !strncasecmp(p, "SIP/", 4)) {
		if (strncasecmp(p, "SIP/2.0 ", 8) || n < 11)
			return ZX_RAW_JUNK;
		for (int i = 8; i < 11; i++)
			if (p[i] < '0' || p[i] > '9')
				return ZX_RAW_JUNK;
		return (p[8] < '1' || p[8] > '6' || (n > 11 && p[11] != ' ')) ? ZX_RAW_JUNK : ZX_RAW_OK;
	}
	raw->req = true;
	sp = memchr(p, ' ', n);
	if (!sp || !is_token(p, (size_t)(sp - p)) || sp - p > 64)
		return ZX_RAW_JUNK;
	raw->met.p = p;
	raw->met.l = (size_t)(sp - p);
	if (!memmem(sp, (size_t)(end - sp), " SIP/", 5))
		return ZX_RAW_JUNK;
	sp2 = memchr(sp + 1, ' ', (size_t)(end - sp - 1));
	if (!sp2 || sp2 == sp + 1 || end - sp2 < 8 || strncasecmp(sp2, " SIP/", 5)) {
		bad(raw, 400, "Bad Request-Line");
		return ZX_RAW_BAD;
	}
	raw->ruri.p = sp + 1;
	raw->ruri.l = (size_t)(sp2 - sp - 1);
	if (end - sp2 != 8 || memcmp(sp2 + 5, "2.0", 3)) {
		const bool vers = is_token(sp2 + 5, (size_t)(end - sp2 - 5));

		bad(raw, vers ? 505 : 400, vers ? "Version Not Supported" : "Bad Request-Line");
		return ZX_RAW_BAD;
	}
	return ruri_check(raw) ? ZX_RAW_OK : ZX_RAW_BAD;
}

bool zx_raw_name_is(const struct pl *name, const char *full, char compact)
{
	if (name->l == 1)
		return compact && (name->p[0] | 0x20) == compact;
	return name->l == strlen(full) && !strncasecmp(name->p, full, name->l);
}

bool zx_raw_next(const struct pl *hdrs, size_t *pos, struct pl *name, struct pl *val)
{
	const char *p = hdrs->p + *pos, *end = hdrs->p + hdrs->l, *eol, *colon;

	if (*pos >= hdrs->l)
		return false;
	for (eol = p;; eol++) {
		eol = memchr(eol, '\n', (size_t)(end - eol));
		if (!eol || eol + 1 >= end) {
			eol = end;
			break;
		}
		if (eol[1] != ' ' && eol[1] != '\t')
			break;
	}
	*pos = (size_t)(eol - hdrs->p) + 1;
	colon = memchr(p, ':', (size_t)(eol - p));
	name->p = p;
	name->l = (size_t)((colon ? colon : p) - p);
	while (name->l && (name->p[name->l - 1] == ' ' || name->p[name->l - 1] == '\t'))
		name->l--;
	val->p = colon ? colon + 1 : p;
	val->l = (size_t)(eol - val->p);
	trim(val);
	return true;
}

/* name-addr or addr-spec with parameters, as From and To have it. */
static bool addr_ok(const struct pl *v)
{
	const char *p = v->p, *end = p + v->l;

	if (p < end && *p == '"') {
		for (p++; p < end && *p != '"'; p++)
			if (*p == '\\')
				p++;
		if (p >= end)
			return false;
		for (p++; p < end && is_lws(*p); p++)
			;
		if (p >= end || *p != '<')
			return false;
	}
	const char *lt = memchr(p, '<', (size_t)(end - p));
	if (!lt) { /* addr-spec: no spaces, no headers, no comma */
		for (; p < end && *p != ';'; p++)
			if (is_lws(*p) || *p == ',' || *p == '?' || *p == '"' || *p == '>')
				return is_lws(*p) && memchr(p, ';', (size_t)(end - p));
		return v->l > 0;
	}
	for (; p < lt; p++) /* display name: tokens; anything beyond ASCII is let pass */
		if (strchr(",;:@()<>\"?=/[]{}", *p) && *p)
			return false;
	const char *gt = memchr(lt, '>', (size_t)(end - lt));
	if (!gt || gt == lt + 1)
		return false;
	for (p = lt + 1; p < gt; p++)
		if (is_lws(*p) || *p == '<')
			return false;
	for (p = gt + 1; p < end && is_lws(*p); p++)
		;
	return p == end || *p == ';';
}

/* The first Via line: no empty elements or parameters; notes whether the first element has a branch. */
static bool via_ok(struct zx_raw *raw)
{
	const char *p = raw->via.p, *end = p + raw->via.l, *start = p;
	bool quoted = false, first = true;
	char prev = 0;

	if (raw->via.l < 8 || strncasecmp(p, "SIP", 3))
		return false;
	for (; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		if (quoted || is_lws(*p))
			continue;
		if ((*p == ';' && (prev == ';' || prev == ',')) || (*p == ',' && (prev == ';' || prev == ',' || p == start)))
			return false;
		if (*p == ',')
			first = false;
		if (first && prev == ';' && end - p > 7 && !strncasecmp(p, "branch", 6))
			raw->has_branch = true;
		prev = *p;
	}
	return !quoted && prev != ';' && prev != ',';
}

static bool num_parse(const struct pl *v, uint32_t max, uint32_t *out)
{
	uint64_t x = 0;

	if (!v->l)
		return false;
	for (size_t i = 0; i < v->l; i++) {
		if (v->p[i] < '0' || v->p[i] > '9')
			return false;
		x = x * 10 + (unsigned)(v->p[i] - '0');
		if (x > max)
			return false;
	}
	*out = (uint32_t)x;
	return true;
}

static bool cseq_check(struct zx_raw *raw, const struct pl *val)
{
	struct pl num = *val, met;
	size_t i;

	for (i = 0; i < val->l && !is_lws(val->p[i]); i++)
		;
	num.l = i;
	met.p = val->p + i;
	met.l = val->l - i;
	trim(&met);
	raw->cseq_met = met;
	if (!num_parse(&num, 0x7fffffff, &raw->cseq) || !is_token(met.p, met.l))
		return bad(raw, 400, "Bad CSeq");
	if (raw->req && (met.l != raw->met.l || memcmp(met.p, raw->met.p, met.l)))
		return bad(raw, 400, "CSeq Method Mismatch");
	return true;
}

static bool once(struct zx_raw *raw, struct pl *slot, const struct pl *val, const char *why)
{
	if (slot->p)
		return bad(raw, 400, why);
	*slot = *val;
	return true;
}

static void header(struct zx_raw *raw, const struct pl *name, const struct pl *val)
{
	struct pl dummy = none;
	uint32_t n;

	if (zx_raw_name_is(name, "Via", 'v')) {
		if (raw->via.p)
			return;
		raw->via = *val;
		if (!via_ok(raw))
			bad(raw, 400, "Bad Via");
	} else if (zx_raw_name_is(name, "From", 'f')) {
		if (once(raw, &raw->from, val, "Multiple From") && !addr_ok(val))
			bad(raw, 400, "Bad From");
	} else if (zx_raw_name_is(name, "To", 't')) {
		if (once(raw, &raw->to, val, "Multiple To") && !addr_ok(val))
			bad(raw, 400, "Bad To");
	} else if (zx_raw_name_is(name, "Call-ID", 'i')) {
		if (once(raw, &raw->callid, val, "Multiple Call-ID") && (!val->l || val->l > 255))
			bad(raw, 400, "Bad Call-ID");
	} else if (zx_raw_name_is(name, "CSeq", 0)) {
		if (raw->cseq_met.p)
			bad(raw, 400, "Multiple CSeq");
		else
			cseq_check(raw, val);
	} else if (zx_raw_name_is(name, "Max-Forwards", 0)) {
		if (once(raw, &raw->maxfwd, val, "Multiple Max-Forwards") && !num_parse(val, 0x7fffffff, &n))
			bad(raw, 400, "Bad Max-Forwards");
	} else if (zx_raw_name_is(name, "Content-Length", 'l')) {
		if (!num_parse(val, ZX_RAW_MSG_MAX, &n))
			bad(raw, 400, "Bad Content-Length");
		else if (raw->has_clen && raw->clen != n)
			bad(raw, 400, "Multiple Content-Length");
		else
			raw->clen = n;
		raw->has_clen = true;
	} else if (zx_raw_name_is(name, "Contact", 'm') && raw->req) {
		dummy = *val;
		/* RFC 3261 20: a URI with "?" or "," must be in angle brackets */
		if (dummy.l && !memchr(dummy.p, '<', dummy.l) && memchr(dummy.p, '?', dummy.l))
			bad(raw, 400, "Bad Contact");
	}
}

static void required(struct zx_raw *raw)
{
	if (!raw->via.p)
		bad(raw, 400, "Missing Via");
	else if (!raw->from.p)
		bad(raw, 400, "Missing From");
	else if (!raw->to.p)
		bad(raw, 400, "Missing To");
	else if (!raw->callid.p)
		bad(raw, 400, "Missing Call-ID");
	else if (!raw->cseq_met.p)
		bad(raw, 400, "Missing CSeq");
}

/* Where the header lines end: offset of the empty line, its length in *gap; 0 none. */
static size_t header_end(const char *p, size_t n, size_t *gap)
{
	for (const char *q = p; (q = memchr(q, '\n', n - (size_t)(q - p))); q++) {
		const size_t left = n - (size_t)(q + 1 - p);

		if (left >= 1 && q[1] == '\n') {
			*gap = 1;
			return (size_t)(q + 1 - p);
		}
		if (left >= 2 && q[1] == '\r' && q[2] == '\n') {
			*gap = 2;
			return (size_t)(q + 1 - p);
		}
	}
	return 0;
}

enum zx_raw_result zx_raw_scan(struct zx_raw *raw, const char *p, size_t n, bool stream)
{
	const char *eol = memchr(p, '\n', n < 8192 ? n : 8192);
	size_t gap = 0, pos = 0, l, end;
	struct pl name, val;
	unsigned count = 0;

	memset(raw, 0, sizeof(*raw));
	if (!eol)
		return stream && n < 8192 ? ZX_RAW_PART : ZX_RAW_JUNK;
	l = (size_t)(eol - p);
	if (l && p[l - 1] == '\r')
		l--;
	if (start_line(raw, p, l) == ZX_RAW_JUNK)
		return ZX_RAW_JUNK;
	end = header_end(p, n, &gap);
	if (!end) {
		if (stream)
			return ZX_RAW_PART;
		bad(raw, 400, "Header Not Ended");
		end = n;
	}
	raw->body = end + gap;
	raw->hdrs.p = eol + 1;
	raw->hdrs.l = end - (size_t)(eol + 1 - p);
	for (const char *z = p; (z = memchr(z, 0, end - (size_t)(z - p))); z++)
		if (z[-1] != '\\') /* as a quoted pair it is allowed (RFC 4475 3.1.1.2) */
			bad(raw, 400, "NUL In Header");
	while (zx_raw_next(&raw->hdrs, &pos, &name, &val)) {
		if (++count > ZX_RAW_HDRS_MAX) {
			bad(raw, 400, "Too Many Headers");
			break;
		}
		if (!is_token(name.p, name.l))
			bad(raw, 400, "Bad Header");
		else
			header(raw, &name, &val);
	}
	required(raw);
	if (!stream && raw->has_clen && raw->clen > n - raw->body)
		bad(raw, 400, "Content-Length Too Large");
	if (raw->code)
		return ZX_RAW_BAD;
	return ZX_RAW_OK;
}
