/* Root: one operating system's file namespace, put together from filesystems.
 *
 * root_find() looks for installed systems on the filesystems of a target and assembles each one's
 * "/" from its own fstab: separate /usr, /var, /boot, subvolumes. Every path and symlink is
 * resolved inside that namespace; nothing of the host is ever touched. Not thread-safe.
 *
 *     g_autoptr(GPtrArray) roots = root_find(filesystems, &error);
 *     GBytes *text = root_read(g_ptr_array_index(roots, 0), "/etc/os-release", 1 << 20, &error); */
#pragma once
#include "fs/fs.h"
#include "volume/volume.h"

typedef struct root root;

/* A filesystem of the target: a tree opened on a volume. */
struct root_filesystem {
    struct volume *volume; /* borrowed */
    struct tree *tree;     /* owned; NULL when it could not be opened */
};
void root_filesystem_free(struct root_filesystem *fs);

enum root_mount_state {
    ROOT_MOUNT_FOUND,
    ROOT_MOUNT_SKIPPED, /* not of the disk, or not needed to be there: swap, network, noauto, nofail */
    ROOT_MOUNT_MISSING, /* fstab names it and it cannot be found or read */
};

struct root_mount {
    char *path;    /* absolute, canonical in the root once mounted */
    char *source;  /* as fstab says; NULL for the root itself when fstab does not name it */
    char *type, *options; /* as fstab says; NULL */
    enum root_mount_state state;
    char *reason;  /* why it is not FOUND; NULL */
    int code;      /* enum assay_error, valid with reason and MISSING */
    struct root_filesystem *fs; /* borrowed; NULL unless FOUND */
    struct tree_node node;      /* what is mounted there */
};

struct root {
    char *name;        /* "disk0p2", "disk0p2[@]" for a subvolume */
    GPtrArray *mounts; /* struct root_mount *, the root itself first */
    char *skipped;     /* note about what was left aside on its filesystem (snapshots); NULL */
};
void root_free(struct root *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(root, root_free)

/* Systems on these filesystems (struct root_filesystem *, which must outlive the roots): struct
 * root *, owned by the array. Snapshots of a system that is there itself do not count. disks: how
 * many disks the target has, for names such as /dev/sdb2. ASSAY_ERROR_LIMIT past LIMIT_SYSTEMS. */
GPtrArray *root_find(GPtrArray *filesystems, GError **error);

/* A root that is just one tree, without fstab: for filesystems that hold no system. */
struct root *root_of_tree(struct root_filesystem *fs);

/* A place in a root. */
struct root_place {
    struct tree *tree; /* borrowed */
    struct tree_node node;
    char *path; /* canonical: absolute, no symlinks on the way; g_free() */
};
void root_place_clear(struct root_place *p);
#define root_place_auto __attribute__((cleanup(root_place_clear))) struct root_place

/* Resolves a path; the last component's symlink is followed if follow. ASSAY_ERROR_NOT_FOUND,
 * _LIMIT for symlink loops. */
bool root_resolve(struct root *r, const char *path, bool follow, struct root_place *out,
                  GError **error);
/* The place of an entry that a listing of dir gave: honours mounts. Infallible. */
void root_descend(struct root *r, const struct root_place *dir, const struct tree_entry *entry,
                  struct root_place *out);
/* A whole regular file, symlinks followed, at most max bytes. */
GBytes *root_read(struct root *r, const char *path, uint64_t max, GError **error);
/* Is there something at the path? Errors count as no. */
bool root_exists(struct root *r, const char *path);
/* Lists a directory, symlinks followed. ASSAY_ERROR_NOT_FOUND when it is not there. */
bool root_list(struct root *r, const char *path, tree_list_func func, void *user, GError **error);

struct root_walk_entry {
    const char *path; /* absolute and canonical */
    struct tree *tree;
    struct tree_node node;
    bool has_stat;
    struct tree_stat stat; /* without has_stat only the type bits of mode, 0 if not known */
    const char *target;    /* of a symlink; NULL when it could not be read */
    const GError *fault;   /* something of it, or below it, could not be read; NULL */
};
/* The entry is valid during the call; false ends the walk, which then still succeeds. */
typedef bool (*root_walk_func)(const struct root_walk_entry *entry, void *user);

struct root_walk_options {
    bool follow;    /* path may be a symlink to what is meant */
    bool itself;    /* hand out path itself before what it holds */
    bool recursive; /* below its entries too, across mounts */
};
/* Hands out what is at path and below in the order of frame_path_compare(): a directory, then at
 * once what it holds. A directory that damage has linked several times is entered once. False only
 * when path itself cannot be reached or listed. */
bool root_walk(struct root *r, const char *path, const struct root_walk_options *options,
               root_walk_func func, void *user, GError **error);

/* --- for tests and root.c ---------------------------------------------------------------------- */

struct fstab_entry {
    char *source, *path, *type, *options;
};
/* Entries of an fstab(5), octal escapes decoded; struct fstab_entry *, owned by the array. Lines
 * that are none are left out. */
GPtrArray *fstab_parse(const char *text, size_t len);
/* The value of name in a comma-separated option list: "" for a bare word, NULL if absent. g_free() */
char *fstab_option(const char *options, const char *name);
