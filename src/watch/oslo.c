#include "watch/oslo.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"

#define IDENTIFIER_MAX 128

void oslo_event_clear(struct oslo_event *e)
{
    char **const texts[] = { &e->message,  &e->type,   &e->tenant, &e->volume,
                             &e->snapshot, &e->backup, &e->base };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_clear_pointer(texts[i], g_free);
}

static bool identifier_valid(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isalnum(text[i]) && strchr("._-", text[i]) == NULL)
            return false;
    }
    return len > 0 && len <= IDENTIFIER_MAX && text[0] != '.';
}

/* *out stays NULL when there is no such member. */
static bool take(const json_t *object, const char *name, char **out, GError **error)
{
    const json_t *member = json_object_get(object, name);
    const char *text = json_string_value(member);
    if (member == NULL || json_is_null(member))
        return true;
    if (text == NULL || !identifier_valid(text))
        return fail_corrupt(error, "notification: '%s' is no identifier", name);
    *out = g_strdup(text);
    return true;
}

static bool need(const json_t *object, const char *name, char **out, GError **error)
{
    return take(object, name, out, error) &&
           (*out != NULL || fail_corrupt(error, "notification: there is no '%s'", name));
}

static json_t *load(const char *text, size_t len, const char *what, GError **error)
{
    json_error_t wrong;
    json_t *value = json_loadb(text, len, 0, &wrong);
    if (value != NULL && json_is_object(value))
        return value;
    (void)fail_corrupt(error, "%s: %s", what, value == NULL ? wrong.text : "not an object");
    json_decref(value);
    return NULL;
}

/* What the envelope holds, or what came without one. A new reference. */
static json_t *open_envelope(const void *data, size_t len, GError **error)
{
    json_t *outer = load(data, len, "notification", error);
    const json_t *inner = json_object_get(outer, "oslo.message");
    if (inner == NULL)
        return outer;
    const char *version = json_string_value(json_object_get(outer, "oslo.version"));
    json_t *found = NULL;
    if (version == NULL || !g_str_has_prefix(version, "2."))
        (void)fail_corrupt(error, "notification: an envelope of an unknown version");
    else if (!json_is_string(inner))
        (void)fail_corrupt(error, "notification: 'oslo.message' is not a text");
    else
        found = load(json_string_value(inner), json_string_length(inner), "oslo.message", error);
    json_decref(outer);
    return found;
}

/* Cinder's Ceph driver keeps the name of the RBD image in the backup's service_metadata, which is
 * JSON again; the oldest form of the name has none. */
static bool take_base(const json_t *payload, struct oslo_event *e, GError **error)
{
    const json_t *text = json_object_get(payload, "service_metadata");
    json_t *metadata = json_is_string(text)
                           ? json_loadb(json_string_value(text), json_string_length(text), 0, NULL)
                           : NULL;
    bool ok = take(metadata, "base", &e->base, error);
    json_decref(metadata);
    if (ok && e->base == NULL && e->volume != NULL && e->backup != NULL)
        e->base = g_strdup_printf("volume-%s.backup.%s", e->volume, e->backup);
    return ok;
}

static bool read_event(const json_t *message, struct oslo_event *e, GError **error)
{
    const json_t *payload = json_object_get(message, "payload");
    if (!need(message, "message_id", &e->message, error) ||
        !need(message, "event_type", &e->type, error))
        return false;
    /* Those of other services may be anything. */
    if (!json_is_object(payload) ||
        !(g_str_has_prefix(e->type, "snapshot.") || g_str_has_prefix(e->type, "backup.")))
        return true;
    return take(payload, "tenant_id", &e->tenant, error) &&
           take(payload, "volume_id", &e->volume, error) &&
           take(payload, "snapshot_id", &e->snapshot, error) &&
           take(payload, "backup_id", &e->backup, error) && take_base(payload, e, error);
}

bool oslo_parse(const void *data, size_t len, struct oslo_event *e, GError **error)
{
    json_t *message = open_envelope(data, len, error);
    *e = (struct oslo_event){ 0 };
    bool ok = message != NULL && read_event(message, e, error);
    json_decref(message);
    if (!ok)
        oslo_event_clear(e);
    return ok;
}

/* --- locations ---------------------------------------------------------------------------------
 */

/* What stands for a placeholder of so many bytes; *known false: there is no such placeholder. */
static const char *value_of(const char *name, size_t len, const struct oslo_event *e, bool *known)
{
    const struct {
        const char *name, *value;
    } all[] = {
        { "tenant_id", e->tenant }, { "volume_id", e->volume }, { "snapshot_id", e->snapshot },
        { "backup_id", e->backup }, { "base", e->base },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        *known = strlen(all[i].name) == len && memcmp(all[i].name, name, len) == 0;
        if (*known)
            return all[i].value;
    }
    return NULL;
}

static char *fill(const char *template, const struct oslo_event *e, bool check, GError **error)
{
    g_autoptr(GString) made = g_string_new(NULL);
    for (const char *c = template; *c != '\0'; c++) {
        const char *end = *c == '{' ? strchr(c, '}') : NULL;
        bool known = false;
        if (*c != '{' && *c != '}') {
            g_string_append_c(made, *c);
            continue;
        }
        const char *value = end != NULL ? value_of(c + 1, (size_t)(end - c - 1), e, &known) : NULL;
        if (!known) {
            (void)fail(error, ASSAY_ERROR_INVALID,
                       "location '%s': placeholders are {tenant_id}, {volume_id}, {snapshot_id}, "
                       "{backup_id} and {base}",
                       template);
            return NULL;
        }
        if (value == NULL && !check) {
            (void)fail_corrupt(error, "notification: it has nothing for %.*s", (int)(end - c + 1),
                               c);
            return NULL;
        }
        g_string_append(made, value != NULL ? value : "");
        c = end;
    }
    return g_string_free(g_steal_pointer(&made), FALSE);
}

bool oslo_template_valid(const char *template, GError **error)
{
    const struct oslo_event none = { 0 };
    g_autofree char *made = fill(template, &none, true, error);
    return made != NULL;
}

char *oslo_location(const char *template, const struct oslo_event *e, GError **error)
{
    return fill(template, e, false, error);
}
