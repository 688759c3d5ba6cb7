/* Puts a system's "/" together from its own fstab. */
#include "root/assemble.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"

static bool in_list(const char *s, const char *const *list)
{
    return g_strv_contains(list, s);
}

/* Filesystems that are not of any disk, or not of this one. */
static const char *const virtual_types[] = {
    "proc",        "sysfs",      "tmpfs",    "devtmpfs", "devpts",    "cgroup", "cgroup2",
    "debugfs",     "securityfs", "configfs", "fusectl",  "hugetlbfs", "mqueue", "efivarfs",
    "binfmt_misc", "rpc_pipefs", "bpf",      "tracefs",  "ramfs",     "usbfs",  "overlay",
    "aufs",        "none",       "ignore",   "autofs",   NULL,
};
static const char *const network_types[] = {
    "nfs",       "nfs4",   "cifs",     "smb3",  "smbfs", "ceph",       "glusterfs",
    "afs",       "9p",     "virtiofs", "fuse",  "sshfs", "fuse.sshfs", "fuse.s3fs",
    "fuse.ceph", "lustre", "gpfs",     "ocfs2", "davfs", NULL,
};

/* A value that may stand in quotes. */
static char *unquote(const char *s)
{
    size_t len = strlen(s);
    if (len >= 2 && (s[0] == '"' || s[0] == '\'') && s[len - 1] == s[0])
        return g_strndup(s + 1, len - 2);
    return g_strdup(s);
}

/* udev writes special characters of labels in /dev/disk/by-label as \xNN. */
static char *udev_unescape(const char *s)
{
    GString *out = g_string_new(NULL);
    for (; *s != '\0'; s++) {
        if (s[0] == '\\' && s[1] == 'x' && g_ascii_isxdigit(s[2]) && g_ascii_isxdigit(s[3])) {
            int c = g_ascii_xdigit_value(s[2]) * 16 + g_ascii_xdigit_value(s[3]);
            if (c != 0)
                g_string_append_c(out, (char)c);
            s += 3;
        } else {
            g_string_append_c(out, *s);
        }
    }
    return g_string_free(out, FALSE);
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && g_ascii_strcasecmp(a, b) == 0;
}

static bool has_tag(const struct root_filesystem *fs, const char *tag, const char *value)
{
    if (g_str_equal(tag, "UUID"))
        return fs->tree != NULL && same(fs->tree->uuid, value);
    if (g_str_equal(tag, "LABEL"))
        return fs->tree != NULL && fs->tree->label != NULL && g_str_equal(fs->tree->label, value);
    if (g_str_equal(tag, "PARTUUID"))
        return same(fs->volume->uuid, value);
    if (g_str_equal(tag, "PARTLABEL"))
        return fs->volume->label != NULL && g_str_equal(fs->volume->label, value);
    return false;
}

/* "vg-lv" of /dev/mapper: a dash inside a name is doubled. */
static char *mapper_to_volume(const char *s)
{
    GString *out = g_string_new(NULL);
    bool split = false;
    for (; *s != '\0'; s++) {
        if (s[0] == '-' && s[1] == '-') {
            g_string_append_c(out, '-');
            s++;
        } else if (s[0] == '-' && !split) {
            g_string_append_c(out, '/');
            split = true;
        } else {
            g_string_append_c(out, *s);
        }
    }
    return g_string_free(out, FALSE);
}

/* Kernel names ("sda2", "vdb1", "xvda", "nvme0n1p3", "mmcblk0p1") to disk and partition number.
 * disk counts from 0; partition 0 is the whole disk. */
static bool kernel_name(const char *s, uint64_t *disk, uint64_t *partition)
{
    static const char *const letters[] = { "sd", "vd", "xvd", "hd", "ubd" };
    size_t digits;
    *partition = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++) {
        size_t len = strlen(letters[i]);
        if (strncmp(s, letters[i], len) != 0 || !g_ascii_islower(s[len]))
            continue;
        *disk = 0;
        for (s += len; g_ascii_islower(*s); s++) {
            *disk = *disk * 26 + (uint64_t)(*s - 'a') + 1;
            if (*disk > 1000000)
                return false;
        }
        (*disk)--;
        return *s == '\0' || parse_u64(s, strlen(s), partition);
    }
    bool nvme = g_str_has_prefix(s, "nvme");
    if (!nvme && !g_str_has_prefix(s, "mmcblk"))
        return false;
    s += nvme ? 4 : 6;
    digits = strspn(s, "0123456789");
    if (!parse_u64(s, digits, disk))
        return false;
    s += digits;
    if (nvme && *s == 'n')
        s += 1 + strspn(s + 1, "0123456789");
    return *s == '\0' || (*s == 'p' && parse_u64(s + 1, strlen(s + 1), partition));
}

static unsigned count_disks(GPtrArray *filesystems)
{
    unsigned disks = 0;
    for (unsigned i = 0; i < filesystems->len; i++) {
        const struct root_filesystem *fs = g_ptr_array_index(filesystems, i);
        uint64_t n;
        const struct volume *v = fs->volume;
        while (v->parent != NULL)
            v = v->parent;
        if (v->kind == VOLUME_DISK && parse_u64(v->name + 4, strlen(v->name + 4), &n))
            disks = MAX(disks, (unsigned)n + 1);
    }
    return disks;
}

