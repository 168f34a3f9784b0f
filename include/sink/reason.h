/* SPDX-License-Identifier: MIT */
/*
 * Why an attempt failed, in words for the log and the dead letter: always valid UTF-8 on one line,
 * since it goes into a database.
 */
#ifndef SINK_REASON_H
#define SINK_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "sink/answer.h"

/* "HTTP 503: <start of body>", or "HTTP 503" without a body. Control characters become spaces, what
 * is not UTF-8 becomes "?", and no character is cut in two. out is terminated. */
void reason_of_status(int status, struct text body, char *out, size_t size);

/* "connect: <words>". */
void reason_of_failure(enum answer_phase phase, const char *words, char *out, size_t size);

/* "timeout after 30 s waiting for the first byte". */
void reason_of_timeout(enum answer_phase phase, int64_t limit_us, char *out, size_t size);

#endif
