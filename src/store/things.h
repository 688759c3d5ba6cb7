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
    char *schedule; /* "" none; "6h"; or five fields as in crontab(5): store/schedule.h */
    char *options;  /* JSON object: how it is examined (docs/service.md) */
    int64_t created, version;
    int64_t next_due; /* by its schedule; 0: not known yet, or it has none */
};
typedef struct thing thing;
void thing_free(struct thing *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(thing, thing_free)

struct thing_values {
    const char *name, *where, *kind, *labels, *schedule; /* NULL: stays (change) */
    const char *options;                                 /* NULL: stays (change), none (create) */
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
/* Those of all projects whose time by their schedule has come, the longest due first; at most so
 * many. Their next_due may be 0: their time has never been counted. */
GPtrArray *thing_list_due(struct sql *db, enum thing_kind kind, int64_t now, int64_t limit,
                          GError **error);
/* Counts the time after now at which it is due again. *mine false: it has been counted anew, or
 * the schedule or thing is gone, since t was read; nothing is done then. */
bool thing_set_due(struct sql *db, enum thing_kind kind, const struct thing *t, int64_t now,
                   bool *mine, GError **error);
/* "node", "image". */
const char *thing_kind_name(enum thing_kind kind);
