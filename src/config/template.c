/* SPDX-License-Identifier: MIT */
#include "config/template.h"

#include <assert.h>

static const char *const template_names[TEMPLATE_NAME_COUNT] = {
	[TEMPLATE_PIPELINE] = "pipeline",
	[TEMPLATE_SCHEMA] = "schema",
	[TEMPLATE_TABLE] = "table",
	[TEMPLATE_OPERATION] = "operation",
	[TEMPLATE_ID] = "id",
};

/* One piece of a template. */
struct piece {
	struct text text;        /* literal; s NULL: a value */
	enum template_name name; /* of the value; COUNT: there is no such */
};

static enum template_name find_name(struct text t)
{
	enum template_name n = 0;

	while (n < TEMPLATE_NAME_COUNT && !text_eq(t, text_of(template_names[n])))
		n++;
	return n;
}

/* The piece at *at, which moves behind it; returns NULL or what is wrong with it. */
static const char *next(const char **at, struct piece *ret)
{
	const char *s = *at, *end;

	*ret = (struct piece){{s, strcspn(s, "{}")}, TEMPLATE_NAME_COUNT};
	if (!ret->text.len && s[0] == s[1]) {
		ret->text.len = 1; /* a doubled brace is one */
		*at = s + 2;
		return NULL;
	}
	if (ret->text.len) {
		*at = s + ret->text.len;
		return NULL;
	}
	if (*s == '}')
		return "has a } without its { (write }} for a brace)";
	end = s + 1 + strcspn(s + 1, "{}");
	if (*end != '}')
		return "has a { without its } (write {{ for a brace)";
	ret->name = find_name((struct text){s + 1, (size_t)(end - s) - 1});
	ret->text = TEXT_NONE;
	*at = end + 1;
	if (ret->name == TEMPLATE_NAME_COUNT)
		return "has an unknown placeholder: there are {pipeline} {schema} {table} "
		       "{operation} {id} (write {{ for a brace)";
	return NULL;
}

const char *template_check(const char *value)
{
	const char *complaint = NULL;
	struct piece p;

	while (*value && !complaint)
		complaint = next(&value, &p);
	return complaint;
}

bool template_has_braces(const char *value)
{
	return value[strcspn(value, "{}")] != '\0';
}

void template_write(const char *value, const struct text values[static TEMPLATE_NAME_COUNT],
		    template_put_fn put_text, template_put_fn put_value, struct buf *out)
{
	const char *complaint;
	struct piece p;

	while (*value) {
		complaint = next(&value, &p);
		assert(!complaint);
		if (p.text.s)
			put_text(out, p.text);
		else if (values[p.name].s)
			put_value(out, values[p.name]);
	}
}
