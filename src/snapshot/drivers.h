/* The drivers of snapshots, for their table. */
#pragma once
#include "snapshot/snapshot.h"

/* What storage.lvm.size says. */
struct lvm_size {
    uint64_t number;
    bool percent; /* of the volume; else bytes */
};
bool lvm_size_parse(const char *text, struct lvm_size *out, GError **error);

extern const struct snapshot_driver snapshot_file_driver;
extern const struct snapshot_driver snapshot_lvm_driver;
extern const struct snapshot_driver snapshot_m2_driver;
extern const struct snapshot_driver snapshot_nbd_driver;
extern const struct snapshot_driver snapshot_qemu_driver;
extern const struct snapshot_driver snapshot_rbd_driver;
