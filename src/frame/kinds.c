#include <string.h>

#include "frame/field.h"

/* clang-format off */
#define FIELD_(kind, type, member, need, description)                                              \
    { #member, FRAME_TYPE_##type, offsetof(struct frame_##kind, member), need, description }
/* clang-format on */
/* A field that is always there, and one that may be absent. */
#define MUST(kind, type, member, description) FIELD_(kind, type, member, true, description)
#define MAY(kind, type, member, description)  FIELD_(kind, type, member, false, description)

static const struct frame_field volume_fields[] = {
    MUST(volume, STRING, name, "Name by which commands address it, such as disk0p1 or vg0/root"),
    MUST(volume, STRING, kind, "What it is: disk, partition, logical or array"),
    MAY(volume, STRING, parent, "Name of the volume that holds it"),
    MAY(volume, U64, offset, "First byte within the parent"),
    MAY(volume, U64, size, "Bytes"),
    MAY(volume, STRING, content, "What is on it: gpt, mbr, lvm2-pv, ext4, xfs, swap and so on"),
    MAY(volume, STRING, type, "Type that the partition table gives"),
    MAY(volume, STRING, label, "Label of the filesystem, else of the partition"),
    MAY(volume, STRING, uuid, "UUID of the filesystem"),
    MAY(volume, STRING, part_uuid, "UUID of the partition or logical volume"),
    MAY(volume, STRING, recovery, "State of the journal: none, replayed or needed"),
    MAY(volume, STRING, image, "Disks: name of the file or URL it was read from"),
    MAY(volume, STRING, format, "Disks: format of the image, such as raw or qcow2"),
};

static const struct frame_field coverage_fields[] = {
    MUST(coverage, STRING, kind, "Kind of the object, such as filesystem or package database"),
    MUST(coverage, STRING, object, "Which one"),
    MUST(coverage, STATE, state, "How far it was looked at"),
    MAY(coverage, STRING, reason, "Why it was not read whole"),
    MAY(coverage, STRING, code, "Class of the cause: corrupt, unsupported, limit, denied..."),
    MAY(coverage, STRING, system, "Root of the system it belongs to; absent: the target"),
};

static const struct frame_field os_fields[] = {
    MUST(os, STRING, root, "Where the system was found, such as vg0/root"),
    MAY(os, STRING, id, "os-release ID, such as debian"),
    MAY(os, STRINGS, id_like, "os-release ID_LIKE"),
    MAY(os, STRING, name, "os-release NAME"),
    MAY(os, STRING, pretty_name, "os-release PRETTY_NAME"),
    MAY(os, STRING, version, "os-release VERSION"),
    MAY(os, STRING, version_id, "os-release VERSION_ID"),
    MAY(os, STRING, codename, "Code name of the release"),
    MAY(os, STRING, variant_id, "os-release VARIANT_ID"),
    MAY(os, STRING, cpe, "os-release CPE_NAME"),
    MAY(os, STRING, build_id, "os-release BUILD_ID"),
    MAY(os, STRING, point_release, "Point release, such as 12.8 from /etc/debian_version"),
    MAY(os, STRING, architecture, "Architecture, as the package manager says"),
    MAY(os, STRING, machine_id, "/etc/machine-id"),
    MAY(os, STRING, hostname, "/etc/hostname"),
    MAY(os, STRING, recovery, "Worst journal state of its filesystems: none, replayed or needed"),
    MAY(os, TIME, support_end, "os-release SUPPORT_END"),
};

static const struct frame_field mount_fields[] = {
    MUST(mount, BYTES, path, "Where in the system"),
    MAY(mount, STRING, source, "What fstab names, such as UUID=..."),
    MAY(mount, STRING, volume, "Name of the volume it was found on"),
    MAY(mount, STRING, type, "Type of the filesystem, as fstab says"),
    MAY(mount, STRING, options, "Options, as fstab says"),
    MUST(mount, STATE, state, "Whether it was found and read"),
};

static const struct frame_field kernel_fields[] = {
    MUST(kernel, STRING, version, "Release, as uname -r would print"),
    MAY(kernel, BYTES, path, "Of the kernel image, or of the folder of modules"),
    MAY(kernel, STRING, package, "Package that owns it"),
    MAY(kernel, BOOL, has_modules, "Its folder of modules exists"),
    MAY(kernel, BOOL, has_image, "Its bootable image exists"),
};

static const struct frame_field package_fields[] = {
    MUST(package, STRING, type, "Package URL type: deb, rpm, apk, alpm"),
    MUST(package, STRING, name, "Name of the installed package"),
    MUST(package, STRING, version, "Whole version, as the package manager compares it"),
    MAY(package, STRING, arch, "Architecture"),
    MAY(package, STRING, source, "Name of the source package"),
    MAY(package, STRING, source_version, "Version of the source package"),
    MAY(package, STRING, source_rpm, "File name of the source RPM"),
    MAY(package, STRING, vendor, "RPM vendor or Debian maintainer"),
    MAY(package, STRING, origin, "Repository or distribution it came from"),
    MAY(package, STRING, module, "RPM modularity label"),
    MAY(package, STRING, license, "Licence, as the package says"),
    MAY(package, BYTES, path, "Database or file that lists it"),
    MAY(package, U64, size, "Installed bytes; 0 not known"),
    MAY(package, TIME, installed, "When it was installed"),
    MAY(package, HEX, signature, "Id of the key that signed it"),
};

static const struct frame_field user_fields[] = {
    MUST(user, STRING, name, "Login name"),
    MAY(user, U64, uid, "Numeric user id"),
    MAY(user, U64, gid, "Numeric id of the primary group"),
    MAY(user, STRING, gecos, "Full name and contact"),
    MAY(user, BYTES, home, "Home folder"),
    MAY(user, BYTES, shell, "Login shell"),
    MAY(user, STRING, password, "State of the password: set, locked, empty, none or unknown"),
};

static const struct frame_field group_fields[] = {
    MUST(group, STRING, name, "Name"),
    MAY(group, U64, gid, "Numeric group id"),
    MAY(group, STRINGS, members, "Login names of the members"),
};

static const struct frame_field file_fields[] = {
    MUST(file, BYTES, path, "Absolute path in the system"),
    MUST(file, STRING, type, "file, directory, symlink, char, block, fifo or socket"),
    MAY(file, U64, size, "Bytes"),
    MAY(file, OCTAL, mode, "Permission bits"),
    MAY(file, U64, uid, "Numeric id of the owner"),
    MAY(file, U64, gid, "Numeric id of the group"),
    MAY(file, U64, nlink, "Number of hard links"),
    MAY(file, TIME, mtime, "Last change of the content"),
    MAY(file, TIME, ctime, "Last change of the inode"),
    MAY(file, BYTES, target, "What a symlink points to"),
    MAY(file, HEX, sha1, "SHA-1 of the content"),
    MAY(file, HEX, sha256, "SHA-256 of the content"),
    MAY(file, STRING, media_type, "Media type guessed from the content"),
    MAY(file, STRING, fault, "Why the content could not be read"),
};

#define KIND(kind_name, json_name, system, text)                                                   \
    {                                                                                              \
        .name = json_name, .description = text, .size = sizeof(struct frame_##kind_name),          \
        .of_system = system, .fields = kind_name##_fields,                                         \
        .field_count = G_N_ELEMENTS(kind_name##_fields)                                            \
    }

const struct frame_kind_info frame_kinds[FRAME_KIND_COUNT] = {
    [FRAME_VOLUME] = KIND(volume, "volumes", false, "A disk, partition, logical volume or array"),
    [FRAME_COVERAGE] = KIND(coverage, "coverage", false, "One object and how far it was looked at"),
    [FRAME_OS] = KIND(os, "os", true, "The operating system"),
    [FRAME_MOUNT] = KIND(mount, "mounts", true, "A mount that the system's fstab asks for"),
    [FRAME_KERNEL] = KIND(kernel, "kernels", true, "An installed kernel"),
    [FRAME_PACKAGE] = KIND(package, "packages", true, "An installed package"),
    [FRAME_USER] = KIND(user, "users", true, "A user account"),
    [FRAME_GROUP] = KIND(group, "groups", true, "A group of users"),
    [FRAME_FILE] = KIND(file, "files", true, "A file, folder or other node of the tree"),
};

G_STATIC_ASSERT(sizeof(struct frame_os) <= RECORD_SIZE_MAX);
G_STATIC_ASSERT(sizeof(struct frame_package) <= RECORD_SIZE_MAX);
G_STATIC_ASSERT(sizeof(struct frame_file) <= RECORD_SIZE_MAX);
G_STATIC_ASSERT(sizeof(struct frame_volume) <= RECORD_SIZE_MAX);

const char *record_missing(enum frame_kind kind, const void *record)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    for (size_t i = 0; i < info->field_count; i++) {
        const struct frame_field *f = &info->fields[i];
        if (f->required && field_is_string(f) && field_string(record, f) == NULL)
            return f->name;
    }
    return NULL;
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* Runs of digits compare as numbers of any length. */
static int natural_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;
    while (*x != '\0' && *y != '\0') {
        if (!g_ascii_isdigit(*x) || !g_ascii_isdigit(*y)) {
            if (*x != *y)
                return ORDER((unsigned char)*x, (unsigned char)*y);
            x++;
            y++;
            continue;
        }
        x += strspn(x, "0");
        y += strspn(y, "0");
        size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
        int order = n != m ? ORDER(n, m) : memcmp(x, y, n);
        if (order != 0)
            return order;
        x += n;
        y += m;
    }
    int order = ORDER((unsigned char)*x, (unsigned char)*y);
    return order != 0 ? order : strcmp(a, b); /* "p01" and "p1" differ after all */
}

static int strings_compare(const char *const *a, const char *const *b)
{
    if (a == NULL || b == NULL)
        return ORDER(a != NULL, b != NULL);
    size_t i = 0;
    while (a[i] != NULL && b[i] != NULL) {
        int order = strcmp(a[i], b[i]);
        if (order != 0)
            return order;
        i++;
    }
    return ORDER(a[i] != NULL, b[i] != NULL);
}

int field_compare(const struct frame_field *f, const void *a, const void *b)
{
    const char *s, *t;
    switch (f->type) {
    case FRAME_TYPE_STRING:
        s = field_string(a, f);
        t = field_string(b, f);
        return s == NULL || t == NULL ? ORDER(s != NULL, t != NULL) : natural_compare(s, t);
    case FRAME_TYPE_BYTES:
    case FRAME_TYPE_HEX:
        return g_strcmp0(field_string(a, f), field_string(b, f));
    case FRAME_TYPE_STRINGS:
        return strings_compare(field_strings(a, f), field_strings(b, f));
    case FRAME_TYPE_U64:
    case FRAME_TYPE_OCTAL:
        return ORDER(field_u64(a, f), field_u64(b, f));
    case FRAME_TYPE_TIME:
        return ORDER(field_time(a, f), field_time(b, f));
    case FRAME_TYPE_BOOL:
        return ORDER(field_bool(a, f), field_bool(b, f));
    case FRAME_TYPE_STATE:
        return ORDER(field_state(a, f), field_state(b, f));
    case FRAME_TYPE_COUNT:
    default:
        g_assert_not_reached();
    }
}

int frame_record_compare(enum frame_kind kind, const void *a, const void *b)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    for (size_t i = 0; i < info->field_count; i++) {
        int order = field_compare(&info->fields[i], a, b);
        if (order != 0)
            return order;
    }
    return 0;
}

int frame_path_compare(const char *a, const char *b)
{
    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    /* The end sorts before '/', and '/' before every other byte. */
    int x = *a == '\0' ? -1 : *a == '/' ? 0 : (unsigned char)*a;
    int y = *b == '\0' ? -1 : *b == '/' ? 0 : (unsigned char)*b;
    return ORDER(x, y);
}
