/* btrfs on disk: numbers and places. All integers are little-endian, all structs packed.
 *
 * Sources: "On-disk Format" in the btrfs documentation, and the public constants of Linux's
 * uapi/linux/btrfs_tree.h. Offsets are from the start of the struct named. */
#pragma once
#include <stdint.h>

/* Copies of the superblock lie at 64 KiB, 64 MiB and 256 GiB of every device. */
#define BTRFS_SUPER_SIZE   4096u
#define BTRFS_SUPER_COPIES 3u
#define BTRFS_SUPER_PLACES                                                                         \
    {                                                                                              \
        UINT64_C(64) << 10, UINT64_C(64) << 20, UINT64_C(256) << 30                                \
    }
#define BTRFS_MAGIC         "_BHRfS_M"
#define BTRFS_LABEL_SIZE    256u
#define BTRFS_UUID_SIZE     16u
#define BTRFS_SYSTEM_CHUNKS 2048u /* bytes of the array of system chunks */

/* Within the superblock. */
enum {
    SUPER_SUM = 0x0,
    SUPER_FSID = 0x20,
    SUPER_BYTENR = 0x30,
    SUPER_FLAGS = 0x38,
    SUPER_MAGIC = 0x40,
    SUPER_GENERATION = 0x48,
    SUPER_ROOT = 0x50,
    SUPER_CHUNK_ROOT = 0x58,
    SUPER_LOG_ROOT = 0x60,
    SUPER_TOTAL_BYTES = 0x70,
    SUPER_NUM_DEVICES = 0x88,
    SUPER_SECTORSIZE = 0x90,
    SUPER_NODESIZE = 0x94,
    SUPER_SYSTEM_CHUNKS_SIZE = 0xa0,
    SUPER_CHUNK_ROOT_GENERATION = 0xa4,
    SUPER_INCOMPAT = 0xbc,
    SUPER_SUM_TYPE = 0xc4,
    SUPER_ROOT_LEVEL = 0xc6,
    SUPER_CHUNK_ROOT_LEVEL = 0xc7,
    SUPER_LOG_ROOT_LEVEL = 0xc8,
    SUPER_DEVID = 0xc9, /* start of this device's dev_item */
    SUPER_DEVICE_BYTES = 0xd1,
    SUPER_LABEL = 0x12b,
    SUPER_METADATA_UUID = 0x23b,
    SUPER_SYSTEM_CHUNKS = 0x32b,
};

/* Superblock flags: images made by btrfs-image hold metadata only. */
#define BTRFS_SUPER_METADUMP    (UINT64_C(1) << 33)
#define BTRFS_SUPER_METADUMP_V2 (UINT64_C(1) << 34)

#define BTRFS_INCOMPAT_METADATA_UUID (UINT64_C(1) << 10)

enum btrfs_sum_type {
    BTRFS_SUM_CRC32C,
    BTRFS_SUM_XXHASH64,
    BTRFS_SUM_SHA256,
    BTRFS_SUM_BLAKE2B, /* 256 bits */
    BTRFS_SUM_COUNT
};
#define BTRFS_SUM_MAX 32u /* bytes; every header reserves them */

/* Tree blocks: a header, then in leaves items whose data grow from the end, in others pointers. */
enum {
    HEADER_FSID = 0x20,
    HEADER_BYTENR = 0x30,
    HEADER_GENERATION = 0x50,
    HEADER_OWNER = 0x58,
    HEADER_NRITEMS = 0x60,
    HEADER_LEVEL = 0x64,
    HEADER_SIZE = 0x65,
};
#define BTRFS_KEY_SIZE   17u /* u64 objectid, u8 type, u64 offset */
#define BTRFS_ITEM_SIZE  25u /* key, u32 offset of the data from the header's end, u32 size */
#define BTRFS_PTR_SIZE   33u /* key, u64 block, u64 generation */
#define BTRFS_MAX_LEVEL  7u  /* of a root; leaves are level 0 */
#define BTRFS_MIN_NODE   4096u
#define BTRFS_MAX_NODE   65536u
#define BTRFS_MIN_SECTOR 1024u
#define BTRFS_MAX_SECTOR 65536u

/* Trees, and other objectids with a meaning. */
#define BTRFS_ROOT_TREE       UINT64_C(1)
#define BTRFS_CHUNK_TREE      UINT64_C(3)
#define BTRFS_FS_TREE         UINT64_C(5) /* the top subvolume */
#define BTRFS_ROOT_TREE_DIR   UINT64_C(6) /* directory with the entry "default" */
#define BTRFS_CSUM_TREE       UINT64_C(7)
#define BTRFS_DEV_ITEMS       UINT64_C(1)
#define BTRFS_FIRST_CHUNK     UINT64_C(256)
#define BTRFS_EXTENT_CSUM_OBJ ((uint64_t)-10)
#define BTRFS_FIRST_FREE      UINT64_C(256) /* first subvolume, first inode: root directories */
#define BTRFS_LAST_FREE       ((uint64_t)-256)

