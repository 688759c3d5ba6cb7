#include "server/settings.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/number.h"
#include "base/smtp_client.h"
#include "base/yaml.h"
#include "introspect/rates.h"
#include "queue/broker.h"
#include "server/http.h"
#include "snapshot/snapshot.h"
#include "store/frames.h"
#include "store/sql.h"
#include "watch/openstack.h"

#define FILE_MAX    (1u << 20)
#define THREADS_MAX 256
#define HOURS_MAX   (24u * 366)
#define DAY_SECONDS (24u * 3600)
#define DAYS_MAX    36525u

/* Each setting: where it is in the file, in the environment and in the struct. */
static const struct item {
    const char *section, *name; /* section NULL: at the top */
    const char *variable;
    size_t offset;
    uint64_t max; /* of a number; 0: a text */
    uint64_t min;
} items[] = {
    { NULL, "listen", "ASSAY_LISTEN", offsetof(struct settings, listen), 0 },
    { NULL, "store", "ASSAY_STORE", offsetof(struct settings, store), 0 },
    { "tls", "certificate", "ASSAY_TLS_CERTIFICATE", offsetof(struct settings, certificate), 0 },
    { "tls", "key", "ASSAY_TLS_KEY", offsetof(struct settings, key), 0 },
    { NULL, "admin_password_file", "ASSAY_ADMIN_PASSWORD_FILE",
      offsetof(struct settings, admin_password_file), 0 },
    { NULL, "key_file", "ASSAY_KEY_FILE", offsetof(struct settings, key_file), 0 },
    { NULL, "metrics_token_file", "ASSAY_METRICS_TOKEN_FILE",
      offsetof(struct settings, metrics_token_file), 0 },
    { NULL, "threads", "ASSAY_THREADS", offsetof(struct settings, threads), THREADS_MAX, 1 },
    { NULL, "session_hours", "ASSAY_SESSION_HOURS", offsetof(struct settings, session_hours),
      HOURS_MAX, 1 },
    { NULL, "advisories", "ASSAY_ADVISORIES", offsetof(struct settings, advisories), 0 },
    { "frames", "keep", "ASSAY_FRAMES_KEEP", offsetof(struct settings, frames_kept), 10000, 1 },
    { "keep", "events_days", "ASSAY_KEEP_EVENTS_DAYS", offsetof(struct settings, keep.events_days),
      DAYS_MAX },
    { "keep", "introspections_days", "ASSAY_KEEP_INTROSPECTIONS_DAYS",
      offsetof(struct settings, keep.introspections_days), DAYS_MAX },
    { NULL, "broker", "ASSAY_BROKER", offsetof(struct settings, broker), 0 },
    { "smtp", "url", "ASSAY_SMTP_URL", offsetof(struct settings, smtp.url), 0 },
    { "smtp", "from", "ASSAY_SMTP_FROM", offsetof(struct settings, smtp.from), 0 },
    { "smtp", "user", "ASSAY_SMTP_USER", offsetof(struct settings, smtp.user), 0 },
    { "smtp", "password_file", "ASSAY_SMTP_PASSWORD_FILE",
      offsetof(struct settings, smtp.password_file), 0 },
    { "smtp", "ca_file", "ASSAY_SMTP_CA_FILE", offsetof(struct settings, smtp.ca_file), 0 },
    { "smtp", "tls", "ASSAY_SMTP_TLS", offsetof(struct settings, smtp.tls), 0 },
    { "webhooks", "private_addresses", "ASSAY_WEBHOOKS_PRIVATE_ADDRESSES",
      offsetof(struct settings, private_addresses), 0 },
    { "watch", "settle_seconds", "ASSAY_WATCH_SETTLE_SECONDS",
      offsetof(struct settings, watch.settle_seconds), DAY_SECONDS, 1 },
    { "watch", "look_seconds", "ASSAY_WATCH_LOOK_SECONDS",
      offsetof(struct settings, watch.look_seconds), DAY_SECONDS, 1 },
    { "workers", "threads", "ASSAY_WORKERS_THREADS", offsetof(struct settings, workers.threads),
      THREADS_MAX },
    { "workers", "attempts", "ASSAY_WORKERS_ATTEMPTS", offsetof(struct settings, workers.attempts),
      1000, 1 },
    { "workers", "lease_seconds", "ASSAY_WORKERS_LEASE_SECONDS",
      offsetof(struct settings, workers.lease_seconds), DAY_SECONDS, 3 },
    { "workers", "backoff_seconds", "ASSAY_WORKERS_BACKOFF_SECONDS",
      offsetof(struct settings, workers.backoff_seconds), DAY_SECONDS, 1 },
    { "workers", "per_project", "ASSAY_WORKERS_PER_PROJECT",
      offsetof(struct settings, workers.per_project), THREADS_MAX },
    { "workers", "per_pool", "ASSAY_WORKERS_PER_POOL", offsetof(struct settings, workers.per_pool),
      THREADS_MAX },
    { "workers", "inspector_megabytes", "ASSAY_WORKERS_INSPECTOR_MEGABYTES",
      offsetof(struct settings, workers.inspector_megabytes), 1u << 20, 128 },
    { "workers", "inspector_seconds", "ASSAY_WORKERS_INSPECTOR_SECONDS",
      offsetof(struct settings, workers.inspector_seconds), 30 * DAY_SECONDS, 1 },
    { "workers", "snapshot_percent", "ASSAY_WORKERS_SNAPSHOT_PERCENT",
      offsetof(struct settings, workers.snapshot_percent), 100, 1 },
};
/* Members of the file that are kept as they are, for those who use them. */
static const struct {
    const char *name;
    size_t offset;
} wholes[] = {
    { "hil", offsetof(struct settings, hil) },
    { "keystone", offsetof(struct settings, keystone) },
    { "limits", offsetof(struct settings, limits) },
    { "openstack", offsetof(struct settings, openstack) },
    { "storage", offsetof(struct settings, storage) },
};

