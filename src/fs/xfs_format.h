/* XFS on disk: numbers, after "XFS Algorithms & Data Structures" (3rd edition, kernel.org; below
 * "XADS") and the Linux kernel's description of the format. All integers are big-endian except
 * checksums. Offsets are in bytes from the start of the structure that the name begins with. */
#pragma once

enum {
    XFS_UUID_SIZE = 16,
    XFS_LABEL_SIZE = 12,
    XFS_BASIC_BLOCK = 512, /* unit of disk addresses ("daddr") and of the log */
    XFS_MIN_BLOCK_LOG = 9,
    XFS_MAX_BLOCK_LOG = 16, /* of blocks and of directory blocks */
    XFS_MIN_SECTOR = 512,
    XFS_MAX_SECTOR = 32768,
    XFS_MIN_INODE_LOG = 8,
    XFS_MAX_INODE_LOG = 11,
    XFS_CHUNK_INODES = 64, /* inodes are allocated in chunks of so many */
};

/* --- superblock (XADS "Superblocks") --- */

#define XFS_SB_MAGIC 0x58465342u /* "XFSB" */

enum {
    SB_MAGIC = 0,
    SB_BLOCKSIZE = 4,
    SB_DBLOCKS = 8,
    SB_UUID = 32,
    SB_LOGSTART = 48,
    SB_ROOTINO = 56,
    SB_AGBLOCKS = 84,
    SB_AGCOUNT = 88,
    SB_LOGBLOCKS = 96,
    SB_VERSION = 100,
    SB_SECTSIZE = 102,
    SB_INODESIZE = 104,
    SB_INOPBLOCK = 106,
    SB_LABEL = 108,
    SB_BLOCKLOG = 120,
    SB_SECTLOG = 121,
    SB_INODELOG = 122,
    SB_INOPBLOG = 123,
    SB_AGBLKLOG = 124,
    SB_INPROGRESS = 126,
    SB_DIRBLKLOG = 192,
    SB_FEATURES2 = 200,
    SB_BAD_FEATURES2 = 204, /* where a padding bug of 2008 put features2 */
    SB_INCOMPAT = 216,
    SB_CRC = 224,
    SB_META_UUID = 248,
    SB_SIZE = 264, /* up to what is read here */
};

/* The low four bits of SB_VERSION are the version; the others, features of version 4. */
#define XFS_SB_VERSION_MASK    0x000fu
#define XFS_SB_EXTFLG          0x1000u /* unwritten extents are marked */
#define XFS_SB_DIRV2           0x2000u
#define XFS_SB_CI              0x4000u /* names are found in any ASCII case */
#define XFS_SB_MOREBITS        0x8000u /* features2 counts */
#define XFS_SB_VERSION4_KNOWN  0xfff0u
#define XFS_SB_FEATURES2_FTYPE 0x200u
#define XFS_SB_FEATURES2_KNOWN (0x2u | 0x8u | 0x80u | XFS_SB_FEATURES2_FTYPE)

#define XFS_INCOMPAT_FTYPE       0x1u
#define XFS_INCOMPAT_META_UUID   0x4u
#define XFS_INCOMPAT_NEEDSREPAIR 0x10u

/* --- inodes (XADS "On-disk Inode") --- */

#define XFS_INODE_MAGIC 0x494eu /* "IN" */

enum {
    INODE_MAGIC = 0,
    INODE_MODE = 2,
    INODE_VERSION = 4,
    INODE_FORMAT = 5,
    INODE_ONLINK = 6, /* number of links of version 1 */
    INODE_UID = 8,
    INODE_GID = 12,
    INODE_NLINK = 16,
    INODE_BIG_NEXTENTS = 24,
    INODE_FLUSHED = 30, /* version 2: how often it was written */
    INODE_ATIME = 32,
    INODE_MTIME = 40,
    INODE_CTIME = 48,
    INODE_SIZE = 56,
    INODE_NBLOCKS = 64,
    INODE_NEXTENTS = 76, /* with large counters: of the attribute fork */
    INODE_ANEXTENTS = 80,
    INODE_FORKOFF = 82,
    INODE_AFORMAT = 83,
    INODE_FLAGS = 90,
    INODE_CORE_V2 = 100, /* where the data fork begins */
    INODE_CRC = 100,
    INODE_LSN = 112,
    INODE_FLAGS2 = 120,
    INODE_CRTIME = 144,
    INODE_NUMBER = 152,
    INODE_UUID = 160,
    INODE_CORE_V3 = 176,
};

#define XFS_INODE_REALTIME 0x1u
#define XFS_INODE2_BIGTIME UINT64_C(0x8)
#define XFS_INODE2_NREXT64 UINT64_C(0x10)

