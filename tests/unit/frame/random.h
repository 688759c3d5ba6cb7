/* Random records of any kind, from a seed. */
#pragma once
#include "frame/field.h"

static inline const char *random_text(GRand *r, struct arena *a, bool hex)
{
    static const char plain[] = "ab0123/.-_ \n\"\\\xc3\xa4\xff";
    static const char digits[] = "0123456789abcdef";
    if (g_rand_int_range(r, 0, 4) == 0)
        return NULL;
    size_t len = (size_t)g_rand_int_range(r, 0, 24);
    char *s = arena_alloc(a, len + 1);
    for (size_t i = 0; i < len; i++)
        s[i] = hex ? digits[g_rand_int_range(r, 0, 16)] : plain[g_rand_int_range(r, 0, 18)];
    if (hex && len > 0 && g_rand_int_range(r, 0, 8) == 0)
        s[0] = 'X'; /* not hex after all: must survive all the same */
    return s;
}

static inline uint64_t random_number(GRand *r)
{
    uint64_t n = (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    return n >> g_rand_int_range(r, 0, 64);
}

/* record: RECORD_SIZE_MAX bytes, aligned for any type. Strings are allocated in the arena. */
static inline void random_record(GRand *r, struct arena *a, enum frame_kind kind, void *record)
{
    memset(record, 0, frame_kinds[kind].size);
    for (size_t i = 0; i < frame_kinds[kind].field_count; i++) {
        const struct frame_field *f = &frame_kinds[kind].fields[i];
        const char **list = NULL;
        switch (f->type) {
        case FRAME_TYPE_STRING:
        case FRAME_TYPE_BYTES:
        case FRAME_TYPE_HEX:
            *FIELD_SET(record, f, const char *) = random_text(r, a, f->type == FRAME_TYPE_HEX);
            if (f->required && field_string(record, f) == NULL)
                *FIELD_SET(record, f, const char *) = "needed";
            break;
        case FRAME_TYPE_STRINGS:
            if (g_rand_boolean(r)) {
                int n = g_rand_int_range(r, 0, 4);
                list = arena_alloc(a, ((size_t)n + 1) * sizeof *list);
                for (int k = 0; k < n; k++) {
                    list[k] = random_text(r, a, false);
                    if (list[k] == NULL)
                        list[k] = "";
                }
            }
            *FIELD_SET(record, f, const char *const *) = list;
            break;
        case FRAME_TYPE_U64:
        case FRAME_TYPE_OCTAL:
            *FIELD_SET(record, f, uint64_t) = random_number(r);
            break;
        case FRAME_TYPE_TIME:
            *FIELD_SET(record, f, int64_t) = (int64_t)random_number(r);
            break;
        case FRAME_TYPE_BOOL:
            *FIELD_SET(record, f, bool) = g_rand_boolean(r);
            break;
        case FRAME_TYPE_STATE:
            *FIELD_SET(record, f, enum coverage_state) =
                (enum coverage_state)g_rand_int_range(r, 0, COVERAGE_STATE_COUNT);
            break;
        case FRAME_TYPE_COUNT:
        default:
            g_assert_not_reached();
        }
    }
}
