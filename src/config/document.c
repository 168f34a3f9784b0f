/* SPDX-License-Identifier: MIT */
/*
 * Two passes of libyaml. The first looks at the events only and refuses what would make the tree
 * unsafe to walk (aliases make it a graph, depth costs stack); it holds nothing but the parser's
 * own state, so a hostile file costs little. The second loads the document.
 */
#include "config/document.h"

#include <assert.h>
#include <yaml.h>

#include "base/mem.h"

struct document {
	yaml_document_t yaml;
};

#define DOCUMENT_WATCHED_DEPTH (DOCUMENT_DEPTH_MAX + 1)

/* What the first pass remembers. */
struct scan {
	struct mistakes *m;
	int depth;
	int documents;
	size_t entries[DOCUMENT_WATCHED_DEPTH]; /* nodes seen so far per open level */
	bool is_mapping[DOCUMENT_WATCHED_DEPTH];
};

static enum err_code out_of_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory to parse the configuration");
}

static void note(struct mistakes *m, yaml_mark_t at, const char *what)
{
	mistakes_add(m, (int)at.line + 1, (int)at.column + 1, "", "%s", what);
}

/* The byte at a mark, whose column counts characters. */
static char byte_at(struct text source, yaml_mark_t at)
{
	size_t i = 0, line, column;

	for (line = 0; line < at.line && i < source.len; i++)
		line += source.s[i] == '\n';
	for (column = 0; column < at.column && i < source.len; column++) {
		for (i++; i < source.len && ((unsigned char)source.s[i] & 0xc0) == 0x80;)
			i++;
	}
	return i < source.len ? source.s[i] : '\0';
}

