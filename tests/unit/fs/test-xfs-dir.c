/* Directories: inside inodes, in one block, in many; damage to one entry hides only that one. */
#include "xfs-image.h"

#define FILES 300u /* a number that no made inode has; entries may lead anywhere */

static const struct entry three[] = { { "first", FILES, XFS_FTYPE_REGULAR },
                                      { "a", FILES + 1, XFS_FTYPE_DIRECTORY },
                                      { "line\nbreak\xff", FILES + 2, XFS_FTYPE_SYMLINK } };
static const char three_names[] = "first 300\na 301\nline\nbreak\xff 302\n";

static bool check_type(const struct tree_entry *e, void *user)
{
    static const uint32_t types[] = { S_IFREG, S_IFDIR, S_IFLNK };
    uint32_t want = *(bool *)user ? types[e->node.id - FILES] : 0;
    g_assert_cmpuint(e->type, ==, want);
    return true;
}

static void assert_three(struct image *im)
{
    g_autoptr(tree) t = image_open(im);
    g_autofree char *names = list_names(t, im->root);
    g_assert_cmpstr(names, ==, three_names);
    for (size_t i = 0; i < G_N_ELEMENTS(three); i++)
        g_assert_cmpuint(look(t, im->root, three[i].name), ==, three[i].inode);
    g_assert_cmpuint(look(t, im->root, "firs"), ==, 0);
    g_assert_cmpuint(look(t, im->root, "FIRST"), ==, 0);
    g_assert_true(tree_list(t, t->root, check_type, &im->v5, NULL));
    g_assert_cmpuint(t->fault_count, ==, 0);
}

static void test_entries_in_the_inode_are_listed(void)
{
    for (int i = 0; i < 4; i++) {
        struct image im = image_new(i & 1);
        put_dir_short(&im, im.root, i & 2, three, 3);
        assert_three(&im);
        image_clear(&im);
    }
}

static void test_entries_in_a_block_are_listed(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, BLOCK);
        add_extent(&im, im.root, 0, AT_FREE, 1, false);
        put_dir_block(&im, AT_FREE, im.root, true, three, 3);
        assert_three(&im);
        image_clear(&im);
    }
}

static void test_entries_in_many_blocks_are_listed(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, 10 * BLOCK);
        /* A block that became empty is a hole. */
        add_extent(&im, im.root, 0, AT_FREE, 1, false);
        add_extent(&im, im.root, 2, AT_FREE + 1, 2, false);
        put_dir_block(&im, AT_FREE, im.root, false, three, 1);
        put_dir_block(&im, AT_FREE + 1, im.root, false, three + 1, 1);
        put_dir_block(&im, AT_FREE + 2, im.root, false, three + 2, 1);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *names = list_names(t, im.root);
        g_assert_cmpstr(names, ==, three_names);
        g_assert_cmpuint(t->fault_count, ==, 0);
        image_clear(&im);
    }
}

/* Blocks of a directory may be larger than those of the filesystem, and lie in pieces. */
static void test_large_blocks_may_be_in_pieces(void)
{
    struct image im = image_new(false);
    uint8_t joined[2 * BLOCK] = { 0 };
    image_super(&im, 0)[SB_DIRBLKLOG] = 1;
    put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, 2 * BLOCK);
    add_extent(&im, im.root, 0, AT_FREE + 5, 1, false);
    add_extent(&im, im.root, 1, AT_FREE, 1, false);
    put_be(joined, XFS_DIR_DATA_V4, 4);
    put_free(joined, DIR_HEADER_V4, 1200);
    put_free(joined, put_entries(&im, joined, 1200, three, 3), 2 * BLOCK);
    memcpy(image_at(&im, AT_FREE + 5), joined, BLOCK);
    memcpy(image_at(&im, AT_FREE), joined + BLOCK, BLOCK);
    assert_three(&im);
    image_clear(&im);
}

static void test_what_names_cannot_be_is_a_fault(void)
{
    static const struct {
        const char *name;
        uint64_t inode;
        const char *text;
    } cases[] = {
        { "a/b", FILES, "impossible name" },
        { "x", 0, "leads to inode 0, which cannot be" },
        { "x", UINT64_C(1) << 50, "which cannot be" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        const struct entry entries[] = { { "before", 300, 1 },
                                         { cases[i].name, cases[i].inode, 1 },
                                         { ".", 5, 2 },
                                         { "..", 5, 2 },
                                         { "behind", 301, 1 } };
        put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, BLOCK);
        add_extent(&im, im.root, 0, AT_FREE, 1, false);
        put_dir_block(&im, AT_FREE, im.root, true, entries, G_N_ELEMENTS(entries));
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *names = list_names(t, im.root);
        g_assert_cmpstr(names, ==, "before 300\nbehind 301\n");
        assert_one_fault(t, cases[i].text);
        image_clear(&im);
    }
}

