/* Disks made by hand for the tests of the volume drivers, and what a scan finds on them. */
#pragma once
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "volume/volume.h"

struct disk {
    uint8_t *bytes;
    size_t size;
};

static inline struct disk disk_new(size_t size)
{
    return (struct disk){ .bytes = g_malloc0(size), .size = size };
}

static inline void disk_clear(struct disk *d)
{
    g_free(d->bytes);
}

static inline void disk_put(struct disk *d, size_t off, const void *bytes, size_t len)
{
    /* No assertion: those may return, as far as the compiler knows. */
    if (off > d->size || len > d->size - off)
        g_error("%zu bytes at %zu of a disk of %zu", len, off, d->size);
    memcpy(d->bytes + off, bytes, len);
}

static inline void disk_put16(struct disk *d, size_t off, uint16_t value)
{
    value = GUINT16_TO_LE(value);
    disk_put(d, off, &value, sizeof value);
}

static inline void disk_put32(struct disk *d, size_t off, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    disk_put(d, off, &value, sizeof value);
}

static inline void disk_put64(struct disk *d, size_t off, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    disk_put(d, off, &value, sizeof value);
}

static inline struct block *disk_block(const struct disk *d)
{
    int fd = memfd_create("disk", 0);
    g_assert_cmpint(write(fd, d->bytes, d->size), ==, d->size);
    struct block *b = block_raw_new(fd, "disk", NULL);
    g_assert_nonnull(b);
    return b;
}

static inline void disk_add_to(const struct disk *d, struct volume_set *set)
{
    g_autoptr(block) b = disk_block(d);
    volume_set_add_disk(set, b);
}

static inline void scan(struct volume_set *set)
{
    g_autoptr(GError) error = NULL;
    (void)volume_set_scan(set, &error);
    g_assert_no_error(error);
}

/* Scans one disk. */
static inline struct volume_set *disk_scan(const struct disk *d)
{
    struct volume_set *set = volume_set_new();
    disk_add_to(d, set);
    scan(set);
    return set;
}

static inline const struct volume *find_volume(const struct volume_set *set, const char *name)
{
    for (unsigned i = 0; i < set->volumes->len; i++) {
        const struct volume *v = g_ptr_array_index(set->volumes, i);
        if (g_str_equal(v->name, name))
            return v;
    }
    return NULL;
}

static inline const struct volume *get_volume(const struct volume_set *set, const char *name)
{
    const struct volume *v = find_volume(set, name);
    if (v == NULL)
        g_error("no volume %s", name);
    return v;
}

static inline void assert_place(const struct volume *v, uint64_t off, uint64_t size)
{
    g_assert_cmpuint(v->offset, ==, off);
    g_assert_cmpuint(v->size, ==, size);
}

static inline void assert_no_fault(const struct volume *v)
{
    g_assert_cmpstr(v->fault, ==, NULL);
    g_assert_nonnull(v->block);
}

static inline void assert_fault(const struct volume *v, int code, const char *text)
{
    g_assert_nonnull(v->fault);
    if (strstr(v->fault, text) == NULL)
        g_error("'%s' does not say '%s'", v->fault, text);
    g_assert_cmpint(v->fault_code, ==, code);
    g_assert_null(strchr(v->fault, '\n'));
}

static inline void assert_byte(const struct volume *v, uint64_t off, uint8_t expected)
{
    uint8_t byte = 0;
    g_autoptr(GError) error = NULL;
    (void)block_read(v->block, off, &byte, 1, &error);
    g_assert_no_error(error);
    g_assert_cmphex(byte, ==, expected);
}