/* What a reload does not take; with a section's name all of it. The first are REST's alone. */
static const char *const for_start[] = { "listen",
                                         "admin_password_file",
                                         "metrics_token_file",
                                         "hil",
                                         "keystone",
                                         "store",
                                         "key_file",
                                         "advisories",
                                         "broker",
                                         "watch",
                                         "openstack",
                                         "workers.threads",
                                         "workers.lease_seconds",
                                         NULL };
#define FOR_START_OF_REST 5

static char *state_folder(void)
{
    return geteuid() == 0 ? g_strdup("/var/lib/assay")
                          : g_build_filename(g_get_user_data_dir(), "assay", NULL);
}

char *settings_key_file(const struct settings *s)
{
    if (s->key_file != NULL)
        return g_strdup(s->key_file);
    g_autofree char *folder = g_str_has_prefix(s->store, "sqlite:")
                                  ? g_path_get_dirname(s->store + strlen("sqlite:"))
                                  : state_folder();
    return g_build_filename(folder, "secret.key", NULL);
}

struct settings *settings_new(void)
{
    struct settings *s = g_new0(struct settings, 1);
    s->listen = g_strdup("127.0.0.1:8080");
    g_autofree char *folder = state_folder();
    s->store = g_strdup_printf("sqlite:%s/store.db", folder);
    s->threads = CLAMP(2 * g_get_num_processors(), 4, 64);
    s->session_hours = 12;
    s->frames_kept = KEPT_FRAMES_USUAL;
    s->keep.events_days = 30;
    s->keep.introspections_days = 365;
    s->watch.settle_seconds = 10;
    s->watch.look_seconds = 300;
    s->workers.threads = 2;
    s->workers.attempts = 5;
    s->workers.lease_seconds = 30;
    s->workers.backoff_seconds = 10;
    s->workers.inspector_megabytes = 1024;
    s->workers.inspector_seconds = 3600;
    s->workers.snapshot_percent = 5;
    return s;
}

void settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    g_free(s->listen);
    g_free(s->store);
    g_free(s->certificate);
    g_free(s->key);
    g_free(s->admin_password_file);
    g_free(s->key_file);
    g_free(s->metrics_token_file);
    g_free(s->advisories);
    g_free(s->broker);
    g_free(s->smtp.url);
    g_free(s->smtp.from);
    g_free(s->smtp.user);
    g_free(s->smtp.password_file);
    g_free(s->smtp.ca_file);
    g_free(s->smtp.tls);
    g_free(s->private_addresses);
    g_strfreev(s->proxies);
    json_decref(s->hil);
    json_decref(s->keystone);
    json_decref(s->limits);
    json_decref(s->storage);
    json_decref(s->openstack);
    g_free(s);
}

static void set_text(struct settings *s, const struct item *i, const char *text)
{
    char **at = (char **)((char *)s + i->offset);
    g_free(*at);
    *at = g_strdup(text);
}

static bool set_number(struct settings *s, const struct item *i, const char *where, uint64_t n,
                       GError **error)
{
    if (n < i->min || n > i->max)
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, where, i->min,
                    i->max);
    *(uint64_t *)((char *)s + i->offset) = n;
    return true;
}

