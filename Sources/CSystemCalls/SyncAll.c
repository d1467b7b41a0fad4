#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/// More threads than this gain nothing: the file system serves those that wait together by one commit of its journal.
#define MOST_THREADS 16

struct shared {
    const int *descriptors;
    int count;
    atomic_int next;
    atomic_int error;
};

static void *sync_some(void *argument) {
    struct shared *shared = argument;
    for (;;) {
        int place = atomic_fetch_add(&shared->next, 1);
        if (place >= shared->count) return NULL;
        if (csystem_full_sync(shared->descriptors[place]) != 0) atomic_store(&shared->error, errno);
    }
}

int csystem_full_sync_all(const int *descriptors, int count) {
    struct shared shared = {.descriptors = descriptors, .count = count};
    pthread_t threads[MOST_THREADS];
    pthread_attr_t attributes;
    int started = 0;
    for (int i = 0; i < count; i++) csystem_start_writeback(descriptors[i]);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    while (started < count - 1 && started < MOST_THREADS &&
           pthread_create(&threads[started], &attributes, sync_some, &shared) == 0)
        started++;
    sync_some(&shared);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    errno = atomic_load(&shared.error);
    return errno == 0 ? 0 : -1;
}
