#include "advisory/target.h"

#include <string.h>

#include "advisory/ecosystem.h"

/* How keys are made from os-release. */
enum release_kind {
    RELEASE_WHOLE,  /* "<key><VERSION_ID>" */
    RELEASE_MAJOR,  /* ... up to the first dot */
    RELEASE_MINOR,  /* ... up to the second dot */
    RELEASE_NONE,   /* rolling: the key alone */
    RELEASE_DEBIAN, /* by number or code name */
    RELEASE_UBUNTU, /* with Pro pockets */
    RELEASE_SUSE,   /* products "Server 15 SP5", "Module for … 15 SP5" */
    RELEASE_EULER,  /* "22.03-LTS-SP1" from VERSION */
    RELEASE_AMAZON, /* ... with extras */
    RELEASE_REDHAT, /* the major release, and the longer support of its minor ones */
};

struct distro {
    const char *id, *label, *vendor, *type;
    enum version_scheme scheme;
    enum release_kind kind;
    const char *key;
};

/* CentOS rebuilds Red Hat's packages; there are no advisories of its own. */
static const struct distro distros[] = {
    { "debian", "Debian", "debian", "deb", VERSION_DPKG, RELEASE_DEBIAN, "Debian:" },
    { "ubuntu", "Ubuntu", "ubuntu", "deb", VERSION_DPKG, RELEASE_UBUNTU, "Ubuntu:" },
    { "alpine", "Alpine", "alpine", "apk", VERSION_APK, RELEASE_MINOR, "Alpine:v" },
    { "wolfi", "Wolfi", "wolfi", "apk", VERSION_APK, RELEASE_NONE, "Wolfi" },
    { "chainguard", "Chainguard", "chainguard", "apk", VERSION_APK, RELEASE_NONE, "Chainguard" },
    { "rhel", "Red Hat Enterprise Linux", "redhat", "rpm", VERSION_RPM, RELEASE_REDHAT,
      "Red Hat:enterprise_linux:" },
    { "centos", "CentOS", "redhat", "rpm", VERSION_RPM, RELEASE_MAJOR,
      "Red Hat:enterprise_linux:" },
    { "almalinux", "AlmaLinux", "almalinux", "rpm", VERSION_RPM, RELEASE_MAJOR, "AlmaLinux:" },
    { "rocky", "Rocky Linux", "rocky", "rpm", VERSION_RPM, RELEASE_MAJOR, "Rocky Linux:" },
    { "ol", "Oracle Linux", "oracle", "rpm", VERSION_RPM, RELEASE_MAJOR, "Oracle Linux:" },
    { "fedora", "Fedora", "fedora", "rpm", VERSION_RPM, RELEASE_MAJOR, "Fedora:" },
    { "amzn", "Amazon Linux", "amazon", "rpm", VERSION_RPM, RELEASE_AMAZON, "Amazon Linux:" },
    { "opensuse-leap", "openSUSE Leap", "suse", "rpm", VERSION_RPM, RELEASE_WHOLE,
      "openSUSE:Leap " },
    { "opensuse-tumbleweed", "openSUSE Tumbleweed", "suse", "rpm", VERSION_RPM, RELEASE_NONE,
      "openSUSE:Tumbleweed" },
    { "sles", "SUSE Linux Enterprise Server", "suse", "rpm", VERSION_RPM, RELEASE_SUSE, "Server" },
    { "sles_sap", "SUSE Linux Enterprise Server for SAP Applications", "suse", "rpm", VERSION_RPM,
      RELEASE_SUSE, "Server for SAP Applications" },
    { "sled", "SUSE Linux Enterprise Desktop", "suse", "rpm", VERSION_RPM, RELEASE_SUSE,
      "Desktop" },
    { "sle-micro", "SUSE Linux Enterprise Micro", "suse", "rpm", VERSION_RPM, RELEASE_SUSE,
      "Micro" },
    { "mageia", "Mageia", "mageia", "rpm", VERSION_RPM, RELEASE_MAJOR, "Mageia:" },
    { "openEuler", "openEuler", "openeuler", "rpm", VERSION_RPM, RELEASE_EULER, "openEuler:" },
    { "photon", "Photon OS", "photon", "rpm", VERSION_RPM, RELEASE_WHOLE, "Photon OS:" },
    { "azurelinux", "Azure Linux", "azurelinux", "rpm", VERSION_RPM, RELEASE_MAJOR,
      "Azure Linux:" },
    { "mariner", "CBL-Mariner", "azurelinux", "rpm", VERSION_RPM, RELEASE_MAJOR, "Azure Linux:" },
    { "arch", "Arch Linux", "arch", "alpm", VERSION_PACMAN, RELEASE_NONE, "Arch Linux" },
};