static bool set_json(struct settings *s, const struct item *i, const char *where,
                     const json_t *value, GError **error)
{
    if (i->max == 0 && json_is_string(value)) {
        set_text(s, i, json_string_value(value));
        return true;
    }
    if (i->max > 0 && json_is_integer(value) && json_integer_value(value) >= 0)
        return set_number(s, i, where, (uint64_t)json_integer_value(value), error);
    return fail(error, ASSAY_ERROR_INVALID, "%s: not a %s", where, i->max > 0 ? "number" : "text");
}

bool settings_workers(struct settings *s, int threads, GError **error)
{
    if (threads < 0 || threads > THREADS_MAX)
        return fail(error, ASSAY_ERROR_INVALID, "--workers: a number from 0 to %d", THREADS_MAX);
    s->workers.threads = (uint64_t)threads;
    return true;
}

static bool set_proxies(struct settings *s, const char *file, const json_t *list, GError **error)
{
    GStrvBuilder *proxies = g_strv_builder_new();
    bool ok = json_is_array(list);
    json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        ok = ok && json_is_string(one);
        if (ok)
            g_strv_builder_add(proxies, json_string_value(one));
    }
    g_strfreev(s->proxies);
    s->proxies = g_strv_builder_end(proxies);
    g_strv_builder_unref(proxies);
    return ok || fail(error, ASSAY_ERROR_INVALID, "%s: proxies: not a list of addresses", file);
}

static bool set_whole(struct settings *s, size_t offset, const char *where, json_t *value,
                      GError **error)
{
    json_t **at = (json_t **)((char *)s + offset);
    if (!json_is_object(value))
        return fail(error, ASSAY_ERROR_INVALID, "%s: not a map of settings", where);
    json_decref(*at);
    *at = json_incref(value);
    return true;
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(items); i++) {
        if (g_strcmp0(items[i].section, name) == 0)
            return true;
    }
    return false;
}

/* One member of a section. */
static bool apply_member(struct settings *s, const char *where, const char *section,
                         const char *key, json_t *value, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(items); i++) {
        if (g_strcmp0(items[i].section, section) == 0 && g_str_equal(items[i].name, key))
            return set_json(s, &items[i], where, value, error);
    }
    return fail(error, ASSAY_ERROR_INVALID, "%s: there is no such setting", where);
}

static bool apply_section(struct settings *s, const char *file, const char *section, json_t *object,
                          GError **error)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        g_autofree char *where = g_strdup_printf("%s: %s.%s", file, section, key);
        if (!apply_member(s, where, section, key, value, error))
            return false;
    }
    return true;
}

static bool apply_top(struct settings *s, const char *file, const char *key, json_t *value,
                      GError **error)
{
    g_autofree char *where = g_strdup_printf("%s: %s", file, key);
    for (size_t i = 0; i < G_N_ELEMENTS(wholes); i++) {
        if (g_str_equal(wholes[i].name, key))
            return set_whole(s, wholes[i].offset, where, value, error);
    }
    if (g_str_equal(key, "proxies"))
        return set_proxies(s, file, value, error);
    if (is_section(key) && json_is_object(value))
        return apply_section(s, file, key, value, error);
    return apply_member(s, where, NULL, key, value, error);
}

static bool apply(struct settings *s, const char *file, json_t *object, GError **error)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!apply_top(s, file, key, value, error))
            return false;
    }
    return true;
}

bool settings_read(struct settings *s, const char *file, GError **error)
{
    g_autofree char *text = NULL;
    gsize len;
    g_autoptr(GError) failure = NULL;
    if (file == NULL)
        return true;
    if (!g_file_get_contents(file, &text, &len, &failure))
        return fail(error, ASSAY_ERROR_IO, "%s", failure->message);
    if (len > FILE_MAX)
        return fail_limit(error, "%s: larger than %u bytes", file, FILE_MAX);
    json_t *top = yaml_load(file, text, len, error);
    bool ok = top != NULL &&
              (json_is_object(top) ||
               fail(error, ASSAY_ERROR_INVALID, "%s: not a map of settings", file)) &&
              apply(s, file, top, error);
    json_decref(top);
    return ok;
}

bool settings_environment(struct settings *s, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(items); i++) {
        const char *text = g_getenv(items[i].variable);
        uint64_t n = 0;
        if (text == NULL)
            continue;
        if (items[i].max == 0) {
            set_text(s, &items[i], text);
            continue;
        }
        if (!parse_u64(text, strlen(text), &n))
            n = UINT64_MAX; /* which is never allowed */
        if (!set_number(s, &items[i], items[i].variable, n, error))
            return false;
    }
    return true;
}

