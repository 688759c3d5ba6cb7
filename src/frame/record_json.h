/* Records as JSON objects, through the field tables. */
#pragma once
#include <jansson.h>

#include "base/json_writer.h"
#include "frame/frame.h"

/* One record on one line. key: NULL inside an array. Absent values are left out; text that is not
 * UTF-8 has U+FFFD in it, and for BYTES a member "<name>_base64" with the bytes themselves. */
void record_write(struct json_writer *w, const char *key, enum frame_kind kind, const void *record);
/* The same without the braces, to add members to an object of the caller's. */
void record_write_members(struct json_writer *w, enum frame_kind kind, const void *record);
/* One member. */
void field_write(struct json_writer *w, const struct frame_field *f, const void *record);

/* Reads an object into a struct of frame_kinds[kind].size; strings are allocated in the arena.
 * Unknown members are passed over. */
bool record_read(const json_t *object, enum frame_kind kind, struct arena *a, void *record,
                 GError **error);
