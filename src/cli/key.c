#include "cli/commands.h"
#include "cli/service.h"
#include "server/serve.h"

static enum cli_status rotate_run(int argc, char **argv)
{
    unsigned sealed = 0;
    GError *error = NULL;
    if (argc > 0)
        return cli_fail("key rotate: takes no arguments");
    g_autoptr(settings) s = cli_service_settings(&error);
    if (s == NULL)
        return cli_fail_error(error);
    g_autofree char *file = settings_key_file(s);
    if (!serve_rotate_key(s, &sealed, &error))
        return cli_fail_error(error);
    (void)printf("%s: a new key; secrets sealed with it: %u\n", file, sealed);
    return CLI_OK;
}

const struct cli_command command_key_rotate = {
    .name = "key rotate",
    .summary = "Change the key that the store's secrets are sealed with",
    .usage = "[OPTION…]",
    .description =
        "Puts a new key into the key file and encrypts every secret in the store with it. The key "
        "before stays in the file until the next change, so that servers and workers can go on; "
        "they read the file again by themselves. Where they have copies of it, bring the new one "
        "to all of them.",
    .examples = "assay key rotate --config /etc/assay/assay.yaml\n  while the service runs",
    .options = (const GOptionEntry *const[]){ cli_service_options, NULL },
    .run = rotate_run,
};
