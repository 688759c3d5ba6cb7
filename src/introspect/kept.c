#include "introspect/kept.h"

#include "base/error.h"
#include "store/frames.h"

/* Adds to an array of handles. A location may stand for several disks (m2:), of which nothing
 * stays: then its array is the shorter one. */
static void add_kept(json_t *handles, const char *locations, const char *identities,
                     const json_t *options)
{
    json_t *places = json_loads(locations, 0, NULL), *known = json_loads(identities, 0, NULL);
    json_t *credential = json_object_get(options, "credential"), *identity;
    bool alike = json_array_size(places) == json_array_size(known);
    size_t i;
    json_array_foreach(known, i, identity) {
        const char *place = json_string_value(json_array_get(places, i));
        g_autofree char *text = alike && place != NULL && json_is_string(identity)
                                    ? snapshot_kept(place, json_string_value(identity))
                                    : NULL;
        json_t *handle = text != NULL ? json_loads(text, 0, NULL) : NULL;
        if (handle == NULL)
            continue;
        if (credential != NULL)
            (void)json_object_set(handle, "credential", credential);
        (void)json_array_append_new(handles, handle);
    }
    json_decref(places);
    json_decref(known);
}

static char *take_text(json_t *handles)
{
    char *text = json_dumps(handles, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(handles);
    return copy;
}

/* The newest frame; *f NULL when there is none. */
static bool find_newest(struct sql *db, const char *thing, struct kept_frame **f, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *f = kept_frame_newest(db, &caller_service, thing, &failure);
    if (*f != NULL || g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

bool introspect_forget(struct sql *db, const struct thing *t, GError **error)
{
    g_autoptr(kept_frame) f = NULL;
    if (!find_newest(db, t->id, &f, error))
        return false;
    if (f == NULL)
        return true;
    g_autoptr(introspection) i = introspection_find(db, &caller_service, f->introspection, error);
    if (i == NULL)
        return false;
    json_t *handles = json_loads(i->handles, 0, NULL), *options = json_loads(t->options, 0, NULL);
    add_kept(handles, f->locations, f->identities, options);
    g_autofree char *text = take_text(handles);
    json_decref(options);
    return introspection_set_handles(db, i->id, i->handles, text, error);
}

static bool is_gone(struct sql *db, const struct course *c, bool *gone, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(thing) t =
        thing_find(db, c->row->kind, &caller_service, c->row->project, c->row->thing, &failure);
    *gone = g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    if (t != NULL || *gone)
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

bool kept_pass_on(struct sql *db, struct course *c, const char *left, const char *locations,
                  const char *identities, GError **error)
{
    g_autoptr(kept_frame) before = NULL;
    bool gone = false;
    if (!find_newest(db, c->thing->id, &before, error))
        return false;
    json_t *handles = json_loads(left, 0, NULL), *own = json_array();
    if (before != NULL && !g_str_equal(before->locations, locations))
        add_kept(handles, before->locations, before->identities, c->reach.options);
    add_kept(own, locations, identities, c->reach.options);
    bool ok = json_array_size(own) == 0 || is_gone(db, c, &gone, error);
    if (gone)
        (void)json_array_extend(handles, own);
    json_decref(own);
    g_free(c->row->handles);
    c->row->handles = take_text(handles);
    return ok;
}
