/*
 * Which source of packets we believe (anti RTP-bleed). The signalled address wins at once and at any time; another source (NAT) must
 * send two packets in sequence. Then strict, until the source was silent and the same RTP stream goes on from elsewhere,
 * or a new description re-arms it: for a while another source may take over.
 */
#include "media/priv.h"

#include <string.h>

enum { SILENT_US = 2000000, SOFT_US = 5000000, SOFT_KEEP = 10, PROBATION = 2, PROBATION_SOFT = 3, SEQ_NEAR = 3000 };

bool zx_addr_same_host(const union zx_addr *a, const union zx_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->sa.sa_family == AF_INET6 && !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16);
}

bool zx_addr_same(const union zx_addr *a, const union zx_addr *b)
{
	return a->in.sin_port == b->in.sin_port && zx_addr_same_host(a, b);
}

static enum zx_latch_result take(struct zx_ms *ms, const union zx_addr *src, const struct zx_rtp *r, uint64_t now)
{
	struct zx_latch *l = &ms->latch;

	l->src = *src;
	l->on = true;
	l->cand_on = false;
	l->soft_us = 0;
	l->ssrc = r->ssrc;
	l->seq = r->seq;
	l->t_us = now;
	if (ms->d.latch) {
		ms->dst = *src;
		ms->have_dst = true;
	}
	return ZX_LATCH_OK;
}

/* The latched source after a new description named another address: it may be what stays (same NAT) or what is going. */
static void soft(struct zx_ms *ms, uint64_t now)
{
	struct zx_latch *l = &ms->latch;

	if (ms->d.latch && ++l->soft_n == SOFT_KEEP) {
		ms->dst = l->src;
		ms->have_dst = true;
	}
	if (now >= l->soft_us)
		l->soft_us = 0;
}

static bool in_sequence(struct zx_latch *l, const union zx_addr *src, const struct zx_rtp *r, unsigned need)
{
	bool next = l->cand_on && zx_addr_same(&l->cand, src) && l->cand_ssrc == r->ssrc && (uint16_t)(l->cand_seq + 1) == r->seq;

	l->cand_n = next ? (uint8_t)(l->cand_n + 1) : 1;
	l->cand_on = true;
	l->cand = *src;
	l->cand_ssrc = r->ssrc;
	l->cand_seq = r->seq;
	return l->cand_n >= need;
}

enum zx_latch_result zx_latch_check(struct zx_ms *ms, const union zx_addr *src, const struct zx_rtp *r, bool authentic, uint64_t now)
{
	struct zx_latch *l = &ms->latch;

	if (l->on && zx_addr_same(&l->src, src)) {
		l->t_us = now;
		l->ssrc = r->ssrc;
		l->seq = r->seq;
		if (l->soft_us)
			soft(ms, now);
		return ZX_LATCH_OK;
	}
	bool signalled = zx_addr_same_host(src, &ms->sig), silent = now - l->t_us >= SILENT_US;
	if (signalled && src->in.sin_port == ms->sig.in.sin_port)
		return take(ms, src, r, now);
	if (!ms->d.latch)
		return signalled && (!l->on || silent) ? take(ms, src, r, now) : ZX_LATCH_FOREIGN;
	if (authentic)
		return take(ms, src, r, now);
	if (l->on && now >= l->soft_us) {
		bool goes_on = r->ssrc == l->ssrc && (uint16_t)(r->seq - l->seq - 1) < SEQ_NEAR;
		if (!silent || !goes_on)
			return ZX_LATCH_FOREIGN;
	}
	if (signalled && !l->on)
		return take(ms, src, r, now);
	return in_sequence(l, src, r, l->on ? PROBATION_SOFT : PROBATION) ? take(ms, src, r, now) : ZX_LATCH_WAIT;
}

void zx_latch_set(struct zx_ms *ms, const struct zx_stream_desc *d, uint64_t now)
{
	union zx_addr sig = {0};

	if (sa_isset(&d->rtp, SA_ALL) && !sa_is_any(&d->rtp) && d->rtp.len <= sizeof(sig))
		memcpy(&sig, &d->rtp.u, d->rtp.len);
	if (!sig.sa.sa_family || (ms->sig.sa.sa_family && zx_addr_same(&sig, &ms->sig)))
		return;
	ms->sig = sig;
	ms->dst = sig;
	ms->have_dst = true;
	ms->rtcp_latched = false;
	ms->latch.cand_on = false;
	if (ms->latch.on) {
		ms->latch.soft_us = now + SOFT_US;
		ms->latch.soft_n = 0;
	}
}
