/* SPDX-License-Identifier: MIT */
/*
 * Names are compared as the databases do it, as far as ASCII goes: column names without regard to
 * case in MySQL and SQLite, table names in SQLite.
 */
#include "config/column_rules.h"

#include "base/mem.h"
#include "config/check.h"

#define PATTERN_BYTES 1001
/* 128 bits, when they are hexadecimal digits. */
#define MASK_KEY_BYTES_MIN 32

enum part_name { PART_SCHEMA, PART_TABLE, PART_COLUMN, PART_COUNT };

struct part {
	struct text text; /* TEXT_NONE: anything, also nothing */
	bool is_glob;     /* each * of it stands for any run of characters */
};

/* Lists in the order of the actions. */
enum list { LIST_EXCLUDE, LIST_REDACT, LIST_HASH, LIST_INCLUDE, LIST_COUNT };

struct pattern {
	enum list list;
	char *spelled;
	char *text; /* what parts are slices of */
	struct part parts[PART_COUNT];
};

struct column_rules {
	struct pattern *items;
	size_t count;
	bool has_include;
	struct hmac *hmac; /* NULL: nothing is hashed */
};

static const char *const list_keys[LIST_COUNT] = {
	[LIST_EXCLUDE] = "columns_exclude",
	[LIST_REDACT] = "mask_redact",
	[LIST_HASH] = "mask_hash",
	[LIST_INCLUDE] = "columns_include",
};

/* ---- reading a pattern ---- */

/* Take what stands in double quotes off the front of *s, in place: each doubled quote becomes one.
 * The result begins at the quote. */
static const char *take_quoted(char **s, struct part *ret)
{
	char *from = *s + 1, *to = *s;

	ret->text.s = to;
	for (;; from++) {
		if (!*from)
			return "a double quote that is never closed";
		if (*from == '"' && *++from != '"')
			break;
		*to++ = *from;
	}
	ret->text.len = (size_t)(to - ret->text.s);
	*s = from;
	return NULL;
}

static const char *take_bare(char **s, struct part *ret)
{
	char *from = *s;

	while (*from && *from != '.') {
		if (*from == '"' || (unsigned char)*from <= ' ')
			return "spaces and quotes need a name in double quotes";
		ret->is_glob |= *from == '*';
		from++;
	}
	ret->text = (struct text){*s, (size_t)(from - *s)};
	*s = from;
	return NULL;
}

/* Read text, which is changed, into parts, the last one as PART_COLUMN. NULL, or what is wrong. */
static const char *pattern_read(char *text, struct part parts[static PART_COUNT])
{
	static const char *const form = "a column is COLUMN, TABLE.COLUMN or SCHEMA.TABLE.COLUMN";
	struct part found[PART_COUNT] = {{TEXT_NONE, false}};
	const char *complaint;
	size_t count = 0;

	for (;;) {
		if (count == PART_COUNT)
			return form;
		complaint = *text == '"' ? take_quoted(&text, &found[count])
					 : take_bare(&text, &found[count]);
		if (complaint)
			return complaint;
		if (!found[count].text.len)
			return "a column is COLUMN, TABLE.COLUMN or SCHEMA.TABLE.COLUMN: a name is "
			       "missing";
		count++;
		if (!*text)
			break;
		if (*text++ != '.')
			return form;
	}
	memset(parts, 0, PART_COUNT * sizeof(*parts));
	memcpy(parts + PART_COUNT - count, found, count * sizeof(*parts));
	return NULL;
}

const char *check_column_pattern(const char *value)
{
	struct part parts[PART_COUNT];
	const char *complaint = check_text(value);
	char copy[PATTERN_BYTES];
	size_t len = strlen(value);

	if (complaint)
		return complaint;
	if (len >= sizeof(copy))
		return "a pattern is longer than 1000 bytes";
	memcpy(copy, value, len + 1);
	return pattern_read(copy, parts);
}

const char *check_mask_key(const char *value)
{
	return strlen(value) < MASK_KEY_BYTES_MIN ? "a key is at least 32 characters: as openssl "
						    "rand -hex 32 writes them"
						  : NULL;
}

/* ---- matching ---- */

