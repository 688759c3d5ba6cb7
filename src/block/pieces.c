/* A block made of pieces of others: slices (one piece), linear and striped volumes. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "block/block.h"

struct pieces {
    struct block block;
    struct block_piece *list;
    size_t count;
};

/* The piece that holds off; the pieces cover the whole block, so there is one. */
static const struct block_piece *piece_at(const struct pieces *p, uint64_t off)
{
    size_t low = 0, high = p->count;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (p->list[mid].off <= off)
            low = mid;
        else
            high = mid;
    }
    return &p->list[low];
}

static bool pieces_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    uint8_t *at = buf;
    while (len > 0) {
        const struct block_piece *piece = piece_at((struct pieces *)b, off);
        uint64_t skip = off - piece->off;
        size_t n = (size_t)min_u64(len, piece->len - skip);
        if (piece->under == NULL)
            memset(at, 0, n);
        else if (!block_read(piece->under, piece->under_off + skip, at, n, error))
            return false;
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

static bool pieces_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                             GError **error)
{
    const struct block_piece *piece = piece_at((struct pieces *)b, off);
    uint64_t skip = off - piece->off;
    *out = (struct block_extent){ .len = piece->len - skip, .zero = true };
    if (piece->under == NULL)
        return true;
    if (!block_extent_at(piece->under, piece->under_off + skip, out, error))
        return false;
    out->len = min_u64(out->len, piece->len - skip);
    return true;
}

static void pieces_close(struct block *b)
{
    struct pieces *p = (struct pieces *)b;
    for (size_t i = 0; i < p->count; i++)
        block_unref(p->list[i].under);
    g_free(p->list);
}

static const struct block_driver pieces_driver = {
    .name = "pieces",
    .description = "parts of other blocks in a row",
    .read = pieces_read,
    .extent_at = pieces_extent_at,
    .close = pieces_close,
};

struct block *block_pieces_new(const struct block_piece *pieces, size_t count, const char *name,
                               GError **error)
{
    uint64_t size = 0, last;
    uint32_t sector_size = 0;
    for (size_t i = 0; i < count; i++) {
        const struct block_piece *piece = &pieces[i];
        if (piece->off != size || piece->len == 0 || !checked_add(size, piece->len, &size)) {
            fail_corrupt(error, "%s: its pieces overlap or leave gaps", name);
            return NULL;
        }
        if (piece->under == NULL)
            continue;
        if (!checked_add(piece->under_off, piece->len, &last) || last > piece->under->size) {
            fail_corrupt(error, "%s: reaches past the end of %s", name, piece->under->name);
            return NULL;
        }
        sector_size = MAX(sector_size, piece->under->sector_size);
    }
    struct pieces *p = block_alloc(sizeof *p, &pieces_driver, name, size);
    p->block.sector_size = MAX(sector_size, 512u);
    p->list = g_memdup2(pieces, count * sizeof *pieces);
    p->count = count;
    for (size_t i = 0; i < count; i++) {
        if (p->list[i].under != NULL)
            (void)block_ref(p->list[i].under);
    }
    return &p->block;
}

struct block *block_slice_new(struct block *under, uint64_t off, uint64_t len, const char *name,
                              GError **error)
{
    const struct block_piece piece = { .off = 0, .len = len, .under = under, .under_off = off };
    return block_pieces_new(&piece, len > 0 ? 1 : 0, name, error);
}
