/* What `assay serve` and `assay worker` share: where their settings come from. */
#pragma once
#include "server/settings.h"

/* --config, --store, --key-file, --advisories, --workers. */
extern const GOptionEntry cli_service_options[];
/* File, environment and those options, in this order. */
struct settings *cli_service_settings(GError **error);
/* An option goes over what was set; NULL: was not given. */
void cli_service_overlay(char **setting, const char *option);
