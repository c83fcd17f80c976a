/* The first and the last thing about signals and descriptors; process.h. */
#include "sys/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static void
waiting(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

int
process_init(void)
{
	sigset_t set;
	int fd;

	/* The lowest free number is taken: 0 to 2 if they are missing. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	waiting(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return 0;
}

void
process_hear(void)
{
	sigset_t set;

	waiting(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
