/* 系统状态: figures of now, from /proc, the loop and the store. Rates are those since the look before, at least half a second ago. */
#include "web/sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <locale.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "loop/loop.h"
#include "sip/sip.h"
#include "web/push/push.h"
#include "web/session.h"
#include "web/sys/proc.h"
#include "web/sys/sys_priv.h"

enum { TEXT = 65536, RATE_MS = 500, DISKS = 4, LOOP_SLOW_MS = 200, WRITER_SLOW_MS = 2000, WRITER_BAD_MS = 10000 };

static bool slurp(const char *path, char *text, size_t len)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (got < len - 1 && (n = read(fd, text + got, len - 1 - got)) > 0)
		got += (size_t)n;
	close(fd);
	text[got] = '\0';
	return got > 0;
}

/* ---- rates ---- */

struct sample {
	uint64_t at; /* mono ms */
	struct zx_proc_cpu cpu;
	uint64_t self;
	struct zx_proc_net net[ZX_PROC_NETS];
	unsigned nets;
	uint64_t late;
};

static struct {
	pthread_mutex_t lock;
	struct sample before, now; /* rates are between these two */
} rates = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void sample_take(struct sample *s, char *text)
{
	uint64_t pages;

	memset(s, 0, sizeof(*s));
	s->at = zx_mono_ms();
	if (slurp("/proc/stat", text, TEXT))
		(void)zx_proc_stat(text, &s->cpu);
	if (slurp("/proc/self/stat", text, TEXT))
		(void)zx_proc_self(text, &s->self, &pages);
	if (slurp("/proc/net/dev", text, TEXT))
		s->nets = zx_proc_net(text, s->net);
}

void zx_sys_sample(void)
{
	char *text = malloc(TEXT);

	pthread_mutex_lock(&rates.lock);
	if (text && (!rates.now.at || zx_mono_ms() - rates.now.at >= RATE_MS)) {
		rates.before = rates.now;
		sample_take(&rates.now, text);
	}
	pthread_mutex_unlock(&rates.lock);
	free(text);
}

/* Nobody looks for long: the thread of the night does, now and then, so that the first look has something to compare with. */
static void sample_pair(struct sample *a, struct sample *b)
{
	zx_sys_sample();
	pthread_mutex_lock(&rates.lock);
	*a = rates.before;
	*b = rates.now;
	pthread_mutex_unlock(&rates.lock);
	if (!a->at) /* nothing to compare with: no rates */
		*a = *b;
}

static void add_rate(cJSON *o, const char *key, double v, double ms)
{
	if (ms > 0 && v >= 0)
		cJSON_AddNumberToObject(o, key, (double)(int64_t)(v * 1000 / ms + 0.5));
	else
		cJSON_AddNullToObject(o, key);
}

static void add_network(cJSON *js, const struct sample *a, const struct sample *b)
{
	cJSON *list = cJSON_AddArrayToObject(js, "network");
	struct ifaddrs *ifs = NULL;

	(void)getifaddrs(&ifs);
	for (unsigned i = 0; i < b->nets; i++) {
		const struct zx_proc_net *d = &b->net[i], *before = NULL;
		cJSON *o = cJSON_CreateObject();
		bool up = false;

		for (unsigned k = 0; k < a->nets; k++)
			if (!strcmp(a->net[k].name, d->name))
				before = &a->net[k];
		for (const struct ifaddrs *f = ifs; f; f = f->ifa_next)
			up = up || (!strcmp(f->ifa_name, d->name) && f->ifa_flags & IFF_UP && f->ifa_flags & IFF_RUNNING);
		cJSON_AddStringToObject(o, "name", d->name);
		cJSON_AddBoolToObject(o, "up", up);
		add_rate(o, "rx", before ? (double)d->rx - (double)before->rx : -1, (double)(b->at - a->at));
		add_rate(o, "tx", before ? (double)d->tx - (double)before->tx : -1, (double)(b->at - a->at));
		zx_json_add_int(o, "rx_total", (int64_t)d->rx);
		zx_json_add_int(o, "tx_total", (int64_t)d->tx);
		cJSON_AddItemToArray(list, o);
	}
	freeifaddrs(ifs);
}

