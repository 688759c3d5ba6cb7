/* The commands that cli.c's table lists; one file each. */
#pragma once
#include "cli/cli.h"

extern const struct cli_command command_cat;
extern const struct cli_command command_db_compare;
extern const struct cli_command command_db_cvss;
extern const struct cli_command command_db_export;
extern const struct cli_command command_db_import;
extern const struct cli_command command_db_lookup;
extern const struct cli_command command_db_status;
extern const struct cli_command command_db_update;
extern const struct cli_command command_diff;
extern const struct cli_command command_disk;
extern const struct cli_command command_frame;
extern const struct cli_command command_help;
extern const struct cli_command command_ls;
extern const struct cli_command command_scan;
extern const struct cli_command command_schema;
extern const struct cli_command command_serve;
extern const struct cli_command command_version;
