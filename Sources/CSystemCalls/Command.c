#define _GNU_SOURCE
#include "Command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#endif

extern char **environ;

int csystem_spawn_command(
    char *const arguments[], int placement, int input, int is_quiet, const int *defaults, int default_count, pid_t *pid) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t mask, signals;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int result = posix_spawnattr_init(&attributes);
    if (result != 0) return result;
    result = posix_spawn_file_actions_init(&actions);
    if (result != 0) {
        posix_spawnattr_destroy(&attributes);
        return result;
    }
    sigemptyset(&mask);
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGTTOU);
    for (int i = 0; i < default_count; i++) sigaddset(&signals, defaults[i]);
    if (placement == csystem_in_own_group) flags |= POSIX_SPAWN_SETPGROUP;
    if (placement == csystem_in_own_session) flags |= POSIX_SPAWN_SETSID;
    posix_spawnattr_setflags(&attributes, flags);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    if (input >= 0) result = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (result == 0 && is_quiet) result = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (result == 0 && is_quiet) result = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (result == 0) result = posix_spawnp(pid, arguments[0], &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result;
}

int csystem_wait_for_change(pid_t pid, int *status) {
    for (;;) {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOWAIT) != 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        switch (info.si_code) {
        case CLD_EXITED: *status = info.si_status; return 1;
        case CLD_KILLED:
        case CLD_DUMPED: *status = 128 + info.si_status; return 1;
        default: break;
        }
        memset(&info, 0, sizeof info);
        if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG) != 0 && errno != EINTR) return -1;
        if (info.si_pid == pid) {
            *status = info.si_status;
            return 2;
        }
    }
}

int csystem_ignores(int signal) {
    struct sigaction current;
    memset(&current, 0, sizeof current);
    return sigaction(signal, NULL, &current) == 0 && current.sa_handler == SIG_IGN;
}

int csystem_adopt_orphans(void) {
#if defined(__linux__)
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}

int csystem_signal_process(int pidfd, int signal) {
#if defined(__linux__)
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
#else
    (void)pidfd;
    (void)signal;
    errno = ENOSYS;
    return -1;
#endif
}
