#include "store/config.h"
#include "store_util.h"

static struct zx_store *st;
static const struct zx_config_by by = {.user_id = 1, .company_id = 1, .addr = "127.0.0.1", .note = "test"};

static void setup(void)
{
	tu_fresh();
	st = tu_open();
	ZX_CHECK(st);
	ZX_CHECK_EQ(
	    tu_exec(st, "INSERT INTO companies (id, code, name, created) VALUES (1, '100001', 'Alpha', 0), (2, '100002', 'Beta', 0)"), 0);
	ZX_CHECK_EQ(tu_exec(st,
			    "INSERT INTO extensions (id, company_id, number, secret, name, created) VALUES (1, 1, '8001', 's', 'one', 11), "
			    "(2, 1, '8002', 's', 'two', 12), (3, 1, '8003', 's', 'three', 13), (4, 2, '9001', 's', '', 14)"),
		    0);
	ZX_CHECK_EQ(
	    tu_exec(
		st,
		"INSERT INTO queues (id, company_id, name, number, created) VALUES (1, 1, 'sales', '7001', 0), (2, 1, 'help', '7002', 0)"),
	    0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO queue_members VALUES (1, 1, 1), (1, 2, 2), (2, 3, 1)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO ivrs (id, company_id, name, number, created) VALUES (1, 1, 'menu', '2000', 0)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO ivr_keys VALUES (1, '1', 'queue', '1', 1), (1, '2', 'queue', '2', 2)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO trunks (id, company_id, name, host) VALUES (1, 1, 'gw', '127.0.0.2')"), 0);
	ZX_CHECK_EQ(
	    tu_exec(
		st,
		"INSERT INTO inbound_routes (id, company_id, name, trunk_id, position, app, param) VALUES (1, 1, 'in', 1, 1, 'ivr', '1')"),
	    0);
}

static char *draft(int64_t company)
{
	struct zx_db *db;
	char *text = NULL;

	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_config_draft(db, company, &text), 0);
	return text;
}

static void draft_hash(int64_t company, char *hash)
{
	char *text = draft(company);

	zx_config_hash(hash, text);
	free(text);
}

static int apply(int64_t company, int64_t *version)
{
	struct zx_config_order o = {.company_id = company};
	int err;

	draft_hash(company, o.hash);
	err = zx_config_apply(st, &o, 1, &by);
	if (version)
		*version = o.version;
	return err;
}

static struct zx_config_return ret;

static int go_back(int64_t company, int64_t version, unsigned unapplied)
{
	ret = (struct zx_config_return){.version = version, .unapplied = unapplied, .order = {.company_id = company}};
	draft_hash(company, ret.order.hash);
	return zx_config_return(st, &ret, &by);
}

static unsigned unapplied(int64_t company)
{
	struct zx_db *db;
	unsigned n = 999;

	ZX_CHECK_EQ(zx_store_reader(st, &db), 0);
	ZX_CHECK_EQ(zx_config_unapplied(db, company, &n), 0);
	return n;
}

ZX_TEST(first)
{
	setup();
	ZX_CHECK_EQ(unapplied(1), 8);
	ZX_CHECK_EQ(zx_config_first(st), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_applied"), 2);
	ZX_CHECK_EQ(unapplied(1), 0);
	/* a company made later begins with nothing, also after a restart */
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO companies (id, code, name, created) VALUES (3, '100003', 'Gamma', 0)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (company_id, number, secret, created) VALUES (3, '6001', 's', 1)"), 0);
	ZX_CHECK_EQ(zx_config_first(st), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_applied"), 2);
	ZX_CHECK_EQ(unapplied(3), 1);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM extensions WHERE number = '6001'"), 0);
	ZX_CHECK_EQ(apply(3, NULL), 0);
	/* its versions go with a company */
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM companies WHERE id = 3"), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_versions WHERE company_id = 3"), 0);
	zx_store_close(st);
}

static char changes[512];

static void on_change(int table, const struct zx_config_row *before, const struct zx_config_row *after, void *arg)
{
	(void)arg;
	snprintf(changes + strlen(changes), sizeof(changes) - strlen(changes), "%c%s %d\n",
		 !before  ? '+'
		 : !after ? '-'
			  : '=',
		 zx_config_tables[table].name, (int)(before ? before : after)->id);
}

