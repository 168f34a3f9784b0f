/* SPDX-License-Identifier: MIT */
#include "config/loading.h"

#include <stdio.h>

#include "base/mem.h"
#include "config/expand.h"
#include "config/secret.h"
#include "config/value.h"

/* Append t as far as there is room, whole UTF-8 sequences only. */
static void path_add(struct path *p, struct text t)
{
	size_t used = strlen(p->text);
	size_t n = sizeof(p->text) - 1 - used;

	if (n > t.len)
		n = t.len;
	while (n && n < t.len && ((unsigned char)t.s[n] & 0xc0) == 0x80)
		n--;
	if (t.s)
		memcpy(p->text + used, t.s, n);
	p->text[used + n] = '\0';
}

struct path path_of(const char *name)
{
	struct path p = {""};

	path_add(&p, text_of(name));
	return p;
}

struct path path_key(const struct path *parent, struct text name)
{
	struct path p = *parent;

	if (*p.text)
		path_add(&p, TEXT_LIT("."));
	path_add(&p, name);
	return p;
}

struct path path_item(const struct path *parent, size_t i)
{
	struct path p = *parent;
	char index[24];

	(void)snprintf(index, sizeof(index), "[%zu]", i);
	path_add(&p, text_of(index));
	return p;
}

bool loading_note(struct loading *l, struct node n, const struct path *path, enum err_code code,
		  const struct err *e)
{
	if (code == ERR_OK)
		return true;
	if (code == ERR_NOMEM)
		l->error = ERR_NOMEM;
	else
		loading_mistake(l, n, path, "%s", e->msg);
	return false;
}

void loading_unknown(struct loading *l, struct node key, const struct path *path, const char *what,
		     const char *nearest)
{
	if (nearest)
		loading_mistake(l, key, path, "%s, did you mean %s?", what, nearest);
	else
		loading_mistake(l, key, path, "%s", what);
}

void *loading_array(struct loading *l, size_t count, size_t size)
{
	void *array = mem_calloc(count, size);

	if (!array)
		l->error = ERR_NOMEM;
	return array;
}

size_t loading_mistake_count(const struct loading *l)
{
	return l->mistakes->count + l->mistakes->left_out;
}

bool loading_text(struct loading *l, struct node n, const struct path *path, struct buf *out)
{
	enum node_kind kind = node_kind(n);
	struct err e;
	enum err_code code;

	if (kind == NODE_NULL || kind == NODE_NONE) {
		loading_mistake(l, n, path, "has no value");
		return false;
	}
	if (kind != NODE_SCALAR) {
		loading_mistake(l, n, path, "must be a single value, not %s", node_kind_name(kind));
		return false;
	}
	code = expand_text(l->env, node_text(n), out, &e);
	if (!loading_note(l, n, path, code, &e))
		return false;
	if (out->len && memchr(out->data, '\0', out->len)) {
		loading_mistake(l, n, path, "a NUL byte is not allowed");
		return false;
	}
	return true;
}

/* The one pair of a mapping that stands for a value. */
static bool read_reference(struct loading *l, struct node n, const struct path *path,
			   struct buf *out)
{
	struct node from = node_find(n, "file");
	bool is_file = node_is_given(from);
	struct buf text;
	struct err e;
	enum err_code code;
	bool good = false;

	if (!is_file)
		from = node_find(n, "credential");
	if (node_count(n) != 1 || !node_is_given(from)) {
		loading_mistake(l, n, path, "must be text, {file: PATH} or {credential: NAME}");
		return false;
	}
	buf_init(&text, SECRET_BYTES_MAX);
	if (loading_text(l, from, path, &text)) {
		code = is_file ? secret_read_file(l->env, buf_str(&text), out, &e)
			       : secret_read_credential(l->env, buf_str(&text), out, &e);
		good = loading_note(l, from, path, code, &e);
	}
	buf_done(&text);
	return good;
}

bool loading_secret(struct loading *l, struct node n, const struct path *path, struct buf *out)
{
	if (node_kind(n) == NODE_MAPPING)
		return read_reference(l, n, path, out);
	return loading_text(l, n, path, out);
}

bool loading_is_repeated(struct node n, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (text_eq(node_text(node_key(n, j)), node_text(node_key(n, i))))
			return true;
	}
	return false;
}

static int first_line_of(struct node n, struct text name)
{
	size_t i = 0;

	while (!text_eq(node_text(node_key(n, i)), name))
		i++;
	return node_line(node_key(n, i));
}

bool loading_mapping(struct loading *l, struct node n, const struct path *path)
{
	enum node_kind kind = node_kind(n);
	struct path where;
	struct node key;
	size_t i;

	if (kind == NODE_NULL)
		return false;
	if (kind != NODE_MAPPING) {
		loading_mistake(l, n, path, "must be a mapping of keys to values, not %s",
				node_kind_name(kind));
		return false;
	}
	for (i = 0; i < node_count(n); i++) {
		key = node_key(n, i);
		where = path_key(path, node_text(key));
		if (node_kind(key) == NODE_LIST || node_kind(key) == NODE_MAPPING)
			loading_mistake(l, key, path, "a key must be a single word, not %s",
					node_kind_name(node_kind(key)));
		else if (loading_is_repeated(n, i))
			loading_mistake(l, key, &where, "given twice, first in line %d",
					first_line_of(n, node_text(key)));
	}
	return true;
}