static void add_key(struct target *t, const struct advisory_db *db, const char *key,
                    enum target_pocket pocket)
{
    bool source_names = !g_str_equal(t->type, "rpm") && !g_str_equal(t->type, "alpm");
    struct target_key k = { .ecosystem = db_ecosystem(db, key),
                            .pocket = pocket,
                            .by_source = source_names };
    if (k.ecosystem != 0)
        g_array_append_val(t->keys, k);
    g_autofree char *source = g_strconcat(key, ECOSYSTEM_SOURCE, NULL);
    k.ecosystem = db_ecosystem(db, source);
    k.by_source = true;
    if (k.ecosystem != 0)
        g_array_append_val(t->keys, k);
}

static size_t up_to_dot(const char *version, int dots)
{
    size_t i = 0;
    for (; version[i] != '\0'; i++)
        if (version[i] == '.' && --dots == 0)
            break;
    return i;
}

static void add_versioned(struct target *t, const struct advisory_db *db, const char *version,
                          size_t len)
{
    g_autofree char *key = g_strdup_printf("%s%.*s", t->distro->key, (int)len, version);
    add_key(t, db, key, POCKET_MAIN);
    g_free(t->label);
    t->label = g_strdup_printf("%s %.*s", t->distro->label, (int)len, version);
}

static void add_debian(struct target *t, const struct advisory_db *db, const struct frame_os *os)
{
    const char *version = os->version_id;
    /* Testing and unstable have no VERSION_ID, only a code name ("trixie", or "trixie/sid"). */
    if (version == NULL && os->codename != NULL)
        version = debian_release_of(os->codename);
    if (version == NULL && os->point_release != NULL)
        version = debian_release_of(os->point_release);
    if (version != NULL)
        add_versioned(t, db, version, strlen(version));
}

static void add_ubuntu(struct target *t, const struct advisory_db *db, const struct frame_os *os)
{
    static const struct {
        const char *prefix;
        enum target_pocket pocket;
    } pockets[] = {
        { "Ubuntu:Pro:", POCKET_PRO },
        { "Ubuntu:Pro:FIPS:", POCKET_FIPS },
        { "Ubuntu:Pro:FIPS-updates:", POCKET_FIPS },
        { "Ubuntu:Pro:FIPS-preview:", POCKET_FIPS },
    };
    const char *version = os->version_id;
    if (version == NULL && os->codename != NULL)
        version = ubuntu_release_of(os->codename);
    if (version == NULL)
        return;
    add_versioned(t, db, version, strlen(version));
    for (size_t i = 0; i < G_N_ELEMENTS(pockets); i++) {
        g_autofree char *key = g_strconcat(pockets[i].prefix, version, NULL);
        add_key(t, db, key, pockets[i].pocket);
    }
}

/* SUSE's advisories name products; a server may have packages of any module of its release. */
static void add_suse(struct target *t, const struct advisory_db *db, const struct frame_os *os)
{
    if (os->version_id == NULL)
        return;
    size_t major = up_to_dot(os->version_id, 1);
    const char *pack = os->version_id[major] == '.' ? os->version_id + major + 1 : "0";
    bool micro = g_str_equal(t->distro->id, "sle-micro");
    g_autofree char *release = micro ? g_strdup(os->version_id)
                               : g_str_equal(pack, "0")
                                   ? g_strndup(os->version_id, major)
                                   : g_strdup_printf("%.*s SP%s", (int)major, os->version_id, pack);
    g_free(t->label);
    t->label = g_strdup_printf("%s %s", t->distro->label, release);
    static const char *const any[] = { "Module for", "Software Development Kit",
                                       "Workstation Extension", "Server" };
    for (guint i = 0; i < db->ecosystem_names->len; i++) {
        const char *key = g_ptr_array_index(db->ecosystem_names, i);
        static const char prefix[] = "SUSE:Linux Enterprise ";
        if (!g_str_has_prefix(key, prefix))
            continue;
        const char *product = key + strlen(prefix);
        bool ltss = g_str_has_suffix(product, "-LTSS");
        g_autofree char *suffix = g_strdup_printf(" %s%s", release, ltss ? "-LTSS" : "");
        if (!g_str_has_suffix(product, suffix))
            continue;
        g_autofree char *name = g_strndup(product, strlen(product) - strlen(suffix));
        bool ours = g_str_equal(name, t->distro->key);
        for (size_t k = 0; !ours && !micro && k < G_N_ELEMENTS(any); k++)
            ours = k + 1 < G_N_ELEMENTS(any) ? g_str_has_prefix(name, any[k])
                                             : g_str_equal(name, any[k]);
        if (ours)
            add_key(t, db, key, POCKET_MAIN);
    }
}

