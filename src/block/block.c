#include "block/block.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "block/formats.h"

void *block_alloc(size_t struct_size, const struct block_driver *drv, const char *name,
                  uint64_t size)
{
    g_assert(struct_size >= sizeof(struct block));
    struct block *b = g_malloc0(struct_size);
    b->drv = drv;
    b->name = g_strdup(name);
    b->size = size;
    b->sector_size = 512;
    b->refs = 1;
    return b;
}

static void note_free(void *data)
{
    struct block_note *note = data;
    g_free(note->text);
    g_free(note);
}

static void note_add(struct block *b, bool doubtful, char *text)
{
    struct block_note *note = g_new0(struct block_note, 1);
    if (b->notes == NULL)
        b->notes = g_ptr_array_new_with_free_func(note_free);
    note->doubtful = doubtful;
    note->text = text;
    g_ptr_array_add(b->notes, note);
}

void block_note(struct block *b, bool doubtful, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note_add(b, doubtful, g_strdup_vprintf(format, args));
    va_end(args);
}

void block_note_all(struct block *b, const struct block *from)
{
    for (guint i = 0; from->notes != NULL && i < from->notes->len; i++) {
        const struct block_note *note = g_ptr_array_index(from->notes, i);
        note_add(b, note->doubtful, g_strdup(note->text));
    }
}

struct block *block_ref(struct block *b)
{
    g_atomic_int_inc(&b->refs);
    return b;
}

void block_unref(struct block *b)
{
    if (b == NULL || !g_atomic_int_dec_and_test(&b->refs))
        return;
    if (b->drv->close != NULL)
        b->drv->close(b);
    if (b->notes != NULL)
        g_ptr_array_unref(b->notes);
    g_free(b->name);
    g_free(b);
}

bool block_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    if (!range_within(off, len, b->size))
        return fail_corrupt(error,
                            "%s: read of %zu bytes at %" G_GUINT64_FORMAT
                            " reaches past the end (%" G_GUINT64_FORMAT " bytes)",
                            b->name, len, off, b->size);
    return len == 0 || b->drv->read(b, off, buf, len, error);
}

bool block_read_some(struct block *b, uint64_t off, void *buf, size_t len, size_t *got,
                     GError **error)
{
    size_t n = off < b->size ? (size_t)min_u64(len, b->size - off) : 0;
    if (!block_read(b, MIN(off, b->size), buf, n, error))
        return false;
    *got = n;
    return true;
}

bool block_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    g_assert(off < b->size);
    if (b->drv->extent_at != NULL)
        return b->drv->extent_at(b, off, out, error);
    *out = (struct block_extent){ .len = b->size - off, .zero = false };
    return true;
}

void block_interrupt(struct block *b)
{
    if (b->drv->interrupt != NULL)
        b->drv->interrupt(b);
}

const struct block_format *const block_formats[] = {
    &qcow2_format, &luks_format, &parallels_format, &qed_format, &vdi_format,
    &vhd_format,   &vhdx_format, &vmdk_format,      NULL,
};

static const struct block_format *format_by_name(const char *name)
{
    for (const struct block_format *const *f = block_formats; *f != NULL; f++) {
        if (g_str_equal((*f)->name, name))
            return *f;
    }
    return NULL;
}

struct block *block_image_open(struct block *file, const struct block_image_options *options,
                               GError **error)
{
    static const struct block_image_options defaults = { 0 };
    const struct block_format *format = NULL;
    if (options == NULL)
        options = &defaults;
    if (options->depth >= LIMIT_BACKING_DEPTH) {
        fail_limit(error, "%s: backing chain is deeper than %d images", file->name,
                   LIMIT_BACKING_DEPTH);
        return NULL;
    }
    if (options->format == NULL) {
        uint8_t head[1024];
        size_t len;
        if (!block_read_some(file, 0, head, sizeof head, &len, error))
            return NULL;
        for (const struct block_format *const *f = block_formats; format == NULL && *f; f++)
            format = (*f)->probe(head, len) ? *f : NULL;
    } else if (!g_str_equal(options->format, "raw")) {
        format = format_by_name(options->format);
        if (format == NULL) {
            /* The user named the first image's, the image that refers to them the others'. */
            g_autofree char *shown = text_safe(options->format);
            (void)fail(error, options->depth == 0 ? ASSAY_ERROR_INVALID : ASSAY_ERROR_UNSUPPORTED,
                       "%s: unknown image format '%s'", file->name, shown);
            return NULL;
        }
    }
    if (format != NULL && format->open == NULL) {
        fail_unsupported(error, "%s: is a %s, which is not read yet", file->name,
                         format->description);
        return NULL;
    }
    if (format != NULL)
        return format->open(file, options, error);
    if (options->snapshot != NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: a raw image has no snapshot '%s'", file->name,
                   options->snapshot);
        return NULL;
    }
    return block_ref(file);
}
