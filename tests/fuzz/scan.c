#include "scan.h"

#include "base/checked.h"
#include "volume/volume.h"

#define READS 8

/* The first and the last bytes, and some between. */
static void read_some(struct block *b)
{
    uint8_t buf[4096];
    for (uint64_t i = 0; i <= READS && b->size > 0; i++) {
        struct block_extent e = { 0 };
        size_t got = 0;
        uint64_t off = i == READS ? b->size - 1 : b->size / READS * i;
        (void)block_read_some(b, off, buf, sizeof buf, &got, NULL);
        if (block_extent_at(b, off, &e, NULL))
            g_assert(e.len > 0 && e.len <= b->size - off);
    }
}

static void check(const struct volume *v)
{
    g_assert(v->name != NULL && v->name[0] != '\0');
    /* Whatever has no bytes says why. */
    g_assert(v->block != NULL || v->fault != NULL);
    if (v->block != NULL)
        read_some(v->block);
}

void scan_disks(struct block *const *disks, size_t count)
{
    g_autoptr(volume_set) set = volume_set_new();
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < count; i++)
        volume_set_add_disk(set, disks[i]);
    bool ok = volume_set_scan(set, &error);
    g_assert(ok == (error == NULL));
    for (unsigned i = 0; i < set->volumes->len; i++) {
        const struct volume *v = g_ptr_array_index(set->volumes, i);
        g_assert(!ok || g_hash_table_add(names, v->name));
        if (ok)
            check(v);
    }
}
