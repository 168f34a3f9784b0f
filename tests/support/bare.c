/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define BODY_START_BYTES 1024

struct batch { /* of rows, alive while any of them is in flight */
	void *rows;
	int count;
	int next;    /* the next to send */
	int settled; /* answered */
};

struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t cap;
	struct batch *batch;
	char id[32];
};

struct loop {
	const struct bare_db *ops;
	void *db;
	CURLM *multi;
	int epoll;
	const char *url;
	int in_flight_max;
	int batch_rows;
	struct transfer *transfers;
	struct transfer **idle;
	int idle_count;
	struct batch *current; /* being sent */
	struct batch *ahead;   /* read, waits for current to be sent */
	char last_id[32];
	char *done; /* "{1,2,3": ids to delete */
	size_t done_len, done_cap;
	int done_count;
	enum { DB_IDLE, DB_READING, DB_DELETING } db_state;
	bool no_more; /* the last read found nothing */
	int64_t due_us;
	int64_t events;
};

void bare_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("bare loop: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *grow(void *p, size_t *cap, size_t want)
{
	size_t size = *cap ? *cap : BODY_START_BYTES;

	if (want <= *cap)
		return p;
	while (size < want)
		size *= 2;
	p = realloc(p, size);
	if (!p)
		bare_die("no memory");
	*cap = size;
	return p;
}

/* The database: one statement at a time, answers as they come */

static void db_take_rows(struct loop *l, void *rows)
{
	size_t len;
	int count = l->ops->count(rows);

	l->no_more = count == 0;
	if (!count) {
		l->ops->free(rows);
		return;
	}
	(void)snprintf(l->last_id, sizeof(l->last_id), "%s",
		       l->ops->value(rows, count - 1, BARE_ID, &len));
	l->ahead = calloc(1, sizeof(*l->ahead));
	if (!l->ahead)
		bare_die("no memory");
	l->ahead->rows = rows;
	l->ahead->count = count;
}

static void db_ready(struct loop *l)
{
	void *rows = NULL;

	if (l->db_state == DB_IDLE || !l->ops->take(l->db, &rows))
		return;
	l->db_state = DB_IDLE;
	if (rows)
		db_take_rows(l, rows);
}

static void db_send_delete(struct loop *l)
{
	l->done[l->done_len++] = '}';
	l->done[l->done_len] = '\0';
	l->db_state = DB_DELETING;
	l->ops->remove(l->db, l->done, l->done_len);
	l->done_len = 1;
	l->done_count = 0;
}

/* Give the connection its next work: deletes by the batch, reads one batch ahead. */
static void db_next(struct loop *l)
{
	if (l->db_state != DB_IDLE)
		return;
	if (!l->ahead && !l->no_more) {
		l->db_state = DB_READING;
		l->ops->read(l->db, l->last_id);
	} else if (l->done_count >= l->batch_rows ||
		   (l->done_count && l->no_more && l->idle_count == l->in_flight_max)) {
		db_send_delete(l);
	}
	if (l->ops->fd(l->db) < 0)
		db_ready(l);
}

static void db_open(struct loop *l, const char *where)
{
	struct epoll_event ev = {.events = EPOLLIN};

	l->db = l->ops->open(where, l->batch_rows);
	ev.data.fd = l->ops->fd(l->db);
	if (ev.data.fd >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, ev.data.fd, &ev) != 0)
		bare_die("epoll_ctl: %s", strerror(errno));
	(void)snprintf(l->last_id, sizeof(l->last_id), "0");
	l->done = grow(NULL, &l->done_cap, (size_t)l->batch_rows * 32);
	l->done[l->done_len++] = '{';
}

/* Bodies: put together from the row's text, as the daemon's default is */

static const struct member {
	const char *name; /* with the punctuation in front */
	enum bare_column column;
	bool is_string; /* else JSON already */
} members[] = {
	{",\"pipeline\":", BARE_PIPELINE, true}, {",\"operation\":", BARE_OPERATION, true},
	{",\"schema\":", BARE_SCHEMA, true},     {",\"table\":", BARE_TABLE, true},
	{",\"key\":", BARE_KEY, false},          {",\"changed_at\":", BARE_CHANGED_AT, true},
	{",\"data\":", BARE_DATA, false},        {",\"old_data\":", BARE_OLD_DATA, false},
};
#define MEMBERS (sizeof(members) / sizeof(*members))

