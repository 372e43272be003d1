/* Making a backup. */
#include "web/sys/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/sys/vault.h"

enum { BUF = 65536, DEPTH = 8, SPARE = 64 << 20, PATH_LEN = 4300 };

struct maker {
	struct zx_task *t;
	struct archive *a;
	struct zx_vault *v;
	char *buf, *sums;
	size_t sums_len;
	FILE *sums_file;
	int64_t done, total;
	int err; /* of the vault */
};

bool zx_task_go(struct zx_task *t, int64_t done, int64_t total)
{
	return !zx_sys_stopping(t->web) && (!t->job || zx_job_progress(t->job, done, total));
}

/* Never fails: an archive that failed does not free its compressor. The first error is kept, and nothing is written after it. */
static la_ssize_t on_write(struct archive *a, void *arg, const void *p, size_t len)
{
	struct maker *m = arg;

	(void)a;
	if (!m->err)
		m->err = zx_vault_write(m->v, p, len);
	return (la_ssize_t)len;
}

static int archive_err(struct maker *m)
{
	const int e = archive_errno(m->a);

	return m->err ? m->err : e > 0 ? e : EIO;
}

static int part_begin(struct maker *m, const char *name, int64_t size, time_t mtime)
{
	struct archive_entry *e = archive_entry_new();
	int err = 0;

	if (!e)
		return ENOMEM;
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_mtime(e, mtime, 0);
	if (archive_write_header(m->a, e) != ARCHIVE_OK)
		err = archive_err(m);
	archive_entry_free(e);
	return err;
}

static void sum_add(struct maker *m, const char *name, const uint8_t sum[32])
{
	char hex[65];

	zx_hex_encode(hex, sum, 32);
	fprintf(m->sums_file, "%s  %s\n", hex, name);
}

static int put_bytes(struct maker *m, const char *name, const void *p, size_t len, bool sum)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	int err = part_begin(m, name, (int64_t)len, time(NULL));

	if (!err && archive_write_data(m->a, p, len) != (la_ssize_t)len)
		err = archive_err(m);
	if (!err && sum && EVP_Digest(p, len, md, NULL, EVP_sha256(), NULL) != 1)
		err = EIO;
	if (!err && sum)
		sum_add(m, name, md);
	return err;
}

/* As many bytes as it had when it was opened: a recording under way grows. */
static int put_fd(struct maker *m, const char *name, int fd, const struct stat *sb)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int64_t left = sb->st_size;
	int err = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : ENOMEM;

	if (!err)
		err = part_begin(m, name, left, sb->st_mtime);
	while (left && !err) {
		ssize_t n = read(fd, m->buf, left < BUF ? (size_t)left : BUF);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = errno;
			break;
		}
		if (!n) { /* cut meanwhile */
			n = left < BUF ? (ssize_t)left : BUF;
			memset(m->buf, 0, (size_t)n);
		}
		if (archive_write_data(m->a, m->buf, (size_t)n) != n || m->err)
			err = archive_err(m);
		else if (EVP_DigestUpdate(ctx, m->buf, (size_t)n) != 1)
			err = EIO;
		left -= n;
		m->done += n;
		if (!err && !zx_task_go(m->t, m->done, m->total))
			err = ECANCELED;
	}
	if (!err && EVP_DigestFinal_ex(ctx, md, NULL) != 1)
		err = EIO;
	if (!err)
		sum_add(m, name, md);
	EVP_MD_CTX_free(ctx);
	return err;
}

static int put_file(struct maker *m, const char *name, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat sb;
	int err;

	if (fd < 0)
		return errno;
	err = fstat(fd, &sb) ? errno : 0;
	if (!err && S_ISREG(sb.st_mode))
		err = put_fd(m, name, fd, &sb);
	close(fd);
	return err;
}

static int put_tree(struct maker *m, const char *name, const char *path, unsigned depth)
{
	DIR *dir = opendir(path);
	char sub[PATH_LEN], file[PATH_LEN];
	struct stat sb;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : errno;
	for (const struct dirent *e; !err && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		if (!zx_archive_part_ok(e->d_name) || (size_t)snprintf(sub, sizeof(sub), "%s/%s", name, e->d_name) >= sizeof(sub) ||
		    (size_t)snprintf(file, sizeof(file), "%s/%s", path, e->d_name) >= sizeof(file))
			continue;
		if (fstatat(dirfd(dir), e->d_name, &sb, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISDIR(sb.st_mode) && depth)
			err = put_tree(m, sub, file, depth - 1);
		else if (S_ISREG(sb.st_mode))
			err = put_file(m, sub, file);
		if (err == ENOENT) /* deleted meanwhile */
			err = 0;
	}
	closedir(dir);
	return err;
}

/* ---- what it is ---- */

static void info_counts(cJSON *js, struct zx_web *web)
{
	struct zx_db *db;
	struct zx_stmt *s;

	if (zx_store_reader(web->env.store, &db) || zx_stmt_get(&s, db, "backup_counts"))
		return;
	if (!zx_stmt_step(s)) {
		cJSON_AddStringToObject(js, "company", zx_col_text(s, 0));
		zx_json_add_int(js, "companies", zx_col_int(s, 1));
		zx_json_add_int(js, "users", zx_col_int(s, 2));
		zx_json_add_int(js, "extensions", zx_col_int(s, 3));
		zx_json_add_int(js, "calls", zx_col_int(s, 4));
	}
	zx_stmt_reset(s);
}

static char *info_make(struct zx_web *web, const struct zx_archive_want *want)
{
	cJSON *js = cJSON_CreateObject();
	char host[256] = "", *text;

	(void)gethostname(host, sizeof(host) - 1);
	cJSON_AddStringToObject(js, "product", "zuoxi");
	cJSON_AddNumberToObject(js, "format", 1);
	cJSON_AddStringToObject(js, "version", ZX_VERSION);
	cJSON_AddNumberToObject(js, "schema", zx_store_schema());
	zx_json_add_int(js, "created_at", zx_wall_ms());
	cJSON_AddStringToObject(js, "host", host);
	cJSON_AddBoolToObject(js, "recordings", want->recordings);
	cJSON_AddBoolToObject(js, "auto", want->night);
	info_counts(js, web);
	text = cJSON_PrintUnformatted(js);
	cJSON_Delete(js);
	return text;
}

static int put_all(struct maker *m, const char *info, const char *db, bool recordings)
{
	static const char *const dirs[] = {"sounds", "files", "tls"};
	struct zx_web *web = m->t->web;
	char path[PATH_LEN];
	int err = put_bytes(m, "zuoxi-backup.json", info, strlen(info), true);

	if (!err)
		err = put_file(m, "zuoxi.db", db);
	snprintf(path, sizeof(path), "%s/secret.key", web->env.data_dir);
	if (!err)
		err = put_file(m, "secret.key", path);
	for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !err; i++) {
		snprintf(path, sizeof(path), "%s/%s", web->env.data_dir, dirs[i]);
		err = put_tree(m, dirs[i], path, DEPTH);
	}
	if (!err && recordings)
		err = put_tree(m, "recordings", web->rec_dir, DEPTH);
	if (!err && fflush(m->sums_file))
		err = ENOMEM;
	return err ? err : put_bytes(m, "SHA256SUMS", m->sums, m->sums_len, false);
}

