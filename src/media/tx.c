/* The way out: one SSRC with continuous sequence and time stamps, whoever is the source: key presses, player, peer, silence. */
#include "media/priv.h"

#include <stdlib.h>
#include <string.h>

enum { DTMF_ENDS = 3, DTMF_GAP = 3, DTMF_VOLUME = 10, DTMF_MIN = 40 * 8, DTMF_MAX = 8000 };

/* pkt: RTP header and payload of len bytes in all, with room for SRTP behind. */
static void send_rtp(struct zx_mt *mt, struct zx_ms *ms, uint8_t *pkt, size_t len)
{
	size_t payload = len - ZX_RTP_HDR;

	if (zx_srtp_tx(ms->srtp) && zx_srtp_protect(ms->srtp, pkt, &len, false))
		return;
	zx_io_send(mt->io, &ms->rtp, pkt, len, &ms->dst);
	ZX_ADD(mt->tx, 1);
	ZX_ADD(ms->c.tx_packets, 1);
	ZX_ADD(ms->c.tx_bytes, payload);
}

static bool may_send(const struct zx_ms *ms)
{
	return ms->have_dst && ms->d.dir & ZX_DIR_SENDONLY && ms->d.codec >= 0;
}

/* The time stamp of something sent now: time has passed since the last packet, at least a frame. */
static uint32_t ts_now(const struct zx_txcont *t, uint64_t now)
{
	uint64_t gone = t->started ? (now - t->t_us) * 8 / 1000 : 0;
	return t->ts + (gone > ZX_FRAME ? (uint32_t)gone : ZX_FRAME);
}

void zx_tx_unmap(struct zx_ms *ms)
{
	ms->tx.mapped = ms->tx.own = false;
	if (ms->pack)
		ms->pack->n = 0;
}

bool zx_tx_map(struct zx_txcont *t, struct zx_rtp *r, uint64_t now)
{
	if (!t->mapped || t->map_ssrc != r->ssrc) {
		t->ts_off = ts_now(t, now) - r->ts;
		t->seq_off = (uint16_t)(t->seq + 1 - r->seq);
		t->map_base = r->seq;
		t->map_ssrc = r->ssrc;
		t->mapped = t->started = true;
		t->own = false;
		r->marker = true;
	}
	uint16_t age = (uint16_t)(r->seq - t->map_base);
	if (age >= 0x8000)
		return false;
	if (age > 0x4000)
		t->map_base = (uint16_t)(r->seq - 0x2000);
	r->seq = (uint16_t)(r->seq + t->seq_off);
	r->ts += t->ts_off;
	r->ssrc = t->ssrc;
	if ((int16_t)(r->seq - t->seq) > 0)
		t->seq = r->seq;
	if ((int32_t)(r->ts - t->ts) > 0)
		t->ts = r->ts;
	t->t_us = now;
	return true;
}

static struct zx_enc *encoder(struct zx_ms *ms)
{
	if (ms->enc && ms->enc_codec == ms->d.codec)
		return ms->enc;
	zx_enc_free(ms->enc);
	ms->enc = NULL;
	ms->enc_codec = ms->d.codec;
	return zx_enc_alloc(&ms->enc, ms->d.codec) ? NULL : ms->enc;
}

/* Samples a packet towards the other side. */
unsigned zx_tx_frame(const struct zx_ms *ms)
{
	unsigned p = ms->d.ptime / 10 * 10u;
	return (p < 10 ? 20 : p > 120 ? 120 : p) * 8;
}

void zx_tx_pcm(struct zx_mt *mt, struct zx_ms *ms, struct zx_rtp *r, const int16_t *pcm, size_t n)
{
	struct zx_enc *e = encoder(ms);

	if (!e)
		return;
	uint8_t *out = zx_io_txbuf(mt->io);
	size_t len = zx_enc_run(e, pcm, n, out + ZX_RTP_HDR, ZX_RTP_MAX - ZX_RTP_HDR);
	if (!len)
		return;
	r->pt = ms->d.pt;
	zx_rtp_put(out, r);
	send_rtp(mt, ms, out, ZX_RTP_HDR + len);
}

struct zx_pack *zx_tx_pack(struct zx_ms *ms)
{
	if (!ms->pack)
		ms->pack = calloc(1, sizeof(*ms->pack));
	return ms->pack;
}

