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

void watch_metrics(struct watch *w, GString *out)
{
    static const char *const reasons[REFUSAL_COUNT] = { "malformed", "too_large", "not_allowed",
                                                        "other" };
    if (w == NULL || json_array_size(json_object_get(w->settings.openstack, "notifications")) == 0)
        return;
    g_string_append_printf(
        out,
        "# HELP assay_notifications_total Notifications of OpenStack that this process took.\n"
        "# TYPE assay_notifications_total counter\n"
        "assay_notifications_total %u\n"
        "# HELP assay_notifications_introspections_total Introspections that they asked for.\n"
        "# TYPE assay_notifications_introspections_total counter\n"
        "assay_notifications_introspections_total %u\n"
        "# HELP assay_notifications_refused_total Notifications that were refused.\n"
        "# TYPE assay_notifications_refused_total counter\n",
        (guint)g_atomic_int_get(&w->taken), (guint)g_atomic_int_get(&w->asked));
    for (size_t i = 0; i < REFUSAL_COUNT; i++)
        g_string_append_printf(out, "assay_notifications_refused_total{reason=\"%s\"} %u\n",
                               reasons[i], (guint)g_atomic_int_get(&w->refused[i]));
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
