#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/text.h"
#include "frame/files.h"
#include "frame/formats.h"
#include "frame/forms.h"
#include "frame/record_json.h"

/* --- writing ------------------------------------------------------------------------------------
 */

static void write_list(struct json_writer *w, enum frame_kind kind, const GPtrArray *list)
{
    jw_array_begin(w, frame_kinds[kind].name);
    for (guint i = 0; i < list->len; i++)
        record_write(w, NULL, kind, g_ptr_array_index(list, i));
    jw_array_end(w);
}

static bool write_file(const struct frame_file *file, void *user)
{
    struct json_writer *w = user;
    record_write(w, NULL, FRAME_FILE, file);
    return !w->failed;
}

static bool write_system(struct json_writer *w, const struct frame_system *s, GError **error)
{
    bool ok = true;
    jw_object_begin(w, NULL);
    record_write(w, frame_kinds[FRAME_OS].name, FRAME_OS, s->os);
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
        if (s->records[k] != NULL)
            write_list(w, (enum frame_kind)k, s->records[k]);
    }
    if (s->files != NULL) {
        jw_array_begin(w, frame_kinds[FRAME_FILE].name);
        ok = frame_files_each(s->files, write_file, w, error);
        jw_array_end(w);
    }
    jw_object_end(w);
    return ok;
}

bool frame_write_members(struct json_writer *w, const struct frame *f, GError **error)
{
    g_autofree char *created = text_time(f->created);
    bool ok = true;
    jw_string(w, "assay", f->version);
    jw_string(w, "target", f->target);
    jw_string(w, "created", created);
    jw_string(w, "state", coverage_state_name(frame_coverage_worst(f)));
    write_list(w, FRAME_COVERAGE, f->coverage);
    write_list(w, FRAME_VOLUME, f->volumes);
    jw_array_begin(w, "systems");
    for (guint i = 0; i < f->systems->len && ok; i++)
        ok = write_system(w, g_ptr_array_index(f->systems, i), error);
    jw_array_end(w);
    return ok;
}

static bool json_write(const struct frame *f, FILE *out, GError **error)
{
    struct json_writer w;
    jw_init(&w, out, false);
    jw_object_begin(&w, NULL);
    jw_string(&w, "schema", FRAME_SCHEMA);
    bool ok = frame_write_members(&w, f, error);
    jw_object_end(&w);
    return jw_finish(&w, ok ? error : NULL) && ok;
}

const struct frame_format frame_format_json = {
    .name = "json",
    .description = "assay's own form with every fact (docs/frame.schema.json)",
    .media_type = "application/json",
    .write = json_write,
};

/* --- reading ------------------------------------------------------------------------------------
 */

struct reader {
    struct frame *frame;
    struct arena *scratch; /* of one record */
    bool seen_schema, with_files;
    bool pass_files; /* their records are passed over */
    union {
        max_align_t align;
        struct frame_volume volume;
        struct frame_coverage coverage;
        struct frame_os os;
        struct frame_mount mount;
        struct frame_kernel kernel;
        struct frame_package package;
        struct frame_user user;
        struct frame_group group;
        struct frame_file file;
    } record;
};

static json_t *parse_part(const struct json_part *part, GError **error)
{
    json_error_t e;
    if (part->len > LIMIT_FRAME_JSON_RECORD) {
        (void)fail_limit(error, "a record of %zu bytes", part->len);
        return NULL;
    }
    json_t *value = json_loadb(part->text, part->len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);
    if (value == NULL)
        (void)fail_corrupt(error, "JSON: %s", e.text);
    return value;
}

static bool read_record(struct reader *r, enum frame_kind kind, const struct json_part *part,
                        GError **error)
{
    json_t *object = parse_part(part, error);
    arena_clear(r->scratch);
    bool ok = object != NULL && record_read(object, kind, r->scratch, &r->record, error) &&
              frame_add(r->frame, kind, &r->record, error);
    json_decref(object);
    return ok;
}

typedef bool (*part_func)(struct reader *r, enum frame_kind kind, const struct json_part *part,
                          GError **error);

static bool read_array(struct reader *r, enum frame_kind kind, const struct json_part *array,
                       part_func func, GError **error)
{
    struct json_scan s = json_scan_part(array);
    struct json_part part;
    bool more, ok = json_scan_open(&s, '[', error);
    for (guint64 i = 0; ok; i++) {
        ok = json_scan_next(&s, &more, error);
        if (!ok || !more)
            break;
        ok = json_scan_value(&s, &part, error) && func(r, kind, &part, error);
        if (!ok)
            g_prefix_error(error, "element %" G_GUINT64_FORMAT ": ", i);
    }
    return ok;
}

typedef bool (*member_func)(struct reader *r, const char *key, const struct json_part *part,
                            GError **error);

