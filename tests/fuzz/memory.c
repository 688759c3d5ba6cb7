#include "memory.h"

#include <string.h>

struct memory {
    struct block block;
    const uint8_t *data;
};

static bool memory_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    memcpy(buf, ((struct memory *)b)->data + off, len);
    return true;
}

static const struct block_driver memory_driver = {
    .name = "memory",
    .description = "a fuzz input as a file",
    .read = memory_read,
};

struct block *memory_block_new(const uint8_t *data, size_t len)
{
    struct memory *m = block_alloc(sizeof *m, &memory_driver, "fuzz", len);
    m->data = data;
    return &m->block;
}
