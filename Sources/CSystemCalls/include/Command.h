// Commands of the user that run in the caller's place: standard streams kept, group or session of their own, not reaped
// until the caller says so.
#pragma once
#include <sys/types.h>

/// Where `csystem_spawn_command` puts the child.
enum { csystem_in_group_of_caller = 0, csystem_in_own_group = 1, csystem_in_own_session = 2 };
/// Starts `arguments[0]`, sought on PATH, with the caller's environment, an empty signal mask and default dispositions
/// for SIGPIPE, SIGTTOU and `defaults`. `input` becomes its stdin (-1: the caller's); `is_quiet` sends its stdout and
/// stderr to /dev/null. 0 and `*pid`, or an errno.
int csystem_spawn_command(
    char *const arguments[], int placement, int input, int is_quiet, const int *defaults, int default_count,
    pid_t *pid);
/// Waits until child `pid` ends or stops. 1: ended, `*status` its exit status (128 + n for signal n), not yet reaped.
/// 2: stopped by signal `*status`. -1 with errno.
int csystem_wait_for_change(pid_t pid, int *status);
/// Whether the calling process ignores `signal`.
int csystem_ignores(int signal);
/// Orphans among the descendants of the calling process become its children (Linux; -1 with ENOSYS elsewhere).
int csystem_adopt_orphans(void);
/// Sends `signal` to the process that `pidfd` stands for, never to a later one of the same id. 0, or -1 with errno.
int csystem_signal_process(int pidfd, int signal);
