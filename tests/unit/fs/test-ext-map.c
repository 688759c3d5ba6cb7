/* Inodes and where their contents lie: extents, block maps, data in the inode, links. */
#include <sys/sysmacros.h>

#include "ext-image.h"

static void assert_unreadable(struct image *im, uint32_t inode, const char *text)
{
    g_autoptr(tree) t = image_open(im);
    g_autoptr(GError) error = NULL;
    g_assert_null(read_text(t, inode, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    if (strstr(error->message, text) == NULL)
        g_error("'%s' does not say '%s'", error->message, text);
}

/* "d1024 z2048": data and zeros, in bytes. */
static char *extents_of(struct tree *t, uint64_t inode)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = inode }, &error);
    GString *text = g_string_new(NULL);
    struct block_extent e;
    g_assert_no_error(error);
    for (uint64_t off = 0; off < f->size; off += e.len) {
        g_assert_true(tree_file_extent_at(f, off, &e, &error));
        g_assert_cmpuint(e.len, >, 0);
        g_string_append_printf(text, "%s%c%" G_GUINT64_FORMAT, off > 0 ? " " : "",
                               e.zero ? 'z' : 'd', e.len);
    }
    return g_string_free(text, FALSE);
}

static void fill(struct image *im, uint64_t block, char c)
{
    memset(at_block(im, block), c, SIZE);
}

static void test_extents_holes_and_unwritten_space_are_read(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    put_inode(&im, 12, S_IFREG | 0644, 8 * SIZE - 5);
    put_extent(map_of(&im, 12), 1, 2, AT_FREE);
    put_extent(map_of(&im, 12), 3, 32768 + 1, AT_FREE + 2); /* never written */
    put_extent(map_of(&im, 12), 6, 1, AT_FREE + 3);
    for (unsigned i = 0; i < 4; i++)
        fill(&im, AT_FREE + i, (char)('a' + i));
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *extents = extents_of(t, 12);
    g_assert_cmpstr(extents, ==, "z1024 d2048 z1024 z2048 d1024 z1019");
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = 12 }, NULL);
    g_autoptr(GBytes) bytes = tree_file_read_all(f, SIZE * 8, NULL);
    const char *p = g_bytes_get_data(bytes, NULL);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, 8 * SIZE - 5);
    g_assert_cmpint(p[SIZE - 1], ==, 0);
    g_assert_cmpint(p[SIZE], ==, 'a');
    g_assert_cmpint(p[3 * SIZE - 1], ==, 'b');
    g_assert_cmpint(p[3 * SIZE], ==, 0);
    g_assert_cmpint(p[6 * SIZE], ==, 'd');
    g_assert_cmpint(p[7 * SIZE], ==, 0);
    image_clear(&im);
}

/* Inode 12 with two leaves below its root. */
static struct image with_tree(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    put_inode(&im, 12, S_IFREG | 0644, 4 * SIZE);
    put_le(map_of(&im, 12) + 6, 1, 2);
    put_index(map_of(&im, 12), 0, AT_FREE);
    put_index(map_of(&im, 12), 2, AT_FREE + 1);
    put_extent(put_node(&im, AT_FREE, 0), 0, 2, AT_FREE + 4);
    put_extent(put_node(&im, AT_FREE + 1, 0), 2, 2, AT_FREE + 6);
    for (unsigned i = 0; i < 4; i++)
        fill(&im, AT_FREE + 4 + i, (char)('a' + i));
    sum_node(&im, 12, AT_FREE);
    sum_node(&im, 12, AT_FREE + 1);
    return im;
}

static void test_a_tree_of_extents_is_read(void)
{
    struct image im = with_tree();
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *extents = extents_of(t, 12);
    g_autofree char *text = read_text(t, 12, NULL);
    g_assert_cmpstr(extents, ==, "d2048 d2048");
    g_assert_cmpint(text[2 * SIZE], ==, 'c');
    g_assert_cmpint(text[4 * SIZE - 1], ==, 'd');
    image_clear(&im);
}

