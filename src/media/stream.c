/* The loop thread's half of a stream. */
#include "media/priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "loop/loop.h"

struct zx_stream {
	struct zx_media *m; /* a reference */
	struct zx_mt *mt;
	struct zx_ms *ms;
	struct zx_stream_id id;
	struct sa laddr;
	zx_stream_event_h *h;
	void *arg;
	uint32_t play_id;
	struct { /* a player that waits for its file */
		bool on;
		unsigned repeat, max_ms;
	} wait;
};

/* Names of streams for events on their way: the slot is used again, the generation is not. Loop thread only. */
static struct {
	struct slot {
		struct zx_stream *s;
		uint32_t gen, next;
	} * v;
	uint32_t n, free; /* free: index + 1 */
} slots;

static int slot_take(struct zx_stream *s)
{
	if (!slots.free) {
		uint32_t n = slots.n ? 2 * slots.n : 64;
		struct slot *v = reallocarray(slots.v, n, sizeof(*v));
		if (!v)
			return ENOMEM;
		slots.v = v;
		for (uint32_t i = n; i-- > slots.n;) {
			v[i] = (struct slot){.next = slots.free};
			slots.free = i + 1;
		}
		slots.n = n;
	}
	uint32_t i = slots.free - 1;
	slots.free = slots.v[i].next;
	slots.v[i].s = s;
	s->id = (struct zx_stream_id){i, ++slots.v[i].gen};
	return 0;
}

static void slot_give(struct zx_stream_id id)
{
	slots.v[id.slot].s = NULL;
	slots.v[id.slot].next = slots.free;
	slots.free = id.slot + 1;
}

struct zx_stream *zx_stream_by_id(struct zx_stream_id id)
{
	return id.slot < slots.n && slots.v[id.slot].gen == id.gen ? slots.v[id.slot].s : NULL;
}

struct zx_stream_id zx_stream_id(const struct zx_stream *s)
{
	return s->id;
}

void zx_stream_event_post(void *data, size_t len)
{
	struct zx_stream_ev_msg m;

	if (len != sizeof(m))
		return;
	memcpy(&m, data, sizeof(m));
	struct zx_stream *s = zx_stream_by_id((struct zx_stream_id){m.slot, m.gen});
	if (!s || !s->h || (m.ev.type == ZX_STREAM_PLAY_DONE && (m.ev.play != s->play_id || s->wait.on)))
		return;
	s->h(&m.ev, s->arg);
}

static struct zx_cmd *cmd(enum zx_cmd_type type, struct zx_stream *s)
{
	struct zx_cmd *c = calloc(1, sizeof(*c));
	if (c) {
		c->type = type;
		c->a = s->ms;
	}
	return c;
}

static int post(enum zx_cmd_type type, struct zx_stream *s)
{
	struct zx_cmd *c = cmd(type, s);
	if (!c)
		return ENOMEM;
	zx_mt_post(s->mt, c);
	return 0;
}

int zx_stream_cmd(struct zx_stream *s, struct zx_cmd *c)
{
	c->a = s->ms;
	zx_mt_post(s->mt, c);
	return 0;
}

static void stream_destroy(void *arg)
{
	struct zx_stream *s = arg;

	if (s->ms) {
		slot_give(s->id);
		s->m->nstreams--;
		if (post(ZX_CMD_FREE, s))
			abort(); /* its socket would receive into nothing */
	}
	mem_deref(s->m);
}

