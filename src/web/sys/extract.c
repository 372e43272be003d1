/* Taking a backup apart: nothing in it is believed before its sum is right, and nothing leaves the folder it is put into. */
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

#include "base/text.h"
#include "web/sys/archive.h"
#include "web/sys/vault.h"

enum { PATH_LEN = 4300, SUMS_MAX = 128 << 20, SPARE = 64 << 20, LINE = 64 + 2 };

struct reader {
	struct zx_task *t;
	struct archive *a;
	struct zx_vault *v;
	const char *dir;
	bool recordings;
	int64_t file_size, room, written;
	int err; /* of the vault */
	char *why;
	size_t whylen;
	/* what the parts were, as lines of SHA256SUMS, and what that says */
	FILE *sums_file;
	char *sums, *listed;
	size_t sums_len, listed_len;
	unsigned db, key, head;
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **p)
{
	struct reader *r = arg;
	const ssize_t n = zx_vault_read(r->v, p);

	if (n >= 0)
		return n;
	r->err = (int)-n;
	archive_set_error(a, r->err, "%s", strerror(r->err));
	return -1;
}

static int damaged(struct reader *r, const char *fmt, const char *what)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* constant texts of this file */
	if (!*r->why)
		snprintf(r->why, r->whylen, fmt, what);
#pragma GCC diagnostic pop
	return EBADMSG;
}

/* libarchive's own complaints are about the file. */
static int read_err(struct reader *r)
{
	const char *text = archive_error_string(r->a);

	return r->err ? r->err : damaged(r, "%s", text ? text : "cannot be read");
}

/* ---- names ---- */

