/* What a project has examined: nodes (machines, by their disks) and images. Both have a name that
 * is unique in the project, labels and a schedule; they differ in how they say where the bytes are.
 */
#pragma once
#include "store/caller.h"
#include "store/store.h"

enum thing_kind { THING_NODE, THING_IMAGE, THING_KIND_COUNT };

struct thing {
    char *id, *project, *name;
    char *where;  /* node: "disks", a JSON array of locations; image: "location" */
    char *kind;   /* node: "source" (own, hil, m2, openstack); image: file, rbd, registry, folder */
    char *labels; /* JSON object of texts */
    char *schedule; /* "" none; "6h"; or five fields as in crontab(5) */
    char *options;  /* JSON object: how it is examined (docs/service.md) */
    int64_t created, version;
};
typedef struct thing thing;
void thing_free(struct thing *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(thing, thing_free)

struct thing_values {
    const char *name, *where, *kind, *labels, *schedule; /* NULL: stays (change) */
    const char *options; /* NULL: stays (change), none (create) */
};
/* Returns the identifier; g_free(). All values but options are given. */
char *thing_create(struct sql *db, enum thing_kind kind, const char *project,
                   const struct thing_values *values, GError **error);
/* By identifier or name in a project; NULL with ASSAY_ERROR_NOT_FOUND, also when the caller may not
 * see it. */
struct thing *thing_find(struct sql *db, enum thing_kind kind, const struct caller *caller,
                         const char *project, const char *id_or_name, GError **error);
/* project NULL: of all projects that the caller sees. */
GPtrArray *thing_list(struct sql *db, enum thing_kind kind, const struct caller *caller,
                      const char *project, const struct store_page *page, GError **error);
/* version 0: any. */
bool thing_change(struct sql *db, enum thing_kind kind, const char *project, const char *id,
                  int64_t version, const struct thing_values *values, GError **error);
bool thing_delete(struct sql *db, enum thing_kind kind, const char *project, const char *id,
                  int64_t version, GError **error);
/* "node", "image". */
const char *thing_kind_name(enum thing_kind kind);
/* An interval of at least a minute ("15m", "6h", "1d"), five fields as in crontab(5), or "". */
bool thing_schedule_valid(const char *schedule, GError **error);
