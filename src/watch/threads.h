/* What the threads of a watch share. Internal to the module. */
#pragma once
#include "store/store.h"
#include "watch/watch.h"

/* Why a notification is refused. */
enum refusal { REFUSED_MALFORMED, REFUSED_TOO_LARGE, REFUSED_NOT_ALLOWED, REFUSED_OTHER,
               REFUSAL_COUNT };

struct watch {
    struct watch_settings settings;
    char *name; /* of this process: process_name() */
    int end;    /* eventfd: can be read when the threads are to end */
    GPtrArray *threads;
    /* Of notifications; atomic. */
    gint taken, asked, refused[REFUSAL_COUNT];
};

/* Waits so long, or until the descriptor fd (-1: none) can be read; false when the watch stops. */
bool watch_pause(struct watch *w, int fd, int64_t microseconds);

gpointer watch_folders(gpointer watch);
/* One of the list of sources; given to the thread, which frees it. */
gpointer watch_source_new(struct watch *w, const json_t *settings);
gpointer watch_notifications(gpointer source);
