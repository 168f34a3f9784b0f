/* SPDX-License-Identifier: MIT */
#include "control/metrics_label.h"

#include <assert.h>

#include "core/budget.h"
#include "ingest/refusal.h"
#include "sink/answer.h"
#include "sink/breaker.h"
#include "source/runner.h"

static const char *runner_value(size_t i)
{
	return runner_state_name((enum runner_state)i);
}

static const char *breaker_value(size_t i)
{
	return breaker_state_name((enum breaker_state)i);
}

static const char *class_value(size_t i)
{
	static const char *const names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	return names[i];
}

static const char *phase_value(size_t i)
{
	return answer_phase_name((enum answer_phase)i);
}

static const char *reason_value(size_t i)
{
	return refusal_name((enum refusal_reason)i);
}

static const char *level_value(size_t i)
{
	return budget_level_name((enum budget_level)i);
}

static const char *account_value(size_t i)
{
	return budget_account_name((enum budget_account)i);
}

static const struct {
	const char *name;
	size_t first;
	size_t values;
	const char *(*value)(size_t i);
} labels[METRICS_LABEL_COUNT] = {
	[METRICS_LABEL_VERSION] = {"version", 0, 0, NULL},
	[METRICS_LABEL_RUNNER_STATE] = {"state", RUNNER_STOPPED, RUNNER_ACTIVE + 1, runner_value},
	[METRICS_LABEL_BREAKER_STATE] = {"state", BREAKER_CLOSED, BREAKER_DISABLED + 1,
					 breaker_value},
	[METRICS_LABEL_CLASS] = {"class", 0, 6, class_value},
	/* ANSWER_PHASE_NONE is no failure */
	[METRICS_LABEL_PHASE] = {"phase", ANSWER_PHASE_NONE + 1, ANSWER_PHASE_COUNT, phase_value},
	[METRICS_LABEL_LEVEL] = {"level", BUDGET_NORMAL, BUDGET_LEVEL_COUNT, level_value},
	[METRICS_LABEL_ACCOUNT] = {"account", 0, BUDGET_ACCOUNT_COUNT, account_value},
	[METRICS_LABEL_REASON] = {"reason", REFUSAL_NONE + 1, REFUSAL_REASON_COUNT, reason_value},
};

const char *metrics_label_name(enum metrics_label label)
{
	assert(label < METRICS_LABEL_COUNT);
	return labels[label].name;
}

size_t metrics_label_values(enum metrics_label label)
{
	assert(label < METRICS_LABEL_COUNT);
	return labels[label].values;
}

size_t metrics_label_first(enum metrics_label label)
{
	assert(label < METRICS_LABEL_COUNT);
	return labels[label].first;
}

const char *metrics_label_value(enum metrics_label label, size_t i)
{
	assert(label < METRICS_LABEL_COUNT && i < labels[label].values);
	return labels[label].value(i);
}

void metrics_label_escape(struct buf *out, const char *s, bool is_value)
{
	for (; *s; s++) {
		if (*s == '\n') {
			buf_add_str(out, "\\n");
			continue;
		}
		if (*s == '\\' || (is_value && *s == '"'))
			buf_add_char(out, '\\');
		buf_add_char(out, *s);
	}
}
