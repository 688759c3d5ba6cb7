/* Directories: entries, damage between entries, checksums, inline ones, folded names. */
#include "ext-image.h"

static struct image with_files(uint32_t ro_compat)
{
    struct image im = image_new(0, INCOMPAT, ro_compat);
    put_file(&im, 12, AT_FREE, "one\n");
    put_file(&im, 13, AT_FREE + 1, "two\n");
    put_file(&im, 14, AT_FREE + 2, "three\n");
    put_entry(&im, AT_ROOT, 12, "one", 1);
    put_entry(&im, AT_ROOT, 13, "two", 1);
    put_entry(&im, AT_ROOT, 14, "three", 1);
    return im;
}

static void test_entries_are_listed_and_found(void)
{
    struct image im = with_files(RO_CHECKSUMS);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, 2);
    struct tree_node node;
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(names, ==, "one=12 two=13 three=14");
    g_assert_true(tree_lookup(t, t->root, "three", 5, &node, NULL));
    g_assert_cmpuint(node.id, ==, 14);
    g_autofree char *text = read_text(t, node.id, NULL);
    g_assert_cmpstr(text, ==, "three\n");
    g_assert_false(tree_lookup(t, t->root, "thre", 4, &node, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_a_damaged_entry_hides_no_neighbours(void)
{
    static const struct {
        unsigned off;
        uint64_t value;
        unsigned len;
    } damage[] = {
        { 4, 0, 2 }, { 4, 3, 2 }, { 4, 5000, 2 }, { 4, 8, 2 }, { 6, 255, 1 }, { 6, 0, 1 }
    };
    for (size_t i = 0; i < G_N_ELEMENTS(damage); i++) {
        struct image im = with_files(0);
        uint8_t *entry = at_block(&im, AT_ROOT) + 24 + 12; /* "two" */
        put_le(entry + damage[i].off, damage[i].value, damage[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *names = list_names(t, 2);
        g_assert_cmpstr(names, ==, "one=12 three=14");
        assert_fault(t, "directory 2: entry at 36 of block 0 is damaged");
        image_clear(&im);
    }
}

static void test_a_damaged_block_hides_no_other_block(void)
{
    struct image im = with_files(0);
    put_le(at_inode(&im, 2) + 4, 3 * SIZE, 4);
    memset(map_of(&im, 2) + 12, 0, 48);
    put_le(map_of(&im, 2) + 2, 0, 2);
    put_extent(map_of(&im, 2), 0, 1, AT_ROOT);
    put_extent(map_of(&im, 2), 1, 1, AT_FREE + 9); /* nothing of that kind there */
    put_extent(map_of(&im, 2), 2, 1, AT_FREE + 10);
    memset(at_block(&im, AT_FREE + 9), 0xff, SIZE);
    put_entry_at(at_block(&im, AT_FREE + 10), 13, SIZE, "last", 1);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, 2);
    g_assert_cmpstr(names, ==, "one=12 two=13 three=14 last=13");
    g_assert_cmpuint(t->fault_count, ==, 1);
    image_clear(&im);
}

static void test_missing_blocks_of_a_directory_are_said(void)
{
    struct image im = with_files(0);
    put_le(at_inode(&im, 2) + 4, 0x7ffffc00, 4);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, 2);
    g_assert_cmpstr(names, ==, "one=12 two=13 three=14");
    assert_fault(t, "directory 2: block 1 is missing");
    image_clear(&im);
}

static void test_a_wrong_checksum_is_said(void)
{
    struct image im = with_files(RO_CHECKSUMS);
    sum_all(&im);
    at_block(&im, AT_ROOT)[24 + 8] ^= 0x20;
    g_autoptr(block) b = block_of(im.bytes, BLOCKS * SIZE);
    g_autoptr(tree) t = open_block(b);
    g_autofree char *names = list_names(t, 2);
    assert_fault(t, "directory 2: block 0 has a wrong checksum");
    image_clear(&im);
}

static void test_impossible_names_are_left_out_and_said(void)
{
    static const char *const bad[] = { "a/b", "t\0o" };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct image im = with_files(0);
        memcpy(at_block(&im, AT_ROOT) + 36 + 8, bad[i], 3);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *names = list_names(t, 2);
        g_assert_cmpstr(names, ==, "one=12 three=14");
        g_assert_cmpuint(t->fault_count, ==, 1);
        image_clear(&im);
    }
}

static void test_entries_in_the_inode_are_listed(void)
{
    struct image im = image_new(0, INCOMPAT | 0x8000, RO_CHECKSUMS);
    uint8_t *p = at_inode(&im, 2);
    put_le(p + 0x20, EXT4_INLINE_DATA_FL, 4);
    put_le(p + 4, 60 + 24, 4);
    memset(p + 0x28, 0, 60);
    put_le(p + 0x28, 2, 4);
    put_entry_at(p + 0x2c, 12, 56, "here", 1);
    uint8_t *attributes = p + 0x80 + 32;
    put_le(attributes, 0xea020000, 4);
    attributes += 4;
    attributes[0] = 4;
    attributes[1] = 7;
    put_le(attributes + 2, 60, 2);
    put_le(attributes + 8, 24, 4);
    memcpy(attributes + 16, "data", 4);
    put_entry_at(attributes + 60, 13, 24, "there", 1);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, 2);
    g_assert_cmpstr(names, ==, "here=12 there=13");
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_names_are_folded_where_the_directory_says_so(void)
{
    struct image im = with_files(0);
    struct tree_node node;
    put_le(at_inode(&im, 2) + 0x20, EXT4_EXTENTS_FL | EXT4_CASEFOLD_FL, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_true(tree_lookup(t, t->root, "ONE", 3, &node, NULL));
    g_assert_cmpuint(node.id, ==, 12);
    g_assert_false(tree_lookup(t, t->root, "ON\xff", 3, &node, NULL));
    image_clear(&im);
}

static void test_an_encrypted_directory_is_named(void)
{
    struct image im = with_files(0);
    g_autoptr(GError) error = NULL;
    put_le(at_inode(&im, 2) + 0x20, EXT4_EXTENTS_FL | EXT4_ENCRYPT_FL, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_false(tree_list(t, t->root, add_name, NULL, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "encrypted"));
    image_clear(&im);
}

static void test_a_file_is_no_directory(void)
{
    struct image im = with_files(0);
    g_autoptr(tree) t = image_open(&im);
    g_assert_null(list_names(t, 12));
    image_clear(&im);
}

/* A root directory of three blocks: an index of two leaves, the second from this hash on. The only
 * name is in the second leaf. */
static struct image with_index(uint32_t from)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    uint8_t *p = at_block(&im, AT_ROOT), *super = at_block(&im, AT_SUPER);
    put_le(super + 0x160, 0x2, 4); /* unsigned hash */
    put_le(at_inode(&im, 2) + 0x04, 3 * SIZE, 4);
    put_le(at_inode(&im, 2) + 0x20, EXT4_EXTENTS_FL | EXT2_INDEX_FL, 4);
    put_extent(map_of(&im, 2), 1, 2, AT_FREE + 8);
    put_le(p + 12 + 4, SIZE - 12, 2);
    memset(p + 24, 0, SIZE - 24);
    p[0x1c] = EXT2_HASH_HALF_MD4;
    p[0x1d] = 8;
    put_le(p + 0x20, (SIZE - 0x20) / 8 - 1, 2); /* the tail takes the room of one */
    put_le(p + 0x22, 2, 2);
    put_le(p + 0x24, 1, 4);
    put_le(p + 0x28, from, 4);
    put_le(p + 0x2c, 2, 4);
    for (unsigned leaf = 0; leaf < 2; leaf++) {
        put_directory_block(&im, AT_FREE + 8 + leaf, 2, 2);
        memset(at_block(&im, AT_FREE + 8 + leaf), 0, 24);
        put_le(at_block(&im, AT_FREE + 8 + leaf) + 4, dir_room(&im), 2);
    }
    put_file(&im, 12, AT_FREE, "text");
    put_entry_at(at_block(&im, AT_FREE + 9), 12, dir_room(&im), "name", 1);
    return im;
}

static struct tree *open_indexed(struct image *im)
{
    sum_all(im);
    uint8_t *p = at_block(im, AT_ROOT);
    static const uint8_t zeros[8];
    uint32_t crc = crc32c_update(inode_seed(im, 2), p, 0x20 + 16);
    put_le(p + SIZE - 8, 0, 4);
    put_le(p + SIZE - 4, crc32c_update(crc, zeros, sizeof zeros), 4);
    sum_directory_block(im, 2, AT_FREE + 8);
    sum_directory_block(im, 2, AT_FREE + 9);
    g_autoptr(block) b = block_of(im->bytes, BLOCKS * SIZE);
    return open_block(b);
}

static void test_names_are_found_by_the_index(void)
{
    static const uint32_t no_seed[4];
    ext2_dirhash_t hash, minor;
    struct tree_node node;
    g_assert_cmpint(
        ext2fs_dirhash2(EXT2_HASH_HALF_MD4_UNSIGNED, "name", 4, NULL, 0, no_seed, &hash, &minor),
        ==, 0);
    /* From its own hash on, in the middle of names of that hash, and wrongly behind it. */
    const struct {
        uint32_t from;
        bool found;
    } cases[] = { { hash, true }, { hash | 1, true }, { hash + 2, false } };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = with_index(cases[i].from);
        g_autoptr(tree) t = open_indexed(&im);
        g_autofree char *names = list_names(t, 2);
        g_assert_cmpstr(names, ==, "name=12");
        g_assert_true(tree_lookup(t, t->root, "name", 4, &node, NULL) == cases[i].found);
        g_assert_false(tree_lookup(t, t->root, "none", 4, &node, NULL));
        g_assert_cmpuint(t->fault_count, ==, 0);
        image_clear(&im);
    }
}

static void test_an_index_that_cannot_be_followed_hides_no_name(void)
{
    static const struct {
        unsigned off, len;
        uint32_t value;
    } damage[] = { { 0x1c, 1, 9 }, { 0x1d, 1, 0 },    { 0x1e, 1, 200 }, { 0x20, 2, 5000 },
                   { 0x22, 2, 0 }, { 0x22, 2, 4000 }, { 0x24, 4, 77 },  { 0x2c, 4, 0 } };
    for (size_t i = 0; i < G_N_ELEMENTS(damage); i++) {
        struct tree_node node;
        struct image im = with_index(2);
        im.ro_compat = 0;
        put_le(at_block(&im, AT_SUPER) + 0x64, 0, 4);
        put_le(at_block(&im, AT_ROOT) + damage[i].off, damage[i].value, damage[i].len);
        g_autoptr(tree) t = open_indexed(&im);
        g_assert_true(tree_lookup(t, t->root, "name", 4, &node, NULL));
        image_clear(&im);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ext-dir/entries are listed and found", test_entries_are_listed_and_found);
    g_test_add_func("/ext-dir/a damaged entry hides no neighbours",
                    test_a_damaged_entry_hides_no_neighbours);
    g_test_add_func("/ext-dir/a damaged block hides no other block",
                    test_a_damaged_block_hides_no_other_block);
    g_test_add_func("/ext-dir/missing blocks of a directory are said",
                    test_missing_blocks_of_a_directory_are_said);
    g_test_add_func("/ext-dir/a wrong checksum is said", test_a_wrong_checksum_is_said);
    g_test_add_func("/ext-dir/impossible names are left out and said",
                    test_impossible_names_are_left_out_and_said);
    g_test_add_func("/ext-dir/entries in the inode are listed",
                    test_entries_in_the_inode_are_listed);
    g_test_add_func("/ext-dir/names are folded where the directory says so",
                    test_names_are_folded_where_the_directory_says_so);
    g_test_add_func("/ext-dir/an encrypted directory is named",
                    test_an_encrypted_directory_is_named);
    g_test_add_func("/ext-dir/a file is no directory", test_a_file_is_no_directory);
    g_test_add_func("/ext-dir/names are found by the index", test_names_are_found_by_the_index);
    g_test_add_func("/ext-dir/an index that cannot be followed hides no name",
                    test_an_index_that_cannot_be_followed_hides_no_name);
    return g_test_run();
}
