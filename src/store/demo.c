#include "store/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "store/password.h"
#include "store/priv.h"

enum { FIRST_EXT = 8000, EXTS = 50, PASSWORD = 12 };

/* Shipped roles: every company gets its own (schema/003). */
enum { ROLE_SYSTEM, ROLE_ADMIN, ROLE_LEADER, ROLE_AGENT, ROLES };
static const char *const roles[ROLES] = {"系统管理员", "管理员", "部门组长", "坐席"};

static const struct person {
	const char *login, *name;
	unsigned role;
} people[] = {
    {"admin", "管理员", ROLE_SYSTEM}, {"agent1", "小张", ROLE_AGENT}, {"agent2", "小李", ROLE_AGENT},
    {"agent3", "小王", ROLE_AGENT},   {"agent4", "小赵", ROLE_AGENT}, {"agent5", "小陈", ROLE_AGENT},
};
enum { PEOPLE = sizeof(people) / sizeof(people[0]) };

struct fill {
	const struct zx_store *st;
	bool demo;
	unsigned users, exts;
	const char *company, *file;
	char secrets[EXTS][PASSWORD + 1];
	char passwords[PEOPLE][PASSWORD + 1], hashes[PEOPLE][ZX_PASSWORD_HASH_LEN];
	int64_t role_ids[ROLES];
};

/* Complete under its name, on the disk, before the rows it speaks of are committed. */
static int write_credentials(const struct fill *f)
{
	char tmp[64];
	FILE *out;
	int fd, err = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", f->file);
	if (unlinkat(f->st->dirfd, tmp, 0) && errno != ENOENT)
		return errno;
	fd = openat(f->st->dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	out = fdopen(fd, "w");
	if (!out) {
		err = errno;
		close(fd);
		return err;
	}
	for (unsigned i = 0; i < f->users; i++)
		fprintf(out, "user %s %s\n", people[i].login, f->passwords[i]);
	for (unsigned i = 0; i < f->exts; i++)
		fprintf(out, "extension %u %s\n", FIRST_EXT + i, f->secrets[i]);
	if (fchmod(fd, 0600) || fflush(out) || fsync(fd))
		err = errno;
	if (fclose(out) && !err)
		err = errno;
	if (!err && (renameat(f->st->dirfd, tmp, f->st->dirfd, f->file) || fsync(f->st->dirfd)))
		err = errno;
	if (err)
		(void)unlinkat(f->st->dirfd, tmp, 0);
	return err;
}

static int find_role(struct zx_db *db, int64_t company_id, const char *name, int64_t *id)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "demo_role");
	if (err)
		return err;
	zx_bind_int(s, ":company_id", company_id);
	zx_bind_text(s, ":name", name);
	err = zx_stmt_step(s);
	if (!err) {
		*id = zx_col_int(s, 0);
		zx_stmt_reset(s);
	}
	return err == ENODATA ? ENOENT : err;
}

static int put_extension(struct zx_db *db, const struct fill *f, int64_t company_id, unsigned i, int64_t now)
{
	char token[128], number[16];
	struct zx_stmt *s;
	int err;

	snprintf(number, sizeof(number), "%u", FIRST_EXT + i);
	err = zx_seal(f->st, token, sizeof(token), f->secrets[i]);
	if (!err)
		err = zx_stmt_get(&s, db, "demo_extension");
	if (err)
		return err;
	zx_bind_int(s, ":company_id", company_id);
	zx_bind_text(s, ":number", number);
	zx_bind_text(s, ":secret", token);
	zx_bind_text(s, ":name", i < PEOPLE ? people[i].name : "");
	zx_bind_int(s, ":now", now);
	return zx_stmt_run(s);
}

static int put_user(struct zx_db *db, const struct fill *f, int64_t company_id, unsigned i, int64_t now)
{
	char number[16];
	struct zx_stmt *s;
	int err;

	snprintf(number, sizeof(number), "%u", FIRST_EXT + i);
	err = zx_stmt_get(&s, db, "demo_user");
	if (err)
		return err;
	zx_bind_int(s, ":company_id", company_id);
	zx_bind_text(s, ":login", people[i].login);
	zx_bind_text(s, ":password", f->hashes[i]);
	zx_bind_int(s, ":must_change", !f->demo);
	zx_bind_text(s, ":name", people[i].name);
	zx_bind_text(s, ":extension", f->demo ? number : "");
	zx_bind_int(s, ":role_id", f->role_ids[people[i].role]);
	zx_bind_int(s, ":now", now);
	return zx_stmt_run(s);
}

