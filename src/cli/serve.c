#include "server/serve.h"

#include "base/error.h"
#include "cli/commands.h"

static char *config, *listen_on, *store, *certificate, *key, *password_file;
static gboolean check_config;

static const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &config,
      "Settings (default: $ASSAY_CONFIG, else /etc/assay/assay.yaml when it is there)", "FILE" },
    { "listen", 0, 0, G_OPTION_ARG_STRING, &listen_on, "Where to listen (127.0.0.1:8080)",
      "ADDRESS:PORT" },
    { "store", 0, 0, G_OPTION_ARG_STRING, &store, "sqlite:PATH or postgresql://...", "URL" },
    { "tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate,
      "Certificate with its chain (PEM); without it: no TLS", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &key, "Its key (PEM)", "FILE" },
    { "admin-password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
      "First start: the administrator's password is taken from this file, or written to it",
      "FILE" },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &check_config, "Check the settings and end", NULL },
    { 0 },
};

static void overlay(char **setting, const char *option)
{
    if (option != NULL) {
        g_free(*setting);
        *setting = g_strdup(option);
    }
}

static struct settings *make_settings(void *unused, GError **error)
{
    g_autoptr(settings) s = settings_new();
    const char *file = config != NULL ? config : g_getenv("ASSAY_CONFIG");
    if (file == NULL && g_file_test("/etc/assay/assay.yaml", G_FILE_TEST_EXISTS))
        file = "/etc/assay/assay.yaml";
    if (!settings_read(s, file, error) || !settings_environment(s, error))
        return NULL;
    overlay(&s->listen, listen_on);
    overlay(&s->store, store);
    overlay(&s->certificate, certificate);
    overlay(&s->key, key);
    overlay(&s->admin_password_file, password_file);
    return g_steal_pointer(&s);
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
        "printed once. Options go over the environment (ASSAY_LISTEN, ASSAY_STORE, "
        "ASSAY_TLS_CERTIFICATE, ASSAY_TLS_KEY, ASSAY_ADMIN_PASSWORD_FILE, ASSAY_THREADS, "
        "ASSAY_SESSION_HOURS), and that over the file (listen, store, tls.certificate, tls.key, "
        "admin_password_file, threads, session_hours, proxies).\n\nSIGHUP reads the settings and "
        "the "
        "certificate again; another address or store needs a restart. SIGTERM finishes what is "
        "being answered and ends within 10 seconds. The log is JSON on standard error.",
    .examples = "assay serve --store sqlite:/var/lib/assay/store.db\n  on one machine\n"
                "assay serve --config /etc/assay/assay.yaml --check-config\n"
                "  whether the settings are right",
    .options = (const GOptionEntry *const[]){ entries, NULL },
    .run = serve_command_run,
};
