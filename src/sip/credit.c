#include "sip/credit.h"

#include <errno.h>

#include "sip/hash.h"

enum { SLOTS = 8192, EARN = 2, MOST = 20000 };

struct zx_credit {
	struct zx_hashkey key;
	struct slot { /* one address; another one with the same place begins anew */
		uint64_t tag, t_ms;
		uint32_t left;
	} slot[SLOTS];
};

int zx_credit_alloc(struct zx_credit **cp)
{
	struct zx_credit *c = mem_zalloc(sizeof(*c), NULL);

	if (!c)
		return ENOMEM;
	zx_hashkey_new(&c->key);
	*cp = c;
	return 0;
}

static struct slot *slot_of(struct zx_credit *c, const struct sa *src, uint64_t now_ms)
{
	const uint64_t tag = zx_siphash_addr(&c->key, src) | 1;
	struct slot *s = &c->slot[(tag >> 1) % SLOTS];

	if (s->tag != tag)
		*s = (struct slot){.tag = tag, .t_ms = now_ms, .left = ZX_CREDIT_START};
	if (s->left >= ZX_CREDIT_START) {
		s->t_ms = now_ms;
		return s;
	}
	const uint64_t gone = now_ms - s->t_ms, n = gone * ZX_CREDIT_PER_S / 1000;
	if (n) {
		s->left = n < ZX_CREDIT_START - s->left ? s->left + (uint32_t)n : ZX_CREDIT_START;
		s->t_ms = now_ms - gone * ZX_CREDIT_PER_S % 1000 / ZX_CREDIT_PER_S;
	}
	return s;
}

bool zx_credit_spend(struct zx_credit *c, const struct sa *src, uint64_t now_ms)
{
	struct slot *s = slot_of(c, src, now_ms);

	if (!s->left)
		return false;
	s->left--;
	return true;
}

void zx_credit_earn(struct zx_credit *c, const struct sa *src, uint64_t now_ms)
{
	struct slot *s = slot_of(c, src, now_ms);

	s->left = s->left + EARN < MOST ? s->left + EARN : MOST;
}