/* What a page shows and an administrator would set up first; people and extensions are there. */
static int put_call_centre(struct zx_db *db, int64_t company_id, int64_t now)
{
	static const char *const names[] = {"demo_departments", "demo_people", "demo_mailbox", "demo_queue",  "demo_members",
					    "demo_menu",        "demo_keys",   "demo_hours",   "demo_inbound"};
	struct zx_stmt *s;
	int err = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++) {
		err = zx_stmt_get(&s, db, names[i]);
		if (err)
			return err;
		zx_bind_int(s, ":company_id", company_id);
		(void)zx_bind_int(s, ":now", now);
		err = zx_stmt_run(s);
	}
	return err;
}

/* EEXIST: there is something in the store that must not be mixed with this. */
static int check_empty(struct zx_db *db, bool demo)
{
	struct zx_stmt *s;
	int err;

	err = zx_stmt_get(&s, db, "demo_has_users");
	if (!err)
		err = zx_stmt_step(s);
	if (err)
		return err;
	err = zx_col_int(s, demo ? 1 : 0) ? EEXIST : 0;
	zx_stmt_reset(s);
	return err;
}

static int op_fill(struct zx_db *db, void *arg)
{
	struct fill *f = arg;
	const int64_t now = zx_wall_ms();
	int64_t company_id;
	struct zx_stmt *s;
	int err;

	err = check_empty(db, f->demo);
	if (!err)
		err = zx_stmt_get(&s, db, "demo_company");
	if (err)
		return err;
	zx_bind_text(s, ":code", "100000");
	zx_bind_text(s, ":name", f->company);
	zx_bind_int(s, ":now", now);
	err = zx_stmt_run(s);
	company_id = zx_db_last_id(db);
	for (unsigned i = 0; i < ROLES && !err; i++)
		err = find_role(db, company_id, roles[i], &f->role_ids[i]);
	for (unsigned i = 0; i < f->exts && !err; i++)
		err = put_extension(db, f, company_id, i, now);
	for (unsigned i = 0; i < f->users && !err; i++)
		err = put_user(db, f, company_id, i, now);
	if (!err && f->demo)
		err = put_call_centre(db, company_id, now);
	return err ? err : write_credentials(f);
}

static int fill(struct zx_store *st, struct fill *f, char *errbuf, size_t errlen)
{
	struct zx_db *db;
	int err;

	f->st = st;
	err = zx_store_reader(st, &db);
	if (!err)
		err = check_empty(db, f->demo); /* the ordinary case: before the hashes are computed */
	for (unsigned i = 0; i < f->exts && !err; i++)
		err = zx_password_random(f->secrets[i], PASSWORD);
	for (unsigned i = 0; i < f->users && !err; i++) {
		err = zx_password_random(f->passwords[i], PASSWORD);
		if (!err)
			err = zx_password_hash(f->hashes[i], sizeof(f->hashes[i]), f->passwords[i]);
	}
	if (!err) {
		err = zx_store_write_wait(st, op_fill, f);
		if (err && err != EEXIST)
			(void)unlinkat(st->dirfd, f->file, 0);
	}
	if (err)
		snprintf(errbuf, errlen, err == EEXIST ? "the store is not empty" : "cannot fill the store: %s", strerror(err));
	OPENSSL_cleanse(f, sizeof(*f));
	return err;
}

int zx_demo_fill(struct zx_store *st, char *errbuf, size_t errlen)
{
	struct fill f = {.demo = true, .users = PEOPLE, .exts = EXTS, .company = "演示公司", .file = "demo-credentials.txt"};

	return fill(st, &f, errbuf, errlen);
}

int zx_first_admin(struct zx_store *st, char *errbuf, size_t errlen)
{
	struct fill f = {.users = 1, .company = "默认公司", .file = "first-admin.txt"};

	return fill(st, &f, errbuf, errlen);
}
