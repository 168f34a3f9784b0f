/* SPDX-License-Identifier: MIT */
#include "sink/retry_after.h"

#include <curl/curl.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"

/* delay-seconds is 1*DIGIT; a number that is too large is the largest there is, as RFC 9111 section
 * 1.2.2 has it for others of its kind. false: it is no such number. */
static bool read_seconds(const char *value, int64_t *ret_s)
{
	int64_t s = 0;

	if (!*value)
		return false;
	for (; *value >= '0' && *value <= '9'; value++)
		s = s > RETRY_AFTER_MAX_S ? s : s * 10 + (*value - '0');
	value += strspn(value, " \t");
	if (*value)
		return false;
	*ret_s = s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S;
	return true;
}

int64_t retry_after_s(const char *value, const char *date, int64_t wall_us)
{
	int64_t now_s = wall_us / CLOCK_US_PER_S;
	time_t until, theirs;
	int64_t s;

	value += strspn(value, " \t");
	if (read_seconds(value, &s))
		return s ? s : -1;
	until = curl_getdate(value, NULL);
	if (until == -1)
		return -1;
	theirs = date ? curl_getdate(date, NULL) : -1;
	if (theirs != -1)
		now_s = theirs;
	s = (int64_t)until - now_s;
	if (s <= 0)
		return -1;
	return s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S;
}
