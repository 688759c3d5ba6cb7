#include "frame/bom.h"

#include <string.h>

#include "base/text.h"
#include "frame/wire.h"

/* The namespace of our name-based UUIDs: a random one, fixed for ever. */
static const guint8 uuid_namespace[16] = { 0x9a, 0x5c, 0x6e, 0x1f, 0x34, 0xd2, 0x4b, 0x0e,
                                           0xa7, 0x41, 0x0c, 0x52, 0xe8, 0x63, 0x1d, 0x97 };

static void hash_string(GChecksum *sum, const char *s)
{
    /* The NUL too, so that "ab","c" and "a","bc" differ. */
    g_checksum_update(sum, (const guchar *)(s != NULL ? s : ""),
                      (gssize)strlen(s != NULL ? s : "") + 1);
}

static void hash_record(GChecksum *sum, enum frame_kind kind, const void *record)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    wire_put_fields(bytes, kind, record);
    g_checksum_update(sum, bytes->data, (gssize)bytes->len);
}

static void hash_records(GChecksum *sum, enum frame_kind kind, const GPtrArray *list)
{
    g_autofree char *count = g_strdup_printf("%u records of %s", list->len, frame_kinds[kind].name);
    hash_string(sum, count);
    for (guint i = 0; i < list->len; i++)
        hash_record(sum, kind, g_ptr_array_index(list, i));
}

static bool hash_file(const struct frame_file *file, void *user)
{
    hash_record(user, FRAME_FILE, file);
    return true;
}

static bool hash_target(GChecksum *sum, const struct bom_target *t, GError **error)
{
    const struct frame *f = t->frame;
    hash_string(sum, f->target);
    hash_string(sum, f->version);
    g_autofree char *created = text_time(f->created);
    hash_string(sum, created);
    hash_records(sum, FRAME_VOLUME, f->volumes);
    hash_records(sum, FRAME_COVERAGE, t->coverage);
    for (guint i = 0; i < f->systems->len; i++) {
        const struct frame_system *s = g_ptr_array_index(f->systems, i);
        hash_record(sum, FRAME_OS, s->os);
        for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
            if (s->records[k] != NULL)
                hash_records(sum, (enum frame_kind)k, s->records[k]);
        }
        if (s->files != NULL && !frame_files_each(s->files, hash_file, sum, error))
            return false;
    }
    return true;
}

char *bom_uuid(const struct bom *b, const char *form, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 id[20];
    gsize len = sizeof id;
    g_checksum_update(sum, uuid_namespace, sizeof uuid_namespace);
    hash_string(sum, form);
    hash_string(sum, b->salt);
    for (size_t i = 0; i < b->target_count; i++) {
        if (!hash_target(sum, &b->targets[i], error))
            return NULL;
    }
    g_checksum_get_digest(sum, id, &len);
    id[6] = (guint8)((id[6] & 0x0f) | 0x50); /* version 5 */
    id[8] = (guint8)((id[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9],
                           id[10], id[11], id[12], id[13], id[14], id[15]);
}

char *bom_coverage_text(const struct frame_coverage *c)
{
    GString *text = g_string_new(coverage_state_name(c->state));
    g_string_append_printf(text, " %s %s", c->kind, c->object);
    if (c->system != NULL)
        g_string_append_printf(text, " of %s", c->system);
    if (c->reason != NULL)
        g_string_append_printf(text, ": %s", c->reason);
    return g_string_free(text, FALSE);
}

bool bom_incomplete(const struct bom_target *t)
{
    for (guint i = 0; i < t->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(t->coverage, i);
        if (c->state == COVERAGE_PARTIAL || c->state == COVERAGE_UNREADABLE)
            return true;
    }
    return false;
}
