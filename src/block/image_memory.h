/* The memory that image formats use: one for a whole backing chain, so that the ceilings hold
 * however many images the chain has. Reference-counted, thread-safe. */
#pragma once
#include <glib.h>

#include "block/lru.h"

/* Bytes of mapping tables. 4 MiB map 32 GiB of a disk with 64 KiB clusters. */
#define IMAGE_TABLES_MAX (4u << 20)
/* Bytes of decompressed clusters. Holds a few even of the largest size (2 MiB). */
#define IMAGE_CLUSTERS_MAX (8u << 20)

struct image_memory {
    struct lru *tables;
    struct lru *clusters;
    struct decoder_pool *decoders;
    gint refs;
};

/* A new reference to shared, or a new memory when that is NULL. */
struct image_memory *image_memory_get(struct image_memory *shared);
/* Accepts NULL. */
void image_memory_unref(struct image_memory *m);
