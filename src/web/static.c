#include "web/static.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum { CHUNK = 32768 };

struct zx_static {
	int dir; /* -1: no application */
};

static const char NO_APP[] =
    "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>Zuoxi</title>"
    "<h1>Zuoxi</h1><p>服务器正在运行，但没有安装网页应用。请安装 zuoxi 的网页文件，或在配置文件里设置 web.root。</p>"
    "<p>The server is running, but the browser application is not installed: build it (node 18 or newer) or set web.root.</p>"
    "<p><a href=\"/api/v1/openapi.json\">API</a></p></html>\n";

static const struct {
	const char *ext, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".wav", "audio/wav"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
};

bool zx_path_safe(const char *path)
{
	bool start = true;

	if (!*path || *path == '/')
		return false;
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || *p == '\\' || (start && (*p == '.' || *p == '/')))
			return false;
		start = *p == '/';
	}
	return !start;
}

static int open_root(const char *path)
{
	struct stat st;
	const int fd = *path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0 && !fstatat(fd, "index.html", &st, 0) && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int zx_static_alloc(struct zx_static **sp, const char *root)
{
	struct zx_static *s = calloc(1, sizeof(*s));

	if (!s)
		return ENOMEM;
	s->dir = open_root(root);
	if (s->dir < 0)
		zx_log(ZX_WARN, "web", "no browser application in \"%s\" (web.root): only the API is served", root);
	*sp = s;
	return 0;
}

void zx_static_free(struct zx_static *s)
{
	if (!s)
		return;
	if (s->dir >= 0)
		close(s->dir);
	free(s);
}

int zx_file_send(struct zx_req *r, int fd, int64_t off, int64_t len)
{
	char *buf;
	int err = 0;

	if (r->head)
		return 0;
	buf = malloc(CHUNK);
	if (!buf)
		return ENOMEM;
	while (len > 0 && !err) {
		const ssize_t n = pread(fd, buf, len < CHUNK ? (size_t)len : CHUNK, off);
		if (n <= 0) {
			err = EIO; /* shorter than announced: the connection must not go on */
			break;
		}
		err = zx_reply_write(r, buf, (size_t)n);
		off += n;
		len -= n;
	}
	free(buf);
	return err;
}

static const char *type_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].ext, dot))
			return types[i].type;
	return "application/octet-stream";
}

/* Is `coding` accepted, i.e. listed and not with q=0? */
static bool accepts(const struct zx_req *r, const char *coding)
{
	const char *h = zx_req_header(r, "Accept-Encoding");
	const size_t n = strlen(coding);

	for (const char *p = h; p && *p;) {
		p += strspn(p, ", \t");
		const size_t len = strcspn(p, ",");
		if (len >= n && !strncmp(p, coding, n) && (len == n || strchr("; \t", p[n]))) {
			const char *q = memmem(p, len, "q=0", 3);
			return !q || (q + 3 < p + len && q[3] == '.' && strspn(q + 4, "0") != (size_t)(p + len - q - 4));
		}
		p += len;
	}
	return false;
}

static int open_file(const struct zx_static *s, const char *path, struct stat *st)
{
	const int fd = openat(s->dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	if (!fstat(fd, st) && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -1;
}

static int open_best(struct zx_req *r, const char *path, struct stat *st, const char **coding)
{
	static const char *const v[][2] = {{"br", ".br"}, {"gzip", ".gz"}};
	const struct zx_static *s = r->web->files;
	char name[1024];
	int fd;

	for (unsigned i = 0; i < 2; i++) {
		if (!accepts(r, v[i][0]) || snprintf(name, sizeof(name), "%s%s", path, v[i][1]) >= (int)sizeof(name))
			continue;
		fd = open_file(s, name, st);
		if (fd >= 0) {
			*coding = v[i][0];
			return fd;
		}
	}
	*coding = NULL;
	return open_file(s, path, st);
}

static void send_open(struct zx_req *r, const char *path, int fd, const struct stat *st, const char *coding)
{
	char etag[80], headers[400];
	const char *match = zx_req_header(r, "If-None-Match");

	snprintf(etag, sizeof(etag), "\"%llx-%llx%s%s\"", (unsigned long long)st->st_size,
		 (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL + (unsigned long long)st->st_mtim.tv_nsec, coding ? "-" : "",
		 coding ? coding : "");
	snprintf(headers, sizeof(headers), "Cache-Control: %s\r\nETag: %s\r\nVary: Accept-Encoding\r\n%s%s%s",
		 !strncmp(path, "assets/", 7) ? "public, max-age=31536000, immutable" : "no-cache", etag,
		 coding ? "Content-Encoding: " : "", coding ? coding : "", coding ? "\r\n" : "");
	if (match && (strstr(match, etag) || !strcmp(match, "*"))) {
		zx_reply_begin(r, 304, NULL, 0, headers);
		return;
	}
	zx_reply_begin(r, 200, type_of(path), st->st_size, headers);
	zx_file_send(r, fd, 0, st->st_size);
}

void zx_static_serve(struct zx_req *r)
{
	const char *path = r->path + (*r->path == '/'), *coding = NULL;
	struct stat st;
	int fd = -1;

	if (strcmp(r->method, "GET") && !r->head) {
		zx_reply_error(r, 405, "method", NULL, NULL);
		return;
	}
	if (r->web->files->dir < 0) {
		if (*path) {
			zx_reply_error(r, 404, "not_found", NULL, NULL);
			return;
		}
		zx_reply_begin(r, 200, "text/html; charset=utf-8", sizeof(NO_APP) - 1, "Cache-Control: no-cache\r\n");
		zx_reply_write(r, NO_APP, sizeof(NO_APP) - 1);
		return;
	}
	if (zx_path_safe(path))
		fd = open_best(r, path, &st, &coding);
	if (fd < 0 && strchr(path, '.')) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	if (fd < 0) { /* a page of the application: it routes by itself */
		path = "index.html";
		fd = open_best(r, path, &st, &coding);
	}
	if (fd < 0) {
		zx_reply_error(r, 404, "not_found", NULL, NULL);
		return;
	}
	send_open(r, path, fd, &st, coding);
	close(fd);
}
