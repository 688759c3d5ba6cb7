#include "introspect/views.h"

#include "base/error.h"
#include "introspect/rates.h"

static GPtrArray *plan(struct course *c, GError **error)
{
    g_autoptr(GPtrArray) handles = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < c->places->len; i++) {
        g_autofree char *id = store_id_new();
        char *handle =
            snapshot_plan(g_ptr_array_index(c->places, i), id, &c->reach.snapshot, error);
        if (handle == NULL)
            return NULL;
        g_ptr_array_add(handles, handle);
    }
    return g_steal_pointer(&handles);
}

struct throttle *views_pool_rate(const struct course *c, const char *place)
{
    g_autofree char *pool = course_pool(c, place);
    return pool != NULL ? rates_pool_throttle(c->run->settings->rates, pool) : NULL;
}

static bool make(struct views *v, struct course *c, const char *place, const char *handle,
                 GError **error)
{
    if (!c->run->wanted(c->run))
        return worker_stopped(error);
    g_autoptr(throttle) pool = views_pool_rate(c, place);
    struct throttle *const both[] = { c->rate, pool };
    struct snapshot_options options = c->reach.snapshot;
    options.rates = both;
    options.rate_count = G_N_ELEMENTS(both);
    struct snapshot_view *view = snapshot_make(handle, &options, error);
    if (view == NULL)
        return false;
    g_ptr_array_add(v->views, view);
    for (size_t i = 0; i < view->count; i++)
        g_ptr_array_add(v->disks, &view->disks[i]);
    return true;
}

struct views *views_make(struct course *c, GError **error)
{
    g_autoptr(GPtrArray) handles = plan(c, error);
    if (handles == NULL)
        return NULL;
    course_set_handles(c, handles);
    if (!course_save(c, NULL, error))
        return NULL;
    g_autoptr(views) v = g_new0(struct views, 1);
    v->views = g_ptr_array_new_with_free_func((GDestroyNotify)snapshot_view_free);
    v->disks = g_ptr_array_new();
    v->recorders = g_ptr_array_new_with_free_func((GDestroyNotify)block_unref);
    for (guint i = 0; i < handles->len; i++) {
        if (!make(v, c, g_ptr_array_index(c->places, i), g_ptr_array_index(handles, i), error))
            return NULL;
    }
    return g_steal_pointer(&v);
}

bool views_hold(const struct views *v)
{
    for (guint i = 0; i < v->views->len; i++) {
        if (((const struct snapshot_view *)g_ptr_array_index(v->views, i))->holds)
            return true;
    }
    return false;
}

bool views_verify(const struct views *v, GError **error)
{
    for (guint i = 0; i < v->views->len; i++) {
        if (!snapshot_verify(g_ptr_array_index(v->views, i), error))
            return false;
    }
    return true;
}

void views_free(struct views *v)
{
    if (v == NULL)
        return;
    g_ptr_array_unref(v->recorders);
    g_ptr_array_unref(v->disks);
    g_ptr_array_unref(v->views);
    g_free(v);
}

char *views_identities(const struct views *v)
{
    json_t *array = json_array();
    for (guint i = 0; i < v->disks->len; i++) {
        const struct snapshot_disk *d = g_ptr_array_index(v->disks, i);
        (void)json_array_append_new(array, json_string(d->identity));
    }
    char *text = json_dumps(array, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(array);
    return copy;
}
