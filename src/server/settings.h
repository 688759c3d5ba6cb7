/* Settings of `assay serve` and `assay worker`: a YAML file, over which goes the environment
 * (ASSAY_...), over which go options. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct settings {
    char *listen;              /* ADDRESS:PORT */
    char *store;               /* URL */
    char *certificate, *key;   /* paths; NULL: no TLS */
    char *admin_password_file; /* NULL */
    char *metrics_token_file;  /* with a token for /metrics; NULL: open to all */
    char *key_file;            /* that secrets are sealed with; NULL: the usual one */
    GStrv proxies;             /* addresses; NULL */
    uint64_t threads, session_hours;
    char *advisories; /* path of the database; NULL: the usual one */
    struct {
        uint64_t threads; /* jobs at once; 0: none */
        uint64_t attempts, lease_seconds, backoff_seconds;
        uint64_t per_project, per_pool; /* running at once; 0: no limit */
        uint64_t inspector_megabytes, inspector_seconds, snapshot_percent;
    } workers;
    char *broker;         /* URL; NULL: none */
    uint64_t frames_kept; /* of each node and image */
    struct {
        uint64_t events_days, introspections_days; /* 0: for ever */
    } keep;
    struct {
        char *url, *from, *user, *password_file, *ca_file; /* NULL: none */
        char *tls;                                         /* "required", "none"; NULL: required */
    } smtp;
    char *private_addresses; /* for webhooks: "refused", "allowed"; NULL: refused */
    struct {
        uint64_t settle_seconds, look_seconds;
    } watch;                  /* of folders */
    json_t *keystone, *hil;   /* objects, as keystone.h and hil.h have them; NULL: none */
    json_t *limits, *storage; /* objects, as worker.h has them; NULL: none */
    json_t *openstack;        /* object, as watch/openstack.h has it; NULL: none */
};
typedef struct settings settings;

/* With what is usual: 127.0.0.1:8080 and a store in /var/lib/assay (root) or the user's data
 * folder, whose folder is not made here. */
struct settings *settings_new(void);
/* file NULL: none. Unknown members are refused. */
bool settings_read(struct settings *s, const char *file, GError **error);
/* Overlays what the environment says (docs/service.md has the names). */
bool settings_environment(struct settings *s, GError **error);
/* key_file, or "secret.key" beside a store in a file, else in the usual folder of the state.
 * g_free()
 */
char *settings_key_file(const struct settings *s);
/* What --workers says. */
bool settings_workers(struct settings *s, int threads, GError **error);
/* Logs the names of those that differ and are taken at the start only. worker: as far as `assay
 * worker` uses them. */
void settings_tell_changed(const struct settings *begun, const struct settings *now, bool worker);
/* Fails for what contradicts itself or is not of the form that it has to have. */
bool settings_valid(const struct settings *s, GError **error);
/* Whether the files that it names are there and can be read. */
bool settings_files_there(const struct settings *s, GError **error);
void settings_free(struct settings *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(settings, settings_free)
