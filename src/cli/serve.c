#include "server/serve.h"

#include "base/error.h"
#include "cli/commands.h"
#include "cli/service.h"

static char *listen_on, *certificate, *key, *password_file;
static gboolean check_config;

static const GOptionEntry entries[] = {
    { "listen", 0, 0, G_OPTION_ARG_STRING, &listen_on, "Where to listen (127.0.0.1:8080)",
      "ADDRESS:PORT" },
    { "tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate,
      "Certificate with its chain (PEM); without it: no TLS", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &key, "Its key (PEM)", "FILE" },
    { "admin-password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
      "First start: the administrator's password is taken from this file, or written to it",
      "FILE" },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &check_config, "Check the settings and end", NULL },
    { 0 },
};

static struct settings *make_settings(void *unused, GError **error)
{
    struct settings *s = cli_service_settings(error);
    if (s == NULL)
        return NULL;
    cli_service_overlay(&s->listen, listen_on);
    cli_service_overlay(&s->certificate, certificate);
    cli_service_overlay(&s->key, key);
    cli_service_overlay(&s->admin_password_file, password_file);
    return s;
}

static enum cli_status serve_command_run(int argc, char **argv)
{
    GError *error = NULL;
    if (argc > 0)
        return cli_fail("serve: takes no arguments");
    if (!check_config)
        return serve_run(make_settings, NULL, &error) ? CLI_OK : cli_fail_error(error);
    g_autoptr(settings) s = make_settings(NULL, &error);
    return s != NULL && serve_check(s, &error) ? CLI_OK : cli_fail_error(error);
}

const struct cli_command command_serve = {
    .name = "serve",
    .summary = "Run the service: REST under /v1, described at /v1/docs",
    .usage = "[OPTION…]",
    .description =
        "The first start makes the store and an administrator named admin, whose password is "
        "printed once. Jobs, such as introspections, are run in the same process; with --workers 0 "
        "only by assay worker. Options go over the environment (ASSAY_LISTEN and so on), and that "
        "over the file; docs/service.md has the table of settings.\n\nSIGHUP reads the settings "
        "and the certificate again; the log names those that need a restart. SIGTERM finishes what "
        "is being answered, gives running jobs back and ends within "
        "10 seconds. The log is JSON on standard error.",
    .examples = "assay serve --store sqlite:/var/lib/assay/store.db\n  on one machine\n"
                "assay serve --config /etc/assay/assay.yaml --check-config\n"
                "  whether the settings are right",
    .options = (const GOptionEntry *const[]){ cli_service_options, entries, NULL },
    .run = serve_command_run,
};