/* Where in the file the byte offset is, in lines and characters. */
static yaml_mark_t mark_of(struct text source, size_t offset)
{
	yaml_mark_t at = {.index = offset};
	size_t i;

	for (i = 0; i < offset && i < source.len; i++) {
		if (source.s[i] == '\n') {
			at.line++;
			at.column = 0;
		} else if (((unsigned char)source.s[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* Why libyaml gave up. */
static enum err_code parser_error(const yaml_parser_t *p, struct text source, struct mistakes *m,
				  struct err *e)
{
	yaml_mark_t at = p->problem_mark;

	/* libyaml 0.2.5 forgets to set the error where some of its allocations fail; whatever else
	 * goes wrong comes with a problem text */
	if (p->error == YAML_MEMORY_ERROR || !p->problem)
		return out_of_memory(e);
	if (p->error == YAML_READER_ERROR)
		at = mark_of(source, p->problem_offset);
	if (p->error == YAML_SCANNER_ERROR && byte_at(source, at) == '\t')
		note(m, at, "a tab where only spaces may stand: indent with spaces");
	else
		mistakes_add(m, (int)at.line + 1, (int)at.column + 1, "", "not valid YAML: %s%s%s",
			     p->problem, p->context ? " " : "", p->context ? p->context : "");
	return err_set(e, ERR_CONFIG, "not valid YAML");
}

static void scan_properties(struct scan *s, const yaml_event_t *ev, const yaml_char_t *anchor,
			    const yaml_char_t *tag)
{
	if (anchor)
		note(s->m, ev->start_mark, "anchors (&) are not supported: write the value out");
	if (tag)
		note(s->m, ev->start_mark, "tags (!) are not supported: write the value alone");
}

/* A node begins: one more entry of what encloses it. */
static void scan_entry(struct scan *s, const yaml_event_t *ev)
{
	size_t most = DOCUMENT_ENTRIES_MAX;

	if (!s->depth)
		return;
	if (s->is_mapping[s->depth])
		most *= 2; /* key and value are a node each */
	if (++s->entries[s->depth] == most + 1)
		note(s->m, ev->start_mark, "too many entries: at most 1000 are allowed");
}

static void scan_open(struct scan *s, const yaml_event_t *ev, bool is_mapping)
{
	scan_entry(s, ev);
	s->depth++;
	if (s->depth > DOCUMENT_DEPTH_MAX) {
		note(s->m, ev->start_mark, "nested too deeply: at most 32 levels are allowed");
		return;
	}
	s->entries[s->depth] = 0;
	s->is_mapping[s->depth] = is_mapping;
}

static void scan_event(struct scan *s, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++s->documents == 2)
			note(s->m, ev->start_mark, "a second document: only one is read");
		break;
	case YAML_ALIAS_EVENT:
		scan_entry(s, ev);
		note(s->m, ev->start_mark, "aliases (*) are not supported: write the value out");
		break;
	case YAML_SCALAR_EVENT:
		scan_entry(s, ev);
		scan_properties(s, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
		break;
	case YAML_SEQUENCE_START_EVENT:
		scan_properties(s, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
		scan_open(s, ev, false);
		break;
	case YAML_MAPPING_START_EVENT:
		scan_properties(s, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		scan_open(s, ev, true);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		s->depth--;
		break;
	default:
		break;
	}
}

static enum err_code parser_init(yaml_parser_t *p, struct text source, struct err *e)
{
	if (!yaml_parser_initialize(p))
		return out_of_memory(e);
	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)source.s, source.len);
	return ERR_OK;
}

static enum err_code document_scan(struct text source, struct mistakes *m, struct err *e)
{
	struct scan s = {.m = m};
	yaml_parser_t p;
	yaml_event_t ev;
	size_t before = m->count;
	bool more = true;
	enum err_code code = parser_init(&p, source, e);

	if (code != ERR_OK)
		return code;
	while (more) {
		if (!yaml_parser_parse(&p, &ev)) {
			code = parser_error(&p, source, m, e);
			break;
		}
		scan_event(&s, &ev);
		more = ev.type != YAML_STREAM_END_EVENT && s.depth <= DOCUMENT_DEPTH_MAX &&
		       s.documents < 2;
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&p);
	if (code == ERR_OK && m->count != before)
		code = err_set(e, ERR_CONFIG, "not a configuration");
	return code;
}

enum err_code document_parse(struct text source, struct document **ret_doc, struct mistakes *m,
			     struct err *e)
{
	struct document *doc;
	yaml_parser_t p;
	enum err_code code = document_scan(source, m, e);

	if (m->error)
		return out_of_memory(e);
	if (code != ERR_OK)
		return code;
	doc = mem_calloc(1, sizeof(*doc));
	if (!doc)
		return out_of_memory(e);
	code = parser_init(&p, source, e);
	if (code != ERR_OK)
		goto out_doc;
	/* on failure libyaml has deleted what it began */
	if (!yaml_parser_load(&p, &doc->yaml))
		code = parser_error(&p, source, m, e);
	yaml_parser_delete(&p);
	if (code == ERR_OK) {
		*ret_doc = doc;
		return ERR_OK;
	}
out_doc:
	mem_free(doc);
	return code;
}

void document_free(struct document *doc)
{
	if (!doc)
		return;
	yaml_document_delete(&doc->yaml);
	mem_free(doc);
}

static const yaml_node_t *node_yaml(struct node n)
{
	return n.id ? n.doc->yaml.nodes.start + (n.id - 1) : NULL;
}

struct node document_root(const struct document *doc)
{
	bool empty = doc->yaml.nodes.start == doc->yaml.nodes.top;

	return (struct node){doc, empty ? 0 : 1};
}

enum node_kind node_kind(struct node n)
{
	const yaml_node_t *y = node_yaml(n);
	struct text t;

	if (!y)
		return NODE_NONE;
	if (y->type == YAML_SEQUENCE_NODE)
		return NODE_LIST;
	if (y->type == YAML_MAPPING_NODE)
		return NODE_MAPPING;
	if (y->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return NODE_SCALAR;
	/* the core schema's nulls: YAML 1.2, 10.3.2 */
	t = node_text(n);
	if (!t.len || text_eq(t, TEXT_LIT("~")) || text_eq(t, TEXT_LIT("null")))
		return NODE_NULL;
	return NODE_SCALAR;
}

const char *node_kind_name(enum node_kind kind)
{
	switch (kind) {
	case NODE_LIST:
		return "a list";
	case NODE_MAPPING:
		return "a mapping";
	case NODE_SCALAR:
		return "a single value";
	default:
		return "nothing";
	}
}

int node_line(struct node n)
{
	const yaml_node_t *y = node_yaml(n);

	return y ? (int)y->start_mark.line + 1 : 1;
}

int node_column(struct node n)
{
	const yaml_node_t *y = node_yaml(n);

	return y ? (int)y->start_mark.column + 1 : 1;
}

struct text node_text(struct node n)
{
	const yaml_node_t *y = node_yaml(n);

	if (!y || y->type != YAML_SCALAR_NODE)
		return TEXT_LIT("");
	return (struct text){(const char *)y->data.scalar.value, y->data.scalar.length};
}

size_t node_count(struct node n)
{
	const yaml_node_t *y = node_yaml(n);

	if (y && y->type == YAML_SEQUENCE_NODE)
		return (size_t)(y->data.sequence.items.top - y->data.sequence.items.start);
	if (y && y->type == YAML_MAPPING_NODE)
		return (size_t)(y->data.mapping.pairs.top - y->data.mapping.pairs.start);
	return 0;
}

struct node node_item(struct node n, size_t i)
{
	const yaml_node_t *y = node_yaml(n);

	assert(y && y->type == YAML_SEQUENCE_NODE && i < node_count(n));
	return (struct node){n.doc, y->data.sequence.items.start[i]};
}

static const yaml_node_pair_t *node_pair(struct node n, size_t i)
{
	const yaml_node_t *y = node_yaml(n);

	assert(y && y->type == YAML_MAPPING_NODE && i < node_count(n));
	return &y->data.mapping.pairs.start[i];
}

struct node node_key(struct node n, size_t i)
{
	return (struct node){n.doc, node_pair(n, i)->key};
}

struct node node_value(struct node n, size_t i)
{
	return (struct node){n.doc, node_pair(n, i)->value};
}

static struct node find(struct node n, const char *name, bool want_key)
{
	size_t i;

	for (i = 0; node_kind(n) == NODE_MAPPING && i < node_count(n); i++) {
		if (text_eq(node_text(node_key(n, i)), text_of(name)))
			return want_key ? node_key(n, i) : node_value(n, i);
	}
	return (struct node){n.doc, 0};
}

struct node node_find(struct node n, const char *name)
{
	return find(n, name, false);
}

struct node node_find_key(struct node n, const char *name)
{
	return find(n, name, true);
}
