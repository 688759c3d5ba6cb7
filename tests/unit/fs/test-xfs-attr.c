/* Extended attributes: in the inode, in a leaf, in a tree, with values elsewhere. */
#include "xfs-image.h"

#define FORK_AT  8u /* of the attribute fork, in units of 8 bytes */
#define AT_ATTR  AT_FREE
#define TEXT_MAX 100u

static bool append_attr(const char *name, const uint8_t *value, size_t len, void *user)
{
    if (len > TEXT_MAX)
        g_string_append_printf(user, "%s %zu %c..%c\n", name, len, value[0], value[len - 1]);
    else
        g_string_append_printf(user, "%s %.*s\n", name, (int)len, (const char *)value);
    return true;
}

static char *list_attrs(struct tree *t, uint64_t inode)
{
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);
    tree_xattrs(t, (struct tree_node){ .id = inode }, append_attr, out, &error);
    g_assert_no_error(error);
    return g_string_free(out, FALSE);
}

static void assert_attrs(struct image *im, uint64_t inode, const char *text)
{
    g_autoptr(tree) t = image_open(im);
    g_autofree char *attrs = list_attrs(t, inode);
    g_assert_cmpstr(attrs, ==, text);
    g_assert_cmpuint(t->fault_count, ==, 0);
}

static uint8_t *attr_fork(const struct image *im, uint64_t inode)
{
    return inode_fork(im, inode) + FORK_AT * 8;
}

static uint64_t put_file(struct image *im, uint8_t attr_format)
{
    uint64_t file = put_inode(im, 1, S_IFREG | 0644, XFS_FORK_EXTENTS, 0);
    image_inode(im, file)[INODE_FORKOFF] = FORK_AT;
    image_inode(im, file)[INODE_AFORMAT] = attr_format;
    return file;
}

/* `count` blocks of attributes from AT_ATTR on. */
static uint64_t put_file_with_blocks(struct image *im, unsigned count)
{
    uint64_t file = put_file(im, XFS_FORK_EXTENTS);
    put_be(image_inode(im, file) + INODE_ANEXTENTS, 1, 2);
    put_extent(attr_fork(im, file), 0, AT_ATTR, count, false);
    return file;
}

struct attr {
    uint8_t flags;
    const char *name, *value;
};

static void put_attr_short(struct image *im, uint64_t inode, const struct attr *attrs, size_t count)
{
    uint8_t *at = attr_fork(im, inode);
    at[ATTR_SHORT_COUNT] = (uint8_t)count;
    at += ATTR_SHORT_HEADER;
    for (size_t i = 0; i < count; i++) {
        *at++ = (uint8_t)strlen(attrs[i].name);
        *at++ = (uint8_t)strlen(attrs[i].value);
        *at++ = attrs[i].flags;
        at = (uint8_t *)g_stpcpy((char *)at, attrs[i].name);
        at = (uint8_t *)g_stpcpy((char *)at, attrs[i].value);
    }
}

static uint8_t *put_da(struct image *im, uint64_t block, uint64_t owner, uint16_t v4, uint16_t v5,
                       unsigned count, unsigned level)
{
    uint8_t *at = put_block(im, block, owner, &xfs_layout_da);
    size_t header = im->v5 ? DA_HEADER_V5 : DA_HEADER_V4;
    put_be(at + DA_MAGIC, im->v5 ? v5 : v4, 2);
    put_be(at + header + DA_COUNT, count, 2);
    put_be(at + header + DA_LEVEL, level, 2);
    return at;
}

static size_t leaf_header(const struct image *im)
{
    return im->v5 ? ATTR_LEAF_HEADER_V5 : ATTR_LEAF_HEADER_V4;
}

