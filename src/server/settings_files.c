/* Whether the files that settings name are there, for --check-config: a running service asks for
 * each when it needs it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "server/settings.h"

static bool there(const char *setting, const char *path, int mode, GError **error)
{
    return path == NULL || access(path, mode) == 0 ||
           fail_errno(error, errno, "%s: %s", setting, path);
}

static bool member_there(const char *section, const json_t *map, const char *name, GError **error)
{
    g_autofree char *setting = g_strdup_printf("%s.%s", section, name);
    return there(setting, json_string_value(json_object_get(map, name)), R_OK, error);
}

static bool members_there(const char *section, const json_t *map, const char *const *names,
                          GError **error)
{
    while (*names != NULL && member_there(section, map, *names, error))
        names++;
    return *names == NULL;
}

static bool program_there(const char *name, const json_t *hook, const char *member, GError **error)
{
    g_autofree char *setting = g_strdup_printf("storage.quiesce.%s.%s", name, member);
    const json_t *words = json_object_get(hook, member);
    return there(setting, json_string_value(json_array_get(words, 0)), X_OK, error);
}

static bool storage_there(const json_t *storage, GError **error)
{
    static const char *const of_ceph[] = { "conf", "keyring", NULL };
    static const char *const of_m2[] = { "database", "password_file", "ca_file", NULL };
    static const char *const of_qemu[] = { "folder", NULL };
    const char *name;
    json_t *one;
    json_object_foreach(json_object_get(storage, "ceph"), name, one) {
        g_autofree char *section = g_strconcat("storage.ceph.", name, NULL);
        if (!members_there(section, one, of_ceph, error))
            return false;
    }
    json_object_foreach(json_object_get(storage, "quiesce"), name, one) {
        if (!program_there(name, one, "freeze", error) || !program_there(name, one, "thaw", error))
            return false;
    }
    return members_there("storage.m2", json_object_get(storage, "m2"), of_m2, error) &&
           members_there("storage.qemu", json_object_get(storage, "qemu"), of_qemu, error);
}

bool settings_files_there(const struct settings *s, GError **error)
{
    static const char *const outside[] = { "password_file", "ca_file", NULL };
    return there("tls.certificate", s->certificate, R_OK, error) &&
           there("tls.key", s->key, R_OK, error) &&
           there("metrics_token_file", s->metrics_token_file, R_OK, error) &&
           there("smtp.password_file", s->smtp.password_file, R_OK, error) &&
           there("smtp.ca_file", s->smtp.ca_file, R_OK, error) &&
           members_there("keystone", s->keystone, outside, error) &&
           members_there("hil", s->hil, outside, error) && storage_there(s->storage, error);
}
