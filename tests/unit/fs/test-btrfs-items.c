/* Tree blocks and searching: what a block must be, which copy is used, how far damage reaches. */
#include <stdio.h>

#include "btrfs-image.h"

static struct btrfs_key entry_key(uint64_t index)
{
    return (struct btrfs_key){ 256, BTRFS_DIR_INDEX, index };
}

/* A directory whose entries fill `leaves` leaves under one node: 8 entries "n<index>" in each. */
static void put_wide_tree(struct image *im, unsigned leaves)
{
    struct child children[64];
    for (unsigned i = 0; i < leaves; i++) {
        g_autoptr(GArray) items = items_new();
        if (i == 0)
            put_inode(items, 256, S_IFDIR | 0755, 0);
        for (unsigned k = 0; k < 8; k++) {
            char name[20];
            uint8_t data[100];
            unsigned index = i * 8 + k;
            (void)snprintf(name, sizeof name, "n%u", index);
            item_put(items, 256, BTRFS_DIR_INDEX, index, data,
                     make_entry(data, inode_key(1000 + index), 1, name));
        }
        children[i].key = g_array_index(items, struct item, 0).key;
        children[i].bytenr = AT_FREE + (i + 1) * NODE;
        put_leaf(im, children[i].bytenr, BTRFS_FS_TREE, items);
    }
    put_node(im, AT_FREE, BTRFS_FS_TREE, 1, children, leaves);
    put_root(im->root, BTRFS_FS_TREE, AT_FREE, 1, 1);
    image_write(im);
}

/* Indices listed, as "0-7 16-23". */
static bool collect_index(const struct tree_entry *entry, void *user)
{
    g_array_append_val((GArray *)user, entry->node.id);
    return true;
}

static char *list_runs(struct tree *t)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    tree_list(t, t->root, collect_index, ids, &error);
    g_assert_no_error(error);
    for (guint i = 0, start = 0; i < ids->len; i++) {
        uint64_t id = g_array_index(ids, uint64_t, i);
        if (i + 1 < ids->len && g_array_index(ids, uint64_t, i + 1) == id + 1)
            continue;
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
                               start > 0 ? " " : "", g_array_index(ids, uint64_t, start) - 1000,
                               id - 1000);
        start = i + 1;
    }
    return g_string_free(text, FALSE);
}

