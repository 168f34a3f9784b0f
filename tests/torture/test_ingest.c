/* SPDX-License-Identifier: MIT */
/*
 * The parts of src/ingest, while each allocation and each call about a file fails in turn: bodies,
 * their events, keys, the door.
 */
#include "ingest_world.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "ingest/body.h"
#include "ingest/door.h"
#include "ingest/posted.h"
#include "ingest/recent.h"
#include "ingest/tokens.h"

/* ---- bodies ---- */

#define PIECE 5000
#define PIECES 20

static void piece_fill(char *out, int number)
{
	int i;

	for (i = 0; i < PIECE; i++)
		out[i] = (char)('a' + (number * 7 + i) % 26);
}

static enum err_code body_read_back(struct body *b, struct err *e)
{
	char want[PIECE], got[PIECE];
	enum err_code code = ERR_OK;
	size_t n, have;
	int i;

	for (i = 0; i < PIECES && code == ERR_OK; i++) {
		piece_fill(want, i);
		for (have = 0; have < PIECE && code == ERR_OK; have += n)
			code = body_read(b, got + have, PIECE - have, &n, e);
		if (code == ERR_OK)
			assert_memory_equal(want, got, PIECE);
	}
	return code;
}

static enum err_code body_life(void *ctx)
{
	uint8_t digest[BODY_DIGEST_BYTES];
	struct world *w = ctx;
	struct err e = {.code = ERR_OK};
	char piece[PIECE];
	struct body b;
	enum err_code code;
	int i;

	life_begin(w);
	code = body_init(&b, w->dir, w->budget, true, &e);
	for (i = 0; i < PIECES && code == ERR_OK; i++) {
		piece_fill(piece, i);
		code = body_add(&b, piece, PIECE, &e);
	}
	if (code == ERR_OK)
		code = body_digest(&b, digest, &e);
	if (code == ERR_OK)
		code = body_read_back(&b, &e);
	if (code == ERR_IO && b.fd >= 0 && strstr(e.msg, "write"))
		assert_int_equal(e.sys, ENOSPC); /* what the client hears of */
	body_done(&b);
	life_end(w);
	return life_code(w, code, &e);
}

static void a_body_is_whole_or_an_error(void **state)
{
	struct world *w = *state;

	assert_true(torture_run(body_life, w) >= 2);
	for (w->kind = TORTURE_ERROR; w->kind <= TORTURE_EINTR; w->kind++)
		assert_true(torture_sample(w->kind, 100, body_life, w) >= 10);
}

/* ---- events ---- */

static const char events_text[] =
	"[ {\"table\":\"t\\u0061\",\"operation\":\"update\",\"schema\":\"s\\\"\",\n"
	"  \"key\":{\"i\\u0064\":1,\"b\":2},\"data\":{\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxx\"},\n"
	"  \"old_data\":null},\n {\"table\":\"b\",\"operation\":\"delete\",\"key\":{\"id\":1}} ]\n";

/* Seven bytes at a time, so that a read may fail anywhere. */
static enum err_code events_read(void *ctx, char *out, size_t most, size_t *ret_len, struct err *e)
{
	size_t *at = ctx, left = sizeof(events_text) - 1 - *at;

	if (torture_point(TORTURE_ERROR))
		return err_set(e, ERR_IO, "cannot read");
	*ret_len = left < 7 ? left : 7;
	assert_true(*ret_len <= most);
	memcpy(out, events_text + *at, *ret_len);
	*at += *ret_len;
	return ERR_OK;
}

static enum err_code events_life(void *ctx)
{
	struct world *w = ctx;
	size_t at = 0;
	const struct posted_options o = {
		.format = POSTED_JSON, .max_event_bytes = 1 << 16, .read = events_read, .ctx = &at};
	enum posted_step step;
	struct inlet_event ev;
	struct posted *p;
	struct refusal r;
	struct err e = {.code = ERR_OK};
	enum err_code code = posted_new(&o, &p, &e);

	if (code != ERR_OK)
		return code;
	while ((step = posted_next(p, &ev, &r, &e)) == POSTED_EVENT)
		assert_true(text_eq(ev.table, text_of(posted_count(p) == 1 ? "ta" : "b")));
	assert_int_not_equal(step, POSTED_REFUSED); /* the client has made no mistake */
	if (step == POSTED_END)
		assert_int_equal(posted_count(p), 2);
	else
		code = e.code;
	/* nothing comes behind either */
	assert_int_equal(posted_next(p, &ev, &r, &e), POSTED_END);
	posted_free(p);
	return life_code(w, code, &e);
}

static void events_are_whole_or_the_body_is_given_up(void **state)
{
	struct world *w = *state;

	assert_true(torture_run(events_life, w) >= 6);
	w->kind = TORTURE_ERROR;
	assert_true(torture_sample(w->kind, 100, events_life, w) >= 20);
}

