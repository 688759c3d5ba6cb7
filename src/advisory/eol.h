/* When releases of distributions stop being mended. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct eol {
    int64_t end;          /* of what everybody gets; Unix seconds */
    int64_t extended_end; /* of longer support; 0: there is none */
    const char *extended; /* its name ("LTS", "Ubuntu Pro"); NULL: none. Static string */
    bool extended_free;   /* everybody gets it */
};

/* id and version_id as in os-release. False when the release is not in the table: nothing is known
 * about its end. */
bool eol_lookup(const char *id, const char *version_id, struct eol *out);
