/* Opens the house in order, runs it, closes in reverse. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/app.h"
#include "base/bus.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"
#include "call/call.h"
#include "crm/location.h"
#include "loop/loop.h"
#include "media/convert.h"
#include "media/media.h"
#include "plan/plan.h"
#include "sip/trunk.h"
#include "sip/sip.h"
#include "store/backup.h"
#include "store/calls.h"
#include "store/config.h"
#include "store/demo.h"
#include "store/store.h"
#include "web/web.h"

enum { EXIT_OK, EXIT_INTERNAL, EXIT_USAGE, EXIT_STORE, EXIT_ADDRESS };

enum {
	SETS_MAX = 256,
	ERR_LEN = 512,
	DIR_LEN = 200, /* the longest data folder: rooms add file names to it */
	LOOP_FDS = 65536,
	SPARE_FDS = 4096,
	CORES_MAX = 8,
	END_CALLS_MS = 3000,
	DRAIN_MS = 2000,
	RESTART_LOOK_MS = 400,
};

static const char help[] = "Usage: zuoxid [OPTION]...\n"
			   "The call-centre daemon.\n\n"
			   "  --config FILE     read the configuration from FILE\n"
			   "  --set KEY=VALUE   set one key, after FILE; may be repeated\n"
			   "  --data DIR        keep everything in DIR (default ./data)\n"
			   "  --demo            fill an empty DIR with a demo company;\n"
			   "                    its passwords go to DIR/demo-credentials.txt\n"
			   "  --check           check the configuration and the database, then exit\n"
			   "  --rebuild         save what can be read of a damaged database into a new one,\n"
			   "                    keep the damaged one aside, then exit\n"
			   "  --print-config    print a configuration file with every key, then exit\n"
			   "  --help            print this help\n"
			   "  --version         print the version\n\n"
			   "Exit status: 0 ended as told, 1 internal error, 2 wrong option, configuration\n"
			   "or folder, 3 the database was refused or is in use, 4 an address or port could\n"
			   "not be opened.\n";

struct options {
	const char *config, *data, *sets[SETS_MAX];
	unsigned setc;
	bool demo, check, rebuild;
};

static struct house {
	struct zx_conf conf;
	char data[DIR_LEN];
	uint64_t born, phase; /* us */
	struct zx_store *store;
	struct zx_media *media;
	struct zx_sip *sip;
	struct zx_web *web;
	struct zx_bus_sub *on_config;
	bool loop, calls;
	bool restart, waiting; /* the program is to be run again; it waits for the calls to end */
	struct tmr restart_tmr;
	char exe[PATH_MAX];
	unsigned terms;
} h;

/* ---- options and configuration ---- */

/* -1: go on; else the exit status. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'}, {"set", required_argument, NULL, 's'},
	    {"data", required_argument, NULL, 'd'},   {"demo", no_argument, NULL, 'D'},
	    {"check", no_argument, NULL, 'C'},        {"rebuild", no_argument, NULL, 'R'},
	    {"print-config", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 's':
			if (o->setc == SETS_MAX) {
				fprintf(stderr, "zuoxid: more than %d times --set\n", SETS_MAX);
				return EXIT_USAGE;
			}
			o->sets[o->setc++] = optarg;
			break;
		case 'd':
			o->data = optarg;
			break;
		case 'D':
			o->demo = true;
			break;
		case 'C':
			o->check = true;
			break;
		case 'R':
			o->rebuild = true;
			break;
		case 'p':
			zx_conf_print_sample(stdout);
			return fflush(stdout) ? EXIT_INTERNAL : EXIT_OK;
		case 'h':
			fputs(help, stdout);
			return EXIT_OK;
		case 'v':
			puts("zuoxid " ZX_VERSION);
			return EXIT_OK;
		default:
			fputs("Try: zuoxid --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "zuoxid: what is \"%s\"? Try: zuoxid --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static int read_conf(struct zx_conf *conf, const struct options *o, char *err, size_t len)
{
	static const char *const levels[] = {[ZX_ERROR] = "error", [ZX_WARN] = "warn", [ZX_INFO] = "info", [ZX_DEBUG] = "debug"};

	zx_conf_defaults(conf);
	if (o->config && zx_conf_load(conf, o->config, err, len))
		return EINVAL;
	for (unsigned i = 0; i < o->setc; i++) {
		if (zx_conf_set(conf, o->sets[i], err, len))
			return EINVAL;
	}
	if (zx_conf_check(conf, err, len))
		return EINVAL;
	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strcmp(levels[i], conf->log_level))
			zx_log_level_set((enum zx_level)i);
	}
	return 0;
}

/* The folder (or file) that a key left empty means: beside the program (build tree), below its prefix, or in the source. */
static void find_dir(char *dir, size_t size, const char *in_build, const char *in_prefix, const char *in_source)
{
	char exe[PATH_MAX], path[PATH_MAX + 64];
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *const sub[] = {in_build, in_prefix};
	char *slash;

	if (*dir || n < 0)
		return;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	if (slash)
		*slash = 0;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", exe, sub[i]);
		if (!access(path, R_OK) && !zx_strcpy(dir, size, path))
			return;
	}
	zx_strcpy(dir, size, in_source);
}