ZX_TEST(differences)
{
	struct zx_config_doc *a, *b;
	char *text, *again;

	setup();
	text = draft(1);
	again = draft(1);
	ZX_CHECK_STR(text, again);
	ZX_CHECK_EQ(zx_config_doc_read(&a, text), 0);
	free(text);
	free(again);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE extensions SET name = 'first', rev = rev + 1 WHERE id = 1"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE extensions SET rev = rev + 1 WHERE id = 2"), 0); /* written, and the same as before */
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM queue_members WHERE queue_id = 2"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE ivr_keys SET param = '2' WHERE key = '1'"), 0);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM trunks WHERE id = 1"), 0);
	ZX_CHECK_EQ(
	    tu_exec(st, "INSERT INTO trunks (id, company_id, name, host) VALUES (5, 1, 'new', '127.0.0.2'), (6, 2, 'other', '127.0.0.2')"),
	    0);
	text = draft(1);
	ZX_CHECK_EQ(zx_config_doc_read(&b, text), 0);
	free(text);
	*changes = '\0';
	ZX_CHECK_EQ(zx_config_diff(a, b, on_change, NULL), 6);
	ZX_CHECK_STR(changes, "=extensions 1\n-trunks 1\n+trunks 5\n=ivrs 1\n=queues 2\n-inbound_routes 1\n");
	zx_config_doc_free(a);
	zx_config_doc_free(b);
	ZX_CHECK_EQ(zx_config_doc_read(&a, "{\"company\":1,\"extensions\":{\"cols\":[\"id\"],\"rows\":[[2],[1]]}}"), EBADMSG);
	ZX_CHECK_EQ(zx_config_doc_read(&a, "[]"), EBADMSG);
	ZX_CHECK_EQ(zx_config_doc_read(&a, "{"), EBADMSG);
	zx_store_close(st);
}

/* A column that came with a newer program is nobody's change. */
ZX_TEST(new_column)
{
	setup();
	ZX_CHECK_EQ(apply(1, NULL), 0);
	ZX_CHECK_EQ(tu_exec(st, "ALTER TABLE extensions ADD COLUMN lamp TEXT NOT NULL DEFAULT 'on'"), 0);
	ZX_CHECK_EQ(unapplied(1), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE extensions SET name = 'x' WHERE id = 3"), 0);
	ZX_CHECK_EQ(unapplied(1), 1);
	ZX_CHECK_EQ(go_back(1, 1, 1), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT lamp = 'on' AND name = 'three' FROM extensions WHERE id = 3"), 1);
	zx_store_close(st);
}

ZX_TEST(stale)
{
	struct zx_config_order o[2] = {{.company_id = 2}, {.company_id = 1}};

	setup();
	draft_hash(2, o[0].hash);
	draft_hash(1, o[1].hash);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE extensions SET name = 'changed' WHERE id = 1"), 0);
	ZX_CHECK_EQ(zx_config_apply(st, o, 2, &by), ESTALE);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_versions"), 0); /* all or nothing */
	draft_hash(1, o[1].hash);
	ZX_CHECK_EQ(zx_config_apply(st, o, 2, &by), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_applied"), 2);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM audit WHERE resource = 'config' AND action = 'apply' AND user_id = 1"), 2);
	zx_store_close(st);
}

ZX_TEST(back)
{
	int64_t v1, v2;
	char *was, *is;

	setup();
	ZX_CHECK_EQ(apply(1, &v1), 0);
	was = draft(1);
	/* numbers and names change places, members and keys change, a row goes, others come, a reference to what goes */
	ZX_CHECK_EQ(tu_exec(st, "UPDATE queues SET number = '7999' WHERE id = 1"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE queues SET number = '7001', name = 'x' WHERE id = 2"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE queues SET number = '7002', name = 'help' WHERE id = 1"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE queues SET name = 'sales' WHERE id = 2"), 0);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM queue_members WHERE extension_id = 2"), 0);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM extensions WHERE id = 2"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (id, company_id, number, secret, created) VALUES (77, 1, '8077', 's', 1)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO ivrs (id, company_id, name, number, created) VALUES (9, 1, 'other', '2009', 0)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE queues SET ivr_id = 9 WHERE id = 1"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE ivr_keys SET key = '7', position = 9 WHERE key = '1'"), 0);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM trunks WHERE id = 1"), 0);
	ZX_CHECK_EQ(apply(1, &v2), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE extensions SET name = 'unapplied' WHERE id = 3"), 0);
	ZX_CHECK_EQ(go_back(1, v1, 1), 0);
	is = draft(1);
	ZX_CHECK_STR(is, was); /* ids, members, keys, routes and all */
	free(is);
	ZX_CHECK_EQ(unapplied(1), 0);
	ZX_CHECK_EQ(ret.order.version, v2 + 2);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_versions WHERE kind = 'draft' AND doc LIKE '%unapplied%'"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT rev FROM queues WHERE id = 1"), 2); /* an open form notices */
	ZX_CHECK_EQ(tu_int(st, "SELECT rev FROM extensions WHERE id = 1"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT row_id FROM numbers WHERE number = '7001'"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM numbers WHERE number = '7999' OR number LIKE '9999%'"), 0);
	/* and to what was not applied */
	ZX_CHECK_EQ(go_back(1, v2 + 1, 0), 0);
	ZX_CHECK_EQ(tu_int(st, "SELECT name = 'unapplied' FROM extensions WHERE id = 3"), 1);
	ZX_CHECK_EQ(go_back(1, 999, 0), ENOENT);
	ZX_CHECK_EQ(go_back(2, v1, 0), ENOENT); /* another company's */
	free(was);
	zx_store_close(st);
}

