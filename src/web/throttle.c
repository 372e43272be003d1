#include "web/throttle.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SETS = 1024, WAYS = 4 };
enum kind { ADDR, LOGIN, PAIR, CODE, KINDS };

/* free: failures without delay; cap: longest delay, forget: how long a failure counts, in ms */
static const struct {
	unsigned free;
	uint64_t cap, forget;
} rules[KINDS] = {
    [ADDR] = {20, 300000, 900000}, [LOGIN] = {10, 30000, 900000}, [PAIR] = {4, 300000, 900000}, [CODE] = {4, 900000, 3600000}};

struct entry {
	uint64_t hash, last, until;
	unsigned fails;
};

struct zx_throttle {
	pthread_mutex_t mutex;
	uint64_t seed;
	struct entry v[KINDS][SETS][WAYS];
};

struct zx_throttle *zx_throttle_new(void)
{
	struct zx_throttle *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed)) {
		free(t);
		return NULL;
	}
	pthread_mutex_init(&t->mutex, NULL);
	return t;
}

void zx_throttle_free(struct zx_throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

static uint64_t mix(uint64_t h, const char *s, bool fold)
{
	for (; *s; s++) {
		h ^= (uint8_t)(fold ? tolower((unsigned char)*s) : *s);
		h *= 0x100000001b3ULL;
		h ^= h >> 29;
	}
	return (h ^ 0xff) * 0x9e3779b97f4a7c15ULL;
}

static uint64_t key(const struct zx_throttle *t, enum kind k, const char *addr, const char *login)
{
	uint64_t h = t->seed + (uint64_t)k;

	if (k == ADDR || k == PAIR)
		h = mix(h, addr, false);
	if (k != ADDR)
		h = mix(h, login, true);
	h ^= h >> 32;
	return h ? h : 1;
}

static struct entry *find(struct zx_throttle *t, enum kind k, uint64_t h, uint64_t now, bool make)
{
	struct entry *set = t->v[k][h % SETS], *old = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].hash == h) {
			if (now > set[i].last + rules[k].forget)
				set[i].fails = 0;
			return &set[i];
		}
		if (set[i].last < old->last)
			old = &set[i];
	}
	if (!make)
		return NULL;
	*old = (struct entry){.hash = h};
	return old;
}

static uint64_t left(struct zx_throttle *t, enum kind k, const char *addr, const char *login, uint64_t now)
{
	const struct entry *e = find(t, k, key(t, k, addr, login), now, false);

	return e && e->until > now ? e->until - now : 0;
}

static void failed(struct zx_throttle *t, enum kind k, const char *addr, const char *login, uint64_t now)
{
	struct entry *e = find(t, k, key(t, k, addr, login), now, true);

	e->last = now;
	e->fails++;
	if (e->fails <= rules[k].free)
		return;
	const unsigned over = e->fails - rules[k].free - 1;
	uint64_t delay = over < 16 ? 1000ULL << over : rules[k].cap;
	if (delay > rules[k].cap)
		delay = rules[k].cap;
	e->until = now + delay;
}

static void passed(struct zx_throttle *t, enum kind k, const char *addr, const char *login)
{
	struct entry *e = find(t, k, key(t, k, addr, login), 0, false);

	if (e)
		*e = (struct entry){0};
}

uint64_t zx_throttle_wait(struct zx_throttle *t, const char *addr, const char *login, uint64_t now)
{
	uint64_t wait = 0;

	pthread_mutex_lock(&t->mutex);
	for (enum kind k = 0; k < CODE; k++) {
		const uint64_t ms = left(t, k, addr, login, now);
		if (ms > wait)
			wait = ms;
	}
	pthread_mutex_unlock(&t->mutex);
	return wait;
}

void zx_throttle_failed(struct zx_throttle *t, const char *addr, const char *login, uint64_t now)
{
	pthread_mutex_lock(&t->mutex);
	for (enum kind k = 0; k < CODE; k++)
		failed(t, k, addr, login, now);
	pthread_mutex_unlock(&t->mutex);
}

void zx_throttle_passed(struct zx_throttle *t, const char *addr, const char *login)
{
	pthread_mutex_lock(&t->mutex);
	passed(t, PAIR, addr, login);
	passed(t, LOGIN, addr, login);
	pthread_mutex_unlock(&t->mutex);
}

uint64_t zx_throttle_code_wait(struct zx_throttle *t, const char *login, uint64_t now)
{
	pthread_mutex_lock(&t->mutex);
	const uint64_t ms = left(t, CODE, "", login, now);
	pthread_mutex_unlock(&t->mutex);
	return ms;
}

void zx_throttle_code_failed(struct zx_throttle *t, const char *login, uint64_t now)
{
	pthread_mutex_lock(&t->mutex);
	failed(t, CODE, "", login, now);
	pthread_mutex_unlock(&t->mutex);
}

void zx_throttle_code_passed(struct zx_throttle *t, const char *login)
{
	pthread_mutex_lock(&t->mutex);
	passed(t, CODE, "", login);
	pthread_mutex_unlock(&t->mutex);
}
