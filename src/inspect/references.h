/* Files that images name: opened by the program, as far as the user allows. */
#pragma once
#include "inspect/target.h"

/* The files opened for one inspector. A token is the index of one; the disks come first. */
struct references {
    const struct inspect_options *options;
    GPtrArray *files;  /* struct reference_file *, owned */
    unsigned named;    /* by the user: the first of files */
    GPtrArray *served; /* struct block_export *, owned: files under guard */
};

/* options must live as long as r. */
void references_init(struct references *r, const struct inspect_target *t,
                     const struct inspect_options *options);
void references_done(struct references *r);
/* Why a file under guard could not be read at first; NULL. g_error_free() */
GError *references_failure(const struct references *r);

/* Opens what the file of that token names; the descriptor is the caller's. *token and *name (valid
 * as long as r) are those of the new file. ASSAY_ERROR_DENIED when the policy forbids it. */
int references_open(struct references *r, unsigned from, const char *reference, unsigned *token,
                    const char **name, GError **error);