bool zx_archive_part_ok(const char *name)
{
	const char *p = name;

	if (!*name || *name == '/' || strlen(name) > 1000 || strchr(name, '\\') || !zx_utf8_valid(name, strlen(name)))
		return false;
	for (; *p; p++)
		if ((unsigned char)*p < 0x20)
			return false;
	for (p = name;; p++) {
		const size_t n = strcspn(p, "/");

		if (!n || *p == '.')
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

static bool below(const char *name, const char *folder)
{
	const size_t n = strlen(folder);

	return !strncmp(name, folder, n) && name[n] == '/' && name[n + 1];
}

static bool name_known(const char *name)
{
	return !strcmp(name, "zuoxi-backup.json") || !strcmp(name, "zuoxi.db") || !strcmp(name, "secret.key") || below(name, "sounds") ||
	       below(name, "files") || below(name, "tls") || below(name, "recordings");
}

/* Folders on the way to dir/name. */
static int make_parents(const char *dir, const char *name)
{
	char path[PATH_LEN];

	for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%.*s", dir, (int)(p - name), name) >= sizeof(path))
			return ENAMETOOLONG;
		if (mkdir(path, 0700) && errno != EEXIST)
			return errno;
	}
	return 0;
}

/* ---- parts ---- */

static int write_out(struct reader *r, int fd, const void *p, size_t len)
{
	const char *b = p;

	r->written += (int64_t)len;
	if (fd >= 0 && r->written > r->room)
		return ENOSPC;
	while (fd >= 0 && len) {
		const ssize_t n = write(fd, b, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		b += n;
		len -= (size_t)n;
	}
	return 0;
}

static int part_read(struct reader *r, const char *name, int fd)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	char hex[65];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const void *p;
	size_t len;
	la_int64_t off, end = 0;
	int rc = ARCHIVE_OK, err = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : ENOMEM;

	while (!err && (rc = archive_read_data_block(r->a, &p, &len, &off)) == ARCHIVE_OK) {
		if (off != end) /* holes are nothing we write */
			err = damaged(r, "%s has holes", name);
		end = off + (la_int64_t)len;
		if (!err)
			err = write_out(r, fd, p, len);
		if (!err && EVP_DigestUpdate(ctx, p, len) != 1)
			err = EIO;
		if (!err && !zx_task_go(r->t, archive_filter_bytes(r->a, -1), r->file_size))
			err = ECANCELED;
	}
	if (!err && rc != ARCHIVE_EOF)
		err = read_err(r);
	if (!err && EVP_DigestFinal_ex(ctx, md, NULL) != 1)
		err = EIO;
	if (!err && fd >= 0 && fsync(fd))
		err = errno;
	if (!err) {
		zx_hex_encode(hex, md, 32);
		fprintf(r->sums_file, "%s  %s\n", hex, name);
	}
	EVP_MD_CTX_free(ctx);
	return err;
}

static int part_extract(struct reader *r, const char *name)
{
	const bool keep = strcmp(name, "zuoxi-backup.json") != 0 && (r->recordings || !below(name, "recordings"));
	char path[PATH_LEN];
	int fd = -1, err = 0;

	r->db += !strcmp(name, "zuoxi.db");
	r->key += !strcmp(name, "secret.key");
	r->head += !strcmp(name, "zuoxi-backup.json");
	if (keep) {
		err = make_parents(r->dir, name);
		if (!err && (size_t)snprintf(path, sizeof(path), "%s/%s", r->dir, name) >= sizeof(path))
			err = ENAMETOOLONG;
		if (!err)
			fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (!err && fd < 0)
			err = errno == EEXIST ? damaged(r, "%s is in it twice", name) : errno;
	}
	if (!err)
		err = part_read(r, name, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

/* The list of sums, which is the last part. */
static int list_read(struct reader *r, struct archive_entry *e)
{
	const int64_t size = archive_entry_size(e);

	if (r->listed || size <= 0 || size > SUMS_MAX)
		return damaged(r, "%s", "the list of parts is not right");
	r->listed = malloc((size_t)size);
	if (!r->listed)
		return ENOMEM;
	r->listed_len = (size_t)size;
	return archive_read_data(r->a, r->listed, (size_t)size) == size ? 0 : read_err(r);
}

/* The first line that differs names what is wrong. */
static int sums_compare(struct reader *r)
{
	size_t i = 0, line = 0;

	if (!r->listed)
		return damaged(r, "%s", "the end is missing");
	if (fflush(r->sums_file))
		return ENOMEM;
	if (r->sums_len == r->listed_len && !memcmp(r->sums, r->listed, r->sums_len))
		return r->db == 1 && r->key == 1 && r->head == 1 ? 0 : damaged(r, "%s", "the database or its key is missing");
	for (; i < r->sums_len && i < r->listed_len && r->sums[i] == r->listed[i]; i++)
		if (r->sums[i] == '\n')
			line = i + 1;
	if (line + LINE < r->sums_len) {
		r->sums[line + LINE + strcspn(r->sums + line + LINE, "\n")] = '\0';
		return damaged(r, "%s is not what it was when the backup was made", r->sums + line + LINE);
	}
	return damaged(r, "%s", "parts are missing");
}

static int parts_read(struct reader *r)
{
	struct archive_entry *e;
	int rc, err = 0;

	while (!err && (rc = archive_read_next_header(r->a, &e)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(e);

		if (r->listed)
			err = damaged(r, "%s", "something follows the end");
		else if (!name || archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) || !zx_archive_part_ok(name))
			err = damaged(r, "%s", "a part has a name that no backup has");
		else if (!strcmp(name, "SHA256SUMS"))
			err = list_read(r, e);
		else if (!name_known(name))
			err = damaged(r, "%s does not belong into a backup", name);
		else
			err = part_extract(r, name);
	}
	if (!err && rc != ARCHIVE_EOF)
		err = read_err(r);
	return err ? err : sums_compare(r);
}

static struct archive *tar_reader(void)
{
	struct archive *a = archive_read_new();

	if (a && archive_read_support_filter_gzip(a) == ARCHIVE_OK && archive_read_support_format_tar(a) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

/* To the end of the file: what was cut off after the last part shows only there. */
static int drain(struct reader *r)
{
	const void *p;
	ssize_t n;

	while ((n = zx_vault_read(r->v, &p)) > 0)
		;
	return n < 0 ? (int)-n : 0;
}

int zx_archive_extract(struct zx_task *t, int fd, const char *passphrase, const char *dir, bool recordings, char *why, size_t whylen)
{
	struct reader r = {.t = t, .dir = dir, .recordings = recordings, .why = why, .whylen = whylen};
	struct stat sb;
	int err;

	*why = '\0';
	r.room = zx_disk_free(dir) - SPARE;
	r.file_size = fstat(fd, &sb) ? 0 : sb.st_size;
	err = zx_vault_open(&r.v, fd, passphrase);
	if (err)
		return err == EBADMSG ? damaged(&r, "%s", "not a backup file") : err;
	r.sums_file = open_memstream(&r.sums, &r.sums_len);
	r.a = tar_reader();
	if (!r.sums_file || !r.a)
		err = ENOMEM;
	else if (archive_read_open(r.a, &r, NULL, on_read, NULL) != ARCHIVE_OK)
		err = read_err(&r);
	else
		err = parts_read(&r);
	if (!err)
		err = drain(&r);
	if (err == EBADMSG && !*why)
		snprintf(why, whylen, "the file is cut off or changed");
	archive_read_free(r.a);
	if (r.sums_file)
		fclose(r.sums_file);
	free(r.sums);
	free(r.listed);
	zx_vault_free(r.v);
	return err;
}

/* ---- the head alone ---- */

static cJSON *info_parse(const char *text, size_t len)
{
	cJSON *js = zx_json_parse(text, len);
	const char *product = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(js, "product"));

	if (product && !strcmp(product, "zuoxi") && cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(js, "created_at")) &&
	    cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(js, "schema")))
		return js;
	cJSON_Delete(js);
	return NULL;
}

static cJSON *info_plain(int fd)
{
	struct reader r = {.dir = ""};
	struct archive_entry *e;
	char text[ZX_ARCHIVE_INFO];
	const char *name;
	la_ssize_t n;
	cJSON *js = NULL;

	r.a = zx_vault_open(&r.v, fd, NULL) ? NULL : tar_reader();
	if (r.a && archive_read_open(r.a, &r, NULL, on_read, NULL) == ARCHIVE_OK && archive_read_next_header(r.a, &e) == ARCHIVE_OK &&
	    (name = archive_entry_pathname(e)) && !strcmp(name, "zuoxi-backup.json") && archive_entry_size(e) < ZX_ARCHIVE_INFO) {
		n = archive_read_data(r.a, text, sizeof(text));
		js = n > 0 ? info_parse(text, (size_t)n) : NULL;
	}
	archive_read_free(r.a);
	zx_vault_free(r.v);
	return js;
}

int zx_archive_info(int fd, cJSON **info, bool *encrypted)
{
	char *text = malloc(ZX_VAULT_INFO);
	int err = text ? zx_vault_look(fd, encrypted, text, ZX_VAULT_INFO) : ENOMEM;

	*info = NULL;
	if (!err)
		*info = *encrypted ? info_parse(text, strlen(text)) : info_plain(fd);
	free(text);
	if (!err && !*info)
		err = EBADMSG;
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = errno;
	return err;
}
