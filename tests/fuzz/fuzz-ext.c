/* ext2, ext3, ext4: superblock, descriptors, journal, inodes, directories, attributes, contents.
 * Every checksum counts as right. */
#include "fs/drivers.h"
#include "sparse.h"
#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(block) b = sparse_block_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(tree) t = tree_open(b, &ext_driver, &error);
    (void)ext_driver.probe(b);
    g_assert((t == NULL) == (error != NULL));
    if (t != NULL)
        walk_tree(t);
    return 0;
}
