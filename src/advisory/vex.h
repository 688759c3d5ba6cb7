/* Readers of VEX documents: vex.c finds out the format, a driver a format fills a set of
 * suppressions. */
#pragma once
#include <jansson.h>

#include "advisory/suppression_set.h"

/* A document being read. */
struct vex_document {
    struct suppressions *set;
    struct suppression_source *source;
    const char *name; /* of the stream, for messages */
    const json_t *json;
    const char *by; /* set with vex_document_by() before statements are added */
    int64_t time;   /* of statements that have none of their own */
};

struct vex_format {
    const char *name;
    bool (*detect)(const json_t *json);
    /* json is hostile: members may be missing or of any kind. */
    bool (*read)(struct vex_document *d, GError **error);
};

extern const struct vex_format vex_openvex;
extern const struct vex_format vex_csaf;
extern const struct vex_format vex_cyclonedx;

/* Says in d->by who speaks: format, id of the document, author (NULL: not known). */
void vex_document_by(struct vex_document *d, const char *format, const char *id,
                     const char *author);

/* "not affected: vulnerable_code_not_present: text", on one line, interned; justification and text
 * may be NULL. */
const char *vex_reason(struct vex_document *d, enum suppression_effect effect,
                       const char *justification, const char *text);

/* A statement. ids: names of one vulnerability; an empty list or no products: counted as unusable.
 * time: 0: that of the document. */
bool vex_add(struct vex_document *d, enum suppression_effect effect, const GPtrArray *ids,
             const struct product *products, int64_t time, const char *reason, GError **error);

/* Adds a name to a list of them. Of a link, its last part too: links to pages about a vulnerability
 * stand where its name should. NULL is passed over. */
void vex_add_id(struct vex_document *d, GPtrArray *ids, const char *id);

/* NULL with ASSAY_ERROR_LIMIT, as for all below. */
struct component *vex_component_new(struct vex_document *d, GError **error);
/* Adds an identifier, NULL and "" are passed over. */
bool vex_identify(struct vex_document *d, struct component *c, const char *identifier,
                  GError **error);
/* Puts a product before a list. */
bool vex_product(struct vex_document *d, const struct component *part,
                 const struct component *wholes, const struct product **list, GError **error);