void zx_tx_pack_send(struct zx_mt *mt, struct zx_ms *ms)
{
	struct zx_pack *k = ms->pack;
	struct zx_rtp r = {.seq = ++ms->tx.seq, .ts = k->ts, .ssrc = ms->tx.ssrc, .marker = k->marker};

	zx_tx_pcm(mt, ms, &r, k->v, k->n);
	k->n = 0;
	k->marker = false;
}

void zx_tx_relay(struct zx_mt *mt, struct zx_ms *to, struct zx_ms *from, struct zx_rtp *r, uint8_t *pkt, int kind)
{
	if (to->play || to->dt || !may_send(to))
		return;
	if (kind >= 0 && kind != (int)to->d.codec) {
		zx_transcode(mt, to, from, r, pkt, (enum zx_codec)kind);
		return;
	}
	if ((kind == ZX_KIND_TE && to->d.te_pt < 0) || (kind == ZX_KIND_CN && from->d.codec != to->d.codec)) {
		if (to->tx.mapped && to->tx.map_ssrc == r->ssrc)
			to->tx.seq_off--; /* closes the gap: nothing was lost */
		return;
	}
	if (!zx_tx_map(&to->tx, r, mt->now_us))
		return;
	if (kind >= 0)
		r->pt = to->d.pt;
	else if (kind == ZX_KIND_TE)
		r->pt = (uint8_t)to->d.te_pt;
	/* In place; extension, CSRC list and padding of the other side stay behind. */
	uint8_t *p = pkt + r->off - ZX_RTP_HDR;
	zx_rtp_put(p, r);
	send_rtp(mt, to, p, (size_t)ZX_RTP_HDR + r->len);
}

/* Audio of our own, following what we sent last. */
static void send_own(struct zx_mt *mt, struct zx_ms *ms, const int16_t *pcm, unsigned n)
{
	struct zx_txcont *t = &ms->tx;
	struct zx_rtp r = {.ssrc = t->ssrc, .marker = !t->own};

	t->ts = t->own ? t->ts + t->len : ts_now(t, mt->now_us);
	t->len = n;
	t->seq++;
	t->own = t->started = true;
	t->mapped = false;
	t->t_us = mt->now_us;
	r.seq = t->seq;
	r.ts = t->ts;
	zx_tx_pcm(mt, ms, &r, pcm, n);
}

/* What is left of a packet. */
static void send_rest(struct zx_mt *mt, struct zx_ms *ms)
{
	if (ms->pack && ms->pack->n && may_send(ms))
		send_own(mt, ms, ms->pack->v, ms->pack->n);
	if (ms->pack)
		ms->pack->n = 0;
}

/* 20 ms; sent in packets as long as the other side wants them. */
static void send_frame(struct zx_mt *mt, struct zx_ms *ms, const int16_t *pcm)
{
	const unsigned want = zx_tx_frame(ms);

	if (!may_send(ms))
		return;
	if (want == ZX_FRAME && !(ms->pack && ms->pack->n)) {
		send_own(mt, ms, pcm, ZX_FRAME);
		return;
	}
	struct zx_pack *k = zx_tx_pack(ms);
	if (!k)
		return;
	for (unsigned at = 0; at < ZX_FRAME;) {
		unsigned n = want > k->n ? want - k->n : 0;
		n = n > ZX_FRAME - at ? ZX_FRAME - at : n;
		memcpy(k->v + k->n, pcm + at, n * sizeof(*pcm));
		k->n += n;
		at += n;
		if (k->n >= want)
			send_rest(mt, ms);
	}
}

void zx_tx_silence(struct zx_mt *mt, struct zx_ms *ms)
{
	static const int16_t zero[ZX_FRAME];

	if (may_send(ms))
		send_own(mt, ms, zero, ZX_FRAME);
	zx_tx_unmap(ms);
}

/* ---- player ---- */
void zx_tx_play_stop(struct zx_ms *ms)
{
	if (!ms->play)
		return;
	zx_pcm_deref(ms->play->pcm);
	free(ms->play);
	ms->play = NULL;
	zx_tx_unmap(ms);
}

