/* Trees: filesystems, and everything else that has directories and files.
 *
 * A tree is opened over a block and gives nodes (inodes). All bytes in it are hostile: names are
 * bytes (with a length, and NUL-terminated for convenience; no driver returns a name with '/' or
 * NUL inside, nor "." and ".."), loops and sizes are limited, and a bad entry becomes a fault and
 * never hides its neighbours. A tree may be used by one thread at a time; files opened from it too.
 *
 *     g_autoptr(tree) t = tree_open(volume->block, NULL, &error);
 *     struct tree_node etc;
 *     if (tree_lookup(t, t->root, "etc", 3, &etc, &error)) ... */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "block/block.h"

typedef struct tree tree;
typedef struct tree_file tree_file;

/* One inode. Two nodes are the same object when both numbers agree. */
struct tree_node {
    uint64_t id;
    uint64_t sub; /* subvolume (btrfs), layer; 0 elsewhere */
};

struct tree_stat {
    uint32_t mode; /* as in <sys/stat.h>, with the type bits */
    uint32_t uid, gid;
    uint64_t nlink;
    uint64_t size;      /* bytes */
    uint64_t allocated; /* bytes on disk, as st_blocks * 512; 0 if not known */
    uint64_t rdev;      /* makedev() number for devices */
    int64_t mtime, ctime, atime, btime; /* Unix seconds; btime 0 if not kept */
    uint32_t mtime_ns, ctime_ns;
};

struct tree_entry {
    const char *name; /* name_len bytes and a NUL; valid during the call */
    size_t name_len;
    struct tree_node node;
    uint32_t type; /* S_IFMT bits of the mode if the directory tells, else 0 */
};

/* Called for each entry; false ends the listing early (which then still succeeds). */
typedef bool (*tree_list_func)(const struct tree_entry *entry, void *user);
/* value is valid during the call. False ends early. */
typedef bool (*tree_xattr_func)(const char *name, const uint8_t *value, size_t len, void *user);

enum tree_recovery {
    TREE_RECOVERY_NONE,     /* cleanly unmounted, or no journal */
    TREE_RECOVERY_REPLAYED, /* the journal was dirty and has been overlaid in memory */
    TREE_RECOVERY_NEEDED,   /* the journal is dirty and was not replayed: newest changes missing */
    TREE_RECOVERY_COUNT
};

/* A btrfs subvolume or the like: a root inside the tree. */
struct tree_subvolume {
    struct tree_node root;
    uint64_t id, parent_id;
    const char *path; /* from the top of the tree, without leading slash; "" for the top */
    const char *uuid; /* NULL if none */
    bool is_default, read_only, is_snapshot;
};
typedef bool (*tree_subvolume_func)(const struct tree_subvolume *sub, void *user);

struct tree_driver {
    const char *name;        /* as in fstab: "ext4", "xfs", "btrfs" */
    const char *description;
    /* The block holds this filesystem: its superblock is believable, not just its magic. Cheap.
     * I/O trouble counts as no. Required. */
    bool (*probe)(struct block *b);
    /* Opens; fills label, uuid, size, root, recovery, type_name of the tree. Unknown incompatible
     * features: ASSAY_ERROR_UNSUPPORTED naming them. NULL: known, but not read yet. */
    struct tree *(*open)(struct block *b, GError **error);
    bool (*stat)(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error);
    /* ASSAY_ERROR_NOT_FOUND when the directory has no such entry. name is not NUL-terminated. */
    bool (*lookup)(struct tree *t, struct tree_node dir, const char *name, size_t len,
                   struct tree_node *out, GError **error);
    /* Every entry except "." and "..", in any order. Damage inside: tree_fault() and go on;
     * false only when the directory cannot be read at all. */
    bool (*list)(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
                 GError **error);
    /* The target as bytes, NUL-terminated, g_free(). At most LIMIT_SYMLINK_TARGET. */
    char *(*readlink)(struct tree *t, struct tree_node node, GError **error);
    /* Opens a regular file. Drivers allocate a struct that begins with struct tree_file. */
    struct tree_file *(*file_open)(struct tree *t, struct tree_node node, GError **error);
    /* Fills buf with exactly len bytes from off; the caller has checked the range against
     * file->size. */
    bool (*file_read)(struct tree_file *f, uint64_t off, void *buf, size_t len, GError **error);
    /* What lies at off (< size): see struct block_extent. May be NULL: all data. */
    bool (*file_extent_at)(struct tree_file *f, uint64_t off, struct block_extent *out,
                           GError **error);
    /* Frees the driver's struct and all in it. Required with file_open. */
    void (*file_close)(struct tree_file *f);
    /* Extended attributes ("security.capability", ...). May be NULL: none. */
    bool (*xattrs)(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                   GError **error);
    /* May be NULL: none. */
    bool (*subvolumes)(struct tree *t, tree_subvolume_func func, void *user, GError **error);
    /* Frees what the driver owns inside its struct, not the struct itself. */
    void (*close)(struct tree *t);
};

