/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a configuration file: a bounded list of places and sentences, printed in the
 * order of the file.
 *
 *     config.yaml:12:3: webhook.retry_cont: unknown key, did you mean retry_count?
 */
#ifndef CONFIG_MISTAKES_H
#define CONFIG_MISTAKES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define MISTAKES_MAX 100

struct mistake {
	int line;   /* from 1; 0: the file as a whole */
	int column; /* from 1, in characters */
	size_t nth; /* order of finding, for a stable sort */
	char *text; /* "key: sentence" */
};

struct mistakes {
	struct mistake *items;
	size_t count;
	size_t cap;
	size_t left_out;     /* found, but over MISTAKES_MAX */
	enum err_code error; /* ERR_OK or ERR_NOMEM; sticks */
};

void mistakes_init(struct mistakes *m);
void mistakes_done(struct mistakes *m);

/* Note one, unless the same is noted already. path is the key's ("" when no key is meant). Never
 * put a secret's value in it. */
void mistakes_add(struct mistakes *m, int line, int column, const char *path, const char *fmt, ...)
	ATTR_PRINTF(5, 6);

/* Whether anything was noted. */
int mistakes_any(const struct mistakes *m);

/* Sort, and append one line each to out, with file in front. Returns how many
 * there are in all. Errors stick to out. */
size_t mistakes_print(struct mistakes *m, const char *file, struct buf *out);

#endif