/* The next frame into v; false at the end. */
static bool play_read(struct zx_player *p, int16_t *v)
{
	size_t got = 0;

	if (p->limited && !p->left_frames--)
		return false;
	while (got < ZX_FRAME) {
		if (p->pos >= p->pcm->n) {
			if (p->repeat == 1 || !p->pcm->n)
				break;
			if (p->repeat)
				p->repeat--;
			p->pos = 0;
		}
		size_t n = p->pcm->n - p->pos;
		if (n > ZX_FRAME - got)
			n = ZX_FRAME - got;
		memcpy(v + got, p->pcm->v + p->pos, n * sizeof(*v));
		got += n;
		p->pos += n;
	}
	memset(v + got, 0, (ZX_FRAME - got) * sizeof(*v));
	return got;
}

static void play_tick(struct zx_mt *mt, struct zx_ms *ms)
{
	int16_t v[ZX_FRAME];

	if (play_read(ms->play, v)) {
		send_frame(mt, ms, v);
		return;
	}
	uint32_t id = ms->play->id;
	send_rest(mt, ms);
	zx_tx_play_stop(ms);
	zx_ms_event(ms, &(struct zx_stream_event){.type = ZX_STREAM_PLAY_DONE, .play = id});
}

/* ---- key presses ---- */
void zx_tx_dtmf(struct zx_mt *mt, struct zx_ms *ms, uint8_t event, unsigned len_ms)
{
	if (!ms->dt)
		ms->dt = calloc(1, sizeof(*ms->dt));
	struct zx_dtmf_tx *d = ms->dt;
	if (!d || d->n == ZX_DTMF_QUEUE)
		return;
	unsigned samples = len_ms * 8;
	samples = samples < DTMF_MIN ? DTMF_MIN : samples > DTMF_MAX ? DTMF_MAX : samples;
	d->q[d->n].event = event;
	d->q[d->n++].samples = (uint16_t)samples;
	zx_ms_activate(mt, ms);
}

static void dtmf_next(struct zx_ms *ms)
{
	struct zx_dtmf_tx *d = ms->dt;

	memmove(d->q, d->q + 1, --d->n * sizeof(d->q[0]));
	d->running = false;
	d->gap = DTMF_GAP;
	ms->tx.own = false;
}

static void dtmf_packet(struct zx_mt *mt, struct zx_ms *ms)
{
	struct zx_dtmf_tx *d = ms->dt;
	struct zx_txcont *t = &ms->tx;

	if (!may_send(ms))
		return;
	uint8_t *out = zx_io_txbuf(mt->io);
	bool end = d->pos >= d->q[0].samples;
	struct zx_rtp r = {.pt = (uint8_t)ms->d.te_pt, .marker = d->pos == ZX_FRAME, .seq = ++t->seq, .ts = d->ts, .ssrc = t->ssrc};
	zx_rtp_put(out, &r);
	out[12] = d->q[0].event;
	out[13] = (uint8_t)((end ? 0x80 : 0) | DTMF_VOLUME);
	zx_put16(out + 14, (uint16_t)(end ? d->q[0].samples : d->pos));
	send_rtp(mt, ms, out, ZX_RTP_HDR + 4);
	t->ts = d->ts + d->pos;
	t->t_us = mt->now_us;
	t->started = true;
}

static void dtmf_tick(struct zx_mt *mt, struct zx_ms *ms)
{
	struct zx_dtmf_tx *d = ms->dt;

	if (d->gap) {
		d->gap--;
		return;
	}
	if (!d->running) {
		d->running = true;
		d->inband = ms->d.te_pt < 0;
		d->ends = 0;
		d->pos = 0;
		d->ts = ts_now(&ms->tx, mt->now_us);
		zx_tx_unmap(ms);
	}
	if (d->inband) {
		int16_t v[ZX_FRAME];
		zx_tone_dtmf(v, ZX_FRAME, d->q[0].event, d->pos);
		d->pos += ZX_FRAME;
		send_frame(mt, ms, v);
		if (d->pos >= d->q[0].samples) {
			send_rest(mt, ms);
			dtmf_next(ms);
		}
		return;
	}
	if (d->pos < d->q[0].samples)
		d->pos += ZX_FRAME;
	dtmf_packet(mt, ms);
	if (d->pos >= d->q[0].samples && ++d->ends == DTMF_ENDS)
		dtmf_next(ms);
}

bool zx_tx_tick(struct zx_mt *mt, struct zx_ms *ms)
{
	if (ms->dt) {
		if (ms->dt->n || ms->dt->gap) {
			dtmf_tick(mt, ms);
			return true;
		}
		free(ms->dt);
		ms->dt = NULL;
		zx_tx_unmap(ms);
	}
	if (ms->play)
		play_tick(mt, ms);
	return ms->play;
}