/* On the pool: reads the disk. */
static void load_location(void *arg)
{
	char path[PATH_MAX] = "";
	int e;

	(void)arg;
	find_dir(path, sizeof(path), "location.dat", "../share/zuoxi/location.dat", "");
	e = *path ? zx_location_load(path) : ENOENT;
	if (e)
		zx_log(ZX_WARN, "main", "no table of number locations: pops do not show where a number is at home");
	(void)zx_location_own_load(h.store);
}

static int open_data(const char *dir, char *err, size_t len)
{
	char real[PATH_MAX];

	umask(077);
	if (mkdir(dir, 0700) && errno != EEXIST) {
		snprintf(err, len, "cannot create the data folder %s: %s", dir, strerror(errno));
		return EINVAL;
	}
	if (!realpath(dir, real) || access(real, R_OK | W_OK | X_OK)) {
		snprintf(err, len, "cannot use the data folder %s: %s", dir, strerror(errno));
		return EINVAL;
	}
	if (zx_strcpy(h.data, sizeof(h.data), real)) {
		snprintf(err, len, "the name of the data folder %.200s is longer than %d bytes", real, DIR_LEN - 1);
		return EINVAL;
	}
	if (!*h.conf.recordings_dir)
		snprintf(h.conf.recordings_dir, sizeof(h.conf.recordings_dir), "%s/recordings", h.data);
	if (mkdir(h.conf.recordings_dir, 0700) && errno != EEXIST) {
		snprintf(err, len, "cannot create the folder of recordings %s: %s", h.conf.recordings_dir, strerror(errno));
		return EINVAL;
	}
	find_dir(h.conf.sounds_dir, sizeof(h.conf.sounds_dir), "sounds", "../share/zuoxi/sounds", ZX_SOURCE_DIR "/sounds");
	find_dir(h.conf.web_root, sizeof(h.conf.web_root), "web", "../share/zuoxi/web", ZX_SOURCE_DIR "/web/dist");
	return 0;
}

/* The store locks the folder while it is open. */
static bool in_use(const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool busy = false;

	if (fd >= 0) {
		busy = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
		close(fd);
	}
	return busy;
}

static int check_only(const struct options *o)
{
	char path[PATH_MAX], err[ERR_LEN] = "";
	int e;

	if (in_use(o->data)) {
		printf("configuration: good\ndata folder %s: in use by a running zuoxid\n", o->data);
		return EXIT_OK;
	}

	snprintf(path, sizeof(path), "%s/zuoxi.db", o->data);
	e = zx_store_check(path, err, sizeof(err));
	if (e && e != ENOENT) {
		fprintf(stderr, "zuoxid: %s\n", *err ? err : strerror(e));
		return EXIT_STORE;
	}
	printf("configuration: good\ndatabase %s: %s\n", path, e ? "not there yet" : "good");
	return EXIT_OK;
}

