/* Fields of a record as bytes, without header: shared by the wire form and the store of files.
 *
 * Numbers are LEB128; signed ones zigzag first. A string is its length plus one (0: NULL), then its
 * bytes; HEX carries in the length's lowest bit whether it is packed; a list is its count plus one,
 * then its strings' lengths and bytes. */
#pragma once
#include "frame/frame.h"

void wire_put_fields(GByteArray *out, enum frame_kind kind, const void *record);
/* Leaves the cursor behind the last field. */
bool wire_get_fields(enum frame_kind kind, struct cursor *c, struct arena *a, void *record,
                     GError **error);
