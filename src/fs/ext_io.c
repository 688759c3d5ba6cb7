#include "fs/ext_io.h"

#include <et/com_err.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

struct ext_io {
    struct struct_io_channel channel;
    struct block *block; /* borrowed */
    GError *why;         /* the last read that failed; owned */
};

/* An io_manager's open() is given a name and nothing else: so the name is the block's address. */
#define NAME_FORMAT "%" G_GINTPTR_MODIFIER "x"

static errcode_t io_close(io_channel channel)
{
    struct ext_io *io = (struct ext_io *)channel;
    if (--channel->refcount > 0)
        return 0;
    g_clear_error(&io->why);
    g_free(channel->name);
    g_free(io);
    return 0;
}

static errcode_t io_set_blksize(io_channel channel, int size)
{
    channel->block_size = size;
    return 0;
}

/* count: blocks, or bytes when negative. */
static errcode_t io_read_blk64(io_channel channel, unsigned long long index, int count, void *data)
{
    struct ext_io *io = (struct ext_io *)channel;
    uint64_t size = (uint64_t)channel->block_size, off, len;
    if (!checked_mul((uint64_t)index, size, &off))
        return EXT2_ET_BAD_BLOCK_NUM;
    len = count < 0 ? (uint64_t)0 - (uint64_t)(int64_t)count : (uint64_t)count * size;
    g_clear_error(&io->why);
    return len == 0 || block_read(io->block, off, data, (size_t)len, &io->why) ? 0
                                                                               : EXT2_ET_SHORT_READ;
}

static errcode_t io_read_blk(io_channel channel, unsigned long index, int count, void *data)
{
    return io_read_blk64(channel, index, count, data);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long index, int count,
                                const void *data)
{
    return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t io_write_blk(io_channel channel, unsigned long index, int count, const void *data)
{
    return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t io_flush(io_channel channel)
{
    return 0;
}

static errcode_t io_open(const char *name, int flags, io_channel *channel);

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "assay block",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read_blk,
    .write_blk = io_write_blk,
    .flush = io_flush,
    .read_blk64 = io_read_blk64,
    .write_blk64 = io_write_blk64,
};

static errcode_t io_open(const char *name, int flags, io_channel *channel)
{
    struct ext_io *io = g_new0(struct ext_io, 1);
    io->channel.magic = EXT2_ET_MAGIC_IO_CHANNEL;
    io->channel.manager = &manager;
    io->channel.name = g_strdup(name);
    io->channel.block_size = 1024;
    io->channel.refcount = 1;
    io->block = (struct block *)(uintptr_t)g_ascii_strtoull(name, NULL, 16);
    *channel = &io->channel;
    return 0;
}

bool ext_io_fail(ext2_filsys fs, errcode_t code, GError **error)
{
    static gsize tables;
    if (g_once_init_enter(&tables)) {
        initialize_ext2_error_table();
        g_once_init_leave(&tables, 1);
    }
    struct ext_io *io = fs != NULL ? (struct ext_io *)fs->io : NULL;
    if (io != NULL && code == EXT2_ET_SHORT_READ && io->why != NULL) {
        g_propagate_error(error, g_steal_pointer(&io->why));
        return false;
    }
    const char *name = io != NULL ? io->block->name : "ext4";
    if (code == EXT2_ET_NO_MEMORY)
        return fail_limit(error, "%s: %s", name, error_message(code));
    return fail_corrupt(error, "%s: %s", name, error_message(code));
}

bool ext_io_open(struct block *b, const struct ext_super *super, ext2_filsys *out, GError **error)
{
    /* Features have been checked, with their names; an MMP block is for those who write. */
    int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | EXT2_FLAG_NOFREE_ON_ERROR;
    ext2_filsys fs = NULL;
    char name[24];
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    flags |= EXT2_FLAG_IGNORE_CSUM_ERRORS;
#endif
    g_snprintf(name, sizeof name, NAME_FORMAT, (uintptr_t)b);
    errcode_t code = ext2fs_open2(name, NULL, flags, (int)super->copy,
                                  super->copy != 0 ? super->block_size : 0, &manager, &fs);
    if (code != 0) {
        (void)ext_io_fail(fs, code, error);
        if (fs != NULL)
            (void)ext2fs_free(fs);
        return false;
    }
    *out = fs;
    return true;
}
