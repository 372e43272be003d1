/* System pages: what /proc tells, the encrypted file of a backup, its name. */
#include "zxtest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web/sys/archive.h"
#include "web/sys/proc.h"
#include "web/sys/vault.h"

/* ---- /proc ---- */

ZX_TEST(stat_text)
{
	struct zx_proc_cpu c;

	ZX_CHECK(zx_proc_stat("cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2 3 4\nintr 5\nbtime 1700000000\n", &c));
	ZX_CHECK(c.total == 621 && c.busy == 171 && c.boot == 1700000000);
	ZX_CHECK(zx_proc_stat("cpu 1 2 3 4\n", &c) && c.total == 10 && c.busy == 6 && !c.boot);
	ZX_CHECK(!zx_proc_stat("", &c) && !zx_proc_stat("cpu  x\n", &c) && !zx_proc_stat("cpu0 1 2 3 4\n", &c));
}

ZX_TEST(meminfo_text)
{
	struct zx_proc_mem m;

	ZX_CHECK(
	    zx_proc_mem("MemTotal:       1000 kB\nMemFree: 200 kB\nMemAvailable:    600 kB\nBuffers: 5 kB\nCached: 7 kB\nSwapCached: 9 kB\n"
			"SwapTotal: 50 kB\nSwapFree: 40 kB\n",
			&m));
	ZX_CHECK(m.total == 1024000 && m.free == 204800 && m.available == 614400 && m.buffers == 5120 && m.cached == 7168);
	ZX_CHECK(m.swap_total == 51200 && m.swap_free == 40960);
	ZX_CHECK(!zx_proc_mem("nothing\n", &m));
}

ZX_TEST(net_text)
{
	struct zx_proc_net v[ZX_PROC_NETS];
	char many[ZX_PROC_NETS * 80 + 200];
	size_t n = 0;

	ZX_CHECK_EQ(zx_proc_net("Inter-|   Receive                                                |  Transmit\n"
				" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
				"carrier compressed\n"
				"    lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n"
				"  eth0:12345678901 2 3 4 5 6 7 8 98765432109 2 3 4 5 6 7 8\n"
				"wg.1: 5 0 0 0 0 0 0 0 6 0 0 0 0 0 0 0\n",
				v),
		    2);
	ZX_CHECK_STR(v[0].name, "eth0");
	ZX_CHECK(v[0].rx == 12345678901 && v[0].tx == 98765432109);
	ZX_CHECK_STR(v[1].name, "wg.1");
	for (int i = 0; i < ZX_PROC_NETS + 4; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "e%d: 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n", i);
	ZX_CHECK_EQ(zx_proc_net(many, v), ZX_PROC_NETS);
	ZX_CHECK_EQ(zx_proc_net("eth0: garbage\naveryveryverylonginterfacename: 1 0 0 0 0 0 0 0 1\n", v), 0);
}

ZX_TEST(self_text)
{
	uint64_t ticks = 0, pages = 0;

	ZX_CHECK(
	    zx_proc_self("42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 700 80 1 1 20 0 5 0 999 123456 777 18446744073709551615 1", &ticks, &pages));
	ZX_CHECK(ticks == 780 && pages == 777);
	ZX_CHECK(!zx_proc_self("42 (x) S 1", &ticks, &pages) && !zx_proc_self("", &ticks, &pages));
}

ZX_TEST(values)
{
	char out[64];

	ZX_CHECK(zx_proc_value("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", "PRETTY_NAME", '=', out, sizeof(out)));
	ZX_CHECK_STR(out, "Debian GNU/Linux 12 (bookworm)");
	ZX_CHECK(zx_proc_value("model name\t: Intel(R)  \n", "model name", ':', out, sizeof(out)));
	ZX_CHECK_STR(out, "Intel(R)");
	ZX_CHECK(!zx_proc_value("A=b\n", "B", '=', out, sizeof(out)) &&
		 !zx_proc_value("model name\n", "model name", ':', out, sizeof(out)));
}

