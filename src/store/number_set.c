#include "store/number_set.h"

#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/varint.h"

GArray *number_set_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

static int compare(gconstpointer pa, gconstpointer pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

void number_set_settle(GArray *set)
{
    guint kept = 0;
    g_array_sort(set, compare);
    for (guint i = 0; i < set->len; i++) {
        uint64_t n = number_at(set, i);
        if (kept == 0 || number_at(set, kept - 1) != n)
            g_array_index(set, uint64_t, kept++) = n;
    }
    g_array_set_size(set, kept);
}

bool number_set_equal(const GArray *a, const GArray *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->data, b->data, a->len * sizeof(uint64_t)) == 0);
}

GBytes *number_set_pack(const GArray *set)
{
    GByteArray *out = g_byte_array_new();
    uint64_t before = 0;
    for (guint i = 0; i < set->len; i++) {
        varint_append(out, number_at(set, i) - before);
        before = number_at(set, i);
    }
    return g_byte_array_free_to_bytes(out);
}

GArray *number_set_unpack(GBytes *packed, GError **error)
{
    g_autoptr(GArray) set = number_set_new();
    gsize len = 0;
    const void *bytes = packed != NULL ? g_bytes_get_data(packed, &len) : NULL;
    struct cursor c = cursor_of(bytes, len);
    uint64_t n = 0, step;
    while (cursor_left(&c) > 0) {
        if (!varint_read(&c, &step) || (step == 0 && set->len > 0) || n + step < n) {
            (void)fail_corrupt(error, "store: a set of numbers is damaged");
            return NULL;
        }
        n += step;
        g_array_append_val(set, n);
    }
    return g_steal_pointer(&set);
}
