#include <argon2.h>
#include <time.h>

#include "base/clock.h"
#include "store/audit.h"
#include "store/bindings.h"
#include "store/calls.h"
#include "store/demo.h"
#include "store/password.h"
#include "store_util.h"

static void drain(struct zx_store *st)
{
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM settings"), 0);
}

/* ---- bindings ---- */
static struct zx_binding_row seen[300];
static unsigned seen_n;

static void on_binding(const struct zx_binding_row *b, void *arg)
{
	(void)arg;
	if (seen_n < 300)
		seen[seen_n] = *b;
	seen_n++;
}

ZX_TEST(bindings)
{
	static struct zx_binding_row many[200];
	struct zx_store *st;
	struct zx_binding_row b = {.ext = "8001",
				   .contact = "sip:8001@10.0.0.1:5060;transport=tcp",
				   .instance = "<urn:uuid:1>",
				   .callid = "c@d",
				   .path = "<sip:p;lr>",
				   .agent = "座机 \"1\"",
				   .tp = "tcp",
				   .src = "10.0.0.1:3344",
				   .dst = "[fe80::1]:5084",
				   .reg_id = 1,
				   .cseq = 4000000000u,
				   .expires = 1000,
				   .q = 700};

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_binding_put(st, &b, NULL, NULL), 0);
	b.expires = 2000;
	b.cseq++;
	ZX_CHECK_EQ(zx_binding_put(st, &b, NULL, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		many[i] = b;
		snprintf(many[i].contact, sizeof(many[i].contact), "sip:%u@10.0.0.2", i);
		many[i].expires = i < 100 ? 500 : 3000;
	}
	ZX_CHECK_EQ(zx_binding_put_many(st, many, 200), 0);
	ZX_CHECK_EQ(zx_binding_del(st, "8001", "sip:150@10.0.0.2"), 0);
	drain(st);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM bindings"), 200);
	ZX_CHECK_EQ(zx_binding_load(st, 1500, on_binding, NULL), 0);
	ZX_CHECK_EQ(seen_n, 100);
	for (unsigned i = 0; i < seen_n; i++) {
		if (!strcmp(seen[i].contact, b.contact))
			ZX_CHECK(!memcmp(&seen[i], &b, sizeof(b)));
	}
	drain(st);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM bindings"), 100);
	zx_store_close(st);
}

/* ---- calls ---- */
static struct zx_call_row sample(int64_t id, const char *state)
{
	static char caller[16], callee[16];

	snprintf(caller, sizeof(caller), "1380%07u", (unsigned)((id * 7919) % 10000000));
	snprintf(callee, sizeof(callee), "8%03u", (unsigned)(id % 1000));
	return (struct zx_call_row){
	    .id = id,
	    .company_id = 1,
	    .start = 1000000 + id * 10,
	    .ended = 1000000 + id * 10 + 65000,
	    .ring = 5000,
	    .talk = 60000,
	    .direction = "inbound",
	    .caller = caller,
	    .callee = callee,
	    .callee_ext = callee,
	    .app = "extension",
	    .trunk = "t1",
	    .state = state,
	    .scode = 200,
	    .hangup_by = "caller",
	    .recording = "2026/11/22/x.wav",
	    .quality =
		"{\"a\":{\"loss\":0.1,\"jitter\":3,\"rtt\":20,\"mos\":4.3},\"b\":{\"loss\":0.1,\"jitter\":3,\"rtt\":20,\"mos\":4.3}}",
	    .timeline = "[{\"t\":0,\"e\":\"start\"},{\"t\":2,\"e\":\"route\"},{\"t\":30,\"e\":\"ring\",\"d\":\"8001\"},{\"t\":5030,\"e\":"
			"\"answer\"},{\"t\":65000,\"e\":\"bye\"}]",
	};
}

static int64_t rec_len(const char *recording, void *arg)
{
	(void)arg;
	return strcmp(recording, "2026/11/22/x.wav") ? 0 : 4321;
}

