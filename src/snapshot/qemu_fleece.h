/* A view of one instant of a disk within a running QEMU:
 *
 *     device ─► filter (copy-before-write) ─► disk            filter ─► store: a file without a
 * name ▲ view (snapshot-access) ─► export over NBD
 *
 * What the machine is about to overwrite is copied to the store first, so that the view shows the
 * disk as it was when the filter got between (QEMU's docs/interop/live-block-operations; of its own
 * tests, image-fleecing). If a copy fails or takes long, the view is given up, never the guest's
 * write. */
#pragma once
#include "snapshot/qmp.h"

/* All that is made in QEMU for one snapshot; made of the handle's id. */
struct qemu_names {
    char *all;                   /* of the export and of the bitmap; what the others begin with */
    char *view, *filter, *store; /* nodes */
    char *described;             /* what the store's description begins with, before the disk's */
};
void qemu_names_init(struct qemu_names *n, const char *id);
void qemu_names_clear(struct qemu_names *n);
#define QEMU_NAMES_PREFIX "assay-"

struct qemu_fleece {
    struct qmp *qmp;
    const char *monitor; /* its path */
    const char *device;  /* which disk; NULL: the only writable one */
    const char *folder;  /* for the store */
    bool bitmap;         /* leave one that notes what changes from this instant on */
    /* Called right before and right after the instant; false ends the making. NULL: not. */
    bool (*before)(void *user, GError **error);
    bool (*after)(void *user, GError **error);
    void *user;
};

/* Makes everything, up to the export. *node: the disk's name in QEMU, g_free(). After a failure the
 * caller drops what there is. ASSAY_ERROR_IO when another snapshot of the disk is being read. */
bool qemu_fleece_make(const struct qemu_fleece *f, const struct qemu_names *names, char **node,
                      GError **error);
/* Removes what there is, the bitmap excepted; nothing is no failure. */
bool qemu_fleece_drop(struct qmp *m, const char *monitor, const struct qemu_names *names,
                      GError **error);
/* Connects to the NBD server that has the export; -1 with *error. */
int qemu_fleece_connect(const char *monitor, GError **error);