/* First member of every driver's own struct. Allocated by tree_alloc(). */
struct tree {
    const struct tree_driver *drv;
    struct block *block;   /* owned reference; may be an overlay over the volume */
    const char *type_name; /* static: drv->name, or more exact ("ext3") */
    char *label, *uuid;    /* uuid as blkid prints it; NULL if none */
    uint64_t size;         /* bytes the filesystem covers */
    struct tree_node root; /* of the default subvolume */
    enum tree_recovery recovery;
    GPtrArray *faults;     /* char *: "path or inode: reason", at most LIMIT_FAULTS */
    GHashTable *told;      /* set of those in faults: what is met again is not told again */
    uint64_t fault_count;  /* all of them; past LIMIT_FAULTS repeated ones count again */
};

struct tree_file {
    struct tree *tree;
    uint64_t size; /* bytes */
};

/* For drivers: a zeroed struct of struct_size bytes beginning with struct tree. */
void *tree_alloc(size_t struct_size, const struct tree_driver *drv, struct block *b);
/* For drivers: records that something inside could not be read; the rest goes on. */
void tree_fault(struct tree *t, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* All drivers, NULL-terminated. */
extern const struct tree_driver *const tree_drivers[];
/* The driver whose filesystem the block holds; NULL if none. Two that claim it: the first. */
const struct tree_driver *tree_probe(struct block *b);
/* Opens with that driver. ASSAY_ERROR_UNSUPPORTED "not yet" for drivers that cannot open. */
struct tree *tree_open(struct block *b, const struct tree_driver *drv, GError **error);
/* Accepts NULL. */
void tree_free(struct tree *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tree, tree_free)

/* Thin wrappers, with the checks that every driver would need. Errors that are damage or limits
 * become faults of the tree, too. */
bool tree_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error);
bool tree_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                 struct tree_node *out, GError **error);
bool tree_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
               GError **error);
char *tree_readlink(struct tree *t, struct tree_node node, GError **error);
bool tree_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                 GError **error);
bool tree_subvolumes(struct tree *t, tree_subvolume_func func, void *user, GError **error);
struct tree_file *tree_file_open(struct tree *t, struct tree_node node, GError **error);
/* Short at the end of the file: *got says how much. */
bool tree_file_read(struct tree_file *f, uint64_t off, void *buf, size_t len, size_t *got,
                    GError **error);
bool tree_file_extent_at(struct tree_file *f, uint64_t off, struct block_extent *out,
                         GError **error);
void tree_file_close(struct tree_file *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tree_file, tree_file_close)
/* The whole file, at most max bytes (else ASSAY_ERROR_LIMIT). With a NUL behind, not counted. */
GBytes *tree_file_read_all(struct tree_file *f, uint64_t max, GError **error);
/* A regular file as a block, which keeps it open and must not outlive the tree. Unlike other blocks
 * it may be used by one thread at a time, as the tree. */
struct block *tree_file_block(struct tree *t, struct tree_node node, const char *name,
                              GError **error);

static inline bool tree_node_equal(struct tree_node a, struct tree_node b)
{
    return a.id == b.id && a.sub == b.sub;
}
/* "none", "replayed", "needed". */
const char *tree_recovery_name(enum tree_recovery recovery);
