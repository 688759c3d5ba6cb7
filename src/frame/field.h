/* Access to the members of a record through its field table. */
#pragma once
#include "frame/frame.h"

static inline const void *field_at(const void *record, const struct frame_field *f)
{
    return (const char *)record + f->offset;
}

static inline const char *field_string(const void *record, const struct frame_field *f)
{
    return *(const char *const *)field_at(record, f);
}

static inline const char *const *field_strings(const void *record, const struct frame_field *f)
{
    return *(const char *const *const *)field_at(record, f);
}

static inline uint64_t field_u64(const void *record, const struct frame_field *f)
{
    return *(const uint64_t *)field_at(record, f);
}

static inline int64_t field_time(const void *record, const struct frame_field *f)
{
    return *(const int64_t *)field_at(record, f);
}

static inline bool field_bool(const void *record, const struct frame_field *f)
{
    return *(const bool *)field_at(record, f);
}

static inline enum coverage_state field_state(const void *record, const struct frame_field *f)
{
    return *(const enum coverage_state *)field_at(record, f);
}

/* The member as a pointer to assign through: *FIELD_SET(record, f, uint64_t) = 1. */
#define FIELD_SET(record, f, type) ((type *)(void *)((char *)(record) + (f)->offset))

/* STRING, BYTES and HEX: one const char *. */
static inline bool field_is_string(const struct frame_field *f)
{
    return f->type == FRAME_TYPE_STRING || f->type == FRAME_TYPE_BYTES || f->type == FRAME_TYPE_HEX;
}

/* Name of the first required member that is NULL; NULL when all are there. */
const char *record_missing(enum frame_kind kind, const void *record);

/* Order of two members with one field description; the unit of frame_record_compare(). */
int field_compare(const struct frame_field *f, const void *a, const void *b);

enum { RECORD_SIZE_MAX = 512 }; /* no record's struct is larger */