static int rebuild_only(const struct options *o)
{
	char err[ERR_LEN] = "";

	umask(077);
	if (zx_store_rebuild_now(o->data, err, sizeof(err))) {
		fprintf(stderr, "zuoxid: %s\n", err);
		return EXIT_STORE;
	}
	printf("database in %s: rebuilt; the damaged one is in before-restore-* there\n", o->data);
	return EXIT_OK;
}

/* ---- the service manager, sd_notify(3) ---- */

static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len;
	int fd;

	if (!path || (*path != '/' && *path != '@') || zx_strcpy(addr.sun_path, sizeof(addr.sun_path), path))
		return;
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (*path == '@')
		addr.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
		zx_log(ZX_WARN, "main", "cannot notify %s: %s", path, strerror(errno));
	close(fd);
}

/* ---- wiring ---- */

static const struct zx_account *find_account(const char *user, void *arg)
{
	const struct zx_plan_ext *ext = zx_plan_ext(user);

	(void)arg;
	return ext ? &ext->account : zx_trunk_account(h.sip, user);
}

static const struct zx_peer *find_peer(const struct sa *src, void *arg)
{
	const struct zx_plan_trunk *trunk = zx_plan_trunk(src);

	(void)arg;
	return trunk ? &trunk->peer : zx_trunk_by_addr(h.sip, src);
}

static void config_handler(enum zx_ev type, const void *ev, void *arg)
{
	const struct zx_ev_config *c = ev;

	(void)type;
	(void)arg;
	if (!c->applied || c->more)
		return;
	if (zx_app_trunks_apply(h.sip, h.store))
		zx_log(ZX_ERROR, "main", "not all trunks could be set up");
	zx_sip_accounts_changed(h.sip);
}

static void ended_handler(void)
{
	zx_log(ZX_INFO, "main", "no calls left");
	zx_loop_stop();
}

static void end_house(void)
{
	if (h.terms++) {
		zx_loop_stop();
		return;
	}
	zx_log(ZX_INFO, "main", "ending %u calls", zx_call_count());
	zx_sip_drain(h.sip);
	zx_calls_end_all(END_CALLS_MS, ended_handler);
}

static void term_handler(void)
{
	h.restart = false;
	notify("STOPPING=1");
	end_house();
}

/* ---- starting anew: the same process runs the program again, so that the service manager sees no end ---- */

static void restart_handler(void *arg)
{
	(void)arg;
	if (h.waiting && zx_call_count()) {
		tmr_start(&h.restart_tmr, RESTART_LOOK_MS, restart_handler, NULL);
		return;
	}
	h.waiting = false;
	if (h.terms)
		return;
	h.restart = true;
	zx_log(ZX_INFO, "main", "starting anew");
	end_house();
}

static bool restart_order(enum zx_restart what)
{
	if (what == ZX_RESTART_CANCEL || what == ZX_RESTART_NOW)
		h.waiting = false;
	if (what == ZX_RESTART_CANCEL)
		tmr_cancel(&h.restart_tmr);
	if (what == ZX_RESTART_IDLE)
		h.waiting = true;
	/* a moment later: the answer to who asked has to get out */
	if (what == ZX_RESTART_NOW || what == ZX_RESTART_IDLE)
		tmr_start(&h.restart_tmr, RESTART_LOOK_MS, restart_handler, NULL);
	return h.waiting;
}

static void run_again(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0U, 0);
	execv(h.exe, argv);
	fprintf(stderr, "zuoxid: cannot run %s again: %s\n", h.exe, strerror(errno));
}

/* ---- open ---- */

static void phase(const char *name)
{
	const uint64_t now = zx_mono_us();

	zx_log(ZX_DEBUG, "main", "start: %s took %.1f ms, %.1f in all", name, (double)(now - h.phase) / 1e3, (double)(now - h.born) / 1e3);
	h.phase = now;
}

