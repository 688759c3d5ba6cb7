/* Contents: extents in inodes and in trees, holes, unwritten space; targets of symbolic links. */
#include "xfs-image.h"

#define FILE_BLOCKS 12u

/* The n-th data block is full of this byte. */
static void put_data(struct image *im, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memset(image_at(im, AT_FREE + i), 'A' + (int)i, BLOCK);
}

/* One letter a block: '.' is a hole or unwritten; "!" a block that cannot be read. */
static char *read_blocks(struct tree *t, uint64_t inode)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = inode }, &error);
    g_assert_no_error(error);
    GString *out = g_string_new(NULL);
    for (uint64_t off = 0; off < f->size; off += BLOCK) {
        uint8_t buf[BLOCK];
        size_t got = 0;
        struct block_extent e;
        g_autoptr(GError) why = NULL;
        if (!tree_file_read(f, off, buf, sizeof buf, &got, &why)) {
            g_assert_error(why, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
            g_assert_false(tree_file_extent_at(f, off, &e, NULL));
            g_string_append_c(out, '!');
            continue;
        }
        for (size_t i = 1; i < got; i++)
            g_assert_cmpuint(buf[i], ==, buf[0]);
        g_assert_true(tree_file_extent_at(f, off, &e, NULL));
        g_assert_cmpuint(e.zero, ==, buf[0] == 0);
        g_assert_true(e.len > 0 && e.len <= f->size - off);
        g_string_append_c(out, buf[0] == 0 ? '.' : (char)buf[0]);
    }
    return g_string_free(out, FALSE);
}

static void assert_blocks(struct image *im, uint64_t inode, const char *text)
{
    g_autoptr(tree) t = image_open(im);
    g_autofree char *blocks = read_blocks(t, inode);
    g_assert_cmpstr(blocks, ==, text);
}

static void assert_not_opened(struct image *im, uint64_t inode, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(tree) t = image_open(im);
    g_assert_null(tree_file_open(t, (struct tree_node){ .id = inode }, &error));
    assert_error_says(error, code, text);
}

static void test_extents_in_the_inode_are_read(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        uint64_t file =
            put_inode(&im, 1, S_IFREG | 0644, XFS_FORK_EXTENTS, FILE_BLOCKS * BLOCK - 7);
        put_data(&im, 6);
        add_extent(&im, file, 1, AT_FREE + 2, 3, false);
        add_extent(&im, file, 4, AT_FREE, 1, false);
        add_extent(&im, file, 6, AT_FREE + 5, 1, true);
        add_extent(&im, file, 7, AT_FREE + 5, 1, false);
        add_extent(&im, file, 100, AT_FREE, 1, false); /* behind the end */
        assert_blocks(&im, file, ".CDEA..F....");
        image_clear(&im);
    }
}

static void test_reads_cross_extents_and_end_with_the_file(void)
{
    struct image im = image_new(true);
    uint64_t file = put_inode(&im, 1, S_IFREG | 0644, XFS_FORK_EXTENTS, 3 * BLOCK - 10);
    put_data(&im, 2);
    add_extent(&im, file, 0, AT_FREE + 1, 1, false);
    add_extent(&im, file, 2, AT_FREE, 1, false);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = file }, NULL);
    uint8_t buf[4 * BLOCK];
    size_t got;
    g_assert_true(tree_file_read(f, BLOCK - 2, buf, sizeof buf, &got, NULL));
    g_assert_cmpuint(got, ==, 2 * BLOCK + 2 - 10);
    g_assert_cmpmem(buf, 3, "BB\0", 3);
    g_assert_cmpmem(buf + BLOCK, 4, "\0\0AA", 4);
    g_assert_true(tree_file_read(f, 3 * BLOCK, buf, sizeof buf, &got, NULL));
    g_assert_cmpuint(got, ==, 0);
    image_clear(&im);
}