static int ms_alloc(struct zx_stream *s)
{
	uint32_t rnd[3] = {0};
	struct zx_ms *ms = calloc(1, sizeof(*ms));

	if (!ms)
		return ENOMEM;
	ms->rtcp.fd = -1;
	ms->rtcp.rtcp = true;
	int err = zx_ports_open(s->m->ports, &s->laddr, &ms->rtp.fd);
	if (err) {
		free(ms);
		return err;
	}
	(void)!getrandom(rnd, sizeof(rnd), 0);
	ms->tx.ssrc = rnd[0] | 1; /* never 0 */
	ms->tx.ts = rnd[1];
	ms->tx.seq = (uint16_t)rnd[2] & 0x7fff; /* RFC 3711 3.3.1: far from a wrap at the start */
	ms->rtp.owner = ms->rtcp.owner = ms;
	ms->owner = s->mt;
	ms->laddr = s->laddr;
	ms->d.te_pt = -1;
	ms->d.codec = ZX_CODEC_NONE;
	atomic_init(&ms->c.rtt_us, -1);
	s->ms = ms;
	return 0;
}

int zx_stream_alloc(struct zx_stream **sp, struct zx_media *m, const struct sa *laddr, const struct zx_stream *near, zx_stream_event_h *h,
		    void *arg)
{
	struct zx_stream *s = mem_zalloc(sizeof(*s), stream_destroy);
	int err;

	if (!s)
		return ENOMEM;
	s->m = mem_ref(m);
	s->mt = near ? near->mt : &m->mt[m->next++ % m->nthreads];
	s->h = h;
	s->arg = arg;
	sa_cpy(&s->laddr, laddr);
	err = slot_take(s);
	if (err)
		goto out;
	struct zx_cmd *c = calloc(1, sizeof(*c));
	err = c ? ms_alloc(s) : ENOMEM;
	if (err) {
		free(c);
		slot_give(s->id);
		goto out;
	}
	s->ms->slot = s->id.slot;
	s->ms->gen = s->id.gen;
	c->type = ZX_CMD_ADOPT;
	m->nstreams++;
	zx_stream_cmd(s, c);
out:
	if (err)
		mem_deref(s);
	else
		*sp = s;
	return err;
}

const struct sa *zx_stream_laddr(const struct zx_stream *s)
{
	return &s->laddr;
}

static bool key_ok(const struct zx_srtp_key *k)
{
	return k->suite >= ZX_SRTP_NONE && k->suite <= ZX_SRTP_AES_CM_128_HMAC_SHA1_32;
}

int zx_stream_set(struct zx_stream *s, const struct zx_stream_desc *d)
{
	if (d->codec < 0 || d->codec >= ZX_CODEC_COUNT || d->pt > 127 || d->te_pt > 127 || !key_ok(&d->tx) || !key_ok(&d->rx))
		return EINVAL;
	struct zx_cmd *c = cmd(ZX_CMD_SET, s);
	if (!c)
		return ENOMEM;
	c->u.desc = *d;
	zx_mt_post(s->mt, c);
	return 0;
}

int zx_stream_bridge(struct zx_stream *a, struct zx_stream *b)
{
	struct zx_cmd *mv = NULL, *c;

	if (a == b || a->m != b->m)
		return EINVAL;
	c = cmd(ZX_CMD_BRIDGE, a);
	if (a->mt != b->mt)
		mv = cmd(ZX_CMD_MIGRATE, b);
	if (!c || (a->mt != b->mt && !mv)) {
		free(c);
		free(mv);
		return ENOMEM;
	}
	if (mv) {
		mv->u.to = a->mt;
		zx_mt_post(b->mt, mv);
		b->mt = a->mt;
	}
	a->wait.on = b->wait.on = false;
	c->b = b->ms;
	zx_mt_post(a->mt, c);
	return 0;
}

int zx_stream_unbridge(struct zx_stream *s)
{
	return post(ZX_CMD_UNBRIDGE, s);
}

/* Takes the reference to pcm. */
static int play_start(struct zx_stream *s, struct zx_pcm *pcm, unsigned repeat, unsigned max_ms)
{
	struct zx_cmd *c = cmd(ZX_CMD_PLAY, s);

	if (!c) {
		zx_pcm_deref(pcm);
		return ENOMEM;
	}
	c->u.play.pcm = pcm;
	c->u.play.id = s->play_id;
	c->u.play.repeat = repeat;
	c->u.play.max_ms = max_ms;
	zx_mt_post(s->mt, c);
	return 0;
}