ZX_TEST(calls)
{
	struct zx_store *st;
	struct zx_call_row r = sample(1, "talking");
	char *longline = calloc(1, 20001);

	ZX_CHECK(longline);
	memset(longline, 'x', 20000);
	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_call_row_put(st, &r), 0);
	r.state = "answered";
	r.timeline = longline;
	ZX_CHECK_EQ(zx_call_row_put(st, &r), 0);
	free(longline);
	r = sample(2, "talking");
	ZX_CHECK_EQ(zx_call_row_put(st, &r), 0);
	r = sample(3, "talking");
	r.recording = NULL;
	ZX_CHECK_EQ(zx_call_row_put(st, &r), 0);
	drain(st);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM calls"), 3);
	ZX_CHECK_EQ(tu_int(st, "SELECT state = 'answered' FROM calls WHERE id = 1"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT length(timeline) FROM call_details WHERE call_id = 1"), 20000);
	ZX_CHECK_EQ(tu_int(st, "SELECT json_array_length(timeline) FROM call_details WHERE call_id = 2"), 5);
	ZX_CHECK_EQ(zx_call_rows_repair(st, rec_len, NULL), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM calls WHERE state = 'interrupted'"), 2);
	ZX_CHECK_EQ(tu_int(st, "SELECT talk FROM calls WHERE id = 2"), 4321);
	ZX_CHECK_EQ(tu_int(st, "SELECT ended - start FROM calls WHERE id = 2"), 9321);
	ZX_CHECK_EQ(tu_int(st, "SELECT talk FROM calls WHERE id = 3"), 0);
	ZX_CHECK_EQ(zx_call_rows_repair(st, rec_len, NULL), 0);
	zx_store_close(st);
}

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

ZX_TEST(calls_cost)
{
	const int n = 20000;
	struct zx_store *st;
	uint64_t t;
	double cpu;

	tu_fresh();
	st = tu_open();
	t = zx_mono_us();
	cpu = cpu_s();
	for (int i = 0; i < n; i++) {
		const struct zx_call_row r = sample(1000 + i, "answered");

		ZX_CHECK_EQ(zx_call_row_put(st, &r), 0);
	}
	drain(st);
	printf("# call row: %.1f us CPU, %.1f us\n", (cpu_s() - cpu) * 1e6 / n, (double)(zx_mono_us() - t) / n);
	zx_store_close(st);
}

/* ---- audit ---- */
static int op_audit(struct zx_db *db, void *arg)
{
	const struct zx_audit a = {
	    .company_id = 1, .user_id = 2, .row_id = 3, .addr = "::1", .resource = "extensions", .action = "edit", .before = "{}"};
	const int *fail = arg;
	const int err = zx_audit_put(db, &a);

	return err ? err : *fail;
}

ZX_TEST(audit)
{
	struct zx_store *st;
	int fail = 0;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_store_write_wait(st, op_audit, &fail), 0);
	fail = EACCES;
	ZX_CHECK_EQ(zx_store_write_wait(st, op_audit, &fail), EACCES);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM audit WHERE at > 0 AND after IS NULL AND before = '{}'"), 1);
	zx_store_close(st);
}

/* ---- demo, passwords ---- */
ZX_TEST(passwords)
{
	char a[ZX_PASSWORD_HASH_LEN], b[ZX_PASSWORD_HASH_LEN], r[13], longest[200];
	uint64_t t, known, unknown;

	ZX_CHECK_EQ(zx_password_hash(a, sizeof(a), "secret 密"), 0);
	ZX_CHECK_EQ(zx_password_hash(b, sizeof(b), "secret 密"), 0);
	ZX_CHECK(strcmp(a, b) && !strncmp(a, "$argon2id$v=19$m=19456,t=2,p=1$", 31));
	ZX_CHECK(zx_password_verify(a, "secret 密"));
	ZX_CHECK(!zx_password_verify(a, "secret"));
	ZX_CHECK(!zx_password_verify("", ""));
	/* the reference library reads ours, and we read its */
	ZX_CHECK_EQ(argon2id_hash_encoded(2, 19456, 1, "password", 8, "somesaltsomesalt", 16, 32, b, sizeof(b)), 0);
	ZX_CHECK(zx_password_verify(b, "password") && !zx_password_verify(b, "Password"));
	ZX_CHECK_EQ(argon2id_verify(a, "secret 密", strlen("secret 密")), 0);
	b[strlen(b) - 1] = '\0';
	ZX_CHECK(!zx_password_verify(b, "password"));
	ZX_CHECK(!zx_password_verify("$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA", "password"));
	ZX_CHECK(!zx_password_verify("plain", "plain"));
	t = zx_mono_us();
	ZX_CHECK(!zx_password_verify(a, "wrong"));
	known = zx_mono_us() - t;
	t = zx_mono_us();
	ZX_CHECK(!zx_password_verify(NULL, "wrong"));
	unknown = zx_mono_us() - t;
	printf("# password check: %u us, of an unknown user %u us\n", (unsigned)known, (unsigned)unknown);
	ZX_CHECK(unknown > known / 4 && known > unknown / 4);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ZX_CHECK_EQ(zx_password_hash(a, sizeof(a), longest), EINVAL);
	ZX_CHECK(!zx_password_verify(a, longest));
	ZX_CHECK_EQ(zx_password_random(r, 12), 0);
	ZX_CHECK_EQ(strlen(r), 12);
}

struct login {
	char hash[ZX_PASSWORD_HASH_LEN], token[256], secret[64];
};

static void read_text(struct zx_store *st, const char *sql, const char *name, char *out, size_t len)
{
	struct zx_stmt *s;
	struct zx_db *db;

	ZX_CHECK(!zx_store_reader(st, &db) && !zx_stmt_text(&s, db, sql));
	ZX_CHECK(!zx_bind_text(s, ":n", name) && !zx_stmt_step(s));
	snprintf(out, len, "%s", zx_col_text(s, 0));
	zx_stmt_reset(s);
}

ZX_TEST(demo)
{
	char kind[16], name[32], password[32], err[256], line[128];
	unsigned users = 0, exts = 0;
	struct login l;
	struct zx_store *st;
	struct stat sb;
	FILE *f;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_demo_fill(st, err, sizeof(err)), 0);
	ZX_CHECK_EQ(zx_demo_fill(st, err, sizeof(err)), EEXIST);
	ZX_CHECK_EQ(zx_first_admin(st, err, sizeof(err)), EEXIST);
	ZX_CHECK(!stat(tu_path("demo-credentials.txt"), &sb));
	ZX_CHECK_EQ(sb.st_mode & 07777, 0600);
	f = fopen(tu_path("demo-credentials.txt"), "r");
	ZX_CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		ZX_CHECK_EQ(sscanf(line, "%15s %31s %31s", kind, name, password), 3);
		ZX_CHECK_EQ(strlen(password), 12);
		if (!strcmp(kind, "user")) {
			users++;
			read_text(st, "SELECT password FROM users WHERE login = :n AND must_change = 0", name, l.hash, sizeof(l.hash));
			ZX_CHECK(zx_password_verify(l.hash, password));
		} else {
			ZX_CHECK_STR(kind, "extension");
			exts++;
			read_text(st, "SELECT secret FROM extensions WHERE number = :n", name, l.token, sizeof(l.token));
			ZX_CHECK_EQ(zx_unseal(st, l.secret, sizeof(l.secret), l.token), 0);
			ZX_CHECK_STR(l.secret, password);
		}
	}
	fclose(f);
	ZX_CHECK_EQ(users, 6);
	ZX_CHECK_EQ(exts, 50);
	ZX_CHECK_EQ(
	    tu_int(st, "SELECT count(*) FROM users u JOIN extensions e ON e.id = u.extension_id WHERE e.number BETWEEN '8000' AND '8005'"),
	    6);
	ZX_CHECK_EQ(tu_int(st, "SELECT e.number FROM users u JOIN extensions e ON e.id = u.extension_id WHERE u.login = 'Admin'"), 8000);
	zx_store_close(st);
}

ZX_TEST(first_admin)
{
	char err[256];
	struct zx_store *st;
	struct stat sb;

	tu_fresh();
	st = tu_open();
	ZX_CHECK_EQ(zx_first_admin(st, err, sizeof(err)), 0);
	ZX_CHECK_EQ(zx_first_admin(st, err, sizeof(err)), EEXIST);
	ZX_CHECK_EQ(zx_demo_fill(st, err, sizeof(err)), EEXIST);
	ZX_CHECK(!stat(tu_path("first-admin.txt"), &sb) && (sb.st_mode & 07777) == 0600);
	ZX_CHECK_EQ(tu_int(st, "SELECT must_change FROM users"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM roles"), 4);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM extensions"), 0);
	zx_store_close(st);
}

ZX_MAIN({"bindings are kept, replaced, dropped", bindings}, {"call records are kept, replaced, repaired", calls},
	{"what a call record costs", calls_cost}, {"a change and its audit stand or fall together", audit},
	{"passwords are hashed and checked with constant work", passwords}, {"the demo company", demo},
	{"the first administrator", first_admin})
