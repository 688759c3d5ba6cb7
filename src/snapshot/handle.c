#include "snapshot/handle.h"

#include <string.h>

#include "base/error.h"

#define ID_MAX 64

/* Names are made of it, of files among others. */
static bool id_is_plain(const char *id)
{
    size_t len = id != NULL ? strlen(id) : 0;
    if (len == 0 || len > ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isalnum(id[i]))
            return false;
    }
    return true;
}

json_t *handle_new(const struct snapshot_driver *drv, const char *location, const char *id,
                   GError **error)
{
    json_t *object = id_is_plain(id) ? json_pack("{ss ss ss}", "driver", drv->name, "location",
                                                 location, "id", id)
                                     : NULL;
    if (object == NULL)
        (void)fail(error, ASSAY_ERROR_INVALID, "snapshot: '%s' is no identifier", id);
    return object;
}

char *handle_text(json_t *object)
{
    char *dumped = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    char *text = g_strdup(dumped);
    free(dumped);
    json_decref(object);
    return text;
}

const char *handle_get(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

const char *handle_id(const json_t *object)
{
    return handle_get(object, "id");
}

json_t *handle_read(const struct snapshot_driver *drv, const char *handle, GError **error)
{
    json_t *object = json_loads(handle, 0, NULL);
    const char *location = handle_get(object, "location");
    if (g_strcmp0(handle_get(object, "driver"), drv->name) == 0 && location != NULL &&
        drv->check(location, NULL) && id_is_plain(handle_id(object)))
        return object;
    json_decref(object);
    (void)fail(error, ASSAY_ERROR_INVALID, "snapshot: a handle that is none of %s", drv->name);
    return NULL;
}
