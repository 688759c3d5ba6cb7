/* The drivers of snapshots, for their table. */
#pragma once
#include "snapshot/snapshot.h"

extern const struct snapshot_driver snapshot_file_driver;
extern const struct snapshot_driver snapshot_lvm_driver;
extern const struct snapshot_driver snapshot_m2_driver;
extern const struct snapshot_driver snapshot_nbd_driver;
extern const struct snapshot_driver snapshot_qemu_driver;
extern const struct snapshot_driver snapshot_rbd_driver;
