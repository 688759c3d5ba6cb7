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

static bool open_all(struct ext *fs, GError **error)
{
    struct block *b = fs->tree.block;
    if (!ext_super_read(b, &fs->super, error) ||
        !ext_super_check_features(&fs->super, b->name, error))
        return false;
    if (!fs->super.checksum_good)
        return fail_corrupt(error, "%s: checksum of the ext4 superblock is wrong", b->name);
    fs->checksums = (fs->super.ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) != 0;
    fs->window_size = MAX(EXT_WINDOW, fs->super.block_size);
    fs->tree.type_name = ext_super_type(&fs->super);
    fs->tree.label = fs->super.label[0] != '\0' ? g_strdup(fs->super.label) : NULL;
    fs->tree.uuid = text_uuid(fs->super.uuid);
    fs->tree.size = fs->super.blocks * fs->super.block_size;
    fs->tree.root = (struct tree_node){ .id = EXT2_ROOT_INO };
    fs->tree.recovery = fs->super.incompat & EXT3_FEATURE_INCOMPAT_RECOVER ? TREE_RECOVERY_NEEDED
                                                                           : TREE_RECOVERY_NONE;
    if (fs->tree.size > b->size)
        tree_fault(&fs->tree,
                   "%s: has %" G_GUINT64_FORMAT " bytes of the %" G_GUINT64_FORMAT
                   " of its filesystem: cut short",
                   b->name, b->size, fs->tree.size);
    if (!ext_io_open(b, 0, 0, false, &fs->fs, error)) {
        g_prefix_error(error, "%s: ", b->name);
        return false;
    }
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
    struct ext *fs = ext_of(t);
    if (fs->fs != NULL)
        (void)ext2fs_free(fs->fs);
    for (unsigned i = 0; i < EXT_WINDOWS; i++)
        g_free(fs->windows[i].bytes);
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
