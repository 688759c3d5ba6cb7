/* The files of a system, kept encoded: a path costs only what differs from the one before it. */
#pragma once
#include "frame/frame.h"

struct frame_files *frame_files_new(void);
void frame_files_free(struct frame_files *files);
/* Bytes of memory held. */
uint64_t frame_files_memory(const struct frame_files *files);
/* ASSAY_ERROR_LIMIT for a record above LIMIT_FRAME_RECORD or when more than max bytes would be
 * held. */
bool frame_files_add(struct frame_files *files, const struct frame_file *file, uint64_t max,
                     GError **error);

/* In order of path. Does nothing when they were added so; leaves them as they are when the system
 * has no memory for a second copy. */
void frame_files_sort(struct frame_files *files);

/* Walks one step at a time; for merging two lists. */
struct files_walk {
    const struct frame_files *files;
    size_t segment;
    struct cursor cursor;
    struct arena *arena; /* of the current record */
    GString *path;
};
void files_walk_init(struct files_walk *w, const struct frame_files *files);
/* *out is valid until the next call; NULL at the end. */
bool files_walk_next(struct files_walk *w, struct frame_file *file, bool *more, GError **error);
void files_walk_done(struct files_walk *w);
