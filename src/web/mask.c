#include "web/mask.h"

#include <string.h>

#include "base/text.h"

bool zx_looks_number(const char *text)
{
	unsigned digits = 0;

	for (; *text; text++)
		digits += *text >= '0' && *text <= '9';
	return digits >= 5;
}

void zx_mask_json(struct zx_db *db, cJSON *js)
{
	cJSON *e;

	if (cJSON_IsString(js) && zx_looks_number(js->valuestring) && !zx_is_extension(db, js->valuestring)) {
		for (char *p = js->valuestring; *p; p++)
			if (*p >= '0' && *p <= '9')
				*p = '*';
	}
	cJSON_ArrayForEach(e, js)
	{
		zx_mask_json(db, e);
	}
}

bool zx_is_extension(struct zx_db *db, const char *number)
{
	struct zx_stmt *s;

	if (!*number || zx_stmt_get(&s, db, "web_ext_exists"))
		return false;
	zx_bind_text(s, ":number", number);
	const bool is = !zx_stmt_step(s);
	zx_stmt_reset(s);
	return is;
}
