#include "store/frames.h"

#include <zstd.h>

#include "base/error.h"
#include "base/limits.h"

#define COLUMNS                                                                                    \
    "id, project, kind, thing, introspection, created, size, sha256, locations, identities, reads"
#define PACK_LEVEL 3

void kept_frame_free(struct kept_frame *f)
{
    if (f == NULL)
        return;
    g_free(f->id);
    g_free(f->project);
    g_free(f->thing);
    g_free(f->introspection);
    g_free(f->sha256);
    g_free(f->locations);
    g_free(f->identities);
    g_free(f->reads);
    g_free(f);
}

void kept_frame_body_free(struct kept_frame_body *b)
{
    if (b == NULL)
        return;
    g_bytes_unref(b->packed);
    g_free(b->sha256);
    g_free(b);
}

struct kept_frame_body *kept_frame_pack(const char *json, size_t len, GError **error)
{
    if (len > LIMIT_FRAME_JSON) {
        (void)fail_limit(error, "frame: %zu bytes are too many to keep", len);
        return NULL;
    }
    size_t room = ZSTD_compressBound(len);
    g_autofree uint8_t *packed = g_try_malloc(room);
    if (packed == NULL) {
        (void)fail_limit(error, "frame: no memory to pack %zu bytes", len);
        return NULL;
    }
    size_t used = ZSTD_compress(packed, room, json, len, PACK_LEVEL);
    if (ZSTD_isError(used)) {
        (void)fail(error, ASSAY_ERROR_IO, "frame: not packed: %s", ZSTD_getErrorName(used));
        return NULL;
    }
    struct kept_frame_body *b = g_new0(struct kept_frame_body, 1);
    b->packed = g_bytes_new(packed, used);
    b->size = (int64_t)len;
    b->sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)json, len);
    return b;
}

char *kept_frame_add(struct sql *db, const struct kept_frame_values *v,
                     const struct kept_frame_body *body, GError **error)
{
    g_autofree char *id = store_id_new();
    bool ok = sql_run(db, NULL, error,
                      "INSERT INTO frame (" COLUMNS ", body)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                      "sssssiissssb", id, v->thing->project, thing_kind_name(v->kind), v->thing->id,
                      v->introspection, store_now(), body->size, body->sha256, v->locations,
                      v->identities, v->reads != NULL ? v->reads : "[]", body->packed);
    return ok ? g_steal_pointer(&id) : NULL;
}

bool kept_frame_trim(struct sql *db, const char *thing, int64_t keep, GError **error)
{
    return sql_run(db, NULL, error,
                   "DELETE FROM frame WHERE thing = $1 AND id NOT IN"
                   " (SELECT id FROM frame WHERE thing = $1 ORDER BY id DESC LIMIT $2)",
                   "si", thing, MAX(keep, 1));
}

static struct kept_frame *read_frame(struct sql_rows *rows)
{
    struct kept_frame *f = g_new0(struct kept_frame, 1);
    f->id = g_strdup(sql_text(rows, 0));
    f->project = g_strdup(sql_text(rows, 1));
    f->kind =
        g_strcmp0(sql_text(rows, 2), thing_kind_name(THING_IMAGE)) == 0 ? THING_IMAGE : THING_NODE;
    f->thing = g_strdup(sql_text(rows, 3));
    f->introspection = g_strdup(sql_text(rows, 4));
    f->created = sql_int(rows, 5);
    f->size = sql_int(rows, 6);
    f->sha256 = g_strdup(sql_text(rows, 7));
    f->locations = g_strdup(sql_text(rows, 8));
    f->identities = g_strdup(sql_text(rows, 9));
    f->reads = g_strdup(sql_text(rows, 10));
    return f;
}

static struct kept_frame *only_frame(struct sql_rows *rows, GError **error)
{
    g_autoptr(GError) failure = NULL;
    struct kept_frame *found = NULL;
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        found = read_frame(rows);
    else if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such frame");
    sql_rows_free(rows);
    return found;
}

struct kept_frame *kept_frame_find(struct sql *db, const struct caller *caller, const char *id,
                                   GError **error)
{
    return only_frame(sql_query(db, error,
                                "SELECT " COLUMNS
                                " FROM frame WHERE " CALLER_SEES("project") " AND id = $3",
                                "sis", CALLER_VALUES(caller), id),
                      error);
}

struct kept_frame *kept_frame_newest(struct sql *db, const struct caller *caller, const char *thing,
                                     GError **error)
{
    return only_frame(sql_query(db, error,
                                "SELECT " COLUMNS " FROM frame WHERE " CALLER_SEES(
                                    "project") " AND thing = $3 ORDER BY id DESC LIMIT 1",
                                "sis", CALLER_VALUES(caller), thing),
                      error);
}

/* With a condition that an index serves: SQLite plans before it knows the parameters. */
#define LIST(condition)                                                                            \
    "SELECT " COLUMNS " FROM frame WHERE " condition                                               \
    " AND id < $4 AND " CALLER_SEES("project") " ORDER BY id DESC LIMIT $5"

GPtrArray *kept_frame_list(struct sql *db, const struct caller *caller, const char *project,
                           const char *thing, const struct store_page *page, GError **error)
{
    const char *statement = thing != NULL     ? LIST("thing = $3")
                            : project != NULL ? LIST("project = $3")
                                              : LIST("$3 = ''");
    const char *of = thing != NULL ? thing : project != NULL ? project : "";
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)kept_frame_free);
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(db, error, statement, "sissi", CALLER_VALUES(caller), of,
                                         store_page_before(page), page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(found, read_frame(rows));
    if (failure == NULL)
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

GBytes *kept_frame_read(struct sql *db, const struct kept_frame *f, GError **error)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT body FROM frame WHERE id = $1", "s", f->id);
    g_autoptr(GError) failure = NULL;
    if (rows == NULL)
        return NULL;
    if (!sql_rows_next(rows, &failure)) {
        if (failure != NULL)
            g_propagate_error(error, g_steal_pointer(&failure));
        else
            (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such frame");
        return NULL;
    }
    g_autoptr(GBytes) packed = sql_blob(rows, 0);
    gsize len = 0;
    const void *from = packed != NULL ? g_bytes_get_data(packed, &len) : NULL;
    g_autofree char *json = f->size >= 0 && f->size <= (int64_t)LIMIT_FRAME_JSON
                                ? g_try_malloc((size_t)f->size + 1)
                                : NULL;
    size_t got = json != NULL ? ZSTD_decompress(json, (size_t)f->size, from, len) : 0;
    if (json == NULL || ZSTD_isError(got) || got != (size_t)f->size) {
        (void)fail_corrupt(error, "frame %s: what the store holds is damaged", f->id);
        return NULL;
    }
    json[got] = '\0';
    return g_bytes_new_take(g_steal_pointer(&json), got);
}
