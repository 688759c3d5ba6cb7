/* ext2, ext3 and ext4. See ext.h for its parts. */
#include "fs/ext.h"

#include "base/error.h"
#include "base/text.h"
#include "fs/drivers.h"
#include "fs/ext_io.h"

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

static uint64_t count_bad_groups(ext2_filsys fs)
{
    uint64_t bad = 0;
    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        if (!ext_sums_agree(ext2fs_group_desc_csum_verify(fs, group) != 0, 1))
            bad++;
    }
    return bad;
}

/* Group descriptors say where the inodes lie. Where they are damaged their copy may be better. */
static void check_groups(struct ext *fs)
{
    ext2_filsys other = NULL;
    struct ext_super copy;
    struct block *b = fs->tree.block;
    uint64_t bad = count_bad_groups(fs->fs);
    const char *used = "";
    if (bad == 0)
        return;
    if (fs->super.copy == 0 && ext_super_read_copy(b, &fs->super, &copy) &&
        ext_io_open(b, &copy, &other, NULL) && other->group_desc_count == fs->super.groups &&
        count_bad_groups(other) < bad) {
        ext2_filsys worse = fs->fs;
        fs->fs = other;
        other = worse;
        used = "; their copy is used";
    }
    if (other != NULL)
        (void)ext2fs_free(other);
    tree_fault(&fs->tree,
               "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               " group descriptors have a wrong checksum%s",
               bad, fs->super.groups, used);
}

/* The superblock and the group descriptors, as fs->tree.block has them. */
static bool load(struct ext *fs, GError **error)
{
    struct block *b = fs->tree.block;
    g_autofree char *damage = NULL;
    if (!ext_super_read(b, &fs->super, &damage, error) ||
        !ext_super_check_features(&fs->super, b->name, error))
        return false;
    fs->checksums = (fs->super.ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) != 0;
    fs->window_size = MAX(EXT_WINDOW, fs->super.block_size);
    if (!ext_io_open(b, &fs->super, &fs->fs, error))
        return false;
    if (damage != NULL)
        tree_fault(&fs->tree, "%s", damage);
    check_groups(fs);
    return true;
}

/* Puts the journal over the block. Without it the filesystem can still be read as it lies. */
static bool recover(struct ext *fs, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(block) under = block_ref(fs->tree.block);
    bool dirty = (fs->super.incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0;
    struct block *overlay = ext_journal_overlay(fs, &fs->tree.recovery);
    if (overlay == NULL) {
        if (!dirty && fs->tree.recovery == TREE_RECOVERY_REPLAYED)
            fs->tree.recovery = TREE_RECOVERY_NONE;
        return true;
    }
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
    /* Copies of the superblock are not told that the journal is in use. */
    bool ask = fs->super.incompat & EXT3_FEATURE_INCOMPAT_RECOVER ||
               (fs->super.copy != 0 && fs->super.compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL);
    if (ask && !recover(fs, error))
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
    .probe = ext_super_probe,
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
