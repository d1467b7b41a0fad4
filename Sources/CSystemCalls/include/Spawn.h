#pragma once
#include <stdint.h>
#include <sys/types.h>

/// posix_spawn(3) of `path` in a process group of its own, with all signals at their defaults and none blocked.
/// `descriptors[i]` becomes descriptor `i` of the child; every other descriptor is closed. 0, or an errno value.
int csystem_spawn(const char *path, char *const arguments[], char *const environment[], const int *descriptors,
                  int count, pid_t *pid);
/// A descriptor that polls readable when the child has ended (Linux; -1 with ENOSYS elsewhere).
int csystem_pidfd_open(pid_t pid);
/// pipe(2) whose two ends are closed on exec. 0, or -1 with errno.
int csystem_pipe(int ends[2]);
/// Nanoseconds of the clock that stamps files: CLOCK_REALTIME_COARSE (the plain clock elsewhere).
int64_t csystem_file_clock_nanoseconds(void);