static void add_percent(cJSON *o, const char *key, uint64_t part, uint64_t all)
{
	if (all)
		cJSON_AddNumberToObject(o, key, (double)(int64_t)((double)part * 1000 / (double)all + 0.5) / 10);
	else
		cJSON_AddNullToObject(o, key);
}

/* ---- machine ---- */

static void add_machine(cJSON *js, char *text, const struct sample *a, const struct sample *b)
{
	cJSON *o = cJSON_AddObjectToObject(js, "os");
	struct utsname u = {.sysname = ""};
	char name[256];
	double load[3] = {0};
	uint64_t ticks, pages = 0;

	(void)uname(&u);
	if (!slurp("/etc/os-release", text, TEXT) || !zx_proc_value(text, "PRETTY_NAME", '=', name, sizeof(name)))
		zx_strcpy(name, sizeof(name), u.sysname);
	cJSON_AddStringToObject(o, "name", name);
	cJSON_AddStringToObject(o, "kernel", u.release);
	cJSON_AddStringToObject(o, "arch", u.machine);
	cJSON_AddStringToObject(o, "host", u.nodename);
	o = cJSON_AddObjectToObject(js, "machine");
	zx_json_add_int(o, "boot_at", b->cpu.boot * 1000);
	if (slurp("/proc/uptime", text, TEXT))
		zx_json_add_int(o, "uptime_s", strtoll(text, NULL, 10));
	else
		cJSON_AddNullToObject(o, "uptime_s");
	o = cJSON_AddObjectToObject(js, "service");
	cJSON_AddStringToObject(o, "version", ZX_VERSION);
	zx_json_add_int(o, "started_at", zx_sys_started());
	zx_json_add_int(o, "uptime_s", (zx_wall_ms() - zx_sys_started()) / 1000);
	zx_json_add_int(o, "pid", getpid());
	if (slurp("/proc/self/stat", text, TEXT) && zx_proc_self(text, &ticks, &pages))
		zx_json_add_int(o, "rss", (int64_t)pages * sysconf(_SC_PAGESIZE));
	else
		cJSON_AddNullToObject(o, "rss");
	add_percent(o, "cpu", (b->self - a->self) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK), b->at - a->at);
	o = cJSON_AddArrayToObject(js, "load");
	if (getloadavg(load, 3) == 3)
		for (unsigned i = 0; i < 3; i++)
			cJSON_AddItemToArray(o, cJSON_CreateNumber(load[i]));
	o = cJSON_AddObjectToObject(js, "cpu");
	if (!slurp("/proc/cpuinfo", text, TEXT) || !zx_proc_value(text, "model name", ':', name, sizeof(name)))
		zx_strcpy(name, sizeof(name), u.machine);
	cJSON_AddStringToObject(o, "model", name);
	cJSON_AddNumberToObject(o, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	add_percent(o, "percent", b->cpu.busy - a->cpu.busy, b->cpu.total - a->cpu.total);
}

static void add_memory(cJSON *js, char *text)
{
	cJSON *o = cJSON_AddObjectToObject(js, "memory");
	struct zx_proc_mem m;

	if (!slurp("/proc/meminfo", text, TEXT) || !zx_proc_mem(text, &m))
		return;
	zx_json_add_int(o, "total", (int64_t)m.total);
	zx_json_add_int(o, "used", (int64_t)(m.total - m.available));
	zx_json_add_int(o, "available", (int64_t)m.available);
	zx_json_add_int(o, "buffers", (int64_t)m.buffers);
	zx_json_add_int(o, "cached", (int64_t)m.cached);
	o = cJSON_AddObjectToObject(js, "swap");
	zx_json_add_int(o, "total", (int64_t)m.swap_total);
	zx_json_add_int(o, "used", (int64_t)(m.swap_total - m.swap_free));
}

/* ---- disks ---- */

struct disk {
	char point[512], device[256], type[64];
	const char *use[DISKS];
	unsigned uses;
	struct statvfs fs;
};

