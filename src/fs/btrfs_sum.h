/* The checksums of btrfs: one kind protects all blocks of a filesystem. Not thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/btrfs_format.h"

struct btrfs_sum;

/* NULL when the type is none of enum btrfs_sum_type. */
struct btrfs_sum *btrfs_sum_new(uint16_t type);
/* Accepts NULL. */
void btrfs_sum_free(struct btrfs_sum *s);
/* Bytes of one checksum, 4 to 32. */
size_t btrfs_sum_size(const struct btrfs_sum *s);
void btrfs_sum_of(struct btrfs_sum *s, const void *data, size_t len, uint8_t out[BTRFS_SUM_MAX]);
/* expected: btrfs_sum_size() bytes. Always true in fuzz builds. */
bool btrfs_sum_good(struct btrfs_sum *s, const void *data, size_t len, const uint8_t *expected);
