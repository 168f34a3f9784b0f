/* SPDX-License-Identifier: MIT */
/* What log_set_context (base/log.h) puts in front of this thread's lines. Internal to the log. */
#ifndef BASE_LOG_CONTEXT_H
#define BASE_LOG_CONTEXT_H

/* Loans until the thread's next log_set_context. */
struct log_context {
	const char *key; /* NULL: none */
	const char *value;
};

struct log_context log_context_get(void);

#endif
