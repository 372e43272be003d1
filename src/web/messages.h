/* What error codes mean, in the user's language. */
#ifndef ZX_WEB_MESSAGES_H
#define ZX_WEB_MESSAGES_H

#include "web/http.h"

/* The code itself when it has no text. */
const char *zx_message(const char *code, enum zx_lang lang);

#endif
