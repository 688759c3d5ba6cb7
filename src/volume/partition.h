/* What the partition tables have in common: adding parts to a set and judging where they lie. */
#pragma once
#include "volume/volume.h"

/* Adds partition number of disk, named "<disk>p<number>", at [off, off+len) bytes of it. A part
 * that leaves the disk gets a fault; what of it lies on the disk can be read. Callers keep to
 * LIMIT_PARTITIONS. NULL with ASSAY_ERROR_LIMIT past LIMIT_VOLUMES. */
struct volume *partition_add(struct volume_set *set, struct volume *disk, unsigned number,
                             uint64_t off, uint64_t len, GError **error);

/* Gives a fault to every partition from index first of the set on that overlaps an earlier one.
 * Both stay readable. */
void partition_check_overlaps(struct volume_set *set, unsigned first);

/* The bytes at off start something well known: a filesystem, a boot sector, a physical volume. */
bool partition_has_signature(struct block *b, uint64_t off);