/* "before", "bad" (at 80 on version 5, 32 on version 4) and "behind" are entries of 24 bytes. */
static void test_a_damaged_entry_hides_only_itself(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
    } cases[] = {
        { 8, 0, 1 },                          /* no name */
        { 8, 255, 1 },                        /* a name that is longer than all that follows */
        { 8, 40, 1 },                         /* over the entry behind */
        { 22, 7, 2 },                         /* place */
        { 0, UINT64_C(0xffff0018) << 32, 8 }, /* free, with the place of an entry: hidden */
        { 0, UINT64_C(0xffff0000) << 32, 8 },
        { 0, UINT64_C(0xffff0007) << 32, 8 },
        { 0, UINT64_C(0xfffffff8) << 32, 8 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int v5 = 0; v5 < 2; v5++) {
            static const struct entry entries[] = { { "before.....", 300, 1 },
                                                    { "bad........", 301, 1 },
                                                    { "behind.....", 302, 1 } };
            struct image im = image_new(v5);
            put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, BLOCK);
            add_extent(&im, im.root, 0, AT_FREE, 1, false);
            uint8_t *block = put_dir_block(&im, AT_FREE, im.root, false, entries, 3);
            put_be(block + dir_header(&im) + 24 + cases[i].off, cases[i].value, cases[i].len);
            g_autoptr(tree) t = image_open(&im);
            g_autofree char *names = list_names(t, im.root);
            g_assert_cmpstr(names, ==, "before..... 300\nbehind..... 302\n");
            if (i == 4) { /* looks like free space in all that can be told */
                g_assert_cmpuint(t->fault_count, ==, 0);
            } else {
                assert_one_fault(t, v5 ? "a damaged entry at byte 88 of block 0"
                                       : "a damaged entry at byte 40 of block 0");
                assert_lookup_fails(t, im.root, "bad........", "a damaged entry");
            }
            g_assert_cmpuint(look(t, im.root, "behind....."), ==, 302);
            image_clear(&im);
        }
    }
}

static void test_entries_under_a_wrong_checksum_are_told_with_a_fault(void)
{
    struct image im = image_new(true);
    put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, BLOCK);
    add_extent(&im, im.root, 0, AT_FREE, 1, false);
    uint8_t *block = put_dir_block(&im, AT_FREE, im.root, true, three, 3);
    image_seal(&im);
    block[DIR_HEADER_V5 + DIR_ENTRY_NAME] = 'F';
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, im.root);
    g_assert_cmpstr(names, ==, "First 300\na 301\nline\nbreak\xff 302\n");
    assert_one_fault(t, "block 0 of it has a wrong checksum");
    g_assert_cmpuint(look(t, im.root, "a"), ==, 301);
    assert_lookup_fails(t, im.root, "first", "wrong checksum");
    image_clear(&im);
}

static void test_a_block_of_something_else_hides_only_itself(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { 0, 0, 4, "has no magic number" },
        { 0, XFS_DIR_DATA_V4, 4, "has no magic number" },
        { 8, 1, 8, "belongs to another place" },
        { 24, 'x', 1, "belongs to another filesystem" },
        { 40, 1, 8, "belongs to another directory" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, 3 * BLOCK);
        add_extent(&im, im.root, 0, AT_FREE, 3, false);
        for (unsigned n = 0; n < 3; n++)
            put_dir_block(&im, AT_FREE + n, im.root, false, three + n, 1);
        put_be(image_at(&im, AT_FREE + 1) + cases[i].off, cases[i].value, cases[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *names = list_names(t, im.root);
        g_assert_cmpstr(names, ==, "first 300\nline\nbreak\xff 302\n");
        assert_one_fault(t, cases[i].text);
        image_clear(&im);
    }
}

static void test_an_index_that_does_not_fit_its_block_is_a_fault(void)
{
    struct image im = image_new(false);
    put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, BLOCK);
    add_extent(&im, im.root, 0, AT_FREE, 1, false);
    put_be(put_dir_block(&im, AT_FREE, im.root, true, three, 3) + BLOCK - DIR_TAIL, 126, 4);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, im.root);
    g_assert_cmpstr(names, ==, "");
    assert_one_fault(t, "has an impossible index");
    image_clear(&im);
}