/* VERSION="22.03 (LTS-SP1)" is "22.03-LTS-SP1". */
static void add_euler(struct target *t, const struct advisory_db *db, const struct frame_os *os)
{
    if (os->version == NULL)
        return;
    g_autoptr(GString) version = g_string_new(NULL);
    for (const char *p = os->version; *p != '\0'; p++)
        if (*p == ' ')
            g_string_append_c(version, '-');
        else if (*p != '(' && *p != ')')
            g_string_append_c(version, *p);
    add_versioned(t, db, version->str, version->len);
}

/* 2018.03 is the last of Amazon Linux 1. */
static void add_amazon(struct target *t, const struct advisory_db *db, const char *version)
{
    bool first = g_str_has_prefix(version, "2018") || g_str_has_prefix(version, "2017");
    version = first ? "1" : version;
    add_versioned(t, db, version, strlen(version));
    g_autofree char *extras = g_strdup_printf("%s%s:", t->distro->key, version);
    for (guint i = 0; i < db->ecosystem_names->len; i++) {
        const char *key = g_ptr_array_index(db->ecosystem_names, i);
        if (g_str_has_prefix(key, extras))
            add_key(t, db, key, POCKET_EXTRA);
    }
}

static void add_redhat(struct target *t, const struct advisory_db *db, const char *version)
{
    static const char *const streams[] = { "rhel_eus:", "rhel_aus:", "rhel_tus:", "rhel_e4s:",
                                           "rhel_eus_long_life:" };
    size_t major = up_to_dot(version, 1);
    add_versioned(t, db, version, major);
    for (guint i = 0; i < db->ecosystem_names->len; i++) {
        const char *key = g_ptr_array_index(db->ecosystem_names, i);
        for (size_t k = 0; k < G_N_ELEMENTS(streams); k++) {
            g_autofree char *prefix =
                g_strdup_printf("Red Hat:%s%.*s.", streams[k], (int)major, version);
            if (g_str_has_prefix(key, prefix) && !g_str_has_suffix(key, ECOSYSTEM_SOURCE))
                add_key(t, db, key, POCKET_STREAM);
        }
    }
}

/* EPEL is for Red Hat's Enterprise Linux and those built from it. */
static void add_epel(struct target *t, const struct advisory_db *db, const struct frame_os *os)
{
    static const char *const ids[] = { "rhel", "centos", "almalinux", "rocky", "ol" };
    for (size_t i = 0; os->version_id != NULL && i < G_N_ELEMENTS(ids); i++) {
        if (!g_str_equal(t->distro->id, ids[i]))
            continue;
        g_autofree char *key =
            g_strdup_printf("EPEL:%.*s", (int)up_to_dot(os->version_id, 1), os->version_id);
        add_key(t, db, key, POCKET_EPEL);
    }
}

static void add_keys(struct target *t, const struct advisory_db *db, const struct frame_os *os)
{
    const char *version = os->version_id;
    switch (t->distro->kind) {
    case RELEASE_WHOLE:
    case RELEASE_MAJOR:
    case RELEASE_MINOR:
        if (version != NULL && g_str_equal(t->distro->id, "alpine") && strchr(version, '_') != NULL)
            add_key(t, db, "Alpine:edge", POCKET_MAIN); /* 3.21_alpha20240923 */
        else if (version != NULL)
            add_versioned(t, db, version,
                          t->distro->kind == RELEASE_WHOLE
                              ? strlen(version)
                              : up_to_dot(version, t->distro->kind == RELEASE_MAJOR ? 1 : 2));
        break;
    case RELEASE_NONE:
        add_key(t, db, t->distro->key, POCKET_MAIN);
        break;
    case RELEASE_DEBIAN:
        add_debian(t, db, os);
        break;
    case RELEASE_UBUNTU:
        add_ubuntu(t, db, os);
        break;
    case RELEASE_SUSE:
        add_suse(t, db, os);
        break;
    case RELEASE_EULER:
        add_euler(t, db, os);
        break;
    case RELEASE_REDHAT:
        if (version != NULL)
            add_redhat(t, db, version);
        break;
    case RELEASE_AMAZON:
        if (version != NULL)
            add_amazon(t, db, version);
        break;
    }
}