static struct root_filesystem *by_kernel_name(GPtrArray *filesystems, const char *name)
{
    uint64_t disk, partition;
    if (!kernel_name(name, &disk, &partition))
        return NULL;
    /* The only disk may have had any letter on its machine; several keep their order. */
    if (count_disks(filesystems) <= 1)
        disk = 0;
    g_autofree char *wanted =
        partition == 0 ? g_strdup_printf("disk%u", (unsigned)disk)
                       : g_strdup_printf("disk%up%u", (unsigned)disk, (unsigned)partition);
    for (unsigned i = 0; i < filesystems->len; i++) {
        struct root_filesystem *fs = g_ptr_array_index(filesystems, i);
        if (g_str_equal(fs->volume->name, wanted))
            return fs;
    }
    return NULL;
}

static struct root_filesystem *by_volume_name(GPtrArray *filesystems, const char *name)
{
    for (unsigned i = 0; i < filesystems->len; i++) {
        struct root_filesystem *fs = g_ptr_array_index(filesystems, i);
        bool named = fs->volume->kind == VOLUME_LOGICAL || fs->volume->kind == VOLUME_ARRAY;
        if (named && g_str_equal(fs->volume->name, name))
            return fs;
    }
    return NULL;
}

static struct root_filesystem *by_tag(GPtrArray *filesystems, const char *tag, const char *value)
{
    for (unsigned i = 0; i < filesystems->len; i++) {
        struct root_filesystem *fs = g_ptr_array_index(filesystems, i);
        if (has_tag(fs, tag, value))
            return fs;
    }
    return NULL;
}

static struct root_filesystem *find_source(GPtrArray *filesystems, const char *source)
{
    static const struct {
        const char *prefix, *tag;
    } links[] = {
        { "/dev/disk/by-uuid/", "UUID" },
        { "/dev/disk/by-label/", "LABEL" },
        { "/dev/disk/by-partuuid/", "PARTUUID" },
        { "/dev/disk/by-partlabel/", "PARTLABEL" },
    };
    const char *equals = strchr(source, '=');
    if (equals != NULL && source[0] != '/') {
        g_autofree char *tag = g_strndup(source, (size_t)(equals - source));
        g_autofree char *value = unquote(equals + 1);
        return by_tag(filesystems, tag, value);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        if (g_str_has_prefix(source, links[i].prefix)) {
            g_autofree char *value = udev_unescape(source + strlen(links[i].prefix));
            return by_tag(filesystems, links[i].tag, value);
        }
    }
    if (g_str_has_prefix(source, "/dev/mapper/")) {
        g_autofree char *name = mapper_to_volume(source + strlen("/dev/mapper/"));
        return by_volume_name(filesystems, name);
    }
    if (g_str_has_prefix(source, "/dev/disk/by-id/dm-name-")) {
        g_autofree char *name = mapper_to_volume(source + strlen("/dev/disk/by-id/dm-name-"));
        return by_volume_name(filesystems, name);
    }
    if (!g_str_has_prefix(source, "/dev/"))
        return NULL;
    const char *name = source + strlen("/dev/");
    /* Arrays whose name is a number: /dev/md/0 and /dev/md0 are the same. */
    g_autofree char *numbered =
        g_str_has_prefix(name, "md/") ? g_strdup_printf("md%s", name + 3) : NULL;
    struct root_filesystem *fs = by_volume_name(filesystems, name);
    if (fs == NULL && numbered != NULL)
        fs = by_volume_name(filesystems, numbered);
    return fs != NULL ? fs : by_kernel_name(filesystems, name);
}

struct subvolume_search {
    const char *path; /* without leading slash; NULL */
    uint64_t id;      /* when path is NULL */
    struct tree_node node;
    bool found;
};

static bool match_subvolume(const struct tree_subvolume *sub, void *user)
{
    struct subvolume_search *s = user;
    if (s->path != NULL ? g_str_equal(sub->path, s->path) : sub->id == s->id) {
        s->node = sub->root;
        s->found = true;
    }
    return !s->found;
}

/* The node that subvol= or subvolid= names; the default subvolume without them. */
static bool subvolume_node(struct root_mount *m, GError **error)
{
    struct tree *tree = m->fs->tree;
    m->node = tree->root;
    g_autofree char *path = fstab_option(m->options, "subvol");
    g_autofree char *id = fstab_option(m->options, "subvolid");
    if (tree->drv->subvolumes == NULL || (path == NULL && id == NULL))
        return true;
    struct subvolume_search s = { 0 };
    if (path != NULL) {
        size_t len = strlen(path);
        while (len > 0 && path[len - 1] == '/')
            path[--len] = '\0';
        s.path = path + strspn(path, "/");
    } else if (!parse_u64(id, strlen(id), &s.id)) {
        return fail_corrupt(error, "subvolid=%s is not a number", id);
    }
    if (!tree_subvolumes(tree, match_subvolume, &s, error))
        return false;
    if (!s.found)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s has no subvolume '%s'", m->fs->volume->name,
                    path != NULL ? path : id);
    m->node = s.node;
    return true;
}

