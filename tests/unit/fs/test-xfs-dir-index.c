/* The index of large directories: used when it is intact, never believed when it is not. */
#include "xfs-image.h"

#define INDEX_BLOCK (XFS_DIR_INDEX_OFFSET / BLOCK)
#define AT_DATA     AT_FREE        /* two blocks of entries */
#define AT_INDEX    (AT_FREE + 10) /* root, then leaves */

static const struct entry entries[][2] = { { { "one", 301, 1 }, { "two", 302, 1 } },
                                           { { "tri", 303, 1 }, { "four", 304, 1 } } };

/* Where the j-th entry of the i-th block is, in units of 8 bytes. */
static uint32_t place_of(const struct image *im, unsigned i, unsigned j)
{
    return (uint32_t)((i * BLOCK + dir_header(im)) / DIR_ALIGN + j * 2);
}

struct leaf_entry {
    uint32_t hash, place;
};

static int by_hash(const void *a, const void *b)
{
    const struct leaf_entry *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void all_entries(const struct image *im, struct leaf_entry out[4])
{
    for (unsigned n = 0; n < 4; n++) {
        const struct entry *e = &entries[n / 2][n % 2];
        out[n].hash = xfs_name_hash((const uint8_t *)e->name, strlen(e->name));
        out[n].place = place_of(im, n / 2, n % 2);
    }
    qsort(out, 4, sizeof *out, by_hash);
}

static uint8_t *put_da(struct image *im, uint64_t block, uint16_t v4, uint16_t v5, unsigned count,
                       unsigned level)
{
    uint8_t *at = put_block(im, block, im->root, &xfs_layout_da);
    size_t header = im->v5 ? DA_HEADER_V5 : DA_HEADER_V4;
    put_be(at + DA_MAGIC, im->v5 ? v5 : v4, 2);
    put_be(at + header + DA_COUNT, count, 2);
    put_be(at + header + DA_LEVEL, level, 2);
    return at;
}

static void put_pairs(const struct image *im, uint8_t *block, const struct leaf_entry *pairs,
                      unsigned count)
{
    uint8_t *at = block + (im->v5 ? DA_ENTRIES_V5 : DA_ENTRIES_V4);
    for (unsigned i = 0; i < count; i++) {
        put_be(at + DA_ENTRY * i, pairs[i].hash, 4);
        put_be(at + DA_ENTRY * i + 4, pairs[i].place, 4);
    }
}

/* Two blocks of entries; the index has room for four blocks. */
static struct image image_with_data(bool v5)
{
    struct image im = image_new(v5);
    put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, 2 * BLOCK);
    add_extent(&im, im.root, 0, AT_DATA, 2, false);
    add_extent(&im, im.root, INDEX_BLOCK, AT_INDEX, 4, false);
    for (unsigned i = 0; i < 2; i++)
        put_dir_block(&im, AT_DATA + i, im.root, false, entries[i], 2);
    return im;
}

static struct image image_with_leaf(bool v5)
{
    struct image im = image_with_data(v5);
    struct leaf_entry all[4];
    all_entries(&im, all);
    put_pairs(&im, put_da(&im, AT_INDEX, XFS_DIR_LEAF1_V4, XFS_DIR_LEAF1_V5, 4, 0), all, 4);
    return im;
}

/* A node above three leaves: of one entry, of two, of one. */
static struct image image_with_node(bool v5)
{
    struct image im = image_with_data(v5);
    struct leaf_entry all[4];
    all_entries(&im, all);
    const struct leaf_entry children[] = { { all[0].hash, INDEX_BLOCK + 1 },
                                           { all[2].hash, INDEX_BLOCK + 2 },
                                           { all[3].hash, INDEX_BLOCK + 3 } };
    static const unsigned from[] = { 0, 1, 3 }, count[] = { 1, 2, 1 };
    put_pairs(&im, put_da(&im, AT_INDEX, XFS_DA_NODE_V4, XFS_DA_NODE_V5, 3, 1), children, 3);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *leaf =
            put_da(&im, AT_INDEX + 1 + i, XFS_DIR_LEAFN_V4, XFS_DIR_LEAFN_V5, count[i], 0);
        put_pairs(&im, leaf, all + from[i], count[i]);
        put_be(leaf + DA_FORW, i < 2 ? INDEX_BLOCK + 2 + i : 0, 4);
    }
    return im;
}

/* Whether damage was told. */
static bool all_found(struct image *im)
{
    g_autoptr(tree) t = image_open(im);
    for (unsigned n = 0; n < 4; n++)
        g_assert_cmpuint(look(t, im->root, entries[n / 2][n % 2].name), ==, 301 + n);
    g_assert_cmpuint(look(t, im->root, "none"), ==, 0);
    g_assert_cmpuint(look(t, im->root, "\x01"), ==, 0);
    return t->fault_count > 0;
}

static void test_names_hash_as_on_disk(void)
{
    /* What xfs_db's command "hash" says. */
    g_assert_cmphex(xfs_name_hash((const uint8_t *)"a", 1), ==, 0x61);
    g_assert_cmphex(xfs_name_hash((const uint8_t *)"lost+found", 10), ==, 0x21aa60c);
}

static void test_an_intact_index_finds_all(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_with_leaf(v5);
        g_assert_false(all_found(&im));
        image_clear(&im);
        im = image_with_node(v5);
        g_assert_false(all_found(&im));
        image_clear(&im);
    }
}

