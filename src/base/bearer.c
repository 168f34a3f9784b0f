/* SPDX-License-Identifier: MIT */
#include "base/bearer.h"

#include <string.h>
#include <strings.h>

const char *bearer_find(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	/* the scheme's name in any case: RFC 9110 section 11.1 */
	if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	return authorization + sizeof(scheme) - 1;
}

bool bearer_is_equal(const char *token, const char *given)
{
	size_t token_len = strlen(token);
	size_t given_len = strlen(given);
	volatile unsigned char differ = token_len != given_len;
	size_t i;

	for (i = 0; i < given_len; i++)
		differ |= (unsigned char)(given[i] ^ token[token_len ? i % token_len : 0]);
	return differ == 0;
}