static void test_damaged_entries_in_the_inode_are_a_fault(void)
{
    struct image im = image_new(true);
    put_dir_short(&im, im.root, false, three, 3);
    inode_fork(&im, im.root)[0] = 40;
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, im.root);
    g_assert_true(g_str_has_prefix(names, three_names));
    assert_one_fault(t, "entries inside its inode are damaged");
    assert_lookup_fails(t, im.root, "none", "entries inside its inode");
    image_clear(&im);
}

static void test_a_block_outside_the_filesystem_hides_only_itself(void)
{
    struct image im = image_new(true);
    put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, 3 * BLOCK);
    add_extent(&im, im.root, 0, AT_FREE, 1, false);
    add_extent(&im, im.root, 1, 99999, 1, false);
    add_extent(&im, im.root, 2, AT_FREE + 1, 1, false);
    put_dir_block(&im, AT_FREE, im.root, false, three, 1);
    put_dir_block(&im, AT_FREE + 1, im.root, false, three + 1, 1);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, im.root);
    g_assert_cmpstr(names, ==, "first 300\na 301\n");
    assert_one_fault(t, "blocks 1 to 1 lie outside the filesystem");
    image_clear(&im);
}

static void test_only_directories_are_listed(void)
{
    struct image im = image_new(true);
    uint64_t file = put_inode(&im, 1, S_IFREG | 0644, XFS_FORK_EXTENTS, 0);
    g_autoptr(tree) t = image_open(&im);
    assert_list_fails(t, file, ASSAY_ERROR_INVALID, "is no directory");
    assert_list_fails(t, file + 1, ASSAY_ERROR_CORRUPT, "wrong checksum");
    image_clear(&im);
}

static void test_case_matters_only_where_the_filesystem_says_so(void)
{
    static const struct entry entries[] = { { "README", 300, 0 }, { "readMe", 301, 0 } };
    struct image im = image_new(false);
    put_be(image_super(&im, 0) + SB_VERSION, XFS_SB_EXTFLG | XFS_SB_DIRV2 | XFS_SB_CI | 4, 2);
    put_dir_short(&im, im.root, false, entries, 2);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(look(t, im.root, "ReadMe"), ==, 300);
    g_assert_cmpuint(look(t, im.root, "readMe"), ==, 301);
    g_assert_cmpuint(look(t, im.root, "readMi"), ==, 0);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/dir/entries in the inode are listed",
                    test_entries_in_the_inode_are_listed);
    g_test_add_func("/xfs/dir/entries in a block are listed", test_entries_in_a_block_are_listed);
    g_test_add_func("/xfs/dir/entries in many blocks are listed",
                    test_entries_in_many_blocks_are_listed);
    g_test_add_func("/xfs/dir/large blocks may be in pieces", test_large_blocks_may_be_in_pieces);
    g_test_add_func("/xfs/dir/what names cannot be is a fault",
                    test_what_names_cannot_be_is_a_fault);
    g_test_add_func("/xfs/dir/a damaged entry hides only itself",
                    test_a_damaged_entry_hides_only_itself);
    g_test_add_func("/xfs/dir/entries under a wrong checksum are told, with a fault",
                    test_entries_under_a_wrong_checksum_are_told_with_a_fault);
    g_test_add_func("/xfs/dir/a block of something else hides only itself",
                    test_a_block_of_something_else_hides_only_itself);
    g_test_add_func("/xfs/dir/an index that does not fit its block is a fault",
                    test_an_index_that_does_not_fit_its_block_is_a_fault);
    g_test_add_func("/xfs/dir/damaged entries in the inode are a fault",
                    test_damaged_entries_in_the_inode_are_a_fault);
    g_test_add_func("/xfs/dir/a block outside the filesystem hides only itself",
                    test_a_block_outside_the_filesystem_hides_only_itself);
    g_test_add_func("/xfs/dir/only directories are listed", test_only_directories_are_listed);
    g_test_add_func("/xfs/dir/case matters only where the filesystem says so",
                    test_case_matters_only_where_the_filesystem_says_so);
    return g_test_run();
}