enum btrfs_key_type {
    BTRFS_INODE_ITEM = 1,
    BTRFS_INODE_REF = 12,
    BTRFS_INODE_EXTREF = 13,
    BTRFS_XATTR_ITEM = 24,
    BTRFS_DIR_ITEM = 84,
    BTRFS_DIR_INDEX = 96,
    BTRFS_EXTENT_DATA = 108,
    BTRFS_EXTENT_CSUM = 128,
    BTRFS_ROOT_ITEM = 132,
    BTRFS_ROOT_BACKREF = 144,
    BTRFS_ROOT_REF = 156,
    BTRFS_DEV_ITEM = 216,
    BTRFS_CHUNK_ITEM = 228,
};

/* chunk_item, followed by its stripes. */
enum {
    CHUNK_LENGTH = 0,
    CHUNK_STRIPE_LEN = 16,
    CHUNK_TYPE = 24,
    CHUNK_NUM_STRIPES = 44,
    CHUNK_SUB_STRIPES = 46,
    CHUNK_SIZE = 48,
    STRIPE_SIZE = 32, /* u64 devid, u64 offset, device uuid */
};
#define BTRFS_GROUP_RAID0   (UINT64_C(1) << 3)
#define BTRFS_GROUP_RAID1   (UINT64_C(1) << 4)
#define BTRFS_GROUP_DUP     (UINT64_C(1) << 5)
#define BTRFS_GROUP_RAID10  (UINT64_C(1) << 6)
#define BTRFS_GROUP_RAID5   (UINT64_C(1) << 7)
#define BTRFS_GROUP_RAID6   (UINT64_C(1) << 8)
#define BTRFS_GROUP_RAID1C3 (UINT64_C(1) << 9)
#define BTRFS_GROUP_RAID1C4 (UINT64_C(1) << 10)
#define BTRFS_GROUP_PROFILE (UINT64_C(0xff) << 3)

/* root_item: an inode_item, then these. What follows ROOT_V1_SIZE only counts when its own
 * generation equals the item's: an old kernel may have changed the rest since. */
enum {
    ROOT_GENERATION = 160,
    ROOT_DIRID = 168,
    ROOT_BYTENR = 176,
    ROOT_FLAGS = 208,
    ROOT_REFS = 216,
    ROOT_LEVEL = 238,
    ROOT_V1_SIZE = 239,
    ROOT_GENERATION_V2 = 239,
    ROOT_UUID = 247,
    ROOT_PARENT_UUID = 263,
};
#define BTRFS_ROOT_READ_ONLY (UINT64_C(1) << 0)
#define BTRFS_ROOT_DEAD      (UINT64_C(1) << 48)

/* inode_item */
enum {
    INODE_SIZE = 16,
    INODE_NBYTES = 24,
    INODE_NLINK = 40,
    INODE_UID = 44,
    INODE_GID = 48,
    INODE_MODE = 52,
    INODE_RDEV = 56,
    INODE_FLAGS = 64,
    INODE_ATIME = 112, /* each time: i64 seconds, u32 nanoseconds */
    INODE_CTIME = 124,
    INODE_MTIME = 136,
    INODE_OTIME = 148,
    INODE_ITEM_SIZE = 160,
};
#define BTRFS_INODE_NODATASUM (UINT64_C(1) << 0)

/* dir_item, for directory entries and extended attributes; name and data follow. */
enum {
    DIR_LOCATION = 0,
    DIR_DATA_LEN = 25,
    DIR_NAME_LEN = 27,
    DIR_TYPE = 29,
    DIR_ITEM_SIZE = 30,
};

/* root_ref and root_backref; the name follows. */
enum {
    ROOT_REF_DIRID = 0,
    ROOT_REF_NAME_LEN = 16,
    ROOT_REF_SIZE = 18,
};

/* inode_ref; the name follows. Its key's offset is the directory. */
enum {
    INODE_REF_NAME_LEN = 8,
    INODE_REF_SIZE = 10,
};

/* file_extent_item */
enum {
    EXTENT_RAM_BYTES = 8,
    EXTENT_COMPRESSION = 16,
    EXTENT_ENCRYPTION = 17,
    EXTENT_OTHER_ENCODING = 18,
    EXTENT_TYPE = 20,
    EXTENT_INLINE_DATA = 21,
    EXTENT_DISK_BYTENR = 21,
    EXTENT_DISK_NUM_BYTES = 29,
    EXTENT_OFFSET = 37,
    EXTENT_NUM_BYTES = 45,
    EXTENT_SIZE = 53,
};
enum btrfs_extent_type {
    BTRFS_EXTENT_INLINE,
    BTRFS_EXTENT_REGULAR,
    BTRFS_EXTENT_PREALLOC, /* allocated, reads as zeros */
};
enum btrfs_compression {
    BTRFS_COMPRESS_NONE,
    BTRFS_COMPRESS_ZLIB,
    BTRFS_COMPRESS_LZO,
    BTRFS_COMPRESS_ZSTD,
    BTRFS_COMPRESS_COUNT
};
