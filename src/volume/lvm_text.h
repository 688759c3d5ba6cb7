/* The text in which LVM2 keeps its metadata: sections, and names with values.
 *
 *     vg0 {
 *         extent_size = 8192           # a comment
 *         status = ["READ", "WRITE"]
 *         physical_volumes { ... }
 *     }
 *
 * All items live in the arena given to the parser; strings are theirs, and NUL-terminated. */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include <stdint.h>

enum lvm_item_kind { LVM_SECTION, LVM_ARRAY, LVM_NUMBER, LVM_STRING, LVM_ITEM_KIND_COUNT };

struct lvm_item {
    enum lvm_item_kind kind;
    const char *name;              /* NULL for the elements of an array and for the top */
    const char *text;              /* LVM_STRING */
    int64_t number;                /* LVM_NUMBER */
    struct lvm_item *first, *next; /* members of a section or an array, in order */
};

/* what: what the text belongs to, for messages. The top is a section without name. At most
 * LIMIT_LVM_NESTING sections deep; ASSAY_ERROR_LIMIT when the arena is full. */
struct lvm_item *lvm_text_parse(const char *text, size_t len, const char *what, struct arena *arena,
                                GError **error);

/* The first member of that name and kind; NULL if there is none. */
const struct lvm_item *lvm_item_get(const struct lvm_item *section, const char *name,
                                    enum lvm_item_kind kind);
/* A number of 0 or more. False, with *out untouched, if there is none. */
bool lvm_item_number(const struct lvm_item *section, const char *name, uint64_t *out);
/* NULL if there is none. */
const char *lvm_item_text(const struct lvm_item *section, const char *name);
/* An array of that name contains the word. */
bool lvm_item_has(const struct lvm_item *section, const char *name, const char *word);
