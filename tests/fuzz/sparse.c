#include "sparse.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"

struct sparse {
    struct block block;
    GHashTable *sectors; /* uint64_t sector -> const uint8_t * into data */
    uint8_t *data;
};

static bool sparse_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct sparse *s = (struct sparse *)b;
    uint8_t *at = buf;
    while (len > 0) {
        uint64_t sector = off / 512;
        size_t skip = off % 512, n = (size_t)min_u64(len, 512 - skip);
        const uint8_t *bytes = g_hash_table_lookup(s->sectors, &sector);
        if (bytes != NULL)
            memcpy(at, bytes + skip, n);
        else
            memset(at, 0, n);
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

static void sparse_close(struct block *b)
{
    struct sparse *s = (struct sparse *)b;
    g_hash_table_unref(s->sectors);
    g_free(s->data);
}

static const struct block_driver sparse_driver = {
    .name = "sparse",
    .description = "a fuzz input as a disk",
    .read = sparse_read,
    .close = sparse_close,
};

struct block *sparse_block_new(const uint8_t *data, size_t len)
{
    uint32_t units, first;
    uint8_t count;
    struct cursor c = cursor_of(data, len);
    if (!rd_le32(&c, &units))
        units = 0;
    struct sparse *s = block_alloc(sizeof *s, &sparse_driver, "fuzz", (uint64_t)units << 16);
    s->data = g_memdup2(data, len);
    s->sectors = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    c.data = s->data;
    while (rd_le32(&c, &first) && rd_u8(&c, &count)) {
        for (uint64_t i = 0; i < count; i++) {
            const uint8_t *bytes;
            uint64_t sector = first + i;
            if (!rd_bytes(&c, 512, &bytes))
                return &s->block;
            g_hash_table_replace(s->sectors, g_memdup2(&sector, sizeof sector), (void *)bytes);
        }
    }
    return &s->block;
}