ZX_TEST(mounts)
{
	static const char text[] =
	    "/dev/vda1 / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n/dev/vdb /data\\040two xfs rw 0 0\n/dev/vdc /data ext4 rw 0 0\n"
	    "over /data btrfs rw 0 0\n";
	char point[64], dev[64], type[64];

	ZX_CHECK(zx_proc_mount(text, "/dev/shm/x", point, sizeof(point), dev, sizeof(dev), type, sizeof(type)));
	ZX_CHECK_STR(point, "/dev/shm");
	ZX_CHECK(zx_proc_mount(text, "/dev/shmx", point, sizeof(point), dev, sizeof(dev), type, sizeof(type)));
	ZX_CHECK_STR(point, "/");
	ZX_CHECK(zx_proc_mount(text, "/data two/a", point, sizeof(point), dev, sizeof(dev), type, sizeof(type)));
	ZX_CHECK_STR(type, "xfs");
	ZX_CHECK(zx_proc_mount(text, "/data", point, sizeof(point), dev, sizeof(dev), type, sizeof(type)));
	ZX_CHECK_STR(dev, "over");
	ZX_CHECK(!zx_proc_mount("", "/", point, sizeof(point), dev, sizeof(dev), type, sizeof(type)));
}

ZX_TEST(days_left)
{
	const int64_t day = 86400000;

	ZX_CHECK_EQ(zx_proc_days_left(0, 1000, day, 900), 9);
	ZX_CHECK_EQ(zx_proc_days_left(0, 1000, 2 * day, 900), 18);
	ZX_CHECK_EQ(zx_proc_days_left(0, 1000, day - 1, 10), -1);    /* too early to tell */
	ZX_CHECK_EQ(zx_proc_days_left(0, 1000, day, 1000), -1);      /* nothing is used up */
	ZX_CHECK_EQ(zx_proc_days_left(0, 1000000, day, 999999), -1); /* beyond what anybody knows */
	ZX_CHECK_EQ(zx_proc_days_left(0, 1000, day, 0), 0);
}

/* ---- the encrypted file ---- */

enum { SIZE = 200000 };
static uint8_t text[SIZE];

static int file_new(void)
{
	char path[] = "/tmp/zx-vault-XXXXXX";
	const int fd = mkstemp(path);

	ZX_CHECK(fd >= 0);
	unlink(path);
	return fd;
}

static int vault_write(int fd, const char *pass, size_t n)
{
	struct zx_vault *v = NULL;
	int err = zx_vault_create(&v, fd, pass, "{\"a\":1}");

	for (size_t at = 0, part = 1; !err && at < n; at += part, part = part * 3 % 70001 + 1) {
		if (part > n - at)
			part = n - at;
		err = zx_vault_write(v, text + at, part);
	}
	if (!err)
		err = zx_vault_finish(v);
	zx_vault_free(v);
	return err;
}

/* Everything in it; -errno. */
static ssize_t vault_read(int fd, const char *pass, uint8_t *out)
{
	struct zx_vault *v = NULL;
	const void *p;
	ssize_t n, all = 0;
	int err = zx_vault_open(&v, fd, pass);

	if (err)
		return -err;
	while ((n = zx_vault_read(v, &p)) > 0) {
		ZX_CHECK(all + n <= SIZE);
		memcpy(out + all, p, (size_t)n);
		all += n;
	}
	zx_vault_free(v);
	return n < 0 ? n : all;
}

ZX_TEST(vault)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, SIZE};
	static uint8_t out[SIZE];
	char info[64];
	bool encrypted;

	for (size_t i = 0; i < SIZE; i++)
		text[i] = (uint8_t)(i * 31 + (i >> 8));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const int fd = file_new();

		ZX_CHECK_EQ(vault_write(fd, "a passphrase", sizes[i]), 0);
		ZX_CHECK_EQ(zx_vault_look(fd, &encrypted, info, sizeof(info)), 0);
		ZX_CHECK(encrypted);
		ZX_CHECK_STR(info, "{\"a\":1}");
		ZX_CHECK_EQ(vault_read(fd, "a passphrase", out), (ssize_t)sizes[i]);
		ZX_CHECK(!memcmp(out, text, sizes[i]));
		ZX_CHECK_EQ(vault_read(fd, "a passphrasf", out), -EKEYREJECTED);
		ZX_CHECK_EQ(vault_read(fd, "", out), -EKEYREJECTED);
		ZX_CHECK_EQ(vault_read(fd, NULL, out), -EKEYREJECTED);
		close(fd);
	}
}

