/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "source/sqlite_file.h"

#define NOBODY 65534

static char directory[128], path[160], lock_file[200];

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	(void)state;
	(void)snprintf(directory, sizeof(directory), "%.80s/file-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/app.db", directory);
	(void)snprintf(lock_file, sizeof(lock_file), "%s" SQLITE_LOCK_SUFFIX, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	fd_close(&fd);
	return 0;
}

static int tear_down(void **state)
{
	char command[160];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

/* In a child that is nobody, when we are root: whom rights do not stop. */
static int as_nobody(enum err_code (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
			_exit(99);
		_exit((int)fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static enum err_code look_at_path(void)
{
	struct sqlite_file f;
	enum err_code code = sqlite_file_look(path, &f, NULL);

	if (code == ERR_OK)
		sqlite_file_done(&f);
	return code;
}

/* ---- what it must be ---- */

static void an_ordinary_file_is_found_under_its_real_path(void **state)
{
	char link[200];
	struct sqlite_file f;

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/link.db", directory);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(sqlite_file_look(link, &f, NULL), ERR_OK);
	assert_string_equal(strrchr(f.path, '/'), "/app.db");
	assert_int_equal(sqlite_file_check(&f, NULL), ERR_OK);
	sqlite_file_done(&f);
}

static void a_file_that_is_none_is_refused_with_its_path(void **state)
{
	static const struct {
		const char *path;
		enum err_code code;
		const char *words;
	} cases[] = {
		{"/nowhere/at/all.db", ERR_NOT_FOUND, "there is no database file /nowhere/at/all"},
		{"/", ERR_CONFIG, "/ is a directory and no database file"},
		{"/dev/null", ERR_CONFIG, "/dev/null is a device"},
	};
	struct sqlite_file f;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(sqlite_file_look(cases[i].path, &f, &e), cases[i].code);
		assert_non_null(strstr(e.msg, cases[i].words));
	}
}

static void rights_are_asked_for_before_they_are_missed(void **state)
{
	(void)state;
	assert_int_equal(chmod(directory, 0777), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(as_nobody(look_at_path), ERR_OK);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(as_nobody(look_at_path), ERR_DENIED);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(directory, 0555), 0);
	assert_int_equal(as_nobody(look_at_path), ERR_DENIED);
	assert_int_equal(chmod(directory, 0700), 0);
}

static void network_file_systems_are_known_by_their_number(void **state)
{
	(void)state;
	assert_string_equal(sqlite_file_network(0x6969), "NFS");
	assert_string_equal(sqlite_file_network(0xff534d42), "CIFS");
	assert_string_equal(sqlite_file_network(0xfe534d42), "SMB2");
	assert_string_equal(sqlite_file_network(0x65735546), "FUSE");
	assert_null(sqlite_file_network(0xef53));     /* ext4 */
	assert_null(sqlite_file_network(0x58465342)); /* XFS */
	assert_null(sqlite_file_network(0x01021994)); /* tmpfs */
}

static void another_file_at_the_path_is_noticed(void **state)
{
	char other[200];
	struct sqlite_file f;
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(sqlite_file_look(path, &f, NULL), ERR_OK);
	(void)snprintf(other, sizeof(other), "%s/other.db", directory);
	fd = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	fd_close(&fd);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(sqlite_file_check(&f, &e), ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "was replaced by another"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sqlite_file_check(&f, &e), ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "is gone"));
	sqlite_file_done(&f);
}

/* ---- locks ---- */

static void a_lock_has_one_holder_and_the_two_are_apart(void **state)
{
	struct sqlite_file f;
	int a, b;

	(void)state;
	assert_int_equal(sqlite_file_look(path, &f, NULL), ERR_OK);
	assert_false(sqlite_lock_is_taken(&f, SQLITE_LOCK_LEADER));
	assert_int_equal(sqlite_lock_open(&f, &a, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_open(&f, &b, NULL), ERR_OK);
	assert_false(sqlite_lock_is_taken(&f, SQLITE_LOCK_LEADER));
	assert_int_equal(sqlite_lock_take(&f, a, SQLITE_LOCK_LEADER, NULL), ERR_OK);
	assert_true(sqlite_lock_is_taken(&f, SQLITE_LOCK_LEADER));
	assert_false(sqlite_lock_is_taken(&f, SQLITE_LOCK_INSTALL));
	assert_int_equal(sqlite_lock_take(&f, b, SQLITE_LOCK_LEADER, NULL), ERR_BUSY);
	assert_int_equal(sqlite_lock_take(&f, b, SQLITE_LOCK_INSTALL, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_take(&f, a, SQLITE_LOCK_INSTALL, NULL), ERR_BUSY);
	fd_close(&a);
	assert_int_equal(sqlite_lock_take(&f, b, SQLITE_LOCK_LEADER, NULL), ERR_OK);
	fd_close(&b);
	assert_false(sqlite_lock_is_taken(&f, SQLITE_LOCK_LEADER));
	sqlite_file_done(&f);
}

static void a_lock_of_a_removed_file_counts_for_nothing(void **state)
{
	struct sqlite_file f;
	int a, b;

	(void)state;
	assert_int_equal(sqlite_file_look(path, &f, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_open(&f, &a, NULL), ERR_OK);
	assert_true(sqlite_lock_is_current(&f, a));
	sqlite_lock_remove(&f);
	assert_false(sqlite_lock_is_current(&f, a));
	assert_int_equal(sqlite_lock_take(&f, a, SQLITE_LOCK_LEADER, NULL), ERR_UNAVAILABLE);
	assert_int_equal(sqlite_lock_open(&f, &b, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_take(&f, b, SQLITE_LOCK_LEADER, NULL), ERR_OK);
	fd_close(&a);
	fd_close(&b);
	sqlite_file_done(&f);
}

static void the_lock_file_can_be_used_by_whoever_may_write_the_database(void **state)
{
	struct sqlite_file f;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(chmod(path, 0660), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	assert_int_equal(sqlite_file_look(path, &f, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_open(&f, &fd, NULL), ERR_OK);
	assert_int_equal(stat(lock_file, &st), 0);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, NOBODY);
		assert_int_equal(st.st_mode & 0777, 0660);
	}
	fd_close(&fd);
	sqlite_file_done(&f);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_ordinary_file_is_found_under_its_real_path),
		CASE(a_file_that_is_none_is_refused_with_its_path),
		CASE(rights_are_asked_for_before_they_are_missed),
		CASE(network_file_systems_are_known_by_their_number),
		CASE(another_file_at_the_path_is_noticed),
		CASE(a_lock_has_one_holder_and_the_two_are_apart),
		CASE(a_lock_of_a_removed_file_counts_for_nothing),
		CASE(the_lock_file_can_be_used_by_whoever_may_write_the_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
