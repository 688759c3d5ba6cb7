/* btrfs, read-only, our own reader. See btrfs.h for its parts and btrfs_format.h for the sources.
 */
#include "fs/btrfs.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "fs/drivers.h"

/* As many absent devices are named in one line. */
#define NAMED_DEVICES 8u

bool btrfs_report_once(struct btrfs *fs, uint64_t logical)
{
    if (g_hash_table_contains(fs->reported, &logical))
        return false;
    if (g_hash_table_size(fs->reported) < LIMIT_BTRFS_REPORTED)
        g_hash_table_add(fs->reported, g_memdup2(&logical, sizeof logical));
    return true;
}

static bool btrfs_probe(struct block *b)
{
    g_autofree struct btrfs_super *super = g_new(struct btrfs_super, 1);
    g_autofree char *damage = NULL;
    return btrfs_super_read(b, super, &damage, NULL);
}

static bool read_super(struct btrfs *fs, GError **error)
{
    struct block *b = fs->tree.block;
    g_autofree char *damage = NULL;
    if (!btrfs_super_read(b, &fs->super, &damage, error) ||
        !btrfs_super_check_features(&fs->super, b->name, error))
        return false;
    if (damage != NULL)
        tree_fault(&fs->tree, "%s", damage);
    if (fs->super.device_bytes > b->size)
        tree_fault(&fs->tree,
                   "%s: has %" G_GUINT64_FORMAT " bytes of the %" G_GUINT64_FORMAT
                   " of its btrfs device: cut short",
                   b->name, b->size, fs->super.device_bytes);
    fs->sum = btrfs_sum_new(fs->super.sum_type);
    fs->tree.label = fs->super.label[0] != '\0' ? g_strdup(fs->super.label) : NULL;
    fs->tree.uuid = text_uuid(fs->super.fsid);
    fs->tree.size = fs->super.total_bytes;
    fs->tree.recovery = fs->super.log_root != 0 ? TREE_RECOVERY_NEEDED : TREE_RECOVERY_NONE;
    return true;
}

/* The chunk tree lies in system chunks, which the superblock lists: that is where to begin. */
static bool read_chunks(struct btrfs *fs, GError **error)
{
    struct cursor array = cursor_of(fs->super.system_chunks, fs->super.system_chunks_size);
    const struct btrfs_key key = { BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM, 0 };
    g_auto(btrfs_items) it = { .fs = fs, .root = &fs->chunk_root, .skip = true };
    fs->chunk_root = (struct btrfs_root){ .id = BTRFS_CHUNK_TREE,
                                          .bytenr = fs->super.chunk_root,
                                          .generation = fs->super.chunk_root_generation,
                                          .level = fs->super.chunk_root_level };
    if (!btrfs_chunk_map_add_system(&fs->chunks, &array, error) ||
        !btrfs_items_seek(&it, &key, error))
        return false;
    while (btrfs_items_match(&it, BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM)) {
        g_autoptr(GError) why = NULL;
        if (!btrfs_chunk_map_add(&fs->chunks, it.key.offset, &it.data, &why)) {
            if (g_error_matches(why, ASSAY_ERROR, ASSAY_ERROR_LIMIT)) {
                g_propagate_error(error, g_steal_pointer(&why));
                return false;
            }
            tree_fault(&fs->tree, "%s", why->message);
        }
        if (!btrfs_items_next(&it, error))
            return false;
    }
    return true;
}

/* Notes the absent devices of a chunk that cannot be read without them. */
static void note_absent(struct btrfs *fs, const struct btrfs_chunk *c, GHashTable *seen,
                        GString *names)
{
    for (unsigned i = 0; i < c->num_stripes; i++) {
        const struct btrfs_stripe *s =
            &g_array_index(fs->chunks.stripes, struct btrfs_stripe, c->first_stripe + i);
        if (btrfs_has_device(s->devid, fs) || g_hash_table_contains(seen, &s->devid))
            continue;
        g_hash_table_add(seen, (gpointer)&s->devid);
        if (g_hash_table_size(seen) <= NAMED_DEVICES)
            g_string_append_printf(names, "%s%" G_GUINT64_FORMAT, names->len > 0 ? ", " : "",
                                   s->devid);
    }
}

/* What cannot be read for want of another device, or for its profile, is said at once, before
 * anybody trips over it. */
