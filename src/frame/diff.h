/* Parts of the comparison of frames, shared by its files. */
#pragma once
#include "base/json_writer.h"
#include "frame/formats.h"

enum diff_what {
    DIFF_ADDED,
    DIFF_REMOVED,
    DIFF_CHANGED,
    DIFF_UPGRADED,
    DIFF_DOWNGRADED,
    DIFF_WHAT_COUNT
};

/* One difference. before or after is NULL for what was added or removed. */
struct diff_change {
    enum frame_kind kind;
    enum diff_what what;
    const void *before, *after;
};

struct diff {
    const struct frame *a, *b;
    const struct frame_diff_options *options;
    FILE *out;
    bool differ;
    bool files_left_out; /* only one frame lists them */
    const struct frame_os *system_before, *system_after; /* NULL: the target */
    void (*emit)(struct diff *d, const struct diff_change *c);
    struct json_writer w;
    /* What the text has last said, so that headings come once. */
    const struct frame_os *said_before, *said_after;
    bool said_any;
    int said_kind; /* enum frame_kind, -1 none; valid for the system said */
};

/* Whether one field changed in a way that counts. */
bool diff_field_changed(enum frame_kind kind, const struct frame_field *f, const void *a,
                        const void *b);

void diff_text_emit(struct diff *d, const struct diff_change *c);
void diff_text_end(struct diff *d);
void diff_json_begin(struct diff *d);
bool diff_json_end(struct diff *d, GError **error);
