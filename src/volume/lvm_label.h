/* What LVM2 writes on a physical volume itself: the label, and the areas with metadata. */
#pragma once
#include "base/limits.h"
#include "block/block.h"

#define LVM_ID_LEN 32 /* characters of a uuid, without the dashes */

struct lvm_area {
    uint64_t off, size; /* bytes */
};

struct lvm_label {
    char id[LVM_ID_LEN + 1];                /* of the physical volume */
    struct lvm_area areas[LIMIT_LVM_AREAS]; /* metadata */
    unsigned area_count;
};

/* Looks for a label in the first four sectors. *found: there is one, though perhaps (false, with
 * *error) not one that can be believed. */
bool lvm_label_read(struct block *b, struct lvm_label *out, bool *found, GError **error);

/* A uuid with the dashes that lvm2 shows; g_free(). */
char *lvm_id_text(const char id[LVM_ID_LEN]);

/* The newest metadata of an area as text, NUL-terminated, g_free(); *len without the NUL. *text is
 * NULL when the area holds none. */
bool lvm_area_read(struct block *b, const struct lvm_area *area, char **text, size_t *len,
                   GError **error);
