/* SPDX-License-Identifier: MIT */
/*
 * Replay: gives every file of the directories, and every file, named on the command line to the
 * fuzz target. One TAP line for each directory or file; a crash shows which input it was.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "fuzz.h"

#define INPUT_MAX_BYTES (16UL << 20)

static bool replay_file(const char *path)
{
	struct buf input;
	struct err e;
	bool read;

	buf_init(&input, INPUT_MAX_BYTES);
	read = fd_read_file(path, &input, &e) == ERR_OK;
	(void)printf("# %s\n", read ? path : e.msg);
	(void)fflush(stdout);
	if (read)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&input), input.len);
	buf_done(&input);
	return read;
}

static bool replay_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	char file[4096];
	bool ok = d != NULL;
	int files = 0;

	while (d && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		ok = replay_file(file) && ok;
		files++;
	}
	if (d)
		(void)closedir(d);
	if (!files)
		(void)printf("# no corpus in %s\n", path);
	return ok && files;
}

int main(int argc, char **argv)
{
	struct stat st;
	bool ok, all = true;
	int i;

	(void)printf("1..%d\n", argc - 1);
	for (i = 1; i < argc; i++) {
		ok = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_directory(argv[i])
								    : replay_file(argv[i]);
		(void)printf("%sok %d - %s\n", ok ? "" : "not ", i, argv[i]);
		all = all && ok;
	}
	return all ? 0 : 1;
}
