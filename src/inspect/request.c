#include "inspect/request.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/error.h"

static const char *const task_names[TASK_COUNT] = {
    [TASK_FRAME] = "frame",         [TASK_VOLUMES] = "volumes",
    [TASK_LIST] = "list",           [TASK_COPY_FILE] = "copy-file",
    [TASK_COPY_DISK] = "copy-disk", [TASK_CHECK_SANDBOX] = "check-sandbox",
};

static void disk_free(void *p)
{
    struct request_disk *d = p;
    g_free(d->name);
    g_free(d->snapshot);
    g_free(d->export_name);
    g_free(d->format);
    g_free(d->note);
    g_free(d);
}

struct request *request_new(enum inspect_task task)
{
    struct request *r = g_new0(struct request, 1);
    r->task = task;
    r->disks = g_ptr_array_new_with_free_func(disk_free);
    return r;
}

void request_add_disk(struct request *r, const struct request_disk *disk)
{
    struct request_disk *d = g_new0(struct request_disk, 1);
    d->name = g_strdup(disk->name);
    d->snapshot = g_strdup(disk->snapshot);
    d->export_name = g_strdup(disk->export_name);
    d->format = g_strdup(disk->format);
    d->note = g_strdup(disk->note);
    d->served = disk->served;
    g_ptr_array_add(r->disks, d);
}

void request_free(struct request *r)
{
    if (r == NULL)
        return;
    g_ptr_array_unref(r->disks);
    g_free(r->volume);
    g_free(r->system);
    g_free(r->path);
    g_free(r);
}

/* Paths and names are bytes, JSON strings are not: base64. */
static void put_bytes(json_t *o, const char *key, const char *value)
{
    if (value == NULL)
        return;
    g_autofree char *coded = g_base64_encode((const guchar *)value, strlen(value));
    json_object_set_new(o, key, json_string(coded));
}

static char *get_bytes(const json_t *o, const char *key)
{
    const char *coded = json_string_value(json_object_get(o, key));
    gsize len;
    if (coded == NULL)
        return NULL;
    g_autofree guchar *plain = g_base64_decode(coded, &len);
    return g_strndup((const char *)plain, len);
}

char *request_write(const struct request *r)
{
    json_t *o = json_object(), *disks = json_array();
    for (unsigned i = 0; i < r->disks->len; i++) {
        const struct request_disk *d = g_ptr_array_index(r->disks, i);
        json_t *disk = json_object();
        put_bytes(disk, "name", d->name);
        put_bytes(disk, "snapshot", d->snapshot);
        put_bytes(disk, "export", d->export_name);
        put_bytes(disk, "format", d->format);
        put_bytes(disk, "note", d->note);
        json_object_set_new(disk, "served", json_boolean(d->served));
        json_array_append_new(disks, disk);
    }
    json_object_set_new(o, "task", json_string(task_names[r->task]));
    json_object_set_new(o, "disks", disks);
    put_bytes(o, "volume", r->volume);
    put_bytes(o, "system", r->system);
    put_bytes(o, "path", r->path);
    json_object_set_new(o, "files", json_boolean(r->with_files));
    json_object_set_new(o, "recursive", json_boolean(r->recursive));
    json_object_set_new(o, "hash", json_boolean(r->hash));
    json_object_set_new(o, "types", json_boolean(r->types));
    json_object_set_new(o, "memory", json_integer((json_int_t)r->memory));
    json_object_set_new(o, "timeout", json_integer((json_int_t)r->timeout));
    char *written = json_dumps(o, JSON_COMPACT);
    char *text = g_strdup(written);
    free(written);
    json_decref(o);
    return text;
}

static bool task_parse(const char *name, enum inspect_task *out)
{
    for (int i = 0; i < TASK_COUNT; i++) {
        if (g_strcmp0(name, task_names[i]) == 0) {
            *out = (enum inspect_task)i;
            return true;
        }
    }
    return false;
}

struct request *request_read(const char *bytes, size_t len, GError **error)
{
    json_error_t where;
    json_t *o = json_loadb(bytes, len, 0, &where);
    enum inspect_task task;
    if (o == NULL || !task_parse(json_string_value(json_object_get(o, "task")), &task)) {
        json_decref(o);
        (void)fail_corrupt(error, "the request makes no sense");
        return NULL;
    }
    struct request *r = request_new(task);
    size_t i;
    json_t *disk;
    json_array_foreach(json_object_get(o, "disks"), i, disk) {
        struct request_disk *d = g_new0(struct request_disk, 1);
        d->name = get_bytes(disk, "name");
        d->snapshot = get_bytes(disk, "snapshot");
        d->export_name = get_bytes(disk, "export");
        d->format = get_bytes(disk, "format");
        d->note = get_bytes(disk, "note");
        d->served = json_is_true(json_object_get(disk, "served"));
        g_ptr_array_add(r->disks, d);
    }
    r->volume = get_bytes(o, "volume");
    r->system = get_bytes(o, "system");
    r->path = get_bytes(o, "path");
    r->with_files = json_is_true(json_object_get(o, "files"));
    r->recursive = json_is_true(json_object_get(o, "recursive"));
    r->hash = json_is_true(json_object_get(o, "hash"));
    r->types = json_is_true(json_object_get(o, "types"));
    r->memory = (uint64_t)json_integer_value(json_object_get(o, "memory"));
    r->timeout = (unsigned)json_integer_value(json_object_get(o, "timeout"));
    json_decref(o);
    return r;
}
