/* Units that a replayed journal says the disk holds, in front of that disk: kept in memory, or only
 * the place in the journal where they lie. The disk itself is never written. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "block/block.h"

/* Where the bytes of a unit come from. */
struct unit {
    uint64_t index; /* first, so that a pointer to it is the key */
    uint64_t from;  /* bytes, in the block below; COPIED: they follow */
    uint8_t bytes[];
};
#define COPIED UINT64_MAX

struct overlay {
    struct block block;
    struct block *under;
    uint32_t unit;
    uint64_t copied;   /* bytes in memory */
    GHashTable *units; /* set of struct unit *, owned */
};

/* The unit at off; NULL: the block below counts. *len: no more than what comes from one place. */
static const struct unit *find(struct overlay *o, uint64_t off, size_t *len)
{
    uint64_t index = off / o->unit, rest = o->unit - off % o->unit;
    const struct unit *u = g_hash_table_lookup(o->units, &index);
    if (u == NULL) {
        /* Up to the next unit at one go. */
        for (index++; rest < *len && !g_hash_table_contains(o->units, &index); index++)
            rest += o->unit;
    }
    *len = (size_t)min_u64(*len, rest);
    return u;
}

static bool overlay_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct overlay *o = (struct overlay *)b;
    uint8_t *at = buf;
    if (g_hash_table_size(o->units) == 0)
        return block_read(o->under, off, buf, len, error);
    while (len > 0) {
        size_t n = len;
        const struct unit *u = find(o, off, &n);
        uint64_t skip = off % o->unit;
        if (u != NULL && u->from == COPIED)
            memcpy(at, u->bytes + skip, n);
        else if (!block_read(o->under, u != NULL ? u->from + skip : off, at, n, error))
            return false;
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

/* The first unit from index on and before end; end: none. Asks for each index, or looks at each
 * unit: whichever are fewer. */
static uint64_t next_unit(struct overlay *o, uint64_t index, uint64_t end)
{
    GHashTableIter iter;
    gpointer key;
    if (end - index <= g_hash_table_size(o->units)) {
        while (index < end && !g_hash_table_contains(o->units, &index))
            index++;
        return index;
    }
    g_hash_table_iter_init(&iter, o->units);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        uint64_t at = ((const struct unit *)key)->index;
        if (at >= index && at < end)
            end = at;
    }
    return end;
}

static bool overlay_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                              GError **error)
{
    struct overlay *o = (struct overlay *)b;
    uint64_t index = off / o->unit;
    if (!block_extent_at(o->under, off, out, error))
        return false;
    if (!out->zero || g_hash_table_size(o->units) == 0)
        return true;
    /* A hole below is only a hole up to the next replayed unit. */
    uint64_t end = (off + out->len - 1) / o->unit + 1;
    uint64_t next = next_unit(o, index, end);
    if (next == index)
        *out = (struct block_extent){ .len = min_u64(o->unit - off % o->unit, out->len) };
    else if (next < end)
        out->len = next * o->unit - off;
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
    o->units = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return &o->block;
}

static bool check_index(const struct overlay *o, uint64_t index, GError **error)
{
    uint64_t end;
    if (!checked_add(index, (uint64_t)1, &end) || !checked_mul(end, (uint64_t)o->unit, &end) ||
        end > o->block.size)
        return fail_corrupt(error, "%s: journal block %" G_GUINT64_FORMAT " lies past the end",
                            o->block.name, index);
    if (g_hash_table_size(o->units) >= LIMIT_JOURNAL_UNITS)
        return fail_limit(error, "%s: the journal holds more than %u blocks", o->block.name,
                          LIMIT_JOURNAL_UNITS);
    return true;
}

bool block_overlay_put(struct block *overlay, uint64_t index, const void *bytes, GError **error)
{
    struct overlay *o = (struct overlay *)overlay;
    if (!check_index(o, index, error))
        return false;
    if (o->copied + o->unit > LIMIT_JOURNAL_OVERLAY)
        return fail_limit(error, "%s: the journal holds more than %u MiB", overlay->name,
                          LIMIT_JOURNAL_OVERLAY >> 20);
    struct unit *u = g_malloc(sizeof *u + o->unit);
    u->index = index;
    u->from = COPIED;
    memcpy(u->bytes, bytes, o->unit);
    o->copied += o->unit;
    (void)g_hash_table_replace(o->units, u, u);
    return true;
}

bool block_overlay_move(struct block *overlay, uint64_t index, uint64_t from, GError **error)
{
    struct overlay *o = (struct overlay *)overlay;
    if (!check_index(o, index, error))
        return false;
    if (!range_within(from, o->unit, o->under->size))
        return fail_corrupt(error, "%s: the journal lies past the end, at %" G_GUINT64_FORMAT,
                            overlay->name, from);
    struct unit *u = g_new(struct unit, 1);
    u->index = index;
    u->from = from;
    (void)g_hash_table_replace(o->units, u, u);
    return true;
}
