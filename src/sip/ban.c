#include "sip/ban.h"

#include "base/clock.h"
#include "sip/hash.h"

enum {
	WAYS = 8,
	SETS = 1024,
	GOOD_S = 3600,      /* how long a good log-in speaks for its address */
	STRANGER_TRIES = 2, /* a stranger's tries at an account under attack */
	GOOD_FACTOR = 20,   /* even a good address is banned at this many times the limit */
};

struct entry {
	uint64_t key;
	uint32_t last;   /* s, for eviction */
	uint32_t start;  /* of the window, s */
	uint32_t banned; /* until, s */
	uint32_t good;   /* until, s */
	uint32_t fails;
};

struct table {
	struct entry e[SETS][WAYS];
};

struct zx_bans {
	struct zx_hashkey key;
	struct zx_ban_limits lim;
	unsigned banned; /* bans ever given to addresses: 0 makes the check free */
	struct table *addr, *account, *pair;
};

static uint32_t now_s(void)
{
	return (uint32_t)(zx_mono_ms() / 1000) + 1;
}

static void destructor(void *arg)
{
	struct zx_bans *b = arg;

	mem_deref(b->addr);
	mem_deref(b->account);
	mem_deref(b->pair);
}

int zx_bans_alloc(struct zx_bans **bp, const struct zx_ban_limits *lim)
{
	struct zx_bans *b = mem_zalloc(sizeof(*b), destructor);

	if (!b)
		return ENOMEM;
	zx_hashkey_new(&b->key);
	b->lim = *lim;
	b->addr = mem_zalloc(sizeof(*b->addr), NULL);
	b->account = mem_zalloc(sizeof(*b->account), NULL);
	b->pair = mem_zalloc(sizeof(*b->pair), NULL);
	if (!b->addr || !b->account || !b->pair) {
		mem_deref(b);
		return ENOMEM;
	}
	*bp = b;
	return 0;
}

static struct entry *find(const struct table *t, uint64_t key)
{
	struct entry *set = (struct entry *)t->e[key % SETS];

	for (int i = 0; i < WAYS; i++)
		if (set[i].key == key && set[i].last)
			return &set[i];
	return NULL;
}

/* The entry of key; the one longest unused makes room, a running ban only when all are. */
static struct entry *get(struct table *t, uint64_t key, uint32_t now)
{
	struct entry *e = find(t, key), *set = t->e[key % SETS];

	if (!e) {
		e = &set[0];
		for (int i = 1; i < WAYS; i++) {
			const bool busy = set[i].banned > now, worst = e->banned > now;

			if (busy != worst ? worst : set[i].last < e->last)
				e = &set[i];
		}
		*e = (struct entry){.key = key};
	}
	e->last = now;
	return e;
}

/* One more failure in the running window. */
static uint32_t count(const struct zx_bans *b, struct entry *e, uint32_t now)
{
	if (now - e->start > b->lim.window || !e->fails) {
		e->start = now;
		e->fails = 0;
	}
	return ++e->fails;
}

static uint64_t user_key(const struct zx_bans *b, const struct pl *user)
{
	return zx_siphash(&b->key, user->p, user->l);
}

static uint64_t pair_key(const struct zx_bans *b, const struct sa *src, const struct pl *user)
{
	const uint64_t k[2] = {zx_siphash_addr(&b->key, src), user_key(b, user)};

	return zx_siphash(&b->key, k, sizeof(k));
}

bool zx_ban_is(const struct zx_bans *b, const struct sa *src)
{
	const struct entry *e;

	if (!b->banned)
		return false;
	e = find(b->addr, zx_siphash_addr(&b->key, src));
	return e && e->banned > now_s();
}

bool zx_ban_pair_is(const struct zx_bans *b, const struct sa *src, const struct pl *user)
{
	const struct entry *e = find(b->pair, pair_key(b, src, user));

	return e && e->banned > now_s();
}

bool zx_ban_failure(struct zx_bans *b, const struct sa *src, const struct pl *user)
{
	const uint32_t now = now_s();
	struct entry *a, *u, *p;
	uint32_t af, uf, pf;
	bool good, began = false;

	if (!b->lim.failures)
		return false;
	a = get(b->addr, zx_siphash_addr(&b->key, src), now);
	u = get(b->account, user_key(b, user), now);
	p = get(b->pair, pair_key(b, src, user), now);
	af = count(b, a, now);
	uf = count(b, u, now);
	pf = count(b, p, now);
	good = a->good > now;
	if (pf >= b->lim.failures || (!good && uf > b->lim.failures && pf >= STRANGER_TRIES)) {
		began = p->banned <= now;
		p->banned = now + b->lim.time;
	}
	if (good ? af >= b->lim.failures * GOOD_FACTOR : (af >= b->lim.failures || began)) {
		began = true;
		a->banned = now + b->lim.time;
		a->fails = 0;
		b->banned++;
	}
	return began;
}

void zx_ban_success(struct zx_bans *b, const struct sa *src, const struct pl *user)
{
	const uint32_t now = now_s();
	struct entry *p, *a = get(b->addr, zx_siphash_addr(&b->key, src), now);

	a->good = now + GOOD_S;
	p = find(b->pair, pair_key(b, src, user));
	if (p)
		p->fails = 0;
}