static void tell_unreadable_chunks(struct btrfs *fs)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_autoptr(GString) names = g_string_new(NULL);
    guint incomplete = 0, parity = 0;
    for (guint i = 0; i < fs->chunks.chunks->len; i++) {
        const struct btrfs_chunk *c = &g_array_index(fs->chunks.chunks, struct btrfs_chunk, i);
        if (c->type & (BTRFS_GROUP_RAID5 | BTRFS_GROUP_RAID6)) {
            parity++;
        } else if (!btrfs_chunk_complete(&fs->chunks, c, btrfs_has_device, fs)) {
            incomplete++;
            note_absent(fs, c, seen, names);
        }
    }
    if (incomplete > 0)
        tree_fault(&fs->tree,
                   "%u of %u block groups cannot be read: device %s%s of the filesystem's "
                   "%" G_GUINT64_FORMAT " is not given",
                   incomplete, fs->chunks.chunks->len, names->str,
                   g_hash_table_size(seen) > NAMED_DEVICES ? ", ..." : "", fs->super.num_devices);
    if (parity > 0)
        tree_fault(&fs->tree, "%u of %u block groups cannot be read: they are raid5 or raid6",
                   parity, fs->chunks.chunks->len);
}

/* Without its checksums a filesystem can still be read. */
static void read_csum_root(struct btrfs *fs)
{
    g_autoptr(GError) why = NULL;
    struct btrfs_root root;
    if (btrfs_root_load(fs, BTRFS_CSUM_TREE, &root, &why))
        fs->csum_root = g_memdup2(&root, sizeof root);
    else
        tree_fault(&fs->tree, "%s; file contents are not verified", why->message);
}

static bool find_root(struct btrfs *fs, GError **error)
{
    uint64_t id;
    g_autoptr(GError) why = NULL;
    const struct btrfs_root *root = NULL;
    if (btrfs_default_subvol(fs, &id, &why))
        root = btrfs_subvol(fs, id, &why);
    if (root == NULL) {
        tree_fault(&fs->tree, "default subvolume: %s; the top one is used", why->message);
        root = btrfs_subvol(fs, BTRFS_FS_TREE, error);
    }
    if (root != NULL)
        fs->tree.root = (struct tree_node){ .id = root->root_dir, .sub = root->id };
    return root != NULL;
}

static bool open_all(struct btrfs *fs, GError **error)
{
    if (!read_super(fs, error) || !read_chunks(fs, error))
        return false;
    fs->root_tree = (struct btrfs_root){ .id = BTRFS_ROOT_TREE,
                                         .bytenr = fs->super.root,
                                         .generation = fs->super.generation,
                                         .level = fs->super.root_level };
    if (!find_root(fs, error))
        return false;
    tell_unreadable_chunks(fs);
    read_csum_root(fs);
    return true;
}

static struct tree *btrfs_open(struct block *b, GError **error)
{
    struct btrfs *fs = tree_alloc(sizeof *fs, &btrfs_driver, b);
    g_autoptr(tree) t = &fs->tree;
    btrfs_chunk_map_init(&fs->chunks);
    fs->cache = lru_new(LIMIT_BTRFS_CACHE);
    fs->subvolumes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    fs->reported = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    fs->decoders = decoder_pool_new();
    if (!open_all(fs, error)) {
        g_prefix_error(error, "%s: ", b->name);
        return NULL;
    }
    return g_steal_pointer(&t);
}

static void btrfs_close(struct tree *t)
{
    struct btrfs *fs = btrfs_of(t);
    for (unsigned i = 0; i < BTRFS_FINGERS; i++) {
        if (fs->fingers[i].leaf != NULL)
            g_bytes_unref(fs->fingers[i].leaf);
    }
    btrfs_sum_free(fs->sum);
    btrfs_chunk_map_clear(&fs->chunks);
    lru_free(fs->cache);
    g_free(fs->csum_root);
    g_hash_table_unref(fs->subvolumes);
    g_hash_table_unref(fs->reported);
    decoder_pool_free(fs->decoders);
}

const struct tree_driver btrfs_driver = {
    .name = "btrfs",
    .description = "btrfs",
    .probe = btrfs_probe,
    .open = btrfs_open,
    .stat = btrfs_stat,
    .lookup = btrfs_lookup,
    .list = btrfs_list,
    .readlink = btrfs_readlink,
    .file_open = btrfs_file_open,
    .file_read = btrfs_file_read,
    .file_extent_at = btrfs_file_extent_at,
    .file_close = btrfs_file_close,
    .xattrs = btrfs_xattrs,
    .subvolumes = btrfs_subvolumes,
    .close = btrfs_close,
};
