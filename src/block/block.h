/* A block: a readable, sized run of bytes. Disk, image file, partition, logical volume, overlay.
 *
 * Everything that has bytes is a struct block, and layers that transform (a partition, a journal
 * overlay, a cache) are blocks over blocks. Blocks are read-only, reference-counted and
 * thread-safe: block_read() and block_extent_at() may be called from several threads at once.
 *
 *     g_autoptr(block) file = block_raw_new(fd, "disk.qcow2", &error);
 *     g_autoptr(block) disk = block_image_open(file, NULL, NULL, &error);
 *     if (!block_read(disk, 0, sector, sizeof sector, &error)) ...  */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct block block;

/* What the bytes at a place are, as far as the driver knows without reading them. */
struct block_extent {
    uint64_t len; /* bytes from the offset asked for; > 0 */
    bool zero;    /* reads as zeros (hole, zero cluster, unallocated) */
};

struct block_driver {
    const char *name;        /* "raw", "qcow2", ... */
    const char *description; /* one line, for --list and the documentation */
    /* Fills buf with exactly len bytes from off. The caller has checked that the range lies within
     * b->size and that len > 0. Thread-safe. Required. */
    bool (*read)(struct block *b, uint64_t off, void *buf, size_t len, GError **error);
    /* Describes the bytes from off (< b->size) on; out->len must not reach past b->size. May be
     * NULL: all is data. Thread-safe. */
    bool (*extent_at)(struct block *b, uint64_t off, struct block_extent *out, GError **error);
    /* Frees what the driver owns, not b's own fields. May be NULL. */
    void (*close)(struct block *b);
    /* Has reads that wait for nothing but time fail soon, and all later ones. May be NULL: reads end
     * by themselves. Thread-safe. */
    void (*interrupt)(struct block *b);
};

/* What a report must say about a block besides its bytes. */
struct block_note {
    bool doubtful; /* the bytes may be wrong (an image marked corrupt), not merely noteworthy */
    char *text;    /* one line that names the image */
};

/* First member of every driver's own struct. Allocated by block_alloc(). */
struct block {
    const struct block_driver *drv;
    char *name;           /* for people: file name, "disk.qcow2 partition 2", "vg0/root" */
    uint64_t size;        /* bytes */
    uint32_t sector_size; /* logical sector, 512 unless known otherwise */
    gint refs;
    GPtrArray *notes; /* struct block_note *, those of backing images included; NULL: none.
                         Constant once the block has been returned by its maker */
};

/* For drivers: a zeroed struct of struct_size bytes which begins with a struct block, one
 * reference. name is copied. */
void *block_alloc(size_t struct_size, const struct block_driver *drv, const char *name,
                  uint64_t size);
/* For drivers, while the block is being made. */
void block_note(struct block *b, bool doubtful, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Repeats the notes of a block that b is made from. */
void block_note_all(struct block *b, const struct block *from);
struct block *block_ref(struct block *b);
/* Accepts NULL. */
void block_unref(struct block *b);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(block, block_unref)

/* Exactly len bytes at off. Past the end: ASSAY_ERROR_CORRUPT (whoever computed off believed
 * something false about this block). */
bool block_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error);
/* As block_read(), but short at the end of the block: *got <= len says how much. */
bool block_read_some(struct block *b, uint64_t off, void *buf, size_t len, size_t *got,
                     GError **error);
/* off < size. Never fails for drivers without extent_at. */
bool block_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error);
/* For whoever will not read any more, while others may be waiting (throttle.h). */
void block_interrupt(struct block *b);

/* --- the drivers' makers ------------------------------------------------------------------- */

/* A host file or device by descriptor; takes the descriptor, also on failure. Holes are known
 * through SEEK_HOLE. The size of a block device is found by seeking. Counts what it reads (see
 * block_bytes_read). */
struct block *block_raw_new(int fd, const char *name, GError **error);
/* Bytes [off, off+len) of another block, which it references. */
struct block *block_slice_new(struct block *under, uint64_t off, uint64_t len, const char *name,
                              GError **error);
