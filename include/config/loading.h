/* SPDX-License-Identifier: MIT */
/*
 * A configuration while it is being read: what the files of src/config share, and nobody else
 * uses. Mistakes are noted and reading goes on; running out of memory sticks in `error` and what is
 * read afterwards does not matter.
 *
 *     load ── sources, webhooks, pipelines ── tables, headers ── scope (one mapping by key table)
 */
#ifndef CONFIG_LOADING_H
#define CONFIG_LOADING_H

#include "config/document.h"
#include "config/env.h"
#include "config/keys.h"
#include "config/mistakes.h"
#include "config/settings.h"

#define LOADING_PATH_BYTES 192

struct loading {
	const struct config_env *env;
	struct mistakes *mistakes;
	struct node root;
	struct settings settings; /* what is being built */
	struct node source_nodes[SETTINGS_SOURCES_MAX];
	bool source_tables_used[SETTINGS_SOURCES_MAX];
	bool top_tables_used;
	const struct source_settings *tables_source; /* whose tables are read; NULL: unknown */
	enum err_code error;                         /* ERR_OK or ERR_NOMEM; sticks */
};

/* A dotted name for messages: "pipelines[0].tables[2].where". */
struct path {
	char text[LOADING_PATH_BYTES];
};

struct path path_of(const char *name);
struct path path_key(const struct path *parent, struct text name);
struct path path_item(const struct path *parent, size_t i);

/* Take over a failure: ERR_DATA becomes a mistake at n, ERR_NOMEM sticks. Returns whether code
 * is ERR_OK. */
bool loading_note(struct loading *l, struct node n, const struct path *path, enum err_code code,
		  const struct err *e);

/* Note a mistake at n. */
#define loading_mistake(l, n, path, ...)                                                           \
	mistakes_add((l)->mistakes, node_line(n), node_column(n), (path)->text, __VA_ARGS__)

/* Note that name is unknown; nearest is the candidate to offer, or NULL. */
void loading_unknown(struct loading *l, struct node key, const struct path *path, const char *what,
		     const char *nearest);

/* An array of count zeroed structs, NULL (and error set) without memory. */
void *loading_array(struct loading *l, size_t count, size_t size);

/* The mistakes noted so far: to see whether a part was read without one. */
size_t loading_mistake_count(const struct loading *l);

/* Append the expanded text of the scalar n to out, which bounds it. False when a mistake was noted.
 */
bool loading_text(struct loading *l, struct node n, const struct path *path, struct buf *out);

/* The same for a secret, which may also be {file: PATH} or {credential: NAME}. */
bool loading_secret(struct loading *l, struct node n, const struct path *path, struct buf *out);

/* Check that n is a mapping with distinct scalar keys and note what is not. False when it is
 * no mapping; an empty value (NODE_NULL) passes silently as false. */
bool loading_mapping(struct loading *l, struct node n, const struct path *path);

/* Whether the i-th key of the mapping n came before. */
bool loading_is_repeated(struct node n, size_t i);

/* A mapping whose keys are rows of some sections. */
struct scope {
	struct path path;
	const char *sections[3];      /* NULL ends */
	void *base[KEY_TARGET_COUNT]; /* what the rows of each target fill; NULL: not here */
	bool inherited; /* rows without a base belong to others: skip them without a word */
};

/* Fill the bases from n. */
void scope_read(struct loading *l, const struct scope *s, struct node n);

/* Note each key of n that a database of this type does not have; whose is "" or tells which
 * source it is. */
void scope_check_type(struct loading *l, const struct scope *s, struct node n,
		      enum source_type type, const char *whose);

/* Whether the mapping n gives name, or name_file or name_credential. */
bool scope_has_secret(struct node n, const char *name);

/* What contradicts itself in the files that logging and metrics_history, which are read, write. */
void files_check(struct loading *l);

/* Each reads its part of l->root into l->settings; sources first, pipelines last. */
void sources_read(struct loading *l);
void webhooks_read(struct loading *l);
void pipelines_read(struct loading *l);

/* Fill p's tables from n: KEY_TABLES wants a list (or names with commas between), KEY_TABLE one. */
void tables_read(struct loading *l, struct pipeline_settings *p, struct node n,
		 const struct path *path, enum key_type type);

/* Readers of single keys with a shape of their own. */
void table_name_read(struct loading *l, struct table_settings *t, struct node n,
		     const struct path *path);
void where_read(struct loading *l, struct table_settings *t, struct node n,
		const struct path *path);
void headers_read(struct loading *l, struct webhook_settings *w, struct node n,
		  const struct path *path);
void pairs_read(struct loading *l, const struct key *k, void *base, struct node n,
		const struct path *path);
/* What is wrong with p's tenants, which were read from n and the listener. */
void tenants_check(struct loading *l, const struct pipeline_settings *p, struct node n,
		   const struct path *path);
/* Note what contradicts itself in w's columns_* and mask_*, which are read; else make its rules. */
void columns_check(struct loading *l, struct webhook_settings *w, struct node n,
		   const struct path *path);
void ingest_tokens_read(struct loading *l, const struct key *k, void *base, struct node n,
			const struct path *path);
void signing_read(struct loading *l, const struct key *k, void *base, struct node n,
		  const struct path *path);

/* Note where w's keys for authorization and TLS, which were read from n, contradict each other, and
 * which of the files they name cannot be used. */
void webhook_auth_check(struct loading *l, const struct webhook_settings *w, struct node n,
			const struct path *path);
/* The same for a certificate and its key: files, a password or NULL. */
void tls_pair_check(struct loading *l, const char *cert, const char *key, const char *password,
		    struct node n, const struct path *path);
/* What contradicts itself in the section ingest, or is missing there: after all else was read. */
void ingest_check(struct loading *l);
/* What contradicts batch_max_events in w, read from n. */
void batching_check(struct loading *l, const struct webhook_settings *w, struct node n,
		    const struct path *path);
/* What contradicts itself in w's archive, read from n. */
void archive_check(struct loading *l, const struct webhook_settings *w, struct node n,
		   const struct path *path);
/* Two pipelines, or the log, with one file; after all is read. */
void archives_check(struct loading *l);
/* What contradicts validate in w, read from n, or asks for it; fills in who asks. */
void validation_check(struct loading *l, struct webhook_settings *w, struct node n,
		      const struct path *path);

/* Find memory.max, note what does not fit into it, and set what was left to it. When
 * the pipelines are read. */
void memory_check(struct loading *l);

#endif
