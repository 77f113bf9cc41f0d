#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// A client that we disconnect must not be held by a descriptor of the copy.
static void close_others(int kept) {
    if (kept > 3) close_range(3, (unsigned)kept - 1, 0);
    close_range((unsigned)kept + 1, ~0U, 0);
}

int cs_fork(int kept) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child) return child < 0 ? -errno : child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    close_others(kept);
    return 0;
}

int cs_wait_for(int process) {
    int status = 0;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return 1 << 8;
    return status;
}
