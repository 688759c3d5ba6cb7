/* What statements of VEX documents are about, and whether that is a package that was found. */
#pragma once
#include <stdbool.h>

#include "advisory/purl.h"
#include "advisory/target.h"
#include "frame/frame.h"

/* One name of a component; a component has any number, in a list. */
struct identifier {
    const struct purl *purl; /* else */
    const char *text;        /* a CPE name, or any other text */
    bool is_cpe;
    const struct identifier *next;
};

/* Components in a list. */
struct component {
    const struct identifier *identifiers;
    const struct component *next;
};

/* part in all of wholes: a package in an image, in a release of a distribution... Without wholes,
 * part itself: a package, or a system and so all that is in it. */
struct product {
    const struct component *part;
    const struct component *wholes;
    const struct product *next;
};

/* Adds an identifier of any kind; a package URL that is not one stays a text, which no package has.
 * ASSAY_ERROR_LIMIT when the arena is full. */
bool component_identify(struct arena *a, struct component *c, const char *identifier,
                        GError **error);

/* A package, as products see it. */
struct subject {
    const struct frame *frame;
    const struct frame_system *system;
    const struct frame_package *package;
    const struct purl *purl;     /* of the package */
    struct target_package names; /* of the package and its source */
};
/* The arena must live as long as the subject. */
void subject_init(struct subject *out, struct arena *a, const struct frame *f,
                  const struct frame_system *system, const struct frame_package *p);
void subject_done(struct subject *s);

/* True when the subject is one of the list. */
bool product_matches(const struct product *list, const struct subject *s);
