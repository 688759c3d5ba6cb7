/* One bit for each unit of the block: a fixed amount of memory, whatever is read in which order. */
#include "block/recorder.h"

#include "base/checked.h"
#include "base/limits.h"

#define UNIT_BYTES UINT64_C(65536)
/* A hole is told of in pieces, so that who asks for one byte does not depend on all of it. */
#define HOLE_BYTES (UINT64_C(1) << 20)

struct recorder {
    struct block block;
    struct block *under;
    unsigned shift; /* log2 of the bytes of a unit */
    GMutex lock;    /* of bits */
    uint64_t *bits;
};

static bool bit(const uint64_t *bits, uint64_t i)
{
    return (bits[i / 64] >> (i % 64) & 1) != 0;
}

static void record(struct recorder *r, uint64_t off, uint64_t len)
{
    uint64_t first = off >> r->shift, last = (off + len - 1) >> r->shift;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&r->lock);
    for (uint64_t i = first; i <= last; i++)
        r->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool recorder_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct recorder *r = (struct recorder *)b;
    record(r, off, len);
    return block_read(r->under, off, buf, len, error);
}

/* Who was told that there is a hole has learned its bytes. */
static bool recorder_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                               GError **error)
{
    struct recorder *r = (struct recorder *)b;
    if (!block_extent_at(r->under, off, out, error))
        return false;
    if (out->zero) {
        out->len = min_u64(out->len, HOLE_BYTES);
        record(r, off, out->len);
    }
    return true;
}

static void recorder_interrupt(struct block *b)
{
    block_interrupt(((struct recorder *)b)->under);
}

static void recorder_close(struct block *b)
{
    struct recorder *r = (struct recorder *)b;
    block_unref(r->under);
    g_free(r->bits);
    g_mutex_clear(&r->lock);
}

static const struct block_driver recorder_driver = {
    .name = "recorder",
    .description = "remembers what was read",
    .read = recorder_read,
    .extent_at = recorder_extent_at,
    .close = recorder_close,
    .interrupt = recorder_interrupt,
};

static uint64_t units_of(const struct recorder *r)
{
    return r->block.size == 0 ? 0 : ((r->block.size - 1) >> r->shift) + 1;
}

struct block *block_recorder_new(struct block *under)
{
    struct recorder *r = block_alloc(sizeof *r, &recorder_driver, under->name, under->size);
    r->block.sector_size = under->sector_size;
    r->under = block_ref(under);
    r->shift = (unsigned)g_bit_storage(UNIT_BYTES) - 1;
    while (units_of(r) > LIMIT_READ_UNITS)
        r->shift++;
    r->bits = g_new0(uint64_t, units_of(r) / 64 + 1);
    g_mutex_init(&r->lock);
    block_note_all(&r->block, under);
    return &r->block;
}

/* Ranges of bits, with units of 2^coarser bits. More than LIMIT_READ_RANGES: not all. */
static GArray *ranges_of(const struct recorder *r, unsigned coarser)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct block_range));
    uint64_t count = units_of(r), step = UINT64_C(1) << coarser;
    struct block_range *last = NULL;
    for (uint64_t i = 0; i < count; i += step) {
        bool any = false;
        for (uint64_t k = i; !any && k < i + step && k < count; k++)
            any = bit(r->bits, k);
        uint64_t off = i << r->shift;
        uint64_t end = min_u64((i + step) << r->shift, r->block.size);
        if (any && last != NULL && last->off + last->len == off) {
            last->len = end - last->off;
        } else if (any) {
            const struct block_range range = { .off = off, .len = end - off };
            g_array_append_val(ranges, range);
            last = &g_array_index(ranges, struct block_range, ranges->len - 1);
        }
        if (ranges->len > LIMIT_READ_RANGES)
            break; /* coarser */
    }
    return ranges;
}

GArray *block_recorder_ranges(struct block *recorder)
{
    struct recorder *r = (struct recorder *)recorder;
    g_assert(recorder->drv == &recorder_driver);
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&r->lock);
    for (unsigned coarser = 0;; coarser++) {
        GArray *ranges = ranges_of(r, coarser);
        if (ranges->len <= LIMIT_READ_RANGES)
            return ranges;
        g_array_unref(ranges);
    }
}
