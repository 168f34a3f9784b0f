/* SPDX-License-Identifier: MIT */
/*
 * One transaction and one round trip per batch of acknowledgements: for each pipeline in it, the
 * delivered rows leave the outbox and the dead ones move. A commit need not wait for the disk
 * (synchronous_commit is off): what a crash of the server undoes is delivered again.
 */
#include <string.h>

#include "base/mem.h"
#include "source/pg_array.h"
#include "source/pg_source.h"

#define PARAMS 5
#define REASON_BYTES 256

/* One statement with its parameters. */
struct step {
	const char *values[PARAMS];
	int lengths[PARAMS];
	int formats[PARAMS];
	struct buf arrays; /* one behind the other */
	size_t at[PARAMS]; /* where each begins */
	int n;
};

static bool is_in(const struct ack *a, uint32_t pipeline, enum ack_outcome outcome)
{
	return a->pipeline == pipeline && a->outcome == outcome;
}

static void begin_array(struct step *t, uint32_t type, size_t n)
{
	t->at[t->n++] = t->arrays.len;
	pg_array_begin(&t->arrays, type, n);
}

static void fill_ids(struct step *t, const struct ack *acks, size_t n, uint32_t p,
		     enum ack_outcome outcome, size_t count)
{
	size_t i;

	begin_array(t, PG_OID_INT8, count);
	for (i = 0; i < n; i++)
		if (is_in(&acks[i], p, outcome))
			pg_array_i64(&t->arrays, acks[i].id);
}

/* A database that is not UTF8 refuses what its encoding cannot spell, and would do so for ever. */
static void add_reason(struct step *t, const char *reason, bool ascii)
{
	char plain[REASON_BYTES];
	size_t len = 0;

	if (!ascii) {
		pg_array_text(&t->arrays, text_of(reason));
		return;
	}
	for (; reason && *reason && len < sizeof(plain); reason++) {
		if (!(*reason & 0x80))
			plain[len++] = *reason;
		else if ((*reason & 0xc0) == 0xc0) /* the first byte of a character */
			plain[len++] = '?';
	}
	pg_array_text(&t->arrays, (struct text){plain, len});
}

static void fill_reasons(struct step *t, const struct ack *acks, size_t n, uint32_t p, size_t count,
			 bool ascii)
{
	size_t i;

	begin_array(t, PG_OID_INT4, count);
	for (i = 0; i < n; i++)
		if (is_in(&acks[i], p, ACK_DEAD))
			pg_array_i32(&t->arrays, acks[i].attempts);
	begin_array(t, PG_OID_INT4, count);
	for (i = 0; i < n; i++)
		if (is_in(&acks[i], p, ACK_DEAD))
			pg_array_i32(&t->arrays, acks[i].last_status);
	begin_array(t, PG_OID_TEXT, count);
	for (i = 0; i < n; i++)
		if (is_in(&acks[i], p, ACK_DEAD))
			add_reason(t, acks[i].reason, ascii);
}

/* Fill t with the acks of pipeline p and that outcome; false when there are none. */
static bool step_fill(struct step *t, const struct pg_source *s, const struct ack *acks, size_t n,
		      uint32_t p, enum ack_outcome outcome)
{
	const char *encoding = PQparameterStatus(pg_conn_raw(s->conn), "server_encoding");
	bool ascii = !encoding || strcmp(encoding, "UTF8") != 0;
	size_t i, count = 0;

	for (i = 0; i < n; i++)
		count += is_in(&acks[i], p, outcome);
	if (!count)
		return false;
	buf_init(&t->arrays, SIZE_MAX / 2);
	t->values[0] = s->pipes[p].pub->settings->name;
	t->n = 1;
	fill_ids(t, acks, n, p, outcome, count);
	if (outcome == ACK_DEAD)
		fill_reasons(t, acks, n, p, count, ascii);
	for (i = 1; i < (size_t)t->n; i++) {
		size_t end = i + 1 < (size_t)t->n ? t->at[i + 1] : t->arrays.len;

		t->values[i] = buf_str(&t->arrays) + t->at[i];
		t->lengths[i] = (int)(end - t->at[i]);
		t->formats[i] = 1;
	}
	return true;
}

static ATTR_MUST_CHECK enum err_code run_steps(struct pg_source *s, struct step *steps,
					       struct pg_call *calls, size_t n, struct err *e)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (buf_error(&steps[i].arrays) != ERR_OK)
			return err_set(e, ERR_NOMEM, "no memory to acknowledge");
		calls[i].n = steps[i].n;
		calls[i].values = steps[i].values;
		calls[i].lengths = steps[i].lengths;
		calls[i].formats = steps[i].formats;
	}
	if (n == 1)
		return pg_source_run(s, &calls[0], NULL, e);
	return pg_conn_pipeline(s->conn, calls, n, NULL, e);
}

enum err_code pg_acknowledge(struct source *base, const struct ack *acks, size_t n, struct err *e)
{
	static const enum pg_stmt stmts[] = {
		[ACK_DELIVERED] = PG_STMT_DELETE, [ACK_DEAD] = PG_STMT_BURY};
	struct pg_source *s = pg_source_of(base);
	size_t max = s->env.pipeline_count * ARRAY_LEN(stmts), used = 0, i;
	struct step *steps = mem_calloc(max, sizeof(*steps));
	struct pg_call *calls = mem_calloc(max, sizeof(*calls));
	enum err_code code = source_refuse_parked(acks, n, e);

	if (code != ERR_OK)
		goto out_arrays;
	if (!steps || !calls) {
		code = err_set(e, ERR_NOMEM, "no memory to acknowledge");
		goto out_arrays;
	}
	for (i = 0; i < max; i++) {
		uint32_t p = (uint32_t)(i / ARRAY_LEN(stmts));
		enum ack_outcome outcome = (enum ack_outcome)(i % ARRAY_LEN(stmts));

		if (step_fill(&steps[used], s, acks, n, p, outcome))
			calls[used++] = pg_source_call(s, stmts[outcome]);
	}
	if (used)
		code = run_steps(s, steps, calls, used, e);
	for (i = 0; code == ERR_OK && i < n; i++)
		position_forget(s->pipes[acks[i].pipeline].position, acks[i].id);
	for (i = 0; i < used; i++)
		buf_done(&steps[i].arrays);
out_arrays:
	mem_free(steps);
	mem_free(calls);
	return code;
}