/* Sockets of media, of the web and of phones on TCP all count. */
static unsigned raise_files(void)
{
	const unsigned want = h.conf.rtp_port_max - h.conf.rtp_port_min + 1 + SPARE_FDS;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return 1024;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl))
		zx_log(ZX_WARN, "main", "cannot raise the limit of open files: %s", strerror(errno));
	(void)getrlimit(RLIMIT_NOFILE, &rl);
	if (rl.rlim_cur < want)
		zx_log(ZX_WARN, "main", "only %llu open files are allowed; all media ports and phones at once may need %u (ulimit -Hn)",
		       (unsigned long long)rl.rlim_cur, want);
	return rl.rlim_cur < LOOP_FDS ? (unsigned)rl.rlim_cur : LOOP_FDS;
}

static int open_store(bool demo, char *err, size_t len)
{
	int e = zx_store_open(&h.store, h.data, err, len);

	if (e)
		return e;
	phase("store");
	e = demo ? zx_demo_fill(h.store, err, len) : zx_first_admin(h.store, err, len);
	if (!e && demo)
		zx_log(ZX_INFO, "main", "made a demo company; its passwords are in %s/demo-credentials.txt", h.data);
	else if (e == EEXIST && demo)
		zx_log(ZX_INFO, "main", "the database is not empty: --demo adds nothing");
	else if (!e)
		zx_log(ZX_WARN, "main", "made the account \"admin\"; its first password is in %s/first-admin.txt", h.data);
	phase("accounts");
	if (e && e != EEXIST)
		return e;
	e = zx_config_first(h.store);
	if (e)
		snprintf(err, len, "cannot keep the configuration as the first applied one: %s", strerror(e));
	return e;
}

/* Before anything can record: it goes by the marks that files being written leave. */
static void repair_recordings(void)
{
	unsigned n = 0;
	const int e = zx_rec_repair(h.conf.recordings_dir, &n);

	if (e)
		zx_log(ZX_WARN, "main", "recordings in %s could not be looked through: %s", h.conf.recordings_dir, strerror(e));
	else if (n)
		zx_log(ZX_INFO, "main", "repaired %u recordings that were cut off", n);
}

static int64_t recording_length(const char *recording, void *arg)
{
	(void)arg;
	return zx_rec_length(h.conf.recordings_dir, recording);
}

/* Calls that were up when the last run ended without a word. */
static void repair_calls(void)
{
	const int e = zx_call_rows_repair(h.store, recording_length, NULL);

	if (e)
		zx_log(ZX_WARN, "main", "interrupted calls could not be closed: %s", strerror(e));
}

static int open_media(void)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const struct zx_media_conf mc = {
	    .port_min = (uint16_t)h.conf.rtp_port_min,
	    .port_max = (uint16_t)h.conf.rtp_port_max,
	    .threads = h.conf.media_threads ? h.conf.media_threads
		       : cores > CORES_MAX  ? CORES_MAX
		       : cores > 1          ? (unsigned)cores
					    : 1,
	    .sounds_dir = h.conf.sounds_dir,
	    .rec_dir = h.conf.recordings_dir,
	    .rec_min_free_mb = h.conf.rec_min_free_mb,
	};

	return zx_media_alloc(&h.media, &mc);
}

static int open_calls(void)
{
	const struct zx_directory dir = {.account = find_account, .peer = find_peer};
	struct zx_plan *plan;
	int e;

	e = zx_plan_load(&plan, h.store, h.conf.sip_realm);
	if (!e && ((e = zx_plan_blacklist_load(h.store)) || (e = zx_plan_masked_load(h.store))))
		mem_deref(plan);
	if (e) {
		zx_log(ZX_ERROR, "main", "cannot read the configuration of the PBX: %s", strerror(e));
		return e;
	}
	zx_plan_swap(plan);
	phase("plan");
	repair_recordings();
	repair_calls();
	e = open_media();
	if (e) {
		zx_log(ZX_ERROR, "main", "cannot start media: %s", strerror(e));
		return e;
	}
	phase("media");
	e = zx_sip_alloc(&h.sip, &h.conf, h.store, h.data, &dir);
	if (!e) {
		const struct zx_call_env env = {.sip = h.sip, .media = h.media, .store = h.store, .conf = &h.conf};

		e = zx_calls_init(&env);
		h.calls = !e;
	}
	if (!e)
		e = zx_apps_init(&h.conf);
	if (!e)
		e = zx_bus_subscribe(&h.on_config, ZX_EV_CONFIG, config_handler, NULL);
	if (e)
		zx_log(ZX_ERROR, "main", "cannot start calls: %s", strerror(e));
	return e;
}