/* A run of pieces of other blocks: a linear or striped volume is a list of these. The pieces must
 * follow each other without gap from 0. */
struct block_piece {
    uint64_t off;        /* in the new block */
    uint64_t len;        /* bytes, > 0 */
    struct block *under; /* borrowed; the new block takes its own reference. NULL: zeros */
    uint64_t under_off;
};
struct block *block_pieces_new(const struct block_piece *pieces, size_t count, const char *name,
                               GError **error);
/* Bytes dealt out over count columns in turn, unit bytes at a time; each column gives column_len
 * bytes, a multiple of unit, from its off on. The new block takes its own references. */
struct block_column {
    struct block *under;
    uint64_t off;
};
struct block *block_stripes_new(const struct block_column *columns, size_t count, uint32_t unit,
                                uint64_t column_len, const char *name, GError **error);
/* Units of bytes in front of another block (a replayed journal). They are put there before the
 * overlay is shared between threads; those of the same index replace each other. */
struct block *block_overlay_new(struct block *under, uint32_t unit, const char *name);
/* Puts a copy of unit bytes over the block at index*unit. ASSAY_ERROR_LIMIT past
 * LIMIT_JOURNAL_OVERLAY bytes. */
bool block_overlay_put(struct block *overlay, uint64_t index, const void *bytes, GError **error);
/* Has the unit at index*unit read from another place of the block below, in bytes.
 * ASSAY_ERROR_LIMIT past LIMIT_JOURNAL_UNITS, as for block_overlay_put(). */
bool block_overlay_move(struct block *overlay, uint64_t index, uint64_t from, GError **error);
/* A fixed amount of memory in front of a block that is slow to reach, with reading ahead. */
struct block *block_cache_new(struct block *under, const char *name);
/* A server's export over an already connected socket; takes the descriptor, also on failure.
 * export_name may be "". Comes with a cache in front. ASSAY_ERROR_IO names the export when the
 * server refuses, goes away or does not answer for timeout seconds (0: however long it takes). */
struct block *block_nbd_new(int fd, const char *export_name, const char *name, unsigned timeout,
                            GError **error);
#define BLOCK_NBD_TIMEOUT 60 /* for servers of others */

/* Bytes that raw and nbd blocks have read from the host since the process began; holes that a
 * server tells of instead of sending zeros do not count. */
uint64_t block_bytes_read(void);

/* --- image formats -------------------------------------------------------------------------- */

/* How a format reaches a file that its image names (backing file, external data file). The host
 * decides what may be opened; ASSAY_ERROR_DENIED when policy forbids it. */
struct block_references {
    /* reference: the name as written in the image; from: the file that names it. Returns the raw
     * bytes of that file as a new reference, NULL with *error on failure. */
    struct block *(*open)(void *ctx, struct block *from, const char *reference, GError **error);
    void *ctx;
};

struct block_image_options {
    const char *format;   /* "raw", "qcow2"; NULL: by content */
    const char *snapshot; /* internal snapshot by name or id; NULL: the active state */
    const struct block_references *references; /* NULL: nothing may be opened */
    unsigned depth;              /* how many images lead here; callers outside block/ leave 0 */
    struct image_memory *memory; /* shared by a chain; callers outside block/ leave NULL */
};

struct block_format {
    const char *name;
    const char *description;
    /* The first bytes (up to 1024) of the file look like this format. */
    bool (*probe)(const uint8_t *head, size_t len);
    /* A new block over file, which it references. NULL: known, but not read yet. */
    struct block *(*open)(struct block *file, const struct block_image_options *options,
                          GError **error);
};

/* NULL-terminated, in order of probing. */
extern const struct block_format *const block_formats[];

/* Opens an image file by content or by options->format; a file of no known format is raw.
 * options may be NULL. */
struct block *block_image_open(struct block *file, const struct block_image_options *options,
                               GError **error);
