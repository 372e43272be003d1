#include "web/res/sound.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "media/convert.h"
#include "store/audit.h"
#include "web/file.h"

enum {
	UPLOAD_MAX = 50 << 20,
	PROMPT_MAX_S = 30 * 60,
	MUSIC_MAX_S = 2 * 3600,
	CONVERTING = 2, /* at once: each takes a core for a while */
	NAME_MAX_CHARS = 60,
	SHA_LEN = 64,
	OLD_S = 24 * 3600,
	SWEEP_MS = 3600 * 1000,
};

const struct zx_q_col zx_sound_cols[ZX_SOUND_COLS] = {
    ZX_PBX_COLS_HEAD,
    {"file", NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS, NULL},
    {"name", NULL, ZX_Q_TEXT, ZX_PBX_FIND, NULL},
    {"label", "CASE t.name WHEN '' THEN t.file ELSE t.name END", ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    {"length", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE, NULL},
    {"sha", NULL, ZX_Q_TEXT, ZX_Q_GET, NULL},
    {"used_by",
     "SELECT group_concat(u.label, ', ') FROM ("
     "SELECT i.number || ' ' || i.name AS label FROM ivrs i WHERE t.id IN (i.prompt_id, i.invalid_id, i.timeout_id) "
     "UNION SELECT q.number || ' ' || q.name FROM queues q WHERE t.id IN (q.join_prompt_id, q.agent_prompt_id, q.music_id) "
     "UNION SELECT b.name FROM voicemail_boxes b WHERE b.prompt_id = t.id "
     "UNION SELECT x.label FROM target_uses x WHERE x.app = 'prompt' AND x.param = CAST(t.id AS TEXT)) u",
     ZX_Q_TEXT, ZX_Q_SHOW, NULL},
    ZX_PBX_COLS_TAIL,
};

/* A row is made by its upload; what a form changes is the description. */
int zx_sound_prepare(struct zx_res_write *w, cJSON *errors)
{
	if (w->created)
		cJSON_AddStringToObject(errors, "file", "required");
	return 0;
}

static bool music(const struct zx_resource *res)
{
	return !strcmp(res->name, "music");
}

/* ---- hearing ---- */

void zx_sound_send(struct zx_req *r, int64_t id)
{
	char sha[SHA_LEN + 1] = "", file[128] = "", path[4300];
	struct zx_stmt *s;
	int fd = -1;

	if (id && !zx_stmt_get(&s, r->db, "web_sound")) {
		zx_bind_int(s, ":id", id);
		if (!zx_stmt_step(s)) {
			zx_strcpy(sha, sizeof(sha), zx_col_text(s, 0));
			zx_strcpy(file, sizeof(file), zx_col_text(s, 1));
			zx_stmt_reset(s);
		}
	}
	if (strspn(sha, "0123456789abcdef") == SHA_LEN) {
		snprintf(path, sizeof(path), "%s/sounds/%s.wav", r->web->env.data_dir, sha);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	if (fd < 0) {
		zx_reply_error(r, 404, "no_sound", NULL, NULL);
		return;
	}
	zx_file_reply(r, fd, "audio/wav", file, !strcmp(zx_req_param(r, "download"), "1"), "no_sound");
	close(fd);
}

void zx_sound_audio_h(struct zx_req *r)
{
	cJSON *row = zx_resource_get(r, r->def, r->id);

	if (!row)
		return;
	cJSON_Delete(row);
	zx_sound_send(r, r->id);
}

/* ---- uploading ---- */

struct upload {
	struct zx_req *r;
	const struct zx_resource *res;
	struct zx_q_scope scope;
	struct zx_spool spool;
	char made[4200]; /* the converted file until it has its name; "" none */
	char sha[SHA_LEN + 1], file[80], name[NAME_MAX_CHARS * 4 + 1];
	int64_t id, company_id, length, now;
	bool replace;
};

/* "欢迎 welcome.mp3" -> "welcome": letters, digits, "-", "_"; what a phone system of any age takes as a file name. */
static void latin(char *out, size_t len, const char *name)
{
	const char *dot = strrchr(name, '.');
	const size_t n = dot && dot != name ? (size_t)(dot - name) : strlen(name);
	size_t k = 0;

	for (size_t i = 0; i < n && k + 1 < len; i++) {
		const char c = name[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			out[k++] = c;
		else if (k && out[k - 1] != '_' && out[k - 1] != '-')
			out[k++] = c == '-' ? '-' : '_';
	}
	while (k && (out[k - 1] == '_' || out[k - 1] == '-'))
		k--;
	out[k] = '\0';
}

/* The name without its ending, cut to what the field takes; nothing but text. */
static void describe(char *out, size_t len, const char *name)
{
	const char *dot = strrchr(name, '.');
	const size_t n = dot && dot != name ? (size_t)(dot - name) : strlen(name);
	size_t k = 0, chars = 0;

	for (size_t i = 0; i < n && k + 1 < len; i++) {
		if ((name[i] & 0xc0) != 0x80 && ++chars > NAME_MAX_CHARS)
			break;
		if ((unsigned char)name[i] >= 0x20 && name[i] != 0x7f)
			out[k++] = name[i];
	}
	out[k] = '\0';
}

static int sha_of(char out[SHA_LEN + 1], const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char buf[16384], sum[32];
	ssize_t n = -1;
	int err = fd >= 0 && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) ? 0 : EIO;

	while (!err && (n = read(fd, buf, sizeof(buf))) > 0)
		err = EVP_DigestUpdate(md, buf, (size_t)n) ? 0 : EIO;
	if (!err && (n < 0 || !EVP_DigestFinal_ex(md, sum, NULL)))
		err = EIO;
	for (unsigned i = 0; !err && i < sizeof(sum); i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", sum[i]);
	EVP_MD_CTX_free(md);
	if (fd >= 0)
		close(fd);
	return err;
}

/* Between a file's coming and its going: one that has just come is young, and stays. */
static pthread_mutex_t files = PTHREAD_MUTEX_INITIALIZER;

/* Under its name, for good; one that is there already is the same. */
static int put_away(struct upload *u)
{
	char dir[4200], path[4300];
	int fd, err = 0;

	snprintf(dir, sizeof(dir), "%s/sounds", u->r->web->env.data_dir);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return errno;
	snprintf(path, sizeof(path), "%s/%s.wav", dir, u->sha);
	pthread_mutex_lock(&files);
	if (rename(u->made, path))
		err = errno;
	pthread_mutex_unlock(&files);
	if (err)
		return err;
	u->made[0] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 || fsync(fd) ? errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static const char *why_code(enum zx_convert why)
{
	switch (why) {
	case ZX_CONVERT_UNKNOWN:
		return "sound_unknown";
	case ZX_CONVERT_BROKEN:
		return "sound_broken";
	case ZX_CONVERT_SHORT:
		return "sound_short";
	case ZX_CONVERT_LONG:
		return "sound_long";
	case ZX_CONVERT_CHANNELS:
		return "sound_channels";
	case ZX_CONVERT_RATE:
		return "sound_rate";
	case ZX_CONVERT_SLOW:
		return "sound_slow";
	default:
		return NULL;
	}
}

static void field_error(struct zx_req *r, const char *code, const char *key, const char *field)
{
	cJSON *fields = cJSON_CreateObject();

	cJSON_AddStringToObject(fields, key, field);
	zx_reply_error(r, 422, code, fields, NULL);
}

static void drop_made(struct upload *u)
{
	if (u->made[0])
		unlink(u->made);
	u->made[0] = '\0';
}

/* Replies when it does not work out. Leaves no files but the sound. */
static int make(struct upload *u)
{
	static atomic_uint under_way;
	struct zx_req *r = u->r;
	enum zx_convert why = ZX_CONVERT_FAILED;
	int fd = -1, err;

	if (atomic_fetch_add(&under_way, 1) >= CONVERTING) {
		atomic_fetch_sub(&under_way, 1);
		zx_reply_error(r, 503, "unavailable", NULL, NULL);
		return EBUSY;
	}
	err = zx_tmp_file(r->web, "sound", u->made, sizeof(u->made), &fd);
	if (fd >= 0)
		close(fd);
	if (!err)
		why = zx_convert_apart(NULL, u->spool.path, u->made, music(u->res) ? MUSIC_MAX_S : PROMPT_MAX_S, &u->length);
	atomic_fetch_sub(&under_way, 1);
	zx_spool_drop(&u->spool);
	if (!err && !why)
		err = sha_of(u->sha, u->made);
	if (!err && !why)
		err = put_away(u);
	if (!err && !why)
		return 0;
	drop_made(u);
	if (!err && why_code(why))
		field_error(r, why_code(why), "file", why_code(why));
	else
		zx_reply_errno(r, err ? err : why == ZX_CONVERT_SPACE ? ENOSPC : EIO);
	return err ? err : EINVAL;
}

static bool file_taken(struct zx_db *db, const struct upload *u, const char *file, int *err)
{
	struct zx_stmt *s;

	*err = zx_stmt_get(&s, db, "web_sound_file");
	if (*err)
		return false;
	zx_bind_int(s, ":company_id", u->company_id);
	zx_bind_text(s, ":kind", music(u->res) ? "music" : "prompt");
	zx_bind_text(s, ":file", file);
	zx_bind_int(s, ":id", u->replace ? u->id : 0);
	*err = zx_stmt_step(s);
	if (!*err)
		zx_stmt_reset(s);
	if (*err && *err != ENODATA)
		return false;
	const bool taken = !*err;
	*err = 0;
	return taken;
}

/* welcome.wav, welcome-2.wav, ... */
static int free_name(struct zx_db *db, struct upload *u)
{
	char base[56];
	int err = 0;

	zx_strcpy(base, sizeof(base), u->file);
	snprintf(u->file, sizeof(u->file), "%s.wav", base);
	for (unsigned n = 2; file_taken(db, u, u->file, &err); n++)
		snprintf(u->file, sizeof(u->file), "%s-%u.wav", base, n);
	return err;
}

static int row_company(struct zx_db *db, const struct upload *u, int64_t *company_id)
{
	const int err = zx_q_company(db, u->res->table, u->id, company_id);

	return !err && !u->scope.system && *company_id != u->scope.company_id ? ENOENT : err;
}

static int op_upload(struct zx_db *db, void *arg)
{
	struct upload *u = arg;
	char after[512];
	cJSON *js;
	struct zx_stmt *s;
	int err = u->replace ? row_company(db, u, &u->company_id) : 0;

	if (!err)
		err = free_name(db, u);
	if (!err)
		err = zx_stmt_get(&s, db, u->replace ? "web_sound_replace" : "web_sound_add");
	if (err)
		return err;
	if (u->replace) {
		zx_bind_int(s, ":id", u->id);
	} else {
		zx_bind_int(s, ":company_id", u->company_id);
		zx_bind_text(s, ":kind", music(u->res) ? "music" : "prompt");
		zx_bind_text(s, ":name", u->name);
		zx_bind_int(s, ":created", u->now);
	}
	zx_bind_text(s, ":file", u->file);
	zx_bind_text(s, ":sha", u->sha);
	zx_bind_int(s, ":length", u->length);
	err = zx_stmt_run(s);
	if (err)
		return err;
	if (!u->replace)
		u->id = zx_db_last_id(db);
	js = cJSON_CreateObject();
	cJSON_AddStringToObject(js, "file", u->file);
	cJSON_AddStringToObject(js, "sha", u->sha);
	zx_json_add_int(js, "length", u->length);
	err = cJSON_PrintPreallocated(js, after, sizeof(after), false) ? 0 : ENOMEM;
	cJSON_Delete(js);
	return err ? err
		   : zx_audit_put(db, &(struct zx_audit){.company_id = u->company_id,
							 .user_id = u->r->ses.user.id,
							 .row_id = u->id,
							 .addr = u->r->peer.addr,
							 .resource = u->res->name,
							 .action = u->replace ? "replace" : "add",
							 .after = after});
}

/* What the request says; replies when something is wrong. */
static int read_request(struct upload *u)
{
	struct zx_req *r = u->r;
	const char *name = zx_req_param(r, "name"), *company = zx_req_param(r, "company_id"), *replace = zx_req_param(r, "replace");
	const struct zx_user *user = &r->ses.user;
	char right[64];
	struct zx_q_value v;
	cJSON *js;
	int64_t have;

	zx_scope_of(&u->scope, user);
	u->company_id = user->company_id;
	if (*company && u->scope.system && (!zx_text_int(company, &u->company_id) || u->company_id < 1)) {
		field_error(r, "invalid", "company_id", "pattern");
		return EINVAL;
	}
	if (!u->scope.system && u->scope.own) { /* nothing here is one's own */
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
		return EACCES;
	}
	js = cJSON_CreateString(name);
	const char *code = zx_field_value(zx_field_find(u->res, "name"), js, &v);
	cJSON_Delete(js);
	if (code) {
		field_error(r, "invalid", "name", code);
		return EINVAL;
	}
	zx_strcpy(u->name, sizeof(u->name), name);
	if (!*replace)
		return 0;
	snprintf(right, sizeof(right), "%s:edit", u->res->name);
	u->replace = true;
	if (!zx_rights_have(user->rights, right)) {
		zx_reply_error(r, 403, "forbidden", NULL, NULL);
		return EACCES;
	}
	if (!zx_text_int(replace, &u->id) || row_company(r->db, u, &have)) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return ENOENT;
	}
	return 0;
}

void zx_sound_upload_h(struct zx_req *r)
{
	struct upload u = {.r = r, .res = r->def, .spool = {.fd = -1}, .now = zx_wall_ms()};
	cJSON *row;
	int err;

	if (read_request(&u) || zx_req_spool(r, &u.spool, UPLOAD_MAX))
		goto out;
	if (make(&u))
		goto out;
	latin(u.file, 50, u.spool.name);
	if (!u.file[0])
		snprintf(u.file, sizeof(u.file), "%s_%.8s", music(u.res) ? "music" : "prompt", u.sha);
	if (!u.name[0] && !u.replace)
		describe(u.name, sizeof(u.name), u.spool.name);
	err = zx_store_write_wait(r->web->env.store, op_upload, &u);
	if (err == EINVAL) {
		field_error(r, "invalid", "company_id", "reference");
	} else if (err) {
		zx_reply_errno(r, err);
	} else {
		zx_write_done(r->web, u.res, &u.company_id, 1);
		row = zx_resource_get(r, u.res, u.id);
		if (row)
			zx_reply_json(r, u.replace ? 200 : 201, row);
	}
out:
	zx_spool_drop(&u.spool);
}

/* ---- tidying ---- */

/* Does a row or a version of the configuration refer to it. When in doubt it does. */
static bool wanted(struct zx_db *db, const char *sha)
{
	struct zx_stmt *s;
	bool yes;

	if (zx_stmt_get(&s, db, "web_sound_wanted"))
		return true;
	zx_bind_text(s, ":sha", sha);
	if (zx_stmt_step(s))
		return true;
	yes = zx_col_int(s, 0) != 0;
	zx_stmt_reset(s);
	return yes;
}

static bool young(const struct stat *st)
{
	return time(NULL) - st->st_mtime < OLD_S;
}

void zx_sound_sweep(struct zx_web *web, const struct zx_resource *res)
{
	static atomic_uint_fast64_t last;
	uint_fast64_t was = atomic_load(&last);
	const uint64_t now = zx_mono_ms();
	char path[4200];
	struct zx_db *db;
	struct stat st;
	DIR *d;

	(void)res;
	if ((was && now - was < SWEEP_MS) || !atomic_compare_exchange_strong(&last, &was, now))
		return;
	snprintf(path, sizeof(path), "%s/sounds", web->env.data_dir);
	d = opendir(path);
	if (!d)
		return;
	if (zx_store_reader(web->env.store, &db)) {
		closedir(d);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		char sha[SHA_LEN + 1];
		if (strlen(e->d_name) != SHA_LEN + 4 || strspn(e->d_name, "0123456789abcdef") != SHA_LEN ||
		    strcmp(e->d_name + SHA_LEN, ".wav"))
			continue;
		memcpy(sha, e->d_name, SHA_LEN);
		sha[SHA_LEN] = '\0';
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || young(&st) || wanted(db, sha))
			continue;
		pthread_mutex_lock(&files);
		if (!fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) && !young(&st) && !unlinkat(dirfd(d), e->d_name, 0))
			zx_log(ZX_INFO, "web", "sound %s.wav is used by nothing any more: removed", sha);
		pthread_mutex_unlock(&files);
	}
	closedir(d);
}