/* Calls func for each member of an object. */
static bool read_members(struct reader *r, struct json_scan *s, member_func func, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct json_part part;
    bool more;
    if (!json_scan_open(s, '{', error))
        return false;
    while (json_scan_next(s, &more, error)) {
        if (!more)
            return true;
        char *key = json_scan_key(s, error);
        if (key == NULL)
            return false;
        if (!g_hash_table_add(seen, key))
            return fail_corrupt(error, "JSON: member twice before byte %zu", s->pos);
        if (!json_scan_value(s, &part, error))
            return false;
        if (!func(r, key, &part, error)) {
            g_prefix_error(error, "%s: ", key);
            return false;
        }
    }
    return false;
}

static bool read_os(struct reader *r, const char *key, const struct json_part *part, GError **error)
{
    return !g_str_equal(key, frame_kinds[FRAME_OS].name) || read_record(r, FRAME_OS, part, error);
}

static bool read_lists(struct reader *r, const char *key, const struct json_part *part,
                       GError **error)
{
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
        if (!frame_kinds[k].of_system || k == FRAME_OS || !g_str_equal(key, frame_kinds[k].name))
            continue;
        const GPtrArray *systems = r->frame->systems;
        struct frame_system *s = g_ptr_array_index(systems, systems->len - 1);
        if (k == FRAME_FILE && r->pass_files)
            return true;
        if (k == FRAME_FILE && s->files == NULL) {
            r->with_files = true; /* of the frame only at the end: it makes lists of its own */
            s->files = frame_files_new();
        }
        return read_array(r, (enum frame_kind)k, part, read_record, error);
    }
    return true;
}

/* The operating system comes first whatever the order of the members. */
static bool read_system(struct reader *r, enum frame_kind kind, const struct json_part *part,
                        GError **error)
{
    struct json_scan s = json_scan_part(part);
    guint before = r->frame->systems->len;
    if (!read_members(r, &s, read_os, error))
        return false;
    if (r->frame->systems->len == before)
        return fail_corrupt(error, "a system without \"os\"");
    s = json_scan_part(part);
    return read_members(r, &s, read_lists, error);
}

static bool read_string(const struct json_part *part, char **out, GError **error)
{
    json_t *value = parse_part(part, error);
    if (value == NULL)
        return false;
    *out = g_strdup(json_string_value(value));
    json_decref(value);
    return *out != NULL || fail_corrupt(error, "not a string");
}

static bool read_head(struct reader *r, const char *key, const struct json_part *part,
                      GError **error)
{
    struct frame *f = r->frame;
    g_autofree char *text = NULL;
    if (!read_string(part, &text, error))
        return false;
    if (g_str_equal(key, "schema")) {
        r->seen_schema = true;
        if (!g_str_equal(text, FRAME_SCHEMA))
            return fail_unsupported(error, "\"%.64s\" is not \"%s\"", text, FRAME_SCHEMA);
    } else if (g_str_equal(key, "created")) {
        if (!text_parse_time(text, &f->created))
            return fail_corrupt(error, "\"%.64s\" is not a time", text);
    } else {
        const char **place = g_str_equal(key, "target") ? &f->target : &f->version;
        g_free((char *)*place);
        *place = g_steal_pointer(&text);
    }
    return true;
}

static bool read_top(struct reader *r, const char *key, const struct json_part *part,
                     GError **error)
{
    static const char *const head[] = { "schema", "created", "target", "assay", NULL };
    if (g_strv_contains(head, key))
        return read_head(r, key, part, error);
    if (g_str_equal(key, frame_kinds[FRAME_VOLUME].name))
        return read_array(r, FRAME_VOLUME, part, read_record, error);
    if (g_str_equal(key, frame_kinds[FRAME_COVERAGE].name))
        return read_array(r, FRAME_COVERAGE, part, read_record, error);
    if (g_str_equal(key, "systems"))
        return read_array(r, FRAME_OS, part, read_system, error);
    return true;
}

static struct frame *read_frame(const char *name, const void *bytes, size_t len, bool pass_files,
                                GError **error)
{
    struct reader r = { .frame = frame_new(name),
                        .scratch = arena_new(4 * LIMIT_FRAME_JSON_RECORD),
                        .pass_files = pass_files };
    struct json_scan s = json_scan_of(bytes, len);
    bool ok = read_members(&r, &s, read_top, error) && json_scan_end(&s, error);
    if (ok && !r.seen_schema)
        ok = fail_corrupt(error, "not a frame: no \"schema\"");
    arena_free(r.scratch);
    if (ok) {
        r.frame->with_files = r.with_files;
        frame_finish(r.frame);
        return r.frame;
    }
    g_prefix_error(error, "%s: ", name);
    frame_free(r.frame);
    return NULL;
}

struct frame *frame_read_json(const char *name, const void *bytes, size_t len, GError **error)
{
    return read_frame(name, bytes, len, false, error);
}

struct frame *frame_read_json_without_files(const char *name, const void *bytes, size_t len,
                                            GError **error)
{
    return read_frame(name, bytes, len, true, error);
}
