/* SPDX-License-Identifier: MIT */
#include "daemon/letter_options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/moment.h"

#define STATUS_MIN 100
#define STATUS_MAX 599

static ATTR_MUST_CHECK enum err_code id_parse(const char *word, int64_t *ret_id, struct err *e)
{
	const char *dash = strrchr(word, '-');
	const char *digits = dash ? dash + 1 : word;
	char *end;
	long long n;

	errno = 0;
	n = strtoll(digits, &end, 10);
	if (errno || end == digits || *end || n < 1)
		return err_set(e, ERR_USAGE, "'%s' is no dead letter's id", word);
	*ret_id = n;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code moment_take(const char *name, const char *word,
						 int64_t now_wall_us, int64_t *ret_wall_us,
						 struct err *e)
{
	struct err why;

	if (!word || moment_parse(text_of(word), now_wall_us, ret_wall_us, &why) == ERR_OK)
		return ERR_OK;
	return err_set(e, ERR_USAGE, "--%s: '%s': %s", name, word, why.msg);
}

/* 503, 5xx or none. */
static ATTR_MUST_CHECK enum err_code status_take(const char *word, struct dead_letter_filter *f,
						 struct err *e)
{
	char *end;
	long n;

	if (!word)
		return ERR_OK;
	f->by_status = true;
	if (strcmp(word, "none") == 0)
		return ERR_OK;
	if (*word >= '1' && *word <= '5' && strcmp(word + 1, "xx") == 0) {
		f->status_min = (*word - '0') * 100;
		f->status_max = f->status_min + 99;
		return ERR_OK;
	}
	n = isdigit((unsigned char)*word) ? strtol(word, &end, 10) : 0;
	if (n < STATUS_MIN || n > STATUS_MAX || *end)
		return err_set(e, ERR_USAGE,
			       "--status: '%s' is neither an HTTP status such as 404, nor a class "
			       "such as 5xx, nor none",
			       word);
	f->status_min = f->status_max = (int)n;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code times_take(const struct options *o, int64_t now_wall_us,
						struct dead_letter_filter *f, struct err *e)
{
	enum err_code code = moment_take("since", o->since, now_wall_us, &f->since_wall_us, e);

	if (code == ERR_OK)
		code = moment_take("until", o->until, now_wall_us, &f->until_wall_us, e);
	if (code == ERR_OK && f->until_wall_us && f->since_wall_us >= f->until_wall_us)
		return err_set(e, ERR_USAGE, "--until %s is not later than --since %s", o->until,
			       o->since);
	return code;
}

static ATTR_MUST_CHECK enum err_code operation_add(struct text name, bool ret[static OP_COUNT],
						   struct err *e)
{
	enum op op;

	if (!op_parse(name, &op))
		return err_set(e, ERR_USAGE, "--operation: '%.*s' is no operation", (int)name.len,
			       name.s);
	ret[op] = true;
	return ERR_OK;
}

/* Words of names with commas between. */
static ATTR_MUST_CHECK enum err_code operations_take(const struct option_words *words,
						     bool ret[static OP_COUNT], struct err *e)
{
	enum err_code code = ERR_OK;
	const char *at;
	size_t i, len;

	for (i = 0; i < words->count; i++) {
		at = words->items[i];
		do {
			len = strcspn(at, ",");
			code = operation_add((struct text){at, len}, ret, e);
			at += len;
		} while (code == ERR_OK && *at++);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

enum err_code letter_options_filter(const struct options *o, const char *id_word,
				    int64_t now_wall_us, struct dead_letter_filter *ret,
				    struct letter_key **ret_key, struct err *e)
{
	struct dead_letter_filter f = {.pipeline = o->pipeline,
				       .table = o->table,
				       .id = o->id,
				       .limit = o->limit,
				       .older_than_us = o->older_than_us,
				       .error = o->error,
				       .by_operation = o->operations.count > 0,
				       .skip_superseded = o->skip_superseded};
	struct letter_key *key = NULL;
	enum err_code code = ERR_OK;

	if (o->error && !*o->error)
		return err_set(e, ERR_USAGE, "--error: an empty text is in every reason");
	if (id_word)
		code = id_parse(id_word, &f.id, e);
	if (id_word && strchr(id_word, '-'))
		f.event_id = id_word;
	if (code == ERR_OK)
		code = times_take(o, now_wall_us, &f, e);
	if (code == ERR_OK)
		code = operations_take(&o->operations, f.operations, e);
	if (code == ERR_OK)
		code = status_take(o->status, &f, e);
	if (code == ERR_OK && o->keys.count) {
		code = letter_key_new(o->keys.items, o->keys.count, &key, e);
		if (code == ERR_USAGE)
			code = err_prefix(e, "--key");
	}
	if (code != ERR_OK)
		return code;
	f.key = key;
	*ret_key = key;
	*ret = f;
	return ERR_OK;
}

bool letter_options_narrow(const struct dead_letter_filter *f)
{
	return f->pipeline || f->table || f->id || f->older_than_us || f->limit ||
	       f->since_wall_us || f->until_wall_us || f->by_status || f->by_operation ||
	       f->error || f->key;
}