static char *put(char *at, const char *s, size_t len)
{
	memcpy(at, s, len);
	return at + len;
}

static size_t body_make(const struct loop *l, struct transfer *t, const void *rows, int row)
{
	const char *value[MEMBERS];
	size_t len[MEMBERS], want = 256, i;
	char *at;

	for (i = 0; i < MEMBERS; i++) {
		value[i] = l->ops->value(rows, row, members[i].column, &len[i]);
		want += value[i] ? len[i] : 4;
	}
	t->body = grow(t->body, &t->cap, want);
	at = t->body + snprintf(t->body, t->cap, "{\"id\":\"bare-%s\"", t->id);
	for (i = 0; i < MEMBERS; i++) {
		at = put(at, members[i].name, strlen(members[i].name));
		if (!value[i]) {
			at = put(at, "null", 4);
			continue;
		}
		if (members[i].is_string)
			*at++ = '"';
		at = put(at, value[i], len[i]);
		if (members[i].is_string)
			*at++ = '"';
	}
	*at++ = '}';
	return (size_t)(at - t->body);
}

/* libcurl */

static size_t discard(char *data, size_t size, size_t n, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * n;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct loop *l = ctx;
	struct epoll_event ev = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(l->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0)
		bare_die("epoll_ctl: %s", strerror(errno));
	if (!known)
		(void)curl_multi_assign(l->multi, fd, l);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct loop *l = ctx;

	(void)multi;
	l->due_us = ms < 0 ? INT64_MAX : now_us() + ms * 1000;
	return 0;
}

static void transfer_init(struct loop *l, struct transfer *t)
{
	static char content[] = "Content-Type: application/json", no_expect[] = "Expect:";

	t->easy = curl_easy_init();
	t->headers = curl_slist_append(NULL, content);
	t->headers = curl_slist_append(t->headers, no_expect);
	if (!t->easy || !t->headers)
		bare_die("no memory");
	(void)curl_easy_setopt(t->easy, CURLOPT_URL, l->url);
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	(void)curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, 30000L);
	(void)curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, discard);
	(void)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
}

static void http_open(struct loop *l)
{
	int i;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		bare_die("curl_global_init failed");
	l->multi = curl_multi_init();
	l->transfers = calloc((size_t)l->in_flight_max, sizeof(*l->transfers));
	l->idle = calloc((size_t)l->in_flight_max, sizeof(struct transfer *));
	if (!l->multi || !l->transfers || !l->idle)
		bare_die("no memory");
	(void)curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	(void)curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	(void)curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)l->in_flight_max);
	for (i = 0; i < l->in_flight_max; i++) {
		transfer_init(l, &l->transfers[i]);
		l->idle[l->idle_count++] = &l->transfers[i];
	}
}

/* Start as many rows as there are idle handles. */
static void http_start(struct loop *l)
{
	struct transfer *t;
	struct batch *b;
	size_t len;

	while (l->idle_count) {
		if (!l->current || l->current->next == l->current->count) {
			if (!l->ahead)
				return;
			l->current = l->ahead;
			l->ahead = NULL;
		}
		b = l->current;
		t = l->idle[--l->idle_count];
		t->batch = b;
		(void)snprintf(t->id, sizeof(t->id), "%s",
			       l->ops->value(b->rows, b->next, BARE_ID, &len));
		len = body_make(l, t, b->rows, b->next++);
		(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
		(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)len);
		if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
			bare_die("curl_multi_add_handle failed");
	}
}

static void batch_settle(struct loop *l, struct batch *b)
{
	if (++b->settled < b->count)
		return;
	if (l->current == b)
		l->current = NULL;
	l->ops->free(b->rows);
	free(b);
}

