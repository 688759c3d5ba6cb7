#include "cli/commands.h"
#include "cli/service.h"
#include "server/work.h"

static struct settings *make_settings(void *unused, GError **error)
{
    return cli_service_settings(error);
}

static enum cli_status worker_command_run(int argc, char **argv)
{
    GError *error = NULL;
    if (argc > 0)
        return cli_fail("worker: takes no arguments");
    return work_run(make_settings, NULL, &error) ? CLI_OK : cli_fail_error(error);
}

const struct cli_command command_worker = {
    .name = "worker",
    .summary = "Run jobs of a service that others serve: introspections, deliveries",
    .usage = "[OPTION…]",
    .description =
        "Takes jobs from the store, which is PostgreSQL when several hosts share it, and runs "
        "them; "
        "does schedules and sweeps, as every process of a service does. Settings are those of "
        "serve; SIGHUP reads them again. SIGTERM has running jobs stop, gives them back, and ends "
        "within 10 seconds. When "
        "it is killed, another process takes its jobs: at once on the same host, else when "
        "workers.lease_seconds have passed without a heartbeat.",
    .examples = "assay worker --store postgresql://assay@db/assay --workers 4\n"
                "  beside assay serve --workers 0 on other hosts",
    .options = (const GOptionEntry *const[]){ cli_service_options, NULL },
    .run = worker_command_run,
};
