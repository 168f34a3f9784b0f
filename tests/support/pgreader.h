/* SPDX-License-Identifier: MIT */
/*
 * The PostgreSQL source or another one, pipeline "default", read by a test. Failures end the test.
 */
#ifndef TEST_PGREADER_H
#define TEST_PGREADER_H

#include "pgtest.h"
#include "source/source.h"

#define PGREADER_BATCH 500

struct pgreader {
	struct source_pipeline shared;
	struct source *s;
	int wake_fd;
	struct event *events[PGREADER_BATCH];
	size_t count; /* returned by the last read */
	bool more;
	struct ack acks[PGREADER_BATCH]; /* for callers */
};

int64_t pgreader_now_us(void);

void pgreader_open(struct pgreader *r, const struct pgtest *pg);
/* Another kind of source; everything below is the same. */
void pgreader_open_as(struct pgreader *r, const struct source_ops *ops,
		      const struct source_settings *settings);
void pgreader_close(struct pgreader *r);

/* One read; frees what the last one returned. */
size_t pgreader_read(struct pgreader *r);
/* Wait as an idle runner does. */
void pgreader_wait(struct pgreader *r, int64_t deadline_us);
struct source_status pgreader_inspect(struct pgreader *r);

#endif
