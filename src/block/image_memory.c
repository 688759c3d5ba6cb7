#include "block/image_memory.h"

#include "block/decoder.h"

struct image_memory *image_memory_get(struct image_memory *shared)
{
    if (shared != NULL) {
        g_atomic_int_inc(&shared->refs);
        return shared;
    }
    struct image_memory *m = g_new0(struct image_memory, 1);
    m->tables = lru_new(IMAGE_TABLES_MAX);
    m->clusters = lru_new(IMAGE_CLUSTERS_MAX);
    m->decoders = decoder_pool_new();
    m->refs = 1;
    return m;
}

void image_memory_unref(struct image_memory *m)
{
    if (m == NULL || !g_atomic_int_dec_and_test(&m->refs))
        return;
    lru_free(m->tables);
    lru_free(m->clusters);
    decoder_pool_free(m->decoders);
    g_free(m);
}