ZX_TEST(refused)
{
	int64_t v1;
	char *was, *is;

	setup();
	ZX_CHECK_EQ(apply(1, &v1), 0);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM queue_members WHERE extension_id = 2"), 0);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM extensions WHERE id = 2"), 0);
	/* its number is another company's now */
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (id, company_id, number, secret, created) VALUES (50, 2, '8002', 's', 1)"), 0);
	was = draft(1);
	ZX_CHECK_EQ(go_back(1, v1, 1), EEXIST);
	ZX_CHECK_STR(ret.why, "taken");
	ZX_CHECK_STR(ret.label, "8002");
	is = draft(1);
	ZX_CHECK_STR(is, was); /* nothing was changed */
	free(is);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_versions"), 1);
	/* its id is another company's now */
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM extensions WHERE id = 50"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (id, company_id, number, secret, created) VALUES (2, 2, '9002', 's', 1)"), 0);
	ZX_CHECK_EQ(go_back(1, v1, 1), EEXIST);
	ZX_CHECK_STR(ret.why, "taken");
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM extensions WHERE id = 2"), 0);
	/* somebody's extension is not in that version */
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (id, company_id, number, secret, created) VALUES (60, 1, '8060', 's', 1)"), 0);
	ZX_CHECK_EQ(tu_exec(st,
			    "INSERT INTO users (company_id, login, password, extension_id, role_id, created) VALUES (1, 'bob', 'x', 60, "
			    "(SELECT min(id) FROM roles), 0)"),
		    0);
	ZX_CHECK_EQ(go_back(1, v1, 1), EBUSY);
	ZX_CHECK_STR(ret.why, "bound");
	ZX_CHECK_STR(ret.label, "8060");
	ZX_CHECK_STR(ret.other, "bob");
	/* nor is one that was made anew under the same id */
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO extensions (id, company_id, number, secret, created) VALUES (2, 1, '8061', 's', 99)"), 0);
	ZX_CHECK_EQ(tu_exec(st, "UPDATE users SET extension_id = 2 WHERE login = 'bob'"), 0);
	ZX_CHECK_EQ(go_back(1, v1, 1), EBUSY);
	ZX_CHECK_STR(ret.why, "bound");
	/* something that is no part of the configuration needs a row that would go */
	ZX_CHECK_EQ(tu_exec(st, "UPDATE users SET extension_id = 1 WHERE login = 'bob'"), 0);
	ZX_CHECK_EQ(tu_exec(st, "CREATE TABLE later (ext INTEGER REFERENCES extensions(id))"), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO later VALUES (60)"), 0);
	ZX_CHECK_EQ(go_back(1, v1, 1), EBUSY);
	ZX_CHECK_STR(ret.why, "used");
	/* references are watched again afterwards */
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO later VALUES (12345)"), EINVAL);
	ZX_CHECK_EQ(tu_exec(st, "DELETE FROM later"), 0);
	ZX_CHECK_EQ(go_back(1, v1, 1), 0);
	ZX_CHECK_EQ(tu_exec(st, "INSERT INTO later VALUES (12345)"), EINVAL);
	ZX_CHECK_EQ(tu_int(st, "SELECT extension_id FROM users WHERE login = 'bob'"), 1);
	free(was);
	zx_store_close(st);
}

ZX_TEST(kept)
{
	setup();
	for (int i = 0; i < ZX_CONFIG_KEEP + 10; i++) {
		char sql[100];

		snprintf(sql, sizeof(sql), "UPDATE extensions SET name = 'n%d' WHERE id = 1", i);
		ZX_CHECK_EQ(tu_exec(st, sql), 0);
		ZX_CHECK_EQ(apply(1, NULL), 0);
		ZX_CHECK_EQ(i ? 0 : apply(2, NULL), 0);
	}
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_versions WHERE company_id = 1"), ZX_CONFIG_KEEP);
	ZX_CHECK_EQ(tu_int(st, "SELECT count(*) FROM config_versions WHERE company_id = 2"), 1);
	ZX_CHECK_EQ(tu_int(st, "SELECT version_id = (SELECT max(id) FROM config_versions) FROM config_applied WHERE company_id = 1"), 1);
	zx_store_close(st);
}

ZX_MAIN({"what is there first is the first applied version", first}, {"documents and their differences", differences},
	{"a new column is no change", new_column}, {"nothing is applied that was not looked at", stale},
	{"back to an earlier version", back}, {"back is refused where it cannot be", refused}, {"the last versions are kept", kept})
