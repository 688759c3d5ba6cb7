/* Hasher: completes records of files with SHA-1, SHA-256 and media type of their contents.
 *
 * The caller's thread reads (a tree is for one thread), others hash. Records come back in the order
 * in which they were added, on the caller's thread. Memory has a ceiling, whatever is read: a few
 * thousand records and HASH_BUFFERS buffers. Contents with several names are read once; holes are
 * not read.
 *
 *     g_autoptr(hasher) h = hasher_new(0, true, &error);   before sandbox_enter(): opens files
 *     hasher_begin(h, func, user, &error);
 *     hasher_add(h, &file, 0, tree, node);             for each
 *     hasher_finish(h); */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "frame/frame.h"
#include "fs/fs.h"

typedef struct hasher hasher;

/* code: enum assay_error, valid when file->fault is set. file is valid during the call. */
typedef void (*hasher_func)(const struct frame_file *file, int code, void *user);

/* threads: 0: as many as the machine has processors. types: media types are wanted. */
struct hasher *hasher_new(unsigned threads, bool types, GError **error);
/* Accepts NULL. */
void hasher_free(struct hasher *h);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(hasher, hasher_free)

/* For the records that follow. Nothing may be waiting. */
bool hasher_begin(struct hasher *h, hasher_func func, void *user, GError **error);
/* Copies the record. A regular file ("file") without fault is read here; others only wait for their
 * turn. What cannot be read gets a fault, and no sums. */
void hasher_add(struct hasher *h, const struct frame_file *file, int code, struct tree *tree,
                struct tree_node node);
/* Everything added has been given to func. */
void hasher_finish(struct hasher *h);