static void test_damaged_extents_are_refused(void)
{
    static const struct {
        uint64_t at; /* byte of the image; 0: of the inode's map, off alone counts */
        unsigned off, len;
        uint64_t value;
        const char *text;
        bool sum;
    } cases[] = {
        { 0, 0, 2, 0, "extents are damaged", false },
        { 0, 2, 2, 5, "extents are damaged", false },
        { 0, 4, 2, 5, "extents are damaged", false },
        { 0, 6, 2, 9, "extents are damaged", false },
        { 0, 16, 4, 0, "block 0, which there is not", false },
        { 0, 16, 4, 5000, "block 5000, which there is not", false },
        { AT_FREE, 6, 2, 1, "is damaged", true },
        { AT_FREE, 2, 2, 0, "is damaged", true },
        { AT_FREE, 20, 4, 255, "lies at 255", true },
        { AT_FREE, 20, 4, 20, "wrong checksum", false },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = with_tree();
        uint8_t *at = cases[i].at == 0 ? map_of(&im, 12) : at_block(&im, cases[i].at);
        put_le(at + cases[i].off, cases[i].value, cases[i].len);
        if (cases[i].sum)
            sum_node(&im, 12, cases[i].at);
        assert_unreadable(&im, 12, cases[i].text);
        image_clear(&im);
    }
}

static void test_block_maps_are_read(void)
{
    struct image im = image_new(0, 0x2, 0);
    put_inode(&im, 12, S_IFREG | 0644, (12 + 256 + 256 * 3) * SIZE);
    uint8_t *map = map_of(&im, 12);
    put_le(map, AT_FREE, 4);
    put_le(map + 4, AT_FREE + 1, 4);
    put_le(map + 11 * 4, AT_FREE + 2, 4);
    put_le(map + 12 * 4, AT_FREE + 3, 4); /* indirect: its first and last */
    put_le(at_block(&im, AT_FREE + 3), AT_FREE + 4, 4);
    put_le(at_block(&im, AT_FREE + 3) + 255 * 4, AT_FREE + 5, 4);
    put_le(map + 13 * 4, AT_FREE + 6, 4); /* double: in its second */
    put_le(at_block(&im, AT_FREE + 6) + 4, AT_FREE + 7, 4);
    put_le(at_block(&im, AT_FREE + 7) + 8, AT_FREE + 8, 4);
    fill(&im, AT_FREE + 8, 'x');
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *extents = extents_of(t, 12);
    g_assert_cmpstr(extents, ==,
                    "d2048 z9216 d1024 d1024 z260096 d1024 z262144 z2048 d1024 z259072 z262144");
    g_autofree char *text = read_text(t, 12, NULL);
    g_assert_nonnull(text);
    g_assert_cmpint(text[(12 + 256 + 256 + 2) * SIZE], ==, 'x');
    image_clear(&im);
}

static void test_block_maps_that_lead_nowhere_are_refused(void)
{
    struct image im = image_new(0, 0x2, 0);
    put_inode(&im, 12, S_IFREG | 0644, 20 * SIZE);
    put_le(map_of(&im, 12), 1u << 31, 4);
    assert_unreadable(&im, 12, "leads to block 2147483648");
    put_le(map_of(&im, 12), 0, 4);
    put_le(map_of(&im, 12) + 12 * 4, BLOCKS, 4);
    assert_unreadable(&im, 12, "leads to block 256");
    image_clear(&im);
}

static void test_sizes_past_the_map_are_holes(void)
{
    static const uint32_t kinds[] = { 0x2, INCOMPAT };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct image im = image_new(0, kinds[i], 0);
        put_inode(&im, 12, S_IFREG | 0644, INT64_MAX);
        g_autoptr(tree) t = image_open(&im);
        g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = 12 }, NULL);
        struct block_extent e;
        char buf[16];
        size_t got;
        g_assert_true(tree_file_extent_at(f, INT64_MAX - 9, &e, NULL));
        g_assert_true(e.zero);
        g_assert_true(tree_file_read(f, INT64_MAX - 9, buf, sizeof buf, &got, NULL));
        g_assert_cmpuint(got, ==, 9);
        image_clear(&im);
    }
}

