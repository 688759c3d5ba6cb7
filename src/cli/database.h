/* What the db commands and those that match share. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "advisory/database.h"
#include "advisory/import.h"
#include "cli/cli.h"

/* --db PATH, for commands that read or write the advisory database. */
extern const GOptionEntry cli_database_options[];

/* What was given by --db, or the default. g_free(). */
char *cli_database_path(void);
/* Was --db given? */
bool cli_database_given(void);
/* Opens it; NULL with *error set, which says how to make one when there is none. */
struct advisory_db *cli_database_open(GError **error);

/* One line a feed of what an import brought. CLI_ERROR when a feed was refused. */
enum cli_status cli_show_import(const struct import_result *result);
