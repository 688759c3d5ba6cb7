/* Notifications: an event or an error, and locations made of events stay where templates say. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "watch/oslo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char template[] = "rbd:a/{tenant_id}@{snapshot_id}.{base}{volume_id}{backup_id}";
    g_autoptr(GError) error = NULL;
    struct oslo_event e;
    bool ok = oslo_parse(data, size, &e, &error);
    if (ok == (error != NULL))
        abort();
    if (!ok)
        return 0;
    if (e.message == NULL || e.type == NULL)
        abort();
    g_autoptr(GError) lacks = NULL;
    g_autofree char *location = oslo_location(template, &e, &lacks);
    if ((location == NULL) != (lacks != NULL))
        abort();
    if (location != NULL && (strchr(location + strlen("rbd:a/"), '/') != NULL ||
                             strrchr(location, '@') != strchr(location, '@')))
        abort();
    oslo_event_clear(&e);
    return 0;
}
