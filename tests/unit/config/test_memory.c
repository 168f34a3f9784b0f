/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/log_queue.h"
#include "config/load.h"
#include "config/memory_limit.h"

#define MB (1024LL * 1024)
#define REST "database: {database: d, table: t}\nwebhook: {url: http://h}\n"

/* Files of the machine that a test runs on; NULL path: the end. */
struct machine {
	const struct {
		const char *path;
		const char *content;
	} files[8];
};

static struct machine no_limit = {{
	{"/proc/self/cgroup", "0::/user.slice\n"},
	{"/sys/fs/cgroup/user.slice/memory.max", "max\n"},
	{"/proc/meminfo", "MemTotal:        4194304 kB\nMemFree:  1 kB\n"},
}};
static struct machine small_group = {{
	{"/proc/self/cgroup", "0::/system.slice/x.service\n"},
	{"/sys/fs/cgroup/system.slice/x.service/memory.max", "max\n"},
	{"/sys/fs/cgroup/system.slice/memory.max", "104857600\n"},
	{"/sys/fs/cgroup/memory.max", "209715200\n"},
	{"/proc/meminfo", "MemTotal:        4194304 kB\n"},
}};
/* a container with version 1: the path is the host's */
static struct machine old_group = {{
	{"/proc/self/cgroup", "5:cpu:/docker/1\n4:memory:/docker/1\n"},
	{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "41943040\n"},
}};
static struct machine old_without = {{
	{"/proc/self/cgroup", "4:memory:/\nnonsense\n"},
	{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
}};
static struct machine unknown = {{{NULL, NULL}}};

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	const struct machine *m = ctx;
	size_t i;

	for (i = 0; m->files[i].path; i++) {
		if (strcmp(m->files[i].path, path) != 0)
			continue;
		buf_add_str(out, m->files[i].content);
		return buf_error(out);
	}
	return err_set(e, ERR_NOT_FOUND, "cannot open %s", path);
}

static struct config_env env_of(struct machine *m)
{
	return (struct config_env){.get = get, .read_file = read_file, .ctx = m};
}

static struct settings load_on(struct machine *m, const char *yaml)
{
	const struct config_env env = env_of(m);
	struct settings s;
	struct buf mistakes;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	if (config_parse("f", text_of(yaml), &env, &s, &mistakes, NULL) != ERR_OK)
		fail_msg("%s", buf_str(&mistakes));
	buf_done(&mistakes);
	return s;
}

