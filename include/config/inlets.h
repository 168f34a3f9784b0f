/* SPDX-License-Identifier: MIT */
/*
 * Sources of type http in the configuration: what they must not say, and what becomes of them
 * (struct inlet_settings). Used by src/config alone.
 */
#ifndef CONFIG_INLETS_H
#define CONFIG_INLETS_H

#include "config/loading.h"

/* Is every source of type http? Only then the keys of listener are theirs alone. */
bool inlets_are_all(const struct loading *l);

/* Note what is wrong with path and store in the source that is read from n. */
void inlets_check_place(struct loading *l, struct node n, const struct path *path);

/* Note tables where a pipeline of the http source with this index, which is read from that node
 * (not given: the short form's), finds any. */
void inlets_refuse_tables(struct loading *l, size_t source, const struct path *source_path,
			  struct node pipeline, const struct path *path);

/* When all else is read: note what http sources lack; without mistakes make the inlets, and take
 * out of the sources what is none. paths: of each source. */
void inlets_resolve(struct loading *l, const struct path *paths);

#endif