static void test_extents_that_cannot_be_are_refused(void)
{
    static const struct {
        uint64_t start, block, count;
        uint32_t extents;
        const char *text;
    } cases[] = {
        { 0, AT_FREE, 0, 2, "extents out of order" },
        { 2, AT_FREE, 1, 2, "extents out of order" },
        { 0, AT_FREE, 3, 2, "extents out of order" },
        { 0, AT_FREE, 1, 100, "more extents than fit" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        uint64_t file = put_inode(&im, 1, S_IFREG | 0644, XFS_FORK_EXTENTS, FILE_BLOCKS * BLOCK);
        add_extent(&im, file, cases[i].start, cases[i].block, cases[i].count, false);
        add_extent(&im, file, 2, AT_FREE + 1, 1, false);
        put_be(image_inode(&im, file) + INODE_NEXTENTS, cases[i].extents, 4);
        assert_not_opened(&im, file, ASSAY_ERROR_CORRUPT, cases[i].text);
        image_clear(&im);
    }
}

static void test_an_extent_outside_hides_only_itself(void)
{
    struct image im = image_new(true);
    uint64_t file = put_inode(&im, 1, S_IFREG | 0644, XFS_FORK_EXTENTS, 5 * BLOCK);
    put_data(&im, 2);
    add_extent(&im, file, 0, AT_FREE, 1, false);
    add_extent(&im, file, 1, AG_BLOCKS - 1, 2, false); /* into the next group */
    add_extent(&im, file, 4, AT_FREE + 1, 1, false);
    assert_blocks(&im, file, "A!!.B");
    image_clear(&im);
}

static void test_other_objects_are_no_files(void)
{
    struct image im = image_new(true);
    uint64_t local = put_inode(&im, 1, S_IFREG | 0644, XFS_FORK_LOCAL, 10);
    uint64_t fifo = put_inode(&im, 2, S_IFIFO | 0644, XFS_FORK_EXTENTS, 0);
    uint64_t realtime = put_inode(&im, 3, S_IFREG | 0644, XFS_FORK_EXTENTS, 10);
    put_be(image_inode(&im, realtime) + INODE_FLAGS, XFS_INODE_REALTIME, 2);
    add_extent(&im, realtime, 0, AT_FREE, 1, false);
    assert_not_opened(&im, local, ASSAY_ERROR_CORRUPT, "is not made of blocks");
    assert_not_opened(&im, fifo, ASSAY_ERROR_INVALID, "is no regular file");
    assert_not_opened(&im, realtime, ASSAY_ERROR_UNSUPPORTED, "on the realtime device");
    image_clear(&im);
}

/* --- trees --------------------------------------------------------------------------------------
 */

#define LEAF_1 (AT_FREE + 20)
#define LEAF_2 (AT_FREE + 21)
#define NODE   (AT_FREE + 22)

static size_t bmap_header(const struct image *im)
{
    return im->v5 ? BMAP_HEADER_V5 : BMAP_HEADER_V4;
}

static uint8_t *put_bmap(struct image *im, uint64_t block, uint64_t owner, unsigned level,
                         unsigned count)
{
    uint8_t *at = put_block(im, block, owner, &xfs_layout_bmap);
    put_be(at, im->v5 ? XFS_BMAP_MAGIC_V5 : XFS_BMAP_MAGIC_V4, 4);
    put_be(at + BMAP_LEVEL, level, 2);
    put_be(at + BMAP_NUMRECS, count, 2);
    return at;
}

/* Keys and children from `at` on, in `room` bytes. */
static void put_children(uint8_t *at, size_t room, const uint64_t (*children)[2], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        put_be(at + 8 * i, children[i][0], 8);
        put_be(at + room / 16 * 8 + 8 * i, children[i][1], 8);
    }
}

static void put_tree_root(struct image *im, uint64_t inode, unsigned level,
                          const uint64_t (*children)[2], unsigned count)
{
    size_t core = im->v5 ? INODE_CORE_V3 : INODE_CORE_V2;
    uint8_t *at = inode_fork(im, inode);
    put_be(at + BMAP_ROOT_LEVEL, level, 2);
    put_be(at + BMAP_ROOT_NUMRECS, count, 2);
    put_children(at + BMAP_ROOT_HEADER, im->inode_size - core - BMAP_ROOT_HEADER, children, count);
}

/* "A.BC..DE": two leaves below a node, which is below the root. */
static uint64_t put_tree(struct image *im)
{
    uint64_t file = put_inode(im, 1, S_IFREG | 0644, XFS_FORK_BTREE, 8 * BLOCK);
    put_data(im, 5);
    uint8_t *leaf = put_bmap(im, LEAF_1, file, 0, 2) + bmap_header(im);
    put_extent(leaf, 0, AT_FREE, 1, false);
    put_extent(leaf + 16, 2, AT_FREE + 1, 2, false);
    leaf = put_bmap(im, LEAF_2, file, 0, 2) + bmap_header(im);
    put_extent(leaf, 5, AT_FREE + 4, 1, true);
    put_extent(leaf + 16, 6, AT_FREE + 3, 2, false);
    const uint64_t leaves[][2] = { { 0, LEAF_1 }, { 5, LEAF_2 } };
    uint8_t *node = put_bmap(im, NODE, file, 1, 2) + bmap_header(im);
    put_children(node, BLOCK - bmap_header(im), leaves, 2);
    const uint64_t nodes[][2] = { { 0, NODE } };
    put_tree_root(im, file, 2, nodes, 1);
    return file;
}

static void test_extents_in_a_tree_are_read(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        assert_blocks(&im, put_tree(&im), "A.BC..DE");
        image_clear(&im);
    }
}