/* What a fork holds. */
enum xfs_fork_format {
    XFS_FORK_DEVICE,
    XFS_FORK_LOCAL,
    XFS_FORK_EXTENTS,
    XFS_FORK_BTREE,
    XFS_FORK_UUID,
    XFS_FORK_FORMAT_COUNT
};

/* Big timestamps count nanoseconds from 2^31 seconds before the epoch. */
#define XFS_BIGTIME_EPOCH (INT64_C(1) << 31)

/* --- extents (XADS "Data Extents") --- */

#define XFS_BMAP_MAGIC_V4 0x424d4150u /* "BMAP" */
#define XFS_BMAP_MAGIC_V5 0x424d4133u /* "BMA3" */

enum {
    XFS_EXTENT_SIZE = 16,
    XFS_MAX_OFFSET_BITS = 54, /* of file offsets in blocks */
    XFS_BMAP_MAX_LEVEL = 9,
    BMAP_LEVEL = 4,
    BMAP_NUMRECS = 6,
    BMAP_HEADER_V4 = 24,
    BMAP_HEADER_V5 = 72,
    BMAP_ROOT_LEVEL = 0, /* of the root in the inode */
    BMAP_ROOT_NUMRECS = 2,
    BMAP_ROOT_HEADER = 4,
};

/* --- directories (XADS "Directories") --- */

#define XFS_DIR_BLOCK_V4 0x58443242u /* "XD2B": a whole directory in a block */
#define XFS_DIR_BLOCK_V5 0x58444233u /* "XDB3" */
#define XFS_DIR_DATA_V4  0x58443244u /* "XD2D": entries only */
#define XFS_DIR_DATA_V5  0x58444433u /* "XDD3" */
#define XFS_DIR_FREE_V5  0x58444633u /* "XDF3": where there is room; not read */

/* A directory's file offsets: entries from 0, the index from here (then free space, not read). */
#define XFS_DIR_INDEX_OFFSET (UINT64_C(1) << 35)

enum {
    DIR_HEADER_V4 = 16,
    DIR_HEADER_V5 = 64,
    DIR_TAIL = 8, /* of the block form: u32 index entries, u32 stale ones */
    DIR_INDEX_ENTRY = 8,
    DIR_ALIGN = 8,
    DIR_ENTRY_NAME = 9, /* place of the name in an entry */
    DIR_FREE_TAG = 0xffff,
    XFS_NAME_MAX = 255,
};

enum xfs_ftype {
    XFS_FTYPE_UNKNOWN,
    XFS_FTYPE_REGULAR,
    XFS_FTYPE_DIRECTORY,
    XFS_FTYPE_CHARACTER,
    XFS_FTYPE_BLOCK,
    XFS_FTYPE_FIFO,
    XFS_FTYPE_SOCKET,
    XFS_FTYPE_SYMLINK,
    XFS_FTYPE_WHITEOUT,
    XFS_FTYPE_COUNT
};

/* --- index blocks of directories and attributes (XADS "Directory/Attribute Block Header") --- */

#define XFS_DIR_LEAF1_V4 0xd2f1u /* the only leaf */
#define XFS_DIR_LEAF1_V5 0x3df1u
#define XFS_DIR_LEAFN_V4 0xd2ffu /* one leaf of several */
#define XFS_DIR_LEAFN_V5 0x3dffu
#define XFS_DA_NODE_V4   0xfebeu
#define XFS_DA_NODE_V5   0x3ebeu
#define XFS_ATTR_LEAF_V4 0xfbeeu
#define XFS_ATTR_LEAF_V5 0x3beeu

enum {
    DA_FORW = 0, /* the next block of the same level, 0: none */
    DA_MAGIC = 8,
    DA_HEADER_V4 = 12,
    DA_HEADER_V5 = 56,
    DA_MAX_LEVEL = 5,
    /* From the end of the common header: u16 count, then u16 stale (leaf) or u16 level (node). */
    DA_COUNT = 0,
    DA_LEVEL = 2,
    DA_ENTRIES_V4 = 16, /* u32 hash, u32 child or place */
    DA_ENTRIES_V5 = 64,
    DA_ENTRY = 8,
};

/* --- extended attributes (XADS "Extended Attributes") --- */

enum {
    ATTR_SHORT_COUNT = 2,
    ATTR_SHORT_HEADER = 4,
    ATTR_LEAF_HEADER_V4 = 32,
    ATTR_LEAF_HEADER_V5 = 80,
    ATTR_ENTRY = 8, /* u32 hash, u16 place, u8 flags */
    ATTR_PLACE = 4,
    ATTR_FLAGS = 6,
    XFS_ATTR_MAX_VALUE = 65536,
};

