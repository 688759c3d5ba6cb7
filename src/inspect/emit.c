#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "block/block.h"
#include "inspect/channel.h"
#include "inspect/inspection.h"

#define FLUSH_AT       (64 * 1024)
#define PROGRESS_EVERY 100000 /* microseconds */

static void put_le(uint8_t *out, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

void emit_flush(struct emitter *e)
{
    const uint8_t *at = e->buffer->data;
    size_t left = e->buffer->len;
    while (left > 0) {
        ssize_t n = write(e->fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(EXIT_FAILURE); /* nobody reads any more */
        at += n;
        left -= (size_t)n;
    }
    g_byte_array_set_size(e->buffer, 0);
}

void emit_forget(struct emitter *e)
{
    g_byte_array_set_size(e->buffer, 0);
}

void emit_record(struct emitter *e, enum frame_kind kind, const void *record)
{
    g_autoptr(GError) error = NULL;
    if (!frame_wire_append(e->buffer, kind, record, &error)) {
        const struct frame_coverage lost = { .kind = frame_kinds[kind].name,
                                             .object = "record",
                                             .state = COVERAGE_PARTIAL,
                                             .reason = error->message,
                                             .code = assay_error_name(error->code) };
        (void)frame_wire_append(e->buffer, FRAME_COVERAGE, &lost, NULL);
    }
    if (e->buffer->len >= FLUSH_AT)
        emit_flush(e);
}

void emit_message(struct emitter *e, unsigned kind, const void *bytes, size_t len)
{
    uint8_t header[5] = { (uint8_t)kind };
    put_le(header + 1, len, 4);
    g_byte_array_append(e->buffer, header, sizeof header);
    g_byte_array_append(e->buffer, bytes, (guint)len);
    if (e->buffer->len >= FLUSH_AT)
        emit_flush(e);
}

void emit_progress(struct emitter *e, const char *phase, uint64_t files)
{
    static gint64 last;
    gint64 now = g_get_monotonic_time();
    uint8_t message[80];
    if (now - last < PROGRESS_EVERY)
        return;
    last = now;
    size_t len = MIN(strlen(phase), sizeof message - 16);
    put_le(message, block_bytes_read(), 8);
    put_le(message + 8, files, 8);
    memcpy(message + 16, phase, len);
    emit_message(e, CHANNEL_PROGRESS, message, 16 + len);
    emit_flush(e);
}

void inspection_emit(struct inspection *in, enum frame_kind kind, const void *record)
{
    in->has_packages = in->has_packages || kind == FRAME_PACKAGE;
    emit_record(in->emitter, kind, record);
}

void inspection_cover(struct inspection *in, const char *kind, const char *object,
                      enum coverage_state state, const char *code, const char *reason)
{
    const struct frame_coverage c = { .kind = kind,
                                      .object = object,
                                      .state = state,
                                      .code = code,
                                      .reason = reason,
                                      .system = in->root->name };
    if (g_str_equal(kind, "package database")) {
        in->has_database = true;
        in->has_database_fault = in->has_database_fault || state != COVERAGE_READ;
    }
    emit_record(in->emitter, FRAME_COVERAGE, &c);
}

void inspection_cover_error(struct inspection *in, const char *kind, const char *object,
                            bool partial, GError *error)
{
    inspection_cover(in, kind, object, partial ? COVERAGE_PARTIAL : COVERAGE_UNREADABLE,
                     assay_error_name(error->code), error->message);
    g_error_free(error);
}
