/* Extended attributes: in the inode, in a block, access control lists, damage. */
#include "ext-image.h"

#define AT_ATTRIBUTES (AT_FREE + 5)
#define ENTRY         16u

/* Puts an attribute behind those that there are: entries from the front, values from the back. */
static void put_attribute(uint8_t *entries, size_t room, size_t values_from, uint8_t index,
                          const char *name, const void *value, size_t len)
{
    uint8_t *p = entries;
    size_t end = values_from;
    while (get_le(p, 4) != 0) {
        end = get_le(p + 2, 2);
        p += ENTRY + ((p[0] + 3u) & ~3u);
    }
    size_t place = (end - len) & ~(size_t)3;
    p[0] = (uint8_t)strlen(name);
    p[1] = index;
    put_le(p + 2, place, 2);
    put_le(p + 8, len, 4);
    memcpy(p + ENTRY, name, strlen(name));
    g_assert_cmpuint((size_t)(p - entries) + ENTRY + strlen(name), <, room);
    memcpy(entries + place - (values_from - room), value, len);
}

static void put_in_inode(struct image *im, uint32_t inode, uint8_t index, const char *name,
                         const void *value, size_t len)
{
    uint8_t *p = at_inode(im, inode) + 0x80 + 32;
    put_le(p, 0xea020000, 4);
    /* Places count from the first entry. */
    size_t room = INODE_SIZE - 0x80 - 32 - 4;
    put_attribute(p + 4, room, room, index, name, value, len);
}

static void put_in_block(struct image *im, uint32_t inode, uint8_t index, const char *name,
                         const void *value, size_t len)
{
    uint8_t *p = at_block(im, AT_ATTRIBUTES);
    put_le(at_inode(im, inode) + 0x68, AT_ATTRIBUTES, 4);
    put_le(p, 0xea020000, 4);
    put_le(p + 4, 1, 4); /* references */
    put_le(p + 8, 1, 4); /* blocks */
    put_attribute(p + 32, SIZE - 32, SIZE, index, name, value, len);
}

static bool add(const char *name, const uint8_t *value, size_t len, void *user)
{
    g_string_append_printf(user, "%s=", name);
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(user, "%02x", value[i]);
    g_string_append_c(user, ' ');
    return true;
}

static char *attributes(struct tree *t, uint64_t inode, GError **error)
{
    GString *text = g_string_new(NULL);
    bool good = tree_xattrs(t, (struct tree_node){ .id = inode }, add, text, error);
    return g_string_free(text, !good);
}

static void test_attributes_of_inode_and_block_are_given(void)
{
    struct image im = image_new(0x8, INCOMPAT, 0);
    put_file(&im, 12, AT_FREE, "text");
    put_in_inode(&im, 12, 1, "note", "\x01\x02", 2);
    put_in_inode(&im, 12, 6, "capability", "\x03", 1);
    put_in_block(&im, 12, 4, "overlay", "y", 1);
    put_file(&im, 13, AT_FREE, "text");
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *some = attributes(t, 12, NULL);
    g_autofree char *none = attributes(t, 13, NULL);
    g_assert_cmpstr(some, ==, "user.note=0102 security.capability=03 trusted.overlay=79 ");
    g_assert_cmpstr(none, ==, "");
    image_clear(&im);
}

static void test_access_control_lists_are_as_linux_gives_them(void)
{
    static const uint8_t disk[] = { 1, 0, 0, 0, 1, 0, 6,  0, 2, 0, 4,  0, 0xe8, 3,
                                    0, 0, 4, 0, 4, 0, 16, 0, 4, 0, 32, 0, 4,    0 };
    struct image im = image_new(0x8, INCOMPAT, 0);
    put_file(&im, 12, AT_FREE, "text");
    put_in_inode(&im, 12, 2, "", disk, sizeof disk);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *text = attributes(t, 12, NULL);
    g_assert_cmpstr(text, ==,
                    "system.posix_acl_access=02000000"
                    "01000600ffffffff02000400e803000004000400ffffffff"
                    "10000400ffffffff20000400ffffffff ");
    image_clear(&im);
}

static void test_data_of_the_inode_is_no_attribute(void)
{
    struct image im = image_new(0x8, INCOMPAT | 0x8000, 0);
    put_inode(&im, 12, S_IFREG | 0644, 62);
    put_le(at_inode(&im, 12) + 0x20, EXT4_INLINE_DATA_FL, 4);
    put_in_inode(&im, 12, 7, "data", "xy", 2);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *text = attributes(t, 12, NULL);
    g_assert_cmpstr(text, ==, "");
    image_clear(&im);
}

static void test_damaged_attributes_are_refused(void)
{
    static const struct {
        unsigned off, len;
        uint64_t value;
    } damage[] = {
        { 0, 4, 0 },
        { 32 + 2, 2, 0xfff0 },
        { 32 + 8, 4, 5000 },
        { 8, 4, 2 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(damage); i++) {
        g_autoptr(GError) error = NULL;
        struct image im = image_new(0x8, INCOMPAT, 0);
        put_file(&im, 12, AT_FREE, "text");
        put_in_block(&im, 12, 1, "note", "value", 5);
        put_le(at_block(&im, AT_ATTRIBUTES) + damage[i].off, damage[i].value, damage[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_assert_null(attributes(t, 12, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_assert_nonnull(strstr(error->message, "inode 12: extended attributes: "));
        image_clear(&im);
    }
}

static void test_a_wrong_checksum_of_attributes_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    struct image im = image_new(0x8, INCOMPAT, RO_CHECKSUMS);
    put_file(&im, 12, AT_FREE, "text");
    put_in_block(&im, 12, 1, "note", "value", 5);
    g_autoptr(tree) t = image_open(&im);
    g_assert_null(attributes(t, 12, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ext-xattr/attributes of inode and block are given",
                    test_attributes_of_inode_and_block_are_given);
    g_test_add_func("/ext-xattr/access control lists are as Linux gives them",
                    test_access_control_lists_are_as_linux_gives_them);
    g_test_add_func("/ext-xattr/data of the inode is no attribute",
                    test_data_of_the_inode_is_no_attribute);
    g_test_add_func("/ext-xattr/damaged attributes are refused",
                    test_damaged_attributes_are_refused);
    g_test_add_func("/ext-xattr/a wrong checksum of attributes is refused",
                    test_a_wrong_checksum_of_attributes_is_refused);
    return g_test_run();
}
