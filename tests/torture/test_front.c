/* SPDX-License-Identifier: MIT */
/*
 * POST /v1/events from its head to its answer, over a real store, while each allocation and each
 * call about a file fails in turn, libmicrohttpd's and SQLite's among them. What was answered 202
 * is stored, what was refused is not, and who comes after is served.
 */
#include "ingest_world.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "certs.h"

/* ---- clients ---- */

static int dial(const struct front *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *port = strrchr(front_address(f), ':') + 1;
	struct timeval most = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)strtol(port, NULL, 10));
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* A request, and what became of it. */
struct ask {
	const char *type;
	bool keyed;
	bool spills;
	bool is_chunked;
	int events;
	int wrong;   /* events behind these that are none */
	long wanted; /* status */
	char table[32];
	int fd;
	long status; /* 0: the connection ended without an answer */
	char answer[512];
};

static void body_write(const struct ask *a, struct buf *out)
{
	int bytes = a->spills ? 40000 : 10, i;

	for (i = 0; i < a->events + a->wrong; i++) {
		buf_add_fmt(out, "{\"table\":\"%s\",\"operation\":\"insert\"", a->table);
		if (i < a->events)
			buf_add_fmt(out, ",\"key\":{\"id\":1},\"data\":{\"a\":\"%0*d\"}", bytes, 1);
		buf_add_str(out, "}\n");
	}
}

/* The server may have enough before all is sent. */
static void say(int fd, struct text t)
{
	ssize_t n = 1;

	while (t.len && n > 0) {
		n = send(fd, t.s, t.len, MSG_NOSIGNAL);
		assert_true(n > 0 || errno != EAGAIN);
		t.s += n > 0 ? n : 0;
		t.len -= n > 0 ? (size_t)n : 0;
	}
}

static void ask_say(const struct front *f, struct ask *a)
{
	struct buf body, out;

	buf_init(&body, 1 << 20);
	buf_init(&out, 1 << 20);
	body_write(a, &body);
	buf_add_fmt(&out,
		    "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN
		    "\r\nContent-Type: application/%s\r\nConnection: close\r\n",
		    a->type);
	if (a->keyed)
		buf_add_fmt(&out, "Idempotency-Key: of-%s\r\n", a->table);
	if (a->is_chunked)
		buf_add_fmt(&out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
			    body.len, buf_str(&body));
	else
		buf_add_fmt(&out, "Content-Length: %zu\r\n\r\n%s", body.len, buf_str(&body));
	assert_int_equal(buf_error(&out), ERR_OK);
	a->fd = dial(f);
	say(a->fd, buf_text(&out));
	buf_done(&out);
	buf_done(&body);
}

static void ask_hear(struct ask *a)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(a->answer) - 1) {
		n = recv(a->fd, a->answer + len, sizeof(a->answer) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 && errno == EAGAIN)
		fail_msg("no answer, and no end of the connection");
	a->answer[len] = '\0';
	a->status = strncmp(a->answer, "HTTP/1.1 ", 9) == 0 ? strtol(a->answer + 9, NULL, 10) : 0;
	(void)close(a->fd);
}

/* ---- what they ask ---- */

enum { KEYED, AGAIN, LINES, LARGE, WRONG, TOO_MUCH, ASKS };

static const struct ask asks[ASKS] = {
	[KEYED] = {.type = "json", .keyed = true, .events = 1, .wanted = 202},
	[AGAIN] = {.type = "json", .keyed = true, .events = 1, .wanted = 202},
	[LINES] = {.type = "x-ndjson", .events = 3, .wanted = 202},
	[LARGE] = {.type = "x-ndjson", .keyed = true, .spills = true, .events = 3, .wanted = 202},
	[WRONG] = {.type = "x-ndjson", .events = 2, .wrong = 1, .wanted = 422},
	[TOO_MUCH] = {.type = "x-ndjson",
		      .spills = true,
		      .is_chunked = true,
		      .events = 8,
		      .wanted = 413},
};

static void ask_new(const struct world *w, struct ask *a, int i)
{
	*a = asks[i == ASKS ? KEYED : i];
	(void)snprintf(a->table, sizeof(a->table), "t%lld_%d", (long long)w->life,
		       i == AGAIN ? KEYED : i);
}

/* An answer that is not the one that is due says that it is not the client's fault. */
static void status_judge(const struct world *w, const struct ask *a)
{
	if (a->status != a->wanted && (life_is_sound(w) || (a->status && a->status < 500)))
		fail_msg("%s: %ld in place of %ld", a->table, a->status, a->wanted);
}

