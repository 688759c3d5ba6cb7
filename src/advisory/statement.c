#include "advisory/statement.h"

#include <string.h>

#include "advisory/finding.h"
#include "base/varint.h"

enum { HAS_INTRODUCED = 1, HAS_FIXED = 2, HAS_LAST = 4, HAS_MODULE = 8 };

_Static_assert(FINDING_STATE_COUNT <= 8 && SEVERITY_COUNT <= 32, "both fit one byte");

static int compare_statements(gconstpointer pa, gconstpointer pb)
{
    const struct statement *a = pa, *b = pb;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    const uint32_t x[] = { a->introduced, a->fixed, a->last_affected,
                           a->module,     a->state, a->severity };
    const uint32_t y[] = { b->introduced, b->fixed, b->last_affected,
                           b->module,     b->state, b->severity };
    for (size_t i = 0; i < G_N_ELEMENTS(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

void statements_encode(GArray *statements, GByteArray *out)
{
    g_array_sort(statements, compare_statements);
    uint64_t before = 0;
    const struct statement *last = NULL;
    for (guint i = 0; i < statements->len; i++) {
        const struct statement *s = &g_array_index(statements, struct statement, i);
        if (last != NULL && compare_statements(last, s) == 0)
            continue;
        last = s;
        varint_append(out, s->subject - before);
        before = s->subject;
        const uint8_t head[2] = {
            (uint8_t)(s->state | s->severity << 3),
            (uint8_t)((s->introduced ? HAS_INTRODUCED : 0) | (s->fixed ? HAS_FIXED : 0) |
                      (s->last_affected ? HAS_LAST : 0) | (s->module ? HAS_MODULE : 0)),
        };
        g_byte_array_append(out, head, sizeof head);
        const uint32_t strings[] = { s->introduced, s->fixed, s->last_affected, s->module };
        for (size_t k = 0; k < G_N_ELEMENTS(strings); k++)
            if (strings[k] != 0)
                varint_append(out, strings[k]);
    }
}

struct statement_reader statement_reader_of(const void *blob, size_t len)
{
    return (struct statement_reader){ .cursor = cursor_of(blob, len) };
}

static bool read_string_number(struct cursor *c, bool present, uint32_t *out)
{
    uint64_t value = 0;
    if (present && (!varint_read(c, &value) || value > UINT32_MAX))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool statement_next(struct statement_reader *r, struct statement *out, bool *damaged)
{
    struct cursor *c = &r->cursor;
    if (cursor_left(c) == 0)
        return false;
    uint64_t step;
    uint8_t judged, has;
    struct statement s = { 0 };
    *damaged = true;
    if (!varint_read(c, &step) || step > UINT64_MAX - r->subject || !rd_u8(c, &judged) ||
        !rd_u8(c, &has))
        return false;
    s.subject = r->subject + step;
    s.state = judged & 7;
    s.severity = judged >> 3;
    if (s.state >= FINDING_STATE_COUNT || s.severity >= SEVERITY_COUNT ||
        s.subject >> 1 > UINT32_MAX)
        return false;
    if (!read_string_number(c, has & HAS_INTRODUCED, &s.introduced) ||
        !read_string_number(c, has & HAS_FIXED, &s.fixed) ||
        !read_string_number(c, has & HAS_LAST, &s.last_affected) ||
        !read_string_number(c, has & HAS_MODULE, &s.module))
        return false;
    *damaged = false;
    r->subject = s.subject;
    *out = s;
    return true;
}
