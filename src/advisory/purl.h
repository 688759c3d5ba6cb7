/* Package URLs (ECMA-427), read. frame_purl() writes them. */
#pragma once
#include <glib.h>

#include "base/arena.h"

struct purl_qualifier {
    const char *key, *value;
};

/* Everything decoded; type and keys in lower case. */
struct purl {
    const char *type, *name;
    const char *namespace, *version; /* NULL: none */
    const struct purl_qualifier *qualifiers;
    unsigned qualifier_count;
};

/* In the arena. NULL with ASSAY_ERROR_INVALID when the text is not a package URL, with _LIMIT when
 * the arena is full. */
const struct purl *purl_parse(struct arena *a, const char *text, GError **error);
/* NULL: there is no such qualifier. */
const char *purl_qualifier(const struct purl *p, const char *key);
