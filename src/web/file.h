/* A file as a reply: whole, or the range that a player asks for. */
#ifndef ZX_WEB_FILE_H
#define ZX_WEB_FILE_H

#include "web/http.h"

/* Replies with an open file (If-Range, one Range, HEAD); closes nothing. name: for saving, ASCII without quotes. 404 with `none` when it is
 * no regular file. */
void zx_file_reply(struct zx_req *r, int fd, const char *type, const char *name, bool download, const char *none);

#endif
