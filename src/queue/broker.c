#include "queue/broker.h"

#include <string.h>

#include "base/error.h"

const struct broker_driver *const broker_drivers[] = {
    &broker_amqp,
    NULL,
};

void broker_message_clear(struct broker_message *m)
{
    g_clear_pointer(&m->body, g_bytes_unref);
    g_clear_pointer(&m->id, g_free);
    m->tag = 0;
    m->redelivered = false;
}

static const struct broker_driver *driver_of(const char *url, GError **error)
{
    const char *end = strstr(url, "://");
    g_autofree char *scheme = end != NULL ? g_strndup(url, (gsize)(end - url)) : g_strdup("");
    for (const struct broker_driver *const *d = broker_drivers; *d != NULL; d++) {
        if (!g_strv_contains((*d)->schemes, scheme))
            continue;
        if ((*d)->built)
            return *d;
        (void)fail_unsupported(error, "broker: %s:// was left out when assay was built", scheme);
        return NULL;
    }
    (void)fail(error, ASSAY_ERROR_INVALID, "broker: not amqp://... or amqps://...");
    return NULL;
}

bool broker_check(const char *url, GError **error)
{
    const struct broker_driver *d = driver_of(url, error);
    return d != NULL && d->check(url, error);
}

struct broker *broker_open(const char *url, GError **error)
{
    const struct broker_driver *d = driver_of(url, error);
    return d != NULL ? d->open(url, error) : NULL;
}

bool broker_declare(struct broker *b, const struct broker_queue *q, uint64_t *waiting,
                    GError **error)
{
    uint64_t unwanted;
    return b->drv->declare(b, q, waiting != NULL ? waiting : &unwanted, error);
}

bool broker_publish(struct broker *b, const char *queue, const char *const *bodies, size_t count,
                    GError **error)
{
    return count == 0 || b->drv->publish(b, queue, bodies, count, error);
}

bool broker_consume(struct broker *b, const char *queue, unsigned prefetch, GError **error)
{
    return b->drv->consume(b, queue, prefetch, error);
}

bool broker_next(struct broker *b, int wake, int64_t microseconds, struct broker_message *m,
                 GError **error)
{
    *m = (struct broker_message){ 0 };
    return b->drv->next(b, wake, microseconds, m, error);
}

bool broker_settle(struct broker *b, uint64_t tag, enum broker_end end, GError **error)
{
    return b->drv->settle(b, tag, end, error);
}

void broker_close(struct broker *b)
{
    if (b != NULL)
        b->drv->close(b);
}
