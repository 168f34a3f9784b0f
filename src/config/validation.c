/* SPDX-License-Identifier: MIT */
/* webhook.validate, what it needs and what it cannot go with. */
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/check.h"
#include "config/loading.h"

#define HOST_BYTES 256

static void refuse_alone(struct loading *l, struct node n, const struct path *path,
			 const char *name)
{
	struct path where = path_key(path, text_of(name));

	if (node_is_given(node_find(n, name)))
		loading_mistake(l, node_find_key(n, name), &where, "only with validate: true");
}

static void refuse_both(struct loading *l, const struct webhook_settings *w, struct node n,
			const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("validate"));
	struct node at = node_find_key(n, "validate");
	size_t i;

	if (w->url_is_template)
		loading_mistake(l, at, &where, "a URL with placeholders cannot be validated");
	for (i = 0; i < w->header_count; i++) {
		if (!strcasecmp(w->headers[i].name, "Origin") ||
		    !strcasecmp(w->headers[i].name, "WebHook-Request-Origin"))
			loading_mistake(l, at, &where,
					"sends the header %s itself: see validation_origin",
					w->headers[i].name);
	}
}

void validation_check(struct loading *l, struct webhook_settings *w, struct node n,
		      const struct path *path)
{
	char host[HOST_BYTES] = "";

	if (!w->validate) {
		refuse_alone(l, n, path, "validation_origin");
		if (w->validation_rate) /* the effective configuration has its default */
			refuse_alone(l, n, path, "validation_rate");
		return;
	}
	refuse_both(l, w, n, path);
	if (w->validation_origin)
		return;
	(void)gethostname(host, sizeof(host) - 1);
	w->validation_origin = mem_strdup(check_origin(host) ? "localhost" : host);
	if (!w->validation_origin)
		l->error = ERR_NOMEM;
}
