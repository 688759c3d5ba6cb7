/* Directories, inodes, attributes, and the ways between subvolumes. */
#include <sys/sysmacros.h>

#include "btrfs-image.h"

#define TOP ((struct tree_node){ .id = 256, .sub = 5 })

static struct btrfs_key root_key(uint64_t id)
{
    return (struct btrfs_key){ id, BTRFS_ROOT_ITEM, UINT64_MAX };
}

static struct tree_node look(struct tree *t, struct tree_node dir, const char *name)
{
    g_autoptr(GError) error = NULL;
    struct tree_node out = { 0 };
    tree_lookup(t, dir, name, strlen(name), &out, &error);
    g_assert_no_error(error);
    return out;
}

static void assert_not_found(struct tree *t, struct tree_node dir, const char *name)
{
    g_autoptr(GError) error = NULL;
    struct tree_node out;
    g_assert_false(tree_lookup(t, dir, name, strlen(name), &out, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
}

/* The entry "default" of every root tree has this key. */
static void test_names_hash_as_on_disk(void)
{
    g_assert_cmphex(btrfs_name_hash("default", 7), ==, 0x8dbfc2d2);
}

static void test_entries_come_in_the_order_of_their_index(void)
{
    struct image im = image_new();
    put_entry(im.fs, 256, 9, "first", inode_key(300), 1);
    put_entry(im.fs, 256, 10, "a", inode_key(301), 2);
    put_entry(im.fs, 256, 11, "line\nbreak\xff", inode_key(302), 7);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, t->root);
    g_assert_cmpstr(names, ==, "first 5:300\na 5:301\nline\nbreak\xff 5:302\n");
    g_assert_cmpuint(look(t, TOP, "line\nbreak\xff").id, ==, 302);
    assert_not_found(t, TOP, "none");
    assert_not_found(t, TOP, "firs");
    image_clear(&im);
}

static void test_names_with_the_same_hash_are_told_apart(void)
{
    static const char one[] = "ue2r43xy", two[] = "c54cvxdh";
    struct image im = image_new();
    uint8_t data[400];
    g_assert_cmphex(btrfs_name_hash(one, strlen(one)), ==, btrfs_name_hash(two, strlen(two)));
    size_t len = make_entry(data, inode_key(300), 1, one);
    len += make_entry(data + len, inode_key(301), 1, two);
    item_put(im.fs, 256, BTRFS_DIR_ITEM, btrfs_name_hash(one, strlen(one)), data, len);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(look(t, TOP, one).id, ==, 300);
    g_assert_cmpuint(look(t, TOP, two).id, ==, 301);
    image_clear(&im);
}

static void test_a_damaged_entry_hides_only_itself(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { DIR_NAME_LEN, 0, 2, "entry 3 is damaged" },
        { DIR_NAME_LEN, 256, 2, "entry 3 is damaged" },
        { DIR_NAME_LEN, 5, 2, "entry 3 is damaged" },
        { DIR_DATA_LEN, 1, 2, "entry 3 is damaged" },
        { DIR_LOCATION + 8, 99, 1, "item of type 99" },
        { DIR_ITEM_SIZE, '/', 1, "impossible name" },
        { DIR_ITEM_SIZE, 0, 1, "impossible name" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new();
        uint8_t data[400];
        size_t len = make_entry(data, inode_key(301), 1, "bad");
        put_entry(im.fs, 256, 2, "before", inode_key(300), 1);
        put_entry(im.fs, 256, 4, "behind", inode_key(302), 1);
        put_le(data + cases[i].off, cases[i].value, cases[i].len);
        item_put(im.fs, 256, BTRFS_DIR_INDEX, 3, data, len);
        image_write(&im);
        g_autoptr(tree) t = image_open(&im);
        g_autofree char *names = list_names(t, t->root);
        g_assert_cmpstr(names, ==, "before 5:300\nbehind 5:302\n");
        assert_one_fault(t, cases[i].text);
        image_clear(&im);
    }
}

static void test_an_inode_tells_all_it_has(void)
{
    struct image im = image_new();
    uint8_t data[INODE_ITEM_SIZE] = { 0 };
    put_le(data + INODE_SIZE, 1000, 8);
    put_le(data + INODE_NBYTES, 4097, 8);
    put_le(data + INODE_NLINK, 3, 4);
    put_le(data + INODE_UID, 100000, 4);
    put_le(data + INODE_GID, 4294967295u, 4);
    put_le(data + INODE_MODE, S_IFBLK | 04750, 4);
    put_le(data + INODE_RDEV, 259u << 20 | 70000, 8);
    put_le(data + INODE_ATIME, (uint64_t)-5, 8);
    put_le(data + INODE_CTIME, 6, 8);
    put_le(data + INODE_CTIME + 8, 7, 4);
    put_le(data + INODE_MTIME, UINT64_C(1) << 33, 8);
    put_le(data + INODE_MTIME + 8, 1000000000, 4); /* no number of nanoseconds */
    put_le(data + INODE_OTIME, 9, 8);
    item_put(im.fs, 300, BTRFS_INODE_ITEM, 0, data, sizeof data);
    item_put(im.fs, 301, BTRFS_INODE_ITEM, 0, data, sizeof data - 1);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GError) error = NULL;
    struct tree_stat st;
    g_assert_true(tree_stat(t, (struct tree_node){ 300, 5 }, &st, NULL));
    g_assert_cmpuint(st.mode, ==, S_IFBLK | 04750);
    g_assert_cmpuint(st.nlink, ==, 3);
    g_assert_cmpuint(st.uid, ==, 100000);
    g_assert_cmpuint(st.gid, ==, 4294967295u);
    g_assert_cmpuint(st.size, ==, 1000);
    g_assert_cmpuint(st.allocated, ==, 8192);
    g_assert_cmpuint(st.rdev, ==, makedev(259, 70000));
    g_assert_cmpint(st.atime, ==, -5);
    g_assert_cmpint(st.ctime, ==, 6);
    g_assert_cmpuint(st.ctime_ns, ==, 7);
    g_assert_cmpint(st.mtime, ==, INT64_C(1) << 33);
    g_assert_cmpuint(st.mtime_ns, ==, 0);
    g_assert_cmpint(st.btime, ==, 9);
    g_assert_false(tree_stat(t, (struct tree_node){ 301, 5 }, &st, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "inode 301 of subvolume 5 is cut short");
    g_clear_error(&error);
    g_assert_false(tree_stat(t, (struct tree_node){ 302, 5 }, &st, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "is missing");
    g_clear_error(&error);
    g_assert_false(tree_stat(t, (struct tree_node){ 256, 7 }, &st, &error));
    assert_error_says(error, ASSAY_ERROR_NOT_FOUND, "is no subvolume");
    image_clear(&im);
}

static bool collect_xattr(const char *name, const uint8_t *value, size_t len, void *user)
{
    g_string_append_printf(user, "%s=%.*s\n", name, (int)len, value);
    return true;
}

static void test_attributes_share_an_item_when_they_must(void)
{
    struct image im = image_new();
    uint8_t data[200];
    GString *text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    size_t len = make_entry(data, (struct btrfs_key){ 0 }, 8, "user.a");
    put_le(data + DIR_DATA_LEN, 2, 2);
    memcpy(data + len, "vw", 2);
    len += 2;
    len += make_entry(data + len, (struct btrfs_key){ 0 }, 8, "user.empty");
    item_put(im.fs, 256, BTRFS_XATTR_ITEM, 1, data, len);
    item_put(im.fs, 256, BTRFS_XATTR_ITEM, 2, data, 20);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_assert_false(tree_xattrs(t, TOP, collect_xattr, text, &error));
    g_assert_cmpstr(text->str, ==, "user.a=vw\nuser.empty=\n");
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "damaged extended attribute");
    g_string_free(text, TRUE);
    image_clear(&im);
}

static void test_what_is_no_directory_is_not_listed(void)
{
    struct image im = image_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) names = g_string_new(NULL);
    put_inode(im.fs, 300, S_IFREG | 0644, 0);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_assert_false(tree_list(t, (struct tree_node){ 300, 5 }, collect_name, names, &error));
    assert_error_says(error, ASSAY_ERROR_INVALID, "no directory");
    image_clear(&im);
}