/* One bit anywhere, or the end cut off: never another text, never the same one without a word. */
ZX_TEST(vault_changed)
{
	static uint8_t out[SIZE];
	const int fd = file_new();
	struct stat sb;
	uint8_t byte;

	ZX_CHECK_EQ(vault_write(fd, "a passphrase", 150000), 0);
	ZX_CHECK_EQ(fstat(fd, &sb), 0);
	for (off_t at = 0; at < sb.st_size; at += at < 120 ? 13 : 39989) {
		ZX_CHECK_EQ(pread(fd, &byte, 1, at), 1);
		byte ^= 4;
		ZX_CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
		ZX_CHECK(vault_read(fd, "a passphrase", out) < 0);
		byte ^= 4;
		ZX_CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
	}
	ZX_CHECK_EQ(vault_read(fd, "a passphrase", out), 150000);
	for (off_t cut = 1; cut < sb.st_size; cut = cut * 8 + 1) {
		ZX_CHECK_EQ(ftruncate(fd, sb.st_size - cut), 0);
		ZX_CHECK(vault_read(fd, "a passphrase", out) < 0);
	}
	close(fd);
}

ZX_TEST(vault_plain)
{
	static uint8_t out[SIZE];
	char info[64];
	bool encrypted = true;
	const int fd = file_new();

	text[0] = 0x1f;
	text[1] = 0x8b;
	ZX_CHECK_EQ(vault_write(fd, NULL, 100000), 0);
	ZX_CHECK_EQ(zx_vault_look(fd, &encrypted, info, sizeof(info)), 0);
	ZX_CHECK(!encrypted && !*info);
	ZX_CHECK_EQ(vault_read(fd, NULL, out), 100000);
	ZX_CHECK(!memcmp(out, text, 100000));
	ZX_CHECK_EQ(ftruncate(fd, 5), 0);
	ZX_CHECK_EQ(zx_vault_look(fd, &encrypted, info, sizeof(info)), EBADMSG);
	ZX_CHECK_EQ(ftruncate(fd, 0), 0);
	ZX_CHECK_EQ(zx_vault_look(fd, &encrypted, info, sizeof(info)), EBADMSG);
	close(fd);
}

/* ---- names ---- */

ZX_TEST(names)
{
	char name[ZX_ARCHIVE_NAME];

	ZX_CHECK(zx_archive_id("zuoxi-20261122-221501.tar.gz") == 20261122221501);
	ZX_CHECK(zx_archive_id("zuoxi-20261122-221501-auto.tar.gz.enc") == 20261122221501);
	for (unsigned i = 0; i < 4; i++) {
		zx_archive_name(name, 20260102030405, i & 1, i & 2);
		ZX_CHECK(zx_archive_id(name) == 20260102030405);
	}
	static const char *const bad[] = {"",
					  "zuoxi-",
					  "zuoxi-20261122-22150.tar.gz",
					  "zuoxi-20261122-221501.tar.gz.part",
					  "zuoxi-20261122-221501.tar",
					  "zuoxi-20261122x221501.tar.gz",
					  "../zuoxi-20261122-221501.tar.gz",
					  "zuoxi-2026112a-221501.tar.gz"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ZX_CHECK(!zx_archive_id(bad[i]));
	ZX_CHECK(zx_archive_part_ok("recordings/2026/11/22/a 1.wav") && zx_archive_part_ok("zuoxi.db"));
	static const char *const parts[] = {"", "/a", "../a", "a/../b", "a//b", "a/", ".a", "a/.b", "a\\b", "a\nb", "\xff", "a/./b"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ZX_CHECK(!zx_archive_part_ok(parts[i]));
}

ZX_MAIN({"CPU from /proc/stat", stat_text}, {"memory from /proc/meminfo", meminfo_text}, {"networks from /proc/net/dev", net_text},
	{"the process from /proc/self/stat", self_text}, {"values of text files", values}, {"file systems from mounts", mounts},
	{"days until a disk is full", days_left}, {"a backup is encrypted and comes back", vault},
	{"a changed or cut backup is refused", vault_changed}, {"a plain file passes as it is", vault_plain},
	{"names of backups and of their parts", names})