/* The file is in memory, or cannot be: takes the reference to pcm. */
static void loaded(struct zx_pcm *pcm, uint32_t slot, uint32_t gen)
{
	struct zx_stream *s = zx_stream_by_id((struct zx_stream_id){slot, gen});

	if (!s || !s->wait.on) {
		zx_pcm_deref(pcm);
		return;
	}
	s->wait.on = false;
	if (pcm && !play_start(s, pcm, s->wait.repeat, s->wait.max_ms))
		return;
	if (s->h)
		s->h(&(struct zx_stream_event){.type = ZX_STREAM_PLAY_DONE, .play = s->play_id}, s->arg);
}

int zx_stream_play(struct zx_stream *s, const struct zx_play *p, uint32_t *idp)
{
	struct zx_pcm *pcm = NULL;
	int err;

	if (p->file)
		err = zx_prompts_get(s->m->prompts, p->file, &pcm, loaded, s->id.slot, s->id.gen);
	else
		err = zx_tone_pcm(&pcm, p->tone);
	if (err && err != EAGAIN)
		return err;
	s->play_id++;
	s->wait.on = err == EAGAIN;
	s->wait.repeat = p->repeat;
	s->wait.max_ms = p->max_ms;
	err = err ? 0 : play_start(s, pcm, p->repeat, p->max_ms);
	if (!err && idp)
		*idp = s->play_id;
	return err;
}

int zx_stream_play_stop(struct zx_stream *s)
{
	s->wait.on = false;
	s->play_id++; /* a PLAY_DONE on its way is not told any more */
	return post(ZX_CMD_PLAY_STOP, s);
}

int zx_stream_dtmf(struct zx_stream *s, char digit, unsigned duration_ms)
{
	static const char key[] = "0123456789*#ABCD";
	const char *k = digit ? strchr(key, digit >= 'a' && digit <= 'd' ? digit - 32 : digit) : NULL;

	if (!k)
		return EINVAL;
	struct zx_cmd *c = cmd(ZX_CMD_DTMF, s);
	if (!c)
		return ENOMEM;
	c->u.dtmf.event = (uint8_t)(k - key);
	c->u.dtmf.ms = (uint16_t)(duration_ms > 1000 ? 1000 : duration_ms);
	zx_mt_post(s->mt, c);
	return 0;
}

int zx_stream_inband_dtmf(struct zx_stream *s, bool on)
{
	struct zx_cmd *c = cmd(ZX_CMD_INBAND, s);

	if (!c)
		return ENOMEM;
	c->u.on = on;
	zx_mt_post(s->mt, c);
	return 0;
}

void zx_stream_stats(const struct zx_stream *s, struct zx_stream_stats *st)
{
	const struct zx_counters *c = &s->ms->c;

	*st = (struct zx_stream_stats){
	    .rx_packets = ZX_GET(c->rx_packets),
	    .rx_bytes = ZX_GET(c->rx_bytes),
	    .tx_packets = ZX_GET(c->tx_packets),
	    .tx_bytes = ZX_GET(c->tx_bytes),
	    .rx_lost = ZX_GET(c->rx_lost),
	    .rx_foreign = ZX_GET(c->rx_foreign),
	    .rx_jitter_us = ZX_GET(c->rx_jitter_us),
	    .tx_lost = ZX_GET(c->tx_lost),
	    .tx_jitter_us = ZX_GET(c->tx_jitter_us),
	    .rtt_us = ZX_GET(c->rtt_us),
	};
	if (!st->rx_packets)
		return;
	double delay = (st->rtt_us > 0 ? st->rtt_us / 2000.0 : 0) + 20 + 2 * st->rx_jitter_us / 1000.0;
	st->mos = zx_mos((enum zx_codec)ZX_GET(c->codec), (double)st->rx_lost / (double)(st->rx_packets + st->rx_lost), delay);
}
