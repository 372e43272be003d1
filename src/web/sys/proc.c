#include "web/sys/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The line that begins with key, behind it; NULL: none. */
static const char *line_of(const char *text, const char *key)
{
	const size_t n = strlen(key);

	for (const char *p = text; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL)
		if (!strncmp(p, key, n))
			return p + n;
	return NULL;
}

bool zx_proc_stat(const char *text, struct zx_proc_cpu *c)
{
	uint64_t v[8] = {0};
	const char *cpu = line_of(text, "cpu "), *boot = line_of(text, "btime ");

	/* user nice system idle iowait irq softirq steal */
	if (!cpu || sscanf(cpu, "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64, &v[0], &v[1],
			   &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) < 4)
		return false;
	*c = (struct zx_proc_cpu){.boot = boot ? strtoll(boot, NULL, 10) : 0};
	for (unsigned i = 0; i < 8; i++)
		c->total += v[i];
	c->busy = c->total - v[3] - v[4];
	return true;
}

bool zx_proc_mem(const char *text, struct zx_proc_mem *m)
{
	const struct {
		const char *key;
		uint64_t *to;
	} v[] = {{"MemTotal:", &m->total}, {"MemFree:", &m->free},         {"MemAvailable:", &m->available}, {"Buffers:", &m->buffers},
		 {"Cached:", &m->cached},  {"SwapTotal:", &m->swap_total}, {"SwapFree:", &m->swap_free}};

	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const char *p = line_of(text, v[i].key);

		if (p)
			*v[i].to = strtoull(p, NULL, 10) * 1024;
	}
	return m->total > 0;
}

unsigned zx_proc_net(const char *text, struct zx_proc_net v[ZX_PROC_NETS])
{
	unsigned n = 0;

	for (const char *p = text; p && n < ZX_PROC_NETS; p = (p = strchr(p, '\n')) ? p + 1 : NULL) {
		struct zx_proc_net *d = &v[n];
		const char *colon;

		p += strspn(p, " ");
		colon = p + strcspn(p, ":\n|");
		if (*colon != ':' || zx_strcpy_len(d->name, sizeof(d->name), p, (size_t)(colon - p)))
			continue;
		/* bytes and 7 more of what came in, then bytes of what went out */
		if (sscanf(colon + 1, "%" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &d->rx, &d->tx) == 2 && strcmp(d->name, "lo"))
			n++;
	}
	return n;
}

bool zx_proc_self(const char *text, uint64_t *ticks, uint64_t *pages)
{
	/* the name in parentheses may hold anything */
	const char *p = strrchr(text, ')');
	uint64_t user, system;

	if (!p ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNu64,
		   &user, &system, pages) != 3)
		return false;
	*ticks = user + system;
	return true;
}

bool zx_proc_value(const char *text, const char *key, char sep, char *out, size_t len)
{
	const char *p = line_of(text, key);
	size_t n;

	if (!p)
		return false;
	p += strspn(p, " \t");
	if (*p != sep)
		return false;
	p++;
	p += strspn(p, " \t\"");
	n = strcspn(p, "\"\n");
	while (n && p[n - 1] == ' ')
		n--;
	zx_strcpy_len(out, len, p, n);
	return n > 0;
}

/* "\040" for a space. */
static void unescape(char *s)
{
	char *w = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*w++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*w++ = *s;
		}
	}
	*w = '\0';
}

bool zx_proc_mount(const char *mounts, const char *path, char *point, size_t point_len, char *device, size_t device_len, char *type,
		   size_t type_len)
{
	char dev[256], dir[512], fs[64];
	size_t best = 0;

	for (const char *p = mounts; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL) {
		size_t n;

		if (sscanf(p, "%255s %511s %63s", dev, dir, fs) != 3)
			continue;
		unescape(dir);
		n = strlen(dir);
		/* a later one lies over an earlier one */
		if (n < best || strncmp(path, dir, n) || (n > 1 && path[n] && path[n] != '/'))
			continue;
		best = n;
		zx_strcpy(point, point_len, dir);
		zx_strcpy(device, device_len, dev);
		zx_strcpy(type, type_len, fs);
	}
	return best > 0;
}

int zx_proc_days_left(int64_t t0, uint64_t free0, int64_t t1, uint64_t free1)
{
	const double day = 86400e3, span = (double)(t1 - t0);
	double rate;

	if (span < day || free1 >= free0)
		return -1;
	rate = (double)(free0 - free1) / span;
	/* beyond ten years nobody knows */
	return (double)free1 / rate / day > 3650 ? -1 : (int)((double)free1 / rate / day);
}
