/* What the loop thread orders, done on the media thread. */
#include "media/priv.h"

#include <errno.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

static void list_in(struct zx_mt *mt, struct zx_ms *ms)
{
	struct zx_ms **head = &mt->sweep[ms->slot % ZX_SWEEP];

	ms->sweep_next = *head;
	ms->sweep_prev = head;
	if (*head)
		(*head)->sweep_prev = &ms->sweep_next;
	*head = ms;
	mt->nstreams++;
}

static void list_out(struct zx_ms *ms)
{
	*ms->sweep_prev = ms->sweep_next;
	if (ms->sweep_next)
		ms->sweep_next->sweep_prev = ms->sweep_prev;
	ms->sweep_prev = NULL;
}

static void unbridge(struct zx_ms *ms)
{
	struct zx_ms *p = ms->peer;

	if (!p)
		return;
	ms->peer = p->peer = NULL;
	zx_tx_unmap(ms);
	zx_tx_unmap(p);
}

static void adopt(struct zx_mt *mt, struct zx_ms *ms)
{
	list_in(mt, ms);
	ms->owner = mt;
	ms->open = 1;
	int err = zx_io_add(mt->io, &ms->rtp);
	if (!err && zx_sock_is_open(&ms->rtcp)) {
		err = zx_io_add(mt->io, &ms->rtcp);
		ms->open += !err;
	}
	if (err)
		zx_log(ZX_ERROR, "media", "stream cannot receive: error %d", err);
	if (ms->play || ms->dt)
		zx_ms_activate(mt, ms);
}

static void set(struct zx_mt *mt, struct zx_ms *ms, const struct zx_stream_desc *d)
{
	int err = zx_srtp_set(&ms->srtp, &d->tx, &d->rx, ms->tx.ssrc);

	if (err) {
		zx_log(ZX_ERROR, "media", "SRTP keys refused: error %d", err);
		return; /* never fall back to plain RTP */
	}
	if (ms->set && (ms->d.codec != d->codec || ms->d.pt != d->pt))
		ms->tx.own = false;
	ms->d = *d;
	explicit_bzero(&ms->d.tx, sizeof(ms->d.tx));
	explicit_bzero(&ms->d.rx, sizeof(ms->d.rx));
	enum zx_codec other = zx_codec_by_pt(d->pt_rx);
	if (other != ZX_CODEC_NONE && other != d->codec)
		ms->d.pt_rx = d->pt;
	zx_latch_set(ms, &ms->d, mt->now_us);
	ms->set = true;
	ms->set_us = mt->now_us;
	ms->timed_out = false;
	if (!ms->rtcp_us)
		ms->rtcp_us = mt->now_us;
	ZX_SET(ms->c.codec, (uint32_t)d->codec);
}

static void bridge(struct zx_ms *a, struct zx_ms *b)
{
	zx_tx_play_stop(a);
	zx_tx_play_stop(b);
	if (a->peer == b)
		return;
	unbridge(a);
	unbridge(b);
	a->peer = b;
	b->peer = a;
	zx_tx_unmap(a);
	zx_tx_unmap(b);
}

static void play(struct zx_mt *mt, struct zx_ms *ms, struct zx_cmd *c)
{
	struct zx_player *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	zx_tx_play_stop(ms);
	p->pcm = c->u.play.pcm;
	c->u.play.pcm = NULL;
	p->id = c->u.play.id;
	p->repeat = c->u.play.repeat;
	p->limited = c->u.play.max_ms;
	p->left_frames = (c->u.play.max_ms + 19) / 20;
	ms->play = p;
	zx_tx_unmap(ms);
	zx_ms_activate(mt, ms);
}

static void rec(struct zx_ms *ms, struct zx_cmd *c)
{
	if (!c->u.rec.f && ms->rec && zx_recs_file(ms->rec) != c->u.rec.only)
		return; /* another recording has this stream now */
	zx_recs_detach(ms->rec);
	ms->rec = NULL;
	if (c->u.rec.f && !zx_recs_attach(&ms->rec, c->u.rec.f, c->u.rec.side))
		c->u.rec.f = NULL;
}

