/* SPDX-License-Identifier: MIT */
#include "source/source.h"

const struct source_status source_status_unknown = {
	.outbox_rows = -1, .dead_rows = -1, .dead_letters = -1, .parked = -1};

enum err_code source_refuse_parked(const struct ack *acks, size_t n, struct err *e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (acks[i].outcome == ACK_PARKED || acks[i].from_parked)
			return err_set(e, ERR_DB, "this kind of source cannot park events");
	return ERR_OK;
}

enum err_code source_parked_list_none(struct source *s, uint32_t p, parked_list_fn fn, void *ctx,
				      struct err *e)
{
	(void)s;
	(void)p;
	(void)fn;
	(void)ctx;
	(void)e;
	return ERR_OK;
}

enum err_code source_parked_read_none(struct source *s, uint32_t p, const struct parked_select *sel,
				      struct source_limit limit, struct event **out,
				      size_t *ret_count, bool *ret_more, struct err *e)
{
	(void)s;
	(void)p;
	(void)sel;
	(void)limit;
	(void)out;
	(void)e;
	*ret_count = 0;
	*ret_more = false;
	return ERR_OK;
}

const struct source_ops *source_find(enum source_type type)
{
	switch (type) {
	case SOURCE_POSTGRES:
		return &source_postgres;
	case SOURCE_MYSQL:
		return &source_mysql;
	case SOURCE_FAKE:
		return &source_fake;
	case SOURCE_SQLITE:
		return &source_sqlite;
	}
	return NULL;
}
