/* SPDX-License-Identifier: MIT */
/*
 * An HTTP receiver for tests, the demo and the benchmark: takes POSTs, counts them, tells whether
 * every key's events came in order, keeps a record, and misbehaves when told.
 *
 *   receiver [--port N] [--port-file FILE] [--host ADDRESS]
 *            [--record FILE [--bodies] [--raw] [--resume]]
 *            [--control 'mode=status&status=503&rate=0.1']
 *
 * --port 0 (the default) takes a free one; --port-file tells which, once it listens. --resume puts
 * the record of an earlier run into the ledger first. GET /_stats and GET /_control?... on the same
 * port: behaviour.h. SIGTERM and SIGINT end it; the last statistics go to standard output.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/fd.h"
#include "station.h"

struct options {
	const char *host;
	int port;
	const char *port_file;
	const char *record;
	const char *control;
	bool bodies;
	bool raw;
	bool resume;
};

static const char usage[] =
	"usage: receiver [--port N] [--port-file FILE] [--host ADDRESS]\n"
	"                [--record FILE [--bodies] [--raw] [--resume]] [--control QUERY]\n";

static bool options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"port", required_argument, NULL, 'p'},
		{"port-file", required_argument, NULL, 'f'},
		{"host", required_argument, NULL, 'h'},
		{"record", required_argument, NULL, 'r'},
		{"control", required_argument, NULL, 'c'},
		{"bodies", no_argument, NULL, 'b'},
		{"raw", no_argument, NULL, 'w'},
		{"resume", no_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	const char **text;
	int c;

	*o = (struct options){.host = "127.0.0.1"};
	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		text = c == 'f'   ? &o->port_file
		       : c == 'h' ? &o->host
		       : c == 'r' ? &o->record
		       : c == 'c' ? &o->control
				  : NULL;
		if (text)
			*text = optarg;
		else if (c == 'p')
			o->port = (int)strtol(optarg, NULL, 10);
		else if (c == 'b')
			o->bodies = true;
		else if (c == 'w')
			o->raw = true;
		else if (c == 's')
			o->resume = true;
		else
			return false;
	}
	return optind == argc && (o->record || !o->resume);
}

/* In one step, so that a reader never sees half a number. */
static ATTR_MUST_CHECK enum err_code port_file_write(const struct station *s, const char *path,
						     struct err *e)
{
	char temporary[4096];
	FILE *f;

	if (!path)
		return ERR_OK;
	(void)snprintf(temporary, sizeof(temporary), "%s.new", path);
	f = fopen(temporary, "we");
	if (!f || fprintf(f, "%d\n", s->port) < 0 || fclose(f) != 0 || rename(temporary, path) != 0)
		return err_set(e, ERR_IO, "cannot write %s", path);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code receiver_open(struct station *s, const struct options *o,
						   struct err *e)
{
	enum err_code code = ledger_new(&s->ledger, e);
	int64_t lines = 0;

	s->journal.fd = s->epoll = s->listener.fd = s->signals.fd = -1;
	random_init(&s->random);
	behaviour_init(&s->behaviour);
	tokens_init(&s->tokens);
	if (code == ERR_OK && o->control)
		code = behaviour_set(&s->behaviour, text_of(o->control), e);
	if (code == ERR_OK && o->resume)
		code = journal_replay(o->record, s->ledger, &lines, e);
	if (code == ERR_OK)
		code = journal_open(&s->journal, o->record, o->bodies, e);
	s->journal.raw = o->raw;
	if (code == ERR_OK)
		code = station_open(s, o->host, o->port, e);
	if (code == ERR_OK)
		code = port_file_write(s, o->port_file, e);
	return code;
}

int main(int argc, char **argv)
{
	static struct station s;
	struct options o;
	struct buf out;
	struct err e = {.code = ERR_OK};
	enum err_code code;

	if (!options_parse(&o, argc, argv)) {
		(void)fputs(usage, stderr);
		return EX_USAGE;
	}
	code = receiver_open(&s, &o, &e);
	if (code == ERR_OK) {
		station_run(&s);
		buf_init(&out, 1UL << 20);
		station_write_stats(&s, &out);
		(void)fputs(buf_str(&out), stdout);
		buf_done(&out);
	} else {
		(void)fprintf(stderr, "receiver: %s\n", e.msg);
	}
	station_close(&s);
	journal_close(&s.journal);
	ledger_free(s.ledger);
	return err_exit_status(code);
}
