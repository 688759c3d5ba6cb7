/* Whether the settings of storage are well-formed, before anything needs them. */
#include <string.h>

#include "base/error.h"
#include "base/no_links.h"
#include "base/setting.h"
#include "block/rbd.h"
#include "snapshot/drivers.h"
#include "snapshot/m2_site.h"

static bool is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) > 0;
}

static bool check_cluster(const char *section, const json_t *cluster, GError **error)
{
    g_autofree char *conf = NULL, *user = NULL, *keyring = NULL;
    bool keep;
    uint64_t timeout;
    const struct setting members[] = { { "conf", SETTING_TEXT, &conf, 0 },
                                       { "user", SETTING_TEXT, &user, 0 },
                                       { "keyring", SETTING_TEXT, &keyring, 0 },
                                       { "keep_snapshots", SETTING_TRUTH, &keep, 0 },
                                       { "timeout_seconds", SETTING_NUMBER, &timeout,
                                         RBD_TIMEOUT_MAX },
                                       { 0 } };
    return setting_read(members, section, cluster, error);
}

static bool check_qemu(const char *section, const json_t *qemu, GError **error)
{
    g_autofree char *folder = NULL;
    bool bitmap;
    const struct setting members[] = { { "folder", SETTING_TEXT, &folder, 0 },
                                       { "bitmap", SETTING_TRUTH, &bitmap, 0 },
                                       { 0 } };
    return setting_read(members, section, qemu, error);
}

static bool check_lvm(const char *section, const json_t *lvm, GError **error)
{
    g_autofree char *size = NULL;
    const struct setting members[] = { { "size", SETTING_TEXT, &size, 0 }, { 0 } };
    struct lvm_size parsed;
    return setting_read(members, section, lvm, error) &&
           (size == NULL || lvm_size_parse(size, &parsed, error));
}

static bool check_m2(const char *section, const json_t *m2, GError **error)
{
    struct m2_site site;
    json_t *storage = json_pack("{s:O}", "m2", m2);
    bool ok = m2_site_init(&site, storage, error);
    json_decref(storage);
    if (ok)
        m2_site_clear(&site);
    return ok;
}

static bool check_agent(const char *section, const json_t *socket, GError **error)
{
    return is_text(socket) ||
           fail(error, ASSAY_ERROR_INVALID, "%s: not the path of a socket", section);
}

static bool check_program(const char *section, const json_t *hook, const char *member,
                          GError **error)
{
    const json_t *words = json_object_get(hook, member), *word;
    const char *program = json_string_value(json_array_get(words, 0));
    bool texts = true;
    size_t i;
    json_array_foreach(words, i, word)
        texts = texts && json_is_string(word);
    return (texts && program != NULL && path_is_plain(program, NULL)) ||
           fail(error, ASSAY_ERROR_INVALID,
                "%s.%s: not a program by its absolute path, with its arguments, in a list", section,
                member);
}

static bool check_quiesce(const char *section, const json_t *hook, GError **error)
{
    const char *name;
    json_t *value;
    if (!json_is_object(hook))
        return fail(error, ASSAY_ERROR_INVALID, "%s: not a map", section);
    json_object_foreach((json_t *)hook, name, value) {
        if (!g_str_equal(name, "freeze") && !g_str_equal(name, "thaw"))
            return fail(error, ASSAY_ERROR_INVALID, "%s.%s: there is no such setting", section,
                        name);
    }
    return check_program(section, hook, "freeze", error) &&
           check_program(section, hook, "thaw", error);
}

/* Parts of "storage"; with `each`, a map of names that are not ours. */
static const struct part {
    const char *name;
    bool each;
    bool (*check)(const char *section, const json_t *value, GError **error);
} parts[] = {
    { "agents", true, check_agent }, { "ceph", true, check_cluster },
    { "lvm", false, check_lvm },     { "m2", false, check_m2 },
    { "qemu", false, check_qemu },   { "quiesce", true, check_quiesce },
};

static bool check_part(const struct part *p, json_t *value, GError **error)
{
    const char *name;
    json_t *one;
    g_autofree char *section = g_strconcat("storage.", p->name, NULL);
    if (!json_is_object(value))
        return fail(error, ASSAY_ERROR_INVALID, "%s: not a map", section);
    if (!p->each)
        return p->check(section, value, error);
    json_object_foreach(value, name, one) {
        g_autofree char *below = g_strconcat(section, ".", name, NULL);
        if (p->check != check_agent && !json_is_object(one))
            return fail(error, ASSAY_ERROR_INVALID, "%s: not a map", below);
        if (!p->check(below, one, error))
            return false;
    }
    return true;
}

bool snapshot_settings_check(const json_t *storage, GError **error)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)storage, name, value) {
        size_t i = 0;
        while (i < G_N_ELEMENTS(parts) && !g_str_equal(parts[i].name, name))
            i++;
        if (i == G_N_ELEMENTS(parts))
            return fail(error, ASSAY_ERROR_INVALID, "storage.%s: there is no such setting", name);
        if (!check_part(&parts[i], value, error))
            return false;
    }
    return true;
}
