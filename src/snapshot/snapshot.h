/* Point-in-time views of a disk that somebody else is writing.
 *
 * A snapshot has a handle: text that names everything which making it will create, known before
 * anything is created, and kept by the caller in its store first. So whoever finds the handle after
 * a crash can drop what was made, however far the making had come; dropping what is not there is no
 * failure.
 *
 *     g_autofree char *handle = snapshot_plan(location, id, &options, &error);
 *     ... keep the handle ...
 *     struct snapshot_view *view = snapshot_make(handle, &options, &error);
 *     ... read view->disks[i].bytes ...
 *     if (!snapshot_verify(view, &error)) ... what was read may be torn
 *     snapshot_view_free(view);
 *     snapshot_drop(handle, &options, &error); */
#pragma once
#include <jansson.h>

#include "block/block.h"
#include "block/recorder.h"
#include "block/throttle.h"

/* How to reach storage: from the service's settings, never from those who name locations. */
struct snapshot_settings {
    const json_t *storage; /* member "storage" of the settings, checked by the drivers; NULL: none */
};

/* Whether that member is well-formed; NULL is. Touches nothing. */
bool snapshot_settings_check(const json_t *storage, GError **error);

/* What became of what was read of a view. */
enum snapshot_use {
    SNAPSHOT_NOT_USED, /* nothing: what was kept of one before it is still compared with */
    SNAPSHOT_USED,     /* it is the newest that is known: nothing is compared with any more */
    SNAPSHOT_COMPARED, /* so it is, and it will be asked what has changed since */
};

struct snapshot_options {
    const struct snapshot_settings *settings; /* NULL: what is usual on this host */
    const char *format;    /* of the image: "raw", "qcow2"; NULL: by content */
    bool deep;             /* a full copy, which does not depend on the original any more */
    bool crash_consistent; /* read a disk that is in use without a snapshot, if there is no other
                              way: what is being written may be torn */
    const char *quiesce;   /* has the node's filesystems stilled while the snapshot is made: "agent",
                              or a command's name in the settings; NULL: not */
    const char *secret;    /* the credential that the node names, decrypted; NULL: none */
    struct throttle *const *rates; /* what making a full copy may read; as block_throttle_new() */
    size_t rate_count;
    enum snapshot_use use; /* of what is dropped */
    bool (*wanted)(void *user); /* whether to go on, asked while something takes long; NULL: yes */
    void *user;
};

struct snapshot_disk {
    struct block *bytes; /* of the file, image or device as it is: an image's format is decoded by
                            the inspector, not here. Owned by the view */
    const char *name;    /* for people: the location */
    const char *path;    /* of a file of the host: its images' references are relative to it; NULL */
    const char *format;  /* "raw" where the storage itself says so; NULL: by content */
    /* What the bytes are known by: two disks with the same non-empty identity and the same location
     * hold the same bytes ("file:INODE:SIZE:MTIME"). "" when it cannot be told. */
    const char *identity;
    /* What a report must say about the view: "read while in use"; NULL. */
    const char *note;
};

/* First member of the drivers' own struct. */
struct snapshot_view {
    const struct snapshot_driver *drv;
    struct snapshot_disk *disks;
    size_t count;
    bool holds; /* while it exists, and until it is dropped, writing to the disk costs more */
};
typedef struct snapshot_view snapshot_view;
void snapshot_view_free(struct snapshot_view *v);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(snapshot_view, snapshot_view_free)

struct snapshot_driver {
    const char *name;        /* "rbd" */
    const char *description; /* one line, for the documentation */
    const char *prefix;      /* of locations: "rbd:"; "/" for files */
    /* Whether a location is well-formed; ASSAY_ERROR_INVALID says what is wrong. Touches nothing. */
    bool (*check)(const char *location, GError **error);
    /* Names what making a snapshot of location would create; id (26 characters) makes the names
     * unique. Touches nothing. JSON object, g_free(). */
    char *(*plan)(const char *location, const char *id, const struct snapshot_options *options,
                  GError **error);
    /* Makes the snapshot and opens it. What a run before it left under the same handle is replaced.
     * ASSAY_ERROR_BUSY-like refusals (in use, not crash_consistent) are ASSAY_ERROR_DENIED. */
    struct snapshot_view *(*make)(const char *handle, const struct snapshot_options *options,
                                  GError **error);
    /* Removes whatever of the handle's there is. That of a handle with a member "keep" stays, in
     * place of what has stayed before, if it is dropped as SNAPSHOT_COMPARED. */
    bool (*drop)(const char *handle, const struct snapshot_options *options, GError **error);
    /* The pool that reading loads: "rbd:POOL", "file:DEVICE"; for limits. Asked in transactions:
     * waits for nothing. g_free() */
    char *(*pool)(const char *location, const struct snapshot_options *options);
    /* Whether none of the ranges that were read from a disk of that identity has changed since; NULL:
     * the identities decide alone. Costs no reading of the disk. */
    bool (*unchanged)(const char *location, const char *identity,
                      const struct block_range *ranges, size_t count,
                      const struct snapshot_options *options, bool *unchanged, GError **error);
    void (*close)(struct snapshot_view *v); /* frees what the view owns, not the snapshot */
    /* After the reading: whether the view has held until now. False with the reason: the storage
     * lost it, or the original, read as it is, was taken into use. NULL: it always holds. */
    bool (*verify)(struct snapshot_view *v, GError **error);
    /* The handle of what stays in the storage of a view of that identity, to be compared with;
     * dropping it drops what earlier ones have left, too. g_free() NULL: nothing stays. The driver
     * need not have this. */
    char *(*kept)(const char *location, const char *identity);
};
/* NULL-terminated. */
extern const struct snapshot_driver *const snapshot_drivers[];

/* The driver of a location; NULL with ASSAY_ERROR_UNSUPPORTED naming the kinds there are. */
const struct snapshot_driver *snapshot_driver_of(const char *location, GError **error);
/* The driver's functions, by location or by the "driver" member that every handle has. */
char *snapshot_plan(const char *location, const char *id, const struct snapshot_options *options,
                    GError **error);
struct snapshot_view *snapshot_make(const char *handle, const struct snapshot_options *options,
                                    GError **error);
bool snapshot_drop(const char *handle, const struct snapshot_options *options, GError **error);
bool snapshot_verify(struct snapshot_view *v, GError **error);
char *snapshot_kept(const char *location, const char *identity);

/* For drivers: false with an error when the caller does not want them to go on. */
bool snapshot_wanted(const struct snapshot_options *options, GError **error);
/* For drivers: an original, as full copies may read it. A new reference. */
struct block *snapshot_slowed(struct block *original, const struct snapshot_options *options);
