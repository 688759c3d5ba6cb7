/* Internal snapshots: entries of variable length, one after the other in the snapshot table. */
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "block/qcow2.h"

#define ENTRY_FIXED 40
/* Of the extra data (Snapshots): 8 bytes of VM state size, then the disk's size. */
#define EXTRA_WITH_DISK_SIZE 16
/* As many names as an error message or a note lists. */
#define NAMES_SHOWN 8

struct snapshot {
    uint64_t l1_offset;
    uint32_t l1_size;
    bool has_size;
    uint64_t size;
    char *id, *name;
};

static void snapshot_clear(struct snapshot *s)
{
    g_free(s->id);
    g_free(s->name);
    *s = (struct snapshot){ 0 };
}

/* Walks the table. */
struct walk {
    struct block *file;
    uint64_t at, start;
    uint32_t left;
};

static struct walk walk_begin(struct block *file, const struct qcow2_header *h)
{
    return (struct walk){ .file = file,
                          .at = h->snapshots_offset,
                          .start = h->snapshots_offset,
                          .left = h->snapshot_count };
}

static bool walk_read(struct walk *w, size_t len, uint8_t **bytes, GError **error)
{
    *bytes = g_malloc(len + 1);
    if (!block_read(w->file, w->at, *bytes, len, error)) {
        g_clear_pointer(bytes, g_free);
        g_prefix_error(error, "%s: snapshot table: ", w->file->name);
        return false;
    }
    w->at += len;
    return true;
}

/* The next entry; the caller has seen that w->left > 0. */
static bool walk_next(struct walk *w, struct snapshot *s, GError **error)
{
    uint8_t fixed[ENTRY_FIXED];
    uint16_t id_len = 0, name_len = 0;
    uint32_t extra = 0;
    if (!block_read(w->file, w->at, fixed, sizeof fixed, error)) {
        g_prefix_error(error, "%s: snapshot table: ", w->file->name);
        return false;
    }
    struct cursor c = cursor_of(fixed, sizeof fixed);
    *s = (struct snapshot){ 0 };
    (void)(rd_be64(&c, &s->l1_offset) && rd_be32(&c, &s->l1_size) && rd_be16(&c, &id_len) &&
           rd_be16(&c, &name_len) && cursor_skip(&c, 4 + 4 + 8 + 4) && rd_be32(&c, &extra));
    uint64_t len = (uint64_t)extra + id_len + name_len;
    if (extra > LIMIT_SNAPSHOT_EXTRA || w->at - w->start + ENTRY_FIXED + len > LIMIT_SNAPSHOT_TABLE)
        return fail_limit(error, "%s: the snapshot table entry at %" G_GUINT64_FORMAT " is too big",
                          w->file->name, w->at);
    g_autofree uint8_t *bytes = NULL;
    w->at += ENTRY_FIXED;
    if (!walk_read(w, (size_t)len, &bytes, error))
        return false;
    w->at += (8 - (w->at - w->start) % 8) % 8;
    w->left--;
    c = cursor_of(bytes, (size_t)len);
    s->has_size = extra >= EXTRA_WITH_DISK_SIZE && rd_be64_at(&c, 8, &s->size);
    s->id = g_strndup((const char *)bytes + extra, id_len);
    s->name = g_strndup((const char *)bytes + extra + id_len, name_len);
    return true;
}

static void append_name(GString *names, const struct snapshot *s, unsigned index)
{
    if (index > NAMES_SHOWN)
        return;
    g_string_append(names, index > 0 ? ", " : "");
    if (index == NAMES_SHOWN)
        g_string_append(names, "...");
    else
        text_append_safe(names, s->name, strlen(s->name));
}

static bool check_count(struct block *file, const struct qcow2_header *h, GError **error)
{
    if (h->snapshot_count > LIMIT_SNAPSHOTS)
        return fail_limit(error, "%s: %u internal snapshots, more than %u", file->name,
                          h->snapshot_count, LIMIT_SNAPSHOTS);
    return true;
}

/* The snapshot of that id, else the first of that name; *names lists all for a message. */
static bool find(struct block *file, const struct qcow2_header *h, const char *wanted,
                 struct snapshot *found, GString *names, GError **error)
{
    bool by_name = false;
    struct walk w = walk_begin(file, h);
    if (!check_count(file, h, error))
        return false;
    for (unsigned i = 0; w.left > 0; i++) {
        struct snapshot s;
        if (!walk_next(&w, &s, error))
            return false;
        append_name(names, &s, i);
        bool by_id = g_str_equal(s.id, wanted);
        if (by_id || (!by_name && g_str_equal(s.name, wanted))) {
            snapshot_clear(found);
            *found = s;
            by_name = true;
        } else {
            snapshot_clear(&s);
        }
        if (by_id)
            return true;
    }
    if (by_name)
        return true;
    g_autofree char *shown = text_safe(wanted);
    return fail(error, ASSAY_ERROR_INVALID, "%s: no internal snapshot '%s' (there are: %s)",
                file->name, shown, names->len > 0 ? names->str : "none");
}

bool qcow2_snapshot_select(struct block *file, struct qcow2_header *h, const char *wanted,
                           GError **error)
{
    struct snapshot s = { 0 };
    g_autoptr(GString) names = g_string_new(NULL);
    bool ok = find(file, h, wanted, &s, names, error);
    if (ok && s.has_size && s.size > INT64_MAX)
        ok =
            fail_corrupt(error, "%s: snapshot '%s' has the impossible disk size %" G_GUINT64_FORMAT,
                         file->name, wanted, s.size);
    if (ok) {
        h->l1_offset = s.l1_offset;
        h->l1_size = s.l1_size;
        h->l1_may_be_short = !s.has_size;
        h->size = s.has_size ? s.size : h->size;
    }
    snapshot_clear(&s);
    return ok;
}

char *qcow2_snapshot_summary(struct block *file, const struct qcow2_header *h)
{
    struct walk w = walk_begin(file, h);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    if (h->snapshot_count == 0)
        return NULL;
    bool ok = check_count(file, h, &error);
    for (unsigned i = 0; ok && w.left > 0 && i <= NAMES_SHOWN; i++) {
        struct snapshot s;
        ok = walk_next(&w, &s, &error);
        if (ok) {
            append_name(names, &s, i);
            snapshot_clear(&s);
        }
    }
    g_string_printf(text, "%u internal snapshot%s (%s%s%s)", h->snapshot_count,
                    h->snapshot_count > 1 ? "s" : "", names->str,
                    names->len > 0 && error != NULL ? "; " : "",
                    error != NULL ? error->message : "");
    return g_string_free(g_steal_pointer(&text), FALSE);
}
