#include "server/settings.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/number.h"
#include "base/yaml.h"

#define FILE_MAX    (1u << 20)
#define THREADS_MAX 256
#define HOURS_MAX   (24u * 366)

/* Each setting: where it is in the file, in the environment and in the struct. */
static const struct item {
    const char *section, *name; /* section NULL: at the top */
    const char *variable;
    size_t offset;
    uint64_t max; /* of a number; 0: a text */
} items[] = {
    { NULL, "listen", "ASSAY_LISTEN", offsetof(struct settings, listen), 0 },
    { NULL, "store", "ASSAY_STORE", offsetof(struct settings, store), 0 },
    { "tls", "certificate", "ASSAY_TLS_CERTIFICATE", offsetof(struct settings, certificate), 0 },
    { "tls", "key", "ASSAY_TLS_KEY", offsetof(struct settings, key), 0 },
    { NULL, "admin_password_file", "ASSAY_ADMIN_PASSWORD_FILE",
      offsetof(struct settings, admin_password_file), 0 },
    { NULL, "threads", "ASSAY_THREADS", offsetof(struct settings, threads), THREADS_MAX },
    { NULL, "session_hours", "ASSAY_SESSION_HOURS", offsetof(struct settings, session_hours),
      HOURS_MAX },
};

struct settings *settings_new(void)
{
    struct settings *s = g_new0(struct settings, 1);
    s->listen = g_strdup("127.0.0.1:8080");
    s->store = geteuid() == 0 ? g_strdup("sqlite:/var/lib/assay/store.db")
                              : g_strdup_printf("sqlite:%s/assay/store.db", g_get_user_data_dir());
    s->threads = CLAMP(2 * g_get_num_processors(), 4, 64);
    s->session_hours = 12;
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
    g_strfreev(s->proxies);
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
    if (n < 1 || n > i->max)
        return fail(error, ASSAY_ERROR_INVALID, "%s: a number from 1 to %" G_GUINT64_FORMAT, where,
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
    if (i->max > 0 && json_is_integer(value) && json_integer_value(value) > 0)
        return set_number(s, i, where, (uint64_t)json_integer_value(value), error);
    return fail(error, ASSAY_ERROR_INVALID, "%s: not a %s", where, i->max > 0 ? "number" : "text");
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

static bool apply(struct settings *s, const char *file, const char *section, json_t *object,
                  GError **error)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        g_autofree char *where =
            g_strdup_printf("%s: %s%s%s", file, section ? section : "", section ? "." : "", key);
        size_t i = 0;
        while (i < G_N_ELEMENTS(items) &&
               !(g_strcmp0(items[i].section, section) == 0 && g_str_equal(items[i].name, key)))
            i++;
        bool ok = i < G_N_ELEMENTS(items) ? set_json(s, &items[i], where, value, error)
                  : section == NULL && g_str_equal(key, "proxies")
                      ? set_proxies(s, file, value, error)
                  : section == NULL && g_str_equal(key, "tls") && json_is_object(value)
                      ? apply(s, file, "tls", value, error)
                      : fail(error, ASSAY_ERROR_INVALID, "%s: there is no such setting", where);
        if (!ok)
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
              apply(s, file, NULL, top, error);
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
        (void)parse_u64(text, strlen(text), &n);
        if (!set_number(s, &items[i], items[i].variable, n, error))
            return false;
    }
    return true;
}

bool settings_valid(const struct settings *s, GError **error)
{
    return (s->certificate == NULL) == (s->key == NULL) ||
           fail(error, ASSAY_ERROR_INVALID, "TLS needs both, a certificate and its key");
}
