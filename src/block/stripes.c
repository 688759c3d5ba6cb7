/* A block whose bytes are dealt out in turn over several others (RAID 0). */
#include "base/checked.h"
#include "base/error.h"
#include "block/block.h"

struct stripes {
    struct block block;
    uint32_t unit; /* bytes in a row on one column */
    size_t count;
    struct block_column *columns;
};

/* Where off lies: the column, the offset in its block, and how many bytes follow there. */
static const struct block_column *locate(const struct stripes *s, uint64_t off, uint64_t *at,
                                         uint64_t *left)
{
    uint64_t index = off / s->unit, skip = off % s->unit;
    const struct block_column *c = &s->columns[index % s->count];
    *at = c->off + index / s->count * s->unit + skip;
    *left = s->unit - skip;
    return c;
}

static bool stripes_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    uint8_t *to = buf;
    while (len > 0) {
        uint64_t at, left;
        const struct block_column *c = locate((struct stripes *)b, off, &at, &left);
        size_t n = (size_t)min_u64(len, left);
        if (!block_read(c->under, at, to, n, error))
            return false;
        to += n;
        off += n;
        len -= n;
    }
    return true;
}

static bool stripes_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                              GError **error)
{
    uint64_t at, left;
    const struct block_column *c = locate((struct stripes *)b, off, &at, &left);
    if (!block_extent_at(c->under, at, out, error))
        return false;
    out->len = min_u64(out->len, left);
    return true;
}

static void stripes_close(struct block *b)
{
    struct stripes *s = (struct stripes *)b;
    for (size_t i = 0; i < s->count; i++)
        block_unref(s->columns[i].under);
    g_free(s->columns);
}

static const struct block_driver stripes_driver = {
    .name = "stripes",
    .description = "bytes in turn over other blocks",
    .read = stripes_read,
    .extent_at = stripes_extent_at,
    .close = stripes_close,
};

struct block *block_stripes_new(const struct block_column *columns, size_t count, uint32_t unit,
                                uint64_t column_len, const char *name, GError **error)
{
    uint64_t size, end;
    uint32_t sector_size = 512;
    if (count == 0 || unit == 0 || column_len == 0 || column_len % unit != 0 ||
        !checked_mul(column_len, count, &size)) {
        fail_corrupt(error, "%s: impossible stripes of %u bytes", name, unit);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct block *under = columns[i].under;
        if (!checked_add(columns[i].off, column_len, &end) || end > under->size) {
            fail_corrupt(error, "%s: reaches past the end of %s", name, under->name);
            return NULL;
        }
        sector_size = MAX(sector_size, under->sector_size);
    }
    struct stripes *s = block_alloc(sizeof *s, &stripes_driver, name, size);
    s->block.sector_size = sector_size;
    s->unit = unit;
    s->count = count;
    s->columns = g_memdup2(columns, count * sizeof *columns);
    for (size_t i = 0; i < count; i++)
        (void)block_ref(columns[i].under);
    return &s->block;
}