static void add_disks(cJSON *js, struct zx_req *r, char *text)
{
	const struct {
		const char *use, *path;
	} want[DISKS] = {
	    {"data", r->web->env.data_dir}, {"recordings", r->web->rec_dir}, {"backups", zx_sys_backup_dir(r->web)}, {"system", "/"}};
	cJSON *list = cJSON_AddArrayToObject(js, "disks");
	struct disk d[DISKS];
	unsigned n = 0;

	if (!slurp("/proc/self/mounts", text, TEXT))
		return;
	memset(d, 0, sizeof(d));
	for (unsigned i = 0; i < DISKS; i++) {
		unsigned k = 0;

		if (!zx_proc_mount(text, want[i].path, d[n].point, sizeof(d[n].point), d[n].device, sizeof(d[n].device), d[n].type,
				   sizeof(d[n].type)))
			continue;
		while (k < n && strcmp(d[k].point, d[n].point))
			k++;
		if (k == n && statvfs(want[i].path, &d[k].fs) && statvfs(d[k].point, &d[k].fs))
			continue;
		d[k].use[d[k].uses++] = want[i].use;
		n += k == n;
	}
	for (unsigned i = 0; i < n; i++) {
		const uint64_t unit = d[i].fs.f_frsize, total = d[i].fs.f_blocks * unit, avail = d[i].fs.f_bavail * unit;
		const uint64_t used = (d[i].fs.f_blocks - d[i].fs.f_bfree) * unit;
		cJSON *o = cJSON_CreateObject(), *use = cJSON_AddArrayToObject(o, "use");
		const int days = zx_sys_days_left(d[i].point, avail);

		for (unsigned k = 0; k < d[i].uses; k++)
			cJSON_AddItemToArray(use, cJSON_CreateString(d[i].use[k]));
		cJSON_AddStringToObject(o, "path", d[i].point);
		cJSON_AddStringToObject(o, "device", d[i].device);
		cJSON_AddStringToObject(o, "type", d[i].type);
		zx_json_add_int(o, "total", (int64_t)total);
		zx_json_add_int(o, "used", (int64_t)used);
		zx_json_add_int(o, "free", (int64_t)avail);
		add_percent(o, "percent", used, used + avail);
		cJSON_AddBoolToObject(o, "low", avail < (uint64_t)r->web->env.conf->rec_min_free_mb * 2 * 1048576 || avail < total / 20);
		if (days >= 0)
			cJSON_AddNumberToObject(o, "days_left", days);
		else
			cJSON_AddNullToObject(o, "days_left");
		cJSON_AddItemToArray(list, o);
	}
}

/* ---- lamps and counts ---- */

struct ask {
	struct zx_web *web;
	struct zx_media_stats media;
	unsigned calls, phones;
};

static int ask_loop(void *arg)
{
	struct ask *a = arg;

	a->calls = zx_call_count();
	if (a->web->env.media)
		zx_media_stats(a->web->env.media, &a->media);
	if (a->web->env.sip)
		a->phones = zx_reg_count(a->web->env.sip);
	return 0;
}

static cJSON *lamp(cJSON *lamps, const char *name, const char *state, const struct zx_text *text)
{
	cJSON *o = cJSON_AddObjectToObject(lamps, name);

	cJSON_AddStringToObject(o, "state", state);
	cJSON_AddItemToObject(o, "message", zx_text_json(text));
	return o;
}

static void add_pbx(cJSON *js, cJSON *lamps, struct zx_web *web)
{
	static const struct zx_text good = {"正常", "Working"}, slow = {"响应缓慢", "Slow to answer"},
				    late = {"语音处理有延迟", "Some audio was sent late"}, dead = {"没有响应", "Does not answer"};
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t late_at, late_before;
	struct ask a = {.web = web};
	const uint64_t t = zx_mono_us();
	const int err = zx_loop_call(ask_loop, &a, ZX_ASK_MS);
	const double ms = (double)(zx_mono_us() - t) / 1000;
	uint64_t recent = 0;
	cJSON *o;

	if (!err) { /* late ticks of the last minute, as far as somebody looked */
		pthread_mutex_lock(&lock);
		if (!late_at || zx_mono_ms() - late_at > 60000) {
			late_before = late_at ? late_before : a.media.late_ticks;
			recent = a.media.late_ticks - late_before;
			late_before = a.media.late_ticks;
			late_at = zx_mono_ms();
		} else {
			recent = a.media.late_ticks - late_before;
		}
		pthread_mutex_unlock(&lock);
	}
	if (err)
		o = lamp(lamps, "pbx", "bad", &dead);
	else if (ms > LOOP_SLOW_MS)
		o = lamp(lamps, "pbx", "warn", &slow);
	else
		o = lamp(lamps, "pbx", recent > 50 ? "warn" : "ok", recent > 50 ? &late : &good);
	cJSON_AddNumberToObject(o, "loop_ms", (double)(int64_t)(ms * 100 + 0.5) / 100);
	zx_json_add_int(o, "late_ticks", (int64_t)a.media.late_ticks);
	zx_json_add_int(o, "late_recent", (int64_t)recent);
	if (err) {
		cJSON_AddNullToObject(js, "calls");
		cJSON_AddNullToObject(js, "streams");
		cJSON_AddNullToObject(js, "phones_online");
	} else {
		cJSON_AddNumberToObject(js, "calls", a.calls);
		cJSON_AddNumberToObject(js, "streams", a.media.streams);
		cJSON_AddNumberToObject(js, "phones_online", a.phones);
	}
}

