/* SPDX-License-Identifier: MIT */
/*
 * What it costs on one thread to make an event a request, for each webhook.format, with
 * placeholders, with columns chosen and masked, and compressed.
 *
 *     bench_format [SECONDS_PER_CASE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/column_rules.h"
#include "sink/format.h"
#include "sink/request.h"

#define WORDS 4000

static char name[] = "bench", plain_url[] = "http://h/in";
static char url[] = "http://h/in/{pipeline}/{table}?op={operation}&id={id}";
static char header_name[] = "X-Table", header_value[] = "{schema}.{table}";
static struct webhook_header headers[] = {{header_name, {header_value}, true}};
static char words[WORDS][12];
static char email[] = "email", owner[] = "*.owner", balance[] = "balance";
static char *emails[] = {email, NULL}, *owners[] = {owner, NULL}, *balances[] = {balance, NULL};
static char mask_key[] = "0123456789abcdef0123456789abcdef";

static double cpu_us(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_THREAD, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void words_make(struct random *r)
{
	size_t i, k, len;

	for (i = 0; i < WORDS; i++) {
		len = 2 + random_below(r, 9);
		for (k = 0; k < len; k++)
			words[i][k] = (char)('a' + random_below(r, 26));
	}
}

/* A row of about len bytes: columns as applications have them, and words, some far more often. */
static void row_make(struct buf *b, size_t len, struct random *r)
{
	buf_init(b, SIZE_MAX / 2);
	buf_add_fmt(b, "{\"id\":%d,\"owner\":\"owner %d\",\"email\":\"owner%d@example.org\",",
		    (int)random_below(r, 1000000), (int)random_below(r, 1000000),
		    (int)random_below(r, 1000000));
	buf_add_fmt(b, "\"balance\":%d.%02d,\"seen\":\"2026-03-01T12:00:%02d.123456+00:00\",",
		    (int)random_below(r, 100000), (int)random_below(r, 100),
		    (int)random_below(r, 60));
	buf_add_str(b, "\"active\":true,\"note\":\"");
	while (b->len + 20 < len) {
		buf_add_str(
			b, words[random_below(r, 1 + random_below(r, 1 + random_below(r, WORDS)))]);
		buf_add_char(b, ' ');
	}
	buf_add_str(b, "end\"}");
}

struct bench {
	const struct webhook_settings *to;
	struct event_fields f;
	struct compressor *compressor;
	struct http_request r;
};

static void make_one(struct bench *b)
{
	static const struct request_origin origin = {"0f8fad5b-d9cb-469f-a165-70867728950e",
						     "default", NULL};

	buf_reset(&b->r.body);
	buf_reset(&b->r.lines);
	buf_reset(&b->r.url);
	b->r.plain_bytes = 0;
	if (request_fill(&origin, b->to, &b->f, &b->r) != ERR_OK)
		abort();
	request_compress(&b->r, &b->compressor);
}

static void run(const char *what, const struct webhook_settings *to, const struct buf *row,
		double seconds)
{
	struct bench b = {
		.to = to,
		.f = {.id = 4711,
		      .op = OP_UPDATE,
		      .schema = TEXT_LIT("public"),
		      .table = TEXT_LIT("accounts"),
		      .key = TEXT_LIT("{\"id\":815}"),
		      .changed_at = TEXT_LIT("2026-03-01T12:00:00.123456Z"),
		      .changed_wall_us = 1772366400123456,
		      .data = buf_text(row)},
	};
	double start = cpu_us(), spent = 0;
	size_t n = 0, plain;

	buf_init(&b.r.body, SIZE_MAX / 2);
	buf_init(&b.r.lines, SIZE_MAX / 2);
	buf_init(&b.r.url, SIZE_MAX / 2);
	while (spent < seconds * 1e6) {
		make_one(&b);
		if (++n % 16 == 0 || row->len > 20000)
			spent = cpu_us() - start;
	}
	plain = b.r.plain_bytes ? b.r.plain_bytes : b.r.body.len;
	printf("| %s | %zu | %zu | %.2f | %.2f |\n", what, plain, b.r.body.len,
	       (double)plain / (double)b.r.body.len, spent / (double)n);
	buf_done(&b.r.body);
	buf_done(&b.r.lines);
	buf_done(&b.r.url);
	compressor_free(b.compressor);
}

/* Columns dropped and redacted; and one hashed too. */
static void bench_columns(const struct buf *row, double seconds)
{
	struct webhook_settings to = {.name = name,
				      .url.value = plain_url,
				      .columns_exclude = {owners, 1},
				      .mask_redact = {balances, 1},
				      .mask_key = {mask_key}};

	if (column_rules_new(&to, &to.column_rules, NULL) != ERR_OK)
		abort();
	run("native, columns_exclude and mask_redact", &to, row, seconds);
	column_rules_free(to.column_rules);
	to.mask_hash = (struct string_list){emails, 1};
	if (column_rules_new(&to, &to.column_rules, NULL) != ERR_OK)
		abort();
	run("native, and mask_hash of one column", &to, row, seconds);
	column_rules_free(to.column_rules);
}

static void bench_formats(const struct buf *row, double seconds)
{
	struct webhook_settings to = {.name = name, .url.value = plain_url};

	for (to.format = 0; to.format < WEBHOOK_FORMAT_COUNT; to.format++)
		run(format_get(to.format)->name, &to, row, seconds);
	to.format = WEBHOOK_FORMAT_NATIVE;
	to.big_numbers = WEBHOOK_BIG_NUMBERS_STRING;
	run("native, big_numbers: string", &to, row, seconds);
	to.big_numbers = WEBHOOK_BIG_NUMBERS_AS_THEY_ARE;
	to.encoding = WEBHOOK_ENCODING_MSGPACK;
	run("native, encoding: msgpack", &to, row, seconds);
	to.encoding = WEBHOOK_ENCODING_CBOR;
	run("native, encoding: cbor", &to, row, seconds);
	to.encoding = WEBHOOK_ENCODING_JSON;
	to.url.value = url;
	to.url_is_template = true;
	to.headers = headers;
	to.header_count = 1;
	run("native, placeholders in URL and a header", &to, row, seconds);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {250, 1000, 10000, 100000, 1000000};
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
	struct webhook_settings gzip = {
		.name = name, .url.value = plain_url, .compression = WEBHOOK_COMPRESSION_GZIP};
	struct random r;
	struct buf row;
	size_t i;

	random_init_seed(&r, 1);
	words_make(&r);
	printf("| request | body, bytes | sent | ratio | CPU us |\n| --- | --- | --- | --- | --- "
	       "|\n");
	row_make(&row, 250, &r);
	bench_formats(&row, seconds);
	bench_columns(&row, seconds);
	buf_done(&row);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		row_make(&row, sizes[i], &r);
		run("native, gzip", &gzip, &row, seconds);
		buf_done(&row);
	}
	return 0;
}
