/* Logical volumes of this host, lvm:VG/LV, by the programs of lvm2 (lvcreate(8), lvs(8),
 * lvremove(8)). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/number.h"
#include "snapshot/drivers.h"
#include "snapshot/handle.h"
#include "snapshot/program.h"
#include "snapshot/quiesce.h"

#define PREFIX "lvm:"
/* lvm(8), "VALID NAMES": this long with the volume group's. */
#define NAME_MAX_LVM         127
#define COMMAND_MILLISECONDS 60000
/* Of a thick snapshot, for what is overwritten, unless storage.lvm.size says otherwise. */
#define USUAL_SIZE "10%"
/* lv_attr, lvs(8): the fifth letter is the state. */
#define ATTR_STATE         4
#define ATTR_INVALID       'I'
#define ATTR_INVALID_STILL 'S'

struct lvm_view {
    struct snapshot_view view;
    struct snapshot_disk disk;
    char *location, *snapshot;
};

/* lvm(8), "VALID NAMES". */
static bool is_name(const char *s, size_t len)
{
    if (len == 0 || len > NAME_MAX_LVM || s[0] == '-' || (len == 1 && s[0] == '.') ||
        (len == 2 && memcmp(s, "..", 2) == 0))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isalnum(s[i]) && strchr("+_.-", s[i]) == NULL)
            return false;
    }
    return true;
}

/* "VG/LV" of a location. */
static const char *volume_of(const char *location)
{
    return location + strlen(PREFIX);
}

static size_t group_length(const char *volume)
{
    return strcspn(volume, "/");
}

static bool lvm_check(const char *location, GError **error)
{
    const char *volume = volume_of(location);
    size_t group = group_length(volume);
    const char *name = volume + group + (volume[group] == '/' ? 1 : 0);
    return (is_name(volume, group) && is_name(name, strlen(name))) ||
           fail(error, ASSAY_ERROR_INVALID, "%s: not of the form lvm:VG/LV", location);
}

static char *lvm_plan(const char *location, const char *id, const struct snapshot_options *options,
                      GError **error)
{
    json_t *object = handle_new(&snapshot_lvm_driver, location, id, error);
    if (object == NULL)
        return NULL;
    const char *volume = volume_of(location);
    g_autofree char *snapshot =
        g_strdup_printf("%.*s/" HANDLE_NAME_PREFIX "%s", (int)group_length(volume), volume, id);
    json_object_set_new(object, "snapshot", json_string(snapshot));
    return handle_text(object);
}

/* --- asking ---------------------------------------------------------------------------------- */

struct volume {
    bool there, thin;
    char state;
};