static int fold(char c, bool folds)
{
	return folds && c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* A * takes as little as it can, and one character more whenever what is behind it does not fit:
 * only the last * needs to be tried again. */
static bool glob_match(struct text pattern, struct text t, bool folds)
{
	size_t p = 0, i = 0, star = SIZE_MAX, taken = 0;

	while (i < t.len) {
		if (p < pattern.len && pattern.s[p] == '*') {
			star = p++;
			taken = i;
		} else if (p < pattern.len && fold(pattern.s[p], folds) == fold(t.s[i], folds)) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++taken;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.s[p] == '*')
		p++;
	return p == pattern.len;
}

static bool part_match(const struct part *p, struct text t, bool folds)
{
	size_t i;

	if (!p->text.s)
		return true;
	if (p->is_glob)
		return glob_match(p->text, t, folds);
	if (p->text.len != t.len)
		return false;
	for (i = 0; i < t.len; i++)
		if (fold(p->text.s[i], folds) != fold(t.s[i], folds))
			return false;
	return true;
}

static bool pattern_match(const struct pattern *p, const struct column_name *n)
{
	bool is_sqlite = n->type == SOURCE_SQLITE;
	struct text schema = is_sqlite && !n->schema.s ? TEXT_LIT("main") : n->schema;

	/* the column first: it is what most patterns do not mean */
	return part_match(&p->parts[PART_COLUMN], n->column,
			  is_sqlite || n->type == SOURCE_MYSQL) &&
	       part_match(&p->parts[PART_TABLE], n->table, is_sqlite) &&
	       part_match(&p->parts[PART_SCHEMA], schema, is_sqlite);
}

enum column_action column_rules_find(const struct column_rules *rules,
				     const struct column_name *name)
{
	static const enum column_action actions[LIST_COUNT] = {
		[LIST_EXCLUDE] = COLUMN_DROP,
		[LIST_REDACT] = COLUMN_REDACT,
		[LIST_HASH] = COLUMN_HASH,
		[LIST_INCLUDE] = COLUMN_SEND,
	};
	enum column_action best = COLUMN_SEND;
	bool included = !rules->has_include;
	size_t i;

	for (i = 0; i < rules->count; i++) {
		const struct pattern *p = &rules->items[i];

		if (p->list == LIST_INCLUDE ? included : actions[p->list] >= best)
			continue;
		if (!pattern_match(p, name))
			continue;
		included |= p->list == LIST_INCLUDE;
		if (actions[p->list] < best)
			best = actions[p->list];
	}
	return included ? best : COLUMN_DROP;
}

const struct hmac *column_rules_hmac(const struct column_rules *rules)
{
	return rules->hmac;
}

size_t column_rules_count(const struct column_rules *rules)
{
	return rules ? rules->count : 0;
}

const char *column_rules_pattern(const struct column_rules *rules, size_t i, const char **ret_key)
{
	*ret_key = list_keys[rules->items[i].list];
	return rules->items[i].spelled;
}

bool column_rules_match(const struct column_rules *rules, size_t i, const struct column_name *name)
{
	return pattern_match(&rules->items[i], name);
}

/* ---- making ---- */

static ATTR_MUST_CHECK enum err_code add_pattern(struct column_rules *rules, enum list list,
						 const char *spelled, struct err *e)
{
	struct pattern *p = &rules->items[rules->count++];
	const char *complaint;

	p->list = list;
	p->spelled = mem_strdup(spelled);
	p->text = mem_strdup(spelled);
	if (!p->spelled || !p->text)
		return err_set(e, ERR_NOMEM, "no memory for a pattern of columns");
	complaint = pattern_read(p->text, p->parts);
	return complaint ? err_set(e, ERR_CONFIG, "%s", complaint) : ERR_OK;
}

static ATTR_MUST_CHECK enum err_code fill(struct column_rules *rules,
					  const struct webhook_settings *w, struct err *e)
{
	const struct string_list *const lists[LIST_COUNT] = {
		[LIST_EXCLUDE] = &w->columns_exclude,
		[LIST_REDACT] = &w->mask_redact,
		[LIST_HASH] = &w->mask_hash,
		[LIST_INCLUDE] = &w->columns_include,
	};
	enum err_code code = ERR_OK;
	enum list list;
	size_t i, total = 0;

	for (list = 0; list < LIST_COUNT; list++)
		total += lists[list]->count;
	rules->items = mem_calloc(total, sizeof(*rules->items));
	if (!rules->items)
		return err_set(e, ERR_NOMEM, "no memory for patterns of columns");
	for (list = 0; list < LIST_COUNT; list++)
		for (i = 0; i < lists[list]->count && code == ERR_OK; i++)
			code = add_pattern(rules, list, lists[list]->items[i], e);
	rules->has_include = w->columns_include.count > 0;
	if (code == ERR_OK && w->mask_hash.count)
		code = hmac_new(text_of(w->mask_key.value), &rules->hmac, e);
	return code;
}

enum err_code column_rules_new(const struct webhook_settings *w, struct column_rules **ret_rules,
			       struct err *e)
{
	struct column_rules *rules;
	enum err_code code;

	if (!w->columns_exclude.count && !w->mask_redact.count && !w->mask_hash.count &&
	    !w->columns_include.count) {
		*ret_rules = NULL;
		return ERR_OK;
	}
	rules = mem_calloc(1, sizeof(*rules));
	if (!rules)
		return err_set(e, ERR_NOMEM, "no memory for patterns of columns");
	code = fill(rules, w, e);
	if (code != ERR_OK) {
		column_rules_free(rules);
		return code;
	}
	*ret_rules = rules;
	return ERR_OK;
}

void column_rules_free(struct column_rules *rules)
{
	size_t i;

	if (!rules)
		return;
	for (i = 0; i < rules->count; i++) {
		mem_free(rules->items[i].spelled);
		mem_free(rules->items[i].text);
	}
	mem_free(rules->items);
	hmac_free(rules->hmac);
	mem_free(rules);
}
