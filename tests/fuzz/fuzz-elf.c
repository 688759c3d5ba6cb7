/* What tells programs from libraries, over any bytes. */
#include <string.h>

#include "base/checked.h"
#include "inspect/media.h"

struct bytes_file {
    struct tree_file file;
    const uint8_t *data;
};

static bool bytes_read(struct tree_file *f, uint64_t off, void *buf, size_t len, GError **error)
{
    memcpy(buf, ((struct bytes_file *)f)->data + off, len);
    return true;
}

static const struct tree_driver bytes_driver = { .name = "bytes", .file_read = bytes_read };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree tree = { .drv = &bytes_driver };
    struct bytes_file f = { .file = { .tree = &tree, .size = size }, .data = data };
    /* The head may be all there is, or less. */
    g_autofree uint8_t *head = g_memdup2(data, size / 2);
    (void)media_is_pie(&f.file, data, size);
    (void)media_is_pie(&f.file, head, size / 2);
    return 0;
}