/* "system.data" of inode n, of len bytes. */
static void put_inline(struct image *im, uint32_t n, const char *text, size_t rest)
{
    uint8_t *p = at_inode(im, n), *a = p + 0x80 + 32 + 4;
    put_le(p + 0x20, EXT4_INLINE_DATA_FL, 4);
    memcpy(p + 0x28, text, MIN(strlen(text), 60));
    put_le(a - 4, 0xea020000, 4);
    a[0] = 4;
    a[1] = 7;
    put_le(a + 2, 40, 2);
    put_le(a + 8, rest, 4);
    memcpy(a + 16, "data", 4);
    if (strlen(text) > 60)
        memcpy(a + 40, text + 60, strlen(text) - 60);
}

static void test_data_in_the_inode_is_read(void)
{
    g_autofree char *text = g_strnfill(75, 'q');
    text[74] = 'r';
    for (size_t len = 1; len <= 75; len += 37) {
        struct image im = image_new(0, INCOMPAT | 0x8000, RO_CHECKSUMS);
        g_autofree char *part = g_strndup(text, len);
        put_inode(&im, 12, S_IFREG | 0644, len);
        put_inline(&im, 12, part, len > 60 ? len - 60 : 0);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *got = read_text(t, 12, NULL);
        g_autofree char *extents = extents_of(t, 12);
        g_autofree char *expected = g_strdup_printf("d%zu", len);
        g_assert_cmpstr(got, ==, part);
        g_assert_cmpstr(extents, ==, expected);
        image_clear(&im);
    }
}

static void test_inline_data_shorter_than_its_size_is_no_silent_loss(void)
{
    struct image im = image_new(0, INCOMPAT | 0x8000, 0);
    put_inode(&im, 12, S_IFREG | 0644, 70);
    put_inline(&im, 12, "short", 5);
    assert_unreadable(&im, 12, "65 bytes of inline data for a size of 70");
    put_le(at_inode(&im, 12) + 0x80 + 32 + 4 + 8, 5000, 4);
    assert_unreadable(&im, 12, "damaged inline data");
    image_clear(&im);
}

