/* Runs of bytes kept in memory up to a fixed ceiling; those not used for longest go first.
 *
 * Users that share one lru tell their entries apart by an owner number. Thread-safe. The bytes are
 * reference-counted: an entry that is evicted while somebody reads it lives until he is done. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lru;

/* max: bytes, bookkeeping included. */
struct lru *lru_new(size_t max);
void lru_free(struct lru *l);
/* A number that nobody else of this lru has. */
uint32_t lru_owner_new(struct lru *l);
/* A new reference, NULL when it is not there. */
GBytes *lru_get(struct lru *l, uint32_t owner, uint64_t key);
/* Takes its own reference. An entry larger than the ceiling is not kept. */
void lru_put(struct lru *l, uint32_t owner, uint64_t key, GBytes *bytes);
/* Forgets all entries of an owner that goes away. */
void lru_drop(struct lru *l, uint32_t owner);
/* Bytes held now, bookkeeping included. */
size_t lru_used(struct lru *l);
