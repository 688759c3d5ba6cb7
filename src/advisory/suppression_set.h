/* Inside of a set of suppressions: what readers of documents (vex*.c, ignore.c) add to it. */
#pragma once
#include "advisory/product.h"
#include "advisory/suppression.h"

enum suppression_effect {
    SUPPRESSION_IGNORE, /* a rule of an ignore file; the others are statements of VEX documents */
    SUPPRESSION_NOT_AFFECTED,
    SUPPRESSION_FIXED,
    SUPPRESSION_AFFECTED,
    SUPPRESSION_UNDER_INVESTIGATION,
};

/* A path that was loaded. */
struct suppression_source {
    const char *path;
    const char *kind;    /* of coverage: "VEX document", "ignore file" */
    unsigned loaded;     /* rules */
    unsigned unusable;   /* statements that name no vulnerability or no product */
    unsigned suppressed; /* findings of the frame at hand */
};

/* What it holds belongs to the set. */
struct suppression {
    enum suppression_effect effect;
    const struct product *products; /* VEX; NULL otherwise */
    const char *package, *path;     /* ignore: patterns; NULL: any */
    bool any_id;                    /* ignore: of any vulnerability */
    int64_t time;                   /* VEX: of the statement, Unix seconds; 0 unknown */
    int64_t expires;                /* ignore: last second; 0: never */
    unsigned line;                  /* ignore */
    const char *by, *reason;        /* as in struct finding; reason may be NULL */
    struct suppression_source *source;
};

struct suppressions {
    struct arena *arena;
    GStringChunk *strings;
    GPtrArray *rules;   /* struct suppression */
    GHashTable *by_id;  /* upper-case name of a vulnerability -> GPtrArray of struct suppression */
    GPtrArray *any;     /* those of any vulnerability */
    GPtrArray *sources; /* struct suppression_source */
    uint64_t bytes;     /* of documents */
};

/* NULL with ASSAY_ERROR_LIMIT. */
struct suppression_source *suppressions_add_source(struct suppressions *s, const char *path,
                                                   const char *kind, GError **error);
/* Adds a copy of a rule about the vulnerabilities named (in any case; NULL-terminated). */
bool suppressions_add(struct suppressions *s, const struct suppression *rule,
                      const char *const *ids, GError **error);
/* Interned in the set. NULL for NULL. */
const char *suppressions_text(struct suppressions *s, const char *text);

/* What the public functions do with a file's bytes. */
bool suppressions_parse_ignore(struct suppressions *s, const char *name, const char *text,
                               size_t size, GError **error);
/* One document. *known: it is of one of the formats; text that is no JSON object is not. */
bool suppressions_parse_vex(struct suppressions *s, struct suppression_source *source,
                            const char *name, const char *text, size_t size, bool *known,
                            GError **error);