/* An exit status. */
static int open_house(const struct options *o)
{
	const struct zx_web_env *env;
	char err[ERR_LEN] = "";

	if (open_data(o->data, err, sizeof(err))) {
		zx_log(ZX_ERROR, "main", "%s", err);
		return EXIT_USAGE;
	}
	if (zx_loop_init(raise_files()))
		return EXIT_INTERNAL;
	h.loop = true;
	phase("loop");
	if (open_store(o->demo, err, sizeof(err))) {
		zx_log(ZX_ERROR, "main", "%s", err);
		return EXIT_STORE;
	}
	if (open_calls())
		return EXIT_INTERNAL;
	if (zx_sip_start(h.sip, err, sizeof(err))) {
		zx_log(ZX_ERROR, "main", "%s", err);
		return EXIT_ADDRESS;
	}
	if (zx_app_trunks_apply(h.sip, h.store))
		return EXIT_INTERNAL;
	phase("sip");
	env = &(const struct zx_web_env){
	    .conf = &h.conf, .store = h.store, .sip = h.sip, .media = h.media, .data_dir = h.data, .restart = restart_order};
	if (zx_web_start(&h.web, env, err, sizeof(err))) {
		zx_log(ZX_ERROR, "main", "%s", err);
		return EXIT_ADDRESS;
	}
	phase("web");
	(void)zx_loop_work(load_location, NULL, NULL);
	return EXIT_OK;
}

static void close_house(void)
{
	if (h.web)
		zx_web_stop(h.web);
	tmr_cancel(&h.restart_tmr);
	h.on_config = mem_deref(h.on_config);
	if (h.calls)
		zx_calls_close();
	h.sip = mem_deref(h.sip);
	h.media = mem_deref(h.media);
	/* The pool may still read from the store; what the store commits last is told by messages. */
	if (h.loop)
		zx_loop_drain(DRAIN_MS);
	if (h.store)
		zx_store_close(h.store);
	if (h.loop) {
		zx_loop_drain(DRAIN_MS);
		zx_plan_swap(NULL);
		zx_plan_live_close();
		zx_location_close();
		zx_loop_close();
	}
}

int main(int argc, char **argv)
{
	struct options o = {.data = "data"};
	char err[ERR_LEN] = "";
	int status;

	if (argc > 1 && !strcmp(argv[1], "--convert-sound")) /* a child of ours, with a stranger's file */
		return zx_convert_main(argc - 2, argv + 2);
	h.born = h.phase = zx_mono_us();
	/* before an upgrade takes the file away: what lies at this path later is to be run then */
	if (readlink("/proc/self/exe", h.exe, sizeof(h.exe) - 1) < 0)
		zx_strcpy(h.exe, sizeof(h.exe), argv[0]);
	status = read_options(&o, argc, argv);
	if (status >= 0)
		return status;
	if (read_conf(&h.conf, &o, err, sizeof(err))) {
		fprintf(stderr, "zuoxid: %s\n", err);
		return EXIT_USAGE;
	}
	if (o.check)
		return check_only(&o);
	if (o.rebuild)
		return rebuild_only(&o);

	status = open_house(&o);
	if (status == EXIT_OK) {
		notify("READY=1");
		zx_log(ZX_INFO, "main", "zuoxid " ZX_VERSION " is ready after %.0f ms: SIP %u, HTTP %u, HTTPS %u, data in %s",
		       (double)(zx_mono_us() - h.born) / 1e3, h.conf.sip_port, h.conf.http_port, h.conf.https_port, h.data);
		if (zx_loop_run(term_handler))
			status = EXIT_INTERNAL;
	}
	close_house();
	if (h.restart && status == EXIT_OK) {
		run_again(argv);
		return EXIT_INTERNAL;
	}
	return status;
}
