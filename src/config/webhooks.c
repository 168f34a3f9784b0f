/* SPDX-License-Identifier: MIT */
#include "config/archive_path.h"
#include "config/field.h"
#include "config/loading.h"
#include "config/template.h"
#include "config/value.h"

static bool is_name_taken(const struct webhook_settings *webhooks, size_t count, const char *name)
{
	size_t i;

	for (i = 0; name && i < count; i++) {
		if (webhooks[i].name && !strcmp(webhooks[i].name, name))
			return true;
	}
	return false;
}

/* Two durations of which one may not exceed the other. A default gives way to what is written; two
 * that are written, or one that a default cannot follow, are a mistake. */
static void keep_below(struct loading *l, struct node n, const struct path *path, const char *low,
		       int64_t *low_us, const char *high, int64_t *high_us)
{
	bool low_given = node_is_given(node_find(n, low));
	bool high_given = node_is_given(node_find(n, high));
	struct path where = path_key(path, text_of(low));
	struct buf text;

	if (*low_us <= *high_us)
		return;
	if (!low_given) {
		*low_us = *high_us;
		return;
	}
	if (!high_given && !strcmp(high, "retry_max_delay")) {
		*high_us = *low_us;
		return;
	}
	buf_init(&text, ERR_MSG_BYTES);
	value_print_duration(&text, *low_us);
	buf_add_fmt(&text, " is more than %s, which is ", high);
	value_print_duration(&text, *high_us);
	if (buf_error(&text) != ERR_OK)
		l->error = ERR_NOMEM;
	loading_mistake(l, node_find(n, low), &where, "%s", buf_str(&text));
	buf_done(&text);
}

static void rate_finish(struct loading *l, const struct webhook_settings *w, struct node n,
			const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("rate_limit_burst"));
	struct node at = node_find(n, "rate_limit_burst");

	if (w->rate_limit_burst <= 1)
		return;
	if (!w->rate_limit.count)
		loading_mistake(l, at, &where, "there is no rate_limit that it could belong to");
	else if (w->rate_limit_burst > w->rate_limit.count)
		loading_mistake(l, at, &where, "more than the %lld that rate_limit allows",
				(long long)w->rate_limit.count);
}

/* The frame around the smallest row has some hundred bytes. */
#define BODY_BYTES_MIN 1024

static void oversized_check(struct loading *l, const struct webhook_settings *w, struct node n,
			    const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("max_body_bytes"));
	struct node oversized = node_find_key(n, "oversized");
	/* a default that stands beside another, as they are printed, asks for nothing */
	bool is_plain = w->oversized == WEBHOOK_OVERSIZED_KEY_ONLY &&
			node_is_given(node_find_key(n, "max_body_bytes"));

	if (w->max_body_bytes && w->max_body_bytes < BODY_BYTES_MIN)
		loading_mistake(l, node_find(n, "max_body_bytes"), &where,
				"no body is smaller than 1kB for sure: 0 means no limit");
	where = path_key(path, TEXT_LIT("oversized"));
	if (!w->max_body_bytes && node_is_given(oversized) && !is_plain)
		loading_mistake(l, oversized, &where, "needs max_body_bytes");
}

static void webhook_finish(struct loading *l, struct webhook_settings *w, struct node n,
			   const struct path *path)
{
	struct path where;

	keep_below(l, n, path, "retry_delay", &w->retry_delay_us, "retry_max_delay",
		   &w->retry_max_delay_us);
	keep_below(l, n, path, "connect_timeout", &w->connect_timeout_us, "timeout",
		   &w->timeout_us);
	rate_finish(l, w, n, path);
	columns_check(l, w, n, path);
	oversized_check(l, w, n, path);
	w->url_is_template = w->url.value && !archive_path_is_all(w) &&
			     template_has_braces(w->url.value + check_url_front(w->url.value));
	if (w->type &&
	    (w->format == WEBHOOK_FORMAT_NATIVE || w->format == WEBHOOK_FORMAT_DEBEZIUM)) {
		where = path_key(path, TEXT_LIT("type"));
		loading_mistake(l, node_find_key(n, "type"), &where,
				"this format has no type: it is for cloudevents and standard");
	}
	if (w->encoding != WEBHOOK_ENCODING_JSON && w->format == WEBHOOK_FORMAT_CLOUDEVENTS) {
		where = path_key(path, TEXT_LIT("encoding"));
		loading_mistake(
			l, node_find_key(n, "encoding"), &where,
			"CloudEvents in one piece are JSON: cloudevents-binary has its data "
			"in any encoding");
	}
	webhook_auth_check(l, w, n, path);
	batching_check(l, w, n, path);
	validation_check(l, w, n, path);
	archive_check(l, w, n, path);
}

static void webhook_require(struct loading *l, const struct webhook_settings *w, struct node n,
			    const struct path *path, bool is_short)
{
	struct path name = path_key(path, TEXT_LIT("name"));
	struct path url = path_key(path, TEXT_LIT("url"));
	struct node at = node_find(n, "name");

	if (!scope_has_secret(n, "url"))
		loading_mistake(l, n, &url, "required: where to send changes");
	if (!is_short && !node_is_given(node_find_key(n, "name")))
		loading_mistake(l, n, &name, "required");
	if (is_name_taken(l->settings.webhooks, l->settings.webhook_count - 1, w->name))
		loading_mistake(l, is_short ? n : at, &name, "another webhook is called %s",
				w->name);
}

static void webhook_read(struct loading *l, struct node n, const struct path *path, bool is_short)
{
	struct webhook_settings *w = &l->settings.webhooks[l->settings.webhook_count];
	struct scope scope = {.path = *path,
			      .sections = {"webhook", is_short ? NULL : "webhooks"},
			      .base = {[KEY_IN_WEBHOOK] = w}};
	size_t before = loading_mistake_count(l);
	struct err e;
	enum err_code code = field_set_defaults(KEY_IN_WEBHOOK, w, &e);

	if (code == ERR_OK && is_short)
		code = field_set(key_find("webhooks", TEXT_LIT("name")), w, TEXT_LIT("default"),
				 &e);
	l->settings.webhook_count++;
	if (!loading_note(l, n, path, code, &e))
		return;
	scope_read(l, &scope, n);
	if (node_kind(n) != NODE_MAPPING && node_kind(n) != NODE_NULL)
		return;
	if (loading_mistake_count(l) == before)
		webhook_finish(l, w, n, path);
	webhook_require(l, w, n, path, is_short);
}

void webhooks_read(struct loading *l)
{
	struct node one = node_find(l->root, "webhook"), many = node_find(l->root, "webhooks");
	struct path path = path_of("webhook"), item;
	size_t count = node_kind(many) == NODE_LIST ? node_count(many) : 0, i;

	if (!node_is_given(one) && !node_is_given(many)) {
		loading_mistake(l, l->root, &path, "required: where to send changes");
		return;
	}
	if (count + node_is_given(one) > SETTINGS_WEBHOOKS_MAX) {
		path = path_of("webhooks");
		loading_mistake(l, many, &path, "too many: at most %d are allowed",
				SETTINGS_WEBHOOKS_MAX);
		return;
	}
	l->settings.webhooks = loading_array(l, count + 1, sizeof(*l->settings.webhooks));
	if (!l->settings.webhooks)
		return;
	if (node_is_given(one))
		webhook_read(l, one, &path, true);
	path = path_of("webhooks");
	for (i = 0; i < count; i++) {
		item = path_item(&path, i);
		webhook_read(l, node_item(many, i), &item, false);
	}
}
