/* SPDX-License-Identifier: MIT */
#include "config/expand.h"

#include <ctype.h>
#include <stdbool.h>

#define EXPAND_NAME_MAX 127

static bool begins(struct text t, const char *with)
{
	size_t len = strlen(with);

	return t.len >= len && !memcmp(t.s, with, len);
}

static struct text behind(struct text t, size_t n)
{
	return (struct text){t.s + n, t.len - n};
}

static size_t name_length(struct text t)
{
	size_t n = 0;

	while (n < t.len && (isalpha((unsigned char)t.s[n]) || t.s[n] == '_' ||
			     (n && isdigit((unsigned char)t.s[n]))))
		n++;
	return n;
}

/* One reference, ref standing behind "${"; *ret_used is its length with the closing brace. */
static ATTR_MUST_CHECK enum err_code expand_one(const struct config_env *env, struct text ref,
						struct buf *out, size_t *ret_used, struct err *e)
{
	const char *end = memchr(ref.s, '}', ref.len);
	struct text inside, rest;
	const char *value;
	char name[EXPAND_NAME_MAX + 1];
	size_t len;

	if (!end)
		return err_set(e, ERR_DATA, "a ${ without its } (write $${ for a literal one)");
	inside = (struct text){ref.s, (size_t)(end - ref.s)};
	len = name_length(inside);
	rest = behind(inside, len);
	if (!len || len > EXPAND_NAME_MAX || (rest.len && !begins(rest, ":-")))
		return err_set(e, ERR_DATA,
			       "a ${ that is neither ${NAME} nor ${NAME:-default} (write $${ for a "
			       "literal one)");
	memcpy(name, inside.s, len);
	name[len] = '\0';
	value = env->get(env->ctx, name);
	if (rest.len && memmem(rest.s, rest.len, "${", 2))
		return err_set(e, ERR_DATA, "${%s:-...} has another ${ inside", name);
	if (rest.len && (!value || !*value))
		buf_add_text(out, behind(rest, 2));
	else if (value)
		buf_add_str(out, value);
	else
		return err_set(e, ERR_DATA,
			       "environment variable %s is not set (write ${%s:-default} to do "
			       "without)",
			       name, name);
	*ret_used = inside.len + 1;
	return ERR_OK;
}

enum err_code expand_text(const struct config_env *env, struct text in, struct buf *out,
			  struct err *e)
{
	enum err_code code;
	size_t used = 0;

	while (in.len) {
		if (begins(in, "$${")) {
			buf_add_str(out, "${");
			used = 3;
		} else if (begins(in, "${")) {
			code = expand_one(env, behind(in, 2), out, &used, e);
			if (code != ERR_OK)
				return code;
			used += 2;
		} else {
			buf_add_char(out, in.s[0]);
			used = 1;
		}
		in = behind(in, used);
	}
	if (buf_error(out) != ERR_OK)
		return err_set(e, buf_error(out), "the value is longer than %zu bytes",
			       out->max_bytes);
	return ERR_OK;
}

void expand_escape(struct text t, struct buf *out)
{
	for (; t.len; t = behind(t, 1)) {
		if (begins(t, "${"))
			buf_add_char(out, '$');
		buf_add_char(out, t.s[0]);
	}
}
