/* The journal of a small ext4 filesystem made by hand: the input is its contents. */
#include "../unit/fs/ext-image.h"
#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image im = image_new(COMPAT_JOURNAL, INCOMPAT | RECOVER, 0);
    put_inode(&im, 8, S_IFREG | 0600, JOURNAL_BLOCKS * SIZE);
    put_extent(map_of(&im, 8), 0, JOURNAL_BLOCKS, AT_JOURNAL);
    memcpy(at_block(&im, AT_JOURNAL), data, MIN(size, JOURNAL_BLOCKS * SIZE));
    g_autoptr(tree) t = image_open(&im);
    g_assert(t->recovery != TREE_RECOVERY_NONE);
    walk_tree(t);
    image_clear(&im);
    return 0;
}
