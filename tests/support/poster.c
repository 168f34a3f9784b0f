/* SPDX-License-Identifier: MIT */
/*
 * Many clients that post large bodies at once: POST /v1/events, each from a connection of its own.
 *
 *     poster --url URL --token TOKEN [--connections 1000] [--requests 1] [--min-kb 1024]
 *            [--max-kb 10240] [--pause-ms 200] [--tries 1] --accepted FILE
 *
 * A body is an array of events of EVENT_BYTES, whose key is {"id":"REQUEST-EVENT"}; bodies are made
 * as they are sent. Each connection posts as many requests as it is told; for one that was not
 * accepted it pauses and posts another, tries times in all. FILE gets a line "REQUEST EVENTS" for
 * each 202, before anything else happens. At the end the counts of answers by status, 0 for none,
 * are written to standard output as JSON.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/random.h"

#define EVENT_BYTES 100000
#define HEAD_BYTES 128
#define STATUS_MAX 600

struct options {
	const char *url, *token, *accepted;
	long connections, requests, min_kb, max_kb, pause_ms, tries;
};

/* One connection. */
struct slot {
	CURL *curl;
	struct curl_slist *headers;
	long left;      /* requests */
	long tries;     /* left */
	long request;   /* its number */
	long events;    /* in its body */
	int64_t sent;   /* bytes of the body */
	int64_t due_us; /* not before */
	bool is_busy;
};

static struct options o = {.connections = 1000,
			   .requests = 1,
			   .min_kb = 1024,
			   .max_kb = 10240,
			   .pause_ms = 200,
			   .tries = 1};
static int64_t by_status[STATUS_MAX];
static long request_count;
static struct random dice;

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

static int64_t body_bytes(const struct slot *s)
{
	return s->events * (EVENT_BYTES + 1) + 1;
}

/* The byte of the body at position at: "[EVENT,EVENT]", and how many like it may be copied. */
static size_t piece_at(const struct slot *s, int64_t at, const char **ret_piece)
{
	static char filler[EVENT_BYTES], head[HEAD_BYTES];
	long event = (long)((at - 1) / (EVENT_BYTES + 1));
	int64_t in = (at - 1) % (EVENT_BYTES + 1);
	int n;

	if (at == 0) {
		*ret_piece = "[";
		return 1;
	}
	if (in == EVENT_BYTES) {
		*ret_piece = event + 1 == s->events ? "]" : ",";
		return 1;
	}
	n = snprintf(head, sizeof(head),
		     "{\"table\":\"flood\",\"operation\":\"insert\",\"key\":{\"id\":\"%ld-%ld\"},"
		     "\"data\":{\"text\":\"",
		     s->request, event);
	if (in < n) {
		*ret_piece = head + in;
		return (size_t)(n - in);
	}
	if (!filler[0]) {
		memset(filler, 'x', sizeof(filler));
		memcpy(filler + EVENT_BYTES - 3, "\"}}", 3);
	}
	*ret_piece = filler + in;
	return (size_t)(EVENT_BYTES - in);
}

static size_t body_read(char *out, size_t one, size_t n, void *ctx)
{
	struct slot *s = ctx;
	const char *piece;
	size_t len, got = 0;

	while (got < one * n && s->sent < body_bytes(s)) {
		len = piece_at(s, s->sent, &piece);
		if (len > one * n - got)
			len = one * n - got;
		memcpy(out + got, piece, len);
		got += len;
		s->sent += (int64_t)len;
	}
	return got;
}

static size_t answer_drop(char *bytes, size_t one, size_t n, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return one * n;
}

static void slot_begin(struct slot *s, CURLM *multi)
{
	char line[256];
	uint64_t kb = (uint64_t)o.min_kb + random_below(&dice, (uint64_t)(o.max_kb - o.min_kb + 1));

	s->request = ++request_count;
	s->events = (long)(kb * 1024 / (EVENT_BYTES + 1));
	s->events = s->events ? s->events : 1;
	s->sent = 0;
	curl_slist_free_all(s->headers);
	s->headers = curl_slist_append(NULL, "Content-Type: application/json");
	(void)snprintf(line, sizeof(line), "Authorization: Bearer %s", o.token);
	s->headers = curl_slist_append(s->headers, line);
	(void)snprintf(line, sizeof(line), "Idempotency-Key: flood-%ld", s->request);
	s->headers = curl_slist_append(s->headers, line);
	curl_easy_reset(s->curl);
	(void)curl_easy_setopt(s->curl, CURLOPT_URL, o.url);
	(void)curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
	(void)curl_easy_setopt(s->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_bytes(s));
	(void)curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, body_read);
	(void)curl_easy_setopt(s->curl, CURLOPT_READDATA, s);
	(void)curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, answer_drop);
	(void)curl_easy_setopt(s->curl, CURLOPT_PRIVATE, s);
	(void)curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, 120L);
	s->is_busy = true;
	s->left--;
	(void)curl_multi_add_handle(multi, s->curl);
}

