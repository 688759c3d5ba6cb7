#include "cli/database.h"

#include "base/error.h"

static char *database;

const GOptionEntry cli_database_options[] = {
    { "db", 0, 0, G_OPTION_ARG_FILENAME, &database,
      "Advisory database (default: $ASSAY_DB, else one for the user or system)", "PATH" },
    { 0 },
};

char *cli_database_path(void)
{
    return database != NULL ? g_strdup(database) : advisory_db_default_path();
}

bool cli_database_given(void)
{
    return database != NULL;
}

struct advisory_db *cli_database_open(GError **error)
{
    g_autofree char *path = cli_database_path();
    struct advisory_db *db = advisory_db_open(path, error);
    if (db == NULL && error != NULL && g_error_matches(*error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        g_prefix_error(error, "no advisory database (make one with `assay db import`): ");
    return db;
}
