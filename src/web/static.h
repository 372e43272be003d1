/* The browser application's files: precompressed variants, ETag, index.html never cached, /assets/ for ever. */
#ifndef ZX_WEB_STATIC_H
#define ZX_WEB_STATIC_H

#include "web/http.h"

struct zx_static;

/* Without an index.html in root a page of our own says so. */
int zx_static_alloc(struct zx_static **sp, const char *root);
void zx_static_free(struct zx_static *s);
void zx_static_serve(struct zx_req *r);
/* Sends an open file of `size` bytes from `off`; closes nothing. */
int zx_file_send(struct zx_req *r, int fd, int64_t off, int64_t len);
/* A relative path without ".", "..", empty and hidden parts, control characters. */
bool zx_path_safe(const char *path);

#endif