static void test_a_damaged_leaf_hides_only_what_it_describes(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
    } cases[] = {
        { 0, 1, 4 },                      /* magic number */
        { BMAP_LEVEL, 1, 2 },             /* another level */
        { BMAP_NUMRECS, 0, 2 },           /* nothing */
        { BMAP_NUMRECS, 60, 2 },          /* more than fit */
        { 24, 5, 8 },                     /* another place */
        { 40, 'x', 1 },                   /* another filesystem */
        { 56, 5, 8 },                     /* another inode */
        { BMAP_HEADER_V5, UINT64_MAX, 8 } /* extents out of order */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        uint64_t file = put_tree(&im);
        put_be(image_at(&im, LEAF_1) + cases[i].off, cases[i].value, cases[i].len);
        assert_blocks(&im, file, "!!!!!.DE");
        image_clear(&im);
    }
}

static void test_a_wrong_checksum_hides_only_what_the_leaf_describes(void)
{
    struct image im = image_new(true);
    uint64_t file = put_tree(&im);
    image_seal(&im);
    image_at(&im, LEAF_2)[BLOCK - 1] = 1;
    assert_blocks(&im, file, "A.BC.!!!");
    image_clear(&im);
}

static void test_leaves_describe_nothing_that_others_do(void)
{
    struct image im = image_new(true);
    uint64_t file = put_tree(&im);
    put_extent(image_at(&im, LEAF_1) + BMAP_HEADER_V5 + 16, 2, AT_FREE + 1, 4, false);
    assert_blocks(&im, file, "A.!!!.DE");
    image_clear(&im);
}

static void test_trees_do_not_run_in_circles(void)
{
    struct image im = image_new(true);
    uint64_t file = put_tree(&im);
    const uint64_t self[][2] = { { 0, NODE }, { 5, LEAF_2 } };
    put_children(image_at(&im, NODE) + BMAP_HEADER_V5, BLOCK - BMAP_HEADER_V5, self, 2);
    assert_blocks(&im, file, "!!!!!.DE");
    image_clear(&im);
}

static void test_roots_that_cannot_be_are_refused(void)
{
    static const struct {
        unsigned level, count;
    } cases[] = { { 0, 1 }, { 10, 1 }, { 2, 0 }, { 2, 22 }, { 1, 1 }, { 3, 1 } };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        uint64_t file = put_tree(&im);
        put_be(inode_fork(&im, file) + BMAP_ROOT_LEVEL, cases[i].level, 2);
        put_be(inode_fork(&im, file) + BMAP_ROOT_NUMRECS, cases[i].count, 2);
        assert_blocks(&im, file, "!!!!!!!!");
        image_clear(&im);
    }
}

/* --- symbolic links -----------------------------------------------------------------------------
 */

static void assert_target(struct image *im, uint64_t inode, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(tree) t = image_open(im);
    g_autofree char *target = tree_readlink(t, (struct tree_node){ .id = inode }, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(target, ==, text);
}

static void assert_no_target(struct image *im, uint64_t inode, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(tree) t = image_open(im);
    g_assert_null(tree_readlink(t, (struct tree_node){ .id = inode }, &error));
    assert_error_says(error, code, text);
}

/* One piece of a target in a block of its own, or, when `more`, in two blocks that follow. */
static void put_piece(struct image *im, uint64_t block, uint64_t owner, size_t at, const char *text,
                      bool more)
{
    uint8_t *b = put_block(im, block, owner, &xfs_layout_remote);
    size_t head = im->v5 ? REMOTE_HEADER : 0;
    if (im->v5) {
        put_be(b, XFS_REMOTE_SYMLINK_MAGIC, 4);
        put_be(b + REMOTE_OFFSET, at, 4);
        put_be(b + REMOTE_BYTES, strlen(text), 4);
        if (more)
            image_seal_later(im, block * BLOCK, 2 * BLOCK, xfs_layout_remote.crc);
    }
    memcpy(b + head, text, strlen(text));
}

static void test_targets_are_read_wherever_they_are(void)
{
    g_autofree char *text = g_strnfill(XFS_SYMLINK_MAX, 't');
    memcpy(text, "/begin", 6);
    memcpy(text + XFS_SYMLINK_MAX - 4, "/end", 4);
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        uint64_t inside = put_inode(&im, 1, S_IFLNK | 0777, XFS_FORK_LOCAL, 11);
        memcpy(inode_fork(&im, inside), "../etc/host", 11);
        assert_target(&im, inside, "../etc/host");
        /* All in one extent, with one header. */
        uint64_t joined = put_inode(&im, 2, S_IFLNK | 0777, XFS_FORK_EXTENTS, XFS_SYMLINK_MAX);
        add_extent(&im, joined, 0, AT_FREE, 2, false);
        put_piece(&im, AT_FREE, joined, 0, text, true);
        im.done = false;
        assert_target(&im, joined, text);
        /* In two, each with its own. */
        size_t first = v5 ? BLOCK - REMOTE_HEADER : 500;
        g_autofree char *begin = g_strndup(text, first);
        uint64_t apart = put_inode(&im, 3, S_IFLNK | 0777, XFS_FORK_EXTENTS, XFS_SYMLINK_MAX);
        add_extent(&im, apart, 0, AT_FREE + 9, 1, false);
        add_extent(&im, apart, 1, AT_FREE + 5, 1, false);
        put_piece(&im, AT_FREE + 9, apart, 0, begin, false);
        put_piece(&im, AT_FREE + 5, apart, first, text + first, false);
        im.done = false;
        if (v5)
            assert_target(&im, apart, text);
        image_clear(&im);
    }
}

