/* SPDX-License-Identifier: MIT */
/*
 * Any text as the URL of a database: what is taken has the parts that its kind needs and no control
 * character in any; what is not has a message.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "config/check.h"
#include "daemon/db_url.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *url = mem_strndup((const char *)bytes, len);
	struct db_url u;
	struct err e;
	enum db_url_part part;
	enum err_code code = url ? db_url_parse(url, &u, &e) : ERR_NOMEM;

	if (code == ERR_OK) {
		assert(u.part[u.type == SOURCE_SQLITE ? DB_URL_PATH : DB_URL_DATABASE]);
		for (part = 0; part < DB_URL_PART_COUNT; part++)
			assert(!u.part[part] || !check_text(u.part[part]));
		db_url_done(&u);
	} else if (url) {
		assert(code == ERR_USAGE && *e.msg);
	}
	mem_free(url);
	return 0;
}
