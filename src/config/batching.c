/* SPDX-License-Identifier: MIT */
/*
 * webhook.batch_...: a request is then an array of events, and has only one URL and one set of
 * headers.
 */
#include "config/loading.h"

#define DIFFER                                                                                     \
	"has placeholders, in which the events of one request may differ: not with "               \
	"batch_max_events"

static void check_headers(struct loading *l, const struct webhook_settings *w, struct node n,
			  const struct path *path)
{
	struct path headers = path_key(path, TEXT_LIT("headers")), where;
	struct node all = node_find(n, "headers");
	size_t i;

	for (i = 0; i < w->header_count; i++) {
		if (!w->headers[i].is_template)
			continue;
		where = path_key(&headers, text_of(w->headers[i].name));
		loading_mistake(l, node_find_key(all, w->headers[i].name), &where, DIFFER);
	}
}

void batching_check(struct loading *l, const struct webhook_settings *w, struct node n,
		    const struct path *path)
{
	struct path format = path_key(path, TEXT_LIT("format"));
	struct path url = path_key(path, TEXT_LIT("url"));
	struct path delay = path_key(path, TEXT_LIT("batch_max_delay"));
	struct node at = node_find_key(n, "url");

	if (w->batch_max_events == 1) {
		if (w->batch_max_delay_us)
			loading_mistake(l, node_find_key(n, "batch_max_delay"), &delay,
					"is for batch_max_events above 1: there is nothing to wait "
					"for");
		return;
	}
	if (w->format == WEBHOOK_FORMAT_CLOUDEVENTS_BINARY)
		loading_mistake(l, node_find_key(n, "format"), &format,
				"has one event a request, whose attributes are headers: "
				"cloudevents has batches");
	if (w->url_is_template)
		loading_mistake(l, node_is_given(at) ? at : n, &url, DIFFER);
	check_headers(l, w, n, path);
}