static void add_database(cJSON *lamps, struct zx_req *r)
{
	static const struct zx_text good = {"正常", "Working"}, slow = {"写入缓慢", "Slow to write"},
				    stuck = {"写入没有响应", "Does not write"}, failed = {"最近一次写入失败", "The last write failed"};
	struct zx_store_health h;
	cJSON *o;

	zx_store_health(r->web->env.store, &h);
	if (!h.running || h.busy_ms > WRITER_BAD_MS)
		o = lamp(lamps, "database", "bad", &stuck);
	else if (h.failed_at > h.committed_at)
		o = lamp(lamps, "database", "bad", &failed);
	else if (h.busy_ms > WRITER_SLOW_MS)
		o = lamp(lamps, "database", "warn", &slow);
	else
		o = lamp(lamps, "database", "ok", &good);
	if (h.committed_at)
		zx_json_add_int(o, "last_commit_at", h.committed_at);
	else
		cJSON_AddNullToObject(o, "last_commit_at");
	zx_json_add_int(o, "busy_ms", (int64_t)h.busy_ms);
	zx_json_add_int(o, "queued", h.queued);
	zx_json_add_int(o, "size", h.file);
	zx_json_add_int(o, "wal", h.wal);
}

static int64_t extension_count(struct zx_req *r)
{
	struct zx_stmt *s;
	int64_t n = -1;

	if (!zx_stmt_get(&s, r->db, "web_ext_count") && !zx_stmt_step(s))
		n = zx_col_int(s, 0);
	if (n >= 0)
		zx_stmt_reset(s);
	return n < 0 ? 0 : n;
}

static void add_licence(cJSON *o, struct zx_req *r, int64_t used)
{
	cJSON_AddNumberToObject(o, "limit", r->web->env.conf->licence_extensions);
	zx_json_add_int(o, "used", used);
}

void zx_system_status_h(struct zx_req *r)
{
	char *text = malloc(TEXT);
	struct sample *s = malloc(2 * sizeof(*s));
	cJSON *js, *lamps;
	char zone[16];
	time_t now = time(NULL);
	struct tm tm;

	if (!text || !s) {
		free(text);
		free(s);
		zx_reply_errno(r, ENOMEM);
		return;
	}
	sample_pair(&s[0], &s[1]);
	js = cJSON_CreateObject();
	zx_json_add_int(js, "time", zx_wall_ms());
	strftime(zone, sizeof(zone), "%z", localtime_r(&now, &tm));
	cJSON_AddStringToObject(js, "tz", zone);
	cJSON_AddStringToObject(js, "lang", getenv("LANG") ? getenv("LANG") : "C");
	add_machine(js, text, &s[0], &s[1]);
	add_memory(js, text);
	add_network(js, &s[0], &s[1]);
	add_disks(js, r, text);
	lamps = cJSON_AddObjectToObject(js, "lamps");
	add_pbx(js, lamps, r->web);
	add_database(lamps, r);
	const int64_t exts = extension_count(r);
	cJSON_AddNumberToObject(js, "users_online", zx_push_online(r->web->push));
	zx_json_add_int(js, "extensions", exts);
	add_licence(cJSON_AddObjectToObject(js, "licence"), r, exts);
	zx_sys_add_pending(js, r->web);
	free(text);
	free(s);
	zx_reply_json(r, 200, js);
}

void zx_system_licence_h(struct zx_req *r)
{
	cJSON *js = cJSON_CreateObject();

	add_licence(js, r, extension_count(r));
	cJSON_AddStringToObject(js, "key", "licence.extensions");
	zx_reply_json(r, 200, js);
}