static char *full_name(const struct item *i)
{
    return i->section != NULL ? g_strdup_printf("%s.%s", i->section, i->name) : g_strdup(i->name);
}

static bool same_item(const struct settings *a, const struct settings *b, const struct item *i)
{
    const char *x = (const char *)a + i->offset, *y = (const char *)b + i->offset;
    if (i->max == 0)
        return g_strcmp0(*(char *const *)x, *(char *const *)y) == 0;
    return *(const uint64_t *)x == *(const uint64_t *)y;
}

static bool same_whole(const struct settings *a, const struct settings *b, size_t offset)
{
    const json_t *x = *(json_t *const *)((const char *)a + offset);
    const json_t *y = *(json_t *const *)((const char *)b + offset);
    return x == y || json_equal(x, y) != 0;
}

static bool item_waits(const struct item *i, const char *name, const char *const *names)
{
    return g_strv_contains(names, name) ||
           (i->section != NULL && g_strv_contains(names, i->section));
}

static void tell_changed(const char *name)
{
    log_line("warning", "reload: %s has changed, which needs a restart", name);
}

void settings_tell_changed(const struct settings *begun, const struct settings *now, bool worker)
{
    const char *const *names = for_start + (worker ? FOR_START_OF_REST : 0);
    for (size_t n = 0; n < G_N_ELEMENTS(items); n++) {
        g_autofree char *name = full_name(&items[n]);
        if (item_waits(&items[n], name, names) && !same_item(begun, now, &items[n]))
            tell_changed(name);
    }
    for (size_t n = 0; n < G_N_ELEMENTS(wholes); n++) {
        if (g_strv_contains(names, wholes[n].name) && !same_whole(begun, now, wholes[n].offset))
            tell_changed(wholes[n].name);
    }
}

static bool is_one_of(const char *what, const char *value, const char *a, const char *b,
                      GError **error)
{
    return value == NULL || g_str_equal(value, a) || g_str_equal(value, b) ||
           fail(error, ASSAY_ERROR_INVALID, "%s: '%s' or '%s'", what, a, b);
}

static bool smtp_valid(const struct settings *s, GError **error)
{
    const char *url = s->smtp.url;
    bool plain = g_strcmp0(s->smtp.tls, "none") == 0;
    if (!is_one_of("smtp.tls", s->smtp.tls, "required", "none", error))
        return false;
    if (s->smtp.from != NULL && !smtp_address_valid(s->smtp.from, error)) {
        g_prefix_error(error, "smtp.from: ");
        return false;
    }
    if (url == NULL)
        return true;
    if ((!g_str_has_prefix(url, "smtp://") && !g_str_has_prefix(url, "smtps://")) ||
        strchr(url, '@') != NULL)
        return fail(error, ASSAY_ERROR_INVALID,
                    "smtp.url: not smtp://HOST:PORT or smtps://HOST:PORT, without user");
    if (s->smtp.from == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "smtp: from, the sender's address, is missing");
    return !plain || s->smtp.user == NULL ||
           fail(error, ASSAY_ERROR_INVALID, "smtp: a password needs TLS");
}

static bool proxies_valid(const struct settings *s, GError **error)
{
    struct in6_addr address;
    for (char **p = s->proxies; p != NULL && *p != NULL; p++) {
        if (inet_pton(AF_INET, *p, &address) != 1 && inet_pton(AF_INET6, *p, &address) != 1)
            return fail(error, ASSAY_ERROR_INVALID, "proxies: '%s': not an address", *p);
    }
    return true;
}

static bool limits_valid(const json_t *limits, GError **error)
{
    g_autoptr(rates) r = rates_new(limits, error);
    return r != NULL;
}

bool settings_valid(const struct settings *s, GError **error)
{
    if ((s->certificate == NULL) != (s->key == NULL))
        return fail(error, ASSAY_ERROR_INVALID, "TLS needs both, a certificate and its key");
    return sql_url_valid(s->store, error) && http_listen_valid(s->listen, error) &&
           proxies_valid(s, error) && (s->broker == NULL || broker_check(s->broker, error)) &&
           smtp_valid(s, error) && openstack_check(s->openstack, error) &&
           limits_valid(s->limits, error) && snapshot_settings_check(s->storage, error) &&
           is_one_of("webhooks.private_addresses", s->private_addresses, "refused", "allowed",
                     error);
}
