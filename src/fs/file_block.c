/* A file as a block: what is inside a filesystem's file is read like a disk. */
#include "base/error.h"
#include "fs/fs.h"

struct file_block {
    struct block block;
    struct tree_file *file;
};

static bool file_block_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct file_block *f = (struct file_block *)b;
    size_t got = 0;
    if (!tree_file_read(f->file, off, buf, len, &got, error))
        return false;
    return got == len || fail_corrupt(error, "%s: ends at %" G_GUINT64_FORMAT, b->name, off + got);
}

static bool file_block_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                                 GError **error)
{
    return tree_file_extent_at(((struct file_block *)b)->file, off, out, error);
}

static void file_block_close(struct block *b)
{
    tree_file_close(((struct file_block *)b)->file);
}

static const struct block_driver file_block_driver = {
    .name = "file",
    .description = "a file of a filesystem",
    .read = file_block_read,
    .extent_at = file_block_extent_at,
    .close = file_block_close,
};

struct block *tree_file_block(struct tree *t, struct tree_node node, const char *name,
                              GError **error)
{
    struct tree_file *file = tree_file_open(t, node, error);
    if (file == NULL)
        return NULL;
    struct file_block *f = block_alloc(sizeof *f, &file_block_driver, name, file->size);
    f->file = file;
    return &f->block;
}