static void set_reason(struct root_mount *m, enum root_mount_state state, int code,
                       const char *reason)
{
    m->state = state;
    m->code = code;
    m->reason = g_strdup(reason);
    m->fs = NULL;
}

static void skip(struct root_mount *m, const char *reason)
{
    set_reason(m, ROOT_MOUNT_SKIPPED, ASSAY_ERROR_NOT_FOUND, reason);
}

static bool wanted(struct root_mount *m)
{
    g_autofree char *noauto = fstab_option(m->options, "noauto");
    g_autofree char *automount = fstab_option(m->options, "x-systemd.automount");
    g_autofree char *bind = fstab_option(m->options, "bind");
    g_autofree char *rbind = fstab_option(m->options, "rbind");
    if (in_list(m->type, network_types) || g_str_has_prefix(m->type, "fuse.") ||
        (m->source[0] != '/' && strstr(m->source, ":/") != NULL))
        skip(m, "a network filesystem, not on this target");
    else if (bind != NULL || rbind != NULL || in_list(m->type, virtual_types))
        skip(m, "no filesystem of its own");
    else if (noauto != NULL && automount == NULL)
        skip(m, "not mounted by default (noauto)");
    else if (g_str_has_prefix(m->source, "/dev/cdrom") || g_str_has_prefix(m->source, "/dev/sr") ||
             g_str_has_prefix(m->source, "/dev/fd"))
        skip(m, "a removable medium");
    else
        return true;
    return false;
}

static void find_mount(struct root *r, struct root_mount *m, GPtrArray *filesystems)
{
    g_autoptr(GError) error = NULL;
    root_place_auto place = { 0 };
    if (!wanted(m))
        return;
    g_autofree char *nofail = fstab_option(m->options, "nofail");
    m->fs = find_source(filesystems, m->source);
    if (m->fs == NULL) {
        if (nofail != NULL)
            skip(m, "not found on the target; fstab says nofail");
        else
            set_reason(m, ROOT_MOUNT_MISSING, ASSAY_ERROR_NOT_FOUND,
                       "fstab names it and it is not on the target");
        return;
    }
    if (m->fs->tree == NULL) {
        bool firmware = in_list(m->type, (const char *const[]){ "vfat", "msdos", "fat", NULL });
        set_reason(m, firmware ? ROOT_MOUNT_SKIPPED : ROOT_MOUNT_MISSING, ASSAY_ERROR_UNSUPPORTED,
                   firmware ? "vfat is not read yet" : "its filesystem could not be read");
        return;
    }
    if (!subvolume_node(m, &error)) {
        set_reason(m, ROOT_MOUNT_MISSING, error->code, error->message);
        return;
    }
    /* The mount point, canonical; a missing directory does not keep us from looking: the path as
     * written is as good. */
    if (root_resolve(r, m->path, true, &place, NULL)) {
        g_free(m->path);
        m->path = g_steal_pointer(&place.path);
    }
    m->state = ROOT_MOUNT_FOUND;
}

static bool take_fstab_root(struct root *r, struct fstab_entry *e)
{
    struct root_mount *top = g_ptr_array_index(r->mounts, 0);
    if (!g_str_equal(e->path, "/") || top->source != NULL)
        return false;
    top->source = g_strdup(e->source);
    top->type = g_strdup(e->type);
    top->options = g_strdup(e->options);
    return true;
}

static gint by_path_length(gconstpointer a, gconstpointer b)
{
    const struct fstab_entry *x = *(struct fstab_entry *const *)a;
    const struct fstab_entry *y = *(struct fstab_entry *const *)b;
    return (gint)strlen(x->path) - (gint)strlen(y->path);
}

void root_assemble(struct root *r, GPtrArray *filesystems)
{
    const struct root_mount *top = g_ptr_array_index(r->mounts, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) text = root_read(r, "/etc/fstab", LIMIT_SMALL_FILE, &error);
    if (text == NULL) {
        if (!g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            tree_fault(top->fs->tree, "%s", error->message);
        return;
    }
    size_t len;
    const char *bytes = g_bytes_get_data(text, &len);
    g_autoptr(GPtrArray) entries = fstab_parse(bytes, len);
    /* Outer mounts first, so that inner mount points resolve through them. */
    g_ptr_array_sort(entries, by_path_length);
    for (unsigned i = 0; i < entries->len; i++) {
        struct fstab_entry *e = g_ptr_array_index(entries, i);
        if (take_fstab_root(r, e) || e->path[0] != '/' || g_str_equal(e->type, "swap"))
            continue;
        struct root_mount *m = g_new0(struct root_mount, 1);
        m->path = g_steal_pointer(&e->path);
        m->source = g_steal_pointer(&e->source);
        m->type = g_steal_pointer(&e->type);
        m->options = g_steal_pointer(&e->options);
        /* Not in the list while it is being found: its own path must resolve to what is below. */
        find_mount(r, m, filesystems);
        g_ptr_array_add(r->mounts, m);
    }
}
