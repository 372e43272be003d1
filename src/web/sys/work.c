/* The thread of nightly work, settings, and what this service knows of its own life. */
#include "web/sys/sys_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/sys/proc.h"

enum { LOOK_MS = 20000, DISK_MS = 3600000, DISKS = 4, POINT_LEN = 512 };

struct zx_sys {
	struct zx_web *web;
	char backup_dir[4200];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool running, stop;
};

static int64_t started;

int64_t zx_sys_started(void)
{
	return started;
}

const char *zx_sys_backup_dir(const struct zx_web *web)
{
	return web->sys->backup_dir;
}

/* ---- settings ---- */

bool zx_sys_setting(struct zx_db *db, const char *name, char *out, size_t len)
{
	struct zx_stmt *s;
	bool found;

	*out = '\0';
	if (zx_stmt_get(&s, db, "setting_get"))
		return false;
	zx_bind_text(s, ":name", name);
	found = !zx_stmt_step(s);
	if (found)
		zx_strcpy(out, len, zx_col_text(s, 0));
	zx_stmt_reset(s);
	return found;
}

struct setting {
	const char *name, *value;
};

static int op_setting(struct zx_db *db, void *arg)
{
	const struct setting *o = arg;
	struct zx_stmt *s;
	int err = zx_stmt_get(&s, db, "setting_put");

	if (err)
		return err;
	zx_bind_text(s, ":name", o->name);
	zx_bind_text(s, ":value", o->value);
	return zx_stmt_run(s);
}

int zx_sys_setting_put(struct zx_store *st, const char *name, const char *value)
{
	struct setting o = {name, value};

	return zx_store_write_wait(st, op_setting, &o);
}

/* ---- how fast a disk fills ---- */

static struct {
	pthread_mutex_t lock;
	struct {
		char point[POINT_LEN];
		int64_t at;
		uint64_t free;
	} v[DISKS]; /* as seen first */
	unsigned n;
} disks = {.lock = PTHREAD_MUTEX_INITIALIZER};

int zx_sys_days_left(const char *point, uint64_t free_now)
{
	int days = -1;
	unsigned i = 0;

	pthread_mutex_lock(&disks.lock);
	while (i < disks.n && strcmp(disks.v[i].point, point))
		i++;
	if (i < disks.n) {
		days = zx_proc_days_left(disks.v[i].at, disks.v[i].free, zx_wall_ms(), free_now);
	} else if (i < DISKS) {
		zx_strcpy(disks.v[i].point, sizeof(disks.v[i].point), point);
		disks.v[i].at = zx_wall_ms();
		disks.v[i].free = free_now;
		disks.n++;
	}
	pthread_mutex_unlock(&disks.lock);
	return days;
}

/* ---- the thread ---- */

static void *work(void *arg)
{
	struct zx_sys *sys = arg;
	struct timespec ts;
	bool stop;

	pthread_setname_np(pthread_self(), "zx-sys");
	zx_sys_settle(sys->web);
	do {
		zx_sys_sample();
		zx_sys_nightly(sys->web);
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec += LOOK_MS / 1000;
		pthread_mutex_lock(&sys->lock);
		while (!sys->stop && !pthread_cond_timedwait(&sys->cond, &sys->lock, &ts))
			;
		stop = sys->stop;
		pthread_mutex_unlock(&sys->lock);
	} while (!stop);
	return NULL;
}

bool zx_sys_stopping(const struct zx_web *web)
{
	struct zx_sys *sys = web->sys;
	bool stop;

	if (!sys)
		return true;
	pthread_mutex_lock(&sys->lock);
	stop = sys->stop;
	pthread_mutex_unlock(&sys->lock);
	return stop;
}

int zx_sys_start(struct zx_web *web)
{
	struct zx_sys *sys = calloc(1, sizeof(*sys));
	pthread_condattr_t attr;
	int err;

	if (!sys)
		return ENOMEM;
	started = zx_wall_ms();
	sys->web = web;
	if (web->env.conf->backup_dir[0])
		zx_strcpy(sys->backup_dir, sizeof(sys->backup_dir), web->env.conf->backup_dir);
	else
		snprintf(sys->backup_dir, sizeof(sys->backup_dir), "%s/backups", web->env.data_dir);
	pthread_mutex_init(&sys->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sys->cond, &attr);
	pthread_condattr_destroy(&attr);
	web->sys = sys;
	err = pthread_create(&sys->thread, NULL, work, sys);
	sys->running = !err;
	return err;
}

void zx_sys_stop(struct zx_web *web)
{
	struct zx_sys *sys = web->sys;

	if (!sys)
		return;
	if (sys->running) {
		pthread_mutex_lock(&sys->lock);
		sys->stop = true;
		pthread_cond_signal(&sys->cond);
		pthread_mutex_unlock(&sys->lock);
		pthread_join(sys->thread, NULL);
		sys->running = false;
	}
}

void zx_sys_free(struct zx_web *web)
{
	struct zx_sys *sys = web->sys;

	if (!sys)
		return;
	zx_sys_stop(web);
	pthread_cond_destroy(&sys->cond);
	pthread_mutex_destroy(&sys->lock);
	free(sys);
	web->sys = NULL;
}
