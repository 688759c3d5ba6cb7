#include "snapshot/qemu_disk.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define PERIPHERAL "/machine/peripheral/"
/* More than any image may have; beyond it sums would overflow. */
#define DISK_BYTES_MAX (INT64_C(1) << 62)
#define LISTED_MAX     20

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* One entry of query-block; false when it is no disk of a device. */
static bool read_disk(const json_t *entry, struct qemu_disk *out)
{
    const json_t *inserted = json_object_get(entry, "inserted");
    const char *device = text_of(entry, "qdev"), *node = text_of(inserted, "node-name");
    json_int_t size =
        json_integer_value(json_object_get(json_object_get(inserted, "image"), "virtual-size"));
    if (device == NULL || node == NULL || strlen(node) > QEMU_NAME_MAX || size <= 0 ||
        size > DISK_BYTES_MAX)
        return false;
    *out = (struct qemu_disk){ .device = device, .node = node, .size = (uint64_t)size };
    return true;
}

/* "vd0" of "/machine/peripheral/vd0/virtio-backend"; SCSI disks are "sd0", without a path. */
static bool device_is_called(const char *path, const char *name)
{
    size_t len = strlen(name);
    if (!g_str_has_prefix(path, PERIPHERAL))
        return g_str_equal(path, name);
    path += strlen(PERIPHERAL);
    return strncmp(path, name, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool is_called(const json_t *entry, const struct qemu_disk *d, const char *name)
{
    return g_strcmp0(text_of(entry, "device"), name) == 0 || g_str_equal(d->node, name) ||
           device_is_called(d->device, name);
}

static bool is_writable(const json_t *entry)
{
    return json_is_false(json_object_get(json_object_get(entry, "inserted"), "ro"));
}

static bool fail_found(const json_t *blocks, const char *name, size_t found, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    struct qemu_disk d;
    size_t i, listed = 0;
    json_t *entry;
    json_array_foreach(blocks, i, entry) {
        if (!read_disk(entry, &d) || listed++ == LISTED_MAX)
            continue;
        g_autofree char *node = text_safe(d.node), *device = text_safe(d.device);
        g_string_append_printf(known, "%s%s (%s)", known->len > 0 ? ", " : "", node, device);
    }
    if (known->len == 0)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "no device of the machine has a disk");
    if (name != NULL)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s disk is called '%s' of: %s",
                    found == 0 ? "no" : "more than one", name, known->str);
    return fail(error, ASSAY_ERROR_NOT_FOUND, "%s disk is writable, so name one of: %s",
                found == 0 ? "no" : "more than one", known->str);
}

bool qemu_disk_find(const json_t *blocks, const char *name, struct qemu_disk *out, GError **error)
{
    struct qemu_disk d;
    size_t i, found = 0;
    json_t *entry;
    json_array_foreach(blocks, i, entry) {
        if (!read_disk(entry, &d) ||
            !(name != NULL ? is_called(entry, &d, name) : is_writable(entry)))
            continue;
        found++;
        *out = d;
    }
    return found == 1 || fail_found(blocks, name, found, error);
}

bool qemu_disk_using(const json_t *blocks, const char *node, struct qemu_disk *out)
{
    struct qemu_disk d;
    size_t i;
    json_t *entry;
    json_array_foreach(blocks, i, entry) {
        if (read_disk(entry, &d) && g_str_equal(d.node, node)) {
            *out = d;
            return true;
        }
    }
    return false;
}

static const json_t *list_find(const json_t *list, const char *member, const char *text)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        if (g_strcmp0(text_of(entry, member), text) == 0)
            return entry;
    }
    return NULL;
}

bool qemu_list_has(const json_t *list, const char *member, const char *text)
{
    return list_find(list, member, text) != NULL;
}

static bool set_has(const json_t *set, const char *begins, const char **rest)
{
    size_t i;
    json_t *fd;
    json_array_foreach(json_object_get(set, "fds"), i, fd) {
        const char *opaque = text_of(fd, "opaque");
        if (opaque != NULL && g_str_has_prefix(opaque, begins)) {
            *rest = opaque + strlen(begins);
            return true;
        }
    }
    return false;
}

bool qemu_fdset_find(const json_t *sets, const char *begins, json_int_t *set, const char **rest)
{
    size_t i;
    json_t *entry;
    json_array_foreach(sets, i, entry) {
        json_t *number = json_object_get(entry, "fdset-id");
        if (json_is_integer(number) && set_has(entry, begins, rest)) {
            *set = json_integer_value(number);
            return true;
        }
    }
    return false;
}

bool qemu_bitmap_count(const json_t *nodes, const char *node, const char *bitmap, uint64_t *count)
{
    const json_t *found = list_find(nodes, "node-name", node);
    const json_t *b = list_find(json_object_get(found, "dirty-bitmaps"), "name", bitmap);
    const json_t *number = json_object_get(b, "count");
    if (!json_is_integer(number) || json_integer_value(number) < 0 ||
        !json_is_true(json_object_get(b, "recording")) ||
        json_is_true(json_object_get(b, "inconsistent")))
        return false;
    *count = (uint64_t)json_integer_value(number);
    return true;
}

bool qemu_bitmap_next(const json_t *nodes, const char *node, const char *prefix, size_t *position,
                      const char **name)
{
    const json_t *all = json_object_get(list_find(nodes, "node-name", node), "dirty-bitmaps");
    while (*position < json_array_size(all)) {
        *name = text_of(json_array_get(all, (*position)++), "name");
        if (*name != NULL && g_str_has_prefix(*name, prefix))
            return true;
    }
    return false;
}