static void test_targets_that_cannot_be_are_refused(void)
{
    struct image im = image_new(true);
    uint64_t none = put_inode(&im, 1, S_IFLNK | 0777, XFS_FORK_LOCAL, 0);
    uint64_t large = put_inode(&im, 2, S_IFLNK | 0777, XFS_FORK_EXTENTS, XFS_SYMLINK_MAX + 1);
    uint64_t cut = put_inode(&im, 3, S_IFLNK | 0777, XFS_FORK_LOCAL, 400);
    uint64_t hole = put_inode(&im, 4, S_IFLNK | 0777, XFS_FORK_EXTENTS, 700);
    uint64_t file = put_inode(&im, 5, S_IFREG | 0777, XFS_FORK_EXTENTS, 700);
    assert_no_target(&im, none, ASSAY_ERROR_CORRUPT, "symbolic link of 0 bytes");
    assert_no_target(&im, large, ASSAY_ERROR_CORRUPT, "symbolic link of 1025 bytes");
    assert_no_target(&im, cut, ASSAY_ERROR_CORRUPT, "cut short");
    assert_no_target(&im, hole, ASSAY_ERROR_CORRUPT, "is a hole");
    assert_no_target(&im, file, ASSAY_ERROR_INVALID, "is no symbolic link");
    image_clear(&im);
}

static void test_pieces_of_something_else_are_refused(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { 0, XFS_REMOTE_VALUE_MAGIC, 4, "has no magic number" },
        { REMOTE_OFFSET, 5, 4, "belongs elsewhere" },
        { 32, 5, 8, "belongs elsewhere" },
        { 40, 5, 8, "belongs to another place" },
        { 16, 'x', 1, "belongs to another filesystem" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        uint64_t link = put_inode(&im, 1, S_IFLNK | 0777, XFS_FORK_EXTENTS, 4);
        add_extent(&im, link, 0, AT_FREE, 1, false);
        put_piece(&im, AT_FREE, link, 0, "text", false);
        put_be(image_at(&im, AT_FREE) + cases[i].off, cases[i].value, cases[i].len);
        assert_no_target(&im, link, ASSAY_ERROR_CORRUPT, cases[i].text);
        image_clear(&im);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/file/extents in the inode are read", test_extents_in_the_inode_are_read);
    g_test_add_func("/xfs/file/reads cross extents and end with the file",
                    test_reads_cross_extents_and_end_with_the_file);
    g_test_add_func("/xfs/file/extents that cannot be are refused",
                    test_extents_that_cannot_be_are_refused);
    g_test_add_func("/xfs/file/an extent outside hides only itself",
                    test_an_extent_outside_hides_only_itself);
    g_test_add_func("/xfs/file/other objects are no files", test_other_objects_are_no_files);
    g_test_add_func("/xfs/file/extents in a tree are read", test_extents_in_a_tree_are_read);
    g_test_add_func("/xfs/file/a damaged leaf hides only what it describes",
                    test_a_damaged_leaf_hides_only_what_it_describes);
    g_test_add_func("/xfs/file/a wrong checksum hides only what the leaf describes",
                    test_a_wrong_checksum_hides_only_what_the_leaf_describes);
    g_test_add_func("/xfs/file/leaves describe nothing that others do",
                    test_leaves_describe_nothing_that_others_do);
    g_test_add_func("/xfs/file/trees do not run in circles", test_trees_do_not_run_in_circles);
    g_test_add_func("/xfs/file/roots that cannot be are refused",
                    test_roots_that_cannot_be_are_refused);
    g_test_add_func("/xfs/file/targets are read wherever they are",
                    test_targets_are_read_wherever_they_are);
    g_test_add_func("/xfs/file/targets that cannot be are refused",
                    test_targets_that_cannot_be_are_refused);
    g_test_add_func("/xfs/file/pieces of something else are refused",
                    test_pieces_of_something_else_are_refused);
    return g_test_run();
}
