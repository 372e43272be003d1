/* Inside 更新配置: differences between two documents, in words. */
#ifndef ZX_WEB_SYS_CONFIG_DIFF_H
#define ZX_WEB_SYS_CONFIG_DIFF_H

#include "store/config.h"
#include "web/http.h"

enum { ZX_CONFIG_SHOWN = 1000 }; /* changes told in detail in one answer */

struct zx_config_say {
	const struct zx_config_doc *before, *after;
	enum zx_lang lang;
	cJSON *to;      /* array the changes go to; at most ZX_CONFIG_SHOWN in all */
	unsigned shown; /* so far */
};
/* Adds the changes of the two documents to s->to; how many there are. */
unsigned zx_config_say_changes(struct zx_config_say *s);
/* "8001 王" of a row of a PBX table; name of the page it is on. */
void zx_config_label(const struct zx_config_doc *doc, int table, const struct zx_config_row *row, char *out, size_t len);
const char *zx_config_resource(const struct zx_config_doc *doc, int table, const struct zx_config_row *row);

#endif
