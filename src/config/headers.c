/* SPDX-License-Identifier: MIT */
/*
 * webhook.headers: names to values, where a value is text, which may have placeholders, or {file:
 * PATH} or {credential: NAME}.
 */
#include <strings.h>

#include "base/mem.h"
#include "config/loading.h"
#include "config/secret.h"
#include "config/template.h"

/* Text is a template; what a file or a credential holds is sent as it is. */
static bool read_value(struct loading *l, struct node n, const struct path *path, struct buf *out)
{
	const char *complaint;
	bool is_text = node_kind(n) != NODE_MAPPING;

	if (!loading_secret(l, n, path, out))
		return false;
	complaint = check_header_value(buf_str(out));
	if (!complaint && is_text)
		complaint = template_check(buf_str(out));
	if (complaint)
		loading_mistake(l, n, path, "%s", complaint);
	return !complaint;
}

static bool is_known(const struct webhook_settings *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->header_count; i++) {
		if (!strcasecmp(w->headers[i].name, name))
			return true;
	}
	return false;
}

/* The i-th pair of n as the next header. */
static void header_read(struct loading *l, struct webhook_settings *w, struct node n, size_t i,
			const struct path *path)
{
	struct text name = node_text(node_key(n, i));
	struct path where = path_key(path, name);
	struct webhook_header *h = &w->headers[w->header_count];
	const char *complaint = NULL;
	struct buf value;

	buf_init(&value, SECRET_BYTES_MAX);
	h->name = mem_strndup(name.s, name.len);
	if (!h->name) {
		l->error = ERR_NOMEM;
		return;
	}
	if (strlen(h->name) != name.len)
		complaint = "a NUL byte is not allowed";
	else if (is_known(w, h->name))
		complaint = "given twice: names of headers have no case";
	else
		complaint = check_header_name(h->name);
	w->header_count++;
	if (complaint)
		loading_mistake(l, node_key(n, i), &where, "%s", complaint);
	if (!read_value(l, node_value(n, i), &where, &value))
		goto out_value;
	h->is_template =
		node_kind(node_value(n, i)) != NODE_MAPPING && template_has_braces(buf_str(&value));
	h->value.value = mem_strndup(buf_str(&value), value.len);
	if (!h->value.value)
		l->error = ERR_NOMEM;
out_value:
	secret_buf_done(&value);
}

void headers_read(struct loading *l, struct webhook_settings *w, struct node n,
		  const struct path *path)
{
	size_t i;

	if (!loading_mapping(l, n, path))
		return;
	w->headers = loading_array(l, node_count(n), sizeof(*w->headers));
	for (i = 0; w->headers && i < node_count(n); i++) {
		if (!loading_is_repeated(n, i))
			header_read(l, w, n, i, path);
	}
}
