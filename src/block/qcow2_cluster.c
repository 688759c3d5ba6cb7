/* Compressed clusters. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "block/decoder.h"
#include "block/qcow2.h"

/* Compressed Clusters Descriptor: the host offset in the low bits, above it the number of further
 * 512-byte sectors, up to bit 61. */
static void parse_descriptor(const struct qcow2 *q, uint64_t descriptor, uint64_t *off,
                             uint64_t *len)
{
    unsigned offset_bits = 62 - (q->cluster_bits - 8);
    uint64_t sectors = (descriptor & ((UINT64_C(1) << 62) - 1)) >> offset_bits;
    *off = descriptor & ((UINT64_C(1) << offset_bits) - 1);
    *len = (sectors + 1) * 512 - *off % 512;
}

static bool decompress(struct qcow2 *q, uint64_t descriptor, uint8_t *out, GError **error)
{
    uint64_t off, len;
    parse_descriptor(q, descriptor, &off, &len);
    if (off >= q->file->size)
        return fail_corrupt(error,
                            "%s: the compressed cluster at %" G_GUINT64_FORMAT
                            " lies past the end of the file (%" G_GUINT64_FORMAT " bytes)",
                            q->block.name, off, q->file->size);
    /* The last sector need not be whole in the file: the data may end before. */
    len = min_u64(len, q->file->size - off);
    struct decoder *d = decoder_take(q->memory->decoders);
    uint8_t *in = decoder_room(d, (size_t)len);
    bool ok = block_read(q->file, off, in, (size_t)len, error);
    if (ok) {
        enum decoder_kind kind = q->compression == 1 ? DECODER_ZSTD : DECODER_DEFLATE;
        const char *why = decoder_run(d, kind, in, (size_t)len, out, (size_t)qcow2_cluster_size(q));
        ok = why == NULL;
        if (!ok)
            fail_corrupt(error, "%s: compressed cluster at %" G_GUINT64_FORMAT ": %s",
                         q->block.name, off, why);
    }
    decoder_give(q->memory->decoders, d);
    return ok;
}

bool qcow2_cluster_read(struct qcow2 *q, uint64_t descriptor, uint64_t skip, void *buf, size_t len,
                        GError **error)
{
    size_t cluster = (size_t)qcow2_cluster_size(q);
    g_autoptr(GBytes) whole = lru_get(q->memory->clusters, q->cluster_owner, descriptor);
    /* A whole cluster is read in passing; what is worth keeping is one that is read in parts. */
    if (whole == NULL && len == cluster)
        return decompress(q, descriptor, buf, error);
    if (whole == NULL) {
        g_autofree uint8_t *bytes = g_malloc(cluster);
        if (!decompress(q, descriptor, bytes, error))
            return false;
        whole = g_bytes_new_take(g_steal_pointer(&bytes), cluster);
        lru_put(q->memory->clusters, q->cluster_owner, descriptor, whole);
    }
    memcpy(buf, (const uint8_t *)g_bytes_get_data(whole, NULL) + skip, len);
    return true;
}