/* Out of everything of this thread but its sockets. */
static void leave(struct zx_mt *mt, struct zx_ms *ms, zx_sock_gone_h *gone, bool keep)
{
	unbridge(ms);
	zx_ms_deactivate(mt, ms);
	list_out(ms);
	zx_io_flush(mt->io);
	ms->closing = ms->open;
	if (ms->open > 1)
		zx_io_del(mt->io, &ms->rtcp, gone, keep);
	zx_io_del(mt->io, &ms->rtp, gone, keep); /* the last: ms may be gone */
}

static void ms_gone(struct zx_sock *s)
{
	struct zx_ms *ms = s->owner;
	struct zx_mt *mt = ms->owner;

	if (--ms->closing)
		return;
	zx_io_close(mt->io, &ms->rtp);
	zx_io_close(mt->io, &ms->rtcp);
	zx_ports_put(mt->m->ports, &ms->laddr);
	zx_srtp_free(ms->srtp);
	zx_dec_free(ms->dec);
	zx_enc_free(ms->enc);
	zx_inband_free(ms);
	free(ms->plc);
	free(ms->pack);
	free(ms->dt);
	free(ms);
	mt->nstreams--;
}

static void ms_moved(struct zx_sock *s)
{
	struct zx_ms *ms = s->owner;
	struct zx_mt *mt = ms->owner;
	struct zx_cmd *c = calloc(1, sizeof(*c));

	if (--ms->closing) {
		free(c);
		return;
	}
	if (!c)
		abort(); /* a stream would be lost for ever */
	zx_io_take(mt->io, &ms->rtp);
	zx_io_take(mt->io, &ms->rtcp);
	mt->nstreams--;
	c->type = ZX_CMD_ADOPT;
	c->a = ms;
	ms->owner = NULL;
	zx_mt_post(ms->target, c);
}

static void run(struct zx_mt *mt, struct zx_cmd *c)
{
	struct zx_ms *a = c->a;

	switch (c->type) {
	case ZX_CMD_ADOPT:
		adopt(mt, a);
		break;
	case ZX_CMD_FREE:
		zx_tx_play_stop(a);
		zx_recs_detach(a->rec);
		a->rec = NULL;
		leave(mt, a, ms_gone, false);
		break;
	case ZX_CMD_SET:
		set(mt, a, &c->u.desc);
		break;
	case ZX_CMD_BRIDGE:
		bridge(a, c->b);
		break;
	case ZX_CMD_UNBRIDGE:
		unbridge(a);
		break;
	case ZX_CMD_PLAY:
		play(mt, a, c);
		break;
	case ZX_CMD_PLAY_STOP:
		zx_tx_play_stop(a);
		break;
	case ZX_CMD_DTMF:
		zx_tx_dtmf(mt, a, c->u.dtmf.event, c->u.dtmf.ms);
		break;
	case ZX_CMD_INBAND:
		if (zx_inband_set(a, c->u.on))
			zx_log(ZX_ERROR, "media", "no memory to listen for tones");
		break;
	case ZX_CMD_REC:
		rec(a, c);
		break;
	case ZX_CMD_MIGRATE:
		a->target = c->u.to;
		leave(mt, a, ms_moved, true);
		break;
	case ZX_CMD_STOP:
		mt->stop = true;
		break;
	}
}

void zx_cmd_drop(struct zx_cmd *c)
{
	if (c->type == ZX_CMD_PLAY)
		zx_pcm_deref(c->u.play.pcm);
	else if (c->type == ZX_CMD_REC && c->u.rec.f)
		zx_recf_unref(c->u.rec.f);
	else if (c->type == ZX_CMD_SET)
		explicit_bzero(&c->u.desc, sizeof(c->u.desc));
	free(c);
}

void zx_cmd_run(struct zx_mt *mt, struct zx_cmd *c)
{
	run(mt, c);
	zx_cmd_drop(c);
}
