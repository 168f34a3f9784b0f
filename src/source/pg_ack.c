/* SPDX-License-Identifier: MIT */
/*
 * One transaction and one round trip per batch of acknowledgements: for each pipeline in it, one
 * statement for each kind that occurs. A commit need not wait for the disk (synchronous_commit is
 * off): what a crash of the server undoes is delivered again.
 *
 * There is at most one ack of a row in a batch, so the kinds may follow each other in any order;
 * within a kind their order is kept, which is that of seq for those that are parked.
 */
#include <string.h>

#include "base/mem.h"
#include "source/pg_array.h"
#include "source/pg_source.h"

#define PARAMS 10
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

/* What becomes of a row, and where it is: an outcome, and the same again for parked rows. */
enum { KIND_DELETE, KIND_BURY, KIND_PARK, KIND_UNPARK, KIND_BURY_PARKED, KIND_REPARK, KINDS };

static const struct {
	enum pg_stmt stmt;
	bool has_reason, has_step, has_hashes; /* these parameters, behind the ids */
} kind_table[KINDS] = {
	[KIND_DELETE] = {PG_STMT_DELETE, false, false, false},
	[KIND_BURY] = {PG_STMT_BURY, true, false, false},
	[KIND_PARK] = {PG_STMT_PARK, true, true, true},
	[KIND_UNPARK] = {PG_STMT_UNPARK, false, false, false},
	[KIND_BURY_PARKED] = {PG_STMT_BURY_PARKED, true, false, false},
	[KIND_REPARK] = {PG_STMT_REPARK, true, true, false},
};

/* The acks of one call that one statement is for. */
struct picked {
	const struct ack *acks;
	size_t n;
	uint32_t pipeline;
	int kind;
	size_t count;
};

static int kind_of(const struct ack *a)
{
	return (a->from_parked ? KIND_UNPARK : KIND_DELETE) + (int)a->outcome;
}

static bool is_in(const struct picked *k, size_t i)
{
	return k->acks[i].pipeline == k->pipeline && kind_of(&k->acks[i]) == k->kind;
}

static void begin_array(struct step *t, uint32_t type, size_t n)
{
	t->at[t->n++] = t->arrays.len;
	pg_array_begin(&t->arrays, type, n);
}

static void fill_ids(struct step *t, const struct picked *k)
{
	size_t i;

	begin_array(t, PG_OID_INT8, k->count);
	for (i = 0; i < k->n; i++)
		if (is_in(k, i))
			pg_array_i64(&t->arrays, k->acks[i].id);
}

/* A database that is not UTF8 refuses what its encoding cannot spell, and would do so for ever. */
static void add_reason(struct step *t, const char *reason, bool ascii)
{
	char plain[REASON_BYTES];
	size_t len = 0;

	if (!ascii || !reason) {
		pg_array_text(&t->arrays, text_of(reason));
		return;
	}
	for (; *reason && len < sizeof(plain); reason++) {
		if (!(*reason & 0x80))
			plain[len++] = *reason;
		else if ((*reason & 0xc0) == 0xc0) /* the first byte of a character */
			plain[len++] = '?';
	}
	pg_array_text(&t->arrays, (struct text){plain, len});
}

static void fill_reasons(struct step *t, const struct picked *k, bool ascii)
{
	size_t i;

	begin_array(t, PG_OID_INT4, k->count);
	for (i = 0; i < k->n; i++)
		if (is_in(k, i))
			pg_array_i32(&t->arrays, k->acks[i].attempts);
	begin_array(t, PG_OID_INT4, k->count);
	for (i = 0; i < k->n; i++)
		if (is_in(k, i))
			pg_array_i32(&t->arrays, k->acks[i].last_status);
	begin_array(t, PG_OID_TEXT, k->count);
	for (i = 0; i < k->n; i++)
		if (is_in(k, i))
			add_reason(t, k->acks[i].reason, ascii);
}

static void fill_steps(struct step *t, const struct picked *k)
{
	size_t i;

	begin_array(t, PG_OID_INT4, k->count);
	for (i = 0; i < k->n; i++)
		if (is_in(k, i))
			pg_array_i32(&t->arrays, k->acks[i].step);
	begin_array(t, PG_OID_TIMESTAMPTZ, k->count);
	for (i = 0; i < k->n; i++)
		if (is_in(k, i))
			pg_array_wall(&t->arrays, k->acks[i].due_wall_us);
}

static void fill_hashes(struct step *t, const struct picked *k)
{
	int which;
	size_t i;

	for (which = 0; which < 3; which++) {
		begin_array(t, PG_OID_INT8, k->count);
		for (i = 0; i < k->n; i++)
			if (is_in(k, i))
				pg_array_i64(&t->arrays,
					     (int64_t)(which < 2 ? k->acks[i].row_hash[which]
								 : k->acks[i].table_hash));
	}
}

/* Fill t with the acks of k; false when there are none. */
static bool step_fill(struct step *t, const struct pg_source *s, struct picked *k)
{
	const char *encoding = PQparameterStatus(pg_conn_raw(s->conn), "server_encoding");
	bool ascii = !encoding || strcmp(encoding, "UTF8") != 0;
	size_t i;

	for (i = 0, k->count = 0; i < k->n; i++)
		k->count += is_in(k, i);
	if (!k->count)
		return false;
	buf_init(&t->arrays, SIZE_MAX / 2);
	t->values[0] = s->pipes[k->pipeline].pub->settings->name;
	t->n = 1;
	fill_ids(t, k);
	if (kind_table[k->kind].has_reason)
		fill_reasons(t, k, ascii);
	if (kind_table[k->kind].has_step)
		fill_steps(t, k);
	if (kind_table[k->kind].has_hashes)
		fill_hashes(t, k);
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

/* A schedule may have been configured since the last open. */
static ATTR_MUST_CHECK enum err_code refuse_parked(const struct pg_source *s,
						   const struct ack *acks, size_t n, struct err *e)
{
	size_t i;

	for (i = 0; !s->has_parked && i < n; i++)
		if (kind_of(&acks[i]) == KIND_PARK)
			return pg_parked_refuse(ERR_NOT_FOUND, e);
	return ERR_OK;
}

/* Of the kinds only those of the outbox where nothing can be parked. */
static size_t fill_all(const struct pg_source *s, struct picked *k, struct step *steps,
		       struct pg_call *calls)
{
	int kinds = s->has_parked ? KINDS : KIND_PARK;
	size_t used = 0;

	for (k->pipeline = 0; k->pipeline < s->env.pipeline_count; k->pipeline++)
		for (k->kind = 0; k->kind < kinds; k->kind++)
			if (step_fill(&steps[used], s, k))
				calls[used++] =
					pg_source_call(s, pg_retain_stmt(s, k->pipeline,
									 kind_table[k->kind].stmt));
	return used;
}

enum err_code pg_acknowledge(struct source *base, const struct ack *acks, size_t n, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct picked k = {.acks = acks, .n = n};
	size_t max = s->env.pipeline_count * KINDS, used = 0, i;
	struct step *steps = mem_calloc(max, sizeof(*steps));
	struct pg_call *calls = mem_calloc(max, sizeof(*calls));
	enum err_code code = refuse_parked(s, acks, n, e);

	if (code != ERR_OK)
		goto out_arrays;
	if (!steps || !calls) {
		code = err_set(e, ERR_NOMEM, "no memory to acknowledge");
		goto out_arrays;
	}
	used = fill_all(s, &k, steps, calls);
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
