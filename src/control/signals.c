/* SPDX-License-Identifier: MIT */
#include "control/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"

static const struct {
	int signo;
	enum signals_request request;
} signals_table[] = {
	{SIGTERM, SIGNALS_STOP},
	{SIGINT, SIGNALS_STOP},
	{SIGHUP, SIGNALS_RELOAD},
	{SIGUSR1, SIGNALS_REOPEN},
};

enum err_code signals_open(int *ret_fd, struct err *e)
{
	sigset_t set;
	size_t i;
	int rc, fd;

	(void)sigemptyset(&set);
	for (i = 0; i < ARRAY_LEN(signals_table); i++)
		(void)sigaddset(&set, signals_table[i].signo);
	rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (rc != 0)
		return err_set_sys(e, ERR_IO, rc, "cannot block signals");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_set_sys(e, ERR_IO, errno, "cannot ignore SIGPIPE");
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot make a signalfd");
	*ret_fd = fd;
	return ERR_OK;
}

void signals_close(int *fd)
{
	fd_close(fd);
}

enum signals_request signals_read(int fd)
{
	struct signalfd_siginfo info;
	size_t i;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return SIGNALS_NONE;
	for (i = 0; i < ARRAY_LEN(signals_table); i++)
		if (signals_table[i].signo == (int)info.ssi_signo)
			return signals_table[i].request;
	return SIGNALS_NONE;
}
