/* When releases of distributions stop being mended, and by whom they are mended longer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "frame/frame.h"

enum eol_access {
    EOL_FREE, /* everybody gets it */
    EOL_PRO,  /* who has Ubuntu Pro gets it */
    EOL_PAID, /* of it, nothing shows on the system */
};

/* Longer support, behind the end of what is before it. */
struct eol_phase {
    const char *name; /* "LTS", "Ubuntu Pro"... Static string */
    enum eol_access access;
    int64_t end; /* Unix seconds */
};

enum { EOL_PHASES = 2 };

struct eol {
    int64_t end; /* of what everybody gets from the distribution itself; Unix seconds */
    struct eol_phase phases[EOL_PHASES];
    unsigned phase_count;
};

/* False when nothing is known about the release's end: it is not in the table, which rolling
 * distributions never are, and os-release does not say. */
bool eol_lookup(const struct frame_os *os, struct eol *out);
/* The longer support that mends the release now; NULL: none, or it is not past its end. pro: the
 * system has Ubuntu Pro. */
const struct eol_phase *eol_covered_by(const struct eol *e, int64_t now, bool pro);
/* "Debian 11 is past its end of life (2024-08-14) and past LTS (2026-08-31): newer flaws..." of a
 * release that is. g_free(). */
char *eol_describe(const struct eol *e, const char *label, int64_t now, bool pro);