static void test_a_wrong_checksum_of_an_inode_is_refused(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    g_autoptr(GError) error = NULL;
    struct tree_stat st;
    put_file(&im, 12, AT_FREE, "text");
    sum_all(&im);
    at_inode(&im, 12)[4] ^= 1;
    g_autoptr(block) b = block_of(im.bytes, BLOCKS * SIZE);
    g_autoptr(tree) t = open_block(b);
    g_assert_false(tree_stat(t, (struct tree_node){ .id = 12 }, &st, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    g_assert_nonnull(strstr(error->message, "inode 12 has a wrong checksum"));
    image_clear(&im);
}

static void test_impossible_inodes_are_refused(void)
{
    struct image im = image_new(0, INCOMPAT, 0);
    struct tree_stat st;
    put_file(&im, 13, AT_FREE, "text");
    put_le(at_inode(&im, 13) + 0x80, 0xfff0, 2);
    put_inode(&im, 14, S_IFREG | 0644, UINT64_MAX);
    put_inode(&im, 15, S_IFREG | 0644, 0);
    put_le(at_inode(&im, 15) + 0x1a, 0, 2);
    put_le(at_inode(&im, 15) + 0x14, 1, 4);
    g_autoptr(tree) t = image_open(&im);
    static const uint64_t numbers[] = { 0, 12, 13, 14, 15, 33, UINT64_MAX };
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(tree_stat(t, (struct tree_node){ .id = numbers[i] }, &st, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    }
    image_clear(&im);
}

static void test_stats_are_complete(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    struct tree_stat st;
    put_inode(&im, 12, S_IFBLK | 0660, 0);
    uint8_t *p = at_inode(&im, 12);
    put_le(p + 0x02, 0x1234, 2); /* owners, low halves and high ones */
    put_le(p + 0x78, 0x5678, 2);
    put_le(p + 0x18, 0x9abc, 2);
    put_le(p + 0x7a, 0xdef0, 2);
    put_le(p + 0x10, 0xfffffffe, 4);          /* mtime: two seconds before 1970, ... */
    put_le(p + 0x88, 3 | 999999999u << 2, 4); /* ... in the fourth epoch */
    put_le(p + 0x0c, 5, 4);
    put_le(p + 0x90, 7, 4);
    memset(p + 0x28, 0, 60);
    put_le(p + 0x2c, (300u << 8) | (70000 & 0xff) | (70000 & ~0xffu) << 12, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_true(tree_stat(t, (struct tree_node){ .id = 12 }, &st, NULL));
    g_assert_cmpuint(st.uid, ==, 0x56781234);
    g_assert_cmpuint(st.gid, ==, 0xdef09abc);
    g_assert_cmpint(st.mtime, ==, -2 + (INT64_C(3) << 32));
    g_assert_cmpuint(st.mtime_ns, ==, 999999999);
    g_assert_cmpint(st.ctime, ==, 5);
    g_assert_cmpint(st.btime, ==, 7);
    g_assert_cmpuint(st.rdev, ==, makedev(300, 70000));
    image_clear(&im);
}

static void test_links_are_read_from_the_inode_and_from_blocks(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    g_autofree char *far = g_strnfill(300, 'f');
    put_inode(&im, 12, S_IFLNK | 0777, 10);
    put_le(at_inode(&im, 12) + 0x20, 0, 4);
    memcpy(map_of(&im, 12), "somewhere!", 10);
    put_inode(&im, 13, S_IFLNK | 0777, 300);
    put_extent(map_of(&im, 13), 0, 1, AT_FREE);
    put_le(at_inode(&im, 13) + 0x1c, 2, 4);
    memcpy(at_block(&im, AT_FREE), far, 300);
    put_inode(&im, 14, S_IFLNK | 0777, 1u << 20);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GError) error = NULL;
    g_autofree char *near_target = tree_readlink(t, (struct tree_node){ .id = 12 }, NULL);
    g_autofree char *far_target = tree_readlink(t, (struct tree_node){ .id = 13 }, NULL);
    g_assert_cmpstr(near_target, ==, "somewhere!");
    g_assert_cmpstr(far_target, ==, far);
    g_assert_null(tree_readlink(t, (struct tree_node){ .id = 14 }, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ext-map/extents, holes and unwritten space are read",
                    test_extents_holes_and_unwritten_space_are_read);
    g_test_add_func("/ext-map/a tree of extents is read", test_a_tree_of_extents_is_read);
    g_test_add_func("/ext-map/damaged extents are refused", test_damaged_extents_are_refused);
    g_test_add_func("/ext-map/block maps are read", test_block_maps_are_read);
    g_test_add_func("/ext-map/block maps that lead nowhere are refused",
                    test_block_maps_that_lead_nowhere_are_refused);
    g_test_add_func("/ext-map/sizes past the map are holes", test_sizes_past_the_map_are_holes);
    g_test_add_func("/ext-map/data in the inode is read", test_data_in_the_inode_is_read);
    g_test_add_func("/ext-map/inline data shorter than its size is no silent loss",
                    test_inline_data_shorter_than_its_size_is_no_silent_loss);
    g_test_add_func("/ext-map/a wrong checksum of an inode is refused",
                    test_a_wrong_checksum_of_an_inode_is_refused);
    g_test_add_func("/ext-map/impossible inodes are refused", test_impossible_inodes_are_refused);
    g_test_add_func("/ext-map/stats are complete", test_stats_are_complete);
    g_test_add_func("/ext-map/links are read from the inode and from blocks",
                    test_links_are_read_from_the_inode_and_from_blocks);
    return g_test_run();
}