struct target *target_new(const struct advisory_db *db, const struct frame_os *os)
{
    struct target *t = g_new0(struct target, 1);
    t->keys = g_array_new(FALSE, FALSE, sizeof(struct target_key));
    t->vendor = "other";
    for (size_t i = 0; os->id != NULL && i < G_N_ELEMENTS(distros); i++)
        if (g_ascii_strcasecmp(os->id, distros[i].id) == 0)
            t->distro = &distros[i];
    if (t->distro == NULL) {
        const char *name = os->pretty_name != NULL ? os->pretty_name
                           : os->name != NULL      ? os->name
                           : os->id != NULL        ? os->id
                                                   : "an unknown system";
        t->label = g_strdup(name);
        return t;
    }
    t->label = g_strdup(os->pretty_name != NULL ? os->pretty_name : t->distro->label);
    t->vendor = t->distro->vendor;
    t->type = t->distro->type;
    t->scheme = t->distro->scheme;
    add_keys(t, db, os);
    if (t->keys->len > 0) /* EPEL alone is not what speaks about a system */
        add_epel(t, db, os);
    return t;
}

void target_free(struct target *t)
{
    g_free(t->label);
    g_array_unref(t->keys);
    g_free(t);
}

/* --- packages --------------------------------------------------------------------------------- */

/* "linux-signed-amd64" holds signed copies of what "linux" built: the advisories speak of "linux",
 * and the version of the binary package is that of linux (6.1.119-1, where the source package
 * linux-signed-amd64 has 6.1.119+1). The same for "grub-efi-amd64-signed" and Ubuntu's
 * "linux-signed-azure" (of "linux-azure"). */
static char *unsigned_source(const char *source)
{
    if (g_str_equal(source, "linux-signed"))
        return g_strdup("linux");
    if (g_str_has_prefix(source, "linux-signed-")) {
        static const char *const architectures[] = { "amd64", "arm64", "i386" };
        const char *rest = source + strlen("linux-signed-");
        for (size_t i = 0; i < G_N_ELEMENTS(architectures); i++)
            if (g_str_equal(rest, architectures[i]))
                return g_strdup("linux");
        return g_strconcat("linux-", rest, NULL);
    }
    if (g_str_has_prefix(source, "grub-efi-") && g_str_has_suffix(source, "-signed"))
        return g_strdup("grub2");
    return NULL;
}

/* "bash-5.1.8-9.el9.src.rpm" -> "bash" and "5.1.8-9.el9", with the epoch of the binary package:
 * file names have none, and source and binary share it but for rare exceptions. */
static void split_source_rpm(struct target_package *out, const char *source_rpm,
                             const char *binary_version)
{
    size_t len = strlen(source_rpm);
    static const char *const ends[] = { ".src.rpm", ".nosrc.rpm" };
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
        if (g_str_has_suffix(source_rpm, ends[i]))
            len = strlen(source_rpm) - strlen(ends[i]);
    g_autofree char *name = g_strndup(source_rpm, len);
    char *release = strrchr(name, '-');
    if (release == NULL)
        return;
    *release = '\0';
    char *version = strrchr(name, '-');
    if (version == NULL || version == name)
        return;
    *version = '\0';
    const char *colon = strchr(binary_version, ':');
    int epoch = colon != NULL ? (int)(colon - binary_version + 1) : 0;
    out->made_version =
        g_strdup_printf("%.*s%s-%s", epoch, binary_version, version + 1, release + 1);
    out->made_source = g_steal_pointer(&name);
    out->source = out->made_source;
    out->source_version = out->made_version;
}

/* "1+2.06+13+deb12u1" signs grub2 2.06-13+deb12u1: a version of its own in front, and a plus where
 * the revision begins. */
static char *unsigned_grub_version(const char *version)
{
    const char *plus = strchr(version, '+');
    char *out = g_strdup(plus != NULL ? plus + 1 : version);
    char *revision = strchr(out, '+');
    if (plus != NULL && revision != NULL)
        *revision = '-';
    return out;
}

void target_package_init(struct target_package *out, const struct frame_package *p)
{
    *out = (struct target_package){ .name = p->name,
                                    .version = p->version,
                                    .source = p->source,
                                    .source_version = p->source_version };
    if (out->source_version == NULL)
        out->source_version = p->version;
    if (p->source_rpm != NULL && g_str_equal(p->type, "rpm"))
        split_source_rpm(out, p->source_rpm, p->version);
    if (!g_str_equal(p->type, "deb") || out->source == NULL)
        return;
    out->made_source = unsigned_source(out->source);
    if (out->made_source != NULL) {
        out->source = out->made_source;
        out->source_version = p->version;
        if (g_str_equal(out->made_source, "grub2"))
            out->source_version = out->made_version = unsigned_grub_version(p->version);
    }
}

void target_package_done(struct target_package *p)
{
    g_free(p->made_source);
    g_free(p->made_version);
}