static void test_a_tree_of_several_leaves_is_walked_in_order(void)
{
    struct image im = image_new();
    put_wide_tree(&im, 64);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *runs = list_runs(t);
    g_assert_cmpstr(runs, ==, "0-511");
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_any_key_is_found_forwards_and_backwards(void)
{
    struct image im = image_new();
    put_wide_tree(&im, 5);
    g_autoptr(tree) t = image_open(&im);
    struct btrfs *fs = btrfs_of(t);
    g_auto(btrfs_items) it = { .fs = fs, .root = btrfs_subvol(fs, 5, NULL) };
    /* Jumping about, so that fingers are both of use and of none. */
    for (unsigned n = 0; n < 200; n++) {
        struct btrfs_key key = entry_key(n * 7919 % 40);
        g_assert_true(btrfs_items_find(&it, &key, NULL));
        g_assert_true(it.at);
        g_assert_cmpuint(it.key.offset, ==, key.offset);
        g_assert_true(btrfs_items_seek(&it, &key, NULL));
        g_assert_cmpuint(it.key.offset, ==, key.offset);
        g_assert_true(btrfs_items_next(&it, NULL));
        g_assert_cmpint(it.at, ==, key.offset < 39);
    }
    struct btrfs_key before = { 256, BTRFS_INODE_ITEM - 1, 5 }, behind = { 257, 0, 0 };
    g_assert_true(btrfs_items_seek_back(&it, &before, NULL));
    g_assert_false(it.at);
    g_assert_true(btrfs_items_seek(&it, &before, NULL));
    g_assert_true(btrfs_items_match(&it, 256, BTRFS_INODE_ITEM));
    g_assert_true(btrfs_items_seek_back(&it, &behind, NULL));
    g_assert_cmpuint(it.key.offset, ==, 39);
    g_assert_true(btrfs_items_seek(&it, &behind, NULL));
    g_assert_false(it.at);
    g_assert_true(btrfs_items_find(&it, &behind, NULL));
    g_assert_false(it.at);
    image_clear(&im);
}

static void test_a_damaged_leaf_hides_only_its_own_entries(void)
{
    struct image im = image_new();
    put_wide_tree(&im, 6);
    patch_node(&im, AT_FREE + 3 * NODE, HEADER_BYTENR, 1, 8);
    patch_node(&im, AT_FREE + 6 * NODE, HEADER_NRITEMS, UINT32_MAX, 4);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *runs = list_runs(t);
    g_assert_cmpstr(runs, ==, "0-15 24-39");
    g_assert_cmpuint(t->fault_count, ==, 2);
    assert_says(g_ptr_array_index(t->faults, 0), "tree block at 1093632 of tree 5 belongs to");
    /* Told once. */
    g_autofree char *again = list_runs(t);
    g_assert_cmpstr(again, ==, "0-15 24-39");
    g_assert_cmpuint(t->fault_count, ==, 2);
    image_clear(&im);
}

static void test_a_damaged_root_is_an_error_not_an_empty_directory(void)
{
    struct image im = image_new();
    g_autoptr(GError) error = NULL;
    GString *names = g_string_new(NULL);
    patch_node(&im, AT_FS, HEADER_OWNER, 7, 8);
    g_autoptr(tree) t = image_open(&im);
    g_assert_false(tree_list(t, t->root, collect_name, names, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "belongs to another tree");
    g_string_free(names, TRUE);
    image_clear(&im);
}

static void test_the_other_copy_is_used_when_one_is_damaged(void)
{
    struct image im = image_new();
    put_wide_tree(&im, 3);
    im.bytes[AT_FREE + 2 * NODE + 3000] ^= 1;
    im.bytes[AT_FREE + 1 * NODE + 3000 + AREA] ^= 1; /* the copy that is not looked at */
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *runs = list_runs(t);
    g_assert_cmpstr(runs, ==, "0-23");
    assert_one_fault(t, "has a wrong checksum; its other copy is used");
    image_clear(&im);
}

/* A write that never reached one of the devices leaves an old block, right in itself. */
static void test_a_stale_copy_is_passed_over(void)
{
    struct image im = image_new();
    uint8_t *leaf = im.bytes + AT_FREE + 2 * NODE;
    put_wide_tree(&im, 3);
    put_le(leaf + HEADER_GENERATION, GENERATION - 1, 8);
    image_sum(&im, leaf, NODE);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *runs = list_runs(t);
    g_assert_cmpstr(runs, ==, "0-23");
    assert_one_fault(t, "generation that its parent says; its other copy is used");
    image_clear(&im);
}

static void test_both_copies_damaged_is_an_error(void)
{
    struct image im = image_new();
    im.bytes[AT_FS + 3000] ^= 1;
    im.bytes[AT_FS + 3000 + AREA] ^= 1;
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GError) error = NULL;
    struct tree_stat st;
    g_assert_false(tree_stat(t, t->root, &st, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "has a wrong checksum");
    image_clear(&im);
}

static void test_a_block_that_breaks_its_parents_word_is_refused(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { HEADER_GENERATION, GENERATION + 1, 8, "generation" },
        { HEADER_LEVEL, 8, 1, "impossible level" },
        { HEADER_OWNER, 2, 8, "another tree" },
        { HEADER_BYTENR, AT_FREE, 8, "another address" },
        { HEADER_FSID, 0, 8, "another filesystem" },
        { HEADER_NRITEMS, 160, 4, "more entries than fit" },
        { HEADER_NRITEMS, 0, 4, "does not begin with the key" },
        { HEADER_SIZE, 255, 8, "does not begin with the key" },
        { HEADER_SIZE + BTRFS_ITEM_SIZE, 1, 8, "out of order" },
        { HEADER_SIZE + 7 * BTRFS_ITEM_SIZE, 9999, 8, "keys beyond the next block" },
        { HEADER_SIZE + BTRFS_KEY_SIZE, NODE, 4, "lie outside" },
        { HEADER_SIZE + BTRFS_KEY_SIZE, 0, 4, "lie outside" },
        { HEADER_SIZE + BTRFS_KEY_SIZE + 4, UINT32_MAX, 4, "lie outside" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new();
        put_wide_tree(&im, 3);
        patch_node(&im, AT_FREE + 2 * NODE, cases[i].off, cases[i].value, cases[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *runs = list_runs(t);
        g_assert_cmpstr(runs, ==, "0-7 16-23");
        g_assert_cmpuint(t->fault_count, ==, 1);
        assert_says(g_ptr_array_index(t->faults, 0), cases[i].text);
        image_clear(&im);
    }
}

/* A node that names itself, and one whose children are all the same leaf. */
static void test_trees_that_loop_end(void)
{
    struct image im = image_new();
    struct child children[64];
    put_wide_tree(&im, 3);
    children[0] = (struct child){ { 256, BTRFS_INODE_ITEM, 0 }, AT_FREE + NODE };
    for (unsigned i = 1; i < 64; i++)
        children[i] = (struct child){ .key = entry_key(i * 8), .bytenr = AT_FREE + 2 * NODE };
    put_node(&im, AT_FREE, BTRFS_FS_TREE, 1, children, 64);
    g_autoptr(tree) same = image_open(&im);
    g_autofree char *runs = list_runs(same);
    g_assert_cmpstr(runs, ==, "0-15");
    assert_one_fault(same, "does not begin with the key");

    children[1].bytenr = AT_FREE;
    put_node(&im, AT_FREE, BTRFS_FS_TREE, 1, children, 2);
    g_autoptr(tree) self = image_open(&im);
    g_autofree char *few = list_runs(self);
    g_assert_cmpstr(few, ==, "0-7");
    assert_one_fault(self, "is not of the level");
    image_clear(&im);
}

static void test_a_node_without_children_is_refused(void)
{
    struct image im = image_new();
    put_wide_tree(&im, 3);
    patch_node(&im, AT_FREE, HEADER_NRITEMS, 0, 4);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GError) error = NULL;
    struct tree_stat st;
    g_assert_false(tree_stat(t, t->root, &st, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "without children");
    image_clear(&im);
}

static void test_an_impossible_root_level_is_refused(void)
{
    struct image im = image_new();
    put_root(im.root, BTRFS_FS_TREE, AT_FS, 8, 1);
    image_write(&im);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "impossible level 8");
    image_clear(&im);
}

static void test_what_lies_on_another_device_is_named(void)
{
    struct image im = image_new();
    struct chunk c = image_chunk;
    uint8_t bytes[CHUNK_SIZE + 8 * STRIPE_SIZE];
    c.type = BTRFS_GROUP_RAID1;
    c.stripes[1].devid = 3;
    item_put(im.chunk, BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM, BASE, bytes, make_chunk(bytes, &c));
    c.stripes[0].devid = 2;
    item_put(im.chunk, BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM, BASE + AREA, bytes,
             make_chunk(bytes, &c));
    put_root(im.root, 300, BASE + AREA, 0, 1);
    image_write(&im);
    /* One copy of a mirror is enough. */
    g_autoptr(tree) t = image_open(&im);
    assert_one_fault(t, "1 of 2 block groups cannot be read: device 2, 3 of");
    struct tree_stat st;
    g_assert_true(tree_stat(t, t->root, &st, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_false(tree_stat(t, (struct tree_node){ 256, 300 }, &st, &error));
    assert_error_says(error, ASSAY_ERROR_UNSUPPORTED, "device 2 of the filesystem");
    image_clear(&im);
}

#define ADD(title, func) g_test_add_func("/btrfs-items/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a tree of several leaves is walked in order",
        test_a_tree_of_several_leaves_is_walked_in_order);
    ADD("any key is found forwards and backwards", test_any_key_is_found_forwards_and_backwards);
    ADD("a damaged leaf hides only its own entries",
        test_a_damaged_leaf_hides_only_its_own_entries);
    ADD("a damaged root is an error, not an empty directory",
        test_a_damaged_root_is_an_error_not_an_empty_directory);
    ADD("the other copy is used when one is damaged",
        test_the_other_copy_is_used_when_one_is_damaged);
    ADD("a stale copy is passed over", test_a_stale_copy_is_passed_over);
    ADD("both copies damaged is an error", test_both_copies_damaged_is_an_error);
    ADD("a block that breaks its parent's word is refused",
        test_a_block_that_breaks_its_parents_word_is_refused);
    ADD("trees that loop end", test_trees_that_loop_end);
    ADD("a node without children is refused", test_a_node_without_children_is_refused);
    ADD("an impossible root level is refused", test_an_impossible_root_level_is_refused);
    ADD("what lies on another device is named", test_what_lies_on_another_device_is_named);
    return g_test_run();
}
