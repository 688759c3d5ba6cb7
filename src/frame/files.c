#include "frame/files.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/varint.h"
#include "frame/wire.h"

#define SEGMENT_SIZE (1u << 20)

/* Within a segment each record is: length of the path's beginning shared with the record before,
 * then the wire form of the record with the rest of the path. Every segment starts afresh. */
struct segment {
    size_t size, used;
    uint8_t data[];
};

struct frame_files {
    GPtrArray *segments;
    uint64_t count, memory;
    bool unsorted;
    GString *last;       /* path of the last record added */
    GByteArray *scratch; /* one encoded record */
};

struct frame_files *frame_files_new(void)
{
    struct frame_files *files = g_new0(struct frame_files, 1);
    files->segments = g_ptr_array_new_with_free_func(g_free);
    files->last = g_string_new(NULL);
    files->scratch = g_byte_array_new();
    return files;
}

void frame_files_free(struct frame_files *files)
{
    if (files == NULL)
        return;
    g_ptr_array_free(files->segments, TRUE);
    g_string_free(files->last, TRUE);
    g_byte_array_free(files->scratch, TRUE);
    g_free(files);
}

uint64_t frame_files_memory(const struct frame_files *files)
{
    return files == NULL ? 0 : files->memory;
}

uint64_t frame_files_count(const struct frame_files *files)
{
    return files == NULL ? 0 : files->count;
}

static size_t shared_length(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] != '\0' && a[n] == b[n])
        n++;
    return n;
}

static void encode(GByteArray *out, const struct frame_file *file, size_t shared)
{
    struct frame_file rest = *file;
    rest.path += shared;
    g_byte_array_set_size(out, 0);
    varint_append(out, shared);
    wire_put_fields(out, FRAME_FILE, &rest);
}

static struct segment *segment_add(struct frame_files *files, size_t need, uint64_t max)
{
    size_t size = MAX(need, (size_t)SEGMENT_SIZE);
    if (size > max || files->memory > max - size)
        return NULL;
    struct segment *s = g_try_malloc(sizeof *s + size);
    if (s == NULL)
        return NULL;
    s->size = size;
    s->used = 0;
    files->memory += size;
    g_ptr_array_add(files->segments, s);
    return s;
}

bool frame_files_add(struct frame_files *files, const struct frame_file *file, uint64_t max,
                     GError **error)
{
    GPtrArray *segments = files->segments;
    struct segment *s = segments->len > 0 ? g_ptr_array_index(segments, segments->len - 1) : NULL;
    encode(files->scratch, file, shared_length(files->last->str, file->path));
    if (s == NULL || s->size - s->used < files->scratch->len) {
        encode(files->scratch, file, 0);
        if (files->scratch->len > LIMIT_FRAME_RECORD)
            return fail_limit(error, "%.200s: record of %u bytes", file->path, files->scratch->len);
        s = segment_add(files, files->scratch->len, max);
        if (s == NULL)
            return fail_limit(error, "%.200s: no memory left for more files", file->path);
    }
    memcpy(s->data + s->used, files->scratch->data, files->scratch->len);
    s->used += files->scratch->len;
    files->unsorted |= frame_path_compare(files->last->str, file->path) > 0;
    g_string_assign(files->last, file->path);
    files->count++;
    return true;
}

void files_walk_init(struct files_walk *w, const struct frame_files *files)
{
    *w = (struct files_walk){ .files = files };
    /* One record, its path twice, each string rounded up: far below this. */
    w->arena = arena_new(8 * LIMIT_FRAME_RECORD);
    w->path = g_string_new(NULL);
}

void files_walk_done(struct files_walk *w)
{
    arena_free(w->arena);
    g_string_free(w->path, TRUE);
}

bool files_walk_next(struct files_walk *w, struct frame_file *file, bool *more, GError **error)
{
    uint64_t shared;
    *more = false;
    while (cursor_left(&w->cursor) == 0) {
        if (w->files == NULL || w->segment >= w->files->segments->len)
            return true;
        const struct segment *s = g_ptr_array_index(w->files->segments, w->segment++);
        w->cursor = cursor_of(s->data, s->used);
        g_string_truncate(w->path, 0);
    }
    arena_clear(w->arena);
    if (!varint_read(&w->cursor, &shared) || shared > w->path->len)
        return fail_corrupt(error, "list of files: bad path at byte %zu of segment %zu",
                            w->cursor.pos, w->segment - 1);
    if (!wire_get_fields(FRAME_FILE, &w->cursor, w->arena, file, error))
        return false;
    g_string_truncate(w->path, (gsize)shared);
    g_string_append(w->path, file->path);
    file->path = w->path->str;
    *more = true;
    return true;
}

bool frame_files_each(const struct frame_files *files, frame_file_func func, void *user,
                      GError **error)
{
    struct files_walk w;
    struct frame_file file;
    bool more, ok;
    files_walk_init(&w, files);
    do {
        ok = files_walk_next(&w, &file, &more, error);
    } while (ok && more && func(&file, user));
    files_walk_done(&w);
    return ok;
}

/* --- sorting ------------------------------------------------------------------------------------
 */

/* Where one record lies in the old store. Its path is rebuilt from the one before it, so paths are
 * kept beside. */
struct place {
    char *path;
    size_t segment, pos;
    size_t index; /* keeps equal paths in their order */
};

static gint compare_places(gconstpointer a, gconstpointer b)
{
    const struct place *x = a, *y = b;
    int order = frame_path_compare(x->path, y->path);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static bool place_read(const struct frame_files *files, const struct place *p, struct arena *a,
                       struct frame_file *file)
{
    const struct segment *s = g_ptr_array_index(files->segments, p->segment);
    struct cursor c = cursor_of(s->data, s->used);
    uint64_t shared;
    arena_clear(a);
    if (!cursor_seek(&c, p->pos) || !varint_read(&c, &shared) ||
        !wire_get_fields(FRAME_FILE, &c, a, file, NULL))
        return false;
    file->path = p->path;
    return true;
}

static GArray *places_of(const struct frame_files *files, GStringChunk *paths)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(struct place));
    struct files_walk w;
    struct frame_file file;
    bool more;
    files_walk_init(&w, files);
    for (;;) {
        size_t pos = w.cursor.pos, segment = w.segment;
        bool fresh = cursor_left(&w.cursor) == 0;
        if (!files_walk_next(&w, &file, &more, NULL) || !more)
            break;
        struct place p = { .path = g_string_chunk_insert(paths, file.path),
                           .segment = (fresh ? w.segment : segment) - 1,
                           .pos = fresh ? 0 : pos,
                           .index = places->len };
        g_array_append_val(places, p);
    }
    files_walk_done(&w);
    return places;
}

void frame_files_sort(struct frame_files *files)
{
    if (files == NULL || !files->unsorted)
        return;
    GStringChunk *paths = g_string_chunk_new(1 << 16);
    GArray *places = places_of(files, paths);
    struct frame_files *sorted = frame_files_new();
    struct arena *a = arena_new(8 * LIMIT_FRAME_RECORD);
    struct frame_file file;
    bool ok = places->len == files->count;
    g_array_sort(places, compare_places);
    for (guint i = 0; i < places->len && ok; i++)
        ok = place_read(files, &g_array_index(places, struct place, i), a, &file) &&
             frame_files_add(sorted, &file, UINT64_MAX, NULL);
    arena_free(a);
    g_array_free(places, TRUE);
    g_string_chunk_free(paths);
    if (ok) {
        struct frame_files old = *files;
        *files = *sorted;
        *sorted = old;
    }
    frame_files_free(sorted);
}
