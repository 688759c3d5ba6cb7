/* qcow2 images: opening, the snapshot table, and some of what they map to. An image that names
 * another file gets itself: backing chains end by their depth. */
#include "base/checked.h"
#include "block/block.h"
#include "sparse.h"

#define READS      64
#define READ_BYTES (256u << 10)

static struct block *open_self(void *ctx, struct block *from, const char *reference, GError **error)
{
    return block_ref(ctx);
}

/* Extent by extent from the start, a bounded number. */
static void read_some(struct block *b)
{
    g_autofree uint8_t *buf = g_malloc(READ_BYTES);
    uint64_t off = 0;
    for (unsigned i = 0; i < READS && off < b->size; i++) {
        struct block_extent e = { 0 };
        size_t got = 0;
        if (!block_extent_at(b, off, &e, NULL))
            e.len = min_u64(512, b->size - off);
        g_assert(e.len > 0 && e.len <= b->size - off);
        (void)block_read_some(b, off, buf, (size_t)min_u64(e.len, READ_BYTES), &got, NULL);
        off += e.len;
    }
    /* And the last bytes, which take the highest indices. */
    if (b->size > 0)
        (void)block_read(b, b->size - 1, buf, 1, NULL);
}

static void open_and_read(struct block *file, const char *snapshot)
{
    const struct block_references references = { .open = open_self, .ctx = file };
    const struct block_image_options options = { .format = "qcow2",
                                                 .snapshot = snapshot,
                                                 .references = &references };
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = block_image_open(file, &options, &error);
    g_assert((b == NULL) == (error != NULL));
    if (b != NULL)
        read_some(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(block) file = sparse_block_new(data, size);
    open_and_read(file, NULL);
    open_and_read(file, "1");
    open_and_read(file, "name");
    return 0;
}
