/* The record of a call: timeline, quality, the row. */
#include "call/core.h"

#include <stdarg.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "store/calls.h"

enum {
	TIMELINE_MAX = 4000, /* then only the end is noted */
	QUALITY_MAX = 4000,
	NOTE_MAX = 600,
};

char *zx_str_dup(const char *s)
{
	const size_t len = strlen(s) + 1;
	char *d = mem_alloc(len, NULL);

	if (d)
		memcpy(d, s, len);
	return d;
}

static size_t utf8_len(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

void zx_text_clean(char *dst, size_t len, const char *src)
{
	size_t n = 0;

	while (src && *src) {
		const size_t l = utf8_len((unsigned char)*src);

		if (n + l >= len)
			break;
		if (strnlen(src, l) == l && zx_utf8_valid(src, l)) {
			if ((unsigned char)*src >= 0x20 && *src != 0x7f) {
				memcpy(dst + n, src, l);
				n += l;
			}
			src += l;
		} else {
			dst[n++] = '?';
			src++;
		}
	}
	dst[n] = '\0';
}

/* Inside a JSON string; src is clean text. */
static size_t json_text(char *dst, size_t len, const char *src)
{
	size_t n = 0;

	for (; *src && n + 2 < len; src++) {
		if (*src == '"' || *src == '\\')
			dst[n++] = '\\';
		dst[n++] = *src;
	}
	dst[n] = '\0';
	return n;
}

/* Appends to a JSON list or object that is closed only when it is read. */
static void json_append(struct mbuf **mbp, char open, size_t max, const char *text, size_t len)
{
	struct mbuf *mb = *mbp;

	if (!mb) {
		mb = *mbp = mbuf_alloc(512);
		if (!mb)
			return;
	}
	if (mb->end + len + 1 > max)
		return;
	(void)mbuf_write_u8(mb, (uint8_t)(mb->end ? ',' : open));
	(void)mbuf_write_mem(mb, (const uint8_t *)text, len);
}

void zx_call_note(struct zx_call *c, const char *event, const char *detail)
{
	const bool last = zx_call_over(c);
	char text[NOTE_MAX], clean[ZX_NAME_LEN], esc[2 * ZX_NAME_LEN];
	int n;

	n = snprintf(text, sizeof(text), "{\"t\":%lld,\"e\":\"%s\"", (long long)(c->start + zx_call_ms(c)), event);
	if (detail && *detail) {
		zx_text_clean(clean, sizeof(clean), detail);
		json_text(esc, sizeof(esc), clean);
		n += snprintf(text + n, sizeof(text) - (size_t)n, ",\"d\":\"%s\"", esc);
	}
	text[n++] = '}';
	json_append(&c->timeline, '[', last ? TIMELINE_MAX + NOTE_MAX : TIMELINE_MAX, text, (size_t)n);
	if (zx_log_level() >= ZX_DEBUG)
		zx_log(ZX_DEBUG, "call", "%lld %s %s", (long long)c->id, event, detail ? detail : "");
}

void zx_record_quality(struct zx_call *c, const struct zx_leg *leg)
{
	struct zx_stream_stats st;
	char text[NOTE_MAX], esc[2 * ZX_NUM_LEN], nth[8] = "";
	double loss;
	int n;

	if (!leg->stream || !leg->media)
		return;
	zx_stream_stats(leg->stream, &st);
	if (!st.rx_packets && !st.tx_packets)
		return;
	loss = st.rx_packets + st.rx_lost ? 100.0 * (double)st.rx_lost / (double)(st.rx_packets + st.rx_lost) : 0;
	json_text(esc, sizeof(esc), leg->num);
	if (c->sides[leg->side]++) /* another party on that side, after a transfer */
		snprintf(nth, sizeof(nth), "-%u", c->sides[leg->side]);
	n = snprintf(text, sizeof(text),
		     "\"%s%s\":{\"num\":\"%s\",\"codec\":\"%s\",\"rx\":%llu,\"tx\":%llu,\"lost\":%llu,\"loss\":%.2f,\"jitter\":%.1f,"
		     "\"tx_lost\":%u,\"tx_jitter\":%.1f,\"rtt\":%.1f,\"mos\":%.2f}",
		     zx_side_name(leg), nth, esc, leg->desc.codec == ZX_CODEC_NONE ? "" : zx_codec_info(leg->desc.codec)->name,
		     (unsigned long long)st.rx_packets, (unsigned long long)st.tx_packets, (unsigned long long)st.rx_lost, loss,
		     (double)st.rx_jitter_us / 1000, st.tx_lost, (double)st.tx_jitter_us / 1000,
		     st.rtt_us < 0 ? -1.0 : (double)st.rtt_us / 1000, (double)st.mos);
	json_append(&c->quality, '{', QUALITY_MAX, text, (size_t)n);
}

/* A part of a file name: what is not plainly a number or word becomes "-". */
static void name_part(char *dst, size_t len, const char *src)
{
	size_t n = 0;

	for (; *src && n + 1 < len && n < 32; src++) {
		const bool ok = (*src >= '0' && *src <= '9') || (*src >= 'A' && *src <= 'Z') || (*src >= 'a' && *src <= 'z') || *src == '+';

		dst[n++] = ok ? *src : '-';
	}
	dst[n] = '\0';
}

char *zx_record_path(const struct zx_call *c)
{
	const time_t t = (time_t)(c->start / 1000);
	char path[128], from[40], to[40];
	struct tm tm;

	name_part(from, sizeof(from), c->from);
	name_part(to, sizeof(to), c->dialled);
	localtime_r(&t, &tm);
	snprintf(path, sizeof(path), "%04d/%02d/%02d/%lld_%s_%s.wav", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, (long long)c->id, from,
		 to);
	return zx_str_dup(path);
}

/* The text with its last bracket. */
static const char *json_close(struct mbuf *mb, const char *last, const char *none)
{
	if (!mb || !mb->end)
		return none;
	mb->pos = mb->end;
	if (mbuf_write_mem(mb, (const uint8_t *)last, 2))
		return none;
	mb->pos = mb->end -= 2; /* more may follow */
	return (const char *)mb->buf;
}

void zx_record_put(struct zx_call *c)
{
	static struct zx_log_site site;
	const bool over = zx_call_over(c);
	const int64_t end = over ? c->ended : zx_call_ms(c), rung = c->answered >= 0 ? c->answered : end;
	const struct zx_call_row row = {
	    .id = c->id,
	    .company_id = c->company_id,
	    .start = c->start,
	    .ended = over ? c->start + c->ended : 0,
	    .ring = c->rang >= 0 && rung > c->rang ? rung - c->rang : 0,
	    .talk = c->answered >= 0 ? end - c->answered : 0,
	    .direction = c->dir == ZX_CALL_INTERNAL  ? "internal"
			 : c->dir == ZX_CALL_INBOUND ? "inbound"
						     : "outbound",
	    .caller = c->from,
	    .caller_name = c->from_name,
	    .callee = c->dialled,
	    .caller_ext = c->caller_ext,
	    .callee_ext = c->callee_ext,
	    .transfer_to = c->transfer_to,
	    .app = c->app,
	    .trunk = c->trunk,
	    .state = over ? c->outcome : "talking",
	    .hangup_by = c->hangup_by,
	    .recording = c->rec_path ? c->rec_path : "",
	    .rec_problem = c->rec_problem ? c->rec_problem : "",
	    .quality = json_close(c->quality, "}", "{}"),
	    .timeline = json_close(c->timeline, "]", "[]"),
	    .scode = c->scode,
	};
	const int err = zx_call_row_put(zx_calls.env.store, &row);

	if (err)
		zx_log_limited(&site, 5, ZX_ERROR, "call", "record of call %lld is lost: %s", (long long)c->id, strerror(err));
}