/* --- subvolumes ---------------------------------------------------------------------------------
 */

/* Subvolume `id` with one file "in<id>". */
static void put_subvol(struct image *im, uint64_t id, unsigned block)
{
    g_autoptr(GArray) items = items_new();
    g_autofree char *name = g_strdup_printf("in%" G_GUINT64_FORMAT, id);
    put_inode(items, 256, S_IFDIR | 0755, 0);
    put_entry(items, 256, 2, name, inode_key(257), 1);
    put_leaf(im, AT_FREE + block * NODE, id, items);
    put_root(im->root, id, AT_FREE + block * NODE, 0, 1);
}

static void test_entering_a_subvolume_needs_its_reference(void)
{
    struct image im = image_new();
    put_subvol(&im, 300, 0);
    put_subvol(&im, 301, 1);
    put_entry(im.fs, 256, 2, "sub", root_key(300), 2);
    put_entry(im.fs, 256, 3, "copy", root_key(300), 2); /* as a snapshot has them */
    put_entry(im.fs, 256, 4, "gone", root_key(400), 2);
    put_entry(im.fs, 256, 5, "dead", root_key(301), 2);
    put_root_refs(im.root, 5, 300, 256, "sub");
    put_root_refs(im.root, 5, 301, 256, "dead");
    put_root(im.root, 301, AT_FREE + NODE, 0, 0);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    struct tree_node sub = look(t, TOP, "sub");
    g_assert_cmpuint(sub.sub, ==, 300);
    g_assert_cmpuint(sub.id, ==, 256);
    g_autofree char *inside = list_names(t, sub);
    g_assert_cmpstr(inside, ==, "in300 300:257\n");
    static const char *const empty[] = { "copy", "gone", "dead" };
    for (size_t i = 0; i < G_N_ELEMENTS(empty); i++) {
        struct tree_node node = look(t, TOP, empty[i]);
        struct tree_stat st;
        g_autofree char *none = list_names(t, node);
        g_assert_cmpstr(none, ==, "");
        g_assert_true(tree_stat(t, node, &st, NULL));
        g_assert_true(S_ISDIR(st.mode));
        g_assert_true(tree_xattrs(t, node, collect_xattr, NULL, NULL));
        assert_not_found(t, node, "x");
    }
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_a_damaged_subvolume_keeps_its_entry(void)
{
    struct image im = image_new();
    g_autoptr(GError) error = NULL;
    struct tree_stat st;
    put_entry(im.fs, 256, 2, "sub", root_key(300), 2);
    put_root_refs(im.root, 5, 300, 256, "sub");
    item_put(im.root, 300, BTRFS_ROOT_ITEM, 0, "short", 5);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, t->root);
    g_assert_cmpstr(names, ==, "sub 300:256\n");
    g_assert_false(tree_stat(t, look(t, TOP, "sub"), &st, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "root of tree 300 is cut short");
    image_clear(&im);
}

static void put_default(struct image *im, uint64_t id)
{
    uint8_t data[100];
    size_t len = make_entry(data, root_key(id), 2, "default");
    item_put(im->root, BTRFS_ROOT_TREE_DIR, BTRFS_DIR_ITEM, btrfs_name_hash("default", 7), data,
             len);
    image_write(im);
}

static void test_the_default_subvolume_is_the_root(void)
{
    struct image im = image_new();
    put_subvol(&im, 300, 0);
    put_root_refs(im.root, 5, 300, 256, "sub");
    put_default(&im, 300);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(t->root.sub, ==, 300);
    put_default(&im, 301);
    g_autoptr(tree) other = image_open(&im);
    g_assert_cmpuint(other->root.sub, ==, 5);
    assert_one_fault(other, "default subvolume: tree 301 does not exist");
    image_clear(&im);
}

static bool collect_subvolume(const struct tree_subvolume *s, void *user)
{
    g_string_append_printf(user, "%" G_GUINT64_FORMAT " in %" G_GUINT64_FORMAT " '%s'%s%s%s%s%s\n",
                           s->id, s->parent_id, s->path, s->is_default ? " default" : "",
                           s->read_only ? " read-only" : "", s->is_snapshot ? " snapshot" : "",
                           s->uuid != NULL ? " " : "", s->uuid != NULL ? s->uuid : "");
    return true;
}

/* Makes the item of a subvolume tell a uuid, a parent's uuid and that it is read-only. */
static void put_snapshot_root(struct image *im, uint64_t id, uint64_t bytenr, uint64_t generation)
{
    uint8_t data[439] = { 0 };
    put_le(data + ROOT_GENERATION, GENERATION, 8);
    put_le(data + ROOT_GENERATION_V2, generation, 8);
    put_le(data + ROOT_DIRID, 256, 8);
    put_le(data + ROOT_BYTENR, bytenr, 8);
    put_le(data + ROOT_REFS, 1, 4);
    put_le(data + ROOT_FLAGS, BTRFS_ROOT_READ_ONLY, 8);
    memset(data + ROOT_UUID, 0xaa, 16);
    memset(data + ROOT_PARENT_UUID, 0xbb, 16);
    item_put(im->root, id, BTRFS_ROOT_ITEM, 0, data, sizeof data);
}

static void test_subvolumes_are_listed_with_their_paths(void)
{
    struct image im = image_new();
    g_autoptr(GString) text = g_string_new(NULL);
    uint8_t ref[INODE_REF_SIZE + 3] = { 0 };
    put_le(ref + INODE_REF_NAME_LEN, 3, 2);
    memcpy(ref + INODE_REF_SIZE, "dir", 3);
    item_put(im.fs, 280, BTRFS_INODE_REF, 256, ref, sizeof ref);
    put_subvol(&im, 300, 0);
    put_root_refs(im.root, 5, 300, 280, "a");
    put_subvol(&im, 301, 1);
    put_root_refs(im.root, 300, 301, 256, "b");
    put_snapshot_root(&im, 302, AT_FREE, GENERATION);
    put_root_refs(im.root, 5, 302, 256, "snap");
    put_snapshot_root(&im, 303, AT_FREE, GENERATION - 1); /* an old kernel wrote it since */
    put_root_refs(im.root, 5, 303, 256, "old");
    put_root(im.root, 304, AT_FREE, 0, 0); /* deleted */
    put_root(im.root, 305, AT_FREE, 0, 1); /* nothing leads to it */
    put_default(&im, 302);
    g_autoptr(tree) t = image_open(&im);
    g_assert_true(tree_subvolumes(t, collect_subvolume, text, NULL));
    g_assert_cmpstr(text->str, ==,
                    "5 in 0 ''\n"
                    "300 in 5 'dir/a'\n"
                    "301 in 300 'dir/a/b'\n"
                    "302 in 5 'snap' default read-only snapshot "
                    "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa\n"
                    "303 in 5 'old' read-only\n");
    assert_one_fault(t, "subvolume 305: nothing leads to it");
    image_clear(&im);
}

static void test_subvolumes_in_a_circle_end(void)
{
    struct image im = image_new();
    g_autoptr(GString) text = g_string_new(NULL);
    put_subvol(&im, 300, 0);
    put_subvol(&im, 301, 1);
    put_root_refs(im.root, 301, 300, 256, "a");
    put_root_refs(im.root, 300, 301, 256, "b");
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_assert_true(tree_subvolumes(t, collect_subvolume, text, NULL));
    g_assert_cmpstr(text->str, ==, "5 in 0 '' default\n");
    g_assert_cmpuint(t->fault_count, ==, 2);
    assert_says(g_ptr_array_index(t->faults, 0), "longer or deeper than allowed");
    image_clear(&im);
}

#define ADD(title, func) g_test_add_func("/btrfs-dir/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("names hash as on disk", test_names_hash_as_on_disk);
    ADD("entries come in the order of their index", test_entries_come_in_the_order_of_their_index);
    ADD("names with the same hash are told apart", test_names_with_the_same_hash_are_told_apart);
    ADD("a damaged entry hides only itself", test_a_damaged_entry_hides_only_itself);
    ADD("an inode tells all it has", test_an_inode_tells_all_it_has);
    ADD("attributes share an item when they must", test_attributes_share_an_item_when_they_must);
    ADD("what is no directory is not listed", test_what_is_no_directory_is_not_listed);
    ADD("entering a subvolume needs its reference", test_entering_a_subvolume_needs_its_reference);
    ADD("a damaged subvolume keeps its entry", test_a_damaged_subvolume_keeps_its_entry);
    ADD("the default subvolume is the root", test_the_default_subvolume_is_the_root);
    ADD("subvolumes are listed with their paths", test_subvolumes_are_listed_with_their_paths);
    ADD("subvolumes in a circle end", test_subvolumes_in_a_circle_end);
    return g_test_run();
}
