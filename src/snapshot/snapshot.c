#include "snapshot/snapshot.h"

#include <string.h>

#include "base/error.h"
#include "snapshot/drivers.h"

const struct snapshot_driver *const snapshot_drivers[] = {
    &snapshot_file_driver,
    &snapshot_lvm_driver,
    &snapshot_m2_driver,
    &snapshot_nbd_driver,
    &snapshot_qemu_driver,
    &snapshot_rbd_driver,
    NULL,
};

const struct snapshot_driver *snapshot_driver_of(const char *location, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (const struct snapshot_driver *const *d = snapshot_drivers; *d != NULL; d++) {
        if (g_str_has_prefix(location, (*d)->prefix))
            return *d;
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", (*d)->prefix);
    }
    (void)fail_unsupported(error, "%s: no such kind of location; there are %s", location,
                           known->str);
    return NULL;
}

/* The driver that made a handle. */
static const struct snapshot_driver *driver_of_handle(const char *handle, GError **error)
{
    json_t *object = json_loads(handle, 0, NULL);
    const char *name = json_string_value(json_object_get(object, "driver"));
    const struct snapshot_driver *found = NULL;
    for (unsigned i = 0; name != NULL && snapshot_drivers[i] != NULL; i++) {
        if (g_str_equal(snapshot_drivers[i]->name, name))
            found = snapshot_drivers[i];
    }
    if (found == NULL)
        (void)fail(error, ASSAY_ERROR_INVALID, "snapshot: there is no driver '%s'",
                   name != NULL ? name : "");
    json_decref(object);
    return found;
}

char *snapshot_plan(const char *location, const char *id, const struct snapshot_options *options,
                    GError **error)
{
    const struct snapshot_driver *d = snapshot_driver_of(location, error);
    return d != NULL && d->check(location, error) ? d->plan(location, id, options, error) : NULL;
}

struct snapshot_view *snapshot_make(const char *handle, const struct snapshot_options *options,
                                    GError **error)
{
    const struct snapshot_driver *d = driver_of_handle(handle, error);
    return d != NULL ? d->make(handle, options, error) : NULL;
}

bool snapshot_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    const struct snapshot_driver *d = driver_of_handle(handle, error);
    return d != NULL && d->drop(handle, options, error);
}

bool snapshot_verify(struct snapshot_view *v, GError **error)
{
    return v->drv->verify == NULL || v->drv->verify(v, error);
}

char *snapshot_kept(const char *location, const char *identity)
{
    const struct snapshot_driver *d = snapshot_driver_of(location, NULL);
    return d != NULL && d->kept != NULL ? d->kept(location, identity) : NULL;
}

bool snapshot_wanted(const struct snapshot_options *options, GError **error)
{
    return options->wanted == NULL || options->wanted(options->user) ||
           fail(error, ASSAY_ERROR_IO, "snapshot: stopped");
}

struct block *snapshot_slowed(struct block *original, const struct snapshot_options *options)
{
    return block_throttle_new(original, options->rates, options->rate_count);
}

void snapshot_view_free(struct snapshot_view *v)
{
    if (v != NULL)
        v->drv->close(v);
}