/* Attributes whose value begins with '@' are elsewhere: "@block length". */
static uint8_t *put_leaf(struct image *im, uint64_t block, uint64_t owner, const struct attr *attrs,
                         unsigned count)
{
    uint8_t *leaf = put_da(im, block, owner, XFS_ATTR_LEAF_V4, XFS_ATTR_LEAF_V5, count, 0);
    size_t end = BLOCK;
    for (unsigned i = 0; i < count; i++) {
        const char *name = attrs[i].name, *value = attrs[i].value;
        bool remote = value[0] == '@';
        uint8_t *entry = leaf + leaf_header(im) + i * ATTR_ENTRY;
        end -= remote ? 9 + strlen(name) : 3 + strlen(name) + strlen(value);
        put_be(entry + ATTR_PLACE, end, 2);
        entry[ATTR_FLAGS] = (uint8_t)(attrs[i].flags | (remote ? 0 : XFS_ATTR_LOCAL));
        uint8_t *at = leaf + end;
        if (remote) {
            char *length;
            put_be(at, g_ascii_strtoull(value + 1, &length, 10), 4);
            put_be(at + 4, g_ascii_strtoull(length, NULL, 10), 4);
            at[8] = (uint8_t)strlen(name);
            memcpy(at + 9, name, strlen(name));
        } else {
            put_be(at, strlen(value), 2);
            at[2] = (uint8_t)strlen(name);
            memcpy(at + 3, name, strlen(name));
            memcpy(at + 3 + strlen(name), value, strlen(value));
        }
    }
    return leaf;
}

static const struct attr some[] = { { 0, "comment", "hello" },
                                    { XFS_ATTR_ROOT, "overlay", "y" },
                                    { XFS_ATTR_SECURE, "capability", "\x01\x02" },
                                    { 0, "empty", "" },
                                    { XFS_ATTR_INCOMPLETE, "half", "made" },
                                    { XFS_ATTR_PARENT, "dir", "pointer" } };
static const char some_text[] = "user.comment hello\ntrusted.overlay y\n"
                                "security.capability \x01\x02\nuser.empty \n";

static void test_attributes_in_the_inode_are_told(void)
{
    struct image im = image_new(true);
    uint64_t file = put_file(&im, XFS_FORK_LOCAL);
    put_attr_short(&im, file, some, G_N_ELEMENTS(some));
    assert_attrs(&im, file, some_text);
    assert_attrs(&im, im.root, "");
    image_clear(&im);
}

static void test_attributes_in_a_leaf_are_told(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        uint64_t file = put_file_with_blocks(&im, 1);
        put_leaf(&im, AT_ATTR, file, some, G_N_ELEMENTS(some));
        assert_attrs(&im, file, some_text);
        image_clear(&im);
    }
}

static void put_value(struct image *im, uint64_t block, uint64_t owner, size_t at, size_t len,
                      char letter)
{
    uint8_t *b = put_block(im, block, owner, &xfs_layout_remote);
    if (im->v5) {
        put_be(b, XFS_REMOTE_VALUE_MAGIC, 4);
        put_be(b + REMOTE_OFFSET, at, 4);
        put_be(b + REMOTE_BYTES, len, 4);
    }
    memset(b + (im->v5 ? REMOTE_HEADER : 0), letter, len);
}

static uint64_t put_large_value(struct image *im)
{
    static const struct attr large[] = { { 0, "large", "@1 1500" }, { 0, "small", "s" } };
    uint64_t file = put_file_with_blocks(im, 3);
    size_t first = BLOCK - (im->v5 ? REMOTE_HEADER : 0);
    put_leaf(im, AT_ATTR, file, large, 2);
    put_value(im, AT_ATTR + 1, file, 0, first, 'a');
    put_value(im, AT_ATTR + 2, file, first, 1500 - first, 'z');
    return file;
}

static void test_large_values_are_read_from_their_blocks(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        assert_attrs(&im, put_large_value(&im), "user.large 1500 a..z\nuser.small s\n");
        image_clear(&im);
    }
}

