/* The forms that formats.c lists, and what they share. */
#pragma once
#include "base/json_writer.h"
#include "frame/formats.h"

#define FRAME_SCHEMA "assay.frame/1"

extern const struct frame_format frame_format_csv;
extern const struct frame_format frame_format_cyclonedx;
extern const struct frame_format frame_format_json;
extern const struct frame_format frame_format_spdx;

/* The members of our JSON form except "schema", within an object that the caller has opened. */
bool frame_write_members(struct json_writer *w, const struct frame *f, GError **error);
