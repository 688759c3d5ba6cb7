/* Sets of numbers, packed: sorted, as varints of the distances between them. A node's packages or
 * vulnerabilities take one or two bytes each. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A GArray of uint64_t. */
GArray *number_set_new(void);
/* Sorts, and drops repetitions. */
void number_set_settle(GArray *set);
/* set is settled. */
GBytes *number_set_pack(const GArray *set);
/* NULL with ASSAY_ERROR_CORRUPT. packed NULL: the empty set. */
GArray *number_set_unpack(GBytes *packed, GError **error);

/* Both are settled. */
bool number_set_equal(const GArray *a, const GArray *b);

static inline uint64_t number_at(const GArray *set, guint i)
{
    return g_array_index(set, uint64_t, i);
}