static const char *field(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static bool read_report(const char *text, const char *volume, struct volume *out, GError **error)
{
    json_t *all = json_loads(text, 0, NULL);
    const json_t *rows = json_object_get(json_array_get(json_object_get(all, "report"), 0), "lv");
    const json_t *row = json_array_get(rows, 0);
    bool ok = json_is_array(rows);
    const char *attr = field(row, "lv_attr");
    *out = (struct volume){ .there = row != NULL,
                            .thin = field(row, "pool_lv")[0] != '\0',
                            .state = strlen(attr) > ATTR_STATE ? attr[ATTR_STATE] : '-' };
    json_decref(all);
    return ok || fail_corrupt(error, "%s: lvs reports something else", volume);
}

/* A selection, unlike a name, may be of what does not exist. */
static bool find_volume(const char *volume, struct volume *out, GError **error)
{
    size_t group = group_length(volume);
    g_autofree char *which = g_strdup_printf("vg_name=\"%.*s\" && lv_name=\"%s\"", (int)group,
                                             volume, volume + group + 1);
    g_autofree char *text = NULL;
    char *argv[] = { "lvm",      "lvs",       "--reportformat",
                     "json",     "--options", "lv_attr,pool_lv",
                     "--select", which,       NULL };
    return program_run(argv, COMMAND_MILLISECONDS, &text, error) &&
           read_report(text, volume, out, error);
}

static bool remove_snapshot(const char *snapshot, GError **error)
{
    struct volume found;
    char *argv[] = { "lvm", "lvremove", "--yes", "--force", (char *)snapshot, NULL };
    return find_volume(snapshot, &found, error) &&
           (!found.there || program_run(argv, COMMAND_MILLISECONDS, NULL, error));
}

/* --- making ---------------------------------------------------------------------------------- */

bool lvm_size_parse(const char *text, struct lvm_size *out, GError **error)
{
    size_t len = strlen(text);
    out->percent = len > 1 && text[len - 1] == '%';
    bool ok = out->percent ? parse_u64(text, len - 1, &out->number) && out->number <= 100
                           : parse_size(text, &out->number);
    return (ok && out->number > 0) ||
           fail(error, ASSAY_ERROR_INVALID, "storage.lvm.size: '%s' is neither N%% nor a size",
                text);
}

/* "--extents N%ORIGIN" or "--size Nb". */
static bool size_words(const struct snapshot_options *options, GPtrArray *argv, GError **error)
{
    const json_t *storage = options->settings != NULL ? options->settings->storage : NULL;
    const char *size = json_string_value(json_object_get(json_object_get(storage, "lvm"), "size"));
    struct lvm_size parsed;
    if (!lvm_size_parse(size != NULL ? size : USUAL_SIZE, &parsed, error))
        return false;
    g_ptr_array_add(argv, g_strdup(parsed.percent ? "--extents" : "--size"));
    g_ptr_array_add(argv, g_strdup_printf("%" G_GUINT64_FORMAT "%s", parsed.number,
                                          parsed.percent ? "%ORIGIN" : "b"));
    return true;
}

static bool create_snapshot(const struct lvm_view *v, bool thin,
                            const struct snapshot_options *options, GError **error)
{
    static const char *const words[] = { "lvm",          "lvcreate", "--yes",    "--snapshot",
                                         "--permission", "r",        "--addtag", "assay" };
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    struct quiesce *q;
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        g_ptr_array_add(argv, g_strdup(words[i]));
    if (thin) /* without a size it shares its pool, and is not active unless told so */
        g_ptr_array_add(argv, g_strdup("--ignoreactivationskip"));
    else if (!size_words(options, argv, error))
        return false;
    g_ptr_array_add(argv, g_strdup("--name"));
    g_ptr_array_add(argv, g_strdup(strchr(v->snapshot, '/') + 1));
    g_ptr_array_add(argv, g_strdup(volume_of(v->location)));
    g_ptr_array_add(argv, NULL);
    if (!quiesce_begin(options, v->location, NULL, &q, error))
        return false;
    bool ok = program_run((char **)argv->pdata, COMMAND_MILLISECONDS, NULL, error);
    return quiesce_end(q, ok ? error : NULL) && ok;
}

static bool open_snapshot(struct lvm_view *v, GError **error)
{
    g_autofree char *path = g_strdup_printf("/dev/%s", v->snapshot);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(error, errno, "%s", path);
    v->disk.bytes = block_raw_new(take_fd(&fd), v->location, error);
    return v->disk.bytes != NULL;
}

static bool make_snapshot(struct lvm_view *v, const struct snapshot_options *options,
                          GError **error)
{
    struct volume origin;
    if (options->deep)
        return fail_unsupported(error, "%s: there is no place for a full copy of a volume",
                                v->location);
    if (!remove_snapshot(v->snapshot, error) ||
        !find_volume(volume_of(v->location), &origin, error))
        return false;
    if (!origin.there)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: there is no such volume", v->location);
    if (create_snapshot(v, origin.thin, options, error) && open_snapshot(v, error))
        return true;
    (void)remove_snapshot(v->snapshot, NULL);
    return false;
}

static void lvm_close(struct snapshot_view *view)
{
    struct lvm_view *v = (struct lvm_view *)view;
    block_unref(v->disk.bytes);
    g_free(v->location);
    g_free(v->snapshot);
    g_free(v);
}

static struct snapshot_view *lvm_make(const char *handle, const struct snapshot_options *options,
                                      GError **error)
{
    json_t *object = handle_read(&snapshot_lvm_driver, handle, error);
    if (object == NULL)
        return NULL;
    struct lvm_view *v = g_new0(struct lvm_view, 1);
    g_autoptr(snapshot_view) view = &v->view;
    view->drv = &snapshot_lvm_driver;
    view->holds = true;
    v->location = g_strdup(handle_get(object, "location"));
    v->snapshot = g_strdup(handle_get(object, "snapshot"));
    json_decref(object);
    if (v->snapshot == NULL || !make_snapshot(v, options, error))
        return NULL;
    v->disk.name = v->location;
    v->disk.format = "raw";
    v->disk.identity = "";
    view->disks = &v->disk;
    view->count = 1;
    return g_steal_pointer(&view);
}

static bool lvm_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    json_t *object = handle_read(&snapshot_lvm_driver, handle, error);
    const char *snapshot = handle_get(object, "snapshot");
    bool ok = snapshot != NULL && remove_snapshot(snapshot, error);
    json_decref(object);
    return ok;
}

/* A thick snapshot that has no room left for what is overwritten is invalid from then on. */
static bool lvm_verify(struct snapshot_view *view, GError **error)
{
    const struct lvm_view *v = (const struct lvm_view *)view;
    struct volume now;
    if (!find_volume(v->snapshot, &now, error))
        return false;
    if (!now.there)
        return fail(error, ASSAY_ERROR_IO, "%s: its snapshot has been removed", v->location);
    return (now.state != ATTR_INVALID && now.state != ATTR_INVALID_STILL) ||
           fail(error, ASSAY_ERROR_IO,
                "%s: its snapshot has overflowed; storage.lvm.size makes it larger", v->location);
}

static char *lvm_pool(const char *location, const struct snapshot_options *options)
{
    const char *volume = volume_of(location);
    return g_strdup_printf("lvm:%.*s", (int)group_length(volume), volume);
}

const struct snapshot_driver snapshot_lvm_driver = {
    .name = "lvm",
    .description = "logical volumes of this host, thin and thick, lvm:VG/LV",
    .prefix = PREFIX,
    .check = lvm_check,
    .plan = lvm_plan,
    .make = lvm_make,
    .drop = lvm_drop,
    .pool = lvm_pool,
    .close = lvm_close,
    .verify = lvm_verify,
};
