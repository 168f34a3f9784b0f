/* SPDX-License-Identifier: MIT */
#include "source/column_check.h"

#include "config/column_rules.h"
#include "source/report.h"

static void ATTR_PRINTF(4, 5) warn(const struct install_options *o, const char *subject,
				   const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(o, FINDING_WARN, subject, hint, fmt, ap);
	va_end(ap);
}

static struct column_name name_of(const struct settings *s, const struct table *t,
				  const char *column)
{
	return (struct column_name){*t->schema ? text_of(t->schema) : TEXT_NONE, text_of(t->name),
				    text_of(column),
				    s->sources[s->pipelines[t->pipeline].source].type};
}

static bool is_matched(const struct settings *s, const struct table *t,
		       const struct column_rules *rules, size_t pattern)
{
	struct column_name name;
	size_t i;

	for (i = 0; i < t->columns.count; i++) {
		name = name_of(s, t, t->columns.items[i]);
		if (column_rules_match(rules, pattern, &name))
			return true;
	}
	return false;
}

/* Whether all that webhook w is sent comes from this source, from tables whose columns are known.
 */
static bool is_all_known(const struct settings *s, size_t source, size_t w, const struct tables *t)
{
	size_t i, count = 0;

	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].webhook == w && s->pipelines[i].source != source)
			return false;
	for (i = 0; i < t->count; i++) {
		if (s->pipelines[t->items[i].pipeline].webhook != w)
			continue;
		if (!t->items[i].columns.count)
			return false;
		count++;
	}
	return count > 0;
}

static void check_patterns(const struct settings *s, size_t w, const struct tables *t,
			   const struct install_options *o)
{
	const struct column_rules *rules = s->webhooks[w].column_rules;
	const char *pattern, *key;
	bool matched;
	size_t p, i;

	for (p = 0; p < column_rules_count(rules); p++) {
		pattern = column_rules_pattern(rules, p, &key);
		matched = false;
		for (i = 0; i < t->count && !matched; i++)
			matched = s->pipelines[t->items[i].pipeline].webhook == w &&
				  is_matched(s, &t->items[i], rules, p);
		if (!matched)
			warn(o, s->webhooks[w].name, "compare the spelling with the tables'",
			     "%s: %s is no column of what it is sent", key, pattern);
	}
}

static void check_key(const struct settings *s, const struct table *t,
		      const struct install_options *o)
{
	const struct webhook_settings *w = &s->webhooks[s->pipelines[t->pipeline].webhook];
	struct column_name name;
	size_t i;

	for (i = 0; i < t->key.count; i++) {
		name = name_of(s, t, t->key.items[i]);
		if (column_rules_find(w->column_rules, &name) != COLUMN_DROP)
			continue;
		warn(o, t->label,
		     "columns_include has to name keys too; mask_hash hides one and keeps rows "
		     "apart",
		     "column %s of its key is not sent to webhook %s", t->key.items[i], w->name);
	}
}

void column_check(const struct settings *s, size_t source, const struct tables *t,
		  const struct install_options *o)
{
	size_t w, i;

	for (w = 0; w < s->webhook_count; w++) {
		if (!s->webhooks[w].column_rules)
			continue;
		if (is_all_known(s, source, w, t))
			check_patterns(s, w, t, o);
		for (i = 0; i < t->count; i++)
			if (s->pipelines[t->items[i].pipeline].webhook == w)
				check_key(s, &t->items[i], o);
	}
}
