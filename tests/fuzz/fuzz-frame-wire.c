/* Records as a broken inspector might send them: u8 kind, then fields. What decodes must encode
 * and decode again to the same record, and survive being stored in a frame. */
#include <stdlib.h>

#include "frame/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union {
        max_align_t align;
        char bytes[RECORD_SIZE_MAX];
    } record, again;
    if (size == 0)
        return 0;
    g_autoptr(arena) a = arena_new(8 << 20), b = arena_new(8 << 20);
    enum frame_kind kind = (enum frame_kind)data[0];
    struct cursor c = cursor_of(data + 1, size - 1);
    if (!frame_wire_decode(kind, &c, a, &record, NULL))
        return 0;
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (!frame_wire_append(out, kind, &record, NULL))
        return 0;
    c = cursor_of(out->data + FRAME_WIRE_HEADER, out->len - FRAME_WIRE_HEADER);
    if (!frame_wire_decode(kind, &c, b, &again, NULL) ||
        frame_record_compare(kind, &record, &again) != 0)
        abort();
    g_autoptr(frame) f = frame_new("fuzz");
    (void)frame_add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" }, NULL);
    (void)frame_add(f, kind, &record, NULL);
    (void)frame_add(f, kind, &again, NULL);
    frame_finish(f);
    return 0;
}