static void slot_end(struct slot *s, FILE *accepted)
{
	long status = 0;

	(void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	by_status[status >= 0 && status < STATUS_MAX ? status : 0]++;
	s->is_busy = false;
	if (status == 202) {
		(void)fprintf(accepted, "%ld %ld\n", s->request, s->events);
		(void)fflush(accepted);
	} else {
		s->due_us = now_us() + o.pause_ms * CLOCK_US_PER_MS;
		if (--s->tries > 0)
			s->left++;
	}
}

static void flood(struct slot *slots, CURLM *multi, FILE *accepted)
{
	struct CURLMsg *m;
	struct slot *s;
	int running, left;
	long i, open = 1;

	while (open) {
		for (i = 0, open = 0; i < o.connections; i++) {
			s = &slots[i];
			open += s->is_busy || s->left;
			if (!s->is_busy && s->left && now_us() >= s->due_us)
				slot_begin(s, multi);
		}
		(void)curl_multi_perform(multi, &running);
		while ((m = curl_multi_info_read(multi, &left))) {
			CURL *curl = m->easy_handle;

			(void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, &s);
			(void)curl_multi_remove_handle(multi, curl);
			slot_end(s, accepted);
		}
		(void)curl_multi_poll(multi, NULL, 0, 20, NULL);
	}
}

static bool read_options(int argc, char **argv)
{
	const struct {
		const char *name;
		const char **text;
		long *number;
	} all[] = {
		{"--url", &o.url, NULL},           {"--token", &o.token, NULL},
		{"--accepted", &o.accepted, NULL}, {"--connections", NULL, &o.connections},
		{"--requests", NULL, &o.requests}, {"--min-kb", NULL, &o.min_kb},
		{"--max-kb", NULL, &o.max_kb},     {"--pause-ms", NULL, &o.pause_ms},
		{"--max-kb", NULL, &o.max_kb},     {"--tries", NULL, &o.tries},
	};
	size_t k;
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		for (k = 0; k < ARRAY_LEN(all) && strcmp(argv[i], all[k].name) != 0; k++)
			;
		if (k == ARRAY_LEN(all))
			return false;
		if (all[k].text)
			*all[k].text = argv[i + 1];
		else
			*all[k].number = strtol(argv[i + 1], NULL, 10);
	}
	return i == argc && o.url && o.token && o.accepted && o.max_kb >= o.min_kb;
}

int main(int argc, char **argv)
{
	struct slot *slots;
	FILE *accepted;
	CURLM *multi;
	const char *comma = "";
	long i;

	if (!read_options(argc, argv)) {
		(void)fprintf(stderr, "poster: see the head of tests/support/poster.c\n");
		return 64;
	}
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	random_init_seed(&dice, 1);
	slots = calloc((size_t)o.connections, sizeof(*slots));
	accepted = fopen(o.accepted, "a");
	multi = curl_multi_init();
	if (!slots || !accepted || !multi)
		return 71;
	for (i = 0; i < o.connections; i++) {
		slots[i].curl = curl_easy_init();
		slots[i].left = o.requests;
		slots[i].tries = o.tries;
	}
	flood(slots, multi, accepted);
	(void)printf("{");
	for (i = 0; i < STATUS_MAX; i++) {
		if (by_status[i]) {
			(void)printf("%s\"%ld\":%lld", comma, i, (long long)by_status[i]);
			comma = ",";
		}
	}
	(void)printf("}\n");
	for (i = 0; i < o.connections; i++) {
		curl_slist_free_all(slots[i].headers);
		curl_easy_cleanup(slots[i].curl);
	}
	(void)curl_multi_cleanup(multi);
	(void)fclose(accepted);
	free(slots);
	return 0;
}
