// CSystemCalls: system calls that Swift's Glibc module does not show. Each is a thin wrapper that returns what the call
// returns (and leaves errno as the call left it). Never: a rule, a retry, memory that outlives the call.
// Start with the list below.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "Command.h"
#include "Spawn.h"

/// renameat2(2)/renameatx_np(2): swaps two paths atomically. 0, or -1 with errno.
int csystem_rename_exchange(int from_directory, const char *from, int to_directory, const char *to);
/// Renames only if the destination does not exist. 0, or -1 with errno (EEXIST).
int csystem_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to);
/// Opens `path` below `directory`, following no link and never leaving it. A descriptor, or -1 with errno.
int csystem_open_beneath(int directory, const char *path, int flags, mode_t mode);
/// Takes a read lease: refused (EAGAIN) while anyone has the file open for writing. 0, or -1; Linux only (ENOTSUP elsewhere).
int csystem_take_read_lease(int descriptor);
int csystem_drop_lease(int descriptor);
/// The uid of the process at the other end of a Unix socket. 0, or -1 with errno.
int csystem_peer_uid(int socket, uid_t *uid);
/// The calling process gets `signal` when its parent ends (Linux; no-op 0 elsewhere).
int csystem_signal_on_parent_death(int signal);
/// An open-file-description lock on the whole file, exclusive, not waiting. 0, or -1 with errno (EAGAIN).
int csystem_lock_file(int descriptor);
/// Nanoseconds of the clock that counts suspend (CLOCK_BOOTTIME; mach_continuous_time elsewhere).
int64_t csystem_boot_nanoseconds(void);
/// fsync that reaches the disk also on macOS (F_FULLFSYNC).
int csystem_full_sync(int descriptor);
/// A lease on this descriptor that is broken tells us by a signal that is ignored by default (it would end us otherwise).
int csystem_silence_lease(int descriptor);
/// 1 while the read lease is whole; 0 when somebody waits to open the file for writing, or there is no lease.
int csystem_lease_stands(int descriptor);
/// Writes back everything of the file system that `descriptor` is on. 0, or -1 with errno.
int csystem_sync_file_system(int descriptor);
/// Starts to write a file's bytes to the disk without waiting, so that the fsync that follows finds little to do.
int csystem_start_writeback(int descriptor);
/// `csystem_full_sync` for many at once, from threads that end before it returns: one wait for the disk instead of one
/// each. 0 if all of them reached it, else -1 with the errno of one that did not.
int csystem_full_sync_all(const int *descriptors, int count);
/// The kind of file system that `path` is on (statfs(2), Linux; 0 elsewhere), or -1 with errno.
int64_t csystem_file_system_type(const char *path);
