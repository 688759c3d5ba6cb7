#include "watch/watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "watch/threads.h"
#include "worker/process.h"

bool watch_pause(struct watch *w, int fd, int64_t microseconds)
{
    struct pollfd both[] = { { .fd = w->end, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    (void)poll(both, G_N_ELEMENTS(both), (int)MIN(microseconds / 1000, G_MAXINT));
    return both[0].revents == 0;
}

struct watch *watch_start(const struct watch_settings *s, GError **error)
{
    json_t *source;
    size_t i;
    int end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (end < 0) {
        (void)fail_errno(error, errno, "eventfd");
        return NULL;
    }
    struct watch *w = g_new0(struct watch, 1);
    w->settings = *s;
    w->name = process_name();
    w->end = end;
    w->threads = g_ptr_array_new();
    g_ptr_array_add(w->threads, g_thread_new("folders", watch_folders, w));
    json_array_foreach(json_object_get(s->openstack, "notifications"), i, source)
        g_ptr_array_add(w->threads, g_thread_new("notifications", watch_notifications,
                                                 watch_source_new(w, source)));
    return w;
}

void watch_stop(struct watch *w)
{
    const uint64_t one = 1;
    if (w == NULL)
        return;
    (void)!write(w->end, &one, sizeof one);
    for (guint i = 0; i < w->threads->len; i++)
        (void)g_thread_join(g_ptr_array_index(w->threads, i));
    g_ptr_array_unref(w->threads);
    (void)close(w->end);
    g_free(w->name);
    g_free(w);
}