static int write_tar(struct maker *m, int fd, const char *info, const char *db, const struct zx_archive_want *want)
{
	int err = zx_vault_create(&m->v, fd, want->passphrase && *want->passphrase ? want->passphrase : NULL, info);

	if (err)
		return err;
	m->buf = malloc(BUF);
	m->sums_file = open_memstream(&m->sums, &m->sums_len);
	m->a = archive_write_new();
	if (!m->buf || !m->sums_file || !m->a) {
		err = ENOMEM;
	} else if (archive_write_set_format_pax_restricted(m->a) != ARCHIVE_OK || archive_write_add_filter_gzip(m->a) != ARCHIVE_OK ||
		   archive_write_set_filter_option(m->a, "gzip", "compression-level", "1") != ARCHIVE_OK ||
		   archive_write_open(m->a, m, NULL, on_write, NULL) != ARCHIVE_OK) {
		err = archive_err(m);
	} else {
		err = put_all(m, info, db, want->recordings);
		if (err && !m->err)
			m->err = err;
		if ((archive_write_close(m->a) != ARCHIVE_OK || m->err) && !err)
			err = archive_err(m);
	}
	if (!err)
		err = zx_vault_finish(m->v);
	if (!err && fsync(fd))
		err = errno;
	if (m->a)
		archive_write_free(m->a);
	if (m->sums_file)
		fclose(m->sums_file);
	free(m->sums);
	free(m->buf);
	zx_vault_free(m->v);
	return err;
}

/* ---- the whole ---- */

static bool on_copy(int64_t done, int64_t total, void *arg)
{
	(void)done;
	(void)total;
	return zx_task_go(arg, 0, 0);
}

static int64_t size_of(const char *path)
{
	struct stat sb;

	return stat(path, &sb) ? 0 : sb.st_size;
}

static int64_t bytes_needed(struct zx_web *web, bool recordings)
{
	static const char *const dirs[] = {"sounds", "files", "tls"};
	struct zx_store_health h;
	char path[PATH_LEN];
	int64_t n;

	zx_store_health(web->env.store, &h);
	n = h.file + h.wal;
	for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", web->env.data_dir, dirs[i]);
		n += zx_tree_size(path);
	}
	return recordings ? n + zx_tree_size(web->rec_dir) : n;
}

int64_t zx_sys_backup_needed(struct zx_web *web)
{
	struct zx_store_health h;

	zx_store_health(web->env.store, &h);
	/* the copy beside the archive */
	return bytes_needed(web, false) + h.file + h.wal + SPARE;
}

int zx_archive_make(struct zx_task *t, const struct zx_archive_want *want, struct zx_archive_made *made)
{
	const char *dir = zx_sys_backup_dir(t->web);
	char db[PATH_LEN], part[PATH_LEN], path[PATH_LEN], *info = NULL;
	struct maker m = {.t = t, .total = bytes_needed(t->web, want->recordings)};
	const uint64_t start = zx_mono_ms();
	int err = 0, fd = -1;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return errno;
	if (zx_disk_free(dir) < m.total + (zx_sys_backup_needed(t->web) - bytes_needed(t->web, false)))
		return ENOSPC;
	made->id = zx_archive_new_id(t->web, zx_wall_ms());
	zx_archive_name(made->name, made->id, want->night, want->passphrase && *want->passphrase);
	snprintf(db, sizeof(db), "%s/.work-%lld.db", dir, (long long)made->id);
	snprintf(part, sizeof(part), "%s/.work-%lld.tar", dir, (long long)made->id);
	snprintf(path, sizeof(path), "%s/%s", dir, made->name);
	info = info_make(t->web, want);
	if (!info)
		return ENOMEM;
	err = zx_store_copy(t->web->env.store, db, on_copy, t);
	if (!err) {
		fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		err = fd < 0 ? errno : write_tar(&m, fd, info, db, want);
	}
	if (fd >= 0)
		close(fd);
	if (!err && rename(part, path))
		err = errno;
	(void)unlink(db);
	(void)unlink(part);
	cJSON_free(info);
	made->size = err ? 0 : size_of(path);
	made->ms = (int64_t)(zx_mono_ms() - start);
	return err;
}
