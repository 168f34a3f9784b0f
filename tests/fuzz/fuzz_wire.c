/* SPDX-License-Identifier: MIT */
/* The receiver's own parsers: it has to stand whatever a broken daemon sends. */
#include "fuzz.h"
#include "notice.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text in = {(const char *)bytes, len};
	struct wire_chunks chunks = {.left = 0};
	struct wire_head head;
	struct notice notice;
	uint64_t lane[NOTICE_LANES_MAX];
	struct buf body;
	size_t used;
	char value[16];

	(void)wire_head_parse(in.s, in.len, &head);
	(void)wire_query_get(in, "mode", value, sizeof(value));
	if (notice_parse(in, &notice))
		(void)notice_lanes(&notice, lane);
	buf_init(&body, 65536);
	(void)wire_chunks_feed(&chunks, in.s, in.len, &body, &used);
	buf_done(&body);
	return 0;
}