static void http_settled(struct loop *l, struct transfer *t)
{
	size_t len = strlen(t->id);

	l->done = grow(l->done, &l->done_cap, l->done_len + len + 4);
	if (l->done_count++)
		l->done[l->done_len++] = ',';
	memcpy(l->done + l->done_len, t->id, len);
	l->done_len += len;
	l->events++;
	batch_settle(l, t->batch);
	l->idle[l->idle_count++] = t;
}

static void http_reap(struct loop *l)
{
	struct transfer *t;
	CURLMsg *msg;
	long status;
	int left;

	while ((msg = curl_multi_info_read(l->multi, &left)) != NULL) {
		if (msg->data.result != CURLE_OK)
			bare_die("%s", curl_easy_strerror(msg->data.result));
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		if (status / 100 != 2)
			bare_die("the receiver answered %ld", status);
		(void)curl_multi_remove_handle(l->multi, msg->easy_handle);
		http_settled(l, t);
	}
}

static void loop_turn(struct loop *l)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t left_us = l->due_us == INT64_MAX ? 1000000 : l->due_us - now_us();
	int running, mask, i, n;

	n = epoll_wait(l->epoll, events, EVENTS_MAX,
		       left_us <= 0 ? 0 : (int)((left_us + 999) / 1000));
	for (i = 0; i < n; i++) {
		if (events[i].data.fd == l->ops->fd(l->db)) {
			db_ready(l);
			continue;
		}
		mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		       (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
		(void)curl_multi_socket_action(l->multi, events[i].data.fd, mask, &running);
	}
	if (l->due_us <= now_us()) {
		l->due_us = INT64_MAX;
		(void)curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	http_reap(l);
}

static bool loop_is_done(const struct loop *l)
{
	return l->no_more && !l->ahead && !l->current && !l->done_count && l->db_state == DB_IDLE;
}

static void report(const struct loop *l, int64_t spent_us)
{
	struct rusage u;
	double n = l->events ? (double)l->events : 1;
	int64_t cpu_us;

	(void)getrusage(RUSAGE_SELF, &u);
	cpu_us = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000L + u.ru_utime.tv_usec +
		 u.ru_stime.tv_usec;
	(void)printf("{\"events\":%lld,\"seconds\":%.3f,\"events_per_s\":%.0f,"
		     "\"cpu_us_per_event\":%.2f,\"rss_kb\":%ld}\n",
		     (long long)l->events, (double)spent_us / 1e6, n * 1e6 / (double)spent_us,
		     (double)cpu_us / n, u.ru_maxrss);
}

static void loop_close(struct loop *l)
{
	int i;

	for (i = 0; i < l->in_flight_max; i++) {
		curl_easy_cleanup(l->transfers[i].easy);
		curl_slist_free_all(l->transfers[i].headers);
		free(l->transfers[i].body);
	}
	(void)curl_multi_cleanup(l->multi);
	curl_global_cleanup();
	l->ops->close(l->db);
	free(l->transfers);
	free((void *)l->idle);
	free(l->done);
	(void)close(l->epoll);
}

int bare_main(const struct bare_db *db, int argc, char **argv)
{
	struct loop l = {.ops = db, .in_flight_max = 64, .batch_rows = 1000, .due_us = INT64_MAX};
	int64_t start_us;

	if (argc < 3)
		bare_die("usage: bare_KIND WHERE URL [IN_FLIGHT [BATCH]]");
	l.url = argv[2];
	if (argc > 3)
		l.in_flight_max = (int)strtol(argv[3], NULL, 10);
	if (argc > 4)
		l.batch_rows = (int)strtol(argv[4], NULL, 10);
	if (l.in_flight_max < 1 || l.batch_rows < 1)
		bare_die("IN_FLIGHT and BATCH are numbers from 1");
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	db_open(&l, argv[1]);
	http_open(&l);
	start_us = now_us();
	while (!loop_is_done(&l)) {
		db_next(&l);
		http_start(&l);
		if (!loop_is_done(&l))
			loop_turn(&l);
	}
	report(&l, now_us() - start_us);
	loop_close(&l);
	return 0;
}