static void test_a_damaged_value_hides_only_its_attribute(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { 0, XFS_REMOTE_SYMLINK_MAGIC, 4, "has no magic number" },
        { REMOTE_OFFSET, 5, 4, "belongs elsewhere" },
        { REMOTE_BYTES, 5, 4, "belongs elsewhere" },
        { 32, 5, 8, "belongs elsewhere" },
        { 40, 5, 8, "belongs to another place" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        uint64_t file = put_large_value(&im);
        put_be(image_at(&im, AT_ATTR + 2) + cases[i].off, cases[i].value, cases[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *attrs = list_attrs(t, file);
        g_assert_cmpstr(attrs, ==, "user.small s\n");
        assert_one_fault(t, cases[i].text);
        image_clear(&im);
    }
}

static uint64_t put_tree(struct image *im)
{
    static const struct attr first = { 0, "first", "1" }, second = { 0, "second", "2" };
    uint64_t file = put_file_with_blocks(im, 4);
    put_leaf(im, AT_ATTR + 1, file, &first, 1);
    put_leaf(im, AT_ATTR + 3, file, &second, 1);
    uint8_t *node = put_da(im, AT_ATTR, file, XFS_DA_NODE_V4, XFS_DA_NODE_V5, 2, 1) +
                    (im->v5 ? DA_ENTRIES_V5 : DA_ENTRIES_V4);
    put_be(node, 100, 4);
    put_be(node + 4, 1, 4);
    put_be(node + DA_ENTRY, 200, 4);
    put_be(node + DA_ENTRY + 4, 3, 4);
    return file;
}

static void test_all_leaves_of_a_tree_are_read(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        assert_attrs(&im, put_tree(&im), "user.first 1\nuser.second 2\n");
        image_clear(&im);
    }
}

static void test_a_damaged_leaf_hides_only_itself(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { DA_MAGIC, 0, 2, "has no magic number" },
        { DA_MAGIC, XFS_DIR_LEAFN_V5, 2, "is out of place" },
        { DA_HEADER_V5 + DA_COUNT, 0xffff, 2, "claims more than fit" },
        { ATTR_LEAF_HEADER_V5 + ATTR_PLACE, 0xffff, 2, "a damaged entry" },
        { ATTR_LEAF_HEADER_V5 + ATTR_PLACE, BLOCK - 1, 2, "a damaged entry" },
        { 48, 5, 8, "belongs to another inode" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        uint64_t file = put_tree(&im);
        put_be(image_at(&im, AT_ATTR + 1) + cases[i].off, cases[i].value, cases[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *attrs = list_attrs(t, file);
        g_assert_true(g_str_has_suffix(attrs, "user.second 2\n"));
        g_assert_cmpuint(t->fault_count, >, 0);
        assert_says(g_ptr_array_index(t->faults, 0), cases[i].text);
        image_clear(&im);
    }
}

static void test_trees_do_not_run_in_circles(void)
{
    struct image im = image_new(true);
    uint64_t file = put_tree(&im);
    put_be(image_at(&im, AT_ATTR) + DA_ENTRIES_V5 + 4, 0, 4);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *attrs = list_attrs(t, file);
    g_assert_cmpstr(attrs, ==, "user.second 2\n");
    assert_one_fault(t, "is out of place");
    image_clear(&im);
}

static void test_damaged_attributes_in_the_inode_are_refused(void)
{
    struct image im = image_new(true);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t file = put_file(&im, XFS_FORK_LOCAL);
    put_attr_short(&im, file, some, 1);
    attr_fork(&im, file)[ATTR_SHORT_COUNT] = 255;
    attr_fork(&im, file)[ATTR_SHORT_HEADER + 15] = 255;
    g_autoptr(tree) t = image_open(&im);
    g_assert_false(tree_xattrs(t, (struct tree_node){ .id = file }, append_attr, out, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "extended attributes inside it are damaged");
    g_assert_cmpstr(out->str, ==, "user.comment hello\n");
    image_clear(&im);
}

/* Many attributes that share one large value would take hours. */
static void test_attributes_together_have_a_limit(void)
{
    struct attr many[80];
    struct image im = image_new(false);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t file = put_file(&im, XFS_FORK_EXTENTS);
    uint8_t *fork = attr_fork(&im, file);
    put_be(image_inode(&im, file) + INODE_ANEXTENTS, 1, 2);
    put_extent(fork, 0, AT_ATTR, 70, false);
    for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
        many[i] = (struct attr){ 0, "a", "@30 40000" };
    for (unsigned i = 0; i < 29; i++)
        put_leaf(&im, AT_ATTR + 1 + i, file, many, 50);
    uint8_t *node = put_da(&im, AT_ATTR, file, XFS_DA_NODE_V4, XFS_DA_NODE_V5, 100, 1);
    for (unsigned i = 0; i < 100; i++)
        put_be(node + DA_ENTRIES_V4 + i * DA_ENTRY + 4, 1 + i % 29, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_false(tree_xattrs(t, (struct tree_node){ .id = file }, append_attr, out, &error));
    assert_error_says(error, ASSAY_ERROR_LIMIT, "bytes of extended attributes");
    image_clear(&im);
}

static void test_access_control_lists_are_given_as_linux_does(void)
{
    static const uint8_t disk[] = { 0, 0, 0, 2, /* entries */
                                    0, 0, 0, 1, 0, 0, 0, 0,   0, 6, 0, 0,
                                    0, 0, 0, 2, 0, 0, 3, 232, 0, 4, 0, 0 };
    static const uint8_t given[] = { 2,   0,   0, 0, 1, 0, 6,   0, 255, 255,
                                     255, 255, 2, 0, 4, 0, 232, 3, 0,   0 };
    g_autoptr(GBytes) acl = xfs_acl_convert(disk, sizeof disk);
    g_assert_nonnull(acl);
    size_t len;
    const void *data = g_bytes_get_data(acl, &len);
    g_assert_cmpmem(data, len, given, sizeof given);
    g_assert_null(xfs_acl_convert(disk, sizeof disk - 1));
    g_assert_null(xfs_acl_convert(disk, 3));
    g_assert_cmpstr(xfs_acl_name((const uint8_t *)"SGI_ACL_FILE", 12), ==,
                    "system.posix_acl_access");
    g_assert_cmpstr(xfs_acl_name((const uint8_t *)"SGI_ACL_DEFAULT", 15), ==,
                    "system.posix_acl_default");
    g_assert_null(xfs_acl_name((const uint8_t *)"SGI_ACL_FILED", 13));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/attr/attributes in the inode are told",
                    test_attributes_in_the_inode_are_told);
    g_test_add_func("/xfs/attr/attributes in a leaf are told", test_attributes_in_a_leaf_are_told);
    g_test_add_func("/xfs/attr/large values are read from their blocks",
                    test_large_values_are_read_from_their_blocks);
    g_test_add_func("/xfs/attr/a damaged value hides only its attribute",
                    test_a_damaged_value_hides_only_its_attribute);
    g_test_add_func("/xfs/attr/all leaves of a tree are read", test_all_leaves_of_a_tree_are_read);
    g_test_add_func("/xfs/attr/a damaged leaf hides only itself",
                    test_a_damaged_leaf_hides_only_itself);
    g_test_add_func("/xfs/attr/trees do not run in circles", test_trees_do_not_run_in_circles);
    g_test_add_func("/xfs/attr/damaged attributes in the inode are refused",
                    test_damaged_attributes_in_the_inode_are_refused);
    g_test_add_func("/xfs/attr/attributes together have a limit",
                    test_attributes_together_have_a_limit);
    g_test_add_func("/xfs/attr/access control lists are given as Linux does",
                    test_access_control_lists_are_given_as_linux_does);
    return g_test_run();
}
