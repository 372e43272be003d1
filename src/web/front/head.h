/* The head of an HTTP request as bytes: just enough to tell a WebSocket from the rest. */
#ifndef ZX_WEB_HEAD_H
#define ZX_WEB_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the head with its empty line, 0 when it is not complete. */
size_t zx_head_len(const char *buf, size_t len);
/* The path without query is exactly `path`, the method GET, the version 1.1. */
bool zx_head_is_get(const char *head, size_t len, const char *path);
/* Copies the value of the first header of that name (case-insensitive), trimmed; false: missing ("" then) or too long. */
bool zx_head_get(const char *head, size_t len, const char *name, char *out, size_t outlen);
/* Does a comma separated header hold this token? */
bool zx_head_has_token(const char *head, size_t len, const char *name, const char *token);

#endif
