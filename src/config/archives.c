/* SPDX-License-Identifier: MIT */
/*
 * webhook.archive_..., and webhook.url where it is a file.
 */
#include <string.h>

#include "config/archive_path.h"
#include "config/loading.h"
#include "config/value.h"

#define PATHS_BYTES_MAX 8192

static void complain(struct loading *l, struct node n, const struct path *path, const char *name,
		     const char *what)
{
	struct path where = path_key(path, text_of(name));
	struct node at = node_find_key(n, name);

	loading_mistake(l, node_is_given(at) ? at : n, &where, "%s", what);
}

/* Keys that say how an archive is written, of a webhook that has none. Defaults may stand anywhere:
 * so they are printed. */
static void refuse_alone(struct loading *l, const struct webhook_settings *w, struct node n,
			 const struct path *path)
{
	const struct {
		const char *name;
		bool asks;
	} cases[] = {
		{"archive_format", w->archive_format != WEBHOOK_ARCHIVE_AUTO},
		{"archive_flush_every", w->archive_flush_every != 1000},
		{"archive_flush_interval", w->archive_flush_interval_us != 0},
		{"archive_fsync", !w->archive_fsync},
		{"archive_rotate_size", w->archive_rotate_size != 0},
		{"archive_keep", w->archive_keep != 0},
		{"archive_compress", w->archive_compress},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (cases[i].asks)
			complain(l, n, path, cases[i].name,
				 "needs archive_path, or a url that is a file");
}

/* What only a receiver has. */
static void refuse_http(struct loading *l, const struct webhook_settings *w, struct node n,
			const struct path *path)
{
	const struct {
		const char *name;
		bool asks;
	} cases[] = {
		{"encoding", w->encoding != WEBHOOK_ENCODING_JSON},
		{"headers", w->header_count > 0},
		{"signing_secrets", w->signing_keys.count > 0},
		{"bearer_token", w->bearer_token.value != NULL},
		{"basic_user", w->basic_user != NULL},
		{"oauth2_token_url", w->oauth2_token_url.value != NULL},
		{"compression", w->compression != WEBHOOK_COMPRESSION_NONE},
		{"batch_max_events", w->batch_max_events != 1},
		{"rate_limit", w->rate_limit.count > 0},
		{"retry_schedule", w->retry_schedule.count > 0},
		{"disable_header", w->disable_header != NULL},
		{"disable_after", w->disable_after_us > 0},
		{"validate", w->validate},
		{"tls_cert", w->tls_cert != NULL},
		{"tls_pin", w->tls_pin.count > 0},
		{"proxy", w->proxy.value != NULL},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (cases[i].asks)
			complain(l, n, path, cases[i].name,
				 "is for a receiver, and url is a file: keep one of them");
	if (w->archive_path)
		complain(l, n, path, "archive_path", "url is a file already: keep one of them");
}

/* A file that rotates has to hold the largest event. */
static void check_size(struct loading *l, const struct webhook_settings *w, struct node n,
		       const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("archive_rotate_size"));
	struct buf text;

	if (!w->archive_rotate_size || w->archive_rotate_size >= w->max_body_bytes)
		return;
	buf_init(&text, ERR_MSG_BYTES);
	value_print_size(&text, w->archive_rotate_size);
	buf_add_str(&text, " is less than one event may have, max_body_bytes, which is ");
	value_print_size(&text, w->max_body_bytes);
	if (buf_error(&text) != ERR_OK)
		l->error = ERR_NOMEM;
	loading_mistake(l, node_find_key(n, "archive_rotate_size"), &where, "%s", buf_str(&text));
	buf_done(&text);
}

void archive_check(struct loading *l, const struct webhook_settings *w, struct node n,
		   const struct path *path)
{
	if (!archive_path_is_given(w)) {
		refuse_alone(l, w, n, path);
		return;
	}
	if (archive_path_is_all(w))
		refuse_http(l, w, n, path);
	check_size(l, w, n, path);
	if (w->archive_rotate_size)
		return;
	if (w->archive_keep)
		complain(l, n, path, "archive_keep", "needs archive_rotate_size");
	if (w->archive_compress)
		complain(l, n, path, "archive_compress", "needs archive_rotate_size");
}

/* ---- one file, one writer ---- */

/* Where the path of webhook i's archive is written. */
static struct node place_of(const struct loading *l, size_t i, struct path *ret_path)
{
	struct node one = node_find(l->root, "webhook"), n = one;
	const char *name = archive_path_is_all(&l->settings.webhooks[i]) ? "url" : "archive_path";
	bool is_short = node_is_given(one);
	struct path path = path_of("webhook");

	if (!is_short || i > 0) {
		path = path_of("webhooks");
		n = node_item(node_find(l->root, "webhooks"), i - is_short);
		path = path_item(&path, i - is_short);
	}
	*ret_path = path_key(&path, text_of(name));
	return node_is_given(node_find(n, name)) ? node_find(n, name) : n;
}

/* Pipeline k's archive, when it has one, from where it begins in all; one behind the other, each
 * with its NUL. */
static void add_path(struct loading *l, size_t k, struct buf *all)
{
	const struct pipeline_settings *p = &l->settings.pipelines[k];
	const struct webhook_settings *w = &l->settings.webhooks[p->webhook];

	if (archive_path_is_given(w))
		archive_path_write(w, p->name, all);
	buf_add_char(all, '\0');
}

/* The path at k of all. */
static const char *path_at(const struct buf *all, size_t k)
{
	const char *at = buf_str(all);

	while (k--)
		at += strlen(at) + 1;
	return at;
}

static void check_pair(struct loading *l, const struct buf *all, size_t k, size_t other)
{
	const struct settings *s = &l->settings;
	size_t webhook = s->pipelines[k].webhook;
	struct path where;
	struct node at;

	if (!*path_at(all, k) || strcmp(path_at(all, k), path_at(all, other)) != 0)
		return;
	at = place_of(l, webhook, &where);
	loading_mistake(l, at, &where, "pipelines %s and %s would both write %s: %s",
			s->pipelines[other].name, s->pipelines[k].name, path_at(all, k),
			webhook == s->pipelines[other].webhook
				? "put {pipeline} into it"
				: "give each webhook a file of its own");
}

static void check_log(struct loading *l, const struct buf *all, size_t k)
{
	struct path where;
	struct node at;

	if (!l->settings.logging.file || strcmp(path_at(all, k), l->settings.logging.file) != 0)
		return;
	at = place_of(l, l->settings.pipelines[k].webhook, &where);
	loading_mistake(l, at, &where, "the log is written there already: logging.file");
}

void archives_check(struct loading *l)
{
	size_t count = l->settings.pipeline_count, k, other;
	struct buf all;

	if (mistakes_any(l->mistakes) || l->error)
		return;
	buf_init(&all, PATHS_BYTES_MAX * SETTINGS_PIPELINES_MAX);
	for (k = 0; k < count; k++)
		add_path(l, k, &all);
	if (buf_error(&all) != ERR_OK)
		l->error = ERR_NOMEM;
	for (k = 0; k < count && !l->error; k++) {
		for (other = 0; other < k; other++)
			check_pair(l, &all, k, other);
		check_log(l, &all, k);
	}
	buf_done(&all);
}