/* ---- keys, tokens, answers ---- */

static enum err_code keys_life(void *ctx)
{
	struct world *w = ctx;
	struct inlet_request q = {.token = TEXT_LIT("shop")};
	struct tokens *t = NULL;
	struct recent *r = NULL;
	enum err_code code = tokens_new(&w->settings.ingest, &t, NULL);
	char key[16];
	int i;

	if (code == ERR_OK)
		code = recent_new(&w->settings.ingest, w->budget, &w->clock, &r, NULL);
	if (code == ERR_OK)
		assert_int_equal(tokens_find(t, "Bearer " TOKEN), 0);
	for (i = 0; i < 10 && code == ERR_OK; i++) {
		(void)snprintf(key, sizeof(key), "key %d", i);
		q.key = text_of(key);
		recent_note(r, 0, &q, i);
		/* what there is no memory for is not known, and the store is asked */
		assert_int_not_equal(recent_find(r, 0, &q).outcome, INLET_CONFLICT);
	}
	recent_tidy(r);
	recent_free(r);
	tokens_free(t);
	assert_int_equal(budget_stats(w->budget).used_bytes, 0);
	return code;
}

static enum err_code answer_life(void *ctx)
{
	char out[REFUSAL_HTTP_BYTES];
	struct refusal r;

	(void)ctx;
	refusal_set(&r, REFUSAL_DISK, "no \"room\"");
	return refusal_format(&r, out) ? ERR_OK : ERR_NOMEM;
}

static void keys_and_answers_are_there_or_not(void **state)
{
	assert_true(torture_run(keys_life, *state) >= 14);
	assert_true(torture_run(answer_life, *state) >= 1);
}

/* ---- the door ---- */

struct porch {
	_Atomic int taken;
	_Atomic int guest; /* -1: none; who is let in next goes into it */
	int limit;
};

static bool porch_take(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	struct porch *p = ctx;

	(void)from;
	(void)len;
	if (p->taken == p->limit)
		return false;
	p->taken++;
	p->guest = fd;
	return true;
}

static const char *porch_refuse(void *ctx)
{
	(void)ctx;
	return "full\n";
}

static void porch_tick(void *ctx)
{
	(void)ctx;
}

static int dial(const char *address)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval most = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void await_guest(const struct porch *p)
{
	int64_t until_us = clock_now_us(clock_system()) + WAIT_US;

	while (p->guest < 0 && clock_now_us(clock_system()) < until_us)
		(void)poll(NULL, 0, 1);
	assert_true(p->guest >= 0);
}

/* Descriptors are there again, once there was none for somebody. */
static void await_failure(long before)
{
	int64_t until_us = clock_now_us(clock_system()) + WAIT_US;

	while (torture_count() == before && clock_now_us(clock_system()) < until_us)
		(void)poll(NULL, 0, 1);
	torture_end();
}

/* One is let in, one hears that it is full: sooner or later. */
static void visit(struct door *d, const struct porch *p, bool fails)
{
	long before = torture_count();
	char words[16];
	int first, second;

	first = dial(door_address(d));
	second = dial(door_address(d));
	if (fails)
		await_failure(before);
	await_guest(p);
	assert_int_equal(recv(second, words, sizeof(words), MSG_WAITALL), 5);
	door_linger(d, p->guest);
	assert_int_equal(recv(first, words, sizeof(words), 0), 0);
	(void)close(first);
	(void)close(second);
}

static enum err_code door_life(void *ctx)
{
	struct world *w = ctx;
	struct porch p = {.guest = -1, .limit = 1};
	const struct door_ops ops = {porch_take, porch_refuse, porch_tick, &p};
	struct door *d = NULL;
	struct err e = {.code = ERR_OK};
	enum err_code code;

	life_begin(w);
	code = door_open("127.0.0.1:0", &ops, clock_system(), &d, &e);
	if (code == ERR_OK)
		code = door_start(d, &e);
	torture_suspend();
	if (code == ERR_OK)
		visit(d, &p, w->kind == TORTURE_ERROR && torture_fails_on());
	torture_resume();
	if (d)
		door_stop(d);
	door_free(d);
	life_end(w);
	return life_code(w, code, &e);
}

static void a_door_opens_or_says_why_and_lets_in_when_it_can(void **state)
{
	struct world *w = *state;

	assert_true(torture_run(door_life, w) >= 2);
	w->kind = TORTURE_ERROR;
	assert_true(torture_sample(w->kind, 100, door_life, w) >= 4);
	w->kind = TORTURE_EINTR;
	assert_true(torture_sample(w->kind, 100, door_life, w) >= 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_body_is_whole_or_an_error),
		CASE(events_are_whole_or_the_body_is_given_up),
		CASE(keys_and_answers_are_there_or_not),
		CASE(a_door_opens_or_says_why_and_lets_in_when_it_can),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("torture/ingest", tests, NULL, NULL);
}
