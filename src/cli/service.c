#include "cli/service.h"

#include "base/error.h"

#define WORKERS_UNSET G_MININT
#define USUAL_FILE    "/etc/assay/assay.yaml"

static char *config, *store, *advisories, *broker, *key_file;
static int workers = WORKERS_UNSET;

const GOptionEntry cli_service_options[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &config,
      "Settings (default: $ASSAY_CONFIG, else /etc/assay/assay.yaml when it is there)", "FILE" },
    { "store", 0, 0, G_OPTION_ARG_STRING, &store, "sqlite:PATH or postgresql://...", "URL" },
    { "key-file", 0, 0, G_OPTION_ARG_FILENAME, &key_file,
      "Key that secrets in the store are sealed with, made at the first start (default: secret.key "
      "beside the store)",
      "FILE" },
    { "advisories", 0, 0, G_OPTION_ARG_FILENAME, &advisories,
      "Advisory database (default: as for scan)", "FILE" },
    { "broker", 0, 0, G_OPTION_ARG_STRING, &broker,
      "amqp://... or amqps://...: RabbitMQ tells workers of jobs (with a password, better in "
      "ASSAY_BROKER)",
      "URL" },
    { "workers", 0, 0, G_OPTION_ARG_INT, &workers, "Jobs run at once in this process (2)", "N" },
    { 0 },
};

void cli_service_overlay(char **setting, const char *option)
{
    if (option != NULL) {
        g_free(*setting);
        *setting = g_strdup(option);
    }
}

/* NULL: none. One that was used once is missed when it is gone, so that a reload does not fall back
 * to what is usual without it. */
static const char *settings_file(void)
{
    static bool usual_there;
    const char *file = config != NULL ? config : g_getenv("ASSAY_CONFIG");
    if (file != NULL)
        return file;
    usual_there = usual_there || g_file_test(USUAL_FILE, G_FILE_TEST_EXISTS);
    return usual_there ? USUAL_FILE : NULL;
}

struct settings *cli_service_settings(GError **error)
{
    g_autoptr(settings) s = settings_new();
    if (!settings_read(s, settings_file(), error) || !settings_environment(s, error))
        return NULL;
    cli_service_overlay(&s->store, store);
    cli_service_overlay(&s->key_file, key_file);
    cli_service_overlay(&s->advisories, advisories);
    cli_service_overlay(&s->broker, broker);
    if (workers != WORKERS_UNSET && !settings_workers(s, workers, error))
        return NULL;
    return g_steal_pointer(&s);
}
