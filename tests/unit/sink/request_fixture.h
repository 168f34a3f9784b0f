/* SPDX-License-Identifier: MIT */
/* Requests filled as a worker fills them. */
#ifndef TESTS_UNIT_SINK_REQUEST_FIXTURE_H
#define TESTS_UNIT_SINK_REQUEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/event.h"
#include "sink/request.h"

#define INSTALL "0f8fad5b-d9cb-469f-a165-70867728950e"

static const struct request_origin origin = {.install_id = INSTALL, .pipeline = "default"};

static inline void request_open(struct http_request *r, size_t max_bytes)
{
	*r = (struct http_request){.to = NULL};
	buf_init(&r->body, max_bytes);
	buf_init(&r->lines, max_bytes);
	buf_init(&r->url, max_bytes);
}

static inline void request_done(struct http_request *r)
{
	buf_done(&r->body);
	buf_done(&r->lines);
	buf_done(&r->url);
}

static inline void fill(struct http_request *r, const struct webhook_settings *to,
			const struct event_fields *f)
{
	request_open(r, 1 << 20);
	assert_int_equal(request_fill(&origin, to, f, r), ERR_OK);
	assert_ptr_equal(r->to, to);
}

#endif
