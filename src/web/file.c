#include "web/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "web/static.h"

/* One range of a file; false: not satisfiable. *part: only a part is sent. Anything else than one range is as if there were none. */
static bool range_of(const char *h, int64_t size, int64_t *from, int64_t *to, bool *part)
{
	char a[24] = "", b[24] = "", end;
	int64_t x = 0, y = 0;

	*from = 0;
	*to = size - 1;
	*part = false;
	if (!h || strncmp(h, "bytes=", 6) || strchr(h, ',') || sscanf(h + 6, "%20[0-9]-%20[0-9]%c", a, b, &end) == 3)
		return true;
	if (!a[0] && sscanf(h + 6, "-%20[0-9]%c", b, &end) != 1)
		return true;
	if ((a[0] && !zx_text_int(a, &x)) || (b[0] && !zx_text_int(b, &y)))
		return false;
	if (!a[0]) { /* the last y bytes */
		x = y < size ? size - y : 0;
		y = size - 1;
		if (x >= size)
			return false;
	} else if (!b[0] || y >= size) {
		y = size - 1;
	}
	if (x >= size || x > y)
		return false;
	*from = x;
	*to = y;
	*part = true;
	return true;
}

void zx_file_reply(struct zx_req *r, int fd, const char *type, const char *name, bool download, const char *none)
{
	char etag[64], range[96] = "", headers[1024];
	const char *h = zx_req_header(r, "Range"), *cond = zx_req_header(r, "If-Range");
	int64_t from, to;
	bool part;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		zx_reply_error(r, 404, none, NULL, NULL);
		return;
	}
	snprintf(etag, sizeof(etag), "\"%llx-%llx\"", (unsigned long long)st.st_size, (unsigned long long)st.st_mtime);
	if (cond && strcmp(cond, etag))
		h = NULL;
	if (!range_of(h, st.st_size, &from, &to, &part)) {
		snprintf(headers, sizeof(headers), "Content-Range: bytes */%lld\r\n", (long long)st.st_size);
		zx_strcpy(r->set_cookie, sizeof(r->set_cookie), headers);
		zx_reply_error(r, 416, "range", NULL, NULL);
		return;
	}
	if (part)
		snprintf(range, sizeof(range), "Content-Range: bytes %lld-%lld/%lld\r\n", (long long)from, (long long)to,
			 (long long)st.st_size);
	snprintf(headers, sizeof(headers),
		 "Cache-Control: private, no-cache\r\nAccept-Ranges: bytes\r\nETag: %s\r\n%sContent-Disposition: %s; filename=\"%s\"\r\n",
		 etag, range, download ? "attachment" : "inline", name);
	zx_reply_begin(r, part ? 206 : 200, type, to - from + 1, headers);
	zx_file_send(r, fd, from, to - from + 1);
}
