/* ext2, ext3 and ext4. See ext.h for its parts. */
#include "fs/ext.h"

#include "base/error.h"
#include "base/text.h"
#include "fs/drivers.h"
#include "fs/ext_io.h"

static bool ext_probe(struct block *b)
{
    struct ext_super super;
    /* A journal on its own has such a superblock, too. */
    return ext_super_read(b, &super, NULL) && !(super.incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV);
}

/* Forgets what has been read of the filesystem. */
static void drop(struct ext *fs)
{
    if (fs->fs != NULL)
        (void)ext2fs_free(fs->fs);
    fs->fs = NULL;
    for (unsigned i = 0; i < EXT_WINDOWS; i++) {
        g_free(fs->windows[i].bytes);
        fs->windows[i] = (struct ext_window){ 0 };
    }
}

/* The superblock and the group descriptors, as fs->tree.block has them. */
static bool load(struct ext *fs, GError **error)
{
    struct block *b = fs->tree.block;
    if (!ext_super_read(b, &fs->super, error) ||
        !ext_super_check_features(&fs->super, b->name, error))
        return false;
    if (!fs->super.checksum_good)
        return fail_corrupt(error, "%s: checksum of the ext4 superblock is wrong", b->name);
    fs->checksums = (fs->super.ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) != 0;
    fs->window_size = MAX(EXT_WINDOW, fs->super.block_size);
    if (!ext_io_open(b, 0, 0, false, &fs->fs, error)) {
        g_prefix_error(error, "%s: ", b->name);
        return false;
    }
    return true;
}

/* Puts the journal over the block. Without it the filesystem can still be read as it lies. */
static bool recover(struct ext *fs, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(block) under = block_ref(fs->tree.block);
    struct block *overlay = ext_journal_overlay(fs, &fs->tree.recovery);
    if (overlay == NULL)
        return true;
    drop(fs);
    block_unref(fs->tree.block);
    fs->tree.block = overlay;
    if (load(fs, &why))
        return true;
    tree_fault(&fs->tree, "journal: not used, since with it: %s", why->message);
    fs->tree.recovery = TREE_RECOVERY_NEEDED;
    drop(fs);
    block_unref(fs->tree.block);
    fs->tree.block = g_steal_pointer(&under);
    return load(fs, error);
}

static bool open_all(struct ext *fs, GError **error)
{
    if (!load(fs, error))
        return false;
    if (fs->super.incompat & EXT3_FEATURE_INCOMPAT_RECOVER && !recover(fs, error))
        return false;
    fs->tree.type_name = ext_super_type(&fs->super);
    fs->tree.label = fs->super.label[0] != '\0' ? g_strdup(fs->super.label) : NULL;
    fs->tree.uuid = text_uuid(fs->super.uuid);
    fs->tree.size = fs->super.blocks * fs->super.block_size;
    fs->tree.root = (struct tree_node){ .id = EXT2_ROOT_INO };
    if (fs->tree.size > fs->tree.block->size)
        tree_fault(&fs->tree,
                   "%s: has %" G_GUINT64_FORMAT " bytes of the %" G_GUINT64_FORMAT
                   " of its filesystem: cut short",
                   fs->tree.block->name, fs->tree.block->size, fs->tree.size);
    return true;
}

static struct tree *ext_open(struct block *b, GError **error)
{
    struct ext *fs = tree_alloc(sizeof *fs, &ext_driver, b);
    g_autoptr(tree) t = &fs->tree;
    return open_all(fs, error) ? g_steal_pointer(&t) : NULL;
}

static void ext_close(struct tree *t)
{
    drop(ext_of(t));
}

const struct tree_driver ext_driver = {
    .name = "ext4",
    .description = "ext2, ext3 and ext4",
    .probe = ext_probe,
    .open = ext_open,
    .stat = ext_stat,
    .lookup = ext_lookup,
    .list = ext_list,
    .readlink = ext_readlink,
    .file_open = ext_file_open,
    .file_read = ext_file_read,
    .file_extent_at = ext_file_extent_at,
    .file_close = ext_file_close,
    .xattrs = ext_xattrs,
    .close = ext_close,
};
