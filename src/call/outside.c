/* Outside calls of each extension, counted: a stolen password must not cost a fortune in one night. */
#include "call/core.h"

#include <errno.h>

#include "base/clock.h"
#include "base/text.h"

enum { BUCKETS = 1024, MINUTES = 60, MINUTE_MS = 60000 };

struct caller { /* an extension that has called outside; kept as long as it counts */
	struct le le;
	char ext[ZX_NUM_LEN];
	unsigned calls;
	uint64_t minute;        /* the one now[] begins with */
	uint16_t made[MINUTES]; /* by minute % MINUTES */
};

static struct hash *callers;

static void caller_destructor(void *arg)
{
	struct caller *c = arg;

	hash_unlink(&c->le);
}

static bool ext_h(struct le *le, void *arg)
{
	const struct caller *c = le->data;

	return !strcmp(c->ext, arg);
}

static struct caller *caller_find(const char *ext)
{
	char name[ZX_NUM_LEN];

	zx_strcpy(name, sizeof(name), ext);
	return callers ? list_ledata(hash_lookup(callers, hash_joaat_str(name), ext_h, name)) : NULL;
}

static struct caller *caller_get(const char *ext)
{
	struct caller *c = caller_find(ext);

	if (c || (!callers && hash_alloc(&callers, BUCKETS)))
		return c;
	c = mem_zalloc(sizeof(*c), caller_destructor);
	if (!c)
		return NULL;
	zx_strcpy(c->ext, sizeof(c->ext), ext);
	hash_append(callers, hash_joaat_str(c->ext), &c->le, c);
	return c;
}

/* Forgets what is older than an hour; how many are left. */
static unsigned made(struct caller *c, uint64_t now)
{
	const uint64_t gone = now - c->minute;
	unsigned n = 0;

	for (uint64_t i = 1; i <= gone && i <= MINUTES; i++)
		c->made[(c->minute + i) % MINUTES] = 0;
	c->minute = now;
	for (unsigned i = 0; i < MINUTES; i++)
		n += c->made[i];
	return n;
}

int zx_call_outside(struct zx_call *call, const char *ext, unsigned max_calls, unsigned max_hour)
{
	const uint64_t now = zx_mono_ms() / MINUTE_MS;
	struct caller *c;

	if (*call->outside || !*ext)
		return 0;
	c = caller_get(ext);
	if (!c)
		return ENOMEM;
	if (max_calls && c->calls >= max_calls)
		return EBUSY;
	if (made(c, now) >= max_hour && max_hour)
		return EDQUOT;
	c->calls++;
	c->made[now % MINUTES]++;
	zx_strcpy(call->outside, sizeof(call->outside), ext);
	return 0;
}

void zx_call_outside_end(struct zx_call *call)
{
	struct caller *c = *call->outside ? caller_find(call->outside) : NULL;

	if (c && c->calls)
		c->calls--;
	call->outside[0] = '\0';
}

void zx_outside_close(void)
{
	if (callers)
		hash_flush(callers);
	callers = mem_deref(callers);
}
