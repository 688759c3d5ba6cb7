#include "volume/volume.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "volume/drivers.h"

const struct volume_driver *const volume_drivers[] = {
    &md_driver,
    &lvm2_driver,
    &gpt_driver,
    &mbr_driver,
    &named_driver,
    NULL,
};

static void volume_free(void *p)
{
    struct volume *v = p;
    block_unref(v->block);
    g_free(v->name);
    g_free(v->content);
    g_free(v->type);
    g_free(v->label);
    g_free(v->uuid);
    g_free(v->fault);
    if (v->state != NULL)
        v->state_free(v->state);
    g_free(v);
}

struct volume_set *volume_set_new(void)
{
    struct volume_set *set = g_new0(struct volume_set, 1);
    set->volumes = g_ptr_array_new_with_free_func(volume_free);
    return set;
}

void volume_set_free(struct volume_set *set)
{
    if (set == NULL)
        return;
    g_ptr_array_unref(set->volumes);
    g_free(set);
}

struct volume *volume_set_add(struct volume_set *set, enum volume_kind kind, struct volume *parent,
                              const char *name, GError **error)
{
    if (set->volumes->len >= LIMIT_VOLUMES) {
        fail_limit(error, "%s: more than %d volumes", name, LIMIT_VOLUMES);
        return NULL;
    }
    struct volume *v = g_new0(struct volume, 1);
    v->kind = kind;
    v->parent = parent;
    if (parent != NULL)
        volume_set_lies_on(v, parent);
    v->name = g_strdup(name);
    g_ptr_array_add(set->volumes, v);
    return v;
}

void volume_set_lies_on(struct volume *v, const struct volume *member)
{
    v->depth = MAX(v->depth, member->depth + 1);
}

struct volume *volume_set_add_disk(struct volume_set *set, struct block *b)
{
    g_autofree char *name = g_strdup_printf("disk%u", set->volumes->len);
    struct volume *v = volume_set_add(set, VOLUME_DISK, NULL, name, NULL);
    g_return_val_if_fail(v != NULL, NULL);
    if (b != NULL) {
        v->block = block_ref(b);
        v->size = b->size;
    }
    return v;
}

void volume_set_fault(struct volume *v, GError *error)
{
    if (v->fault == NULL) {
        /* It is shown beside the name, which need not be said twice. */
        const char *text = error->message;
        size_t len = strlen(v->name);
        bool named = g_str_has_prefix(text, v->name) && g_str_has_prefix(text + len, ": ");
        v->fault = g_strdup(named ? text + len + 2 : text);
        v->fault_code = error->code;
    }
    g_error_free(error);
}

/* Every level makes reading slower: tables in tables must come to an end. */
static bool is_too_deep(struct volume *v)
{
    GError *error = NULL;
    if (v->depth < LIMIT_VOLUME_DEPTH)
        return false;
    fail_limit(&error, "%s: lies in more than %d volumes, and is not looked into", v->name,
               LIMIT_VOLUME_DEPTH - 1);
    volume_set_fault(v, error);
    return true;
}

/* Offers every volume whose content is not known once to every splitting driver; volumes that
 * appear are offered too. */
static bool split_from(struct volume_set *set, unsigned *next, GError **error)
{
    for (; *next < set->volumes->len; (*next)++) {
        struct volume *v = g_ptr_array_index(set->volumes, *next);
        bool claimed = false;
        if (v->block == NULL || v->content != NULL || is_too_deep(v))
            continue;
        for (const struct volume_driver *const *d = volume_drivers; *d != NULL && !claimed; d++) {
            if ((*d)->split != NULL && !(*d)->split(set, v, &claimed, error))
                return false;
        }
    }
    return true;
}

bool volume_set_scan(struct volume_set *set, GError **error)
{
    unsigned next = 0;
    bool grown;
    do {
        grown = false;
        if (!split_from(set, &next, error))
            return false;
        for (const struct volume_driver *const *d = volume_drivers; *d != NULL && !grown; d++) {
            if ((*d)->assemble != NULL && !(*d)->assemble(set, &grown, error))
                return false;
        }
    } while (grown);
    return true;
}
