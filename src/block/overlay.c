/* Units of bytes kept in memory in front of another block: what a replayed journal says the disk
 * holds. The disk itself is never written. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "block/block.h"

struct overlay {
    struct block block;
    struct block *under;
    uint32_t unit;
    GHashTable *units; /* uint64_t index -> unit bytes, both owned */
};

static bool overlay_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct overlay *o = (struct overlay *)b;
    uint8_t *at = buf;
    /* One read below for the whole range, then the few replayed units over it. */
    if (!block_read(o->under, off, buf, len, error))
        return false;
    if (g_hash_table_size(o->units) == 0)
        return true;
    while (len > 0) {
        uint64_t index = off / o->unit;
        uint32_t skip = (uint32_t)(off % o->unit);
        size_t n = (size_t)min_u64(len, o->unit - skip);
        const uint8_t *bytes = g_hash_table_lookup(o->units, &index);
        if (bytes != NULL)
            memcpy(at, bytes + skip, n);
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

static bool overlay_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                              GError **error)
{
    struct overlay *o = (struct overlay *)b;
    uint64_t index = off / o->unit;
    uint64_t rest = o->unit - off % o->unit;
    if (!block_extent_at(o->under, off, out, error))
        return false;
    if (!out->zero || g_hash_table_size(o->units) == 0)
        return true;
    /* A hole below is only a hole up to the next replayed unit. */
    for (uint64_t len = 0; len < out->len; index++, rest = o->unit) {
        if (g_hash_table_contains(o->units, &index)) {
            *out = (struct block_extent){ .len = len > 0 ? len : min_u64(rest, out->len),
                                          .zero = len > 0 };
            return true;
        }
        len += rest;
    }
    return true;
}

static void overlay_close(struct block *b)
{
    struct overlay *o = (struct overlay *)b;
    g_hash_table_unref(o->units);
    block_unref(o->under);
}

static const struct block_driver overlay_driver = {
    .name = "overlay",
    .description = "replayed journal blocks in memory over a block",
    .read = overlay_read,
    .extent_at = overlay_extent_at,
    .close = overlay_close,
};

struct block *block_overlay_new(struct block *under, uint32_t unit, const char *name)
{
    struct overlay *o = block_alloc(sizeof *o, &overlay_driver, name, under->size);
    o->block.sector_size = under->sector_size;
    o->under = block_ref(under);
    o->unit = unit;
    o->units = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return &o->block;
}

bool block_overlay_put(struct block *overlay, uint64_t index, const void *bytes, GError **error)
{
    struct overlay *o = (struct overlay *)overlay;
    uint64_t end;
    if (!checked_add(index, (uint64_t)1, &end) || !checked_mul(end, (uint64_t)o->unit, &end) ||
        end > overlay->size)
        return fail_corrupt(error, "%s: journal block %" G_GUINT64_FORMAT " lies past the end",
                            overlay->name, index);
    if (((uint64_t)g_hash_table_size(o->units) + 1) * o->unit > LIMIT_JOURNAL_OVERLAY)
        return fail_limit(error, "%s: the journal holds more than %u MiB", overlay->name,
                          LIMIT_JOURNAL_OVERLAY >> 20);
    g_hash_table_replace(o->units, g_memdup2(&index, sizeof index), g_memdup2(bytes, o->unit));
    return true;
}
