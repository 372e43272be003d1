/* What /proc and /etc tell about the machine: pure readers of their texts. */
#ifndef ZX_WEB_SYS_PROC_H
#define ZX_WEB_SYS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zx_proc_cpu {
	uint64_t busy, total; /* ticks of all cores since the start of the machine */
	int64_t boot;         /* epoch s */
};
/* /proc/stat */
bool zx_proc_stat(const char *text, struct zx_proc_cpu *c);

struct zx_proc_mem { /* bytes */
	uint64_t total, free, available, buffers, cached, swap_total, swap_free;
};
/* /proc/meminfo */
bool zx_proc_mem(const char *text, struct zx_proc_mem *m);

enum { ZX_PROC_NETS = 32 };
struct zx_proc_net {
	char name[16];
	uint64_t rx, tx; /* bytes since it came up */
};
/* /proc/net/dev, without lo; their number. */
unsigned zx_proc_net(const char *text, struct zx_proc_net v[ZX_PROC_NETS]);

/* /proc/self/stat: ticks of user and system time; resident pages. */
bool zx_proc_self(const char *text, uint64_t *ticks, uint64_t *pages);

/* PRETTY_NAME of /etc/os-release, "model name" of /proc/cpuinfo: the value of the first line that begins so. */
bool zx_proc_value(const char *text, const char *key, char sep, char *out, size_t len);

/* Device and type of the file system a path is on, from /proc/self/mounts: the longest mount point that leads to it. */
bool zx_proc_mount(const char *mounts, const char *path, char *point, size_t point_len, char *device, size_t device_len, char *type,
		   size_t type_len);

/* Days until a disk of this free space is full, from what was free at an earlier time; -1: not known (too short a time, or nothing is used
 * up). Times in ms. */
int zx_proc_days_left(int64_t t0, uint64_t free0, int64_t t1, uint64_t free1);

#endif
