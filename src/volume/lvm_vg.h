/* A volume group as its newest metadata describes it, and the blocks of its logical volumes. */
#pragma once
#include "block/block.h"
#include "volume/lvm_label.h"
#include "volume/lvm_text.h"

struct lvm_pv {
    const char *name;        /* in the metadata: "pv0" */
    char id[LVM_ID_LEN + 1]; /* without dashes */
    const char *device;      /* what it was called on its machine; NULL */
    uint64_t start;          /* byte of its first extent */
    bool marked_missing;     /* the group went on without it: its bytes are old */
    struct block *block;     /* borrowed, set by the caller; NULL: not there */
    void *user;              /* the caller's */
};

struct lvm_lv {
    const char *name;
    const struct lvm_item *item;
    bool visible;
    uint64_t size;          /* bytes; 0 if the metadata contradicts itself */
    const char *unreadable; /* what it is that its bytes alone mean nothing; NULL */
    struct block *block;    /* owned; NULL until mapped */
    GError *error;          /* owned; why it could not be mapped */
    bool mapping;           /* being mapped just now */
};

struct lvm_vg {
    struct arena *arena; /* holds every string and item here */
    const char *name;
    char id[LVM_ID_LEN + 1];
    uint64_t seqno;
    uint64_t extent_size; /* bytes */
    GPtrArray *pvs, *lvs; /* struct lvm_pv *, struct lvm_lv *, in the order of the metadata */
    GHashTable *pv_names, *lv_names;
};
typedef struct lvm_vg lvm_vg;

/* what: what the text belongs to, for messages. */
struct lvm_vg *lvm_vg_parse(const char *text, size_t len, const char *what, GError **error);
/* Accepts NULL. */
void lvm_vg_free(struct lvm_vg *vg);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(lvm_vg, lvm_vg_free)

/* The block of a logical volume, which the group keeps. Needs the blocks of the physical volumes.
 * NULL: a physical volume is missing (NOT_FOUND), its kind is not read (UNSUPPORTED), or the
 * metadata contradicts itself. */
struct block *lvm_lv_map(struct lvm_vg *vg, struct lvm_lv *lv, GError **error);
/* The physical volume that holds all of a linear volume, and the byte where its first segment
 * begins; NULL if there is none. */
const struct lvm_pv *lvm_lv_place(const struct lvm_vg *vg, const struct lvm_lv *lv, uint64_t *off);

/* --- between lvm_vg.c and lvm_map.c --- */
/* The segments in the order of their extents, which follow each other from 0 on: an array of
 * struct lvm_item *. NULL when they do not. */
GPtrArray *lvm_lv_segments(const struct lvm_vg *vg, const struct lvm_lv *lv, uint64_t *extents,
                           GError **error);