/* silent: somebody had no answer, and cannot know. */
static void rows_judge(struct world *w, sqlite3 *later, const struct ask *a, bool taken,
		       bool silent)
{
	int64_t rows = count_in(w->db, a->table), again = count_in(later, a->table);
	int stored = a->wanted == 202 ? a->events : 0;
	bool fits = taken ? rows == stored && again == stored
			  : (!rows || (silent && rows == stored)) && (!again || again == stored);

	if (!fits)
		fail_msg("%s: %ld, and %lld rows, %lld after a restart", a->table, a->status,
			 (long long)rows, (long long)again);
}

static void ask_all(struct world *w, const struct front *f)
{
	struct ask all[ASKS];
	const struct ask *a = all, *again = &all[AGAIN];
	sqlite3 *later;
	int i;

	for (i = 0; i < ASKS; i++)
		ask_new(w, &all[i], i);
	ask_say(f, &all[KEYED]);
	ask_hear(&all[KEYED]);
	for (i = AGAIN; i < ASKS; i++) /* together */
		ask_say(f, &all[i]);
	for (i = AGAIN; i < ASKS; i++)
		ask_hear(&all[i]);
	later = restart(w);
	rows_judge(w, later, a, a->status == 202 || again->status == 202,
		   !a->status || !again->status);
	for (i = 0; i < ASKS; i++) {
		status_judge(w, &all[i]);
		if (i > AGAIN)
			rows_judge(w, later, &all[i], all[i].status == 202, !all[i].status);
	}
	restart_end(w, later);
}

static void ask_once_more(struct world *w, const struct front *f)
{
	struct ask a;

	ask_new(w, &a, ASKS);
	w->ahead_us += AWAY_US;
	ask_say(f, &a);
	ask_hear(&a);
	if (a.status != 202)
		fail_msg("not served: %s", a.answer);
	assert_int_equal(count_in(w->db, a.table), 1);
}

/* ---- lives ---- */

static struct front_options options_of(struct world *w)
{
	return (struct front_options){.settings = &w->settings,
				      .clock = &w->clock,
				      .budget = w->budget,
				      .tally = &w->tally};
}

static enum err_code front_life(void *ctx)
{
	struct world *w = ctx;
	const struct front_options o = options_of(w);
	struct err e = {.code = ERR_OK};
	struct front *f = NULL;
	enum err_code code;

	life_begin(w);
	code = front_start(&o, &f, &e);
	if (code == ERR_IO && w->kind == TORTURE_MEMORY)
		code = ERR_NOMEM; /* libmicrohttpd does not say what it was */
	torture_suspend();
	if (code == ERR_OK) {
		ask_all(w, f);
		torture_end();
		ask_once_more(w, f);
	}
	torture_resume();
	front_stop(f, clock_now_us(&w->clock) + WAIT_US);
	assert_int_equal(w->tally.in_progress, 0);
	assert_int_equal(w->tally.connections, 0);
	life_end(w);
	return life_code(w, code, &e);
}

static void what_is_answered_is_so(void **state)
{
	struct world *w = *state;

	assert_true(torture_sample(TORTURE_MEMORY, 40, front_life, w) >= 100);
	for (w->kind = TORTURE_ERROR; w->kind <= TORTURE_EINTR; w->kind++)
		assert_true(torture_sample(w->kind, w->kind == TORTURE_ERROR ? 30 : 8, front_life,
					   w) >= 20);
}

static enum err_code tls_life(void *ctx)
{
	struct world *w = ctx;
	const struct front_options o = options_of(w);
	struct err e = {.code = ERR_OK};
	struct front *f = NULL;
	enum err_code code;

	life_begin(w);
	code = front_start(&o, &f, &e);
	front_stop(f, clock_now_us(&w->clock));
	if (code == ERR_CONFIG && w->kind == TORTURE_MEMORY) {
		code = ERR_NOMEM; /* nor does it here, and leaves a descriptor of its own behind */
		w->descriptors = torture_descriptors(w->path);
	}
	life_end(w);
	return life_code(w, code, &e);
}

static void a_front_with_tls_starts_or_leaves_nothing(void **state)
{
	static char cert_path[96], key_path[96];
	struct world *w = *state;
	struct cert c = cert_new("127.0.0.1", NULL, 10);

	(void)snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", w->dir);
	(void)snprintf(key_path, sizeof(key_path), "%s/key.pem", w->dir);
	cert_write(&c, cert_path, key_path, NULL);
	cert_free(&c);
	w->settings.ingest.tls_cert = cert_path;
	w->settings.ingest.tls_key = key_path;
	assert_true(torture_sample(TORTURE_MEMORY, 40, tls_life, w) >= 10);
	w->kind = TORTURE_ERROR;
	assert_true(torture_sample(w->kind, 40, tls_life, w) >= 5);
	(void)unlink(cert_path);
	(void)unlink(key_path);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_answered_is_so),
		CASE(a_front_with_tls_starts_or_leaves_nothing),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("torture/front", tests, NULL, NULL);
}
