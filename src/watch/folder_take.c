#include "watch/folder_take.h"

#include <jansson.h>

#include "base/error.h"
#include "introspect/introspect.h"
#include "store/secret.h"
#include "watch/folder_file.h"

/* NULL without *error: there is none. */
static struct thing *find(struct sql *db, const char *project, const char *id_or_name,
                          GError **error)
{
    g_autoptr(GError) failure = NULL;
    struct thing *t = thing_find(db, THING_IMAGE, &caller_service, project, id_or_name, &failure);
    if (failure != NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&failure));
    return t;
}

/* Its name, or one with something of the location when another image is called so. g_free() */
static char *free_name(struct sql *db, const struct found_file *f, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *name = folder_image_name(f->name);
    g_autoptr(thing) other =
        store_name_valid("image", name, NULL) ? find(db, f->folder->project, name, &failure) : NULL;
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (other == NULL && store_name_valid("image", name, NULL))
        return g_steal_pointer(&name);
    g_autofree char *digest = secret_digest(f->location, strlen(f->location));
    return g_strdup_printf("%s-%.12s", name, digest);
}

static json_t *labels_of(const struct thing *t)
{
    json_t *labels = json_loads(t->labels, 0, NULL);
    return json_is_object(labels) ? labels : json_object();
}

/* g_free() */
static char *dump(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    json_decref(value);
    return text;
}

/* The image of a file that is there (again), at its place of now. */
static bool renew(struct sql *db, const struct thing *t, const struct found_file *f, GError **error)
{
    json_t *labels = labels_of(t);
    (void)json_object_del(labels, "gone");
    (void)json_object_set_new(labels, "folder", json_string(f->folder->name));
    g_autofree char *text = dump(labels), *where = dump(json_string(f->location));
    const struct thing_values v = { .labels = text, .where = where };
    return thing_change(db, THING_IMAGE, t->project, t->id, 0, &v, error);
}

static struct thing *create(struct sql *db, const struct found_file *f, GError **error)
{
    g_autofree char *name = free_name(db, f, error);
    if (name == NULL)
        return NULL;
    g_autofree char *where = dump(json_string(f->location));
    g_autofree char *labels = dump(json_pack("{s:s}", "folder", f->folder->name));
    const struct thing_values v = {
        .name = name, .where = where, .kind = "file", .labels = labels, .schedule = ""
    };
    g_autofree char *id = thing_create(db, THING_IMAGE, f->folder->project, &v, error);
    return id != NULL ? find(db, f->folder->project, id, error) : NULL;
}

/* That of the file's name, or of its name before; else a new one. NULL with *error. */
static struct thing *image_of(struct sql *db, const struct found_file *f, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const struct watched_file *known = f->moved != NULL ? f->moved : f->before;
    g_autoptr(thing) old =
        known != NULL ? find(db, f->folder->project, known->image, &failure) : NULL;
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (old == NULL)
        return create(db, f, error);
    return renew(db, old, f, error) ? find(db, f->folder->project, old->id, error) : NULL;
}

struct taking {
    const struct found_file *file;
    char *image;
};

static bool take(struct sql *db, void *user, GError **error)
{
    struct taking *t = user;
    const struct found_file *f = t->file;
    const struct watched_file *known = f->moved != NULL ? f->moved : f->before;
    g_clear_pointer(&t->image, g_free); /* of an attempt before this one */
    g_autoptr(thing) image = image_of(db, f, error);
    if (image == NULL)
        return false;
    const struct watched_file now = { .name = (char *)f->name,
                                      .identity = (char *)f->identity,
                                      .image = image->id };
    t->image = g_strdup(image->id);
    if (!watched_keep(db, f->folder->id, &now, error) ||
        (f->moved != NULL && !watched_forget(db, f->folder->id, f->moved->name, error)))
        return false;
    if (known != NULL && g_str_equal(known->identity, f->identity))
        return true;
    g_autofree char *by = g_strconcat("watch:", f->folder->name, NULL);
    const struct introspection_wish wish = {
        .kind = THING_IMAGE, .thing = image, .requested_by = by, .priority = JOB_PRIORITY_SCHEDULED
    };
    g_autofree char *id = introspect_request(db, &wish, error);
    return id != NULL;
}

struct watched_file *folder_take(struct sql *db, const struct found_file *f, GError **error)
{
    struct taking t = { .file = f };
    if (!sql_transaction(db, take, &t, error)) {
        g_free(t.image);
        return NULL;
    }
    struct watched_file *now = g_new0(struct watched_file, 1);
    now->name = g_strdup(f->name);
    now->identity = g_strdup(f->identity);
    now->image = t.image;
    return now;
}

struct going {
    const struct thing *folder;
    const struct watched_file *file;
};

static bool go(struct sql *db, void *user, GError **error)
{
    const struct going *g = user;
    struct watched_file now = *g->file;
    g_autoptr(GError) failure = NULL;
    g_autoptr(thing) image = find(db, g->folder->project, now.image, &failure);
    now.gone = true;
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (!watched_keep(db, g->folder->id, &now, error))
        return false;
    if (image == NULL)
        return true;
    g_autoptr(GDateTime) time = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format_iso8601(time);
    json_t *labels = labels_of(image);
    (void)json_object_set_new(labels, "gone", json_string(when));
    g_autofree char *text = dump(labels);
    const struct thing_values v = { .labels = text };
    return thing_change(db, THING_IMAGE, image->project, image->id, 0, &v, error);
}

bool folder_file_gone(struct sql *db, const struct thing *folder, const struct watched_file *f,
                      GError **error)
{
    struct going g = { folder, f };
    return sql_transaction(db, go, &g, error);
}
