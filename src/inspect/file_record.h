/* The record of a file, from what a walk tells of it. */
#pragma once
#include "frame/frame.h"
#include "root/root.h"

struct file_record {
    struct frame_file file; /* its texts belong to the walk's entry and this struct */
    char fault[512];
};
/* Without hashes and media type. Valid as long as the entry and out. */
void file_record_fill(struct file_record *out, const struct root_walk_entry *entry);
