/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

#define JOURNAL_MAX_BYTES (1UL << 30)
#define JOURNAL_FULL_BYTES (256UL * 1024)

enum err_code journal_open(struct journal *j, const char *path, bool bodies, struct err *e)
{
	*j = (struct journal){.fd = -1, .bodies = bodies};
	buf_init(&j->out, JOURNAL_MAX_BYTES);
	if (!path)
		return ERR_OK;
	j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (j->fd < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot open %s", path);
	return ERR_OK;
}

void journal_close(struct journal *j)
{
	journal_flush(j);
	fd_close(&j->fd);
	buf_done(&j->out);
}

void journal_flush(struct journal *j)
{
	struct err e;

	if (j->fd < 0 || !j->out.len)
		return;
	if (buf_error(&j->out) != ERR_OK || fd_write_all(j->fd, j->out.data, j->out.len, &e)) {
		(void)fprintf(stderr, "receiver: the record is not complete\n");
		fd_close(&j->fd);
	}
	buf_reset(&j->out);
}

bool journal_pending(const struct journal *j)
{
	return j->out.len > 0;
}

/* A string that is JSON inside already: with its escapes. */
static void raw_string(struct json *j, const char *name, struct text t)
{
	json_raw(j, name, t.s ? (struct text){t.s - 1, t.len + 2} : t);
}

static void raw_request(struct json *w, const struct journal_line *line, bool has_head)
{
	const struct text gzip = {line->head.s + line->head.len, line->gzip_bytes};
	const struct text body = line->gzip_bytes ? gzip : line->body;
	char *chars = mem_alloc(BASE64_CHARS(body.len) + 1);

	if (!has_head)
		json_text(w, "head", line->head);
	if (chars)
		base64_encode(body.s, body.len, chars);
	json_str(w, "body_base64", chars);
	mem_free(chars);
}

void journal_add(struct journal *j, const struct journal_line *line)
{
	const struct notice *n = line->notice;
	struct json w;
	int i;

	if (j->fd < 0)
		return;
	json_begin(&w, &j->out);
	json_open_object(&w, NULL);
	json_i64(&w, "t_us", line->wall_us);
	json_text(&w, "id", line->id);
	json_i64(&w, "attempt", line->entry->attempt);
	json_i64(&w, "status", line->status);
	json_str(&w, "verdict", ledger_verdict_name(line->verdict));
	raw_string(&w, "pipeline", n->pipeline);
	raw_string(&w, "operation", n->operation);
	raw_string(&w, "schema", n->schema);
	raw_string(&w, "table", n->table);
	json_raw(&w, "key", n->key);
	raw_string(&w, "changed_at", n->changed_at);
	json_u64(&w, "bytes", line->body.len);
	if (line->batch)
		json_u64(&w, "batch", line->batch);
	json_open_array(&w, "lanes");
	for (i = 0; i < line->entry->lane_count; i++)
		json_u64(&w, NULL, line->entry->lane[i]);
	json_end(&w);
	if (j->bodies)
		json_text(&w, "head", line->head);
	if (j->bodies && n->id.s)
		json_raw(&w, "body", line->body);
	else if (j->bodies)
		json_text(&w, "body", line->body);
	if (j->raw)
		raw_request(&w, line, j->bodies);
	json_end(&w);
	buf_add_char(&j->out, '\n');
	if (j->out.len >= JOURNAL_FULL_BYTES)
		journal_flush(j);
}

static ATTR_MUST_CHECK enum err_code replay_line(struct text line, struct ledger *l, struct err *e)
{
	struct notice n;
	struct ledger_entry t;
	struct text lanes = notice_member(line, TEXT_LIT("lanes"));
	struct text status = notice_member(line, TEXT_LIT("status"));
	enum err_code code;
	char *end;
	int i;

	if (!notice_parse(line, &n) || !n.id.s || !lanes.s || !status.s)
		return ERR_OK; /* half a line: the run before was killed while it wrote */
	ledger_entry_init(&t, n.id, &n);
	for (i = 0, end = NULL; i < NOTICE_LANES_MAX; i++) {
		t.lane[i] = strtoull(end ? end + 1 : lanes.s + 1, &end, 10);
		t.lane_count = t.lane[i] ? i + 1 : i;
		if (*end != ',')
			break;
	}
	code = ledger_begin(l, &t, e);
	if (code == ERR_OK)
		(void)ledger_end(l, &t, *status.s == '2');
	return code;
}

enum err_code journal_replay(const char *path, struct ledger *l, int64_t *ret_lines, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int64_t lines = 0;
	enum err_code code = ERR_OK;

	if (!f && errno == ENOENT) {
		*ret_lines = 0;
		return ERR_OK;
	}
	if (!f)
		return err_set_sys(e, ERR_IO, errno, "cannot open %s", path);
	while (code == ERR_OK && (len = getline(&line, &cap, f)) >= 0) {
		code = replay_line((struct text){line, (size_t)len}, l, e);
		lines++;
	}
	free(line);
	(void)fclose(f);
	if (code == ERR_OK)
		*ret_lines = lines;
	return code;
}
