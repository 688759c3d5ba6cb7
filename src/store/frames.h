/* Frames that are kept: what was found on a node's or image's disks, one a introspection.
 *
 *     g_autoptr(kept_frame_body) body = kept_frame_pack(json, len, &error);  -- takes a while
 *     ... and in the transaction that ends the introspection:
 *     g_autofree char *id = kept_frame_add(db, &values, body, &error); */
#pragma once
#include "store/things.h"

struct kept_frame {
    char *id, *project; /* the id sorts by time of making */
    enum thing_kind kind;
    char *thing;         /* identifier of the node or image */
    char *introspection; /* identifier of the one that made it */
    int64_t created;     /* Unix microseconds */
    int64_t size;        /* bytes of its JSON form */
    char *sha256;        /* of that */
    char *locations;     /* JSON array: where the disks were */
    char *identities;    /* JSON array: what the disks' bytes were known by, in that order */
    char *reads;         /* JSON: which bytes of them were read */
};
typedef struct kept_frame kept_frame;
void kept_frame_free(struct kept_frame *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(kept_frame, kept_frame_free)

/* A frame's JSON form (frame/formats.h), compressed. */
struct kept_frame_body {
    GBytes *packed;
    int64_t size;
    char *sha256;
};
typedef struct kept_frame_body kept_frame_body;
struct kept_frame_body *kept_frame_pack(const char *json, size_t len, GError **error);
void kept_frame_body_free(struct kept_frame_body *b);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(kept_frame_body, kept_frame_body_free)

struct kept_frame_values {
    enum thing_kind kind;
    const struct thing *thing;
    const char *introspection, *locations, *identities, *reads; /* reads NULL: not known */
};
/* Returns the identifier; g_free(). */
char *kept_frame_add(struct sql *db, const struct kept_frame_values *values,
                     const struct kept_frame_body *body, GError **error);
/* Of a thing, all but the newest `keep`. */
bool kept_frame_trim(struct sql *db, const char *thing, int64_t keep, GError **error);
enum { KEPT_FRAMES_USUAL = 10 };

/* By identifier; NULL with ASSAY_ERROR_NOT_FOUND, also when the caller may not see it. */
struct kept_frame *kept_frame_find(struct sql *db, const struct caller *caller, const char *id,
                                   GError **error);
/* The last one of a thing (identifier); NULL with ASSAY_ERROR_NOT_FOUND when there is none. */
struct kept_frame *kept_frame_newest(struct sql *db, const struct caller *caller, const char *thing,
                                     GError **error);
/* Newest first (page->after: the last identifier of the page before): of a thing, else of a
 * project, else (NULL) all. */
GPtrArray *kept_frame_list(struct sql *db, const struct caller *caller, const char *project,
                           const char *thing, const struct store_page *page, GError **error);
/* Its JSON form, as it was packed. */
GBytes *kept_frame_read(struct sql *db, const struct kept_frame *f, GError **error);