static void the_limit_is_the_least_of_the_groups(void **state)
{
	static const struct {
		struct machine *m;
		int64_t group, machine;
	} cases[] = {
		{&no_limit, 0, 4096 * MB}, {&small_group, 100 * MB, 4096 * MB},
		{&old_group, 40 * MB, 0},  {&old_without, 0, 0},
		{&unknown, 0, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct config_env env = env_of(cases[i].m);

		assert_int_equal(memory_limit_of_group(&env), cases[i].group);
		assert_int_equal(memory_limit_of_machine(&env), cases[i].machine);
	}
}

static void max_is_a_size_or_a_share(void **state)
{
	static const struct {
		struct machine *m;
		const char *memory;
		int64_t max, queue;
	} cases[] = {
		{&no_limit, "", 64 * MB, 32 * MB},
		{&unknown, "", 64 * MB, 32 * MB},
		{&small_group, "", 50 * MB, 25 * MB},
		{&old_group, "", 20 * MB, 10 * MB},
		{&small_group, "memory: {max: 80MB}\n", 80 * MB, 40 * MB},
		{&small_group, "memory: {max: 25%}\n", 25 * MB, 25 * MB / 2},
		{&no_limit, "memory: {max: 50 %}\n", 2048 * MB, 1024 * MB},
		{&no_limit, "memory: {max: 64MB}\nqueue: {max_bytes: 64MB}\n", 64 * MB, 64 * MB},
	};
	char yaml[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct settings s;

		(void)snprintf(yaml, sizeof(yaml), REST "%s", cases[i].memory);
		s = load_on(cases[i].m, yaml);
		assert_int_equal(s.memory.max_bytes / MB, cases[i].max / MB);
		assert_int_equal(s.queue.max_bytes / MB, cases[i].queue / MB);
		settings_done(&s);
	}
}

/* Where rows may be large for the budget, queues have less than half of it: the largest one can be
 * read beside them. */
static void a_read_of_the_largest_row_fits_beside_full_queues(void **state)
{
	static const struct {
		const char *more;
		int64_t max, row;
	} cases[] = {
		{"listener: {max_event_bytes: 7800kB}\n", 64 * MB, 7800 * 1024},
		{"memory: {max: 9MB}\n", 9 * MB, MB},
		{"memory: {max: 12MB}\n", 12 * MB, MB},
		{"memory: {max: 100MB}\nlistener: {max_event_bytes: 12MB}\n"
		 "logging: {queue_lines: 100}\n",
		 100 * MB, 12 * MB},
	};
	char yaml[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct settings s;
		int64_t log, row = 2 * cases[i].row;

		(void)snprintf(yaml, sizeof(yaml), REST "%s", cases[i].more);
		s = load_on(&no_limit, yaml);
		log = (int64_t)log_queue_bytes((size_t)s.logging.queue_lines);
		assert_int_equal(s.memory.max_bytes, cases[i].max);
		assert_true(s.queue.max_bytes >= row);
		assert_int_equal(s.queue.max_bytes, cases[i].max - 3 * row - log);
		settings_done(&s);
	}
}

static void pipelines_that_ask_for_more_than_half_get_it(void **state)
{
	static const char head[] = REST "pipelines:\n";
	static const struct {
		const char *pipelines;
		int64_t queue;
	} cases[] = {
		{"  - {name: a, max_bytes: 4MB}\n  - {name: b}\n", 32 * MB},
		{"  - {name: a, max_bytes: 40MB}\n", 40 * MB},
		{"  - {name: a, max_bytes: 40MB}\n  - {name: b}\n", 56 * MB},
		{"  - {name: a, max_bytes: 60MB}\n  - {name: b}\n", 64 * MB},
	};
	char yaml[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct settings s;

		(void)snprintf(yaml, sizeof(yaml), "%s%s", head, cases[i].pipelines);
		s = load_on(&no_limit, yaml);
		assert_int_equal(s.queue.max_bytes, cases[i].queue);
		settings_done(&s);
	}
}

static void critical_pipelines_have_a_share_of_their_own(void **state)
{
	struct settings s = load_on(&no_limit, REST "pipelines: [{name: a, priority: critical},\n"
						    "  {name: b, priority: important}]\n");

	(void)state;
	assert_int_equal(s.pipelines[0].priority, PRIORITY_CRITICAL);
	assert_int_equal(s.pipelines[1].priority, PRIORITY_IMPORTANT);
	/* an event of 1 MB, four times: more than 5 % of 64 MB */
	assert_int_equal(s.memory.reserve_bytes, 4 * MB);
	settings_done(&s);
	s = load_on(&no_limit, REST "listener: {max_event_bytes: 10kB}\n"
				    "pipelines: [{name: a, priority: critical}, {name: b}]\n");
	assert_int_equal(s.pipelines[1].priority, PRIORITY_STANDARD);
	assert_int_equal(s.memory.reserve_bytes, 64 * MB / 100 * 5);
	settings_done(&s);
}

static const struct {
	struct machine *m;
	const char *yaml;
	const char *mistakes;
} mistakes_of[] = {
	{&no_limit, REST "memory: {max: lots}\n",
	 "f:3:15: memory.max: \"lots\" is not a size (write 10kB, 64MB, 1GB, or bytes without a "
	 "unit)\n"},
	{&no_limit, REST "memory: {max: 95%}\n",
	 "f:3:15: memory.max: \"95%\" is not a share of 1% to 90%, in whole per cent\n"},
	{&no_limit, REST "memory: {max: 0.5%}\n",
	 "f:3:15: memory.max: \"0.5%\" is not a share of 1% to 90%, in whole per cent\n"},
	{&unknown, REST "memory: {max: 20%}\n",
	 "f:3:15: memory.max: a share, but neither a control group nor /proc/meminfo tells of how "
	 "much: give a size\n"},
	{&small_group, REST "memory: {max: 128MB}\n",
	 "f:3:15: memory.max: 128MB is not less than what the control group allows the process: "
	 "100MB\n"},
	{&no_limit, REST "memory: {max: 5GB}\n",
	 "f:3:15: memory.max: 5GB is not less than what the machine has: 4GB\n"},
	{&no_limit, REST "memory: {max: 3MB}\n",
	 "f:3:15: memory.max: 3MB is less than one event may need: 8 x max_event_bytes 1MB = 8MB "
	 "(source default; 4 times the row before and after), and the log's 1MB\n"},
	{&no_limit, REST "listener: {max_event_bytes: 8MB}\n",
	 "f:3:29: memory.max: 64MB is less than one event may need: 8 x max_event_bytes 8MB = "
	 "64MB (source default; 4 times the row before and after), and the log's 1MB\n"},
	{&no_limit,
	 "database: {database: d, table: t}\n"
	 "webhook: {url: http://h, batch: {max_events: 10, max_bytes: 32MB}}\n",
	 "f:2:61: memory.max: 64MB is less than one batch may need: 4 x batch_max_bytes 32MB = "
	 "128MB (webhook default)\n"},
	{&no_limit,
	 "database: {database: d, table: t}\nwebhook: {url: http://h, compression: gzip}\n"
	 "worker: {pool_size: 200}\n",
	 "f:3:21: memory.max: 64MB is less than twice what the workers hold for compression: 200 x "
	 "a compressor's 332kB = 66400kB\n"},
	{&no_limit, REST "queue: {max_bytes: 65MB}\n",
	 "f:3:20: queue.max_bytes: 65MB of events do not fit into memory.max: 64MB\n"},
	{&no_limit,
	 REST "memory: {max: 10MB}\npipelines: [{name: a, priority: critical},\n"
	      "  {name: b, priority: critical}]\n",
	 "f:3:15: memory.max: 10MB is less than twice what critical pipelines have for themselves: "
	 "a 4 x 1MB + b 4 x 1MB = 8MB\n"},
	{&no_limit, REST "pipelines: [{name: a, priority: criticl}]\n",
	 "f:3:33: pipelines[0].priority: \"criticl\" is not known, did you mean critical?\n"},
	{&no_limit, REST "pipelines: [{name: a, priority: highest}]\n",
	 "f:3:33: pipelines[0].priority: \"highest\" is none of optional, standard, "
	 "important, critical\n"},
};

static void what_does_not_fit_is_refused_with_the_arithmetic(void **state)
{
	struct settings s;
	struct buf got;
	size_t i;

	(void)state;
	buf_init(&got, CONFIG_MISTAKES_BYTES);
	for (i = 0; i < ARRAY_LEN(mistakes_of); i++) {
		const struct config_env env = env_of(mistakes_of[i].m);

		buf_reset(&got);
		assert_int_equal(
			config_parse("f", text_of(mistakes_of[i].yaml), &env, &s, &got, NULL),
			ERR_CONFIG);
		assert_string_equal(buf_str(&got), mistakes_of[i].mistakes);
	}
	buf_done(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_is_the_least_of_the_groups),
		cmocka_unit_test(max_is_a_size_or_a_share),
		cmocka_unit_test(a_read_of_the_largest_row_fits_beside_full_queues),
		cmocka_unit_test(pipelines_that_ask_for_more_than_half_get_it),
		cmocka_unit_test(critical_pipelines_have_a_share_of_their_own),
		cmocka_unit_test(what_does_not_fit_is_refused_with_the_arithmetic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
