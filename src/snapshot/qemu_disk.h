/* What a QEMU monitor says about disks, read with suspicion: functions of its answers alone. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Names of nodes in QEMU are this long at most (its BlockdevOptions, "node-name"). */
#define QEMU_NAME_MAX 31

/* A disk that a device of the machine uses. Borrows the answer's strings. */
struct qemu_disk {
    const char *device; /* where its property "drive" is: a path of QEMU's object tree */
    const char *node;   /* what the device reads and writes now */
    uint64_t size;      /* bytes of it */
};

/* The disk with that name (of its device, drive or node; NULL: the only writable one), out of the
 * answer to query-block. ASSAY_ERROR_NOT_FOUND lists those there are. */
bool qemu_disk_find(const json_t *blocks, const char *name, struct qemu_disk *out, GError **error);
/* The disk whose device uses that node; false when there is none. */
bool qemu_disk_using(const json_t *blocks, const char *node, struct qemu_disk *out);

/* Whether a list of objects (query-block-exports, query-named-block-nodes, query-jobs) has one
 * whose member is that text. */
bool qemu_list_has(const json_t *list, const char *member, const char *text);

/* In the answer to query-fdsets: the set which has a descriptor whose description begins with that;
 * *rest is what follows. False when there is none. */
bool qemu_fdset_find(const json_t *sets, const char *begins, json_int_t *set, const char **rest);

/* The number of bytes that a recording bitmap of that name says have changed; false when the node
 * (in the answer to query-named-block-nodes) has no such bitmap, or an unusable one. */
bool qemu_bitmap_count(const json_t *nodes, const char *node, const char *bitmap, uint64_t *count);
/* Goes through the names of a node's bitmaps that begin with a prefix; *position begins as 0. False
 * at the end. */
bool qemu_bitmap_next(const json_t *nodes, const char *node, const char *prefix, size_t *position,
                      const char **name);
