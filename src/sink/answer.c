/* SPDX-License-Identifier: MIT */
/* The first row whose range holds the status decides, so exceptions stand above their class. */
#include "sink/answer.h"

#include <assert.h>

#include "base/attr.h"

static const struct {
	int lo;
	int hi;
	struct answer answer;
} answer_table[] = {
	{200, 299, {ANSWER_DELIVERED, ANSWER_BLAME_NONE, false, false}},
	{408, 408, {ANSWER_RETRY, ANSWER_BLAME_EVENT, false, false}},
	{410, 410, {ANSWER_REFUSED, ANSWER_BLAME_RECEIVER, true, false}},
	{425, 425, {ANSWER_RETRY, ANSWER_BLAME_EVENT, false, false}},
	{429, 429, {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false, false}},
	{502, 504, {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false, false}},
	/* a status above 599 is to be taken as a 5xx: RFC 9110 section 15 */
	{500, 999, {ANSWER_RETRY, ANSWER_BLAME_EVENT, false, false}},
	{100, 499, {ANSWER_REFUSED, ANSWER_BLAME_EVENT, false, false}},
};

static const char *const answer_phase_names[ANSWER_PHASE_COUNT] = {
	[ANSWER_PHASE_NONE] = "none",       [ANSWER_PHASE_LOOKUP] = "lookup",
	[ANSWER_PHASE_CONNECT] = "connect", [ANSWER_PHASE_TLS] = "tls",
	[ANSWER_PHASE_SEND] = "send",       [ANSWER_PHASE_FIRST_BYTE] = "first_byte",
	[ANSWER_PHASE_BODY] = "body",       [ANSWER_PHASE_DENIED] = "denied",
	[ANSWER_PHASE_TOKEN] = "token",
};

struct answer answer_of_status(int status)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(answer_table); i++)
		if (status >= answer_table[i].lo && status <= answer_table[i].hi)
			return answer_table[i].answer;
	/* not a status at all: as if there had been no answer */
	return answer_of_failure(ANSWER_PHASE_FIRST_BYTE);
}

struct answer answer_with_disable(struct answer a)
{
	if (a.verdict != ANSWER_DELIVERED)
		return answer_of_status(410);
	a.disable = true;
	return a;
}

bool answer_is_pause(int status)
{
	return status == 429 || status == 503;
}

struct answer answer_of_failure(enum answer_phase phase)
{
	assert(phase < ANSWER_PHASE_COUNT);
	return (struct answer){ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false,
			       phase == ANSWER_PHASE_TOKEN};
}

const char *answer_phase_name(enum answer_phase phase)
{
	assert(phase < ANSWER_PHASE_COUNT);
	return answer_phase_names[phase];
}
