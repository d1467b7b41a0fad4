#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

int csystem_rename_exchange(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, RENAME_EXCHANGE);
}

int csystem_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, RENAME_NOREPLACE);
}

int csystem_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(flags | O_CLOEXEC);
    how.mode = (flags & O_CREAT) ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int csystem_take_read_lease(int descriptor) { return fcntl(descriptor, F_SETLEASE, F_RDLCK); }

int csystem_drop_lease(int descriptor) { return fcntl(descriptor, F_SETLEASE, F_UNLCK); }

int csystem_silence_lease(int descriptor) { return fcntl(descriptor, F_SETSIG, SIGURG); }

int csystem_lease_stands(int descriptor) { return fcntl(descriptor, F_GETLEASE) == F_RDLCK; }

int csystem_sync_file_system(int descriptor) { return syncfs(descriptor); }

int csystem_start_writeback(int descriptor) { return sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE); }

int csystem_peer_uid(int socket, uid_t *uid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    if (result == 0) *uid = credentials.uid;
    return result;
}

int csystem_signal_on_parent_death(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

int csystem_lock_file(int descriptor) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return fcntl(descriptor, F_OFD_SETLK, &lock);
}

int64_t csystem_boot_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int csystem_full_sync(int descriptor) { return fsync(descriptor); }

#else
#include <mach/mach_time.h>

int csystem_rename_exchange(int from_directory, const char *from, int to_directory, const char *to) {
    return renameatx_np(from_directory, from, to_directory, to, RENAME_SWAP);
}

int csystem_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return renameatx_np(from_directory, from, to_directory, to, RENAME_EXCL);
}

int csystem_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags | O_CLOEXEC | O_NOFOLLOW_ANY, mode);
}

int csystem_take_read_lease(int descriptor) {
    (void)descriptor;
    errno = ENOTSUP;
    return -1;
}

int csystem_drop_lease(int descriptor) {
    (void)descriptor;
    return 0;
}

int csystem_silence_lease(int descriptor) {
    (void)descriptor;
    return 0;
}

int csystem_lease_stands(int descriptor) {
    (void)descriptor;
    return 0;
}

int csystem_start_writeback(int descriptor) {
    (void)descriptor;
    return 0;
}

int csystem_sync_file_system(int descriptor) {
    (void)descriptor;
    sync();
    return 0;
}

int csystem_peer_uid(int socket, uid_t *uid) {
    gid_t gid;
    return getpeereid(socket, uid, &gid);
}

int csystem_signal_on_parent_death(int signal) {
    (void)signal;
    return 0;
}

int csystem_lock_file(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int64_t csystem_boot_nanoseconds(void) {
    static mach_timebase_info_data_t scale;
    if (scale.denom == 0) mach_timebase_info(&scale);
    return (int64_t)((__uint128_t)mach_continuous_time() * scale.numer / scale.denom);
}

int csystem_full_sync(int descriptor) { return fcntl(descriptor, F_FULLFSYNC); }
#endif