/* Only the index is asked: a name that it does not have is not there, whatever blocks say. */
static void test_an_intact_index_is_believed(void)
{
    struct image im = image_with_leaf(true);
    image_at(&im, AT_DATA)[DIR_HEADER_V5 + DIR_ENTRY_NAME] = 'O';
    image_at(&im, AT_DATA + 1)[0] = 0;
    put_be(image_at(&im, AT_INDEX) + DA_HEADER_V5 + DA_COUNT, 0, 2);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(look(t, im.root, "one"), ==, 0);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_names_of_one_hash_are_told_apart_across_leaves(void)
{
    struct image im = image_with_data(true);
    struct leaf_entry same[4];
    uint32_t hash = xfs_name_hash((const uint8_t *)"a\x01", 2);
    /* The hash of "b" and a byte with the bit set that "a" lacks is the same. */
    static const struct entry twins[] = { { "a\x01", 301, 1 }, { "\x60\x81", 302, 1 } };
    g_assert_cmphex(xfs_name_hash((const uint8_t *)twins[1].name, 2), ==, hash);
    put_dir_block(&im, AT_DATA, im.root, false, twins, 2);
    for (unsigned i = 0; i < 2; i++)
        same[i] = (struct leaf_entry){ hash, place_of(&im, 0, i) };
    const struct leaf_entry children[] = { { hash, INDEX_BLOCK + 1 }, { hash, INDEX_BLOCK + 2 } };
    put_pairs(&im, put_da(&im, AT_INDEX, XFS_DA_NODE_V4, XFS_DA_NODE_V5, 2, 1), children, 2);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *leaf = put_da(&im, AT_INDEX + 1 + i, XFS_DIR_LEAFN_V4, XFS_DIR_LEAFN_V5, 1, 0);
        put_pairs(&im, leaf, same + i, 1);
        put_be(leaf + DA_FORW, i == 0 ? INDEX_BLOCK + 2 : 0, 4);
    }
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(look(t, im.root, twins[0].name), ==, 301);
    g_assert_cmpuint(look(t, im.root, twins[1].name), ==, 302);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_a_damaged_index_is_told_and_done_without(void)
{
    static const struct {
        unsigned block; /* of the index */
        size_t off;
        uint64_t value;
        unsigned len;
    } cases[] = {
        { 0, DA_MAGIC, 0, 2 },
        { 0, DA_MAGIC, XFS_ATTR_LEAF_V5, 2 },
        { 0, DA_HEADER_V5 + DA_COUNT, 0, 2 },
        { 0, DA_HEADER_V5 + DA_COUNT, 500, 2 },
        { 0, DA_HEADER_V5 + DA_LEVEL, 0, 2 },
        { 0, DA_HEADER_V5 + DA_LEVEL, 9, 2 },
        { 0, DA_HEADER_V5 + DA_LEVEL, 2, 2 },
        { 0, DA_ENTRIES_V5, UINT32_MAX, 4 },      /* order */
        { 0, DA_ENTRIES_V5 + 4, INDEX_BLOCK, 4 }, /* a circle */
        { 0, DA_ENTRIES_V5 + 4, 77, 4 },          /* a hole */
        { 0, 16, 5, 8 },                          /* another place */
        { 0, 32, 'x', 1 },                        /* another filesystem */
        { 0, 48, 5, 8 },                          /* another inode */
        { 1, DA_MAGIC, XFS_ATTR_LEAF_V5, 2 },
        { 1, DA_ENTRIES_V5 + 4, 1, 4 },        /* the header of a block */
        { 1, DA_ENTRIES_V5 + 4, 90, 4 },       /* the middle of an entry or free space */
        { 1, DA_ENTRIES_V5 + 4, 1u << 31, 4 }, /* a hole */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_with_node(true);
        put_be(image_at(&im, AT_INDEX + cases[i].block) + cases[i].off, cases[i].value,
               cases[i].len);
        g_assert_true(all_found(&im));
        image_clear(&im);
    }
}

static void test_a_wrong_checksum_of_the_index_is_told(void)
{
    struct image im = image_with_leaf(true);
    image_seal(&im);
    image_at(&im, AT_INDEX)[BLOCK - 1] = 1;
    g_assert_true(all_found(&im));
    image_clear(&im);
}

static void test_leaves_do_not_run_in_circles(void)
{
    struct image im = image_with_data(true);
    uint32_t hash = xfs_name_hash((const uint8_t *)"one", 3);
    struct leaf_entry stale[] = { { hash, 0 } };
    uint8_t *leaf = put_da(&im, AT_INDEX, XFS_DIR_LEAFN_V4, XFS_DIR_LEAFN_V5, 1, 0);
    put_pairs(&im, leaf, stale, 1);
    put_be(leaf + DA_FORW, INDEX_BLOCK, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(look(t, im.root, "one"), ==, 301);
    assert_one_fault(t, "too many names of one hash");
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/dir-index/names hash as on disk", test_names_hash_as_on_disk);
    g_test_add_func("/xfs/dir-index/an intact index finds all", test_an_intact_index_finds_all);
    g_test_add_func("/xfs/dir-index/an intact index is believed", test_an_intact_index_is_believed);
    g_test_add_func("/xfs/dir-index/names of one hash are told apart across leaves",
                    test_names_of_one_hash_are_told_apart_across_leaves);
    g_test_add_func("/xfs/dir-index/a damaged index is told and done without",
                    test_a_damaged_index_is_told_and_done_without);
    g_test_add_func("/xfs/dir-index/a wrong checksum of the index is told",
                    test_a_wrong_checksum_of_the_index_is_told);
    g_test_add_func("/xfs/dir-index/leaves do not run in circles",
                    test_leaves_do_not_run_in_circles);
    return g_test_run();
}