#define XFS_ATTR_LOCAL      0x01u /* the value is in the leaf */
#define XFS_ATTR_ROOT       0x02u
#define XFS_ATTR_SECURE     0x04u
#define XFS_ATTR_PARENT     0x08u /* a parent pointer */
#define XFS_ATTR_INCOMPLETE 0x80u

#define XFS_REMOTE_VALUE_MAGIC   0x5841524du /* "XARM" */
#define XFS_REMOTE_SYMLINK_MAGIC 0x58534c4du /* "XSLM" */

enum {
    REMOTE_OFFSET = 4, /* in the value */
    REMOTE_BYTES = 8,
    REMOTE_HEADER = 56,
    XFS_SYMLINK_MAX = 1024,
};

/* --- the log (XADS "Journaling Log"); in units of basic blocks --- */

#define XFS_LOG_MAGIC             0xfeedbabeu
#define XFS_LOG_VERSION_2         0x2u
#define XFS_LOG_LITTLE_ENDIAN     1u /* format of what is not big-endian anyway */
#define XFS_LOG_TRANSACTION_MAGIC 0x5452414eu

/* Flags of operations. */
#define XFS_LOG_START         0x01u
#define XFS_LOG_COMMIT        0x02u
#define XFS_LOG_WAS_CONTINUED 0x08u
#define XFS_LOG_UNMOUNT       0x20u /* the record of a clean unmount */

enum {
    LOG_MAGIC = 0,
    LOG_CYCLE = 4,
    LOG_VERSION = 8,
    LOG_LENGTH = 12, /* bytes of data */
    LOG_LSN = 16,
    LOG_TAIL_LSN = 24,
    LOG_CRC = 32,
    LOG_NUM_OPS = 40,
    LOG_WORDS = 44,
    LOG_FORMAT = 300,
    LOG_UUID = 304,
    LOG_RECORD_SIZE = 320, /* of the buffers that records are made in */
    LOG_HEADER_SIZE = 328,
    LOG_MORE_WORDS = 4, /* in header blocks behind the first */
    LOG_MORE_SIZE = 260,
    LOG_HEADER_WORDS = 64,
    LOG_OP_FLAGS = 9,
    LOG_TRANSACTION_HEADER = 16,
    LOG_HEADER_COVERS = LOG_HEADER_WORDS * XFS_BASIC_BLOCK, /* bytes of data */
    LOG_MAX_RECORD = 256 * 1024,
    LOG_MAX_RECORDS = 8, /* that are written at the same time */
};

/* Items of the log; all their numbers are those of the machine, but for the icreate item's. */
enum xfs_log_item_type {
    XFS_LOG_ITEM_FIRST = 0x1236,
    XFS_LOG_ITEM_INODE = 0x123b,
    XFS_LOG_ITEM_BUFFER = 0x123c,
    XFS_LOG_ITEM_CREATE = 0x123f, /* a chunk of new inodes */
    XFS_LOG_ITEM_LAST = 0x124f,   /* the others are plans and their ends, or quotas */
};

enum {
    LOG_BUFFER_FLAGS = 4,
    LOG_BUFFER_LENGTH = 6, /* basic blocks */
    LOG_BUFFER_BLOCK = 8,
    LOG_BUFFER_MAP_SIZE = 16, /* words */
    LOG_BUFFER_MAP = 20,
    LOG_BUFFER_CHUNK = 128, /* bytes that each bit of the map stands for */
    LOG_CREATE_GROUP = 4,
    LOG_CREATE_BLOCK = 8,
    LOG_CREATE_LENGTH = 20, /* blocks */
    LOG_INODE_FIELDS = 4,
    LOG_INODE_NUMBER = 16, /* 4 bytes less where the machine aligns to 4; so the ones below */
    LOG_INODE_DEVICE = 24,
    LOG_INODE_BLOCK = 40,
    LOG_INODE_LENGTH = 48,
    LOG_INODE_OFFSET = 52,
    LOG_INODE_SIZE = 56,
};

#define XFS_LOG_MAX_BUFFER    128u  /* basic blocks */
#define XFS_LOG_BUFFER_INODES 0x01u /* only what links unlinked ones */
#define XFS_LOG_BUFFER_CANCEL 0x02u
#define XFS_LOG_BUFFER_QUOTAS (0x04u | 0x08u | 0x10u)

#define XFS_LOG_INODE_DATA_LOCAL   0x002u
#define XFS_LOG_INODE_DATA_EXTENTS 0x004u
#define XFS_LOG_INODE_DATA_ROOT    0x008u
#define XFS_LOG_INODE_DEVICE       0x010u
#define XFS_LOG_INODE_ATTR_LOCAL   0x040u
#define XFS_LOG_INODE_ATTR_EXTENTS 0x080u
#define XFS_LOG_INODE_ATTR_ROOT    0x100u
